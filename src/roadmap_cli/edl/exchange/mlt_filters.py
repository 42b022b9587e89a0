"""A clip's look and sound as MLT filters, as Shotcut names them.

The order is that of our render: framing, repair, colour table, blur, grain and bars, fades. Every copy of a clip (its
body, and its ends under transitions) carries the same filters with the same in and out, so that their keyframes mean
the same picture in each. Service names and properties: Shotcut's `src/qml/filters` and MLT's `melt -query`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from roadmap_cli.edl import cleaning, edit, speaking
from roadmap_cli.edl.edit import COLOUR_EFFECTS, WHOLE, Box
from roadmap_cli.edl.exchange import drawn, mlt
from roadmap_cli.edl.exchange.export import Losses
from roadmap_cli.edl.exchange.timeline import Clip, Timeline

#: Straight pieces a moving framing is made of.
_STEPS = 12


@dataclass(frozen=True, slots=True)
class Filter:
    """An MLT filter: its service, Shotcut's id where several share a service, Kdenlive's, and its properties."""

    service: str
    properties: dict[str, Any]
    shotcut: str = ""
    kdenlive: str = ""


@dataclass(slots=True)
class Files:
    """Files beside the project by name; `folder` is what stands before the name in the project."""

    folder: str
    held: dict[str, bytes] = field(default_factory=dict)

    def add(self, name: str, data: bytes) -> str:
        """Keep a file and give the path the project refers to it by."""
        path = f"{self.folder}/{name}"
        self.held[path] = data
        return path


def picture(clip: Clip, timeline: Timeline, files: Files, losses: Losses) -> list[Filter]:
    """The filters of a clip's picture, without its fades."""
    return list(_picture(clip, timeline, files, losses))


def _picture(clip: Clip, timeline: Timeline, files: Files, losses: Losses) -> Iterator[Filter]:
    width, height = timeline.width, timeline.height
    effects = dict(clip.effects)
    if clip.record.get("lift"):
        losses.add("lift", "light on the subject alone is not held there", clip.id)
    if clip.sound.offset_ms:
        losses.add("sound.offset_ms", "its sound is not moved against its picture there", clip.id)
    turn = effects.pop("rotate", 0.0)
    if clip.framing.start != WHOLE or clip.framing.end != WHOLE or turn:
        yield _affine(clip, width, height, turn)
    if "stabilise" in effects:
        losses.add(
            "effects.stabilise", "stabilising needs its own analysis in the other program: not exported", clip.id
        )
        effects.pop("stabilise")
    if strength := effects.pop("denoise", 0.0):
        yield Filter("avfilter.hqdn3d", {"av.luma_spatial": f"{strength:g}"}, kdenlive="avfilter.hqdn3d")
    if window := effects.pop("deflicker", 0.0):
        yield Filter("avfilter.deflicker", {"av.size": max(2, round(window))}, kdenlive="avfilter.deflicker")
    if not clip.look.neutral:
        name, data = drawn.table(clip.look, lift=1 / 255)
        place = files.add(name, data)
        yield Filter("avfilter.lut3d", {"av.file": place, "av.interp": "tetrahedral"}, kdenlive="avfilter.lut3d")
    for name in sorted(COLOUR_EFFECTS & set(effects)):
        losses.add(f"effects.{name}", f"the colour step {name!r} is not in the exported colour table", clip.id)
        effects.pop(name)
    if amount := effects.pop("sharpen", 0.0):
        amounts = {"av.luma_amount": f"{amount:g}", "av.la": f"{amount:g}"}
        yield Filter("avfilter.unsharp", amounts, kdenlive="avfilter.unsharp")
    if clip.blur and clip.blur.sigma:
        yield from _blur(clip, timeline, files, losses)
    if share := effects.pop("bloom", 0.0):
        yield Filter("frei0r.glow", {"0": f"{share:g}"}, kdenlive="frei0r.glow")
    if strength := effects.pop("vignette", 0.0):
        angle = {"av.angle": f"{strength * 0.6283185:.6f}"}
        yield Filter("avfilter.vignette", angle, kdenlive="avfilter.vignette")
    if strength := effects.pop("grain", 0.0):
        noise = {"av.alls": round(strength), "av.all_strength": round(strength), "av.allf": "t"}
        yield Filter("avfilter.noise", noise, kdenlive="avfilter.noise")
    if shape := effects.pop("letterbox", 0.0):
        yield from _bars(shape, width, height)
    for name in effects:
        losses.add(f"effects.{name}", f"effect {name!r} has no filter there: not exported", clip.id)
    yield from _opaque(clip)


def _opaque(clip: Clip) -> Iterator[Filter]:
    """Filters a person added in another program, as they were."""
    held = clip.record.get("opaque")
    for each in held if isinstance(held, list) else ():
        if isinstance(each, dict) and isinstance(each.get("service"), str) and isinstance(each.get("properties"), dict):
            yield Filter(each["service"], dict(each["properties"]), str(each.get("id", "")))


def _affine(clip: Clip, width: int, height: int, turn: float) -> Filter:
    """The box fills the frame: the whole picture is drawn so large that just the box is seen."""

    def rect(box: Box) -> str:
        wide, high = width / box.width, height / box.height
        return f"{-box.x * wide:.4f} {-box.y * high:.4f} {wide:.4f} {high:.4f} 1"

    start, end = clip.framing.start, clip.framing.end
    last = clip.frames - 1
    if start == end or not last:
        moving = rect(start)
    else:
        # The box moves evenly, the drawn picture then does not: so many keyframes that straight lines serve.
        frames = sorted({round(last * n / _STEPS) for n in range(_STEPS + 1)})
        moving = ";".join(f"{frame}={rect(_between(start, end, frame / last))}" for frame in frames)
    properties = {
        "background": "color:#00000000",
        "transition.rect": moving,
        "transition.fill": 1,
        "transition.distort": 1,
        "transition.valign": "middle",
        "transition.halign": "center",
        "transition.threads": 0,
        "transition.fix_rotate_x": f"{turn:g}" if turn else "0",
    }
    return Filter("affine", properties, "affineSizePosition", "affine")


def _between(start: Box, end: Box, share: float) -> Box:
    sides = zip((start.x, start.y, start.width, start.height), (end.x, end.y, end.width, end.height), strict=True)
    return Box(*(a + (b - a) * share for a, b in sides))


def _blur(clip: Clip, timeline: Timeline, files: Files, losses: Losses) -> Iterator[Filter]:
    assert clip.blur is not None
    sigma = clip.blur.sigma * timeline.height / 1080
    blur = Filter(
        "avfilter.gblur",
        {"av.sigma": f"{sigma:.4f}", "av.sigmaV": f"{sigma:.4f}", "av.steps": 1, "av.planes": "0x7"},
        "blur_gaussian_av",
        "avfilter.gblur",
    )
    if clip.blur.person:
        losses.add("blur.person", "a blur behind a person's mask cannot be held: not exported", clip.id)
    elif clip.blur.subject is None:
        yield blur
    else:
        name, data = drawn.subject_mask(clip.blur.subject, timeline.width, timeline.height)
        mask = {
            "filter": "shape",
            "filter.resource": files.add(name, data),
            "filter.mix": 100,
            "filter.softness": 0,
            "filter.use_mix": 0,
            "filter.use_luminance": 1,
            "filter.invert": 0,
            "filter.audio_match": 0,
        }
        yield Filter("mask_start", mask, "maskFromFile", "mask_start-shape")
        yield blur
        applied = {"transition": "frei0r.composition", "transition.threads": 0}
        yield Filter("mask_apply", applied, "maskApply", "mask_apply")


def bars(shape: float, width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Black bars (x, y, width, height) so that the picture between them has a shape, width by height."""
    high = round(width / shape / 2) * 2
    wide = round(height * shape / 2) * 2
    if high < height:
        bar = (height - high) // 2
        return [(0, 0, width, bar), (0, height - bar, width, bar)]
    if wide < width:
        bar = (width - wide) // 2
        return [(0, 0, bar, height), (width - bar, 0, bar, height)]
    return []


def _bars(shape: float, width: int, height: int) -> Iterator[Filter]:
    for x, y, wide, high in bars(shape, width, height):
        box: dict[str, Any] = {"av.x": x, "av.y": y, "av.w": wide, "av.h": high, "av.width": wide, "av.height": high}
        box |= {"av.color": "black", "av.t": "fill", "av.thickness": "fill"}
        yield Filter("avfilter.drawbox", box, kdenlive="avfilter.drawbox")


def picture_fades(clip: Clip, timeline: Timeline) -> list[Filter]:
    """Fades that meet a crossing transition, as Shotcut's fade filters on the bottom track. All others are joints."""
    made = []
    length = clip.frames + clip.tail
    if clip.fade_in and clip.overlap:
        level = f"{mlt.clock(0, timeline.fps)}=0;{mlt.clock(clip.fade_in, timeline.fps)}=1"
        made.append(
            Filter(
                "brightness",
                {"level": level, "alpha": 1, "rgb_only": 1, "shotcut:animIn": mlt.clock(clip.fade_in, timeline.fps)},
                "fadeInBrightness", "fade_from_black",
            )
        )  # fmt: skip
    if clip.fade_out and clip.tail:
        begin = clip.frames - clip.fade_out
        level = f"{mlt.clock(begin, timeline.fps)}=1;{mlt.clock(length, timeline.fps)}=0"
        made.append(
            Filter(
                "brightness",
                {"level": level, "alpha": 1, "rgb_only": 1, "shotcut:animOut": mlt.clock(clip.fade_out, timeline.fps)},
                "fadeOutBrightness", "fade_to_black",
            )
        )  # fmt: skip
    return made


def sound(clip: Clip, fade_in: int, fade_out: int, length: int, timeline: Timeline) -> list[Filter]:
    """The filters of a clip's own sound that lasts `length` programme frames."""
    said = clip.sound
    made = []
    if said.mute:
        made.append(Filter("volume", {"gain": 0}, "muteVolume", "mute"))
        return made
    made += [_filtered(name, told) for name, told in cleaning.chain(said)]
    if said.gain_db:
        made.append(Filter("volume", {"level": f"{said.gain_db:g}"}, "audioGain", "volume"))
    made += sound_fades(fade_in, fade_out, length, timeline)
    return made


#: Options of ffmpeg's filters by their short and their long names: versions of MLT know them by one or the other.
_LONG = {
    "f": "frequency", "t": "width_type", "w": "width", "g": "gain", "nr": "noise_reduction", "nf": "noise_floor",
    "tn": "track_noise",
}  # fmt: skip
_SHORT = {long: short for short, long in _LONG.items()}


def _filtered(name: str, told: Mapping[str, str | int]) -> Filter:
    """A filter of ffmpeg's as MLT holds it."""
    held: dict[str, object] = {}
    for option, value in told.items():
        for spelled in dict.fromkeys((_LONG.get(option, option), _SHORT.get(option, option))):
            held[f"av.{spelled}"] = value
    return Filter(f"avfilter.{name}", held)


def sound_fades(fade_in: int, fade_out: int, length: int, timeline: Timeline) -> list[Filter]:
    """Fades of a sound, in decibels as Shotcut writes them."""
    made = []
    fps = timeline.fps
    if fade_in:
        level = f"{mlt.clock(0, fps)}=-60;{mlt.clock(fade_in, fps)}=0"
        made.append(
            Filter("volume", {"level": level, "shotcut:animIn": mlt.clock(fade_in, fps)}, "fadeInVolume", "fadein")
        )
    if fade_out:
        level = f"{mlt.clock(length - fade_out, fps)}=0;{mlt.clock(length, fps)}=-60"
        made.append(
            Filter("volume", {"level": level, "shotcut:animOut": mlt.clock(fade_out, fps)}, "fadeOutVolume", "fadeout")
        )
    return made


def title(record: dict[str, Any], timeline: Timeline) -> Filter:
    """A title's words as Shotcut's text filter."""
    ratio = float(record.get("size_ratio") or 0.06)
    size = max(4, round(ratio * timeline.height))
    place = record.get("place", "lower")
    if place not in edit.TITLE_PLACES:
        place = "lower"
    margin = timeline.height * 0.06
    geometry = f"0 {margin:.0f} {timeline.width} {timeline.height - 2 * margin:.0f} 1"
    words = {
        "argument": str(record["text"]).replace("#", "\\#"),
        "geometry": geometry,
        "family": "DejaVu Sans",
        "size": size,
        "weight": 400,
        "style": "normal",
        "fgcolour": "#ffffffff",
        "bgcolour": "#00000000",
        "olcolour": "#aa000000",
        "pad": 0,
        "halign": "center",
        "valign": {"centre": "middle", "lower": "bottom", "upper": "top"}[place],
        "outline": max(1, round(size / 24)),
        "opacity": "1.0",
        "shotcut:usePointSize": 0,
    }
    return Filter("dynamictext", words, "dynamicText", "dynamictext")


def ducked(cue: Mapping[str, Any], timeline: Timeline) -> str:
    """A cue's level in decibels as MLT writes it: one number, or keyframes relative to its start."""
    points = duck_points(cue, timeline)
    if len(points) == 1:
        return f"{points[0][1]:g}"
    return ";".join(f"{mlt.clock(frame, timeline.fps)}={level:g}" for frame, level in points)


def duck_points(cue: Mapping[str, Any], timeline: Timeline) -> list[tuple[int, float]]:
    """A cue's level in decibels at frames from its start: back under speech, at its gain elsewhere.

    One point if there is nothing to step back for.
    """
    gain, depth = float(cue.get("gain_db", 0.0)), float(cue.get("duck_db", 0.0))
    start, stop = cue["timeline_in_frame"], cue["timeline_out_frame"]
    down, up = (max(1, round(seconds * timeline.fps)) for seconds in (speaking.ATTACK_S, speaking.RELEASE_S))
    joined = [(max(a, start), min(b, stop)) for a, b in timeline.speech() if a < stop and b > start]
    if not depth or not joined:
        return [(0, gain)]
    points: dict[int, float] = {0: gain}
    for a, b in joined:
        points[max(0, a - down - start)] = gain if a - down > start else gain - depth
        points[a - start] = points[b - start] = gain - depth
        points[min(stop - start, b + up - start)] = gain
    return sorted(points.items())
