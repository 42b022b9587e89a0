"""The endpoint of webhooks on real sockets: senders that are slow, and requests that say two things at once."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http import HTTPStatus

import pytest

from roadmap_cli.wf.listening import receiver
from roadmap_cli.wf.listening.receiver import Lot, Refusals
from roadmap_cli.wf.sources.settings import Setting

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
BODY = b'{"type": "t"}'


@pytest.fixture
def port() -> Iterator[int]:
    """An endpoint for any webhook that stores whatever comes."""

    def offer(lot: Lot) -> bool:
        lot.answer(HTTPStatus.OK)
        return True

    with receiver.listening(("127.0.0.1", 0), [Setting("any", "webhook")], offer, Refusals(), lambda: NOW) as found:
        yield found


def sent(port: int, *lines: str, body: bytes = BODY) -> int:
    """The status that answers a request of these lines."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall("\r\n".join((*lines, "", "")).encode() + body)
        return int(connection.makefile("rb").readline().split()[1])


def honest(port: int) -> int:
    """What a sender hears that does all as it should."""
    return sent(port, "POST / HTTP/1.1", f"Content-Length: {len(BODY)}")


@pytest.fixture
def dripping(port: int) -> Iterator[Callable[[bytes], None]]:
    """Take all the connections there are and send on each, after some first bytes, another now and then."""
    opened: list[socket.socket] = []
    is_over = threading.Event()
    threads: list[threading.Thread] = []

    def drip() -> None:
        while not is_over.wait(0.05):
            for each in list(opened):
                try:
                    each.sendall(b"x")
                except OSError:
                    opened.remove(each)

    def begun(first: bytes) -> None:
        for _ in range(receiver.MOST_CONNECTIONS):
            opened.append(socket.create_connection(("127.0.0.1", port), timeout=10))
            opened[-1].sendall(first)
        threads.append(threading.Thread(target=drip))
        threads[0].start()

    yield begun
    is_over.set()
    for thread in threads:
        thread.join()
    for each in opened:
        each.close()


@pytest.mark.parametrize("first", [b"P", b"POST / HTTP/1.1\r\nX: ", b"POST / HTTP/1.1\r\nContent-Length: 9999\r\n\r\n"])
def test_senders_that_drip_bytes_keep_nobody_out_for_long(
    port: int, dripping: Callable[[bytes], None], first: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver._Handler, "read_s", 1.0)
    dripping(first)
    assert honest(port) == 503
    ends = time.monotonic() + 8
    while (status := honest(port)) == 503 and time.monotonic() < ends:
        time.sleep(0.1)
    assert status == 200


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["Content-Length: 13"], 200),
        (["Content-Length: 13", "Content-Length: 13"], 200),
        (["Content-Length: 13", "Content-Length: 5"], 400),
        (["Content-Length: 13, 5"], 400),
        (["Content-Length: 13", "Transfer-Encoding: chunked"], 400),
        (["transfer-encoding: gzip, chunked", "content-length: 13"], 400),
        (["Content-Length: +13"], 400),
        (["Content-Length:"], 400),
        (["Transfer-Encoding: chunked"], 411),
        ([], 411),
        ([f"Content-Length: {'9' * 5000}"], 413),
    ],
)
def test_a_request_tells_the_length_of_its_body_in_one_way(port: int, lines: list[str], status: int) -> None:
    assert len(BODY) == 13
    assert sent(port, "POST / HTTP/1.1", *lines) == status
