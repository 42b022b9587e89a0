"""Read a YAML file as plain values that remember their line, within limits that no file can get round.

The rule kept here: a file of at most 256 KiB gives at most 10,000 values, at most 32 deep, never an object of
Python's, and the words ``yes``, ``no`` and ``on`` stay words (the core schema of YAML 1.2, chapter 10.3).
"""

from __future__ import annotations

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
        raise DataError(f"larger than {MOST_BYTES} bytes", where=name, code="too_large")
    try:
        root = yaml.compose(data.decode(), Loader=yaml.SafeLoader)
    except UnicodeDecodeError:
        raise DataError("not UTF-8", where=name, code="bad_yaml") from None
    except RecursionError:
        raise DataError(f"nested more than {MOST_DEPTH} deep", where=name, code="too_deep") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DataError(f"not YAML: {error.problem}", where=f"{name}:{line}", code="bad_yaml") from None
    except yaml.YAMLError as error:
        raise DataError(f"not YAML: {str(error).splitlines()[0]}", where=name, code="bad_yaml") from None
    reader = _Reader(name)
    value = None if root is None else reader.value(root, (), 0)
    return Document(name, value, reader.lines)


class _Reader:
    """Turns nodes into values and counts them; an alias counts as often as it is used, so a bomb stops early."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0
        self.lines: dict[Way, int] = {}

    def value(self, node: Any, way: Way, depth: int) -> Any:
        line = node.start_mark.line + 1
        self.count += 1
        if self.count > MOST_VALUES:
            raise self.fault(line, f"more than {MOST_VALUES} values", "too_large")
        if depth > MOST_DEPTH:
            raise self.fault(line, f"nested more than {MOST_DEPTH} deep", "too_deep")
        if node.tag.removeprefix(_STANDARD) not in _KNOWN_TAGS:
            raise self.fault(line, f"tag {node.tag!r} is not allowed", "bad_yaml")
        self.lines.setdefault(way, line)
        match node.id:
            case "mapping":
                return self.mapping(node, way, depth)
            case "sequence":
                return [self.value(item, (*way, at), depth + 1) for at, item in enumerate(node.value)]
        return self.scalar(node)

    def mapping(self, node: Any, way: Way, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.id != "scalar":
                raise self.fault(line, "a key must be text", "bad_yaml")
            key = key_node.value
            if key in found:
                raise self.fault(line, f"key {key!r} is there twice", "duplicate_key")
            self.lines[(*way, key)] = line
            found[key] = self.value(value_node, (*way, key), depth + 1)
        return found

    @staticmethod
    def scalar(node: Any) -> Any:
        text: str = node.value
        if node.style is not None:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.match(text):
            return int(text)
        return float(text) if _FLOAT.match(text) else text

    def fault(self, line: int, message: str, code: str) -> DataError:
        return DataError(message, where=f"{self.name}:{line}", code=code)
