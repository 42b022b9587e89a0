"""An HTTP proxy that leads to a few named hosts and nowhere else, for programs that have no other way out.

Each connection is audited as the transport's own are, and goes to an address that was judged for the host's name
(`net.addresses`): the program never resolves names itself. What passes through a CONNECT tunnel is encrypted between
the program and the host, so the row tells bytes, not paths.

Methods: RFC 9110 section 9.3.6 (CONNECT) and RFC 9112 section 3.2.2 (absolute-form).
"""

from __future__ import annotations

import base64
import re
import socket
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from roadmap_cli.core.errors import RoadmapError
from roadmap_cli.net import addresses, permissions, routes
from roadmap_cli.net.transport import Transport

if TYPE_CHECKING:
    import asyncio

    Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

#: Ports of a host that is allowed without one.
PORTS = (80, 443)
_HEAD_BYTES, _HEAD_S, _CONNECT_S = 32 * 1024, 30.0, 15.0
_CHUNK = 1 << 16
_MOST = 64
_HOP = (
    b"proxy-connection",
    b"proxy-authorization",
    b"proxy-authenticate",
    b"connection",
    b"keep-alive",
    b"te",
    b"upgrade",
)
_LINE = re.compile(rb"([A-Z]{1,20}) (\S{1,8192}) HTTP/1\.[01]\Z")


class Refused(Exception):
    """A request that is answered with a status and a line of words instead of being carried."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


class Tunnels:
    """The proxy. `hosts` are spelled as `permissions.host_name` does, with a port or for `PORTS`.

    `told` is called with words about each host that was asked for and refused, once a host.
    """

    def __init__(
        self, transport: Transport, hosts: Collection[str], *, purpose: str, environ: Mapping[str, str],
        told: Callable[[str], None] = lambda words: None,
    ) -> None:  # fmt: skip
        self._transport, self._purpose, self._environ = transport, purpose, environ
        self._hosts = frozenset(hosts)
        self._told = told
        self._refused: set[str] = set()

    async def serve(self, listener: socket.socket, stop: asyncio.Event) -> None:
        """Answer connections of a listening socket until `stop` is set; then end those that are open."""
        import asyncio

        self._places = asyncio.Semaphore(_MOST)
        server = await asyncio.start_server(self._answer, sock=listener, limit=_HEAD_BYTES)
        await stop.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    def allows(self, host: str, port: int) -> bool:
        """Whether a host may be reached at a port."""
        return f"{host}:{port}" in self._hosts or (host in self._hosts and port in PORTS)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        import asyncio

        try:
            async with self._places:
                await self._carry(reader, writer)
        except Refused as refusal:
            with suppress(OSError):
                writer.write(
                    f"HTTP/1.1 {refusal.status} Refused\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close"
                    f"\r\n\r\n{refusal.words}\n".encode()
                )
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            pass
        finally:
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        import asyncio

        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _HEAD_S)
        first, *lines = head[:-4].split(b"\r\n")
        match = _LINE.match(first)
        if not match:
            raise Refused(400, "not a request to a proxy")
        method, target = match[1].decode(), match[2].decode("latin-1")
        host, port, path = _asked(method, target)
        if not self.allows(host, port):
            if host not in self._refused:
                self._refused.add(host)
                self._told(f"the program asked for {host}:{port}, which is not allowed")
            raise Refused(403, f"{host}:{port} is not allowed in this sandbox")
        scheme = "https" if port == 443 else "http"
        try:
            with self._transport.by_program(
                method, host=host, what=f"{scheme}://{host}:{port}/", purpose=self._purpose, named_by_user=True
            ) as note:
                far = await self._dial(host, port, scheme)
                ahead = 0
                try:
                    if method == "CONNECT":
                        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
                    else:
                        kept = [line for line in lines if line.partition(b":")[0].strip().lower() not in _HOP]
                        start = f"{method} {path} HTTP/1.1".encode("latin-1")
                        far[1].write(b"\r\n".join([start, *kept, b"Connection: close", b"", b""]))
                        ahead = len(head)
                    received, sent = await _joined((reader, writer), far)
                    note(received, sent + ahead)
                finally:
                    far[1].close()
        except RoadmapError as error:
            raise Refused(403, error.message) from None
        except OSError as error:
            raise Refused(502, f"no connection to {host}:{port}: {error.strerror or type(error).__name__}") from None

    async def _dial(self, host: str, port: int, scheme: str) -> Streams:
        """A connection to the first address that takes it, or through the proxy that the user's environment names."""
        import asyncio

        proxy = routes.proxy(scheme, host, self._environ)
        if proxy:
            return await _through(proxy, host, port)
        places = await asyncio.to_thread(addresses.resolve, host, port)
        lasting: OSError = OSError(f"no address for {host}")
        for place in places:
            try:
                return await asyncio.wait_for(asyncio.open_connection(place, port, limit=_CHUNK), _CONNECT_S)
            except TimeoutError:
                lasting = OSError("timed out")
            except OSError as error:
                lasting = error
        raise lasting


def _asked(method: str, target: str) -> tuple[str, int, str]:
    """Host, port and path of a request to a proxy. Raises Refused."""
    try:
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        host, port = parts.hostname, parts.port
        if method != "CONNECT" and parts.scheme != "http":
            raise Refused(400, "only http:// addresses and CONNECT")
        if not host or (method == "CONNECT" and port is None):
            raise Refused(400, "no host")
        name = permissions.host_name(f"[{host}]" if ":" in host else host)
    except (ValueError, RoadmapError):
        raise Refused(400, "not a host") from None
    path = parts.path or "/"
    return name, port or 80, f"{path}?{parts.query}" if parts.query else path


async def _through(proxy: str, host: str, port: int) -> Streams:
    """A tunnel through another HTTP proxy. Raises OSError."""
    import asyncio

    parts = urlsplit(proxy)
    reader, writer = await asyncio.wait_for(
        asyncio.open_connection(parts.hostname, parts.port or 80, ssl=parts.scheme == "https" or None), _CONNECT_S
    )
    lines = [f"CONNECT {host}:{port} HTTP/1.1", f"Host: {host}:{port}"]
    if parts.username:
        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(secret).decode()}")
    writer.write("\r\n".join([*lines, "", ""]).encode())
    try:
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _CONNECT_S)
    except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        writer.close()
        raise OSError("the proxy of this machine did not answer") from None
    words = answer.split(b" ", 2)
    if len(words) < 2 or words[1] != b"200":
        writer.close()
        raise OSError(f"the proxy of this machine refused: {words[1].decode('latin-1') if len(words) > 1 else '?'}")
    return reader, writer


async def _joined(near: Streams, far: Streams) -> tuple[int, int]:
    """Carry bytes both ways until both sides have ended; how many came from afar and how many went there."""
    import asyncio

    received, sent = await asyncio.gather(_moved(far[0], near[1]), _moved(near[0], far[1]))
    return received, sent


async def _moved(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> int:
    count = 0
    with suppress(OSError):
        while data := await source.read(_CHUNK):
            sink.write(data)
            count += len(data)
            await sink.drain()
    with suppress(OSError, RuntimeError):
        if sink.can_write_eof():
            sink.write_eof()
    return count
