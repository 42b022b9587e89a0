"""Rules as people write them: a small grammar, one spelling of each rule, and errors that say how to say it.

family > work > hobbies                  what outranks what
no meetings after 18:00 [on Fridays]     also: before
never work on 2026-12-24                 a date, or days: never work on Sundays
keep Fridays free [of meetings]          also hours: keep 12:00-13:00 free on weekdays
at most 4 meetings a day                 a day or a week
at least 5 h of sport a week             at most, at least; a day or a week
sleep at least 7 h
save at least 300 EUR a month            also: spend at most 400 EUR a month on eating out
keep at least 2000 EUR                   never less than that on the accounts
area work: calendar "Office", people @company.com, hours 09:00-17:00
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from typing import Any

from roadmap_cli.core.errors import DataError

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
#: How an area may be told from records: the word, and what stands behind it.
TESTS = ("calendar", "people", "category", "payee", "title", "hours", "sport")
LONGEST_RULE = 500

_NAME = r"[^\W\d_](?:[\w'& -]*[\w'])?"
_CLOCK = r"(?:[01]?\d|2[0-4])(?::[0-5]\d)?"
_NUMBER = r"\d{1,9}(?:[.,]\d{1,2})?"
_HOURS = r"(?:h|hours?|hrs?)"
_PER = r"(?:a|an|per|each|every)\s+(?P<per>day|night|week|month)"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its form, its one spelling, what it is about, and its parts (JSON values)."""

    form: str
    words: str
    subject: str
    told: Mapping[str, Any]


def parse(text: str, where: str | None = None) -> Rule:
    """Read one rule. Raises DataError (bad_rule) that says what is not understood and how to say it."""
    plain = " ".join(text.split())
    if not plain or len(plain) > LONGEST_RULE:
        raise _wrong("an empty rule" if not plain else f"longer than {LONGEST_RULE} characters", where)
    if ">" in plain or "<" in plain:
        return _priority(plain, where)
    lowered = plain.lower()
    for begin, read in _FORMS:
        if lowered.startswith(begin):
            return read(plain, where)
    raise _wrong(
        f"not a rule: {plain!r}" if where is None else "not a rule",
        where,
        'write it as "family > work" or "no meetings after 18:00"; see --help',
    )


def lines(text: str, name: str) -> Iterator[tuple[int, str]]:
    """The rules of a file with their line numbers; empty lines and what follows a # are left out."""
    for number, line in enumerate(text.splitlines(), 1):
        rule = re.sub(r"(^|\s)#.*$", "", line).strip()
        if rule:
            yield number, rule


def _wrong(message: str, where: str | None, hint: str | None = None) -> DataError:
    return DataError(message, where=where, hint=hint, code="bad_rule")


def _priority(text: str, where: str | None) -> Rule:
    if "<" in text and ">" in text:
        raise _wrong("both < and > in one rule", where, "write it as family > work")
    parts = text.split(">") if ">" in text else list(reversed(text.split("<")))
    order = [_area(part, where) for part in parts]
    if len(order) < 2 or len(set(order)) < len(order):
        twice = next((name for name in order if order.count(name) > 1), "")
        raise _wrong(f"{twice!r} cannot outrank itself", where, "write it as family > work")
    words = " > ".join(order)
    return Rule("priority", words, words, {"order": order})


def _area(text: str, where: str | None) -> str:
    name = " ".join(text.split()).lower()
    if not re.fullmatch(_NAME, name):
        raise _wrong("an area is missing, or is not a name", where, "areas are words: family > work")
    return name


def _window(text: str, where: str | None) -> Rule:
    found = re.fullmatch(
        rf"no (?P<what>{_NAME}?) (?P<side>after|before) (?P<clock>{_CLOCK})(?: on (?P<days>.+))?", text, re.I
    )
    if not found:
        days = re.fullmatch(rf"no (?P<what>{_NAME}?) on (?P<days>.+)", text, re.I)
        if days:
            return _never_of(days["what"], days["days"], where)
        raise _wrong("no time in it", where, "write it as no meetings after 18:00")
    what, side = _area(found["what"], where), found["side"].lower()
    clock = _clock(found["clock"], where)
    named = _days(found["days"], where) if found["days"] else None
    about = f"no {what} {side}"
    on = f" on {_spoken_days(named)}" if named else ""
    told = {"what": what, "side": side, "clock": clock} | ({"days": named} if named else {})
    return Rule("window", f"{about} {clock}{on}", about + on, told)


def _never(text: str, where: str | None) -> Rule:
    found = re.fullmatch(rf"never (?P<what>{_NAME}?) on (?P<days>.+)", text, re.I)
    if not found:
        raise _wrong("no day in it", where, "write it as never work on 2026-12-24 or never work on Sundays")
    return _never_of(found["what"], found["days"], where)


def _never_of(what: str, days: str, where: str | None) -> Rule:
    name = _area(what, where)
    if re.match(r"\d", days):
        try:
            day = date.fromisoformat(days.strip()).isoformat()
        except ValueError:
            raise _wrong("not a date", where, "write it as 2026-12-24") from None
        words = f"never {name} on {day}"
        return Rule("never", words, words, {"what": name, "date": day})
    named = _days(days, where)
    words = f"never {name} on {_spoken_days(named)}"
    return Rule("never", words, words, {"what": name, "days": named})


def _keep(text: str, where: str | None) -> Rule:
    money = re.fullmatch(rf"keep at least (?P<amount>{_NUMBER}) ?(?P<unit>[A-Za-z]{{3}}|[€$£])", text, re.I)
    if money:
        return _money_rule("keep", "least", money["amount"], money["unit"], None, where)
    found = re.fullmatch(
        rf"keep (?:(?P<begins>{_CLOCK}) ?(?:-|–|to) ?(?P<ends>{_CLOCK})|(?P<days>.+?)) free"
        rf"(?: of (?P<what>{_NAME}?))?(?: on (?P<on>.+))?",
        text,
        re.I,
    )
    if not found:
        raise _wrong("not a time to keep free", where, "write it as keep Fridays free or keep 12:00-13:00 free")
    days = _days(found["days"] or found["on"], where) if found["days"] or found["on"] else list(range(7))
    told: dict[str, Any] = {"what": _area(found["what"], where) if found["what"] else "events", "days": days}
    span = ""
    if found["begins"]:
        told |= {"begins": _clock(found["begins"], where), "ends": _clock(found["ends"], where)}
        if told["begins"] >= told["ends"]:
            raise _wrong("it ends before it begins", where, "write it as keep 12:00-13:00 free")
        span = f"{told['begins']}-{told['ends']}"
    of = f" of {told['what']}" if found["what"] else ""
    shown = _spoken_days(days)
    on = f" on {shown}" if span and len(days) < 7 else ""
    words = f"keep {span or shown} free{of}{on}"
    return Rule("free", words, words, told)


def _amounts(text: str, where: str | None) -> Rule:
    found = re.fullmatch(
        rf"at (?P<side>most|least) (?P<number>{_NUMBER}) ?(?:(?P<hours>{_HOURS}) (?:of )?)?(?P<what>{_NAME}?) {_PER}",
        text,
        re.I,
    )
    if not found or found["per"].lower() not in ("day", "week"):
        raise _wrong(
            "no number, thing or time in it",
            where,
            "write it as at most 4 meetings a day or at least 5 h of sport a week",
        )
    what, side, per = _area(found["what"], where), found["side"].lower(), found["per"].lower()
    number = float(found["number"].replace(",", "."))
    if found["hours"]:
        limit = 24 if per == "day" else 168
        if number > limit:
            raise _wrong(f"a {per} has {limit} hours", where)
        words = f"at {side} {number:g} h of {what} a {per}"
        told = {"what": what, "side": side, "hours": number, "per": per}
        return Rule("hours", words, f"at {side} h of {what} a {per}", told)
    if side == "least" or number != int(number):
        raise _wrong(
            "only hours may be at least, and only whole things counted",
            where,
            f"write it as at least 5 h of {what} a week",
        )
    return Rule(
        "count", f"at most {int(number)} {what} a {per}", f"at most {what} a {per}",
        {"what": what, "most": int(number), "per": per},
    )  # fmt: skip


def _sleep(text: str, where: str | None) -> Rule:
    found = re.fullmatch(rf"sleep at least (?P<number>{_NUMBER}) ?{_HOURS}(?: {_PER})?", text, re.I)
    hours = float(found["number"].replace(",", ".")) if found else 0.0
    if not found or not 0 < hours <= 16 or (found["per"] or "night").lower() not in ("night", "day"):
        raise _wrong("not hours of sleep a night", where, "write it as sleep at least 7 h")
    return Rule("sleep", f"sleep at least {hours:g} h", "sleep at least h", {"least": hours})


def _money(text: str, where: str | None) -> Rule:
    found = re.fullmatch(
        rf"(?P<verb>save|spend) at (?P<side>least|most) (?P<amount>{_NUMBER}) ?(?P<unit>[A-Za-z]{{3}}|[€$£]) {_PER}"
        rf"(?: on (?P<area>{_NAME}))?",
        text,
        re.I,
    )
    wanted = {"save": "least", "spend": "most"}
    if not found or wanted[found["verb"].lower()] != found["side"].lower() or found["per"].lower() != "month":
        raise _wrong(
            "not money a month", where, "write it as save at least 300 EUR a month or spend at most 400 EUR a month"
        )
    if found["area"] and found["verb"].lower() == "save":
        raise _wrong("savings have no area", where, "write it as save at least 300 EUR a month")
    area = _area(found["area"], where) if found["area"] else None
    return _money_rule(found["verb"].lower(), found["side"].lower(), found["amount"], found["unit"], area, where)


def _money_rule(verb: str, side: str, amount: str, unit: str, area: str | None, where: str | None) -> Rule:
    currency = {"€": "EUR", "$": "USD", "£": "GBP"}.get(unit, unit.upper())
    value = Decimal(amount.replace(",", "."))
    told = {"verb": verb, "side": side, "amount": format(value, "f"), "currency": currency}
    tail = ("" if verb == "keep" else " a month") + (f" on {area}" if area else "")
    if area:
        told["area"] = area
    return Rule("money", f"{verb} at {side} {value:f} {currency}{tail}", f"{verb} at {side} {currency}{tail}", told)


def _mapping(text: str, where: str | None) -> Rule:
    found = re.fullmatch(rf"area (?P<area>{_NAME}) ?: ?(?P<tests>.+)", text, re.I)
    if not found:
        raise _wrong(
            "not an area and what tells it", where, 'write it as area work: calendar "Office", people @company.com'
        )
    area, tests = _area(found["area"], where), []
    for piece in re.findall(r'(?:"[^"]*"|[^,])+', found["tests"]):
        test = re.fullmatch(r'(\w+) +(?:"([^"]+)"|(\S.*))', piece.strip())
        if not test or test[1].lower() not in TESTS:
            raise _wrong(
                f"an area is told by {', '.join(TESTS)}",
                where,
                'write it as area work: calendar "Office", people @company.com',
            )
        name, value = test[1].lower(), (test[2] or test[3]).strip()
        if name == "hours":
            begins, _, ends = value.partition("-")
            value = f"{_clock(begins.strip(), where)}-{_clock(ends.strip(), where)}"
        tests.append([name, value])
    tests.sort()
    shown = ", ".join(f'{name} "{value}"' if re.search(r"[\s,]", value) else f"{name} {value}" for name, value in tests)
    return Rule("area", f"area {area}: {shown}", f"area {area}", {"area": area, "tests": tests})


def _clock(text: str, where: str | None) -> str:
    if not re.fullmatch(_CLOCK, text):
        raise _wrong("not a time of day", where, "write it as 18:00")
    hour, _, minute = text.partition(":")
    if int(hour) == 24:
        if int(minute or 0):
            raise _wrong("not a time of day", where, "write it as 18:00")
        return "24:00"
    return time(int(hour), int(minute or 0)).strftime("%H:%M")


def _days(text: str, where: str | None) -> list[int]:
    named: set[int] = set()
    for word in re.split(r"\s*(?:,|\band\b|\bor\b)\s*|\s+", text.strip().lower()):
        if word in ("weekdays", "weekday", "workdays"):
            named |= set(range(5))
        elif word in ("weekends", "weekend", "the"):
            named |= {5, 6} if word != "the" else set()
        elif word in ("every", "all", "day", "days", "each"):
            named |= set(range(7)) if word in ("day", "days") else set()
        elif word:
            day = next((place for place, name in enumerate(DAYS) if len(word) >= 3 and _is_day(word, name)), None)
            if day is None:
                raise _wrong(
                    "not a day of the week", where, "write it as Fridays, or Mondays and Tuesdays, or weekends"
                )
            named.add(day)
    if not named:
        raise _wrong("no day in it", where, "write it as Fridays, or Mondays and Tuesdays, or weekends")
    return sorted(named)


def _is_day(word: str, name: str) -> bool:
    full = name.lower()
    return full.startswith(word) or word in (f"{full}s", full[:3] + "s", full[:4] + "s")


def _spoken_days(days: list[int] | None) -> str:
    if days is None or len(days) == 7:
        return "every day"
    if days == [0, 1, 2, 3, 4]:
        return "weekdays"
    if days == [5, 6]:
        return "weekends"
    names = [f"{DAYS[day]}s" for day in days]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


_FORMS = (
    ("no ", _window),
    ("never ", _never),
    ("keep ", _keep),
    ("at most ", _amounts),
    ("at least ", _amounts),
    ("sleep ", _sleep),
    ("save ", _money),
    ("spend ", _money),
    ("area ", _mapping),
)
