"""What a correction is proved by: measurements before and after, how far the signal moved, and what else to say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from roadmap_cli.core.records import Record, content_id
from roadmap_cli.edl.feedback.material import Edit

#: A correction that cannot move its signal by this share of the way is refused.
LEAST_MOVED = 0.6


class Refused(Exception):
    """A wish that is not fulfilled, and why in words. `measured` are the numbers it rests on.

    `asks`: the words may be meant all the same; --anyway does it.
    """

    def __init__(self, why: str, measured: Sequence[Measured] = (), asks: bool = False) -> None:
        super().__init__(why)
        self.measured = tuple(measured)
        self.asks = asks


@dataclass(frozen=True, slots=True)
class Measured:
    """One signal of one cut (or cue, or the whole programme): where it was, where it should go, where it is now.

    `target` and `after` are None while nothing was tried.
    """

    signal: str
    unit: str
    before: float
    target: float | None = None
    after: float | None = None
    thing: Record | None = None
    limits: dict[str, float] = field(default_factory=dict)

    @property
    def moved(self) -> float:
        """The share of the way that was gone: 1 if there was none to go."""
        if self.target is None or self.after is None or self.target == self.before:
            return 1.0 if self.target == self.before else 0.0
        return (self.after - self.before) / (self.target - self.before)

    def records(self, plan: Record, axis: str, at: str) -> list[Record]:
        """edl.measure records: before, and after if something was tried."""
        made = []
        for stage, value in (("before", self.before), ("after", self.after)):
            if value is None:
                continue
            record: Record = {"kind": "edl.measure", "id": "", "at": at, "plan_id": plan["id"]}
            if self.thing is not None:
                record["thing_id"] = self.thing["id"]
                record["origin_id"] = self.thing.get("origin_id", self.thing["id"])
            record |= {"axis": axis, "signal": self.signal, "unit": self.unit, "stage": stage, "value": round(value, 3)}
            if self.target is not None:
                record["target"] = round(self.target, 3)
            if stage == "after":
                record |= {"moved_ratio": round(self.moved, 3)} | ({"limits": self.limits} if self.limits else {})
            told = {k: str(v) for k, v in record.items() if k not in {"kind", "id", "limits"}}
            record["id"] = content_id("edl.measure", **told)
            made.append(record)
        return made


@dataclass(frozen=True, slots=True)
class Corrected:
    """An edit after a correction: what was measured, in words what was done, and what else to say."""

    edit: Edit
    measured: tuple[Measured, ...]
    what: str
    notes: tuple[str, ...] = ()

    @property
    def moved(self) -> float:
        """The mean share of the way over all that was corrected."""
        return sum(each.moved for each in self.measured) / max(1, len(self.measured))


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a wish is to be fulfilled: which way, how far in steps, on which cuts, and whether it is a complaint.

    `placed`: a place was said, so that the cuts are not looked for. `insist`: the words count whatever is measured.
    `target` is a number that was said (seconds of length). `words` are those of the wish.
    """

    axis: str
    sign: int
    strength: float
    chosen: tuple[int, ...]
    placed: bool
    complaint: bool
    insist: bool = False
    words: str = ""
    target: float | None = None
    #: Programme frames of the place, if it was said.
    frames: tuple[int, int] | None = None


def search(miss: Callable[[float], float], most: float = 1.0, steps: int = 12) -> float:
    """Where a rising function crosses 0 between 0 and `most`; `most` if it does not reach it."""
    if miss(most) <= 0:
        return most
    low, high = 0.0, most
    for _ in range(steps):
        middle = (low + high) / 2
        low, high = (middle, high) if miss(middle) < 0 else (low, middle)
    return high


def name_of(cut: Record) -> str:
    """A cut for people: its place in the order, from 1."""
    return f"cut {int(cut.get('position', 0)) + 1}"


def percent(value: float) -> str:
    """A share for people."""
    return f"{value * 100:.0f} %"


def number(value: float) -> str:
    """A measured number for people: enough digits, no more."""
    return f"{value:.0f}" if abs(value) >= 20 else f"{value:.1f}" if abs(value) >= 1 else f"{value:.2g}"


def of_cuts(count: int) -> str:
    """A number of cuts in words: 1 cut, 2 cuts."""
    return f"{count} cut" if count == 1 else f"{count} cuts"
