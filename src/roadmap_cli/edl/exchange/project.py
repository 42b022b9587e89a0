"""What a Shotcut and a Kdenlive project say alike: producers of sources, what lies where on tracks, words at times.

How tracks, joints and bins are built differs, and is in `shotcut` and `kdenlive`.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from roadmap_cli.core.records import Record
from roadmap_cli.edl import timecode
from roadmap_cli.edl.exchange import mlt, mlt_filters
from roadmap_cli.edl.exchange.export import Export, Losses
from roadmap_cli.edl.exchange.mlt import Element, Warp
from roadmap_cli.edl.exchange.mlt_filters import Files, Filter
from roadmap_cli.edl.exchange.timeline import Clip, Heard, Timeline

#: Properties that bring ids back: of MLT's, Shotcut drops none it does not know.
ORIGIN, PLAN = "edl:origin", "edl:plan"
_HASHED_BYTES = 1_000_000


@dataclass(slots=True)
class Project:
    """A project in the making."""

    root: Element
    timeline: Timeline
    files: Files
    losses: Losses = field(default_factory=Losses)
    names: mlt.Names = field(default_factory=mlt.Names)

    def __post_init__(self) -> None:
        """Begin with the profile."""
        mlt.profile(self.root, self.timeline.width, self.timeline.height, self.timeline.fps)

    def name(self, tag: str) -> str:
        """The next name for an element."""
        return self.names.next(tag)

    def clock(self, frame: int) -> str:
        """A position as MLT reads it."""
        return mlt.clock(frame, self.timeline.fps)

    def ends(self, first: int, frames: int) -> dict[str, str]:
        """The attributes of a stretch of `frames` from `first`."""
        return {"in_": self.clock(first), "out": self.clock(first + frames - 1)}

    def export(self) -> Export:
        """The whole, done."""
        self.losses.unmapped(self.timeline.sources.values())
        if self.timeline.plan.get("loudness_lufs") is not None:
            words = "the loudness of the whole programme is not set there: normalise on export"
            self.losses.add("plan.loudness_lufs", words)
        return Export(mlt.serialise(self.root), self.losses, self.files.held)


# -- sources ---------------------------------------------------------------------------------------------------------


def file_hash(path: Path) -> str:
    """Their name for a file's content: MD5 of all of it, or of its first and last million bytes if it is large.

    "" for what cannot be read or is no plain file: a project may name a device or a pipe, which would never end.
    """
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                return ""
            size = found.st_size
            if size > 2 * _HASHED_BYTES:
                digest.update(file.read(_HASHED_BYTES))
                file.seek(size - _HASHED_BYTES)
            digest.update(file.read(2 * _HASHED_BYTES))
    except OSError:
        return ""
    return digest.hexdigest()


def streams(source: Mapping[str, object]) -> tuple[int, int]:
    """The numbers of the first sound and the first picture stream of a source; -1 for none."""
    listed = source.get("streams")
    kinds = (
        [stream.get("type") if isinstance(stream, dict) else None for stream in listed]
        if isinstance(listed, list)
        else []
    )
    picture = source.get("has_picture", True) is not False
    if not kinds:
        return (1 if picture else 0) if source.get("has_sound") else -1, 0 if picture else -1
    sound = kinds.index("audio") if "audio" in kinds and source.get("has_sound", True) else -1
    return sound, kinds.index("video") if picture and "video" in kinds else -1


def source_length(source: Mapping[str, object], timeline: Timeline, speed: object = 1) -> int:
    """How many programme frames a source lasts at a speed."""
    try:
        if source.get("frames"):
            seconds = int(str(source["frames"])) / timecode.rational(source.get("fps"))
        else:
            seconds = timecode.rational(source.get("duration"))
    except Exception:  # noqa: BLE001 - a source without a length is as long as it is used
        return 0
    return max(1, timecode.round_half_up(seconds * timeline.fps / Fraction(str(speed))))


def producer(
    project: Project,
    source: Mapping[str, object],
    warp: Warp,
    reach: int,
    told: Mapping[str, object],
    *,
    clocked: bool,
    sound: bool = True,
    picture: bool = True,
) -> Element:
    """A copy of a source whose last frame is `reach` or later: a chain, or a producer that plays at another speed.

    `clocked` writes its length as a time instead of a number of frames.
    """
    path = str(source.get("path", ""))
    audio, video = streams(source)
    length = max(source_length(source, project.timeline, warp.speed or 1), reach + 1)
    held: dict[str, object] = {"length": project.clock(length) if clocked else length, "eof": "pause"}
    attributes = {"out": project.clock(length - 1)}
    if warp.speed is None:
        tag = "chain"
        held |= {"resource": path, "mlt_service": "avformat-novalidate"}
    else:
        tag = "producer"
        held |= {"resource": f"{warp.spelled}:{path}", "mlt_service": "timewarp", "warp_speed": warp.spelled,
                 "warp_resource": path, "warp_pitch": 1}  # fmt: skip
        attributes["in_"] = project.clock(0)
    held |= {"seekable": 1, "audio_index": audio if sound else -1, "video_index": video if picture else -1,
             "mute_on_pause": 0}  # fmt: skip
    return mlt.sub(project.root, tag, held | dict(told), id=project.name(tag), **attributes)


# -- what lies where -------------------------------------------------------------------------------------------------


def warp_of(clip: Clip, timeline: Timeline) -> Warp:
    """Where a clip begins in its producer so that no picture of another shot is seen, its tail included."""
    tail = 0
    if clip.tail:
        tail = -int(-(clip.tail / timeline.fps * clip.speed * clip.rate) // 1)
    return mlt.place(clip.first, clip.end + tail, clip.rate, clip.speed, timeline.fps, clip.frames + clip.tail)


def pictures(project: Project) -> Iterator[tuple[Clip, Warp, list[Filter]]]:
    """Each clip with its place in its producer, and the filters of its look."""
    for clip in project.timeline.clips:
        warp = warp_of(clip, project.timeline)
        if not warp.exact:
            project.losses.add("cut.range", "a few pictures differ: its range is shorter than its place", clip.id)
        yield clip, warp, mlt_filters.picture(clip, project.timeline, project.files, project.losses)


def sound_place(heard: Heard, timeline: Timeline) -> tuple[int, int]:
    """The programme frame at which a clip's own sound begins, and the frame of its producer heard there."""
    wanted = warp_of(heard.clip, timeline).start + heard.start - heard.clip.start
    first = max(0, wanted)
    return heard.start + first - wanted, first


def playable(project: Project) -> list[Record]:
    """The cues that are a stretch of a file; a made sound has none."""
    found = []
    for cue in project.timeline.cues:
        if cue.get("source_id") in project.timeline.sources:
            found.append(cue)
        elif cue.get("source_id"):
            project.losses.add("cue.source", "its source is not in the stream: not exported", str(cue.get("id")))
        else:
            project.losses.add("cue.sound", "made sounds have no file: not exported", str(cue.get("id")))
    return found


def placed(project: Project, things: Sequence[Record]) -> Iterator[tuple[Record, int, int]]:
    """Titles or cues with their first frame in the programme and their length, up to the programme's end."""
    for thing in things:
        start = thing["timeline_in_frame"]
        frames = min(thing["timeline_out_frame"], project.timeline.length) - start
        if frames > 0:
            yield thing, start, frames
        else:
            sort = thing["kind"].partition(".")[2]
            project.losses.add(sort, f"a {sort} lies past the end: not exported", str(thing.get("id")))


def cue_sound(cue: Record, frames: int, timeline: Timeline) -> tuple[int, list[Filter]]:
    """The frame of its source a cue begins with, and its filters: level, stepping back under speech, fades."""
    first = timecode.round_half_up(Fraction(int(cue.get("source_start_ms", 0)), 1000) * timeline.fps)
    level = mlt_filters.ducked(cue, timeline)
    filters = [Filter("volume", {"level": level}, "audioGain", "volume")] if level != "0" else []
    fades = [min(int(cue.get(name) or 0), frames) for name in ("fade_in_frames", "fade_out_frames")]
    return first, filters + mlt_filters.sound_fades(fades[0], fades[1], frames, timeline)


def lanes(things: Sequence[Record]) -> list[list[Record]]:
    """Things in order of their start, on as few tracks as hold them without overlap."""
    lanes: list[list[Record]] = []
    for thing in things:
        for lane in lanes:
            if lane[-1]["timeline_out_frame"] <= thing["timeline_in_frame"]:
                lane.append(thing)
                break
        else:
            lanes.append([thing])
    return lanes


def lay(
    project: Project, playlist: Element, at: int, start: int, frames: int, first: int, name: str,
    told: Mapping[str, object] | None = None,
) -> Element:  # fmt: skip
    """Put a producer's frames into a playlist that is filled up to `at`, with a blank before them if need be."""
    if start > at:
        mlt.sub(playlist, "blank", length=project.clock(start - at))
    return mlt.sub(playlist, "entry", told, producer=name, **project.ends(first, frames))


# -- words -----------------------------------------------------------------------------------------------------------


def caption(title: Record) -> str:
    """A title's first line."""
    return str(title["text"]).partition("\n")[0][:60]


def note(timeline: Timeline) -> str:
    """What the plan is, in words, for the project's notes."""
    plan = timeline.plan
    lines = [f"intent: {plan['intent']}"] if plan.get("intent") else []
    lines += [f"style: {plan['style']}"] if plan.get("style") else []
    lines.append(f"{len(timeline.clips)} cuts, {timecode.clock(timeline.length, timeline.fps)}")
    lines += [f"- {reason}" for reason in plan.get("reasons", []) if isinstance(reason, str)]
    lines.append(f"{PLAN} {plan['id']}")
    return "\n".join(lines)


def labels(timeline: Timeline) -> list[tuple[int, str, bool]]:
    """Words at frames: at each cut its reason, and each beat of the story (true), cuts first."""
    found = []
    for clip in timeline.clips:
        number = str(clip.position + 1)
        found.append((clip.start, f"{number}: {clip.reason}" if clip.reason else number, False))
    for beat in timeline.beats:
        at = timeline.at_source(beat.get("source_id"), int(beat.get("in_frame", -1)))
        if at is not None:
            found.append((at, f"{beat.get('role', 'beat')}: {beat.get('why', '')}", True))
    return found
