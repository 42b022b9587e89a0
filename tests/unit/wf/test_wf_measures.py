"""Spans, metrics, costs and alerts of runs, against what other programs make of them."""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_cli.core.clock import stamp
from roadmap_cli.models import budget
from roadmap_cli.models.budget import Budget
from roadmap_cli.models.conversation import economy
from roadmap_cli.models.ledger import Call, record_call
from roadmap_cli.state import records
from roadmap_cli.state.store import State
from roadmap_cli.wf.measures import alerts, costs, metrics, serving, spans

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
PLAN: dict[str, Any] = {"workflow": "triage", "id": "wf_p", "requested_by": "ann", "steps": [{"name": "a"}]}


def add_run(tx: Any, number: int, status: str = "succeeded", *, workflow: str = "triage", reason: str = "no") -> str:
    """A run that began `number` minutes after nine, with one step."""
    begun, run_id = NOW + timedelta(minutes=number), f"wf_run{number}"
    ended = None if status == "running" else stamp(begun + timedelta(seconds=30))
    for name in ("wf_event", "wf_match", "wf_plan"):
        tx.execute("INSERT INTO record(id, kind, at, body) VALUES (?, 'x', ?, '{}')", (f"{name}{number}", stamp(begun)))
    tx.execute(
        "INSERT INTO wf_event(event_id, source, type, received_at, delivery_count) VALUES (?, 'jsonl', 't', ?, 1)",
        (f"e{number}", stamp(begun)),
    )
    tx.execute("INSERT INTO wf_match VALUES (?, ?, ?, 0)", (f"m{number}", f"e{number}", workflow))
    tx.execute("INSERT INTO wf_plan VALUES (?, ?, 'h', ?, 'low', 'ann')", (f"p{number}", f"m{number}", workflow))
    sql = (
        "INSERT INTO wf_run(run_id, plan_id, status, started_at, finished_at, decision_id) VALUES (?, ?, ?, ?, ?, 'd')"
    )
    tx.execute(sql, (run_id, f"p{number}", status, stamp(begun), ended))
    for kind, at in (("wf.step_started", begun), ("wf.step_finished", begun + timedelta(seconds=20))):
        more = {"status": status if status != "running" else "succeeded", "reason": reason, "failure": "permanent"}
        record = {"kind": kind, "id": f"{kind}{number}", "at": stamp(at), "run_id": run_id, "step": "a", "attempt": 1}
        record |= {"role": "data", "action": "command"} if kind == "wf.step_started" else more
        records.put(tx, record)
    outcome = json.dumps({"status": "failed" if status == "failed" else "succeeded", "reason": reason})
    tx.execute(
        "INSERT INTO wf_step(run_id, step, attempt, workflow, duration_ms, outcome) VALUES (?, 'a', 1, ?, 20000, ?)",
        (run_id, workflow, outcome),
    )
    return run_id


def add_call(tx: Any, run_id: str, number: int, *, price: int | None = 2_000_000, text: str = "x") -> None:
    call = Call(
        "m", "api.example.org", "chat", {"messages": [{"role": "user", "content": text}], "options": {"temperature": 0}},
        {"text": "y"}, 1500, 100, 50, price, "USD" if price else None, "stop",
    )  # fmt: skip
    name = f"slm_{run_id}_{number}"
    record_call(
        tx, call, command="slm-run", at=NOW + timedelta(seconds=10 + number), run_id=name, row_id=f"c{run_id}{number}"
    )
    budget.charge(tx, name, costs.accounts(PLAN, run_id, "a", "data"))


def test_a_run_is_a_tree_of_spans_with_the_names_of_opentelemetry(state: State):
    with state.write() as tx:
        run_id = add_run(tx, 0, "failed")
        add_call(tx, run_id, 1)
    with state.read() as tx:
        found = spans.of_run(tx, run_id, NOW)
        again = spans.of_run(tx, run_id, NOW + timedelta(days=1))
    assert found == again
    root, step, call = found
    assert "parent_span_id" not in root
    assert (step["parent_span_id"], call["parent_span_id"]) == (root["span_id"], step["span_id"])
    assert {each["trace_id"] for each in found} == {spans.trace_id(run_id)}
    assert (root["status"], step["status"], step["status_message"], step["duration_ms"]) == (
        "error",
        "error",
        "no",
        20000,
    )
    assert call["duration_ms"] == 1500
    values = call["attributes"]
    assert values["gen_ai.operation.name"] == "chat"
    assert (values["gen_ai.usage.input_tokens"], values["gen_ai.usage.output_tokens"]) == (100, 50)
    assert values["gen_ai.response.finish_reasons"] == ["stop"]
    request = spans.otlp(found, "1.0")
    sent = request["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert [len(each["traceId"]) for each in sent] == [32, 32, 32]
    assert [len(each["spanId"]) for each in sent] == [16, 16, 16]
    assert sent[0]["startTimeUnixNano"] == "1795424400000000000"
    reasons = [each["value"] for each in sent[2]["attributes"] if each["key"] == "gen_ai.response.finish_reasons"]
    assert reasons == [{"arrayValue": {"values": [{"stringValue": "stop"}]}}]
    tokens = [each["value"] for each in sent[2]["attributes"] if each["key"] == "gen_ai.usage.input_tokens"]
    assert tokens == [{"intValue": "100"}]


def test_a_run_that_goes_on_reaches_to_now(state: State):
    with state.write() as tx:
        run_id = add_run(tx, 0, "running")
    with state.read() as tx:
        root = spans.of_run(tx, run_id, NOW + timedelta(hours=1))[0]
    assert (root["status"], root["duration_ms"]) == ("unset", 3_600_000)


def test_metrics_are_what_prometheus_own_parser_reads(state: State):
    parser = pytest.importorskip("prometheus_client.parser")
    with state.write() as tx:
        for number, status in enumerate(["succeeded", "failed", "succeeded", "running"]):
            run_id = add_run(tx, number, status)
            add_call(tx, run_id, 1)
        add_run(tx, 9, workflow='odd"\\\nname')
    with state.read() as tx:
        text = metrics.text(metrics.families(tx, NOW + timedelta(hours=1)))
    parsed = {each.name: each for each in parser.text_string_to_metric_families(text)}
    runs = {tuple(each.labels.values()): each.value for each in parsed["roadmap_wf_runs"].samples}
    assert runs[("triage", "succeeded")] == 2
    assert runs[("triage", "running")] == 1
    assert runs[('odd"\\\nname', "succeeded")] == 1
    buckets = [
        (each.labels["le"], each.value) for each in parsed["roadmap_wf_run_duration_seconds"].samples
        if each.name.endswith("_bucket") and each.labels["workflow"] == "triage"
    ]  # fmt: skip
    assert dict(buckets)["15"] == 0
    assert dict(buckets)["60"] == dict(buckets)["+Inf"] == 3
    assert [each.value for each in parsed["roadmap_wf_model_cost_usd"].samples] == [8.0]
    assert parsed["roadmap_wf_oldest_unfinished_seconds"].samples[0].value == pytest.approx(57 * 60, abs=1)


@pytest.mark.parametrize(("place", "host"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
def test_metrics_are_scraped_and_nothing_else_is_there(place: str, host: str):
    if place == "::1" and not Path("/proc/net/if_inet6").exists():
        pytest.skip("this machine has no IPv6")
    with serving.serving((place, 0), lambda: "roadmap_wf_x 1\n") as (port, answer):
        thread = Thread(target=lambda: [answer() for _ in range(4)], daemon=True)
        thread.start()
        with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=5) as reply:
            assert reply.read() == b"roadmap_wf_x 1\n"
            assert reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://{host}:{port}/", timeout=5)
        thread.join()


def test_who_drips_a_request_keeps_nobody_from_the_metrics(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(serving._Handler, "read_s", 0.5, raising=False)
    began, is_over = time.monotonic(), Event()

    def drip(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while not is_over.wait(0.05) and time.monotonic() - began < 8:
                connection.sendall(b"x")

    with serving.serving(("127.0.0.1", 0), lambda: "roadmap_wf_x 1\n") as (port, answer):
        thread = Thread(target=drip, args=(socket.create_connection(("127.0.0.1", port)),))
        thread.start()
        answer()
        assert 0.4 < time.monotonic() - began < 5
        is_over.set()
        thread.join()


@pytest.mark.parametrize("by", ["workflow", "run", "step", "agent", "user", "model"])
def test_costs_add_up_however_they_are_summed(state: State, by: str):
    with state.write() as tx:
        for number in range(3):
            run_id = add_run(tx, number)
            add_call(tx, run_id, 1)
            add_call(tx, run_id, 2, price=None)
    with state.read() as tx:
        found = list(costs.table(tx, by, NOW))
    assert sum(each["calls_count"] for each in found) == 6
    assert sum(float(each["cost_usd"]) for each in found) == 6.0
    assert sum(each["unpriced_count"] for each in found) == 3
    names = {"workflow": ["triage"], "step": ["triage/a"], "agent": ["data"], "user": ["ann"], "model": ["m"]}
    assert [each["name"] for each in found] == names.get(by, ["wf_run0", "wf_run1", "wf_run2"])


def test_a_plan_gives_its_run_and_steps_budgets(state: State):
    plan = {**PLAN, "budget": {"usd": 0.5}, "steps": [{"name": "a", "budget": {"tokens": 10}}, {"name": "b"}]}
    with state.write() as tx:
        costs.lay_down(tx, plan, "wf_r", NOW)
        found = {each.account: (each.tokens, each.microunits) for each in budget.budgets(tx)}
    assert found == {"run:wf_r": (None, 500_000), "step:wf_r/a": (10, None)}


def raised(state: State, at: datetime = NOW + timedelta(hours=1)) -> list[tuple[str, str]]:
    with state.read() as tx:
        return [(each["name"], each["severity"]) for each in alerts.found(tx, at, alerts.Limits())]


@pytest.fixture
def runs(state: State) -> Callable[..., None]:
    def add(*statuses: str, reasons: str = "same") -> None:
        with state.write() as tx:
            for number, status in enumerate(statuses):
                add_run(tx, number, status, reason=reasons if reasons == "same" else f"{reasons} {number}")

    return add


def test_repeated_failures_are_alarming_and_single_ones_are_not(state: State, runs: Callable[..., None]):
    runs("failed", "failed", "succeeded", "failed", "succeeded", reasons="other")
    assert raised(state) == [("repeated_failure", "warning")]


def test_two_failures_are_not(state: State, runs: Callable[..., None]):
    runs("failed", "failed", "succeeded", "succeeded", "succeeded")
    assert raised(state) == []


def test_a_step_that_never_succeeds_again_is_told_once_and_keeps_its_id(state: State, runs: Callable[..., None]):
    runs("succeeded", "failed", "failed", "failed")
    assert raised(state) == [("failing_step", "critical"), ("repeated_failure", "warning")]
    with state.read() as tx:
        first = [each["id"] for each in alerts.found(tx, NOW + timedelta(hours=1), alerts.Limits())]
        later = [each["id"] for each in alerts.found(tx, NOW + timedelta(hours=2), alerts.Limits())]
    assert first == later


def test_stuck_runs_and_spent_budgets_are_alarming(state: State, runs: Callable[..., None]):
    runs("running")
    with state.write() as tx:
        add_call(tx, "wf_run0", 1)
        budget.set_budget(tx, Budget("agent:data", "ever", None, 2_100_000), by="user:ann", at=NOW)
        budget.set_budget(tx, Budget("user:ann", "ever", None, 9_000_000), by="user:ann", at=NOW)
    assert raised(state, NOW + timedelta(hours=7)) == [("budget_nearly_spent", "warning"), ("stuck_run", "warning")]


def test_savings_count_what_was_asked_twice_begun_alike_and_told_often(state: State):
    line = "2026-11-23 ERROR pool exhausted after 30 s"
    with state.write() as tx:
        for number, text in enumerate(["same words", "same words", "\n".join([line] * 20)]):
            add_call(tx, "wf_run0", number, text=text)
    with state.read() as tx:
        (found,) = costs.savings(tx, NOW)
    assert (found["calls_count"], found["repeated_tokens"], found["repeated_usd"]) == (3, 150, "2.000000")
    assert 80 < found["compaction_tokens"] < 100
    assert found["prefix_tokens"] > 0


def test_compaction_tells_a_repeated_line_once():
    text = "Log:\n" + "\n".join(["pool exhausted at 10.0.0.7"] * 5) + "\n\n\n\nand   so on"
    short = economy.compacted([{"role": "user", "content": text}])
    assert short.messages[0]["content"] == "Log:\npool exhausted at 10.0.0.7 (this line 5 times)\n\nand so on"
    assert short.saved_ratio > 0.55
    code = [{"role": "user", "content": "```\nx  =  1\nx  =  1\nx  =  1\n```"}]
    assert economy.compacted(code).messages == code


@given(
    st.lists(
        st.sampled_from(["Ann paid 12.50 EUR", "the same long line", "  indented 7", "", "a  b", "x"]), max_size=30
    )
)
def test_compaction_loses_no_fact(lines: list[str]):
    text = "\n".join(lines)
    short = economy.compacted([{"role": "user", "content": text}]).messages[0]["content"]
    for line in lines:
        assert " ".join(line.split()) in " ".join(short.split())
