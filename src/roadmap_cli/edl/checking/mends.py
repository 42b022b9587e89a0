"""A plan while it is mended: the copies that may be changed, and what was done about a finding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from roadmap_cli.core.records import Record
from roadmap_cli.edl.checking.findings import Finding
from roadmap_cli.edl.checking.footage import Footage, rational


@dataclass(frozen=True, slots=True)
class Mend:
    """What was done about a finding. `origin_id` is the cut's, if it was about one."""

    finding: Finding
    words: str
    origin_id: str | None


@dataclass(slots=True)
class Work:
    """A plan being mended: its parts are copies that may be changed, `footage` tells what was measured."""

    plan: Record
    cuts: list[Record]
    titles: list[Record]
    cues: list[Record]
    footage: Footage
    plan_fields: dict[str, Any] = field(default_factory=dict)
    #: Cuts whose frames or speed have changed: their place is worked out anew.
    resized: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    def place(self, finding: Finding) -> int:
        """Where the cut of a finding is; -1 if there is none."""
        return next((n for n, cut in enumerate(self.cuts) if cut["id"] == finding.cut_id), -1)

    def frames(self, cut: Record, milliseconds: int, *, up: bool) -> int:
        """A source time as a frame of a cut, rounded up or down."""
        exact = milliseconds * rational(cut["fps"]) / 1000
        return int(-(-exact // 1)) if up else int(exact // 1)

    def resize(self, cut: Record, **ends: int) -> None:
        """Take other frames of the source."""
        cut.update(ends)
        self.resized.add(cut["id"])


#: Mends one finding of a rule in place and says what it did, or None.
Mender = Callable[[Work, Finding], "str | None"]
