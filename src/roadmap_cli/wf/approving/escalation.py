"""Asking somebody else when nobody answers: from cron, the next group after each time that has passed.

The rule kept here: what waits is never decided by waiting. Only who is asked changes, and each change is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from roadmap_cli.core import clock
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.state import records
from roadmap_cli.wf.approving import approvals, tasks
from roadmap_cli.wf.audit import log
from roadmap_cli.wf.rights import grants
from roadmap_cli.why.decisions import decide

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection


def overdue(tx: Connection, ladder: Sequence[str], after: timedelta, *, command: str, at: datetime) -> Iterator[Record]:
    """Ask the next group of a ladder for whatever has waited `after` since it was asked, or asked the group before.

    Yields a wf.escalation for each; the same moment again gives none.
    """
    names = [grants.spelled_group(each) for each in ladder]
    for subject, asked_at, what, evidence in _waiting(tx, at):
        level, since = tx.execute(
            "SELECT coalesce(max(level), 0), max(at) FROM wf_escalation WHERE subject = ?", (subject,)
        ).fetchone()
        if level >= len(names) or at - clock.parse(since or asked_at) < after:
            continue
        group, stamp = names[level], clock.stamp(at)
        tx.execute("INSERT INTO wf_escalation(subject, level, group_name, at) VALUES (?, ?, ?, ?)",
                   (subject, level + 1, group, stamp))  # fmt: skip
        tx.execute("UPDATE wf_task SET assignee = ? WHERE task_id = ? AND status = 'waiting'",
                   (f"group:{group}", subject))  # fmt: skip
        found: Record = {
            "kind": "wf.escalation", "id": content_id("wf.escalation", subject=subject, level=level + 1), "at": stamp,
            "subject": subject, "what": what, "level": level + 1, "asked": f"group:{group}",
            "members": members(tx, group, at), "waits_since": asked_at,
        }  # fmt: skip
        records.put(tx, found)
        why = f"nobody answered since {since or asked_at}"
        decide(tx, kind="wf.escalated", what=f"asked group {group!r} about {subject}", why=why,
               evidence=[evidence, found["id"]], command=command, at=at, authorised_by="policy:escalation")  # fmt: skip
        log.append(tx, action="request.escalated", user=f"group:{group}", resource=subject, outcome="asked", why=why,
                   at=at, level=level + 1)  # fmt: skip
        yield found


def members(tx: Connection, group: str, at: datetime) -> list[str]:
    """Who is in a group at a time, user:NAME each."""
    rows = tx.execute(
        "SELECT DISTINCT user_name FROM wf_member WHERE group_name = ? AND revoked_at IS NULL"
        " AND (until IS NULL OR until > ?) ORDER BY user_name",
        (group, clock.stamp(at)),
    )
    return [f"user:{each}" for (each,) in rows]


def _waiting(tx: Connection, at: datetime) -> list[tuple[str, str, str, str]]:
    """What waits for a person: id, since when, what it is, and the record that says so."""
    found = [(each["plan_id"], each["at"], "plan", each["id"]) for each in approvals.waiting(tx)]
    now = clock.stamp(at)
    for task in tasks.waiting(tx):
        if task.get("expires_at", "~") > now:
            found.append((task["id"], task["at"], task["sort"], task["id"]))
    return found
