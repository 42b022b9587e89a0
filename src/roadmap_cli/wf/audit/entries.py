"""Entries of the audit log as records, found by what they say; and as other programs want them.

CloudEvents 1.0 JSON is what is stored; OCSF is its class API Activity (6003), https://schema.ocsf.io.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

KIND = "wf.audit_entry"
#: The columns of the CSV form, in order.
CSV_COLUMNS = ("seq", "at", "id", "action", "user", "agent", "resource", "outcome", "why", "run_id", "step", "leaf")
_FIELDS = {
    "action": "$.data.action",
    "user": "$.data.actor.user",
    "agent": "$.data.actor.agent",
    "resource": "$.data.resource",
    "outcome": "$.data.outcome",
    "run_id": "$.data.run_id",
}
#: What has no action is no entry; CASE, so that nothing is extracted from what is no JSON.
_TEXT = "CAST(body AS TEXT)"
_DAMAGED = f"CASE WHEN json_valid({_TEXT}) THEN json_type({_TEXT}, '$.data.action') IS NOT 'text' ELSE 1 END"
#: What every entry says, as text.
_SAID = ("id", "at", "action", "user", "resource", "outcome", "why")
_OCSF_VERSION = "1.3.0"
_OCSF_SUCCESS, _OCSF_FAILURE, _OCSF_OTHER = 1, 2, 99
_OCSF_ACTIVITY = {"created": 1, "started": 1, "planned": 1, "asked": 1, "read": 2, "revoked": 4, "deleted": 4}


def rows(
    tx: Connection,
    wanted: Mapping[str, str],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    newest: int | None = None,
) -> Iterator[tuple[int, bytes, bytes]]:
    """Place, text and hash of the entries that are as `wanted` (by GLOB patterns for its keys), oldest first.

    The keys are action, user, agent, resource, outcome and run_id. With `newest`, the last so many of them. One that is
    damaged may have been as wanted, and is among them.
    """
    conditions = []
    values: list[Any] = list(wanted.values())
    if wanted:
        fits = " AND ".join(f"json_extract({_TEXT}, '{_FIELDS[key]}') GLOB ?" for key in wanted)
        conditions.append(f"CASE WHEN {_DAMAGED} THEN 1 ELSE {fits} END")
    for condition, moment in (("at >= ?", since), ("at < ?", until)):
        if moment is not None:
            conditions.append(condition)
            values.append(clock.stamp(moment))
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    sql = f"SELECT seq, body, leaf FROM wf_audit{where} ORDER BY seq"
    if newest is not None:
        sql = f"SELECT * FROM (SELECT seq, body, leaf FROM wf_audit{where} ORDER BY seq DESC LIMIT ?) ORDER BY seq"
        values.append(newest)
    yield from tx.execute(sql, values)


def record(seq: int, body: bytes, leaf: bytes) -> Record:
    """An entry as a wf.audit_entry. Raises DataError for one that is damaged."""
    import orjson

    with _reading(seq):
        entry = orjson.loads(body)
        data = dict(entry["data"])
        actor = data.pop("actor")
        found: Record = {"kind": KIND, "id": entry["id"], "at": entry["time"], "seq": seq, "action": data.pop("action")}
        found |= {**actor, **data, "leaf": leaf.hex()}
        if not all(isinstance(found[each], str) for each in _SAID):
            raise TypeError
        return found


def ocsf(seq: int, body: bytes) -> Record:
    """An entry as an event of OCSF's class API Activity. Raises DataError for one that is damaged."""
    with _reading(seq):
        return _ocsf(seq, body)


def cloudevent(seq: int, body: bytes) -> bytes:
    """An entry as the CloudEvent it was stored as, to the letter. Raises DataError for one that is damaged."""
    record(seq, body, b"")
    with _reading(seq):
        if b"\n" in body:
            raise ValueError
        return body


@contextmanager
def _reading(seq: int) -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, DataError):
        raise DataError(f"entry {seq} cannot be read; see wf-audit verify", code="log_damaged") from None


def _ocsf(seq: int, body: bytes) -> Record:
    import orjson

    entry = orjson.loads(body)
    data = entry["data"]
    activity = _OCSF_ACTIVITY.get(data["action"].rpartition(".")[2], _OCSF_OTHER)
    is_bad = data["outcome"] in ("refused", "failed")
    found: Record = {
        "class_uid": 6003,
        "category_uid": 6,
        "activity_id": activity,
        "type_uid": 600300 + activity,
        "time": round(clock.parse(entry["time"]).timestamp() * 1000),
        "severity_id": 3 if is_bad else 1,
        "status_id": _OCSF_FAILURE if is_bad else _OCSF_SUCCESS,
        "status": data["outcome"],
        "message": data["why"],
        "actor": {"user": {"name": data["actor"]["user"]}},
        "api": {"operation": data["action"]},
        "src_endpoint": {"name": "localhost"},
        "resources": [{"uid": data["resource"]}],
        "metadata": {
            "version": _OCSF_VERSION,
            "uid": entry["id"],
            "sequence": seq,
            "product": {"name": "roadmap", "vendor_name": "roadmap"},
        },
        "unmapped": {key: value for key, value in data.items() if key not in ("action", "actor", "outcome", "why")},
    }
    if activity == _OCSF_OTHER:
        found["activity_name"] = data["action"]
    if "agent" in data["actor"]:
        found["actor"]["app_name"] = data["actor"]["agent"]
    return found


def text(form: str, found: Iterator[tuple[int, bytes, bytes]], skipped: Callable[[DataError], None]) -> Iterator[bytes]:
    """Entries in a form, ``cloudevents``, ``ocsf`` (JSON Lines) or ``csv``: line by line, each with its end.

    `skipped` is told of each that is damaged and left out.
    """
    import orjson

    if form == "csv":
        yield from _csv(found, skipped)
        return
    for seq, body, _ in found:
        try:
            line = cloudevent(seq, body) if form == "cloudevents" else orjson.dumps(ocsf(seq, body))
        except DataError as error:
            skipped(error)
        else:
            yield line + b"\n"


def _csv(found: Iterator[tuple[int, bytes, bytes]], skipped: Callable[[DataError], None]) -> Iterator[bytes]:
    import csv
    import io

    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(CSV_COLUMNS)
    for each in found:
        try:
            entry = record(*each)
        except DataError as error:
            skipped(error)
            continue
        writer.writerow([_inert(entry.get(column, "")) for column in CSV_COLUMNS])
        if buffer.tell() > 1 << 16:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def _inert(value: Any) -> Any:
    """Text that a spreadsheet does not take for a formula (OWASP, CSV injection)."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
