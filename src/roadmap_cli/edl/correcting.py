"""The look of cuts corrected until a measured signal has moved as far as a wish asks, within bounds.

Signals are measured on small pictures of each cut, through the same function that makes the render's colour table, so
that a correction is proved before anything is rendered. One correction moves one lever from where it is towards its
bound; the step is found by bisection, shortened until no other limit breaks, and given up when less than 60 % is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.edl import grade as looks
from roadmap_cli.edl import probe, programs
from roadmap_cli.edl.grade import BOUNDS, Grade
from roadmap_cli.edl.probe import Media
from roadmap_cli.edl.programs import Programs

#: A correction that cannot move its signal by this share of the way is refused.
LEAST_MOVED = 0.6
#: Pictures measured of a cut, and their width.
PICTURES, WIDTH = 6, 96


class Refused(Exception):
    """A wish that is not fulfilled, and why."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What a correction did: the signal before, where it should go, after; what was changed; what else to say."""

    signal: str
    unit: str
    before: float
    target: float
    after: float
    changes: dict[str, list[float | str]]
    limits: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def ratio(self) -> float:
        """The share of the way that the signal moved."""
        return (self.after - self.before) / (self.target - self.before) if self.target != self.before else 0.0


def pictures(found: Programs, media: Media, first: int, end: int) -> Any:
    """A few small pictures of a cut as RGB pixels [pixels, 3], 0 to 1. Raises DataError if none can be decoded."""
    import numpy

    height = max(2, round(WIDTH * media.height / media.width / 2) * 2)
    options, filters = probe.pictures(media, first, end)
    step = max(1, (end - first) // PICTURES)
    filters = [
        *filters,
        ("select", {"expr": f"not(mod(n,{step}))"}),
        ("scale", {"w": WIDTH, "h": height, "flags": "area", "in_color_matrix": media.matrix}),
        ("format", {"pix_fmts": "rgb24"}),
    ]
    node = programs.source(media.path, media.video_index, options, filters)
    data = programs.run(
        programs.arguments(found, node.output("pipe:1", format="rawvideo", fps_mode="passthrough")), str(media.path)
    )
    values = numpy.frombuffer(data[: len(data) // 3 * 3], numpy.uint8).reshape(-1, 3)
    if not len(values):
        raise DataError("no picture can be decoded", where=str(media.path), code="no_pictures")
    return values.astype(numpy.float64) / 255


def through(look: Grade, pixels: Any) -> Any:
    """Pixels [n, 3] through a look, in code values 0 to 255."""
    import numpy

    return numpy.stack(looks.transform(look, pixels[:, 0], pixels[:, 1], pixels[:, 2]), axis=-1) * 255


def luma(shown: Any) -> Any:
    """BT.709 luma of pixels [n, 3]."""
    return shown @ (0.2126, 0.7152, 0.0722)


def _median(shown: Any) -> float:
    import numpy

    return float(numpy.median(luma(shown)))


def _spread(shown: Any) -> float:
    import numpy

    low, high = numpy.percentile(luma(shown), (5, 95))
    return float(high - low)


def _chroma(shown: Any) -> float:
    return float((shown.max(axis=1) - shown.min(axis=1)).mean())


def _warmth(shown: Any) -> float:
    return float((shown[:, 0] - shown[:, 2]).mean())


def _skin(pixels: Any) -> Any:
    """Which pixels may be skin: the box in Cr and Cb of Chai and Ngan (IEEE CSVT 9(4), 1999), a little wider."""
    red, green, blue = pixels[:, 0] * 255, pixels[:, 1] * 255, pixels[:, 2] * 255
    light = 0.299 * red + 0.587 * green + 0.114 * blue
    cr, cb = 128 + 0.713 * (red - light), 128 + 0.564 * (blue - light)
    return (cr > 135) & (cr < 185) & (cb > 70) & (cb < 130) & (light > 40) & (light < 240)


@dataclass(frozen=True, slots=True)
class _Axis:
    signal: str
    unit: str
    measure: Callable[[Any], float]
    #: Step of one plain wish: code values, or a share of the signal if `relative`.
    step: float
    relative: bool
    #: The signal's usual range: below wants +, above wants -; beyond these a wish the other way is contradicted.
    low: float
    high: float


AXES = {
    "exposure": _Axis("luma median", "code values", _median, 24, False, 70, 140),
    "contrast": _Axis("luma spread p5 to p95", "code values", _spread, 0.12, True, 90, 215),
    "saturation": _Axis("mean chroma", "code values", _chroma, 0.15, True, 6, 110),
    "temperature": _Axis("mean red minus blue", "code values", _warmth, 4.5, False, -25, 60),
    "skin": _Axis("red minus blue of skin", "code values", _warmth, 0.12, True, 25, 110),
}


def _lever(axis: str, sign: int, look: Grade, far: float) -> Grade:
    """The look moved along an axis: `far` from 0, where it is, to 1, its bound."""
    side = 1 if sign > 0 else 0

    def to(name: str, bound: float | None = None) -> float:
        value = float(getattr(look, name))
        end = BOUNDS[name][side] if bound is None else bound
        # A number that is beyond the bound of this step already stays.
        end = max(value, end) if sign > 0 else min(value, end)
        return value + (end - value) * far

    if axis == "exposure":
        moved = to("brightness")
        # Light added everywhere makes blacks grey: deeper shadows hold them.
        depth = min(max(look.lift - 0.4 * max(0.0, moved - look.brightness), BOUNDS["lift"][0]), BOUNDS["lift"][1])
        return replace(look, brightness=moved, lift=depth)
    if axis == "contrast":
        return replace(look, contrast=to("contrast"))
    if axis == "saturation":
        return replace(look, saturation=to("saturation"))
    if axis == "temperature":
        return replace(look, warmth_k=to("warmth_k"))
    limit = look.saturation * (1.2 if sign > 0 else 0.75)
    limit = min(max(limit, BOUNDS["saturation"][0]), BOUNDS["saturation"][1])
    warmth = min(max(look.warmth_k + sign * 300, -600.0), 600.0)
    return replace(look, saturation=to("saturation", limit), warmth_k=to("warmth_k", warmth))


def problems(axis: str, sign: int, cuts: Sequence[Any], looks_: Sequence[Grade]) -> list[int]:
    """Which cuts a wish without a place means: those beyond the limit, or all if none is."""
    spec = AXES[axis]
    if axis == "skin":
        return [n for n, pixels in enumerate(cuts) if _skin(pixels).mean() > 0.005]
    values = [spec.measure(through(look, pixels)) for pixels, look in zip(cuts, looks_, strict=True)]
    beyond = [n for n, v in enumerate(values) if (v < spec.low if sign > 0 else v > spec.high)]
    return beyond or list(range(len(cuts)))


def correct(
    axis: str, sign: int, strength: float, cuts: Sequence[Any], before: Sequence[Grade], insist: bool
) -> tuple[list[Grade], Moved]:
    """New looks for cuts, given as pixels and looks. Raises Refused with the reason.

    `insist`: the words count even if the measurement contradicts them.
    """
    import numpy

    spec = AXES[axis]
    if axis == "skin":
        masks = [_skin(pixels) for pixels in cuts]
        if not cuts or max(float(mask.mean()) for mask in masks) < 0.005:
            raise Refused("no skin is found in these pictures")
        cuts = [pixels[mask] for pixels, mask in zip(cuts, masks, strict=True)]
    source = numpy.concatenate(cuts) * 255
    notes = _source_limits(axis, sign, source)

    def shown(far: float) -> Any:
        return numpy.concatenate(
            [through(_lever(axis, sign, look, far), pixels) for pixels, look in zip(cuts, before, strict=True)]
        )

    start = shown(0)
    value = spec.measure(start)
    if axis == "saturation" and value < 1:
        raise Refused("the pictures are grey already: there is no colour to change")
    if not insist and (value > spec.high if sign > 0 else value < spec.low):
        side = "high" if sign > 0 else "low"
        raise Refused(f"the measurement says otherwise: {spec.signal} is {value:.0f}, {side} already; --anyway insists")
    step = spec.step * strength * (abs(value) if spec.relative else 1)
    target = value + sign * step
    far = _search(lambda x: sign * (spec.measure(shown(x)) - target))
    while far > 0.01 and (broken := _broken(axis, start, shown(far))):
        far *= 0.85
        notes = [n for n in notes if not n.startswith("held back")] + [f"held back: {broken}"]
    after = shown(far)
    made = [_rounded(_lever(axis, sign, look, far)) for look in before]
    changes: dict[str, list[float | str]] = {}
    for name in BOUNDS:
        old, new = ([float(getattr(each, name)) for each in side] for side in (before, made))
        if old != new:
            changes[name] = [round(sum(old) / len(old), 4), round(sum(new) / len(new), 4)]
    moved = Moved(
        spec.signal, spec.unit, round(value, 2), round(target, 2), round(spec.measure(after), 2), changes,
        _limits(start, after), tuple(notes),
    )  # fmt: skip
    if moved.ratio < LEAST_MOVED:
        held = next((n for n in notes if n.startswith("held back")), "")
        why = held.removeprefix("held back: ") if held else "the look is at its bound"
        raise Refused(f"only {max(0.0, moved.ratio):.0%} of the way can be gone: {why}")
    return made, moved


def _source_limits(axis: str, sign: int, source: Any) -> list[str]:
    """What a source cannot give: refused, or a note."""
    if axis == "exposure" and sign < 0:
        clipped = float((source.min(axis=1) >= 250).mean())
        if clipped > 0.25:
            raise Refused(
                f"{clipped:.0%} of the picture is clipped to white in the source: darker, it would only be grey"
            )
        return [f"{clipped:.0%} is clipped to white in the source and stays without detail"] if clipped > 0.01 else []
    if axis == "exposure" and sign > 0:
        import numpy

        bright = float(numpy.percentile(luma(source), 95))
        if bright < 12:
            raise Refused(f"the source is black there: 95 % of it lies below {bright:.0f} of 255")
    return []


def _broken(axis: str, start: Any, after: Any) -> str:
    """The first limit a correction breaks besides its own signal, in words; empty if none."""
    told = _limits(start, after)
    if told["new_clipped_ratio"] > 0.01:
        return f"{told['new_clipped_ratio']:.1%} more of the picture would be clipped, the limit is 1 %"
    if axis != "exposure" and abs(told["luma_shift"]) > 12:
        return f"the light would change by {told['luma_shift']:+.0f}, the limit is 12"
    if axis in {"exposure", "contrast", "temperature"} and abs(told["chroma_shift"]) > max(4.0, 0.2 * _chroma(start)):
        return f"the colour would change by {told['chroma_shift']:+.0f}"
    if axis == "exposure" and told["spread_shift"] < -0.15 * max(20.0, _spread(start)):
        return "the contrast would suffer"
    return ""


def _limits(start: Any, after: Any) -> dict[str, float]:
    old, new = luma(start), luma(after)
    clipped = ((new >= 250) | (new <= 4)) & ~((old >= 250) | (old <= 4))
    return {
        "new_clipped_ratio": round(float(clipped.mean()), 4),
        "luma_shift": round(_median(after) - _median(start), 2),
        "chroma_shift": round(_chroma(after) - _chroma(start), 2),
        "spread_shift": round(_spread(after) - _spread(start), 2),
    }


def _search(miss: Callable[[float], float]) -> float:
    """Where a rising function crosses 0 between 0 and 1; 1 if it does not reach it."""
    if miss(1.0) <= 0:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if miss(middle) < 0 else (low, middle)
    return high


def _rounded(look: Grade) -> Grade:
    return Grade.read({name: round(value, 4) for name, value in look.record().items()}).bounded()
