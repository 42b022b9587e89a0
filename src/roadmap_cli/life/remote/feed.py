"""An .ics file on a web server: fetched whole, only when the server says that it has changed (RFC 9110, 13).

A feed is what holds: an event that it no longer lists is withdrawn, if it lies ahead; feeds forget the past.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from roadmap_cli.core.clock import parse, stamp
from roadmap_cli.core.errors import DataError, Unavailable
from roadmap_cli.life.formats import ical
from roadmap_cli.life.kinds.items import Group, Item, Part, Position, Source
from roadmap_cli.life.opening.opened import Opened
from roadmap_cli.life.remote import Access
from roadmap_cli.life.remote.dav import Session, answered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

#: A feed with series is read again after so long, because the window of time has moved on.
SERIES_LAST = timedelta(days=1)


def items(session: Session, name: str, source: Source, access: Access, settings: Settings) -> Iterator[Item]:
    """Its events, if it has changed. Raises Unavailable for an answer that is no calendar."""
    before: dict[str, Any] = dict(access.position)
    fresh = before.get("settings") == settings.fingerprint() and (
        not before.get("fresh_until") or access.now() < parse(before["fresh_until"])
    )
    headers = {"Accept": "text/calendar, */*;q=0.5"}
    if fresh and before.get("etag"):
        headers["If-None-Match"] = before["etag"]
    if fresh and before.get("modified"):
        headers["If-Modified-Since"] = before["modified"]
    response, data = session.request("GET", session.start, headers=headers)
    host = urlsplit(response.url).hostname
    if response.status == 304:
        return
    if response.status in (404, 410):
        raise Unavailable(f"{host!r} has no such calendar ({response.status})", code="no_calendar")
    if response.status != 200:
        raise answered(response)
    opened = Opened.of(name, data)
    if not ical.matches(opened):
        raise Unavailable(f"the answer of {host!r} is not a calendar", code="no_calendar")
    if fresh and before.get("sha256") == opened.sha256:
        return
    uids: set[str] = set()
    repeats, whole = False, True
    placed = Source(name, source.sha256, len(data), source.format)
    for item in ical.items(opened, placed, settings):
        if isinstance(item, Group):
            uids.add(item.uid)
            repeats = repeats or item.repeats
        whole = whole and not isinstance(item, DataError)
        yield item
    now = access.now()
    if whole or access.position:  # what could not be read is not gone
        kept = tuple(sorted(uids)) if whole else None
        yield Part(name, "", opened.sha256, kept, ahead_of=stamp(now))
    yield Position(
        name,
        {
            "etag": response.headers.get("etag", ""),
            "modified": response.headers.get("last-modified", ""),
            "sha256": opened.sha256,
            "fresh_until": stamp(now + SERIES_LAST) if repeats else "",
            "settings": settings.fingerprint(),
        },
    )
