"""How one shot gives way to the next: dissolves, black between acts, jump cuts mended, sound that leads."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from roadmap_cli.edl import timecode
from roadmap_cli.edl.planning import LEAST_FRAMES
from roadmap_cli.edl.planning.material import ms_of
from roadmap_cli.edl.planning.units import AFTER_MS, BEFORE_MS, Unit
from roadmap_cli.edl.planning.wishes import Reading

#: A jump cut is softened by a dissolve of so many seconds, if nothing else mends it.
_SOFT_S = Fraction(2, 5)
#: Black between acts lasts so long, in and out.
_ACT_S = Fraction(4, 5)
#: Sound leads or lags by so much; the longest that fits is taken.
_LEADS_S = (Fraction(4, 5), Fraction(3, 5), Fraction(2, 5), Fraction(1, 4))
_WIPES = ("wipe_left", "wipe_right", "wipe_up", "wipe_down")


@dataclass(slots=True)
class Joint:
    """What happens where a unit takes over from the one before."""

    sort: str = ""
    frames: int = 0
    why: str = ""
    evidence: tuple[str, ...] = ()
    #: Times the picture is enlarged after a jump cut.
    punch: float = 1.0
    lead: int = 0
    lag: int = 0
    sound_why: str = ""


def planned(units: list[Unit], reading: Reading, fps: Fraction, *, deaf: bool) -> list[Joint]:
    """What happens at each joint, the first unit's included (nothing): transitions take their handles from the units.

    A transition is planned only where the unit before can run on for as long, inside its shot and without speech.
    """
    joints = [Joint() for _ in units]
    places = [place for place in range(1, len(units)) if not _continuous(units[place - 1], units[place])]
    jumps = [place for place in places if _jumps(units[place - 1], units[place])]
    acts = _acts(units, places) if reading.style.act_fades else {}
    for place, why in acts.items():
        _fade(units, joints, place, why, fps)
    for place in jumps:
        _mend(units, joints, place, reading, fps, deaf=deaf)
    free = [place for place in places if not joints[place].sort and place not in jumps]
    _dissolve(units, joints, free, reading, fps, len(places), deaf=deaf)
    return joints


def split(units: list[Unit], joints: list[Joint], reading: Reading, fps: Fraction) -> None:
    """J and L cuts where a talk changes scenes: sound leads or lags its picture, never over somebody who speaks.

    Called when source ranges stand. Both the sound's own edge and the picture's lie outside speech.
    """
    if not reading.style.split_edits:
        return
    for place in range(1, len(units)):
        left, right = units[place - 1], units[place]
        joint = joints[place]
        if joint.sort or _continuous(left, right) or not (left.spoken or right.spoken):
            continue
        if left.source.record.get("has_sound") is False or right.source.record.get("has_sound") is False:
            continue
        changes = left.source is not right.source or (left.scene != right.scene if left.scene else not right.spoken)
        if not changes and left.spoken == right.spoken:
            continue
        for seconds in _LEADS_S:
            frames = timecode.round_half_up(seconds * fps)
            if frames >= min(left.shown, right.shown) // 2:
                continue
            if right.spoken and _lead_fits(left, right, frames, fps):
                joint.lead = frames
                joint.sound_why = f"sound leads by {frames} frames into the talk (J cut); nobody speaks before it"
                break
            if left.spoken and not right.spoken and _lag_fits(left, right, frames, fps):
                joint.lag = frames
                joint.sound_why = f"sound of the talk lags by {frames} frames (L cut); nobody speaks after it"
                break


def transition(joint: Joint) -> dict[str, Any] | None:
    """The joint's transition as it stands in a cut."""
    return {"sort": joint.sort, "frames": joint.frames} if joint.sort else None


def _continuous(left: Unit, right: Unit) -> bool:
    """Whether the picture or a phrase simply goes on."""
    same = left.source is right.source and left.end == right.first and left.speed == right.speed
    talk = left.core is not None or right.core is not None  # what nobody speaks in may still be shortened on both sides
    return left.tied or (same and (left.open_right or (talk and left.shot["id"] == right.shot["id"])))


def _jumps(left: Unit, right: Unit) -> bool:
    return (
        left.shot["id"] == right.shot["id"]
        and right.purpose not in {"replay"}
        and left.purpose not in {"hook", "replay"}
    )


def _acts(units: list[Unit], places: list[int]) -> dict[int, str]:
    """The joints at which an act ends: where the story's role changes; without roles, near a quarter and three quarters
    where the scene changes.
    """
    found: dict[int, str] = {}
    if any(unit.beat for unit in units):
        act, since = "", 0
        joints = set(places)
        for place, unit in enumerate(units):
            if not unit.role or unit.purpose == "hook":
                continue
            if act and unit.role != act and place in joints and place - since >= 2 and len(found) < 4:
                found[place] = f"{act} ends, {unit.role} begins"
                since = place
            act = unit.role
        return found
    if len(units) < 6:
        return {}
    borders = [p for p in places if units[p - 1].scene and units[p].scene and units[p - 1].scene != units[p].scene]
    for quarter in (1, 3):
        ideal = len(units) * quarter / 4
        near = min(borders, key=lambda p: abs(p - ideal), default=None)
        if near is not None and abs(near - ideal) <= len(units) / 6:
            found[near] = f"a scene ends near {'the first' if quarter == 1 else 'the last'} quarter"
    return found


def _fade(units: list[Unit], joints: list[Joint], place: int, why: str, fps: Fraction) -> None:
    frames = timecode.round_half_up(_ACT_S * fps)
    frames = min(frames, units[place].frames(fps) // 2, units[place - 1].frames(fps) // 2)
    if frames < 4:
        return
    evidence = tuple(unit.beat["id"] for unit in units[max(0, place - 1) : place + 1] if unit.beat)
    joints[place] = Joint("fade_black", frames, f"black between acts: {why}", evidence)


def _mend(units: list[Unit], joints: list[Joint], place: int, reading: Reading, fps: Fraction, *, deaf: bool) -> None:
    """A jump cut: every other side enlarged if the style does that, else a short dissolve, else enlarged, too."""
    left, right = units[place - 1], units[place]
    gap = right.first - left.end
    style = reading.style
    before = joints[place - 1].punch if place > 1 and units[place - 2].shot["id"] == left.shot["id"] else 1.0
    if style.punch <= 1.0 and style.dissolves > 0 and not joints[place].sort:
        frames = timecode.round_half_up(_SOFT_S * fps)
        if _reserve(left, right, frames, fps, deaf=deaf):
            joints[place] = Joint("dissolve", frames, f"softens a jump of {gap} frames inside one shot: time passes")
            return
    if joints[place].sort:
        return
    size = style.punch if style.punch > 1.0 else 1.2
    joint = joints[place]
    joint.punch = 1.0 if before > 1.0 else size
    joint.why = f"jump of {gap} frames inside one shot: " + (
        f"enlarged {size:g} times" if joint.punch > 1.0 else "back to the whole picture after an enlarged one"
    )


def _dissolve(
    units: list[Unit], joints: list[Joint], free: list[int], reading: Reading, fps: Fraction, count: int, *, deaf: bool
) -> None:
    """Dissolves by the style's share of all joints: where scenes change first, then evenly."""
    style = reading.style
    wanted = timecode.round_half_up(Fraction(str(style.dissolves)) * count)
    if reading.wipes and not wanted:
        wanted = max(1, count // 10) if count else 0
    wanted -= sum(1 for joint in joints if joint.sort == "dissolve")
    if wanted <= 0 or not free:
        return
    borders = [p for p in free if units[p - 1].scene and units[p].scene and units[p - 1].scene != units[p].scene]
    borders += [p for p in free if p not in set(borders) and units[p - 1].source is not units[p].source]
    others = [p for p in free if p not in set(borders)]
    order = _spread(borders) + _spread(others)
    made = 0
    for place in order:
        if made >= wanted:
            return
        left, right = units[place - 1], units[place]
        for seconds in (style.dissolve_s, style.dissolve_s / 2):
            frames = timecode.round_half_up(seconds * fps)
            if frames >= LEAST_FRAMES and _reserve(left, right, frames, fps, deaf=deaf):
                sort = _WIPES[made % len(_WIPES)] if reading.wipes else "dissolve"
                scene = place in set(borders)
                change = "the scene changes" if left.scene != right.scene else "another source begins"
                usual = f"{style.dissolves:.0%} of the joints dissolve in this style"
                why = f"{frames} frames: {change if scene else usual}"
                evidence = tuple(name for name in (left.scene, right.scene) if name) if scene else ()
                joints[place] = Joint(sort, frames, why, evidence)
                made += 1
                break


def _reserve(left: Unit, right: Unit, frames: int, fps: Fraction, *, deaf: bool) -> bool:
    """Keep the handle of a transition free at the end of the unit before, if it can spare it; tell whether it can.

    What the handle shows must be of the same shot, what it sounds free of speech, and both units long enough.
    """
    if left.open_right or right.open_left or right.purpose == "replay" or left.tied:
        return False
    handle = -int(-(frames / fps * left.speed * left.fps) // 1)
    limit = left.shot["out_frame"] - (1 if left.shot["out_frame"] < left.source.frames else 0)
    spare = max(0, limit - left.end)  # beyond the unit, inside its shot
    if not deaf and spare:
        spare = _quiet_after(left, left.end, spare)
    needed = max(0, handle - spare)
    shortest = max(2 * frames, LEAST_FRAMES)
    room = left.end - (left.core[1] if left.core else left.first)
    if needed > room or right.frames(fps) < shortest or (right.core and right.frames(fps) < 2 * shortest):
        return False
    if timecode.frames_shown(max(1, left.end - left.first - needed), left.fps, left.speed, fps) < shortest:
        return False
    left.reserve = max(left.reserve, needed)
    return True


def _quiet_after(unit: Unit, frame: int, frames: int) -> int:
    """How many of the source frames from one on are free of speech."""
    start = ms_of(frame, unit.fps)
    heard = unit.source.heard
    spans = heard.speech or heard.words
    found = spans.within(start, ms_of(frame + frames, unit.fps) + BEFORE_MS)
    if not found:
        return frames
    return max(0, min(frames, int((found[0][0] - BEFORE_MS - start) * unit.fps / 1000)))


def _spread(places: list[int]) -> list[int]:
    """The same in an order whose every beginning is spread evenly: middle first, then the middles of what is left."""
    found: list[int] = []
    waiting = [(0, len(places))]
    for low, high in waiting:
        if low < high:
            middle = (low + high) // 2
            found.append(places[middle])
            waiting += [(low, middle), (middle + 1, high)]
    return found


def _lead_fits(left: Unit, right: Unit, frames: int, fps: Fraction) -> bool:
    """Whether sound before a unit may be heard under the end of the one before."""
    needed = -int(-(frames / fps * right.speed * right.fps) // 1)
    first = right.first - needed
    if first < right.shot["in_frame"]:
        return False
    under = -int(-(frames / fps * left.speed * left.fps) // 1)
    return _free(left, left.end - under, left.end) and _safe(right, first)


def _lag_fits(left: Unit, right: Unit, frames: int, fps: Fraction) -> bool:
    """Whether sound after a unit may be heard over the beginning of the next."""
    needed = -int(-(frames / fps * left.speed * left.fps) // 1)
    end = left.end + needed
    if end > left.shot["out_frame"]:
        return False
    over = -int(-(frames / fps * right.speed * right.fps) // 1)
    return _free(right, right.first, right.first + over) and _safe(left, end)


def _free(unit: Unit, first: int, end: int) -> bool:
    heard = unit.source.heard
    start, stop = ms_of(first, unit.fps), ms_of(end, unit.fps)
    return not heard.speech.within(start, stop) and not heard.words.within(start, stop)


def _safe(unit: Unit, frame: int) -> bool:
    """Whether sound may begin or end at a source frame: outside speech, words and the air around them."""
    ms = ms_of(frame, unit.fps)
    heard = unit.source.heard
    return not heard.speech.at(ms, BEFORE_MS, AFTER_MS) and not heard.words.at(ms, BEFORE_MS, AFTER_MS)
