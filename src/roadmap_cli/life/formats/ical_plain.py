"""A VEVENT as it is nearly always: once, with a beginning and perhaps an end, read in one go over its lines.

What `ical_event` and `ical_fields` make of it, made at a fifth of the cost: what stands before the colon of a line, a
person's line, and an hour in its zone are worked out once, by those modules. Whatever is not plain (a rule, a
duration, a zone that is not known yet, an end before the beginning, a line that is none) is left to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_ids
from roadmap_cli.life.formats import ical_event, ical_fields
from roadmap_cli.life.formats.content_pieces import ALARMS, Block
from roadmap_cli.life.formats.contentlines import LONGEST, split, text
from roadmap_cli.life.formats.ical_values import When, when
from roadmap_cli.life.kinds.items import Source
from roadmap_cli.life.local_time.zones import Zones

#: What stands before a colon, and what was worked out, is remembered up to so many times.
MOST_KNOWN = 20_000
_TIMES, _PEOPLE = frozenset({"DTSTART", "DTEND"}), frozenset({"ATTENDEE", "ORGANIZER"})
_CHANGED = frozenset({"LAST-MODIFIED", "DTSTAMP"})
_BUSY = "X-MICROSOFT-CDO-BUSYSTATUS"
_WORDS = frozenset(
    ["UID", "SUMMARY", "STATUS", "TRANSP", _BUSY, ical_event.ALL_DAY, "CATEGORIES", "DESCRIPTION", "LOCATION", "URL"]
)
#: What makes an event more than plain, if it is there at all.
_ODD = frozenset({"RRULE", "RDATE", "EXRULE", "RECURRENCE-ID", "DURATION", "BEGIN", "END"})
_MINUTE_SECOND = {
    f"{minute:02d}{second:02d}": f"{minute:02d}:{second:02d}" for minute in range(60) for second in range(60)
}
_HOURS = {f"T{hour:02d}": hour for hour in range(24)}
_HOUR = timedelta(hours=1)
_LEFT, _REFUSED = "", "?"


@dataclass(slots=True)
class Plain:
    """One plain event: its record, whose id is still to be made; and what else `Group` wants to know."""

    block: Block
    reader: Reader
    record: Record
    identity: bytes
    modified: str
    uid: str


def give_ids(events: Sequence[Plain]) -> None:
    """Make the ids of records, of many at once."""
    for event, name in zip(events, content_ids(ical_event.KIND, [event.identity for event in events]), strict=True):
        event.record["id"] = name


class Reader:
    """Reads the plain events of one calendar, whose zones and title are given."""

    def __init__(self, zones: Zones, title: str, source: Source) -> None:
        self.zones = zones
        self.title = title
        self._name, self._source_id = source.name, source.id
        self._heads: dict[str, str] = {}
        self._people: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._hours: dict[str, tuple[str, str, str] | None] = {}
        self._shifts: dict[str, tuple[date, str, int, str] | None] = {}
        self._days: dict[str, tuple[str, str, str] | None] = {}

    def forget(self) -> None:
        """The calendar has defined a zone: times may mean something else."""
        for known in (self._hours, self._shifts, self._days):
            known.clear()

    def read(self, block: Block) -> Plain | None:
        """The event in a block; None if it is not plain."""
        said: dict[str, str] = {}
        people: set[str] = set()
        named: list[tuple[str, str]] = []
        more: list[str] = []
        heads = self._heads
        lines = _lines(block)
        for line in lines:
            head, colon, value = line.partition(":")
            name = heads.get(head)
            if name is None:
                name = self._learn(head)
            if not name:
                continue
            if name == _REFUSED or not colon:
                return None
            if name in said:
                if name == "CATEGORIES":
                    more.append(value)
            elif name == "ATTENDEE":
                people.add(who := self._people.get(line) or self._person(line))
                if line in self._names:
                    named.append((who, self._names[line]))
            elif name == "ORGANIZER":
                said[name] = who = self._people.get(line) or self._person(line)
                if line in self._names:
                    named.append((who, self._names[line]))
            elif name in _TIMES:
                said[name] = line
            else:
                said[name] = value
        made = self._made(block, said, people, more) if lines else None
        if made is not None and named:
            made.record = _with_names(made.record, ical_fields.ordered_names(named))
        return made

    def _made(self, block: Block, said: dict[str, str], people: set[str], more: list[str]) -> Plain | None:
        times = self._times(said)
        uid = _text(said.get("UID", ""))
        modified = ""
        for name in ("LAST-MODIFIED", "DTSTAMP"):
            if name in said and not (modified := ical_fields.stamp_of(said[name])):
                return None
            if modified:
                break
        if times is None or not uid:
            return None
        if not times[-1] and _text(said.get(ical_event.ALL_DAY, "")).upper() == "TRUE":
            return None
        status = _text(said["STATUS"]).lower() if "STATUS" in said else ""
        free = (
            status == "cancelled"
            or ("TRANSP" in said and _text(said["TRANSP"]).upper() == "TRANSPARENT")
            or (_BUSY in said and _text(said[_BUSY]).upper() == "FREE")
        )
        at, ends_at, day, zone, all_day = times
        people.discard(_NOBODY)
        own: dict[str, Any] = {
            "at": at, "ends_at": ends_at, "date": day, "all_day": all_day, "zone": zone,
            "status": status if status in ("tentative", "cancelled") else "confirmed",
            "busy": not free,
            "title": _text(said.get("SUMMARY", "")),
            "people": sorted(people),
        }  # fmt: skip
        if (organizer := said.get("ORGANIZER", _NOBODY)) != _NOBODY:
            own["organizer"] = organizer
        if "LOCATION" in said and (location := _text(said["LOCATION"])):
            own["location"] = location
        if "CATEGORIES" in said and (labels := ical_fields.labels([said["CATEGORIES"], *more])):
            own["categories"] = labels
        if "DESCRIPTION" in said and (description := ical_fields.shortened(_text(said["DESCRIPTION"]))):
            own["description"] = description
        if "URL" in said and (url := _text(said["URL"])):
            own["url"] = url
        if self.title:
            own["calendar"] = self.title
        own["uid"] = uid
        record: Record = {
            "kind": ical_event.KIND, "id": "", **own,
            "source": self._name, "source_line": block.line, "source_id": self._source_id,
        }  # fmt: skip
        identity = orjson.dumps((ical_event.KIND, own), option=orjson.OPT_SORT_KEYS)
        return Plain(block, self, record, identity, modified, uid)

    def _times(self, said: dict[str, str]) -> tuple[str, str, str, str, bool] | None:
        """Beginning and end as stamps, the day, the zone, whether it is of whole days; None if that is not plain."""
        begin, end = said.get("DTSTART"), said.get("DTEND")
        if begin is None:
            return None
        start = self._moment(begin)
        if start is None:
            dated, until = self._day(begin), self._day(end) if end else None
            if dated is None or until is None or until[1] <= dated[1]:
                return None
            return dated[0], until[0], dated[1], dated[2], True
        at, day, zone = start
        if end is None:
            return at, at, day, zone, False
        ended = self._moment(end)
        if ended is None or ended[0] < at:
            return None
        return at, ended[0], day, zone, False

    def _moment(self, line: str) -> tuple[str, str, str] | None:
        """The stamp, day and zone of a time: 20180101T090000 behind DTSTART;TZID=Europe/Berlin:."""
        head, _, value = line.partition(":")
        minute = _MINUTE_SECOND.get(value[11:15])
        end = value[15:]
        if minute is None or (end and end != "Z"):
            return None
        about = head.partition(";")[2]
        key = f"{value[:11]}{end}{about}"
        if key in self._hours:
            known = self._hours[key]
        else:
            if len(self._hours) > MOST_KNOWN:
                self._hours.clear()
            known = self._hours[key] = self._hour(about, value, end)
        return known and (f"{known[0]}{minute}.000Z", known[1], known[2])

    def _hour(self, about: str, value: str, end: str) -> tuple[str, str, str] | None:
        """How the stamps of an hour begin, its day and zone; None if that is not plain."""
        hour = _HOURS.get(value[8:11])
        key = f"{value[:8]}{end}{about}"
        if hour is None:
            return None
        if key not in self._shifts:
            if len(self._shifts) > MOST_KNOWN:
                self._shifts.clear()
            self._shifts[key] = self._shift(about, value[:8], end)
        known = self._shifts[key]
        if known is None:
            return None
        day, shown, shift, zone = known
        days, hour = divmod(hour - shift, 24)
        begin = (day + timedelta(days=days)).isoformat() if days else shown
        return f"{begin}T{hour:02d}:", shown, zone

    def _shift(self, about: str, day: str, end: str) -> tuple[date, str, int, str] | None:
        """A day, also as text, its hours ahead of UTC, its zone; None if these change on that day or are not whole."""
        first, last = (self._when(about, f"{day}{time}{end}") for time in ("T000000", "T235959"))
        if first is None or last is None or first.dated or not isinstance(first.zone, ZoneInfo | timezone):
            return None
        shift = first.local - first.utc().replace(tzinfo=None)
        if shift != last.local - last.utc().replace(tzinfo=None) or shift % _HOUR or not 1 < first.local.year < 9999:
            return None
        return first.day, first.day.isoformat(), shift // _HOUR, str(first.zone)

    def _day(self, line: str) -> tuple[str, str, str] | None:
        """The stamp, day and zone of a date."""
        head, _, value = line.partition(":")
        about = head.partition(";")[2]
        key = f"{value}{about}"
        if key not in self._days:
            if len(self._days) > MOST_KNOWN:
                self._days.clear()
            found = self._when(about, value)
            self._days[key] = (
                (stamp(found.utc()), found.day.isoformat(), str(found.zone)) if found and found.dated else None
            )
        return self._days[key]

    def _when(self, about: str, value: str) -> When | None:
        """What such a value means, behind such parameters; None if that is not certain."""
        item = split(f"DTSTART{';' if about else ''}{about}:{value}", 0)
        if item is None or (item.parameters.get("TZID") and self.zones.find(item.parameters["TZID"]) is None):
            return None
        try:
            found = when(item, self.zones)
            found.utc()
        except DataError:
            return None
        return found

    def _learn(self, head: str) -> str:
        """The property that a line begins, "" if nobody reads it, "?" if what it makes of a line is not plain."""
        item = split(f"{head}:", 0) if head.count('"') % 2 == 0 else None
        name = _REFUSED
        if item is not None and not item.group and not {"ENCODING", "CHARSET"} & item.parameters.keys():
            name = item.name
            if name in _ODD or (name in _CHANGED and "VALUE" in item.parameters):
                name = _REFUSED
            elif name not in _TIMES and name not in _PEOPLE and name not in _WORDS and name not in _CHANGED:
                name = _LEFT
            elif name not in _TIMES and "TZID" in item.parameters:
                name = _REFUSED
        if len(self._heads) > MOST_KNOWN:
            self._heads.clear()
        self._heads[head] = name
        return name

    def _person(self, line: str) -> str:
        """Who is named; a blank for nobody, as a thing that is invited."""
        item = split(line, 0)
        found = ""
        if item is not None and not (item.name == "ATTENDEE" and ical_fields.is_thing(item)):
            found = ical_fields.address(item)
        if len(self._people) > MOST_KNOWN:
            self._people.clear()
            self._names.clear()
        if item is not None and found and (name := ical_fields.name_of(item)):
            self._names[line] = name
        self._people[line] = found or _NOBODY
        return self._people[line]


def _with_names(record: Record, names: dict[str, str]) -> Record:
    """The record with what its people are called, in the place where `ical_fields.placed` has it."""
    source = {name: record.pop(name) for name in ("source", "source_line", "source_id")}
    return {**record, "people_names": names, **source}


#: In the place of an address.
_NOBODY = " "


def _text(value: str) -> str:
    return text(value).strip() if "\\" in value else value.strip()


def _lines(block: Block) -> Sequence[str]:
    """The unfolded lines between BEGIN and END without alarms; none if that takes more than a look."""
    data = block.data
    if len(data) > LONGEST or data.startswith((b" ", b"\t")):
        return ()
    if b"\nBEGIN:VALARM" in data:
        data = ALARMS.sub(b"", data)
    if b"\n " in data:
        data = data.replace(b"\n ", b"")
    if b"\n\t" in data:
        data = data.replace(b"\n\t", b"")
    if data.isascii():
        return data.decode("ascii").split("\n")
    if block.charset:
        return ()
    try:
        return data.decode().split("\n")
    except UnicodeDecodeError:
        return ()
