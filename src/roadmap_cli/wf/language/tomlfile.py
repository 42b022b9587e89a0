"""Read a TOML file (1.0) as plain values that remember their line, within the limits of `yamlfile`.

The standard library reads the values; where they stand is found by going through the lines once. A value inside an
inline table or list has the line of the key it belongs to, or of the item of the list where that begins a line.
"""

from __future__ import annotations

import math
import re
import tomllib
from datetime import date, datetime, time
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.wf.language.yamlfile import MOST_BYTES, MOST_DEPTH, MOST_VALUES, Document, Way

_LINE = re.compile(r"at line ([0-9]+)")
_KEY = r"(?:[A-Za-z0-9_-]+|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*')"
_KEYS = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_HEADER = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_KEYS})[ \t]*\]")
_ASSIGNMENT = re.compile(rf"[ \t]*({_KEYS})[ \t]*=")
_PART = re.compile(_KEY)
#: What matters between values: strings (which may span lines), comments, brackets.
_TOKEN = re.compile(
    r'"""(?:[^\\]|\\.)*?"""|\'\'\'.*?\'\'\'|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|\#[^\n]*|[\[\]{}]|\n', re.DOTALL
)


def read(data: bytes, name: str) -> Document:
    """Read one TOML document. Raises DataError, with ``FILE:LINE``, for anything that is not one within the limits."""
    if len(data) > MOST_BYTES:
        raise DataError(f"larger than {MOST_BYTES} bytes", where=f"{name}:1", code="too_large")
    try:
        text = data.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError("not UTF-8", where=f"{name}:{line}", code="bad_toml") from None
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _LINE.search(str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        words = str(error).partition(" (at ")[0]
        raise DataError(f"not TOML: {words[:1].lower()}{words[1:]}", where=f"{name}:{line}", code="bad_toml") from None
    except RecursionError:
        raise DataError(f"nested more than {MOST_DEPTH} deep", where=f"{name}:1", code="too_deep") from None
    except ValueError:  # more digits than Python makes a number of
        raise DataError("a number has too many digits", where=f"{name}:1", code="too_large") from None
    lines = _lines(text)
    return Document(name, _Plain(name, lines).value(value, (), 0), lines)


class _Plain:
    """Makes values plain (a time becomes text) and counts them."""

    def __init__(self, name: str, lines: dict[Way, int]) -> None:
        self.document = Document(name, None, lines)
        self.count = 0

    def value(self, value: Any, way: Way, depth: int) -> Any:
        self.count += 1
        if self.count > MOST_VALUES:
            raise self.fault(way, f"more than {MOST_VALUES} values", "too_large")
        if depth > MOST_DEPTH:
            raise self.fault(way, f"nested more than {MOST_DEPTH} deep", "too_deep")
        match value:
            case dict():
                return {key: self.value(each, (*way, key), depth + 1) for key, each in value.items()}
            case list():
                return [self.value(each, (*way, at), depth + 1) for at, each in enumerate(value)]
            case datetime() | date() | time():
                return value.isoformat()
            case int() if not isinstance(value, bool) and abs(value) >= 10**18:
                raise self.fault(way, "the number has too many digits", "too_large")
            case float() if not math.isfinite(value):
                raise self.fault(way, f"{value} is no number to reckon with", "too_large")
        return value

    def fault(self, way: Way, message: str, code: str) -> DataError:
        return DataError(message, where=self.document.where(way), code=code)


def _lines(text: str) -> dict[Way, int]:
    """Where each key of a document that `tomllib` has read stands."""
    found: dict[Way, int] = {(): 1}
    counts: dict[Way, int] = {}
    table: Way = ()
    at, line = 0, 1
    while at < len(text):
        if header := _HEADER.match(text, at):
            table = _table(found, counts, _keys(header[2]), len(header[1]) == 2, line)
            at = header.end()
        elif assignment := _ASSIGNMENT.match(text, at):
            way = table
            for key in _keys(assignment[1]):
                way = (*way, key)
                found.setdefault(way, line)
            at = assignment.end()
            at, line = _value_end(text, at, line, way, found)
            continue
        at, line = _line_end(text, at, line)
    return found


def _table(found: dict[Way, int], counts: dict[Way, int], keys: list[str], is_item: bool, line: int) -> Way:
    """The way of a table named by a header; of a list of tables, that of its newest item."""
    way: Way = ()
    for number, key in enumerate(keys):
        way = (*way, key)
        found.setdefault(way, line)
        if is_item and number == len(keys) - 1:
            counts[way] = counts.get(way, 0) + 1
        if way in counts:
            way = (*way, counts[way] - 1)
            found.setdefault(way, line)
    return way


def _keys(text: str) -> list[str]:
    return [next(iter(tomllib.loads(f"{each[0]} = 1"))) for each in _PART.finditer(text)]


def _value_end(text: str, at: int, line: int, way: Way, found: dict[Way, int]) -> tuple[int, int]:
    """The place behind a value and its line's end; notes where the items of a list begin that holds more than words."""
    depth, item = 0, 0
    is_list = text[at:].lstrip(" \t")[:1] == "["
    while token := _TOKEN.search(text, at):
        word = token[0]
        if depth == 1 and is_list:
            item += text[at : token.start()].count(",")
            if word not in "]\n" and not word.startswith("#"):
                found.setdefault((*way, item), line)
        if word in "[{":
            depth += 1
        elif word in "]}":
            depth -= 1
        line += word.count("\n")
        at = token.end()
        if word == "\n" and depth <= 0:
            break
    else:
        at = len(text)
    return at, line


def _line_end(text: str, at: int, line: int) -> tuple[int, int]:
    end = text.find("\n", at)
    return (len(text), line) if end < 0 else (end + 1, line + 1)
