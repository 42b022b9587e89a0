"""iCalendar files (RFC 5545): events with their recurrences written out inside a window of time.

Rules, exceptions, moved and cancelled instances, time zones and daylight saving are resolved on reading, so that later
steps see plain moments. To-dos and journals are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life.formats.contentlines import Component, Property, components, text
from roadmap_cli.life.formats.ical_series import Event, Instance, Window, instances, key, original_of
from roadmap_cli.life.formats.ical_values import Span, When, span, when
from roadmap_cli.life.formats.text import decode
from roadmap_cli.life.items import Group, Source
from roadmap_cli.life.opened import Opened
from roadmap_cli.life.zones import Zones, named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.settings import Settings

NAME, WHAT = "ical", "an iCalendar file"
_BEGIN = re.compile(rb"^BEGIN\s*:\s*VCALENDAR", re.MULTILINE | re.IGNORECASE)


def matches(opened: Opened) -> bool:
    """A line BEGIN:VCALENDAR."""
    return bool(_BEGIN.search(opened.text_head))


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Group | DataError]:
    """Its events; see `read`."""
    data = opened.data()
    body = decode(data, settings.charset).encode() if settings.charset else data
    return read(body, source, zone=settings.zone, window=settings.window)


def read(data: bytes, source: Source, *, zone: str, window: Window) -> Iterator[Group | DataError]:
    """The events of a file, one Group per UID, in the order of their first lines.

    `zone` (an IANA name) is for times without any, unless the file has an X-WR-TIMEZONE.
    A broken event becomes a DataError in its place; its neighbours are read.
    """
    grouped: dict[str, list[Event]] = {}
    calendars = 0
    for calendar in components(data):
        if calendar.name != "VCALENDAR":
            continue
        calendars += 1
        zones = _zones(calendar, zone)
        label = calendar.first("X-WR-CALNAME") or calendar.first("NAME")
        for component in calendar.children:
            if component.name != "VEVENT":
                continue
            try:
                event = _event(component, zones, text(label.value).strip() if label else "")
            except DataError as error:
                yield source.placed(error, None if error.where else component.line)
            else:
                grouped.setdefault(_uid(event), []).append(event)
    if not calendars:
        yield source.placed(DataError("no calendar in the file", code="no_calendar"))
    for uid, events in grouped.items():
        try:
            yield _group(uid, events, source, window)
        except DataError as error:
            yield source.placed(error, None if error.where else events[0].component.line)


def _zones(calendar: Component, default: str) -> Zones:
    own = {}
    for child in calendar.children:
        tzid = child.first("TZID")
        if child.name == "VTIMEZONE" and tzid:
            own[tzid.value.strip()] = "\r\n".join(_written(child)) + "\r\n"
    wished = calendar.first("X-WR-TIMEZONE")
    try:
        return Zones(named(wished.value.strip()).key if wished else default, own)
    except DataError:
        return Zones(default, own)


def _written(component: Component) -> Iterator[str]:
    """A component as text again, for the library that reads VTIMEZONE."""
    yield f"BEGIN:{component.name}"
    for item in component.properties:
        parameters = "".join(f';{name}="{value}"' for name, value in item.parameters.items())
        yield f"{item.name}{parameters}:{item.value}"
    for child in component.children:
        yield from _written(child)
    yield f"END:{component.name}"


def _event(component: Component, zones: Zones, calendar: str) -> Event:
    begin, replaced = component.first("DTSTART"), component.first("RECURRENCE-ID")
    if begin is None:
        raise DataError("event has no DTSTART", code="missing_field")
    start = when(begin, zones)
    start.utc()
    return Event(
        component,
        zones,
        start,
        length=_length(component, start, zones),
        replaces=when(replaced, zones) if replaced else None,
        onwards=replaced is not None and replaced.parameters.get("RANGE", "").upper() == "THISANDFUTURE",
        fields=_fields(component, calendar),
        modified=_modified(component, zones),
    )


def _length(component: Component, start: When, zones: Zones) -> Span:
    """How long an event is. An all-day event without an end is one day; a timed one no time at all."""
    ending, lasting = component.first("DTEND"), component.first("DURATION")
    if ending is not None and ending.value.strip():
        end = when(ending, zones)
        if start.dated:
            length = Span(days=max((end.day - start.day).days, 1))
            negative = end.day < start.day
        else:
            length = Span(exact=(start.moved(end.local) if end.dated else end).utc() - start.utc())
            negative = length.exact.days < 0
    elif lasting is not None and lasting.value.strip():
        length = span(lasting)
        negative = length.days < 0 or length.exact.days < 0
    else:
        return Span(days=1) if start.dated else Span()
    if negative:
        raise DataError("event ends before it begins", code="bad_time")
    return length


def _modified(component: Component, zones: Zones) -> str:
    changed = component.first("LAST-MODIFIED") or component.first("DTSTAMP")
    try:
        return stamp(when(changed, zones).utc()) if changed else ""
    except DataError:
        return ""


def _fields(component: Component, calendar: str) -> Record:
    """What an event says of itself besides its time."""
    status = _words(component, "STATUS").lower()
    free = (
        _words(component, "TRANSP").upper() == "TRANSPARENT"
        or _words(component, "X-MICROSOFT-CDO-BUSYSTATUS").upper() == "FREE"
        or status == "cancelled"
    )
    fields: dict[str, Any] = {
        "title": _words(component, "SUMMARY"),
        "status": status if status in ("tentative", "cancelled") else "confirmed",
        "busy": not free,
        "people": sorted({_address(item) for item in component.every("ATTENDEE")} - {""}),
    }
    organizer = component.first("ORGANIZER")
    labels = {text(word).strip() for item in component.every("CATEGORIES") for word in item.value.split(",")}
    optional = {
        "organizer": _address(organizer) if organizer else "",
        "location": _words(component, "LOCATION"),
        "categories": sorted(labels - {""}),
        "calendar": calendar,
    }
    return fields | {name: value for name, value in optional.items() if value}


def _words(component: Component, name: str) -> str:
    item = component.first(name)
    return text(item.value).strip() if item else ""


def _address(item: Property) -> str:
    value = item.value.strip()
    return value[7:].lower() if value[:7].lower() == "mailto:" else value or item.parameters.get("CN", "")


def _uid(event: Event) -> str:
    """The UID; where it is missing, which the standard forbids, a name made from start and title."""
    uid = _words(event.component, "UID")
    return uid or content_id("life.uid", start=event.start.local.isoformat(), title=event.fields["title"])


def _group(uid: str, events: list[Event], source: Source, window: Window) -> Group:
    """All events of one UID as records, overrides in the place of the instances they replace."""
    masters = [event for event in events if event.replaces is None]
    changes = [event for event in events if event.replaces is not None]
    master = max(masters, key=lambda event: event.modified) if masters else None
    found: dict[str, Record] = {}
    cut = False
    if master is not None and master.repeats:
        for place, instance in enumerate(instances(master, changes, window)):
            cut = place >= window.most
            if cut:
                break
            found[instance.key] = _record(uid, instance, source, repeated=True)
    elif master is not None:
        found[""] = _record(uid, Instance(master.start, master.start, master.length, master), source, repeated=False)
    for change in changes:
        original = original_of(change, master)
        instance = Instance(original, change.start, change.length, change)
        found[key(original)] = _record(uid, instance, source, repeated=True)
    return Group(
        uid,
        whole=master is not None,
        modified=max(event.modified for event in events),
        since=stamp(window.since),
        until=stamp(window.until),
        events=tuple(found.values()),
        cut=cut,
    )


def _record(uid: str, instance: Instance, source: Source, *, repeated: bool) -> Record:
    start, event = instance.start, instance.event
    own: dict[str, Any] = {
        "at": stamp(start.utc()),
        "ends_at": stamp(instance.length.after(start)),
        "date": start.day.isoformat(),
        "all_day": start.dated,
        "zone": str(start.zone),
        "uid": uid,
    }
    if repeated:
        own["instance"] = instance.key
    fields = own | event.fields
    identity = content_id("life.event", **fields)
    return {
        "kind": "life.event",
        "id": identity,
        **fields,
        "source": source.name,
        "source_line": event.component.line,
        "source_id": source.id,
    }
