"""Light and colour of cuts corrected until a measured signal has moved as far as a wish asks, within bounds.

Signals are measured on small pictures of each cut, through the same function that makes the render's colour table, so
that a correction is proved before anything is rendered. Levers go one stage after the other from where they are towards
their bounds; the step is found by bisection, shortened until no other limit breaks, and given up when less than 60 % of
the way is left. Limits and steps are those of the axis table; they were fixed on bikes.mp4, bigbuckbunny.mp4 and
generated pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from roadmap_cli.core.records import Record
from roadmap_cli.edl.feedback import colour
from roadmap_cli.edl.feedback.colour import Look, bounds, through
from roadmap_cli.edl.feedback.material import Edit, Footage
from roadmap_cli.edl.feedback.proof import (
    LEAST_MOVED,
    Corrected,
    Measured,
    Refused,
    Wanted,
    name_of,
    number,
    of_cuts,
    search,
)

#: No more than this share of the picture may newly lose its detail to black or white.
NEW_CLIPPED = 0.01
#: How far light may move when something else is corrected, in code values, and skin's hue in degrees.
LIGHT, SKIN_DEGREES = 12.0, 12.0

#: Stages of levers: in each, paths and how far towards which end they go, together.
Stages = tuple[tuple[tuple[str, float], ...], ...]
#: Pixels through a look, and which of them count, to a number.
Signal = Callable[[Any, Any], float]


def _median(shown: Any, mask: Any) -> float:
    import numpy

    return float(numpy.median(colour.luma(shown[mask])))


def _spread(shown: Any, mask: Any) -> float:
    import numpy

    low, high = numpy.percentile(colour.luma(shown), (5, 95))
    return float(high - low)


def _chroma(shown: Any, mask: Any) -> float:
    return float(colour.chroma(shown).mean())


def _lively(shown: Any, mask: Any) -> float:
    import numpy

    return float(numpy.std(colour.luma(shown))) + _chroma(shown, mask)


def _moody(shown: Any, mask: Any) -> float:
    import numpy

    light = colour.luma(shown)
    return float(numpy.std(light) * 2 - numpy.median(light))


def _yellow(shown: Any, mask: Any) -> float:
    return float(colour.lab(shown[mask])[..., 2].mean())


def _magenta(shown: Any, mask: Any) -> float:
    return float(colour.lab(shown[mask])[..., 1].mean())


def _skin_colour(shown: Any, mask: Any) -> float:
    return colour.skin_vector(shown[mask])[1]


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: what is measured, in which steps, where it usually lies, and which levers move it each way."""

    signal: str
    unit: str
    measure: Signal
    #: Step of one plain wish: in the signal's unit, or a share of the signal if `relative`.
    step: float
    relative: bool
    #: Below `low` it lacks, above `high` it is too much: that is where a wish without a place looks for the fault.
    low: float
    high: float
    up: Stages
    down: Stages
    #: Beyond these a complaint the other way is contradicted: `asks_high` for +, `asks_low` for -.
    asks_high: float
    asks_low: float
    pixels: str = "all"
    #: Signals of other axes that this one is meant to move, and which are no limit for it.
    moves: frozenset[str] = frozenset()


AXES: dict[str, Axis] = {
    "exposure": Axis(
        "luma median", "code values", _median, 24, False, 70, 170,
        ((("effects.gamma", 1.6),), (("effects.shadows", 0.25),), (("grade.brightness", 0.15),)),
        ((("effects.gamma", 0.65),), (("effects.highlights", 0.3),), (("grade.brightness", -0.15),)),
        140, 90, moves=frozenset({"light", "chroma", "spread"}),
    ),
    "contrast": Axis(
        "luma spread p5 to p95", "code values", _spread, 0.15, True, 110, 215,
        ((("grade.contrast", 1.3), ("grade.lift", -0.03)), (("grade.contrast", 1.4), ("grade.lift", -0.06))),
        ((("grade.contrast", 0.8),), (("effects.highlights", 0.3), ("effects.shadows", 0.2))),
        195, 130, moves=frozenset({"spread"}),
    ),
    "punch": Axis(
        "luma deviation plus mean chroma", "code values", _lively, 0.15, True, 52, 150,
        ((("grade.contrast", 1.1), ("effects.vibrance", 0.15)),
         (("grade.contrast", 1.25), ("effects.vibrance", 0.3), ("grade.saturation", 1.25))),
        ((("grade.contrast", 0.85), ("effects.vibrance", -0.15)), (("grade.saturation", 0.7),)),
        140, 60, moves=frozenset({"spread", "chroma"}),
    ),
    "saturation": Axis(
        "mean chroma", "code values", _chroma, 0.2, True, 10, 95,
        ((("effects.vibrance", 0.3),), (("grade.saturation", 1.4),)),
        ((("grade.saturation", 0.6),), (("effects.vibrance", -0.3),)),
        80, 10, moves=frozenset({"chroma"}),
    ),
    "temperature": Axis(
        "b* of near-neutrals", "CIE units", _yellow, 4, False, -5, 5,
        ((("grade.warmth_k", 600),), (("grade.saturation", 0.85),)),
        ((("grade.warmth_k", -600),), (("grade.saturation", 0.85),)),
        8, -6, "neutral", frozenset({"skin", "chroma"}),
    ),
    "tint": Axis(
        "a* of near-neutrals", "CIE units", _magenta, 3, False, -4, 4,
        ((("effects.tint", 10),), (("grade.saturation", 0.85),)),
        ((("effects.tint", -10),), (("grade.saturation", 0.85),)),
        6, -5, "neutral", frozenset({"skin", "chroma"}),
    ),
    "skin": Axis(
        "colour of skin", "code values", _skin_colour, 0.18, True, 22, 42,
        ((("grade.warmth_k", 250), ("effects.vibrance", 0.3)), (("grade.saturation", 1.25),)),
        ((("effects.skin", 1.0),), (("grade.saturation", 0.8), ("grade.warmth_k", -150))),
        55, 22, "skin", frozenset({"skin"}),
    ),
    "drama": Axis(
        "twice the luma deviation less the median", "code values", _moody, 14, False, -40, 120,
        ((("grade.contrast", 1.25), ("effects.gamma", 0.85)), (("effects.gamma", 0.7), ("grade.saturation", 0.85))),
        ((("grade.contrast", 0.88), ("effects.gamma", 1.15)), (("effects.gamma", 1.4),)),
        1e9, -1e9, moves=frozenset({"light", "spread"}),
    ),
}  # fmt: skip


def correct(edit: Edit, footage: Footage, wanted: Wanted, face: bool = False) -> Corrected:
    """Correct the looks of cuts along an axis. `face`: what counts is the face, or else skin, not the whole picture.

    Raises Refused with the reason and the numbers.
    """
    axis = AXES[wanted.axis]
    if face and wanted.axis == "exposure":
        # For a face alone the whole picture may not become another one.
        axis = replace(axis, moves=axis.moves - {"light"})
    chosen = [_Case.of(edit, footage, position, axis, face) for position in wanted.chosen]
    chosen = [case for case in chosen if case.mask.any()]
    if not chosen:
        what = "skin" if axis.pixels == "skin" or face else ("grey things to tell "
            "the light by") if axis.pixels == "neutral" else "picture"  # fmt: skip
        raise Refused(f"no {what} found in these pictures")
    sign = wanted.sign
    values = [axis.measure(case.shown(case.look), case.mask) for case in chosen]
    taken = [Measured(axis.signal, axis.unit, v, thing=c.cut) for v, c in zip(values, chosen, strict=True)]
    beyond = [v < axis.low if sign > 0 else v > axis.high for v in values]
    if not any(beyond) and wanted.complaint and not wanted.insist:
        _contradict(axis, sign, values, taken)
    if not any(beyond) or _grey(wanted):
        beyond = [True] * len(values)
    bare = wanted.axis == "saturation" and max(values) < 1
    if bare:
        raise Refused("the pictures are grey already: there is no colour to change", taken)
    cuts = list(edit.cuts)
    done: list[Measured] = []
    failed: list[tuple[Measured, str]] = []
    for case, value, wrong in zip(chosen, values, beyond, strict=True):
        if not wrong:
            continue
        measured, look, why = _solve(case, axis, wanted, value)
        if measured.moved < LEAST_MOVED and not (wanted.insist and measured.moved > 0.05):
            failed.append((measured, why))
            continue
        done.append(measured)
        cuts[case.position] = look.on(case.cut)
    if not done:
        first = failed[0]
        raise Refused(
            f"only {max(0.0, first[0].moved):.0%} of the way can be gone ({axis.signal} {number(first[0].before)} to "
            f"{number(first[0].after or 0)}, wanted {number(first[0].target or 0)}): {first[1]}",
            [each for each, _ in failed], asks=any(each.moved > 0.05 for each, _ in failed),
        )  # fmt: skip
    notes = [f"{name_of(each.thing or {})} stays: {why}" for each, why in failed]
    notes += _told(wanted, [case for case in chosen if case.cut in [d.thing for d in done]])
    return Corrected(edit.put(cuts), tuple(done), _what(edit, cuts), tuple(notes))


@dataclass(slots=True)
class _Case:
    position: int
    cut: Record
    look: Look
    source: Any
    mask: Any

    @classmethod
    def of(cls, edit: Edit, footage: Footage, position: int, axis: Axis, face: bool) -> _Case:
        cut = edit.cuts[position]
        source, look = footage.pictures(cut), Look.of(cut)
        shown = through(look, source)
        return cls(position, cut, look, source, _mask(edit, cut, shown, "face" if face else axis.pixels))

    def shown(self, look: Look) -> Any:
        return through(look, self.source)


def _mask(edit: Edit, cut: Record, shown: Any, pixels: str) -> Any:
    import numpy

    whole = numpy.ones(shown.shape[:-1], bool)
    if pixels == "face":
        shot = edit.shot(cut)
        box = shot.get("subject_box")
        if (
            shot.get("subject") in {"face", "person"}
            and isinstance(box, list)
            and len(box) == 4
            and "framing" not in cut
        ):
            high, wide = shown.shape[1:3]
            x, y, w, h = (float(side) for side in box)
            whole[:] = False
            whole[:, int(y * high) : int((y + h) * high) + 1, int(x * wide) : int((x + w) * wide) + 1] = True
            return whole
        found = colour.skin(numpy.clip(shown * 1.8, 0, 1))
        return found if found.mean() > 0.002 else numpy.zeros_like(whole)
    if pixels == "skin":
        found = colour.skin(shown)
        return found if found.mean() > 0.002 else numpy.zeros_like(whole)
    if pixels == "neutral":
        found = colour.neutral(shown)
        return found if found.mean() > 0.02 else whole
    return whole


def _grey(wanted: Wanted) -> bool:
    """Whether all colour is to go."""
    return wanted.axis == "saturation" and wanted.sign < 0 and "black-and-white" in wanted.words


def _contradict(axis: Axis, sign: int, values: Sequence[float], taken: Sequence[Measured]) -> None:
    """Raise Refused when a complaint is of the opposite of what is measured."""
    middle = sorted(values)[len(values) // 2]
    if (sign > 0 and middle > axis.asks_high) or (sign < 0 and middle < axis.asks_low):
        side = f"above {axis.asks_high:g}" if sign > 0 else f"below {axis.asks_low:g}"
        raise Refused(f"the measurement says otherwise: {axis.signal} is {number(middle)}, {side}", taken, asks=True)


def _solve(case: _Case, axis: Axis, wanted: Wanted, value: float) -> tuple[Measured, Look, str]:
    """Move one cut: what was measured, its new look, and why it went no further."""
    sign = wanted.sign
    step = axis.step * wanted.strength * (max(abs(value), 8.0) if axis.relative else 1)
    limit = axis.low if sign > 0 else axis.high
    target = value + sign * step
    if sign * (limit - target) > 0:  # the limit is further than a step
        target = limit
    stages = axis.up if sign > 0 else axis.down
    if _grey(wanted):
        stages, target = ((("grade.saturation", 0.0), ("grade.split_tone", 0.0)),), 0.0
    start = case.shown(case.look)

    def at(far: float) -> Look:
        return lever(case.look, stages, far, sign)

    if refusal := _source_limits(wanted, start, case.source):
        return Measured(axis.signal, axis.unit, value, target, value, case.cut), case.look, refusal
    far = search(lambda x: sign * (axis.measure(case.shown(at(x)), case.mask) - target), float(len(stages)))
    why = "the look is at its bound"
    broken = broken_limits(axis, start, case.shown(at(far)))
    while far > 0.01 and broken:
        why = broken
        far *= 0.9
        broken = broken_limits(axis, start, case.shown(at(far)))
    look = at(far)
    after = case.shown(look)
    measured = Measured(
        axis.signal, axis.unit, value, target, axis.measure(after, case.mask), case.cut, limits(start, after)
    )
    return measured, look, why


def lever(look: Look, stages: Stages, far: float, sign: int = 1) -> Look:
    """The look with its levers moved: 1 is the end of the first stage, 2 of the second; none is moved back."""
    for number_, stage in enumerate(stages):
        share = min(max(far - number_, 0.0), 1.0)
        if share <= 0:
            break
        for name, end in stage:
            value = look.get(name)
            least, most = bounds(name)
            end = min(max(end, least), most)
            neutral = Look().get(name)
            # A lever that stands beyond this end already, on the same side, stays where it is.
            if (end - neutral) * (value - end) > 0 or end == value:
                continue
            look = look.put(name, value + (end - value) * share)
    return look


def broken_limits(axis: Axis, start: Any, after: Any) -> str:
    """The first limit that a change of look breaks, in words; empty if none."""
    told = limits(start, after)
    if told["new_clipped_ratio"] > NEW_CLIPPED:
        return f"{told['new_clipped_ratio']:.1%} more of the picture would be clipped, the limit is 1 %"
    if "light" not in axis.moves and abs(told["luma_shift"]) > LIGHT:
        return f"the light would change by {told['luma_shift']:+.0f} code values, the limit is {LIGHT:.0f}"
    if "skin" not in axis.moves and abs(told.get("skin_hue_shift", 0.0)) > SKIN_DEGREES:
        return f"the hue of skin would turn by {told['skin_hue_shift']:+.0f} degrees, the limit is {SKIN_DEGREES:.0f}"
    if "chroma" not in axis.moves and abs(told["chroma_shift"]) > max(5.0, 0.25 * _chroma(start, None)):
        return f"the colour would change by {told['chroma_shift']:+.0f} code values"
    if "spread" not in axis.moves and told["spread_shift"] < -0.15 * max(20.0, _spread(start, None)):
        return "the contrast would suffer"
    return ""


def limits(start: Any, after: Any) -> dict[str, float]:
    """What else a change of look moved: shares, code values, degrees."""
    import numpy

    old, new = colour.luma(start), colour.luma(after)
    clipped = ((new >= 250) | (new <= 4)) & ~((old >= 249) | (old <= 5))
    told = {
        "new_clipped_ratio": round(float(clipped.mean()), 4),
        "luma_shift": round(float(numpy.median(new) - numpy.median(old)), 2),
        "chroma_shift": round(_chroma(after, None) - _chroma(start, None), 2),
        "spread_shift": round(_spread(after, None) - _spread(start, None), 2),
    }
    mask = colour.skin(start)
    if mask.mean() > 0.01:
        was, now = colour.skin_vector(start[mask]), colour.skin_vector(after[mask])
        told["skin_hue_shift"] = round((now[0] - was[0] + 180) % 360 - 180, 2) if min(was[1], now[1]) > 4 else 0.0
    return told


def _source_limits(wanted: Wanted, start: Any, source: Any) -> str:
    """Why a source cannot give what is wished; empty if it may."""
    import numpy

    light = colour.luma(source)
    if wanted.axis == "exposure" and wanted.sign < 0:
        clipped = float((source.min(axis=-1) >= 250 / 255).mean())
        if clipped > 0.25:
            return f"{clipped:.0%} of the picture is clipped to white in the source: darker, it would only be grey"
    if wanted.axis == "exposure" and wanted.sign > 0:
        bright = float(numpy.percentile(light, 95))
        if bright < 12:
            return f"the source is black there: 95 % of it lies below {bright:.0f} of 255"
    if wanted.axis == "contrast" and wanted.sign > 0 and float(numpy.std(light)) < 3:
        return "the source is one even tone there"
    return ""


def _told(wanted: Wanted, cases: Sequence[_Case]) -> list[str]:
    if wanted.axis == "exposure" and wanted.sign < 0 and cases:
        clipped = max(float((case.source.min(axis=-1) >= 250 / 255).mean()) for case in cases)
        if clipped > 0.01:
            return [f"{clipped:.0%} is clipped to white in the source and stays without detail"]
    return []


def _what(edit: Edit, cuts: Sequence[Record]) -> str:
    """What was changed, in words: the mean of each number before and after."""
    moved: dict[str, list[tuple[float, float]]] = {}
    for old, new in zip(edit.cuts, cuts, strict=True):
        if old is new:
            continue
        before, after = Look.of(old), Look.of(new)
        for name in colour.PATHS:
            if before.get(name) != after.get(name):
                moved.setdefault(name.partition(".")[2], []).append((before.get(name), after.get(name)))
    words = []
    for name, pairs in moved.items():
        first, last = (sum(pair[side] for pair in pairs) / len(pairs) for side in (0, 1))
        words.append(f"{name} {first:.3g} to {last:.3g}")
    return ", ".join(words) + f" on {of_cuts(sum(a is not b for a, b in zip(edit.cuts, cuts, strict=True)))}"
