"""How a conversation is opened: a new one, one to go on with, or a private one that is never written down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.slm.chat.talk import Private
from roadmap_cli.slm.window import archive

if TYPE_CHECKING:
    from roadmap_cli.core.clock import Clock
    from roadmap_cli.state.connection import Connection
    from roadmap_cli.state.store import KeySource, State

#: Stands for the conversation last spoken in.
LAST = "last"


def opened(state: State, fresh: str | None, resume: str | None, now: datetime) -> archive.Chat:
    """The conversation the user wants, made if it is a new one.

    Raises DataError for a name that is taken, unknown, or none.
    """
    with state.write() as tx:
        return _chosen(tx, fresh, resume, now)


@contextmanager
def private(
    state: State, fresh: str | None, resume: str | None, now: Clock, keys: KeySource
) -> Iterator[tuple[Any, archive.Chat]]:
    """A state in memory with a copy of the conversation: what is said is gone at the end. Raises as `opened` does."""
    import secrets

    from roadmap_cli.state.store import State

    nowhere = state.path.with_name(f"none-{secrets.token_hex(16)}")
    with State.open(nowhere, mode="write", keys=keys, dry_run=True, now=now) as memory, memory.write() as tx:
        with state.read() as there:
            source = _wanted(there, resume)
            said = archive.messages(there, source) if source else []
        chat = archive.open_chat(tx, source.name if source else fresh or _name(tx, now()), now())
        for one in said:
            archive.append(tx, chat, one.record, one.pieces, now())
        yield Private(tx), chat


def _chosen(tx: Connection, fresh: str | None, resume: str | None, now: datetime) -> archive.Chat:
    if found := _wanted(tx, resume):
        return found
    if fresh is not None and archive.find(tx, fresh):
        raise DataError(
            f"there is a conversation of the name {fresh!r}", hint=f"slm-chat --resume {fresh!r}", code="name_taken"
        )
    return archive.open_chat(tx, fresh if fresh is not None else _name(tx, now), now)


def _wanted(tx: Connection, resume: str | None) -> archive.Chat | None:
    if resume is None:
        return None
    if resume == LAST and archive.find(tx, LAST) is None:
        chats = archive.chats(tx)
        if not chats:
            raise DataError("there is no conversation yet", hint="slm-chat", code="no_chat")
        return chats[0]
    return archive.need(tx, resume)


def _name(tx: Connection, now: datetime) -> str:
    """A name by the time, different from those there are."""
    name, number = f"{now:%Y-%m-%d %H:%M}", 2
    while archive.find(tx, name):
        name, number = f"{now:%Y-%m-%d %H:%M} ({number})", number + 1
    return name
