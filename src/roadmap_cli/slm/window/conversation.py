"""Messages as they come from people and programs, and what can be told of them without a model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record

KIND = "slm.message"
ROLES = ("system", "user", "assistant")
#: A silence after which people have come back, not gone on.
SILENCE = timedelta(hours=6)
#: Messages that count as one sitting where nothing tells when they were written.
SITTING = 24
_NAME = re.compile(r"([^\W\d_][\w'-]*(?: [^\W\d_][\w'-]*){0,2}): ")


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `name` is who speaks, where that is more than the role; `session` a sitting the user names."""

    role: str
    content: str
    name: str | None = None
    at: datetime | None = None
    session: str | None = None
    pinned: bool = False
    id: str | None = None

    @property
    def is_fixed(self) -> bool:
        """Whether it stays whatever is asked: a system message, or one that was pinned."""
        return self.pinned or self.role == "system"


def read(record: Record) -> Message:
    """The message in a record or in an item of ``messages``.

    ``content`` is text, or a list of parts as in the OpenAI interface, of which the text counts. Raises DataError.
    """
    role = record.get("role")
    if role not in ROLES:
        raise DataError(f"field 'role' is {_shown(role)}, not system, user or assistant", code="bad_message")
    name: Any = record.get("name")
    session: Any = record.get("session")
    if isinstance(session, int) and not isinstance(session, bool):
        session = str(session)
    for field, value in (("name", name), ("session", session)):
        if value is not None and not isinstance(value, str):
            raise DataError(f"field {field!r} is not text: {_shown(value)}", code="wrong_type")
    pinned = record.get("pinned", False)
    if not isinstance(pinned, bool):
        raise DataError(f"field 'pinned' is neither true nor false: {_shown(pinned)}", code="wrong_type")
    at, own_id = record.get("at"), record.get("id")
    return Message(
        role=str(role),
        content=_text(record.get("content")),
        name=name or None,
        at=None if at is None else _moment(at),
        session=session,
        pinned=pinned,
        id=own_id if isinstance(own_id, str) else None,
    )


def read_all(items: Any) -> list[Message]:
    """The messages of a ``messages`` field. Raises DataError that names the message."""
    if not isinstance(items, list):
        raise DataError("field 'messages' is not a list", code="wrong_type")
    found = []
    for number, item in enumerate(items, 1):
        if not isinstance(item, dict):
            raise DataError(f"message {number} is not an object", code="bad_message")
        try:
            found.append(read(item))
        except DataError as error:
            raise DataError(f"message {number}: {error.message}", code=error.code) from None
    return found


def named(messages: Sequence[Message]) -> list[Message]:
    """The messages with the names of their speakers, where they stand before the text as in ``Maria: …``.

    Only if no message has a name by itself, and nearly all begin so, with few different names.
    """
    spoken = [message for message in messages if message.role != "system"]
    if len(spoken) < 4 or any(message.name for message in spoken):
        return list(messages)
    found = [_NAME.match(message.content) for message in spoken]
    names = Counter(match[1] for match in found if match)
    if sum(names.values()) < 0.8 * len(spoken) or len(names) > 8:
        return list(messages)
    return [
        replace(message, name=match[1]) if message.role != "system" and (match := _NAME.match(message.content)) else
        message
        for message in messages
    ]  # fmt: skip


def sittings(messages: Sequence[Message]) -> list[int]:
    """The number of the sitting each message belongs to, from 0, never falling.

    A new one begins where ``session`` changes, else after a silence of six hours, else every 24 messages.
    """
    numbers: list[int] = []
    number, begun = 0, 0
    last: Message | None = None
    for place, message in enumerate(messages):
        if last is not None and _begins(last, message, place - begun):
            number, begun = number + 1, place
        numbers.append(number)
        last = message
    return numbers


def _begins(last: Message, message: Message, length: int) -> bool:
    if message.session is not None or last.session is not None:
        return message.session != last.session
    if message.at is not None and last.at is not None:
        return message.at - last.at > SILENCE
    return length >= SITTING


def _text(content: Any) -> str:
    if isinstance(content, str):
        text = content
    elif isinstance(content, list) and all(isinstance(part, dict) for part in content):
        text = "\n".join(str(part["text"]) for part in content if isinstance(part.get("text"), str))
        if not text:
            raise DataError("field 'content' has no part with text", code="bad_message")
    elif content is None:
        raise DataError("field 'content' is missing", code="missing_field")
    else:
        raise DataError(f"field 'content' is not text: {_shown(content)}", code="wrong_type")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise DataError("field 'content' holds half a surrogate pair, which is not text", code="bad_text") from None
    return text


def _moment(value: Any) -> datetime:
    if not isinstance(value, str):
        raise DataError(f"field 'at' is not a time: {_shown(value)}", code="bad_time")
    return clock.parse(value)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
