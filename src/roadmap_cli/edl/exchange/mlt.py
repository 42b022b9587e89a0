"""What Shotcut and Kdenlive projects share: MLT's XML, its clock, and which source picture it shows when.

Measured on melt 7.12 with clips whose pictures tell their number (25, 24 and 30000/1001 frames a second, speeds 0.5 to
1.1): position p of a producer of speed s shows source picture floor(p * s * rate / fps + 1/2). Where that is exactly a
half, either neighbour may come. `place` chooses the first position, and if need be a speed a hair slower, so that no
picture of a neighbouring shot is ever seen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from xml.etree import ElementTree

from roadmap_cli.core.errors import DataError
from roadmap_cli.edl import timecode

Element = ElementTree.Element


@dataclass(slots=True)
class Names:
    """Names of elements in the order in which they are made: chain0, chain1, filter0."""

    counts: dict[str, int] = field(default_factory=dict)

    def next(self, tag: str) -> str:
        """The next name for a tag."""
        number = self.counts.get(tag, 0)
        self.counts[tag] = number + 1
        return f"{tag}{number}"


_CLOCK = re.compile(r"(-?)(?:(\d{1,4}):)?(\d{1,4}):(\d{1,2})(?:[.,](\d{1,9}))?\Z")
_TIMECODE = re.compile(r"(\d{1,4}):(\d{2}):(\d{2})[:;](\d{1,3})\Z")
_FRAMES = re.compile(r"-?\d{1,9}\Z")
#: How far a position must keep from where two pictures are equally near, in source frames.
_MARGIN = Fraction(1, 500)
#: Characters XML 1.0 cannot hold, however they are written.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Warp:
    """Where a clip begins in its producer, and at which speed; None plays the file as it is."""

    start: int
    speed: Fraction | None
    exact: bool = True

    @property
    def spelled(self) -> str:
        """The speed as MLT writes it."""
        return spell_speed(self.speed or Fraction(1))


def spell_speed(speed: Fraction) -> str:
    """A speed in decimals: up to nine, no trailing noughts."""
    return f"{float(speed):.9f}".rstrip("0").rstrip(".")


def place(
    first: int, end: int, rate: Fraction, speed: Fraction, fps: Fraction, frames: int, *, rewarp: bool = True
) -> Warp:
    """Where `frames` programme frames begin so that all show pictures from `first` to before `end`.

    If no position does at the speed itself, the nearest speed at which one does is taken (`rewarp`); `exact` is false
    when even that is impossible, because the programme frames outnumber what the range can give.
    """
    step = speed * rate / fps
    plain = None if speed == 1 else speed
    about = timecode.round_half_up(first / step)
    near = [about, about + 1, about - 1, about + 2, about - 2]
    for start in near:
        if start >= 0 and _inside(start, step, first, end, frames):
            return Warp(start, plain)
    best: tuple[Fraction, int] | None = None
    half = Fraction(1, 2)
    for start in near:
        if start < 0 or not rewarp:
            continue
        least = (first - half + _MARGIN) / start if start else Fraction(1, 1000)
        most = (first + half - _MARGIN) / start if start else step * 2
        last = start + frames - 1
        if last:
            most = min(most, (end - half - _MARGIN) / last)
        if least > most:
            continue
        wanted = min(max(step, least), most)
        changed = Fraction(round(wanted * fps / rate * 10**9), 10**9)
        if _inside(start, changed * rate / fps, first, end, frames, _MARGIN / 2) and (
            best is None or abs(changed - speed) < abs(best[0] - speed)
        ):
            best = (changed, start)
    if best:
        return Warp(best[1], best[0])
    return Warp(max(0, about), plain, exact=False)


def _inside(start: int, step: Fraction, first: int, end: int, frames: int, margin: Fraction = _MARGIN) -> bool:
    half = Fraction(1, 2)
    return start * step + half >= first + margin and (start + frames - 1) * step + half <= end - margin


def source_frame(position: int, speed: Fraction, rate: Fraction, fps: Fraction) -> int:
    """The source picture a producer shows at a position."""
    return int(position * speed * rate / fps + Fraction(1, 2))


def clock(frame: int, fps: Fraction) -> str:
    """A position as Shotcut saves it: ``HH:MM:SS.mmm``, to the nearest millisecond."""
    milliseconds = timecode.round_half_up(frame * 1000 / fps)
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}.{milliseconds:03d}"


def frame_of(text: object, fps: Fraction) -> int:
    """A position written as frames, as a clock or as a SMPTE time code. Raises DataError for anything else."""
    said = str(text).strip()
    if _FRAMES.match(said):
        return int(said)
    if match := _CLOCK.match(said):
        sign, hours, minutes, seconds, part = match.groups()
        whole = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
        exact = whole + (Fraction(int(part), 10 ** len(part)) if part else 0)
        frame = timecode.round_half_up(exact * fps)
        return -frame if sign else frame
    if match := _TIMECODE.match(said):
        hours, minutes, seconds, frames = (int(each) for each in match.groups())
        return (hours * 3600 + minutes * 60 + seconds) * timecode.round_half_up(fps) + frames
    raise DataError(f"not a position in time: {said[:40]!r}", code="bad_time")


# -- XML -------------------------------------------------------------------------------------------------------------


def sub(parent: Element, tag: str, properties: Mapping[str, object] | None = None, /, **attributes: object) -> Element:
    """A new child element with attributes and MLT properties; names ending in an underscore lose it (``in_``)."""
    child = ElementTree.SubElement(
        parent, tag, {name.rstrip("_"): clean(str(value)) for name, value in attributes.items()}
    )
    put(child, properties or {})
    return child


def put(element: Element, properties: Mapping[str, object]) -> None:
    """Add MLT properties; those that are None or empty are left out."""
    for name, value in properties.items():
        if value is None or value == "":
            continue
        node = ElementTree.SubElement(element, "property", {"name": name})
        node.text = clean(str(value))


def clean(text: str) -> str:
    """Text without the characters XML cannot hold."""
    return _FORBIDDEN.sub("\ufffd", text)


def serialise(root: Element) -> bytes:
    """An indented XML file."""
    ElementTree.indent(root, "  ")
    text: bytes = ElementTree.tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" standalone="no"?>\n' + text + b"\n"


def profile(root: Element, width: int, height: int, fps: Fraction) -> None:
    """The profile element: square pixels, progressive, BT.709."""
    shape = Fraction(width, height)
    sub(
        root, "profile", None,
        description=f"{width}x{height} {float(fps):.2f} fps", width=width, height=height, progressive=1,
        sample_aspect_num=1, sample_aspect_den=1, display_aspect_num=shape.numerator,
        display_aspect_den=shape.denominator, frame_rate_num=fps.numerator, frame_rate_den=fps.denominator,
        colorspace=709,
    )  # fmt: skip
