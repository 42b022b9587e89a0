"""A step of an action as a template writes it, planned and done, and an HTTP server that answers as told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.state.store import State
from roadmap_cli.wf import actions
from roadmap_cli.wf.actions import once
from roadmap_cli.wf.language import placeholders, reading, services, yamlfile
from roadmap_cli.wf.measures import costs
from roadmap_cli.wf.running import performing

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


@dataclass
class Asked:
    """A request that came in."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """A real HTTP server on loopback. `answer` makes (status, headers, body) of what was asked."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    answer: Callable[[Asked], tuple[int, dict[str, str], bytes] | None] = lambda asked: (200, {}, b"")

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    def says(self, *answers: Any, status: int = 200, **headers: str) -> None:
        """Answer with these values as JSON, one after the other; the last one stays."""
        left = list(answers)

        def answer(asked: Asked) -> tuple[int, dict[str, str], bytes]:
            body = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(body, tuple):
                return body
            told = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
            return status, told, json.dumps(body).encode()

        self.answer = answer


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def serve(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {key.lower(): value for key, value in self.headers.items()}
            asked = Asked(self.command, parts.path, parse_qsl(parts.query, keep_blank_values=True), headers, body)
            found.asked.append(asked)
            answer = found.answer(asked)
            if answer is None:  # the connection breaks off with no answer
                self.close_connection = True
                self.connection.close()
                return
            status, headers, body = answer
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = serve

        def log_message(self, *args: object) -> None: ...

        def finish(self) -> None:
            with suppress(OSError, ValueError):
                super().finish()

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: object) -> None: ...

    served = Quiet(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{served.server_address[1]}"
    thread = threading.Thread(target=lambda: served.serve_forever(0.02), daemon=True)
    thread.start()
    yield found
    served.shutdown()
    served.server_close()


@pytest.fixture
def settings(tmp_path: Path) -> Callable[[str], None]:
    """Write the user's connections.toml."""

    def write(text: str) -> None:
        folder = tmp_path / ".config" / "roadmap"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "connections.toml").write_text(text)

    return write


def read(action: str, text: str | Record) -> tuple[Record, list[Any]]:
    """The spec of an action as a template has it, and the faults found."""
    data = text if isinstance(text, str) else yaml.safe_dump(text)
    document = yamlfile.read(data.encode(), "template.yaml")
    reader = reading.Reader(document)
    return services.module(action).read(reader, document.value, ()), reader.findings


@dataclass
class Act:
    """Does steps on one state, each under a key of its own unless told otherwise."""

    state: State
    folder: Path
    environ: dict[str, str]
    scope: tuple[str, ...] = ()
    stop: threading.Event = field(default_factory=threading.Event)
    count: int = 0
    plan: Record = field(
        default_factory=lambda: {
            "id": "wf_plan",
            "workflow": "checked",
            "requested_by": "user:anna",
            "plan_hash": "0" * 64,
        }
    )

    def __call__(
        self,
        action: str,
        text: str | Record,
        *,
        role: str,
        effects: tuple[str, ...],
        scope: tuple[str, ...] | None = None,
        values: Record | None = None,
        key: str | None = None,
        timeout_s: float = 10.0,
        more: Record | None = None,
    ) -> Record:
        spec, findings = read(action, text)
        assert not findings, findings
        known = values or {}

        def lookup(name: str) -> Any:
            if name == "run.id":
                return "wf_run"
            head, *rest = name.split(".")
            if head not in known:
                raise DataError(f"there is no value for ${{{name}}}")
            return placeholders.reach(known[head], rest, name)

        planned = placeholders.planned(spec, lookup, ("steps", "run"))
        step = {"name": "only", "action": action, "role": role, "effects": list(effects), action: planned}
        step |= {"timeout_s": timeout_s, **(more or {})}
        self.count += 1
        with self.state.write() as tx:  # as when a run begins
            tx.execute("DELETE FROM model_budget WHERE set_by = 'plan:wf_plan'")
            costs.lay_down(tx, {**self.plan, "steps": [step]}, "wf_run", NOW)
        context = actions.Context(
            state=self.state, plan=self.plan, lookup=lookup, directory=self.folder, environ=self.environ,
            key=key or f"key{self.count}", command="wf-run", now=lambda: NOW, stop=self.stop,
            scope=self.scope if scope is None else scope,
        )  # fmt: skip
        found = performing.perform(step, context)
        assert found["status"] in ("succeeded", "failed")
        assert found["duration_ms"] >= 0
        return found


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The servers here have done what they were asked by the time the connection is gone."""
    monkeypatch.setattr(once, "SETTLE_S", 0.0)


@pytest.fixture
def act(state: State, tmp_path: Path) -> Act:
    return Act(state, tmp_path, {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})


def audited(state: State) -> list[Record]:
    """What the audit log tells, as (action, outcome)."""
    with state.read() as tx:
        return [json.loads(body)["data"] for (body,) in tx.execute("SELECT body FROM wf_audit ORDER BY seq")]
