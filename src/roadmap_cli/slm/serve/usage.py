"""Which model will be wanted next: counted from when models were used, by hour of the week and by what came before.

The estimate for an hour of the week is the share of the observed weeks in which the model was used in that hour,
newer weeks weighing more, drawn towards the share of days on which it was used at that hour of the day: with one week
of history the day speaks, later the week. For what follows on a model it is the share of its uses after which the
other was used within a quarter of an hour. Nothing is foreseen from less than `LEAST` observations.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from roadmap_cli.core import clock
from roadmap_cli.state.connection import Connection

#: History that counts, and that is kept.
KEPT = timedelta(days=56)
#: A model is wanted if it is at least this probable.
THRESHOLD = 0.5
#: Fewer days, or uses of the model before, than this foretell nothing.
LEAST = 3
#: Weight of the share of days beside the weeks.
DAY_WEIGHT = 1.5
#: A week counts this much less than the one after it.
DECAY = 0.8
AFTER = timedelta(minutes=15)

Use = tuple[datetime, str]


@dataclass(frozen=True, slots=True)
class Forecast:
    """A model that will be wanted, with what that rests on."""

    model: str
    probability: float
    why: str
    facts: dict[str, Any]


def span_of(moment: datetime) -> datetime:
    """The beginning of the span of a moment."""
    return moment.replace(minute=moment.minute - moment.minute % 5, second=0, microsecond=0)


def note(tx: Connection, model: str, span: datetime) -> None:
    """Write down that a model was used in a span, and forget what is too old."""
    tx.execute("INSERT OR IGNORE INTO slm_use (at, model) VALUES (?, ?)", (clock.stamp(span), model))
    tx.execute("DELETE FROM slm_use WHERE at < ?", (clock.stamp(span - KEPT),))


def history(tx: Connection, now: datetime) -> list[Use]:
    """Every use that counts, oldest first."""
    rows = tx.execute("SELECT at, model FROM slm_use WHERE at >= ? ORDER BY at", (clock.stamp(now - KEPT),)).fetchall()
    return [(clock.parse(at), model) for at, model in rows]


def by_hour(uses: Sequence[Use], moment: datetime, zone: tzinfo | None) -> list[Forecast]:
    """The models that will be wanted in the hour of `moment` (its week and day in `zone`), most probable first."""
    if not uses:
        return []
    local = moment.astimezone(zone)
    this_hour = local.replace(minute=0, second=0, microsecond=0)
    seen: dict[str, set[datetime]] = defaultdict(set)
    for at, model in uses:
        seen[model].add(at.astimezone(zone).replace(minute=0, second=0, microsecond=0))
    first = uses[0][0].astimezone(zone)
    days = (this_hour.date() - first.date()).days
    if days < LEAST:
        return []
    weeks = days // 7
    found = []
    for model, hours in seen.items():
        kind = this_hour.weekday() >= 5
        past = [this_hour - timedelta(days=number) for number in range(1, days + 1)]
        alike = [hour for hour in past if (hour.weekday() >= 5) == kind]
        used_days = sum(hour in hours for hour in alike)
        day_share = used_days / len(alike) if alike else 0.0
        weights = [DECAY**number for number in range(weeks)]
        on = [this_hour - timedelta(weeks=number + 1) in hours for number in range(weeks)]
        used = sum(weight for weight, was in zip(weights, on, strict=True) if was)
        share = (used + DAY_WEIGHT * day_share) / (sum(weights) + DAY_WEIGHT)
        if share >= THRESHOLD:
            facts = {"weeks_used": sum(on), "weeks": weeks, "days_used": used_days, "days": len(alike)}
            why = (
                f"used at this hour in {sum(on)} of {weeks} weeks and on {used_days} of {len(alike)}"
                f" {'days of weekends' if kind else 'working days'}"
            )
            found.append(Forecast(model, share, why, facts))
    return sorted(found, key=lambda each: (-each.probability, each.model))


def after(uses: Sequence[Use], model: str) -> list[Forecast]:
    """The models that are wanted soon after `model`, most probable first."""
    starts = [at for at, name in uses if name == model]
    if len(starts) < LEAST:
        return []
    followed: dict[str, int] = defaultdict(int)
    others = [(at, name) for at, name in uses if name != model]
    place = 0
    for start in starts:
        while place < len(others) and others[place][0] < start:
            place += 1
        soon = {name for at, name in _within(others, place, start + AFTER)}
        for name in soon:
            followed[name] += 1
    found = []
    for name, count in followed.items():
        share = count / (len(starts) + 1)  # one use more, not followed: three of three are no certainty
        if share >= THRESHOLD:
            why = f"used within {AFTER.seconds // 60} minutes after {model!r} {count} of {len(starts)} times"
            found.append(Forecast(name, share, why, {"followed": count, "times": len(starts)}))
    return sorted(found, key=lambda each: (-each.probability, each.model))


def next_hour(uses: Sequence[Use], now: datetime, zone: tzinfo | None) -> datetime | None:
    """The beginning of the next hour, within a day, in which any model will be wanted."""
    base = now.replace(minute=0, second=0, microsecond=0)
    for number in range(1, 25):
        moment = base + timedelta(hours=number)
        if by_hour(uses, moment, zone):
            return moment
    return None


def _within(others: Sequence[Use], place: int, end: datetime) -> list[Use]:
    found = []
    for at, name in others[place:]:
        if at > end:
            break
        found.append((at, name))
    return found
