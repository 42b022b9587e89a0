"""One mail in a file of its own: .eml of every program, .emlx of Apple Mail, a file of a Maildir."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from roadmap_cli.life.formats import mails
from roadmap_cli.life.kinds.items import Item, Source
from roadmap_cli.life.opening.charsets import as_utf8
from roadmap_cli.life.opening.opened import Opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

NAME, WHAT = "eml", "a mail"
MOST_MAIL_BYTES = 64 * 1024 * 1024

#: Fields by which a mail is known; one is enough where the file begins with a field, else there must be three.
_KNOWN = re.compile(
    rb"^(?:received|return-path|message-id|mime-version|delivered-to|from|to|subject|date|sender|reply-to|x-[a-z0-9-]{2,40}"
    rb"|envelope-to|delivery-date|dkim-signature|authentication-results|content-type|content-transfer-encoding|references"
    rb"|in-reply-to|x-original-to|arc-seal|status|list-id)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_FIRST = re.compile(rb"\s*(?:>?From [^\n]*\n)?[!-9;-~]{1,60}[ \t]*:[ \t\r\n]*[^\r\n]*[\r\n]")
_APPLE = re.compile(rb"\s{0,8}(\d{1,10})\s*\n")


def matches(opened: Opened) -> bool:
    """It begins with fields that mails have."""
    if opened.is_folder:
        return False
    head = opened.text_head[:16384]
    if apple := _APPLE.match(head):
        head = head[apple.end() :]
    if head[:1] in (b"{", b"[", b"<") or head[:6].upper() == b"BEGIN:":
        return False
    block = re.split(rb"\r?\n\r?\n", head, maxsplit=1)[0]
    names = {found.rstrip(b": \t").lower() for found in _KNOWN.findall(block)}
    strong = names & {
        b"received",
        b"return-path",
        b"message-id",
        b"mime-version",
        b"delivered-to",
        b"from",
        b"x-original-to",
    }
    if _FIRST.match(head):
        return bool(strong) or len(names) >= 2 or bool(names - {b"date", b"to", b"status", b"sender", b"references"})
    return len(names) >= 3 and bool(strong)


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Item]:
    """The mail."""
    from roadmap_cli.life.formats.mbox import changed_at

    opened.stream.seek(0)
    data = as_utf8(opened.stream.read(MOST_MAIL_BYTES))
    yield from mails.items(message_of(data), mails.Place(source, 1, "", changed_at(opened), "file"), settings)


def message_of(data: bytes) -> bytes:
    """The mail within a file of Apple Mail, whose first line is its length; any other bytes as they are."""
    apple = _APPLE.match(data)
    if apple and int(apple[1]) <= len(data) - apple.end():
        return data[apple.end() : apple.end() + int(apple[1])]
    return data.lstrip() if data[:1] in b"\r\n \t" and data[:1] else data


def moment_of(nanoseconds: int) -> datetime | None:
    """The time of a file."""
    try:
        return datetime.fromtimestamp(nanoseconds / 1e9, UTC)
    except (OSError, ValueError, OverflowError):
        return None
