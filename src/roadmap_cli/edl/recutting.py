"""Shot lengths, speeds, order and fades of a plan changed as a wish asks, in whole frames, within bounds.

Each function takes cuts and the shots they come from and gives new cuts; what it moved is measured on the plan itself.
Cuts in which somebody speaks keep their speed and are never trimmed from the middle of the speech.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from roadmap_cli.core.records import Record
from roadmap_cli.edl import intent, timecode
from roadmap_cli.edl.correcting import LEAST_MOVED, Moved, Refused
from roadmap_cli.edl.planning import LEAST_FRAMES, SPEECH_RATIO

#: No shot is made shorter than this; hands of an end and fades, in seconds of the programme.
SHORTEST_S, HOLD_S, FADE_S = Fraction(4, 5), Fraction(3, 2), Fraction(1)
_JOINT_FADE_S = Fraction(1, 4)

Cuts = list[Record]
Shots = Mapping[str, Record]


def relaid(cuts: Sequence[Record], fps: Fraction) -> Cuts:
    """Cuts one after the other from frame 0, each as long as its range and speed give; fades fitted."""
    made, start = [], 0
    for position, cut in enumerate(cuts):
        rate, speed = timecode.rational(cut["fps"], field="fps"), timecode.rational(cut["speed"], field="speed")
        shown = timecode.frames_shown(cut["out_frame"] - cut["in_frame"], rate, speed, fps)
        record = {**cut, "position": position, "timeline_in_frame": start, "timeline_out_frame": start + shown}
        for name in ("fade_in_frames", "fade_out_frames"):
            if name in record:
                record[name] = min(record[name], shown // 2)
        made.append(record)
        start += shown
    return made


def change(
    axis: str,
    sign: int,
    strength: float,
    cuts: Sequence[Record],
    chosen: Sequence[int],
    shots: Shots,
    fps: Fraction,
    target_s: Fraction | None = None,
) -> tuple[Cuts, Moved]:
    """Change cuts along an axis. Raises Refused with the reason."""  # fmt: skip
    made = _AXES[axis](sign, strength, list(cuts), list(chosen), shots, fps, target_s)
    if made[1].ratio < LEAST_MOVED:
        raise Refused(f"only {max(0.0, made[1].ratio):.0%} of the way can be gone: {_WHY[axis][sign < 0]}")
    return made


_WHY = {
    "shot_length": ("the shots have no more frames at their ends", "the shots would be too short to read, or are spoken in"),
    "pace": ("the shots would be too short to read, or are spoken in", "the shots have no more frames at their ends"),
    "length": ("the shots have no more frames at their ends", "the shots would be too short to read, or are spoken in"),
    "speed": ("speech keeps its speed, and 2 times is the most", "speech keeps its speed, and half is the least"),
    "start": ("no shot is livelier and the first is as short as it may be", "the first shot is too short to fade"),
    "end": ("the last shot has no more frames", "the last shot is as short as it may be"),
    "transitions": ("the shots are too short to fade", "there are only plain cuts"),
}  # fmt: skip


def _seconds(cuts: Sequence[Record], chosen: Sequence[int], fps: Fraction) -> list[float]:
    return [float((cuts[n]["timeline_out_frame"] - cuts[n]["timeline_in_frame"]) / fps) for n in chosen]


def _spoken(cut: Record, shots: Shots) -> bool:
    return float(shots.get(str(cut.get("shot_id")), {}).get("speech_ratio", 0.0)) > SPEECH_RATIO


def _resized(cut: Record, factor: Fraction, shots: Shots, fps: Fraction, floor: Fraction = SHORTEST_S) -> Record:
    """A cut longer or shorter by a factor around its middle, inside its shot."""
    first, end = cut["in_frame"], cut["out_frame"]
    rate, speed = timecode.rational(cut["fps"], field="fps"), timecode.rational(cut["speed"], field="speed")
    wanted = timecode.round_half_up((end - first) * factor)
    if factor < 1:
        if _spoken(cut, shots):
            return cut
        least = max(LEAST_FRAMES, timecode.frames_needed(timecode.round_half_up(floor * fps), rate, speed, fps))
        wanted = min(end - first, max(wanted, least))
    shot = shots.get(str(cut.get("shot_id")), {})
    low, high = int(shot.get("in_frame", first)), int(shot.get("out_frame", end))
    low, high = min(low, first), max(high, end)
    start = first - (wanted - (end - first)) // 2
    start = min(max(low, start), max(low, high - wanted))
    return {**cut, "in_frame": start, "out_frame": min(high, start + wanted)}


def _size(signal: str, measure: Callable[[Cuts, Sequence[int], Fraction], float], turned: bool):  # type: ignore[no-untyped-def]
    def resize(
        sign: int,
        strength: float,
        cuts: Cuts,
        chosen: list[int],
        shots: Shots,
        fps: Fraction,
        target_s: Fraction | None,
    ) -> tuple[Cuts, Moved]:
        grow = sign < 0 if turned else sign > 0
        wanted = 1 + 0.25 * strength if grow else 1 / (1 + 0.25 * strength)
        before = measure(cuts, chosen, fps)
        if target_s is not None:
            wanted = float(target_s) / before
            if (wanted > 1) != grow:
                raise Refused(f"it is {before:.1f} s long already, asked for {float(target_s):g} s")
        target = before * wanted
        low, high = (1.0, wanted * 4) if grow else (wanted / 4, 1.0)
        made = cuts
        for _ in range(14):
            factor = (low + high) / 2
            part = set(chosen)
            ratio = Fraction(factor).limit_denominator(1000)
            made = relaid([_resized(c, ratio, shots, fps) if n in part else c for n, c in enumerate(cuts)], fps)
            low, high = (factor, high) if measure(made, chosen, fps) < target else (low, factor)
        after = measure(made, chosen, fps)
        return made, Moved(signal, "s", round(before, 3), round(target, 3), round(after, 3), {"length": [
            round(sum(_seconds(cuts, range(len(cuts)), fps)), 3), round(sum(_seconds(made, range(len(made)), fps)), 3)]})  # fmt: skip

    return resize


def _mean(cuts: Cuts, chosen: Sequence[int], fps: Fraction) -> float:
    return statistics.fmean(_seconds(cuts, chosen, fps))


def _total(cuts: Cuts, chosen: Sequence[int], fps: Fraction) -> float:
    return sum(_seconds(cuts, chosen, fps))


def _speed(
    sign: int, strength: float, cuts: Cuts, chosen: list[int], shots: Shots, fps: Fraction, _: Fraction | None
) -> tuple[Cuts, Moved]:
    factor = Fraction(1 + 0.25 * strength).limit_denominator(100) ** sign
    free = [n for n in chosen if not _spoken(cuts[n], shots)]
    if not free:
        raise Refused("somebody speaks in these shots: speech keeps its speed")
    made = list(cuts)
    for n in free:
        speed = timecode.rational(cuts[n]["speed"], field="speed") * factor
        bounded = min(max(speed, intent.SLOWEST), intent.FASTEST).limit_denominator(20)
        made[n] = {**cuts[n], "speed": timecode.spell(bounded)}
    old, new = ([float(timecode.rational(each[n]["speed"], field="speed")) for n in free] for each in (cuts, made))
    before, after = statistics.fmean(old), statistics.fmean(new)
    notes = ("shots in which somebody speaks keep their speed",) if len(free) < len(chosen) else ()
    moved = Moved("playing speed", "times", round(before, 4), round(before * float(factor), 4), round(after, 4),
                  {"speed": [round(before, 4), round(after, 4)]}, notes=notes)  # fmt: skip
    return relaid(made, fps), moved


def _start(
    sign: int, strength: float, cuts: Cuts, _: list[int], shots: Shots, fps: Fraction, __: Fraction | None
) -> tuple[Cuts, Moved]:
    if sign < 0:
        return _faded(cuts, 0, "fade_in_frames", strength, fps)
    motion = [float(shots.get(str(cut.get("shot_id")), {}).get("motion", 0.0)) for cut in cuts]
    best = max(range(len(cuts)), key=lambda n: (motion[n], -n))
    if len(cuts) > 2 and best and motion[best] >= 1.3 * motion[0] and not _spoken(cuts[best], shots):
        made = [cuts[best], *cuts[:best], *cuts[best + 1 :]]
        fades = cuts[0].get("fade_in_frames")
        made = [{k: v for k, v in cut.items() if k != "fade_in_frames"} for cut in made]
        if fades:
            made[0]["fade_in_frames"] = fades
        told = Moved("motion of the first shot", "code values a frame", motion[0], motion[best], motion[best],
                     {"first_cut": [str(cuts[0]["id"]), str(cuts[best]["id"])]})  # fmt: skip
        return relaid(made, fps), told
    return _sized_end(cuts, 0, -1, strength, shots, fps, "length of the first shot")


def _end(
    sign: int, strength: float, cuts: Cuts, _: list[int], shots: Shots, fps: Fraction, __: Fraction | None
) -> tuple[Cuts, Moved]:
    last = len(cuts) - 1
    if sign < 0:
        return _sized_end(cuts, last, -1, strength, shots, fps, "length of the last shot")
    try:
        made, moved = _held(cuts, last, strength, shots, fps)
        if moved.ratio >= LEAST_MOVED:
            return made, moved
    except Refused:
        pass
    return _faded(cuts, last, "fade_out_frames", strength, fps)


def _held(cuts: Cuts, at: int, strength: float, shots: Shots, fps: Fraction) -> tuple[Cuts, Moved]:
    """The last shot held longer, from the frames of its own shot after it, and faded out."""
    cut = cuts[at]
    rate, speed = timecode.rational(cut["fps"], field="fps"), timecode.rational(cut["speed"], field="speed")
    hold = Fraction(strength).limit_denominator(100) * HOLD_S
    more = timecode.frames_needed(timecode.round_half_up(hold * fps), rate, speed, fps)
    end = min(int(shots.get(str(cut.get("shot_id")), {}).get("out_frame", cut["out_frame"])), cut["out_frame"] + more)
    longer = {**cut, "out_frame": max(end, cut["out_frame"])}
    longer["fade_out_frames"] = max(cut.get("fade_out_frames", 0), timecode.round_half_up(FADE_S * fps))
    made = relaid([*cuts[:at], longer], fps)
    before, after = _seconds(cuts, [at], fps)[0], _seconds(made, [at], fps)[0]
    return made, Moved("length of the last shot", "s", round(before, 3), round(before + float(hold), 3),
                       round(after, 3), {"out_frame": [cut["out_frame"], longer["out_frame"]]})  # fmt: skip


def _faded(cuts: Cuts, at: int, name: str, strength: float, fps: Fraction) -> tuple[Cuts, Moved]:
    old = int(cuts[at].get(name, 0))
    wanted = old + timecode.round_half_up(FADE_S * fps * Fraction(strength).limit_denominator(100))
    made = list(cuts)
    made[at] = {**cuts[at], name: wanted}
    made = relaid(made, fps)
    new = int(made[at][name])
    return made, Moved(name.replace("_frames", "").replace("_", " "), "frames", old, wanted, new, {name: [old, new]})


def _sized_end(
    cuts: Cuts, at: int, sign: int, strength: float, shots: Shots, fps: Fraction, signal: str
) -> tuple[Cuts, Moved]:
    factor = Fraction(1 / (1 + 0.4 * strength)).limit_denominator(1000)
    made = list(cuts)
    made[at] = _resized(cuts[at], factor, shots, fps)
    made = relaid(made, fps)
    before, after = _seconds(cuts, [at], fps)[0], _seconds(made, [at], fps)[0]
    return made, Moved(signal, "s", round(before, 3), round(before * float(factor), 3), round(after, 3),
                       {"in_frame": [cuts[at]["in_frame"], made[at]["in_frame"]],
                        "out_frame": [cuts[at]["out_frame"], made[at]["out_frame"]]})  # fmt: skip


def _transitions(
    sign: int, strength: float, cuts: Cuts, chosen: list[int], shots: Shots, fps: Fraction, _: Fraction | None
) -> tuple[Cuts, Moved]:
    """Fades at the joints inside the edit, through black: all taken away, or short ones put in."""
    frames = timecode.round_half_up(_JOINT_FADE_S * fps * Fraction(strength).limit_denominator(100))
    joints = [n for n in range(1, len(cuts)) if n in chosen or n - 1 in chosen]
    if not joints:
        raise Refused("there is no joint between two shots")

    def faded(each: Sequence[Record]) -> int:
        return sum(bool(each[n - 1].get("fade_out_frames")) or bool(each[n].get("fade_in_frames")) for n in joints)

    made = [dict(cut) for cut in cuts]
    for n in joints:
        shown = min(_seconds(cuts, [n - 1, n], fps))
        if sign > 0 and shown * float(fps) >= 4 * frames:
            made[n - 1]["fade_out_frames"] = max(frames, made[n - 1].get("fade_out_frames", 0))
            made[n]["fade_in_frames"] = max(frames, made[n].get("fade_in_frames", 0))
        elif sign < 0:
            made[n - 1].pop("fade_out_frames", None)
            made[n].pop("fade_in_frames", None)
    before, after = faded(cuts), faded(made)
    target = len(joints) if sign > 0 else 0
    if before == target:
        raise Refused("the joints are plain cuts already" if sign < 0 else "every joint fades already")
    return relaid(made, fps), Moved("joints that fade", "joints", before, target, after, {"faded": [before, after]})


_AXES = {
    "shot_length": _size("mean shot length", _mean, turned=False),
    "pace": _size("mean shot length", _mean, turned=True),
    "length": _size("length", _total, turned=False),
    "speed": _speed,
    "start": _start,
    "end": _end,
    "transitions": _transitions,
}
AXES = frozenset(_AXES)
