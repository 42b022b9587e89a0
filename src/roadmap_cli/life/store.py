"""What was read, into the state: each record once and for good, and which version of an event is the latest.

Nothing is deleted: an event that was moved or cancelled stays as a record that may be cited, and is only no longer
counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from roadmap_cli.core.records import Record
from roadmap_cli.life import rows, transactions
from roadmap_cli.life.items import Group
from roadmap_cli.life.stored import Stored as Stored
from roadmap_cli.state import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection


def add(tx: Connection, items: Iterable[Group | Record], *, format_name: str) -> Stored:
    """Store groups of events, and records. The caller commits. Raises DataError for a record that cannot be stored."""
    stored = Stored()
    for item in items:
        if isinstance(item, Group):
            _add_group(tx, item, stored)
        elif item["kind"] == "life.transaction":
            transactions.add(tx, item, stored, format_name)
        elif item["kind"] == "life.contact":
            _add_contact(tx, item, stored)
        elif table := rows.TABLES.get(item["kind"]):
            values = table.values(item)
            if stored.put(tx, item):
                tx.execute(table.insert, values)
        elif records.put(tx, item):  # the source
            stored.new.append(item)
    return stored


def _add_group(tx: Connection, group: Group, stored: Stored) -> None:
    """Store one UID's events; unless the source is older than what is known, they become what is counted."""
    current = dict(
        tx.execute("SELECT id, instance FROM life_event WHERE uid = ? AND is_current = 1", (group.uid,)).fetchall()
    )
    (newest,) = tx.execute("SELECT max(modified_at) FROM life_event WHERE uid = ?", (group.uid,)).fetchone()
    outdated = bool(newest and group.modified and group.modified < newest)
    for event in group.events:
        stored.put(tx, event)
        if not outdated:
            gone = [
                known for known, instance in current.items() if instance == _instance(event) and known != event["id"]
            ]
            stored.withdrawn += _withdraw(tx, gone, current)
        _index(tx, event, group.modified, is_current=not outdated)
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


def _index(tx: Connection, event: Record, modified: str, *, is_current: bool) -> None:
    named = event.get("people")
    people = {str(person) for person in named} if isinstance(named, list) else set()
    if event.get("organizer"):
        people.add(str(event["organizer"]))
    tx.execute(
        """INSERT INTO life_event
               (id, uid, instance, start_at, end_at, zone, all_day, busy, people_count, modified_at, is_current)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT (id) DO UPDATE SET
               modified_at = max(modified_at, excluded.modified_at),
               is_current = max(is_current, excluded.is_current)""",
        (
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
        ),
    )


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
