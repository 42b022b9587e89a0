"""Whether the picture holds at the joints: jumps, colour, sides, the share of transitions, flashes told from numbers.

Thresholds are those of the craft as collected in the research (rules 5, 6, 10, 15, 16); nothing is decoded here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import sqrt
from typing import Any

from roadmap_cli.core.records import Record
from roadmap_cli.edl import edit as saying
from roadmap_cli.edl import grade
from roadmap_cli.edl.checking.findings import Finding, error, warning
from roadmap_cli.edl.checking.footage import SIZES, Footage, box_of, number, zoom

#: Pictures as alike as this, of about one size, are one view (30 degree rule).
_ALIKE = 0.92
#: A change of size that makes a joint inside one view a change of view.
PUNCH_IN = 1.2
_LUMA_STEP, _COLOUR_STEP = 12.0, 8.0
_MOST_TRANSITIONS = 0.15
_SECONDS = {"dissolve": (0.5, 1.5), "fade_black": (0.5, 2.0), "fade_white": (0.2, 2.0)}
_PAN = 0.004
#: Opposing changes of more than a tenth of full brightness, more than so many in a second (ITU-R BT.1702, WCAG 2.3.1).
_FLASH_STEP, _MOST_CHANGES = 25.5, 6


def jumps(footage: Footage) -> Iterator[Finding]:
    """Two pieces of one view side by side jump, unless the second is closer or farther, or time passes between."""
    for left, right in pairwise(footage.cuts):
        if left["source_id"] != right["source_id"] or saying.transition(right):
            continue
        same_shot = left.get("shot_id") == right.get("shot_id")
        gap = right["in_frame"] - left["out_frame"]
        if not gap or _changes_size(footage, left, right):
            continue
        if same_shot:
            yield warning("jump", f"jump cut: {gap} frames inside one shot are left out", right)
            continue
        alike = likeness(footage.shot(left).get("embedding"), footage.shot(right).get("embedding"))
        if alike is not None and alike > _ALIKE:
            words = f"jump cut: the two shots are one view (likeness {alike:.2f}) in one size"
            yield warning("jump", words, right, evidence=(left["shot_id"], right["shot_id"]))


def _changes_size(footage: Footage, left: Record, right: Record) -> bool:
    ratio = zoom(saying.framing(right).start) / zoom(saying.framing(left).end)
    sizes = [footage.shot(cut).get("shot_size") for cut in (left, right)]
    if left.get("shot_id") != right.get("shot_id") and all(size in SIZES for size in sizes) and sizes[0] != sizes[1]:
        return True
    return ratio >= PUNCH_IN - 0.001 or ratio <= 1 / (PUNCH_IN - 0.001)


def likeness(one: Any, other: Any) -> float | None:
    """The cosine of two embeddings; None if they are not two lists of as many numbers."""
    if not (isinstance(one, list) and isinstance(other, list) and len(one) == len(other) and one):
        return None
    try:
        product = sum(a * b for a, b in zip(one, other, strict=True))
        size = sqrt(sum(a * a for a in one) * sum(b * b for b in other))
    except TypeError:
        return None
    return product / size if size else None


def colour(footage: Footage) -> Iterator[Finding]:
    """Neighbours of one scene have about one light and colour after their grades."""
    looks: dict[str, tuple[float, float, float] | None] = {}
    for left, right in pairwise(footage.cuts):
        scene = footage.scene(left)
        if scene is None or scene != footage.scene(right) or saying.transition(right):
            continue
        for cut in (left, right):
            if cut["id"] not in looks:
                looks[cut["id"]] = look_of(footage, cut)
        one, other = looks[left["id"]], looks[right["id"]]
        if one is None or other is None:
            continue
        light = other[0] - one[0]
        tint = sqrt((other[1] - one[1]) ** 2 + (other[2] - one[2]) ** 2)
        if abs(light) > _LUMA_STEP:
            words = f"is {abs(light):.0f}/255 {'brighter' if light > 0 else 'darker'} than the cut before, in one scene"
            yield warning("colour", words, right)
        elif tint > _COLOUR_STEP:
            yield warning("colour", f"its colour is {tint:.0f} off the cut before, in one scene (Lab)", right)


def look_of(footage: Footage, cut: Record) -> tuple[float, float, float] | None:
    """Mean luma (0-255) of a cut after its grade, and the shift of its greys (a*, b*); None if it was not measured.

    The look of a grey as light as the mean is taken for the mean of the look; 100 K of warmth move b* by about one.
    """
    shot = footage.shot(cut)
    luma = number(shot.get("luma_mean"))
    if luma is None:
        return None
    look = grade.of(cut).bounded()
    colour = [number(shot.get(name)) or 0.0 for name in ("tint_shift", "temperature_shift")]
    shift = (colour[0] * look.saturation + look.tint, colour[1] * look.saturation + look.warmth_k / 100)
    return grade.luma_of(look, luma / 255) * 255, *shift


def sides(footage: Footage) -> Iterator[Finding]:
    """Within a scene a subject does not change its side or a movement its direction at a cut (180 degrees)."""
    for left, right in pairwise(footage.cuts):
        scene = footage.scene(left)
        if scene is None or scene != footage.scene(right) or saying.transition(right):
            continue
        shots = footage.shot(left), footage.shot(right)
        pans = [number(shot.get("pan_ratio")) or 0.0 for shot in shots]
        if pans[0] * pans[1] < 0 and min(map(abs, pans)) > _PAN:
            yield warning("side", "the movement turns round at this cut: the line may be crossed", right,
                          evidence=(left["shot_id"], right["shot_id"]))  # fmt: skip
            continue
        places = [centre_x(footage, cut) for cut in (left, right)]
        one_sort = shots[0].get("subject") == shots[1].get("subject") and shots[0].get("subject") is not None
        if one_sort and shots[0].get("label") == shots[1].get("label") and None not in places:
            ends = sorted(place for place in places if place is not None)
            same_size = shots[0].get("shot_size") == shots[1].get("shot_size")
            if ends[0] < 0.4 and ends[1] > 0.6 and same_size and left["source_id"] == right["source_id"]:
                yield warning("side", "the subject changes its side at this cut: the line may be crossed", right,
                              evidence=(left["shot_id"], right["shot_id"]))  # fmt: skip


def centre_x(footage: Footage, cut: Record) -> float | None:
    """Where across the frame the middle of a cut's subject is, 0 to 1, in its framing at the start."""
    box = box_of(footage.shot(cut))
    if box is None:
        return None
    frame = saying.framing(cut).start
    return (box.x + box.width / 2 - frame.x) / frame.width


def transitions(footage: Footage) -> Iterator[Finding]:
    """Few joints are anything but a cut, and those that are take their time."""
    cuts = footage.cuts
    changes = [(cut, change) for cut in cuts[1:] if (change := saying.transition(cut))]
    for cut, change in changes:
        least, most = _SECONDS.get(change.sort, (0.2, 1.5))
        seconds = float(change.frames / footage.fps)
        if not least <= seconds <= most and not footage.is_montage:
            name = change.sort.replace("_", " ")
            words = f"a {name} of {seconds:.2f} s; {least:g} to {most:g} s reads as meant"
            yield warning("transition_length", words, cut)
    joints = len(cuts) - 1
    if joints >= 4 and len(changes) > max(1, _MOST_TRANSITIONS * joints) and not footage.is_montage:
        share = len(changes) / joints
        yield warning(
            "transitions", f"{share:.0%} of the joints are no plain cut; beyond 15 % they are noticed as such"
        )


def flicker(footage: Footage) -> Iterator[Finding]:
    """Cuts between dark and bright pictures so quick that the whole screen flashes more than three times a second.

    Told from the mean brightness of the shots; `flashes` looks at the pictures themselves.
    """
    changes: list[tuple[float, int, Record]] = []
    for left, right in pairwise(footage.cuts):
        looks = look_of(footage, left), look_of(footage, right)
        if looks[0] is None or looks[1] is None:
            continue
        step = looks[1][0] - looks[0][0]
        if abs(step) < _FLASH_STEP or min(looks[0][0], looks[1][0]) > 204:
            continue
        sign = 1 if step > 0 else -1
        if changes and changes[-1][1] == sign:
            changes[-1] = (float(right["timeline_in_frame"] / footage.fps), sign, right)
            continue
        changes.append((float(right["timeline_in_frame"] / footage.fps), sign, right))
    told: Sequence[float] = ()
    for place in range(_MOST_CHANGES, len(changes)):
        first, last = changes[place - _MOST_CHANGES], changes[place]
        if last[0] - first[0] < 1.0 and not (told and first[0] <= told[-1]):
            count = (_MOST_CHANGES + 1) // 2
            often = f"light and dark change {_MOST_CHANGES + 1} times within a second"
            words = f"flashes: {often}; at most {count} flashes are safe"
            yield error("flashes", words, first[2])
            told = [last[0]]
