"""What Google's Takeout and Chrome tell of pages looked at: My Activity and YouTube's histories, and History.json.

Activities come as JSON, or as the web page that Takeout makes unless it is told otherwise (MyActivity.html,
watch-history.html); the dates there are written for people, in the language of the account.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.formats.json_files import each_of, loaded, moment, text
from roadmap_cli.life.kinds import visits
from roadmap_cli.life.kinds.items import Source
from roadmap_cli.life.opening.charsets import decode
from roadmap_cli.life.opening.opened import Opened
from roadmap_cli.mail import dates

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

NAME, WHAT = "google_activity", "pages and searches of a Google account"

_CHROME = re.compile(rb'\{\s*"(?:Browser History|Typed Url|Session)"\s*:\s*\[|.*"Browser History"\s*:\s*\[', re.DOTALL)
_ACTIVITY = re.compile(rb'\[\s*\{\s*"header"\s*:\s*"')
_PAGE = re.compile(rb'<div class="(?:outer-cell|content-cell)[^"]{0,200}mdl-')
_CELL = re.compile(r'<div class="content-cell mdl-cell mdl-cell--6-col mdl-typography--body-1">')
_LINK = re.compile(r'<a href="([^"]{1,4096})">([^<]{0,2000})</a>')
#: What Google writes before a search, in the languages it writes it in.
_SEARCHED = re.compile(
    r"(?:Searched for|Suche nach|Nach|Recherche(?: de)?|Vous avez recherché|Buscaste|Búsqueda de|Hai cercato|Pesquisou"
    r"|Você pesquisou|Gezocht naar|Sökte efter|Søgte efter|Wyszukiwano|Искали|検索)\s*:?\s*(.+)\Z",
    re.DOTALL,
)
_SEARCHES = re.compile(r"[?&](?:q|search_query|query)=")


def matches(opened: Opened) -> bool:
    """An array of activities with headers, an object with a browser history, or the page Takeout makes of them."""
    head = opened.text_head
    if head.startswith((b"<html", b"<!DOCTYPE", b"<!doctype")):
        return bool(_PAGE.search(opened.head))
    if _ACTIVITY.match(head):
        return b'"time"' in head and b'"title"' in head
    return head.startswith(b"{") and bool(_CHROME.match(head[:4096])) and b'"time_usec"' in head


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Record | DataError]:
    """Its visits. `source_line` is the number of the entry in the file."""
    if opened.text_head.startswith(b"<"):
        yield from _page(opened, source)
        return
    data = loaded(opened)
    chrome = data.get("Browser History")
    entries = chrome if chrome is not None else data.get("")
    yield from each_of(entries, source, _chrome if chrome is not None else _activity)


def _chrome(entry: dict[str, Any], source: Source, number: int) -> Record | None:
    url = text(entry.get("url"))
    if not url or text(entry.get("page_transition")) in ("AUTO_SUBFRAME", "MANUAL_SUBFRAME"):
        return None
    return visits.page(
        source, number, at=moment(entry.get("time_usec")), url=url, title=text(entry.get("title")), browser="chrome"
    )


def _activity(entry: dict[str, Any], source: Source, number: int) -> Record | None:
    """One activity; without an address (a setting that was changed, an app that was opened) it is no visit."""
    url = text(entry.get("titleUrl"))
    if not url:
        return None
    title = text(entry.get("title"))
    searched = _SEARCHED.match(title) if _SEARCHES.search(url) else None
    redirected = re.match(r"https?://(?:www\.)?google\.[a-z.]{2,6}/url\?q=(https?[^&]+)", url)
    if redirected:
        from urllib.parse import unquote

        url = unquote(redirected[1])
    return visits.page(
        source,
        number,
        at=moment(entry.get("time")),
        url=url,
        title=title,
        query=searched[1].strip() if searched else "",
    )


def _page(opened: Opened, source: Source) -> Iterator[Record | DataError]:
    """The activities of a web page, each a cell: what was done, a link, and on its last line the time."""
    cells = _CELL.split(decode(opened.data()))[1:]
    for number, cell in enumerate(cells, 1):
        content = cell.partition("</div>")[0]
        found = _LINK.search(content)
        if not found:
            continue
        lines = [html.unescape(re.sub(r"<[^<>]{0,5000}>", "", line)).strip() for line in re.split(r"<br ?/?>", content)]
        told = next((line for line in reversed(lines) if line), "")
        at = dates.moment(told.replace("\u202f", " ").replace("\u00a0", " "))
        if at is None:
            yield source.placed(DataError("the time cannot be read", code="bad_time"), number)
            continue
        entry = {"titleUrl": html.unescape(found[1]), "title": lines[0], "time": stamp(at)}
        try:
            record = _activity(entry, source, number)
        except DataError as error:
            yield source.placed(error, number)
        else:
            if record:
                yield record
