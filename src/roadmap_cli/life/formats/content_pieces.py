"""A file of content lines from a stream: physical lines, and components of one name in one piece each.

Most components of a large file are of one name and stand there as the standard has it; cut out whole, they cost a
twentieth of what their lines cost one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.formats.components import Component

#: The longest line that is looked at, in bytes; and how much of a file is read at once.
LONGEST_LINE, CHUNK_BYTES = 1 << 20, 1 << 18

#: Alarms in a component whose lines end with LF.
ALARMS = re.compile(rb"\nBEGIN:VALARM\n(?:(?!BEGIN:|END:)[^\n]*\n)*END:VALARM(?=\n|\Z)")

ENDING = re.compile(rb"\r\n|\n|\r")


@dataclass(slots=True)
class Block:
    """A component that has not been looked into: its lines between BEGIN and END as they stand, each ended by LF.

    Inside it there are no components but alarms.
    """

    name: str
    data: bytes
    charset: str | None = None
    """For lines that name none."""
    line: int = 0
    """The line it begins on, from 1."""
    parent: Component | None = None
    """What it stands in."""


def pieces(head: bytes, stream: BinaryIO, name: str) -> Iterator[bytes | Block]:
    """Lines as `physical` gives them, and components of that name in one piece each.

    Where a line ends with CR alone, or is very long, all that follows comes as lines.
    """
    last = b""
    for piece in _pieces(head, stream, name):
        if not isinstance(piece, Block):
            last = piece
            yield piece
        elif last.endswith(b"="):  # quoted-printable that may go on in the component
            yield from lines_of(piece)
            last = b""
        else:
            yield piece
            last = b""


def lines_of(block: Block) -> Iterator[bytes]:
    """Its lines, BEGIN and END among them."""
    name = block.name.encode("ascii")
    yield b"BEGIN:" + name
    yield from block.data.split(b"\n")
    yield b"END:" + name


def _pieces(head: bytes, stream: BinaryIO, name: str) -> Iterator[bytes | Block]:
    mark = b"\nBEGIN:" + name.encode("ascii") + b"\n"
    end = b"\nEND" + mark[6:]
    held, half = head, b""
    while chunk := stream.read(CHUNK_BYTES):
        data = held + half + chunk
        half = b"\r" if data.endswith(b"\r") else b""  # perhaps the first half of an ending
        data = (data[:-1] if half else data).replace(b"\r\n", b"\n")
        cut = (b"\n" + data).rfind(mark)
        if cut < 0 or data.find(end, cut) >= 0:
            cut = data.rfind(b"\n") + 1
        if b"\r" in data or len(data) - cut > LONGEST_LINE:
            yield from physical(data + half, stream)
            return
        if cut:
            yield from _cut(data[: cut - 1], mark, name)
        held = data[cut:]
    if half or b"\r" in held:
        yield from physical(held + half, stream)
    else:
        yield from _cut(held, mark, name)


def _cut(data: bytes, mark: bytes, name: str) -> Iterator[bytes | Block]:
    """The lines of a piece, without the last line's end, and its components of that name."""
    end = b"\nEND" + mark[6:-1]
    first, *others = (b"\n" + data).split(mark)
    if first:
        yield from first[1:].split(b"\n")
    for part in others:
        close = part.find(end)
        inner, rest = part[:close], part[close + len(end) :]
        if close >= 0 and (not rest or rest.startswith(b"\n")) and _is_flat(inner):
            yield Block(name, inner)
            if rest:
                yield from rest[1:].split(b"\n")
        else:
            yield mark[1:-1]
            yield from part.split(b"\n")


def _is_flat(data: bytes) -> bool:
    """Whether no components but alarms stand in a component, and no line that goes on as quoted-printable does."""
    if b"=\n" in data or data.endswith(b"="):
        return False
    if b"\nBEGIN:" in data:
        data = ALARMS.sub(b"", data)
    return b"\nBEGIN:" not in data and b"\nEND:" not in data and not data.startswith((b"BEGIN:", b"END:"))


def physical(head: bytes, stream: BinaryIO) -> Iterator[bytes]:
    """Lines as they stand in a file, whatever ends them; what is longer than LONGEST_LINE is cut there."""
    kept, held = bytearray(), head
    while chunk := stream.read(CHUNK_BYTES):
        chunk = held + chunk
        held = b"\r" if chunk.endswith(b"\r") else b""  # perhaps the first half of an ending
        first, *others = ENDING.split(chunk.removesuffix(held) if held else chunk)
        kept += first[: max(LONGEST_LINE - len(kept), 0)]
        if others:
            yield bytes(kept)
            kept = bytearray(others.pop())
            yield from others
    first, *others = ENDING.split(held)
    yield bytes(kept) + first
    yield from others
