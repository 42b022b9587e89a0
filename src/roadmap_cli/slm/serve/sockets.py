"""The sockets a server listens on: its own, or those that systemd hands over; one server for each.

sd_listen_fds(3), sd_notify(3): both are a few lines and need no library.
"""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import os
import socket
import stat
from collections.abc import Mapping
from pathlib import Path

from roadmap_cli.core.errors import CannotCreate, RoadmapError, TryLater, UsageError
from roadmap_cli.models.conversation.warm import address, connect
from roadmap_cli.state import files

_FIRST_DESCRIPTOR = 3
BACKLOG = 128


class Sockets:
    """The listening sockets: `own` for the user, `port` for programs that speak HTTP on loopback, if asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.own: socket.socket | None = None
        self.port: socket.socket | None = None
        self.activated = False
        self._lock: int | None = None
        self._made: tuple[int, int] | None = None

    def open(self, listen: tuple[str, int] | None, environ: Mapping[str, str]) -> None:
        """Take what systemd hands over and bind the rest.

        Raises TryLater (another server is there), CannotCreate (the place cannot be written, the port is taken).
        """
        for handed in activated(environ):
            self.activated = True
            if handed.family == socket.AF_UNIX:
                self.own = handed
            else:
                self.port = handed
        if self.own is None:
            self._bind_own()
        if self.port is None and listen is not None:
            self._bind_port(*listen)

    def close(self) -> None:
        """Stop listening; the socket's file goes if it is still ours."""
        for each in (self.own, self.port):
            if each is not None:
                each.close()
        if self._made is not None:
            with contextlib.suppress(OSError):
                found = self.path.lstat()
                if (found.st_dev, found.st_ino) == self._made:
                    self.path.unlink()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _bind_own(self) -> None:
        path = self.path
        try:
            files.make_directory(os.fspath(path.parent))
            self._take_lock()
            with contextlib.suppress(FileNotFoundError):
                if not stat.S_ISSOCK(path.lstat().st_mode):
                    raise CannotCreate("not a socket: it is in the way", where=str(path))
                self._refuse_other()
                path.unlink()  # of a server that was killed: the lock says that none lives
            own = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            name, held = address(path)
            mask = os.umask(0o177)
            try:
                own.bind(name)
            finally:
                os.umask(mask)
                if held is not None:
                    os.close(held)
            found = path.lstat()
            self._made = (found.st_dev, found.st_ino)
            own.listen(BACKLOG)
        except RoadmapError:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise CannotCreate(f"no socket here: {(error.strerror or str(error)).lower()}", where=str(path)) from None
        self.own = own

    def _refuse_other(self) -> None:
        """Leave a socket that somebody listens on: systemd, before it has started a server."""
        other = connect(self.path, 1.0)
        if other is not None:
            other.close()
            raise TryLater(
                "somebody listens there already, perhaps systemd",
                where=str(self.path),
                hint="systemctl --user status slm-serve.socket",
                code="already_running",
            )

    def _take_lock(self) -> None:
        lock = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(lock, 32, 0).decode("ascii", "replace").strip()
            os.close(lock)
            raise TryLater(
                "another slm-serve is there already" + (f", process {owner}" if owner else ""),
                where=str(self.path),
                hint="slm-serve status, or slm-serve stop",
                code="already_running",
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        self._lock = lock

    def _bind_port(self, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((host, port))
            bound.listen(BACKLOG)
        except OSError as error:
            bound.close()
            self.close()
            raise CannotCreate(
                f"cannot listen: {(error.strerror or str(error)).lower()}",
                where=f"{host}:{port}",
                hint="take another port, or 0 for any that is free",
            ) from None
        self.port = bound


def parse(text: str) -> tuple[str, int]:
    """HOST:PORT on this machine. Raises UsageError for anything else: who asks from elsewhere needs encryption, too."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not port.isdigit() or int(port) > 65535:
        raise UsageError(f"not HOST:PORT: {text!r}", hint="--listen 127.0.0.1:8080")
    host = "127.0.0.1" if host == "localhost" else host
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise UsageError(
            f"not an address of this machine alone: {host!r}",
            hint="listen on 127.0.0.1 and let ssh -L, or a server with TLS, stand before it",
            code="not_loopback",
        )
    return host, int(port)


def activated(environ: Mapping[str, str]) -> list[socket.socket]:
    """The sockets that systemd hands over, if it does; they are not handed on to children."""
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = environ.get("LISTEN_FDS", "0")
    found = []
    for descriptor in range(_FIRST_DESCRIPTOR, _FIRST_DESCRIPTOR + (int(count) if count.isdigit() else 0)):
        os.set_inheritable(descriptor, False)
        handed = socket.socket(fileno=descriptor)
        handed.setblocking(False)
        found.append(handed)
    return found


def notify(environ: Mapping[str, str], words: str) -> None:
    """Tell systemd how it goes, where it wants to know."""
    place = environ.get("NOTIFY_SOCKET", "")
    if not place.startswith(("/", "@")):
        return
    name = "\0" + place[1:] if place.startswith("@") else place
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.connect(name)
        told.send(words.encode())
