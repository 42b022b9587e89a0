"""Serving on the loopback address and no other: how it is read, servers bound to it, how long they hear a sender."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, TypeVar

from roadmap_cli.core.errors import CannotCreate, UsageError

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
Place = tuple[str, int]
_Bound = TypeVar("_Bound")


def address(text: str) -> Place:
    """Read ``127.0.0.1:9000``, ``localhost:9000`` or ``[::1]:9000``. Raises UsageError for an address not loopback."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise UsageError(f"not an address with a port: {text!r}", hint="write 127.0.0.1:9000")
    if host not in _LOOPBACK:
        hint = "put a reverse proxy with TLS in front for other machines"
        raise UsageError(f"not a loopback address: {host!r}", hint=hint)
    return host, int(port)


def family(place: Place) -> int:
    """The family of sockets for an address: IPv6 for one with colons."""
    import socket

    return socket.AF_INET6 if ":" in place[0] else socket.AF_INET


def bound(place: Place, make: Callable[[], _Bound]) -> _Bound:
    """What `make` binds to an address. Raises CannotCreate if it is taken."""
    try:
        return make()
    except OSError as error:
        what = f"cannot listen on {place[0]}:{place[1]}: {(error.strerror or str(error)).lower()}"
        raise CannotCreate(what) from None


class _Coming(io.RawIOBase):
    def __init__(self, connection: Any, ends: float) -> None:
        self.connection, self.ends = connection, ends

    def readable(self) -> bool:
        """It is only read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait for the next bytes, however few they are, no longer than all of them may take."""
        if (left := self.ends - time.monotonic()) <= 0:
            raise TimeoutError
        self.connection.settimeout(left)
        return int(self.connection.recv_into(buffer))


class Handler(BaseHTTPRequestHandler):
    """One request, which must have come whole within `read_s` seconds; after that, reading it raises TimeoutError.

    The time-out of a socket alone is for each byte: a sender that drips them is never too late.
    """

    read_s = 5.0
    server_version = "roadmap"
    sys_version = ""

    def setup(self) -> None:
        """Give it its time, from its first line to the end of its body."""
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(_Coming(self.connection, time.monotonic() + self.read_s))

    def send_response(self, code: int, message: str | None = None) -> None:
        """Begin the answer, which has as long."""
        self.connection.settimeout(self.read_s)
        super().send_response(code, message)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: what was asked for may hold a key."""


def server(place: Place, handler: type[BaseHTTPRequestHandler]) -> HTTPServer:
    """A server for one request at a time; ``handle_request`` waits at most half a second for it.

    Raises CannotCreate if the address is taken.
    """

    class Server(HTTPServer):
        address_family = family(place)
        timeout = 0.5

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that hangs up is no news."""

    return bound(place, lambda: Server(place, handler))
