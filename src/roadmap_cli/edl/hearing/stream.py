"""One decode of a source's sound, handed on in steps of 400 ms with what every measure needs of it.

A step has the samples at 48 kHz, their transform, the level of each 10 ms, and the same sound in mono at 16 kHz, made
from the transform. Nothing of a step is kept: memory does not grow with the source.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from roadmap_cli.edl import programs
from roadmap_cli.edl.hearing import transform
from roadmap_cli.edl.programs import Chain

if TYPE_CHECKING:
    import numpy

    from roadmap_cli.edl.probe import Media
    from roadmap_cli.edl.programs import Programs

    Samples = numpy.ndarray[Any, Any]

#: Samples a second.
RATE = 48_000
#: Samples of one step, and of one transform: 400 ms and 512 ms.
STEP = 19_200
SIZE = 24_576
#: Samples a second of the mono sound, and of its level.
MONO_RATE = 16_000
LEVEL_RATE = 100
_THIRD = RATE // MONO_RATE
#: The mono filter looks this far ahead (at 48 kHz), so mono comes this much later than the step.
_AHEAD = 1536
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
#: How channels go into mono: as ffmpeg folds 5.1 down, scaled so that it cannot clip.
_MONO = {1: (1.0,), 2: (0.5, 0.5), 6: (0.3, 0.3, 0.4, 0.0, 0.1, 0.1)}
_MOST_CHANNELS = 8


class Stepped:
    """The running state of a stream in steps; its fields speak of the last `step`."""

    def __init__(self, channels: int):
        import numpy

        self._past = numpy.zeros((channels, SIZE), numpy.float32)
        self._mix = numpy.array(_MONO[channels], numpy.float32)
        edge = numpy.arange(SIZE // _THIRD // 2 + 1) * RATE / SIZE
        # Full to 7.2 kHz, nothing at 8: the response is 2 ms long, far less than the overlap.
        fall = numpy.clip((edge - 7_200) / 780, 0, 1)
        self._low_pass = (0.5 + 0.5 * numpy.cos(numpy.pi * fall)).astype(numpy.float32) / _THIRD
        self._skip = _AHEAD // _THIRD
        self._heard = 0
        self._given = 0
        #: float32 [channels, STEP], of which `count` are sound and the rest is zero.
        self.samples = self._past[:, SIZE - STEP :]
        self.count = 0
        #: complex64 [channels, SIZE / 2 + 1]: the transform of the SIZE samples that end with the step.
        self.spectrum: Samples = numpy.zeros((channels, SIZE // 2 + 1), numpy.complex64)

    def step(self, sound: Samples) -> None:
        """Take the next samples [channels, at most STEP]."""
        self._past[:, : SIZE - STEP] = self._past[:, STEP:]
        self.count = sound.shape[1]
        self.samples[:, : self.count] = sound
        self.samples[:, self.count :] = 0
        self._heard += self.count
        self.spectrum = transform.forward(self._past)

    def mono(self) -> Samples:
        """The mono sound at 16 kHz that is now complete: float32 [n]; it lags 32 ms behind the step."""
        import numpy

        low = numpy.einsum("c,cf->f", self._mix, self.spectrum[:, : len(self._low_pass)]) * self._low_pass
        whole = numpy.fft.irfft(low, n=SIZE // _THIRD)
        end = (SIZE - _AHEAD) // _THIRD
        fresh: Samples = whole[end - STEP // _THIRD : end]
        skipped = min(self._skip, len(fresh))
        self._skip -= skipped
        fresh = fresh[skipped:]
        left = -(-self._heard // _THIRD) - self._given
        self._given += min(left, len(fresh))
        return fresh[: max(0, left)]

    def levels(self) -> Samples:
        """The level of each whole 10 ms of the step in dB of full scale, the mean over channels: float32 [n]."""
        import numpy

        hop = RATE // LEVEL_RATE
        whole = self.count // hop * hop
        parts = self.samples[:, :whole].reshape(len(self.samples), -1, hop)
        power = numpy.einsum("cbs,cbs->b", parts, parts) / (hop * len(parts))
        decibels: Samples = 10 * numpy.log10(numpy.maximum(power, 1e-12))
        return decibels


def channels_of(media: Media) -> int:
    """How many channels are measured: 1, 2 or 6 (5.1). Others are brought to 5.1, unnamed ones to mono."""
    stream = media.streams[media.audio_index or 0]
    count = int(stream.get("channels", 2))
    if count <= 2:
        return max(1, count)
    named = stream.get("channel_layout", "") not in {"", "unknown"} and "channels" not in str(stream["channel_layout"])
    return 6 if named and count <= _MOST_CHANNELS else 1


def steps(found: Programs, media: Media) -> Iterator[Stepped]:
    """Decode the first sound stream once, step by step; after its end one step of nothing lets the last mono out.

    Raises DataError if it cannot be decoded.
    """
    import numpy

    channels = channels_of(media)
    count = int(media.streams[media.audio_index or 0].get("channels", 2))
    filters: Chain = []
    if channels == 1 and count > 2:
        share = "+".join(f"{1 / count:.6f}*c{number}" for number in range(count))
        filters.append(("pan", {"args": f"mono|c0={share}"}))
    filters += [
        ("aresample", {"sample_rate": RATE, "async": 1}),
        ("aformat", {"sample_fmts": "flt", "channel_layouts": _LAYOUTS[channels]}),
    ]
    assert media.audio_index is not None
    node = programs.source(media.path, media.audio_index, dict(programs.LOCAL_ONLY), filters)
    command = programs.arguments(found, node.output("pipe:1", format="f32le"))
    stepped = Stepped(channels)
    width = 4 * channels
    with programs.drained(command, str(media.path), bufsize=STEP * width) as decoder:
        while data := decoder.stdout.read(STEP * width):
            sound = numpy.frombuffer(data[: len(data) // width * width], numpy.float32).reshape(-1, channels).T
            # Damaged streams decode to infinities; they are no sound.
            stepped.step(sound if numpy.isfinite(sound).all() else numpy.nan_to_num(sound, posinf=0.0, neginf=0.0))
            yield stepped
        decoder.finish()
    stepped.step(numpy.zeros((channels, 0), numpy.float32))
    yield stepped
