"""The programme's sound in sections of a few seconds, each named by what is heard in it, mixed and measured alone.

A section is a run of the encoder's frames. Its name covers what sounds in it, and before and after it as far as the
encoder, the limiter and the meters hear: of two programmes in which that is the same, the section is the same. So what
a change leaves as it was is neither decoded, mixed, measured nor encoded again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from roadmap_cli.core import records
from roadmap_cli.core.errors import TryLater
from roadmap_cli.edl.rendering import keeping, loudness, made_sounds, mixing, sound_parts
from roadmap_cli.edl.rendering.encoding import Workshop
from roadmap_cli.edl.rendering.loudness import Levels
from roadmap_cli.edl.rendering.mixing import Mix

#: Part of each key: a change of the mix, the meters or the encoder's settings is a new number.
FORMAT = 3
#: Samples of one frame of AAC: no part of the sound that is encoded alone begins inside one.
FRAME = 1024
#: Frames of a section: 6.4 s, a whole number of the meter's steps too.
EVERY = 300
#: Frames encoded before a section's own and thrown away, in which the encoder finds its rate, and frames of sound it
#: hears after them, with which it chooses its windows.
LEAD, TAIL = 16, 4
#: Samples around a section that have a part in it: the meter hears the most before, the limiter around all.
_BEFORE = loudness.BEFORE + loudness.CONTEXT
_AFTER = TAIL * FRAME + loudness.CONTEXT
#: The limiter may sleep where no peak comes nearer to its bound than this.
_SAFE = 0.98


@dataclass(frozen=True, slots=True)
class Section:
    """Frames `first_frame` to `end_frame` of a programme of `length` samples, and its samples `first` to `end`."""

    first_frame: int
    end_frame: int
    first: int
    end: int
    length: int

    @property
    def lead(self) -> int:
        """Frames that are encoded before its own."""
        return min(LEAD, self.first_frame)

    @property
    def heard(self) -> tuple[int, int]:
        """The samples that its encoder gets."""
        return self.first - self.lead * FRAME, min(self.length, self.end + TAIL * FRAME)

    @property
    def reach(self) -> tuple[int, int]:
        """The samples that have a part in it."""
        return max(0, self.first - _BEFORE), min(self.length, self.end + _AFTER)


def parted(length: int, but: Iterable[int] = ()) -> list[Section]:
    """A programme in sections. None begins at one of the frames `but`."""
    left = set(but)
    starts = [frame for frame in range(0, max(1, length // FRAME), EVERY) if frame not in left]
    ends = [*starts[1:], -(-length // FRAME) + 1]
    return [
        Section(first, end, first * FRAME, min(length, end * FRAME), length)
        for first, end in zip(starts, ends, strict=True)
    ]


@dataclass(slots=True)
class Sections:
    """A mix in sections, at any gain and limit."""

    shop: Workshop
    mix: Mix
    parts: Sequence[Section]
    names: list[str] = field(init=False)
    mixed: list[Levels] = field(init=False)
    #: The hardest step of the sound at a joint.
    step: float = field(init=False)

    def __post_init__(self) -> None:
        self.names = [self._name(part) for part in self.parts]
        found = [self._facts(name) for name in self.names]
        told = self._completed(found, self._measured)
        self.mixed = [Levels(facts["energy"], facts["peak"]) for facts in told]
        self.step = max(facts["step"] for facts in told)

    def _name(self, part: Section) -> str:
        """SHA-256 over all that decides its mix."""
        tempo, version = sound_parts.tempo_filter(self.shop.able), self.shop.able.version
        first, end = part.reach
        told = {
            "format": FORMAT, "heard": self.mix.told(first, end, tempo, version), "encoder": version,
            "frames": [part.lead, part.end_frame - part.first_frame],
            "samples": [first - part.first, end - part.first, part.end - part.first],
        }  # fmt: skip
        return hashlib.sha256(records.canonical(told)).hexdigest()

    def key(self, n: int, gain: float, limit: float | None) -> str:
        """SHA-256 over all that decides a section's samples. Where the limiter has nothing to do it does not matter."""
        told = [self.names[n], gain, limit if limit is not None and self._limits(n, gain, limit) else None]
        return hashlib.sha256(records.canonical(told)).hexdigest()

    def samples(self, n: int, first: int, end: int, gain: float, limit: float | None) -> Any:
        """Samples `first` to `end` of the programme, inside a section's reach, louder by a factor and limited."""
        if self.shop.stopped.is_set():
            raise TryLater("the render was stopped", code="stopped")
        if limit is not None and self._limits(n, gain, limit):
            return loudness.limited(self.mix.block, first, end, self.mix.length, gain, limit)
        return self.mix.block(first, end) * gain

    def levels(self, gain: float, limit: float | None) -> list[Levels]:
        """The levels of all sections, louder by a factor and limited."""
        found: list[dict[str, Any] | None] = []
        for n, mixed in enumerate(self.mixed):
            if limit is None or not self._limits(n, gain, limit):
                found.append(asdict(mixed.louder(gain)))
            else:
                found.append(self._facts(self.key(n, gain, limit)))

        def measured(n: int) -> dict[str, Any]:
            part = self.parts[n]
            before = min(loudness.BEFORE, part.first)
            facts = asdict(loudness.levels(self.samples(n, part.first - before, part.end, gain, limit), before))
            keeping.write_facts(self.place(self.key(n, gain, limit), "levels"), facts)
            return facts

        return [Levels(facts["energy"], facts["peak"]) for facts in self._completed(found, measured)]

    def place(self, name: str, sort: str) -> Path:
        """Where in the cache something of that name is."""
        return self.shop.cache / "sound" / name[:2] / f"{name}.{sort}"

    def decode(self, numbers: Sequence[int]) -> None:
        """See to it that all that is heard in some sections is decoded or made."""
        mix = self.mix
        stretches: set[int] = set()
        cues: set[int] = set()
        for n in numbers:
            own, music = mix.within(*self.parts[n].reach)
            stretches.update(m for m in own if mix.stretches[m].wanted and mix.files[m] is None)
            cues.update(m for m in music if mix.cue_files[m] is None)
        wanted = [(mix.files, m, mix.stretches[m].wanted) for m in sorted(stretches)]
        wanted += [(mix.cue_files, m, mix.cues[m].wanted) for m in sorted(cues)]
        named = [(files, m, source) for files, m, source in wanted if source]
        found = sound_parts.decode(self.shop.able, [source for _, _, source in named], self.shop.cache)
        for (files, m, _), file in zip(named, found, strict=True):
            files[m] = file
        for m in sorted(cues):
            if made := mix.cues[m].made:
                mix.cue_files[m] = _made(self.shop.cache, *made, mix.cues[m].stop - mix.cues[m].start)

    def _limits(self, n: int, gain: float, limit: float) -> bool:
        """Whether the limiter has something to do in a section or beside it."""
        return max(levels.peak for levels in self.mixed[max(0, n - 1) : n + 2]) * gain > _SAFE * limit

    def _completed(
        self, found: Sequence[dict[str, Any] | None], measured: Callable[[int], dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """What is known of each section, those of which nothing is measured now."""
        missing = [n for n, known in enumerate(found) if known is None]
        self.decode(missing)
        with ThreadPoolExecutor(self.shop.jobs, thread_name_prefix="sound") as pool:
            fresh = dict(zip(missing, pool.map(measured, missing), strict=True))
        return [fresh[n] if known is None else known for n, known in enumerate(found)]

    def _facts(self, name: str) -> dict[str, Any] | None:
        return keeping.facts(self.place(name, "levels"))

    def _measured(self, n: int) -> dict[str, Any]:
        """A section's levels before any gain, and the hardest step at a joint in it."""
        part = self.parts[n]
        if self.shop.stopped.is_set():
            raise TryLater("the render was stopped", code="stopped")
        before = min(loudness.BEFORE, part.first)
        told = loudness.levels(self.mix.block(part.first - before, part.end), before)
        own = (self.mix.stretches[m] for m in self.mix.within(max(0, part.first - 1), part.end)[0])
        joints = mixing.joints([stretch for stretch in own if stretch.wanted])
        steps = [mixing.step_ratio(self.mix, at) for at in joints if part.first <= at < part.end]
        facts = {**asdict(told), "step": max(steps, default=0.0)}
        keeping.write_facts(self.place(self.names[n], "levels"), facts)
        return facts


def _made(cache: Path, sound: str, seed: int, length: int) -> Path:
    name = hashlib.sha256(f"{made_sounds.METHOD} {sound} {seed} {length}".encode()).hexdigest()
    place = cache / "parts" / name[:2] / f"{name}.f32"
    with keeping.locked(place):
        if keeping.kept(place) is None:
            with keeping.whole_file(place) as part:
                part.path.write_bytes(made_sounds.made(sound, seed, length).tobytes())
            keeping.write_note(place, {})
    return place
