"""One pass over small pictures, in constant memory: they go in one after the other, boundaries come out in order.

Pictures are kept for as long as a transition may last, and judged in stretches, so that the cost of a frame is that of
making it small and comparing it with the one before.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import Any

from roadmap_cli.edl.cuts import gradual, hard
from roadmap_cli.edl.cuts.doubt import Doubts
from roadmap_cli.edl.cuts.likeness import step

#: Pictures judged at a time, and those kept on both sides of them.
STRETCH, MARGIN = 128, 96
#: A shot has at least so many frames.
SHORTEST = 3
#: A fade may stay dark for so many frames.
_HOLD = 12


@dataclass(frozen=True, slots=True)
class Boundary:
    """A new shot: its first wholly new picture is `end`; `first` is the first mixed one, in a cut the same."""

    first: int
    end: int
    kind: str

    @property
    def at(self) -> int:
        """The one frame that parts the shots."""
        return (self.first + self.end) // 2


@dataclass(slots=True)
class Detector:
    """Feeds on stacks uint8 [3, HEIGHT, WIDTH] in order of presentation."""

    hard_limits: hard.Limits = field(default_factory=hard.Limits)
    doubts: Doubts | None = None
    _kept: list[Any] = field(default_factory=list)
    _steps: list[float] = field(default_factory=list)
    _first: int = 0
    _judged: int = 1
    _told: int = 0
    _known: dict[int, bool] = field(default_factory=dict)

    def add(self, picture: Any) -> list[Boundary]:
        """Take the next picture in; what became certain comes out. `picture` must not change afterwards."""
        self._steps.append(step(self._kept[-1], picture) if self._kept else 0.0)
        self._kept.append(picture)
        if self._first + len(self._kept) < self._judged + STRETCH + MARGIN:
            return []
        return self._judge(self._judged + STRETCH)

    @property
    def certain(self) -> int:
        """No boundary will be before this frame any more."""
        return self._judged

    def finish(self) -> list[Boundary]:
        """The rest, after the last picture."""
        return self._judge(self._first + len(self._kept), last=True)

    def _judge(self, end: int, *, last: bool = False) -> list[Boundary]:
        """Boundaries whose place lies before `end`; pictures no longer needed are let go."""
        import numpy

        if len(self._kept) < 2:
            return []
        pictures, steps = numpy.stack(self._kept), numpy.array(self._steps)
        first, judged = self._first, self._judged
        cuts = self._steep(steps)
        coarse = gradual.coarser(pictures)
        found = [Boundary(at + first, at + first, "cut") for at in cuts]
        for low, high in itertools.pairwise([0, *cuts, len(pictures)]):
            start, stop = judged - first - gradual.AROUND // 2 - low, end - first + gradual.AROUND // 2 - low
            if stop <= 0 or start >= high - low:
                continue
            blends = _joined(gradual.find(coarse[low:high], pictures[low:high], start, stop, self.doubts))
            light = coarse[low:high, 0].mean(axis=(1, 2))
            # The fade a film begins or ends with leads from or to nothing: it parts no shots.
            if blends and low + first == 0 and light[: blends[0].first + 1].max() < gradual.DARK:
                blends = blends[1:]
            if blends and last and high == len(pictures) and light[blends[-1].end - 1 :].max() < gradual.DARK:
                blends = blends[:-1]
            found += [Boundary(b.first + low + first, b.end + low + first, b.kind) for b in blends]
        found = sorted((b for b in found if judged <= b.at < end and b.at >= self._told + SHORTEST), key=lambda b: b.at)
        self._judged = end
        if found:
            self._told = found[-1].at
        gone = max(0, end - MARGIN - first)
        del self._kept[:gone], self._steps[:gone]
        self._first += gone
        self._known = {at: answer for at, answer in self._known.items() if at >= self._first}
        return found

    def cuts(self, pictures: Any) -> list[int]:
        """The hard cuts in a whole film [n, 3, HEIGHT, WIDTH]; for a detector that is fed nothing else."""
        self._kept = list(pictures)
        self._steps = [0.0, *(step(before, after) for before, after in itertools.pairwise(self._kept))]
        return self._steep(self._steps)

    def _steep(self, steps: Any) -> list[int]:
        """Places of hard cuts among the kept pictures."""
        import numpy

        steep = numpy.flatnonzero(numpy.asarray(steps) >= self.hard_limits.floor)
        return _apart([at for at in map(int, steep) if self._cuts_at(at)], steps)

    def _cuts_at(self, place: int) -> bool:
        """Whether a cut is at a kept picture, remembered once enough is known around it."""
        import numpy

        at = self._first + place
        if at in self._known:
            return self._known[at]
        low, high = max(0, place - hard.AROUND), place + hard.AROUND + 1
        steps = numpy.array(self._steps[low:high])
        pictures = numpy.stack(self._kept[low:high])
        answer = place > 0 and hard.is_cut(pictures, steps, place - low, self.hard_limits)
        if high <= len(self._kept):
            self._known[at] = answer
        return answer


def _apart(cuts: list[int], steps: Any) -> list[int]:
    """Of cuts closer than a shot may be short, the greater step."""
    kept: list[int] = []
    for at in cuts:
        if kept and at - kept[-1] < SHORTEST:
            if steps[at] > steps[kept[-1]]:
                kept[-1] = at
        else:
            kept.append(at)
    return kept


def _joined(found: list[gradual.Gradual]) -> list[gradual.Gradual]:
    """A fade to black and the fade from it are one transition, and so are two with no time for a shot between."""
    kept: list[gradual.Gradual] = []
    for one in found:
        dark = bool(kept) and kept[-1].to_dark and one.from_dark
        if kept and one.first - kept[-1].end <= (_HOLD if dark else SHORTEST):
            kind = "fade" if dark else max(kept[-1], one, key=lambda each: each.likely).kind
            kept[-1] = replace(kept[-1], end=one.end, kind=kind, to_dark=one.to_dark)
        else:
            kept.append(one)
    return kept
