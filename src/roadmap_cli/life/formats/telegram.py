"""Chats exported from Telegram Desktop as JSON: one chat, or all of them (result.json)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.formats.json_files import loaded
from roadmap_cli.life.kinds import chats
from roadmap_cli.life.kinds.items import Source
from roadmap_cli.life.local_time.zones import named
from roadmap_cli.life.opening.opened import Opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

NAME, WHAT, CHANNEL = "telegram", "chats exported from Telegram", "telegram"

_CHAT = re.compile(
    rb'"type"\s*:\s*"(?:personal_chat|bot_chat|saved_messages|private_(?:super)?group|public_supergroup|(?:private|public)_channel|verification_codes|replies)"'
)
_FILES = (("photo", "photo"), ("file", "file"), ("contact_vcard", "contact"))


def matches(opened: Opened) -> bool:
    """An object with the kinds of chats that Telegram has."""
    return opened.text_head.startswith(b"{") and bool(_CHAT.search(opened.text_head)) and b'"id"' in opened.text_head


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Record | DataError]:
    """Its messages. `source_line` is the number of the message in the file."""
    data = loaded(opened)
    own = data.get("personal_information", {}) if isinstance(data.get("personal_information"), dict) else {}
    user = f"user{own['user_id']}" if own.get("user_id") else ""
    zone = named(settings.zone)
    number = 0
    for chat in _chats(data):
        messages = chat.get("messages")
        for message in messages if isinstance(messages, list) else []:
            number += 1
            if not isinstance(message, dict):
                yield source.placed(DataError("a message is no object", code="wrong_type"), number)
                continue
            if message.get("type") != "message":
                continue
            try:
                at = _moment(message, zone)
            except (ValueError, TypeError, OverflowError, OSError):
                yield source.placed(DataError("field 'date' is not a time", code="bad_time"), number)
                continue
            record = _record(message, chat, at, source, number, user)
            if record:
                yield record


def _chats(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    found: list[Any] = [data] if "messages" in data else []
    for group in ("chats", "left_chats"):
        listed = data.get(group)
        if isinstance(listed, dict) and isinstance(listed.get("list"), list):
            found += listed["list"]
    yield from (each for each in found if isinstance(each, dict))


def _moment(message: dict[str, Any], zone: Any) -> datetime:
    seconds = message.get("date_unixtime")
    if seconds is not None:
        return datetime.fromtimestamp(int(seconds), UTC)
    return datetime.fromisoformat(str(message.get("date", ""))).replace(tzinfo=zone)


def _record(
    message: dict[str, Any], chat: dict[str, Any], at: datetime, source: Source, number: int, user: str
) -> Record | None:
    sender = str(message.get("from_id") or message.get("actor_id") or message.get("from") or "")
    name = message.get("from")
    files = [
        {"name": str(message.get("file_name") or str(message[field]).rpartition("/")[2])[:255] or what}
        | ({"type": str(message["mime_type"])} if message.get("mime_type") else {})
        for field, what in _FILES
        if isinstance(message.get(field), str)
    ]
    text = _text(message.get("text"))
    if not text and not files:
        return None
    title = str(chat.get("name") or "")
    return chats.record(
        source, number, channel=CHANNEL, at=at, sender=sender, sender_name=str(name) if name else "", text=text,
        chat=title or str(chat.get("id", "")), own_id=f"{chat.get('id', '')}/{message.get('id', number)}",
        reply_to=f"{chat.get('id', '')}/{message['reply_to_message_id']}" if message.get("reply_to_message_id") else "",
        attachments=files, sent_by_user=sender == user if user else None,
    )  # fmt: skip


def _text(value: Any) -> str:
    """Text is a string, or a list of strings and of objects with a text."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(
            each if isinstance(each, str) else str(each.get("text", ""))
            for each in value
            if isinstance(each, (str, dict))
        )
    return ""
