"""A run shown: nothing that a project says becomes markup, and the trajectory has the shape its readers expect."""

from __future__ import annotations

import json
import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.agent.runs import history as histories
from roadmap_cli.agent.runs.history import History, line
from roadmap_cli.agent.runs.html import page
from roadmap_cli.agent.runs.trajectory import trajectory
from roadmap_cli.core import schemas

sys.path.insert(0, str(Path(__file__).parent))
from bench_ground import open_state, project, repair

AT = "2026-11-23T09:00:00.000Z"


def made_up(text: str) -> History:
    """A history with the same text everywhere that a project, a test or a model has a say."""
    run = {"run_id": "agent_1", "at": AT}
    fix = {
        "kind": "agent.fix", "id": "agent_f", "driver": "llm", "template": text, "file": text, "line": 1, "files": [text],
        "diff": f"diff --git a/{text} b/{text}\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-{text}\n+{text}\n", "verdict": "plausible",
        "verdict_reason": text, "rival_count": 2, "excluded": [text], "check_count": 9,
        "rivals": [{"template": text, "diff": f"-{text}\n", "edit_count": 2, "differing_count": 3}], **run,
    }  # fmt: skip
    records = [
        {"kind": "agent.run_started", "id": "agent_s", "test": text, "test_chosen_by": text, "resumed": False, **run},
        {"kind": "agent.test_result", "id": "agent_t", "phase": "before", "finished": True, "passed_count": 1,
         "failed_count": 1, "failed": [text], "flaky": [text], "error": text, "output": text,
         "reasons": [{"test": text, "reason": text}], **run},
        {"kind": "agent.suspicion", "id": "agent_l", "method": "ochiai",
         "lines": [{"file": text, "line": 1, "suspicion_ratio": 1.0}], **run},
        {"kind": "agent.step", "id": "agent_e", "step": "execute", "key": "execute:1", "outcome": text, "asked": text,
         "candidate_count": 3, "why": text, "duration_ms": 1, **run},
        fix,
        {"kind": "agent.run_finished", "id": "agent_x", "status": "paused", "reason": text, "candidate_count": 3,
         "applied": True, **run},
    ]  # fmt: skip
    summary = {"kind": "agent.run", "id": text or "agent_1", "at": AT, "project": f"/p/{text}", "test": text, "goal": text,
               "status": "paused", "reason": text, "candidate_count": 3, "updated_at": AT}  # fmt: skip
    decision = {"id": text, "what": text, "why": text, "evidence_ids": [text], "outcome": text}
    return History(summary, records, [decision], {text: 3}, [text], [{"model": text, "price_microunits": 1500}])


class Seen(HTMLParser):
    """Which tags and attributes a page has."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def shape(text: str) -> Seen:
    seen = Seen()
    seen.feed(text)
    seen.close()
    assert not seen.open
    return seen


PLAIN = shape(page(made_up("plain")))
HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</style><script>", "</pre></main>", "&lt;b&gt;",
           "javascript:x", "<!--", "]]>", "' onload='x", "\0\x1b[2J", "\ud800", "\u202e"]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_a_page_has_only_its_own_markup(text: str) -> None:
    seen = shape(page(made_up(text)))
    assert (seen.tags, seen.attributes) == (PLAIN.tags, PLAIN.attributes)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60))
def test_any_text_stays_text(text: str) -> None:
    seen = shape(page(made_up(text)))
    assert (seen.tags, seen.attributes) == (PLAIN.tags, PLAIN.attributes)
    json.dumps(trajectory(made_up(text)))


def test_a_page_needs_nothing_from_anywhere() -> None:
    text = page(made_up("plain"))
    assert "script" not in PLAIN.tags
    assert not {"src", "href", "onclick"} & PLAIN.attributes
    assert not re.search(r"url\(|@import|https?:", text)
    assert "default-src &#x27;none&#x27;" in text
    assert "prefers-color-scheme: dark" in text


def test_a_trajectory_has_the_shape_of_mini_swe_agents() -> None:
    found = trajectory(made_up("plain"))
    assert found["trajectory_format"] == "mini-swe-agent-1.1"
    assert set(found["info"]) == {"model_stats", "config", "mini_version", "exit_status", "submission"}
    assert found["info"]["model_stats"] == {"instance_cost": 0.0015, "api_calls": 1}
    assert found["info"]["exit_status"] == "LimitsExceeded"
    assert found["info"]["submission"].startswith("diff --git")
    messages = found["messages"]
    assert [message["role"] for message in messages[:2]] == ["system", "user"]
    assert messages[-1]["role"] == "exit"
    assert messages[-1]["extra"]["submission"] == found["info"]["submission"]
    turns = messages[2:-1]
    for ask, answer in zip(turns[::2], turns[1::2], strict=True):
        assert ask["role"] == "assistant"
        assert ask["extra"]["actions"][0]["command"]
        assert (answer["role"], type(answer["extra"]["returncode"])) == ("user", int)
        assert answer["extra"]["raw_output"].strip() in answer["content"]


def test_a_real_run_is_shown_from_the_state_alone(tmp_path: Path) -> None:
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    folder = project(
        tmp_path / "p", span__py="def low(xs):\n    return max(xs)\n",
        test_span__py="from span import low\ndef test_low():\n    assert low([2, 1, 3]) == 1\n",
    )  # fmt: skip
    with open_state(tmp_path) as state:
        status, records = repair(state, folder)
        with state.read() as tx:
            name = histories.newest(tx)
            assert name
            found = histories.history(tx, name)
            [summary] = histories.runs(tx)
            assert histories.history(tx, "agent_none") is None
    assert found is not None
    assert status == found.summary["status"] == "fixed"
    assert found.records == records
    assert found.summary == summary
    assert [decision["decision"] for decision in found.decisions] == ["agent.fix_chosen"]
    assert found.outcomes["confirmed"] >= 1
    assert not found.open_steps
    assert not [problem for record in [summary, *records] for problem in schemas.problems(record)]
    assert all(all(line(record)) for record in records)
    assert found.fix is not None
    text = page(found)
    assert "min(xs)" in text
    assert records[0]["run_id"] in text


def test_failing_tests_are_named_each_on_a_line_with_the_rest_of_the_first_error() -> None:
    record = {
        "kind": "agent.test_result", "phase": "before", "passed_count": 3, "failed_count": 7,
        "error": "AssertionError: assert [1] == [1, 2]\n\n  Right contains one more item: 2",
        "reasons": [{"test": f"t.py::test_{n}", "reason": f"AssertionError: {n}"} for n in range(6)],
    }  # fmt: skip
    assert line(record) == ("tests before", "3 passed, 7 failed")
    assert histories.reasons(record)[::5] == ["t.py::test_0: AssertionError: 0", "and 2 more"]
    assert histories.more(record)[:3] == [
        "t.py::test_0: AssertionError: 0", "    Right contains one more item: 2", "t.py::test_1: AssertionError: 1"]  # fmt: skip
    old = {name: value for name, value in record.items() if name != "reasons"}
    assert line(old)[1].endswith("– AssertionError: assert [1] == [1, 2]"), "of records made before, the first line"


def test_rivals_are_told_with_their_number_and_what_they_differ_on() -> None:
    [(words, diff)] = histories.rivals(made_up("plain").records[4])
    assert words == "passes as well (plain), like 1 more, differs on 3 of 9 generated inputs:"
    assert diff == "-plain\n"
