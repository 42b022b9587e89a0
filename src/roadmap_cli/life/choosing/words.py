"""A choice in words, understood by rules: alternatives, amounts, how often, times, dates. What is missing is asked for.

Nothing is made up: what is decisive and not said ends in a DataError (ask_back) with one question. What follows from
the stored records (the present pay, what the train costs) is looked up by `basis` and said as an assumption.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record

_SPLIT = re.compile(r"\s*,?\s+(?:or(?:\s+else)?|vs\.?|versus|oder)\s+", re.IGNORECASE)
_CURRENCIES = {"€": "EUR", "$": "USD", "£": "GBP", "euro": "EUR", "euros": "EUR", "dollars": "USD", "pounds": "GBP"}
_CODES = "EUR|USD|GBP|CHF|SEK|NOK|DKK|PLN|CZK|HUF|JPY|CAD|AUD|NZD|INR"
_NUMBER = r"\d{1,3}(?:[,.  ’']\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d{1,2})?"
_MONEY = re.compile(
    rf"(?P<before>[€$£]|\b(?:{_CODES})\b)?\s?(?<![\w:.,-])(?P<number>{_NUMBER})(?P<kilo>\s?k\b)?"
    rf"(?:\s?(?:-|–|to|and)\s?(?P<upper>{_NUMBER})(?P<upper_kilo>\s?k\b)?)?"
    rf"(?:\s?(?P<after>[€$£]|\b(?:{_CODES}|euros?|dollars|pounds)\b))?"
    r"(?P<kind>(?:\s+(?:net|gross|netto|brutto))?)"
    r"(?:\s+(?P<change>less|more|fewer))?"
    r"(?:\s*(?:(?:a|an|per|each|every|/)\s*|p\.?\s?)(?P<per>month|mo|year|yr|week|day|hour|h|m|a)\b\.?|"
    r"\s+(?P<adverb>monthly|yearly|annually|weekly|once))?",
    re.IGNORECASE,
)
_NOT_MONEY = re.compile(
    r"\s*(?:h\b|hours?\b|hrs?\b|min\b|minutes?\b|days?\b|weeks?\b|months?\b|years?\b|%|:|km\b|people\b|rooms?\b|o'clock)",
    re.IGNORECASE,
)
_HOURS = re.compile(
    r"(\d+(?:[.,]\d+)?)(?:\s?(?:-|–|to)\s?(\d+(?:[.,]\d+)?))?\s?(h|hours?|hrs?|min|minutes?)\s*(?:a|per|each|every)\s*"
    r"(day|workday|week)",
    re.IGNORECASE,
)
_FROM_TO = re.compile(
    r"\bfrom\s+(\d+(?:[.,]\d+)?)\s?(?:h|hours?)?(?:\s+a\s+week)?\s+to\s+(\d+(?:[.,]\d+)?)\s?(?:h|hours?)\s+a\s+week",
    re.IGNORECASE,
)
_EVENT = re.compile(
    r"\bon\s+(?P<date>\d{4}-\d{2}-\d{2}),?\s*(?:at|from)?\s*(?P<begins>[0-2]?\d:[0-5]\d)"
    r"(?:\s?(?:-|–|to|until)\s?(?P<ends>[0-2]?\d:[0-5]\d)|\s+for\s+(?P<long>\d+(?:[.,]\d+)?)\s?"
    r"(?P<unit>h|hours?|min|minutes?)\b)?",
    re.IGNORECASE,
)
_SLOT = re.compile(
    r"(?P<days>(?:mon|tue|tues|wed|wednes|thu|thur|thurs|fri|sat|satur|sun)(?:day)?s?(?:\s*(?:,|and)\s*"
    r"(?:mon|tue|tues|wed|wednes|thu|thur|thurs|fri|sat|satur|sun)(?:day)?s?)*)\s*(?:,|from|at)?\s*"
    r"(?P<begins>[0-2]?\d(?::[0-5]\d)?)\s?(?:(?:-|–|to|until|till)\s?(?P<ends>[0-2]?\d(?::[0-5]\d)?)"
    r"|for\s(?P<long>\d+(?:[.,]\d+)?)\s?(?P<unit>h|hours?|min|minutes?))\b",
    re.IGNORECASE,
)
_DATE = re.compile(r"\b(?:from|starting|start|as of|on|until|till)\s+(\d{4}-\d{2}-\d{2})", re.IGNORECASE)
_DURATION = re.compile(r"\bfor\s+(\d{1,3})\s+(months?|years?)\b", re.IGNORECASE)
_PRESENT = re.compile(
    r"^(?:to\s+)?(?:stay|keep|remain|stick|continue|carry on|do nothing|nothing|not\b|no\b|don't|decline|refuse|"
    r"leave it|wait|bleiben|behalten)", re.IGNORECASE,
)  # fmt: skip
_GAINS = re.compile(
    r"\b(?:salary|pays|paying|(?:the|my|net|base|present)\s+pay|earn\w*|income|wage|job|offer|position|sell\w*|bonus|"
    r"refund|revenue|receiv\w*)\b",
    re.IGNORECASE,
)
_COSTS = re.compile(
    r"\b(?:cost\w*|fee|fees|rent|buy|price|insurance|tax|moving|spend\w*|subscription|membership|book|repair|premium|"
    r"deposit|lease|leasing)\b|(?<!the )(?<!my )\bpay\b",
    re.IGNORECASE,
)
_REPEATS = re.compile(r"\b(?:rent|subscription|membership|lease|leasing|insurance|salary|wage)\b", re.IGNORECASE)
_INTRODUCES = re.compile(r"\b(?:for|at|costs?|pays?|of|about|around|between|is)\s*$", re.IGNORECASE)
_ENDS = re.compile(r"^(?:to\s+)?(?:quit|resign|leave (?:the|my) job|stop working|retire)\b", re.IGNORECASE)
_JOB = re.compile(r"\b(?:job|position|offer)\b", re.IGNORECASE)
_MEETS = re.compile(r"\b(?:meeting|class|course|lesson|call|choir|training|practice|seminar)\b", re.IGNORECASE)
#: What costs nothing, by what is said or by what it is.
_FREE = re.compile(
    r"\b(?:for (?:free|nothing)|free of charge|costs? nothing|(?:is|it's|are) free|at no cost|gratis|kostenlos|umsonst|"
    r"walk\w*|on foot|zu fuß|none|neither|nothing)\b|\bfree$",
    re.IGNORECASE,
)
_COUNTS = {"once": 1, "one": 1, "twice": 2, "two": 2, "thrice": 3, "three": 3, "four": 4, "five": 5, "six": 6,
           "seven": 7, "eight": 8, "nine": 9, "ten": 10}  # fmt: skip
_TIMES = r"(?:times|x|×|rides?|trips?|meals?|orders?|visits?)\b"
_OFTEN = re.compile(
    rf"(?<![\d.,])\b(?:(?:(?P<count>{'|'.join(_COUNTS)}|\d{{1,2}}(?=\s?{_TIMES}))(?:\s?{_TIMES})?\s+"
    r"(?:a|an|per|each|every)|(?P<every>every(?: other)?))\s+(?P<unit>day|workday|weekday|week|month|year)"
    r"|(?P<daily>daily))\b",
    re.IGNORECASE,
)
#: What may stand between a price and how often it is paid: "12 EUR a ride, twice a week".
_EACH = re.compile(r"\s*(?:(?:a|an|per|each)\s+[^\W\d_]+|each)?\s*,?\s*\Z", re.IGNORECASE)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONGEST = 2000
#: What people pay for, by the words of payees: for "or keep using the train".
PAID_FOR: Mapping[str, re.Pattern[str]] = {
    name: re.compile(rf"\b(?:{words})", re.IGNORECASE)
    for name, words in {
        "train": "bahn|db |train|rail|sncf|amtrak|trenitalia|öbb|sbb",
        "bus": "bus|bvg|transit|tfl|verkehrsbetriebe",
        "taxi": "taxi|uber|lyft|bolt|cab ",
        "gym": "gym|fitness|mcfit|sportstudio",
        "phone": "phone|mobile|telekom|vodafone|telefonica",
        "delivery": "lieferdienst|delivery|lieferando|deliveroo|doordash",
    }.items()
}


@dataclass(frozen=True, slots=True)
class Known:
    """What the state says that words may lean on: its currencies, the present pay a month (0 if unknown)."""

    currencies: Sequence[str] = ()
    pay_month: float = 0.0
    zone: str = "UTC"


def choice(text: str, known: Known, currency: str | None = None) -> Record:
    """A life.choice without id and time from words. Raises DataError: ask_back with one question, or bad_choice."""
    plain = " ".join(text.split()).rstrip(" ?.!")
    if not plain or len(plain) > LONGEST:
        raise DataError(
            "no choice in the words" if not plain else f"longer than {LONGEST} characters", code="bad_choice"
        )
    plain = re.sub(r"^(?:should|shall|do|can) i\s+", "", plain, flags=re.IGNORECASE)
    parts = [part.strip(" ,;") for part in _SPLIT.split(plain) if part.strip(" ,;")]
    if len(parts) == 1:
        parts.append(_opposite(parts[0]))
    if len(parts) > 12:
        raise DataError("more than twelve alternatives", code="bad_choice")
    options = [_option(part, known, currency, first=number == 0) for number, part in enumerate(parts)]
    if not any(option.keys() - {"name", "is_present", "mentions", "often"} for option in options):
        raise _ask("what does each alternative cost, bring or take in time?")
    _want_prices(options)
    left = [each for option in options for each in option.pop("left_out", [])]
    made: Record = {"kind": "life.choice", "question": plain, "options": options}
    return made | ({"left_out": left} if left else {})


def _want_prices(options: Sequence[Record]) -> None:
    """Where one alternative has a price, mark those that have none and are not free: `prices` finds it, or asks."""
    if not any(option.get("flows") for option in options):
        return
    for option in options:
        said = option.get("is_present") or option.get("flows") or option.get("ends_pay")
        if not said and not _FREE.search(option["name"]):
            option["wants_price"] = True


def _opposite(text: str) -> str:
    verb = re.match(r"(?:should i\s+)?(\w+)", text, re.IGNORECASE)
    word = verb[1].lower() if verb else ""
    if word in ("accept", "take", "join", "attend", "agree", "say", "add"):
        return "decline"
    if word in (
        "buy",
        "book",
        "move",
        "rent",
        "hire",
        "start",
        "quit",
        "sell",
        "drop",
        "cancel",
        "go",
        "do",
        "get",
        "leave",
    ):
        return f"do not {word}"
    raise _ask("what is the alternative? Say it after 'or'")


def _option(text: str, known: Known, currency: str | None, *, first: bool) -> Record:
    option: Record = {"name": text}
    if _PRESENT.match(text):
        option["is_present"] = True
    rest = text
    slots = _slots(rest, text)
    if slots:
        option["slots"] = slots
        rest = _SLOT.sub(" ", rest)
    event = _EVENT.search(rest)
    if event:
        option["events"] = [_event(event, text, known.zone)]
        rest = rest.replace(event[0], " ")
    change = _FROM_TO.search(rest)
    hours = list(_HOURS.finditer(rest))
    if change:
        before, after = (float(each.replace(",", ".")) for each in change.groups())
        option["hours_week"] = round(after - before, 2)
        rest = rest.replace(change[0], " ")
    elif len(hours) > 1:
        raise _ask("how many hours a week is that in all, more or fewer than now?")
    elif hours:
        option["hours_week"] = _hours(hours[0])
        rest = rest.replace(hours[0][0], " ")
    starts = _DATE.search(rest)
    if starts:
        _checked(starts[1])
        option["start"] = starts[1]
        rest = rest.replace(starts[0], " ")
    lasting = _DURATION.search(rest)
    if lasting:
        option["duration_months"] = int(lasting[1]) * (12 if lasting[2].lower().startswith("year") else 1)
        rest = rest.replace(lasting[0], " ")
    often = _OFTEN.search(rest)
    priced = rest
    if often:
        rest = rest[: often.start()] + " " * len(often[0]) + rest[often.end() :]
    flows, rest = _flows(rest, known, currency)
    if often:
        _as_often(option, flows, priced[: often.start()], _frequency(often))
    left = re.findall(r"\d[\d.,:]*", rest)
    if left:
        option["left_out"] = left
    if flows:
        option["flows"] = flows
    placed = slots or event or hours or change or flows
    if not option.get("is_present") and _MEETS.search(text) and not placed:
        raise _ask("when does it take place? Say a day and times, such as Mondays 17:00-18:30")
    if _ENDS.match(text):
        option["ends_pay"] = True
    elif _JOB.search(text) and not option.get("is_present") and not flows:
        raise _ask("what does the job pay, net, a month?")
    mentions = sorted(_mentions(text))
    if mentions:
        option["mentions"] = mentions
    return option


def _frequency(match: re.Match[str]) -> Record:
    """How often: `count` times in a week, month or year."""
    if match["daily"]:
        return {"count": 7, "every": "week"}
    unit = match["unit"].lower()
    count: float = 1
    if match["every"]:
        count = 0.5 if "other" in match["every"].lower() else 1
    elif match["count"]:
        count = _COUNTS.get(match["count"].lower()) or int(match["count"])
    if unit in ("day", "workday", "weekday"):
        count, unit = count * (7 if unit == "day" else 5), "week"
    return {"count": count, "every": unit}


def _as_often(option: Record, flows: list[Record], before: str, often: Record) -> None:
    """A price each time becomes one for so many times; without a price how often is kept for whoever finds it."""
    if not flows:
        option["often"] = often
        return
    last = flows[-1]
    ends = [match.end() for match in _MONEY.finditer(before)]
    if last["every"] != "once" or not ends or not _EACH.match(before, ends[-1]):
        return
    for name in ("amount", "low", "high"):
        if name in last:
            last[name] = f"{float(last[name]) * often['count']:.2f}"
    last["every"] = often["every"]


def _event(match: re.Match[str], title: str, zone: str) -> Record:
    """One event at a local time. Raises DataError (ask_back) where its end is missing."""
    from datetime import datetime, timedelta
    from zoneinfo import ZoneInfo

    from roadmap_cli.core.clock import stamp

    _checked(match["date"])
    begin = datetime.fromisoformat(f"{match['date']}T{_clock(match['begins'])}").replace(tzinfo=ZoneInfo(zone))
    if match["ends"]:
        end = datetime.fromisoformat(f"{match['date']}T{_clock(match['ends'])}").replace(tzinfo=ZoneInfo(zone))
    elif match["long"]:
        size = float(match["long"].replace(",", "."))
        end = begin + timedelta(minutes=size * (60 if match["unit"].lower().startswith("h") else 1))
    else:
        raise _ask("how long does it take? Say it as 10:00-11:00, or for 45 minutes")
    if end <= begin:
        raise _ask("when does it end, on the same day?")
    shown = re.sub(r"\s+", " ", _EVENT.sub("", title)).strip(" ,") or "planned"
    return {"at": stamp(begin), "ends_at": stamp(end), "title": shown}


def _flows(text: str, known: Known, currency: str | None) -> tuple[list[Record], str]:
    """The amounts of money in a text, and the text without them."""
    found: list[Record] = []
    rest = text
    reached = 0
    for match in _MONEY.finditer(text):
        if _NOT_MONEY.match(text, match.end()) and not (match["before"] or match["after"]):
            continue
        unit = match["before"] or match["after"]
        named = bool(match["kind"].strip() or match["per"] or match["adverb"] or unit or match["change"])
        near = text[: match.start()]
        told = [
            each for pattern in (_GAINS, _COSTS) for each in pattern.finditer(near) if not near[each.end() :].strip()
        ]
        if not (named or told or _INTRODUCES.search(near)):
            continue
        if re.search(r"\bbetween\s*$", near, re.I) and not match["upper"]:
            continue
        amount = _number(match["number"], match["kilo"])
        upper = _number(match["upper"], match["upper_kilo"] or match["kilo"]) if match["upper"] else None
        sign = _sign(text, match.start(), match.end(), match["kind"])
        if match["change"]:
            costs = bool(_COSTS.search(near))
            sign = 1 if (match["change"].lower() == "more") != costs else -1
        rest = rest.replace(match[0], " ", 1)
        kind = match["kind"].strip().lower()
        if kind in ("gross", "brutto"):
            raise _ask("what is that pay net, after tax? Only what reaches the account can be compared")
        every = _every(match, text[reached : match.start()], amount, sign, known)
        reached = match.end()
        flow: Record = {
            "what": "pay" if kind else _what(text, match.start(), sign), "amount": _signed(sign, amount),
            "every": every, "currency": _currency(unit, known, currency),
        }  # fmt: skip
        if upper is not None:
            low, high = sorted((amount, upper))
            flow["amount"] = _signed(sign, (low + high) / 2)
            flow["low"], flow["high"] = sorted((_signed(sign, low), _signed(sign, high)), key=float)
        found.append(flow)
    return found, rest


def _currency(unit: str | None, known: Known, currency: str | None) -> str:
    if unit:
        return _CURRENCIES.get(unit.lower(), unit.upper())
    if currency:
        return currency.upper()
    if len(known.currencies) == 1:
        return known.currencies[0]
    raise _ask("in which currency? Write it with the amount, or say --currency EUR")


def _every(match: re.Match[str], text: str, amount: float, sign: int, known: Known) -> str:
    per = (match["per"] or "").lower()
    adverb = (match["adverb"] or "").lower()
    if adverb:
        return {"monthly": "month", "yearly": "year", "annually": "year", "weekly": "week", "once": "once"}[adverb]
    if per in ("month", "mo", "m"):
        return "month"
    if per in ("year", "yr", "a"):
        return "year"
    if per == "week":
        return "week"
    if per:
        raise _ask(f"how much is that a month? {per!r} leaves open how many there are")
    regular = match["kind"].strip() or (sign > 0 and _JOB.search(text)) or _REPEATS.search(text)
    if not regular:
        return "once"
    if sign > 0 and known.pay_month:
        monthly = 0.25 <= amount / known.pay_month <= 4
        yearly = 0.25 <= amount / 12 / known.pay_month <= 4
        if monthly != yearly:
            return "month" if monthly else "year"
    raise _ask(f"is {amount:,.0f} a month or a year?")


def _sign(text: str, begin: int, end: int, kind: str) -> int:
    """Money in or out: by the nearest word that tells, those before it first."""
    if kind.strip():
        return 1
    gains = [match.start() for match in _GAINS.finditer(text, 0, begin)]
    costs = [match.start() for match in _COSTS.finditer(text, 0, begin)]
    if gains or costs:
        return 1 if max(gains, default=-1) > max(costs, default=-1) else -1
    later = _GAINS.search(text, end)
    cost = _COSTS.search(text, end)
    return 1 if later and (not cost or later.start() < cost.start()) else -1


def _what(text: str, begin: int, sign: int) -> str:
    words = [*_GAINS.findall(text[:begin])] if sign > 0 else [*_COSTS.findall(text[:begin])]
    return words[-1].lower() if words else ("income" if sign > 0 else "cost")


def _slots(text: str, title: str) -> list[Record]:
    found = []
    for match in _SLOT.finditer(text):
        begins = _clock(match["begins"])
        if match["ends"]:
            ends = _clock(match["ends"])
        else:
            size = float(match["long"].replace(",", "."))
            minutes = int(size * (60 if match["unit"].lower().startswith("h") else 1))
            total = int(begins[:2]) * 60 + int(begins[3:]) + minutes
            ends = f"{total // 60:02d}:{total % 60:02d}"
        if ends <= begins or ends >= "24:00":
            raise _ask("when does it end, on the same day?")
        shown = re.sub(r"\s+", " ", _SLOT.sub("", title)).strip(" ,") or "planned"
        for day in re.findall("|".join(_DAYS), match["days"].lower()):
            found.append({"title": shown, "day": _DAYS.index(day), "begins": begins, "ends": ends})
    return found


def _clock(text: str) -> str:
    hour, _, minute = text.partition(":")
    if int(hour) > 23:
        raise DataError(f"not a time of day: {text!r}", hint="write it as 17:00", code="bad_choice")
    return f"{int(hour):02d}:{int(minute or 0):02d}"


def _hours(match: re.Match[str]) -> Any:
    scale = (1.0 if match[3].lower().startswith("h") else 1 / 60) * {"day": 7, "workday": 5, "week": 1}[
        match[4].lower()
    ]
    low = float(match[1].replace(",", ".")) * scale
    if not match[2]:
        return round(low, 2)
    high = float(match[2].replace(",", ".")) * scale
    return {"amount": round((low + high) / 2, 2), "low": round(min(low, high), 2), "high": round(max(low, high), 2)}


def _number(text: str, kilo: str | None) -> float:
    plain = re.sub(r"[  ’']", "", text)
    mark = re.search(r"[.,](\d+)$", plain)
    if mark and len(mark[1]) != 3:
        plain = plain[: mark.start()].replace(",", "").replace(".", "") + "." + mark[1]
    else:
        plain = plain.replace(",", "").replace(".", "")
    return float(plain) * (1000 if kilo else 1)


def _signed(sign: int, amount: float) -> str:
    return f"{sign * amount:.2f}"


def _mentions(text: str) -> set[str]:
    return {name for name, pattern in PAID_FOR.items() if re.search(rf"\b{name}s?\b", text, re.IGNORECASE) and pattern}


def _checked(text: str) -> None:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise DataError(f"not a date: {text!r}", hint="write it as 2027-01-15", code="bad_choice") from None


def _ask(question: str) -> DataError:
    return DataError(question, hint="say it in the words, or give a life.choice record", code="ask_back")
