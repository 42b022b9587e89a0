"""Gradual transitions: every pixel goes from what it was to what it will be, and nowhere else.

Two pictures some frames apart that differ nearly everywhere are taken as ends (twin comparison, Zhang, Kankanhalli and
Smoliar 1993), and boosted trees judge by `features` whether a transition lies between: first by how the change goes,
and where that leaves it open, by blocks that are looked for in both ends. The trees were grown on the even seeds of the
generated corpus (tools/train_cuts.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from roadmap_cli.edl.cuts import doubt, features, trees
from roadmap_cli.edl.cuts.doubt import Doubts
from roadmap_cli.edl.cuts.features import Stretch
from roadmap_cli.edl.cuts.likeness import HEIGHT, WIDTH

#: How many frames must be known on both sides of a transition's middle.
AROUND = 48
#: Mean luma below which a picture is black to the eye.
DARK = 24
#: How likely a stretch must be to be looked at closely, and to be a transition.
OPEN, LIKELY = 0.05, 0.4
#: A transition has at least so many frames; what is shorter is a flash that dies down.
SHORTEST = 3
#: Share of a mixture, in the middle, below which each place is one picture or the other: a wipe.
_UNMIXED = 0.16


@dataclass(frozen=True, slots=True)
class Gradual:
    """A transition: `first` is the first mixed picture, `end` the first that is wholly new."""

    first: int
    end: int
    kind: str
    likely: float
    #: Whether the picture before it, and the one after it, is black.
    from_dark: bool
    to_dark: bool


def coarser(pictures: Any) -> Any:
    """Means of 3 by 3 pixels of pictures [n, 3, HEIGHT, WIDTH]: float32 [n, 3, HEIGHT / 3, WIDTH / 3]."""
    import numpy

    blocks = pictures.reshape(-1, 3, HEIGHT // 3, 3, WIDTH // 3, 3)
    return numpy.add.reduce([blocks[:, :, :, y, :, x] for y in range(3) for x in range(3)], dtype=numpy.float32) / 9


def find(coarse: Any, pictures: Any, low: int, high: int, doubts: Doubts | None = None) -> list[Gradual]:
    """The transitions with their middle in `low` to `high`, the best where they overlap, in order of time.

    `pictures` is [n, 3, HEIGHT, WIDTH] uint8, `coarse` the same as `coarser` makes it; `doubts` has a
    word where it is left open.
    """
    least = LIKELY if doubts is None else doubt.OPEN[0]
    told = []
    for one in features.stretches(coarse, low, high):
        first = features.course(coarse, pictures, one)
        if one.end - one.first < SHORTEST or trees.read("course").likely(first) < OPEN:
            continue
        likely = trees.read("looked").likely([*first, *features.looked(pictures, one)])
        if likely >= least:
            told.append((likely, one))
    # A part of a transition is as likely as all of it, and worth less.
    told.sort(key=lambda each: -each[0] * each[1].worth)
    kept: list[Gradual] = []
    for likely, one in told:
        if any(one.end > other.first and one.first < other.end for other in kept):
            continue
        sure = likely if doubts is None else doubts.gradual(pictures, one.first, one.end, likely)
        if sure >= LIKELY:
            kept.append(_described(coarse, one, sure))
    return sorted(kept, key=lambda one: one.first)


def _described(coarse: Any, one: Stretch, likely: float) -> Gradual:
    import numpy

    before, after = float(coarse[one.before, 0].mean()), float(coarse[one.after, 0].mean())
    inner = (one.gone > 0.3) & (one.gone < 0.7)
    mixed = float(numpy.minimum(one.share, 1 - one.share)[inner].mean()) if inner.any() else 0.5
    kind = "fade" if min(before, after) < DARK else "wipe" if mixed < _UNMIXED else "dissolve"
    return Gradual(one.first, one.end, kind, likely, before < DARK, after < DARK)
