"""A webhook endpoint on the loopback address, for several sources, with limits a stranger cannot get round.

The rule kept here: a delivery is acknowledged with 200 only when its events are committed; a sender that sees anything
else sends it again. What waits is bounded in number and in bytes, and so is the time that a request may take.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.wf import loopback, sources
from roadmap_cli.wf.events import MOST_BYTES
from roadmap_cli.wf.sources import Dead, proofs, slack
from roadmap_cli.wf.sources.settings import Setting

#: Requests that are read or wait at a time, and the bytes of all their bodies.
MOST_CONNECTIONS = 64
MOST_WAITING_BYTES = 64 * 1024 * 1024
#: A request must have come whole after so long, and waits so long for its events to be stored.
_READ_S = 20.0
_STORE_S = 60.0
#: So long what is not wanted is still read, so that the sender gets its answer.
_LINGER_S = 2.0
#: When a sender that is told to come again should, in seconds.
RETRY_AFTER_S = 2


@dataclass(slots=True)
class Lot:
    """What came at one time from one source, to be stored together. `answer` tells what became of it.

    `key` is what its position is kept under, `source` its name if it has one.
    """

    key: str
    source: str
    reader: str
    events: list[Record] = field(default_factory=list)
    dead: list[Dead] = field(default_factory=list)
    position: Mapping[str, Any] | None = None
    proof_sha256: str = ""
    """Of the body of a delivery that was proven."""
    proof: str | None = None
    """What was verified of who wrote its events, for `events.keep`; not what only shows who delivered them."""
    words: str = ""
    failure: BaseException | None = None
    """A followed source cannot go on."""
    status: int = HTTPStatus.SERVICE_UNAVAILABLE
    message: str = "not taken"
    done: threading.Event = field(default_factory=threading.Event)

    def answer(self, status: int, message: str = "") -> None:
        """Let whoever waits for it go on."""
        self.status, self.message = status, message
        self.done.set()


@dataclass(slots=True)
class Refusals:
    """Requests that were refused, counted by source and reason, so that a flood makes no more than a few entries."""

    counts: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, source: str, reason: str, body_sha256: str) -> None:
        """Count one."""
        with self._lock:
            count, first = self.counts.get((source, reason), (0, body_sha256))
            self.counts[(source, reason)] = (count + 1, first)

    def take(self) -> dict[tuple[str, str], tuple[int, str]]:
        """Those since the last time."""
        with self._lock:
            found, self.counts = self.counts, {}
        return found


@contextmanager
def listening(
    place: tuple[str, int], settings: Sequence[Setting], offer: Callable[[Lot], bool], refusals: Refusals,
    now: Callable[[], datetime],
) -> Iterator[int]:  # fmt: skip
    """Serve until the end of the block; gives the port. `offer` takes a lot, or says that there is no room for it.

    Raises CannotCreate if the address is taken. At most `MOST_CONNECTIONS` requests are served at a time; more are told
    to come again (503, Retry-After).
    """
    serving = _Serving(tuple(settings), offer, refusals, now)
    handler = type("Handler", (_Handler,), {"serving": serving})
    server = loopback.bound(place, lambda: _server(place, handler, serving))
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="wf-receiver", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        serving.is_ending = True
        server.shutdown()
        server.server_close()


@dataclass(slots=True)
class _Serving:
    """What all requests share."""

    settings: tuple[Setting, ...]
    offer: Callable[[Lot], bool]
    refusals: Refusals
    now: Callable[[], datetime]
    is_ending: bool = False
    held_bytes: int = 0
    room: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(MOST_CONNECTIONS))
    aside: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(MOST_CONNECTIONS))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def setting(self, path: str) -> Setting | None:
        """The source that a path is for; the only one takes every path unless it has one of its own."""
        bare = path.partition("?")[0]
        for each in self.settings:
            if each.path and bare == each.path:
                return each
        return self.settings[0] if len(self.settings) == 1 and not self.settings[0].is_named else None

    def hold(self, size: int) -> bool:
        """Reserve room for a body."""
        with self.lock:
            if self.held_bytes + size > MOST_WAITING_BYTES:
                return False
            self.held_bytes += size
            return True

    def free(self, size: int) -> None:
        """Give the room back."""
        with self.lock:
            self.held_bytes -= size


def _server(place: tuple[str, int], handler: type[BaseHTTPRequestHandler], serving: _Serving) -> ThreadingHTTPServer:
    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 128
        address_family = loopback.family(place)

        def process_request(self, request: Any, client_address: Any) -> None:
            """Start a thread for a request if there is room, else answer at once."""
            if not serving.room.acquire(blocking=False):
                if serving.aside.acquire(blocking=False):
                    threading.Thread(target=self.turn_away, args=(request,), daemon=True).start()
                else:
                    self.shutdown_request(request)
                return
            super().process_request(request, client_address)

        def process_request_thread(self, request: Any, client_address: Any) -> None:
            """Serve it, and give the room back."""
            try:
                super().process_request_thread(request, client_address)
            finally:
                serving.room.release()

        def turn_away(self, request: Any) -> None:
            """Tell a sender to come again; so that it hears that, what it sends meanwhile is taken off its hands."""
            try:
                with contextlib.suppress(OSError):
                    request.settimeout(_LINGER_S)
                    request.sendall(_BUSY)
                    _linger(request)
            finally:
                self.shutdown_request(request)
                serving.aside.release()

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A sender that hangs up is no news."""

    return Server(place, handler)


def _linger(request: Any) -> None:
    """Read what a sender still sends, for a while: closing at once would make it miss the answer (RFC 9112, 9.6)."""
    import socket

    request.shutdown(socket.SHUT_WR)
    ends, left = time.monotonic() + _LINGER_S, 2 * MOST_BYTES
    while left > 0 and (pause := ends - time.monotonic()) > 0:
        request.settimeout(pause)
        piece = request.recv(1 << 16)
        if not piece:
            return
        left -= len(piece)


_BUSY = (
    f"HTTP/1.1 503 Service Unavailable\r\nRetry-After: {RETRY_AFTER_S}\r\nContent-Length: 5\r\n"
    "Connection: close\r\n\r\nbusy\n"
).encode()


class _Handler(loopback.Handler):
    serving: _Serving
    read_s = _READ_S

    def do_POST(self) -> None:
        """Take one webhook."""
        lengths = {each.strip() for each in self.headers.get_all("Content-Length", ())}
        if len(lengths) > 1 or (lengths and "Transfer-Encoding" in self.headers):
            # RFC 9112, 6.3: whoever stands between may have seen another end of the body.
            return self.refuse(HTTPStatus.BAD_REQUEST, "the length of the body is told in two ways")
        setting = self.serving.setting(self.path)
        if setting is None:
            self.serving.refusals.add("", "no_such_path", "")
            return self.refuse(HTTPStatus.NOT_FOUND, "no source has this path")
        if not lengths:
            return self.refuse(HTTPStatus.LENGTH_REQUIRED, "a Content-Length is needed")
        length = lengths.pop()
        if not (length.isascii() and length.isdigit()):
            return self.refuse(HTTPStatus.BAD_REQUEST, "the Content-Length is no number")
        size = int(length) if len(length) < 12 else MOST_BYTES + 1
        if size > MOST_BYTES:
            self.serving.refusals.add(setting.key, "too_large", "")
            return self.refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {MOST_BYTES} bytes")
        if not self.serving.hold(size):
            return self.refuse(HTTPStatus.SERVICE_UNAVAILABLE, "busy")
        try:
            return self.take(setting, size)
        finally:
            self.serving.free(size)

    def take(self, setting: Setting, size: int) -> None:
        """Read a body, check its proof, and wait until its events are stored."""
        body = self.body(size)
        if body is None:
            return self.reply(HTTPStatus.BAD_REQUEST, "the body is cut short")
        headers = {name.lower(): value for name, value in self.headers.items()}
        digest = hashlib.sha256(body).hexdigest()
        now = self.serving.now()
        if setting.proof and (reason := setting.proof.check(headers, body, now)):
            self.serving.refusals.add(setting.key, reason, digest)
            words = "the proof is too old" if reason == "stale" else "the proof is missing or wrong"
            return self.reply(HTTPStatus.UNAUTHORIZED, words)
        if setting.reader == "slack" and (challenge := slack.challenge(body)) is not None:
            return self.reply(HTTPStatus.OK, challenge)
        lot = Lot(setting.key, setting.name, setting.reader, proof_sha256=digest if setting.proof else "")
        if setting.reader == "slack" and isinstance(setting.proof, proofs.Slack):
            lot.proof = "slack-signature"
        wrong: DataError | None = None
        reader = sources.webhook(setting.reader)
        try:
            lot.events = reader.read(body, headers, now)
        except DataError as error:
            wrong = error
            kept = {name: headers[name][:1000] for name in reader.HEADERS if name in headers}
            lot.dead.append(Dead(setting.reader, body, error.code, error.message, kept))
        if self.serving.is_ending or not self.serving.offer(lot):
            return self.reply(HTTPStatus.SERVICE_UNAVAILABLE, "busy")
        if not lot.done.wait(_STORE_S):
            return self.reply(HTTPStatus.SERVICE_UNAVAILABLE, "busy")
        if wrong and lot.status == HTTPStatus.OK:
            return self.reply(HTTPStatus.BAD_REQUEST, wrong.message)
        return self.reply(lot.status, lot.message)

    def body(self, size: int) -> bytes | None:
        """The whole body, or None if it does not come in time."""
        try:
            found = self.rfile.read(size)
        except OSError:
            return None
        return found if len(found) == size else None

    def do_GET(self) -> None:
        """Say that it is there, for probes."""
        self.reply(HTTPStatus.OK, "wf-listen")

    def refuse(self, status: int, message: str) -> None:
        """Answer a request whose body is not read."""
        self.reply(status, message)
        with contextlib.suppress(OSError):
            self.wfile.flush()
            _linger(self.connection)

    def reply(self, status: int, message: str) -> None:
        """Answer and close; after an unread body the connection cannot be used again."""
        data = (message + "\n").encode() if message else b""
        self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            self.send_header("Retry-After", str(RETRY_AFTER_S))
        self.send_header("Connection", "close")
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(data)
