"""A choice as data: options with the facts they state, read from life.choice records and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record

EVERY = ("once", "week", "month", "year")
#: Months in a period: what is paid each week or year is spread evenly over the months.
PER_MONTH: Mapping[str, float] = {"week": 52 / 12, "month": 1.0, "year": 1 / 12}
#: Short forms of a flow in an option: the field, its sign, how often.
SHORT = {
    "one_off_cost": (-1, "once"),
    "one_off_income": (1, "once"),
    "monthly_cost": (-1, "month"),
    "monthly_income": (1, "month"),
    "yearly_cost": (-1, "year"),
    "yearly_income": (1, "year"),
}
MOST_OPTIONS, MOST_ITEMS = 12, 200


@dataclass(frozen=True, slots=True)
class Flow:
    """Money that an option moves: signed amount each time, and perhaps its range. `place`: where it stands."""

    what: str
    amount: Decimal
    currency: str
    every: str
    place: str
    low: Decimal | None = None
    high: Decimal | None = None
    from_month: int = 0
    months: int | None = None
    why_id: str = ""
    """The decision that measured it, for a payment of the past that stops or goes on; else stated by the option."""

    def coefficient(self, rate: float, horizon: int) -> float:
        """What one unit of it is worth today over `horizon` months, at `rate` a year: paid at the end of each month."""
        monthly = (1 + rate) ** (1 / 12)
        if self.every == "once":
            return float(monthly**-self.from_month) if self.from_month <= horizon else 0.0
        last = horizon if self.months is None else min(horizon, self.from_month + self.months)
        return PER_MONTH[self.every] * sum(float(monthly**-month) for month in range(self.from_month + 1, last + 1))

    def in_month(self, month: int) -> Decimal:
        """What it moves in a month, 0 being now, 1 the end of the first."""
        if self.every == "once":
            return self.amount if month == self.from_month else Decimal()
        last = None if self.months is None else self.from_month + self.months
        if month <= self.from_month or (last is not None and month > last):
            return Decimal()
        return self.amount * {"week": Decimal(52) / 12, "month": Decimal(1), "year": Decimal(1) / 12}[self.every]


@dataclass(frozen=True, slots=True)
class Slot:
    """A weekly time: day of the week (0 Monday), local begin and end as HH:MM; `title` says what."""

    title: str
    day: int
    begins: str
    ends: str
    people: tuple[str, ...] = ()

    @property
    def minutes(self) -> int:
        """Its length."""
        first, last = (int(text[:2]) * 60 + int(text[3:]) for text in (self.begins, self.ends))
        return last - first


@dataclass(slots=True)
class Option:
    """One way to go. `unknown`: what it would take to tell, each with `cost` true if it can only make it dearer."""

    name: str
    place: str
    flows: list[Flow] = field(default_factory=list)
    hours_week: float = 0.0
    area: str = ""
    slots: list[Slot] = field(default_factory=list)
    events: list[Record] = field(default_factory=list)
    drops: list[str] = field(default_factory=list)
    start: date | None = None
    months: int | None = None
    undo_cost: Decimal | None = None
    undo_currency: str = ""
    undo_months: float | None = None
    is_present: bool = False
    spares_week: Decimal | None = None
    """Of what a warning measured a week, how much it does without."""
    unknown: list[dict[str, Any]] = field(default_factory=list)
    assumptions: list[str] = field(default_factory=list)


def options(record: Record) -> list[Option]:
    """The options of a life.choice. Raises DataError that names the field and what is wrong with it."""
    told = record.get("options")
    if not isinstance(told, list) or not 2 <= len(told) <= MOST_OPTIONS:
        raise DataError(
            f"a choice has two to {MOST_OPTIONS} options", code="bad_choice", hint="see roadmap-schema show life.choice"
        )
    made = [_option(each, f"options/{number}") for number, each in enumerate(told)]
    names = [each.name for each in made]
    if len(set(names)) < len(names):
        raise DataError("two options have the same name", code="bad_choice")
    return made


def _option(told: Any, place: str) -> Option:
    if not isinstance(told, dict):
        raise DataError(f"{place} is not an object", code="bad_choice")
    name = told.get("name")
    if not isinstance(name, str) or not name.strip():
        raise DataError(f"{place}/name is missing", code="bad_choice")
    made = Option(" ".join(name.split()), place)
    currency = str(told.get("currency", "")).upper()
    for field_name, (sign, every) in SHORT.items():
        if field_name in told:
            made.flows.append(_flow({"amount": told[field_name]}, f"{place}/{field_name}", currency, sign, every))
    for number, each in enumerate(_items(told, "flows", place)):
        if not isinstance(each, dict):
            raise DataError(f"{place}/flows/{number} is not an object", code="bad_choice")
        made.flows.append(_flow(each, f"{place}/flows/{number}", currency, 1, str(each.get("every", "month"))))
    if "hours_week" in told:
        made.hours_week = _hours(told["hours_week"], f"{place}/hours_week")
    made.area = str(told.get("area", "")).lower()
    made.slots = [_slot(each, f"{place}/slots/{n}", made.name) for n, each in enumerate(_items(told, "slots", place))]
    made.events = [_event(each, f"{place}/events/{n}") for n, each in enumerate(_items(told, "events", place))]
    made.drops = [str(each) for each in _items(told, "drops", place)]
    if "start" in told:
        made.start = _date(told["start"], f"{place}/start")
    if "duration_months" in told:
        made.months = int(_decimal(told["duration_months"], f"{place}/duration_months"))
    if "undo_cost" in told:
        made.undo_cost, made.undo_currency = _decimal(told["undo_cost"], f"{place}/undo_cost"), currency
    if "undo_months" in told:
        made.undo_months = float(_decimal(told["undo_months"], f"{place}/undo_months"))
    if "spares_week" in told:
        made.spares_week = _decimal(told["spares_week"], f"{place}/spares_week")
    made.is_present = told.get("is_present") is True
    made.unknown = [each for each in _items(told, "unknown", place) if isinstance(each, dict)]
    made.assumptions = [str(each) for each in _items(told, "assumptions", place)]
    return made


def _flow(told: Mapping[str, Any], place: str, currency: str, sign: int, every: str) -> Flow:
    inner = told.get("amount")
    stated: Mapping[str, Any] = inner if isinstance(inner, dict) else told
    value, low, high = stated.get("amount"), stated.get("low"), stated.get("high")
    if every not in EVERY:
        raise DataError(f"{place}/every is not one of {', '.join(EVERY)}", code="bad_choice")
    unit = str(told.get("currency") or currency).upper()
    if not re.fullmatch(r"[A-Z]{3}", unit):
        raise DataError(f"{place} has no currency", hint='give the option a field "currency": "EUR"', code="bad_choice")
    amount = sign * _decimal(value, f"{place}/amount")
    bounds = sorted(sign * _decimal(each, place) for each in (low, high) if each is not None)
    if len(bounds) == 1 or (bounds and not bounds[0] <= amount <= bounds[1]):
        raise DataError(f"{place} is not between its low and high", code="bad_choice")
    months = told.get("months")
    return Flow(
        str(told.get("what", "") or place.rpartition("/")[2].replace("_", " ")),
        amount,
        unit,
        every,
        place,
        low=bounds[0] if bounds else None,
        high=bounds[-1] if bounds else None,
        from_month=int(_decimal(told.get("from_month", 0), f"{place}/from_month")),
        months=None if months is None else int(_decimal(months, f"{place}/months")),
        why_id=str(told.get("why_id", "")),
    )


def _hours(value: Any, place: str) -> float:
    if isinstance(value, dict):
        low, high = (float(_decimal(value.get(name), place)) for name in ("low", "high"))
        value = value.get("amount", (low + high) / 2)
    hours = float(_decimal(value, place))
    if not -168 <= hours <= 168:
        raise DataError(f"{place}: a week has 168 hours", code="bad_choice")
    return hours


def _slot(told: Any, place: str, name: str) -> Slot:
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    try:
        day = told["day"]
        place_of = days.index(day.lower()) if isinstance(day, str) else int(day)
        made = Slot(
            str(told.get("title") or name), place_of, str(told["begins"]), str(told["ends"]),
            tuple(str(each) for each in told.get("people", ())),
        )  # fmt: skip
        well = all(re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", each) for each in (made.begins, made.ends))
        if not 0 <= place_of <= 6 or not well or made.minutes <= 0:
            raise ValueError
    except (AttributeError, KeyError, TypeError, ValueError):
        raise DataError(
            f"{place} is not a weekly time", hint='write it as {"day": "monday", "begins": "17:00", "ends": "18:30"}',
            code="bad_choice",
        ) from None  # fmt: skip
    return made


def _event(told: Any, place: str) -> Record:
    from roadmap_cli.core.clock import parse

    if not isinstance(told, dict) or not {"at", "ends_at"} <= told.keys():
        raise DataError(f"{place} is not an event with at and ends_at", code="bad_choice")
    try:
        length = parse(told["ends_at"]) - parse(told["at"])
    except DataError:
        raise DataError(f"{place} has no times with an offset", code="bad_choice") from None
    if length.total_seconds() <= 0:
        raise DataError(f"{place} ends before it begins", code="bad_choice")
    return told


def _items(told: Mapping[str, Any], name: str, place: str) -> Sequence[Any]:
    found = told.get(name, [])
    if not isinstance(found, list) or len(found) > MOST_ITEMS:
        raise DataError(f"{place}/{name} is not a list", code="bad_choice")
    return found


def _decimal(value: Any, place: str) -> Decimal:
    try:
        found = Decimal(str(value)) if not isinstance(value, bool) else Decimal("nan")
    except InvalidOperation:
        found = Decimal("nan")
    if not found.is_finite() or abs(found) >= 10**12:
        raise DataError(f"{place} is not a number", code="bad_choice")
    return found


def _date(value: Any, place: str) -> date:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        raise DataError(f"{place} is not a date", hint="write it as 2027-01-15", code="bad_choice") from None
