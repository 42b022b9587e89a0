"""Calendars on a server: found from any address of theirs, then only what has changed since (RFC 4791, 6578, 6764).

An address may be a calendar, an account, a server, or an .ics file (`remote.feed`). What was deleted is withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urljoin, urlsplit

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError, Unavailable
from roadmap_cli.life.formats import ical
from roadmap_cli.life.kinds import parts as known_parts
from roadmap_cli.life.kinds.items import Group, Item, Part, Position, Source
from roadmap_cli.life.remote import Access, bare, dav, feed, source_of
from roadmap_cli.life.remote.dav import CS, C, D, Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

NAME, WHAT, PURPOSE = "caldav", "calendars on a CalDAV server, or an .ics file on the web", dav.PURPOSE
#: Items asked for in one request.
AT_ONCE = 80
#: An item with a series is fetched again after so long, because the window of time has moved on.
SERIES_LAST = timedelta(days=7)
#: Requests for one listing that a server gives in pieces.
MOST_PIECES = 1_000

_PROPERTIES = (
    "<d:resourcetype/><d:displayname/><d:sync-token/><cs:getctag/><c:supported-calendar-component-set/>"
    "<d:current-user-principal/><c:calendar-home-set/>"
)


@dataclass(frozen=True, slots=True)
class Calendar:
    """One calendar of a server: its address, its name for a person, and what changes whenever something in it does."""

    url: str
    title: str
    tag: str
    has_tokens: bool


def items(url: str, access: Access, settings: Settings) -> Iterator[Item]:
    """What has changed in the calendars that an address stands for, and what was deleted there."""
    session = Session(url, access)
    source = source_of(url, NAME)
    is_file = urlsplit(url).scheme.lower().startswith("webcal") or urlsplit(url).path.lower().endswith(
        (".ics", ".ical")
    )
    found = [] if is_file else list(calendars(session))
    if not found:
        yield from feed.items(session, bare(url), source, access, settings)
        return
    positions: dict[str, Any] = dict(access.position.get("calendars", {}))
    for calendar in found:
        yield from _changes(session, calendar, source, positions, access, settings)
        yield Position(bare(url), {"calendars": dict(positions)})


# -- finding the calendars ---------------------------------------------------------------------------------------------


def calendars(session: Session) -> Iterator[Calendar]:
    """The calendars that an address leads to; none if it is not on a CalDAV server."""
    known: set[str] = set()
    for place in (session.start, urljoin(session.start, "/.well-known/caldav")):
        answer = session.properties(place, _PROPERTIES)
        if answer is None:
            if urlsplit(session.start).path not in ("", "/"):
                return  # an address with a path says what is meant
            continue
        here, said = answer
        for each in _calendars_at(session, here, said):
            if each.url not in known:
                known.add(each.url)
                yield each
        if known:
            return
    host = urlsplit(session.start).hostname
    raise Unavailable(f"no calendar is found at {host!r}", hint="name the address of a calendar", code="no_calendar")


def _calendars_at(session: Session, here: str, said: list[dav.Part]) -> Iterator[Calendar]:
    """The address itself, or those in it, or those of the home that its user has."""
    own = next((part for part in said if dav.same(part.href, here)), said[0] if said else None)
    if own is None:
        return
    if own.is_calendar():
        yield _calendar(own)
        return
    inside = [each for each in _inside(session, here) if not dav.same(each.url, here)]
    if inside:
        yield from inside
        return
    home = own.href_in(f"{C}calendar-home-set")
    principal = own.href_in(f"{D}current-user-principal")
    if not home and principal:
        answer = session.properties(urljoin(here, principal), "<c:calendar-home-set/>")
        home = next((part.href_in(f"{C}calendar-home-set") for part in answer[1]), "") if answer else ""
    if home:
        yield from _inside(session, urljoin(here, home))


def _inside(session: Session, url: str) -> Iterator[Calendar]:
    answer = session.properties(url, _PROPERTIES, depth=1)
    for part in answer[1] if answer else ():
        if part.is_calendar():
            yield _calendar(part)


def _calendar(part: dav.Part) -> Calendar:
    token = part.text(f"{D}sync-token")
    return Calendar(part.href, part.text(f"{D}displayname"), part.text(f"{CS}getctag") or token, bool(token))


# -- what has changed --------------------------------------------------------------------------------------------------


def _changes(
    session: Session,
    calendar: Calendar,
    source: Source,
    positions: dict[str, Any],
    access: Access,
    settings: Settings,
) -> Iterator[Item]:
    """What is new in one calendar; its entry in `positions` is brought up to date when all of it was given."""
    before: Mapping[str, str] = positions.get(calendar.url, {})
    name = bare(calendar.url)
    known = _known(access, name)
    now = stamp(access.now())
    stale = {href for href, part in known.items() if part.fresh_until and part.fresh_until <= now}
    if access.again or before.get("settings") != settings.fingerprint():
        stale = set(known)
    if before.get("tag") and before.get("tag") == calendar.tag and not stale:
        return
    token = before.get("token", "")
    listed = _since(session, calendar, token) if calendar.has_tokens else None
    if listed is None:
        token = ""
        listed = _since(session, calendar, "") if calendar.has_tokens else None
    tags, gone, new_token = listed if listed is not None else (*_all_of(session, calendar), "")
    if not token:
        gone = known.keys() - tags.keys()
    wanted = [href for href, tag in tags.items() if known.get(href) is None or known[href].mark != tag]
    wanted += sorted(stale - set(wanted) - gone)
    for href in sorted(gone & known.keys()):
        yield Part(name, href, None)
    for first in range(0, len(wanted), AT_ONCE):
        yield from _fetched(session, calendar, wanted[first : first + AT_ONCE], source, access, settings)
    positions[calendar.url] = {"token": new_token, "tag": calendar.tag, "settings": settings.fingerprint()}


def _known(access: Access, name: str) -> dict[str, known_parts.Known]:
    if access.state is None:
        return {}
    with access.state.read() as tx:
        return known_parts.of(tx, name)


def _since(session: Session, calendar: Calendar, token: str) -> tuple[dict[str, str], set[str], str] | None:
    """Tags of changed items, deleted items, the next token; None if the server does not know the token any more."""
    tags: dict[str, str] = {}
    gone: set[str] = set()
    for _ in range(MOST_PIECES):
        status, answer = session.report(calendar.url, dav.sync_report(token), depth=0)
        if status != 207 or answer is None:
            return None
        more = False
        for part in dav.parts_of(answer, calendar.url):
            if dav.same(part.href, calendar.url):
                more = more or part.status == 507
            elif part.status == 404:
                gone.add(part.href)
                tags.pop(part.href, None)
            else:
                tags[part.href] = part.text(f"{D}getetag")
                gone.discard(part.href)
        following = answer.findtext(f"{D}sync-token", "").strip()
        if not more or not following or following == token:
            return tags, gone, following
        token = following
    return tags, gone, token


def _all_of(session: Session, calendar: Calendar) -> tuple[dict[str, str], set[str]]:
    """The tags of all items, from a server without tokens."""
    answer = session.properties(calendar.url, "<d:getetag/><d:resourcetype/>", depth=1)
    if answer is None:
        host = urlsplit(calendar.url).hostname
        raise Unavailable(f"{host!r} does not list its calendar", code="no_listing")
    return {
        part.href: part.text(f"{D}getetag")
        for part in answer[1]
        if not dav.same(part.href, calendar.url) and part.found.find(f"{D}resourcetype/{D}collection") is None
    }, set()


def _fetched(
    session: Session, calendar: Calendar, hrefs: list[str], source: Source, access: Access, settings: Settings
) -> Iterator[Item]:
    """The content of some items; what has gone meanwhile is withdrawn."""
    status, answer = session.report(calendar.url, dav.multiget(hrefs))
    if status == 207 and answer is not None:
        for part in dav.parts_of(answer, calendar.url):
            data = part.found.findtext(f"{C}calendar-data")
            if part.status == 404:
                yield Part(bare(calendar.url), part.href, None)
            elif data is not None:
                yield from _item(part.href, part.text(f"{D}getetag"), data.encode(), calendar, source, access, settings)
        return
    for href in hrefs:  # a server without multiget
        response, body = session.request("GET", href)
        if response.status in (404, 410):
            yield Part(bare(calendar.url), href, None)
        elif response.status != 200:
            raise dav.answered(response)
        else:
            yield from _item(href, response.headers.get("etag", ""), body, calendar, source, access, settings)


def _item(
    href: str, tag: str, data: bytes, calendar: Calendar, source: Source, access: Access, settings: Settings
) -> Iterator[Item]:
    """The events and to-dos of one item, and what is known of it."""
    placed = Source(bare(href), source.sha256, len(data), source.format)
    uids: set[str] = set()
    repeats = False
    for item in ical.read(
        data, placed, zone=settings.zone, window=settings.window, chosen=settings.zone_is_chosen, called=calendar.title
    ):
        if isinstance(item, Group):
            uids.add(item.uid)
            repeats = repeats or item.repeats
        if not isinstance(item, DataError) or item.code != "no_calendar":
            yield item
    until = stamp(access.now() + SERIES_LAST) if repeats else ""
    yield Part(bare(calendar.url), href, tag, tuple(sorted(uids)), until)
