"""What the steps of plans are weighed on, remembered between them: a run of many steps asks the state once.

The rule kept here: nothing is remembered longer than it is true. It is read anew as soon as the mark of `wf_ground` is
another one (the database sets it with each change of a right, a vote or an approval, whoever makes it), when one of the
dates it rests on has come, or when the clock was set back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from roadmap_cli.core import clock
from roadmap_cli.core.records import Record
from roadmap_cli.wf import rights
from roadmap_cli.wf.running import permission

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

_MOST_PLANS = 1024
#: Dates on which something ends that a plan may rest on; of rights those of everybody, for a right may be lent.
_NEXT = (
    "SELECT min(ends) FROM (SELECT until AS ends FROM wf_grant WHERE revoked_at IS NULL"
    " UNION ALL SELECT until FROM wf_member WHERE revoked_at IS NULL"
    " UNION ALL SELECT expires_at FROM wf_vote WHERE plan_id = ?1"
    " UNION ALL SELECT expires_at FROM wf_approval WHERE plan_id = ?1) WHERE ends > ?2"
)
_NEVER = "~"


@dataclass(frozen=True, slots=True)
class _Kept:
    mark: str
    since: str
    until: str
    ground: permission.Ground


class Remembered:
    """The grounds of plans; for one thread."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def weighed_step(self, tx: Connection, plan: Record, step: Record, at: datetime) -> rights.Verdict:
        """What `permission.weighed_step` answers, to the letter."""
        return permission.weighed_step(tx, plan, step, at, self._ground)

    def _ground(self, tx: Connection, plan: Record, at: datetime) -> permission.Ground:
        now = clock.stamp(at)
        (mark,) = tx.execute("SELECT mark FROM wf_ground").fetchone()
        kept = self._kept.get(plan["plan_hash"])
        if kept is not None and kept.mark == mark and kept.since <= now < kept.until:
            return kept.ground
        found = permission.ground(tx, plan, at)
        if found.is_approved:  # else its run may have to begin first, which leaves no mark
            if len(self._kept) >= _MOST_PLANS:
                self._kept.clear()
            (until,) = tx.execute(_NEXT, (plan["id"], now)).fetchone()
            self._kept[plan["plan_hash"]] = _Kept(mark, now, until or _NEVER, found)
        return found
