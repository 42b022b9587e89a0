"""Shots as pieces an edit may use: where each may begin and end so that nobody is cut off, and what may be shortened.

Where somebody speaks a piece begins at least 50 ms before a phrase and ends at least 80 ms after it; phrases are parted
where nobody speaks for half a second. A phrase that runs over a cut of the footage ties the pieces on both sides of it
together. Without spans of speech, a shot that sounds like speech stays whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

from roadmap_cli.core.records import Record
from roadmap_cli.edl import timecode
from roadmap_cli.edl.planning import LEAST_FRAMES
from roadmap_cli.edl.planning.material import Heard, Material, Source, frame_after, frame_before, ms_of, number
from roadmap_cli.edl.planning.wishes import Reading

#: Air left before and after speech, in ms.
BEFORE_MS, AFTER_MS = 50, 80
#: Phrases are parted where nobody speaks for so long; a pause longer than the second is shortened when pauses are cut.
PHRASE_GAP_MS, LONG_PAUSE_MS = 500, 600
#: What a cut of the footage leaves of speech before a pause would flash by if it were shorter: it keeps some pause.
SEEN_MS = 500
#: A shot in which more than this share of seconds sounds like speech stays whole, where no spans of speech are known.
SPEECH_RATIO = 0.3
#: A shot silent for more than this share is a pause, when pauses are cut.
SILENT_RATIO = 0.9


@dataclass(slots=True)
class Unit:
    """A run of source frames that an edit may use: `first` to `end`, never beyond; `core` must be in it if it is used.

    `reserve` are source frames at its end kept free for a transition into the next.
    """

    shot: Record
    source: Source
    fps: Fraction
    speed: Fraction
    first: int
    end: int
    core: tuple[int, int] | None = None
    spoken: bool = False
    #: Stays with the next unit: a phrase runs over their border, or a question waits for its answer.
    tied: bool = False
    #: The sound begins or ends in a phrase at these edges: only next to the unit it continues from or in.
    open_left: bool = False
    open_right: bool = False
    value: float = 0.0
    scores: dict[str, float] = field(default_factory=dict)
    role: str = ""
    beat: Record | None = None
    scene: str | None = None
    purpose: str = ""
    best: int = 0
    order: int = 0
    reserve: int = 0
    shown: int = 0
    moved: bool = False
    reasons: list[str] = field(default_factory=list)
    pauses: int = 0
    paused_ms: int = 0

    def frames(self, fps: Fraction) -> int:
        """Programme frames it fills when it is shown whole, without its reserve."""
        return timecode.frames_shown(max(1, self.end - self.first - self.reserve), self.fps, self.speed, fps)

    def exact(self, fps: Fraction) -> Fraction:
        """As `frames`, before rounding."""
        return Fraction(max(1, self.end - self.first - self.reserve)) / self.fps / self.speed * fps

    def least(self, fps: Fraction) -> int:
        """Programme frames that hold its core, or 1."""
        if self.core is None:
            return 1
        exact = Fraction(self.core[1] - self.core[0]) / self.fps / self.speed * fps
        return max(1, -int(-exact // 1))

    @property
    def whole(self) -> bool:
        """Whether it is all core: it cannot be shortened."""
        return self.core is not None and self.core[0] <= self.first and self.core[1] >= self.end - self.reserve

    def continues(self, other: Unit) -> bool:
        """Whether the other goes on where this ends, in the same shot and at the same speed."""
        return self.shot["id"] == other.shot["id"] and self.end == other.first and self.speed == other.speed


@dataclass(frozen=True, slots=True)
class Left:
    """A shot, or pauses in it, that no unit covers, and why."""

    shot: Record
    source: Source
    why: str


def of(material: Material, reading: Reading, *, deaf: bool) -> tuple[list[Unit], list[Left]]:
    """Every usable piece of footage in its order. `deaf`: own sound will not be heard, so speech does not matter."""
    units: list[Unit] = []
    left: list[Left] = []
    previous: Unit | None = None
    for shot in material.shots:
        source = material.sources[shot["source_id"]]
        made = _of_shot(shot, source, reading, deaf=deaf)
        if isinstance(made, Left):
            left.append(made)
            previous = None
            continue
        if previous and made[0].open_left and previous.source is source and previous.end == made[0].first:
            previous.tied = previous.open_right = True
        units += made
        previous = made[-1]
    _tie_questions(units)
    for order, unit in enumerate(units):
        unit.order = order
    return units, left


def blocks(units: list[Unit]) -> list[list[Unit]]:
    """Units that stay together, in order."""
    found: list[list[Unit]] = []
    tied = False
    for unit in units:
        if tied:
            found[-1].append(unit)
        else:
            found.append([unit])
        tied = unit.tied
    return found


def merged(units: list[Unit]) -> list[Unit]:
    """The same with units that continue each other made one."""
    found: list[Unit] = []
    for unit in units:
        last = found[-1] if found else None
        if last is None or not last.continues(unit) or last.purpose != unit.purpose or not (last.core or unit.core):
            found.append(unit)
            continue
        cores = [core for core in (last.core, unit.core) if core]
        last.core = (min(a for a, _ in cores), max(b for _, b in cores))
        last.end, last.spoken, last.tied = unit.end, last.spoken or unit.spoken, unit.tied
        last.open_right = unit.open_right
        last.value, last.beat, last.role = max(last.value, unit.value), last.beat or unit.beat, last.role or unit.role
        last.pauses, last.paused_ms = last.pauses + unit.pauses, last.paused_ms + unit.paused_ms
        last.reasons += [reason for reason in unit.reasons if reason not in last.reasons]
    return found


def _of_shot(shot: Record, source: Source, reading: Reading, *, deaf: bool) -> list[Unit] | Left:
    fps = source.fps
    assert fps is not None
    first, end = _usable(shot, source, fps, reading)
    if end - first < 1:
        return Left(shot, source, "lies in the seconds left out at an end of its source")
    heard = source.heard
    start_ms, end_ms = ms_of(first, fps), ms_of(end, fps)
    speech = [] if deaf else heard.speech.within(start_ms, end_ms)
    known = bool(heard.speech or heard.words)
    if not deaf and not heard.speech and heard.words:
        speech = _phrases(heard.words.within(start_ms, end_ms))
    sounds_like = not deaf and not known and (number(shot, "speech_ratio") or 0.0) > SPEECH_RATIO
    style = reading.style
    if not speech:
        silent = (number(shot, "silence_ratio") or 0.0) > SILENT_RATIO
        if style.cut_silences and not deaf and silent and not sounds_like and _talks(source):
            return Left(shot, source, f"a pause: {number(shot, 'silence_ratio') or 0:.0%} of it is silent")
        speed = Fraction(1) if sounds_like else style.speed
        if not sounds_like:
            first, end = _trimmed(shot, source, first, end)
        core = (first, end) if sounds_like else None
        return [Unit(shot, source, fps, speed, first, end, core, spoken=sounds_like)]
    said = _without_fillers(heard, speech, reading)
    if not said:
        return Left(shot, source, "only a word that fills a pause is said in it")
    return _spoken(shot, source, fps, first, end, said, reading)


def _usable(shot: Record, source: Source, fps: Fraction, reading: Reading) -> tuple[int, int]:
    head = frame_after(float(reading.skip_head_s) * 1000, fps)
    tail = source.frames - frame_after(float(reading.skip_tail_s) * 1000, fps)
    return max(shot["in_frame"], head), min(shot["out_frame"], tail)


def _talks(source: Source) -> bool:
    """Whether anything is known to be heard in a source: only then is a silent shot a pause."""
    return source.record.get("has_sound") is not False


def _phrases(words: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Words joined to phrases."""
    found: list[tuple[int, int]] = []
    for start, end in words:
        if found and start - found[-1][1] < PHRASE_GAP_MS:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _without_fillers(heard: Heard, speech: list[tuple[int, int]], reading: Reading) -> list[tuple[int, int]]:
    """Speech with the words that only fill pauses taken out where they stand apart by what is cut anyway."""
    if not reading.cut_fillers or not heard.fillers:
        return speech
    found: list[tuple[int, int]] = []
    for start, end in speech:
        at = start
        for a, b in heard.fillers.within(start, end):
            around = [w for w in heard.words.within(at, end) if w != (a, b)]
            before = max((w[1] for w in around if w[1] <= a), default=None)
            after = min((w[0] for w in around if w[0] >= b), default=None)
            if before is not None and a - before < AFTER_MS:
                continue  # run together with the word before: nobody could cut there
            if after is not None and after - b < BEFORE_MS:
                continue
            if before is not None and before > at:
                found.append((at, before))
            at = after if after is not None else end
        if at < end:
            found.append((at, end))
    return found


def _trimmed(shot: Record, source: Source, first: int, end: int) -> tuple[int, int]:
    """Without the frames of a gradual transition, and one frame off each side where the footage has a cut: compression
    and mixed fields blur it there.
    """
    entered = shot.get("transition_frames")
    head = -(-entered // 2) if isinstance(entered, int) and entered > 0 else 1 if first > 0 else 0
    tail = 1 if end < source.frames else 0
    leaving = shot.get("leaves_by_frames")
    if isinstance(leaving, int) and leaving > 0:
        tail = max(tail, -(-leaving // 2))
    spare = end - first - LEAST_FRAMES - 4
    if spare < head + tail:
        return first, end
    return first + head, end - tail


def _spoken(
    shot: Record, source: Source, fps: Fraction, first: int, end: int, speech: list[tuple[int, int]], reading: Reading
) -> list[Unit]:
    """The units of a shot in which somebody speaks: one for each phrase with the air around it."""
    pause = int(reading.style.pause_s * 1000)
    spare = max(0, pause - BEFORE_MS - AFTER_MS)
    after_ms, before_ms = AFTER_MS + spare // 2, BEFORE_MS + (spare - spare // 2)
    start_ms, end_ms = ms_of(first, fps), ms_of(end, fps)
    phrases: list[tuple[int, int]] = []
    for start, stop in speech:
        gap = start - phrases[-1][1] if phrases else 0
        if phrases and gap < PHRASE_GAP_MS and not _is_pause(source.heard, phrases[-1][1], start, reading):
            phrases[-1] = (phrases[-1][0], max(stop, phrases[-1][1]))
        else:
            phrases.append((start, stop))
    trimmed = _trimmed(shot, source, first, end)
    units: list[Unit] = []
    for index, (start, stop) in enumerate(phrases):
        is_first, is_last = index == 0, index + 1 == len(phrases)
        core = (
            first if start - BEFORE_MS <= start_ms else frame_before(start - BEFORE_MS, fps),
            end if stop + AFTER_MS >= end_ms else min(end, frame_after(stop + AFTER_MS, fps)),
        )
        before = start_ms if is_first else phrases[index - 1][1]
        after = end_ms if is_last else phrases[index + 1][0]
        unit = Unit(shot, source, fps, Fraction(1), first, end, core, spoken=True)
        unit.open_left, unit.open_right = is_first and start < start_ms, is_last and stop > end_ms
        if _is_pause(source.heard, before, start, reading):
            unit.first = max(first, frame_before(start - before_ms, fps))
            unit.pauses, unit.paused_ms = 1, int(start - before - before_ms - (0 if is_first else after_ms))
        else:
            unit.first = min(core[0], trimmed[0]) if is_first else units[-1].end
        if _is_pause(source.heard, stop, after, reading):
            unit.end = min(end, frame_after(stop + after_ms, fps))
            if is_last:
                unit.pauses, unit.paused_ms = unit.pauses + 1, unit.paused_ms + int(after - stop - after_ms)
        else:
            unit.end = max(core[1], trimmed[1] if is_last else frame_before((stop + after) / 2, fps))
        unit.first, unit.end = min(unit.first, core[0]), max(unit.end, core[1])
        if units and unit.first < units[-1].end:  # phrases closer than the air around them share it
            units[-1].end = unit.first = max(unit.first, units[-1].core[1] if units[-1].core else unit.first)
        units.append(unit)
    _lengthen(units, first, end)
    return units


def _lengthen(units: list[Unit], first: int, end: int) -> None:
    """Give units that would only flash by some of the pauses around them, those after them first."""
    for index, unit in enumerate(units):
        lacking = frame_after(SEEN_MS, unit.fps) - (unit.end - unit.first)
        if lacking <= 0:
            continue
        after = units[index + 1].first if index + 1 < len(units) else end
        before = units[index - 1].end if index else first
        on = min(lacking, after - unit.end)
        back = min(lacking - on, unit.first - before)
        unit.first, unit.end = unit.first - back, unit.end + on
        unit.paused_ms = max(0, unit.paused_ms - int(ms_of(on + back, unit.fps)))
        unit.pauses = unit.pauses if unit.paused_ms else 0


def _is_pause(heard: Heard, start: float, end: float, reading: Reading) -> bool:
    """Whether the time around speech is a pause to be shortened: a filling word where those are to go; else long,
    silent where silence is known, and without laughter close by if that is to stay.
    """
    if reading.cut_fillers and heard.fillers.within(start, end):
        return True
    if not reading.style.cut_silences or end - start < max(LONG_PAUSE_MS, int(reading.style.pause_s * 1000) + 100):
        return False
    if reading.keep_laughter and heard.laughter.within(start - 1500, end + 1500):
        return False
    if heard.silence:
        return heard.silence.covered(start, end) >= 0.6 * (end - start)
    return heard.music.covered(start, end) < 0.5 * (end - start)


def _tie_questions(units: list[Unit]) -> None:
    """A question stays with what is said next: an orphaned question is no story."""
    for unit, following in pairwise(units):
        if unit.spoken and following.spoken and unit.source is following.source and unit.core and following.core:
            start, end = ms_of(unit.core[0], unit.fps), ms_of(unit.core[1], unit.fps)
            asked = any(start < at <= end and at >= end - AFTER_MS - 400 for at in unit.source.heard.questions)
            unit.tied = unit.tied or (asked and following.core[0] - unit.core[1] < 3 * unit.fps)
