"""What was scanned, ready to be asked: shots with their source, and what is heard where, by time.

Every kind of record but edl.source and edl.shot may be missing, and so may every field of a shot but its frames: an
older scan is planned with what it has.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate
from math import log10

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, require
from roadmap_cli.edl import timecode

#: What makes a sound laughter, by the label of its span; and the words that only fill pauses.
_LAUGHTER = ("laugh", "giggle", "chuckle", "applause", "cheer")
FILLER_WORDS = frozenset(
    ("um", "uh", "uhm", "umm", "erm", "er", "ah", "hmm", "mm", "mhm", "eh", "äh", "ähm", "öh", "euh")
)


@dataclass(slots=True)
class Spans:
    """Stretches of a source's sound, in ms from its first picture: sorted, overlaps and touches joined."""

    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, pairs: Iterable[tuple[int, int]]) -> Spans:
        """Joined from any pairs of start and end."""
        made = cls()
        for start, end in sorted(pairs):
            if end <= start:
                continue
            if made.ends and start <= made.ends[-1]:
                made.ends[-1] = max(made.ends[-1], end)
            else:
                made.starts.append(start)
                made.ends.append(end)
        return made

    def __bool__(self) -> bool:
        return bool(self.starts)

    def within(self, start: float, end: float) -> list[tuple[int, int]]:
        """Those that have any time in common with a stretch, whole."""
        first, last = bisect_right(self.ends, start), bisect_left(self.starts, end)
        return list(zip(self.starts[first:last], self.ends[first:last], strict=True))

    def covered(self, start: float, end: float) -> float:
        """How many ms of a stretch they cover."""
        return sum(min(b, end) - max(a, start) for a, b in self.within(start, end))

    def at(self, ms: float, before: int = 0, after: int = 0) -> tuple[int, int] | None:
        """The stretch a moment lies inside of, each widened by so much before and after; at its edges is outside."""
        found = self.within(ms - after, ms + before)
        return next(((a, b) for a, b in found if a - before < ms < b + after), None)


@dataclass(slots=True)
class Energy:
    """How much goes on along a source, 0 to 1 at each step."""

    step_ms: int
    sums: list[float]

    def mean(self, start: float, end: float) -> float:
        """The mean between two times in ms."""
        last = len(self.sums) - 1
        a = min(max(int(start // self.step_ms), 0), last)
        b = min(max(int(-(-end // self.step_ms)), a + 1), last)
        return (self.sums[b] - self.sums[a]) / (b - a) if b > a else 0.0

    def highest(self, start: float, end: float, width: float) -> float:
        """The middle, in ms, of the stretch of a width that has most of it between two times."""
        best, at, step = -1.0, (start + end) / 2, max(self.step_ms, (end - start - width) / 24)
        place = start
        while place + width <= end:
            mean = self.mean(place, place + width)
            if mean > best + 1e-9:
                best, at = mean, place + width / 2
            place += step
        return at


@dataclass(slots=True)
class Heard:
    """What is heard in a source, and its story."""

    speech: Spans = field(default_factory=Spans)
    words: Spans = field(default_factory=Spans)
    fillers: Spans = field(default_factory=Spans)
    silence: Spans = field(default_factory=Spans)
    music: Spans = field(default_factory=Spans)
    laughter: Spans = field(default_factory=Spans)
    #: Ends of words with a question mark.
    questions: list[int] = field(default_factory=list)
    beats_ms: list[int] = field(default_factory=list)
    downbeats_ms: list[int] = field(default_factory=list)
    rhythm_ids: list[str] = field(default_factory=list)
    energy: Energy | None = None
    music_lufs: float | None = None
    speech_lufs: float | None = None
    #: Starts and ids of spans by sort, sorted, for evidence.
    span_ids: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    def evidence(self, sort: str, start: float, end: float, most: int = 3) -> list[str]:
        """The ids of the first spans of a sort that begin in a stretch."""
        known = self.span_ids.get(sort, [])
        first = bisect_left(known, (int(start), ""))
        return [name for at, name in known[first : first + most] if at < end]


@dataclass(slots=True)
class Source:
    """A source, and its rate where it has pictures."""

    record: Record
    fps: Fraction | None
    frames: int
    heard: Heard = field(default_factory=Heard)

    @property
    def id(self) -> str:
        """The id of its record."""
        return str(self.record["id"])

    @property
    def name(self) -> str:
        """The last part of its path."""
        return str(self.record.get("path", "")).rpartition("/")[2] or self.id

    @property
    def duration_s(self) -> Fraction:
        """How long it is; 0 if that is not known."""
        if self.fps:
            return self.frames / self.fps
        value = self.record.get("duration")
        return timecode.rational(value, field="duration") if isinstance(value, str) else Fraction(0)


@dataclass(slots=True)
class Material:
    """Everything a plan is made from."""

    sources: dict[str, Source]
    shots: list[Record]
    scenes: list[Record]
    beats: list[Record]

    @classmethod
    def of(cls, records: Iterable[Record]) -> Material:
        """From the records of a scan, in any order. Raises DataError for one that lacks what is needed."""
        sources: dict[str, Source] = {}
        by_kind: dict[str, list[Record]] = {}
        for record in records:
            if record["kind"] == "edl.source":
                found = _source(record)
                sources[found.id] = found
            else:
                by_kind.setdefault(record["kind"], []).append(record)
        material = cls(sources, [], by_kind.get("edl.scene", []), [])
        for shot in by_kind.get("edl.shot", []):
            material.shots.append(_shot(shot, sources))
        material.beats = [b for b in by_kind.get("edl.beat", []) if _known(sources, b) and _ranged(b)]
        _hear(sources, by_kind)
        return material

    @property
    def pictures(self) -> list[Source]:
        """The sources that have pictures."""
        return [source for source in self.sources.values() if source.fps]

    def scene_of(self) -> dict[str, str]:
        """The scene of each shot, by ids: as the shot says, or as a scene lists it."""
        found: dict[str, str] = {}
        for scene in self.scenes:
            listed = scene.get("shot_ids")
            if isinstance(listed, list):
                found |= {name: str(scene["id"]) for name in listed if isinstance(name, str)}
        for shot in self.shots:
            if isinstance(shot.get("scene_id"), str):
                found[shot["id"]] = shot["scene_id"]
        return found


def ms_of(frame: int, fps: Fraction) -> float:
    """When a frame begins, in ms."""
    return frame * 1000 * fps.denominator / fps.numerator


def frame_after(ms: float, fps: Fraction) -> int:
    """The first frame that begins at or after a time in ms."""
    return -int(-ms * fps.numerator // (1000 * fps.denominator))


def frame_before(ms: float, fps: Fraction) -> int:
    """The last frame that begins at or before a time in ms."""
    return int(ms * fps.numerator // (1000 * fps.denominator))


def number(record: Record, name: str) -> float | None:
    """A number of a record, or None if it has none of that name."""
    value = record.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _source(record: Record) -> Source:
    name = require(record, "id", str)
    if record.get("has_picture") is False:
        return Source(record, None, 0)
    fps = timecode.rational(record.get("fps"), field="fps")
    frames = require(record, "frames", int)
    for side in ("width", "height"):
        if require(record, side, int) < 2:
            raise DataError(f"source {name} has a {side} of {record[side]}", code="bad_source")
    return Source(record, fps, frames)


def _shot(shot: Record, sources: dict[str, Source]) -> Record:
    name = require(shot, "id", str)
    source = sources.get(require(shot, "source_id", str))
    if source is None or source.fps is None:
        raise DataError(f"shot {name} names a source that is not in the stream: {shot['source_id']}", code="no_source")
    first, end = require(shot, "in_frame", int), require(shot, "out_frame", int)
    if not 0 <= first < end:
        raise DataError(f"shot {name} has no frames: {first} to {end}", code="bad_shot")
    if end > source.frames:
        raise DataError(f"shot {name} ends at frame {end}, its source has {source.frames}", code="bad_shot")
    if timecode.rational(shot.get("fps"), field="fps") != source.fps:
        raise DataError(f"shot {name} counts {shot['fps']} frames a second, its source not", code="bad_shot")
    return shot


def _ranged(record: Record) -> bool:
    first, end = record.get("in_frame"), record.get("out_frame")
    return isinstance(first, int) and isinstance(end, int) and first < end


def _known(sources: dict[str, Source], record: Record) -> Source | None:
    """The source a record names, if it is among them."""
    name = record.get("source_id")
    return sources.get(name) if isinstance(name, str) else None


def _timed(record: Record) -> tuple[int, int] | None:
    start, end = record.get("start_ms"), record.get("end_ms")
    return (start, end) if isinstance(start, int) and isinstance(end, int) and start < end else None


def _hear(sources: dict[str, Source], by_kind: dict[str, list[Record]]) -> None:
    """Sort what was heard by source."""
    pairs: dict[tuple[str, str], list[tuple[int, int]]] = {}
    levels: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for span in by_kind.get("edl.span", []):
        source, timed, sort = _known(sources, span), _timed(span), span.get("sort")
        if source is None or timed is None or not isinstance(sort, str):
            continue
        pairs.setdefault((source.id, sort), []).append(timed)
        source.heard.span_ids.setdefault(sort, []).append((timed[0], span["id"]))
        if any(word in str(span.get("label", "")).lower() for word in _LAUGHTER):
            pairs.setdefault((source.id, "laughter"), []).append(timed)
        loudness = number(span, "loudness_lufs")
        if loudness is not None:
            levels.setdefault((source.id, sort), []).append((timed[1] - timed[0], loudness))
    for word in by_kind.get("edl.word", []):
        source, timed = _known(sources, word), _timed(word)
        if source is None or timed is None:
            continue
        text = str(word.get("text", "")).strip()
        pairs.setdefault((source.id, "words"), []).append(timed)
        if text.lower().strip(".,;:!?-") in FILLER_WORDS:
            pairs.setdefault((source.id, "fillers"), []).append(timed)
        if text.endswith("?"):
            source.heard.questions.append(timed[1])
    for (name, sort), found in pairs.items():
        if sort in {"speech", "words", "fillers", "silence", "music", "laughter"}:
            setattr(sources[name].heard, sort, Spans.of(found))
    for (name, sort), heard in levels.items():
        if sort in {"speech", "music"}:
            total = sum(length * 10 ** (lufs / 10) for length, lufs in heard)
            mean = 10 * log10(max(total / sum(length for length, _ in heard), 1e-12))
            setattr(sources[name].heard, f"{sort}_lufs", round(mean, 2))
    for rhythm in by_kind.get("edl.rhythm", []):
        source = _known(sources, rhythm)
        if source is not None:
            source.heard.beats_ms += _whole(rhythm.get("beats_ms"))
            source.heard.downbeats_ms += _whole(rhythm.get("downbeats_ms"))
            source.heard.rhythm_ids.append(rhythm["id"])
    for energy in by_kind.get("edl.energy", []):
        source, step, values = _known(sources, energy), energy.get("step_ms"), energy.get("values")
        if source is not None and isinstance(step, int) and step > 0 and isinstance(values, list) and values:
            source.heard.energy = Energy(step, [0.0, *accumulate(float(value) for value in values)])
    for source in sources.values():
        told = source.heard
        told.beats_ms, told.downbeats_ms = sorted(set(told.beats_ms)), sorted(set(told.downbeats_ms))
        told.questions.sort()
        for known in told.span_ids.values():
            known.sort()


def _whole(values: object) -> list[int]:
    return [value for value in values if isinstance(value, int)] if isinstance(values, Sequence) else []
