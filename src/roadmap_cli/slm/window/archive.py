"""Conversations in the encrypted state: every message is kept, whether it is in the window or not, and found again.

All functions work inside a transaction that the caller opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from roadmap_cli.core import clock, records
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.retrieval import terms
from roadmap_cli.slm.window.chunking import Piece, count_words
from roadmap_cli.slm.window.conversation import KIND, Message, read
from roadmap_cli.state import records as stored

if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

CHAT = "slm.chat"


@dataclass(frozen=True, slots=True)
class Chat:
    """A stored conversation."""

    id: str
    name: str
    model: str | None
    created_at: str
    updated_at: str
    messages_count: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored message: its record and its pieces; `seats` tells where each stood in the last window (None: new).

    A seat of -1 is the archive.
    """

    id: str
    position: int
    record: Record
    message: Message
    pieces: list[Piece]
    seats: list[int | None]


_CHATS = (
    "SELECT id, name, model, created_at, updated_at,"
    " (SELECT count(*) FROM slm_message WHERE chat_id = slm_chat.id AND replaced_at IS NULL) FROM slm_chat"
)


def open_chat(tx: Connection, name: str, now: datetime, model: str | None = None) -> Chat:
    """The conversation of a name; made if there is none. Raises DataError for a name that is empty or too long."""
    if not name.strip() or len(name) > 100 or not name.isprintable():
        raise DataError(f"not a name for a conversation: {name[:40]!r}", code="bad_name")
    found = find(tx, name)
    if found is None:
        at = clock.stamp(now)
        row = (records.run_id(CHAT, now), name, model, at, at)
        tx.execute("INSERT INTO slm_chat (id, name, model, created_at, updated_at) VALUES (?, ?, ?, ?, ?)", row)
        found = Chat(*row, 0)
    return found


def find(tx: Connection, name: str) -> Chat | None:
    """The conversation of a name or an id, or None."""
    row = tx.execute(f"{_CHATS} WHERE name = ?1 OR id = ?1", (name,)).fetchone()
    return Chat(*row) if row else None


def need(tx: Connection, name: str) -> Chat:
    """The conversation of a name or an id. Raises DataError if there is none."""
    found = find(tx, name)
    if found is None:
        raise DataError(f"no conversation of the name {name!r}", hint="slm-chat list", code="no_chat")
    return found


def chats(tx: Connection) -> list[Chat]:
    """All conversations, the one last spoken in first."""
    return [Chat(*row) for row in tx.execute(f"{_CHATS} ORDER BY updated_at DESC, id DESC")]


def described(chat: Chat) -> Record:
    """A conversation as an ``slm.chat`` record."""
    record: Record = {"kind": CHAT, "id": chat.id, "at": chat.updated_at, "name": chat.name}
    record |= {"messages_count": chat.messages_count, "created_at": chat.created_at}
    if chat.model:
        record["model"] = chat.model
    return record


def append(tx: Connection, chat: Chat, record: Record, pieces: Sequence[Piece], now: datetime) -> str | None:
    """Put a message at the end of a conversation; its id, or None if the conversation has a message of that id.

    `record` has role and content; it gets kind, id and time where they are missing.
    """
    own = record.get("id")
    if isinstance(own, str):
        row = tx.execute("SELECT chat_id FROM slm_message WHERE id = ?", (own,)).fetchone()
        if row is not None and row[0] == chat.id:
            return None
    taken = not isinstance(own, str) or not own or stored.get(tx, own) is not None
    name = records.run_id(KIND, now) if taken else str(own)
    at = record.get("at") or clock.stamp(now)
    rest = {field: value for field, value in record.items() if field not in ("kind", "id", "at")}
    kept: Record = {"kind": KIND, "id": name, "at": at, "chat": chat.name, **rest}
    message = read(kept)
    stored.put(tx, kept)
    _take_in(tx, chat, name, message, pieces)
    tx.execute("UPDATE slm_chat SET updated_at = ? WHERE id = ?", (clock.stamp(now), chat.id))
    return name


def orphans(tx: Connection) -> list[tuple[str, str]]:
    """Id and body of the messages that stand in no conversation: they came from another device."""
    return tx.execute(
        "SELECT id, body FROM record WHERE kind = ? AND id NOT IN (SELECT id FROM slm_message) ORDER BY at, id", (KIND,)
    ).fetchall()


def adopt(tx: Connection) -> int:
    """Take messages that came from another device into their conversations, in the order of time; how many.

    A conversation there is not here yet is made. What is no message is left as it is: a record of another program.
    """
    import orjson

    from roadmap_cli.slm.window import chunking

    adopted: dict[str, Chat] = {}
    count = 0
    for name, body in orphans(tx):
        try:
            record: Record = orjson.loads(body)
            message = read(record)
            chat = open_chat(tx, str(record.get("chat") or ""), clock.parse(str(record["at"])))
        except (DataError, KeyError):
            continue
        _take_in(tx, chat, name, message, chunking.pieces(message.content))
        tx.execute("UPDATE slm_chat SET updated_at = max(updated_at, ?) WHERE id = ?", (record["at"], chat.id))
        adopted[chat.id] = chat
        count += 1
    for chat in adopted.values():
        _by_time(tx, chat)
    return count


def let_go(tx: Connection, message_id: str) -> None:
    """Forget where a message stood, before its record is deleted; with its last one a conversation goes."""
    row = tx.execute("SELECT chat_id FROM slm_message WHERE id = ?", (message_id,)).fetchone()
    if row is None:
        return
    numbers = tx.execute("SELECT number FROM slm_piece WHERE message_id = ?", (message_id,)).fetchall()
    tx.executemany("DELETE FROM slm_piece_words WHERE rowid = ?", numbers)
    tx.execute("DELETE FROM slm_message WHERE id = ?", (message_id,))
    tx.execute("DELETE FROM slm_chat WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM slm_message WHERE chat_id = ?1)", row)


def _by_time(tx: Connection, chat: Chat) -> None:
    """Number the messages of a conversation by their time; those of one moment keep their order."""
    rows = tx.execute(
        "SELECT slm_message.id FROM slm_message JOIN record ON record.id = slm_message.id WHERE chat_id = ?"
        " ORDER BY at, position",
        (chat.id,),
    ).fetchall()
    tx.execute("UPDATE slm_message SET position = -position WHERE chat_id = ?", (chat.id,))  # each number is there once
    tx.executemany(
        "UPDATE slm_message SET position = ? WHERE id = ?", [(at, name) for at, (name,) in enumerate(rows, 1)]
    )


def _take_in(tx: Connection, chat: Chat, name: str, message: Message, pieces: Sequence[Piece]) -> None:
    (last,) = tx.execute("SELECT max(position) FROM slm_message WHERE chat_id = ?", (chat.id,)).fetchone()
    tx.execute(
        "INSERT INTO slm_message (id, chat_id, position, pinned) VALUES (?, ?, ?, ?)",
        (name, chat.id, (last or 0) + 1, int(message.pinned)),
    )
    for part, piece in enumerate(pieces):
        row_id = tx.execute(
            "INSERT INTO slm_piece (message_id, part, first, last, place, why) VALUES (?, ?, ?, ?, 'new', 'new')",
            (name, part, piece.start, piece.end),
        ).lastrowid
        said = message.content[piece.start : piece.end]
        text = f"{message.name}: {said}" if message.name else said
        tx.execute("INSERT INTO slm_piece_words (rowid, text) VALUES (?, ?)", (row_id, terms.spaced(text)))


def messages(tx: Connection, chat: Chat, after: int = 0) -> list[Stored]:
    """The messages of a conversation in order, without those taken back; only those beyond a position."""
    import orjson

    cut: dict[str, list[tuple[int, int, int | None]]] = {}
    for message_id, first, last, place, seat in tx.execute(
        "SELECT message_id, first, last, place, seat FROM slm_piece JOIN slm_message ON slm_message.id = message_id"
        " WHERE chat_id = ? AND position > ? ORDER BY message_id, part",
        (chat.id, after),
    ):
        cut.setdefault(message_id, []).append((first, last, -1 if place == "archive" else seat))
    found = []
    for name, position, pinned, body in tx.execute(
        "SELECT slm_message.id, position, pinned, body FROM slm_message JOIN record ON record.id = slm_message.id"
        " WHERE chat_id = ? AND position > ? AND replaced_at IS NULL ORDER BY position",
        (chat.id, after),
    ):
        record: Record = orjson.loads(body)
        record["pinned"] = bool(pinned)
        message, held = read(record), cut.get(name, [])
        pieces = [Piece(first, last, count_words(message.content[first:last])) for first, last, _ in held]
        found.append(Stored(name, position, record, message, pieces, [seat for _, _, seat in held]))
    return found


def place(tx: Connection, moves: Iterable[tuple[str, int, str]], decision_id: str | None) -> None:
    """Note that pieces went into the window or the archive: message id, part, why. A seat makes the difference."""
    tx.executemany(
        "UPDATE slm_piece SET why = ?, decision_id = coalesce(?, decision_id) WHERE message_id = ? AND part = ?",
        [(why, decision_id, name, part) for name, part, why in moves],
    )


def seat(tx: Connection, seats: Iterable[tuple[str, int, int]]) -> None:
    """Note where pieces stand in the window now: message id, part, seat; -1 is the archive."""
    tx.executemany(
        "UPDATE slm_piece SET place = iif(?1 < 0, 'archive', 'window'), seat = iif(?1 < 0, NULL, ?1)"
        " WHERE message_id = ?2 AND part = ?3",
        [(number, name, part) for name, part, number in seats],
    )


def held_with(tx: Connection, chat: Chat, model: str) -> None:
    """Note the model a conversation is held with, as the user names it."""
    tx.execute("UPDATE slm_chat SET model = ? WHERE id = ?", (model, chat.id))


def drop_if_empty(tx: Connection, chat: Chat) -> None:
    """Delete a conversation in which nothing was ever said."""
    tx.execute(
        "DELETE FROM slm_chat WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM slm_message WHERE chat_id = ?1)", (chat.id,)
    )


def pin(tx: Connection, message_id: str, pinned: bool) -> None:
    """Keep a message in the window whatever is asked, or no longer."""
    tx.execute("UPDATE slm_message SET pinned = ? WHERE id = ?", (int(pinned), message_id))


def take_back(tx: Connection, message_ids: Iterable[str], now: datetime) -> None:
    """Leave messages out of the conversation from now on; they stay in the state."""
    tx.executemany(
        "UPDATE slm_message SET replaced_at = ? WHERE id = ?", [(clock.stamp(now), name) for name in message_ids]
    )


def search(tx: Connection, question: str, *, chat: Chat | None, limit: int) -> Iterator[Record]:
    """The pieces of all conversations, or of one, that share words with a question, best first (BM25).

    Each is an ``slm.message`` with the piece as its content, ``place``, ``why``, ``score`` and the conversation's name.
    """
    import orjson

    words = terms.words(question)
    if not words:
        return
    asked = " OR ".join(f'"{word}"' for word in words)
    rows = tx.execute(
        "SELECT -bm25(slm_piece_words), body, part, first, slm_piece.last, place, why, slm_chat.name, replaced_at"
        " FROM slm_piece_words JOIN slm_piece ON number = slm_piece_words.rowid"
        " JOIN slm_message ON slm_message.id = message_id JOIN record ON record.id = message_id"
        " JOIN slm_chat ON slm_chat.id = chat_id"
        " WHERE slm_piece_words MATCH ?1 AND (?2 IS NULL OR chat_id = ?2) ORDER BY rank, number DESC LIMIT ?3",
        (asked, chat.id if chat else None, limit),
    ).fetchall()
    for score, body, part, first, last, where, why, name, replaced_at in rows:
        record: Record = orjson.loads(body)
        record |= {"chat": name, "part": part, "content": read(record).content[first:last], "place": where, "why": why}
        if replaced_at:
            record["replaced_at"] = replaced_at
        yield record | {"score": round(score, 3)}


def forget(tx: Connection, chat: Chat) -> int:
    """Delete a conversation, with the calls made for it and the decisions about it; the number of its messages."""
    ids = [name for (name,) in tx.execute("SELECT id FROM slm_message WHERE chat_id = ?", (chat.id,))]
    rows = tx.execute(
        "SELECT number FROM slm_piece JOIN slm_message ON slm_message.id = message_id WHERE chat_id = ?", (chat.id,)
    ).fetchall()
    tx.executemany("DELETE FROM slm_piece_words WHERE rowid = ?", rows)
    tx.execute("DELETE FROM decision WHERE run_id = ?", (chat.id,))
    tx.execute("DELETE FROM model_call WHERE run_id = ?", (chat.id,))
    tx.execute("DELETE FROM slm_chat WHERE id = ?", (chat.id,))
    tx.executemany("DELETE FROM record WHERE id = ?", [(name,) for name in ids])
    return len(ids)


def forget_vectors(tx: Connection, before: str | None = None) -> None:
    """Delete the vectors made before a day (YYYY-MM-DD), or all: they tell a little of the texts they are of."""
    tx.execute("DELETE FROM slm_vector WHERE ?1 IS NULL OR made_on < ?1", (before,))
