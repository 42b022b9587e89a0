"""Contact sheets: one picture for each piece of a rendered file, with its time, tiled into one PNG."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from roadmap_cli.core.errors import Unavailable
from roadmap_cli.edl import programs, timecode
from roadmap_cli.edl.programs import Programs
from roadmap_cli.edl.rendering import keeping, titles

#: The most pictures on a sheet, and how wide one is.
MOST, WIDTH = 48, 240


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture of a sheet: a frame of the file, and the programme frame it is."""

    frame: int
    timeline: int


def chosen(spans: Sequence[tuple[int, int, int]]) -> list[Shown]:
    """A frame from the middle of each span (frame in the file, programme frame, length); evenly fewer if too many."""
    shown = [Shown(at + frames // 2, timeline + frames // 2) for at, timeline, frames in spans]
    if len(shown) <= MOST:
        return shown
    return [shown[n * len(shown) // MOST] for n in range(MOST)]


def make(
    found: Programs, film: Path, shown: Sequence[Shown], fps: Fraction, cache: Path, place: Path
) -> tuple[int, int]:
    """Write the sheet; gives its columns and rows. Raises CannotCreate, or DataError if the film cannot be read."""
    columns = min(len(shown), 6 if len(shown) > 8 else 4)
    rows = math.ceil(len(shown) / columns)
    picked = "+".join(f"eq(n,{each.frame})" for each in shown)
    filters = [f"select='{picked}'", f"scale={WIDTH}:-2:flags=area", "setsar=1", "format=rgb24"]
    try:
        font = titles.font_for("0123456789:.")
        face = titles.laid_font(font, cache)
    except Unavailable:
        face = None
    if face:
        for number, each in enumerate(sorted(shown, key=lambda one: one.frame)):
            words = titles.laid_words(timecode.clock(each.timeline, fps), cache)
            filters.append(
                f"drawtext=fontfile={face}:textfile={words}:expansion=none:fontsize=14:fontcolor=white:borderw=2"
                f":bordercolor=black@0.8:x=4:y=h-18:enable='eq(n,{number})'"
            )
    filters.append(f"tile={columns}x{rows}:padding=4:color=0x202020")
    with keeping.whole_file(place) as part:
        command = [
            found.ffmpeg, "-hide_banner", "-nostdin", "-loglevel", "error", "-y", "-i", programs.local(film.absolute()),
            "-vf", ",".join(filters), "-fps_mode", "passthrough", "-frames:v", "1", "-f", "image2", "-c:v", "png",
            "-update", "1", programs.local(part.path.absolute()),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, check=False, cwd=cache)
        programs.check(done.stderr, str(film), done.returncode, place)
    return columns, rows


def pixels(found: Programs, sheet: Path, width: int, height: int | None = None) -> Any:
    """A sheet's picture at a width in pixels: an array (height, width, 3) of bytes. Raises DataError."""
    import numpy

    scale = f"scale={width}:{height or -2}:flags=area"
    command = [
        found.ffmpeg, "-hide_banner", "-nostdin", "-loglevel", "error", "-i", programs.local(sheet.absolute()),
        "-vf", f"{scale},format=rgb24", "-f", "rawvideo", "pipe:1",
    ]  # fmt: skip
    data = numpy.frombuffer(programs.run(command, str(sheet)), "u1")
    return data.reshape(-1, width, 3)
