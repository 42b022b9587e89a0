"""How a model has fared: which format it writes well, how often it repairs, and in what time.

Each run of the driver leaves an ``agent.model_asked`` record for each format it asked for; the sums over them decide
which format is asked for next, and what another run is worth.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

KIND = "agent.model_asked"
FORMATS = ("function", "search", "diff", "infill")
#: Below this many parameters (in thousand millions) a model is asked for whole functions first.
SMALL = 8.0
#: Below this many they are shown one function at a time, and hardly write anything but functions.
TINY = 1.0
_PRIOR_REPLIES = 6.0
_PRIOR_RUNS = 4.0
_NEWEST = 400
_SIZE = re.compile(r"(?<![A-Za-z0-9.])(\d{1,4}(?:\.\d{1,3})?)\s?([bBmM])(?![A-Za-z0-9])")
_BYTES_PER_PARAMETER = 0.65


@dataclass(slots=True)
class Counts:
    """Of one model and format: replies asked for, fit to be applied, saying only what is there; candidates, and how
    many repaired or mended a part; milliseconds of waiting, tokens, price in millionths."""

    requests: int = 0
    usable: int = 0
    unchanged: int = 0
    candidates: int = 0
    confirmed: int = 0
    partial: int = 0
    duration_ms: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    price_microunits: int = 0
    runs: int = 0

    def add(self, other: Counts) -> None:
        """Count others in."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    def usable_rate(self, prior: float) -> float:
        """The share of replies that could be applied, against a prior."""
        return (self.usable + self.unchanged + prior * _PRIOR_REPLIES) / (self.requests + _PRIOR_REPLIES)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a run of the driver promises: the chance of a repair, from 0 to 1, and the seconds it takes."""

    chance: float
    seconds: float

    @property
    def value(self) -> float:
        """Repairs a second."""
        return self.chance / max(self.seconds, 0.001)


def record(model: str, form: str, counts: Counts, *, run_id: str | None, id: str, at: str) -> Record:
    """The record of what a run got out of a model in one format."""
    found: Record = {"kind": KIND, "id": id, "at": at}
    if run_id is not None:
        found["run_id"] = run_id
    found |= {"model": model, "format": form}
    for name in ("requests", "usable", "unchanged", "candidates", "confirmed", "partial"):
        found[f"{name}_count"] = getattr(counts, name)
    for name in ("duration_ms", "prompt_tokens", "completion_tokens", "price_microunits"):
        found[name] = getattr(counts, name)
    return found


def history(tx: Connection, model: str) -> dict[str, Counts]:
    """What earlier runs got out of a model, by format."""
    from roadmap_cli.state import records

    return sums(list(records.find(tx, kind=KIND))[-_NEWEST:], model)


def sums(found: Iterable[Mapping[str, Any]], model: str) -> dict[str, Counts]:
    """The counts of a model's records by format."""
    by_format: dict[str, Counts] = {}
    for each in found:
        if each.get("model") != model or not isinstance(each.get("format"), str):
            continue
        counts = Counts(runs=int(bool(each.get("requests_count"))))  # a verdict that came late is no run
        for field in fields(Counts):
            value = each.get(f"{field.name}_count", each.get(field.name))
            if isinstance(value, int) and field.name != "runs":
                setattr(counts, field.name, value)
        by_format.setdefault(each["format"], Counts()).add(counts)
    return by_format


def formats(past: Mapping[str, Counts], billions: float | None) -> list[str]:
    """The formats to ask for, the best first: by what the model wrote so far, and at first by its size.

    aider's tables say the same of larger models (polyglot leaderboard, early 2025: Qwen2.5-Coder-32B well-formed
    99.6 % whole against 71.6 % diff, GPT-4o 95.1 % diff).
    """
    priors = {"function": 0.85, "search": 0.95, "diff": 0.8}
    if billions is not None and billions < SMALL:
        priors = {"function": 0.9, "search": 0.5, "diff": 0.2}
    if billions is not None and billions < TINY:
        priors = {"function": 0.8, "search": 0.1, "diff": 0.05}
    rates = {name: past.get(name, Counts()).usable_rate(prior) for name, prior in priors.items()}
    return sorted(rates, key=lambda name: -rates[name])


def expected(past: Mapping[str, Counts], billions: float | None, *, local: bool, rounds: int) -> Expected:
    """What another run with a model promises, from its earlier runs and, where there are few, from its size."""
    total = Counts()
    for counts in past.values():
        total.add(counts)
    runs = max((counts.runs for counts in past.values()), default=0)
    chance = (total.confirmed + _PRIOR_RUNS * prior_chance(billions)) / (runs + _PRIOR_RUNS)
    guess = (5.0 + 12.0 * (billions or 1.0) if local else 15.0) * rounds
    seconds = (total.duration_ms / 1000 + _PRIOR_RUNS * guess) / (runs + _PRIOR_RUNS)
    return Expected(min(chance, 0.99), seconds)


def prior_chance(billions: float | None) -> float:
    """The chance that a model repairs a small program, as far as its size tells; unknown ones count as large.

    0.5 thousand million parameters repaired 2 of 14 small programs (Qwen2.5-Coder, greedy, whole function).
    """
    steps = ((0.3, 0.01), (1.0, 0.1), (4.0, 0.25), (SMALL, 0.4))
    return next((chance for most, chance in steps if billions is not None and billions < most), 0.55)


def billions(name: str, size_bytes: int | None = None) -> float | None:
    """Parameters of a model in thousand millions: what its name says, else what its file weighs at four bits each."""
    told: Sequence[tuple[str, str]] = _SIZE.findall(name.replace("_", "-"))
    if told:
        number, unit = told[-1]
        return float(number) / (1000 if unit in "mM" else 1)
    return size_bytes / _BYTES_PER_PARAMETER / 1e9 if size_bytes else None
