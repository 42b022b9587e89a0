"""Slack steps against a small workspace that remembers: messages, threads, users; once, and nothing injected."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_cli.wf.actions import slack

from .conftest import Act, Asked, Server, read

POST = {"role": "communication", "effects": ("network", "message"), "scope": ("channel:#ops*", "channel:C0OPS1")}
LOOK = {"role": "communication", "effects": ("network",)}


class Workspace:
    """What Slack remembers of a channel."""

    def __init__(self, server: Server):
        self.messages: list[dict[str, Any]] = []
        self.loses_answers = False
        self.error = ""
        server.answer = self.answer

    def answer(self, asked: Asked) -> tuple[int, dict[str, str], bytes] | None:
        method = asked.path.rpartition("/")[2]
        fields = asked.form if asked.method == "POST" else dict(asked.query)
        if asked.headers.get("authorization") != "Bearer xoxb-token":
            return self.told({"ok": False, "error": "invalid_auth"})
        if self.error == "429":
            return 429, {"Retry-After": "30"}, b'{"ok":false,"error":"ratelimited"}'
        if self.error:
            return self.told({"ok": False, "error": self.error})
        if method == "chat.postMessage":
            made = {"ts": f"1700000000.{len(self.messages):06d}", **fields, "metadata": json.loads(fields["metadata"])}
            self.messages.append(made)
            if self.loses_answers:
                return None
            return self.told({"ok": True, "channel": "C0OPS1", "ts": made["ts"], "message": {}})
        if method in ("conversations.history", "conversations.replies"):
            found = [each for each in self.messages if each.get("thread_ts") == fields.get("ts")]
            return self.told({"ok": True, "messages": found, "response_metadata": {"next_cursor": ""}})
        if method == "users.lookupByEmail":
            if fields["email"] == "anna@example.com":
                return self.told({"ok": True, "user": {"id": "U1", "name": "anna", "profile": {"phone": "secret"}}})
            return self.told({"ok": False, "error": "users_not_found"})
        return self.told({"ok": False, "error": "unknown_method"})

    @staticmethod
    def told(value: Any) -> tuple[int, dict[str, str], bytes]:
        return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


@pytest.fixture
def workspace(server: Server, act: Act, settings: Callable[[str], None]) -> Workspace:
    settings(
        f'[slack.default]\nurl = "{server.url}/api"\ntoken = "slack"\nchannels = {{"#ops" = "C0OPS1"}}\n'
        '[secret.slack]\nenv = "SLACK"\nhosts = ["127.0.0.1"]\n'
    )
    act.environ["SLACK"] = "xoxb-token"
    return Workspace(server)


def test_a_message_and_an_answer_in_its_thread(act: Act, workspace: Workspace) -> None:
    found = act(
        "slack", {"channel": "#ops", "text": "disk is full", "mention": ["@here", "U12345678", "S12345678"]}, **POST
    )
    assert found["output"] == {"channel": "C0OPS1", "ts": "1700000000.000000"}
    assert workspace.messages[0]["text"] == "<!here> <@U12345678> <!subteam^S12345678> disk is full"
    spec = {"channel": "C0OPS1", "text": "more", "thread": "${steps.a.output.ts}"}
    act("slack", spec, values={"steps": {"a": {"output": found["output"]}}}, **POST)
    assert workspace.messages[1]["thread_ts"] == "1700000000.000000"
    found = act(
        "slack",
        {"do": "replies", "channel": "#ops", "thread": "1700000000.000000"},
        **{**POST, "effects": ("network",)},
    )
    assert [each["text"] for each in found["output"]["messages"]] == ["more"]


@pytest.mark.parametrize(
    "evil", ["<!channel> fire", "<@U999>", "<https://evil.example|click>", "a & b", "<!subteam^S1>", "&lt;!here&gt;"]
)
def test_values_are_text(act: Act, workspace: Workspace, evil: str) -> None:
    act("slack", {"channel": "#ops", "text": "alert: ${event.x}"}, values={"event": {"x": evil}}, **POST)
    [sent] = workspace.messages
    assert "<" not in sent["text"]
    assert ">" not in sent["text"]
    assert sent["text"] == "alert: " + slack.escaped(evil)
    assert (sent["parse"], sent["link_names"], sent["unfurl_links"]) == ("none", "false", "false")


@given(st.text())
def test_escaping_is_undone_by_what_slack_does(text: str) -> None:
    escaped = slack.escaped(text)
    assert not set("<>") & set(escaped)
    assert escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == text


def test_a_lost_answer_is_found_not_sent_again(act: Act, workspace: Workspace) -> None:
    workspace.loses_answers = True
    spec = {"channel": "#ops", "text": "once"}
    assert act("slack", spec, key="k", **POST)["failure"] == "transient"
    workspace.loses_answers = False
    found = act("slack", spec, key="k", **POST)
    assert (found["status"], found["output"]["ts"], len(workspace.messages)) == ("succeeded", "1700000000.000000", 1)
    assert act("slack", spec, key="k", **POST)["output"] == found["output"]


def test_a_lost_request_is_sent_again(act: Act, workspace: Workspace, server: Server) -> None:
    server.answer = lambda asked: None
    spec = {"channel": "#ops", "text": "once"}
    assert act("slack", spec, key="k", **POST)["failure"] == "transient"
    server.answer = workspace.answer
    assert act("slack", spec, key="k", **POST)["status"] == "succeeded"
    assert len(workspace.messages) == 1


def test_where_history_cannot_be_read_it_is_not_sent_again(act: Act, workspace: Workspace) -> None:
    workspace.loses_answers = True
    spec = {"channel": "#ops-other", "text": "once"}
    assert act("slack", spec, key="k", **POST)["failure"] == "transient"
    workspace.loses_answers = False
    found = act("slack", spec, key="k", **POST)
    assert (found["failure"], "cannot be looked up" in found["reason"], len(workspace.messages)) == ("unknown", True, 1)


def test_errors_are_told_apart(act: Act, workspace: Workspace) -> None:
    spec = {"channel": "#ops", "text": "x"}
    workspace.error = "channel_not_found"
    assert act("slack", spec, **POST)["failure"] == "permanent"
    workspace.error = "ratelimited"
    assert act("slack", spec, key="r", **POST)["failure"] == "transient"
    workspace.error = "429"
    found = act("slack", spec, key="r", **POST)
    assert (found["failure"], found["retry_after_s"]) == ("transient", 30.0)
    workspace.error = ""
    assert act("slack", spec, key="r", **POST)["status"] == "succeeded"
    act.environ["SLACK"] = "wrong"
    found = act("slack", spec, **POST)
    assert (found["failure"], "invalid_auth" in found["reason"], "wrong" in repr(found)) == ("permanent", True, False)


def test_people_are_looked_up_within_the_scope(act: Act, workspace: Workspace, server: Server) -> None:
    found = act("slack", {"do": "user", "email": "anna@example.com"}, scope=("person:*@example.com",), **LOOK)
    assert found["output"] == {"id": "U1", "name": "anna"}
    count = len(server.asked)
    found = act("slack", {"do": "user", "email": "eve@evil.example"}, scope=("person:*@example.com",), **LOOK)
    assert ("outside the scope" in found["reason"], len(server.asked)) == (True, count)


def test_out_of_scope_nothing_is_sent(act: Act, workspace: Workspace, server: Server) -> None:
    for channel in ("#general", "C0GENERAL", "#opsx,#general", "@anna", "", "#ops #general", "D0DIRECT1"):
        found = act("slack", {"channel": "${inputs.c}", "text": "x"}, values={"inputs": {"c": channel}}, **POST)
        assert found["failure"] == "permanent", channel
    assert server.asked == []
    for role in ("data", "analysis", "documentation", "operations", "orchestrator"):
        found = act("slack", {"channel": "#ops", "text": "x"}, **{**POST, "role": role})
        assert "no tool" in found["reason"]
    assert server.asked == []


def test_the_channel_never_comes_from_data() -> None:
    for value in ("${event.channel}", "${steps.a.output}", "#${event.x}"):
        assert [each.code for each in read("slack", {"channel": value, "text": "x"})[1]] == ["recipient_from_data"]
    assert [each.code for each in read("slack", {"channel": "#a", "text": "x", "mention": "${event.x}"})[1]] == [
        "bad_mention"
    ]


def test_a_thread_that_is_none(act: Act, workspace: Workspace) -> None:
    spec = {"channel": "#ops", "text": "x", "thread": "${event.t}"}
    for value in ("1", "x.y", "1.1 or 1=1", "", 5):
        assert act("slack", spec, values={"event": {"t": value}}, **POST)["failure"] == "permanent"
    assert workspace.messages == []


def test_slack_s_own_client_is_answered_alike(act: Act, workspace: Workspace, server: Server) -> None:
    """The small workspace is one that Slack's own client can use, and what we ask is what it asks."""
    slack_sdk = pytest.importorskip("slack_sdk", reason="slack_sdk, Slack's own client, is not installed")
    client = slack_sdk.WebClient(token="xoxb-token", base_url=f"{server.url}/api/")
    theirs = client.api_call("chat.postMessage", data={"channel": "C0OPS1", "text": "theirs", "metadata": "{}"})
    assert theirs["ok"]
    ours = act("slack", {"channel": "#ops", "text": "ours", "thread": theirs["ts"]}, **POST)
    assert client.conversations_replies(channel="C0OPS1", ts=theirs["ts"])["messages"][0]["ts"] == ours["output"]["ts"]
    first, second = [each for each in server.asked if each.path.endswith("chat.postMessage")]
    assert first.headers["content-type"].startswith(second.headers["content-type"])
    assert (first.path, first.headers["authorization"]) == (second.path, second.headers["authorization"])


def test_a_secret_of_one_letter_breaks_no_answer(
    act: Act, workspace: Workspace, settings: Callable[[str], None], server: Server
) -> None:
    settings(
        f'[slack.default]\nurl = "{server.url}/api"\ntoken = "slack"\n[secret.slack]\nenv = "SLACK"\nhosts = ["127.0.0.1"]\n'
    )
    act.environ["SLACK"] = "t"
    server.says({"ok": True, "channel": "C0OPS1", "ts": "1.1"})
    assert act("slack", {"channel": "C0OPS1", "text": "x"}, **POST)["output"] == {"channel": "C0OPS1", "ts": "1.1"}
