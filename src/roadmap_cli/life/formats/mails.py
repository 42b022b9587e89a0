"""From a mail to records: one life.message, and the events of the invitations that came with it.

The id comes from the mail's own identifier, its date and its sender, so that one mail read from a mailbox file, a
folder and a server is one record; from what it says, where it has no identifier.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life.kinds import threads
from roadmap_cli.life.kinds.items import Group, Item, Source
from roadmap_cli.mail import headers
from roadmap_cli.mail.message import Mail, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

CHANNEL = "mail"
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_SENT = frozenset({
    "sent", "sent items", "sent mail", "sent messages", "sent-mail", "outbox", "gesendet",
    "gesendete objekte", "gesendete elemente", "gesendete nachrichten", "envoyés", "éléments envoyés",
    "messages envoyés", "enviados", "elementos enviados", "mensajes enviados", "correo enviado",
    "posta inviata", "inviata", "inviati", "verzonden", "verzonden items", "verzonden berichten", "skickat",
    "sendt", "sendte elementer", "lähetetyt", "wysłane", "elementy wysłane", "itens enviados",
    "e-mails enviados", "отправленные", "已发送", "送信済み",
})  # fmt: skip
_JUNK = re.compile(
    r"\A(?:spam|junk|junk[ -]?e?-?mail|bulk|trash|papierkorb|deleted items|gelöschte.*|corbeille|papelera|cestino)\Z",
    re.IGNORECASE,
)
_QUOTED_FROM = re.compile(rb"^>+From ", re.MULTILINE)
_METHOD = re.compile(rb"^METHOD\s*:\s*([A-Za-z]+)", re.MULTILINE | re.IGNORECASE)
_BEGIN_EVENT = re.compile(rb"^BEGIN:VEVENT[ \t]*\r?$", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mail was found: its source, its number in it from 1, the folder, and when the source says it came."""

    source: Source
    number: int
    folder: str = ""
    came_at: datetime | None = None
    came_by: str = "envelope"
    """What `came_at` is: envelope (of the mailbox or server) or file (its time of change)."""
    is_sent: bool = False


def items(data: bytes, place: Place, settings: Settings) -> Iterator[Item]:
    """The records of one mail; a DataError instead if it has no field at all."""
    mail = parse(data)
    if not mail.head.fields:
        error = DataError("the mail has no header fields", code="no_header")
        yield place.source.placed(error, place.number)
        return
    message = record(mail, place)
    yield message
    places = [message.get("folder", ""), *message.get("labels", [])]
    if mail.calendars and not any(_JUNK.match(name) for name in places):
        for calendar in mail.calendars:
            yield from _invitation(calendar, place, settings)


def record(mail: Mail, place: Place) -> Record:
    """The life.message of a mail."""
    at, dated_by = mail.at, mail.dated_by
    if at is None and place.came_at is not None:
        at, dated_by = place.came_at, place.came_by
    when = stamp(at or _NEVER)
    name, address = mail.sender
    sender = address or name
    recipients = sorted({each for _, each in mail.recipients})
    own: dict[str, Any] = {
        "message_id": mail.message_id,
        "at": stamp(mail.at) if mail.at else "",
        "sender": sender,
    }
    if not mail.message_id:
        own |= {"recipients": recipients, "subject": mail.subject, "text": _digest(mail)}
    identity = content_id("life.message", **own)
    root = next(iter([*mail.references, *mail.in_reply_to, mail.message_id or identity]))
    labels = _labels(mail)
    sent = (
        place.is_sent
        or place.folder.rpartition("/")[2].lower() in _SENT
        or any(each.lower() in _SENT for each in labels)
    )
    optional: dict[str, Any] = {
        "sender_name": name if address else "",
        "recipients": recipients,
        "subject": mail.subject,
        "text": mail.text,
        "quoted": mail.quoted,
        "signature": mail.signature,
        "message_id": mail.message_id,
        "in_reply_to": next(iter(mail.in_reply_to), ""),
        "references": mail.references,
        "folder": place.folder,
        "labels": labels,
        "sent_by_user": sent,
        "attachments": [
            {"name": each.name, "type": each.type, "size_bytes": each.size_bytes} for each in mail.attachments[:200]
        ],
        "date_from": "" if dated_by == "date" else dated_by or "unknown",
        "is_automatic": mail.is_automatic,
        "is_encrypted": mail.is_encrypted,
        "list_id": mail.list_id,
        "failures": [
            {"recipient": each.recipient, "action": each.action, "status": each.status} for each in mail.failures[:200]
        ],
        "checks": mail.checks,
    }
    return {
        "kind": "life.message",
        "id": identity,
        "at": when,
        "channel": CHANNEL,
        "thread": threads.name_of(root),
        "sender": sender,
        **{field: value for field, value in optional.items() if value},
        "source": place.source.name,
        "source_line": place.number,
        "source_id": place.source.id,
    }


def _digest(mail: Mail) -> str:
    """What a mail without an identifier says, whatever a mailbox did to line ends and to lines that begin with From."""
    said = "\n".join((mail.text, mail.quoted, mail.signature)).encode()
    return hashlib.sha256(b" ".join(_QUOTED_FROM.sub(b"From ", said).split())).hexdigest()


def _labels(mail: Mail) -> list[str]:
    """The labels of Gmail (in its export) and the keywords of others."""
    raw = mail.head.raw("x-gmail-labels")
    if raw is None:
        return []
    return sorted({each.strip().strip('"') for each in headers.words(raw).split(",")} - {""})


def _invitation(calendar: bytes, place: Place, settings: Settings) -> Iterator[Item]:
    """The events of an invitation, change or cancellation; an answer to one (REPLY) says nothing of the event."""
    from roadmap_cli.life.formats import ical

    method = _METHOD.search(calendar)
    named = method[1].upper() if method else b"PUBLISH"
    if named not in (b"REQUEST", b"PUBLISH", b"ADD", b"CANCEL"):
        return
    if named == b"CANCEL":
        calendar = _BEGIN_EVENT.sub(b"BEGIN:VEVENT\r\nSTATUS:CANCELLED\r", calendar)
    for item in ical.read(calendar, place.source, zone=settings.zone, window=settings.window):
        if isinstance(item, Group):
            yield replace(item, events=tuple(event | {"source_line": place.number} for event in item.events))
        elif isinstance(item, DataError):
            error = DataError(f"invitation: {item.message}", code=item.code)
            yield place.source.placed(error, place.number)
