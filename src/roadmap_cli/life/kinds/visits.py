"""Visits of pages and stays at places as records: what the exports of browsers and of Google have in common."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life.kinds.items import Source

_MOST_URL, _MOST_TITLE = 4096, 1000
#: Hosts (their last names) whose addresses bear what was searched for, and in which parameter.
_SEARCHES = {
    "google": "q", "bing": "q", "duckduckgo": "q", "ecosia": "q", "startpage": "query", "yahoo": "p", "yandex": "text",
    "baidu": "wd", "youtube": "search_query", "qwant": "q", "brave": "q", "wikipedia": "search", "amazon": "k",
    "ebay": "_nkw",
}  # fmt: skip


def page(
    source: Source,
    number: int,
    *,
    at: datetime,
    url: str,
    title: str = "",
    browser: str = "",
    query: str = "",
    ends_at: datetime | None = None,
) -> Record:
    """A life.page_visit. Raises DataError for an address that is none."""
    url = url.strip()[:_MOST_URL]
    host, found = _parts(url)
    when = stamp(at)
    optional: dict[str, Any] = {
        "ends_at": stamp(ends_at) if ends_at else "",
        "host": host,
        "title": " ".join(title.split())[:_MOST_TITLE],
        "browser": browser,
        "query": query or found,
    }
    return {
        "kind": "life.page_visit",
        "id": content_id("life.page_visit", at=when, url=url),
        "at": when,
        "url": url,
        **{field: value for field, value in optional.items() if value},
        "source": source.name,
        "source_line": number,
        "source_id": source.id,
    }


def _parts(url: str) -> tuple[str, str]:
    """The host of an address and what was searched for there."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        raise DataError("the address is none", code="bad_url") from None
    if not parts.scheme:
        raise DataError("the address is none", code="bad_url")
    names = host.split(".")
    parameter = next((_SEARCHES[name] for name in names[-3:] if name in _SEARCHES), None)
    if parameter is None or not parts.query:
        return host, ""
    try:
        found = parse_qs(parts.query[:2000], max_num_fields=100).get(parameter, [""])
    except ValueError:
        return host, ""
    return host, found[0][:_MOST_TITLE]


def place(
    source: Source,
    number: int,
    *,
    at: datetime,
    ends_at: datetime,
    latitude: float | None = None,
    longitude: float | None = None,
    name: str = "",
    address: str = "",
    confidence: float | None = None,
) -> Record:
    """A life.place_visit. Raises DataError where it ends before it begins, or its coordinates are none."""
    if ends_at < at:
        raise DataError("it ends before it begins", code="bad_time")
    if latitude is not None and longitude is not None and not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise DataError("the coordinates are none", code="bad_place")
    identity = {
        "at": stamp(at),
        "ends_at": stamp(ends_at),
        "place": f"{latitude:.4f} {longitude:.4f}"
        if latitude is not None and longitude is not None
        else name or address,
    }
    optional: dict[str, Any] = {"name": name[:_MOST_TITLE], "address": " ".join(address.split())[:_MOST_TITLE]}
    numbers = {"latitude": latitude, "longitude": longitude, "confidence": confidence}
    return {
        "kind": "life.place_visit",
        "id": content_id("life.place_visit", **identity),
        "at": identity["at"],
        "ends_at": identity["ends_at"],
        **{field: value for field, value in optional.items() if value},
        **{field: round(value, 7) for field, value in numbers.items() if value is not None},
        "source": source.name,
        "source_line": number,
        "source_id": source.id,
    }
