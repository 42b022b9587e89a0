"""An edit in hand: its records in order, its sources as files, and small pictures of its cuts.

Nothing here changes an edit. Pictures are decoded small and in constant memory for the length of a cut: a colour is
measured on a few whole pictures, what happens from picture to picture on a run of at most `RUN_S` seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from roadmap_cli.core.errors import DataError, InputMissing
from roadmap_cli.core.records import Record, require
from roadmap_cli.edl import edit as fields
from roadmap_cli.edl import gathering, high_range, moved, probe, programs, timecode
from roadmap_cli.edl.probe import Media
from roadmap_cli.edl.programs import Chain, Programs

#: Whole pictures measured of a cut, and their width.
PICTURES, WIDTH = 6, 128
#: The longest run of pictures that is measured in order, in seconds, and its width.
RUN_S, RUN_WIDTH = 4, 480
#: Kinds that say what is in the sources; they pass through, and corrections rest on them.
FACTS = tuple(kind for kind in gathering.MEASURED if kind != "edl.shot")


@dataclass(frozen=True, slots=True)
class Edit:
    """A plan with its things, and what is known of its sources. `cuts` are in order."""

    plan: Record
    cuts: tuple[Record, ...]
    titles: tuple[Record, ...] = ()
    cues: tuple[Record, ...] = ()
    sources: Mapping[str, Record] = field(default_factory=dict)
    shots: Mapping[str, Record] = field(default_factory=dict)
    facts: Mapping[str, Sequence[Record]] = field(default_factory=dict)

    @property
    def fps(self) -> Fraction:
        """Frames a second of the programme."""
        return timecode.rational(self.plan.get("fps"), field="fps")

    @property
    def length(self) -> int:
        """Frames of the programme."""
        return int(self.cuts[-1]["timeline_out_frame"]) if self.cuts else 0

    def shot(self, cut: Record) -> Record:
        """What was measured of the shot a cut is taken from; empty if nothing is known."""
        return self.shots.get(str(cut.get("shot_id")), {})

    def of(self, kind: str, source_id: object) -> list[Record]:
        """The facts of a kind about a source."""
        return [record for record in self.facts.get(kind, ()) if record.get("source_id") == source_id]

    def put(self, cuts: Sequence[Record]) -> Edit:
        """The same with other cuts in the places of these: their times are as they were."""
        return replace(self, cuts=tuple(cuts))

    def things(self) -> list[Record]:
        """Cuts, titles and cues."""
        return [*self.cuts, *self.titles, *self.cues]


def whole(record: Record, name: str, otherwise: int) -> int:
    """A whole number of a record, or another if it has none there."""
    value = record.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise


def gather(stream: Iterable[Record]) -> Edit | None:
    """The edit of a stream. None if there is no plan and no thing of one; raises DataError for half of one."""
    read = gathering.read(stream)
    if read is None:
        return None
    for thing in read.things:
        for name in ("timeline_in_frame", "timeline_out_frame"):
            require(thing, name, int)
    cuts = sorted(read.cuts, key=lambda cut: int(cut["timeline_in_frame"]))
    for cut in cuts:
        for name in ("in_frame", "out_frame"):
            require(cut, name, int)
        for name in ("fps", "speed"):
            timecode.rational(cut.get(name), field=name)
        if cut["in_frame"] >= cut["out_frame"] or cut["timeline_in_frame"] >= cut["timeline_out_frame"]:
            raise DataError(f"cut {cut.get('id')} has no frames", code="bad_cut")
    if not cuts:
        raise DataError("the plan has no cuts", hint="edl-plan makes them", code="no_cuts")
    made = Edit(
        read.plan,
        tuple(cuts),
        tuple(read.titles),
        tuple(read.cues),
        read.sources,
        {require(shot, "id", str): shot for shot in read.of("edl.shot")},
        {kind: tuple(read.of(kind)) for kind in FACTS},
    )
    _ = made.fps
    for thing in [*cuts, *made.cues]:
        source_id = thing.get("source_id")
        if source_id is not None and source_id not in made.sources:
            raise DataError(f"{thing['kind']} {thing.get('id')} names a source that is not in the stream: {source_id}")
    return made


@dataclass(slots=True)
class Footage:
    """The files behind an edit, each looked at once; `tell` hears of each cut that is measured.

    `content` gives a file's SHA-256; without it a file is taken to be what was scanned.
    """

    found: Programs
    sources: Mapping[str, Record]
    tell: Callable[[str], None] = lambda _: None
    content: moved.Hash | None = None
    _media: dict[str, Media] = field(default_factory=dict)
    _kept: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    def media(self, source_id: str) -> Media:
        """A source's file. Raises InputMissing if it is gone, DataError if it cannot be decoded."""
        if source_id not in self._media:
            source = self.sources[source_id]
            path = Path(str(source.get("path", "")))
            if not path.is_file():
                raise InputMissing("source is missing", where=str(path), hint=moved.HINT)
            if self.content is not None and self.content(path) != source.get("sha256"):
                changed = "file has changed since it was scanned"
                raise DataError(changed, where=str(path), hint=moved.CHANGED_HINT, code="source_changed")
            media = probe.examine(self.found, path, str(source.get("sha256", "")))
            rate = source.get("fps")
            self._media[source_id] = replace(media, fps=timecode.rational(rate, field="fps")) if rate else media
        return self._media[source_id]

    def pictures(self, cut: Record) -> Any:
        """A few pictures spread over a cut as its framing shows them: RGB [n, height, width, 3], 0 to 1 in float32.

        Raises DataError if none can be decoded.
        """
        key = ("pictures", cut["source_id"], cut["in_frame"], cut["out_frame"], str(cut.get("framing")))
        if key not in self._kept:
            media = self.media(cut["source_id"])
            step = max(1, (cut["out_frame"] - cut["in_frame"]) // PICTURES)
            chosen: Chain = [("select", {"expr": f"not(mod(n-{step // 2},{step}))"})]
            values = self._decoded(media, cut["in_frame"], cut["out_frame"], WIDTH, chosen, "rgb24")
            self._kept[key] = _framed(values, fields.framing(cut).start) / 255
            self.tell(str(cut.get("id")))
        return self._kept[key]

    def run(self, cut: Record, width: int = RUN_WIDTH, pixel: str = "gray", crop: bool = False) -> Any:
        """Pictures of a cut one after the other from its middle: [n, height, width(, 3)] in 0 to 255, 8 bit.

        With `crop` not made small, but the middle of the picture in its own size: for noise and sharpness, which
        disappear in small pictures.
        """
        key = ("run", cut["source_id"], cut["in_frame"], cut["out_frame"], width, pixel, crop)
        if key not in self._kept:
            media = self.media(cut["source_id"])
            most = int(RUN_S * media.fps)
            spare = max(0, cut["out_frame"] - cut["in_frame"] - most) // 2
            first = cut["in_frame"] + spare
            end = min(cut["out_frame"], first + most)
            self._kept[key] = self._decoded(media, first, end, width, [], pixel, crop)
            self.tell(str(cut.get("id")))
        return self._kept[key]

    def _decoded(
        self, media: Media, first: int, end: int, width: int, chosen: Chain, pixel: str, crop: bool = False
    ) -> Any:
        import numpy

        if crop:
            wide, high = min(width, media.width), min(width * 9 // 16 // 2 * 2, media.height)
        else:
            wide = min(width, media.width)
            wide -= wide % 2
            high = max(2, round(wide * media.height / media.width / 2) * 2)
        options, filters = probe.pictures(media, first, end)
        size: dict[str, str | int] = {"w": wide, "h": high, "flags": "area", "in_color_matrix": media.matrix}
        if crop:
            size |= {"w": media.width, "h": media.height}
        if pixel == "gray":  # full range, so that 0 is black
            size["out_range"] = "pc"
        shape: Chain = [("scale", size)]
        if crop:
            shape.append(("crop", {"w": wide, "h": high}))
        if standard := high_range.measured(self.found, media):
            size |= {"in_color_matrix": high_range.matrix(media, high_range.can(self.found))}
            first_size: Chain = [("scale", {"w": size["w"], "h": size["h"], "flags": "area"}), *shape[1:]]
            shape = [*first_size, *standard, ("scale", size | {"w": wide, "h": high})]
        filters = [*filters, *chosen, *shape, ("format", {"pix_fmts": pixel})]
        node = programs.source(media.path, media.video_index, options, filters)
        node = node.output("pipe:1", format="rawvideo", fps_mode="passthrough")
        data = programs.run(programs.arguments(self.found, node), str(media.path))
        depth = 1 if pixel == "gray" else 3
        one = wide * high * depth
        if len(data) < one:
            raise DataError(f"no picture of frames {first} to {end} can be decoded", where=str(media.path))
        values = numpy.frombuffer(data[: len(data) // one * one], numpy.uint8)
        shaped = values.reshape(-1, high, wide) if depth == 1 else values.reshape(-1, high, wide, 3)
        return shaped if pixel == "gray" or crop or not chosen else shaped.astype(numpy.float32)


def _framed(values: Any, box: fields.Box) -> Any:
    """The part of pictures that a framing shows."""
    high, wide = values.shape[1:3]
    left, top = int(box.x * wide), int(box.y * high)
    right, bottom = max(left + 2, round((box.x + box.width) * wide)), max(top + 2, round((box.y + box.height) * high))
    return values[:, top:bottom, left:right]
