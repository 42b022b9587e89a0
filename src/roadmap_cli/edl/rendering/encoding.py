"""Pieces encoded side by side into the cache, each by one ffmpeg of its own.

The rule: a piece appears in the cache only whole and with its frame count proved. Whatever ends the render, ffmpegs
that run are ended with it, and what was encoded stays encoded.
"""

from __future__ import annotations

import math
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roadmap_cli.core.errors import DataError, TryLater, Unavailable
from roadmap_cli.edl import high_range, programs, timecode
from roadmap_cli.edl.rendering import container, graph, keeping, motion, persons, pieces, titles
from roadmap_cli.edl.rendering.able import Able
from roadmap_cli.edl.rendering.pieces import Piece, Shape


@dataclass(frozen=True, slots=True)
class Encoded:
    """A piece in the cache. `waited` is whether another render made it meanwhile."""

    path: Path
    key: str
    frames: int
    bytes: int
    cached: bool
    elapsed_ms: int = 0


@dataclass(slots=True)
class Workshop:
    """What encoding needs: the programs, the shape of the programme, the cache, and the processes that run."""

    able: Able
    shape: Shape
    cache: Path
    jobs: int
    #: Masks a person in a picture, see `persons.masks`; None where that cannot be done.
    mask: Callable[[Any], Any] | None = None
    tell: Callable[[float], None] = lambda amount: None
    stopped: threading.Event = field(default_factory=threading.Event)
    _running: set[subprocess.Popen[bytes]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def place(self, key: str) -> Path:
        """Where a piece of this key is, or would be."""
        return self.cache / "segments" / key[:2] / f"{key}.mp4"

    def key(self, piece: Piece) -> str:
        """The piece's name in the cache. Raises Unavailable if it has titles and there is no font."""
        further: dict[str, Any] = titles.identity(piece.titles)
        if any(layer.masked for layer in piece.layers):
            further |= persons.identity(self.mask)
        if any("stabilise" in layer.effects for layer in piece.layers):
            further |= motion.identity(self.able)
        if any(high_range.is_high(layer.media) for layer in piece.layers):
            further |= {"high_range": high_range.METHOD, "zscale": "zscale" in self.able.filters}
        return pieces.key(piece, self.shape, self.able.version, further)

    def find(self, key: str, frames: int) -> Encoded | None:
        """A piece that is in the cache already."""
        place = self.place(key)
        note = keeping.kept(place, frames=frames)
        return Encoded(place, key, frames, int(note["bytes"]), cached=True) if note else None

    def encode(self, piece: Piece, key: str, threads: int) -> Encoded:
        """The piece, encoded into the cache unless another process did so first. Raises as `programs.failure`."""
        start = time.monotonic()
        place = self.place(key)
        with keeping.locked(place):
            if found := self.find(key, piece.frames):
                return found
            further = motion.prepared(self.able, self.cache, piece)
            further |= persons.prepared(self.able, self.cache, self.mask, piece)
            inputs, filters, end = graph.build(piece, self.shape, self.cache, "zscale" in self.able.filters, further)
            with keeping.whole_file(place) as part:
                command = [
                    self.able.found.ffmpeg, "-hide_banner", "-nostdin", "-loglevel", "error", "-y",
                    "-progress", "pipe:1", "-nostats", "-filter_complex_threads", str(threads),
                    *_threaded(inputs, threads), "-filter_complex", filters, "-map", end,
                    *_encoder(piece, self.shape, threads), f"file:{part.path.absolute()}",
                ]  # fmt: skip
                frames = self._run(command, str(piece.layers[-1].media.path), place)
                if frames != piece.frames:
                    raise _missing(piece, frames)
                container.prove_whole(part.path, place)
            note = keeping.write_note(place, {"frames": frames})
        elapsed = round((time.monotonic() - start) * 1000)
        return Encoded(place, key, frames, int(note["bytes"]), cached=False, elapsed_ms=elapsed)

    def _run(self, command: Sequence[str], what: str, into: Path) -> int:
        """Run ffmpeg in the cache's folder; gives how many frames it has written, telling of each as it goes.

        `what` and `into` are as in `programs.failure`, which tells what is raised.
        """
        if self.stopped.is_set():
            raise TryLater("the render was stopped", code="stopped")
        try:
            process = subprocess.Popen(
                list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.cache
            )
        except OSError as error:
            raise Unavailable(f"cannot start ffmpeg for {what}: {error.strerror}") from None
        with self._lock:
            self._running.add(process)
        complaints = bytearray()
        assert process.stdout is not None
        assert process.stderr is not None
        pipe = process.stderr

        def listen() -> None:
            for line in pipe:
                programs.keep(complaints, line)

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        frames = 0
        try:
            for line in process.stdout:
                name, _, value = line.partition(b"=")
                if name == b"frame" and value.strip().isdigit():
                    self.tell(int(value) - frames)
                    frames = int(value)
            process.wait()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            listener.join()
            process.stdout.close()
            pipe.close()
            with self._lock:
                self._running.discard(process)
        if process.returncode and self.stopped.is_set():
            raise TryLater("the render was stopped", code="stopped")
        programs.check(bytes(complaints), what, process.returncode, into)
        return frames

    def stop(self) -> None:
        """End every process that runs and start no more."""
        self.stopped.set()
        with self._lock:
            running = list(self._running)
        for process in running:
            with suppress(OSError):
                process.kill()


def encode_all(shop: Workshop, wanted: Sequence[Piece]) -> Iterator[tuple[Piece, Encoded]]:
    """Every piece in order, as soon as it and all before it are in the cache; up to `jobs` are encoded at a time.

    Where there are no more to encode than jobs, each gets threads by its share of the frames, so that one change is not
    encoded by one core. Raises the first failure after ending what runs.
    """
    keys = [shop.key(piece) for piece in wanted]
    known = [shop.find(key, piece.frames) for piece, key in zip(wanted, keys, strict=True)]
    missing = {key: piece.frames for piece, key, found in zip(wanted, keys, known, strict=True) if found is None}
    for piece, found in zip(wanted, known, strict=True):
        if found:
            shop.tell(piece.frames)
    if not missing:
        yield from zip(wanted, (found for found in known if found), strict=True)
        return
    threads = threads_of(missing, shop.jobs)
    pool = ThreadPoolExecutor(min(shop.jobs, len(missing)), thread_name_prefix="encode")
    try:
        futures: list[Future[Encoded] | None] = [
            None if found else pool.submit(shop.encode, piece, key, threads[key])
            for piece, key, found in zip(wanted, keys, known, strict=True)
        ]
        for piece, found, future in zip(wanted, known, futures, strict=True):
            if future is not None:
                yield piece, future.result()
            elif found is not None:
                yield piece, found
    except BaseException:
        shop.stop()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def threads_of(missing: Mapping[str, int], jobs: int) -> dict[str, int]:
    """How many threads each piece gets, by key; `missing` has their frames."""
    total = sum(missing.values()) if len(missing) <= jobs else 0
    return {key: math.ceil(jobs * frames / total) if total else 1 for key, frames in missing.items()}


def rehearse(shop: Workshop, wanted: Sequence[Piece]) -> Iterator[tuple[Piece, Encoded]]:
    """What `encode_all` would find, with nothing written: not cached means it would be encoded."""
    seen: set[str] = set()
    for piece in wanted:
        key = shop.key(piece)
        found = shop.find(key, piece.frames)
        again = key in seen
        seen.add(key)
        yield piece, found or Encoded(shop.place(key), key, piece.frames, 0, cached=again)


def _missing(piece: Piece, frames: int) -> DataError:
    layer = piece.layers[-1]
    return DataError(
        f"frames {layer.first} to {layer.end} gave {frames} pictures, not {piece.frames}",
        where=str(layer.media.path),
        hint="the file may be damaged there: edl-scan tells how many frames can be decoded",
        code="missing_frames",
    )


def _threaded(inputs: Sequence[str], threads: int) -> list[str]:
    """Inputs, each told how many threads it may decode with."""
    told: list[str] = []
    for part in inputs:
        if part == "-i":
            told += ["-threads", str(threads)]
        told.append(part)
    return told


def _encoder(piece: Piece, shape: Shape, threads: int) -> list[str]:
    """Settings that make every segment joinable without re-encoding: closed groups, one clock, one set of tags."""
    group = max(2, timecode.round_half_up(shape.fps * 2))
    options: dict[str, object] = {
        "-f": "mp4",
        "-c:v": "libx264",
        "-threads": threads,
        "-preset": shape.preset,
        "-crf": shape.quality,
        "-g": group,
        "-bf": 2,
        "-x264-params": "open-gop=0:repeat-headers=1",
        "-frames:v": piece.frames,
        "-fps_mode": "passthrough",
        "-enc_time_base": f"1:{shape.timescale}",
        "-video_track_timescale": shape.timescale,
        "-colorspace": "bt709",
        "-color_primaries": "bt709",
        "-color_trc": "bt709",
        "-color_range": "tv",
        "-map_metadata": -1,
        "-fflags": "+bitexact",
    }
    return [str(part) for pair in options.items() for part in pair]
