"""What is worth saying about the recent days, in words and numbers that rest on records.

One warning for one matter: what the calendar shows together (more meetings, less time to think, evenings gone) is said
once, as overload. Numbers in the text are the numbers of the measures, and those are sums of the cited records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from roadmap_cli.life.history import series
from roadmap_cli.life.history.series import DayLoad, Meeting, Purchase, WorkingTime
from roadmap_cli.life.watch import baseline
from roadmap_cli.life.watch.baseline import Comparison

#: A change must also be this part of the usual value: what is statistically sure may still be too small to say.
LEAST_CHANGE_RATIO = 0.2
#: Severity as it is written; places count from 1.
SEVERITIES = ("low", "medium", "high")
JOINT = ("meeting_hours", "focus_hours", "after_hours")


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that is looked at: its name, in which direction it is worse, the least change worth a word."""

    name: str
    worse: int
    floor: float
    unit: str
    words: str
    per_day: bool = False
    ratio: float = LEAST_CHANGE_RATIO


LOAD = (
    Measure("meeting_hours", +1, 2.0, "h/week", "meetings {recent} h a week (usually {usual})"),
    Measure("meeting_count", +1, 3.0, "meetings/week", "{recent} meetings a week (usually {usual})"),
    Measure("after_hours", +1, 1.0, "h/week", "{recent} h of meetings a week outside working hours (usually {usual})"),
    Measure("focus_hours", -1, 0.5, "h/workday", "longest free block of a workday {recent} h (usually {usual})", True),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """One measure, compared."""

    measure: Measure
    comparison: Comparison
    limit: float

    @property
    def is_unusual(self) -> bool:
        """Whether it exceeds the threshold and is large enough to matter."""
        return self.comparison.score >= self.limit and self.matters

    @property
    def matters(self) -> bool:
        """Whether the change is large enough, in the direction that is worse."""
        change = self.measure.worse * (self.comparison.recent.value - self.comparison.usual)
        return change >= max(self.measure.floor, self.measure.ratio * abs(self.comparison.usual))

    @property
    def clear_at(self) -> float:
        """The value at which it would no longer count as unusual: half the threshold away from the usual one."""
        comparison = self.comparison
        value = comparison.usual + self.measure.worse * comparison.spread * self.limit / 2
        return value if comparison.usual < 0 else max(value, 0.0)

    def numbers(self) -> dict[str, str | float]:
        """What a record says of it, rounded as in the text."""
        comparison = self.comparison
        return {
            "measure": self.measure.name,
            "recent": _rounded(comparison.recent.value),
            "usual": _rounded(comparison.usual),
            "clear_at": _rounded(self.clear_at),
            "unit": self.measure.unit,
            "score": round(comparison.score, 2),
        }

    def text(self) -> str:
        """The clause that says it."""
        return self.measure.words.format(
            recent=spoken(self.comparison.recent.value), usual=spoken(self.comparison.usual)
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to warn of, with the ids of the records it rests on, those that weigh most first."""

    pattern: str
    severity: int
    measures: tuple[Seen, ...]
    evidence: tuple[str, ...]
    usual_evidence: tuple[str, ...]
    score: float
    limit: float

    @property
    def since(self) -> date:
        """The first day it is about."""
        return self.measures[0].comparison.recent.since

    @property
    def until(self) -> date:
        """The last day it is about."""
        return self.measures[0].comparison.recent.until

    def text(self) -> str:
        """What a person reads."""
        when = str(self.until) if self.since == self.until else f"{self.since} to {self.until}"
        return f"{self.pattern.replace('_', ' ')}: {'; '.join(seen.text() for seen in self.measures)}; {when}"

    def clears_when(self) -> str:
        """What would make it go away."""
        signs = {+1: "at or below", -1: "at or above"}
        return " and ".join(
            f"{seen.measure.name} {signs[seen.measure.worse]} {spoken(seen.clear_at)} {seen.measure.unit}"
            for seen in self.measures
        )


@dataclass(slots=True)
class Report:
    """What was found, what is quiet (patterns that no longer hold), and what there was too little of to tell."""

    findings: list[Finding] = field(default_factory=list)
    quiet: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)


def load_values(days: Sequence[DayLoad]) -> dict[str, dict[date, float]]:
    """The daily series of the load measures; hours as minutes over 60."""
    return {
        "meeting_hours": {day.day: day.meeting / 60 for day in days},
        "meeting_count": {day.day: float(day.count) for day in days},
        "after_hours": {day.day: day.after_hours / 60 for day in days},
        "focus_hours": {day.day: day.focus / 60 for day in days if day.focus is not None},
    }


def load_finding(
    found: Sequence[Meeting],
    since: date,
    until: date,
    working: WorkingTime,
    *,
    budget: float,
    looks: int,
    report: Report,
) -> None:
    """Look at the calendar's days from `since` to `until`, and add to the report what there is to say."""
    values = load_values(series.loads(found, since, until, working))
    seen = {
        measure.name: looked
        for measure in LOAD
        if (looked := _look(measure, values[measure.name], since, until, budget, looks)) is not None
    }
    if len(seen) < len(LOAD):
        report.untold.append(f"calendar: {(until - since).days + 1} days are too few; {_needed()} are needed")
        return
    comparison = seen["meeting_hours"].comparison
    recent = series.touching(found, comparison.recent.since, until, working)
    usual = series.touching(found, comparison.earlier[-1].since, comparison.earlier[0].until, working)
    joint = [seen[name] for name in JOINT]
    # The mean of scores is at most as spread as one of them, however they depend on each other: the same limit holds.
    score, limit = sum(item.comparison.score for item in joint) / len(joint), joint[0].limit
    telling = tuple(item for item in seen.values() if item.matters and item.comparison.score >= item.limit / 2)
    unusual = [item for item in seen.values() if item.is_unusual]
    together = "meeting_hours" in {item.measure.name for item in telling} and len(telling) > 1
    if together and (score >= limit or len(unusual) > 1):
        pattern, shown, strength = "overload", telling, max(score, *(item.comparison.score for item in telling))
    elif unusual:
        best = max(unusual, key=lambda item: item.comparison.score - item.limit)
        pattern, shown, strength = best.measure.name, (best,), best.comparison.score
    else:
        report.quiet += [name for name in ("overload", *seen) if name not in {item.measure.name for item in telling}]
        return
    order = sorted(recent, key=lambda meeting: (_weight(meeting, shown, working), meeting.id), reverse=True)
    severity = (2 if pattern == "overload" else 1) + (strength >= 1.5 * limit)
    report.findings.append(
        Finding(
            pattern,
            severity,
            tuple(shown),
            _ids(order),
            _ids(usual),
            strength,
            limit if pattern == "overload" else shown[0].limit,
        )
    )


def spending_finding(
    bought: Mapping[str, Sequence[Purchase]],
    spans: Mapping[str, tuple[date, date]],
    *,
    budget: float,
    looks: int,
    report: Report,
) -> None:
    """Look at everyday spending in each currency, and add to the report what there is to say."""
    for unit, items in bought.items():
        since, until = spans[unit]
        values: dict[date, float] = {}
        for item in items:
            values[item.day] = values.get(item.day, 0.0) + float(item.amount)
        every_day = {day: values.get(day, 0.0) for day in _days(since, until)}
        measure = Measure(
            f"spending_{unit}",
            +1,
            0.0,
            f"{unit}/week",
            f"everyday spending {{recent}} {unit} a week (usually {{usual}})",
        )
        seen = _look(measure, every_day, since, until, budget, looks)
        if seen is None:
            report.untold.append(
                f"spending in {unit}: {(until - since).days + 1} days are too few; {_needed()} are needed"
            )
            continue
        if not seen.is_unusual:
            if seen.comparison.score < seen.limit / 2:
                report.quiet.append(measure.name)
            continue
        comparison = seen.comparison
        recent = [item for item in items if comparison.recent.since <= item.day <= until]
        usual = [item for item in items if comparison.earlier[-1].since <= item.day <= comparison.earlier[0].until]
        order = sorted(recent, key=lambda item: (item.amount, item.id), reverse=True)
        severity = 1 + (comparison.score >= 1.5 * seen.limit)
        report.findings.append(
            Finding(measure.name, severity, (seen,), _ids(order), _ids(usual), comparison.score, seen.limit)
        )


def _look(
    measure: Measure, values: Mapping[date, float], since: date, until: date, budget: float, looks: int
) -> Seen | None:
    found = baseline.stretches(values, since, until, per_day=measure.per_day)
    comparison = baseline.compare(found, values, worse=measure.worse, floor=measure.floor) if found else None
    if comparison is None:
        return None
    return Seen(measure, comparison, baseline.threshold(budget, looks, comparison.degrees))


def _needed() -> str:
    days = baseline.STRETCH_DAYS * 2 + (baseline.LEAST_STRETCHES - 1) * baseline.STEP_DAYS
    return f"{days} days"


def _days(since: date, until: date) -> Iterator[date]:
    return (since + timedelta(days=offset) for offset in range((until - since).days + 1))


def _weight(meeting: Meeting, shown: Sequence[Seen], working: WorkingTime) -> float:
    """How much a meeting bears on what is shown: its length, and double where it is outside working hours."""
    minutes = (meeting.end - meeting.start).total_seconds() / 60
    local = meeting.start.astimezone(working.zone)
    outside = local.weekday() > 4 or not working.begins <= local.time() < working.ends
    return minutes * (2 if outside and any(item.measure.name == "after_hours" for item in shown) else 1)


def _ids(items: Sequence[Meeting] | Sequence[Purchase]) -> tuple[str, ...]:
    return tuple(item.id for item in items)


def spoken(value: float) -> str:
    """A number as it stands in the text: one decimal, or none from a hundred on."""
    return f"{_rounded(value):.1f}" if abs(value) < 100 else f"{_rounded(value):.0f}"


def _rounded(value: float) -> float:
    return round(value, 1) if abs(value) < 100 else float(round(value))
