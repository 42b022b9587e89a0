"""One message of a chat as a record: what all exports of chats have in common."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life.kinds.items import Source


def record(
    source: Source,
    number: int,
    *,
    channel: str,
    at: datetime,
    sender: str,
    text: str,
    chat: str = "",
    sender_name: str = "",
    own_id: str = "",
    reply_to: str = "",
    attachments: Sequence[dict[str, Any]] = (),
    sent_by_user: bool | None = None,
    repeated: int = 0,
) -> Record:
    """A life.message. `own_id` is the message's number in its chat, if the export has it: then it tells it apart.

    Otherwise time, sender and text do, with `repeated` for those that are alike in all three.
    """
    when = stamp(at)
    identity: dict[str, Any] = {"channel": channel, "at": when, "sender": sender}
    if own_id:
        identity |= {"chat": chat, "own": own_id}
    else:
        identity |= {"text": text, "files": [str(each.get("name", "")) for each in attachments], "repeated": repeated}
    optional: dict[str, Any] = {
        "thread": content_id("life.thread", channel=channel, chat=chat) if chat else "",
        "sender_name": sender_name if sender_name != sender else "",
        "subject": "",
        "text": text,
        "message_id": f"{channel}:{chat}:{own_id}" if own_id else "",
        "in_reply_to": f"{channel}:{chat}:{reply_to}" if reply_to else "",
        "folder": chat,
        "attachments": list(attachments),
    }
    return {
        "kind": "life.message",
        "id": content_id("life.message", **identity),
        "at": when,
        "channel": channel,
        "sender": sender,
        **{field: value for field, value in optional.items() if value},
        **({"sent_by_user": sent_by_user} if sent_by_user is not None else {}),
        "source": source.name,
        "source_line": number,
        "source_id": source.id,
    }
