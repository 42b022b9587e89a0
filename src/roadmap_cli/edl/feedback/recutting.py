"""The structure of an edit corrected: shot lengths, speed, whole length, start, end, transitions and titles.

A cut is shortened around its middle and lengthened only inside its own shot; one in which somebody speaks keeps its
words and its speed. Whatever is wished is done as far as it goes, measured again, and refused below 60 % of the way.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

from roadmap_cli.core.records import Record, content_id
from roadmap_cli.edl import planning, timecode
from roadmap_cli.edl.feedback.material import Edit, whole
from roadmap_cli.edl.feedback.proof import LEAST_MOVED, Corrected, Measured, Refused, Wanted, of_cuts
from roadmap_cli.edl.feedback.relaying import origin, relaid
from roadmap_cli.edl.planning import LEAST_FRAMES
from roadmap_cli.edl.planning.units import SPEECH_RATIO

#: No shot is made shorter than this; a hold and a fade at the end; the joint of a wish for softer transitions.
SHORTEST_S, HOLD_S, FADE_S, JOINT_S = Fraction(4, 5), Fraction(3, 2), Fraction(1), Fraction(1, 2)
#: The start, whose interest is measured against the rest; and how much better a shot must be to open the edit.
START_S, BETTER = 8.0, 1.3
#: Speeds stay within a tenth of what they were when pace is meant, not speed.
PACE_SPEED = Fraction(11, 10)


def seconds(edit: Edit, chosen: Sequence[int]) -> list[float]:
    """How long cuts are shown."""
    return [float((edit.cuts[n]["timeline_out_frame"] - edit.cuts[n]["timeline_in_frame"]) / edit.fps) for n in chosen]


def spoken(edit: Edit, cut: Record) -> bool:
    """Whether somebody speaks in a cut, by its spans or its shot."""
    spans = [s for s in edit.of("edl.span", cut["source_id"]) if s.get("sort") == "speech"]
    if spans:
        rate = timecode.rational(cut["fps"], field="fps")
        first, end = float(cut["in_frame"] / rate * 1000), float(cut["out_frame"] / rate * 1000)
        heard = sum(max(0.0, min(end, s["end_ms"]) - max(first, s["start_ms"])) for s in spans)
        return bool(heard > SPEECH_RATIO * (end - first))
    return float(edit.shot(cut).get("speech_ratio", 0.0)) > SPEECH_RATIO


def resized(edit: Edit, cut: Record, factor: float, floor: Fraction = SHORTEST_S) -> Record:
    """A cut longer or shorter by a factor around its middle, inside its shot; one with speech is never shortened."""
    first, end = cut["in_frame"], cut["out_frame"]
    rate, speed = timecode.rational(cut["fps"], field="fps"), timecode.rational(cut["speed"], field="speed")
    wanted = timecode.round_half_up(Fraction(end - first) * Fraction(factor).limit_denominator(10_000))
    if factor < 1:
        if spoken(edit, cut):
            return cut
        least = max(
            LEAST_FRAMES, timecode.frames_needed(timecode.round_half_up(floor * edit.fps), rate, speed, edit.fps)
        )
        wanted = min(end - first, max(wanted, least))
    shot = edit.shot(cut)
    low, high = min(whole(shot, "in_frame", first), first), max(whole(shot, "out_frame", end), end)
    start = first - (wanted - (end - first)) // 2
    start = min(max(low, start), max(low, high - wanted))
    return {**cut, "in_frame": start, "out_frame": min(high, start + wanted)}


def value(edit: Edit, cut: Record) -> float:
    """How much a cut is worth: movement, sharpness and sound of its shot against the best here, and its role."""
    shot = edit.shot(cut)
    best = {n: max((float(edit.shot(c).get(n, 0)) for c in edit.cuts), default=1) or 1 for n in ("motion", "sharpness")}
    worth = (
        0.5 * float(shot.get("motion", 0)) / best["motion"] + 0.3 * float(shot.get("sharpness", 0)) / best["sharpness"]
    )
    worth += 0.2 * (1 - float(shot.get("silence_ratio", 0.5)))
    return worth + (1.0 if obligatory(edit, cut) else 0.0)


def obligatory(edit: Edit, cut: Record) -> bool:
    """Whether a cut carries a beat that the story needs, or words."""
    return cut.get("role") in {"hook", "turn", "peak", "resolution"} or spoken(edit, cut)


def correct(edit: Edit, wanted: Wanted) -> Corrected:
    """Correct the structure along an axis. Raises Refused with the reason and the numbers."""
    made = _AXES[wanted.axis](edit, wanted)
    worst = min(made.measured, key=lambda m: m.moved)
    if worst.moved < LEAST_MOVED and not (wanted.insist and worst.moved > 0.02):
        raise Refused(
            f"only {max(0.0, worst.moved):.0%} of the way can be gone: {worst.signal} {worst.before:.2f} to "
            f"{worst.after or 0:.2f} {worst.unit}, wanted {worst.target or 0:.2f}: the shots give no more",
            made.measured, asks=worst.moved > 0.02,
        )  # fmt: skip
    return made


def _size(
    grow: bool, edit: Edit, wanted: Wanted, measure: Callable[[Edit, Sequence[int]], float], target: float
) -> Edit:
    """Cuts resized together until a measure reaches its target, or as far as they go."""
    chosen = set(wanted.chosen)
    low, high = (1.0, 8.0) if grow else (0.05, 1.0)
    best = edit
    for _ in range(14):
        factor = (low + high) / 2
        best = relaid(edit, [resized(edit, c, factor) if n in chosen else c for n, c in enumerate(edit.cuts)])
        low, high = (factor, high) if measure(best, wanted.chosen) < target else (low, factor)
    return best


def _mean(edit: Edit, chosen: Sequence[int]) -> float:
    return statistics.fmean(seconds(edit, chosen))


def _total(edit: Edit, chosen: Sequence[int]) -> float:
    return sum(seconds(edit, range(len(edit.cuts))))


def _shot_length(edit: Edit, wanted: Wanted) -> Corrected:
    grow = wanted.sign > 0 if wanted.axis == "shot_length" else wanted.sign < 0
    before = _mean(edit, wanted.chosen)
    step = 1 + 0.25 * wanted.strength
    target = wanted.target or (before * step if grow else before / step)
    if (target - before) * (1 if grow else -1) < 0:
        raise Refused(
            f"shown for {before:.1f} s, {target:g} s were asked for", [Measured("mean shot length", "s", before)]
        )
    made = _size(grow, edit, wanted, _mean, target)
    after = _mean(made, wanted.chosen)
    notes: list[str] = []
    kept = [n for n in wanted.chosen if spoken(edit, edit.cuts[n])] if not grow else []
    if kept:
        notes.append(f"{of_cuts(len(kept))} as long as before: somebody speaks there")
    if wanted.axis in {"pace", "energy"} and abs(after - before) < 0.8 * abs(target - before):
        made, slower = _paced(made, wanted, grow)
        after = _mean(made, wanted.chosen)
        notes += slower
    measured = Measured("mean shot length", "s", before, target, after)
    return Corrected(
        made,
        (measured,),
        f"mean shot length {before:.2f} to {after:.2f} s on {of_cuts(len(wanted.chosen))}",
        tuple(notes),
    )


def _paced(edit: Edit, wanted: Wanted, slower: bool) -> tuple[Edit, list[str]]:
    """Shots without speech up to a tenth faster or slower, where lengths alone do not do."""
    cuts = list(edit.cuts)
    moved = 0
    for n in wanted.chosen:
        if spoken(edit, cuts[n]):
            continue
        speed = timecode.rational(cuts[n]["speed"], field="speed") * (1 / PACE_SPEED if slower else PACE_SPEED)
        speed = min(max(speed, planning.SLOWEST), planning.FASTEST).limit_denominator(40)
        cuts[n] = {**cuts[n], "speed": timecode.spell(speed)}
        moved += 1
    return relaid(edit, cuts), [
        f"{of_cuts(moved)} without speech a tenth {'slower' if slower else 'faster'}"
    ] if moved else []


def _pace(edit: Edit, wanted: Wanted) -> Corrected:
    """Slow places first lose the cut that is worth least, if that one is long, then all cuts become shorter."""
    if wanted.sign > 0 and len(wanted.chosen) >= 4:
        before = _mean(edit, wanted.chosen)
        rated = sorted(
            (n for n in wanted.chosen if not obligatory(edit, edit.cuts[n])), key=lambda n: value(edit, edit.cuts[n])
        )
        worst = rated[0] if rated else None
        if worst is not None and seconds(edit, [worst])[0] > before and value(edit, edit.cuts[worst]) < 0.5:
            shorter = relaid(edit, [c for n, c in enumerate(edit.cuts) if n != worst])
            left = tuple(n - (n > worst) for n in wanted.chosen if n != worst)
            told = _shot_length(shorter, replace(wanted, chosen=left))
            inner = told.measured[0]
            target = before / (1 + 0.25 * wanted.strength)
            rest = _size(False, shorter, replace(wanted, chosen=left), _mean, target)
            after = _mean(rest, left)
            if after > inner.before:
                rest, after = told.edit, inner.after or after
            dropped = edit.cuts[worst]
            return Corrected(
                rest, (Measured("mean shot length", "s", before, target, after),),
                f"cut {worst + 1} left out, mean shot length {before:.2f} to {after:.2f} s",
                (f"cut {worst + 1} (frames {dropped['in_frame']} to {dropped['out_frame']}) "
                    f"was worth least: {value(edit, dropped):.2f}",),
            )  # fmt: skip
    return _shot_length(edit, wanted)


def _length(edit: Edit, wanted: Wanted) -> Corrected:
    before = _total(edit, ())
    target = wanted.target if wanted.target else before * (1 + 0.25 * wanted.strength) ** wanted.sign
    if wanted.target and (wanted.target - before) * wanted.sign < 0:
        raise Refused(
            f"it is {before:.1f} s long, {wanted.target:g} s were asked for", [Measured("length", "s", before)]
        )
    made, notes = (_lengthened if wanted.sign > 0 else _shortened)(edit, wanted, target)
    after = _total(made, ())
    return Corrected(
        made, (Measured("length", "s", before, target, after),), f"length {before:.1f} to {after:.1f} s", tuple(notes)
    )


def _shortened(edit: Edit, wanted: Wanted, target: float) -> tuple[Edit, list[str]]:
    """Cuts worth least go first, as long as three in five stay and none is obligatory; then all become shorter."""
    cuts = list(edit.cuts)
    least = max(1, round(len(cuts) * 0.6))
    notes = []
    total = _total(edit, ())
    for worst in sorted(edit.cuts, key=lambda c: value(edit, c)):
        length = float((worst["timeline_out_frame"] - worst["timeline_in_frame"]) / edit.fps)
        if total <= target or len(cuts) <= least or obligatory(edit, worst) or total - length < target * 0.97:
            continue
        cuts.remove(worst)
        total -= length
        notes.append(f"cut {edit.cuts.index(worst) + 1} left out, worth {value(edit, worst):.2f}")
    made = relaid(edit, cuts)
    everything = replace(wanted, chosen=tuple(range(len(cuts))))
    return (_size(False, made, everything, _total, target) if total > target else made), notes


def _lengthened(edit: Edit, wanted: Wanted, target: float) -> tuple[Edit, list[str]]:
    """Cuts grow inside their shots; then shots that were left out come in at their place."""
    everything = replace(wanted, chosen=tuple(range(len(edit.cuts))))
    made = _size(True, edit, everything, _total, target)
    used = {str(cut.get("shot_id")) for cut in edit.cuts}
    notes: list[str] = []
    spare = sorted((s for s in edit.shots.values() if s["id"] not in used and s.get("source_id") in edit.sources),
                   key=lambda s: -float(s.get("motion", 0)))  # fmt: skip
    for shot in spare:
        if _total(made, ()) >= target * 0.98:
            break
        at = next(
            (
                n
                for n, c in enumerate(made.cuts)
                if c["source_id"] == shot["source_id"] and c["in_frame"] >= shot["out_frame"]
            ),
            len(made.cuts),
        )
        model = {
            k: v
            for k, v in made.cuts[min(at, len(made.cuts) - 1)].items()
            if k in {"kind", "at", "plan_id", "grade", "effects"}
        }
        name = content_id("edl.cut", plan_id=edit.plan["id"], shot_id=shot["id"])
        cut = {
            **model, "id": name, "origin_id": name, "source_id": shot["source_id"], "shot_id": shot["id"],
            "source": edit.sources[shot["source_id"]].get("path", ""), "in_frame": shot["in_frame"],
            "out_frame": shot["out_frame"], "fps": shot["fps"], "speed": "1/1", "timeline_in_frame": 0,
            "timeline_out_frame": 1, "reason": "brought back: the edit is to be longer",
        }  # fmt: skip
        made = relaid(made, [*made.cuts[:at], cut, *made.cuts[at:]])
        notes.append(f"frames {shot['in_frame']} to {shot['out_frame']} brought back")
    return made, notes


def _speed(edit: Edit, wanted: Wanted) -> Corrected:
    factor = Fraction(1 + 0.25 * wanted.strength).limit_denominator(100) ** wanted.sign
    free = [n for n in wanted.chosen if not spoken(edit, edit.cuts[n])]
    if not free:
        raise Refused("somebody speaks in these shots: speech keeps its speed")
    speeds = [timecode.rational(edit.cuts[n]["speed"], field="speed") for n in free]
    before = statistics.fmean(map(float, speeds))
    target = before * float(factor)
    if any(
        word in wanted.words
        for word in ("normal speed", "sped up", "real time", "no slow", "without slow", "don't use slow")
    ):
        target, factor = 1.0, Fraction(1)
        made_speeds = [Fraction(1)] * len(free)
    else:
        made_speeds = [min(max(s * factor, planning.SLOWEST), planning.FASTEST).limit_denominator(40) for s in speeds]
    cuts = list(edit.cuts)
    for n, speed in zip(free, made_speeds, strict=True):
        cuts[n] = {**cuts[n], "speed": timecode.spell(speed)}
    after = statistics.fmean(map(float, made_speeds))
    if before == target:
        raise Refused(
            f"they play at {before:g} times their speed already", [Measured("playing speed", "times", before)]
        )
    notes = ("shots in which somebody speaks keep their speed",) if len(free) < len(wanted.chosen) else ()
    return Corrected(
        relaid(edit, cuts),
        (Measured("playing speed", "times", before, target, after),),
        f"speed {before:.2f} to {after:.2f} on {of_cuts(len(free))}",
        notes,
    )


def interest(edit: Edit, until_s: float | None = None) -> float:
    """How much happens: motion of the shots weighted by how long each is shown, from the start to a time, or in all."""
    total = weight = 0.0
    for n, cut in enumerate(edit.cuts):
        start = float(cut["timeline_in_frame"] / edit.fps)
        length = seconds(edit, [n])[0]
        if until_s is not None:
            length = max(0.0, min(length, until_s - start))
        total += length * float(edit.shot(cut).get("motion", 0.0))
        weight += length
    return total / weight if weight else 0.0


def _start(edit: Edit, wanted: Wanted) -> Corrected:
    if wanted.sign < 0:
        return _faded(edit, 0, "fade_in_frames", wanted.strength)
    opening = min(START_S, _total(edit, ()) / 3)
    before = interest(edit, opening)
    whole = interest(edit)
    first = [Measured("motion of the start", "code values a frame", before)]
    if wanted.complaint and not wanted.insist and whole and before > 1.6 * whole and len(edit.cuts) > 2:
        raise Refused(
            f"the measurement says otherwise: the start moves {before:.1f} code values a frame, the whole edit "
            f"{whole:.1f}",
            first,
            asks=True,
        )
    motion = [float(edit.shot(cut).get("motion", 0.0)) for cut in edit.cuts]
    best = max(range(len(edit.cuts)), key=lambda n: (motion[n] if not spoken(edit, edit.cuts[n]) else -1, -n))
    if (
        len(edit.cuts) > 2
        and best
        and motion[best] >= BETTER * max(motion[0], 0.01)
        and not (best == len(edit.cuts) - 1 and len(edit.cuts) < 4)
    ):
        order = [edit.cuts[best], *edit.cuts[:best], *edit.cuts[best + 1 :]]
        fade = order[1].get("fade_in_frames")
        order = [
            {k: v for k, v in c.items() if not (k == "fade_in_frames" or (n == 0 and k == "transition"))}
            for n, c in enumerate(order)
        ]
        if fade:
            order[0]["fade_in_frames"] = fade
        made = relaid(edit, order)
        after = interest(made, opening)
        target = min(before * BETTER, max(before * 1.1, motion[best]))
        return Corrected(made, (Measured("motion of the start", "code values a frame", before, target, after),),
                         f"cut {best + 1} opens the edit", (f"it moves {motion[best]:.1f} code values a frame, the "
                             f"first {motion[0]:.1f}",))  # fmt: skip
    length = seconds(edit, [0])[0]
    target = length / (1 + 0.4 * wanted.strength)
    made = relaid(edit, [resized(edit, edit.cuts[0], target / length, Fraction(1, 2)), *edit.cuts[1:]])
    return Corrected(
        made,
        (Measured("length of the first shot", "s", length, target, seconds(made, [0])[0]),),
        "first shot shortened",
    )


def _end(edit: Edit, wanted: Wanted) -> Corrected:
    last = len(edit.cuts) - 1
    if wanted.sign < 0:
        length = seconds(edit, [last])[0]
        target = length - wanted.target if wanted.target else length / (1 + 0.4 * wanted.strength)
        made = relaid(edit, [*edit.cuts[:-1], resized(edit, edit.cuts[last], target / length)])
        return Corrected(
            made,
            (Measured("length of the last shot", "s", length, target, seconds(made, [last])[0]),),
            "last shot shortened",
        )
    cut = edit.cuts[last]
    rate, speed = timecode.rational(cut["fps"], field="fps"), timecode.rational(cut["speed"], field="speed")
    hold = Fraction(wanted.target or wanted.strength * float(HOLD_S)).limit_denominator(100)
    more = timecode.frames_needed(timecode.round_half_up(hold * edit.fps), rate, speed, edit.fps)
    frames = whole(edit.sources.get(cut["source_id"], {}), "frames", cut["out_frame"])
    limit = whole(edit.shot(cut), "out_frame", frames)
    longer = {**cut, "out_frame": max(cut["out_frame"], min(limit, cut["out_frame"] + more))}
    had = int(cut.get("fade_out_frames", 0))
    longer["fade_out_frames"] = max(had, timecode.round_half_up(FADE_S * edit.fps))
    made = relaid(edit, [*edit.cuts[:-1], longer])
    before, after = seconds(edit, [last])[0], seconds(made, [last])[0]
    held = Measured("length of the last shot", "s", before, before + float(hold), after)
    if held.moved >= LEAST_MOVED:
        return Corrected(
            made,
            (held,),
            f"last shot held {after - before:.1f} s longer, {made.cuts[-1]['fade_out_frames']} frames of fade",
        )
    if _HELD.search(wanted.words):
        raise Refused(
            f"only {max(0, limit - cut['out_frame'])} of {more} frames are left of the shot there: a fade to black "
            "is what 'fade out at the end' makes", [held],
        )  # fmt: skip
    return _faded(edit, last, "fade_out_frames", wanted.strength)


#: More of the last shot is asked for, not a softer end.
_HELD = re.compile(r"\b(?:hold|held|freeze|linger\w*|stay\w*|longer|extend)\b(?!.*\bfade)")


def _faded(edit: Edit, at: int, name: str, strength: float) -> Corrected:
    old = int(edit.cuts[at].get(name, 0))
    target = old + timecode.round_half_up(FADE_S * edit.fps * Fraction(strength).limit_denominator(100))
    cuts = list(edit.cuts)
    cuts[at] = {**cuts[at], name: target}
    made = relaid(edit, cuts)
    after = int(made.cuts[at].get(name, 0))
    label = name.replace("_frames", "").replace("_", " ")
    return Corrected(made, (Measured(label, "frames", old, target, after),), f"{label} of {after} frames")


def _transitions(edit: Edit, wanted: Wanted) -> Corrected:
    """All transitions inside the place become plain cuts, or plain cuts short dissolves."""
    inner = not wanted.placed or (len(wanted.chosen) > 1 and "between" in wanted.words)
    joints = [n for n in range(1, len(edit.cuts)) if n in wanted.chosen and (n - 1 in wanted.chosen or not inner)]
    if not joints:
        raise Refused("there is no joint between two shots")

    def soft(each: Sequence[Record]) -> int:
        return sum(
            bool(each[n].get("transition") or each[n - 1].get("fade_out_frames") or each[n].get("fade_in_frames"))
            for n in joints
        )

    cuts = [dict(cut) for cut in edit.cuts]
    frames = max(4, timecode.round_half_up(JOINT_S * edit.fps * Fraction(wanted.strength).limit_denominator(10)))
    for n in joints:
        if wanted.sign < 0:
            cuts[n].pop("transition", None)
            cuts[n - 1].pop("fade_out_frames", None)
            cuts[n].pop("fade_in_frames", None)
        elif "transition" not in cuts[n]:
            cuts[n]["transition"] = {"sort": "dissolve", "frames": frames}
    before = soft(edit.cuts)
    target = len(joints) if wanted.sign > 0 else 0
    if before == target:
        raise Refused("the joints are plain cuts already" if wanted.sign < 0 else "every joint has a transition "
            "already",
                      [Measured("joints with a transition", "joints", before)])  # fmt: skip
    made = relaid(edit, cuts)
    if wanted.sign > 0 and soft(made.cuts) < target:  # no handle for a dissolve: through black instead
        cuts = [dict(cut) for cut in made.cuts]
        for n in joints:
            if "transition" not in cuts[n]:
                cuts[n]["transition"] = {"sort": "fade_black", "frames": frames}
        made = relaid(edit, cuts)
    after = soft(made.cuts)
    return Corrected(
        made,
        (Measured("joints with a transition", "joints", before, target, after),),
        f"{before} to {after} of {len(joints)} joints with a transition",
    )


def _titles(edit: Edit, wanted: Wanted) -> Corrected:
    first, end = wanted.frames or (0, edit.length)
    chosen = [n for n, t in enumerate(edit.titles) if t["timeline_in_frame"] < end and first < t["timeline_out_frame"]]
    if not chosen:
        raise Refused("there is no title there")
    if wanted.sign < 0 and any(
        word in wanted.words
        for word in ("lose", "remove", "no ", "delete", "get rid", "without", "drop", "kill", "ditch", "take out")
    ):
        left = tuple(t for n, t in enumerate(edit.titles) if n not in chosen)
        return Corrected(
            replace(edit, titles=left), (Measured("titles", "titles", len(chosen), 0, 0),), f"{len(chosen)} titles out"
        )
    quick = wanted.sign > 0 and any(
        w in wanted.words
        for w in ("disappear", "vanish", "gone", "fast", "quick", "short", "longer", "flash", "time to read")
    )
    titles, measured = list(edit.titles), []
    for n in chosen:
        title = titles[n]
        if quick:
            length = title["timeline_out_frame"] - title["timeline_in_frame"]
            stop = min(edit.length, title["timeline_out_frame"] + timecode.round_half_up(Fraction(length) / 2))
            measured.append(
                Measured("length of a title", "frames", length, length * 1.5, stop - title["timeline_in_frame"], title)
            )
            titles[n] = {**title, "timeline_out_frame": stop}
        else:
            size = float(title.get("size_ratio", 0.06))
            target = size * (1 + 0.25 * wanted.strength) ** wanted.sign
            after = round(min(max(target, 0.02), 0.25), 4)
            measured.append(Measured("height of letters", "of the picture", size, target, after, title))
            titles[n] = {**title, "size_ratio": after}
    return Corrected(
        replace(edit, titles=tuple(titles)),
        tuple(measured),
        f"{len(chosen)} titles {'longer' if quick else 'larger' if wanted.sign > 0 else 'smaller'}",
    )


_AXES: dict[str, Callable[[Edit, Wanted], Corrected]] = {
    "shot_length": _shot_length,
    "pace": _pace,
    "energy": _pace,
    "length": _length,
    "speed": _speed,
    "start": _start,
    "end": _end,
    "transitions": _transitions,
    "titles": _titles,
}
AXES = frozenset(_AXES)
__all__ = ["AXES", "correct", "interest", "obligatory", "origin", "resized", "seconds", "spoken", "value"]
