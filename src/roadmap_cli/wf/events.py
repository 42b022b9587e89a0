"""Outside events as records: one shape for all sources, each stored once however often it is delivered.

The fields are those of CloudEvents 1.0 where it has one: source, type, subject, data. `at` is its time, the rest are
extensions (`cloud_event` is the mapping). The rule kept here: an event is in the state before it is announced, and a
repeated delivery of one that went its way is not announced again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id, content_ids, identity, require
from roadmap_cli.state import records

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

#: The largest body of a webhook, or other thing read as one, in bytes; and the most events in one.
MOST_BYTES = 8 * 1024 * 1024
MOST_EVENTS = 10_000
_MOST_SUBJECT = 256
#: The attributes of a CloudEvent that have a field of their own; others are kept in `attributes`.
_OWN = frozenset({"specversion", "id", "source", "type", "subject", "time", "data", "data_base64", "dedupekey"})
#: Where objects of no known shape say when it happened, tried in this order.
_TIMES = ("time", "timestamp", "@timestamp", "at")


def parsed(text: bytes, line: int | None = None) -> Record:
    """One JSON object. Raises DataError with the line if it is one of several."""
    import orjson

    where = f"line {line}: " if line else ""
    if len(text) > MOST_BYTES:
        raise DataError(f"{where}body larger than {MOST_BYTES} bytes", code="too_large")
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise DataError(f"{where}not JSON: {str(error).lower()}", code="bad_json") from None
    if not isinstance(value, dict):
        raise DataError(f"{where}not a JSON object", code="not_an_object")
    return value


def draft(body: Record, at: datetime) -> Record:
    """One event for a CloudEvent, for a record of this toolchain, or for any other JSON object, still without its id.

    A CloudEvent is the same if source and id are (CloudEvents 1.0, 3.1); a record if its id is; else if all of it is.
    `named` gives the ids. Raises DataError.
    """
    if "specversion" in body:
        return _from_cloud_event(body, at)
    kind, name = body.get("kind"), body.get("id")
    if kind == "wf.event":
        return checked(body)
    if type(kind) is str and type(name) is str and kind and name:
        happened = clock.parse(body["at"]) if isinstance(body.get("at"), str) else at
        return event(happened, at, source="records", type=kind, subject=name, key=f"records:{kind}:{name}", data=body)
    what = body.get("type")
    return event(
        _told_time(body) or at, at, source="jsonl", type=what if isinstance(what, str) and what else "object",
        subject=str(body.get("subject", "")), key=f"jsonl:{digest(body)}", data=body,
    )  # fmt: skip


def _from_cloud_event(body: Record, at: datetime) -> Record:
    name, source, kind = (require(body, field, str) for field in ("id", "source", "type"))
    happened = clock.parse(body["time"]) if isinstance(body.get("time"), str) else at
    key = f"cloudevents:{source}:{name}"
    own = body.get("dedupekey")
    if isinstance(own, str) and content_id("wf.event", dedupe_key=own) == name:
        key = own  # one of ours that comes back
    found = event(
        happened, at, source=source, type=kind, subject=str(body.get("subject", "")), key=key,
        data=body.get("data", {} if "data_base64" not in body else None),
    )  # fmt: skip
    if "data_base64" in body:
        found["data_base64"] = body["data_base64"]
    more = {field: value for field, value in body.items() if field not in _OWN}
    if more:
        found["attributes"] = more
    return found


def cloud_event(event: Record) -> Record:
    """An event as a CloudEvent 1.0 in its JSON format: what `--cloudevents` writes.

    id, source, type, subject (if there is one) and data are the fields of the same names; time is `at`; `dedupe_key`
    and `received_at` are the extensions dedupekey and receivedat; what came as extensions goes out as such.
    """
    found: Record = {"specversion": "1.0"}
    source = str(event.get("source") or "unknown")
    found |= {"id": event["id"], "source": source, "type": event["type"], "time": event["at"]}
    own = {"subject": "subject", "dedupe_key": "dedupekey", "received_at": "receivedat"}
    found |= {name: event[field] for field, name in own.items() if event.get(field)}
    more = event.get("attributes")
    if isinstance(more, dict):
        found |= {key: value for key, value in more.items() if key not in found}
    if "data_base64" in event:
        return found | {"data_base64": event["data_base64"]}
    return found | {"datacontenttype": "application/json", "data": event.get("data", {})}


def checked(event: Record) -> Record:
    """A wf.event that came from outside, with what it must have; what it says of its own proof is dropped.

    Raises DataError.
    """
    for field in ("id", "at", "type"):
        value = event.get(field)
        if type(value) is not str or not value:
            require(event, field, str)
            raise DataError(f"field {field!r} is empty", code="wrong_type")
    if not records.STAMP.match(event["at"]):
        clock.parse(event["at"])
    if "proof" in event:
        return {field: value for field, value in event.items() if field != "proof"}
    return event


def event(happened: datetime, at: datetime, *, source: str, type: str, subject: str, key: str, data: Any) -> Record:
    """An event without its id, which `named` gives to many at once."""
    stamp = clock.stamp(at)
    return {
        "kind": "wf.event",
        "id": "",
        "at": stamp if happened is at else clock.stamp(happened),
        "source": source,
        "type": type,
        "subject": subject[:_MOST_SUBJECT],
        "dedupe_key": key,
        "received_at": stamp,
        "data": data,
    }


def named(drafts: list[Record]) -> list[Record]:
    """The events with their ids, each made of its key."""
    unnamed = [each for each in drafts if not each["id"]]
    keys = [identity("wf.event", dedupe_key=each["dedupe_key"]) for each in unnamed]
    for each, name in zip(unnamed, content_ids("wf.event", keys), strict=True):
        each["id"] = name
    return drafts


def digest(value: Any) -> str:
    """SHA-256 of a JSON value whatever the order of its members, hex. Raises DataError if it is nested too deeply."""
    import orjson

    try:
        return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()
    except TypeError:
        raise DataError("nested too deeply", code="too_deep") from None


def _told_time(body: Record) -> datetime | None:
    for field in _TIMES:
        told = body.get(field)
        if type(told) is str and "T" in told[:12]:
            try:
                return clock.parse(told)
            except DataError:
                continue
    return None


#: A match is open until one of its plans got as far as wf-approve and, if it was approved, as far as wf-run. Others of
#: its plans, made to be looked at or with other inputs, keep nothing open.
_OPEN_MATCH = """
    FROM wf_match m WHERE m.is_ambiguous = 0 AND NOT EXISTS (
        SELECT 1 FROM wf_plan p WHERE p.match_id = m.match_id AND (
            EXISTS (SELECT 1 FROM wf_run r WHERE r.plan_id = p.plan_id)
            OR coalesce('approved' <> (SELECT a.status FROM wf_approval a WHERE a.plan_id = p.plan_id
                                       ORDER BY a.number DESC LIMIT 1), 0)))
"""
#: An event is open until it was matched and its matches are not open any more.
_OPEN = f"""
    SELECT e.event_id FROM wf_event e
    WHERE (e.matched_at IS NULL OR EXISTS (SELECT 1 {_OPEN_MATCH} AND m.event_id = e.event_id))
"""
_ALL_OPEN = f"""
    SELECT event_id, received_at, rowid AS number FROM wf_event WHERE matched_at IS NULL
    UNION SELECT event_id, received_at, rowid FROM wf_event WHERE event_id IN (SELECT m.event_id {_OPEN_MATCH})
    ORDER BY received_at, number
"""


def keep(tx: Connection, events: Sequence[Record], proof: str | None = None) -> list[Record]:
    """Store events and return those to announce: the new ones, and repeats of such as no later command has finished.

    The second sort is what makes a pipeline that was killed whole again when the same delivery comes once more. What is
    returned for a repeat is the event as it was first stored. Raises DataError for an event that cannot be stored.

    `proof` is what the caller itself has verified of them (``slack-signature``, ``slack-socket``, ``imap``): it is
    noted of those that are new, since only their content is known to be what was verified.
    """
    import orjson

    first: list[Record] = []
    again: list[str] = []
    seen: set[str] = set()
    for event in events:
        if event["id"] in seen:
            again.append(event["id"])
        else:
            seen.add(event["id"])
            first.append(event)
    new = records.put_new(tx, first)
    announce = {event["id"]: event for event, is_new in zip(first, new, strict=True) if is_new}
    enter(tx, announce.values(), proof)
    again += [event["id"] for event in first if event["id"] not in announce]
    if again:
        tx.executemany("UPDATE wf_event SET delivery_count = delivery_count + 1 WHERE event_id = ?",
                       [(name,) for name in again])  # fmt: skip
        known = list(dict.fromkeys(name for name in again if name not in announce))
        sql = f"{_OPEN} AND e.event_id IN (SELECT value FROM json_each(?))"
        still_open = {name for (name,) in tx.execute(sql, (orjson.dumps(known).decode(),))}
        for name in known:
            if name in still_open and (stored := records.get(tx, name)):
                announce[name] = stored
    return list(announce.values())


def enter(tx: Connection, events: Any, proof: str | None = None) -> None:
    """Give each of these events, whose records are stored, its row, unless it has one."""
    tx.executemany(
        "INSERT INTO wf_event(event_id, source, type, received_at, delivery_count, proof) VALUES (?, ?, ?, ?, 1, ?)"
        " ON CONFLICT DO NOTHING",
        [(each["id"], str(each.get("source", "")), each["type"], str(each.get("received_at") or each["at"]), proof)
         for each in events],
    )  # fmt: skip


def unfinished(tx: Connection) -> list[str]:
    """The ids of the events that no later command has finished with, oldest first."""
    return [name for name, *_ in tx.execute(_ALL_OPEN)]


def happened(tx: Connection, since: datetime | None, until: datetime | None, source: str | None) -> list[str]:
    """The ids of the events of a span of time, from one source if that is named, in the order in which they came."""
    low, high = (clock.stamp(each) if each else None for each in (since, until))
    rows = tx.execute(
        "SELECT e.event_id FROM wf_event e JOIN record r ON r.id = e.event_id WHERE r.kind = 'wf.event'"
        " AND (?1 IS NULL OR r.at >= ?1) AND (?2 IS NULL OR r.at < ?2) AND (?3 IS NULL OR e.source = ?3)"
        " ORDER BY e.received_at, e.rowid",
        (low, high, source),
    )
    return [name for (name,) in rows]


def stored(read: Callable[[], AbstractContextManager[Connection]], names: Sequence[str]) -> Iterator[Record]:
    """The records of stored events, some hundred at a time, each lot in a snapshot of its own (`State.read`)."""
    for start in range(0, len(names), 500):
        with read() as tx:
            found = [records.get(tx, name) for name in names[start : start + 500]]
        yield from (each for each in found if each)
