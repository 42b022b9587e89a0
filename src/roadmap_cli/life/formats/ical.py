"""iCalendar files (RFC 5545): events and to-dos with their recurrences written out inside a window of time.

Rules, exceptions, moved and cancelled instances, time zones and daylight saving are resolved on reading, so that later
steps see plain moments. Busy times (VFREEBUSY) become events without a title. Journals and alarms are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.formats import ical_busy, ical_event, ical_task
from roadmap_cli.life.formats.contentlines import Component, begins, components, text
from roadmap_cli.life.formats.ical_series import Event, Instance, Window, in_force, instances, key, original_of
from roadmap_cli.life.formats.ical_zone import defined
from roadmap_cli.life.formats.text import decode
from roadmap_cli.life.items import Group, Remark, Source
from roadmap_cli.life.opened import Opened
from roadmap_cli.life.zones import Zones, named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.settings import Settings

NAME, WHAT = "ical", "an iCalendar file"
#: What may stand outside a VCALENDAR, as some programs store single items.
BARE = ("VEVENT", "VTODO", "VFREEBUSY", "VTIMEZONE", "VJOURNAL", "VAVAILABILITY")
_KINDS = {"VEVENT": ical_event, "VTODO": ical_task}


def matches(opened: Opened) -> bool:
    """It begins with BEGIN:VCALENDAR, or with one of its parts."""
    return begins(opened.text_head, ("VCALENDAR", *BARE))


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Group | DataError | Remark]:
    """Its events and to-dos; see `read`."""
    data = opened.data()
    body = decode(data, settings.charset).encode() if settings.charset else data
    return read(body, source, zone=settings.zone, window=settings.window, chosen=settings.zone_is_chosen)


def read(
    data: bytes, source: Source, *, zone: str, window: Window, chosen: bool = False, called: str = ""
) -> Iterator[Group | DataError | Remark]:
    """The events and to-dos of a file, one Group per UID, in the order of their first lines.

    `zone` (an IANA name) is for times without any, unless the file has an X-WR-TIMEZONE and `zone` was not `chosen`.
    `called` is the calendar's name where the file does not say it.
    A broken event becomes a DataError in its place; its neighbours are read.
    """
    grouped: dict[tuple[str, str], list[Event]] = {}
    outer = list(components(data))
    calendars = [each for each in outer if each.name == "VCALENDAR"]
    bare = [each for each in outer if each.name in BARE]
    if bare:
        calendars.append(Component("VCALENDAR", bare[0].line, children=bare))
    if not calendars:
        yield source.placed(DataError("no calendar in the file", code="no_calendar"))
    for calendar in calendars:
        zones = _zones(calendar, zone, chosen)
        label = calendar.first("X-WR-CALNAME") or calendar.first("NAME")
        title = text(label.value).strip() if label else called
        for component in calendar.children:
            try:
                if component.name == "VFREEBUSY":
                    yield from ical_busy.groups(component, zones, title, source, window)
                elif component.name in _KINDS:
                    event = _KINDS[component.name].event(component, zones, title)
                    if isinstance(event, Event):
                        grouped.setdefault((component.name, _uid(event)), []).append(event)
                    else:
                        made = ical_task.undated(event, component.line, source)
                        yield Group(
                            str(event["uid"]),
                            True,
                            str(event["modified_at"]),
                            *_span(window),
                            (made,),
                            kind="life.task",
                        )
            except DataError as error:
                yield source.placed(error, None if error.where else component.line)
        yield from _remarks(zones, source)
    for (name, uid), events in grouped.items():
        yield from _groups(name, uid, events, source, window)


def _zones(calendar: Component, default: str, chosen: bool) -> Zones:
    own = defined(calendar)
    wished = None if chosen else calendar.first("X-WR-TIMEZONE")
    try:
        return Zones(named(wished.value.strip()).key if wished else default, own, days=default)
    except DataError:
        return Zones(default, own)


def _remarks(zones: Zones, source: Source) -> Iterator[Remark]:
    for line, message in zones.remarks:
        yield Remark(f"{source.name}:{line}", message)


def _uid(event: Event) -> str:
    return str(event.fields["uid"])


def _span(window: Window) -> tuple[str, str]:
    return stamp(window.since), stamp(window.until)


def _groups(
    name: str, uid: str, events: list[Event], source: Source, window: Window
) -> Iterator[Group | DataError | Remark]:
    """The group of one UID. Of a series whose rule is broken, what is certain: its first event; then the error."""
    try:
        yield _group(name, uid, events, source, window)
    except DataError as error:
        if error.code in ("bad_rule", "rule_too_dense"):
            once = [replace(event, component=_once(event.component)) for event in events]
            with suppress(DataError):
                yield _group(name, uid, once, source, window)
        yield source.placed(error, None if error.where else events[0].component.line)


def _once(component: Component) -> Component:
    rest = [item for item in component.properties if item.name not in ("RRULE", "EXRULE")]
    return Component(component.name, component.line, rest, component.children)


def _group(name: str, uid: str, events: list[Event], source: Source, window: Window) -> Group:
    """All events of one UID as records, overrides in the place of the instances they replace."""
    kind, record = (ical_task.KIND, ical_task.record) if name == "VTODO" else (ical_event.KIND, ical_event.record)
    masters = [event for event in events if event.replaces is None]
    master = max(masters, key=lambda event: event.version) if masters else None
    changes = in_force([event for event in events if event.replaces is not None], master)
    found: dict[str, Record] = {}
    cut = False
    if master is not None and master.repeats:
        for place, instance in enumerate(instances(master, changes, window)):
            cut = place >= window.most
            if cut:
                break
            found[instance.key] = record(instance, source, repeated=True)
    elif master is not None:
        found[""] = record(Instance(master.start, master.start, master.length, master), source, repeated=False)
    for change in changes:
        original = original_of(change, master)
        found[key(original)] = record(Instance(original, change.start, change.length, change), source, repeated=True)
    return Group(
        uid,
        master is not None,
        max(event.modified for event in events),
        *_span(window),
        tuple(found.values()),
        cut=cut,
        kind=kind,
        repeats=master is not None and master.repeats,
    )
