"""Filters of a project back into the words of a cut.

Each of our words is a filter there; a person may have removed it, changed its numbers, or added another. What a cut has
a word for is put into it. What it has none for is kept in the cut's `opaque` list as it is, goes into the next export
again, and is said.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.edl import edit
from roadmap_cli.edl.exchange import mlt
from roadmap_cli.edl.exchange.seen import SeenClip, SeenFilter
from roadmap_cli.edl.exchange.timeline import Timeline
from roadmap_cli.edl.grade import BOUNDS

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_KEYFRAME = re.compile(r"\s*([0-9:.,;-]+?)\s*[~|!$a-zA-Z]?=(.*)\Z", re.DOTALL)
#: Services that are one number of `effects`: the property it stands in and its factor.
_EFFECTS: dict[str, tuple[str, tuple[str, ...], float]] = {
    "avfilter.hqdn3d": ("denoise", ("av.luma_spatial",), 1.0),
    "avfilter.deflicker": ("deflicker", ("av.size",), 1.0),
    "avfilter.unsharp": ("sharpen", ("av.luma_amount", "av.la"), 1.0),
    "avfilter.vignette": ("vignette", ("av.angle",), 1 / 0.6283185),
    "avfilter.noise": ("grain", ("av.alls", "av.all_strength"), 1.0),
    "frei0r.glow": ("bloom", ("0",), 1.0),
}
_SOUND: dict[str, tuple[str, tuple[str, ...]]] = {
    "avfilter.afftdn": ("denoise_db", ("av.noise_reduction", "av.nr")),
    "avfilter.deesser": ("deess", ("av.i",)),
    "avfilter.equalizer": ("presence_db", ("av.gain", "av.g")),
}
_FADES = frozenset({"fadeInBrightness", "fadeOutBrightness", "fadeInVolume", "fadeOutVolume"})


def apply(
    cut: dict[str, Any],
    before: Sequence[SeenFilter],
    after: Sequence[SeenFilter],
    base: Timeline | None,
    clip: SeenClip,
    fps: Fraction,
) -> list[str]:
    """Put what differs between two lists of filters into a cut. Gives words for what it could not read."""
    if clip.in_source:
        return []  # OTIO brings no filters: the cut keeps its own
    words: list[str] = []
    rest = list(after)
    size = (base.width, base.height) if base else None
    for old in before:
        same = next((each for each in rest if each.key == old.key), None)
        if same is None:
            _remove(cut, old)
            continue
        rest.remove(same)
        if _differs(old, same, fps) and not _take(cut, same, size):
            _remove(cut, old)
            words += _keep(cut, same, clip)
    for each in rest:
        if each.id in _FADES or each.service in {"", "mask_apply"}:
            continue
        if not _take(cut, each, size):
            words += _keep(cut, each, clip)
    for name in ("effects", "sound", "grade", "opaque"):
        if name in cut and not cut[name]:
            cut.pop(name)
    return words


def decibels(text: str) -> float | None:
    """A level that does not move; None for a curve or what is no number. An empty one is 0."""
    return _value(text) if text.strip() else 0.0


def _value(text: str) -> float | None:
    match = _NUMBER.fullmatch(text.strip().removesuffix("%"))
    if match is None:
        return None
    number = float(match[0])
    return number if math.isfinite(number) else None


def _differs(old: SeenFilter, new: SeenFilter, fps: Fraction) -> bool:
    """Whether any property we wrote says something else now; properties another program added do not count."""
    said = new.said
    return any(_canonical(value, fps) != _canonical(said.get(name, ""), fps) for name, value in old.properties)


def _canonical(text: str, fps: Fraction) -> tuple[object, ...]:
    """A value without its spelling: keyframes by frame, numbers rounded, rectangles as numbers."""
    found: list[object] = []
    for part in text.strip().rstrip(";").split(";"):
        match = _KEYFRAME.match(part)
        if match:
            try:
                found.append(mlt.frame_of(match[1], fps))
            except DataError:
                found.append(match[1])
            part = match[2]
        numbers = [round(float(each), 3) for each in _NUMBER.findall(part) if len(each) < 40]
        found.append(
            (_NUMBER.sub("#", part.replace("/", " ").replace("x", " ").replace(":", " ")), *numbers)
            if numbers
            else part.strip()
        )
    return tuple(found)


def _remove(cut: dict[str, Any], old: SeenFilter) -> None:
    """A filter of ours is gone: so is its word."""
    if old.service == "avfilter.lut3d":
        cut.pop("grade", None)
        for name in edit.COLOUR_EFFECTS:
            _drop(cut, "effects", name)
    elif old.service == "affine":
        cut.pop("framing", None)
        _drop(cut, "effects", "rotate")
    elif old.service == "avfilter.gblur":
        cut.pop("blur", None)
    elif old.service == "mask_start" and isinstance(cut.get("blur"), dict):
        cut["blur"] = {name: value for name, value in cut["blur"].items() if name != "subject"}
    elif old.service in _EFFECTS:
        _drop(cut, "effects", _EFFECTS[old.service][0])
    elif old.service == "avfilter.drawbox":
        _drop(cut, "effects", "letterbox")
    elif old.service in _SOUND:
        _drop(cut, "sound", _SOUND[old.service][0])
    elif old.service == "avfilter.bandreject":
        _drop(cut, "sound", "hum_hz")
    elif old.key == ("volume", "audioGain"):
        _drop(cut, "sound", "gain_db")
    elif old.key == ("volume", "muteVolume"):
        _drop(cut, "sound", "mute")
    elif isinstance(cut.get("opaque"), list):
        cut["opaque"] = [each for each in cut["opaque"] if each.get("service") != old.service]


def _drop(cut: dict[str, Any], group: str, name: str) -> None:
    if isinstance(cut.get(group), dict):
        cut[group] = {key: value for key, value in cut[group].items() if key != name}


def _set(cut: dict[str, Any], group: str, name: str, value: Any) -> bool:
    cut[group] = {**(cut.get(group) or {}), name: value}
    return True


def _take(cut: dict[str, Any], new: SeenFilter, size: tuple[int, int] | None) -> bool:
    """Put a filter into the cut's own words. False if it has none that say the same."""
    said = new.said
    if new.service in _EFFECTS:
        name, properties, factor = _EFFECTS[new.service]
        value = next((number for each in properties if (number := _value(said.get(each, ""))) is not None), None)
        least, most, _ = edit.EFFECTS[name]
        if value is None or not least <= value * factor <= most:
            return False
        return _set(cut, "effects", name, round(value * factor, 4))
    if new.service in _SOUND:
        name, properties = _SOUND[new.service]
        value = next((number for each in properties if (number := _value(said.get(each, ""))) is not None), None)
        return value is not None and _set(cut, "sound", name, value)
    if new.service == "volume":
        return _volume(cut, new, said)
    if new.service == "frei0r.saturat0r":
        value = _value(said.get("0", "0.125"))
        ratio = round(value * 8, 4) if value is not None else -1.0
        held = cut.get("grade") or {}
        together = round(ratio * float(held.get("saturation", 1.0)), 4)
        if not BOUNDS["saturation"][0] <= together <= BOUNDS["saturation"][1]:
            return False
        return _set(cut, "grade", "saturation", together)
    if new.service == "avfilter.gblur":
        sigma = _value(said.get("av.sigma", ""))
        if sigma is None or size is None:
            return False
        sigma = round(sigma * 1080 / size[1], 3)
        if not edit.BLUR_SIGMA[0] < sigma <= edit.BLUR_SIGMA[1]:
            return False
        cut["blur"] = {**(cut.get("blur") or {}), "sigma": sigma}
        return True
    if new.service == "affine" and size is not None:
        return _affine(cut, said, size)
    return False


def _volume(cut: dict[str, Any], new: SeenFilter, said: dict[str, str]) -> bool:
    if new.id == "muteVolume":
        return _set(cut, "sound", "mute", True)
    level = _value(said.get("level", ""))
    if level is None and (gain := _value(said.get("gain", ""))) is not None and gain > 0:
        level = 20 * math.log10(gain)
    if level is None or not edit.GAIN_DB[0] <= level <= edit.GAIN_DB[1]:
        return False
    if level == 0:
        _drop(cut, "sound", "gain_db")
        return True
    return _set(cut, "sound", "gain_db", round(level, 3))


def _affine(cut: dict[str, Any], said: dict[str, str], size: tuple[int, int]) -> bool:
    """A rectangle the whole picture is drawn in, as the box of it that is seen. False if bars would be seen."""
    boxes = []
    parts = [part for part in said.get("transition.rect", "").split(";") if part.strip()]
    for part in (parts[0], parts[-1]) if parts else ():
        match = _KEYFRAME.match(part)
        text = (match[2] if match else part).replace("/", " ").replace(":", " ")
        text = re.sub(r"(?<=[\d%])x(?=[-+.\d])", " ", text)
        numbers = []
        for n, word in enumerate(text.split()[:4]):
            value = _value(word)
            if value is None:
                return False
            numbers.append(value / 100 if word.endswith("%") else value / size[n % 2])
        if len(numbers) != 4 or numbers[2] <= 0 or numbers[3] <= 0:
            return False
        box = [-numbers[0] / numbers[2], -numbers[1] / numbers[3], 1 / numbers[2], 1 / numbers[3]]
        rounded = [min(max(round(side, 4), 0.0), 1.0) for side in box]
        if any(abs(a - b) > 0.001 for a, b in zip(box, rounded, strict=True)):
            return False
        rounded[2], rounded[3] = min(rounded[2], 1 - rounded[0]), min(rounded[3], 1 - rounded[1])
        boxes.append(rounded)
    turn = _value(said.get("transition.fix_rotate_x", "0"))
    if not boxes or turn is None:
        return False
    if turn:
        if not edit.EFFECTS["rotate"][0] <= turn <= edit.EFFECTS["rotate"][1]:
            return False
        _set(cut, "effects", "rotate", turn)
    else:
        _drop(cut, "effects", "rotate")
    whole = [0.0, 0.0, 1.0, 1.0]
    if boxes == [whole, whole]:
        cut.pop("framing", None)
    else:
        cut["framing"] = {"start": boxes[0]} | ({"end": boxes[1]} if boxes[1] != boxes[0] else {})
    return True


def _keep(cut: dict[str, Any], new: SeenFilter, clip: SeenClip) -> list[str]:
    kept = {"service": new.service, "properties": new.said} | ({"id": new.id} if new.id else {})
    cut["opaque"] = [*(cut.get("opaque") or []), kept]
    name = new.id or new.service
    return [f"the filter {name!r} on {clip.path.rpartition('/')[2]} is kept, but edl-render does not know it"]
