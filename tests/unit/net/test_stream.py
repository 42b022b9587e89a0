"""Connections that are no HTTP: permitted, judged, bounded, and in the audit."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from roadmap_cli.core import clock
from roadmap_cli.core.errors import ConfigError, RoadmapError, TryLater, Unavailable
from roadmap_cli.net import audit, permissions, stream
from roadmap_cli.net.transport import Transport
from roadmap_cli.state.store import State


@contextlib.contextmanager
def listening(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            made, _ = server.accept()
            with made:
                talk(made)

    threading.Thread(target=serve, daemon=True).start()
    yield f"imap://me@127.0.0.1:{server.getsockname()[1]}/x"
    server.close()


def connect(state: State, url: str, *, offline: bool = False, timeout_s: float = 5.0) -> stream.Stream:
    transport = Transport(state, command="test", offline=offline, now=clock.system)
    return stream.connect(transport, url, port=1, encrypted=False, purpose="mail", kinds=(), timeout_s=timeout_s)


def rows(state: State) -> list[tuple[str, int, int]]:
    with state.read() as tx:
        return [(each["outcome"], each["bytes_in"], each["bytes_out"]) for each in audit.requests(tx)]


def test_lines_blocks_and_a_row_with_their_bytes(state: State):
    with listening(lambda made: made.sendall(b"hello\r\n" + made.recv(3) + b"rest")) as url:
        with connect(state, url) as made:
            assert rows(state) == [("sending", 0, 0)]
            assert made.line() == b"hello\r\n" if made.send(b"abc") is None else None
            assert (made.block(3), made.block(4)) == (b"abc", b"rest")
            with pytest.raises(Unavailable, match="was closed by"):
                made.line()
    assert rows(state) == [("cut_off", 14, 3)]


@pytest.mark.parametrize(
    ("talk", "expected", "outcome"),
    [
        (lambda made: made.sendall(b"x" * 3000) or made.recv(1), Unavailable, "cut_off"),
        (lambda made: made.recv(1), TryLater, "timed_out"),
    ],
    ids=["too long a line", "silence"],
)
def test_what_a_server_may_not(
    state: State, talk: Callable[[socket.socket], None], expected: type[RoadmapError], outcome: str
):
    with listening(talk) as url, pytest.raises(expected), connect(state, url, timeout_s=0.2) as made:
        made.line(most=1000)
    assert rows(state)[0][0] == outcome


def test_nobody_there(state: State):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Unavailable, match="connection refused"):
            connect(state, f"imap://me@127.0.0.1:{taken.getsockname()[1]}/")
    assert rows(state) == [("no_connection", 0, 0)]


def test_a_host_without_permission_and_one_that_may_not_be_reached(state: State):
    with pytest.raises(ConfigError, match="no permission") as caught:
        connect(state, "imap://me@mail.example.org/secretfolder")
    assert "secret" not in str(caught.value)
    with state.write() as tx:
        permissions.grant(tx, host="0.0.0.0", purpose="mail", kinds=(), at=clock.system())
    with pytest.raises(ConfigError, match="not an address to connect to"):
        connect(state, "imap://me@0.0.0.0/")
    with pytest.raises(Unavailable, match="offline"):
        connect(state, "imap://me@0.0.0.0/", offline=True)
    assert [each[0] for each in rows(state)] == ["refused", "address_refused", "offline"]


def test_a_server_that_cannot_encrypt(state: State):
    with listening(lambda made: made.sendall(b"* OK\r\n" * 20) or (made.recv(9999) and None)) as url:
        with connect(state, url) as made, pytest.raises(Unavailable, match="no encrypted connection"):
            made.start_tls()
