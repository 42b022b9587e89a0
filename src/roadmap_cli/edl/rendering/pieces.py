"""An edit's picture as pieces to be encoded one by one: which source frames each shows, with which look.

A piece is a run of programme frames that look after themselves: the body of a cut or a part of it, a transition, a
fade. Long cuts are split near multiples of a fixed step in source frames, so that trimming one end of a cut leaves the
pieces of its other end as they are. Where a cut plays at another speed or rate, its pieces show exactly what it would
show in one: trimmed at its head by a length that moves which frames are doubled or left out, all of it is new.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

from roadmap_cli.core import records
from roadmap_cli.core.records import Record
from roadmap_cli.edl import edit as said
from roadmap_cli.edl import grade, timecode
from roadmap_cli.edl.edit import Blur, Framing, Lift
from roadmap_cli.edl.gathering import Edit
from roadmap_cli.edl.grade import Grade
from roadmap_cli.edl.probe import Media

#: Part of each key: a change of the filters or the encoder's settings is a new number.
FORMAT = 2
#: Long cuts are split about this often, and no piece at an end is made shorter than the second, in seconds.
STEP_S, LEAST_S = 4, Fraction(3, 2)
#: How many source frames an effect that remembers is run before the first one shown, and after the last.
WARM_FRAMES = 24
#: Positions inside a frame are kept exactly up to this denominator (every pair of usual rates has a smaller one).
_FINEST = 10_000

#: Colours a picture may fade from or to.
FADES = {"fade_black": "black", "fade_white": "white"}


@dataclass(frozen=True, slots=True)
class Shape:
    """What all segments of one programme share: they can only be joined if it is the same."""

    fps: Fraction
    width: int
    height: int
    preset: str
    quality: int

    @property
    def ticks(self) -> int:
        """Ticks of the segments' clock for each frame."""
        return self.timescale * self.fps.denominator // self.fps.numerator

    @property
    def timescale(self) -> int:
        """Ticks a second: a multiple of the rate's numerator, so that every frame begins on a tick."""
        return self.fps.numerator * max(1, -(-12_000 // self.fps.numerator))


@dataclass(frozen=True, slots=True)
class Layer:
    """Source frames `first` to `end` as `frames` programme frames, with the look of their cut.

    `start` is where in the source its first programme frame lies, exactly: `first` and a part of a frame.
    `offset` and `total` place them in their cut, for framing that moves; `tick` counts programme frames from the
    source's frame 0, for grain. `around` is the run of source frames (their shot) that effects may look at besides.
    """

    media: Media
    first: int
    end: int
    start: Fraction
    speed: Fraction
    frames: int
    look: Grade
    effects: Mapping[str, float]
    framing: Framing
    blur: Blur | None
    lift: Lift | None
    offset: int
    total: int
    tick: int
    around: tuple[int, int]

    @property
    def masked(self) -> bool:
        """Whether a mask of the person is asked for."""
        return bool((self.blur and self.blur.sigma and self.blur.person) or (self.lift and self.lift.person))

    @property
    def seen(self) -> tuple[int, int]:
        """The source frames that are decoded: those shown, and those that effects with a memory need besides."""
        if not said.TEMPORAL_EFFECTS & self.effects.keys() - {"stabilise"}:  # steadying has its own whole-shot pass
            return self.first, self.end
        before, after = self.first - WARM_FRAMES, self.end + WARM_FRAMES
        return max(self.around[0], before), max(self.end, min(self.around[1], after))

    def decisive(self) -> dict[str, Any]:
        """All that decides its pixels."""
        moves = self.framing.start != self.framing.end
        told: dict[str, Any] = {
            "source": [self.media.sha256, self.media.video_index],
            "range": [self.first, self.end, *self.seen],
            "start": timecode.spell(self.start) if self.start != self.first else None,
            "rate": timecode.spell(self.media.fps),
            "speed": timecode.spell(self.speed),
            "frames": self.frames,
            "look": {} if self.look.neutral else grade.identity(self.look),
            "effects": {name: round(value, 4) for name, value in self.effects.items()},
            "framing": [self.framing.start.record(), self.framing.end.record()],
        }
        if moves:
            told["moves"] = [self.offset, self.total]
        if "grain" in self.effects:
            told["tick"] = self.tick
        if self.effects.get("denoise", 0.0) > 3:
            told["denoise"] = [name for name, _ in said.denoising(self.effects["denoise"])]
        if "stabilise" in self.effects:
            told["around"] = list(self.around)
        if self.blur and self.blur.sigma:
            box = self.blur.subject.record() if self.blur.subject else None
            told["blur"] = [round(self.blur.sigma, 3), box, self.blur.person]
        if self.lift:
            told["lift"] = [round(self.lift.stops, 3), self.lift.subject.record(), self.lift.person]
        return told


@dataclass(frozen=True, slots=True)
class Fade:
    """From (`into`) or to a colour, over `frames` programme frames from frame `start` of the piece."""

    into: bool
    colour: str
    start: int
    frames: int


@dataclass(frozen=True, slots=True)
class Line:
    """A title over a piece: it began `age` frames before the piece does, and lasts `length` in all."""

    text: str
    place: str
    size: float
    fade: int
    age: int
    length: int

    def decisive(self) -> list[Any]:
        """All that decides its pixels."""
        return [self.text, self.place, round(self.size, 4), self.fade, self.age, self.length]


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of programme frames ready to be encoded. `transition` mixes its two layers."""

    cut_id: str
    position: int
    start: int
    frames: int
    layers: tuple[Layer, ...]
    transition: str | None = None
    fades: tuple[Fade, ...] = ()
    titles: tuple[Line, ...] = field(default=())

    @property
    def part(self) -> str:
        """What it is: body, transition or fade."""
        return "transition" if self.transition else "fade" if self.fades else "body"


def key(piece: Piece, shape: Shape, version: str, further: Mapping[str, Any]) -> str:
    """SHA-256 over all that decides the segment's pixels; `further` are the fonts and models it rests on."""
    decisive = {
        "format": FORMAT,
        "layers": [layer.decisive() for layer in piece.layers],
        "frames": piece.frames,
        "transition": piece.transition,
        "fades": [[fade.into, fade.colour, fade.start, fade.frames] for fade in piece.fades],
        "titles": [title.decisive() for title in piece.titles],
        "shape": [timecode.spell(shape.fps), shape.width, shape.height, shape.preset, shape.quality],
        "encoder": version,
        "further": dict(further),
    }
    return hashlib.sha256(records.canonical(decisive)).hexdigest()


def of_edit(edit: Edit, media: Mapping[str, Media]) -> list[Piece]:
    """All pieces of an edit in order. `media` is by source id. Raises DataError for what cannot be understood."""
    fps = timecode.rational(edit.plan["fps"], field="fps")
    found: list[Piece] = []
    shots = edit.shots
    cuts = [_Cut.read(cut, media[cut["source_id"]], shots.get(str(cut.get("shot_id"))), fps) for cut in edit.cuts]
    for number, cut in enumerate(cuts):
        before = cuts[number - 1] if number else None
        after = cuts[number + 1] if number + 1 < len(cuts) else None
        found += _pieces(cut, before, after, len(found))
    return [_titled(piece, edit.titles) for piece in found]


@dataclass(frozen=True, slots=True)
class _Cut:
    """A cut's record, read."""

    record: Record
    layer: Layer
    fps: Fraction

    @classmethod
    def read(cls, cut: Record, media: Media, shot: Record | None, fps: Fraction) -> _Cut:
        first, end = cut["in_frame"], cut["out_frame"]
        around = (shot["in_frame"], shot["out_frame"]) if shot else (first, end)
        around = (min(around[0], first), max(around[1], end))
        speed = timecode.rational(cut["speed"], field="speed")
        frames = cut["timeline_out_frame"] - cut["timeline_in_frame"]
        others = {name: value for name, value in said.effects(cut).items() if name not in said.COLOUR_EFFECTS}
        layer = Layer(
            media, first, end, Fraction(first), speed, frames, grade.of(cut), others,
            said.framing(cut), said.blur(cut), said.lift(cut), 0, frames, 0, around,
        )  # fmt: skip
        return cls(cut, layer, fps)

    @property
    def step(self) -> Fraction:
        """Source frames for each programme frame."""
        return self.layer.media.fps * self.layer.speed / self.fps

    @property
    def mixes(self) -> int:
        """Frames in which it is mixed with the cut before."""
        change = said.transition(self.record)
        return min(change.frames, self.layer.frames) if change and change.sort not in FADES else 0

    def dips(self) -> tuple[int, int, str]:
        """Frames it takes to fade in through a colour, frames the cut before takes to fade out, and the colour."""
        change = said.transition(self.record)
        if change is None or change.sort not in FADES:
            return 0, 0, ""
        return change.frames - change.frames // 2, change.frames // 2, FADES[change.sort]

    def tick(self, source_frame: int) -> int:
        """The programme frame a source frame lies at, counted from the source's frame 0."""
        return timecode.round_half_up(source_frame / self.step)

    def part(self, start: int, stop: int, last: int | None = None) -> Layer:
        """Programme frames `start` to `stop` of the cut; `last` is the source frame it must not reach."""
        layer = self.layer
        at = layer.first + start * self.step
        if at.denominator > _FINEST:
            at = Fraction(timecode.round_half_up(at))
        limit = layer.end if last is None else last
        end = max(int(at) + 1, min(limit, int(at + (stop - start - Fraction(1, 2)) * self.step) + 1))
        return replace(
            layer, first=int(at), end=end, start=at, frames=stop - start, offset=start,
            tick=self.tick(layer.first) + start, around=(layer.around[0], max(layer.around[1], end)),
        )  # fmt: skip


def _pieces(cut: _Cut, before: _Cut | None, after: _Cut | None, position: int) -> list[Piece]:
    total = cut.layer.frames
    mixes = cut.mixes if before else 0
    fades: list[Fade] = []
    dip_in, _, colour = cut.dips()
    if dip_in:
        fades.append(Fade(True, colour, 0, min(dip_in, total)))
    elif not mixes and (count := cut.record.get("fade_in_frames", 0)):
        fades.append(Fade(True, "black", 0, min(count, total)))
    out, out_colour = cut.record.get("fade_out_frames", 0), "black"
    if after and after.dips()[1]:
        _, out, out_colour = after.dips()
    if out:
        out = min(out, total - max(mixes, *(fade.frames for fade in fades), 0) if fades or mixes else total)
        if out:
            fades.append(Fade(False, out_colour, total - out, out))
    edges = {0, mixes, total}
    for fade in fades:
        edges |= {fade.start, fade.start + fade.frames}
    marks = _split(cut, sorted(edges))
    found: list[Piece] = []
    start_of_cut = cut.record["timeline_in_frame"]
    for start, stop in pairwise(marks):
        layers: tuple[Layer, ...] = (cut.part(start, stop),)
        sort = None
        if before and start < mixes:
            change = said.transition(cut.record)
            assert change
            sort = change.sort
            handle = max(1, said.handle_frames(before.record, cut.record, cut.fps))
            last = before.layer
            layers = (before.part(last.frames, last.frames + stop, last.end + handle), *layers)
        own = tuple(
            replace(fade, start=fade.start - start) for fade in fades if start <= fade.start < stop and fade.frames
        )
        found.append(
            Piece(str(cut.record["id"]), position + len(found), start_of_cut + start, stop - start, layers, sort, own)
        )
    return found


def _split(cut: _Cut, edges: Sequence[int]) -> list[int]:
    """The programme frames at which pieces begin, and the end.

    Between edges that must be, marks lie at multiples of the step in source frames, far enough from both; where whole
    source frames come often, at the next one, so that as many trims as can be leave the piece as it is.
    """
    every = max(1, timecode.round_half_up(STEP_S * cut.fps * cut.step))
    least = timecode.round_half_up(LEAST_S * cut.fps)
    period = cut.step.denominator if cut.step.denominator <= cut.fps else 1
    marks: list[int] = []
    for start, stop in pairwise(edges):
        marks.append(start)
        number = cut.layer.first // every
        while (at := -int((cut.layer.first - number * every) / cut.step / period // 1) * period) < stop - least:
            if at >= start + least:
                marks.append(at)
            number += 1
    return [*marks, edges[-1]]


def _titled(piece: Piece, titles: Sequence[Record]) -> Piece:
    lines = []
    for title in titles:
        first, end = title["timeline_in_frame"], title["timeline_out_frame"]
        if first < piece.start + piece.frames and end > piece.start and title["text"].strip():
            lines.append(
                Line(
                    title["text"],
                    str(title.get("place", "centre")),
                    float(title.get("size_ratio", 0.08)),
                    int(title.get("fade_frames", 0)),
                    piece.start - first,
                    end - first,
                )
            )
    return replace(piece, titles=tuple(lines)) if lines else piece
