"""An edit as an OpenTimelineIO timeline, written by the installed library so that its schema versions fit.

What OpenTimelineIO has no words for stands in ``metadata["edl"]`` of plan, clips, transitions, titles and cues, whole:
it comes back through `edl-import`. Other programs may drop it; ranges, speeds, dissolves, gaps and markers they keep.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from roadmap_cli.core.errors import Unavailable
from roadmap_cli.core.records import Record
from roadmap_cli.edl import timecode
from roadmap_cli.edl.exchange.export import Export, Losses
from roadmap_cli.edl.exchange.timeline import Clip, Timeline

#: The name our words stand under.
SPACE = "edl"
#: Transitions OpenTimelineIO names; others are custom.
_SORTS = {"dissolve": "SMPTE_Dissolve"}


def library() -> Any:
    """The OpenTimelineIO library. Raises Unavailable if it is not installed."""
    try:
        import opentimelineio
    except ImportError:
        raise Unavailable(
            "OpenTimelineIO is not installed", hint="pip install 'roadmap-cli[edl]'", code="no_otio"
        ) from None
    return opentimelineio


def export(timeline: Timeline) -> Export:
    """The timeline as OTIO JSON."""
    otio: Any = library()
    losses = Losses()
    fps = timeline.fps

    def when(frame: int | Fraction, rate: Fraction = fps) -> Any:
        return otio.opentime.RationalTime(float(frame), float(rate))

    def span(start: int | Fraction, length: int | Fraction, rate: Fraction = fps) -> Any:
        return otio.opentime.TimeRange(when(start, rate), when(length, rate))

    made = otio.schema.Timeline(name=str(timeline.plan.get("intent") or timeline.plan["id"])[:120])
    made.global_start_time = when(0)
    made.metadata[SPACE] = _told(timeline.plan) | {"fps": timecode.spell(fps)}
    pictures = otio.schema.Track(name="V1", kind=otio.schema.TrackKind.Video)
    for clip in timeline.clips:
        if clip.entering:
            pictures.append(_transition(otio, clip, when))
        pictures.append(_clip(otio, clip, timeline, span))
        _lost(clip, timeline, losses)
    made.tracks.append(pictures)
    _markers(otio, timeline, pictures, made, span)
    for number, lane in enumerate(_lanes(timeline.titles)):
        track = otio.schema.Track(name=f"V{number + 2}", kind=otio.schema.TrackKind.Video)
        at = 0
        for title in lane:
            at = _gap(otio, track, at, title["timeline_in_frame"], span)
            length = title["timeline_out_frame"] - title["timeline_in_frame"]
            generator = otio.schema.GeneratorReference(
                name="title",
                generator_kind="Title",
                parameters={"text": title["text"]},
                available_range=span(0, length),
            )
            item = otio.schema.Clip(str(title["text"]).partition("\n")[0], generator, span(0, length))
            item.metadata[SPACE] = _told(title)
            track.append(item)
            at += length
        made.tracks.append(track)
    if any(heard.clip.has_sound for heard in timeline.heard):
        made.tracks.append(_own_sound(otio, timeline, span))
    for number, lane in enumerate(_lanes(timeline.cues)):
        track = otio.schema.Track(name=f"A{number + 2}", kind=otio.schema.TrackKind.Audio)
        at = 0
        for cue in lane:
            at = _gap(otio, track, at, cue["timeline_in_frame"], span)
            track.append(_cue(otio, cue, timeline, span))
            at += cue["timeline_out_frame"] - cue["timeline_in_frame"]
        made.tracks.append(track)
    return Export((made.to_json_string(indent=2) + "\n").encode(), losses)


def _clip(otio: Any, clip: Clip, timeline: Timeline, span: Any) -> Any:
    # A time warp changes which pictures are played, not how long the clip is: its range lasts what the programme shows.
    shown = otio.opentime.TimeRange(span(clip.first, 0, clip.rate).start_time, span(0, clip.frames).duration)
    item = otio.schema.Clip(clip.path.name, _reference(otio, clip.source, span), shown)
    item.metadata[SPACE] = _told(clip.record)
    if clip.speed != 1:
        item.effects.append(otio.schema.LinearTimeWarp("speed", float(clip.speed)))
    if clip.reason:
        item.markers.append(_marker(otio, clip.reason, span(clip.first, 0, clip.rate), "CYAN", {"origin_id": clip.id}))
    return item


def _reference(otio: Any, source: Mapping[str, Any], span: Any) -> Any:
    available = None
    if source.get("frames") and source.get("fps"):
        available = span(0, int(source["frames"]), timecode.rational(source["fps"]))
    reference = otio.schema.ExternalReference(Path(str(source["path"])).absolute().as_uri(), available)
    reference.metadata[SPACE] = {name: source[name] for name in ("id", "sha256") if name in source}
    return reference


def _transition(otio: Any, clip: Clip, when: Any) -> Any:
    """A joint in the first frames of the right clip: all of it lies after the cut."""
    assert clip.entering is not None
    sort, frames = clip.entering.sort, clip.entering.frames
    before = 0 if clip.overlap else frames // 2
    made = otio.schema.Transition(sort, _SORTS.get(sort, "Custom_Transition"), when(before), when(frames - before))
    made.metadata[SPACE] = {"sort": sort, "frames": frames}
    return made


def _own_sound(otio: Any, timeline: Timeline, span: Any) -> Any:
    track = otio.schema.Track(name="A1", kind=otio.schema.TrackKind.Audio)
    at = 0
    for heard in timeline.heard:
        clip = heard.clip
        if not clip.has_sound:
            continue
        at = _gap(otio, track, at, heard.start, span)
        step = clip.speed * clip.rate / timeline.fps
        first = max(Fraction(0), clip.first + (heard.start - clip.start) * step)
        shown = otio.opentime.TimeRange(
            span(first, 0, clip.rate).start_time, span(0, heard.stop - heard.start).duration
        )
        item = otio.schema.Clip(clip.path.name, _reference(otio, clip.source, span), shown)
        item.metadata[SPACE] = {"sound_of": clip.id} | (
            {"sound": dict(clip.sound.record())} if clip.sound.record() else {}
        )
        if clip.speed != 1:
            item.effects.append(otio.schema.LinearTimeWarp("speed", float(clip.speed)))
        track.append(item)
        at = heard.stop
    return track


def _cue(otio: Any, cue: Record, timeline: Timeline, span: Any) -> Any:
    length = cue["timeline_out_frame"] - cue["timeline_in_frame"]
    source = timeline.sources.get(str(cue.get("source_id")))
    start = Fraction(int(cue.get("source_start_ms", 0)), 1000) * timeline.fps
    if source is not None:
        reference, name = _reference(otio, source, span), Path(str(source["path"])).name
    else:
        reference = otio.schema.GeneratorReference(
            name="sound", generator_kind="Sound", parameters={"sound": str(cue.get("sound", ""))}
        )
        name, start = str(cue.get("sound", "sound")), Fraction(0)
    item = otio.schema.Clip(name, reference, span(start, length))
    item.metadata[SPACE] = _told(cue)
    return item


def _gap(otio: Any, track: Any, at: int, start: int, span: Any) -> int:
    if start > at:
        track.append(otio.schema.Gap(source_range=span(0, start - at)))
    return max(at, start)


def _markers(otio: Any, timeline: Timeline, pictures: Any, made: Any, span: Any) -> None:
    for beat in timeline.beats:
        at = timeline.at_source(beat.get("source_id"), int(beat.get("in_frame", -1)))
        if at is not None:
            told: dict[str, Any] = {
                name: beat[name] for name in ("id", "role", "energy_ratio", "evidence") if name in beat
            }
            words = f"{beat.get('role', 'beat')}: {beat.get('why', '')}"
            made.tracks.markers.append(_marker(otio, words, span(at, 0), "RED", told))


def _marker(otio: Any, words: str, marked: Any, colour: str, told: Mapping[str, Any]) -> Any:
    made = otio.schema.Marker(name=words.partition(";")[0][:80], marked_range=marked, color=colour)
    if hasattr(made, "comment"):
        made.comment = words
    made.metadata[SPACE] = dict(told)
    return made


def _told(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record's own words: everything but where it lies on this machine."""
    return {name: value for name, value in record.items() if name not in {"kind", "source"}}


def _lanes(things: Any) -> list[list[Record]]:
    from roadmap_cli.edl.exchange.project import lanes

    return lanes(things)


def _lost(clip: Clip, timeline: Timeline, losses: Losses) -> None:
    for name in ("grade", "effects", "framing", "blur", "sound"):
        if clip.record.get(name):
            losses.add(name, f"only metadata tell of {name}: other programs do not apply it", clip.id)
    for name in ("fade_in_frames", "fade_out_frames"):
        if clip.record.get(name):
            losses.add(name, "only metadata tell of fades: other programs do not apply them", clip.id)
