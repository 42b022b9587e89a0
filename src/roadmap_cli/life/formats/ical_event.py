"""VEVENT as life.event."""

from __future__ import annotations

from typing import Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life.formats import ical_fields as fields
from roadmap_cli.life.formats.components import Component
from roadmap_cli.life.formats.ical_series import Event, Instance
from roadmap_cli.life.formats.ical_values import Span, When, when
from roadmap_cli.life.kinds.items import Source
from roadmap_cli.life.local_time.zones import Zones

KIND = "life.event"
#: Outlook's word for an event of whole days.
ALL_DAY = "X-MICROSOFT-CDO-ALLDAYEVENT"


def event(component: Component, zones: Zones, calendar: str) -> Event:
    """Read a VEVENT. Raises DataError if it has no time or one that is none."""
    begin = component.first("DTSTART")
    if begin is None:
        raise DataError("event has no DTSTART", code="missing_field")
    start = when(begin, zones)
    if _fills_days(component):
        start = When(start.local, zones.days, dated=True)
    start.utc()
    # an all-day event without an end is one day; a timed one no time at all
    length = fields.length(component, start, zones, "DTEND") or (Span(days=1) if start.dated else Span())
    replaces, onwards = fields.replaced(component, zones)
    return Event(
        component,
        zones,
        start,
        length,
        replaces,
        onwards,
        fields=_fields(component, calendar) | {"uid": fields.uid(component, start.local.isoformat())},
        modified=fields.modified(component, zones),
        sequence=fields.sequence(component),
        names=fields.names(component),
    )


def _fills_days(component: Component) -> bool:
    """Whether an event is of whole days though it is written with times, as Outlook does ([MS-OXCICAL]).

    One that is repeated stays as it is written: what its rule and its exceptions say are times, too.
    """
    ends = (component.first("DTSTART"), component.first("DTEND"))
    return (
        fields.words(component, ALL_DAY).upper() == "TRUE"
        and not any(component.first(name) for name in ("RRULE", "RDATE", "RECURRENCE-ID"))
        and all(end and end.value.strip().endswith("T000000") for end in ends)
    )


def _fields(component: Component, calendar: str) -> Record:
    status = fields.words(component, "STATUS").lower()
    free = (
        fields.words(component, "TRANSP").upper() == "TRANSPARENT"
        or fields.words(component, "X-MICROSOFT-CDO-BUSYSTATUS").upper() == "FREE"
        or status == "cancelled"
    )
    return {
        "status": status if status in ("tentative", "cancelled") else "confirmed",
        "busy": not free,
    } | fields.common(component, calendar)


def record(instance: Instance, source: Source, *, repeated: bool) -> Record:
    """The record of one instance."""
    start, about = instance.start, instance.event
    own: dict[str, Any] = {
        "at": stamp(start.utc()),
        "ends_at": stamp(instance.length.after(start)),
        "date": start.day.isoformat(),
        "all_day": start.dated,
        "zone": str(start.zone),
    }
    if repeated:
        own["instance"] = instance.key
    said = own | about.fields
    return {"kind": KIND, "id": content_id(KIND, **said), **said, **fields.placed(about, source.name, source.id)}
