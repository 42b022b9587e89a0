"""A change held against history: what each past run would have done under it, as far as its attempts tell.

Recorded attempts are played again under the changed time-out or number of attempts. What history cannot tell (an
attempt that was never made, one that was ended and might have gone on) is counted as unknown and never as a success.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from roadmap_cli.wf.learning.history import Attempt, Past, of_step
from roadmap_cli.wf.learning.judging import Change


@dataclass(frozen=True, slots=True)
class Replay:
    """How past runs of a step would have ended: as before, worse, or in a way history does not tell; and seconds saved
    (less than 0: spent) in those that are known."""

    runs_count: int
    same_count: int
    worse_count: int
    unknown_count: int
    saved_s: float


def replay(runs: Sequence[Past], change: Change) -> Replay:
    """Play the step's attempts of each run again."""
    same = worse = unknown = 0
    saved_ms = 0.0
    found = [(run, tries) for run, tries in of_step(list(runs), change.step) if change.step in run.steps]
    for run, tries in found:
        verdict, saved = _one(tries, int(run.steps[change.step]["attempts"]), change)
        same += verdict == "same"
        worse += verdict == "worse"
        unknown += verdict == "unknown"
        saved_ms += saved
    return Replay(len(found), same, worse, unknown, round(saved_ms / 1000, 1))


def _one(tries: Sequence[Attempt], allowed: int, change: Change) -> tuple[str, float]:
    if change.field == "attempts":
        return _fewer_or_more(tries, allowed, int(change.new))
    return _other_time(tries, change.new * 1000)


def _fewer_or_more(tries: Sequence[Attempt], allowed: int, new: int) -> tuple[str, float]:
    kept = tries[:new]
    spared = float(sum(each.duration_ms for each in tries[new:]))
    if len(kept) < len(tries):
        return ("worse" if tries[-1].status == "succeeded" else "same"), spared
    ran_out = tries[-1].status == "failed" and tries[-1].failure != "permanent" and len(tries) == min(allowed, new)
    return ("unknown" if ran_out and new > allowed else "same"), 0.0


def _other_time(tries: Sequence[Attempt], new_ms: float) -> tuple[str, float]:
    saved = 0.0
    for each in tries:
        if each.timed_out:
            if new_ms > each.duration_ms:
                return "unknown", saved
            saved += each.duration_ms - new_ms
        elif each.duration_ms > new_ms:  # would have been ended; whether another attempt had been better is not known
            return ("worse" if each.status == "succeeded" else "unknown"), saved
    return "same", saved
