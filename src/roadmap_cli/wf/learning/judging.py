"""What was good and bad about past runs, and what a template could do about it, each with its evidence.

A change is proposed only where the evidence bears it: a share is known by its Wilson interval (E. B. Wilson, 1927,
95 %), and it is the worse end of that interval that must be good enough. Nothing is ever proposed that would widen what
a workflow may do: only how long and how often a step tries.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from roadmap_cli.wf.learning.history import Attempt, Past, of_step

_Z = 1.959964
#: Fewer events than this teach nothing.
_LEAST = 3
_LEAST_RETRIES = 10
_MOST_ATTEMPTS = 6
_MOST_TIMEOUT_S = 86400.0


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one field of one step: old and new value (seconds for timeout, a number for attempts), why in words,
    the runs it rests on, and the share it rests on with its interval."""

    step: str
    field: str
    old: float
    new: float
    why: str
    run_ids: tuple[str, ...]
    count: int
    ratio: float
    low_ratio: float
    high_ratio: float


def wilson(hits: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share of which `hits` of `count` are known (both ends 0 to 1)."""
    if not count:
        return 0.0, 1.0
    share, square = hits / count, _Z * _Z
    middle = share + square / (2 * count)
    spread = _Z * math.sqrt(share * (1 - share) / count + square / (4 * count * count))
    low, high = (middle - spread) / (1 + square / count), (middle + spread) / (1 + square / count)
    return max(0.0, min(low, share)), min(1.0, max(high, share))  # rounding must not put the share outside


def changes(runs: Sequence[Past]) -> list[Change]:
    """What the runs of a workflow speak for, one change at most for each step and field."""
    if not runs:
        return []
    steps = runs[-1].steps  # as the template was last
    found: list[Change] = []
    for name, step in steps.items():
        # what happened under another time-out or number of attempts says little about this one
        alike = [each for each in runs if _same(each.steps.get(name), step)]
        tries = list(of_step(alike, name))
        if step.get("action") in ("wait", "event", "human", "workflow") or not tries:
            continue
        found += [*_timeout(name, float(step["timeout_s"]), tries), *_attempts(name, int(step["attempts"]), tries)]
    return found


def _same(one: object, other: object) -> bool:
    if not isinstance(one, dict) or not isinstance(other, dict):
        return False
    return all(one.get(key) == other.get(key) for key in ("timeout_s", "attempts", "action", "command", "shell"))


Tries = Sequence[tuple[Past, tuple[Attempt, ...]]]


def _timeout(name: str, old: float, tries: Tries) -> Iterator[Change]:
    """Longer where successes come close to the end of the time, shorter where hanging only costs time."""
    attempts = [(run, each) for run, found in tries for each in found]
    over = [(run, each) for run, each in attempts if each.timed_out]
    good = sorted(each.duration_ms / 1000 for _, each in attempts if each.status == "succeeded")
    if len(over) < _LEAST:
        return
    low, high = wilson(len(over), len(attempts))
    ids = tuple(dict.fromkeys(run.run_id for run, _ in over))
    share = (len(attempts), round(len(over) / len(attempts), 4), round(low, 4), round(high, 4))
    close = quantile(good, 0.95) if good else 0.0
    if len(good) >= _LEAST and close > old / 2 and low > 0.02:
        new = min(_rounded(max(2 * old, 1.5 * good[-1])), _MOST_TIMEOUT_S)
        why = (
            f"{len(over)} of {len(attempts)} attempts were ended after {old:g} s, and those that succeed take up to"
            f" {good[-1]:.1f} s: many were about to be done"
        )
        yield Change(name, "timeout", old, new, why, ids, *share)
    elif len(good) >= 20 and good[-1] < old / 10:
        new = _rounded(max(3 * good[-1], 1.0))
        why = (
            f"{len(over)} of {len(attempts)} attempts hung until {old:g} s were over, and none of {len(good)} that"
            f" succeeded took longer than {good[-1]:.1f} s"
        )
        yield Change(name, "timeout", old, new, why, ids, *share)


def _attempts(name: str, old: int, tries: Tries) -> Iterator[Change]:
    """More where another try often succeeds, fewer where it never does, one more where failures pass by themselves."""
    again = [(run, each) for run, found in tries for each in found if each.number > 1]
    if old > 1 and len(again) >= _LEAST_RETRIES:
        helped = [run for run, each in again if each.status == "succeeded"]
        low, high = wilson(len(helped), len(again))
        share = (len(again), round(len(helped) / len(again), 4), round(low, 4), round(high, 4))
        used_up = [run for run, found in tries if found[-1].status == "failed" and len(found) == old]
        if not helped and high < 0.3:
            ids = tuple(dict.fromkeys(run.run_id for run, _ in again))
            why = f"none of {len(again)} further attempts succeeded: what fails once fails again"
            yield Change(name, "attempts", old, 1, why, ids, *share)
        elif low > 0.3 and len(used_up) >= _LEAST and old < _MOST_ATTEMPTS:
            ids = tuple(dict.fromkeys(run.run_id for run in used_up))
            why = (
                f"{len(helped)} of {len(again)} further attempts succeeded, and {len(used_up)} runs failed when their"
                f" {old} attempts were used up"
            )
            yield Change(name, "attempts", old, min(old + 2, _MOST_ATTEMPTS), why, ids, *share)
    elif old == 1:
        yield from _passing(name, tries)


def _passing(name: str, tries: Tries) -> Iterator[Change]:
    """Whether failures of a step that is tried once are gone the next time it is done."""
    failed = [
        (at, run) for at, (run, found) in enumerate(tries)
        if found[-1].status == "failed" and found[-1].failure in ("transient", "unknown") and not found[-1].timed_out
    ]  # fmt: skip
    followed = [(run, tries[at + 1][1][-1].status == "succeeded") for at, run in failed if at + 1 < len(tries)]
    if len(followed) < 5:
        return
    gone = sum(is_gone for _, is_gone in followed)
    low, high = wilson(gone, len(followed))
    if low > 0.5:
        share = (len(followed), round(gone / len(followed), 4), round(low, 4), round(high, 4))
        why = f"{gone} of {len(followed)} failures were gone the next time the step was done; it is tried only once"
        yield Change(name, "attempts", 1, 3, why, tuple(dict.fromkeys(run.run_id for run, _ in followed)), *share)


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which a share of sorted values lies (the nearest one)."""
    return values[min(int(share * len(values)), len(values) - 1)]


def _rounded(seconds: float) -> float:
    """A length of time that a person would have written: two digits, upwards."""
    if seconds <= 1:
        return 1.0
    step = 10 ** (math.floor(math.log10(seconds)) - 1)
    return float(math.ceil(seconds / step) * step) if step >= 1 else float(math.ceil(seconds))
