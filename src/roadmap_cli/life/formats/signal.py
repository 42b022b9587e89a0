"""Chats exported from Signal as JSON Lines: by Signal itself (main.jsonl), by signal-export, by signal-cli."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.core.stream import parser
from roadmap_cli.life.formats.json_files import inner, moment, objects, text
from roadmap_cli.life.kinds import chats
from roadmap_cli.life.kinds.items import Source
from roadmap_cli.life.local_time.zones import named
from roadmap_cli.life.opening.opened import Opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

NAME, WHAT, CHANNEL = "signal", "chats exported from Signal", "signal"
_MOST_LINE_BYTES = 16 * 1024 * 1024

_FRAMES = re.compile(rb'\{\s*"(?:version|backupTimeMs|account|recipient|chat|chatItem)"')
_ENVELOPE = re.compile(rb'\{\s*(?:"account"\s*:\s*"[^"]*"\s*,\s*)?"envelope"\s*:\s*\{')


def matches(opened: Opened) -> bool:
    """Its first line is a frame of a backup, an envelope, or a message with the fields of signal-export."""
    head = opened.text_head
    if not head.startswith(b"{"):
        return False
    if _FRAMES.match(head):
        return b'"chatItem"' in head or b'"recipient"' in head or b'"mediaRootBackupKey"' in head
    line = head.split(b"\n", 1)[0]
    fields = (b'"date"', b'"sender"', b'"body"', b'"quote"', b'"sticker"')
    return bool(_ENVELOPE.match(head)) or all(field in line for field in fields)


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Record | DataError]:
    """Its messages in their order."""
    reader = _Reader(opened, source, settings)
    parse = parser()
    opened.stream.seek(0)
    number = 0
    while line := opened.stream.readline(_MOST_LINE_BYTES):
        number += 1
        if not line.strip():
            continue
        try:
            frame = parse(line)
            record = reader.record(frame, number)
        except DataError as error:
            plain = error if error.code != "bad_json" else DataError("not a JSON object", code="bad_json")
            yield source.placed(plain, number)
        else:
            if record:
                yield record


class _Reader:
    """What is known of people and chats while a file is read."""

    def __init__(self, opened: Opened, source: Source, settings: Settings) -> None:
        self.source = source
        self.zone = named(settings.zone)
        self.people: dict[str, tuple[str, str]] = {}
        self.chats: dict[str, str] = {}
        self.own: set[str] = set()
        self.seen: Counter[tuple[str, str, str]] = Counter()
        parts = re.split(r"[/!]", opened.name)
        self.folder = parts[-2] if len(parts) > 1 and parts[-1] == "data.json" else ""

    def record(self, frame: dict[str, Any], number: int) -> Record | None:
        """The message that a line is, if it is one."""
        if isinstance(frame.get("recipient"), dict):
            self._recipient(frame["recipient"])
        elif isinstance(frame.get("chat"), dict):
            self.chats[str(frame["chat"].get("id"))] = str(frame["chat"].get("recipientId"))
        elif isinstance(frame.get("chatItem"), dict):
            return self._item(frame["chatItem"], number)
        elif isinstance(frame.get("envelope"), dict):
            return self._envelope(frame["envelope"], number)
        elif "sender" in frame and "body" in frame:
            return self._line(frame, number)
        return None

    def _recipient(self, person: dict[str, Any]) -> None:
        identity = str(person.get("id"))
        contact, group = person.get("contact"), person.get("group")
        if isinstance(contact, dict):
            names = [
                text(contact.get(field)) for field in ("nickname", "systemGivenName", "profileGivenName", "username")
            ]
            last = text(contact.get("systemFamilyName")) or text(contact.get("profileFamilyName"))
            number = f"+{contact['e164']}".replace("++", "+") if contact.get("e164") else ""
            name = next((each for each in names if each), "")
            self.people[identity] = (number or text(contact.get("aci")) or name, f"{name} {last}".strip())
        elif isinstance(group, dict):
            title = inner(group, "snapshot", "title", "title")
            self.people[identity] = (text(title), text(title))
        elif "self" in person:
            self.own.add(identity)
            self.people[identity] = ("self", "")

    def _item(self, item: dict[str, Any], number: int) -> Record | None:
        message = item.get("standardMessage")
        if not isinstance(message, dict):
            return None
        author = str(item.get("authorId"))
        sender, name = self.people.get(author, (author, ""))
        chat = self.people.get(self.chats.get(str(item.get("chatId")), ""), ("", ""))
        files = [
            _file(inner(each, "pointer", "fileName"), inner(each, "pointer", "contentType"))
            for each in objects(message.get("attachments"))
        ]
        return self._made(
            number, moment(item.get("dateSent")), sender, name, text(inner(message, "text", "body")),
            chat[1] or chat[0], files, author in self.own,
        )  # fmt: skip

    def _envelope(self, envelope: dict[str, Any], number: int) -> Record | None:
        sent = inner(envelope, "syncMessage", "sentMessage")
        data = sent if isinstance(sent, dict) else envelope.get("dataMessage")
        if not isinstance(data, dict):
            return None
        sender = text(envelope.get("sourceNumber")) or text(envelope.get("source")) or text(envelope.get("sourceUuid"))
        name = text(envelope.get("sourceName"))
        group = text(inner(data, "groupInfo", "groupName")) or text(inner(data, "groupInfo", "groupId"))
        chat = group or (text(data.get("destinationNumber") or data.get("destination")) if data is sent else sender)
        files = [_file(each.get("filename"), each.get("contentType")) for each in objects(data.get("attachments"))]
        at = moment(data.get("timestamp") or envelope.get("timestamp"))
        return self._made(number, at, sender, name, text(data.get("message")), chat, files, data is sent)

    def _line(self, frame: dict[str, Any], number: int) -> Record | None:
        try:
            at = datetime.fromisoformat(str(frame.get("date")))
        except ValueError:
            raise DataError("field 'date' is not a time", code="bad_time") from None
        at = at if at.tzinfo else at.replace(tzinfo=self.zone)
        sender = text(frame.get("sender"))
        files = [_file(each.get("name"), None) for each in objects(frame.get("attachments"))]
        return self._made(number, at, sender, "", text(frame.get("body")), self.folder, files, sender == "Me")

    def _made(
        self,
        number: int,
        at: datetime,
        sender: str,
        name: str,
        said: str,
        chat: str,
        files: list[dict[str, str]],
        own: bool,
    ) -> Record | None:
        if not said and not files:
            return None
        key = (at.isoformat(), sender, said)
        self.seen[key] += 1
        return chats.record(
            self.source, number, channel=CHANNEL, at=at, sender=sender, sender_name=name, text=said, chat=chat,
            attachments=files, sent_by_user=own, repeated=self.seen[key] - 1,
        )  # fmt: skip


def _file(name: Any, kind: Any) -> dict[str, str]:
    return {field: value[:255] for field, value in (("name", text(name)), ("type", text(kind))) if value}
