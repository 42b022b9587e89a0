"""Flashes that can harm, measured on the planned pictures.

A flash is a pair of opposing changes of relative luminance by a tenth or more where the darker picture is below 0.8,
over more than a quarter of the screen; more than three within any second are not safe (ITU-R BT.1702-3, WCAG 2.3.1).
Pictures are decoded 32 by 18: a quarter of the screen is 144 of their points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.records import Record
from roadmap_cli.edl import high_range, probe, programs, scanning, timecode
from roadmap_cli.edl.checking.findings import Finding, error
from roadmap_cli.edl.checking.footage import Footage, rational
from roadmap_cli.edl.programs import Programs

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDTH, HEIGHT = 32, 18
_STEP, _BRIGHT, _AREA = 0.1, 0.8, 0.25
#: Changes within a second that are more than three flashes.
_TOO_MANY = 7


class Watch:
    """Counts flashes in pictures given one after the other: each a flat array of luma, 0 to 255."""

    def __init__(self, fps: float) -> None:
        self.fps = fps
        self.frame = -1
        self.found: list[tuple[int, int]] = []
        self._low: Any = None
        self._high: Any = None
        self._rising: Any = None
        self._changes: list[tuple[int, int]] = []

    def see(self, luma: NDArray[Any]) -> None:
        """The next picture."""
        import numpy

        self.frame += 1
        light = (luma.astype("f4") / 255) ** 2.4
        if self._low is None:
            self._low, self._high = light.copy(), light.copy()
            self._rising = numpy.zeros(light.shape, "i1")
            self._area = numpy.zeros((2, light.size), "i4") - 10**6
            return
        numpy.minimum(self._low, light, out=self._low)
        numpy.maximum(self._high, light, out=self._high)
        up = (light - self._low >= _STEP) & (self._low < _BRIGHT) & (self._rising <= 0)
        down = (self._high - light >= _STEP) & (light < _BRIGHT) & (self._rising >= 0) & ~up
        for sign, changed in ((1, up), (-1, down)):
            self._low[changed] = self._high[changed] = light[changed]
            self._rising[changed] = sign
            self._area[0 if sign > 0 else 1][changed] = self.frame
        for sign in (1, -1):
            recent = self._area[0 if sign > 0 else 1] >= self.frame - 1  # a change may be spread over two pictures
            if recent.mean() > _AREA and (not self._changes or self._changes[-1][1] != sign):
                self._change(sign)

    def _change(self, sign: int) -> None:
        self._changes.append((self.frame, sign))
        if len(self._changes) >= _TOO_MANY:
            first = self._changes[-_TOO_MANY][0]
            if self.frame - first < self.fps:
                if self.found and first <= self.found[-1][1]:
                    self.found[-1] = (self.found[-1][0], self.frame)
                else:
                    self.found.append((first, self.frame))


def find(found: Programs, footage: Footage, tell: Callable[[float], None]) -> Iterator[Finding]:
    """Decode the planned cuts small and look. Raises DataError if a source cannot be decoded.

    Speed is taken into account; looks, effects and transitions are not.
    """
    import numpy

    watch = Watch(float(footage.fps))
    media: dict[str, probe.Media] = {}
    for cut in footage.cuts:
        name = cut["source_id"]
        if name not in media:
            # Counted as it was scanned: a frame number must mean the same picture.
            media[name] = replace(scanning.media_of(found, footage.sources[name]), fps=rational(cut["fps"]))
        shown = cut["timeline_out_frame"] - cut["timeline_in_frame"]
        frames = _pictures(found, media[name], cut)
        step = (cut["out_frame"] - cut["in_frame"]) / shown
        reached, picture = -1, None
        for number in range(shown):
            wanted = int(number * step)
            while reached < wanted and (block := next(frames, None)) is not None:
                picture, reached = numpy.frombuffer(block, "u1"), reached + 1
            if picture is not None:
                watch.see(picture)
        tell(shown)
    cuts = footage.cuts
    for first, last in watch.found:
        at = next((cut for cut in reversed(cuts) if cut["timeline_in_frame"] <= first), cuts[0])
        span = " to ".join(timecode.clock(frame, footage.fps) for frame in (first, last))
        words = f"flashes more than three times a second from {span}: it can cause seizures"
        yield error("flashes", words, at, frame=first)


def _pictures(found: Programs, media: probe.Media, cut: Record) -> Iterator[bytes]:
    """The source frames of a cut, 32 by 18 in grey, one after the other."""
    options, filters = probe.pictures(media, cut["in_frame"], cut["out_frame"])
    small: programs.Chain = [("scale", {"width": WIDTH, "height": HEIGHT, "flags": "area"})]
    filters = [*filters, *small, *high_range.measured(found, media), ("format", {"pix_fmts": "gray"})]
    node = programs.source(media.path, media.video_index, options, filters)
    command = programs.arguments(found, node.output("pipe:1", format="rawvideo"))
    with programs.drained(command, str(media.path)) as decoder:
        while block := decoder.stdout.read(WIDTH * HEIGHT):
            if len(block) == WIDTH * HEIGHT:
                yield block
        decoder.finish()
