"""Speech to text: Whisper by CTranslate2, with the time of each word from its attention.

Radford et al. 2022 (arXiv 2212.04356). Word times come from aligning the tokens' cross-attention with the sound
(dynamic time warping), as OpenAI's own word timestamps do; they are good to some 50 ms on clear speech.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import packages
from roadmap_cli.core.errors import ConfigError, DataError, Unavailable
from roadmap_cli.models import processors, registry

if TYPE_CHECKING:
    import numpy

    Samples = numpy.ndarray[Any, Any]

TASK = "speech-to-text"
RATE = 16_000
#: The most sound that is read at once: Whisper's window.
WINDOW_S = 30
_FFT, _HOP, _BANDS = 400, 160, 80
_FRAME_S = 0.02
_PART = ".part"
_STOPS = frozenset(".,!?;:…。，！？；：、%)]}»”’\"'")


@dataclass(frozen=True, slots=True)
class Spoken:
    """A word, in seconds from the start of the sound it was heard in."""

    text: str
    start_s: float
    end_s: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Weights:
    """Where an installed speech model's files lie."""

    name: str
    files: Mapping[str, Path]


def installed(environ: Mapping[str, str], name: str = "whisper-base") -> Weights | None:
    """The speech model of this name if it is pulled and its runtime is there, else None.

    Raises ConfigError if the weights are damaged.
    """
    from importlib.util import find_spec

    found = registry.load(environ)
    model = found.model(name)
    if model.task != TASK:
        raise ConfigError(f"model {name!r} is for {model.task!r}, not for {TASK}", hint="slm-models list")
    if find_spec("ctranslate2") is None or find_spec("tokenizers") is None:
        return None
    try:
        return Weights(name, {file.name: found.file(model, file.name) for file in model.files})
    except Unavailable:
        return None


class Transcriber:
    """An open speech model."""

    def __init__(self, weights: Weights, threads: int | None = None):
        try:
            import ctranslate2
            from tokenizers import Tokenizer
        except ImportError:
            raise Unavailable(
                "ctranslate2 is missing", hint=packages.mend("ctranslate2"), code="no_ctranslate2"
            ) from None
        try:
            held = _joined(weights.files)
            self._tokenizer = Tokenizer.from_str(held["tokenizer.json"].decode())
            self._model = ctranslate2.models.Whisper(
                weights.name, device="cpu", compute_type="int8", intra_threads=threads or processors.available(),
                inter_threads=1, files=held,
            )  # fmt: skip
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            words = str(error).strip().splitlines()[0][:160]
            raise DataError(f"not a speech model that can be loaded: {words}", code="bad_model") from error
        self._filters = _slaney_bands()
        self._language = ""

    def hear(self, sound: Samples) -> list[Spoken]:
        """The words in mono sound at 16 kHz, at most `WINDOW_S` seconds of it, as float32 in full scale 1."""
        import ctranslate2
        import numpy

        sound = sound[: WINDOW_S * RATE]
        if len(sound) < RATE // 10:
            return []
        features = numpy.ascontiguousarray(self._features(sound)[None])
        encoded = self._model.encode(ctranslate2.StorageView.from_array(features))
        language = self._detected(encoded)
        begin = [self._id(mark) for mark in ("<|startoftranscript|>", language, "<|transcribe|>", "<|notimestamps|>")]
        told = self._model.generate(encoded, [begin], beam_size=2, max_length=224, return_no_speech_prob=True)[0]
        end = self._id("<|endoftext|>")
        tokens = [token for token in told.sequences_ids[0] if token < end]
        if not tokens or told.no_speech_prob > 0.8:
            return []
        frames = -(-len(sound) // _HOP)
        aligned = self._model.align(encoded, begin, [tokens], frames, median_filter_width=7)[0]
        return self._words(tokens, aligned, len(sound) / RATE)

    def _detected(self, encoded: Any) -> str:
        """The language of the first sound that leaves no doubt holds for all that follows."""
        if self._language:
            return self._language
        language, sure = self._model.detect_language(encoded)[0][0]
        if sure > 0.7:
            self._language = str(language)
        return str(language)

    def _id(self, mark: str) -> int:
        found = self._tokenizer.token_to_id(mark)
        if found is None:
            raise DataError(f"the speech model's tokenizer has no {mark!r}", code="bad_model")
        return int(found)

    def _words(self, tokens: Sequence[int], aligned: Any, length_s: float) -> list[Spoken]:
        """Tokens joined to words, with the time at which the path through the attention enters each."""
        first: dict[int, int] = {}
        last: dict[int, int] = {}
        for token, frame in aligned.alignments:
            first.setdefault(token, frame)
            last[token] = frame
        found: list[Spoken] = []
        for places in self._grouped(tokens):
            text = self._tokenizer.decode([tokens[place] for place in places]).strip()
            known = [place for place in places if place in first]
            if not text or not known:
                continue
            # Marks are not spoken: the word ends where its last letters do.
            spoken = [p for p in known if set(self._tokenizer.decode([tokens[p]]).strip()) - _STOPS] or known
            start = first[spoken[0]] * _FRAME_S
            end = min(length_s, (last[spoken[-1]] + 1) * _FRAME_S)
            likely = [float(aligned.text_token_probs[place]) for place in known]
            if found:
                start = max(start, found[-1].end_s)
            if end > start:
                found.append(Spoken(text, start, end, round(sum(likely) / len(likely), 3)))
        return found

    def _grouped(self, tokens: Sequence[int]) -> list[list[int]]:
        """Places of tokens that make one word: a new one begins with a space, or where nothing has spaces, anywhere."""
        groups: list[list[int]] = []
        for place, token in enumerate(tokens):
            piece = self._tokenizer.id_to_token(token) or ""
            text = self._tokenizer.decode([token])
            mark = text.strip() and not set(text.strip()) - _STOPS
            if not groups or (piece.startswith("Ġ") and not mark):
                groups.append([place])
            else:
                groups[-1].append(place)
        return groups

    def _features(self, sound: Samples) -> Samples:
        """Log-mel spectrum [80, 3000] of up to 30 s, as Whisper was trained on."""
        import numpy

        padded = numpy.zeros(WINDOW_S * RATE, numpy.float32)
        padded[: len(sound)] = sound
        padded = numpy.pad(padded, _FFT // 2, mode="reflect")
        frames = numpy.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_HOP][: WINDOW_S * RATE // _HOP]
        window = (0.5 - 0.5 * numpy.cos(2 * numpy.pi * numpy.arange(_FFT) / _FFT)).astype(numpy.float32)
        power = numpy.abs(numpy.fft.rfft(frames * window)) ** 2
        logs = numpy.log10(numpy.maximum(power @ self._filters, 1e-10))
        logs = numpy.maximum(logs, logs.max() - 8.0)
        features: Samples = ((logs + 4.0) / 4.0).T.astype(numpy.float32)
        return features


def _joined(files: Mapping[str, Path]) -> dict[str, bytes]:
    """Files by name, those in parts put together."""
    held: dict[str, bytes] = {}
    for name in sorted(files):
        whole, _, part = name.partition(_PART)
        data = files[name].read_bytes()
        held[whole] = held.get(whole, b"") + data if part else data
    return held


def _slaney_bands() -> Samples:
    """Triangles [201, 80] from 0 to 8 kHz on Slaney's scale (linear below 1 kHz), each of equal area."""
    import numpy

    def hertz(mel: Samples) -> Samples:
        linear = mel * 200.0 / 3
        curved = 1000.0 * numpy.exp(numpy.log(6.4) / 27.0 * (mel - 15.0))
        result: Samples = numpy.where(mel < 15.0, linear, curved)
        return result

    top = 15.0 + 27.0 * numpy.log(8.0) / numpy.log(6.4)
    edges = hertz(numpy.linspace(0.0, top, _BANDS + 2))
    bins = numpy.fft.rfftfreq(_FFT, 1 / RATE)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    bands = numpy.maximum(0, numpy.minimum(rising, falling)) * (2.0 / (edges[2:] - edges[:-2]))
    result: Samples = bands.astype(numpy.float32)
    return result
