"""What the tests of the LLM driver share: an endpoint that says what it is told to, a proxy with faults, a problem."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from roadmap_cli.agent.code.project import Project
from roadmap_cli.agent.repair.driver import Candidate, Case, Problem, Verdict
from roadmap_cli.agent.testing.bench import TestRun
from roadmap_cli.core import clock
from roadmap_cli.models.ledger import Ledger
from roadmap_cli.net.transport import Transport
from roadmap_cli.state.keys import KeySource
from roadmap_cli.state.store import State

CODE = "def overlap(a, b, c, d):\n    '''Whether [a, b) and [c, d) share a point.'''\n    return a < d or c < b\n"
FIXED = "def overlap(a, b, c, d):\n    return a < d and c < b\n"
TESTS = "from span import overlap\n\n\ndef test_no():\n    assert not overlap(1, 2, 3, 4)\n"
TEST = "test_span.py::test_no"


def problem(code: str = CODE, goal: str = "", test_seconds: float = 0.2) -> Problem:
    """A small failure, as the loop tells it."""
    files = {"span.py": code.encode(), "test_span.py": TESTS.encode()}
    project = Project(Path("/nowhere"), files, dict.fromkeys(files, 0o644), {}, ())
    error = {
        "type": "AssertionError", "message": "assert not True",
        "frames": [{"file": "test_span.py", "line": 5, "function": "test_no"}],
    }  # fmt: skip
    return Problem(project, Case([TEST], [TEST], test_seconds, {"span.py": {3: 1.0}}, errors={TEST: error}), goal)


def judged(candidate: Candidate, outcome: str = "refuted", failing: int = 1) -> Verdict:
    """What tests might have said of a candidate."""
    status = (
        {"status": "passed"} if outcome == "confirmed" else {"status": "failed", "error": {"type": "E", "message": "m"}}
    )
    return Verdict(candidate, outcome, failing, TestRun({TEST: status}, True, failing, False, "", 0.1))


class Scripted:
    """An OpenAI-compatible endpoint that answers each request by `answer`, and remembers what it was asked."""

    def __init__(self, answer: Callable[[int, dict[str, Any]], Any]) -> None:
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self.most = self._now = 0
        lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with lock:
                    number = len(outer.seen)
                    outer.seen.append((self.path, body))
                    outer._now += 1
                    outer.most = max(outer.most, outer._now)
                said = answer(number, body)
                with lock:
                    outer._now -= 1
                status, value = said if isinstance(said, tuple) else (200, said)
                data = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                with suppress(OSError):
                    self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                return

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """End it."""
        self.http.shutdown()
        self.http.server_close()


@contextmanager
def scripted(answer: Callable[[int, dict[str, Any]], Any]) -> Iterator[Scripted]:
    """A scripted endpoint for the time of a `with` block."""
    server = Scripted(answer)
    try:
        yield server
    finally:
        server.close()


def says(
    text: str | None, *, prompt: int = 100, completion: int = 20, finish: str = "stop", **message: Any
) -> dict[str, Any]:
    """The body of a reply."""
    return {
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}
        ],
        "usage": {"prompt_tokens": prompt, "completion_tokens": completion},
    }


class FaultyProxy:
    """A TCP proxy in front of a server: the first requests meet the faults in turn, the others pass.

    A fault is ``drop`` (the connection is cut without an answer), ``cut`` (in the middle of the answer's body) or a
    status such as ``429``.
    """

    def __init__(self, port: int, faults: Sequence[str] = ()) -> None:
        self.faults = list(faults)
        self.asked = self.passed = 0
        self._port = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/v1"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """End it."""
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(120)
            data = b""
            while b"\r\n\r\n" not in data:
                piece = connection.recv(1 << 16)
                if not piece:
                    return
                data += piece
            head, _, body = data.partition(b"\r\n\r\n")
            lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
            length = next(
                (int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length:")), 0
            )
            while len(body) < length:
                body += connection.recv(1 << 16)
            self.asked += 1
            fault = self.faults.pop(0) if self.faults else ""
            if fault == "drop":
                return
            if fault.isdigit():
                connection.sendall(
                    f"HTTP/1.1 {fault} Fault\r\nRetry-After: 0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
                )
                return
            self.passed += 1
            with socket.create_connection(("127.0.0.1", self._port), 120) as upstream:
                upstream.sendall(b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n" + body)
                sent = 0
                while piece := upstream.recv(1 << 16):
                    if fault == "cut" and sent:
                        return
                    connection.sendall(piece[: len(piece) // 2] if fault == "cut" else piece)
                    if fault == "cut":
                        return
                    sent += len(piece)


class Place:
    """A state, its ledger and its transport, and the user's models.toml."""

    def __init__(self, home: Path) -> None:
        self.environ = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), "ROADMAP_WARM": "never"}
        keys = KeySource(self.environ, None)
        self.state = State.open(home / "state.db", mode="write", keys=keys, now=clock.system)
        at = datetime(2026, 11, 23, 9, tzinfo=UTC)
        self.ledger = Ledger(self.state, "agent-loop", lambda: at, run_id="agent_1")
        self.slept: list[float] = []
        self.transport = Transport(
            self.state,
            command="agent-loop",
            offline=False,
            now=clock.system,
            environ=self.environ,
            sleep=self.slept.append,
        )

    def endpoint(self, url: str, extra: str = "", name: str = "test", timeout_s: float = 60) -> None:
        """Write the user's models.toml with one endpoint."""
        folder = Path(self.environ["XDG_CONFIG_HOME"]) / "roadmap"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "models.toml").write_text(
            f'[endpoint.{name}]\nurl = "{url}"\nmodel = "big-70b"\ntimeout_s = {timeout_s}\n{extra}'
        )

    def close(self) -> None:
        """Close what is open."""
        self.transport.close()
        self.state.close()
