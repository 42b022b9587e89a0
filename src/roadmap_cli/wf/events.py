"""Outside events as records: one shape for all sources, each stored once however often it is delivered.

The fields are those of CloudEvents 1.0 where it has one: source, type, subject, data. The rule kept here: an event is
in the state before it is announced, and a repeated delivery of one that went its way is not announced again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, canonical, content_id, require
from roadmap_cli.state import records

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

#: The largest webhook body and the most alerts in it.
MOST_BYTES = 8 * 1024 * 1024
MOST_ALERTS = 10_000
_MOST_SUBJECT = 256


def read_body(source: str, body: bytes, at: datetime) -> list[Record]:
    """The events in one delivery of a source (``alertmanager`` or ``jsonl``). Raises DataError for a body that is none.

    All of a body is read before any of it is used: a delivery is taken whole or refused whole.
    """
    if len(body) > MOST_BYTES:
        raise DataError(f"body larger than {MOST_BYTES} bytes", code="too_large")
    if source == "jsonl":
        lines = (line for line in body.split(b"\n") if line.strip())
        return [from_object(parsed(line, number), at) for number, line in enumerate(lines, 1)]
    return SOURCES[source](parsed(body, None), at)


def parsed(text: bytes, line: int | None) -> Record:
    """One JSON object. Raises DataError with the line if it is one of several."""
    import orjson

    where = f"line {line}: " if line else ""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise DataError(f"{where}not JSON: {str(error).lower()}", code="bad_json") from None
    if not isinstance(value, dict):
        raise DataError(f"{where}not a JSON object", code="not_an_object")
    return value


def from_alertmanager(body: Record, at: datetime) -> list[Record]:
    """One event for each alert of an Alertmanager webhook (payload version 4).

    Alertmanager sends an alert again until it is resolved: fingerprint, start and status say which one it is.
    Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
    """
    if body.get("version") != "4":
        raise DataError(f"not an Alertmanager webhook of version '4': {body.get('version')!r}", code="bad_version")
    alerts = require(body, "alerts", list)
    if len(alerts) > MOST_ALERTS:
        raise DataError(f"more than {MOST_ALERTS} alerts", code="too_large")
    shared = {
        "receiver": body.get("receiver"),
        "group_key": body.get("groupKey"),
        "group_labels": body.get("groupLabels"),
        "external_url": body.get("externalURL"),
    }
    return [_alert(alert, {key: value for key, value in shared.items() if value is not None}, at) for alert in alerts]


def _alert(alert: Any, shared: Mapping[str, Any], at: datetime) -> Record:
    if not isinstance(alert, dict):
        raise DataError("an alert is not an object", code="wrong_type")
    labels = require(alert, "labels", dict)
    status = require(alert, "status", str)
    starts_at = require(alert, "startsAt", str)
    if status not in ("firing", "resolved"):
        raise DataError(f"unknown alert status {status!r}", code="bad_status")
    started = clock.parse(starts_at)
    happened = started if status == "firing" else clock.parse(require(alert, "endsAt", str))
    fingerprint = alert.get("fingerprint") or hashlib.sha256(canonical(labels)).hexdigest()[:16]
    return _event(
        happened,
        at,
        source="alertmanager",
        type=f"alertmanager.alert.{status}",
        subject=str(labels.get("alertname", "")),
        dedupe_key=f"alertmanager:{fingerprint}:{starts_at}:{status}",
        data={**alert, **shared},
    )


def from_object(body: Record, at: datetime) -> Record:
    """One event for a CloudEvent, for a record of this toolchain, or for any other JSON object.

    A CloudEvent is the same if source and id are (CloudEvents 1.0, 3.1); a record if its id is; else if all of it is.
    """
    if "specversion" in body:
        name, source = require(body, "id", str), require(body, "source", str)
        happened = clock.parse(body["time"]) if isinstance(body.get("time"), str) else at
        kind, data = require(body, "type", str), body.get("data", {})
        subject, key = str(body.get("subject", "")), f"cloudevents:{source}:{name}"
    elif isinstance(body.get("kind"), str) and isinstance(body.get("id"), str):
        happened = clock.parse(body["at"]) if isinstance(body.get("at"), str) else at
        source, kind, data = "records", body["kind"], body
        subject, key = body["id"], f"records:{body['kind']}:{body['id']}"
    else:
        happened, source, kind, data = at, "jsonl", str(body.get("type", "object")), body
        subject, key = str(body.get("subject", "")), f"jsonl:{hashlib.sha256(canonical(body)).hexdigest()}"
    return _event(happened, at, source=source, type=kind, subject=subject, dedupe_key=key, data=data)


def _event(
    happened: datetime, at: datetime, *, source: str, type: str, subject: str, dedupe_key: str, data: Any
) -> Record:
    return {
        "kind": "wf.event",
        "id": content_id("wf.event", dedupe_key=dedupe_key),
        "at": clock.stamp(happened),
        "source": source,
        "type": type,
        "subject": subject[:_MOST_SUBJECT],
        "dedupe_key": dedupe_key,
        "received_at": clock.stamp(at),
        "data": data,
    }


#: The sources of webhooks, each with what reads a body of theirs.
SOURCES: Mapping[str, Callable[[Record, datetime], list[Record]]] = {"alertmanager": from_alertmanager}

#: An event is open until its plans have got as far as wf-approve, and those approved as far as wf-run.
_OPEN = """
    SELECT e.event_id FROM wf_event e WHERE (e.matched_at IS NULL OR EXISTS (
        SELECT 1 FROM wf_match m LEFT JOIN wf_plan p ON p.match_id = m.match_id
        WHERE m.event_id = e.event_id AND m.is_ambiguous = 0 AND (
            p.plan_id IS NULL
            OR NOT EXISTS (SELECT 1 FROM wf_approval a WHERE a.plan_id = p.plan_id)
            OR (NOT EXISTS (SELECT 1 FROM wf_run r WHERE r.plan_id = p.plan_id)
                AND 'approved' = (SELECT a.status FROM wf_approval a WHERE a.plan_id = p.plan_id
                                  ORDER BY a.number DESC LIMIT 1)))))
"""


def keep(tx: Connection, events: Sequence[Record]) -> list[Record]:
    """Store events and return those to announce: the new ones, and repeats of such as no later command has finished.

    The second sort is what makes a pipeline that was killed whole again when the same delivery comes once more. What is
    returned for a repeat is the event as it was first stored.
    """
    announce: dict[str, Record] = {}
    for event in events:
        identity = event["id"]
        added = tx.execute(
            "INSERT INTO wf_event(event_id, dedupe_key, source, type, received_at, delivery_count)"
            " VALUES (?, ?, ?, ?, ?, 1) ON CONFLICT(dedupe_key) DO UPDATE SET delivery_count = delivery_count + 1"
            " RETURNING delivery_count",
            (identity, event["dedupe_key"], event["source"], event["type"], event["received_at"]),
        ).fetchone()[0]
        if added == 1:
            records.put(tx, event)
            announce[identity] = event
        elif identity not in announce and _is_open(tx, identity):
            announce[identity] = records.get(tx, identity) or event
    return list(announce.values())


def _is_open(tx: Connection, event_id: str) -> bool:
    return tx.execute(f"{_OPEN} AND e.event_id = ?", (event_id,)).fetchone() is not None


def unfinished(tx: Connection) -> Iterable[Record]:
    """The stored events that no later command has finished with, oldest first."""
    rows = tx.execute(f"{_OPEN} ORDER BY e.received_at, e.event_id").fetchall()
    return [event for (identity,) in rows if (event := records.get(tx, identity))]
