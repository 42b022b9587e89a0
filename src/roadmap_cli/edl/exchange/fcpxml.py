"""An edit as Final Cut Pro XML 1.9: a spine of clips with rational times on frame boundaries.

Elements and their order follow Apple's published document type: in a clip first note, then conform-rate, timeMap,
adjustments, anchored items, markers. Times within a clip are in its own time line: that of its speed if it has one.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

from roadmap_cli.edl import timecode
from roadmap_cli.edl.edit import WHOLE
from roadmap_cli.edl.exchange import mlt
from roadmap_cli.edl.exchange.export import Export, Losses
from roadmap_cli.edl.exchange.mlt import Element
from roadmap_cli.edl.exchange.project import lanes
from roadmap_cli.edl.exchange.timeline import Clip, Timeline


def seconds(value: Fraction) -> str:
    """A time as FCPXML writes it: ``1001/30000s``, ``5s``."""
    return f"{value.numerator}/{value.denominator}s" if value.denominator != 1 else f"{value.numerator}s"


def export(timeline: Timeline) -> Export:
    """The document."""
    losses = Losses()
    fps = timeline.fps
    root = ElementTree.Element("fcpxml", {"version": "1.9"})
    resources = ElementTree.SubElement(root, "resources")
    _element(
        resources, "format", id="r1", name="FFVideoFormatRateUndefined", frameDuration=seconds(1 / fps),
        width=timeline.width, height=timeline.height, colorSpace="1-1-1 (Rec. 709)",
    )  # fmt: skip
    assets = _assets(timeline, resources)
    title_effect = ""
    if timeline.titles:
        title_effect = f"r{2 * len(assets) + 2}"
        uid = ".../Titles.localized/Bumper:Opener.localized/Basic Title.localized/Basic Title.moti"
        _element(resources, "effect", id=title_effect, name="Basic Title", uid=uid)
    dissolve = ""
    if any(clip.overlap for clip in timeline.clips):
        dissolve = f"r{2 * len(assets) + 3}"
        _element(
            resources, "effect", id=dissolve, name="Cross Dissolve", uid="FxPlug:4731E73A-8DAC-4113-9A30-AE85B1761265"
        )
    library = ElementTree.SubElement(root, "library")
    event = _element(library, "event", name="roadmap-cli")
    project = _element(event, "project", name=str(timeline.plan.get("intent") or timeline.plan["id"])[:120])
    sequence = _element(
        project, "sequence", format="r1", duration=seconds(timeline.length / fps), tcStart="0s",
        tcFormat="DF" if fps.denominator != 1 and fps > 29 else "NDF", audioLayout="stereo", audioRate="48k",
    )  # fmt: skip
    reasons = [reason for reason in timeline.plan.get("reasons", []) if isinstance(reason, str)]
    if reasons:
        ElementTree.SubElement(sequence, "note").text = mlt.clean("; ".join(reasons))
    spine = ElementTree.SubElement(sequence, "spine")
    for clip in timeline.clips:
        if clip.overlap:
            _joint(spine, clip, timeline, dissolve, losses)
        elif clip.entering:
            losses.add("transition", f"{clip.entering.sort} cannot be held", clip.id)
        node = _clip(spine, clip, timeline, assets)
        if clip.position == 0:
            _anchored(node, clip, timeline, assets, title_effect, losses)
        _marks(node, clip, timeline)
        _lost(clip, losses)
    if timeline.plan.get("loudness_lufs") is not None:
        losses.add("plan.loudness_lufs", "the loudness of the whole programme is not set there")
    ElementTree.indent(root, "  ")
    text = b'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n' + ElementTree.tostring(root, encoding="utf-8")
    return Export(text + b"\n", losses)


def _element(parent: Element, tag: str, **attributes: object) -> Element:
    return ElementTree.SubElement(parent, tag, {name: mlt.clean(str(value)) for name, value in attributes.items()})


def _assets(timeline: Timeline, resources: Element) -> dict[str, str]:
    """An asset and a format for each source; its id by the source's."""
    found: dict[str, str] = {}
    for number, (name, source) in enumerate(timeline.sources.items()):
        asset, shape = f"r{2 * number + 2}", f"r{2 * number + 3}"
        found[name] = asset
        picture = source.get("has_picture", True) is not False and bool(source.get("fps"))
        if picture:
            rate = timecode.rational(source["fps"])
            duration = int(source["frames"]) / rate
            _element(
                resources, "format", id=shape, name="FFVideoFormatRateUndefined", frameDuration=seconds(1 / rate),
                width=source.get("width", timeline.width), height=source.get("height", timeline.height),
            )  # fmt: skip
        else:
            duration = timecode.rational(source.get("duration", "1/1"))
        told: dict[str, object] = {
            "id": asset,
            "name": Path(str(source["path"])).name,
            "start": "0s",
            "duration": seconds(duration),
        }
        if picture:
            told |= {"hasVideo": 1, "videoSources": 1, "format": shape}
        if source.get("has_sound"):
            told |= {"hasAudio": 1, "audioSources": 1, "audioChannels": 2, "audioRate": 48000}
        node = _element(resources, "asset", **told)
        _element(node, "media-rep", kind="original-media", src=Path(str(source["path"])).absolute().as_uri())
    return found


def _start(clip: Clip, timeline: Timeline) -> Fraction:
    """Where a clip starts in its own time line, on a frame of the programme."""
    if clip.speed == 1 and clip.rate == timeline.fps:
        return clip.first / clip.rate
    return timecode.round_half_up(clip.first / clip.rate / clip.speed * timeline.fps) / timeline.fps


def _clip(spine: Element, clip: Clip, timeline: Timeline, assets: dict[str, str]) -> Element:
    fps = timeline.fps
    told: dict[str, object] = {
        "ref": assets[str(clip.source["id"])], "name": clip.path.name, "offset": seconds(clip.start / fps),
        "start": seconds(_start(clip, timeline)), "duration": seconds(clip.frames / fps), "format": "r1",
    }  # fmt: skip
    if not clip.has_sound:
        told["srcEnable"] = "video"
    node = _element(spine, "asset-clip", **told)
    if clip.reason:
        ElementTree.SubElement(node, "note").text = mlt.clean(clip.reason)
    if clip.rate != fps:
        _element(node, "conform-rate", scaleEnabled=0)
    if clip.speed != 1:
        total = int(clip.source.get("frames", clip.end)) / clip.rate
        warp = _element(node, "timeMap")
        for value in (Fraction(0), total):
            _element(warp, "timept", time=seconds(value / clip.speed), value=seconds(value), interp="linear")
    box = clip.framing.start
    if box != WHOLE:
        scale = 1 / min(box.width, box.height)
        # Position is in hundredths of the picture's height, from its middle, upwards.
        shape = timeline.width / timeline.height
        across = (0.5 - box.x - box.width / 2) * scale * 100 * shape
        up = (box.y + box.height / 2 - 0.5) * scale * 100
        _element(node, "adjust-transform", position=f"{across:.4f} {up:.4f}", scale=f"{scale:.4f} {scale:.4f}")
    if clip.sound.gain_db and clip.has_sound:
        _element(node, "adjust-volume", amount=f"{clip.sound.gain_db:g}dB")
    return node


def _joint(spine: Element, clip: Clip, timeline: Timeline, effect: str, losses: Losses) -> None:
    """A transition is laid over the cut: in the first frames of the right clip here, about the cut there."""
    assert clip.entering is not None
    fps = timeline.fps
    start = clip.start - clip.overlap // 2
    node = _element(
        spine, "transition", name="Cross Dissolve", offset=seconds(start / fps), duration=seconds(clip.overlap / fps)
    )
    _element(node, "filter-video", ref=effect, name="Cross Dissolve")
    losses.add("transition", "transitions lie about the cut instead of after it", clip.id)
    if clip.entering.sort != "dissolve":
        losses.add("transition", f"{clip.entering.sort} becomes a dissolve", clip.id)


def _anchored(
    node: Element, clip: Clip, timeline: Timeline, assets: dict[str, str], effect: str, losses: Losses
) -> None:
    """Titles and music hang on the first clip, in its time line."""
    fps = timeline.fps
    origin = _start(clip, timeline)
    for number, lane in enumerate(lanes(timeline.titles)):
        for title in lane:
            start, stop = title["timeline_in_frame"], title["timeline_out_frame"]
            made = _element(
                node, "title", ref=effect, lane=number + 1, offset=seconds(origin + start / fps), start="0s",
                duration=seconds((stop - start) / fps), name=str(title["text"]).partition("\n")[0][:60],
            )  # fmt: skip
            text = _element(made, "text")
            style = f"ts{number}-{start}"
            _element(text, "text-style", ref=style).text = mlt.clean(str(title["text"]))
            held = _element(made, "text-style-def", id=style)
            size = round(float(title.get("size_ratio") or 0.06) * 1080)
            _element(held, "text-style", font="Helvetica", fontSize=size, fontColor="1 1 1 1", alignment="center")
            losses.add("title", "place and fades of titles are not held", str(title.get("id")))
    for number, lane in enumerate(lanes(timeline.cues)):
        for cue in lane:
            asset = assets.get(str(cue.get("source_id")))
            if asset is None:
                losses.add("cue.sound", "made sounds have no file: not exported", str(cue.get("id")))
                continue
            start, stop = cue["timeline_in_frame"], min(cue["timeline_out_frame"], timeline.length)
            begin = timecode.round_half_up(Fraction(int(cue.get("source_start_ms", 0)), 1000) * fps) / fps
            made = _element(
                node, "asset-clip", ref=asset, lane=-(number + 1), offset=seconds(origin + start / fps),
                start=seconds(begin), duration=seconds((stop - start) / fps),
                name=str(cue.get("reason") or "music")[:60], srcEnable="audio",
                audioRole="music",
            )  # fmt: skip
            if cue.get("gain_db"):
                _element(made, "adjust-volume", amount=f"{float(cue['gain_db']):g}dB")
            if cue.get("duck_db") or cue.get("fade_in_frames") or cue.get("fade_out_frames"):
                losses.add("cue", "fades and ducking of music are not held", str(cue.get("id")))


def _marks(node: Element, clip: Clip, timeline: Timeline) -> None:
    fps = timeline.fps
    origin = _start(clip, timeline)
    words = clip.reason.partition(";")[0][:80] or f"cut {clip.position + 1}"
    _element(node, "marker", start=seconds(origin), duration=seconds(1 / fps), value=words, note=clip.reason)
    for beat in timeline.beats:
        at = timeline.at_source(beat.get("source_id"), int(beat.get("in_frame", -1)))
        if at is not None and clip.start <= at < clip.stop:
            told = {"value": str(beat.get("role", "beat")), "note": str(beat.get("why", ""))}
            _element(node, "marker", start=seconds(origin + (at - clip.start) / fps), duration=seconds(1 / fps), **told)


def _lost(clip: Clip, losses: Losses) -> None:
    for name in ("grade", "effects", "blur", "lift"):
        if clip.record.get(name):
            losses.add(name, f"{name} cannot be held", clip.id)
    if clip.framing.start != clip.framing.end:
        losses.add("framing", "a moving framing is held as its start only", clip.id)
    if clip.framing.start != WHOLE and abs(clip.framing.start.width - clip.framing.start.height) > 0.01:
        losses.add("framing", "a framing of another shape is held as its scale only", clip.id)
    said = clip.sound.record()
    if set(said) - {"gain_db", "mute"}:
        losses.add("sound", "sound beyond gain and mute cannot be held", clip.id)
    for name in ("fade_in_frames", "fade_out_frames"):
        if clip.record.get(name):
            losses.add(name, "fades cannot be held", clip.id)
