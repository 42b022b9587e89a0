"""Records of measurements and exercises as every format of devices makes them: same fields, same ids.

An id is of what was measured, when and by what device, in our units: a second export of the same history gives the same
ids, whoever made it and whenever.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id, content_ids
from roadmap_cli.life.kinds.items import Source
from roadmap_cli.life.kinds.metrics import METRICS, convert, tidy
from roadmap_cli.life.local_time.wall_clock import offset_of

MEASUREMENT, ACTIVITY = "life.measurement", "life.activity"


def measurement(
    source: Source,
    line: int,
    metric: str,
    value: float,
    start: datetime,
    end: datetime | None = None,
    *,
    unit: str | None = None,
    day: str | None = None,
    zone: str | None = None,
    stage: str = "",
    device: str = "",
    app: str = "",
) -> Record:
    """One value of a metric of `life.kinds.metrics`, converted from `unit` (its own without one).

    `start` and `end` are aware; the day is that of `start` in its own zone, or `day`; of sleep that of waking.
    Raises DataError for an unknown unit, a span that ends before it begins, a value that is no number.
    """
    known = METRICS[metric]
    if not math.isfinite(value):
        raise DataError("value is not a number", code="wrong_type")
    if end is not None and end < start:
        raise DataError("it ends before it begins", code="bad_time")
    number = convert(value, unit, known) if unit is not None else tidy(value)
    at = _stamp(start)
    ended = _stamp(end) if end is not None else at
    record: Record = {"kind": MEASUREMENT, "id": "", "at": at}
    if ended != at:
        record["ends_at"] = ended
    record["date"] = day or (start.date().isoformat() if metric != "sleep" else sleep_day(end or start).isoformat())
    record["zone"] = zone or zone_name(start)
    record["metric"] = metric
    record["value"] = number
    record["unit"] = known.unit
    for name, text in (("stage", stage), ("device", device), ("app", app)):
        if text:
            record[name] = text
    record |= {"source": source.name, "source_line": line, "source_id": source.id}
    record["id"] = measurement_id(record)
    return record


def measurement_id(record: Record) -> str:
    """The content id of a measurement."""
    return content_ids(MEASUREMENT, [identity_of(record)])[0]


def identity_of(record: Record) -> bytes:
    """What its id is the hash of."""
    from roadmap_cli.core.records import identity

    fields = {"at": record["at"], "device": record.get("device", ""), "ends_at": record.get("ends_at", record["at"])}
    fields |= {"metric": record["metric"], "value": repr(record["value"])}
    if record.get("stage"):
        fields["stage"] = record["stage"]
    return identity(MEASUREMENT, **fields)


def activity(
    source: Source,
    line: int,
    sport: str,
    start: datetime,
    end: datetime,
    *,
    zone: str | None = None,
    start_place: tuple[float, float] | None = None,
    **fields: Any,
) -> Record:
    """One exercise; `fields` are those of life.activity, left out where they are None.

    Its id is of its sport and times: what the device and a service say of one run is one record if they agree on
    the second. Raises DataError for a span that ends before it begins.
    """
    if end < start:
        raise DataError("it ends before it begins", code="bad_time")
    at, ended = _stamp(start), _stamp(end)
    device = fields.get("device") or ""
    record: Record = {
        "kind": ACTIVITY,
        "id": content_id(ACTIVITY, at=at, ends_at=ended, sport=sport, device=device),
        "at": at,
        "ends_at": ended,
        "date": start.date().isoformat(),
        "zone": zone or zone_name(start),
        "sport": sport,
    }
    for name, value in fields.items():
        if value is None or value == "" or (isinstance(value, float) and not math.isfinite(value)):
            continue
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            if value < 0:
                continue
            value = tidy(round(value, 3))
        record[name] = value
    if start_place and abs(start_place[0]) <= 90 and abs(start_place[1]) <= 180:
        record["start"] = {"latitude": round(start_place[0], 6), "longitude": round(start_place[1], 6)}
    return record | {"source": source.name, "source_line": line, "source_id": source.id}


def sleep_day(end: datetime) -> Any:
    """The day of waking that a stage ending at the local time `end` most likely belongs to.

    What ends in the evening belongs to the night that goes on after midnight. It is only the column that is looked
    up by: `life.history.nights` puts the stages of a night together again.
    """
    try:
        return (end.replace(tzinfo=None) + timedelta(hours=6)).date()
    except OverflowError:
        return end.date()


def zone_name(moment: datetime) -> str:
    """The zone of an aware moment as records name it: IANA name, or offset."""
    key = getattr(moment.tzinfo, "key", None)
    return str(key) if key else "UTC" if moment.tzinfo is UTC else offset_of(moment)


def placed(source: Source, found: Iterator[Record | DataError], line: int) -> Iterator[Record | DataError]:
    """What an item gives; a DataError raised on the way stands in its place, with the item's number."""
    try:
        for each in found:
            yield source.placed(each, line) if isinstance(each, DataError) and not each.where else each
    except DataError as error:
        yield error if error.where else source.placed(error, line)


def _stamp(moment: datetime) -> str:
    try:
        return stamp(moment)
    except (OverflowError, ValueError):
        raise DataError("time is outside the calendar", code="bad_time") from None


def ids_of(records: Sequence[Record], identities: Sequence[bytes]) -> None:
    """Give measurements their ids, all at once."""
    for record, each in zip(records, content_ids(MEASUREMENT, identities), strict=True):
        record["id"] = each
