"""From the state to warnings: what to look at, what was said before, what is news.

A pattern that was warned of stays silent until it clears, unless it gets worse by a class; cleared, it may be warned of
again after the rest. Everything said is a decision in `why`, resting on the records it counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from roadmap_cli.core.clock import parse, stamp
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life.history import habits, series
from roadmap_cli.life.history.series import WorkingTime
from roadmap_cli.life.local_time.zones import chosen, named
from roadmap_cli.life.watch import baseline, daily, spent_on, warnings, watched
from roadmap_cli.life.watch.warnings import Finding, Report
from roadmap_cli.state import records
from roadmap_cli.why import decisions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: Ids a warning shows; its decision has all of them.
SHOWN_EVIDENCE = 12
#: After a warning, a pattern that has cleared may be warned of again.
REST = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of life-watch: false alarms allowed in 30 days, working hours as HH:MM-HH:MM, zone or None."""

    false_alarms: float = 1.0
    working_hours: str = "08:00-18:00"
    zone: str | None = None


def look(tx: Connection, now: datetime, settings: Settings) -> tuple[Report, ZoneInfo]:
    """Everything there is to say today, said before or not, and the zone whose days were counted.

    Whole days only: today is left out. Raises UsageError for an unknown zone or wrong working hours,
    ConfigError for a clock that cannot be right.
    """
    zone = named(chosen(settings.zone) if settings.zone else _usable(series.home_zone(tx)))
    working = WorkingTime.of(settings.working_hours, zone)
    report = Report()
    yesterday = series.sensible(now).astimezone(zone).date() - timedelta(days=1)
    span_known = series.known_span(tx)
    early = series.too_early(span_known, yesterday) if span_known else None
    if early:
        report.untold.append(early)
    bought = series.purchases(tx, yesterday)
    last = series.last_meeting(tx)
    reach = yesterday - timedelta(days=daily.REACH + daily.SCALES[-1])
    ways = habits.body(tx, reach, yesterday)
    contacts, _ = habits.close_contacts(tx, reach, yesterday, zone)
    ways |= {
        name: days
        for name, days in (
            ("close_contacts", contacts),
            ("late_screen", habits.late_screen(tx, reach, yesterday, zone)),
        )
        if days.values
    }
    looks = len(bought) + len(ways) + (len(warnings.LOAD) + 1 if last else 0)  # one more for what they show together
    if last is not None and _fresh("calendar", last.astimezone(zone).date(), yesterday, report):
        until = min(yesterday, last.astimezone(zone).date())
        back = baseline.STRETCH_DAYS * 2 + baseline.STEP_DAYS * (baseline.MOST_STRETCHES - 1)
        begin, end = working.bounds(until - timedelta(days=back - 1))[0], working.bounds(until)[1]
        found = series.meetings(tx, begin, end)
        span = series.unbroken(meeting.start.astimezone(zone).date() for meeting in found)
        if span is not None and _fresh("calendar", span[1], until, report):
            since = max(span[0], begin.astimezone(zone).date())
            warnings.load_finding(
                found, since, until, working, budget=settings.false_alarms, looks=looks, report=report
            )
            ways |= habits.load(tx, max(since, reach), until, working)
    spans = {
        unit: span
        for unit in bought
        if (span := series.unbroken(series.bank_days(tx, unit, yesterday)))
        and _fresh(f"spending in {unit}", span[1], yesterday, report)
    }
    fresh = {unit: bought[unit] for unit in spans}
    warnings.spending_finding(fresh, spans, budget=settings.false_alarms, looks=looks, report=report)
    for unit, (first, until) in spans.items():
        ways[f"spending_{unit}"] = habits.spending(bought[unit], max(first, reach), until)
    watched.find(ways, yesterday, budget=settings.false_alarms, count=looks, report=report)
    return report, zone


def _usable(zone: str | None) -> str:
    """A zone of the events that this machine knows, else UTC."""
    try:
        return named(zone or "UTC").key
    except DataError:
        return "UTC"


def _fresh(what: str, last: date, yesterday: date, report: Report) -> bool:
    if yesterday - last <= series.LONGEST_SILENCE:
        return True
    report.untold.append(f"{what}: nothing since {last}")
    return False


def watch(tx: Connection, now: datetime, settings: Settings, *, command: str) -> tuple[list[Record], Report]:
    """Store and give the warnings that are news, and the whole report. The caller commits."""
    report, zone = look(tx, now, settings)
    for pattern in report.quiet:
        _clear(tx, pattern, now)
    given = []
    for finding in report.findings:
        if _is_news(tx, finding, now):
            given.append(_give(tx, finding, now, settings, zone.key, command))
    return given, report


def still_open(tx: Connection) -> Iterator[Record]:
    """The warnings that have not cleared, oldest first."""
    for (name,) in tx.execute("SELECT id FROM life_warning WHERE cleared_at IS NULL ORDER BY at, id").fetchall():
        found = records.get(tx, name)
        if found is not None:
            yield found


def untold(tx: Connection) -> Iterator[Record]:
    """The warnings whose record has not reached any output yet, oldest first: the new, and those a full disk ate."""
    for (name,) in tx.execute("SELECT id FROM life_warning WHERE told_at IS NULL ORDER BY at, id").fetchall():
        found = records.get(tx, name)
        if found is not None:
            yield found


def tell(tx: Connection, ids: Iterable[str], now: datetime) -> None:
    """Note that the records of these warnings have reached their output."""
    tx.executemany(
        "UPDATE life_warning SET told_at = ? WHERE id = ? AND told_at IS NULL", [(stamp(now), i) for i in ids]
    )


def _is_news(tx: Connection, finding: Finding, now: datetime) -> bool:
    """Not said yet, or cleared and rested since, or worse than when it was said.

    What overload speaks of is not news by itself while overload is open.
    """
    last = tx.execute(
        "SELECT at, severity, cleared_at FROM life_warning WHERE pattern = ? ORDER BY at DESC, id DESC LIMIT 1",
        (finding.pattern,),
    ).fetchone()
    if finding.pattern in {measure.name for measure in warnings.LOAD}:
        covered = tx.execute(
            "SELECT 1 FROM life_warning WHERE pattern = 'overload' AND (cleared_at IS NULL OR at > ?)",
            (stamp(now - REST),),
        ).fetchone()
        if covered:
            return False
    if last is None:
        return True
    at, severity, cleared_at = last
    if finding.severity > severity:
        return True
    return cleared_at is not None and now - parse(at) >= REST


def _clear(tx: Connection, pattern: str, now: datetime) -> None:
    for (why_id,) in tx.execute(
        "SELECT why_id FROM life_warning WHERE pattern = ? AND cleared_at IS NULL", (pattern,)
    ).fetchall():
        decisions.settle(tx, why_id, "cleared", now)
    tx.execute("UPDATE life_warning SET cleared_at = ? WHERE pattern = ? AND cleared_at IS NULL", (stamp(now), pattern))


def _usual(tx: Connection, finding: Finding, now: datetime, facts: Record, command: str) -> Record:
    """Store the decision about what is usual."""
    earlier = finding.measures[0].comparison.earlier
    span = f"{earlier[-1].since} to {earlier[0].until}"
    return decisions.decide(
        tx,
        kind="life.usual_measured",
        what="; ".join(
            f"{seen.measure.name} is usually {warnings.spoken(seen.comparison.usual)}" for seen in finding.measures
        ),
        why=f"median of {len(earlier)} stretches of {baseline.STRETCH_DAYS} days from {span}",
        evidence=finding.usual_evidence,
        command=command,
        at=now,
        facts=facts
        | {"units": {seen.measure.name: seen.measure.unit for seen in finding.measures}}
        | {
            f"stretches_{seen.measure.name}": [
                {"since": str(each.since), "until": str(each.until), "value": round(each.value, 4)}
                for each in seen.comparison.earlier
            ]
            for seen in finding.measures
        },
    )


def _give(tx: Connection, finding: Finding, now: datetime, settings: Settings, zone: str, command: str) -> Record:
    """Store one warning: the decision about what is usual, the decision to warn, the record; give the record."""
    facts: Record = {
        "zone": zone,
        "working_hours": settings.working_hours,
        "false_alarms_in_30_days": settings.false_alarms,
        "threshold": round(finding.limit, 2),
    }
    usual = _usual(tx, finding, now, facts, command)
    rises = spent_on.rises(tx, finding)
    text = finding.text() + spent_on.text(rises, finding.pattern.removeprefix("spending_"))
    if rises:
        facts["categories"] = [each.record() | {"ids": list(each.ids)} for each in rises]
    why = decisions.decide(
        tx,
        kind="life.warned",
        what=text,
        why=f"score {finding.score:.1f} exceeds {finding.limit:.1f}, the threshold for "
        f"{settings.false_alarms:g} false alarms in {baseline.DAYS_IN_BUDGET} days",
        evidence=[*finding.evidence, usual["id"]],
        command=command,
        at=now,
        facts=facts
        | {
            seen.measure.name: seen.numbers()
            | {"since": str(seen.comparison.recent.since), "until": str(seen.comparison.recent.until)}
            for seen in finding.measures
        },
    )
    tx.execute(
        "UPDATE life_warning SET cleared_at = ? WHERE pattern = ? AND cleared_at IS NULL", (stamp(now), finding.pattern)
    )  # a worse one takes the place of the one that was open
    record: Record = {
        "kind": "life.warning",
        "id": content_id("life.warning", pattern=finding.pattern, since=str(finding.since), at=stamp(now)),
        "at": stamp(now),
        "pattern": finding.pattern,
        "severity": warnings.SEVERITIES[min(finding.severity, 3) - 1],
        "text": text,
        "since": str(finding.since),
        "until": str(finding.until),
        "zone": zone,
        "measures": [seen.numbers() for seen in finding.measures],
        **({"categories": [each.record() for each in rises]} if rises else {}),
        "clears_when": finding.clears_when(),
        "evidence_ids": list(finding.evidence[:SHOWN_EVIDENCE]),
        "evidence_count": len(finding.evidence),
        "why_id": why["id"],
    }
    records.put(tx, record)
    tx.execute(
        "INSERT INTO life_warning (id, pattern, at, until_date, severity, why_id) VALUES (?, ?, ?, ?, ?, ?)",
        (record["id"], finding.pattern, stamp(now), str(finding.until), min(finding.severity, 3), why["id"]),
    )
    return record
