"""A source drawn as lines of text: where its shots lie, how bright they are and how much moves in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from roadmap_cli.core.records import Record
from roadmap_cli.edl import timecode

BARS = " ▁▂▃▄▅▆▇█"
#: Width of the names before the lines.
_MARGIN = 8


@dataclass(frozen=True, slots=True)
class Strip:
    """The lines of one source, each with what it shows."""

    title: str
    lines: tuple[tuple[str, str], ...]


def drawn(source: Record, shots: Sequence[Record], width: int) -> Strip:
    """A source with its edl.shot records in `width` columns."""
    columns = max(8, width - _MARGIN)
    frames = max(1, int(source["frames"]))
    at = [frames * (2 * n + 1) // (2 * columns) for n in range(columns)]
    places = [_shot_at(shots, frame) for frame in at]
    edge = "".join(
        "┃" if n and places[n] != places[n - 1] else "╸" if n == columns - 1 else "━" for n in range(columns)
    )
    light = [float(shots[place].get("luma_mean", 0)) / 255 for place in places]
    change = [float(shots[place].get("motion", 0)) for place in places]
    most = max([*change, 1.0])
    fps = timecode.rational(source["fps"])
    cuts = f"{len(shots)} shot" + ("" if len(shots) == 1 else "s")
    ends = (timecode.clock(0, fps), timecode.clock(frames, fps))
    title = f"{source['path']}: {cuts}, {ends[1]}, {source['width']}x{source['height']}, {source['fps']}"
    lines = [("shots", edge), ("light", _bars(light)), ("motion", _bars([value / most for value in change]))]
    if any("loudness_lufs" in shot for shot in shots):
        loud = [max(0.0, min(1.0, (float(shots[place].get("loudness_lufs", -70)) + 60) / 60)) for place in places]
        lines.append(("sound", _bars(loud)))
    lines.append(("", ends[0] + " " * max(1, columns - len(ends[0]) - len(ends[1])) + ends[1]))
    return Strip(title, tuple((name.ljust(_MARGIN), line) for name, line in lines))


def told(shot: Record) -> str:
    """One shot in a line: when it begins, how long it is, and what stands out."""
    fps = timecode.rational(shot["fps"])
    frames = shot["out_frame"] - shot["in_frame"]
    words = [f"{shot.get('key', '')} key".strip(), f"light {shot.get('luma_mean', 0):.0f}"]
    words += [f"by {shot['entered_by']}"] if "entered_by" in shot else []
    words += _camera(shot)
    if float(shot.get("noise", 0)) >= 5:
        words.append(f"noise {shot['noise']:.1f}")
    if abs(float(shot.get("horizon_degrees", 0))) >= 1:
        words.append(f"horizon {shot['horizon_degrees']:+.1f}°")
    return f"{timecode.clock(shot['in_frame'], fps):>13} {frames:>6} frames  {', '.join(words)}"


def _camera(shot: Record) -> list[str]:
    """What the camera does, if it can be seen: a tenth of the width in a second or more, or a tremble."""
    fps = float(timecode.rational(shot["fps"]))
    found = []
    for field, names in (
        ("pan_ratio", ("pans left", "pans right")),
        ("tilt_ratio", ("tilts down", "tilts up")),
        ("zoom_ratio", ("zooms out", "zooms in")),
    ):
        value = float(shot.get(field, 0)) * fps
        if abs(value) >= 0.1:
            found.append(names[value > 0])
    if float(shot.get("shake_ratio", 0)) >= 0.004:
        found.append("shakes")
    return found


def _shot_at(shots: Sequence[Record], frame: int) -> int:
    from bisect import bisect_right

    return max(0, bisect_right(shots, frame, key=lambda shot: int(shot["in_frame"])) - 1)


def _bars(values: Sequence[float]) -> str:
    return "".join(BARS[max(1, min(8, round(8 * value)))] for value in values)
