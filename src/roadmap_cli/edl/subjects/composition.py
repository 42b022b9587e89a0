"""How a picture is composed around its subject: shot size, headroom, and how far from the lines of thirds.

Shot sizes are named as in Thompson and Bowen, *Grammar of the Shot*: by how much of a body is in the frame. The frame's
height is counted in heads: a head is 0.130 of a person's height and shoulders are 0.259 wide (Drillis and Contini 1966,
in Winter, *Biomechanics*), so a whole body is 7.7 heads, to the knees 5.5, to the waist 3.6, to the chest 2.4.
"""

from __future__ import annotations

from collections.abc import Sequence

Box = tuple[float, float, float, float]

#: The most heads a frame holds from bottom to top for each size, with the usual room above the head.
SIZES = (
    (0.95, "extreme_close"),  # not the whole head
    (2.0, "close"),  # head and neck
    (3.0, "medium_close"),  # to the chest
    (4.6, "medium"),  # to the waist
    (7.0, "medium_wide"),  # to the knees
    (16.0, "wide"),  # the whole body, up to twice its height
)
WIDEST = "extreme_wide"
#: A box of the face goes from the brow to the chin: so much of the head's height, and so much of it lies above the box.
FACE_OF_HEAD, BROW_OF_HEAD = 0.7, 0.25
_HEAD_OF_BODY, _SHOULDERS_IN_HEADS = 0.130, 2.0


def heads_by_face(face: Box) -> float:
    """How many heads high the frame is, from the box of a face in shares of the frame."""
    return FACE_OF_HEAD / face[3]


def heads_by_person(person: Box, aspect: float) -> float:
    """The same from the box of a person. `aspect` is the frame's width by its height.

    A person who does not reach the lower edge is whole, and their height counts; of one cut off there only the
    shoulders' breadth is known: a rough guide.
    """
    if person[1] + person[3] < 0.97:
        return 1 / (person[3] * _HEAD_OF_BODY)
    return _SHOULDERS_IN_HEADS / max(0.01, person[2] * aspect)


def size(heads: float) -> str:
    """The name of a shot size by how many heads high the frame is."""
    return next((name for most, name in SIZES if heads < most), WIDEST)


def headroom_by_face(face: Box) -> float:
    """The share of the frame's height above the head; 0 if the head is cut off."""
    return max(0.0, face[1] - face[3] * BROW_OF_HEAD / FACE_OF_HEAD)


def thirds_distance(point: tuple[float, float]) -> float:
    """How far a point is from the nearest crossing of the lines of thirds, as a share of the frame's diagonal if it
    were square: 0 on a crossing, 0.17 in the middle, 0.33 in a corner.
    """
    x, y = (min(abs(value - 1 / 3), abs(value - 2 / 3)) for value in point)
    return float(((x * x + y * y) / 2) ** 0.5)


def middle(boxes: Sequence[Box]) -> Box:
    """The box whose sides are the medians of those of many."""
    import numpy

    x, y, width, height = (float(value) for value in numpy.median(numpy.array(boxes, numpy.float64), axis=0))
    return x, y, min(width, 1 - x), min(height, 1 - y)
