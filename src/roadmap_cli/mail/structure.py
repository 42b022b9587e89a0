"""The parts of a message (RFC 2045, 2046) as ranges of its bytes, without copying: depth and number are bounded.

Broken structures are read as mail programs read them: a multipart without an end ends with its parent, one without
parts is text, a boundary that is not declared is looked for.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from roadmap_cli.mail.headers import Head, lenient_base64, parameters, split

DEEPEST = 40
MOST_PARTS = 2_000
#: Decoded text of one part that is looked at.
MOST_TEXT_BYTES = 8 * 1024 * 1024

_TYPE = re.compile(rb"\s*([\w!#$&^.+-]{1,100})\s*/\s*([\w!#$&^.+-]{1,100})")
_GUESS = re.compile(rb"(?:\A|\n|\r)--([^\r\n]{1,200}?)[ \t]*(?:\r\n|\n|\r)(?=[Cc][Oo][Nn][Tt][Ee][Nn][Tt]-|\r?\n)")


@dataclass(slots=True)
class Part:
    """One part: its head, its type, and data[start:end], which is its body before the transfer encoding is undone."""

    head: Head
    start: int
    end: int
    type: str = "text/plain"
    parameters: dict[str, str] = field(default_factory=dict)
    disposition: str = ""
    name: str = ""
    parts: list[Part] = field(default_factory=list)

    @property
    def main(self) -> str:
        """The type before the slash."""
        return self.type.partition("/")[0]

    def decoded(self, data: bytes, most: int = MOST_TEXT_BYTES) -> bytes:
        """Its content, at most about `most` bytes of it."""
        encoding = self.encoding
        if encoding == "base64":
            return lenient_base64(data[self.start : min(self.end, self.start + most * 4 // 3)])
        raw = data[self.start : min(self.end, self.start + most)]
        if encoding == "quoted-printable":
            return binascii.a2b_qp(raw)
        if encoding in ("x-uuencode", "uuencode", "x-uue", "uue"):
            return _uudecoded(raw)
        return raw

    @property
    def encoding(self) -> str:
        """How it is encoded for the transfer, lower case."""
        return self.head.plain("content-transfer-encoding").split(";")[0].strip(" \"'").lower()

    def size_bytes(self, data: bytes) -> int:
        """The size of its content; of Base64, told from the length of its text."""
        length = self.end - self.start
        if self.encoding == "base64":
            breaks = data.count(b"\n", self.start, self.end) + data.count(b"\r", self.start, self.end)
            letters = length - breaks
            padding = data.count(b"=", max(self.start, self.end - 8), self.end)
            return max(0, letters * 3 // 4 - padding)
        if self.encoding == "quoted-printable":
            return len(self.decoded(data, length))
        return length

    def leaves(self) -> Iterator[Part]:
        """All parts below it that hold content, itself if it does, in order."""
        waiting = [self]
        while waiting:
            part = waiting.pop()
            if part.parts:
                waiting.extend(reversed(part.parts))
            else:
                yield part


def parse(data: bytes) -> Part:
    """The tree of a message. Never raises."""
    count = 0

    def build(start: int, end: int, depth: int, default: str) -> Part:
        nonlocal count
        count += 1
        head, body = split(data, start, end)
        part = _described(head, min(body, end), end, default)
        if depth >= DEEPEST or count >= MOST_PARTS:
            return part
        if part.main == "multipart":
            inner = "message/rfc822" if part.type == "multipart/digest" else "text/plain"
            for begin, stop in _pieces(data, part):
                if count >= MOST_PARTS:
                    break
                part.parts.append(build(begin, stop, depth + 1, inner))
        elif (
            part.type in ("message/rfc822", "message/global", "message/news")
            and part.start < part.end
            and part.encoding not in ("base64", "quoted-printable")  # which the standard forbids here
        ):
            part.parts.append(build(part.start, part.end, depth + 1, "text/plain"))
        return part

    root = build(0, len(data), 0, "text/plain")
    if root.main == "multipart" and not root.parts:
        root.type = "text/html" if b"<html" in data[root.start : root.start + 2000].lower() else "text/plain"
    return root


def _described(head: Head, start: int, end: int, default: str) -> Part:
    value = head.raw("content-type")
    part = Part(head, start, end, default)
    if value is not None:
        found = _TYPE.match(value)
        if found:
            part.type = f"{found[1].decode('latin-1')}/{found[2].decode('latin-1')}".lower()
        elif value.strip().lower() in (b"text", b"plain"):
            part.type = "text/plain"
        elif value.strip().lower() in (b"html",):
            part.type = "text/html"
        part.parameters = parameters(value)
    disposition = head.raw("content-disposition")
    told = parameters(disposition) if disposition is not None else {}
    if disposition is not None:
        part.disposition = disposition.split(b";")[0].strip(b" \"'").decode("latin-1").lower()
    part.name = (told.get("filename") or part.parameters.get("name") or "").replace("\\", "/").rpartition("/")[2][:255]
    return part


def _pieces(data: bytes, part: Part) -> list[tuple[int, int]]:
    """Where the parts of a multipart begin and end. What stands before the first and after the last is left out."""
    boundary = part.parameters.get("boundary", "").rstrip()
    pieces = _between(data, part.start, part.end, boundary.encode("utf-8", errors="replace")) if boundary else []
    if not pieces:
        guess = _GUESS.search(data, part.start, min(part.end, part.start + 65536))
        if guess:
            pieces = _between(data, part.start, part.end, guess[1])
    return pieces


def _between(data: bytes, start: int, end: int, boundary: bytes) -> list[tuple[int, int]]:
    mark = re.compile(rb"--" + re.escape(boundary) + rb"(--)?[ \t]*(\r\n|\n|\r|\Z)")
    pieces: list[tuple[int, int]] = []
    begin = -1
    at = start
    while len(pieces) <= MOST_PARTS:
        at = data.find(b"--" + boundary, at, end)
        if at < 0:
            break
        found = mark.match(data, at, end) if at == start or data[at - 1 : at] in (b"\n", b"\r") else None
        if not found:
            at += 2
            continue
        if begin >= 0:
            stop = at - 2 if data[at - 2 : at] == b"\r\n" else at - 1
            pieces.append((begin, max(begin, stop)))
        begin = found.end()
        at = found.end()
        if found[1]:
            return pieces
    if begin >= 0 and begin < end:
        pieces.append((begin, end))
    return pieces


def _uudecoded(raw: bytes) -> bytes:
    out = []
    for line in raw.splitlines():
        if line.startswith((b"begin ", b"end")) or not line.strip():
            continue
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:
            length = (((line[0] - 32) & 63) * 4 + 5) // 3
            try:
                out.append(binascii.a2b_uu(line[:length]))
            except binascii.Error:
                continue
    return b"".join(out)
