"""One decode of a source's pictures: every one small, and now and then a strip of one as it was stored.

Both come out of one ffmpeg, through two pipes. Small pictures are planar Y, U and V in studio range by BT.601, whatever
the source is; strips are luma alone, unscaled, because scaling takes noise away. High dynamic range is brought to
standard before.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any

from roadmap_cli.edl import high_range, programs, timecode
from roadmap_cli.edl.probe import Media, pictures
from roadmap_cli.edl.programs import Programs

#: From studio range, as video is stored, to full range.
LUMA_GAIN, CHROMA_GAIN = 255 / 219, 255 / 224
#: The longer side of a small picture.
LONG_SIDE = 320
#: Pictures handed on at a time: 2 MB.
BATCH = 16
#: Up to this size one thread decodes as fast as pictures are made small, and threads only cost more in all.
_ONE_THREAD_PIXELS = 1920 * 1088
#: Size of a strip, at most.
_STRIP = (1920, 112)
_BLOCK = 16
#: What an unprivileged process may ask of a pipe on Linux.
_PIPE_BYTES = 1 << 20
#: Ten small pictures take the fastest decoder this long.
_PAUSE_S = 0.004


@dataclass(frozen=True, slots=True)
class Geometry:
    """Sizes of small pictures and of strips; a strip of height 0 is none."""

    width: int
    height: int
    strip_width: int
    strip_height: int
    #: A strip is taken of every so many frames.
    strip_step: int

    @classmethod
    def of(cls, media: Media) -> Geometry:
        """The sizes for a source: small pictures keep its shape, but for ribbons, and are hardly ever larger."""
        scale = min(1.0, LONG_SIDE / max(media.width, media.height))
        width, height = (max(8, 2 * round(side * scale / 2)) for side in (media.width, media.height))
        strip = [min(most, side) // _BLOCK * _BLOCK for most, side in zip(_STRIP, media.stored, strict=True)]
        strip_width, strip_height = strip if min(strip) else (0, 0)
        return cls(width, height, strip_width, strip_height, max(1, timecode.round_half_up(media.fps / 2)))

    @property
    def small_bytes(self) -> int:
        """Bytes of a small picture."""
        return self.width * self.height * 3 // 2


@dataclass(frozen=True, slots=True)
class Picture:
    """The planes of one small picture, in studio range: luma [height, width], blue and red half that size."""

    luma: Any
    blue: Any
    red: Any


def small_pictures(
    found: Programs, media: Media, geometry: Geometry, strip: Callable[[int, Any], None]
) -> Iterator[list[Picture]]:
    """Every frame of a source, small, in runs of up to `BATCH`.

    `strip` is called from another thread with a frame's number and the strip [height, width] of its luma. Raises
    DataError if the source cannot be decoded.
    """
    width, height, size = geometry.width, geometry.height, geometry.small_bytes
    bright, colour = width * height, width * height // 4
    with _strips(geometry, strip) as writing:
        to = writing.fileno() if writing else None
        pipes: dict[str, Any] = {} if to is None else {"pass_fds": (to,)}
        command = _command(found, media, geometry, to)
        with programs.drained(command, str(media.path), bufsize=0, **pipes) as decoder:
            if writing:
                writing.close()
            _widen(decoder.stdout.fileno())
            while (run := _read(decoder.stdout, size)) is not None:
                yield [
                    Picture(
                        one[:bright].reshape(height, width),
                        one[bright : bright + colour].reshape(height // 2, width // 2),
                        one[bright + colour :].reshape(height // 2, width // 2),
                    )
                    for one in run
                ]
            decoder.finish()


def _read(pipe: Any, size: int) -> Any:
    """The next pictures of `size` bytes, at most `BATCH`, as uint8 [n, size]: read in place. None at the end."""
    import numpy

    run = numpy.empty((BATCH, size), numpy.uint8)
    into = run.data.cast("B")
    filled = 0
    while filled < len(into) and (count := pipe.readinto(into[filled:])):
        filled += count
        if count < _PIPE_BYTES // 4:
            # The decoder is slower: let it fill the pipe, rather than wake up for each of its writes.
            time.sleep(_PAUSE_S)
    return run[: filled // size] if filled >= size else None


def _command(found: Programs, media: Media, geometry: Geometry, strips_to: int | None) -> list[str]:
    """One ffmpeg with an output of small pictures and, if `strips_to` is a file descriptor, one of strips."""
    import ffmpeg

    options, filters = pictures(media)
    # Deblocking a picture that no other is made from shows only at full size: a twentieth of decoding is saved.
    options |= {"skip_loop_filter": "noref"}
    if media.width * media.height <= _ONE_THREAD_PIXELS:
        options |= {"threads": 1}
    scaled: dict[str, str | int] = {"w": geometry.width, "h": geometry.height, "flags": "area", "out_range": "tv"}
    standard = high_range.measured(found, media)
    small: programs.Chain = [("scale", scaled | {"out_color_matrix": "bt601"}), ("format", {"pix_fmts": "yuv420p"})]
    if standard:
        small = [("scale", {"w": geometry.width, "h": geometry.height, "flags": "area"}), *standard, *small]
    node = programs.source(media.path, media.video_index, options, filters)
    raw = {"format": "rawvideo", "fps_mode": "passthrough"}
    if strips_to is None:
        return programs.arguments(found, programs.through(node, small).output("pipe:1", **raw))
    parts = node.split()
    wanted: programs.Chain = [
        ("select", {"expr": f"not(mod(n,{geometry.strip_step}))"}),
        ("crop", {"w": geometry.strip_width, "h": geometry.strip_height, "y": "(ih-oh)*0.4"}),
        *standard,
        ("scale", {"out_range": "tv", "flags": "neighbor"}),
        ("format", {"pix_fmts": "yuv420p"}),
    ]
    outputs = ffmpeg.merge_outputs(
        programs.through(parts[0], small).output("pipe:1", **raw),
        programs.through(parts[1], wanted).output(f"pipe:{strips_to}", **raw),
    )
    return programs.arguments(found, outputs)


def _widen(pipe: int) -> None:
    """Let a pipe hold some pictures, where the system can: the two processes then change places less often."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


@contextmanager
def _strips(geometry: Geometry, strip: Callable[[int, Any], None]) -> Iterator[IO[bytes] | None]:
    """The writing end of a pipe for strips, read by a thread that is done when the block is; None without strips.

    What is read is judged at once: nothing piles up.
    """
    if not geometry.strip_height:
        yield None
        return
    reading, writing = (os.fdopen(end, mode) for end, mode in zip(os.pipe(), ("rb", "wb"), strict=True))
    reader = threading.Thread(target=_read_strips, args=(reading, geometry, strip), daemon=True)
    reader.start()
    try:
        yield writing
    finally:
        writing.close()
        reader.join()


def _read_strips(reading: IO[bytes], geometry: Geometry, strip: Callable[[int, Any], None]) -> None:
    import numpy

    bright = geometry.strip_width * geometry.strip_height
    size = bright * 3 // 2
    number = 0
    with reading:
        while len(data := reading.read(size)) == size:
            luma = numpy.frombuffer(data, numpy.uint8, bright).reshape(geometry.strip_height, geometry.strip_width)
            strip(number, luma)
            number += geometry.strip_step
