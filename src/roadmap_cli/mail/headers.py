"""The head of a message: fields, encoded words (RFC 2047), parameters (RFC 2045, 2231), addresses (RFC 5322).

Everything is read as leniently as mail is written, in time bounded by its length, and nothing raises.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from roadmap_cli.mail.charsets import codec, decode

#: Beyond these a head is cut off: no honest mail has so much.
MOST_HEAD_BYTES = 1024 * 1024
MOST_FIELDS = 2000
MOST_FIELD_BYTES = 256 * 1024
MOST_ADDRESSES = 10_000
MOST_NAME = 500

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")
_FOLD = re.compile(rb"\r?\n(?=[ \t])|\r(?=[ \t])")
_LINE = re.compile(rb"\r\n|\n|\r")
_WORD = re.compile(
    r"=\?([\w.:+-]{1,60})(?:\*[\w-]{0,40})?\?([bBqQ])\?([^?\r\n]{0,4000}(?:\?(?!=)[^?\r\n]{0,200}){0,3})\?="
)
_BLANK = re.compile(r"[ \t\r\n]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Head:
    """The fields of a message or part: names in lower case, values unfolded and otherwise as they are, in order."""

    fields: tuple[tuple[str, bytes], ...]
    is_broken: bool = False
    """There are lines that are no fields, or more than is read."""

    def raw(self, name: str) -> bytes | None:
        """The first value of a field; None without one."""
        for each, value in self.fields:
            if each == name:
                return value
        return None

    def every(self, name: str) -> list[bytes]:
        """All values of a field."""
        return [value for each, value in self.fields if each == name]

    def text(self, name: str, charset: str | None = None) -> str:
        """The first value of a field as a person reads it; `charset` is a guess for bytes that say nothing."""
        value = self.raw(name)
        return words(value, charset) if value is not None else ""

    def plain(self, name: str) -> str:
        """The first value as it stands, for what is no text: identifiers, tokens."""
        value = self.raw(name)
        return value.decode("latin-1").strip() if value is not None else ""


def split(data: bytes, start: int = 0, end: int | None = None) -> tuple[Head, int]:
    """The head of the message in data[start:end], and where its body begins.

    The head ends at the first empty line. Where there is none, the first line that is no field begins the body; a line
    that is no field in a head that has an end is passed over.
    """
    end = len(data) if end is None else end
    stop, body = _end_of_head(data, start, end)
    block = data[start : min(stop, start + MOST_HEAD_BYTES)]
    broken = stop - start > MOST_HEAD_BYTES
    fields: list[tuple[str, bytes]] = []
    for line in _LINE.split(_FOLD.sub(b"", block)):
        found = _FIELD.match(line)
        if len(fields) >= MOST_FIELDS:
            broken = True
            break
        if found:
            value = line[found.end() : found.end() + MOST_FIELD_BYTES].strip()
            fields.append((found[1].decode("latin-1").lower(), value))
        elif line.strip():
            broken = broken or bool(fields) or not line.startswith((b"From ", b">From "))
            if stop == end and fields:  # no empty line ends the head: the text begins here
                at = data.find(line.split(b"\n", 1)[0][:200], start, end)
                body = at if at >= 0 else body
                break
    if not fields and stop > start:  # no head at all: everything is text
        return Head((), is_broken=True), start
    return Head(tuple(fields), is_broken=broken), body


_EMPTY_MIXED = re.compile(rb"\n\r?\n|\r\r(?!\n)")


def _end_of_head(data: bytes, start: int, end: int) -> tuple[int, int]:
    first = data[start : start + 2]
    if first[:1] == b"\n":
        return start, start + 1
    if first == b"\r\n":
        return start, start + 2
    found = _EMPTY_MIXED.search(data, start, end)
    return (found.start(), found.end()) if found else (end, end)


def words(value: bytes, charset: str | None = None) -> str:
    """A field as a person reads it: encoded words decoded, white space joined, control characters gone."""
    text = decode(value, None, charset) if not value.isascii() else value.decode("ascii")
    if "=?" in text:
        text = unencoded(text)
    return _BLANK.sub(" ", _CONTROL.sub(" ", text)).strip()


def unencoded(text: str) -> str:
    """RFC 2047 encoded words decoded. Neighbours in one character set are joined as bytes first: many are cut."""
    pieces: list[str] = []
    held: bytearray = bytearray()
    held_charset = ""
    at = 0
    for found in _WORD.finditer(text):
        between = text[at : found.start()]
        data = _word_bytes(found[2], found[3])
        charset = found[1].lower()
        if held_charset and (between.strip() or charset != held_charset):
            pieces.append(decode(bytes(held), held_charset))
            held, held_charset = bytearray(), ""
            if between.strip():
                pieces.append(between)
        elif not held_charset:
            pieces.append(between)
        held += data
        held_charset = charset
        at = found.end()
    if held_charset:
        pieces.append(decode(bytes(held), held_charset))
    pieces.append(text[at:])
    return "".join(pieces)


def _word_bytes(encoding: str, text: str) -> bytes:
    if encoding in "qQ":
        return binascii.a2b_qp(text.replace("_", " ").encode("latin-1", errors="replace"), header=True)
    return lenient_base64(text.encode("latin-1", errors="replace"))


_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")


def lenient_base64(data: bytes) -> bytes:
    """Base64 as it comes: strange characters skipped, padding in the middle or missing at the end, cut anywhere."""
    if b"=" in data.rstrip(b"=\r\n \t"):  # several encoded texts, one behind the other
        return b"".join(_clean(piece) for piece in data.split(b"="))
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        return _clean(data)


def _clean(piece: bytes) -> bytes:
    piece = _NOT_BASE64.sub(b"", piece)
    if len(piece) % 4 == 1:
        piece = piece[:-1]
    return binascii.a2b_base64(piece + b"=" * (-len(piece) % 4)) if piece else b""


_PARAMETER = re.compile(rb';\s*([^\s=;"]{1,200})\s*=\s*("(?:[^"\\]|\\.)*"?|[^;"\s][^;]*|)', re.DOTALL)


def parameters(value: bytes) -> dict[str, str]:
    """The parameters of Content-Type or Content-Disposition by name, RFC 2231 joined and decoded; the first one wins.

    Encoded words within quotes, which RFC 2047 forbids and everybody writes, are decoded as well.
    """
    if b"=" not in value:
        return {}
    plain: dict[str, bytes] = {}
    pieces: dict[str, dict[int, tuple[bool, bytes]]] = {}
    for count, found in enumerate(_PARAMETER.finditer(value)):
        if count >= 500:
            break
        name = found[1].decode("latin-1").lower()
        content = found[2].strip()
        if content.startswith(b'"'):
            content = re.sub(rb"\\(.)", rb"\1", content[1:].removesuffix(b'"'), flags=re.DOTALL)
        base, star, rest = name.partition("*")
        if not star:
            plain.setdefault(name, content)
            continue
        encoded = rest.endswith("*") or rest == ""
        number = rest.rstrip("*")
        if number in ("",) or (number.isascii() and number.isdigit() and len(number) < 4):
            pieces.setdefault(base, {}).setdefault(int(number or 0), (encoded, content))
    found_all = {name: words(content) for name, content in plain.items()}
    for name, parts in pieces.items():
        found_all[name] = _joined(parts)
    return found_all


def _joined(parts: dict[int, tuple[bool, bytes]]) -> str:
    """RFC 2231: pieces in order; the first may name a character set, those with a star are percent-encoded."""
    charset = ""
    whole = bytearray()
    for number in sorted(parts):
        encoded, content = parts[number]
        if encoded and number == min(parts) and content.count(b"'") >= 2:
            name, _, content = content.split(b"'", 2)
            charset = name.decode("latin-1")
        whole += _percent(content) if encoded else content
    text = decode(bytes(whole), charset if codec(charset) else None)
    if "=?" in text:
        text = unencoded(text)
    return _CONTROL.sub(" ", text).strip()


def _percent(data: bytes) -> bytes:
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda found: bytes((int(found[1], 16),)), data)


# -- addresses -------------------------------------------------------------------------------------------------------

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|<[^<>]*>?|[(),;:\\]|[^"<>(),;:\\]+|>', re.DOTALL)
_LEFT = re.compile(r"[^\s@<>()\[\],;:\"]+\Z")
_RIGHT = re.compile(r"[^\s@<>(),;:\"]+")


def addresses(values: Iterable[bytes], charset: str | None = None) -> list[tuple[str, str]]:
    """Pairs of name and address (lower case) of the given fields, without those that hold no address, in order.

    Groups are taken apart; comments are names where there is no other; what is no address at all is left out.
    """
    found: list[tuple[str, str]] = []
    for value in values:
        text = decode(value, None, charset) if not value.isascii() else value.decode("ascii")
        for phrase, comment, address in _mailboxes(text):
            if len(found) >= MOST_ADDRESSES:
                return found
            pair = _pair(phrase, comment, address)
            if pair:
                found.append(pair)
    return found


def _mailboxes(text: str) -> Iterator[tuple[str, str, str]]:
    """The phrase, the comment and the angle-bracketed address of each element of a list."""
    phrase: list[str] = []
    comment: list[str] = []
    address = ""
    depth = 0
    for token in _TOKEN.findall(text):
        if depth:
            depth += (token == "(") - (token == ")")
            if depth:
                comment.append(token)
        elif token == "(":
            depth = 1
        elif token in (",", ";"):
            yield "".join(phrase), "".join(comment), address
            phrase, comment, address = [], [], ""
        elif token == ":":
            if phrase and "".join(phrase).strip().lower() == "mailto":
                phrase = []
            elif not address and "@" not in "".join(phrase):
                phrase = []  # the name of a group
            else:
                phrase.append(token)
        elif token.startswith("<"):
            address = address or token[1:].removesuffix(">")
        elif token.startswith('"'):
            phrase.append(re.sub(r"\\(.)", r"\1", token[1:].removesuffix('"'), flags=re.DOTALL))
        elif token not in (">", ")", "\\"):
            phrase.append(token)
    yield "".join(phrase), "".join(comment), address


def _pair(phrase: str, comment: str, address: str) -> tuple[str, str] | None:
    name = _readable(phrase)
    place = _address(address)
    if not place:
        inside = _inside(phrase) or _inside(_readable(address)) or _inside(name)
        if not inside:
            return None
        place = _address(inside)
        name = name.replace(inside, "").strip(" '<>[]")
    return (name or _readable(comment)).strip("'")[:MOST_NAME], place


def _inside(text: str) -> str:
    """The first address that stands somewhere in a text; "" if there is none."""
    at = -1
    for _ in range(20):
        at = text.find("@", at + 1)
        if at < 0:
            return ""
        left, right = _LEFT.search(text[max(0, at - 256) : at]), _RIGHT.match(text[at + 1 : at + 257])
        if left and right:
            return f"{left[0]}@{right[0]}"
    return ""


def _readable(text: str) -> str:
    if "=?" in text:
        text = unencoded(text)
    return _BLANK.sub(" ", _CONTROL.sub(" ", text)).strip()


def _address(text: str) -> str:
    """An address in its one spelling: lower case, without white space, mailto: and source routes; "" for none."""
    text = re.sub(r"\s+", "", text)
    if text[:7].lower() == "mailto:":
        text = text[7:]
    if text.startswith("@") and ":" in text:
        text = text.rpartition(":")[2]
    local, at, domain = text.rpartition("@")
    if not at or not local or not domain:
        return ""
    return f"{local}@{domain.rstrip('.')}".strip("'").lower()[:320]


# -- identifiers -----------------------------------------------------------------------------------------------------

_ID = re.compile(r"<([^<>]{1,998})>")


def identifiers(value: bytes, most: int = 1000) -> list[str]:
    """The message identifiers in a field, without brackets and white space, each once, in order.

    Where there are no brackets, each word with an @ is one.
    """
    text = value.decode("latin-1")
    found = [re.sub(r"\s+", "", each) for each in _ID.findall(text)] or [
        word.strip("<>,;\"'") for word in text.split() if "@" in word
    ]
    return [each for each in dict.fromkeys(found) if each][:most]
