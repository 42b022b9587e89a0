"""An edit as every exporter needs it: read once from its records, refused if it is not a whole timeline.

The rule: exporters look at these values and never at raw fields, so that a transition, a fade or a handle means the
same in every format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, require
from roadmap_cli.edl import edit, grade, speaking, timecode
from roadmap_cli.edl.edit import Blur, Framing, Sound, Transition
from roadmap_cli.edl.gathering import Edit
from roadmap_cli.edl.grade import Grade

#: Longer than any film: more frames are a mistake, or meant to take up time and memory.
_MOST_FRAMES = 10**9


@dataclass(frozen=True, slots=True)
class Clip:
    """A cut with everything that decides how it looks and sounds.

    `first` and `end` are source frames at `rate`; `start` and `stop` programme frames. `tail` is how many programme
    frames its picture runs on past `stop` under the transition of the cut after it. `fade_in` and `fade_out` include
    the half of a fade through black that falls to it; `white_in` and `white_out` the half of one through white.
    """

    record: Record
    source: Record
    position: int
    first: int
    end: int
    rate: Fraction
    speed: Fraction
    start: int
    stop: int
    look: Grade
    framing: Framing
    blur: Blur | None
    effects: Mapping[str, float]
    sound: Sound
    entering: Transition | None = None
    tail: int = 0
    fade_in: int = 0
    fade_out: int = 0
    white_in: int = 0
    white_out: int = 0

    @property
    def frames(self) -> int:
        """Programme frames from its start to its stop, without the tail."""
        return self.stop - self.start

    @property
    def overlap(self) -> int:
        """Programme frames at its start during which the picture before it is still seen."""
        return self.entering.frames if self.entering and crosses(self.entering) else 0

    @property
    def dips(self) -> tuple[tuple[int, str], tuple[int, str]]:
        """Frames and colour of its fade at the start and at the end: from and to white wins over black."""
        start = (self.white_in, "white") if self.white_in else (self.fade_in, "black")
        return start, ((self.white_out, "white") if self.white_out else (self.fade_out, "black"))

    @property
    def id(self) -> str:
        """The id it keeps through all revisions."""
        return str(self.record.get("origin_id") or self.record["id"])

    @property
    def path(self) -> Path:
        """Where its source lies."""
        return Path(str(self.source.get("path", "")))

    @property
    def reason(self) -> str:
        """Why it is so; empty if nobody said."""
        return str(self.record.get("reason") or "")

    @property
    def has_sound(self) -> bool:
        """Whether anything is heard of it."""
        return bool(self.source.get("has_sound")) and not self.sound.mute


@dataclass(frozen=True, slots=True)
class Heard:
    """A clip's own sound in the programme, after J and L cuts: from `start` to `stop`."""

    clip: Clip
    start: int
    stop: int

    @property
    def moved(self) -> bool:
        """Whether it does not lie exactly under its picture."""
        return (self.start, self.stop) != (self.clip.start, self.clip.stop)


@dataclass(frozen=True, slots=True)
class Timeline:
    """A whole edit."""

    plan: Record
    fps: Fraction
    width: int
    height: int
    length: int
    clips: Sequence[Clip]
    titles: Sequence[Record] = ()
    cues: Sequence[Record] = ()
    sources: Mapping[str, Record] = field(default_factory=dict)
    beats: Sequence[Record] = ()
    spans: Sequence[Record] = ()
    words: Sequence[Record] = ()
    scenes: Sequence[Record] = ()
    shots: Mapping[str, Record] = field(default_factory=dict)

    @property
    def heard(self) -> list[Heard]:
        """Each clip's sound with its J and L cuts: what one gains at a joint the other gives up."""
        starts = [clip.start for clip in self.clips]
        stops = [clip.stop for clip in self.clips]
        for n, (left, right) in enumerate(pairwise(self.clips)):
            moved = left.sound.lag_frames - right.sound.lead_frames
            room = (left.frames, right.frames)
            moved = max(1 - room[0], min(moved, room[1] - 1))
            stops[n] += moved
            starts[n + 1] += moved
        return [Heard(clip, *at) for clip, at in zip(self.clips, zip(starts, stops, strict=True), strict=True)]

    def at_source(self, source_id: object, frame: int) -> int | None:
        """The programme frame at which a source frame is first shown; None if it is not in the edit."""
        for clip in self.clips:
            if clip.source.get("id") == source_id and clip.first <= frame < clip.end:
                shown = timecode.round_half_up((frame - clip.first) / clip.rate / clip.speed * self.fps)
                return clip.start + min(shown, clip.frames - 1)
        return None

    def speech(self) -> list[tuple[int, int]]:
        """Programme frames in which a source's speech is heard, in order, short pauses bridged."""
        heard = [(entry.clip.record, entry.start, entry.stop) for entry in self.heard if entry.clip.has_sound]
        stretches = speaking.in_programme(heard, self.spans, self.shots, self.fps)
        found = [
            (timecode.round_half_up(low * self.fps), timecode.round_half_up(high * self.fps)) for low, high in stretches
        ]
        return [(low, high) for low, high in found if low < high]


def crosses(change: Transition) -> bool:
    """Whether both pictures are seen at once, so that the one before needs a handle."""
    return change.sort not in {"fade_black", "fade_white"}


def read(found: Edit) -> Timeline:
    """The timeline of an edit. Raises DataError for what is missing or does not fit together."""
    plan, sources = found.plan, found.sources
    fps = timecode.rational(plan.get("fps"), field="fps")
    width, height = require(plan, "width", int), require(plan, "height", int)
    for source in sources.values():
        require(source, "path", str)
        if source.get("has_picture", True) is not False:
            timecode.rational(source.get("fps"), field="fps")
            if not 0 < require(source, "frames", int) < _MOST_FRAMES:
                raise DataError(f"edl.source {source['id']} has no length", code="bad_range")
    cuts = list(found.cuts)
    if not cuts:
        raise DataError("plan has no cuts", code="empty_plan")
    if not 2 <= width <= 16384 or not 2 <= height <= 16384:
        raise DataError(f"plan has no size that can be: {width} by {height}", code="bad_size")
    for thing in found.things:
        if (
            require(thing, "timeline_in_frame", int) < 0
            or not thing["timeline_in_frame"] < require(thing, "timeline_out_frame", int) < _MOST_FRAMES
        ):
            raise DataError(f"{thing['kind']} {thing.get('id')} has no length", code="bad_range")
    cuts.sort(key=lambda cut: cut["timeline_in_frame"])
    clips = _clips(cuts, sources, fps)
    return Timeline(
        plan,
        fps,
        width,
        height,
        clips[-1].stop,
        clips,
        tuple(sorted(found.titles, key=lambda title: title["timeline_in_frame"])),
        tuple(sorted(found.cues, key=lambda cue: cue["timeline_in_frame"])),
        sources,
        tuple(found.of("edl.beat")),
        tuple(found.of("edl.span")),
        tuple(found.of("edl.word")),
        tuple(found.of("edl.scene")),
        found.shots,
    )


def _look(cut: Record) -> tuple[Grade, dict[str, float]]:
    """What goes into a cut's colour table, and the effects that do not."""
    others = {name: value for name, value in edit.effects(cut).items() if name not in edit.COLOUR_EFFECTS}
    return grade.of(cut), others


def _clips(cuts: Sequence[Record], sources: Mapping[str, Record], fps: Fraction) -> list[Clip]:
    clips: list[Clip] = []
    expected = 0
    for position, cut in enumerate(cuts):
        where = f"cut {position + 1}"
        source = sources.get(require(cut, "source_id", str))
        if source is None:
            raise DataError(f"{where}: its source {cut['source_id']} is not in the stream", code="no_source")
        if cut["timeline_in_frame"] != expected:
            raise DataError(
                f"{where} begins at frame {cut['timeline_in_frame']}, not {expected}",
                hint="edl-check names what is wrong",
                code="bad_timeline",
            )
        expected = cut["timeline_out_frame"]
        first, end = require(cut, "in_frame", int), require(cut, "out_frame", int)
        if not 0 <= first < end:
            raise DataError(f"{where} has no frames: {first} to {end}", code="bad_range")
        entering = edit.transition(cut)
        if entering and entering.frames > cut["timeline_out_frame"] - cut["timeline_in_frame"]:
            raise DataError(f"{where}: its transition is longer than it is", code="bad_transition")
        following = cuts[position + 1] if position + 1 < len(cuts) else None
        leaving = edit.transition(following) if following else None
        fades = [int(cut.get(name, 0)) for name in ("fade_in_frames", "fade_out_frames")]
        half_in = entering.frames - entering.frames // 2 if entering and not crosses(entering) else 0
        half_out = leaving.frames // 2 if leaving and not crosses(leaving) else 0
        black = (
            entering is not None and entering.sort == "fade_black",
            leaving is not None and leaving.sort == "fade_black",
        )
        look, effects = _look(cut)
        clips.append(
            Clip(
                record=cut,
                source=source,
                position=position,
                first=first,
                end=end,
                rate=timecode.rational(cut.get("fps"), field="fps"),
                speed=timecode.rational(cut.get("speed"), field="speed"),
                start=cut["timeline_in_frame"],
                stop=expected,
                look=look,
                framing=edit.framing(cut),
                blur=edit.blur(cut),
                effects=effects,
                sound=edit.sound(cut),
                entering=entering if position else None,
                tail=leaving.frames if leaving and crosses(leaving) else 0,
                fade_in=max(fades[0], half_in if black[0] and position else 0),
                fade_out=max(fades[1], half_out if black[1] else 0),
                white_in=0 if black[0] or not position else half_in,
                white_out=0 if black[1] else half_out,
            )
        )
    return clips
