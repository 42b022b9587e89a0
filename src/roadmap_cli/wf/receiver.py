"""A webhook endpoint on the loopback address, for one source, with limits a stranger cannot get round.

The rule kept here: a delivery is acknowledged with 200 only when its events are committed; a sender that sees anything
else sends it again.
"""

from __future__ import annotations

import hmac
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from roadmap_cli.core.errors import CannotCreate, DataError, RoadmapError, UsageError
from roadmap_cli.wf.events import MOST_BYTES

_MOST_WAITING = 16
_READ_TIMEOUT_S = 10.0
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Secret:
    """How a sender proves itself: a bearer token, or an HMAC-SHA256 of the body in ``X-Hub-Signature-256``."""

    scheme: str
    value: bytes

    def accepts(self, headers: Any, body: bytes) -> bool:
        """Whether a request carries the proof; compared in constant time."""
        if self.scheme == "bearer":
            given = headers.get("Authorization", "").encode()
            return hmac.compare_digest(given, b"Bearer " + self.value)
        name = "X-Hub-Signature-256" if headers.get("X-Hub-Signature-256") else "X-Hub-Signature"
        given = headers.get(name, "").encode()
        return hmac.compare_digest(given, b"sha256=" + hmac.new(self.value, body, sha256).hexdigest().encode())


@dataclass(slots=True)
class Delivery:
    """One request body that waits to be taken: `answer` tells the sender what became of it."""

    body: bytes
    done: threading.Event
    status: int = HTTPStatus.SERVICE_UNAVAILABLE
    message: str = "not taken"

    def answer(self, status: int, message: str = "") -> None:
        """Let the request thread reply."""
        self.status, self.message = status, message
        self.done.set()


def address(text: str) -> tuple[str, int]:
    """Read ``127.0.0.1:9000``, ``localhost:9000`` or ``[::1]:9000``. Raises UsageError for an address not loopback."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if not port.isdigit() or int(port) > 65535:
        raise UsageError(f"not an address with a port: {text!r}", hint="write 127.0.0.1:9000")
    if host not in _LOOPBACK:
        hint = "put a reverse proxy with TLS in front for other machines"
        raise UsageError(f"not a loopback address: {host!r}", hint=hint)
    return host, int(port)


@contextmanager
def listening(place: tuple[str, int], secret: Secret | None) -> Iterator[tuple[int, Callable[[], Delivery]]]:
    """Serve until the end of the block; gives the port and a function that waits for the next delivery.

    Raises CannotCreate if the address is taken. At most 16 requests wait at a time; more are told to come again (503).
    """
    waiting: queue.Queue[Delivery] = queue.Queue(_MOST_WAITING)
    handler = type("Handler", (_Handler,), {"waiting": waiting, "secret": secret})
    try:
        server = _server(place, handler)
    except OSError as error:
        what = f"cannot listen on {place[0]}:{place[1]}: {(error.strerror or str(error)).lower()}"
        raise CannotCreate(what) from None
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="wf-receiver", daemon=True)
    thread.start()
    try:
        yield server.server_address[1], waiting.get
    finally:
        server.shutdown()
        while not waiting.empty():
            waiting.get_nowait().answer(HTTPStatus.SERVICE_UNAVAILABLE, "going down")
        server.server_close()


def taken(delivery: Delivery, take: Callable[[bytes], list[Any]]) -> list[Any]:
    """Give a delivery's body to `take` (which commits) and answer by how it went; a refused body gives nothing."""
    try:
        found = take(delivery.body)
    except DataError as error:
        delivery.answer(HTTPStatus.BAD_REQUEST, error.message)
        return []
    except RoadmapError as error:
        delivery.answer(HTTPStatus.SERVICE_UNAVAILABLE, error.message)
        raise
    delivery.answer(HTTPStatus.OK)
    return found


def _server(place: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    import socket

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = True
        address_family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A sender that hangs up is no news."""

    return Server(place, handler)


class _Handler(BaseHTTPRequestHandler):
    waiting: queue.Queue[Delivery]
    secret: Secret | None
    timeout = _READ_TIMEOUT_S
    server_version = "roadmap"
    sys_version = ""

    def do_POST(self) -> None:
        """Take one webhook."""
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            return self.reply(HTTPStatus.LENGTH_REQUIRED, "a Content-Length is needed")
        if int(length) > MOST_BYTES:
            return self.reply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {MOST_BYTES} bytes")
        body = self.rfile.read(int(length))
        if len(body) != int(length):
            return self.reply(HTTPStatus.BAD_REQUEST, "the body is cut short")
        if self.secret and not self.secret.accepts(self.headers, body):
            return self.reply(HTTPStatus.UNAUTHORIZED, "the proof is missing or wrong")
        delivery = Delivery(body, threading.Event())
        try:
            self.waiting.put_nowait(delivery)
        except queue.Full:
            return self.reply(HTTPStatus.SERVICE_UNAVAILABLE, "busy")
        delivery.done.wait(60)
        return self.reply(delivery.status, delivery.message)

    def do_GET(self) -> None:
        """Say that it is there, for probes."""
        self.reply(HTTPStatus.OK, "wf-listen")

    def reply(self, status: int, message: str) -> None:
        """Answer and close; after an unread body the connection cannot be used again."""
        data = (message + "\n").encode() if message else b""
        self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: what was taken is in the state."""
