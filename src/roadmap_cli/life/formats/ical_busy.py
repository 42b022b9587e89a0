"""VFREEBUSY: when somebody is taken, without saying by what. Each busy period is an event without a title."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life.formats import ical_fields as fields
from roadmap_cli.life.formats.components import Component
from roadmap_cli.life.formats.ical_values import Span, When, several, when
from roadmap_cli.life.kinds.items import Group, Source
from roadmap_cli.life.local_time.zones import Zones
from roadmap_cli.life.opening.settings import Window

_STATUS = {"BUSY": "confirmed", "BUSY-UNAVAILABLE": "confirmed", "BUSY-TENTATIVE": "tentative"}


def groups(component: Component, zones: Zones, calendar: str, source: Source, window: Window) -> Iterator[Group]:
    """The periods in which somebody is busy, as one group: the next time it is read they are replaced."""
    said: dict[str, Any] = {"title": "", "busy": True, "people": []}
    organizer = component.first("ORGANIZER")
    optional = {"organizer": fields.address(organizer) if organizer else "", "calendar": calendar}
    said |= {name: value for name, value in optional.items() if value}
    who = [fields.address(item) for item in component.every("ATTENDEE")]
    uid = fields.words(component, "UID") or content_id(
        "life.uid", busy=str(said.get("organizer", "")), who=who, url=fields.words(component, "URL"), calendar=calendar
    )
    found: dict[str, Record] = {}
    for item in component.every("FREEBUSY"):
        status = _STATUS.get(item.parameters.get("FBTYPE", "BUSY").upper())
        if status is None:  # FREE
            continue
        for start, length in several(item, zones):
            if len(found) >= window.most:
                break
            own: dict[str, Any] = {
                "at": stamp(start.utc()),
                "ends_at": stamp((length or Span()).after(start)),
                "date": start.utc().astimezone(zones.floating).date().isoformat(),
                "all_day": False,
                "zone": zones.floating.key,
                "uid": uid,
                "instance": stamp(start.utc()),
                "status": status,
            } | said
            found[own["instance"]] = {
                "kind": "life.event", "id": content_id("life.event", **own), **own,
                "source": source.name, "source_line": component.line, "source_id": source.id,
            }  # fmt: skip
    since, until = (_edge(component, name, zones) for name in ("DTSTART", "DTEND"))
    yield Group(
        uid,
        whole=True,
        modified=fields.modified(component, zones),
        since=stamp(since.utc()) if since else min(found, default=stamp(window.since)),
        until=stamp(until.utc()) if until else max(found, default=stamp(window.since)),
        events=tuple(found.values()),
    )


def _edge(component: Component, name: str, zones: Zones) -> When | None:
    item = component.first(name)
    return when(item, zones) if item and item.value.strip() else None
