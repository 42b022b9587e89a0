"""WebDAV as calendars need it (RFC 4918, 4791, 6578): requests with a password, answers in XML of many parts.

An answer with a document type or an entity of its own is refused before it is parsed.
"""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit
from xml.sax.saxutils import escape

from roadmap_cli.core import markup
from roadmap_cli.core.errors import ConfigError, Unavailable
from roadmap_cli.life.remote import Access, user_of
from roadmap_cli.net.addresses import is_loopback
from roadmap_cli.net.response import Response

PURPOSE = "calendar"
D, C, CS = "{DAV:}", "{urn:ietf:params:xml:ns:caldav}", "{http://calendarserver.org/ns/}"
_SPACES = 'xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav" xmlns:cs="http://calendarserver.org/ns/"'
_HEAD = f'<?xml version="1.0" encoding="utf-8"?>\n<{{0}} {_SPACES}>'
#: Schemes that mean encryption only where the host is not this machine.
_PLAIN_HERE = ("caldav", "webcal")


@dataclass(frozen=True, slots=True)
class Part:
    """What a multi-status answer says of one address: its status, and the properties that were found."""

    href: str
    status: int
    found: ET.Element

    def text(self, name: str) -> str:
        """The text of a property, "" without it."""
        item = self.found.find(name)
        return (item.text or "").strip() if item is not None else ""

    def href_in(self, name: str) -> str:
        """The address that a property holds, "" without one."""
        item = self.found.find(f"{name}/{D}href")
        return (item.text or "").strip() if item is not None else ""

    def is_calendar(self) -> bool:
        """Whether it is a collection of events or to-dos."""
        if self.found.find(f"{D}resourcetype/{C}calendar") is None:
            return False
        kinds = {item.get("name", "").upper() for item in self.found.iter(f"{C}comp")}
        return not kinds or bool(kinds & {"VEVENT", "VTODO"})


def web(url: str) -> str:
    """The web address that a URL stands for, without user: http only if asked for, or to this machine."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    if scheme in _PLAIN_HERE:
        scheme = "http" if is_loopback((parts.hostname or "").lower()) else "https"
    elif scheme not in ("http", "https"):
        scheme = "https"
    return urlunsplit((scheme, parts.netloc.rpartition("@")[2], parts.path or "/", parts.query, ""))


class Session:
    """Requests to one server on behalf of one user. `url` is as it was given."""

    def __init__(self, url: str, access: Access) -> None:
        self.user = user_of(url)
        self.start = web(url)
        self._access = access
        self._headers: dict[str, str] = {}
        if self.user is not None or access.password is not None:
            pair = f"{self.user or ''}:{access.password or ''}".encode()
            self._headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
            parts = urlsplit(self.start)
            if parts.scheme == "http" and access.password and not is_loopback(parts.hostname or ""):
                raise ConfigError(
                    f"the password would go to {parts.hostname!r} without encryption",
                    hint="write https:// or caldavs://",
                    code="no_encryption",
                )

    def request(
        self, method: str, url: str, body: str = "", headers: Mapping[str, str] | None = None
    ) -> tuple[Response, bytes]:
        """Send a request to this server. Raises ConfigError (refused, another server), Unavailable, TryLater."""
        here, there = urlsplit(self.start), urlsplit(url)
        if (here.scheme, here.netloc) != (there.scheme, there.netloc):
            raise ConfigError(
                f"{here.hostname!r} sends on to {there.hostname!r}, which the URL does not name",
                hint="name that address, if it is meant",
                code="other_host",
            )
        sent = {"User-Agent": "roadmap-cli", **self._headers, **(headers or {})}
        if body:
            sent["Content-Type"] = "application/xml; charset=utf-8"
        response, data = self._access.transport.request(
            method, url, purpose=PURPOSE, headers=sent, content=body.encode(), repeatable=True, most_bytes=256 << 20
        )
        if response.status in (401, 403) and method != "REPORT":
            self._refused(response)
        return response, data

    def _refused(self, response: Response) -> None:
        host = urlsplit(response.url).hostname
        if self._access.password is None:
            raise ConfigError(
                f"{host!r} asks for a password", hint="give --password-file FILE, and the user before an @ in the URL",
                code="no_password",
            )  # fmt: skip
        asked = response.headers.get("www-authenticate", "")
        if asked and "basic" not in asked.lower():
            raise ConfigError(f"{host!r} asks for a way to log in that is not known here", code="unknown_login")
        raise ConfigError(f"{host!r} refuses user or password ({response.status})", code="refused")

    def properties(self, url: str, names: str, depth: int = 0) -> tuple[str, list[Part]] | None:
        """The address that answered and what it says of itself (and what is in it); None if it is no WebDAV."""
        response, data = self.request("PROPFIND", url, _propfind(names), {"Depth": str(depth)})
        if response.status != 207:
            if response.status in (404, 405, 501, 400, 200, 410, 415):
                return None
            raise answered(response)
        return response.url, list(parts(data, response.url))

    def report(self, url: str, body: str, depth: int = 1) -> tuple[int, ET.Element | None]:
        """The status and, if there is one, the XML that a REPORT is answered with."""
        response, data = self.request("REPORT", url, body, {"Depth": str(depth)})
        if response.status == 401:
            self._refused(response)
        if response.status in (207, 403, 409, 412, 507) and data.lstrip()[:1] == b"<":
            return response.status, tree(data, response.url)
        if response.status >= 500 and response.status not in (501, 507):
            raise answered(response)
        return response.status, None


def answered(response: Response) -> Unavailable:
    """What to raise for a status that helps nobody."""
    return Unavailable(
        f"{urlsplit(response.url).hostname!r} answers with status {response.status}", code=f"http_{response.status}"
    )


def tree(data: bytes, url: str) -> ET.Element:
    """The root of an answer. Raises Unavailable if it is no XML, or declares a document type."""
    host = urlsplit(url).hostname
    try:
        return markup.root(data)
    except markup.DocumentTypeError as error:
        raise Unavailable(f"the answer of {host!r} {error}", code="dtd_refused") from None
    except ValueError:
        raise Unavailable(f"the answer of {host!r} is not XML", code="bad_xml") from None


def parts(data: bytes, url: str) -> Iterator[Part]:
    """The parts of a multi-status answer, with absolute addresses."""
    yield from parts_of(tree(data, url), url)


def parts_of(root: ET.Element, url: str) -> Iterator[Part]:
    """The same of an answer that is parsed."""
    for item in root.iter(f"{D}response"):
        href = item.findtext(f"{D}href", "").strip()
        found = ET.Element("found")
        status = _number(item.findtext(f"{D}status", ""))
        for group in item.findall(f"{D}propstat"):
            given = _number(group.findtext(f"{D}status", "")) or 200
            properties = group.find(f"{D}prop")
            if given == 200 and properties is not None:
                found.extend(properties)
        if href:
            yield Part(urljoin(url, href), status or 200, found)


def _number(status_line: str) -> int:
    words = status_line.split()
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


def _propfind(names: str) -> str:
    return f"{_HEAD.format('d:propfind')}<d:prop>{names}</d:prop></d:propfind>"


def sync_report(token: str) -> str:
    """What asks for all that has changed since a token (RFC 6578, 3.2); for everything if it is empty."""
    return (
        f"{_HEAD.format('d:sync-collection')}<d:sync-token>{escape(token)}</d:sync-token>"
        "<d:sync-level>1</d:sync-level><d:prop><d:getetag/></d:prop></d:sync-collection>"
    )


def multiget(hrefs: list[str]) -> str:
    """What asks for the content of items (RFC 4791, 7.9). `hrefs` are absolute addresses."""
    named = "".join(f"<d:href>{escape(urlsplit(href).path)}</d:href>" for href in hrefs)
    return (
        f"{_HEAD.format('c:calendar-multiget')}<d:prop><d:getetag/><c:calendar-data/></d:prop>{named}"
        "</c:calendar-multiget>"
    )


def same(one: str, other: str) -> bool:
    """Whether two addresses are the same but for a last slash or percent signs."""
    return unquote(one).rstrip("/") == unquote(other).rstrip("/")
