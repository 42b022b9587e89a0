"""What the content lines of a calendar or a card come to: properties, in components that may stand in each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)  # not frozen, which makes it three times as slow: a calendar has a million lines
class Property:
    """One content line: name in capitals, parameters (names in capitals, quotes off), raw value, line number.

    `group` is what stands before a dot and the name in a vCard, in lower case.
    """

    name: str
    parameters: dict[str, str]
    value: str
    line: int
    group: str = ""


@dataclass(slots=True)
class Component:
    """What stands between BEGIN and END: its properties in order, its subcomponents."""

    name: str
    line: int
    properties: list[Property] = field(default_factory=list)
    children: list[Component] = field(default_factory=list)
    broken: list[int] = field(default_factory=list)
    """Numbers of lines that are no content lines."""
    parent: Component | None = None
    """What it stands in, if it came apart from that."""
    _named: dict[str, list[Property]] = field(default_factory=dict)
    _indexed: int = 0

    def first(self, name: str) -> Property | None:
        """The first property of that name."""
        found = self.every(name)
        return found[0] if found else None

    def every(self, name: str) -> Sequence[Property]:
        """All properties of that name."""
        if self._indexed != len(self.properties):
            self._indexed, self._named = len(self.properties), {}
            for item in self.properties:
                if item.name in self._named:
                    self._named[item.name].append(item)
                else:
                    self._named[item.name] = [item]
        return self._named.get(name, ())
