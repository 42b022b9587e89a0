"""Pictures as numbers that are near for what looks alike, and names of things: EfficientNet-Lite0, trained on ImageNet.

Without the weights, pictures are compared by their colours and where these lie (`colours`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.errors import DataError

if TYPE_CHECKING:
    import numpy

#: Sides of the squares that are looked at: small ones to compare, the size it was trained on to name.
COMPARED, NAMED = 160, 224
DIMENSIONS = 1280
_BATCH = 8
#: A name is given if it is at least so probable on the mean of the pictures looked at.
LEAST_PROBABLE = 0.35


@dataclass(frozen=True, slots=True)
class Named:
    """The five most probable names of a picture with their shares, and which of the 1000 came first in a small one."""

    first: int = -1
    names: tuple[tuple[str, float], ...] = ()


UNNAMED = Named()


class Pictures:
    """The loaded model."""

    #: Of what `see` gives: content and colours, half each.
    name = "efficientnet-lite0+colour-layout-1"

    def __init__(self, graph: Path, labels: Path):
        from roadmap_cli.models import sessions

        self._session = sessions.onnx(str(graph), graph, 1)
        try:
            self._labels = json.loads(labels.read_bytes())
        except (OSError, ValueError) as error:
            raise DataError(f"cannot be read: {error}", where=str(labels), code="bad_model") from error
        if not isinstance(self._labels, list) or len(self._labels) != 1000:
            raise DataError("not a list of 1000 names", where=str(labels), code="bad_model")

    def embed(self, pictures: Sequence[numpy.ndarray[Any, Any]]) -> numpy.ndarray[Any, Any]:
        """Vectors of pictures [height, width, 3], uint8: float32 [n, 1280], each of length one."""
        import numpy

        found = numpy.empty((len(pictures), DIMENSIONS), numpy.float32)
        for start in range(0, len(pictures), _BATCH):
            batch = numpy.stack([_laid(rgb, COMPARED) for rgb in pictures[start : start + _BATCH]])
            found[start : start + len(batch)] = self._session.run(["features"], {"pictures": batch})[0]
        return found

    def see(self, rgb: numpy.ndarray[Any, Any], before: Named = UNNAMED) -> tuple[numpy.ndarray[Any, Any], Named]:
        """The vector of one picture, float32 [1520] of length one, and its most probable names, if one is likely.

        The vector is the features beside the colours: what is shown and how it is lit part scenes better than either.
        Small pictures make the model too sure of itself: what it names there is asked again at the size it was trained
        on, and only that answer counts. It is not asked again while the same name comes up as `before`.
        """
        features, logits = self._session.run(None, {"pictures": _laid(rgb, COMPARED)[None]})
        vector = _joined(features[0], _coloured(rgb))
        if float(_shares(logits).max()) < LEAST_PROBABLE:
            return vector, UNNAMED
        first = int(logits.argmax())
        if first == before.first:
            return vector, before
        shares = _shares(self._session.run(["logits"], {"pictures": _laid(rgb, NAMED)[None]})[0])[0]
        best = shares.argsort()[-5:][::-1]
        return vector, Named(first, tuple((self._labels[place], float(shares[place])) for place in best))

    def label(self, pictures: Sequence[numpy.ndarray[Any, Any]]) -> tuple[str, float] | None:
        """What pictures of one thing show most probably, and how probable it is on their mean; None if unsure."""
        import numpy

        batch = numpy.stack([_laid(rgb, NAMED) for rgb in pictures])
        (logits,) = self._session.run(["logits"], {"pictures": batch})
        shares = _shares(logits).mean(axis=0)
        best = int(shares.argmax())
        return (self._labels[best], float(shares[best])) if shares[best] >= LEAST_PROBABLE else None


class Colours:
    """The stand-in without weights: shares of 4 x 4 x 4 colours in each third of the width (square roots, so that the
    product of two is their Bhattacharyya coefficient), and brightness on a grid of 8 x 6.
    """

    name = "colour-layout-1"

    def embed(self, pictures: Sequence[numpy.ndarray[Any, Any]]) -> numpy.ndarray[Any, Any]:
        """Vectors of pictures [height, width, 3], uint8: float32 [n, 240], each of length one."""
        import numpy

        return numpy.stack([_coloured(rgb) for rgb in pictures])

    def see(self, rgb: numpy.ndarray[Any, Any], _before: Named = UNNAMED) -> tuple[numpy.ndarray[Any, Any], Named]:
        """The vector of one picture, and no name."""
        return _coloured(rgb), UNNAMED


def _shares(logits: Any) -> Any:
    """Softmax over the names."""
    import numpy

    raised = numpy.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def _joined(features: Any, colours: Any) -> Any:
    """Two vectors of length one as one, whose product with another is the mean of their two products."""
    import numpy

    return numpy.concatenate([features, colours]).astype(numpy.float32) / numpy.float32(2**0.5)


def _coloured(rgb: Any) -> Any:
    import cv2
    import numpy

    small = cv2.resize(rgb, (96, 54), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    parts = []
    for third in numpy.array_split(lab, 3, axis=1):
        # Colours of pictures lie near the axis of greys: the bins are narrow there.
        bins = [numpy.digitize(third[:, :, 0], (64, 128, 192))]
        bins += [numpy.digitize(third[:, :, plane], (116, 128, 140)) for plane in (1, 2)]
        places = bins[0] * 16 + bins[1] * 4 + bins[2]
        counts = numpy.bincount(places.reshape(-1), minlength=64).astype(numpy.float32)
        parts.append(numpy.sqrt(counts / (3 * counts.sum())))
    grid = cv2.resize(lab[:, :, 0], (8, 6), interpolation=cv2.INTER_AREA).astype(numpy.float32).reshape(-1)
    grid -= grid.mean()
    grid /= max(float(numpy.linalg.norm(grid)), 20.0 * 48**0.5)  # a flat picture has no layout
    vector = numpy.concatenate([*parts, 0.5 * grid])
    return (vector / numpy.linalg.norm(vector)).astype(numpy.float32)


def _laid(rgb: Any, side: int) -> Any:
    """A picture as the model takes it: the whole of it in a square, in -1 to 1 (mean 127, deviation 128)."""
    import cv2
    import numpy

    shrinks = rgb.shape[0] >= side and rgb.shape[1] >= side
    square = cv2.resize(rgb, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return (square.astype(numpy.float32).transpose(2, 0, 1) - 127) / 128
