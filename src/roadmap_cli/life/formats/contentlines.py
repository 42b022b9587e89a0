"""The lines of iCalendar and vCard files (RFC 5545, 3.1): unfolded, cut into name, parameters, value, by component.

Tolerant where files in the wild are wrong and the meaning is clear: any line ending, folding inside a UTF-8
character, spaces around names, missing END lines. Each component is apart from its neighbours, so one that is broken
never takes another with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import BinaryIO

from roadmap_cli.core.errors import DataError
from roadmap_cli.life.formats.components import Component, Property
from roadmap_cli.life.formats.content_pieces import ENDING, LONGEST_LINE, Block, lines_of, physical, pieces
from roadmap_cli.life.opening.charsets import as_utf8, decode_part, known

#: The longest value kept, in bytes. Inline attachments are longer; nothing we read is.
LONGEST = 1 << 16
#: Components may nest this deep; a calendar needs three levels.
DEEPEST = 8
#: What stands before the colon of a line is remembered up to this length, in characters.
LONGEST_HEAD = 300

_NAME = re.compile(r"\s*(?:([A-Za-z0-9-]{1,64})\.)?([A-Za-z0-9-]+)\s*([;:])")
_PARAMETER = re.compile(r'\s*([A-Za-z0-9-]+)\s*=\s*+((?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)([;:])')
_BARE = re.compile(r"\s*([A-Za-z0-9-]+)\s*([;:])")
_CHARSET = re.compile(rb";\s*CHARSET\s*=\s*\"?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_ENCODINGS = ("QUOTED-PRINTABLE", "BASE64", "8BIT", "7BIT", "B", "Q")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_CARET = {"^n": "\n", "^'": '"', "^^": "^"}


def begins(head: bytes, names: Iterable[str]) -> bool:
    """Whether a file begins with such a component: not a mail or an archive that has one somewhere in it.

    Some words before it are passed over, if they are no lines of another format: no colon, no control characters.
    """
    for line in ENDING.split(head[:4096])[:20]:
        name, colon, value = line.partition(b":")
        if colon:
            return (
                name.strip().upper().rpartition(b".")[2] == b"BEGIN"
                and value.strip().decode("latin-1").upper() in names
            )
        if _CONTROL.search(line) or line.startswith((b"From ", b"PK\x03")):
            return False
    return False


def stream_lines(stream: BinaryIO, charset: str | None = None) -> Iterator[tuple[int, str]]:
    """Unfolded lines with the number (from 1) of the physical line each starts on. Blank lines are left out.

    The file is not held whole. `charset` is for lines that name none.
    """
    return ((number, line) for number, line in _stream_lines(stream, charset, "") if isinstance(line, str))


def _stream_lines(stream: BinaryIO, charset: str | None, blocks: str) -> Iterator[tuple[int, str | Block]]:
    """The same, and components named `blocks`, if any are asked for, in one piece each where they are plain."""
    head = stream.read(4)
    if as_utf8(head) != head:  # a byte order mark: UTF-16 cannot be cut at line ends
        return _unfolded(ENDING.split(as_utf8(head + stream.read())), charset)
    return _unfolded(pieces(head, stream, blocks) if blocks else physical(head, stream), charset)


def _unfolded(physical: Iterable[bytes | Block], charset: str | None) -> Iterator[tuple[int, str | Block]]:
    pending: list[bytes] = []
    started, size, number = 1, 0, 0
    soft = False
    for raw in physical:
        number += 1
        if isinstance(raw, Block):
            if any(pending):
                yield started, _decoded(b"".join(pending), charset)
            raw.line, raw.charset = number, charset
            yield number, raw
            number += raw.data.count(b"\n") + 2
            pending, size, soft = [], 0, False
        elif soft:  # quoted-printable goes on in the next line
            pending[-1] = pending[-1][:-1]
            pending.append(raw.lstrip(b" \t"))
            soft = raw[-1:] == b"=" and size < LONGEST_LINE and _is_quoted(pending[0])
        elif pending and raw[:1] in (b" ", b"\t"):
            if size < LONGEST_LINE:
                pending.append(raw[1:])
                size += len(raw)
            soft = raw[-1:] == b"=" and size < LONGEST_LINE and _is_quoted(pending[0])
        else:
            if len(pending) == 1:  # nearly all are of one line, in ASCII
                line = pending[0]
                if line.isascii():
                    if line:
                        yield started, line.decode("ascii")
                else:
                    yield started, _decoded(line, charset)
            elif pending and any(pending):
                yield started, _decoded(b"".join(pending), charset)
            pending, started, size = [raw], number, len(raw)
            soft = raw[-1:] == b"=" and size < LONGEST_LINE and _is_quoted(raw)
    if pending and any(pending):
        yield started, _decoded(b"".join(pending), charset)


def _is_quoted(line: bytes) -> bool:
    return b"QUOTED-PRINTABLE" in line[:300].partition(b":")[0].upper()


def _decoded(line: bytes, charset: str | None) -> str:
    """A line as text, in the character set that it, or else its file, is said to be in."""
    if not line.isascii():
        found = _CHARSET.search(line[:300].partition(b":")[0])
        name = found[1].decode("ascii") if found else charset
        if name:
            try:
                return line.decode(known(name))
            except (DataError, UnicodeDecodeError):
                pass
    return decode_part(line)


def split(text: str, line: int) -> Property | None:
    """Cut one unfolded line. None if it is not a content line."""
    head, colon, value = text.partition(":")
    if not colon or '"' in head:
        return _split(text, line)
    cut = _head(head) if len(head) <= LONGEST_HEAD else _cut(head)
    if cut is None:
        return None
    name, parameters, group, is_plain = cut
    if not is_plain or (":" in value and "TZID" in parameters):
        return _split(text, line)
    return Property(name, parameters, value if len(value) <= LONGEST else value[:LONGEST], line, group)


def _cut(head: str) -> tuple[str, dict[str, str], str, bool] | None:
    """What a line says before its colon, in which nothing is quoted; and whether its value is as it stands."""
    item = _split(f"{head}:", 0)
    if item is None:
        return None
    quoted = item.parameters.get("ENCODING", "").upper() == "QUOTED-PRINTABLE"
    return item.name, item.parameters, item.group, not quoted


#: The same few heads stand before most lines of a file: DTSTART;TZID=…, ATTENDEE;CN=….
_head = lru_cache(maxsize=4096)(_cut)


def _split(text: str, line: int) -> Property | None:
    found = _NAME.match(text)
    if not found:
        return None
    parameters: dict[str, str] = {}
    place, mark = found.end(), found[3]
    while mark == ";":
        piece = _PARAMETER.match(text, place)
        if piece:
            name, value = piece[1].upper(), _unquote(piece[2])
            mark = piece[3]
        else:
            piece = _BARE.match(text, place)  # vCard 2.1: TEL;HOME;VOICE:
            if not piece:
                return None
            value, mark = piece[1], piece[2]
            name = "ENCODING" if value.upper() in _ENCODINGS else "TYPE"
        if name == "TYPE" and name in parameters:
            value = f"{parameters[name]},{value}"
        parameters[name] = value
        place = piece.end()
    value = text[place : place + LONGEST]
    if "TZID" in parameters and ":" in value:  # TZID=(UTC+01:00) Berlin:20260105T090000, which should be in quotes
        more, _, value = value.rpartition(":")
        parameters["TZID"] = f"{parameters['TZID']}:{more}"
    if parameters.get("ENCODING", "").upper() == "QUOTED-PRINTABLE":
        value = _unquoted_printable(value, parameters.get("CHARSET"))
    return Property(found[2].upper(), parameters, value, line, (found[1] or "").lower())


def _unquoted_printable(value: str, charset: str | None) -> str:
    """A quoted-printable value (RFC 2045, 6.7) as text; what has been decoded already stays."""
    import quopri

    if not value.isascii():
        return value
    data = quopri.decodestring(value.encode("ascii"))
    if charset:
        try:
            return data.decode(known(charset))
        except (DataError, UnicodeDecodeError):
            pass
    return decode_part(data)


def looked_into(block: Block) -> Iterator[Component]:
    """The component that a block is."""
    for component in _components(_lines_of(block)):
        if isinstance(component, Component):
            component.parent = block.parent
            yield component


def _lines_of(block: Block) -> Iterator[tuple[int, str]]:
    """Its unfolded lines, BEGIN and END among them, with their numbers."""
    for number, line in _unfolded(lines_of(block), block.charset):
        if isinstance(line, str):
            yield block.line + number - 1, line


def stream_components(stream: BinaryIO, charset: str | None = None) -> Iterator[Component]:
    """The outermost components of a file, each with what is inside it. A missing END is supplied.

    Only one of them is held at a time; `charset` is for lines that name none.
    """
    return (item for item in _components(stream_lines(stream, charset)) if isinstance(item, Component))


def stream_parts(stream: BinaryIO, charset: str | None, apart: str, blocks: str) -> Iterator[Component | Block]:
    """The same, but what stands in a component named `apart` comes by itself, as soon as it has ended, with that as
    its `parent`; the parent comes at last, without it.

    What is named `blocks` comes as a Block where it stands in such a parent and holds no other components.
    """
    return _components(_stream_lines(stream, charset, blocks), apart)


def _components(lines: Iterable[tuple[int, str | Block]], apart: str = "") -> Iterator[Component | Block]:
    stack: list[Component] = []
    skipping = 0
    for line, text in _opened(lines, stack, apart):
        if isinstance(text, Block):
            text.parent = stack[0]
            yield text
            continue
        item = split(text, line)
        if item is None:
            if stack:
                stack[-1].broken.append(line)
            continue
        if item.name == "BEGIN":
            name = item.value.strip().upper()
            if stack and (name == "VCALENDAR" or name == stack[-1].name == "VCARD"):  # the one before was not ended
                yield from _close(stack, stack[0].name, apart)
                skipping = 0
            if len(stack) >= DEEPEST:
                skipping += 1
                continue
            stack.append(Component(name, line))
        elif item.name == "END":
            if skipping:
                skipping -= 1
                continue
            yield from _close(stack, item.value.strip().upper(), apart)
        elif stack and not skipping:
            stack[-1].properties.append(item)
    while stack:
        yield from _close(stack, stack[0].name, apart)


def _opened(
    lines: Iterable[tuple[int, str | Block]], stack: Sequence[Component], apart: str
) -> Iterator[tuple[int, str | Block]]:
    """The same lines; a block that does not stand right in a component named `apart` is opened."""
    for each in lines:
        if isinstance(each[1], Block) and not (len(stack) == 1 and stack[0].name == apart):
            yield from _lines_of(each[1])
        else:
            yield each


def _close(stack: list[Component], name: str, apart: str) -> Iterable[Component]:
    """End the innermost open component of that name, and what was left open inside it."""
    if not any(item.name == name for item in stack):
        return
    while stack:
        done = stack.pop()
        if len(stack) == 1 and stack[0].name == apart:
            done.parent = stack[0]
            yield done
        elif stack:
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
