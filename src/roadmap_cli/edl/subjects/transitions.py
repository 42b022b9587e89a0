"""How likely each picture is the last of a shot, or part of a transition, by TransNetV2: slow, for doubtful spans."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.edl.cuts.doubt import MODEL

if TYPE_CHECKING:
    import numpy

_WINDOW, _STEP, _EDGE = 100, 50, 25


class Transitions:
    """The loaded model."""

    def __init__(self, path: Path):
        from roadmap_cli.models import sessions

        self._session = sessions.onnx(str(path), path, 1)

    def find(self, pictures: numpy.ndarray[Any, Any]) -> tuple[numpy.ndarray[Any, Any], numpy.ndarray[Any, Any]]:
        """Of pictures in a row, uint8 [n, 27, 48, 3] RGB: float32 [n] each, how likely a new shot begins after a
        picture, and how likely it is part of a transition.

        Windows of 100 pictures overlap by half and the middle of each counts, as in the authors' own code; the span's
        first and last pictures are repeated around it.
        """
        import numpy

        count = len(pictures)
        if not count:
            return numpy.empty(0, numpy.float32), numpy.empty(0, numpy.float32)
        after = _EDGE + _STEP - (count % _STEP or _STEP)
        padded = numpy.concatenate(
            [numpy.repeat(pictures[:1], _EDGE, axis=0), pictures, numpy.repeat(pictures[-1:], after, axis=0)]
        )
        single, many = [], []
        for start in range(0, len(padded) - _WINDOW + 1, _STEP):
            window = padded[start : start + _WINDOW]
            given = {
                "pictures": window.astype(numpy.float32).transpose(3, 0, 1, 2)[None] / numpy.float32(255),
                "colours": _histograms(window)[None],
            }
            one, all_of_it = self._session.run(["single", "many"], given)
            single.append(one[0, _EDGE : _EDGE + _STEP])
            many.append(all_of_it[0, _EDGE : _EDGE + _STEP])
        return numpy.concatenate(single)[:count], numpy.concatenate(many)[:count]


def open_transitions(environ: Mapping[str, str]) -> Transitions | None:
    """The model if it was pulled, else None. Raises ConfigError if it is damaged, Unavailable without onnxruntime."""
    from roadmap_cli.models import sessions

    files = sessions.paths(environ, MODEL)
    return Transitions(next(iter(files.values()))) if files else None


def _histograms(pictures: Any) -> Any:
    """Histograms of 8 x 8 x 8 colours, float32 [n, 512] of length one."""
    import numpy

    high = pictures.reshape(len(pictures), -1, 3).astype(numpy.int32) >> 5
    bins = (high[:, :, 0] << 6) + (high[:, :, 1] << 3) + high[:, :, 2]
    found = numpy.stack([numpy.bincount(row, minlength=512) for row in bins]).astype(numpy.float32)
    return found / numpy.linalg.norm(found, axis=1, keepdims=True)
