"""A real state, a real HTTP server on this machine that misbehaves on demand, and a transport to both."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from roadmap_cli.core import clock
from roadmap_cli.net import audit
from roadmap_cli.net.transport import Transport
from roadmap_cli.state.store import KeySource, State

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)


class Server:
    """Answers each request by the function set as `answer`; remembers what it saw."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answer: Callable[[Any], None] = lambda handler: plain(handler, 200, b"hello")
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def work(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                outer.seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                outer.answer(self)

            do_GET = do_POST = work

            def log_message(self, *_: object) -> None:
                return

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()


def plain(handler: Any, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(
        tmp_path / "state.db", mode="write", keys=KeySource({"HOME": str(tmp_path)}, None), now=clock.system
    ) as opened:
        yield opened


@pytest.fixture
def pauses() -> list[float]:
    """How long the transport waited, instead of waiting."""
    return []


@pytest.fixture
def transport(state: State, pauses: list[float]) -> Iterator[Transport]:
    with Transport(state, command="test", offline=False, now=lambda: AT, sleep=pauses.append) as made:
        yield made


@pytest.fixture
def audited(state: State) -> Callable[[], list[dict[str, Any]]]:
    def read() -> list[dict[str, Any]]:
        with state.read() as tx:
            return list(audit.requests(tx))

    return read
