"""What was measured on the sources of a plan, ready to be asked by cut and by time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.edl import edit as saying
from roadmap_cli.edl import timecode

#: Shot sizes from the closest to the widest.
SIZES = ("extreme_close", "close", "medium_close", "medium", "medium_wide", "wide", "extreme_wide")


@lru_cache(maxsize=4096)
def rational(text: str) -> Fraction:
    """`timecode.rational`, remembered: a thousand cuts have few rates and speeds."""
    return timecode.rational(text)


class Timed:
    """Records of one source by when they begin and end, in milliseconds; they may not overlap much."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = sorted(records, key=lambda each: int(each["start_ms"]))
        self.starts = [int(each["start_ms"]) for each in self.records]
        self.ends = [int(each["end_ms"]) for each in self.records]

    def at(self, place: int) -> Record | None:
        """The record inside which a place lies, its edges not counted."""
        found = bisect_left(self.starts, place) - 1
        return self.records[found] if found >= 0 and self.ends[found] > place else None

    def within(self, first: int, end: int) -> list[Record]:
        """The records that share more than an edge with a stretch."""
        last = bisect_left(self.starts, end)
        begin = bisect_right(self.starts, first)
        while begin > 0 and self.ends[begin - 1] > first:
            begin -= 1
        return [each for each in self.records[begin:last] if each["end_ms"] > first]

    def after(self, place: int) -> Record | None:
        """The first record that begins at a place or later."""
        found = bisect_left(self.starts, place)
        return self.records[found] if found < len(self.records) else None

    def before(self, place: int) -> Record | None:
        """The last record that has ended at a place."""
        found = bisect_right(self.starts, place) - 1
        while found >= 0 and self.ends[found] > place:
            found -= 1
        return self.records[found] if found >= 0 else None

    def __bool__(self) -> bool:
        return bool(self.records)


_NOTHING = Timed(())

_STRETCH: dict[str, type] = {"source_id": str, "start_ms": int, "end_ms": int}
#: What a measured record must have to be of use, by kind, and what may be there only as this.
_NEEDED: dict[str, dict[str, type]] = {
    "edl.shot": {"id": str},
    "edl.scene": {"id": str, "shot_ids": list},
    "edl.span": {"id": str, **_STRETCH},
    "edl.word": {"id": str, **_STRETCH},
    "edl.rhythm": {**_STRETCH, "beats_ms": list},
    "edl.beat": {"id": str, "source_id": str, "in_frame": int, "out_frame": int},
    "edl.energy": {"source_id": str, "step_ms": int, "values": list},
}
_OPTIONAL: dict[str, tuple[str, ...]] = {
    "edl.shot": ("scene_id", "shot_size", "subject", "label"),
    "edl.beat": ("role", "why"),
    "edl.word": ("text",),
}
_LISTED: dict[str, type] = {"shot_ids": str, "beats_ms": int}


def _usable(kind: str, records: Sequence[Record]) -> list[Record]:
    """The records a rule can go by: others tell nothing, and what is not text where text belongs is left out."""
    needed, texts = _NEEDED.get(kind, {}), _OPTIONAL.get(kind, ())
    found = []
    for record in records:
        if any(type(record.get(name)) is not sort for name, sort in needed.items()):
            continue
        if any(type(each) is not sort for name, sort in _LISTED.items() if name in needed for each in record[name]):
            continue
        wrong = [name for name in texts if name in record and type(record[name]) is not str]
        found.append({name: value for name, value in record.items() if name not in wrong} if wrong else record)
    return found


class Footage:
    """A plan's cuts with all that is known of what they show. Times are milliseconds of a source."""

    def __init__(
        self,
        plan: Record,
        cuts: Sequence[Record],
        sources: Mapping[str, Record],
        titles: Sequence[Record] = (),
        cues: Sequence[Record] = (),
        measured: Mapping[str, Sequence[Record]] | None = None,
    ) -> None:
        self.plan = plan
        self.cuts = cuts
        self.sources = sources
        self.titles = titles
        self.cues = cues
        self.measured = {kind: _usable(kind, records) for kind, records in (measured or {}).items()}
        self.fps = rational(str(plan["fps"]))
        self._heard: dict[str, tuple[int, int] | None] = {}

    # -- by source and time --------------------------------------------------------------------------------------------

    def speech(self, source_id: str) -> Timed:
        """The phrases spoken in a source."""
        return self._spans.get((source_id, "speech"), _NOTHING)

    def spans(self, source_id: str, sort: str) -> Timed:
        """The spans of a sort in a source."""
        return self._spans.get((source_id, sort), _NOTHING)

    def words(self, source_id: str) -> Timed:
        """The words spoken in a source; empty without a speech model."""
        return self._words.get(source_id, _NOTHING)

    def beats_ms(self, source_id: str) -> Sequence[int]:
        """The beats of the music in a source."""
        return self._pulses.get(source_id, ())

    @cached_property
    def spoken(self) -> dict[str, Record]:
        """Words and phrases by id."""
        return {each["id"]: each for kind in ("edl.span", "edl.word") for each in self._timed(kind)}

    @cached_property
    def _spans(self) -> dict[tuple[str, str], Timed]:
        groups: dict[tuple[str, str], list[Record]] = {}
        for span in self._timed("edl.span"):
            groups.setdefault((span["source_id"], str(span.get("sort"))), []).append(span)
        return {key: Timed(group) for key, group in groups.items()}

    @cached_property
    def _words(self) -> dict[str, Timed]:
        groups: dict[str, list[Record]] = {}
        for word in self._timed("edl.word"):
            groups.setdefault(word["source_id"], []).append(word)
        return {key: Timed(group) for key, group in groups.items()}

    @cached_property
    def _pulses(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for rhythm in self._timed("edl.rhythm"):
            beats = rhythm.get("beats_ms")
            if isinstance(beats, list):
                found.setdefault(rhythm["source_id"], []).extend(int(each) for each in beats)
        return {name: sorted(beats) for name, beats in found.items()}

    def _timed(self, kind: str) -> list[Record]:
        return self.measured.get(kind, [])

    # -- by cut --------------------------------------------------------------------------------------------------------

    @cached_property
    def shots(self) -> dict[str, Record]:
        """Shots by id."""
        return {each["id"]: each for each in self.measured.get("edl.shot", ())}

    def shot(self, cut: Record) -> Record:
        """The shot a cut is taken from; empty if none is known."""
        return self.shots.get(str(cut.get("shot_id")), {})

    @cached_property
    def _scene_of_shot(self) -> dict[str, str]:
        return {name: scene["id"] for scene in self.measured.get("edl.scene", ()) for name in scene.get("shot_ids", ())}

    def scene(self, cut: Record) -> str | None:
        """The id of the scene a cut is taken from, if scenes were found."""
        shot = self.shot(cut)
        return shot.get("scene_id") or self._scene_of_shot.get(str(cut.get("shot_id")))

    @cached_property
    def scenes(self) -> dict[str, Record]:
        """Scenes by id."""
        return {each["id"]: each for each in self.measured.get("edl.scene", ())}

    @cached_property
    def beats(self) -> dict[str, Record]:
        """Story beats by id."""
        return {each["id"]: each for each in self.measured.get("edl.beat", ())}

    def place_ms(self, cut: Record, frame: int) -> int:
        """The time of a source frame of a cut's source, in milliseconds."""
        rate = rational(cut["fps"])
        return (2000 * frame * rate.denominator + rate.numerator) // (2 * rate.numerator)

    def heard(self, cut: Record) -> tuple[int, int] | None:
        """The stretch of its source that a cut sounds for, leads and lags included; None if it is silent."""
        name = cut["id"]
        if name not in self._heard:
            self._heard[name] = self._hear(cut)
        return self._heard[name]

    def _hear(self, cut: Record) -> tuple[int, int] | None:
        sound = saying.sound(cut)
        source = self.sources.get(cut["source_id"], {})
        if sound.mute or source.get("has_sound") is False:
            return None
        first, end = self.place_ms(cut, cut["in_frame"]), self.place_ms(cut, cut["out_frame"])
        if sound.lead_frames or sound.lag_frames:
            speed = rational(cut["speed"])
            first -= int(sound.lead_frames / self.fps * speed * 1000)
            end += int(sound.lag_frames / self.fps * speed * 1000)
        if sound.offset_ms:
            moved = round(sound.offset_ms * float(rational(cut["speed"])))
            first, end = first - moved, end - moved
        return first, end

    def goes_on(self, left: Record, right: Record) -> bool:
        """Whether the sound runs through a joint as in the source, so that nothing is cut there."""
        if left["source_id"] != right["source_id"] or left["out_frame"] != right["in_frame"]:
            return False
        return bool(left["speed"] == right["speed"]) and saying.sound(left).mute == saying.sound(right).mute

    def number(self, cut: Record, field: str) -> float | None:
        """A number that was measured on a cut's shot."""
        return number(self.shot(cut).get(field))

    def energy(self, cut: Record) -> float | None:
        """The energy of the story where a cut is taken from: its beat's, else that of the curve."""
        beat = self.beats.get(str(cut.get("beat_id")))
        if beat is not None and (value := number(beat.get("energy_ratio"))) is not None:
            return value
        for curve in self.measured.get("edl.energy", ()):
            step, values = curve.get("step_ms"), curve.get("values")
            if curve.get("source_id") == cut["source_id"] and isinstance(step, int) and step > 0 and values:
                middle = self.place_ms(cut, (cut["in_frame"] + cut["out_frame"]) // 2) // step
                return number(values[min(middle, len(values) - 1)])
        return None

    @cached_property
    def is_montage(self) -> bool:
        """Whether very short shots and many transitions are meant."""
        return self.plan.get("montage") is True or self.plan.get("style") in {"music-video", "trailer"}


def number(value: Any) -> float | None:
    """A number of a record, or None."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value == value else None


def zoom(box: saying.Box) -> float:
    """How much a framing enlarges."""
    return 1 / max(box.width, box.height)


def box_of(shot: Mapping[str, Any]) -> saying.Box | None:
    """The subject's box of a shot, if one was measured."""
    try:
        return saying.Box.read(shot["subject_box"], "subject_box")
    except (KeyError, DataError):
        return None
