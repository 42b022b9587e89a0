"""What is alarming about runs: failures that repeat, runs that get nowhere, people who do not answer, budgets near
their end. Each alert names the decisions and records it rests on and stays the same alert until it is over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from roadmap_cli.core import clock
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.models import budget

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

KIND = "wf.alert"


@dataclass(frozen=True, slots=True)
class Limits:
    """When something is alarming: `failures` among the last `runs` of a workflow, ages, and a share of a budget."""

    failures: int = 3
    runs: int = 5
    stuck: timedelta = timedelta(hours=6)
    unanswered: timedelta = timedelta(hours=24)
    budget_ratio: float = 0.8


def found(tx: Connection, now: datetime, limits: Limits) -> list[Record]:
    """The alerts that hold now, the gravest first."""
    alerts = [
        *_failing(tx, now, limits), *_failing_steps(tx, now, limits), *_stuck(tx, now, limits),
        *_unanswered(tx, now, limits), *_budgets(tx, now, limits),
    ]  # fmt: skip
    return sorted(alerts, key=lambda each: (each["severity"] != "critical", each["name"], each["subject"]))


def _alert(
    now: datetime, name: str, subject: str, since: str, severity: str, what: str, evidence: list[str], **facts: object
) -> Record:
    return {
        "kind": KIND,
        "id": content_id(KIND, name=name, subject=subject, since=since),
        "at": clock.stamp(now),
        "name": name,
        "subject": subject,
        "since": since,
        "severity": severity,
        "what": what,
        "evidence_ids": evidence,
        "facts": facts,
    }


def _failing(tx: Connection, now: datetime, limits: Limits) -> Iterator[Record]:
    """Workflows of whose last runs many failed."""
    workflows = [row[0] for row in tx.execute("SELECT DISTINCT workflow FROM wf_plan ORDER BY workflow").fetchall()]
    for workflow in workflows:
        rows = tx.execute(
            "SELECT r.run_id, r.status, r.finished_at, r.decision_id FROM wf_run r JOIN wf_plan p USING (plan_id)"
            " WHERE p.workflow = ? AND r.finished_at IS NOT NULL ORDER BY r.finished_at DESC, r.run_id LIMIT ?",
            (workflow, limits.runs),
        ).fetchall()
        failed = [row for row in rows if row[1] == "failed"]
        if len(failed) >= limits.failures:
            what = f"{len(failed)} of the last {len(rows)} runs of {workflow!r} failed"
            severity = "critical" if len(failed) == len(rows) else "warning"
            yield _alert(
                now, "repeated_failure", f"workflow:{workflow}", failed[-1][2], severity, what,
                [row[3] for row in failed], failures_count=len(failed), runs_count=len(rows),
                run_ids=[row[0] for row in failed],
            )  # fmt: skip


def _failing_steps(tx: Connection, now: datetime, limits: Limits) -> Iterator[Record]:
    """Steps that failed for the same reason in so many runs, and in none succeeded since."""
    rows = tx.execute(
        "SELECT s.workflow, s.step, json_extract(s.outcome, '$.reason'), count(DISTINCT s.run_id), min(r.started_at),"
        " json_group_array(DISTINCT s.run_id), json_group_array(DISTINCT r.decision_id)"
        " FROM wf_step s JOIN wf_run r USING (run_id)"
        " WHERE json_extract(s.outcome, '$.status') = 'failed' AND r.started_at > coalesce((SELECT max(q.started_at)"
        "  FROM wf_step t JOIN wf_run q ON q.run_id = t.run_id WHERE t.workflow = s.workflow AND t.step = s.step"
        "  AND json_extract(t.outcome, '$.status') = 'succeeded'), '')"
        " GROUP BY 1, 2, 3 HAVING count(DISTINCT s.run_id) >= ?",
        (limits.failures,),
    ).fetchall()
    import orjson

    for workflow, step, _, count, since, names, decisions in rows:
        what = f"step {step!r} of {workflow!r} failed for the same reason in {count} runs and has not succeeded since"
        yield _alert(
            now, "failing_step", f"workflow:{workflow}/{step}", since, "critical", what,
            orjson.loads(decisions)[:20], runs_count=count, run_ids=orjson.loads(names)[:20],
        )  # fmt: skip


def _stuck(tx: Connection, now: datetime, limits: Limits) -> Iterator[Record]:
    """Runs that are not waiting for anybody and yet have not ended for a long time."""
    rows = tx.execute(
        "SELECT r.run_id, p.workflow, r.started_at, r.decision_id FROM wf_run r JOIN wf_plan p USING (plan_id)"
        " WHERE r.finished_at IS NULL AND r.status = 'running' AND r.started_at < ?"
        " AND NOT EXISTS (SELECT 1 FROM wf_task t WHERE t.run_id = r.run_id AND t.status = 'waiting')",
        (clock.stamp(now - limits.stuck),),
    ).fetchall()
    for run_id, workflow, since, decision_id in rows:
        what = f"a run of {workflow!r} has not ended since {since}; 'wf-run --resume' takes it up"
        yield _alert(now, "stuck_run", run_id, since, "warning", what, [decision_id], run_ids=[run_id])


def _unanswered(tx: Connection, now: datetime, limits: Limits) -> Iterator[Record]:
    """Questions and plans that have waited for a person for long."""
    before = clock.stamp(now - limits.unanswered)
    rows = tx.execute(
        "SELECT task_id, asked_at FROM wf_task WHERE status = 'waiting' AND asked_at < ?", (before,)
    ).fetchall()
    for task_id, since in rows:
        yield _alert(
            now, "unanswered", task_id, since, "warning", f"a question waits for an answer since {since}", [task_id]
        )
    plans = tx.execute(
        "SELECT a.plan_id, r.at, a.approval_id FROM wf_approval a JOIN record r ON r.id = a.approval_id"
        " WHERE a.status = 'waiting' AND r.at < ? AND a.number ="
        " (SELECT max(number) FROM wf_approval b WHERE b.plan_id = a.plan_id)",
        (before,),
    ).fetchall()
    for plan_id, since, approval_id in plans:
        what = f"a plan waits for approval since {since}; 'wf-approve --list' shows it"
        yield _alert(now, "unapproved", plan_id, since, "warning", what, [approval_id])


def _budgets(tx: Connection, now: datetime, limits: Limits) -> Iterator[Record]:
    """Budgets that are nearly spent; those of runs that have ended are of no concern."""
    from roadmap_cli.wf.measures import costs

    ended = {f"run:{row[0]}" for row in tx.execute("SELECT run_id FROM wf_run WHERE finished_at IS NOT NULL")}
    for each in budget.budgets(tx):
        if each.account in ended or each.account.startswith("step:"):
            continue
        record = costs.standing(tx, each, now)
        if record["used_ratio"] >= limits.budget_ratio:
            since = {"ever": "", "day": record["at"][:10], "month": record["at"][:7]}[each.period]
            what = f"{record['used_ratio']:.0%} of the budget of {each.account} are spent"
            severity = "critical" if record["used_ratio"] >= 1 else "warning"
            yield _alert(
                now, "budget_nearly_spent", f"{each.account}/{each.period}", since, severity, what, [],
                used_ratio=record["used_ratio"],
            )  # fmt: skip
