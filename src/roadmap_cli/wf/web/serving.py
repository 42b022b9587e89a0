"""Serving the pages on the loopback address to who has the key, and to nobody else on this machine or beyond.

The key is in the address that is printed; the first request exchanges it for a cookie that no other site can make a
browser send (SameSite=Strict) and no script can read. The Host header must be this address, so that a name which is
made to point here (DNS rebinding) gets nothing.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlsplit

from roadmap_cli.wf import loopback

_COOKIE = "roadmap-key"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}
#: The HTML of a path and a query; None if there is no such page. The third is the page for who has no key.
Pages = Callable[[str, Mapping[str, str]], "str | None"]


@contextmanager
def serving(
    place: tuple[str, int], pages: Pages, *, missing: Callable[[], str], unwanted: Callable[[], str]
) -> Iterator[tuple[str, Callable[[], bool]]]:
    """The address with its key, and what answers one request: False if none came within half a second.

    Raises CannotCreate if the address is taken.
    """
    key = secrets.token_urlsafe(24)
    found = {"pages": staticmethod(pages), "missing": staticmethod(missing), "unwanted": staticmethod(unwanted)}
    handler = type("Handler", (_Handler,), {**found, "key": key})
    server = loopback.server(place, handler)
    port = server.server_address[1]
    host = f"[{place[0]}]" if ":" in place[0] else place[0]
    handler.hosts = frozenset(f"{each}:{port}" for each in (host, "localhost", "127.0.0.1", "[::1]"))  # type: ignore[attr-defined]

    def answer() -> bool:
        before = handler.answered  # type: ignore[attr-defined]
        server.handle_request()
        return bool(handler.answered > before)  # type: ignore[attr-defined]

    try:
        yield f"http://{host}:{port}/?key={key}", answer
    finally:
        server.server_close()


class _Handler(loopback.Handler):
    pages: Pages
    missing: Callable[[], str]
    unwanted: Callable[[], str]
    key: str
    hosts: frozenset[str]
    answered = 0

    def do_GET(self) -> None:
        """A page, to who has the key."""
        if self.headers.get("Host", "") not in self.hosts:
            self._reply(HTTPStatus.MISDIRECTED_REQUEST, type(self).unwanted())
            return
        address = urlsplit(self.path)
        query = dict(parse_qsl(address.query))
        if "key" in query and _same(query.pop("key"), self.key):
            cookie = f"{_COOKIE}={self.key}; HttpOnly; SameSite=Strict; Path=/"
            self._reply(HTTPStatus.SEE_OTHER, "", Location=address.path, Set_Cookie=cookie)
            return
        if not _same(self._given(), self.key):
            self._reply(HTTPStatus.FORBIDDEN, type(self).unwanted())
            return
        found = type(self).pages(address.path, query)
        self._reply(HTTPStatus.NOT_FOUND if found is None else HTTPStatus.OK, found or type(self).missing())

    do_HEAD = do_GET

    def _given(self) -> str:
        try:
            found = SimpleCookie(self.headers.get("Cookie", "")).get(_COOKIE)
        except CookieError:
            return ""
        return found.value if found else ""

    def _reply(self, status: int, text: str, **more: str) -> None:
        type(self).answered += 1
        data = text.encode()
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _same(given: str, key: str) -> bool:
    return hmac.compare_digest(given.encode(), key.encode())
