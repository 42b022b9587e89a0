"""Counts of runs, steps, cost and what waits, as samples of Prometheus.

Text form: Prometheus exposition format 0.0.4, https://prometheus.io/docs/instrumenting/exposition_formats/. Names end
in their unit; a total is counted from the state, so it never falls but by `life` itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import clock
from roadmap_cli.core.records import Record, content_id

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

#: Upper bounds of the histogram of durations, in seconds: from a quick step to a week of waiting for a person.
BOUNDS_S = (0.1, 0.5, 1, 5, 15, 60, 300, 1800, 3600, 14400, 86400, 604800)


@dataclass(frozen=True, slots=True)
class Family:
    """A metric: its name, sort (counter, gauge or histogram), what it is, and its samples with labels."""

    name: str
    sort: str
    what: str
    samples: tuple[tuple[str, tuple[tuple[str, str], ...], float], ...]


def families(tx: Connection, now: datetime) -> list[Family]:
    """All metrics of the workflows in a state."""
    return [
        _counts(
            tx, "runs_total", "Runs by workflow and status.", ("workflow", "status"),
            "SELECT p.workflow, r.status, count(*) FROM wf_run r JOIN wf_plan p USING (plan_id) GROUP BY 1, 2",
        ),
        _histogram(
            "run_duration_seconds", "How long ended runs took, waiting included.",
            tx.execute(
                "SELECT p.workflow, (julianday(r.finished_at) - julianday(r.started_at)) * 86400 FROM wf_run r"
                " JOIN wf_plan p USING (plan_id) WHERE r.finished_at IS NOT NULL"
            ),
        ),
        _counts(
            tx, "step_attempts_total", "Attempts of steps by how they ended.", ("workflow", "step", "status"),
            "SELECT workflow, step, coalesce(json_extract(outcome, '$.status'), 'unknown'), count(*) FROM wf_step"
            " GROUP BY 1, 2, 3",
        ),
        _counts(
            tx, "step_duration_seconds_total", "Time steps took.", ("workflow", "step"),
            "SELECT workflow, step, sum(duration_ms) / 1000.0 FROM wf_step GROUP BY 1, 2",
        ),
        _counts(
            tx, "model_tokens_total", "Tokens read and written for a workflow.", ("workflow", "direction"),
            *_by_workflow("prompt_tokens", "input"), *_by_workflow("completion_tokens", "output"),
        ),
        _counts(
            tx, "model_cost_usd_total", "What calls of models for a workflow cost.", ("workflow",),
            "SELECT substr(a.account, 10), sum(c.price_microunits) / 1e6 FROM model_account a"
            " JOIN model_call c ON c.run_id = a.run_id WHERE a.account LIKE 'workflow:%' AND c.currency = 'USD'"
            " GROUP BY 1",
        ),
        _counts(
            tx, "events_total", "Events taken in by source.", ("source",),
            "SELECT source, count(*) FROM wf_event GROUP BY 1",
        ),
        _counts(
            tx, "audit_entries_total", "Entries of the audit log by outcome.", ("outcome",),
            "SELECT coalesce(CASE WHEN json_valid(CAST(body AS TEXT)) THEN"
            " json_extract(CAST(body AS TEXT), '$.data.outcome') END, 'damaged'), count(*) FROM wf_audit GROUP BY 1",
        ),
        _gauge(
            "runs_unfinished", "Runs that have not ended.", tx,
            "SELECT count(*) FROM wf_run WHERE finished_at IS NULL",
        ),
        _gauge(
            "tasks_waiting", "Questions that wait for a person.", tx,
            "SELECT count(*) FROM wf_task WHERE status = 'waiting'",
        ),
        _gauge(
            "approvals_waiting", "Plans that wait for approval.", tx,
            "SELECT count(*) FROM wf_approval a WHERE status = 'waiting' AND number ="
            " (SELECT max(number) FROM wf_approval b WHERE b.plan_id = a.plan_id)",
        ),
        _gauge(
            "oldest_unfinished_seconds", "Age of the oldest run that has not ended.", tx,
            "SELECT coalesce(max(0, (julianday(?) - julianday(min(started_at))) * 86400), 0) FROM wf_run"
            " WHERE finished_at IS NULL", clock.stamp(now),
        ),
    ]  # fmt: skip


def _by_workflow(column: str, direction: str) -> tuple[str]:
    return (
        f"SELECT substr(a.account, 10), '{direction}', sum(coalesce(c.{column}, 0)) FROM model_account a"
        " JOIN model_call c ON c.run_id = a.run_id WHERE a.account LIKE 'workflow:%' GROUP BY 1",
    )


def _counts(tx: Connection, name: str, what: str, labels: Sequence[str], *statements: str) -> Family:
    samples = []
    for statement in statements:
        for *values, number in tx.execute(statement).fetchall():
            pairs = tuple(zip(labels, map(str, values), strict=True))
            samples.append((f"roadmap_wf_{name}", pairs, float(number)))
    return Family(f"roadmap_wf_{name}", "counter", what, tuple(sorted(samples)))


def _gauge(name: str, what: str, tx: Connection, statement: str, *values: Any) -> Family:
    (number,) = tx.execute(statement, values).fetchone()
    return Family(f"roadmap_wf_{name}", "gauge", what, ((f"roadmap_wf_{name}", (), float(number)),))


def _histogram(name: str, what: str, rows: Iterable[tuple[str, float]]) -> Family:
    by_workflow: dict[str, list[float]] = {}
    for workflow, seconds in rows:
        by_workflow.setdefault(workflow, []).append(max(seconds, 0.0))
    samples: list[tuple[str, tuple[tuple[str, str], ...], float]] = []
    full = f"roadmap_wf_{name}"
    for workflow, found in sorted(by_workflow.items()):
        label = ("workflow", workflow)
        for bound in BOUNDS_S:
            count = sum(each <= bound for each in found)
            samples.append((f"{full}_bucket", (label, ("le", f"{bound:g}")), float(count)))
        samples.append((f"{full}_bucket", (label, ("le", "+Inf")), float(len(found))))
        samples.append((f"{full}_sum", (label,), round(sum(found), 3)))
        samples.append((f"{full}_count", (label,), float(len(found))))
    return Family(full, "histogram", what, tuple(samples))


def text(found: Sequence[Family]) -> str:
    """Metrics in Prometheus' text form."""
    lines: list[str] = []
    for each in found:
        lines += [f"# HELP {each.name} {each.what}", f"# TYPE {each.name} {each.sort}"]
        for name, labels, value in each.samples:
            inside = ",".join(f'{key}="{_escaped(label)}"' for key, label in labels)
            lines.append(f"{name}{{{inside}}} {_number(value)}" if inside else f"{name} {_number(value)}")
    return "\n".join(lines) + "\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def records(found: Sequence[Family], now: datetime) -> Iterator[Record]:
    """Metrics as wf.metric records, one for each sample."""
    for each in found:
        for name, labels, value in each.samples:
            told = dict(labels)
            yield {
                "kind": "wf.metric",
                "id": content_id(
                    "wf.metric", name=name, labels=[f"{key}={value}" for key, value in labels], at=clock.stamp(now)
                ),
                "at": clock.stamp(now),
                "name": name,
                "sort": each.sort,
                "labels": told,
                "value": value,
            }
