"""Steps killed at random moments while they send: what reached the other side, it reached once."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]  # seconds: on a busy machine each start takes long

CHILD = """
import json, sys, threading
from datetime import UTC, datetime
from pathlib import Path
from roadmap_cli.state.identity import KeySource
from roadmap_cli.state.store import State
from roadmap_cli.wf import actions
from roadmap_cli.wf.running import performing
home, asked = Path(sys.argv[1]), json.loads(sys.argv[2])
environ = {"HOME": str(home), "TOKEN": "t"}
now = lambda: datetime.now(UTC)
with State.open(home / "state.db", mode="write", keys=KeySource(environ, None), now=now) as state:
    context = actions.Context(state, {"requested_by": "user:a"}, lambda name: None, home, environ, asked["key"], "wf-run",
                              now, threading.Event(), tuple(asked["scope"]))
    step = {"name": "x", "role": asked["role"], "effects": asked["effects"], "timeout_s": 5.0, "action": asked["action"]}
    step[asked["action"]] = asked["spec"]
    print(json.dumps(performing.perform(step, context)))
"""


class Peer:
    """Slack and Jira, as far as is needed: slow, so that a kill finds a request before, while and after it is taken."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.keys: list[str] = []
        self.random = random.Random(5)

    def slow(self) -> None:
        time.sleep(self.random.uniform(0, 0.08))

    def answer(self, method: str, path: str, fields: dict[str, str], body: bytes) -> tuple[int, object]:
        name = path.rpartition("/")[2]
        if name == "chat.postMessage":
            key = json.loads(fields["metadata"])["event_payload"]["key"]
            with self.lock:
                self.keys.append(key)
            return 200, {"ok": True, "channel": "C0OPS1", "ts": "1.1"}
        if name == "conversations.history":
            with self.lock:
                found = [{"ts": "1.1", "metadata": {"event_payload": {"key": key}}} for key in self.keys]
            return 200, {"ok": True, "messages": found}
        if name == "comment" and method == "POST":
            with self.lock:
                self.keys.append(json.loads(body)["properties"][0]["value"]["key"])
            return 201, {"id": "1"}
        if name == "comment":
            with self.lock:
                return 200, {
                    "comments": [
                        {"id": "1", "properties": [{"key": "roadmap.key", "value": {"key": key}}]} for key in self.keys
                    ]
                }
        return 404, {}


@pytest.fixture
def peer() -> Iterator[tuple[Peer, str]]:
    found = Peer()

    class Handler(BaseHTTPRequestHandler):
        def serve(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fields = dict(parse_qsl(parts.query if self.command == "GET" else body.decode(errors="replace")))
            found.slow()
            status, value = found.answer(self.command, parts.path, fields, body)
            found.slow()
            try:
                data = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except OSError:
                pass

        do_GET = do_POST = serve

        def log_message(self, *args: object) -> None: ...

    served = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=lambda: served.serve_forever(0.05), daemon=True).start()
    yield found, f"http://127.0.0.1:{served.server_address[1]}"
    served.shutdown()
    served.server_close()


def until_done(home: Path, asked: dict[str, object], chance: random.Random) -> tuple[dict[str, object], int]:
    """Start it and kill it at a random moment until it ends by itself; what it said, and how often it was killed."""
    kills = 0
    while True:
        child = subprocess.Popen(
            [sys.executable, "-P", "-c", CHILD, str(home), json.dumps(asked)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={"PYTHONPATH": str(ROOT / "src"), "HOME": str(home), "PATH": os.environ["PATH"]},
        )  # fmt: skip
        try:
            out, errors = child.communicate(timeout=chance.uniform(0.04, 0.4) if kills < 6 else 60)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.communicate()
            kills += 1
            continue
        assert child.returncode == 0, errors.decode()
        outcome = json.loads(out)
        if outcome["status"] == "failed" and outcome["failure"] == "transient":
            continue
        return outcome, kills


@pytest.mark.parametrize("action", ["slack", "jira"])
def test_once_however_often_killed(tmp_path: Path, peer: tuple[Peer, str], action: str) -> None:
    found, url = peer
    folder = tmp_path / ".config" / "roadmap"
    folder.mkdir(parents=True)
    (folder / "connections.toml").write_text(
        f'[slack.default]\nurl = "{url}"\ntoken = "t"\n[jira.default]\nurl = "{url}"\ntoken = "t"\n[secret.t]\nenv = "TOKEN"\nhosts = ["127.0.0.1"]\n'
    )
    asked: dict[str, object] = {"action": action}
    if action == "slack":
        asked |= {"role": "communication", "effects": ["network", "message"], "scope": ["channel:C0OPS1"]}
        asked["spec"] = {"do": "post", "workspace": "default", "channel": "C0OPS1", "text": "x"}
    else:
        asked |= {"role": "operations", "effects": ["network", "change"], "scope": ["project:OPS"]}
        asked["spec"] = {"do": "comment", "site": "default", "issue": "OPS-1", "text": "x"}
    chance = random.Random(7)
    until_done(tmp_path, {**asked, "key": "first"}, random.Random(0))  # the state is made
    kills = 0
    for number in range(15):
        outcome, more = until_done(tmp_path, {**asked, "key": f"k{number}"}, chance)
        kills += more
        assert outcome["status"] == "succeeded", outcome
    counts = Counter(found.keys)
    assert {key for key, count in counts.items() if count != 1} == set()
    assert len(counts) == 16
    assert kills >= 3, "a test that kills nothing shows nothing"


def test_a_change_is_made_once_however_often_killed(tmp_path: Path) -> None:
    folder = tmp_path / ".config" / "roadmap"
    folder.mkdir(parents=True)
    (folder / "connections.toml").write_text(f'[database.d]\nfile = "{tmp_path}/d.db"\nchanges = true\n')
    with sqlite3.connect(tmp_path / "d.db") as made:
        made.executescript("PRAGMA journal_mode = WAL; CREATE TABLE t(n INTEGER); INSERT INTO t VALUES (0);")
    made.close()
    slow = "UPDATE t SET n = n + 1 + 0 * (WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 2000000) SELECT count(*) FROM r)"
    asked = {
        "action": "sql", "role": "operations", "effects": ["change"], "scope": ["database:d"],
        "spec": {"database": "d", "query": slow, "parameters": {}, "most_rows": 10, "change": True},
    }  # fmt: skip
    chance, kills = random.Random(11), 0
    for number in range(15):
        outcome, more = until_done(tmp_path, {**asked, "key": f"k{number}"}, chance)
        kills += more
        assert outcome["status"] == "succeeded", outcome
    assert sqlite3.connect(tmp_path / "d.db").execute("SELECT n FROM t").fetchone() == (15,)
    assert kills >= 3
