"""A trace sent to a collector: OTLP over HTTP, as it arrives."""

from __future__ import annotations

import json
import os
import subprocess
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

ROOT = Path(__file__).parents[2]
PIPELINE = (
    "wf-listen --quiet --from alertmanager -i examples/wf/alertmanager.json | wf-match --quiet"
    " | wf-plan --quiet --directory $HOME | wf-approve --quiet | wf-run --quiet > $HOME/records"
)


def test_a_trace_reaches_a_collector(tmp_path: Path):
    environ = {**os.environ, "HOME": str(tmp_path), "PATH": f"{ROOT / 'bin'}:{os.environ['PATH']}"}
    environ = {key: value for key, value in environ.items() if not key.startswith(("ROADMAP_", "XDG_"))}
    got: list[tuple[str, str, Any]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, self.headers["Content-Type"], json.loads(body)))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Collector)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        subprocess.run(["sh", "-c", PIPELINE], env=environ, cwd=ROOT, check=True, timeout=120)
        command = ["wf-trace", "--last", "--collector", f"http://127.0.0.1:{server.server_port}"]
        done = subprocess.run(command, env=environ, cwd=ROOT, check=True, timeout=60, capture_output=True)
    finally:
        server.shutdown()
        server.server_close()
    assert len(done.stdout.splitlines()) == 4
    ((path, sort, body),) = got
    assert (path, sort) == ("/v1/traces", "application/json")
    sent = body["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert sent[0]["name"] == "invoke_workflow incident-triage"
    assert all(int(each["endTimeUnixNano"]) >= int(each["startTimeUnixNano"]) for each in sent)
    tools = [
        each["value"]["stringValue"]
        for span in sent
        for each in span["attributes"]
        if each["key"] == "gen_ai.agent.name"
    ]
    assert sorted(tools) == ["analysis", "data", "documentation"]
