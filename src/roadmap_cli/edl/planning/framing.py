"""The programme's size and rate, and which part of each picture fills it: around the subject."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from roadmap_cli.core.records import Record, require
from roadmap_cli.edl import timecode
from roadmap_cli.edl.edit import MOST_ZOOM, Box
from roadmap_cli.edl.planning.material import Source
from roadmap_cli.edl.planning.units import Unit
from roadmap_cli.edl.planning.wishes import Reading

_HIGHEST_RATE = Fraction(60)
#: Air over the subject, as a share of the frame; where a face's middle is placed; how far a subject may wander in a
#: scene before the frame follows it.
HEAD_MARGIN, _FACE_HEIGHT, _WANDER = 0.05, 0.42, 0.06
#: A picture is cut to a wider shape only if so much of it stays; else it stands between bars.
_LEAST_KEPT = 0.6
#: The short side of what is made upright or square, at most.
_SHORT_SIDE = 1080


def size(longest: Record, reading: Reading) -> tuple[int, int]:
    """Width and height of the programme: the footage's own, or of the shape asked for, both even.

    An upright or square programme has 1080 pixels on its short side, or as many as the footage has.
    """
    if reading.size:
        return reading.size
    width, height = require(longest, "width", int), require(longest, "height", int)
    aspect = reading.style.aspect
    own = Fraction(width, height)
    if aspect is None:
        if not reading.lines:
            return _even(width), _even(height)
        aspect = own
    if reading.lines:
        return _wide(aspect, reading.lines)
    if aspect <= 1:
        return _wide(aspect, min(_SHORT_SIDE, width, height))
    if aspect >= own:
        return _even(width), _even(width / aspect)
    return _even(height * aspect), _even(height)


def rate(sources: Sequence[Source], reading: Reading, *, talks: bool) -> tuple[Fraction, str]:
    """The programme's rate and why: as asked for, else the style's if the footage comes out even at it.

    Else it is that of the source that gives most seconds, at most 60 a second.
    """
    longest = max(sources, key=lambda source: source.duration_s)
    own = longest.fps or Fraction(25)
    fps = own
    while fps > _HIGHEST_RATE:
        fps /= 2
    wanted = reading.style.fps
    if wanted is None:
        return fps, ""
    # Cameras that count 29.97 pair with 23.976.
    exact = Fraction(wanted) if own.denominator == 1 else Fraction(wanted * 1000, 1001)
    if any("frames a second" in reason for reason in reading.reasons):
        return exact, f"{wanted} frames a second, as asked for"
    if exact == fps:
        return fps, ""
    steps = own * reading.style.speed / exact
    if steps.denominator == 1 and not talks:
        return exact, f"{wanted} frames a second: at {float(reading.style.speed):.0%} speed each frame is shown evenly"
    return fps, ""


class Framer:
    """Frames pictures for one programme, and remembers where the last one of a scene was held."""

    def __init__(self, width: int, height: int, reading: Reading) -> None:
        self.aspect = Fraction(width, height)
        self.zoom = reading.zoom
        self.asked = reading.style.aspect is not None or reading.size is not None
        self._held: tuple[object, float, float] | None = None

    def framing(self, unit: Unit, punch: float) -> tuple[list[float], str] | None:
        """The box of a unit's picture and why, or None where the whole picture is shown."""
        source = unit.source.record
        left, top, wide, high = self._content(unit.shot)
        own = wide * source["width"] / (high * source["height"])
        aspect = float(self.aspect)
        zoom = self.zoom * punch
        keeps = min(own, aspect) / max(own, aspect)
        reshaped = abs(own / aspect - 1) > 0.02
        if reshaped and aspect > own and keeps < _LEAST_KEPT and zoom == 1:
            return None
        if (not reshaped or not self.asked) and zoom == 1:
            return None
        box_wide, box_high = (wide, high) if not (reshaped and self.asked) else (
            (wide * keeps, high) if aspect < own else (wide, high * keeps)
        )  # fmt: skip
        zoom = min(zoom, MOST_ZOOM)
        box_wide, box_high = box_wide / zoom, box_high / zoom
        centre_x, centre_y, about = self._centre(unit, left + wide / 2, top + high / 2, box_high)
        x = min(max(centre_x - box_wide / 2, left), left + wide - box_wide)
        y = min(max(centre_y - box_high / 2, top), top + high - box_high)
        box = Box(max(0.0, x), max(0.0, y), min(box_wide, 1.0), min(box_high, 1.0)).record()
        box = _inside(box)
        words = f"{box[2]:.0%} of the width and {box[3]:.0%} of the height, {about}"
        return box, f"enlarged {zoom:g} times, {words}" if zoom != 1 else words

    def _content(self, shot: Record) -> tuple[float, float, float, float]:
        """The picture inside bars that the footage already has, if it is cut to another shape anyway."""
        bars = shot.get("letterbox")
        if (
            self.asked
            and isinstance(bars, list)
            and len(bars) == 4
            and all(isinstance(bar, int | float) for bar in bars)
        ):
            top, bottom, left, right = (min(max(float(bar), 0.0), 0.4) for bar in bars)
            return left, top, 1 - left - right, 1 - top - bottom
        return 0.0, 0.0, 1.0, 1.0

    def _centre(self, unit: Unit, middle_x: float, middle_y: float, high: float) -> tuple[float, float, str]:
        """Where the frame is held: the subject's middle, a face somewhat above the frame's, with air over the head."""
        box = subject_box(unit.shot)
        if box is None:
            self._held = None
            return middle_x, middle_y, "from the middle: no subject was measured"
        sort = str(unit.shot.get("subject", "subject"))
        x, y = box.x + box.width / 2, box.y + box.height / 2
        if sort in {"face", "person"}:
            y += (0.5 - _FACE_HEIGHT) * high if sort == "face" else 0.0
            y = min(y, max(box.y - HEAD_MARGIN * high, 0.0) + high / 2)
        scene = unit.scene or unit.shot["id"]
        if (
            self._held
            and self._held[0] == scene
            and abs(self._held[1] - x) < _WANDER
            and abs(self._held[2] - y) < _WANDER
        ):
            x, y = self._held[1], self._held[2]
        self._held = (scene, x, y)
        return x, y, f"around the {sort if sort in {'face', 'person'} else 'subject'}"


def subject_box(shot: Record) -> Box | None:
    """A shot's subject, or None if none was measured or the box is none."""
    value = shot.get("subject_box")
    if not isinstance(value, list) or len(value) != 4:
        return None
    try:
        x, y, width, height = (float(side) for side in value)
    except (TypeError, ValueError):
        return None
    x, y = min(max(x, 0.0), 0.99), min(max(y, 0.0), 0.99)
    width, height = min(width, 1 - x), min(height, 1 - y)
    return Box(x, y, width, height) if width > 0.005 and height > 0.005 else None


def _inside(box: list[float]) -> list[float]:
    """Rounding must not push a box out of the picture."""
    x, y, width, height = box
    return [x, y, round(min(width, 1 - x), 4), round(min(height, 1 - y), 4)]


def _wide(aspect: Fraction, short: int) -> tuple[int, int]:
    if aspect >= 1:
        return _even(short * aspect), _even(short)
    return _even(short), _even(short / aspect)


def _even(value: Fraction | int) -> int:
    return min(max(timecode.round_half_up(Fraction(value) / 2) * 2, 16), 8192)
