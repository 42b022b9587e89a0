"""A guarded TCP or TLS connection for protocols that are no HTTP: permitted, to a judged address, in the audit.

One row of the audit is one connection: committed before the first byte, completed with the bytes of both directions
when it is closed. What a server may send at once is bounded; each wait has an end.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from roadmap_cli.core.errors import TryLater, Unavailable
from roadmap_cli.net import addresses, audit, permissions, routes

if TYPE_CHECKING:
    from roadmap_cli.net.transport import Transport

CONNECT_S = 15.0
_CHUNK = 65536


class Stream:
    """A connection: lines and blocks in, bytes out. Use it in a `with` block or close it.

    Raises TryLater (timed_out) where the other side says nothing for too long, Unavailable (cut_off) where it goes away
    or says more than is read.
    """

    def __init__(self, raw: socket.socket, host: str, trust: ssl.SSLContext, done: Any, timeout_s: float) -> None:
        self.host = host
        self.timeout_s = timeout_s
        self.received = 0
        self.sent = 0
        self._socket = raw
        self._trust = trust
        self._done = done
        self._buffer = bytearray()
        self._outcome = "done"
        self._closed = False
        raw.settimeout(timeout_s)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None and self._outcome == "done":
            self._outcome = "failed"
        self.close()

    @property
    def is_encrypted(self) -> bool:
        """Whether what is sent is encrypted."""
        return isinstance(self._socket, ssl.SSLSocket)

    def fileno(self) -> int:
        """What may be waited on for more; `waiting` first tells what is here already."""
        return self._socket.fileno()

    def waiting(self) -> bool:
        """Whether something is here that was not read yet."""
        pending = self._socket.pending() if isinstance(self._socket, ssl.SSLSocket) else 0
        return bool(self._buffer) or pending > 0

    def start_tls(self) -> None:
        """Encrypt from here on. What was sent in the clear after the answer is thrown away (CVE-2011-0411)."""
        self._buffer.clear()
        try:
            self._socket = self._trust.wrap_socket(self._socket, server_hostname=self.host.strip("[]"))
        except (OSError, ValueError) as error:
            raise self._broken("no encrypted connection to", error) from error

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self.sent += len(data)
        try:
            self._socket.sendall(data)
        except TimeoutError as error:
            raise self._slow() from error
        except OSError as error:
            raise self._broken("the connection was cut by", error) from error

    def line(self, most: int = 1024 * 1024) -> bytes:
        """The next line, its end included."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > most:
                raise self._broken(f"a line longer than {most} bytes came from", None)
            self._more()
        return self._taken(end + 1)

    def block(self, size: int) -> bytes:
        """The next `size` bytes."""
        while len(self._buffer) < size:
            self._more()
        return self._taken(size)

    def some(self) -> bytes:
        """What has come, one byte at least: for protocols that are neither lines nor blocks."""
        if not self._buffer:
            self._more()
        return self._taken(len(self._buffer))

    def close(self) -> None:
        """Close the connection and complete its row."""
        if self._closed:
            return
        self._closed = True
        self._socket.close()
        self._done(self._outcome, self.received, self.sent)

    def _taken(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _more(self) -> None:
        try:
            chunk = self._socket.recv(_CHUNK)
        except TimeoutError as error:
            raise self._slow() from error
        except OSError as error:
            raise self._broken("the connection was cut by", error) from error
        if not chunk:
            raise self._broken("the connection was closed by", None)
        self.received += len(chunk)
        self._buffer += chunk

    def _slow(self) -> TryLater:
        self._outcome = "timed_out"
        return TryLater(f"{self.host!r} did not answer in {self.timeout_s:g} s", code="timed_out")

    def _broken(self, what: str, error: Exception | None) -> Unavailable:
        self._outcome = "cut_off"
        reason = f": {_words(error)}" if error is not None else ""
        return Unavailable(f"{what} {self.host!r}{reason}", code="cut_off")


def connect(
    transport: Transport, url: str, *, port: int, encrypted: bool, purpose: str, kinds: Sequence[str], timeout_s: float
) -> Stream:
    """Open a connection to the host of a URL, at its port or `port`; `encrypted` from the first byte on.

    The address is resolved once and judged as that of a request is. Raises ConfigError (not permitted, address
    refused, certificate), Unavailable (offline, no connection) and TryLater (timed out).
    """
    parts = urlsplit(url)
    host = permissions.host_name(f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or "")
    place = parts.port or port
    environ, done = transport.admit(
        host, place, method="CONNECT", url=audit.bare_url(url), purpose=purpose, kinds=kinds
    )
    try:
        raw = _reached(host, place)
    except BaseException as error:
        done(getattr(error, "code", "failed"), 0, 0)
        raise
    stream = Stream(raw, host, routes.trust(environ), done, timeout_s)
    if encrypted:
        try:
            stream.start_tls()
        except BaseException:
            stream.close()
            raise
    return stream


def _reached(host: str, port: int) -> socket.socket:
    """A connection to the first address of a host that takes it."""
    try:
        places = addresses.resolve(host, port)
    except OSError as error:
        raise Unavailable(f"no connection to {host!r}: {_words(error)}", code="no_connection") from error
    lasting: OSError = OSError(f"no address for {host!r}")
    ends_at = time.monotonic() + 2 * CONNECT_S
    for place in places:
        try:
            raw = socket.create_connection((place, port), timeout=min(CONNECT_S, max(1.0, ends_at - time.monotonic())))
        except OSError as error:
            lasting = error
            continue
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return raw
    if isinstance(lasting, TimeoutError):
        raise TryLater(f"{host!r} did not answer in {CONNECT_S:g} s", code="timed_out") from lasting
    raise Unavailable(f"no connection to {host!r}: {_words(lasting)}", code="no_connection") from lasting


def _words(error: Exception) -> str:
    """An error of the system in words, without numbers and module names."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, OSError) and error.strerror and not isinstance(error, ssl.SSLError):
        return error.strerror.lower()
    return str(getattr(error, "reason", "") or error).splitlines()[0].lower() if str(error) else type(error).__name__
