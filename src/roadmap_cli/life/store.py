"""What was read, into the state: each record once and for good, and which version of an event is the latest.

Nothing is deleted: an event that was moved or cancelled stays as a record that may be cited, and is only no longer
counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from roadmap_cli.core.records import Record
from roadmap_cli.life import rows
from roadmap_cli.life.items import Group
from roadmap_cli.state import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection


@dataclass(slots=True)
class Stored:
    """What came of a batch: the records that were new, how many were known, how many events are withdrawn."""

    new: list[Record] = field(default_factory=list)
    known: int = 0
    withdrawn: int = 0


def add(tx: Connection, items: Iterable[Group | Record], *, format_name: str) -> Stored:
    """Store groups of events, and records. The caller commits. Raises DataError for a record that cannot be stored.

    What needs no look at what is there already goes in by the thousand; the ids that were new are told apart after.
    """
    given = list(items)
    told: list[Record] = []
    for item in given:
        told += item.events if isinstance(item, Group) else (item,)
    transactions = [record for record in told if record["kind"] == "life.transaction"]
    if transactions and _others_told(tx, transactions, format_name):
        return _add_one_by_one(tx, given, format_name)
    values: dict[str, list[tuple[Any, ...]]] = {}
    plain = [(place, rows.TABLES[record["kind"]]) for place, record in enumerate(told) if record["kind"] in rows.TABLES]
    made = {place: table.values(told[place]) for place, table in plain}
    new = records.put_new(tx, told)
    for place, table in plain:
        if new[place]:
            values.setdefault(table.insert, []).append(made[place])
    for insert, of_table in values.items():
        tx.executemany(insert, of_table)
    fresh_transactions = [
        _transaction(record, format_name, None)
        for record, is_new in zip(told, new, strict=True)
        if is_new and record["kind"] == "life.transaction"
    ]
    if fresh_transactions:
        tx.executemany(_INSERT_TRANSACTION, fresh_transactions)
    stored = Stored()
    for record, is_new in zip(told, new, strict=True):
        if is_new:
            stored.new.append(record)
        elif record["kind"] != "life.source":
            stored.known += 1
    _index_groups(tx, [item for item in given if isinstance(item, Group)], stored)
    for item in given:
        if not isinstance(item, Group) and item["kind"] == "life.contact":
            _index_contact(tx, item)
    return stored


def widen(tx: Connection) -> None:
    """Settings for much to store: 96 MiB of cache, in which the index of ids of millions of records is at home, and
    checkpoints of a full write-ahead log (64 MiB), so that its pages are written back once and not fifty times.

    Committed is still committed: only when the file itself is brought up to date changes.
    """
    tx.execute("PRAGMA cache_size = -98304")
    tx.execute("PRAGMA wal_autocheckpoint = 8000")


def _add_one_by_one(tx: Connection, given: Iterable[Group | Record], format_name: str) -> Stored:
    """The same, each transaction compared with those of other formats before the next is stored."""
    stored = Stored()
    for item in given:
        if not isinstance(item, Group) and item["kind"] == "life.transaction":
            _add_transaction(tx, item, stored, format_name)
        else:
            one = add(tx, [item], format_name=format_name)
            stored.new += one.new
            stored.known += one.known
            stored.withdrawn += one.withdrawn
    return stored


def _put(tx: Connection, record: Record, stored: Stored) -> bool:
    if records.put(tx, record):
        stored.new.append(record)
        return True
    stored.known += 1
    return False


def _index_groups(tx: Connection, groups: Sequence[Group], stored: Stored) -> None:
    """Make stored events count. Groups whose UID is not there yet go in together."""
    if not groups:
        return
    there = _known_uids(tx, {group.uid for group in groups})
    waiting: list[tuple[Any, ...]] = []
    for group in groups:
        if group.uid not in there and _instances_differ(group):
            waiting += (_event(event, group.modified, is_current=True) for event in group.events)
            there.add(group.uid)
            continue
        if waiting:
            tx.executemany(_INSERT_EVENT, waiting)
            waiting = []
        _index_group(tx, group, stored)
    if waiting:
        tx.executemany(_INSERT_EVENT, waiting)


def _known_uids(tx: Connection, uids: set[str]) -> set[str]:
    import orjson

    named = orjson.dumps(sorted(uids)).decode()
    rows_ = tx.execute(
        "SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM life_event WHERE uid = value)", (named,)
    )
    return {uid for (uid,) in rows_}


def _instances_differ(group: Group) -> bool:
    return len(group.events) == 1 or len({_instance(event) for event in group.events}) == len(group.events)


def _index_group(tx: Connection, group: Group, stored: Stored) -> None:
    """One UID's events; unless the source is older than what is known, they become what is counted."""
    current = dict(
        tx.execute("SELECT id, instance FROM life_event WHERE uid = ? AND is_current = 1", (group.uid,)).fetchall()
    )
    (newest,) = tx.execute("SELECT max(modified_at) FROM life_event WHERE uid = ?", (group.uid,)).fetchone()
    outdated = bool(newest and group.modified and group.modified < newest)
    by_instance: dict[str, list[str]] = {}
    for known, instance in current.items():
        by_instance.setdefault(instance, []).append(known)
    for event in group.events:
        if not outdated:
            gone = [
                known for known in by_instance.get(_instance(event), ()) if known in current and known != event["id"]
            ]
            stored.withdrawn += _withdraw(tx, gone, current)
        tx.execute(_INSERT_EVENT, _event(event, group.modified, is_current=not outdated))
    if group.whole and not outdated:
        kept = {event["id"] for event in group.events}
        gone = [
            known
            for known, instance in current.items()
            if known not in kept and (not instance or group.since[: len(instance)] <= instance <= group.until)
        ]
        stored.withdrawn += _withdraw(tx, gone, current)


def _withdraw(tx: Connection, ids: Sequence[str], current: dict[str, str]) -> int:
    for known in ids:
        tx.execute("UPDATE life_event SET is_current = 0 WHERE id = ?", (known,))
        del current[known]
    return len(ids)


def _instance(event: Record) -> str:
    return str(event.get("instance", ""))


_INSERT_EVENT = """INSERT INTO life_event
       (id, uid, instance, start_at, end_at, zone, all_day, busy, people_count, modified_at, is_current)
   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
   ON CONFLICT (id) DO UPDATE SET
       modified_at = max(modified_at, excluded.modified_at),
       is_current = max(is_current, excluded.is_current)"""


def _event(event: Record, modified: str, *, is_current: bool) -> tuple[Any, ...]:
    """The row of an event."""
    named = event.get("people")
    people = {str(person) for person in named} if isinstance(named, list) else set()
    if event.get("organizer"):
        people.add(str(event["organizer"]))
    return (
        event["id"],
        str(event.get("uid", event["id"])),
        _instance(event),
        event["at"],
        event.get("ends_at", event["at"]),
        str(event.get("zone", "")),
        int(event.get("all_day") is True),
        int(event.get("busy", True) is True),
        len(people),
        modified,
        int(is_current),
    )


def _index_contact(tx: Connection, record: Record) -> None:
    """One version of a contact; the one its source changed last is current, of equals the one read last."""
    uid, modified = str(record.get("uid") or record["id"]), str(record.get("modified_at", ""))
    newest = tx.execute("SELECT max(modified_at) FROM life_contact WHERE uid = ?", (uid,)).fetchone()[0]
    outdated = bool(newest and modified and modified < newest)
    if not outdated:
        tx.execute("UPDATE life_contact SET is_current = 0 WHERE uid = ? AND id <> ?", (uid, record["id"]))
    tx.execute(
        """INSERT INTO life_contact (id, uid, name, modified_at, is_current) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (id) DO UPDATE SET is_current = max(is_current, excluded.is_current)""",
        (record["id"], uid, str(record.get("name", "")), modified, int(not outdated)),
    )


def _add_transaction(tx: Connection, record: Record, stored: Stored, format_name: str) -> None:
    """Store one transaction; one that another format has told already is marked as the same and not counted again."""
    twin = _twin(tx, record, format_name)
    if not _put(tx, record | {"same_as_id": twin} if twin else record, stored):
        return
    tx.execute(_INSERT_TRANSACTION, _transaction(record, format_name, twin))


_INSERT_TRANSACTION = """INSERT INTO life_transaction
       (id, date, amount, currency, payee, type, account_id, format, same_as)
   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"""


def _transaction(record: Record, format_name: str, twin: str | None) -> tuple[Any, ...]:
    """The row of a transaction."""
    return (
        record["id"],
        record["date"],
        record["amount"],
        record["currency"],
        str(record.get("payee", "")),
        str(record.get("type", "")),
        str(record.get("account_id", "")),
        format_name,
        twin,
    )


def _others_told(tx: Connection, transactions: Sequence[Record], format_name: str) -> bool:
    """Whether another format has told anything of these days: only then can there be twins."""
    days = [record["date"] for record in transactions]
    found = tx.execute(
        "SELECT 1 FROM life_transaction WHERE date >= ? AND date <= ? AND format <> ? LIMIT 1",
        (min(days), max(days), format_name),
    ).fetchone()
    return found is not None


def _twin(tx: Connection, record: Record, format_name: str) -> str | None:
    """A counted transaction of another format with this day, amount and currency that no other repeats yet.

    Banks give the same statement as OFX and as CSV, with other words and often without the account. Where both name
    an account, it must be the same one.
    """
    found = tx.execute(
        """SELECT id FROM life_transaction AS other
           WHERE date = ? AND currency = ? AND amount = ? AND format <> ? AND id <> ? AND same_as IS NULL
             AND (account_id = '' OR ? = '' OR account_id = ?)
             AND NOT EXISTS (SELECT 1 FROM life_transaction AS twin WHERE twin.same_as = other.id AND twin.format = ?)
           ORDER BY id LIMIT 1""",
        (
            record["date"], record["currency"], record["amount"], format_name, record["id"],
            record.get("account_id", ""), record.get("account_id", ""), format_name,
        ),
    ).fetchone()  # fmt: skip
    return str(found[0]) if found else None
