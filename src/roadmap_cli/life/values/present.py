"""How things are against the values that speak of sleep, money and hours a week."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from roadmap_cli.core.clock import stamp
from roadmap_cli.life.values import areas, keeping
from roadmap_cli.life.values.checking import Alignment, home
from roadmap_cli.life.values.events import part_of, stored, week
from roadmap_cli.life.values.keeping import Held

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection


def alignment(tx: Connection, now: datetime) -> Alignment:
    """How things are against the values that speak of sleep, money and hours a week: the last nights, months, weeks."""
    from roadmap_cli.life.history import household
    from roadmap_cli.life.history.sleep_habit import usual

    rules = keeping.held(tx)
    found = Alignment(keeping.version(tx))
    night = usual(tx, now) if any(each.rule.form == "sleep" for each in rules) else None
    homes = household.of(tx, now.date()) if any(each.rule.form == "money" for each in rules) else {}
    zone = home(tx)
    for each in rules:
        told = each.rule.told
        if each.rule.form == "sleep" and night is not None and night.hours < told["least"]:
            text = f"{night.hours:g} h a night, the median of {night.nights} nights"
            found.conflicts.append(each.cite() | {"text": text, "count": 1, "evidence_ids": night.ids[:200]})
        elif each.rule.form == "money" and told["currency"] in homes:
            _month(tx, each, homes[told["currency"]], keeping.mappings(rules), zone, found)
        elif each.rule.form == "hours" and told["side"] == "least" and told["per"] == "week":
            _lived(tx, each, now, zone, keeping.mappings(rules), found)
    return found


def _month(tx: Connection, each: Held, known: Any, own: areas.Mappings, zone: ZoneInfo, found: Alignment) -> None:
    """The mean of the last whole months against a rule of saving or spending, perhaps in one area."""
    from roadmap_cli.state import records

    told, unit = each.rule.told, each.rule.told["currency"]
    if told["verb"] == "keep":
        return
    counted = known.payments if told["verb"] == "save" else known.spending
    if "area" in told:
        bodies = ((payment, records.get(tx, payment.id)) for payment in counted)
        wanted = areas.canonical(told["area"])
        counted = [
            payment
            for payment, record in bodies
            if record and wanted in {areas.canonical(area) for area in areas.of(record, own, zone)}
        ]
    mean = known.mean(counted) if counted else Decimal()
    limit = Decimal(told["amount"])
    broken = mean < limit if told["verb"] == "save" else -mean > limit
    if broken:
        verb = "left" if told["verb"] == "save" else "spent"
        text = f"{abs(mean):.2f} {unit} a month {verb}, the mean of {len(known.months)} whole months"
        if told["verb"] == "save" and mean < 0:
            text = f"{abs(mean):.2f} {unit} a month too much spent, the mean of {len(known.months)} whole months"
        ids = [payment.id for payment in counted]
        found.conflicts.append(each.cite() | {"text": text, "count": 1, "evidence_ids": ids})


def _lived(tx: Connection, each: Held, now: datetime, zone: ZoneInfo, own: areas.Mappings, found: Alignment) -> None:
    """Hours a week of the last four whole weeks, from events and activities, against a rule of at least so many."""
    import orjson

    monday = week(now.astimezone(zone).date())
    since = datetime.combine(monday - timedelta(days=28), time(), zone)
    until = datetime.combine(monday, time(), zone)
    parts = stored(tx, since, until, zone)
    rows = tx.execute(
        """SELECT record.body FROM life_activity JOIN record ON record.id = life_activity.id
           WHERE start_at >= ? AND start_at < ? ORDER BY start_at""",
        (stamp(since), stamp(until)),
    ).fetchall()
    parts += [part_of(orjson.loads(body), zone) for (body,) in rows]
    if not parts:
        return
    wanted = each.rule.told["what"]
    meant = [part for part in parts if areas.is_meant(part.record, wanted, own, zone)]
    hours = round(sum(part.hours for part in meant) / 4, 2)
    if hours < each.rule.told["hours"]:
        text = f"{hours:g} h a week in the 4 weeks before {monday}"
        found.conflicts.append(each.cite() | {"text": text, "count": 1, "evidence_ids": [p.id for p in meant][:200]})
