"""Slack's Socket Mode: events over a WebSocket that we open, for machines that nobody can reach from outside.

apps.connections.open gives an address for one connection; on it come envelopes, each of which is acknowledged once its
event is stored, so that what is not comes again. Slack ends connections now and then and says so before.
Sources: https://docs.slack.dev/apis/events-api/using-socket-mode, RFC 6455 (the package websockets, without its I/O).
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from roadmap_cli.core.errors import ConfigError, DataError, TryLater, Unavailable
from roadmap_cli.core.records import Record, require
from roadmap_cli.net import addresses, stream
from roadmap_cli.wf import events
from roadmap_cli.wf.sources import Access, Dead, Found, slack
from roadmap_cli.wf.sources.settings import Setting

if TYPE_CHECKING:
    from websockets.client import ClientProtocol

PURPOSE = "slack"
#: The token is ours and the connection Slack's: what comes on it is Slack's.
PROOF = "slack-socket"
API = "https://slack.com"
#: Without a word for so long the connection is asked whether it lives, and after as long again given up, in seconds.
SILENCE_S = 60.0


def follow(setting: Setting, access: Access) -> Follower:
    """An app by its token (xapp-…); the address is for tests and proxies."""
    if not access.secret:
        raise ConfigError("Socket Mode wants an app's token", hint="give --secret-file FILE", code="no_token")
    return Follower((setting.place or API).rstrip("/"), access)


@dataclass(slots=True)
class Follower:
    """A connection that is kept; envelopes are acknowledged when their events are stored."""

    address: str
    access: Access
    _stream: stream.Stream | None = field(default=None, repr=False)
    _protocol: ClientProtocol | None = field(default=None, repr=False)
    _waiting: list[str] = field(default_factory=list)
    _heard: float = 0.0
    _pinged: bool = False
    _parts: bytearray = field(default_factory=bytearray, repr=False)

    def poll(self, position: Mapping[str, Any]) -> Iterator[Found]:
        """The events of the envelopes that have come."""
        try:
            if self._protocol is None:
                self._connect()
            while self._waiting:
                texts, self._waiting = self._waiting[:500], self._waiting[500:]
                yield from self._found(texts)
        except (Unavailable, TryLater):
            self.close()
            raise

    def wait(self, stop: threading.Event) -> None:
        """Wait for envelopes; what goes wrong shows at the next poll, which connects anew."""
        try:
            while not stop.is_set() and not self._waiting and self._stream is not None:
                if self._stream.waiting() or select.select([self._stream.fileno()], [], [], 0.5)[0]:
                    self._take(self._stream.some())
                elif time.monotonic() - self._heard > SILENCE_S:
                    self._ask_whether_it_lives()
        except (Unavailable, TryLater, OSError):
            self.close()

    def close(self) -> None:
        """End the connection."""
        from websockets.exceptions import InvalidState

        connection, protocol = self._stream, self._protocol
        self._stream, self._protocol = None, None
        if connection is None:
            return
        try:
            if protocol is not None:
                protocol.send_close(1000)
                for data in protocol.data_to_send():
                    connection.send(data)
        except (Unavailable, TryLater, InvalidState):
            return  # it is ended in any case
        finally:
            connection.close()

    # -- the connection ----------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        from websockets.client import ClientProtocol
        from websockets.exceptions import InvalidURI
        from websockets.uri import parse_uri

        url = self._opened()
        try:
            uri = parse_uri(url)
        except InvalidURI:
            raise Unavailable("Slack gives no address to connect to", code="bad_answer") from None
        if not uri.secure and not addresses.is_loopback(urlsplit(url).hostname or ""):
            raise ConfigError("Slack's address is not encrypted", code="no_encryption")
        connection = stream.connect(
            self.access.transport, url, port=443 if uri.secure else 80, encrypted=uri.secure, purpose=PURPOSE,
            kinds=(), timeout_s=30.0,
        )  # fmt: skip
        self._stream, self._protocol = connection, ClientProtocol(uri, max_size=events.MOST_BYTES)
        self._protocol.send_request(self._protocol.connect())
        self._send()
        self._heard, self._pinged = time.monotonic(), False
        while self._protocol.state.name == "CONNECTING":
            self._take(connection.some())
            if self._protocol.handshake_exc is not None:
                raise Unavailable("Slack refuses the connection", code="bad_answer")

    def _opened(self) -> str:
        response, body = self.access.transport.request(
            "POST", f"{self.address}/api/apps.connections.open", purpose=PURPOSE, timeout_s=30, repeatable=True,
            headers={"Authorization": f"Bearer {self.access.secret}",
                     "Content-Type": "application/x-www-form-urlencoded"},
            most_bytes=65536,
        )  # fmt: skip
        try:
            found = events.parsed(body)
        except DataError:
            raise Unavailable(f"Slack answers {response.status} and no JSON", code="bad_answer") from None
        url = found.get("url")
        if found.get("ok") is True and isinstance(url, str):
            return url
        code = found.get("error")
        if code in ("invalid_auth", "not_authed", "token_revoked", "token_expired", "not_allowed_token_type"):
            raise ConfigError("Slack refuses the token", hint="it must be an app's, xapp-…", code="refused")
        raise Unavailable(f"Slack opens no connection: {str(code)[:60]}", code="bad_answer")

    def _take(self, data: bytes) -> None:
        from websockets.frames import Frame, Opcode

        protocol = self._protocol
        if protocol is None:
            return
        self._heard, self._pinged = time.monotonic(), False
        protocol.receive_data(data)
        self._send()
        for event in protocol.events_received():
            if isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.CONT):
                self._part(bytes(event.data), event.fin, event.opcode is Opcode.TEXT)
        if protocol.state.name in ("CLOSING", "CLOSED") or protocol.parser_exc is not None:
            raise Unavailable("Slack ended the connection", code="cut_off")

    def _part(self, data: bytes, is_last: bool, is_first: bool) -> None:
        if is_first:
            self._parts.clear()
        self._parts += data
        if len(self._parts) > events.MOST_BYTES:
            raise Unavailable("Slack sends a message that is too large", code="bad_answer")
        if is_last:
            self._waiting.append(bytes(self._parts).decode("utf-8", "replace"))
            self._parts.clear()

    def _send(self) -> None:
        if self._protocol is not None and self._stream is not None:
            for data in self._protocol.data_to_send():
                if data:
                    self._stream.send(data)

    def _ask_whether_it_lives(self) -> None:
        if self._pinged:
            raise Unavailable("Slack says nothing any more", code="cut_off")
        if self._protocol is not None:
            self._protocol.send_ping(b"")
            self._send()
            self._pinged, self._heard = True, time.monotonic()

    # -- envelopes ---------------------------------------------------------------------------------------------------

    def _found(self, texts: list[str]) -> Iterator[Found]:
        found: list[Record] = []
        dead: list[Dead] = []
        names: list[str] = []
        again = False
        for text in texts:
            try:
                body = events.parsed(text.encode())
                kind = body.get("type")
                if kind == "disconnect":
                    again = True
                elif kind != "hello":
                    event, name = from_envelope(body, self.access.now())
                    names.append(name)
                    found.append(event)
            except DataError as error:
                dead.append(Dead("slack-socket", text.encode(), error.code, error.message))
                if known := _name_of(text):
                    names.append(known)
        if found or dead:
            yield Found(events.named(found), None, dead, stored=lambda: self._acknowledge(names), proof=PROOF)
        if again:
            self.close()
            self._connect()

    def _acknowledge(self, names: list[str]) -> None:
        import orjson

        if self._protocol is None:
            return
        for name in names:
            self._protocol.send_text(orjson.dumps({"envelope_id": name}))
        self._send()


def from_envelope(body: Record, at: datetime) -> tuple[Record, str]:
    """The event in an envelope, still without its id, and the envelope's id. Raises DataError."""
    name = require(body, "envelope_id", str)
    payload = require(body, "payload", dict)
    retry = body.get("retry_attempt")
    kind = require(body, "type", str)
    if kind == "slash_commands":
        return slack.from_command(payload, at), name
    count = retry if isinstance(retry, int) and not isinstance(retry, bool) and 0 < retry < 1000 else 0
    return slack.from_payload(payload, at, count, str(body.get("retry_reason") or "")), name


def _name_of(text: str) -> str | None:
    """The id of an envelope whose event cannot be read: it is kept, so Slack need not send it again."""
    try:
        name = events.parsed(text.encode()).get("envelope_id")
    except DataError:
        return None
    return name if isinstance(name, str) else None


def read(body: bytes, headers: Mapping[str, str], at: datetime) -> list[Record]:
    """The event of an envelope that was kept because it could not be read."""
    return events.named([from_envelope(events.parsed(body), at)[0]])
