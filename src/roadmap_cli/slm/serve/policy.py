"""Which models stay in memory: pure decisions over numbers.

Nothing is evicted for a model that can never fit. A busy model, one that loads and one that a request waits for are
never victims. Marks for letting go and for taking in again are apart, and after pressure there is a calm time, so
that a model is not thrown out and loaded again in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from roadmap_cli.models.memory import Budget

#: Free share of memory below which the level is 1, 2, 3.
LOW = (0.15, 0.08, 0.04)
#: Free share that letting go aims at, and that must be there for taking in during the calm time.
HIGH = 0.20
#: Free share without our models above which the machine's pressure is not of our making.
NOT_OURS = 0.30
#: Seconds until nothing is left, at the speed at which memory has just been taken, below which the level is 2, 3.
SECONDS_LEFT = (3.0, 1.0)
#: Free share above which that speed means nothing yet.
FALLING = 0.35
#: Share of all memory that a model may ever need.
CEILING = 0.95
#: How long after the last pressure nothing is loaded ahead of need, and loading needs the higher mark.
CALM_S = 60.0


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in memory. `size` in bytes, `age_s` since its last use, `reload_ms` what loading it took last time."""

    name: str
    size: int
    age_s: float
    reload_ms: float
    busy: bool
    pinned: bool = False

    @property
    def score(self) -> float:
        """The higher, the sooner it goes: large, long unused, quick to load again."""
        return self.size * max(self.age_s, 0.001) / max(self.reload_ms, 1.0)


@dataclass(frozen=True, slots=True)
class Relief:
    """What to do about pressure: `level` 0 is nothing. `shrink` drops prompt caches, `unload` whole models."""

    level: int
    shrink: tuple[str, ...] = ()
    unload: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a model may be loaded: `verdict` is ``go`` (after `unload`), ``wait``, ``later`` or ``never``."""

    verdict: str
    unload: tuple[str, ...] = ()
    why: str = ""


def level_of(budget: Budget) -> int:
    """How short memory is by the numbers alone, 0 to 3."""
    ratio = budget.free_ratio
    return 0 if ratio is None else sum(ratio < mark for mark in LOW)


def level_of_fall(budget: Budget, fell_by: int, seconds: float) -> int:
    """How short memory will be: 2 or 3 if it is gone within moments at the speed of the last `seconds`, else 0."""
    ratio = budget.free_ratio
    if ratio is None or ratio > FALLING or fell_by <= 0 or seconds <= 0 or budget.available is None:
        return 0
    left_s = max(budget.available, 0) / (fell_by / seconds)
    return 3 if left_s < SECONDS_LEFT[1] else 2 if left_s < SECONDS_LEFT[0] else 0


def victims(models: Iterable[Loaded], *, pinned_too: bool = False) -> list[Loaded]:
    """The models that may go, first the one that goes first."""
    free = [each for each in models if not each.busy and (pinned_too or not each.pinned)]
    return sorted(free, key=lambda each: (-each.score, each.name))


def relieve(told: int, whole: bool, budget: Budget, models: Sequence[Loaded], *, fall: int = 0) -> Relief:
    """What to do when the kernel has told of pressure of level `told`; `whole`: on the machine, not in our group.

    `fall` is the level by how fast memory goes.
    """
    ours = sum(each.size for each in models)
    if told and whole and budget.ceiling and budget.available is not None:
        without_ours = (budget.available - ours) / budget.ceiling  # cached weights count as available
        if without_ours > NOT_OURS:
            return Relief(0, why=f"{without_ours:.0%} of memory is free beside the models: the pressure is elsewhere")
    level = max(told, level_of(budget), fall)
    if level == 0:
        return Relief(0, why="memory is not short")
    idle = victims(models, pinned_too=level == 3)
    why = f"level {level}" + (f", {budget.free_ratio:.1%} of memory free" if budget.free_ratio is not None else "")
    why += ", and it is going fast" if fall and fall == level else ""
    if level == 1:
        return Relief(1, shrink=tuple(each.name for each in idle), why=why)
    if level == 3 or budget.ceiling is None or budget.available is None:
        return Relief(level, unload=tuple(each.name for each in idle), why=why)
    wanted = HIGH * budget.ceiling - budget.available
    gone, freed = list[str](), 0
    for each in idle:
        if gone and freed >= wanted:
            break
        gone.append(each.name)
        freed += each.size
    kept = [each.name for each in idle if each.name not in gone]
    return Relief(level, shrink=tuple(kept), unload=tuple(gone), why=why)


def admit(need: int, budget: Budget, models: Sequence[Loaded], *, calm: bool, name: str = "") -> Admission:
    """Whether a model of `need` bytes may be loaded beside `models`; `calm`: no pressure for a while."""
    if budget.ceiling is None or budget.available is None:
        return Admission("go", why="how much memory there is, is unknown")
    if need > CEILING * budget.ceiling:
        return Admission("never", why=f"it needs {_size(need)} and all memory is {_size(budget.ceiling)}")
    room = budget.available - (LOW[1] if calm else HIGH) * budget.ceiling
    if need <= room:
        return Admission("go")
    gone, freed = list[str](), 0
    for each in victims(models):
        gone.append(each.name)
        freed += each.size
        if need <= room + freed:
            return Admission("go", tuple(gone), f"it needs {_size(need)} and {_size(max(room, 0))} can be used")
    words = f"it needs {_size(need)}, {_size(max(room, 0))} can be used"
    if freed:
        words += f" and {_size(freed)} more if idle models go"
    if any(each.busy for each in models) and need <= room + sum(each.size for each in models if not each.pinned):
        return Admission("wait", why=words)
    return Admission("later", why=words + ("" if calm else ", soon after memory was short"))


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
