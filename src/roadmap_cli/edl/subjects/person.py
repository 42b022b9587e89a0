"""Where in a picture a person is, by MediaPipe's selfie segmentation (landscape, 256 x 144), and how far to trust it.

The model was made for people near the camera. On a letterboxed picture it fails, so bars are cut off first; and it
always answers something, so an answer is trusted only if it is decided, hangs together, and is of a person's size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.edl.subjects import bars

if TYPE_CHECKING:
    import numpy

WIDTH, HEIGHT = 256, 144
#: Below this a mask is not used: chosen on photographs and film frames with and without people.
LEAST_TRUST = 0.6
#: The model by its name in the manifest.
MODEL = "person-mask"


@dataclass(frozen=True, slots=True)
class Person:
    """A mask, float32 [height, width] of the picture, 0 to 1; its box in shares of the picture, or None if it is empty;
    and how far to trust it, 0 to 1.
    """

    mask: Any
    box: tuple[float, float, float, float] | None
    trust: float


class PersonMask:
    """The loaded model."""

    def __init__(self, path: Path):
        from roadmap_cli.models import sessions

        self._run: Callable[[Any], list[Any]] = sessions.litert(path)

    def find(self, rgb: numpy.ndarray[Any, Any], box: tuple[int, int, int, int] | None = None) -> Person:
        """The person in a picture [height, width, 3], uint8.

        `box` (top, bottom, left, right, in pixels) is the picture inside its bars where that is known; it is looked for
        otherwise.
        """
        import cv2
        import numpy

        height, width = rgb.shape[:2]
        top, bottom, left, right = box or bars.inside(rgb)
        small = cv2.resize(rgb[top:bottom, left:right], (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        (answer,) = self._run((small.astype(numpy.float32) / 255)[None])
        found = answer[0, :, :, 0]
        mask = numpy.zeros((height, width), numpy.float32)
        size = (right - left, bottom - top)
        mask[top:bottom, left:right] = cv2.resize(found, size, interpolation=cv2.INTER_LINEAR).clip(0, 1)
        trust, inner = _judged(found)
        if inner is None:
            return Person(mask, None, 0.0)
        x, y, across, down = inner
        shares = ((left + x * size[0]) / width, (top + y * size[1]) / height)
        return Person(mask, (*shares, across * size[0] / width, down * size[1] / height), trust)


def open_mask(environ: Mapping[str, str]) -> PersonMask | None:
    """The model if it was pulled, else None. Raises ConfigError if it is damaged, Unavailable without its runtime."""
    from roadmap_cli.models import sessions

    files = sessions.paths(environ, MODEL)
    return PersonMask(next(iter(files.values()))) if files else None


def _judged(mask: Any) -> tuple[float, tuple[float, float, float, float] | None]:
    """How far to trust a mask, and the box of its largest part in shares.

    The product of: how decided it is (mean of |2m - 1| where anything is seen), how much of it is one piece, and
    whether it is of a size (2 to 85 % of the picture) and shape (no wider than 2.5 times its height) people have.
    """
    import cv2
    import numpy

    seen = mask > 0.1
    area = float((mask > 0.5).mean())
    count, _, stats, _ = cv2.connectedComponentsWithStats((mask > 0.5).astype(numpy.uint8))
    if count < 2 or not seen.any():
        return 0.0, None
    largest = 1 + int(numpy.argmax(stats[1:, cv2.CC_STAT_AREA]))
    x, y, across, down, pixels = (int(value) for value in stats[largest])
    decided = float(numpy.abs(2 * mask[seen] - 1).mean())
    whole = pixels / max(1.0, float((mask > 0.5).sum()))
    height, width = mask.shape
    sized = min(1.0, area / 0.02) * min(1.0, max(0.0, (1 - area) / 0.15))
    shaped = min(1.0, 2.5 * down / across) if across else 0.0
    return decided * whole * sized * shaped, (x / width, y / height, across / width, down / height)
