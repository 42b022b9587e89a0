"""Pictures of a source to look at: two a second, and one in the middle of each shot; small, streamed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from roadmap_cli.edl import programs
from roadmap_cli.edl.probe import Media, pictures
from roadmap_cli.edl.programs import Programs

if TYPE_CHECKING:
    import numpy

WIDTH = 320
PER_SECOND = 2
#: A source of more than two hours is looked at less often, so that what is kept of it stays small.
MOST_SAMPLES = 14_400


def wanted(fps: float, ranges: Sequence[tuple[int, int]]) -> list[int]:
    """The frames to look at in order: every half second, and the middle of each shot that has none within its edges."""
    length = ranges[-1][1] if ranges else 0
    step = max(1, round(fps / PER_SECOND), -(-length // MOST_SAMPLES))
    found = []
    for first, end in ranges:
        inside = list(range(-(-first // step) * step, end, step))
        # The frames at a cut may be mixed ones.
        found += [frame for frame in inside if first + 1 <= frame < end - 1] or [(first + end) // 2]
    return found


def samples(
    found: Programs,
    media: Media,
    ranges: Sequence[tuple[int, int]],
    tell: Callable[[float], None] = lambda count: None,
) -> Iterator[tuple[int, numpy.ndarray[Any, Any]]]:
    """Frame numbers and pictures [height, width, 3], uint8 RGB, of a source with shots of these ranges.

    `tell` hears of each frame done.
    """
    import numpy

    frames = wanted(float(media.fps), ranges)
    width = max(2, min(WIDTH, media.width))
    height = max(2, round(width * media.height / media.width))
    options, filters = pictures(media)
    filters = [*filters, ("scale", {"w": width, "h": height, "flags": "area"}), ("format", {"pix_fmts": "rgb24"})]
    node = programs.source(media.path, media.video_index, options, filters)
    node = node.output("pipe:1", format="rawvideo", fps_mode="passthrough")
    size = width * height * 3
    place = number = 0
    with programs.drained(programs.arguments(found, node), str(media.path), bufsize=size * 4) as decoder:
        while place < len(frames) and len(data := decoder.stdout.read(size)) == size:
            if number == frames[place]:
                yield number, numpy.frombuffer(data, numpy.uint8).reshape(height, width, 3)
                place += 1
            number += 1
            tell(1)
