"""What is worth saying of the daily series, beside what the calendar and the bank say of a fortnight.

Every series is looked at by `daily`; a view counts only in the direction that is hard on a person. When calendar and
body tell the same story together, it is told once, as burnout risk, with the numbers of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from statistics import NormalDist, median
from typing import Any

from roadmap_cli.life.history.habits import Days
from roadmap_cli.life.watch import daily
from roadmap_cli.life.watch.baseline import Comparison, Stretch
from roadmap_cli.life.watch.daily import View
from roadmap_cli.life.watch.warnings import LOAD, Finding, Measure, Report, Seen

#: The least change of each that anybody would care about, in its unit.
MEASURES = {
    each.name: each
    for each in (
        Measure("sleep_hours", -1, 0.5, "h/night", "sleep {recent} h a night (usually {usual})", True, 0.05),
        Measure(
            "bedtime", +1, 0.5, "h after midnight", "to bed {recent} h after midnight (usually {usual})", True, 0.0
        ),
        Measure("resting_heart_rate", +1, 2.0, "bpm", "resting heart rate {recent} bpm (usually {usual})", True, 0.0),
        Measure(
            "heart_rate_variability", -1, 3.0, "ms", "heart rate variability {recent} ms (usually {usual})", True, 0.08
        ),
        Measure("steps", -1, 1000.0, "steps/day", "{recent} steps a day (usually {usual})", True, 0.15),
        Measure(
            "close_contacts", -1, 0.3, "/day", "contact with close people {recent} a day (usually {usual})", True, 0.3
        ),
        Measure("late_screen", +1, 10.0, "min/evening", "late pages {recent} min an evening (usually {usual})", True),
        Measure("meeting_hours", +1, 0.5, "h/day", "meetings {recent} h a day (usually {usual})", True),
        Measure("after_hours", +1, 0.2, "h/day", "{recent} h of meetings a day after hours (usually {usual})", True),
        Measure("focus_hours", -1, 0.5, "h/workday", "longest free block {recent} h (usually {usual})", True),
    )
}
#: What makes up strain, of work and of the body; one of each at least makes burnout risk.
WORK = ("meeting_hours", "after_hours", "focus_hours")
BODY = ("sleep_hours", "bedtime", "resting_heart_rate", "heart_rate_variability")
JOINT = "burnout_risk"
#: A part of a joint pattern is told if it is at least so many spreads from usual itself.
TELLING = 1.0
#: Earlier stretches that "usually" is the median of, at most.
EARLIER = 24


@dataclass(frozen=True, slots=True)
class Look:
    """A series as arrays up to the last day, NaN for none."""

    name: str
    days: Days
    since: date
    until: date
    values: Any
    weekdays: Any


def find(series: Mapping[str, Days], until: date, *, budget: float, count: int, report: Report) -> None:
    """Look at every daily series up to `until`; add to the report what there is to say.

    `budget` false alarms in 30 days are allowed over `count` series; what is in the report already is not said again.
    """
    looked: dict[str, Look] = {}
    for name, days in series.items():
        if not days.values:  # a calendar of a weekend alone has no workday to measure
            continue
        last = max(days.values)
        own = name in MEASURES and name not in WORK  # the others' gaps are told where calendar and bank are read
        if (until - last).days > 3:
            report.untold += [f"{name}: nothing since {last}"] * own
            continue
        since = max(min(days.values), last - timedelta(days=daily.REACH + daily.SCALES[-1] - 1))
        values, weekdays = daily.table(days.values, since, last)
        if (values == values).sum() < daily.LEAST + 1:
            report.untold += [
                f"{name}: {(last - since).days + 1} days are too few; {daily.LEAST + 14} are needed"
            ] * own
            continue
        looked[name] = Look(name, days, since, last, values, weekdays)
    allowed = daily.limit(budget, count)
    limit = NormalDist().inv_cdf(1 - allowed / 2)
    said = {finding.pattern for finding in report.findings}
    covered = set()
    if "overload" in said:
        covered |= {measure.name for measure in LOAD}
    joint = _joint(looked, allowed, limit) if "overload" not in said or set(looked) & set(BODY) else None
    if joint is not None:
        load = {"overload", *(measure.name for measure in LOAD)}
        part = [finding.severity for finding in report.findings if finding.pattern in load]
        report.findings = [finding for finding in report.findings if finding.pattern not in load]  # one matter, once
        report.findings.append(replace(joint, severity=max([joint.severity, *part])))
        covered |= {seen.measure.name for seen in joint.measures} | load
    else:
        report.quiet.append(JOINT)
    for name, look in looked.items():
        best = _best(look, allowed)
        if best is None:
            continue
        seen = _seen(look, best, limit)
        strong = best.chance <= allowed
        if strong and seen.matters and name not in said and name not in covered:
            recent, earlier = seen.comparison.recent, seen.comparison.earlier
            report.findings.append(
                Finding(
                    name,
                    1 + (seen.comparison.score >= 1.5 * limit),
                    (seen,),
                    tuple(look.days.cited(recent.since, recent.until)),
                    tuple(look.days.cited(earlier[-1].since, earlier[0].until)),
                    seen.comparison.score,
                    limit,
                )
            )
        elif not strong and seen.comparison.score < limit / 2 and own_pattern(name) and name not in said:
            report.quiet.append(name)


def own_pattern(name: str) -> bool:
    """Whether only this module warns of a series, and so says when it is quiet again."""
    return name in MEASURES and name not in {measure.name for measure in LOAD}


def measure_of(name: str) -> Measure:
    """The measure of a series by name; of spending, made for its currency."""
    if name.startswith("spending_"):
        unit = name.removeprefix("spending_")
        return Measure(
            name, +1, 0.0, f"{unit}/day", f"everyday spending {{recent}} {unit} a day (usually {{usual}})", True
        )
    return MEASURES[name]


def _best(look: Look, allowed: float) -> View | None:
    """The least probable view in the direction that is hard; rhythm and scatter have none.

    A level that is unusual enough is told before its consequences for rhythm and scatter.
    """
    worse = measure_of(look.name).worse
    views = [
        view
        for view in daily.looks(look.name, look.values, look.weekdays)
        if view.form != "level" or view.score * worse > 0
    ]
    levels = [view for view in views if view.form == "level" and view.chance <= allowed]
    return min(levels or views, key=lambda view: view.chance, default=None)


def _seen(look: Look, view: View, limit: float) -> Seen:
    """A view in numbers: the mean of the newest days, those of the stretches before, how far apart in spreads."""
    measure = measure_of(look.name)
    score = NormalDist().inv_cdf(1 - max(view.chance, 1e-12) / 2)
    value = _mean
    if view.form != "level":
        value = _scatter
        words = {"scatter": "varies by {recent}", "rhythm": "differs between weekdays by {recent}"}[view.form]
        plain = look.name.replace("_", " ")
        unit = measure.unit.split("/")[0]
        measure = replace(measure, name=f"{look.name}_{view.form}", worse=1, floor=measure.floor / 2, ratio=0.2,
                          unit=unit, words=f"{plain} {words} {unit} (usually {{usual}})")  # fmt: skip
        value = _scatter if view.form == "scatter" else _between
    step = 7 if view.days == 1 else view.days
    stretches: list[Stretch] = []
    end = look.until
    while len(stretches) <= EARLIER and end - timedelta(days=view.days - 1) >= look.since:
        begin = end - timedelta(days=view.days - 1)
        found = value(look.days.values, begin, end)
        if found is not None:
            stretches.append(Stretch(begin, end, found))
        end -= timedelta(days=step)
    recent, earlier = stretches[0], tuple(stretches[1:])
    usual = median(each.value for each in earlier) if earlier else recent.value
    spread = max(abs(recent.value - usual) / max(score, 1e-6), 1e-9)
    signed = score if measure.worse * (recent.value - usual) > 0 else -score
    return Seen(measure, Comparison(recent, earlier or (recent,), usual, spread, signed, 0.0), limit)


def of_stretch(measure: str, values: Mapping[date, float], begin: date, end: date) -> float | None:
    """What a stretch of days comes to for a measure: by the ending of its name its scatter or rhythm, else its mean."""
    if measure.endswith("_scatter"):
        return _scatter(values, begin, end)
    return _between(values, begin, end) if measure.endswith("_rhythm") else _mean(values, begin, end)


def _inside(values: Mapping[date, float], begin: date, end: date) -> list[tuple[date, float]]:
    days = [begin + timedelta(days=offset) for offset in range((end - begin).days + 1)]
    return [(day, values[day]) for day in days if day in values]


def _mean(values: Mapping[date, float], begin: date, end: date) -> float | None:
    found = _inside(values, begin, end)
    return sum(value for _, value in found) / len(found) if found else None


def _scatter(values: Mapping[date, float], begin: date, end: date) -> float | None:
    """The standard deviation of the days."""
    found = [value for _, value in _inside(values, begin, end)]
    if len(found) < 4:
        return None
    mean = sum(found) / len(found)
    return float((sum((value - mean) ** 2 for value in found) / len(found)) ** 0.5)


def _between(values: Mapping[date, float], begin: date, end: date) -> float | None:
    """The standard deviation of the means of the weekdays."""
    by: dict[int, list[float]] = {}
    for day, value in _inside(values, begin, end):
        by.setdefault(day.weekday(), []).append(value)
    if len(by) < 4:
        return None
    means = [sum(each) / len(each) for each in by.values()]
    mean = sum(means) / len(means)
    return float((sum((value - mean) ** 2 for value in means) / len(means)) ** 0.5)


def _joint(looked: Mapping[str, Look], allowed: float, limit: float) -> Finding | None:
    """Burnout risk: work and body together further from usual than chance allows."""
    parts = [looked[name] for name in (*WORK, *BODY) if name in looked]
    if not {look.name for look in parts} & set(WORK) or not {look.name for look in parts} & set(BODY):
        return None
    until = min(look.until for look in parts)
    since = max(look.since for look in parts)
    if (until - since).days < daily.LEAST + 14:
        return None
    tables = {
        look.name: (daily.table(look.days.values, since, until)[0], measure_of(look.name).worse) for look in parts
    }
    weekdays = daily.table({}, since, until)[1]
    views = [
        view
        for view in daily.looks(JOINT, daily.joint(tables, weekdays), weekdays)
        if view.form == "level" and view.days > 1 and view.score > 0
    ]
    best = min(views, key=lambda view: view.chance, default=None)
    if best is None or best.chance > allowed:
        return None
    shown = []
    for look in parts:
        own = [
            v for v in daily.looks(look.name, look.values, look.weekdays) if v.form == "level" and v.days == best.days
        ]
        if own and own[0].score * measure_of(look.name).worse >= TELLING:
            seen = _seen(look, own[0], limit)
            if seen.comparison.score > 0:
                shown.append((look, seen))
    names = {look.name for look, _ in shown}
    if not names & set(WORK) or not names & set(BODY):
        return None
    score = NormalDist().inv_cdf(1 - max(best.chance, 1e-12) / 2)
    shown.sort(key=lambda pair: -pair[1].comparison.score)
    recent: dict[str, None] = {}
    usual: dict[str, None] = {}
    for look, seen in shown:
        comparison = seen.comparison
        recent.update(dict.fromkeys(look.days.cited(comparison.recent.since, comparison.recent.until)))
        usual.update(dict.fromkeys(look.days.cited(comparison.earlier[-1].since, comparison.earlier[0].until)))
    return Finding(
        JOINT, 2 + (score >= 1.5 * limit), tuple(seen for _, seen in shown), tuple(recent), tuple(usual), score, limit
    )
