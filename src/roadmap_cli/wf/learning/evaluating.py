"""How the steps of a workflow did over its past runs: shares with their intervals, times by quantile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from roadmap_cli.core import clock
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.wf.learning.history import Past, of_step
from roadmap_cli.wf.learning.judging import quantile, wilson


def steps(workflow: str, runs: Sequence[Past], at: datetime) -> Iterator[Record]:
    """One wf.step_evaluation for each step of the last plan that was ever tried."""
    for name in runs[-1].steps if runs else ():
        tries = [found for _, found in of_step(list(runs), name)]
        if not tries:
            continue
        good = sum(found[-1].status in ("succeeded", "skipped") for found in tries)
        low, high = wilson(good, len(tries))
        again = [each for found in tries for each in found if each.number > 1]
        helped = sum(each.status == "succeeded" for each in again)
        times = sorted(each.duration_ms for found in tries for each in found if each.status == "succeeded")
        reasons = Counter(found[-1].reason for found in tries if found[-1].status == "failed")
        record: Record = {
            "kind": "wf.step_evaluation",
            "id": content_id("wf.step_evaluation", workflow=workflow, step=name, last=runs[-1].run_id),
            "at": clock.stamp(at),
            "workflow": workflow,
            "step": name,
            "count": len(tries),
            "succeeded_ratio": round(good / len(tries), 4),
            "low_ratio": round(low, 4),
            "high_ratio": round(high, 4),
            "timed_out_count": sum(each.timed_out for found in tries for each in found),
            "retries_count": len(again),
            "retries_helped_count": helped,
        }
        if times:
            record |= {"median_ms": quantile(times, 0.5), "p95_ms": quantile(times, 0.95)}
        if reasons:
            record["most_frequent_reason"] = reasons.most_common(1)[0][0][:200]
        yield record
