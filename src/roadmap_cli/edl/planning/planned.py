"""A plan in the making: what is the same for all of it, its units in their places, and its decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from roadmap_cli.core.records import Record
from roadmap_cli.edl.planning.joints import Joint
from roadmap_cli.edl.planning.lengths import Grid
from roadmap_cli.edl.planning.material import Material
from roadmap_cli.edl.planning.music import Music
from roadmap_cli.edl.planning.selecting import Chosen
from roadmap_cli.edl.planning.units import Unit
from roadmap_cli.edl.planning.wishes import Reading


@dataclass(slots=True)
class Choice:
    """One decision of a plan, not yet stored. `record` is the cut, title or cue it makes, if it makes one; `parts` are
    the decisions among the plan's that it rests on beside its evidence.
    """

    decision: str
    what: str
    why: str
    evidence: tuple[str, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    record: Record | None = None
    parts: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A header record, the decision about the style, and every other decision in the order of the programme: first the
    cuts, then titles and cues, then what is left out.
    """

    header: Record
    style: Choice
    choices: tuple[Choice, ...]
    #: Wishes that were understood and are not, or not wholly, met.
    limits: tuple[str, ...] = ()

    @property
    def records(self) -> list[Record]:
        """The cuts, titles and cues, without the header."""
        return [choice.record for choice in self.choices if choice.record]

    @property
    def cuts(self) -> list[Record]:
        """The cuts in order."""
        return [record for record in self.records if record["kind"] == "edl.cut"]


@dataclass(slots=True)
class Layout:
    """The units of a programme in order, each with its place, and what joins them."""

    units: list[Unit]
    joints: list[Joint]
    starts: list[int]
    length: int
    chosen: Chosen
    music: Music
    grid: Grid


@dataclass(frozen=True, slots=True)
class Setting:
    """What is the same for a whole plan while it is made."""

    material: Material
    reading: Reading
    fps: Fraction
    width: int
    height: int
    deaf: bool
    rate_why: str = ""
