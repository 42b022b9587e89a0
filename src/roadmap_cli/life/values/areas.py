"""Which area of life a record belongs to: by the person's own mapping, else by what it says of itself.

Order: the person's `area …` rules; categories and the calendar's name; words of the title or payee; working hours with
other people. Nothing fits: no area, and then no rule about one is applied.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from roadmap_cli.core.clock import parse
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record

#: Words that stand for an area, in English and German; each is the beginning of a word.
WORDS: Mapping[str, tuple[str, ...]] = {
    "work": ("work", "office", "job", "team", "sprint", "stand-up", "standup", "customer", "client", "launch",
             "review", "interview", "budget", "all hands", "arbeit", "büro",
             "kunde", "besprechung", "project", "projekt"),
    "family": ("family", "famil", "mum", "mom", "dad", "mother", "father", "parent", "kids", "child", "daughter",
               "son ", "grand", "birthday", "wedding", "mutter", "vater", "eltern", "kind", "oma", "opa", "geburtstag"),
    "health": ("health", "doctor", "dentist", "physio", "therap", "gym", "yoga", "run ", "running", "swim", "pharmacy",
               "sport", "training", "gesund", "arzt", "zahnarzt", "apotheke", "hospital", "clinic", "workout"),
    "friends": ("friend", "party", "dinner with", "drinks", "freund", "pub "),
    "learning": ("learn", "course", "class", "lecture", "stud", "school", "exam", "kurs", "lernen", "seminar"),
    "rest": ("rest", "holiday", "vacation", "sleep", "urlaub", "nap", "day off", "ferien"),
    "hobbies": ("hobb", "choir", "band ", "chess", "garden", "music", "chor", "club", "verein"),
    "money": ("bank", "tax", "invoice", "steuer", "insurance"),
}  # fmt: skip
_PATTERNS = {
    area: re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, words)) + ")", re.IGNORECASE)
    for area, words in WORDS.items()
}
#: Names for the same area.
SAME = {"income": "money", "savings": "money", "finances": "money", "job": "work", "sport": "health",
        "sleep": "rest",
        "fitness": "health", "kids": "family", "hobby": "hobbies", "study": "learning",
        "social": "friends"}  # fmt: skip
KNOWN = (*WORDS, *SAME, "meetings", "events")
Mappings = Mapping[str, Sequence[Sequence[str]]]


def of(record: Record, own: Mappings, zone: ZoneInfo) -> set[str]:
    """The areas of an event, transaction, activity, measurement or message; empty if none can be told."""
    mine = {area for area, tests in own.items() if any(_fits(record, test, zone) for test in tests)}
    if mine:
        return mine
    kind = record.get("kind")
    if kind == "life.activity":
        return {"health"}
    if kind == "life.measurement":
        return {"rest"} if record.get("metric") == "sleep" else {"health"}
    named = [str(each) for each in _list(record.get("categories"))] + [str(record.get("calendar", ""))]
    found = {area for text in named for area in words(text)}
    if found:
        return found
    text = " ".join(str(record.get(name, "")) for name in ("title", "payee", "category", "memo", "subject"))
    found = words(text)
    if found:
        return found
    if kind == "life.event" and people(record) >= 2 and _within(record, "08:00", "18:00", zone):
        return {"work"}
    return set()


def words(text: str) -> set[str]:
    """The areas that words stand for."""
    return {area for area, pattern in _PATTERNS.items() if pattern.search(text + " ")}


def canonical(area: str) -> str:
    """One name of an area: `income` and `savings` are `money`."""
    return SAME.get(area, area)


def people(record: Record) -> int:
    """How many people an event names, organiser included."""
    named = {str(each) for each in _list(record.get("people"))}
    if record.get("organizer"):
        named.add(str(record["organizer"]))
    return len(named)


def is_meant(record: Record, what: str, own: Mappings, zone: ZoneInfo) -> bool:
    """Whether a rule about `what` is about this event: meetings, events, or an area."""
    if what in ("events", "event", "anything", "appointments"):
        return True
    if what in ("meetings", "meeting"):
        return people(record) >= 2 or "meeting" in str(record.get("title", "")).lower()
    found = of(record, own, zone)
    return what in found or canonical(what) in {canonical(each) for each in found}


def _fits(record: Record, test: Sequence[str], zone: ZoneInfo) -> bool:
    name, value = test[0], test[1].lower()
    if name == "calendar":
        return str(record.get("calendar", "")).lower() == value
    if name == "category":
        told = [*_list(record.get("categories")), record.get("category", "")]
        return value in [str(each).lower() for each in told]
    if name == "people":
        named = [*_list(record.get("people")), record.get("organizer", ""), record.get("sender", "")]
        called = record.get("people_names")
        named += called.values() if isinstance(called, dict) else ()
        lowered = [str(each).lower() for each in named]
        return any(each.endswith(value) if value.startswith("@") else each == value for each in lowered if each)
    if name == "hours":
        begins, _, ends = value.partition("-")
        return record.get("kind") == "life.event" and _within(record, begins, ends, zone)
    text = str(record.get(name, "")).lower()
    return bool(text) and (value in text)


def _within(record: Record, begins: str, ends: str, zone: ZoneInfo) -> bool:
    local = _local(record, zone)
    return local is not None and local.weekday() < 5 and begins <= local.strftime("%H:%M") < ends


def _local(record: Record, zone: ZoneInfo) -> datetime | None:
    try:
        return None if record.get("all_day") is True else parse(str(record["at"])).astimezone(zone)
    except (DataError, KeyError):
        return None


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
