"""Mailbox files (RFC 4155 and its kin mboxo, mboxrd, mboxcl, mboxcl2), streamed; one that grew is read on from its end.

A mail begins at a line `From `, after an empty line, that bears a date or is followed by a field. Where a mail gives
its length (Content-Length) and another mail, or nothing, follows there, that is believed. Of a mail larger than
64 MiB the first 64 MiB are read.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

from roadmap_cli.life.formats import mails
from roadmap_cli.life.kinds.items import Item, Position, Source
from roadmap_cli.life.opening.opened import Opened
from roadmap_cli.mail import dates

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

NAME, WHAT = "mbox", "a mailbox file"
MOST_MAIL_BYTES = 64 * 1024 * 1024
_CHUNK = 1024 * 1024
#: Mails between two notes of how far the file was read.
_STRIDE = 500
_PRINT_BYTES = 512

_FROM = re.compile(
    rb"From [^\n]{0,300}?"
    rb"\b(?:\d{1,2}:\d\d(?::\d\d)?\b[^\n]{0,40}\d{4}|\d{4}-\d\d-\d\d[T ]\d\d:\d\d)[^\n]{0,60}\r?\n"
)
_FIELD_AFTER = re.compile(rb"(?:>?From [^\n]{0,400}\n)?[!-9;-~]{1,80}:")
_LENGTH = re.compile(rb"^Content-Length:[ \t]*(\d{1,12})[ \t]*\r?$", re.MULTILINE | re.IGNORECASE)
_DELETED = re.compile(rb"^X-Mozilla-Status:[ \t]*([0-9A-Fa-f]{4})", re.MULTILINE)
_ESCAPED = re.compile(rb"^>(>*From )", re.MULTILINE)


@dataclass(slots=True)
class Piece:
    """One mail of a mailbox: where its From_ line begins and where it ends, that line, and its bytes."""

    start: int
    end: int
    line: bytes
    data: bytes


def matches(opened: Opened) -> bool:
    """It begins with a From_ line, and a field follows."""
    head = opened.head.lstrip(b"\r\n")
    if not head.startswith(b"From "):
        return False
    after = head.find(b"\n") + 1
    return bool(after and _FIELD_AFTER.match(head, after)) or bool(_FROM.match(head))


def source_of(opened: Opened) -> Source:
    """A mailbox grows: it is one source by its place, not by what its bytes are today."""
    if not opened.place:
        return Source(opened.name, opened.sha256, opened.size_bytes, NAME)
    return Source(opened.name, hashlib.sha256(b"mbox\0" + opened.place.encode()).hexdigest(), opened.size_bytes, NAME)


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Item]:
    """The mails of a file, and how far it was read after every 500."""
    start, number = _resume(opened)
    piece = None
    for piece in pieces(opened.stream, start):
        number += 1
        head = piece.data[: piece.data.find(b"\n\n") + 1 or 65536]
        status = _DELETED.search(head)
        if not (status and int(status[1], 16) & 8):  # deleted, and still there until the file is compacted
            came = dates.moment(piece.line[5:].decode("latin-1").partition(" ")[2])
            yield from mails.items(piece.data, mails.Place(source, number, folder_of(opened.name), came), settings)
        if opened.place and number % _STRIDE == 0:
            yield _position(opened, piece, number)
    if opened.place and piece is not None:
        yield _position(opened, piece, number)


def folder_of(name: str) -> str:
    """The folder a mailbox file is, by its name: without a suffix; "" where that says nothing."""
    stem = re.sub(r"\.(?:mbox|mbx|mbs)\Z", "", name.replace("!", "/").rpartition("/")[2], flags=re.IGNORECASE)
    return "" if stem.startswith("<") or stem.lower() in ("mbox", "") else stem


def _position(opened: Opened, piece: Piece, number: int) -> Position:
    """Where the next reading begins. A last mail that does not end in a line end may still be being written."""
    stream = opened.stream
    at = stream.tell()
    stream.seek(max(0, piece.end - _PRINT_BYTES))
    tail = stream.read(piece.end - max(0, piece.end - _PRINT_BYTES))
    stream.seek(at)
    begun = piece.end if tail.endswith(b"\n") else piece.start
    counted = number if begun == piece.end else number - 1
    return Position(
        opened.place, {"offset": begun, "end": piece.end, "number": counted, "print": hashlib.sha256(tail).hexdigest()}
    )


def _resume(opened: Opened) -> tuple[int, int]:
    """The offset to begin at and the number of mails before it: what was left, if the file is the same up to there."""
    left = opened.position
    try:
        offset, end, number = int(left["offset"]), int(left["end"]), int(left["number"])
    except (KeyError, TypeError, ValueError):
        return 0, 0
    size = opened.stream.seek(0, os.SEEK_END)
    if not 0 <= offset <= end <= size:
        return 0, 0
    opened.stream.seek(max(0, end - _PRINT_BYTES))
    tail = opened.stream.read(end - max(0, end - _PRINT_BYTES))
    if hashlib.sha256(tail).hexdigest() != left.get("print"):
        return 0, 0
    opened.stream.seek(offset)
    following = opened.stream.read(4096).lstrip(b"\r\n")
    if following and not following.startswith(b"From "):
        return 0, 0
    return offset, number


def pieces(stream: BinaryIO, start: int = 0) -> Iterator[Piece]:
    """The mails of a mailbox from an offset on, in memory that the largest of them (at most 64 MiB) bounds."""
    reader = _Reader(stream, start)
    reader.skip_blank()
    while not reader.at_end():
        yield reader.next()


class _Reader:
    """A window on the stream: `buffer` begins at offset `base` of the file, the next mail at `at` in it.

    Places within a mail are counted from `at`, so that `fill` may drop what lies before it.
    """

    def __init__(self, stream: BinaryIO, start: int) -> None:
        self.stream = stream
        self.stream.seek(start)
        self.base = start
        self.buffer = b""
        self.at = 0
        self.ended = False

    def fill(self) -> bool:
        """Read more: at least as much as is held, so that a long mail is copied a bounded number of times."""
        if self.ended:
            return False
        chunk = self.stream.read(min(max(_CHUNK, len(self.buffer) - self.at), 16 * _CHUNK))
        self.buffer = self.buffer[self.at :] + chunk
        self.base += self.at
        self.at = 0
        self.ended = not chunk
        return not self.ended

    def skip_blank(self) -> None:
        """Pass over empty lines."""
        while True:
            while self.at < len(self.buffer) and self.buffer[self.at] in b"\r\n":
                self.at += 1
            if self.at < len(self.buffer) or not self.fill():
                return

    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self.at >= len(self.buffer) and not self.fill()

    def next(self) -> Piece:
        """The mail that begins here."""
        self._have(4096)
        start = self.base + self.at
        line = b""
        if self.buffer.startswith(b"From ", self.at):
            line_end = self.buffer.find(b"\n", self.at, self.at + 4096)
            line = self.buffer[self.at : line_end + 1] if line_end >= 0 else b""
        end = self._by_length(len(line))
        if end >= 0:
            kept = self.buffer[self.at + len(line) : self.at + end]
        else:
            end, kept = self._by_scan(len(line))
        self.at += end
        if b">From " in kept:
            kept = _ESCAPED.sub(rb"\1", kept)
        return Piece(start, self.base + self.at, line, kept)

    def _have(self, count: int) -> bool:
        """Hold so many bytes from the beginning of the mail, if there are so many."""
        while len(self.buffer) - self.at < count:
            if not self.fill():
                return False
        return True

    def _by_length(self, body: int) -> int:
        """Where the mail ends by its Content-Length, if another begins there or nothing follows; else -1."""
        self._have(body + 64 * 1024)
        begin = self.at + body
        limit = begin + 64 * 1024
        gap = self.buffer.find(b"\n\n", begin, limit)
        wide = self.buffer.find(b"\n\r\n", begin, gap if gap >= 0 else limit)
        if gap < 0 and wide < 0:
            return -1
        text = wide + 3 if wide >= 0 else gap + 2
        found = _LENGTH.search(self.buffer, begin, text)
        if not found or int(found[1]) > MOST_MAIL_BYTES:
            return -1
        end = text - self.at + int(found[1])
        if not self._have(end + 16) and len(self.buffer) - self.at < end:
            return -1
        following = self.buffer[self.at + end : self.at + end + 16]
        if following.lstrip(b"\r\n") and not following.lstrip(b"\r\n").startswith(b"From "):
            return -1
        return end + len(following) - len(following.lstrip(b"\r\n"))

    def _by_scan(self, body: int) -> tuple[int, bytes]:
        """The end of the mail by the next From_ line, and its bytes (the first 64 MiB of them)."""
        kept: bytes | None = None
        search = max(body - 1, 0)
        while True:
            mark = self.buffer.find(b"\nFrom ", self.at + search)
            if mark >= 0:
                search = mark - self.at
                if len(self.buffer) - mark < 2048 and self.fill():
                    continue
                if self._separates(self.at + search + 1):
                    end = search + 1
                    break
                search += 1
                continue
            search = max(search, len(self.buffer) - self.at - 6)
            if search > MOST_MAIL_BYTES:  # go on without keeping
                if kept is None:
                    kept = self.buffer[self.at + body : self.at + MOST_MAIL_BYTES]
                self.at += search - 8
                search = 8
            if not self.fill():
                end = len(self.buffer) - self.at
                break
        return end, self.buffer[self.at + body : self.at + end] if kept is None else kept

    def _separates(self, place: int) -> bool:
        """Whether the line `From ` at a place begins a mail."""
        after_blank = self.buffer.endswith((b"\n\n", b"\n\r\n"), max(0, place - 3), place)
        line_end = self.buffer.find(b"\n", place, place + 1024)
        if line_end < 0:
            return after_blank and bool(_FROM.match(self.buffer[place : place + 1024] + b"\n"))
        dated = bool(_FROM.match(self.buffer, place))
        followed = bool(_FIELD_AFTER.match(self.buffer, line_end + 1))
        if not after_blank:
            return dated and followed
        ends = self.buffer[line_end + 1 : line_end + 2] in (b"", b"\r", b"\n")
        return (dated and (followed or ends)) or (followed and line_end - place < 200)


def changed_at(opened: Opened) -> datetime | None:
    """When a file was changed last, for mails that have no date; None for what is no file."""
    if not opened.path:
        return None
    try:
        return datetime.fromtimestamp(os.stat(opened.path).st_mtime, UTC)  # noqa: PTH116
    except (OSError, ValueError, OverflowError):
        return None
