"""Read a YAML file as plain values that remember their line, within limits that no file can get round.

The rule kept here: a file of at most 256 KiB gives at most 10,000 values, at most 32 deep, never an object of
Python's, and the words ``yes``, ``no`` and ``on`` stay words (the core schema of YAML 1.2, chapter 10.3).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from roadmap_cli.core.errors import DataError

MOST_BYTES = 256 * 1024
MOST_VALUES = 10_000
MOST_DEPTH = 32

#: Where a value stands in the file: the keys and positions that lead to it.
Way = tuple[str | int, ...]

_STANDARD = "tag:yaml.org,2002:"
#: What PyYAML takes untagged values for; what they are is decided here.
_KNOWN_TAGS = frozenset({"map", "seq", "str", "int", "float", "bool", "null", "timestamp", "merge", "value"})
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}


@dataclass(frozen=True, slots=True)
class Document:
    """The value of a file and, for each value in it, the line (from 1) where it begins."""

    name: str
    value: Any
    lines: Mapping[Way, int] = field(repr=False)

    def line(self, way: Way) -> int:
        """The line of a value, or of the nearest thing around it that is there."""
        while way and way not in self.lines:
            way = way[:-1]
        return self.lines.get(way, 1)

    def where(self, way: Way) -> str:
        """``FILE:LINE`` of a value."""
        return f"{self.name}:{self.line(way)}"


def read(data: bytes, name: str) -> Document:
    """Read one YAML document. Raises DataError, with ``FILE:LINE``, for anything that is not one within the limits."""
    import yaml

    if len(data) > MOST_BYTES:
        raise DataError(f"larger than {MOST_BYTES} bytes", where=f"{name}:1", code="too_large")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError("not UTF-8", where=f"{name}:{line}", code="bad_yaml") from None
    # libyaml is ten times as fast; either gives events one by one and keeps no stack of its own that could overflow.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    reader = _Reader(name)
    try:
        for event in yaml.parse(text, Loader=loader):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else reader.line
        raise DataError(f"not YAML: {error.problem}", where=f"{name}:{line}", code="bad_yaml") from None
    except yaml.YAMLError as error:
        words = str(error).splitlines()[0]
        raise DataError(f"not YAML: {words}", where=f"{name}:{reader.line}", code="bad_yaml") from None
    return Document(name, reader.root, reader.lines)


@dataclass(slots=True)
class _Open:
    """A mapping or a list that is not closed yet."""

    value: Any
    way: Way
    before: int
    anchor: str | None
    key: str | None = None


class _Reader:
    """Makes values of events and counts them; an alias counts as often as it is used, so a bomb stops early."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0
        self.line = 1
        self.root: Any = None
        self.lines: dict[Way, int] = {(): 1}
        self._documents = 0
        self._open: list[_Open] = []
        #: For each anchor its value and how many values are in it; None while it is not closed.
        self._anchors: dict[str, tuple[Any, int] | None] = {}

    def take(self, event: Any) -> None:
        """Take in one event of the parser."""
        self.line = event.start_mark.line + 1
        match type(event).__name__:
            case "DocumentStartEvent":
                self._documents += 1
                if self._documents > 1:
                    raise self.fault("more than one document", "bad_yaml")
            case "ScalarEvent":
                self._refuse_tag(event)
                self._scalar(event)
            case "AliasEvent":
                self._alias(event.anchor)
            case "MappingStartEvent" | "SequenceStartEvent":
                self._refuse_tag(event)
                self._begin({} if type(event).__name__.startswith("Mapping") else [], event.anchor)
            case "MappingEndEvent" | "SequenceEndEvent":
                self._end()

    def _scalar(self, event: Any) -> None:
        top = self._open[-1] if self._open else None
        if top and isinstance(top.value, dict) and top.key is None:
            if event.value in top.value:
                raise self.fault(f"key {event.value!r} is there twice", "duplicate_key")
            top.key = event.value
            self.lines[(*top.way, event.value)] = self.line
            if event.anchor:
                self._anchors[event.anchor] = (event.value, 1)
            return
        value = self._plain(event)
        self._count(1)
        if event.anchor:
            self._anchors[event.anchor] = (value, 1)
        self._put(value)

    def _plain(self, event: Any) -> Any:
        text: str = event.value
        if event.style not in (None, "") or not event.implicit[0]:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.match(text):
            return int(text)
        if not _FLOAT.match(text):
            return text
        if not math.isfinite(number := float(text)):
            raise self.fault(f"{text[:40]} is too large a number", "too_large")
        return number

    def _alias(self, anchor: str) -> None:
        if anchor not in self._anchors:
            raise self.fault(f"there is no anchor {anchor!r}", "bad_yaml")
        found = self._anchors[anchor]
        if found is None:
            raise self.fault(f"anchor {anchor!r} contains itself", "bad_yaml")
        value, count = found
        self._refuse_key()
        self._count(count)
        if self._depth(value) + len(self._open) > MOST_DEPTH:
            raise self.fault(f"nested more than {MOST_DEPTH} deep", "too_deep")
        self._put(value)

    def _depth(self, value: Any) -> int:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return 1 + max((self._depth(each) for each in inner), default=0)

    def _begin(self, value: Any, anchor: str | None) -> None:
        self._refuse_key()
        self._count(1)
        if len(self._open) >= MOST_DEPTH:
            raise self.fault(f"nested more than {MOST_DEPTH} deep", "too_deep")
        if anchor:
            self._anchors[anchor] = None
        self._open.append(_Open(value, self._way(), self.count, anchor))
        self.lines.setdefault(self._open[-1].way, self.line)

    def _end(self) -> None:
        top = self._open.pop()
        if top.anchor:
            self._anchors[top.anchor] = (top.value, self.count - top.before + 1)
        self._put(top.value)

    def _way(self) -> Way:
        """The way to the value that comes now."""
        if not self._open:
            return ()
        top = self._open[-1]
        return (*top.way, top.key if isinstance(top.value, dict) else len(top.value))  # type: ignore[arg-type]

    def _put(self, value: Any) -> None:
        way = self._way()
        self.lines.setdefault(way, self.line)
        if not self._open:
            self.root = value
            return
        top = self._open[-1]
        if isinstance(top.value, dict):
            top.value[top.key] = value
            top.key = None
        else:
            top.value.append(value)

    def _refuse_key(self) -> None:
        if self._open and isinstance(self._open[-1].value, dict) and self._open[-1].key is None:
            raise self.fault("a key must be text", "bad_yaml")

    def _refuse_tag(self, event: Any) -> None:
        if event.tag and event.tag != "!" and event.tag.removeprefix(_STANDARD) not in _KNOWN_TAGS:
            raise self.fault(f"tag {event.tag!r} is not allowed", "bad_yaml")

    def _count(self, number: int) -> None:
        self.count += number
        if self.count > MOST_VALUES:
            raise self.fault(f"more than {MOST_VALUES} values", "too_large")

    def fault(self, message: str, code: str) -> DataError:
        """What is wrong at the present line."""
        return DataError(message, where=f"{self.name}:{self.line}", code=code)
