"""A face that is too dark where the picture is not: light on the subject alone, inside a soft mask, measured there.

A scan with the models says where the face or the person is; the render gives the light to what lies in that box and in
the mask of the person, which is steady in time. In a picture that is dark as a whole the whole is lifted, and without
the models too, but then only as far as the rest of the picture allows.
"""

from __future__ import annotations

from typing import Any

from roadmap_cli.core.records import Record
from roadmap_cli.edl import edit as fields
from roadmap_cli.edl import masks
from roadmap_cli.edl.edit import LIFT_STOPS, Box, Lift
from roadmap_cli.edl.feedback import colour, toning
from roadmap_cli.edl.feedback.colour import Look, through
from roadmap_cli.edl.feedback.material import Edit, Footage
from roadmap_cli.edl.feedback.proof import LEAST_MOVED, Corrected, Measured, Refused, Wanted, name_of, of_cuts, search

#: A face below this is too dark; a wish goes at least this far up, and a complaint over the upper one is contradicted.
DARK_FACE, STEP, LIGHT_FACE = 70.0, 24.0, 140.0
#: A box is made so much larger that a head may move in it; a person's box is the person and stays.
ROOM = 1.3
_SIGNAL, _UNIT = "luma median of the face", "code values"


def correct(edit: Edit, footage: Footage, wanted: Wanted) -> Corrected:
    """Make faces brighter. Raises Refused with the reason and the numbers."""
    cuts = list(edit.cuts)
    done: list[Measured] = []
    failed: list[tuple[Measured, str]] = []
    rest: list[int] = []
    for n in wanted.chosen:
        found = _subject(edit, cuts[n])
        shown = through(Look.of(cuts[n]), footage.pictures(cuts[n]))
        if found is None or _middle(shown) < toning.AXES["exposure"].low:
            rest.append(n)
            continue
        measured, made, why = _one(cuts[n], shown, found, wanted)
        if measured.moved < LEAST_MOVED and not (wanted.insist and measured.moved > 0.05):
            failed.append((measured, why))
            continue
        done.append(measured)
        cuts[n] = made
    if not done:
        return _whole(edit, footage, wanted, rest, failed)
    lit = [fields.lift(cut) for cut in cuts]
    most = max(light.stops for light in lit if light)
    notes = [f"{name_of(each.thing or {})} stays: {why}" for each, why in failed]
    if rest:
        notes.append(f"{of_cuts(len(rest))} unchanged: no face is known there, or all of the picture is dark")
    what = f"up to {most:.2g} stops more light on the face alone on {of_cuts(len(done))}"
    return Corrected(edit.put(cuts), tuple(done), what, tuple(notes))


def _whole(
    edit: Edit, footage: Footage, wanted: Wanted, rest: list[int], failed: list[tuple[Measured, str]]
) -> Corrected:
    """The whole picture, where it is dark itself or nobody knows where the face is."""
    if not rest:
        first, why = failed[0]
        raise Refused(why, [each for each, _ in failed], asks=first.moved > 0.05)
    dark = [n for n in rest if _middle(through(Look.of(edit.cuts[n]), footage.pictures(edit.cuts[n]))) < DARK_FACE]
    chosen = Wanted(
        wanted.axis, wanted.sign, wanted.strength, tuple(dark or rest), wanted.placed, wanted.complaint, wanted.insist,
        wanted.words, wanted.target, wanted.frames,
    )  # fmt: skip
    try:
        return toning.correct(edit, footage, chosen, face=not dark)
    except Refused as refused:
        if dark or refused.asks is False:
            raise
        raise Refused(
            f"{refused}; no face is known here: a scan with the model face-detection lets the face alone have it",
            refused.measured, asks=True,
        ) from None  # fmt: skip


def _subject(edit: Edit, cut: Record) -> tuple[Box, bool] | None:
    """Where the face or person of a cut is in the source picture, and whether it is a person's box."""
    shot = edit.shot(cut)
    if shot.get("subject") not in {"face", "person"} or "subject_box" not in shot or "framing" in cut:
        return None
    x, y, wide, high = (float(side) for side in shot["subject_box"])
    person = shot["subject"] == "person"
    grow = 1.0 if person else ROOM
    left, top = max(0.0, x + wide / 2 - wide * grow / 2), max(0.0, y + high / 2 - high * grow / 2)
    return Box(left, top, min(1 - left, wide * grow), min(1 - top, high * grow)), person


def _one(cut: Record, shown: Any, found: tuple[Box, bool], wanted: Wanted) -> tuple[Measured, Record, str]:
    """More light on one cut's subject: what was measured, the cut, and why it went no further."""
    import numpy

    box, _ = found
    high, wide = shown.shape[1:3]
    share = (1 - masks.outside(wide, high, box))[None, :, :, None]
    own = fields.lift(cut)
    has = own.stops if own else 0.0
    inside = (share[0, :, :, 0] > 0.95)[None].repeat(len(shown), axis=0)
    skin = inside & colour.skin(numpy.clip(shown * 1.8, 0, 1))
    face = skin if skin.sum() > 0.2 * inside.sum() else inside

    def lit(stops: float) -> Any:
        light = numpy.clip(shown * Lift(stops, box).factor, 0, 1)
        return shown + (light - shown) * share

    start = lit(has)
    before = float(numpy.median(colour.luma(start[face])))
    first = Measured(_SIGNAL, _UNIT, before, thing=cut)
    if wanted.complaint and not wanted.insist and before > LIGHT_FACE:
        raise Refused(f"the measurement says otherwise: the face is at {before:.0f} of 255", [first], asks=True)
    target = max(before + STEP * wanted.strength, min(DARK_FACE, before * 1.4))

    def at(stops: float) -> float:
        return float(numpy.median(colour.luma(lit(stops)[face])))

    far = has + search(lambda x: at(has + x) - target, LIFT_STOPS[1] - has)
    why = f"a face gets at most {LIFT_STOPS[1]:g} stop more light"
    while far > has + 0.02 and (broken := _broken(start, lit(far))):
        far, why = has + (far - has) * 0.9, broken
    far = round(far, 3)
    after = lit(far)
    limits = toning.limits(start, after)
    measured = Measured(_SIGNAL, _UNIT, before, target, float(numpy.median(colour.luma(after[face]))), cut, limits)
    made = {**cut, "lift": {"stops": far, "subject": box.record(), "person": True}}
    return measured, made, why


def _broken(start: Any, after: Any) -> str:
    told = toning.limits(start, after)
    if told["new_clipped_ratio"] > toning.NEW_CLIPPED:
        return f"{told['new_clipped_ratio']:.1%} more of the picture would be clipped, the limit is 1 %"
    if abs(told["luma_shift"]) > toning.LIGHT:
        return f"the rest would change by {told['luma_shift']:+.0f} code values, the limit is {toning.LIGHT:.0f}"
    return ""


def _middle(shown: Any) -> float:
    import numpy

    return float(numpy.median(colour.luma(shown)))
