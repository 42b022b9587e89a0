"""The models that listen: who speaks (Silero VAD) and what sounds (YAMNet). Each may be missing.

Both take the sound as it comes and keep one number a frame, or a few a patch.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.errors import DataError, Unavailable
from roadmap_cli.models import registry, sessions, speech_text
from roadmap_cli.models.speech_text import Weights

if TYPE_CHECKING:
    import numpy

    Samples = numpy.ndarray[Any, Any]

VOICE_MODEL, CLASS_MODEL = "silero-vad", "yamnet"
#: What a scan does worse without each.
LACKS = {
    VOICE_MODEL: "speech is told by its rhythm alone, and missed over music",
    CLASS_MODEL: "music is told by held notes and beats alone, and ambient sound has no name",
}
#: Samples of one frame of the voice model at 16 kHz (32 ms), and of the past that it is given with it.
VOICE_FRAME = 512
_VOICE_PAST = 64
_VOICE_BATCH = 128
# How the eight bits of the class model's input and output stand for numbers (from its graph).
_IN_SCALE, _IN_ZERO, _OUT_SCALE, _OUT_ZERO = 0.047937885, 144, 0.7565417, 190


@dataclass(frozen=True, slots=True)
class Ears:
    """Where the weights of the models lie; None for one that is not pulled."""

    voice: Path | None = None
    classes: tuple[Path, Path] | None = None
    words: Weights | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The models there are."""
        there: list[tuple[str, object]] = [(VOICE_MODEL, self.voice), (CLASS_MODEL, self.classes)]
        there += [(self.words.name, self.words)] if self.words else []
        return tuple(name for name, weights in there if weights is not None)

    @property
    def missing(self) -> tuple[str, ...]:
        """The models there are not, of those that every scan would use."""
        return tuple(name for name in (VOICE_MODEL, CLASS_MODEL) if name not in self.names)


def find(environ: Mapping[str, str], *, words: bool = True) -> Ears:
    """The models that are pulled; the speech model only with `words`. Raises ConfigError if weights are damaged."""
    found = registry.load(environ)
    places: list[list[Path]] = []
    for name in (VOICE_MODEL, CLASS_MODEL):
        model = found.model(name)
        try:
            places.append([found.file(model, file.name) for file in model.files])
        except Unavailable:
            places.append([])
    voice, classes = places
    return Ears(voice[0] if voice else None, (classes[0], classes[1]) if classes else None,
                speech_text.installed(environ) if words else None)  # fmt: skip


class Voice:
    """Probability that somebody speaks in each 32 ms, as Silero VAD 6 tells it."""

    def __init__(self, graph: Path):
        import numpy

        self._session = sessions.onnx(str(graph), graph, 1)
        self._states = [numpy.zeros((1, 1, 128), numpy.float32) for _ in range(2)]
        self._past = numpy.zeros(_VOICE_PAST, numpy.float32)
        self._left = numpy.zeros(0, numpy.float32)

    def take(self, sound: Samples, *, last: bool = False) -> Samples:
        """Probabilities of the frames that are now complete: float32 [n]; at the end also of what is left."""
        import numpy

        whole = numpy.concatenate([self._left, sound])
        if last:
            whole = numpy.pad(whole, (0, -len(whole) % VOICE_FRAME))
        count = len(whole) // VOICE_FRAME
        if not last:
            count = count // _VOICE_BATCH * _VOICE_BATCH
        self._left = whole[count * VOICE_FRAME :]
        found = [numpy.zeros(0, numpy.float32)]
        for start in range(0, count, _VOICE_BATCH):
            frames = whole[start * VOICE_FRAME : min(count, start + _VOICE_BATCH) * VOICE_FRAME]
            frames = frames.reshape(-1, VOICE_FRAME)
            past = numpy.concatenate([self._past[None], frames[:-1, -_VOICE_PAST:]])
            self._past = frames[-1, -_VOICE_PAST:].copy()
            given = {"input": numpy.concatenate([past, frames], axis=1), "h": self._states[0], "c": self._states[1]}
            likely, *self._states = self._session.run(["speech_probs", "hn", "cn"], given)
            found.append(likely.reshape(-1))
        return numpy.concatenate(found)


class Classes:
    """Scores of 521 sound classes for each patch of 0.96 s, as YAMNet tells them."""

    def __init__(self, archive: Path, names: Path):
        graph, outside = _unpacked(archive)
        self._session = sessions.onnx(graph, archive, 1, outside=outside)
        self._input = self._session.get_inputs()[0].name
        #: What each class is called in English.
        self.names = _names(names)

    def scores(self, patches: Samples) -> Samples:
        """Probabilities [n, 521] of log-mel patches [n, 96, 64]."""
        import numpy

        coded = numpy.clip(numpy.round(patches / _IN_SCALE + _IN_ZERO), 0, 255).astype(numpy.uint8)
        found = [self._session.run(None, {self._input: patch[None, None]})[0].reshape(1, -1) for patch in coded]
        if not found:
            return numpy.zeros((0, len(self.names)), numpy.float32)
        logits = (numpy.concatenate(found).astype(numpy.float32) - _OUT_ZERO) * _OUT_SCALE
        likely: Samples = 1 / (1 + numpy.exp(-numpy.clip(logits, -30, 30)))
        return likely


def _unpacked(archive: Path) -> tuple[bytes, dict[str, bytes]]:
    """The graph in an archive, and the files beside it by name. Raises DataError."""
    try:
        with zipfile.ZipFile(archive) as opened:
            held = {Path(name).name: opened.read(name) for name in opened.namelist() if not name.endswith("/")}
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"not an archive of a model: {error}", where=str(archive), code="bad_model") from error
    graph = next((name for name in held if name.endswith(".onnx")), None)
    if graph is None:
        raise DataError("no graph in the archive", where=str(archive), code="bad_model")
    return held.pop(graph), held


def _names(place: Path) -> list[str]:
    try:
        rows = list(csv.DictReader(io.StringIO(place.read_text("utf-8"))))
        return [row["display_name"] for row in rows]
    except (OSError, UnicodeDecodeError, KeyError, csv.Error) as error:
        raise DataError(f"not a list of classes: {error}", where=str(place), code="bad_model") from error
