"""Mock servers that Prism makes from the OpenAPI files of Slack and Jira, for tests and benchmarks (wf_peers.sh)."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PEERS = Path(__file__).parents[1] / ".cache" / "peers"
#: The places that are served, by service.
KEPT = {
    "slack": ("/chat.postMessage", "/conversations.history", "/conversations.replies", "/users.lookupByEmail"),
    "jira": (
        "/rest/api/3/issue", "/rest/api/3/issue/{issueIdOrKey}", "/rest/api/3/issue/{issueIdOrKey}/comment",
        "/rest/api/3/issue/{issueIdOrKey}/transitions", "/rest/api/3/search",
    ),
}  # fmt: skip


def missing(name: str) -> str | None:
    """Why a service cannot be served here, or None."""
    prism = PEERS / "node_modules" / ".bin" / "prism"
    if shutil.which("node") and prism.exists() and (PEERS / f"{name}.json").exists():
        return None
    return "Prism and the OpenAPI files are not there: sh tools/wf_peers.sh"


@contextmanager
def served(name: str, folder: Path) -> Iterator[str]:
    """The address of a service while it is served; each request is judged by its OpenAPI file."""
    prism = PEERS / "node_modules" / ".bin" / "prism"
    found = json.loads((PEERS / f"{name}.json").read_bytes())
    found["paths"] = {path: found["paths"][path] for path in KEPT[name]}
    for path in found["paths"].values():
        for operation in path.values():
            if isinstance(operation, dict):
                for parameter in operation.get("parameters", []):
                    # The file wants the token in a header of that name, too; Slack itself takes the bearer token alone.
                    if name == "slack" and parameter.get("name") == "token":
                        parameter["required"] = False
                for answer in operation.get("responses", {}).values():
                    for content in answer.get("content", {}).values():
                        if isinstance(content.get("example"), str):  # the file of Jira holds its examples as text
                            content["example"] = json.loads(content["example"])
    spec = folder / f"{name}.json"
    spec.write_text(json.dumps(found))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    running = subprocess.Popen(
        ["node", str(prism), "mock", "-h", "127.0.0.1", "-p", str(port), str(spec)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                time.sleep(0.1)
        else:
            raise TimeoutError("Prism does not start")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(running.pid, signal.SIGTERM)
        running.wait(10)
