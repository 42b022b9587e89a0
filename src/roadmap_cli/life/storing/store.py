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
from roadmap_cli.life.kinds import parts, rows, threads
from roadmap_cli.life.kinds.items import Group, Part, Position
from roadmap_cli.life.opening import cursors
from roadmap_cli.life.storing import transactions
from roadmap_cli.life.storing.stored import Stored as Stored
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
    given = list(items)
    _add_plain(tx, [item for item in given if isinstance(item, dict) and item["kind"] in _PLAIN], stored)
    _add_groups(tx, [item for item in given if isinstance(item, Group)], stored)
    paid = [item for item in given if isinstance(item, dict) and item["kind"] == "life.transaction"]
    transactions.add(tx, paid, stored, format_name)
    for item in given:
        if isinstance(item, Group):
            continue
        if isinstance(item, Part):
            stored.withdrawn += parts.put(tx, item)
        elif isinstance(item, Position):
            if now is None:
                raise ValueError("a position is stored with a time")
            cursors.put(tx, item.source, item.position, now)
        elif item["kind"] == "life.transaction":
            continue
        elif item["kind"] == "life.contact":
            _add_contact(tx, item, stored)
        elif item["kind"] == "life.message":
            _add_message(tx, item, stored)
        elif item["kind"] not in _PLAIN and records.put(tx, item):  # the source
            stored.new.append(item)
    _in_order(stored.new, given)
    return stored


def widen(tx: Connection) -> None:
    """Settings for much to store: 96 MiB of cache, in which the index of ids of millions of records is at home, and
    checkpoints of a full write-ahead log (64 MiB), so that its pages are written back once and not fifty times.

    Committed is still committed: only when the file itself is brought up to date changes.
    """
    tx.execute("PRAGMA cache_size = -98304")
    tx.execute("PRAGMA wal_autocheckpoint = 8000")


def _in_order(new: list[Record], given: Sequence[Group | Record | Part | Position]) -> None:
    """What was stored by kinds, in the order it came in."""
    places: dict[str, int] = {}
    for item in given:
        for record in item.events if isinstance(item, Group) else (item,) if isinstance(item, dict) else ():
            places.setdefault(record["id"], len(places))
    new.sort(key=lambda record: places[record["id"]])


def _add_plain(tx: Connection, given: Sequence[Record], stored: Stored) -> None:
    """Store records of kinds that need no look at what is there: by the thousand."""
    if not given:
        return
    values: dict[str, list[tuple[Any, ...]]] = {}
    made = [(rows.TABLES[record["kind"]].insert, rows.TABLES[record["kind"]].values(record)) for record in given]
    for record, (insert, row), new in zip(given, made, records.put_new(tx, given), strict=True):
        if new:
            stored.new.append(record)
            values.setdefault(insert, []).append(row)
        else:
            stored.known += 1
    for insert, of_table in values.items():
        tx.executemany(insert, of_table)


def _add_groups(tx: Connection, groups: Sequence[Group], stored: Stored) -> None:
    """Store groups in their order; those of which nothing is known yet together."""
    there = {kind: _known_uids(tx, kind, groups) for kind in {group.kind for group in groups}}
    waiting: list[Group] = []
    for group in groups:
        if group.uid not in there[group.kind] and _instances_differ(group):
            there[group.kind].add(group.uid)
            waiting.append(group)
            continue
        _add_new_groups(tx, waiting, stored)
        waiting = []
        _add_group(tx, group, stored)
    _add_new_groups(tx, waiting, stored)


def _known_uids(tx: Connection, kind: str, groups: Sequence[Group]) -> set[str]:
    import orjson

    named = orjson.dumps(sorted({group.uid for group in groups if group.kind == kind})).decode()
    return {uid for (uid,) in tx.execute(_VERSIONED[kind].known, (named,))}


def _instances_differ(group: Group) -> bool:
    return len(group.events) == 1 or len({_instance(event) for event in group.events}) == len(group.events)


def _add_new_groups(tx: Connection, groups: Sequence[Group], stored: Stored) -> None:
    events = [event for group in groups for event in group.events]
    for event, new in zip(events, records.put_new(tx, events) if events else (), strict=True):
        if new:
            stored.new.append(event)
        else:
            stored.known += 1
    for kind, table in _VERSIONED.items():
        tx.executemany(
            table.insert,
            [
                (*table.values(event), group.modified, 1)
                for group in groups
                if group.kind == kind
                for event in group.events
            ],
        )


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
    known: str
    withdraw: str
    insert: str
    values: Callable[[Record], tuple[Any, ...]]

    @classmethod
    def of(cls, name: str, columns: str, values: Callable[[Record], tuple[Any, ...]]) -> _Versioned:
        names = f"{columns}, modified_at, is_current"
        marks = ", ".join("?" for _ in names.split(","))
        return cls(
            f"SELECT id, instance, is_current, modified_at FROM {name} WHERE uid = ?",
            f"SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM {name} WHERE uid = value)",
            f"UPDATE {name} SET is_current = 0 WHERE id = ?",
            f"INSERT INTO {name} ({names}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET"
            " modified_at = max(modified_at, excluded.modified_at), is_current = max(is_current, excluded.is_current)",
            values,
        )


def _event_row(event: Record) -> tuple[Any, ...]:
    named = event.get("people")
    people = set(map(str, named)) if isinstance(named, list) else set()
    if event.get("organizer"):
        people.add(str(event["organizer"]))
    return (
        event["id"], str(event.get("uid", event["id"])), _instance(event), event["at"],
        event.get("ends_at", event["at"]), str(event.get("zone", "")), int(event.get("all_day") is True),
        int(event.get("busy", True) is True and event.get("status") != "cancelled"), len(people),
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


#: Kinds of one row beside the record that need no look at what is there.
_PLAIN = frozenset(rows.TABLES) - {"life.transaction", "life.contact", "life.message"}


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
