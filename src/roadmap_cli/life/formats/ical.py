"""iCalendar files (RFC 5545): events and to-dos with their recurrences written out inside a window of time.

Rules, exceptions, moved and cancelled instances, time zones and daylight saving are resolved on reading, so that later
steps see plain moments. Busy times (VFREEBUSY) become events without a title. Journals and alarms are left out.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import BinaryIO

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.formats import ical_busy, ical_event, ical_plain, ical_task
from roadmap_cli.life.formats.components import Component
from roadmap_cli.life.formats.content_pieces import Block
from roadmap_cli.life.formats.contentlines import begins, looked_into, stream_parts, text
from roadmap_cli.life.formats.ical_plain import Plain
from roadmap_cli.life.formats.ical_series import Event, Instance, in_force, instances, key, original_of
from roadmap_cli.life.formats.ical_zone import defined
from roadmap_cli.life.kinds.items import Group, Remark, Source
from roadmap_cli.life.local_time.zones import Zones, named
from roadmap_cli.life.opening.opened import Opened
from roadmap_cli.life.opening.settings import Window

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

NAME, WHAT = "ical", "an iCalendar file: events, to-dos, busy times"
#: What may stand outside a VCALENDAR, as some programs store single items.
BARE = ("VEVENT", "VTODO", "VFREEBUSY", "VTIMEZONE", "VJOURNAL", "VAVAILABILITY")
#: Single events held for others of the same UID; and events that wait for a zone defined after them.
MOST_SINGLE, MOST_WAITING = 2_000, 10_000
_KINDS = {"VEVENT": ical_event, "VTODO": ical_task}


def matches(opened: Opened) -> bool:
    """It begins with BEGIN:VCALENDAR, or with one of its parts."""
    return begins(opened.text_head, ("VCALENDAR", *BARE))


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Group | DataError | Remark]:
    """Its events and to-dos; see `read`."""
    return _read(opened.stream, source, settings.zone, settings.window, settings.zone_is_chosen, "", settings.charset)


def read(
    data: bytes, source: Source, *, zone: str, window: Window, chosen: bool = False, called: str = ""
) -> Iterator[Group | DataError | Remark]:
    """The events and to-dos of a file, one Group per UID, in the order of their first lines.

    `zone` (an IANA name) is for times without any, unless the file has an X-WR-TIMEZONE and `zone` was not `chosen`.
    `called` is the calendar's name where the file does not say it.
    A broken event becomes a DataError in its place; its neighbours are read.
    """
    return _read(io.BytesIO(data), source, zone, window, chosen, called, None)


def _read(
    stream: BinaryIO, source: Source, zone: str, window: Window, chosen: bool, called: str, charset: str | None
) -> Iterator[Group | DataError | Remark]:
    held = _Held(source, window)
    contexts: dict[int, _Context] = {}
    alone: _Context | None = None
    for component in stream_parts(stream, charset, apart="VCALENDAR", blocks="VEVENT"):
        parent = component.parent
        if isinstance(component, Block):
            assert parent
            if id(parent) not in contexts:
                contexts[id(parent)] = _Context(parent, zone, chosen, called, source)
            yield from contexts[id(parent)].take_block(component, held)
        elif parent is None and component.name == "VCALENDAR":
            context = contexts.pop(id(component), None)
            if context is not None:
                yield from context.end(held)
            alone = alone or _Context(component, zone, chosen, called, source)
        elif parent is not None:
            if id(parent) not in contexts:
                contexts[id(parent)] = _Context(parent, zone, chosen, called, source)
            yield from contexts[id(parent)].take(component, held)
        elif component.name in BARE:
            if alone is None or alone.calendar.name != "":
                alone = _Context(Component("", component.line), zone, chosen, called, source)
            yield from alone.take(component, held)
    if alone is None:
        yield source.placed(DataError("no calendar in the file", code="no_calendar"))
    elif alone.calendar.name == "":
        yield from alone.end(held)
    yield from held.rest()


class _Context:
    """What holds for the components of one calendar: its zones, its name; and those that wait for a zone."""

    def __init__(self, calendar: Component, zone: str, chosen: bool, called: str, source: Source) -> None:
        self.calendar = calendar
        label = calendar.first("X-WR-CALNAME") or calendar.first("NAME")
        self.title = text(label.value).strip() if label else called
        self.zones = _zones(calendar, zone, chosen)
        self._waiting: list[Component] = []
        self._plain = ical_plain.Reader(self.zones, self.title, source)

    def take_block(self, block: Block, held: _Held) -> Iterator[Group | DataError | Remark]:
        """Read one event that has not been looked into."""
        plain = self._plain.read(block)
        if plain:
            yield from held.take(plain)
        else:
            for component in looked_into(block):
                yield from self.take(component, held)

    def take(self, component: Component, held: _Held) -> Iterator[Group | DataError | Remark]:
        """Read one component. What names a zone that is not known yet waits until the calendar's end."""
        if component.name == "VTIMEZONE":
            found = defined(component)
            if found:
                self.zones.define(*found)
                self._plain.forget()
            return
        if component.name not in ("VEVENT", "VTODO", "VFREEBUSY"):
            return
        known = len(self.zones.remarks)
        result: list[Group | DataError | Remark] = list(held.read(component, self.zones, self.title))
        if any("time zone" in words for _, words in self.zones.remarks[known:]) and len(self._waiting) < MOST_WAITING:
            del self.zones.remarks[known:]
            held.forget(component)
            self._waiting.append(component)
            return
        yield from result

    def end(self, held: _Held) -> Iterator[Group | DataError | Remark]:
        """Read what has waited, and tell what was not right."""
        for component in self._waiting:
            yield from held.read(component, self.zones, self.title)
        yield from _remarks(self.zones, held.source)


class _Held:
    """Events and to-dos by UID: series until the end of the file, single ones until there are MOST_SINGLE."""

    def __init__(self, source: Source, window: Window) -> None:
        self.source = source
        self._window = window
        self._grouped: dict[tuple[str, str], list[Event | Plain]] = {}
        self._most = MOST_SINGLE
        """When those that do not repeat are given."""

    def take(self, plain: Plain) -> Iterator[Group | DataError | Remark]:
        """Take a plain event in; give groups that are ready."""
        self._grouped.setdefault(("VEVENT", plain.uid), []).append(plain)
        if len(self._grouped) > self._most:
            yield from self._singles()

    def read(self, component: Component, zones: Zones, title: str) -> Iterator[Group | DataError | Remark]:
        """Take a component in; give groups that are ready."""
        try:
            if component.name == "VFREEBUSY":
                yield from ical_busy.groups(component, zones, title, self.source, self._window)
                return
            event = _KINDS[component.name].event(component, zones, title)
            if not isinstance(event, Event):
                made = ical_task.undated(event, component.line, self.source)
                yield Group(
                    str(event["uid"]), True, str(event["modified_at"]), *self._window.span, (made,), kind="life.task"
                )
                return
        except DataError as error:
            yield self.source.placed(error, None if error.where else component.line)
            return
        self._grouped.setdefault((component.name, str(event.fields["uid"])), []).append(event)
        if len(self._grouped) > self._most:
            yield from self._singles()

    def forget(self, component: Component) -> None:
        """Give back what was taken in last, if it is of this component."""
        for which, events in reversed(self._grouped.items()):
            last = events[-1]
            if isinstance(last, Event) and last.component is component:
                events.pop()
                if not events:
                    del self._grouped[which]
                return

    def _singles(self) -> Iterator[Group | DataError | Remark]:
        """The groups of what does not repeat; what repeats is kept, as changes of it may follow."""
        kept = {}
        _give_ids(self._grouped.values())
        for which, events in self._grouped.items():
            if any(isinstance(event, Event) and (event.repeats or event.replaces) for event in events):
                kept[which] = events
            else:
                yield from _groups(*which, events, self.source, self._window)
        self._grouped = kept
        self._most = len(kept) + MOST_SINGLE

    def rest(self) -> Iterator[Group | DataError | Remark]:
        """The groups of all that is left."""
        _give_ids(self._grouped.values())
        for (name, uid), events in self._grouped.items():
            yield from _groups(name, uid, events, self.source, self._window)
        self._grouped = {}


def _give_ids(groups: Iterable[list[Event | Plain]]) -> None:
    ical_plain.give_ids([only for only, *more in groups if not more and isinstance(only, Plain)])


def _zones(calendar: Component, default: str, chosen: bool) -> Zones:
    wished = None if chosen else calendar.first("X-WR-TIMEZONE")
    try:
        return Zones(named(wished.value.strip()).key if wished else default, days=default)
    except DataError:
        return Zones(default)


def _remarks(zones: Zones, source: Source) -> Iterator[Remark]:
    for line, message in zones.remarks:
        yield Remark(f"{source.name}:{line}", message)


def _groups(
    name: str, uid: str, given: list[Event | Plain], source: Source, window: Window
) -> Iterator[Group | DataError | Remark]:
    """The group of one UID. Of a series whose rule is broken, what is certain: its first event; then the error."""
    if len(given) == 1 and isinstance(given[0], Plain):
        yield Group(uid, True, given[0].modified, *window.span, (given[0].record,))
        return
    events = [each for event in given for each in ([event] if isinstance(event, Event) else _looked_into(event))]
    try:
        yield _group(name, uid, events, source, window)
    except DataError as error:
        if error.code in ("bad_rule", "rule_too_dense"):
            once = [replace(event, component=_once(event.component)) for event in events]
            with suppress(DataError):
                yield _group(name, uid, once, source, window)
        yield source.placed(error, None if error.where else events[0].component.line)


def _looked_into(plain: Plain) -> list[Event]:
    """A plain event as one that others of its UID can be compared with."""
    reader = plain.reader
    return [ical_event.event(component, reader.zones, reader.title) for component in looked_into(plain.block)]


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
        *window.span,
        tuple(found.values()),
        cut=cut,
        kind=kind,
        repeats=master is not None and master.repeats,
    )
