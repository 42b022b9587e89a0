"""Fine detail, steadiness, level, blur, bars and framing of cuts, each corrected by one bounded effect and proved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from roadmap_cli.core.records import Record
from roadmap_cli.edl import edit as fields
from roadmap_cli.edl.edit import EFFECTS, MOST_ZOOM, Box
from roadmap_cli.edl.feedback import seen
from roadmap_cli.edl.feedback.colour import Look
from roadmap_cli.edl.feedback.material import Edit, Footage
from roadmap_cli.edl.feedback.proof import (
    LEAST_MOVED,
    Corrected,
    Measured,
    Refused,
    Wanted,
    name_of,
    number,
    of_cuts,
    search,
)

#: Noise above this is seen, in code values; below the other it is not. Flicker, in code values; shake, in widths.
NOISY, CLEAN = 3.0, 1.2
FLICKERS, TREMBLES, CROOKED_DEGREES = 1.2, 0.0035, 0.6
#: Blurred beyond this (Crete's measure) a picture is out of focus: sharpening brings nothing back.
LOST = 0.6
#: Room that a head keeps above it, and how much closer or wider one step goes.
HEAD, ZOOM_STEP = 0.05, 1.2
_BARS = 2.39
#: Pictures in order on which noise is measured, in the later half of them.
_NOISE_PICTURES = 24

#: Gives a cut's record with a wish fulfilled and what was measured; raises Refused.
One = Callable[[Edit, Footage, Wanted, Record], tuple[Record, Measured]]


def correct(edit: Edit, footage: Footage, wanted: Wanted) -> Corrected:
    """Correct one effect of cuts. Raises Refused with the reason and the numbers."""
    cuts = list(edit.cuts)
    done: list[Measured] = []
    kept: list[tuple[Record, Refused]] = []
    for position in wanted.chosen:
        cut = cuts[position]
        try:
            made, measured = _AXES[wanted.axis](edit, footage, wanted, cut)
        except Refused as refused:
            kept.append((cut, refused))
            continue
        if measured.moved < LEAST_MOVED and not (wanted.insist and measured.moved > 0.05):
            why = (
                f"only {max(0.0, measured.moved):.0%} of the way can be gone "
                f"({measured.signal} {number(measured.before)} "
                f"to {number(measured.after or 0)}, wanted {number(measured.target or 0)})"
            )
            kept.append((cut, Refused(why, [measured], asks=measured.moved > 0.05)))
            continue
        cuts[position] = made
        done.append(measured)
    if not done:
        first = kept[0][1] if kept else Refused("there is no such cut")
        raise Refused(str(first), [m for _, r in kept for m in r.measured], asks=any(r.asks for _, r in kept))
    notes = tuple(f"{name_of(cut)} stays: {refused}" for cut, refused in kept) if wanted.placed else ()
    return Corrected(edit.put(cuts), tuple(done), _what(edit, cuts), notes)


def _effect(cut: Record, name: str, value: float) -> Record:
    """A cut with one effect changed; an effect that changes nothing is not written."""
    effects = {k: v for k, v in cut.get("effects", {}).items() if k != name}
    if value != EFFECTS[name][2]:
        effects[name] = round(value, 4)
    made = {k: v for k, v in cut.items() if k != "effects"}
    ordered = {k: effects[k] for k in EFFECTS if k in effects}
    return made | ({"effects": ordered} if ordered else {})


def _through(footage: Footage, cut: Record, pictures: Any, **changed: float) -> Any:
    effects = seen.effects_of(cut) | changed
    return seen.toned(seen.filtered(footage.found, pictures, effects), Look.of(cut))


def _sharpness(edit: Edit, footage: Footage, wanted: Wanted, cut: Record) -> tuple[Record, Measured]:
    pictures = footage.run(cut, crop=True)[::6][:8]
    has = fields.effects(cut).get("sharpen", 0.0)
    before = seen.sharpness(_through(footage, cut, pictures))
    if wanted.sign < 0:
        if not has:
            raise Refused(
                "no sharpening is applied: the source itself is that sharp",
                [Measured("sharpness", "%", before, thing=cut)],
            )
        end = 0.0
        bare = seen.sharpness(_through(footage, cut, pictures, sharpen=0.0))
        target = before + (bare - before) * min(1.0, 0.7 * wanted.strength)
    else:
        lost = seen.blurred(_through(footage, cut, pictures))
        if lost > LOST and not wanted.insist:
            better = _sharper_take(edit, cut)
            raise Refused(
                f"out of focus in the source (blur {lost:.2f}, above {LOST}): sharpening cannot bring it back{better}",
                [Measured("blur of the source", "of 1", lost, thing=cut)], asks=True,
            )  # fmt: skip
        end, target = EFFECTS["sharpen"][1], before * (1 + 0.2 * wanted.strength)

    def at(far: float) -> float:
        return round(has + (end - has) * far, 3)

    far = search(
        lambda x: wanted.sign * (seen.sharpness(_through(footage, cut, pictures, sharpen=at(x))) - target), steps=7
    )
    after = seen.sharpness(_through(footage, cut, pictures, sharpen=at(far)))
    return _effect(cut, "sharpen", at(far)), Measured("sharpness", "%", before, target, after, cut)


def _sharper_take(edit: Edit, cut: Record) -> str:
    """A sharper shot of the same scene, in words; empty if none is known."""
    shot = edit.shot(cut)
    takes = [
        other for other in edit.shots.values()
        if other.get("scene_id") and other.get("scene_id") == shot.get("scene_id") and other is not shot
        and float(other.get("sharpness", 0)) > 1.15 * float(shot.get("sharpness", 0))
    ]  # fmt: skip
    if not takes:
        return ""
    best = max(takes, key=lambda other: float(other.get("sharpness", 0)))
    return f"; frames {best['in_frame']} to {best['out_frame']} of the same scene are sharper"


def _grain(footage: Footage, cut: Record, pictures: Any, **changed: float) -> float:
    """Noise once a filter that looks back has its memory filled: of the later half of the pictures."""
    shown = _through(footage, cut, pictures, **changed)
    return seen.noise(shown[len(shown) // 2 :])


def _noise(edit: Edit, footage: Footage, wanted: Wanted, cut: Record) -> tuple[Record, Measured]:
    pictures = footage.run(cut, crop=True)[:_NOISE_PICTURES]
    before = _grain(footage, cut, pictures)
    at_first = Measured("noise", "code values", before, thing=cut)
    effects = fields.effects(cut)
    if wanted.sign > 0:
        name, end, target = "grain", EFFECTS["grain"][1], before + 2.5 * wanted.strength
    else:
        if effects.get("grain"):
            name, end, target = "grain", 0.0, max(CLEAN, before * (1 - 0.6 * min(1.0, wanted.strength)))
        else:
            name, end, target = "denoise", EFFECTS["denoise"][1], max(CLEAN, before * 0.5)
        if before < CLEAN and not wanted.insist:
            raise Refused(
                f"the measurement says otherwise: noise is {before:.1f} code values, below {CLEAN:g}",
                [at_first],
                asks=True,
            )
    has = effects.get(name, 0.0)
    if not wanted.placed and wanted.sign < 0 and before < NOISY and _noisier(edit, footage, wanted):
        raise Refused("not noisy", [at_first])

    def at(far: float) -> float:
        return round(has + (end - has) * far, 2)

    far = search(lambda x: wanted.sign * (_grain(footage, cut, pictures, **{name: at(x)}) - target), steps=7)
    after = _grain(footage, cut, pictures, **{name: at(far)})
    return _effect(cut, name, at(far)), Measured("noise", "code values", before, target, after, cut)


def _noisier(edit: Edit, footage: Footage, wanted: Wanted) -> bool:
    """Whether any of the cuts in question is beyond the limit: then only those are corrected."""
    return any(
        _grain(footage, edit.cuts[n], footage.run(edit.cuts[n], crop=True)[:_NOISE_PICTURES]) >= NOISY
        for n in wanted.chosen
    )


def _flicker(edit: Edit, footage: Footage, wanted: Wanted, cut: Record) -> tuple[Record, Measured]:
    pictures = footage.run(cut, width=160)
    before = seen.flicker(_through(footage, cut, pictures))
    at_first = Measured("flicker", "code values", before, thing=cut)
    if wanted.sign > 0:
        raise Refused("flicker is not put in", [at_first])
    if before < FLICKERS and not wanted.insist:
        raise Refused(
            f"the measurement says otherwise: flicker is {before:.2f} code values, below {FLICKERS:g}",
            [at_first],
            asks=True,
        )
    target = before * (1 - min(0.9, 0.75 * wanted.strength))
    best = (before, fields.effects(cut).get("deflicker", 0.0))
    for size in (5.0, 9.0, 14.0, 20.0):
        after = seen.flicker(_through(footage, cut, pictures, deflicker=size))
        if after < best[0]:
            best = (after, size)
        if best[0] <= target:
            break
    return _effect(cut, "deflicker", best[1]), Measured("flicker", "code values", before, target, best[0], cut)


def _stability(edit: Edit, footage: Footage, wanted: Wanted, cut: Record) -> tuple[Record, Measured]:
    pictures, fps = footage.run(cut), float(footage.media(cut["source_id"]).fps)
    has = fields.effects(cut).get("stabilise", 0.0)
    route = seen.path(pictures)
    own = seen.shake(route, fps) * 100
    before = seen.shake(seen.steadied(route, fps, has), fps) * 100 if has else own
    at_first = Measured("shake", "% of the width", before, thing=cut)
    if wanted.sign < 0:
        if not has:
            raise Refused("no stabilising is applied: the source itself is that steady", [at_first])
        return _effect(cut, "stabilise", 0.0), Measured("shake", "% of the width", before, own, own, cut)
    if before < TREMBLES * 100 and not wanted.insist:
        raise Refused(
            f"the measurement says otherwise: shake is {before:.2f} % of the width, below "
                f"{number(TREMBLES * 100)}", [at_first], asks=True
        )  # fmt: skip
    target = before * (1 - min(0.9, 0.75 * wanted.strength))
    most = EFFECTS["stabilise"][1]
    far = search(lambda x: target - seen.shake(seen.steadied(route, fps, x), fps) * 100, most)
    after = seen.shake(seen.steadied(route, fps, far), fps) * 100
    return _effect(cut, "stabilise", far), Measured("shake", "% of the width", before, target, after, cut)


def _horizon(edit: Edit, footage: Footage, wanted: Wanted, cut: Record) -> tuple[Record, Measured]:
    pictures = footage.run(cut)
    has = fields.effects(cut).get("rotate", 0.0)
    found = seen.tilt(pictures, has)
    if found is None:
        raise Refused("no line long enough to tell what is level")
    before = found[0]
    at_first = Measured("tilt of long lines", "degrees", before, thing=cut)
    if wanted.sign < 0:
        raise Refused("a picture is not tilted on purpose", [at_first])
    if abs(before) < CROOKED_DEGREES and not wanted.insist:
        raise Refused(
            f"the measurement says otherwise: long lines lie {before:+.1f} degrees from level", [at_first], asks=True
        )
    turn = min(max(has - before, EFFECTS["rotate"][0]), EFFECTS["rotate"][1])
    again = seen.tilt(pictures, turn)
    after = again[0] if again else before
    return _effect(cut, "rotate", turn), Measured("tilt of long lines", "degrees", abs(before), 0.0, abs(after), cut)


def _blur(edit: Edit, footage: Footage, wanted: Wanted, cut: Record) -> tuple[Record, Measured]:
    own = fields.blur(cut)
    before = own.sigma if own else 0.0
    most = fields.BLUR_SIGMA[1]
    if wanted.sign < 0:
        if not own or not before:
            raise Refused(
                "no background blur is applied: 'it is out of focus' is about the source",
                [Measured("sigma of the background blur", "at 1080 lines", before, thing=cut)],
            )
        target = before * (0.6 if wanted.strength <= 1 else 0.4)
        if any(word in wanted.words for word in ("no blur", "remove", "without", "lose", "get rid", "turn off")):
            target = 0.0
    else:
        target = before * (1.4 if wanted.strength <= 1 else 1.7) if before else 6.0 * wanted.strength
    after = round(min(target, most), 2)
    measured = Measured("sigma of the background blur", "at 1080 lines", before, target, after, cut)
    rest = {k: v for k, v in cut.items() if k != "blur"}
    if not after:
        return rest, measured
    if own:
        return rest | {"blur": {**cut["blur"], "sigma": after}}, measured
    box = edit.shot(cut).get("subject_box")
    if box is None and not wanted.insist:
        raise Refused(
            "no subject is known that would stay sharp: a scan with the models finds it", [measured], asks=True
        )
    sharp = Box.read(box, "subject_box").record() if box else [0.3, 0.15, 0.4, 0.8]
    return rest | {"blur": {"sigma": after, "subject": sharp}}, measured


def _bars(edit: Edit, footage: Footage, wanted: Wanted, cut: Record) -> tuple[Record, Measured]:
    own = fields.effects(cut).get("letterbox", 0.0)
    aspect = int(edit.plan["width"]) / int(edit.plan["height"])
    before = max(0.0, 1 - aspect / own) if own else 0.0
    inner = _inside_bars(footage, cut) if not own else None
    if inner:
        before = 1 - inner.width * inner.height
    at_first = Measured("black bars", "of the picture", before, thing=cut)
    if wanted.sign > 0:
        if before > 0.01:
            raise Refused(f"there are bars already: {before:.0%} of the picture", [at_first])
        if aspect >= _BARS - 0.01:
            raise Refused(f"the picture is as wide as {aspect:.2f} already", [at_first])
        share = 1 - aspect / _BARS
        return _effect(cut, "letterbox", _BARS), Measured("black bars", "of the picture", 0.0, share, share, cut)
    measured = Measured("black bars", "of the picture", before, 0.0, 0.0, cut)
    if own:
        return _effect(cut, "letterbox", 0.0), measured
    if inner and before > 0.01:
        # Bars of the source: the inner picture is enlarged until it fills the frame.
        ratio = (
            (inner.width / inner.height)
            * footage.media(cut["source_id"]).width
            / footage.media(cut["source_id"]).height
        )
        wide = inner.width * min(1.0, aspect / ratio)
        high = inner.height * min(1.0, ratio / aspect)
        box = Box(inner.x + (inner.width - wide) / 2, inner.y + (inner.height - high) / 2, wide, high)
        return cut | {"framing": {"start": box.record()}}, measured
    raise Refused("no black bars are found in the picture", [at_first])


def _inside_bars(footage: Footage, cut: Record) -> Box | None:
    """The part of a picture that is never black at its edges, if that is not all of it."""
    import numpy

    if "framing" in cut:
        return None
    light = footage.pictures(cut).max(axis=(0, 3)) * 255
    rows, columns = (numpy.flatnonzero(light.max(axis=axis) > 28) for axis in (1, 0))
    if not len(rows) or not len(columns):
        return None
    high, wide = light.shape
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    if top + (high - bottom) + left + (wide - right) <= 1:
        return None
    return Box(left / wide, top / high, (right - left) / wide, (bottom - top) / high)


def _framing(edit: Edit, footage: Footage, wanted: Wanted, cut: Record) -> tuple[Record, Measured]:
    now = fields.framing(cut)
    before = 1 / min(now.start.width, now.start.height)
    factor = ZOOM_STEP**wanted.strength
    subject = edit.shot(cut).get("subject_box")
    head = Box.read(subject, "subject_box") if subject else None
    if wanted.sign > 0:
        at_first = Measured("enlargement", "times", before, thing=cut)
        if before <= 1.001:
            raise Refused("the whole picture is shown: the source has nothing around it", [at_first])
        target = max(1.0, before / factor)
    else:
        target = before * factor
    after = min(target, MOST_ZOOM)
    boxes = {}
    for name, box in (("start", now.start), ("end", now.end)):
        boxes[name] = _resized(box, before / after, head).record()
    framing = {"start": boxes["start"]} if boxes["start"] == boxes["end"] else boxes
    made = {k: v for k, v in cut.items() if k != "framing"}
    made |= {"framing": framing} if framing["start"] != [0.0, 0.0, 1.0, 1.0] or "end" in framing else {}
    return made, Measured("enlargement", "times", before, target, after, cut)


def _resized(box: Box, factor: float, head: Box | None) -> Box:
    """A box larger or smaller around the subject or else its own middle, with room above the subject's head."""
    wide, high = min(1.0, box.width * factor), min(1.0, box.height * factor)
    x, y = box.x + (box.width - wide) / 2, box.y + (box.height - high) / 2
    if head is not None:
        x = head.x + head.width / 2 - wide / 2
        y = min(y, head.y - HEAD * high)
    return Box(min(max(0.0, x), 1 - wide), min(max(0.0, y), 1 - high), wide, high)


def _own(name: str, signal: str) -> One:
    """An effect of the edit's own: its strength is the signal."""

    def one(edit: Edit, footage: Footage, wanted: Wanted, cut: Record) -> tuple[Record, Measured]:
        has, most = fields.effects(cut).get(name, 0.0), EFFECTS[name][1]
        if wanted.sign < 0 and not has:
            raise Refused(f"no {signal} is applied", [Measured(signal, "of its scale", 0.0, thing=cut)])
        target = has + 0.35 * most * wanted.strength if wanted.sign > 0 else has * max(0.0, 1 - 0.6 * wanted.strength)
        after = min(max(target, 0.0), most)
        return _effect(cut, name, after), Measured(signal, "of its scale", has, target, after, cut)

    return one


def _what(edit: Edit, cuts: list[Record]) -> str:
    words: dict[str, list[str]] = {}
    for old, new in zip(edit.cuts, cuts, strict=True):
        before, after = fields.effects(old), fields.effects(new)
        for name in EFFECTS:
            if before.get(name) != after.get(name):
                words.setdefault(name, []).append(f"{after.get(name, EFFECTS[name][2]):.3g}")
        if old.get("blur") != new.get("blur"):
            words.setdefault("blur sigma", []).append(f"{new.get('blur', {}).get('sigma', 0):.3g}")
        if old.get("framing") != new.get("framing"):
            words.setdefault("enlargement", []).append(f"{1 / min(fields.framing(new).start.width, 1):.3g}")
    total = sum(a is not b for a, b in zip(edit.cuts, cuts, strict=True))
    return (
        ", ".join(f"{name} {'/'.join(dict.fromkeys(values))}" for name, values in words.items())
        + f" on {of_cuts(total)}"
    )


_AXES: dict[str, One] = {
    "sharpness": _sharpness,
    "noise": _noise,
    "flicker": _flicker,
    "stability": _stability,
    "horizon": _horizon,
    "blur": _blur,
    "bars": _bars,
    "framing": _framing,
    "vignette": _own("vignette", "vignette"),
    "glow": _own("bloom", "glow"),
}
AXES = frozenset(_AXES)
