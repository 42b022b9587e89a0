"""Sections of sound encoded into the cache, and what is heard when their frames follow each other.

AAC is transformed in windows of two frames that overlap by half, and a decoder remembers one frame. A section is
encoded with some frames before and after its own, so that at a seam both sides have coded the same sound; its frames
then join like those of one stream. That they do is not assumed: every section is decoded between its neighbours, and
what is heard there is measured. A seam at which the error of coding is greater than either side's own does not hold,
and the two sections are made one.

Noise substitution is off: a decoder fills it in at random, and no two decodings would be the same.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from roadmap_cli.core import records
from roadmap_cli.core.errors import DataError
from roadmap_cli.edl import programs
from roadmap_cli.edl.rendering import container, keeping, loudness
from roadmap_cli.edl.rendering.container import Unfit
from roadmap_cli.edl.rendering.loudness import Levels
from roadmap_cli.edl.rendering.sound_parts import CHANNELS, RATE, SAMPLE_BYTES
from roadmap_cli.edl.rendering.sound_sections import FRAME, Sections

#: The encoder begins near the rate control it comes to, not far above: it finds its rate within the lead.
_ENCODER = [
    "-c:a", "aac", "-b:a", "192k", "-global_quality", "40", "-aac_pns", "0", "-map_metadata", "-1",
    "-fflags", "+bitexact", "-flags:a", "+bitexact",
]  # fmt: skip
#: How many sections one ffmpeg encodes or decodes at a time.
_AT_ONCE = 12
#: Frames of the section before that are decoded with a section: the meters' memory, and one for the decoder's own.
_BEFORE = -(-loudness.BEFORE // FRAME)
#: How much greater than either side's the error of coding may be at a seam, and what is no error (-80 dBFS).
_SEAM, _SILENCE = 2.0, FRAME * CHANNELS * 1e-8
#: Samples compared when the encoded sound is held against the mix, and how far it may be off, in samples.
_COMPARED, _REACH = 1 << 14, 1 << 12


@dataclass(frozen=True, slots=True)
class Joined:
    """The sections of a programme at one gain, encoded, and what is heard of them one after the other."""

    places: list[Path]
    levels: list[Levels]
    offset: int
    #: Frames at which a section begins and the seam does not hold.
    bad: list[int]
    #: The numbers of the sections that were encoded anew.
    fresh: list[int]


def joined(sections: Sections, gain: float, limit: float | None) -> Joined:
    """See to it that all sections are encoded and measured between their neighbours. Raises DataError, CannotCreate."""
    keys = [sections.key(n, gain, limit) for n in range(len(sections.parts))]
    places = [sections.place(key, "m4a") for key in keys]
    between = [_between(keys, n) for n in range(len(keys))]
    missing = [n for n, place in enumerate(places) if keeping.kept(place) is None]
    found = [keeping.facts(sections.place(name, "levels")) for name in between]
    unheard = [n for n, known in enumerate(found) if known is None]
    sections.decode(sorted({*missing, *unheard}))
    _side_by_side(sections, missing, 1, lambda some: _encode(sections, places, some, gain, limit))
    for n, facts in _side_by_side(
        sections, unheard, _AT_ONCE // 2, lambda some: _hear(sections, places, some, gain, limit)
    ):
        keeping.write_facts(sections.place(between[n], "levels"), facts)
        found[n] = facts
    told = [facts for facts in found if facts]
    loudest = max(told, key=lambda facts: float(facts["power"]))
    return Joined(
        places,
        [Levels(facts["energy"], facts["peak"]) for facts in told],
        int(loudest["offset"]),
        [part.first_frame for part, facts in zip(sections.parts, told, strict=True) if facts["seam"] > _SEAM],
        missing,
    )


def _between(keys: Sequence[str], n: int) -> str:
    """The name of what is heard of a section between its neighbours."""
    beside = [keys[n - 1] if n else None, keys[n], keys[n + 1] if n + 1 < len(keys) else None]
    return hashlib.sha256(records.canonical(beside)).hexdigest()


def _side_by_side(
    sections: Sections, numbers: Sequence[int], least: int, work: Callable[[Sequence[int]], list[Any]]
) -> list[Any]:
    """Do some work on sections, a few at a time but at least so many, by as many processes as there are jobs."""
    if not numbers:
        return []
    size = min(_AT_ONCE, max(least, -(-len(numbers) // sections.shop.jobs)))
    some = [numbers[n : n + size] for n in range(0, len(numbers), size)]
    with ThreadPoolExecutor(min(len(some), sections.shop.jobs), thread_name_prefix="sound") as pool:
        return [each for done in pool.map(work, some) for each in done]


def _encode(
    sections: Sections, places: Sequence[Path], numbers: Sequence[int], gain: float, limit: float | None
) -> list[int]:
    """Encode some sections by one ffmpeg, unless another process did so first."""
    import numpy

    with ExitStack() as locks:
        for place in sorted({places[n] for n in numbers}):
            locks.enter_context(keeping.locked(place))
        todo = {places[n]: n for n in numbers if keeping.kept(places[n]) is None}
        if not todo:
            return []
        command = [sections.shop.able.found.ffmpeg, "-hide_banner", "-loglevel", "error", "-y", "-f", "f32le"]
        command += ["-ar", str(RATE), "-ac", str(CHANNELS), "-i", "pipe:0"]
        at = 0
        parts: list[Path] = []
        with ExitStack() as files:
            for place, n in todo.items():
                part = files.enter_context(keeping.whole_file(place))
                parts.append(part.path)
                first, end = sections.parts[n].heard
                cut = f"atrim=start_sample={at}:end_sample={at + end - first},asetpts=PTS-STARTPTS"
                command += ["-map", "0:a", "-af", cut, "-f", "ipod", *_ENCODER, programs.local(part.path.absolute())]
                at += end - first
            what = str(next(iter(todo)))
            with programs.drained(command, what, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as encoder:
                try:
                    for n in todo.values():
                        block = sections.samples(n, *sections.parts[n].heard, gain, limit)
                        encoder.stdin.write(numpy.ascontiguousarray(block, dtype="<f4").tobytes())
                    encoder.stdin.close()
                except BrokenPipeError:
                    encoder.finish()
                    raise DataError("the sound encoder stopped early", code="bad_media") from None
                encoder.finish()
            for path in parts:
                container.prove_whole(path, what)
        for place in todo:
            keeping.write_note(place, {})
    return list(todo.values())


def _hear(
    sections: Sections, places: Sequence[Path], numbers: Sequence[int], gain: float, limit: float | None
) -> list[tuple[int, dict[str, Any]]]:
    """Decode some sections between their neighbours by one ffmpeg, and measure each."""
    import numpy

    opened: dict[int, list[bytes]] = {}

    def own(n: int) -> tuple[list[bytes], int]:
        if n not in opened:
            opened[n] = _frames(places[n])
        return opened[n], sections.parts[n].lead

    runs: list[list[bytes]] = []
    for n in numbers:
        part = sections.parts[n]
        count = part.end_frame - part.first_frame
        frames, lead = own(n)
        run = frames[lead : lead + count]
        if n:
            earlier, its = own(n - 1)
            end = its + part.first_frame - sections.parts[n - 1].first_frame
            run = [*earlier[end - _BEFORE : end], *run]
            # The block at the seam as either side has it alone.
            runs += [earlier[end - 1 : end + 1], frames[lead - 1 : lead + 1]]
        if n + 1 < len(sections.parts):
            later, its = own(n + 1)
            run = [*run, later[its]]
        runs.append(run)
    heard = iter(_decoded(sections, runs, str(places[numbers[0]])))
    told: list[tuple[int, dict[str, Any]]] = []
    for n in numbers:
        part = sections.parts[n]
        before, further = (loudness.BEFORE, _BEFORE * FRAME) if n else (0, 0)
        # The first frame of each run only fills the decoder's memory.
        alone = [next(heard)[FRAME:], next(heard)[FRAME:]] if n else []
        sound = next(heard)[FRAME + further - before :][: before + part.end - part.first]
        seam = 0.0
        if n:
            block = sections.samples(n, part.first - FRAME, part.first, gain, limit)
            errors = [float(numpy.square(each - block).sum()) for each in (sound[before - FRAME : before], *alone)]
            seam = errors[0] / max(_SILENCE, *errors[1:])
        facts: dict[str, Any] = asdict(loudness.levels(sound, before))
        at, power = _loudest(sound[before:])
        offset = 0
        if power > _SILENCE:
            there = sections.samples(n, part.first + at, min(part.end, part.first + at + _COMPARED), gain, limit)
            offset = offset_of(there, sound[before + at :][:_COMPARED].astype(numpy.float64))
        told.append((n, {**facts, "seam": seam, "power": power, "offset": offset}))
    return told


def _frames(place: Path) -> list[bytes]:
    try:
        return container.frames(place)
    except (Unfit, OSError) as error:
        raise DataError(f"{place}: not as it was encoded: {error}", code="bad_render") from None


def _decoded(sections: Sections, runs: Sequence[Sequence[bytes]], what: str) -> list[Any]:
    """Runs of frames as samples (n, 2), 1024 for each frame."""
    import numpy

    stream = b"".join(_adts(len(frame)) + frame for run in runs for frame in run)
    command = [sections.shop.able.found.ffmpeg, "-hide_banner", "-loglevel", "error", "-f", "aac", "-i", "pipe:0"]
    told = programs.run([*command, "-f", "f32le", "pipe:1"], what, stream)
    if len(told) != sum(map(len, runs)) * FRAME * SAMPLE_BYTES:
        raise DataError("the encoded sound cannot be decoded whole", where=what, code="bad_render")
    sound = numpy.frombuffer(told, "<f4").reshape(-1, CHANNELS)
    ends = numpy.cumsum([len(run) * FRAME for run in runs])[:-1]
    return list(numpy.split(sound, ends))


def _adts(size: int) -> bytes:
    """The header of a frame in a stream of its own (ISO/IEC 13818-7): AAC LC, 48 kHz, stereo."""
    size += 7
    return bytes(
        (0xFF, 0xF1, 1 << 6 | 3 << 2, CHANNELS << 6 | size >> 11, size >> 3 & 0xFF, (size & 7) << 5 | 0x1F, 0xFC)
    )


def _loudest(sound: Any) -> tuple[int, float]:
    """Where a sound's loudest spot begins, and its power."""
    import numpy

    spots = range(0, max(1, len(sound) - _COMPARED), _COMPARED)
    powers = [float(numpy.square(sound[first : first + _COMPARED]).sum()) for first in spots]
    return spots[powers.index(max(powers))], max(powers)


def offset_of(there: Any, back: Any) -> int:
    """By how many samples `back` comes later than `there`, from the peak of their cross-correlation."""
    import numpy

    size = max(4 * _REACH, 1 << (len(there) + len(back)).bit_length())
    cross: Any = sum(
        numpy.fft.irfft(numpy.fft.rfft(back[:, side], size) * numpy.conj(numpy.fft.rfft(there[:, side], size)), size)
        for side in (0, 1)
    )
    around = numpy.concatenate([cross[-_REACH:], cross[: _REACH + 1]])
    return int(numpy.argmax(around)) - _REACH
