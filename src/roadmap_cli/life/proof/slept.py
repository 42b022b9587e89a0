"""Nights, added up again from the records of sleep that a figure cites: all of one night are of one device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime

from roadmap_cli.core.clock import parse
from roadmap_cli.core.records import Record
from roadmap_cli.life.local_time.wall_clock import zone_of

#: What is so far apart is of two nights.
_APART_S = 90 * 60
_ASLEEP, _PHASES = ("asleep", "core", "deep", "rem"), ("core", "deep", "rem")


def each_night(records: Sequence[Record]) -> Iterator[tuple[date, float, datetime, datetime]]:
    """Day of waking, minutes asleep, falling asleep and waking of each night."""
    nights: list[list[Record]] = []
    reached = None
    for each in sorted(records, key=lambda record: parse(record["at"])):
        begin = parse(each["at"])
        if reached is None or (begin - reached).total_seconds() > _APART_S:
            nights.append([])
            reached = None
        nights[-1].append(each)
        end = parse(each["ends_at"])
        reached = end if reached is None else max(reached, end)
    for night in nights:
        asleep = [each for each in night if each.get("stage", "asleep") in _ASLEEP] or night
        fell, woke = min(parse(each["at"]) for each in asleep), max(parse(each["ends_at"]) for each in asleep)
        last = max(asleep, key=lambda each: (parse(each["at"]), str(each["id"])))
        yield woke.astimezone(zone_of(last.get("zone"))).date(), _minutes(asleep), fell, woke


def _minutes(asleep: Sequence[Record]) -> float:
    """Stretches of time joined; of a device that tells sums of a stage, these: of its phases if it has them."""
    told: dict[str, list[Record]] = {}
    for each in asleep:
        told.setdefault(str(each.get("stage", "asleep")), []).append(each)
    sums = {
        stage: sum(float(each["value"]) for each in rows if _is_sum(each))
        for stage, rows in told.items()
        if any(map(_is_sum, rows))
    }
    if not sums:
        return _joined(asleep)
    by_stage = {stage: sums.get(stage, _joined(rows)) for stage, rows in told.items()}
    return sum(by_stage.get(stage, 0.0) for stage in _PHASES) or sum(by_stage.values())


def _is_sum(each: Record) -> bool:
    return (parse(each["ends_at"]) - parse(each["at"])).total_seconds() / 60 > float(each["value"]) + 1


def _joined(rows: Sequence[Record]) -> float:
    total, reached = 0.0, float("-inf")
    for begin, end in sorted((parse(each["at"]).timestamp(), parse(each["ends_at"]).timestamp()) for each in rows):
        total += max(end - max(begin, reached), 0.0)
        reached = max(reached, end)
    return total / 60
