"""Slack and Jira steps against mock servers that Prism makes from the services' own OpenAPI files.

Prism judges each request by the file: places, methods, types and what must be there. It remembers nothing; what comes
in order is tested with the small services of test_wf_slack and test_wf_jira.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Act

PEERS = Path(__file__).parents[4] / ".cache" / "peers"
pytestmark = pytest.mark.slow
SLACK = ("/chat.postMessage", "/conversations.history", "/conversations.replies", "/users.lookupByEmail")
JIRA = (
    "/rest/api/3/issue", "/rest/api/3/issue/{issueIdOrKey}", "/rest/api/3/issue/{issueIdOrKey}/comment",
    "/rest/api/3/issue/{issueIdOrKey}/transitions", "/rest/api/3/search",
)  # fmt: skip


def served(name: str, kept: tuple[str, ...], folder: Path) -> Iterator[str]:
    prism = PEERS / "node_modules" / ".bin" / "prism"
    if not shutil.which("node") or not prism.exists() or not (PEERS / f"{name}.json").exists():
        pytest.skip("Prism and the OpenAPI files are not there: sh tools/wf_peers.sh")
    found = json.loads((PEERS / f"{name}.json").read_bytes())
    found["paths"] = {path: found["paths"][path] for path in kept}
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
            pytest.fail("Prism does not start")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(running.pid, signal.SIGTERM)
        running.wait(10)


@pytest.fixture(scope="module")
def slack_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from served("slack", SLACK, tmp_path_factory.mktemp("slack"))


@pytest.fixture(scope="module")
def jira_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from served("jira", JIRA, tmp_path_factory.mktemp("jira"))


def test_the_mock_judges(slack_url: str) -> None:
    """A request that the file does not allow is refused: the tests below could fail."""
    request = urllib.request.Request(f"{slack_url}/chat.postMessage", b"text=x", {"Content-Type": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request, timeout=10)
    assert error.value.code in (400, 401, 415, 422)


def test_slack(act: Act, slack_url: str, settings: Callable[[str], None]) -> None:
    settings(f'[slack.default]\nurl = "{slack_url}"\ntoken = "t"\n[secret.t]\nenv = "T"\nhosts = ["127.0.0.1"]\n')
    act.environ["T"] = "xoxb-token"
    how: dict[str, Any] = {
        "role": "communication",
        "effects": ("network", "message"),
        "scope": ("channel:*", "person:*"),
    }
    found = act("slack", {"channel": "C1H9RESGL", "text": "hello <!channel>", "mention": "@here"}, **how)
    assert found["status"] == "succeeded", found
    assert set(found["output"]) == {"channel", "ts"}
    found = act(
        "slack", {"channel": "C1H9RESGL", "text": "hello", "thread": "1503435956.000247", "broadcast": True}, **how
    )
    assert found["status"] == "succeeded", found
    found = act("slack", {"do": "replies", "channel": "C1H9RESGL", "thread": "1503435956.000247"}, **how)
    assert found["status"] == "succeeded", found
    found = act("slack", {"do": "user", "email": "anna@example.com"}, **how)
    assert found["status"] == "succeeded", found
    assert found["output"]["id"]


def test_jira(act: Act, jira_url: str, settings: Callable[[str], None]) -> None:
    settings(
        f'[jira.default]\nurl = "{jira_url}"\nuser = "robot@example.com"\ntoken = "t"\n[secret.t]\nenv = "T"\nhosts = ["127.0.0.1"]\n'
    )
    act.environ["T"] = "jira-token"
    how: dict[str, Any] = {"role": "operations", "effects": ("network", "change"), "scope": ("project:*",)}
    for spec in (
        {
            "do": "create",
            "project": "OPS",
            "summary": "x",
            "description": "a\nb\n\nc",
            "type": "Bug",
            "labels": ["incident"],
        },
        {"do": "comment", "issue": "OPS-1", "text": "looking"},
        {"do": "get", "issue": "OPS-1"},
        {"do": "search", "project": "OPS", "query": "text ~ :x ORDER BY created", "values": {"x": "disk"}},
    ):
        found = act("jira", spec, **how)
        assert found["status"] == "succeeded", (spec, found)
    # The issue of the mock never gets there, but the way to a transition is asked for as the file has it.
    found = act("jira", {"do": "transition", "issue": "OPS-1", "to": "Close Issue"}, **how)
    assert found["status"] == "succeeded" or "can go to" in found["reason"], found
