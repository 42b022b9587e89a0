"""The lines of an iCalendar file (RFC 5545, 3.1): unfolded, cut into name, parameters and value, grouped by component.

Tolerant where files in the wild are wrong and the meaning is clear: any line ending, folding inside a UTF-8
character, spaces around names, missing END lines. Each component is apart from its neighbours, so one that is broken
never takes another with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from roadmap_cli.life.formats.text import as_utf8, decode_part

#: The longest value kept, in bytes. Inline attachments are longer; nothing we read is.
LONGEST = 1 << 16
#: Components may nest this deep; a calendar needs three levels.
DEEPEST = 8

_ENDING = re.compile(rb"\r\n|\n|\r")
_NAME = re.compile(r"\s*([A-Za-z0-9-]+)\s*([;:])")
_PARAMETER = re.compile(r'\s*([A-Za-z0-9-]+)\s*=\s*+((?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)([;:])')
_CARET = {"^n": "\n", "^'": '"', "^^": "^"}


@dataclass(frozen=True, slots=True)
class Property:
    """One content line: name in capitals, parameters (names in capitals, quotes off), raw value, line number."""

    name: str
    parameters: dict[str, str]
    value: str
    line: int


@dataclass(slots=True)
class Component:
    """What stands between BEGIN and END: its properties in order, its subcomponents."""

    name: str
    line: int
    properties: list[Property] = field(default_factory=list)
    children: list[Component] = field(default_factory=list)
    broken: list[int] = field(default_factory=list)
    """Numbers of lines that are no content lines."""

    def first(self, name: str) -> Property | None:
        """The first property of that name."""
        return next((item for item in self.properties if item.name == name), None)

    def every(self, name: str) -> Iterator[Property]:
        """All properties of that name."""
        return (item for item in self.properties if item.name == name)


def logical_lines(data: bytes) -> Iterator[tuple[int, str]]:
    """Unfolded lines with the number (from 1) of the physical line each starts on. Blank lines are left out."""
    number = 1
    pending: list[bytes] = []
    started = 1
    for raw in _ENDING.split(as_utf8(data)):
        if pending and raw[:1] in (b" ", b"\t"):
            pending.append(raw[1:])
        else:
            if pending and any(pending):
                yield started, decode_part(b"".join(pending))
            pending, started = [raw], number
        number += 1
    if pending and any(pending):
        yield started, decode_part(b"".join(pending))


def split(text: str, line: int) -> Property | None:
    """Cut one unfolded line. None if it is not a content line."""
    found = _NAME.match(text)
    if not found:
        return None
    parameters: dict[str, str] = {}
    place, mark = found.end(), found[2]
    while mark == ";":
        piece = _PARAMETER.match(text, place)
        if not piece:
            return None
        parameters[piece[1].upper()] = _unquote(piece[2])
        place, mark = piece.end(), piece[3]
    return Property(found[1].upper(), parameters, text[place : place + LONGEST], line)


def components(data: bytes) -> Iterator[Component]:
    """The outermost components of a file, each with what is inside it. A missing END is supplied."""
    stack: list[Component] = []
    skipping = 0
    for line, text in logical_lines(data):
        item = split(text, line)
        if item is None:
            if stack:
                stack[-1].broken.append(line)
            continue
        if item.name == "BEGIN":
            if stack and item.value.strip().upper() == "VCALENDAR":  # the one before was not ended
                yield from _close(stack, stack[0].name)
                skipping = 0
            if len(stack) >= DEEPEST:
                skipping += 1
                continue
            stack.append(Component(item.value.strip().upper(), line))
        elif item.name == "END":
            if skipping:
                skipping -= 1
                continue
            yield from _close(stack, item.value.strip().upper())
        elif stack and not skipping:
            stack[-1].properties.append(item)
    while stack:
        yield from _close(stack, stack[0].name)


def _close(stack: list[Component], name: str) -> Iterable[Component]:
    """End the innermost open component of that name, and what was left open inside it."""
    if not any(item.name == name for item in stack):
        return
    while stack:
        done = stack.pop()
        if stack:
            stack[-1].children.append(done)
        else:
            yield done
        if done.name == name:
            return


def _unquote(value: str) -> str:
    """A parameter's value without quotes, with the escapes of RFC 6868 undone."""
    if '"' in value:
        value = value.replace('"', "")
    if "^" in value:
        value = re.sub(r"\^[n'^]", lambda found: _CARET[found[0]], value)
    return value.strip()


def text(value: str) -> str:
    """A TEXT value with its escapes undone (RFC 5545, 3.3.11)."""
    if "\\" not in value:
        return value
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] in "nN" else found[1], value)
