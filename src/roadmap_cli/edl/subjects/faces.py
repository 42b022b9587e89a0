"""Faces in a picture, by BlazeFace's full-range model (Bazarevsky et al. 2019, arXiv 1907.05047).

The picture is laid into a square of 192 pixels with black borders; each of 48 x 48 cells says how likely it is the
middle of a face, and the box. Boxes that overlap are merged, weighted by their scores, as MediaPipe's graph does it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy

SIDE = 192
_CELLS = 48
#: MediaPipe's own threshold for this model (face_detection_full_range.pbtxt).
LEAST_SCORE = 0.6
_OVERLAP = 0.3
#: Box, middle of the eyes, and score.
_Found = tuple[tuple[float, float, float, float], tuple[float, float], float]


@dataclass(frozen=True, slots=True)
class Face:
    """A face: its box [x, y, width, height] in shares of the picture, the height of its eyes, and how sure it is."""

    box: tuple[float, float, float, float]
    score: float
    eyes: tuple[float, float]


class Faces:
    """The loaded model."""

    def __init__(self, path: Path):
        from roadmap_cli.models import sessions

        self._run: Callable[[Any], list[Any]] = sessions.litert(path)

    def find(self, rgb: numpy.ndarray[Any, Any]) -> list[Face]:
        """The faces of a picture [height, width, 3], uint8, the surest first."""
        import cv2
        import numpy

        height, width = rgb.shape[:2]
        scale = SIDE / max(height, width)
        across, down = max(1, round(width * scale)), max(1, round(height * scale))
        left, top = (SIDE - across) // 2, (SIDE - down) // 2
        square = numpy.full((1, SIDE, SIDE, 3), -1.0, numpy.float32)
        small = cv2.resize(rgb, (across, down), interpolation=cv2.INTER_AREA)
        square[0, top : top + down, left : left + across] = small.astype(numpy.float32) / 127.5 - 1
        outputs = self._run(square)
        shapes, scores = sorted(outputs, key=lambda output: -output.shape[-1])
        return [
            Face(
                _inside((box[0] - left) / across, (box[1] - top) / down, box[2] / across, box[3] / down),
                score,
                ((eyes[0] - left) / across, (eyes[1] - top) / down),
            )
            for box, eyes, score in _decoded(shapes[0], scores[0, :, 0])
        ]


def _inside(x: float, y: float, width: float, height: float) -> tuple[float, float, float, float]:
    """The part of a box that lies in the picture."""
    right, bottom = min(1.0, x + width), min(1.0, y + height)
    x, y = min(max(0.0, x), 0.999), min(max(0.0, y), 0.999)
    return x, y, max(0.001, right - x), max(0.001, bottom - y)


def _decoded(shapes: Any, logits: Any) -> list[_Found]:
    """Boxes (x, y, width, height) and the middle of the eyes in pixels of the square, with scores, overlaps merged."""
    import numpy

    least = math.log(LEAST_SCORE / (1 - LEAST_SCORE))
    places = numpy.flatnonzero(logits >= least)
    places = places[numpy.argsort(-logits[places])]
    step = SIDE / _CELLS
    found: list[_Found] = []
    for place in places[:200]:
        shape = shapes[place]
        middle_x, middle_y = (int(place) % _CELLS + 0.5) * step, (int(place) // _CELLS + 0.5) * step
        width, height = float(shape[2]), float(shape[3])
        box = (middle_x + float(shape[0]) - width / 2, middle_y + float(shape[1]) - height / 2, width, height)
        eyes = (middle_x + float(shape[4] + shape[6]) / 2, middle_y + float(shape[5] + shape[7]) / 2)
        if width > 0 and height > 0:
            found.append((box, eyes, 1 / (1 + math.exp(-min(100.0, float(logits[place]))))))
    merged: list[_Found] = []
    while found:
        first = found[0]
        same = [other for other in found if overlap(first[0], other[0]) > _OVERLAP]
        found = [other for other in found if overlap(first[0], other[0]) <= _OVERLAP]
        total = sum(score for _, _, score in same)
        x, y, width, height = (sum(item[0][n] * item[2] for item in same) / total for n in range(4))
        eyes = (
            sum(item[1][0] * item[2] for item in same) / total,
            sum(item[1][1] * item[2] for item in same) / total,
        )
        merged.append(((x, y, width, height), eyes, first[2]))
    return merged


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Intersection over union of two boxes (x, y, width, height)."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    if across <= 0 or down <= 0:
        return 0.0
    shared = across * down
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)
