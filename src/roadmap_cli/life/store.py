"""What was read, into the state: each record once and for good, and which version of an event is the latest.

Nothing is deleted: an event that was moved or cancelled stays as a record that may be cited, and is only no longer
counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from roadmap_cli.core.records import Record
from roadmap_cli.life import cursors, parts, rows, threads, transactions
from roadmap_cli.life.items import Group, Part, Position
from roadmap_cli.life.stored import Stored as Stored
from roadmap_cli.state import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection


def add(
    tx: Connection,
    items: Iterable[Group | Record | Part | Position],
    *,
    format_name: str,
    now: datetime | None = None,
) -> Stored:
    """Store groups of events, records, and how far their source was read with them. The caller commits.

    `now` is for positions. Raises DataError for a record that cannot be stored.
    """
    stored = Stored()
    for item in items:
        if isinstance(item, Group):
            _add_group(tx, item, stored)
        elif isinstance(item, Part):
            stored.withdrawn += parts.put(tx, item)
        elif isinstance(item, Position):
            if now is None:
                raise ValueError("a position is stored with a time")
            cursors.put(tx, item.source, item.position, now)
        elif item["kind"] == "life.transaction":
            transactions.add(tx, item, stored, format_name)
        elif item["kind"] == "life.contact":
            _add_contact(tx, item, stored)
        elif item["kind"] == "life.message":
            _add_message(tx, item, stored)
        elif table := rows.TABLES.get(item["kind"]):
            values = table.values(item)
            if stored.put(tx, item):
                tx.execute(table.insert, values)
        elif records.put(tx, item):  # the source
            stored.new.append(item)
    return stored


def _add_group(tx: Connection, group: Group, stored: Stored) -> None:
    """Store one UID's events or to-dos; unless the source is older than what is known, they become what is counted."""
    table = _VERSIONED[group.kind]
    versions = tx.execute(table.versions, (group.uid,)).fetchall()
    current = {known: instance for known, instance, is_current, _ in versions if is_current}
    newest = max((modified for *_, modified in versions), default="")
    outdated = bool(group.modified and group.modified < newest)
    for event in group.events:
        stored.put(tx, event)
        if current and not outdated:
            gone = [
                known for known, instance in current.items() if instance == _instance(event) and known != event["id"]
            ]
            stored.withdrawn += _withdraw(tx, table, gone, current)
        tx.execute(table.insert, (*table.values(event), group.modified, int(not outdated)))
    if group.whole and current and not outdated:
        kept = {event["id"] for event in group.events}
        gone = [
            known
            for known, instance in current.items()
            if known not in kept and (not instance or group.since[: len(instance)] <= instance <= group.until)
        ]
        stored.withdrawn += _withdraw(tx, table, gone, current)


def _withdraw(tx: Connection, table: _Versioned, ids: Sequence[str], current: dict[str, str]) -> int:
    for known in ids:
        tx.execute(table.withdraw, (known,))
        del current[known]
    return len(ids)


def _instance(event: Record) -> str:
    return str(event.get("instance", ""))


@dataclass(frozen=True, slots=True)
class _Versioned:
    """The statements for a kind of which the latest version of each instance counts."""

    versions: str
    withdraw: str
    insert: str
    values: Callable[[Record], tuple[Any, ...]]

    @classmethod
    def of(cls, name: str, columns: str, values: Callable[[Record], tuple[Any, ...]]) -> _Versioned:
        names = f"{columns}, modified_at, is_current"
        marks = ", ".join("?" for _ in names.split(","))
        return cls(
            f"SELECT id, instance, is_current, modified_at FROM {name} WHERE uid = ?",
            f"UPDATE {name} SET is_current = 0 WHERE id = ?",
            f"INSERT INTO {name} ({names}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET"
            " modified_at = max(modified_at, excluded.modified_at), is_current = max(is_current, excluded.is_current)",
            values,
        )


def _event_row(event: Record) -> tuple[Any, ...]:
    named = event.get("people")
    people = {str(person) for person in named} if isinstance(named, list) else set()
    if event.get("organizer"):
        people.add(str(event["organizer"]))
    return (
        event["id"], str(event.get("uid", event["id"])), _instance(event), event["at"],
        event.get("ends_at", event["at"]), str(event.get("zone", "")), int(event.get("all_day") is True),
        int(event.get("busy", True) is True), len(people),
    )  # fmt: skip


def _task_row(task: Record) -> tuple[Any, ...]:
    return (
        task["id"], str(task.get("uid", task["id"])), _instance(task), str(task.get("starts_at", "")),
        str(task.get("due_at", "")), str(task.get("status", "needs_action")),
    )  # fmt: skip


_VERSIONED = {
    "life.event": _Versioned.of(
        "life_event", "id, uid, instance, start_at, end_at, zone, all_day, busy, people_count", _event_row
    ),
    "life.task": _Versioned.of("life_task", "id, uid, instance, start_at, due_at, status", _task_row),
}


def _add_contact(tx: Connection, record: Record, stored: Stored) -> None:
    """Store one version of a contact; the one its source changed last is current, of equals the one read last."""
    uid, modified = str(record.get("uid") or record["id"]), str(record.get("modified_at", ""))
    stored.put(tx, record)
    newest = tx.execute("SELECT max(modified_at) FROM life_contact WHERE uid = ?", (uid,)).fetchone()[0]
    outdated = bool(newest and modified and modified < newest)
    if not outdated:
        tx.execute("UPDATE life_contact SET is_current = 0 WHERE uid = ? AND id <> ?", (uid, record["id"]))
    tx.execute(
        """INSERT INTO life_contact (id, uid, name, modified_at, is_current) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (id) DO UPDATE SET is_current = max(is_current, excluded.is_current)""",
        (record["id"], uid, str(record.get("name", "")), modified, int(not outdated)),
    )


def _add_message(tx: Connection, record: Record, stored: Stored) -> None:
    """Store one message; a mail is taken into its conversation, which may be another than its record could know."""
    table = rows.TABLES["life.message"]
    values = table.values(record)
    if stored.put(tx, record):
        tx.execute(table.insert, values)
        if record.get("channel") == "mail":
            tx.execute("UPDATE life_message SET thread = ? WHERE id = ?", (threads.link(tx, record), record["id"]))
