"""VTODO as life.task: what is to be done, and by when."""

from __future__ import annotations

from typing import Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life.formats import ical_fields as fields
from roadmap_cli.life.formats.components import Component
from roadmap_cli.life.formats.ical_series import Event, Instance
from roadmap_cli.life.formats.ical_values import Span, when
from roadmap_cli.life.kinds.items import Source
from roadmap_cli.life.local_time.zones import Zones

KIND = "life.task"
STATUSES = {
    "needs-action": "needs_action",
    "in-process": "in_process",
    "completed": "completed",
    "cancelled": "cancelled",
}


def event(component: Component, zones: Zones, calendar: str) -> Event | Record:
    """Read a VTODO: with a date, as something that may repeat; without one, its fields. Raises DataError."""
    said = _fields(component, zones, calendar)
    begin, due = (item if item and item.value.strip() else None for item in map(component.first, ("DTSTART", "DUE")))
    first = begin or due
    if first is None:
        said["uid"] = fields.uid(component, "")
        return said | {"at": _made(component, zones), "modified_at": fields.modified(component, zones)}
    start = when(first, zones)
    start.utc()
    length = fields.length(component, start, zones, "DUE") if begin else Span()
    said["uid"] = fields.uid(component, start.local.isoformat())
    replaces, onwards = fields.replaced(component, zones)
    return Event(
        component,
        zones,
        start,
        # a day without a due date is the day to do it on; a time without one is only its beginning
        length or (Span(days=1) if start.dated and begin else Span()),
        replaces,
        onwards,
        fields=said | {"is_due": length is not None or start.dated},
        modified=fields.modified(component, zones),
        sequence=fields.sequence(component),
        names=fields.names(component),
        stands_for="start" if begin else "due",
    )


def _made(component: Component, zones: Zones) -> str:
    """When a to-do without a date was made. Raises DataError if that is not said either."""
    for name in ("CREATED", "DTSTAMP", "LAST-MODIFIED", "COMPLETED"):
        item = component.first(name)
        if item is not None and item.value.strip():
            return stamp(when(item, zones).utc())
    raise DataError("to-do says neither when it is due nor when it was made", code="missing_field")


def _fields(component: Component, zones: Zones, calendar: str) -> Record:
    percent = _number(component, "PERCENT-COMPLETE", 100)
    done = component.first("COMPLETED")
    completed_at = stamp(when(done, zones).utc()) if done and done.value.strip() else ""
    status = STATUSES.get(fields.words(component, "STATUS").lower())
    if status is None:
        status = "completed" if completed_at or percent == 100 else "needs_action"
    optional: dict[str, Any] = {
        "completed_at": completed_at,
        "percent": percent,
        "priority": _number(component, "PRIORITY", 9),
        "parent": _parent(component),
    }
    return (
        {"status": status}
        | fields.common(component, calendar)
        | {name: value for name, value in optional.items() if value}
    )


def _number(component: Component, name: str, most: int) -> int:
    value = fields.words(component, name)
    return min(int(value), most) if value.isascii() and value.isdigit() and len(value) < 6 else 0


def _parent(component: Component) -> str:
    """UID of the to-do it is a part of."""
    for item in component.every("RELATED-TO"):
        if item.parameters.get("RELTYPE", "PARENT").upper() == "PARENT":
            return item.value.strip()
    return ""


def record(instance: Instance, source: Source, *, repeated: bool) -> Record:
    """The record of one instance."""
    start, about = instance.start, instance.event
    own: dict[str, Any] = {"all_day": start.dated, "zone": str(start.zone)}
    end = stamp(instance.length.after(start))
    if about.stands_for == "start":
        own["starts_at"] = stamp(start.utc())
    if about.stands_for == "due" and start.dated:  # due on a day is due until its end
        own |= {"due_at": stamp(Span(days=1).after(start)), "due_date": start.day.isoformat()}
    elif about.fields["is_due"]:
        own |= {"due_at": end, "due_date": _last_day(instance).isoformat()}
    own["at"] = own.get("due_at") or own["starts_at"]
    if repeated:
        own["instance"] = instance.key
    said = own | {name: value for name, value in about.fields.items() if name != "is_due"}
    return {"kind": KIND, "id": content_id(KIND, **said), **said, **fields.placed(about, source.name, source.id)}


def _last_day(instance: Instance) -> Any:
    from datetime import timedelta

    end = instance.length.after(instance.start)
    if instance.start.dated:
        end -= timedelta(microseconds=1)
    return end.astimezone(instance.start.zone).date()


def undated(said: Record, line: int, source: Source) -> Record:
    """The record of a to-do that has no date."""
    own = {name: value for name, value in said.items() if value != "" or name == "title"}
    identity = {name: value for name, value in own.items() if name != "modified_at"}
    place = {"source": source.name, "source_line": line, "source_id": source.id}
    return {"kind": KIND, "id": content_id(KIND, **identity), **identity, **place}
