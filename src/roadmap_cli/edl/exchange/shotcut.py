"""An edit as a Shotcut project: what Shotcut itself would have saved, with the reasons of the edit where people look.

Rules that keep such a file whole (seen on Shotcut's sources and on melt): every use of a clip is its own copy of the
producer, defined before it is used; filters stand inside the producer; `out` is the last frame; the playlist
`background` is the first track, `main_bin` comes before the tractor; a joint with a transition is a small tractor in
the playlist. Shotcut numbers ids anew when it saves, so that what must come back is a property.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

from roadmap_cli.core.records import Record
from roadmap_cli.edl import timecode
from roadmap_cli.edl.exchange import drawn, mlt, mlt_filters
from roadmap_cli.edl.exchange.export import Export, Losses
from roadmap_cli.edl.exchange.mlt import Element, Warp
from roadmap_cli.edl.exchange.mlt_filters import Files, Filter
from roadmap_cli.edl.exchange.timeline import Clip, Heard, Timeline

#: The MLT and Shotcut versions whose way of writing this follows: older ones would be refused by nobody.
_MLT_VERSION, _TITLE = "7.12.0", "Shotcut version 22.12.21"
#: Properties that bring ids back: of MLT's, Shotcut drops none it does not know.
ORIGIN, PLAN = "edl:origin", "edl:plan"
_HASHED_BYTES = 1_000_000

#: Gives Shotcut's hash of a file; "" for one that cannot be read.
Hash = Callable[[Path], str]


@dataclass(slots=True)
class _Document:
    """The project in the making."""

    root: Element
    timeline: Timeline
    files: Files
    losses: Losses
    hash_of: Hash
    names: mlt.Names = field(default_factory=mlt.Names)

    def name(self, tag: str) -> str:
        return self.names.next(tag)

    def clock(self, frame: int) -> str:
        return mlt.clock(frame, self.timeline.fps)


def file_hash(path: Path) -> str:
    """Shotcut's name for a file's content: MD5 of all of it, or of its first and last million bytes if it is large.

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


def export(timeline: Timeline, folder: str, hash_of: Hash = file_hash) -> Export:
    """The project. `folder` is the name of the directory beside it that holds the files it needs."""
    losses = Losses()
    root = ElementTree.Element(
        "mlt", {"LC_NUMERIC": "C", "version": _MLT_VERSION, "title": _TITLE, "producer": "main_bin"}
    )
    mlt.profile(root, timeline.width, timeline.height, timeline.fps)
    document = _Document(root, timeline, Files(folder), losses, hash_of)
    _bin(document)
    _background(document)
    detached = _detached(timeline)
    heard = {entry.clip.position: entry for entry in timeline.heard}
    tracks = [_picture_track(document, detached)]
    tracks += [_title_track(document, lane, n) for n, lane in enumerate(lanes(timeline.titles))]
    pictures = len(tracks)
    if detached:
        tracks.append(_sound_track(document, [heard[position] for position in sorted(detached)]))
    tracks += [_cue_track(document, lane, n, bool(detached)) for n, lane in enumerate(lanes(_playable(document)))]
    _tractor(document, tracks, pictures)
    if timeline.plan.get("loudness_lufs") is not None:
        losses.add("plan.loudness_lufs", "the loudness of the whole programme is not set there: normalise on export")
    return Export(mlt.serialise(root), losses, document.files.held)


# -- producers -------------------------------------------------------------------------------------------------------


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


def _producer(
    document: _Document,
    source: Mapping[str, object],
    warp: Warp,
    reach: int,
    more: Mapping[str, object],
    filters: Sequence[Filter] = (),
    window: tuple[int, int] | None = None,
    *,
    sound: bool = True,
    picture: bool = True,
) -> str:
    """One copy of a clip with its filters; `reach` is the last frame it must have, `window` the filters' in and out."""
    timeline = document.timeline
    path = str(source.get("path", ""))
    audio, video = streams(source)
    audio, video = audio if sound else -1, video if picture else -1
    length = max(source_length(source, timeline, warp.speed or 1), reach + 1)
    common: dict[str, object] = {
        "length": document.clock(length),
        "eof": "pause",
    }
    streamed: dict[str, object] = {
        "seekable": 1,
        "audio_index": audio,
        "video_index": video,
        "mute_on_pause": 0,
        "shotcut:hash": document.hash_of(Path(path)),
    }
    out = document.clock(length - 1)
    if warp.speed is None:
        name = document.name("chain")
        node = mlt.sub(
            document.root, "chain",
            common | {"resource": path, "mlt_service": "avformat-novalidate"} | streamed
            | {"shotcut:caption": Path(path).name},
            id=name, out=out,
        )  # fmt: skip
    else:
        name = document.name("producer")
        caption = f"{Path(path).name} ({warp.spelled}x)"
        node = mlt.sub(
            document.root, "producer",
            common | {"resource": f"{warp.spelled}:{path}", "mlt_service": "timewarp"} | streamed
            | {"warp_speed": warp.spelled, "warp_resource": path, "warp_pitch": 1, "shotcut:producer": "avformat",
               "shotcut:caption": caption},
            id=name, in_=document.clock(0), out=out,
        )  # fmt: skip
    mlt.put(node, dict(more))
    for filtered in filters:
        _filter(document, node, filtered, window)
    return name


def _filter(document: _Document, node: Element, filtered: Filter, window: tuple[int, int] | None) -> None:
    named = {"shotcut:filter": filtered.shotcut} if filtered.shotcut else {}
    attributes: dict[str, object] = {"id": document.name("filter")}
    if window:
        attributes |= {"in_": document.clock(window[0]), "out": document.clock(window[1])}
    mlt.sub(node, "filter", filtered.properties | {"mlt_service": filtered.service} | named, **attributes)


def _colour(document: _Document, colour: str, frames: int, more: Mapping[str, object]) -> Element:
    name = document.name("producer")
    properties = {
        "length": document.clock(frames), "eof": "pause", "resource": colour, "aspect_ratio": 1,
        "mlt_service": "color", "mlt_image_format": "rgba",
    }  # fmt: skip
    return mlt.sub(
        document.root,
        "producer",
        properties | dict(more),
        id=name,
        in_=document.clock(0),
        out=document.clock(frames - 1),
    )


def _bin(document: _Document) -> None:
    """The sources as clips of the playlist panel."""
    entries = []
    for source in document.timeline.sources.values():
        if source.get("path"):
            length = source_length(source, document.timeline)
            if length:
                entries.append((_producer(document, source, Warp(0, None), length - 1, {}), length))
    node = mlt.sub(document.root, "playlist", {"xml_retain": 1}, id="main_bin", title=_TITLE)
    for name, length in entries:
        mlt.sub(node, "entry", producer=name, in_=document.clock(0), out=document.clock(length - 1))


def _background(document: _Document) -> None:
    last = document.clock(document.timeline.length - 1)
    mlt.sub(
        document.root, "producer",
        {"length": document.clock(document.timeline.length), "eof": "pause", "resource": 0, "aspect_ratio": 1,
         "mlt_service": "color", "mlt_image_format": "rgba", "set.test_audio": 0},
        id="black", in_=document.clock(0), out=last,
    )  # fmt: skip
    node = mlt.sub(document.root, "playlist", id="background")
    mlt.sub(node, "entry", producer="black", in_=document.clock(0), out=last)


# -- tracks ----------------------------------------------------------------------------------------------------------


def warp_of(clip: Clip, timeline: Timeline) -> Warp:
    """Where a clip begins in its producer so that no picture of another shot is seen, its tail included."""
    tail = 0
    if clip.tail:
        tail = -int(-(clip.tail / timeline.fps * clip.speed * clip.rate) // 1)
    return mlt.place(clip.first, clip.end + tail, clip.rate, clip.speed, timeline.fps, clip.frames + clip.tail)


@dataclass(frozen=True, slots=True)
class _Part:
    """An element of a playlist."""

    producer: str
    first: int
    frames: int


def _picture_track(document: _Document, detached: set[int]) -> tuple[str, str]:
    timeline = document.timeline
    warps, filters = [], []
    for clip in timeline.clips:
        warp = warp_of(clip, timeline)
        if not warp.exact:
            document.losses.add("cut.range", "a few pictures differ: its range is shorter than its place", clip.id)
        warps.append(warp)
        made = mlt_filters.picture(clip, timeline, document.files, document.losses)
        if clip.position not in detached and clip.source.get("has_sound"):
            made += mlt_filters.sound(clip, 0, 0, clip.frames + clip.tail, timeline)
        filters.append(made + mlt_filters.picture_fades(clip, timeline))

    def copy(clip: Clip) -> str:
        warp = warps[clip.position]
        window = (warp.start, warp.start + clip.frames + clip.tail - 1)
        told = {"shotcut:comment": clip.reason, ORIGIN: clip.id}
        sounds = clip.position not in detached
        return _producer(document, clip.source, warp, window[1], told, filters[clip.position], window, sound=sounds)

    parts: list[_Part] = []
    for left, clip in zip([None, *timeline.clips], timeline.clips, strict=False):
        start = warps[clip.position].start
        (begins, shade), (ends, last_shade) = _dipped(clip)
        if left is not None and clip.overlap:
            begins = clip.overlap
            run_on = warps[left.position].start + left.frames
            sort = clip.entering.sort if clip.entering else "dissolve"
            parts.append(_mix(document, copy(left), run_on, copy(clip), start, begins, sort))
        elif begins:
            parts.append(_mix(document, _shade(document, shade, begins), 0, copy(clip), start, begins, "dissolve"))
        if (frames := clip.frames - begins - ends) > 0:
            parts.append(_Part(copy(clip), start + begins, frames))
        if ends:
            first = start + clip.frames - ends
            parts.append(_mix(document, copy(clip), first, _shade(document, last_shade, ends), 0, ends, "dissolve"))
    name = document.name("playlist")
    node = mlt.sub(document.root, "playlist", {"shotcut:video": 1, "shotcut:name": "V1"}, id=name)
    for part in parts:
        last = document.clock(part.first + part.frames - 1)
        mlt.sub(node, "entry", producer=part.producer, in_=document.clock(part.first), out=last)
    return name, ""


def _dipped(clip: Clip) -> tuple[tuple[int, str], tuple[int, str]]:
    """The fades of a clip that are joints with a colour; under a crossing transition there is room for none."""
    start, end = clip.dips
    if clip.overlap:
        start = (0, "")
    if clip.tail:
        end = (0, "")
    return start, (max(0, min(end[0], clip.frames - max(start[0], clip.overlap))), end[1])


def _shade(document: _Document, name: str, frames: int) -> str:
    """A clip of black or white that a picture fades from or to.

    Fades are joints with a colour and not Shotcut's fade filter: that one multiplies luma in YUV with its offset of 16
    (MLT 7.12), so that half the light comes out as two fifths.
    """
    told = {"shotcut:caption": name, "shotcut:producer": "color"}
    return str(_colour(document, {"white": "#ffffffff"}.get(name, "#ff000000"), frames, told).get("id"))


def _mix(document: _Document, left: str, left_in: int, right: str, right_in: int, frames: int, sort: str) -> _Part:
    """A joint with a transition: both clips on the tracks of a small tractor, as Shotcut writes it."""
    name = document.name("tractor")
    node = mlt.sub(
        document.root,
        "tractor",
        {"shotcut:transition": "lumaMix"},
        id=name,
        in_=document.clock(0),
        out=document.clock(frames - 1),
    )
    for producer, first in ((left, left_in), (right, right_in)):
        mlt.sub(node, "track", producer=producer, in_=document.clock(first), out=document.clock(first + frames - 1))
    properties: dict[str, object] = {
        "a_track": 0,
        "b_track": 1,
        "factory": "loader",
        "mlt_service": "luma",
        "alpha_over": 1,
        "fix_background_alpha": 1,
    }
    if sort.startswith("wipe"):
        properties |= {
            "resource": document.files.add(f"{sort}.pgm", drawn.wipe(sort)),
            "softness": 0,
            "progressive": 1,
            "invert": 0,
        }
    ends = {"in_": document.clock(0), "out": document.clock(frames - 1)}
    mlt.sub(node, "transition", properties, id=document.name("transition"), **ends)
    mix = {"a_track": 0, "b_track": 1, "start": -1, "accepts_blanks": 1, "mlt_service": "mix"}
    mlt.sub(node, "transition", mix, id=document.name("transition"), **ends)
    return _Part(name, 0, frames)


def _detached(timeline: Timeline) -> set[int]:
    """Cuts whose sound does not lie under their picture: it goes to a track of its own."""
    return {heard.clip.position for heard in timeline.heard if heard.moved and heard.clip.source.get("has_sound")}


def _sound_track(document: _Document, heard: Sequence[Heard]) -> tuple[str, str]:
    timeline = document.timeline
    entries: list[tuple[int, int, int, str]] = []
    for entry in heard:
        clip = entry.clip
        warp = warp_of(clip, timeline)
        first = max(0, warp.start + entry.start - clip.start)
        start = entry.start + (first - (warp.start + entry.start - clip.start))
        frames = entry.stop - start
        filters = mlt_filters.sound(clip, clip.fade_in, clip.fade_out, frames, timeline)
        told = {"shotcut:comment": clip.reason, ORIGIN: clip.id}
        window = (first, first + frames - 1)
        name = _producer(document, clip.source, warp, window[1], told, filters, window, picture=False)
        entries.append((start, frames, first, name))
    return _playlist(document, entries, {"shotcut:audio": 1, "shotcut:name": "A1"}), "video"


def _title_track(document: _Document, titles: Sequence[Record], number: int) -> tuple[str, str]:
    timeline = document.timeline
    entries = []
    for record in titles:
        start = record["timeline_in_frame"]
        frames = min(record["timeline_out_frame"], timeline.length) - start
        if frames <= 0:
            document.losses.add("title", "a title lies past the end: not exported", str(record.get("id")))
            continue
        told = {
            "shotcut:caption": str(record["text"]).partition("\n")[0][:60],
            "shotcut:comment": record.get("reason", ""),
            ORIGIN: record.get("origin_id") or record["id"],
        }
        node = _colour(document, "#00000000", frames, told)
        window = (0, frames - 1)
        _filter(document, node, mlt_filters.title(record, timeline), window)
        fade = min(int(record.get("fade_frames") or 0), frames // 2)
        if fade:
            fps = timeline.fps
            alpha = f"{mlt.clock(0, fps)}=0;{mlt.clock(fade, fps)}=1"
            properties: dict[str, object] = {"alpha": alpha, "level": 1, "shotcut:animIn": mlt.clock(fade, fps)}
            _filter(document, node, Filter("brightness", properties, "fadeInBrightness"), window)
            alpha = f"{mlt.clock(frames - fade, fps)}=1;{mlt.clock(frames, fps)}=0"
            properties = {"alpha": alpha, "level": 1, "shotcut:animOut": mlt.clock(fade, fps)}
            _filter(document, node, Filter("brightness", properties, "fadeOutBrightness"), window)
        entries.append((start, frames, 0, str(node.get("id"))))
    return _playlist(document, entries, {"shotcut:video": 1, "shotcut:name": f"V{number + 2}"}), ""


def _playable(document: _Document) -> list[Record]:
    """The cues that are a stretch of a file; a made sound has none."""
    found = []
    for cue in document.timeline.cues:
        if cue.get("source_id") in document.timeline.sources:
            found.append(cue)
        elif cue.get("source_id"):
            document.losses.add("cue.source", "its source is not in the stream: not exported", str(cue.get("id")))
        else:
            document.losses.add("cue.sound", "made sounds have no file: not exported", str(cue.get("id")))
    return found


def _cue_track(document: _Document, cues: Sequence[Record], number: int, detached: bool) -> tuple[str, str]:
    timeline = document.timeline
    entries = []
    for cue in cues:
        start = cue["timeline_in_frame"]
        frames = min(cue["timeline_out_frame"], timeline.length) - start
        if frames <= 0:
            document.losses.add("cue", "a cue lies past the end: not exported", str(cue.get("id")))
            continue
        first = timecode.round_half_up(Fraction(int(cue.get("source_start_ms", 0)), 1000) * timeline.fps)
        window = (first, first + frames - 1)
        level = mlt_filters.ducked(cue, timeline)
        filters = [Filter("volume", {"level": level}, "audioGain", "volume")] if level != "0" else []
        fades = [min(int(cue.get(name) or 0), frames) for name in ("fade_in_frames", "fade_out_frames")]
        filters += mlt_filters.sound_fades(fades[0], fades[1], frames, timeline)
        told = {"shotcut:comment": cue.get("reason", ""), ORIGIN: cue.get("origin_id") or cue["id"]}
        source = timeline.sources[cue["source_id"]]
        name = _producer(document, source, Warp(first, None), window[1], told, filters, window, picture=False)
        entries.append((start, frames, first, name))
    name = f"A{number + 1 + detached}"
    return _playlist(document, entries, {"shotcut:audio": 1, "shotcut:name": name}), "video"


def _playlist(document: _Document, entries: Sequence[tuple[int, int, int, str]], properties: dict[str, object]) -> str:
    """A track: (programme frame, length, first frame of the producer, producer) with blanks between."""
    name = document.name("playlist")
    node = mlt.sub(document.root, "playlist", properties, id=name)
    at = 0
    for start, frames, first, producer in entries:
        if start > at:
            mlt.sub(node, "blank", length=document.clock(start - at))
        ends = {"in_": document.clock(first), "out": document.clock(first + frames - 1)}
        mlt.sub(node, "entry", producer=producer, **ends)
        at = start + frames
    return name


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


def _tractor(document: _Document, tracks: Sequence[tuple[str, str]], pictures: int) -> None:
    timeline = document.timeline
    node = mlt.sub(
        document.root, "tractor",
        {"shotcut": 1, "shotcut:projectAudioChannels": 2, "shotcut:projectFolder": 0,
         "shotcut:projectNote": note(timeline), PLAN: timeline.plan["id"]},
        id=document.name("tractor"), title=_TITLE, in_=document.clock(0), out=document.clock(timeline.length - 1),
    )  # fmt: skip
    _markers(document, node)
    mlt.sub(node, "track", producer="background")
    for name, hidden in tracks:
        mlt.sub(node, "track", producer=name, **({"hide": hidden} if hidden else {}))
    for number in range(1, len(tracks) + 1):
        mix = {"a_track": 0, "b_track": number, "mlt_service": "mix", "always_active": 1, "sum": 1}
        mlt.sub(node, "transition", mix, id=document.name("transition"))
        if number <= pictures:
            blend: dict[str, object] = {
                "a_track": 0 if number == 1 else 1, "b_track": number, "version": 0.1,
                "mlt_service": "frei0r.cairoblend", "threads": 0, "disable": int(number == 1),
            }  # fmt: skip
            mlt.sub(node, "transition", blend, id=document.name("transition"))


def note(timeline: Timeline) -> str:
    """What the plan is, in words, for the project's notes."""
    plan = timeline.plan
    lines = [f"intent: {plan['intent']}"] if plan.get("intent") else []
    lines += [f"style: {plan['style']}"] if plan.get("style") else []
    lines.append(f"{len(timeline.clips)} cuts, {timecode.clock(timeline.length, timeline.fps)}")
    lines += [f"- {reason}" for reason in plan.get("reasons", []) if isinstance(reason, str)]
    lines.append(f"{PLAN} {plan['id']}")
    return "\n".join(lines)


def _markers(document: _Document, node: Element) -> None:
    """A marker with its reason at each cut, and one at each beat of the story."""
    timeline = document.timeline
    markers = [
        (
            clip.start,
            clip.start,
            f"{clip.position + 1}: {clip.reason}" if clip.reason else f"{clip.position + 1}",
            "#008080",
        )
        for clip in timeline.clips
    ]
    for beat in timeline.beats:
        at = timeline.at_source(beat.get("source_id"), int(beat.get("in_frame", -1)))
        if at is not None:
            markers.append((at, at, f"{beat.get('role', 'beat')}: {beat.get('why', '')}", "#ff8000"))
    if not markers:
        return
    held = ElementTree.SubElement(node, "properties", {"name": "shotcut:markers"})
    for number, (start, end, text, colour) in enumerate(sorted(markers)):
        marker = ElementTree.SubElement(held, "properties", {"name": str(number)})
        mlt.put(marker, {"text": text, "start": document.clock(start), "end": document.clock(end), "color": colour})
