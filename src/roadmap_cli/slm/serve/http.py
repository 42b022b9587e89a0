"""HTTP/1.1 on the server's side: h11 reads and writes it, this keeps to limits and notices who has gone.

A request is handled in a task. When its client goes away the task is cancelled, and so is what the model does for it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import h11
import orjson

from roadmap_cli.models.conversation.warm import PROTOCOL

MOST_HEAD_BYTES = 64 << 10
MOST_BODY_BYTES = 64 << 20
#: How long a client may take to send a request, and keep a connection open without one.
REQUEST_S = 60.0
#: How long a client may take to read what it asked for.
READ_S = 120.0


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is all there. `trusted`: it came over the socket of the user."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    trusted: bool

    def json(self) -> dict[str, Any]:
        """The body as an object. Raises ValueError with words."""
        try:
            value = orjson.loads(self.body)
        except ValueError as error:
            words = str(error)
            if "UTF-8" in words.upper() or "utf8" in words.lower() or not _is_utf8(self.body):
                raise ValueError("the body is not UTF-8") from None
            try:
                value = json.loads(self.body)  # a number or an escape that the quick parser does not take
            except (ValueError, RecursionError):
                raise ValueError(f"the body is not JSON: {words}") from None
        if not isinstance(value, dict):
            raise ValueError("the body is not a JSON object")
        return value


_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

Handler = Callable[["Connection", Request], Awaitable[None]]
#: Judges a request by its path and headers, before its body is read; refuses it itself.
Admit = Callable[["Connection", str, Mapping[str, str]], bool]
LineTaker = Callable[[bytes], None]


class Gone(Exception):
    """The client has gone."""


class Connection(asyncio.Protocol):
    """One client. Requests are taken one after the other."""

    def __init__(self, handler: Handler, *, admit: Admit | None, connections: set[Connection]) -> None:
        self._handler = handler
        self._admit = admit  # None: it is the user's own socket
        self._all = connections
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=MOST_HEAD_BYTES)
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._head: h11.Request | None = None
        self._body = bytearray()
        self._writable = asyncio.Event()
        self._writable.set()
        self._lines: LineTaker | None = None
        self._lost: Callable[[], None] = lambda: None
        self._pending: Callable[[], bool] = lambda: False
        self._held = b""
        self.closing = False

    @property
    def busy(self) -> bool:
        """Whether a request is being answered, or lines are."""
        return (self._task is not None and not self._task.done()) or self._pending()

    @property
    def began(self) -> bool:
        """Whether the answer has begun: an error can then no longer be told by a status."""
        return bool(self._h11.our_state is not h11.SEND_RESPONSE and self._h11.our_state is not h11.IDLE)

    # -- asyncio's side ------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self.closing:  # too many, or the server stops
            transport.write(_BUSY)
            transport.close()
            return
        self._all.add(self)
        self._wait_for_request()

    def connection_lost(self, error: Exception | None) -> None:
        """The client has gone: what is done for it stops."""
        self._all.discard(self)
        self._stop_timer()
        self._writable.set()
        if self._task is not None:
            self._task.cancel()
        self._lost()

    def pause_writing(self) -> None:
        """The client does not read."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It reads again."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Bytes of requests."""
        if self._lines is not None:
            self._take_lines(data)
            return
        try:
            self._h11.receive_data(data)
            self._advance()
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint, str(error))

    # -- requests ------------------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        while not self.busy:
            event = self._h11.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED:
                if event is h11.NEED_DATA and self._h11.they_are_waiting_for_100_continue and self._transport:
                    go_on = h11.InformationalResponse(status_code=100, headers=[])
                    self._transport.write(self._h11.send(go_on) or b"")
                return
            if isinstance(event, h11.Request):
                self._head = event
                self._body.clear()
                if event.http_version not in (b"1.0", b"1.1"):
                    self._refuse(505, f"HTTP {event.http_version.decode()} is not spoken here")
                    return
                if self._admit is not None and not self._admit(self, *_place(event)):
                    self.close()
                    return
            elif isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > MOST_BODY_BYTES:
                    self._refuse(413, f"a body of more than {MOST_BODY_BYTES >> 20} MiB")
                    return
            elif isinstance(event, h11.EndOfMessage):
                self._stop_timer()
                self._begin()
                return
            elif isinstance(event, h11.ConnectionClosed):
                self.close()
                return

    def _begin(self) -> None:
        assert self._head is not None
        path, headers = _place(self._head)
        method = bytes(self._head.method).decode("latin-1")
        request = Request(method, path, headers, bytes(self._body), self._admit is None)
        self._body.clear()
        self._task = asyncio.get_running_loop().create_task(self._handle(request))

    async def _handle(self, request: Request) -> None:
        try:
            await self._handler(self, request)
        except Gone:
            self.close()
            return
        finally:
            self._task = None
        if self._lines is not None:
            return
        if self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE and not self.closing:
            self._h11.start_next_cycle()
            self._wait_for_request()
            try:
                self._advance()
            except h11.RemoteProtocolError as error:
                self._refuse(error.error_status_hint, str(error))
        else:
            self.close()

    def _refuse(self, status: int, words: str) -> None:
        if self._h11.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            told = {"error": {"message": words, "type": "invalid_request_error", "param": None, "code": "bad_request"}}
            self._write_whole(status, orjson.dumps(told), {"Connection": "close"})
        self.close()

    # -- answers -------------------------------------------------------------------------------------------------------

    def answer(self, status: int, value: Any, headers: Mapping[str, str] | None = None) -> None:
        """A whole answer: an object as JSON, or text."""
        if isinstance(value, str):
            self._write_whole(status, value.encode(), {"Content-Type": "text/plain; version=0.0.4", **(headers or {})})
        else:
            self._write_whole(status, orjson.dumps(value), headers or {})

    def _write_whole(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        more = {"Content-Type": "application/json", **headers, "Content-Length": str(len(body))}
        if self.closing:
            more["Connection"] = "close"
        self._send(
            h11.Response(status_code=status, headers=list(more.items())), h11.Data(data=body), h11.EndOfMessage()
        )

    def begin_events(self) -> None:
        """Begin a stream of server-sent events."""
        headers = [("Content-Type", "text/event-stream; charset=utf-8"), ("Cache-Control", "no-store")]
        self._send(h11.Response(status_code=200, headers=headers))

    async def event(self, value: Any) -> None:
        """Send one event; waits for a client that does not read. Raises Gone."""
        data = value if isinstance(value, bytes) else orjson.dumps(value)
        self._send(h11.Data(data=b"data: " + data + b"\n\n"))
        await self.drained()

    def end_events(self) -> None:
        """End the stream."""
        self._send(h11.EndOfMessage())

    async def drained(self) -> None:
        """Wait until the client has read enough. Raises Gone if it has gone, or reads nothing for too long."""
        if not self._writable.is_set():
            try:
                async with asyncio.timeout(READ_S):
                    await self._writable.wait()
            except TimeoutError:
                raise Gone from None
        if self._transport is None or self._transport.is_closing():
            raise Gone

    def _send(self, *events: Any) -> None:
        data = b"".join(self._h11.send(event) or b"" for event in events)
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    # -- lines ---------------------------------------------------------------------------------------------------------

    def upgrade(self, take: LineTaker, lost: Callable[[], None], pending: Callable[[], bool]) -> None:
        """Go over to JSON Lines; `take` gets each line, `lost` is called when the client has gone.

        `pending` tells whether an answer is still to come.
        """
        headers = [("Connection", "Upgrade"), ("Upgrade", PROTOCOL)]
        self._send(h11.InformationalResponse(status_code=101, headers=headers))
        self._lines, self._lost, self._pending = take, lost, pending
        self._take_lines(self._h11.trailing_data[0])

    def line(self, value: Any) -> None:
        """Send one object."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(orjson.dumps(value) + b"\n")

    def _take_lines(self, data: bytes) -> None:
        assert self._lines is not None
        *whole, self._held = (self._held + data).split(b"\n")
        for line in whole:
            if line:
                self._lines(line)
        if len(self._held) > MOST_BODY_BYTES:
            self.close()

    # -- the end -------------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Close when the answer that is under way is out; at once if there is none."""
        self.closing = True
        if not self.busy:
            self.close()

    def close(self) -> None:
        """Close the connection."""
        self._stop_timer()
        if self._transport is not None:
            self._transport.close()

    def _wait_for_request(self) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(REQUEST_S, self.close)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _place(head: h11.Request) -> tuple[str, dict[str, str]]:
    """The path of a request, and its headers with their names in lower case."""
    headers = {bytes(name).decode("latin-1"): bytes(value).decode("latin-1") for name, value in head.headers}
    return bytes(head.target).decode("latin-1").partition("?")[0], headers


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
