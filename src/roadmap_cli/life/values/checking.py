"""What a plan means for the values that hold: conflicts and supports, each with the value, its version and the numbers.

    alignment = checking.check(tx, change, now=now)
    record |= alignment.fields()                              # conflicts, supports: shown, never hidden
    decide(tx, …, evidence=[*ids, *alignment.evidence])       # cites the values and the records counted

A rule speaks up where the plan makes something worse than it is: what is in conflict already without the plan is not
the plan's fault, and what the plan mends is a support.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.values import areas, keeping
from roadmap_cli.life.values.events import Part, local_days, part_of, stored, stored_one, week
from roadmap_cli.life.values.keeping import Held

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: Occurrences of one conflict that are told one by one; their number is told in any case.
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Change:
    """What would be different if a plan were followed. Everything is optional.

    adds: events that would be booked, as life.event records (`at`, `ends_at`; title, people, calendar if known; no id
    needed). removes: ids of stored events that would go; one that is moved is in both. areas: hours a week more or
    fewer for an area, besides those events. money_month: by currency, how much more (or less, negative) is left each
    month. spends: by currency, what is paid once. lowest: by currency, the lowest balance to expect. sleep_h: change
    of the hours slept a night.
    """

    adds: Sequence[Record] = ()
    removes: frozenset[str] = frozenset()
    areas: Mapping[str, float] = field(default_factory=dict)
    money_month: Mapping[str, Decimal] = field(default_factory=dict)
    spends: Mapping[str, Decimal] = field(default_factory=dict)
    lowest: Mapping[str, Decimal] = field(default_factory=dict)
    sleep_h: float = 0.0

    @classmethod
    def of(cls, record: Record) -> Change:
        """From a record: an event that is planned, or a recommendation with its field `change`. Raises DataError."""
        if record.get("kind") == "life.event":
            return cls(adds=[record])
        told = record.get("change")
        if not isinstance(told, dict):
            return cls()
        try:
            return cls(
                adds=[_event(each) for each in told.get("adds", [])],
                removes=frozenset(str(each) for each in told.get("removes", [])),
                areas={str(name): float(hours) for name, hours in told.get("areas", {}).items()},
                money_month=_money(told.get("money_month", {})),
                spends=_money(told.get("spends", {})),
                lowest=_money(told.get("lowest", {})),
                sleep_h=float(told.get("sleep_h", 0.0)),
            )
        except (TypeError, ValueError, AttributeError, InvalidOperation):
            raise DataError("field 'change' is not a change of events, areas or money", code="wrong_type") from None

    def record(self) -> Record:
        """The same as the field `change` of a record."""
        told: Record = {}
        if self.adds:
            told["adds"] = list(self.adds)
        if self.removes:
            told["removes"] = sorted(self.removes)
        for name, value in (("areas", self.areas),):
            if value:
                told[name] = dict(value)
        for name, money in (("money_month", self.money_month), ("spends", self.spends), ("lowest", self.lowest)):
            if money:
                told[name] = {unit: format(amount, "f") for unit, amount in money.items()}
        if self.sleep_h:
            told["sleep_h"] = self.sleep_h
        return told


@dataclass(slots=True)
class Alignment:
    """What a plan means for the values that hold."""

    version: int
    conflicts: list[Record] = field(default_factory=list)
    supports: list[Record] = field(default_factory=list)

    @property
    def evidence(self) -> list[str]:
        """The ids to cite: values first, then the records counted."""
        every = [*self.conflicts, *self.supports]
        return list(dict.fromkeys([each["value_id"] for each in every] + [i for c in every for i in c["evidence_ids"]]))

    def fields(self) -> Record:
        """The fields of a record: always `conflicts` and `values_version`, `supports` if there are any."""
        told: Record = {"values_version": self.version, "conflicts": self.conflicts}
        return told | ({"supports": self.supports} if self.supports else {})


def check(tx: Connection, planned: Change | Record, *, now: datetime, zone: str | None = None) -> Alignment:
    """Hold a plan against every value that holds. Reads only. Raises DataError for a record that is no plan."""
    change = planned if isinstance(planned, Change) else Change.of(planned)
    rules = keeping.held(tx)
    found = Alignment(keeping.version(tx))
    if not rules:
        return found
    place = ZoneInfo(zone) if zone else home(tx)
    days = _Days.of(tx, change, place, keeping.mappings(rules), rules)
    for each in rules:
        if each.rule.form in ("window", "never", "free", "count", "hours"):
            _events(each, days, found)
        elif each.rule.form == "sleep" and change.sleep_h:
            _sleep(tx, each, change, now, found)
        elif each.rule.form == "money":
            _savings(tx, each, change, now, found)
    _priorities(rules, days.hours(change), change, found)
    return found


def booked(tx: Connection, since: datetime, until: datetime, zone: str | None = None) -> Alignment:
    """What is booked against the values: every conflict in that time, as it stands."""
    rules = keeping.held(tx)
    found = Alignment(keeping.version(tx))
    if rules:
        days = _Days(ZoneInfo(zone) if zone else home(tx), keeping.mappings(rules))
        days.put("after", stored(tx, since, until))
        for each in rules:
            if (
                each.rule.form in ("window", "never", "free", "count", "hours")
                and each.rule.told.get("side") != "least"
            ):
                _events(each, days, found)
    return found


def home(tx: Connection) -> ZoneInfo:
    """The zone of the person's days: that of most events, if this machine knows it, else UTC."""
    from roadmap_cli.life.history.series import home_zone
    from roadmap_cli.life.local_time.zones import named

    try:
        return named(home_zone(tx) or "UTC")
    except DataError:
        return ZoneInfo("UTC")


class _Days:
    """The events of the days a plan touches, as they are before it and would be after it."""

    def __init__(self, zone: ZoneInfo, own: areas.Mappings) -> None:
        self.zone = zone
        self.own = own
        self.before: list[Part] = []
        self.after: list[Part] = []
        self.touched: set[date] = set()

    @classmethod
    def of(cls, tx: Connection, change: Change, zone: ZoneInfo, own: areas.Mappings, rules: Sequence[Held]) -> _Days:
        made = cls(zone, own)
        adds = [part_of(each, zone) for each in change.adds]
        removed = [part for name in sorted(change.removes) if (part := stored_one(tx, name, zone))]
        made.touched = {day for each in [*adds, *removed] for day in local_days(each)}
        if not made.touched:
            return made
        weekly = any(each.rule.told.get("per") == "week" for each in rules)
        reach = timedelta(days=7 if weekly else 1)
        since = datetime.combine(min(made.touched), time(), zone) - reach
        until = datetime.combine(max(made.touched), time(), zone) + reach + timedelta(days=1)
        weeks = {week(day) for day in made.touched}
        known = [
            part
            for part in stored(tx, since, until, zone)
            if any(day in made.touched or week(day) in weeks for day in local_days(part))
        ]
        same = {part.id for part in adds if part.id}
        made.before = known
        made.after = [part for part in known if part.id not in change.removes | same] + adds
        return made

    def put(self, side: str, parts: Iterable[Part]) -> None:
        """Take these parts for the days as they are; every day counts as touched."""
        found = [Part(p.id, p.start.astimezone(self.zone), p.end.astimezone(self.zone), p.record) for p in parts]
        setattr(self, side, found)
        self.touched = {day for each in found for day in local_days(each)}

    def meant(self, parts: Iterable[Part], what: str) -> list[Part]:
        return [each for each in parts if areas.is_meant(each.record, what, self.own, self.zone)]

    def hours(self, change: Change) -> dict[str, tuple[float, list[str]]]:
        """By area, the hours a week the plan gives or takes, over the weeks it touches, and the stored events counted.

        What is stated beside the events is taken as it is.
        """
        weeks = max(len({week(day) for day in self.touched}), 1)
        known = {part.id for part in self.before}
        sums: dict[str, tuple[float, list[str]]] = {}
        gone = [part for part in self.before if part.id in change.removes]
        new = [part for part in self.after if not part.id or part.id not in known]
        for parts, sign in ((new, 1), (gone, -1)):
            for part in parts:
                for area in {areas.canonical(each) for each in areas.of(part.record, self.own, self.zone)}:
                    hours, ids = sums.get(area, (0.0, []))
                    sums[area] = (hours + sign * part.hours / weeks, [*ids, part.id] if part.id and sign < 0 else ids)
        for area, stated in change.areas.items():
            hours, ids = sums.get(areas.canonical(area), (0.0, []))
            sums[areas.canonical(area)] = (hours + stated, ids)
        return sums


def _events(each: Held, days: _Days, found: Alignment) -> None:
    before, after = _breaches(each, days, days.before), _breaches(each, days, days.after)
    worse = [(key, told) for key, told in after.items() if key not in before or told[0] > before[key][0]]
    better = [(key, told) for key, told in before.items() if key not in after or told[0] < after.get(key, told)[0]]
    for breaches, into in ((worse, found.conflicts), (better, found.supports)):
        if not breaches:
            continue
        breaches.sort(key=lambda item: str(item[0]))
        texts = [told[1] for _, told in breaches]
        shown = "; ".join(texts[:SHOWN]) + (f"; and {len(texts) - SHOWN} more" if len(texts) > SHOWN else "")
        ids = list(dict.fromkeys(i for _, told in breaches for i in told[2] if i))
        head = "" if into is found.conflicts else "would end: "
        into.append(each.cite() | {"text": f"{head}{shown}", "count": len(breaches), "evidence_ids": ids[:200]})


def _breaches(each: Held, days: _Days, parts: Sequence[Part]) -> dict[Any, tuple[float, str, list[str]]]:
    """Where a rule about events is broken: by day, week or event, how much, in words, and by which stored events."""
    told, form = each.rule.told, each.rule.form
    meant = days.meant(parts, told["what"])
    if form in ("count", "hours"):
        return dict(_summed(told, meant, days))
    broken: dict[Any, tuple[float, str, list[str]]] = {}
    for part in meant:
        minutes = sum(_overlap(part, begin, end) for begin, end in _forbidden(told, form, part))
        if minutes > 0:
            when = f"{part.start:%Y-%m-%d %H:%M}-{part.end:%H:%M}"
            key = (part.start.astimezone(UTC).isoformat(), part.end.astimezone(UTC).isoformat(), part.id)
            broken[key] = (minutes, f"{_title(part)} {when}", [part.id])
    return broken


def _summed(
    told: Mapping[str, Any], meant: Sequence[Part], days: _Days
) -> Iterator[tuple[Any, tuple[float, str, list[str]]]]:
    weekly = told["per"] == "week"
    groups: dict[date, list[Part]] = {}
    for day in days.touched:
        groups.setdefault(week(day) if weekly else day, [])
    for part in meant:
        key = week(part.start.date()) if weekly else part.start.date()
        if key in groups:
            groups[key].append(part)
    for key, parts in sorted(groups.items()):
        ids = [part.id for part in parts]
        when = f"the week from {key}" if weekly else str(key)
        joint = "in" if weekly else "on"
        if "most" in told and len(parts) > told["most"]:
            yield key, (len(parts) - told["most"], f"{len(parts)} {told['what']} {joint} {when}", ids)
        elif "hours" in told:
            hours = round(sum(part.hours for part in parts), 2)
            excess = hours - told["hours"] if told["side"] == "most" else told["hours"] - hours
            if excess > 0:
                yield key, (excess, f"{hours:g} h of {told['what']} {joint} {when}", ids)


def _forbidden(told: Mapping[str, Any], form: str, part: Part) -> Iterator[tuple[datetime, datetime]]:
    """The spans in local time that an event must not touch, near it."""
    for day in local_days(part):
        if "days" in told and day.weekday() not in told["days"]:
            continue
        if "date" in told and day.isoformat() != told["date"]:
            continue
        zone = part.start.tzinfo
        midnight = datetime.combine(day, time(), zone)
        until = datetime.combine(day + timedelta(days=1), time(), zone)
        if form == "window":
            edge = until if told["clock"] == "24:00" else datetime.combine(day, time.fromisoformat(told["clock"]), zone)
            yield (edge, until) if told["side"] == "after" else (midnight, edge)
        elif "begins" in told:
            ends = until if told["ends"] == "24:00" else datetime.combine(day, time.fromisoformat(told["ends"]), zone)
            yield datetime.combine(day, time.fromisoformat(told["begins"]), zone), ends
        else:
            yield midnight, until


def _sleep(tx: Connection, each: Held, change: Change, now: datetime, found: Alignment) -> None:
    from roadmap_cli.life.history.sleep_habit import usual

    night = usual(tx, now)
    if night is None:
        return
    after = round(night.hours + change.sleep_h, 2)
    least = each.rule.told["least"]
    text = f"sleep would be {after:g} h a night (now {night.hours:g} h)"
    if after < least and change.sleep_h < 0:
        found.conflicts.append(each.cite() | {"text": text, "count": 1, "evidence_ids": night.ids[:200]})
    elif change.sleep_h > 0 and night.hours < least:
        found.supports.append(each.cite() | {"text": text, "count": 1, "evidence_ids": night.ids[:200]})


def _savings(tx: Connection, each: Held, change: Change, now: datetime, found: Alignment) -> None:
    from roadmap_cli.life.history import household

    told = each.rule.told
    unit, limit = told["currency"], Decimal(told["amount"])
    if told["verb"] == "keep":
        lowest = change.lowest.get(unit)
        if lowest is not None and lowest < limit:
            text = f"the balance would fall to {lowest:.2f} {unit}"
            found.conflicts.append(each.cite() | {"text": text, "count": 1, "evidence_ids": []})
        return
    moved = change.money_month.get(unit)
    if not moved or "area" in told:
        return
    known = household.of(tx, now.date()).get(unit)
    if known is None:
        return
    if told["verb"] == "save":
        counted, present = known.payments, known.mean(known.payments)
        worse = present + moved < limit and moved < 0
        better = present < limit and moved > 0
        text = f"{present + moved:.2f} {unit} a month would be left (now {present:.2f})"
    else:
        counted = known.spending
        present = -known.mean(counted)
        worse = present - moved > limit and moved < 0
        better = present > limit and moved > 0
        text = f"{present - moved:.2f} {unit} a month would be spent (now {present:.2f})"
    ids = [payment.id for payment in counted]
    if worse:
        found.conflicts.append(each.cite() | {"text": text, "count": 1, "evidence_ids": ids})
    elif better:
        found.supports.append(each.cite() | {"text": text, "count": 1, "evidence_ids": ids})


def _priorities(
    rules: Sequence[Held], hours: Mapping[str, tuple[float, list[str]]], change: Change, found: Alignment
) -> None:
    """Where one area gains and another loses, and the order says which is above."""
    moves = {area: round(value, 2) for area, (value, _) in hours.items() if round(value, 2)}
    for unit, amount in change.money_month.items():
        if amount and "money" not in moves:
            moves["money"] = float(amount)
            moves[f"money in {unit}"] = moves.pop("money")
    order = keeping.order(rules)
    by_id = {each.id: each for each in rules}
    for gains, more in sorted(moves.items()):
        for loses, less in sorted(moves.items()):
            if more <= 0 or less >= 0:
                continue
            path, kept = _path(order, loses, gains), _path(order, gains, loses)
            chosen, into = (path, found.conflicts) if path else (kept, found.supports)
            if not chosen:
                continue
            text = f"{_moved(gains, more)} and {_moved(loses, less)}; {' > '.join(chosen)}"
            ids = [i for area in (gains, loses) if area in hours for i in hours[area][1]]
            said = order.ids(chosen)
            into.append(
                by_id[said[0]].cite()
                | {"text": text, "count": 1, "evidence_ids": list(dict.fromkeys([*said[1:], *ids]))[:200]}
            )


def _path(order: Any, better: str, worse: str) -> list[str] | None:
    """A chain between two areas, whatever name of the area the rules use."""
    for upper in _names(better):
        for lower in _names(worse):
            found: list[str] | None = order.path(upper, lower)
            if found:
                return found
    return None


def _names(area: str) -> list[str]:
    base = area.partition(" in ")[0] if area.startswith("money in ") else area
    return [base, *(name for name, meant in areas.SAME.items() if meant == base)]


def _moved(area: str, value: float) -> str:
    if area.startswith("money in "):
        unit = area.removeprefix("money in ")
        return f"money {'gains' if value > 0 else 'loses'} {abs(value):.2f} {unit} a month"
    return f"{area} {'gains' if value > 0 else 'loses'} {abs(value):g} h a week"


def _event(value: Any) -> Record:
    if not isinstance(value, dict):
        raise TypeError
    part_of(value, ZoneInfo("UTC"))
    return value


def _money(value: Mapping[str, Any]) -> dict[str, Decimal]:
    return {str(unit).upper(): Decimal(str(amount)) for unit, amount in value.items()}


def _overlap(part: Part, begin: datetime, end: datetime) -> float:
    span = min(part.end, end).astimezone(UTC) - max(part.start, begin).astimezone(UTC)
    return max(span.total_seconds() / 60, 0.0)


def _title(part: Part) -> str:
    return str(part.record.get("title") or "an event")
