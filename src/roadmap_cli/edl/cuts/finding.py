"""The detectors a source can be cut by, under one roof: ours, and PySceneDetect's at their defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from roadmap_cli.core.errors import UsageError
from roadmap_cli.edl.cuts.detector import SHORTEST, Boundary, Detector
from roadmap_cli.edl.cuts.doubt import Doubts
from roadmap_cli.edl.probe import Media
from roadmap_cli.edl.seeing.decoding import Picture

#: Our own detector, and PySceneDetect's by the names of its commands: options and class.
DEFAULT = "edl"
PEERS = {
    "adaptive": "AdaptiveDetector",
    "content": "ContentDetector",
    "hash": "HashDetector",
    "histogram": "HistogramDetector",
    "threshold": "ThresholdDetector",
}
NAMES = (DEFAULT, *PEERS)
#: How far back in time, in seconds, a detector of PySceneDetect may still place a cut.
_LATE_S = 4


class Finder(Protocol):
    """Takes pictures in order of presentation, gives boundaries in order."""

    @property
    def certain(self) -> int:
        """No boundary will be before this frame any more."""

    def add(self, small: Any, picture: Picture) -> list[Boundary]:
        """Take the next picture in, as the stack of `cuts.smaller` and as planes; what became certain comes out."""

    def finish(self) -> list[Boundary]:
        """The rest, after the last picture."""


def finder(name: str, media: Media, doubts: Doubts | None = None) -> Finder:
    """A detector by its name; ours asks `doubts` where it is of two minds. Raises UsageError if none has that name."""
    if name == DEFAULT:
        return _Ours(Detector(doubts=doubts))
    if name not in PEERS:
        raise UsageError(f"no detector {name!r}: one of {', '.join(NAMES)}")
    return _Peer(PEERS[name], media)


@dataclass(slots=True)
class _Ours:
    detector: Detector = field(default_factory=Detector)

    @property
    def certain(self) -> int:
        return self.detector.certain

    def add(self, small: Any, picture: Picture) -> list[Boundary]:
        return self.detector.add(small)

    def finish(self) -> list[Boundary]:
        return self.detector.finish()


class _Peer:
    """A PySceneDetect detector with its own defaults, on pictures 320 wide."""

    def __init__(self, sort: str, media: Media) -> None:
        import scenedetect

        self._detector = getattr(scenedetect, sort)()
        self._fps = media.fps
        self._late = max(1, round(_LATE_S * media.fps))
        self._number = 0
        self._told = 0

    @property
    def certain(self) -> int:
        return max(0, self._number - self._late)

    def add(self, small: Any, picture: Picture) -> list[Boundary]:
        import cv2
        import numpy
        import scenedetect

        height, width = picture.luma.shape
        planes = numpy.concatenate([picture.luma.ravel(), picture.blue.ravel(), picture.red.ravel()])
        colours = cv2.cvtColor(planes.reshape(height * 3 // 2, width), cv2.COLOR_YUV2BGR_I420)
        found = self._detector.process_frame(scenedetect.FrameTimecode(self._number, self._fps), colours)
        self._number += 1
        return self._boundaries(found)

    def finish(self) -> list[Boundary]:
        import scenedetect

        if not self._number:
            return []
        return self._boundaries(self._detector.post_process(scenedetect.FrameTimecode(self._number - 1, self._fps)))

    def _boundaries(self, found: Any) -> list[Boundary]:
        """Boundaries in order; one that comes later than `_LATE_S` lies where frames are not yet given away."""
        told = []
        for at in sorted(max(self.certain, int(one.frame_num)) for one in found):
            if at - self._told >= SHORTEST:
                told.append(Boundary(at, at, "cut"))
                self._told = at
        return told
