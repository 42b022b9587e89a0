"""Jira steps against a small site that remembers: issues, comments, transitions, searches; once, within projects."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_cli.core.errors import DataError
from roadmap_cli.wf.actions import jira
from roadmap_cli.wf.language.services import jql

from .conftest import Act, Asked, Server, read

DO = {"role": "operations", "effects": ("network", "change"), "scope": ("project:OPS",)}
LOOK = {"role": "data", "effects": ("network",), "scope": ("project:OPS",)}


class Site:
    """What Jira remembers."""

    def __init__(self, server: Server, *, is_old: bool = False):
        self.issues: dict[str, dict[str, Any]] = {}
        self.comments: dict[str, list[dict[str, Any]]] = {}
        self.queries: list[str] = []
        self.loses_answers = False
        self.is_old = is_old
        server.answer = self.answer

    def answer(self, asked: Asked) -> tuple[int, dict[str, str], bytes] | None:
        place = asked.path.removeprefix("/rest/api/3/")
        if asked.headers.get("authorization") != "Basic cm9ib3RAZXhhbXBsZS5jb206amlyYS10b2tlbg==":
            return self.told(401, {"errorMessages": ["not you"]})
        if place == "issue" and asked.method == "POST":
            key = f"OPS-{len(self.issues) + 1}"
            self.issues[key] = {"id": "1", "key": key, "fields": {**asked.json["fields"], "status": {"name": "To Do"}}}
            return None if self.loses_answers else self.told(201, {"id": "1", "key": key})
        if place in ("search/jql", "search"):
            if (place == "search") != self.is_old:
                return self.told(404, {"errorMessages": ["no such place"]})
            self.queries.append(asked.json["jql"])
            label = re.search(r'labels = "([^"]+)"', asked.json["jql"])
            found = [each for each in self.issues.values() if not label or label[1] in each["fields"].get("labels", [])]
            foreign = [] if label else [{"key": "HR-1", "fields": {"summary": "salaries"}}]
            return self.told(200, {"issues": [*found, *foreign], "total": len(found) + len(foreign)})
        key, _, rest = place.removeprefix("issue/").partition("/")
        if key not in self.issues:
            return self.told(404, {"errorMessages": ["Issue does not exist or you do not have permission to see it."]})
        if rest == "comment" and asked.method == "POST":
            made = {"id": str(len(self.comments.get(key, [])) + 1), **asked.json}
            self.comments.setdefault(key, []).append(made)
            return None if self.loses_answers else self.told(201, made)
        if rest == "comment":
            return self.told(200, {"comments": self.comments.get(key, [])})
        if rest == "transitions" and asked.method == "POST":
            self.issues[key]["fields"]["status"] = {
                "name": {"11": "In Progress", "21": "Done"}[asked.json["transition"]["id"]]
            }
            return None if self.loses_answers else (204, {}, b"")
        if rest == "transitions":
            return self.told(
                200,
                {
                    "transitions": [
                        {"id": "11", "name": "Start", "to": {"name": "In Progress"}},
                        {"id": "21", "name": "Finish", "to": {"name": "Done"}},
                    ]
                },
            )
        return self.told(200, self.issues[key])

    @staticmethod
    def told(status: int, value: Any) -> tuple[int, dict[str, str], bytes]:
        return status, {"Content-Type": "application/json"}, json.dumps(value).encode()


@pytest.fixture
def site(server: Server, act: Act, settings: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> Site:
    settings(
        f'[jira.default]\nurl = "{server.url}"\nuser = "robot@example.com"\ntoken = "jira"\n'
        '[secret.jira]\nenv = "JIRA"\nhosts = ["127.0.0.1"]\n'
    )
    act.environ["JIRA"] = "jira-token"
    monkeypatch.setattr(jira, "_LAG_S", 0.01)
    return Site(server)


CREATE = {
    "do": "create",
    "project": "OPS",
    "summary": "disk of ${event.x} is full",
    "description": "a\n\nb\nc",
    "labels": ["incident"],
    "fields": {"priority": {"name": "High"}},
}


def test_an_issue_from_birth_to_done(act: Act, site: Site) -> None:
    found = act("jira", CREATE, values={"event": {"x": "db\n1"}}, key="k", **DO)
    assert found["output"] == {"issue": "OPS-1", "issue_id": "1"}
    fields = site.issues["OPS-1"]["fields"]
    assert fields["summary"] == "disk of db 1 is full"
    assert fields["labels"] == ["incident", "roadmap-k"]
    assert (fields["priority"], fields["issuetype"]) == ({"name": "High"}, {"name": "Task"})
    assert jira.plain(fields["description"]) == "a\n\nb\nc"
    values = {"steps": {"make": {"output": found["output"]}}}
    act("jira", {"do": "comment", "issue": "${steps.make.output.issue}", "text": "looking"}, values=values, **DO)
    assert jira.plain(site.comments["OPS-1"][0]["body"]) == "looking"
    moved = act("jira", {"do": "transition", "issue": "OPS-1", "to": "in progress"}, **DO)
    assert moved["output"] == {"issue": "OPS-1", "status": "In Progress"}
    found = act("jira", {"do": "get", "issue": "OPS-1"}, **LOOK)
    assert (found["output"]["status"], found["output"]["description"]) == ("In Progress", "a\n\nb\nc")
    refused = act("jira", {"do": "transition", "issue": "OPS-1", "to": "Rejected"}, **DO)
    assert (refused["failure"], "it can go to In Progress, Done" in refused["reason"]) == ("permanent", True)


@pytest.mark.parametrize(
    "spec",
    [
        {"do": "create", "project": "OPS", "summary": "x"}, {"do": "comment", "issue": "OPS-1", "text": "x"},
        {"do": "transition", "issue": "OPS-1", "to": "Done"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_old", [False, True])
def test_a_lost_answer_is_found_not_done_again(act: Act, site: Site, spec: dict[str, Any], is_old: bool) -> None:
    site.issues["OPS-1"] = {"id": "0", "key": "OPS-1", "fields": {"status": {"name": "To Do"}}}
    site.loses_answers, site.is_old = True, is_old
    assert act("jira", spec, key="k", **DO)["failure"] == "transient"
    site.loses_answers = False
    found = act("jira", spec, key="k", **DO)
    assert found["status"] == "succeeded", found
    assert len(site.issues) == (2 if spec["do"] == "create" else 1)
    assert len(site.comments.get("OPS-1", [])) == (spec["do"] == "comment")
    assert act("jira", spec, key="k", **DO)["output"] == found["output"]


def test_a_search_stays_in_its_projects(act: Act, site: Site) -> None:
    site.issues["OPS-1"] = {"key": "OPS-1", "fields": {"summary": "disk", "status": {"name": "To Do"}}}
    spec = {
        "do": "search",
        "project": "OPS",
        "query": "text ~ :words AND created > -7d ORDER BY created DESC",
        "values": {"words": "${event.x}"},
    }
    found = act("jira", spec, values={"event": {"x": 'a") OR project = HR OR (summary ~ "b'}}, **LOOK)
    assert [each["issue"] for each in found["output"]["issues"]] == ["OPS-1"], (
        "what the server gives beyond is left out"
    )
    assert site.queries == [
        'project in ("OPS") AND (text ~ "a\\") OR project = HR OR (summary ~ \\"b" AND created > -7d) ORDER BY created DESC'
    ]


def test_out_of_scope_nothing_is_sent(act: Act, site: Site, server: Server) -> None:
    for spec in (
        {"do": "get", "issue": "HR-1"}, {"do": "search", "project": "HR", "query": "text ~ 1"},
        {"do": "search", "project": ["OPS", "HR"], "query": "text ~ 1"}, {"do": "get", "issue": "OPS-1/../HR-1"}, {"do": "get", "issue": "ops-1"},
    ):  # fmt: skip
        assert act("jira", spec, **LOOK)["failure"] == "permanent", spec
    for spec in (
        {"do": "create", "project": "HR", "summary": "x"}, {"do": "comment", "issue": "HR-1", "text": "x"},
        {"do": "transition", "issue": "HR-1", "to": "Done"},
    ):  # fmt: skip
        assert "outside the scope" in act("jira", spec, **DO)["reason"]
    assert act("jira", {"do": "comment", "issue": "OPS-1", "text": "x"}, **LOOK)["failure"] == "permanent", (
        "data only reads"
    )
    assert server.asked == []


def test_fields_do_not_move_an_issue_elsewhere(act: Act, site: Site) -> None:
    act("jira", {**CREATE, "summary": "x", "fields": {"project": {"key": "HR"}, "labels": ["y"]}}, key="k", **DO)
    fields = site.issues["OPS-1"]["fields"]
    assert (fields["project"], fields["labels"]) == ({"key": "OPS"}, ["incident", "roadmap-k"])


@pytest.mark.parametrize(
    "query",
    [
        "a = 1) OR (b = 2",
        "a = (1",
        'a = "x',
        "a = 1 ORDER BY (b",
        "(a = 1 ORDER BY b)",
        "a = :missing",
        "x = '",
        "a ORDER BY b) OR (c",
    ],
)
def test_queries_that_cannot_be_confined(query: str) -> None:
    assert read("jira", {"do": "search", "project": "OPS", "query": query})[1]


def test_wrong_token_and_missing_issue(act: Act, site: Site) -> None:
    found = act("jira", {"do": "get", "issue": "OPS-99"}, **LOOK)
    assert (found["failure"], "does not exist" in found["reason"]) == ("permanent", True)
    act.environ["JIRA"] = "wrong-token"
    found = act("jira", {"do": "get", "issue": "OPS-99"}, **LOOK)
    assert (found["failure"], "401" in found["reason"], "wrong-token" in repr(found)) == ("permanent", True, False)


@given(st.text())
def test_a_document_says_what_the_text_said(text: str) -> None:
    found = jira.document(text)
    assert jira.plain(found) == text.replace("\r\n", "\n")
    assert json.loads(json.dumps(found)) == found


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["type", "content", "text"]), inner),
    )
)
def test_any_document_is_read(value: Any) -> None:
    assert isinstance(jira.plain(value), str)


@given(st.text(max_size=80) | st.text(alphabet="ab()\"'\\: =oOrRdDeEbByY", max_size=60), st.text())
def test_a_confined_query_is_closed(query: str, value: str) -> None:
    """Whatever stands in it, the condition lies in one pair of parentheses behind the projects."""
    values = {"x": value} if re.search(r":x\b", query) else {}
    try:
        jql.check(query, values)
        found = jql.confined(query, values, ["OPS"])
    except DataError:
        return
    assert found.startswith('project in ("OPS")')
    depth, quote, lowest, skip = 0, "", 0, False
    for sign in found.removeprefix('project in ("OPS")'):
        if skip:
            skip = False
        elif quote:
            if sign == "\\":
                skip = True
            elif sign == quote:
                quote = ""
        elif sign in "\"'":
            quote = sign
        elif sign in "()":
            depth += 1 if sign == "(" else -1
            lowest = min(lowest, depth)
    assert (depth, quote, lowest) == (0, "", 0)
