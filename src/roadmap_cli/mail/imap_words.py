"""What is written to an IMAP server and what comes back, in its grammar (RFC 3501, 9)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from roadmap_cli.mail import dates


@dataclass(frozen=True, slots=True)
class Response:
    """One untagged answer: its words, literals among them in their places."""

    line: bytes
    """The text with each literal as `{n}`."""
    literals: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Fetched:
    """One mail as it was fetched; `data` may be its first 64 MiB."""

    uid: int
    data: bytes
    came_at: datetime | None
    flags: frozenset[str]


def token(mechanism: str, user: str, token: str, host: str) -> bytes:
    """What XOAUTH2 or OAUTHBEARER (RFC 7628) sends first."""
    if mechanism == "XOAUTH2":
        return f"user={user}\x01auth=Bearer {token}\x01\x01".encode()
    escaped = user.replace("=", "=3D").replace(",", "=2C")
    return f"n,a={escaped},\x01host={host}\x01auth=Bearer {token}\x01\x01".encode()


def string(text: str) -> bytes:
    """A string as a quoted string, or as a literal where it cannot be one."""
    data = text.encode()
    if data.isascii() and not re.search(rb"[\x00-\x1f\x7f]", data) and len(data) < 1000:
        return b'"' + data.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return b"{%d}\r\n%s" % (len(data), data)


def name(text: bytes, literals: tuple[bytes, ...]) -> str:
    """The name of a folder: an atom, a quoted string or a literal."""
    text = text.strip()
    if text.startswith(b'"'):
        return re.sub(rb"\\(.)", rb"\1", text[1:-1]).decode("latin-1")
    if text.startswith(b"{") and literals:
        return literals[-1].decode("latin-1")
    return text.decode("latin-1")


def uid_set(uids: Sequence[int]) -> bytes:
    """UIDs as a sequence set, runs joined."""
    pieces: list[str] = []
    first = last = uids[0]
    for uid in [*uids[1:], -1]:
        if uid == last + 1:
            last = uid
            continue
        pieces.append(str(first) if first == last else f"{first}:{last}")
        first = last = uid
    return ",".join(pieces).encode()


def fetched(response: Response) -> Fetched | None:
    """The mail that an answer holds; None for any other answer."""
    line = response.line
    if not re.match(rb"\* \d+ FETCH ", line, re.I):
        return None
    uid = re.search(rb"\bUID (\d+)", line)
    if not uid or not re.search(rb"BODY\[\]", line, re.I):
        return None
    data = response.literals[-1] if response.literals else _quoted_body(line)
    date = re.search(rb'INTERNALDATE "([^"]{1,60})"', line, re.I)
    flags = re.search(rb"FLAGS \(([^)]*)\)", line, re.I)
    return Fetched(
        int(uid[1]),
        data,
        dates.moment(date[1].decode("latin-1")) if date else None,
        frozenset(flags[1].decode("latin-1").lower().split()) if flags else frozenset(),
    )


def _quoted_body(line: bytes) -> bytes:
    found = re.search(rb'BODY\[\](?:<\d+>)? "((?:\\.|[^"\\])*)"', line, re.I)
    return re.sub(rb"\\(.)", rb"\1", found[1]) if found else b""
