"""Which steps of a run can begin: the graph of a plan, its conditions, loops and sub-workflows. Changes nothing.

The rule kept here: what comes next depends on nothing but the plan and how its units stand, so that every process that
takes a run up comes to the same.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.wf.language import placeholders
from roadmap_cli.wf.running import values

#: Statuses of a unit that has ended; what depends on it goes on.
OVER = frozenset({"succeeded", "failed", "skipped", "cancelled"})
UNDO = "compensate:"
_PART = re.compile(r"([^\[\]/]+)(?:\[([0-9]+)\])?\Z")


@dataclass(slots=True)
class Unit:
    """How a step stands, or one instance of it; the columns of wf_unit, and when it is due on this process's clock."""

    name: str
    status: str = "running"
    attempt: int = 0
    most: int = 1
    cuts: int = 0
    waits_for: str | None = None
    wake_at: str | None = None
    wait_s: float | None = None
    task_id: str | None = None
    cursor: int | None = None
    position: int | None = None
    is_reused: bool = False
    due: float | None = None

    def rest(self) -> None:
        """Forget what it waited for."""
        self.waits_for = self.wake_at = self.wait_s = self.task_id = self.cursor = self.due = None


@dataclass(slots=True)
class Active:
    """A run this process holds: its plan, how its units stand, their outputs, and the wish that it stops."""

    run_id: str
    plan: Record
    priority: int
    status: str = "running"
    event: Record | None = None
    units: dict[str, Unit] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    ending: Record | None = None
    wanted: str | None = None
    decision_id: str = ""
    lease: int = -1
    token: int = 0
    stop: threading.Event = field(default_factory=threading.Event)
    doing: set[str] = field(default_factory=set)
    is_dirty: bool = True
    soonest: float | None = None
    deadline: float | None = None
    last_position: int = 0
    #: Units whose condition was looked at, items of loops, and places of units: none of them changes any more.
    opened: set[str] = field(default_factory=set)
    #: Units that are being done or wait; steps of each scope that have not ended, in their order.
    live: dict[str, Unit] = field(default_factory=dict)
    left: dict[str, list[Record]] = field(default_factory=dict)
    lists: dict[str, list[Any]] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)

    @property
    def confidence(self) -> float:
        """How sure the plan is of itself, 0 to 1."""
        found = self.plan.get("confidence_ratio", 1.0)
        return float(found) if isinstance(found, int | float) else 1.0

    def is_over(self, unit: str) -> bool:
        """Whether a unit has ended."""
        return self.statuses.get(unit) in OVER

    def lookup(self, place: Place) -> values.Lookup:
        """The values a unit works with."""
        return values.lookup(
            run_id=self.run_id, plan=self.plan, event=self.event, outputs=self.outputs, statuses=self.statuses,
            prefix=place.prefix, more=place.more,
        )  # fmt: skip

    def next_position(self) -> int:
        """The place of the unit that ends next."""
        self.last_position += 1
        return self.last_position


@dataclass(frozen=True, slots=True)
class Place:
    """Where a unit stands: its planned step, its name, the prefix of its sub-workflow, the values only it has."""

    step: Record
    unit: str
    prefix: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ready:
    """A unit that can begin."""

    place: Place


@dataclass(frozen=True, slots=True)
class Passed:
    """A unit that ends without being done: ``skipped``, joined from its parts (``succeeded``), or ``failed``."""

    place: Place
    status: str
    why: str
    output: Any = None


Next = Ready | Passed


def survey(run: Active) -> Iterator[Next]:
    """What can happen now in a run that is not being compensated. Ask again when something has."""
    yield from _scope(run, run.plan["steps"], "", {})


def is_done(run: Active) -> bool:
    """Whether every step of the plan has ended."""
    return not _left(run, run.plan["steps"], "")


def _scope(run: Active, steps: list[Record], prefix: str, more: Mapping[str, Any]) -> Iterator[Next]:
    statuses = run.statuses
    for step in _left(run, steps, prefix):
        if not all(statuses.get(prefix + need) in OVER for need in step["needs"]):
            continue
        unit = prefix + step["name"]
        place = run.places.get(unit)
        if place is None:
            place = run.places[unit] = Place(step, unit, prefix, more)
        try:
            yield from _opened(run, place)
        except DataError as error:
            yield Passed(place, "failed", error.message)


def _left(run: Active, steps: list[Record], prefix: str) -> list[Record]:
    """The steps of a scope that have not ended; what has ended stays so, and is not looked at again."""
    statuses = run.statuses
    found = [step for step in run.left.get(prefix, steps) if statuses.get(prefix + step["name"]) not in OVER]
    run.left[prefix] = found
    return found


def _opened(run: Active, place: Place) -> Iterator[Next]:
    step, unit = place.step, place.unit
    if unit not in run.opened:
        if step.get("when") and not values.hold(step["when"], run.lookup(place)):
            yield Passed(place, "skipped", "its condition does not hold")
            return
        run.opened.add(unit)
    if "each" not in step:
        yield from _single(run, place)
        return
    if unit not in run.lists:
        run.lists[unit] = values.items(step, run.lookup(place))
    found = run.lists[unit]
    free = max(int(step.get("parallel", 4)), 1)
    are_over = True
    for index, item in enumerate(found):
        name = f"{unit}[{index}]"
        if run.is_over(name):
            continue
        are_over = False
        if free <= 0:
            break
        free -= 1
        instance = run.places.get(name)
        if instance is None:
            more = {**place.more, "item": item, "index": index}
            instance = run.places[name] = Place(step, name, place.prefix, more)
        yield from _single(run, instance)
    if are_over:
        outputs = [run.outputs.get(f"{unit}[{index}]") for index in range(len(found))]
        yield Passed(place, "succeeded", f"{len(found)} items", outputs)


def _single(run: Active, place: Place) -> Iterator[Next]:
    step, unit = place.step, place.unit
    if step["action"] != "workflow":
        if unit not in run.units:
            yield Ready(place)
        return
    inner: Record = step["workflow"]
    more = run.places.get(f"{unit}/")
    if more is None:
        inputs = placeholders.filled(inner.get("inputs", {}), run.lookup(place))
        more = run.places[f"{unit}/"] = Place(step, unit, f"{unit}/", {"inputs": inputs})
    yield from _scope(run, inner["steps"], f"{unit}/", more.more)
    if all(run.is_over(f"{unit}/{each['name']}") for each in inner["steps"]):
        outputs = {each["name"]: run.outputs.get(f"{unit}/{each['name']}") for each in inner["steps"]}
        yield Passed(place, "succeeded", f"{len(outputs)} steps", outputs)


def locate(run: Active, unit: str) -> Place:
    """Where a unit of a run taken up stands. Raises DataError if the plan has no such unit."""
    if unit in run.places:
        return run.places[unit]
    steps: list[Record] = run.plan["steps"]
    prefix, more = "", dict[str, Any]()
    parts = unit.split("/")
    for number, part in enumerate(parts):
        named = _PART.match(part)
        step = next((each for each in steps if named and each["name"] == named[1]), None)
        if step is None or named is None:
            raise DataError(f"plan {run.plan['id']!r} has no step {unit!r}", code="unknown_step")
        place = Place(step, prefix + part, prefix, dict(more))
        if named[2] is not None:
            whole = Place(step, prefix + named[1], prefix, dict(more))
            if whole.unit not in run.lists:
                run.lists[whole.unit] = values.items(step, run.lookup(whole))
            index = int(named[2])
            more |= {"item": run.lists[whole.unit][index], "index": index}
            place = Place(step, prefix + part, prefix, dict(more))
        if number + 1 < len(parts):
            inner = step["workflow"]
            inputs = placeholders.filled(inner.get("inputs", {}), run.lookup(place))
            steps, prefix, more = inner["steps"], prefix + part + "/", {"inputs": inputs}
    run.places[unit] = place
    return place


def due(unit: Unit, remaining_s: float) -> None:
    """Set when a waiting unit goes on, by a clock that nobody sets."""
    unit.due = time.monotonic() + max(remaining_s, 0.0)
