"""The pages of wf-web: what they show, that hostile names stay text, and that only who has the key gets one."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from threading import Event, Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_cli.state import records
from roadmap_cli.state.store import State
from roadmap_cli.wf.approving import tasks
from roadmap_cli.wf.audit import log
from roadmap_cli.wf.web import pages, serving
from roadmap_cli.wf.web.html import put, table, tag

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
HOSTILE = """<script>alert(1)</script>"'&\x00\u202e"""


class Outline(HTMLParser):
    """The elements of a page, which must all be closed, and its text."""

    VOID = frozenset({"meta", "link", "input", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action")]
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def outline(html: str | None) -> Outline:
    assert html is not None
    found = Outline()
    found.feed(html)
    found.close()
    assert found.open == []
    assert "script" not in found.tags
    assert all(link.startswith("/") for link in found.links)
    return found


def fill(state: State, count: int, *, name: str = "triage", reason: str = "no") -> None:
    plan = {
        "kind": "wf.plan", "workflow": name, "requested_by": name, "risk": "high", "plan_hash": "0" * 64,
        "steps": [
            {"name": "collect", "role": "data", "risk": "low", "needs": []},
            {"name": name, "role": "operations", "risk": "high", "needs": ["collect"]},
        ],
    }  # fmt: skip
    with state.write() as tx:
        for number in range(count):
            at = (NOW - timedelta(minutes=number)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            records.put(tx, {**plan, "id": f"p{number}", "at": at})
            tx.execute(
                "INSERT INTO wf_event(event_id, source, type, received_at, delivery_count) VALUES (?, 'jsonl', 't', ?, 1)",
                (f"e{number}", at),
            )
            tx.execute("INSERT INTO wf_match VALUES (?, ?, ?, 0)", (f"m{number}", f"e{number}", name))
            tx.execute("INSERT INTO wf_plan VALUES (?, ?, 'h', ?, 'high', ?)", (f"p{number}", f"m{number}", name, name))
            status = "failed" if number % 3 == 2 else "succeeded"
            sql = (
                "INSERT INTO wf_run(run_id, plan_id, status, started_at, finished_at, decision_id)"
                " VALUES (?, ?, ?, ?, ?, 'd')"
            )
            tx.execute(sql, (f"r{number}", f"p{number}", status, at, at))
            outcome = f'{{"status":"{status}","output":"the payload"}}'
            tx.execute(
                "INSERT INTO wf_step(run_id, step, attempt, workflow, duration_ms, outcome) VALUES (?, ?, 1, ?, 5, ?)",
                (f"r{number}", "collect", name, outcome),
            )
        log.append(
            tx, action="plan.approved", user=f"user:{name}", resource="p0", outcome="allowed", why=reason, at=NOW
        )
        tasks.ask(
            tx, run_id="r0", step=name, sort="question", question="the payload?", subject_hash="0", requested_by=name,
            at=NOW,
        )  # fmt: skip


def shown(state: State, path: str, *, payloads: bool = False, **query: str) -> str | None:
    with state.read() as tx:
        return pages.page(path, pages.Asked(tx, NOW, query, payloads))


def test_runs_are_listed_filtered_and_paged(state: State):
    fill(state, 120)
    first = outline(shown(state, "/"))
    assert "120 runs" in first.text
    assert sum(link.startswith("/run/") for link in first.links) == 50
    assert "/?page=1" in first.links
    last = outline(shown(state, "/", page="2"))
    assert sum(link.startswith("/run/") for link in last.links) == 20
    assert "40 runs" in outline(shown(state, "/", status="failed")).text
    assert "0 runs: none." in "".join(outline(shown(state, "/", workflow="other")).text)


def test_one_run_shows_graph_time_and_decisions_and_payloads_only_when_asked(state: State):
    fill(state, 1)
    page = outline(shown(state, "/run/r0"))
    text = " ".join(page.text)
    assert "svg" in page.tags
    assert "Where the time went" in text
    assert "roadmap-why d" in text
    assert "the payload" not in text
    assert "the payload" in " ".join(outline(shown(state, "/run/r0", payloads=True)).text)
    assert shown(state, "/run/unknown") is None


def test_what_waits_comes_with_the_command_that_answers_it(state: State):
    fill(state, 1)
    text = " ".join(outline(shown(state, "/waiting")).text)
    assert "wf-approve --task wf_" in text
    assert "the payload" not in text


def test_the_audit_log_has_a_proof_for_each_entry(state: State):
    fill(state, 1)
    assert "/audit/0" in outline(shown(state, "/audit")).links
    assert "The hashes lead from this entry to the root." in outline(shown(state, "/audit/0")).text
    with state.write() as tx:
        tx.execute("DROP TRIGGER wf_audit_no_update")
        tx.execute("UPDATE wf_audit SET body = CAST(replace(CAST(body AS TEXT), 'approved', 'denied') AS BLOB)")
    assert "The hashes do not lead to the root." in outline(shown(state, "/audit/0")).text
    for path in ("/audit/99", "/audit/x", "/audit/-1", "/audit/²"):
        assert shown(state, path) is None


@pytest.mark.parametrize("body", [b"{}", b"{", b"[]"])
def test_a_damaged_entry_is_shown_as_damaged_among_the_others(state: State, body: bytes):
    fill(state, 1)
    with state.write() as tx:
        tx.execute("DROP TRIGGER wf_audit_no_update")
        tx.execute("UPDATE wf_audit SET body = ? WHERE seq = 0", (body,))
    text = outline(shown(state, "/audit")).text
    assert "entry 0 cannot be read; see wf-audit verify" in text
    text = outline(shown(state, "/audit/0")).text
    assert "entry 0 cannot be read; see wf-audit verify" in text
    assert "The hashes do not lead to the root." in text


def test_hostile_names_stay_text(state: State):
    fill(state, 1, name=HOSTILE, reason=HOSTILE)
    for path in ("/", "/run/r0", "/waiting", "/audit", "/audit/0", "/cost"):
        html = shown(state, path, payloads=True)
        outline(html)
        assert html is not None
        assert "\x00" not in html
        assert "\u202e" not in html


@given(st.text(), st.text())
def test_what_is_put_into_html_is_read_as_it_was(inside: str, attribute: str):
    html = put(tag("p", inside, title=attribute)) + put(table(["a"], [[inside]], attribute))
    found = Outline()
    found.feed(html)
    found.close()
    assert found.tags[0] == "p"
    assert set(found.tags) <= {"p", "table", "caption", "thead", "tbody", "tr", "th"}


def test_a_page_of_a_thousand_runs_is_quick(state: State):
    fill(state, 1000)
    shown(state, "/")
    began = time.process_time()
    shown(state, "/")
    assert time.process_time() - began < 0.5  # some 20 ms; the bound is for a busy machine


@pytest.fixture
def served() -> Iterator[Any]:
    """Ask the server for a path with some headers; it is given the address with the key once."""
    over = Event()
    with serving.serving(
        ("127.0.0.1", 0), lambda path, query: f"page {path} {query}" if path == "/" else None,
        missing=lambda: "missing", unwanted=lambda: "unwanted",
    ) as (address, answer):  # fmt: skip
        port = int(address.split(":")[2].split("/")[0])

        def serve() -> None:
            while not over.is_set():
                answer()

        thread = Thread(target=serve, daemon=True)
        thread.start()

        def ask(path: str, method: str = "GET", **headers: str) -> tuple[int, str, Any]:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request(method, path, headers={key.replace("_", "-"): value for key, value in headers.items()})
            reply = connection.getresponse()
            return reply.status, reply.read().decode(), reply.headers

        yield address.partition("key=")[2], port, ask
        over.set()
        thread.join()


def test_only_who_has_the_key_gets_a_page(served: Any):
    key, port, ask = served
    assert ask("/")[:2] == (403, "unwanted")
    assert ask("/?key=wrong")[:2] == (403, "unwanted")
    assert ask("/", Cookie="roadmap-key=wrong")[:2] == (403, "unwanted")
    status, _, headers = ask(f"/?key={key}")
    assert (status, headers["Location"]) == (303, "/")
    assert "HttpOnly; SameSite=Strict" in headers["Set-Cookie"]
    status, text, headers = ask("/?status=failed", Cookie=f"roadmap-key={key}")
    assert (status, text) == (200, "page / {'status': 'failed'}")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert ask("/other", Cookie=f"roadmap-key={key}")[:2] == (404, "missing")
    assert ask("/", Cookie=f"roadmap-key={key}", Host="evil.example")[0] == 421
    assert ask("/", Cookie=f"roadmap-key={key}", Host=f"localhost:{port}")[0] == 200
    assert ask("/", "POST", Cookie=f"roadmap-key={key}")[0] == 501
    assert ask("/", "HEAD", Cookie=f"roadmap-key={key}")[:2] == (200, "")
