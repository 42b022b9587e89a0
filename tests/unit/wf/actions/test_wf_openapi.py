"""Slack and Jira steps against mock servers that Prism makes from the services' own OpenAPI files.

Prism judges each request by the file: places, methods, types and what must be there. It remembers nothing; what comes
in order is tested with the small services of test_wf_slack and test_wf_jira.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import openapi_peers

from .conftest import Act

pytestmark = pytest.mark.slow


def served(name: str, folder: Path) -> Iterator[str]:
    if why := openapi_peers.missing(name):
        pytest.skip(why)
    with openapi_peers.served(name, folder) as url:
        yield url


@pytest.fixture(scope="module")
def slack_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from served("slack", tmp_path_factory.mktemp("slack"))


@pytest.fixture(scope="module")
def jira_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from served("jira", tmp_path_factory.mktemp("jira"))


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
