"""From a choice to a comparison that is stored with its reasons: computed, weighed, worded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life.choosing import assuming, facts, hours, money, sensitivity, told, weighing
from roadmap_cli.life.choosing.basis import Basis, titled
from roadmap_cli.life.choosing.facts import Option
from roadmap_cli.life.choosing.money import CENT, Usual
from roadmap_cli.life.choosing.weighing import Weighed
from roadmap_cli.life.history import sleep_habit
from roadmap_cli.life.history.series import WorkingTime
from roadmap_cli.life.values import checking, keeping
from roadmap_cli.life.values.checking import Change
from roadmap_cli.life.watch.watching import still_open
from roadmap_cli.state import records
from roadmap_cli.why import decisions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.history.sleep_habit import Night
    from roadmap_cli.state.connection import Connection

#: Events an option collides with that are told one by one.
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Settings:
    """Months looked ahead, interest a year as a ratio, working hours, what is on the accounts (currency: amount)."""

    horizon: int = 24
    rate: float = 0.03
    working_hours: str = "08:00-18:00"
    balance: tuple[Decimal, str] | None = None


@dataclass(slots=True)
class Sheet:
    """The figures of a comparison, in order."""

    rows: list[Record] = field(default_factory=list)

    def add(self, place: str, name: str, value: Decimal | float, unit: str, op: str, of: list[Any], **how: Any) -> str:
        """Note a figure; gives its shown value."""
        shown: Any = format(value, "f") if isinstance(value, Decimal) else value
        self.rows.append(
            {"figure": f"{place}/{name}", "name": name, "value": shown, "unit": unit, "op": op, "of": of} | how
        )
        return str(shown)


def prepare(tx: Connection, choice: Record, basis: Basis, settings: Settings) -> Record:
    """The choice with everything it takes for granted written out, an id and a time. Raises DataError."""
    made = assuming.explicit(tx, choice, basis)
    if settings.balance is not None:
        amount, currency = settings.balance
        made["balance"] = {"amount": format(amount, "f"), "currency": currency}
    import orjson

    told_of = orjson.dumps([made["options"], made.get("balance")], option=orjson.OPT_SORT_KEYS).decode()
    name = content_id("life.choice", question=str(made.get("question", "")), options=told_of)
    own = str(made.get("id") or "")
    made |= {"kind": "life.choice", "at": str(made.get("at") or stamp(basis.now))}
    known = records.get(tx, own) if own else None
    made["id"] = own if own and (known is None or known == made) else name
    return made


def compare(tx: Connection, choice: Record, basis: Basis, settings: Settings) -> Record:
    """Compute, weigh and store one choice that `prepare` has made; gives its life.comparison. The caller commits."""
    records.put(tx, choice)
    options = facts.options(choice)
    work = _Work(tx, choice, options, basis, settings)
    weighed = [work.option(each) for each in options]
    return work.close(weighed)


class _Work:
    """One comparison in the making."""

    def __init__(self, tx: Connection, choice: Record, options: list[Option], basis: Basis, settings: Settings) -> None:
        self.tx = tx
        self.choice = choice
        self.options = options
        self.basis = basis
        self.settings = settings
        self.sheet = Sheet()
        self.zone = checking.home(tx)
        today = basis.now.astimezone(self.zone).date()
        self.today: date = today
        self.span = hours.Span(today + timedelta(days=1), self.zone)
        self.working = WorkingTime.of(settings.working_hours, self.zone)
        self.night: Night | None = sleep_habit.usual(tx, basis.now, self.zone)
        self.meetings = hours.meetings(tx, self.span)
        self.currencies = sorted({flow.currency for each in options for flow in each.flows})
        self.usual = {unit: self._usual(unit) for unit in self.currencies}
        self.warnings = list(still_open(tx))
        self.implied_by = records.get(tx, str(choice.get("from_id", ""))) or {}
        self.measures = [each for each in self.implied_by.get("measures", []) if isinstance(each, dict)]
        self.moves = any(each.slots or each.events or each.drops for each in options)
        self.drops = any(each.drops for each in options)
        self.spares = any(each.spares_week is not None for each in options)
        self.rows: list[Record] = []
        self.whys: list[str] = []

    def _usual(self, unit: str) -> tuple[Usual, list[Any]] | None:
        measured = self.basis.net(self.tx, unit)
        balance: Decimal | None = None
        sources: list[Any] = []
        stated = self.choice.get("balance")
        if isinstance(stated, dict) and stated.get("currency") == unit:
            balance, sources = Decimal(str(stated["amount"])), [{"fact": "balance"}]
        elif unit in self.basis.balances:
            balance, names = self.basis.balances[unit]
            sources = [{"record_id": name} for name in names.split()]
        if measured is None:
            return (Usual(Decimal(), Decimal(), 1, balance), sources) if balance is not None else None
        net, _, _, spread = measured["facts"]["figures"]
        sources += [{"why_id": measured["id"], "name": name} for name in ("net_month", "net_spread")]
        usual = Usual(Decimal(net["value"]), Decimal(spread["value"]), len(net["months"]), balance)
        return usual, sources

    def option(self, option: Option) -> Weighed:
        """Compute one option: its figures, its row, its decision."""
        first = len(self.sheet.rows)
        made = Weighed(option)
        row: Record = {"name": option.name}
        evidence = [str(self.choice["id"])]
        if option.is_present:
            row["is_present"] = True
        row["money"] = [self._money(option, unit, made, evidence) for unit in self.currencies]
        planned, dropped = self._time(option, made, row, evidence)
        if self.spares and (option.spares_week is not None or option.is_present):
            self._spend(option, row, evidence)
        self._values(option, made, row, planned, dropped, evidence)
        row["risks"] = list(told.risks(row, self.usual_text()))
        for warning in self.warnings:
            if _bears_on(warning, made, row):
                row["risks"].append(f"you were warned: {warning['text']}")
                row.setdefault("warning_ids", []).append(warning["id"])
                evidence.append(str(warning["id"]))
        row["reversibility"] = told.reversibility(option, self._bound(option))
        if option.unknown:
            row["unknown"] = [str(each["what"]) for each in option.unknown]
        if option.assumptions:
            row["assumptions"] = list(option.assumptions)
        why = decisions.decide(
            self.tx, kind="life.option_computed", what=told.option(row), why=self._how(row),
            evidence=evidence, command=self.basis.command, at=self.basis.now,
            facts={"figures": self.sheet.rows[first:], "choice_id": self.choice["id"], "settings": self._facts()},
        )  # fmt: skip
        row["why_id"] = why["id"]
        self.rows.append(row)
        self.whys.append(why["id"])
        return made

    def _bound(self, option: Option) -> list[tuple[Decimal, str]]:
        """What regular payments of a fixed length come to in all, by currency."""
        sums = []
        for unit in self.currencies:
            fixed = [
                each for each in option.flows
                if each.currency == unit and each.every != "once" and each.months is not None and each.amount < 0
            ]  # fmt: skip
            if fixed:
                total = -money.whole(fixed)
                of = [{"fact": each.place} for each in fixed]
                self.sheet.add(option.place, f"bound_{unit}", total, unit, "bound", of)
                sums.append((total, unit))
        return sums

    def usual_text(self) -> dict[str, bool]:
        """Whether the balance of each currency is known."""
        return {unit: bool(known and known[0].balance is not None) for unit, known in self.usual.items()}

    def _facts(self) -> Record:
        rate = self.settings.rate
        return {"months": self.settings.horizon, "rate_ratio": rate, "rate_percent": round(rate * 100, 4)}

    def _how(self, row: Record) -> str:
        parts = [f"over {self.settings.horizon} months at {self.settings.rate * 100:g} % a year"]
        parts += row.get("assumptions", [])
        return "; ".join(parts)

    def _money(self, option: Option, unit: str, made: Weighed, evidence: list[str]) -> Record:
        flows = [each for each in option.flows if each.currency == unit]
        rate, horizon = self.settings.rate, self.settings.horizon
        sources: list[Any] = [{"fact": each.place} for each in flows]
        how = {"rate": rate, "months": horizon}
        value = money.present_value(flows, rate, horizon)
        low, high = money.bounds(flows, rate, horizon)
        made.present_value[unit] = value
        month = money.recurring(flows, unit)
        self.sheet.add(option.place, f"present_value_{unit}", value, unit, "present_value", sources, **how)
        self.sheet.add(option.place, f"month_{unit}", month, f"{unit}/month", "recurring", sources)
        told_of: Record = {"currency": unit, "present_value": format(value, "f"), "month": format(month, "f")}
        if (low, high) != (value, value):
            self.sheet.add(option.place, f"present_value_low_{unit}", low, unit, "present_value_low", sources, **how)
            self.sheet.add(option.place, f"present_value_high_{unit}", high, unit, "present_value_high", sources, **how)
            told_of |= {"present_value_low": format(low, "f"), "present_value_high": format(high, "f")}
        known = self.usual[unit]
        points = money.path(option, unit, known[0] if known else None, self.today, horizon)
        low_point = money.lowest(points)
        base = [*sources, *(known[1] if known else [])]
        evidence += [each["why_id"] for each in base if "why_id" in each]
        evidence += [each["record_id"] for each in base if "record_id" in each]
        evidence += [flow.why_id for flow in flows if flow.why_id]
        start = {"start": self.today.isoformat()[:7]}
        last = points[-1]
        for name, shown in (("end", last.expected), ("end_low", last.low), ("end_high", last.high)):
            self.sheet.add(option.place, f"{name}_{unit}", shown, unit, f"path_{name}", base, months=horizon, **start)
        self.sheet.add(
            option.place, f"lowest_{unit}", low_point.expected, unit, "path_lowest", base, months=horizon,
            month=low_point.month, **start,
        )  # fmt: skip
        told_of |= {
            "is_balance_known": bool(known and known[0].balance is not None),
            "lowest": {"month": low_point.month, "amount": format(low_point.expected, "f")},
            "end": {"month": last.month, "expected": format(last.expected, "f"),
                    "low": format(last.low, "f"), "high": format(last.high, "f")},
            "path": [
                {"month": p.month, "expected": format(p.expected, "f"), "low": format(p.low, "f"),
                 "high": format(p.high, "f")}
                for p in points
            ],
        }  # fmt: skip
        return told_of

    def _time(
        self, option: Option, made: Weighed, row: Record, evidence: list[str]
    ) -> tuple[list[Record], list[Record]]:
        planned = hours.occurrences(option, self.span)
        missing = [name for name in option.drops if records.get(self.tx, name) is None]
        if missing:
            raise DataError(f"{option.place}/drops names {len(missing)} events that are not stored", code="no_fact")
        dropped = [record for name in option.drops if (record := records.get(self.tx, name)) is not None]
        evidence += [str(each["id"]) for each in dropped]
        made.hours_week = hours.weekly(option, dropped)
        row["hours_week"] = made.hours_week
        sources: list[Any] = [{"fact": option.place}, *({"record_id": each["id"]} for each in dropped)]
        self.sheet.add(option.place, "hours_week", made.hours_week, "h/week", "hours_week", sources, weeks=hours.WEEKS)
        self._collide(option, made, row, planned, evidence)
        if (planned or dropped or (option.is_present and self.moves)) and self.meetings:
            self._meet(option, row, planned, dropped, evidence)
        if planned and self.night is not None:
            self._sleep(option, made, row, planned, evidence)
        return planned, dropped

    def _collide(self, option: Option, made: Weighed, row: Record, planned: list[Record], evidence: list[str]) -> None:
        """What stands in the calendar already at the times of an option."""
        found = hours.collisions(self.tx, planned, option.drops)
        made.collisions = len({str(record["id"]) for record, _ in found})
        if not planned:
            return
        ids = list(dict.fromkeys(str(record["id"]) for record, _ in found))
        evidence += ids
        self.sheet.add(
            option.place, "collisions", made.collisions, "events", "count", [{"record_id": each} for each in ids]
        )
        row["collisions"] = made.collisions
        row["collides_with"] = [{"event_id": record["id"], "text": titled(record)} for record, _ in found[:SHOWN]]

    def _meet(
        self, option: Option, row: Record, planned: list[Record], dropped: list[Record], evidence: list[str]
    ) -> None:
        """The longest free time of a workday, and the hours of meetings, now and with an option."""
        before = hours.free_block(self.meetings, [], (), self.span, self.working)
        after = hours.free_block(self.meetings, planned, option.drops, self.span, self.working)
        why = self._booked()
        of = [{"why_id": why}]
        row["free_block_h"] = after
        row["free_block_now_h"] = before
        how: dict[str, Any] = {
            "since": self.span.days[0].isoformat(), "until": self.span.days[-1].isoformat(),
            "zone": self.zone.key, "working_hours": self.settings.working_hours,
        }  # fmt: skip
        self.sheet.add(
            option.place, "free_block_now_h", before, "h/workday", "free_block", of, planned=[], drops=[], **how
        )
        times = [[each["at"], each["ends_at"]] for each in planned]
        self.sheet.add(
            option.place, "free_block_h", after, "h/workday", "free_block", of, planned=times, drops=option.drops, **how
        )
        evidence.append(why)
        if not dropped and not (option.is_present and self.drops):
            return
        left = hours.booked(self.meetings, option.drops, self.span, self.working)
        row["meeting_hours_week"] = left
        self.sheet.add(
            option.place, "meeting_hours_week", left, "h/week", "booked_hours", of, drops=option.drops,
            weeks=hours.WEEKS, **how,
        )  # fmt: skip
        for each in self.measures:
            if each["measure"] == "meeting_hours":
                row["clear_at"] = each["clear_at"]
                row["would_clear"] = left <= each["clear_at"]

    def _spend(self, option: Option, row: Record, evidence: list[str]) -> None:
        """What is left a week of the spending that was warned of."""
        for each in self.measures:
            if str(each["measure"]).startswith("spending_"):
                of: list[Any] = [{"record_id": self.implied_by["id"]}]
                of += [{"why_id": flow.why_id, "name": "recent_week"} for flow in option.flows if flow.why_id]
                left = round(float(Decimal(str(each["recent"])) - (option.spares_week or 0)), 2)
                row |= {"spending_week": left, "clear_at": each["clear_at"], "would_clear": left <= each["clear_at"]}
                evidence.append(str(self.implied_by["id"]))
                self.sheet.add(
                    option.place, "spending_week", left, each["unit"], "left_of_measure", of, measure=each["measure"]
                )

    def _sleep(self, option: Option, made: Weighed, row: Record, planned: list[Record], evidence: list[str]) -> None:
        """How much of the usual night an option takes."""
        assert self.night is not None
        made.sleep_lost = hours.sleep_lost(planned, self.night, self.span)
        if not made.sleep_lost:
            return
        row["sleep_lost_h"] = made.sleep_lost
        why = self.basis.cite(
            self.tx, "night", f"usually {self.night.hours:g} h of sleep", f"median of {self.night.nights} nights",
            self.night.ids, [{"name": "sleep_h", "value": self.night.hours, "unit": "h/night", "op": "median_night"}],
        )["id"]  # fmt: skip
        evidence.append(why)
        self.sheet.add(
            option.place, "sleep_lost_h", made.sleep_lost, "h/night", "sleep_lost", [{"why_id": why}],
            planned=[[each["at"], each["ends_at"]] for each in planned], zone=self.zone.key, weeks=hours.WEEKS,
        )  # fmt: skip

    def _booked(self) -> str:
        ids = [each.id for each in self.meetings]
        return str(
            self.basis.cite(
                self.tx, "booked", f"{len(ids)} meetings are booked in the next {hours.WEEKS} weeks",
                f"counted from {self.span.days[0]} to {self.span.days[-1]}", ids,
                [{"name": "booked", "value": len(ids), "unit": "meetings", "op": "count", "weeks": hours.WEEKS,
                  "since": str(self.span.days[0]), "until": str(self.span.days[-1])}],
            )["id"]
        )  # fmt: skip

    def _values(
        self,
        option: Option,
        made: Weighed,
        row: Record,
        planned: list[Record],
        dropped: list[Record],
        evidence: list[str],
    ) -> None:
        area = {option.area: option.hours_week} if option.area and option.hours_week else {}
        lowest = {
            each["currency"]: Decimal(each["lowest"]["amount"]) for each in row["money"] if each["is_balance_known"]
        }
        change = Change(
            adds=planned, removes=frozenset(str(each["id"]) for each in dropped), areas=area,
            money_month={each["currency"]: Decimal(each["month"]) for each in row["money"]},
            lowest=lowest, sleep_h=-made.sleep_lost,
        )  # fmt: skip
        made.alignment = checking.check(self.tx, change, now=self.basis.now, zone=self.zone.key)
        row |= made.alignment.fields()
        evidence += made.alignment.evidence

    def close(self, weighed: Sequence[Weighed]) -> Record:
        """Weigh the options, say it, store the decision and give the record."""
        rules = keeping.held(self.tx)
        order = keeping.order(rules)
        chosen = weighing.best(weighed, order)
        lead = chosen if chosen is not None else _ahead(weighed, self.currencies)
        other = _runner_up(weighed, lead, self.currencies)
        verdict = weighing.compare(weighed[lead], weighed[other], order)
        record: Record = {
            "kind": "life.comparison",
            "id": content_id("life.comparison", choice=str(self.choice["id"]), at=stamp(self.basis.now)),
            "at": stamp(self.basis.now),
            "choice_id": self.choice["id"],
            "question": self.choice.get("question", ""),
            "months": self.settings.horizon,
            "rate_ratio": self.settings.rate,
            "options": self.rows,
        }
        if self.measures:
            record["warned"] = [
                {name: each[name] for name in ("measure", "recent", "usual", "clear_at", "unit")}
                | {name: self.implied_by.get(name) for name in ("since", "until")} for each in self.measures
            ]  # fmt: skip
        if self.moves:
            record["booked"] = {"since": self.span.days[0].isoformat(), "until": self.span.days[-1].isoformat()}
        first = len(self.sheet.rows)
        sensitive: list[Record] = []
        knowing: list[Record] = []
        gaps: list[Record] = []
        for unit in self.currencies:
            gaps.append(self._gap(unit, weighed[lead], weighed[other]))
            rows = sensitivity.tornado(
                weighed[lead].option, weighed[other].option, unit, self.settings.rate, self.settings.horizon
            )
            for row in rows:
                place = row["fact"]
                self.sheet.add(
                    place, "switching", Decimal(row["switching"]), unit, "switching", [{"fact": place}],
                    flows=[f.place for f in weighed[lead].option.flows if f.currency == unit],
                    others=[f.place for f in weighed[other].option.flows if f.currency == unit],
                    rate=self.settings.rate, months=self.settings.horizon,
                )  # fmt: skip
                sensitive.append(row | {"currency": unit})
            knowing += sensitivity.worth_knowing(rows, unit)
        record |= {
            "compared": [weighed[lead].option.name, weighed[other].option.name],
            "better": list(verdict.better), "worse": list(verdict.worse), "open": list(verdict.open),
            "decides": chosen is not None,
        }  # fmt: skip
        if chosen is not None:
            record["recommendation"] = weighed[chosen].option.name
        if verdict.by:
            record["order"] = list(verdict.by)
        cited = order.ids(verdict.by) if verdict.by else []
        record |= {"differences": gaps, "sensitivity": sensitive}
        if knowing:
            record["worth_knowing"] = knowing
        record["text"] = told.comparison(record)
        # what is recommended is shown with what it conflicts with, and so is what is not
        record["conflicts"] = [
            {"option": row["name"]} | conflict for row in self.rows for conflict in row.get("conflicts", [])
        ]
        evidence = list(dict.fromkeys([str(self.choice["id"]), *self.whys, *cited]))
        why = decisions.decide(
            self.tx, kind="life.compared", what=told.answer(record), why=record["text"], evidence=evidence,
            command=self.basis.command, at=self.basis.now,
            facts={"figures": self.sheet.rows[first:], "choice_id": self.choice["id"], "settings": self._facts()},
        )  # fmt: skip
        record |= {"figures": self.sheet.rows, "evidence_ids": evidence, "why_id": why["id"]}
        records.put(self.tx, record)
        return record

    def _gap(self, unit: str, one: Weighed, other: Weighed) -> Record:
        gap = (one.present_value[unit] - other.present_value[unit]).quantize(CENT)
        names = [f"{each.option.place}/present_value_{unit}" for each in (one, other)]
        of = [{"figure": each} for each in names]
        place = f"differences/{unit}"
        self.sheet.add(place, "difference", gap, unit, "difference", of)
        room = sensitivity.monthly_room(gap, self.settings.rate, self.settings.horizon, unit)
        how: dict[str, Any] = {"rate": self.settings.rate, "months": self.settings.horizon}
        self.sheet.add(place, "month", room, f"{unit}/month", "monthly_room", of, **how)
        later = (abs(gap) * Decimal(str((1 + how["rate"]) ** (how["months"] / 12)))).quantize(CENT)
        self.sheet.add(place, "at_end", later, unit, "at_end", of, **how)
        return {
            "currency": unit, "difference": format(gap, "f"), "a_month": format(room, "f"), "at_end": format(later, "f")
        }  # fmt: skip


def _bears_on(warning: Record, made: Weighed, row: Record) -> bool:
    """Whether an option adds to what was warned of: more hours to a full calendar, more spending."""
    if str(warning.get("pattern", "")).startswith("spending_"):
        unit = str(warning["pattern"]).removeprefix("spending_")
        return any(each["currency"] == unit and Decimal(each["month"]) < 0 for each in row["money"])
    return made.hours_week > 0


def _ahead(weighed: Sequence[Weighed], currencies: Sequence[str]) -> int:
    """The option to hold the others against where none wins: the one with the most money, else the first."""
    if not currencies:
        return 0
    return max(range(len(weighed)), key=lambda number: (weighed[number].present_value[currencies[0]], -number))


def _runner_up(weighed: Sequence[Weighed], lead: int, currencies: Sequence[str]) -> int:
    others = [number for number in range(len(weighed)) if number != lead]
    if not currencies:
        return others[0]
    return max(others, key=lambda number: (weighed[number].present_value[currencies[0]], -number))
