"""What an event and a to-do have in common: length, version, words, people (RFC 5545, 3.8)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life.formats.components import Component, Property
from roadmap_cli.life.formats.contentlines import text
from roadmap_cli.life.formats.ical_series import Event
from roadmap_cli.life.formats.ical_values import Span, When, span, when
from roadmap_cli.life.local_time.zones import Zones

#: Characters kept of a description: an agenda, not the boilerplate of a conference service in ten languages.
LONGEST_DESCRIPTION = 2_000
_IN_UTC = re.compile(r"\d{8}T\d{6}Z\Z", re.ASCII)


def replaced(component: Component, zones: Zones) -> tuple[When | None, bool]:
    """Which instance of a series it stands for, and whether for all later ones, too."""
    item = component.first("RECURRENCE-ID")
    if item is None or not item.value.strip():
        return None, False
    return when(item, zones), item.parameters.get("RANGE", "").upper() == "THISANDFUTURE"


def length(component: Component, start: When, zones: Zones, end_name: str) -> Span | None:
    """How long it is; None if nothing says so. An end before the beginning says nothing."""
    ending, lasting = component.first(end_name), component.first("DURATION")
    if ending is not None and ending.value.strip():
        end = when(ending, zones)
        if start.dated:
            found, negative = Span(days=max((end.day - start.day).days, 1)), end.day < start.day
        else:
            exact = (start.moved(end.local) if end.dated else end).utc() - start.utc()
            found, negative = Span(exact=exact), exact.days < 0
    elif lasting is not None and lasting.value.strip():
        found = span(lasting)
        negative = found.days < 0 or found.exact.days < 0
    else:
        return None
    if negative:
        zones.remarks.append((component.line, "ends before it begins: its end is left out"))
        return None
    return found


def modified(component: Component, zones: Zones) -> str:
    """When it was last changed, as a stamp; "" if it does not say."""
    for name in ("LAST-MODIFIED", "DTSTAMP"):
        changed = component.first(name)
        if changed is not None:
            if (known := stamp_of(changed.value)) and changed.parameters.get("VALUE", "").upper() != "DATE":
                return known
            try:
                return stamp(when(changed, zones).utc())
            except DataError:
                continue
    return ""


@lru_cache(maxsize=1024)
def stamp_of(value: str) -> str:
    """The stamp of a time in UTC as the standard wants it; "" for what is spelled in another way."""
    if not _IN_UTC.match(value):
        return ""
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return ""
    return f"{value[:4]}-{value[4:6]}-{value[6:11]}:{value[11:13]}:{value[13:15]}.000Z"


def sequence(component: Component) -> int:
    """Its SEQUENCE, 0 if it has none."""
    value = words(component, "SEQUENCE")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0


def uid(component: Component, start: str) -> str:
    """The UID; where it is missing, which the standard forbids, a name made from start and title."""
    return words(component, "UID") or content_id("life.uid", start=start, title=words(component, "SUMMARY"))


def common(component: Component, calendar: str) -> Record:
    """What an event or a to-do says of itself besides its time."""
    fields: dict[str, Any] = {
        "title": words(component, "SUMMARY"),
        "people": sorted({address(item) for item in component.every("ATTENDEE") if not is_thing(item)} - {""}),
    }
    organizer = component.first("ORGANIZER")
    optional = {
        "organizer": address(organizer) if organizer else "",
        "location": words(component, "LOCATION"),
        "categories": labels([item.value for item in component.every("CATEGORIES")]),
        "description": shortened(words(component, "DESCRIPTION")),
        "url": words(component, "URL"),
        "calendar": calendar,
    }
    return fields | {name: value for name, value in optional.items() if value}


def labels(values: Sequence[str]) -> list[str]:
    """The categories that properties name, sorted."""
    return sorted({text(word).strip() for value in values for word in value.split(",")} - {""})


def shortened(description: str) -> str:
    """A description in one line, no longer than is kept."""
    return " ".join(description.split())[:LONGEST_DESCRIPTION]


def words(component: Component, name: str) -> str:
    """The text of a property, "" without it."""
    item = component.first(name)
    return text(item.value).strip() if item else ""


def address(item: Property) -> str:
    """Mail address in lower case, or else the name, of a person."""
    value = item.value.strip()
    return value[7:].lower() if value[:7].lower() == "mailto:" else value or item.parameters.get("CN", "")


def name_of(item: Property) -> str:
    """What a person is called beside the address (CN); "" if that says no more than the address."""
    name = " ".join(text(item.parameters.get("CN", "")).strip("\"' ").split())
    known = address(item)
    return "" if "@" in name or name.lower() == known or name == known else name


def names(component: Component) -> dict[str, str]:
    """What those who are invited, and who invites, are called, by address; of several names of one the longest."""
    return ordered_names(
        (address(item), name_of(item))
        for item in (*component.every("ATTENDEE"), *component.every("ORGANIZER")[:1])
        if item.name == "ORGANIZER" or not is_thing(item)
    )


def ordered_names(said: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Addresses with their names, in order of the addresses; no address, or no name, is left out."""
    found: dict[str, str] = {}
    for who, name in said:
        if who and name and (len(name), name) > (len(found.get(who, "")), found.get(who, "")):
            found[who] = name
    return dict(sorted(found.items()))


def is_thing(item: Property) -> bool:
    """Whether what is invited is a room or a projector."""
    return item.parameters.get("CUTYPE", "").upper() in ("ROOM", "RESOURCE")


def placed(event: Event, source_name: str, source_id: str) -> Record:
    """Where a record comes from."""
    named = {"people_names": event.names} if event.names else {}
    return {**named, "source": source_name, "source_line": event.component.line, "source_id": source_id}
