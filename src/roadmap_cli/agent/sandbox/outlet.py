"""The way out of a sandbox's network, for a grant that names hosts: a proxy on its own loopback that leads to them.

The network namespace stays empty but for its loopback. Before the program starts, a socket is made inside that
namespace (nsenter) and handed out; what connects to it is answered outside, where names are resolved, permissions
checked and connections written down (`net.tunnels`). The program can neither change that nor go around it.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Mapping
from types import TracebackType

from roadmap_cli.core.errors import Unavailable
from roadmap_cli.net.transport import Transport
from roadmap_cli.net.tunnels import Tunnels

PORT = 3128
_GET_USER_NAMESPACE = 0xB701  # NS_GET_USERNS, ioctl_ns(2)
_MAKE = f"""
import socket
made = socket.create_server(("127.0.0.1", {PORT}), backlog=128)
socket.send_fds(socket.socket(fileno=0), [b"x"], [made.fileno()])
"""
_MAKE_S = 10.0
_NAMES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy")


class Outlet:
    """What leads from one sandbox to the hosts of its grant. `close` ends every connection.

    `environ` are the variables by which programs find the proxy.
    """

    environ: Mapping[str, str] = {
        **dict.fromkeys(_NAMES, f"http://127.0.0.1:{PORT}"),
        **dict.fromkeys(("no_proxy", "NO_PROXY"), "localhost,127.0.0.1,::1"),
    }

    def __init__(
        self, transport: Callable[[], Transport], hosts: Collection[str], surroundings: Mapping[str, str],
        told: Callable[[str], None] = lambda words: None,
    ) -> None:  # fmt: skip
        self._transport, self._hosts, self._surroundings, self._told = transport, hosts, surroundings, told
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self, pid: int, nsenter: str) -> None:
        """Begin to answer in the network namespace of a process, and no more in another's. Raises Unavailable."""
        self.close()
        self._ready.clear()
        listener = _listening(pid, nsenter)
        transport = self._transport().separate()
        self._thread = threading.Thread(target=self._run, args=(listener, transport), name="outlet", daemon=True)
        self._thread.start()
        self._ready.wait()

    def close(self) -> None:
        """End the proxy and what goes through it."""
        if self._thread is not None and self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(_MAKE_S)
            self._thread = None

    def __enter__(self) -> Outlet:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _run(self, listener: socket.socket, transport: Transport) -> None:
        async def serve() -> None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            self._ready.set()
            tunnels = Tunnels(transport, self._hosts, purpose="sandbox", environ=self._surroundings, told=self._told)
            await tunnels.serve(listener, self._stop)

        with listener, transport:
            asyncio.run(serve())


def _listening(pid: int, nsenter: str) -> socket.socket:
    """A socket that listens on the loopback of a process's network namespace. Raises Unavailable."""
    near, far = socket.socketpair()
    opened: list[int] = []
    try:
        words = [nsenter, f"--net=/proc/{pid}/ns/net"]
        if os.geteuid():
            opened.append(os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC))
            opened.append(fcntl.ioctl(opened[0], _GET_USER_NAMESPACE))
            words += [f"--user=/proc/self/fd/{opened[1]}", "--preserve-credentials"]
        with near, far:
            done = subprocess.run(
                [*words, "--", sys.executable, "-I", "-S", "-c", _MAKE], stdin=far.fileno(), capture_output=True,
                pass_fds=opened[1:], timeout=_MAKE_S, check=False, env={"PATH": "/usr/bin:/bin"},
            )  # fmt: skip
            far.close()
            near.settimeout(_MAKE_S)
            _, descriptors, _, _ = socket.recv_fds(near, 1, 1)
        if done.returncode == 0 and descriptors:
            return socket.socket(fileno=descriptors[0])
        reason = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Unavailable(f"no way out of the sandbox can be made: {reason[-1] if reason else 'nsenter failed'}")
    except (OSError, subprocess.SubprocessError) as error:
        raise Unavailable(f"no way out of the sandbox can be made: {error}", hint="leave out --allow-host") from None
    finally:
        for descriptor in opened:
            os.close(descriptor)
