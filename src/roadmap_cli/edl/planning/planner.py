"""From what was scanned and understood to a whole edit, before anything is rendered.

A plan is a pure function of its records and words: planning again gives the same ids. Positions are whole frames of the
source and the programme; each decision carries its reason in words and the ids of the records it rests on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from math import log, sqrt

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.edl import timecode
from roadmap_cli.edl.planning import LEAST_FRAMES, joints, lengths, music, scoring, selecting, units, writing
from roadmap_cli.edl.planning.framing import Framer, rate, size
from roadmap_cli.edl.planning.joints import Joint
from roadmap_cli.edl.planning.lengths import Grid
from roadmap_cli.edl.planning.material import Material, number
from roadmap_cli.edl.planning.music import Cue, Music
from roadmap_cli.edl.planning.planned import Choice, Layout, Plan, Setting
from roadmap_cli.edl.planning.units import Left, Unit
from roadmap_cli.edl.planning.wishes import Reading

#: Part of each plan's identity: a change of the rules of this package is a new name.
METHOD = "plan-3"
#: How often pieces are chosen anew so that their usual lengths add up to the length asked for.
_ATTEMPTS = 4
#: A style without lengths of its own is cut to this median when a length is asked for.
_MEDIAN_FOR_TARGET_S = Fraction(4)


def plan(
    sources: Sequence[Record], shots: Sequence[Record], words: str, reading: Reading, at: str,
    others: Sequence[Record] = (),
) -> Plan:  # fmt: skip
    """Plan an edit. `others` are records of scenes, spans, words, rhythm, beats and energy, as far as there are any.

    Raises DataError if there is nothing to edit or a record lacks what is needed, UsageError for music that was not
    scanned.
    """
    if not shots:
        if heard := next((source for source in sources if source.get("has_picture") is False), None):
            words = "only sound to plan with: no source has a picture"
            raise DataError(words, where=str(heard.get("path")), hint="edl-scan a film beside it", code="no_shots")
        raise DataError("no edl.shot record to plan with", hint="edl-scan finds the shots of a film", code="no_shots")
    material = Material.of([*sources, *shots, *others])
    found_music, limits = music.find(material, reading)
    style = reading.style
    muted = style.mute_own and (found_music.source is not None or any("own sound off" in r for r in reading.reasons))
    deaf = muted or found_music.own
    pieces, left = units.of(material, reading, deaf=deaf)
    scoring.score(pieces, material, reading)
    limits += [*reading.limits, *scoring.unmeasured(material, reading), *_unheard(material, reading)]
    talk = sum(unit.end - unit.first for unit in pieces if unit.spoken)
    fps, why = rate(material.pictures, reading, talks=talk * 10 > 3 * sum(u.end - u.first for u in pieces))
    longest = max(material.pictures, key=lambda source: source.duration_s)
    width, height = size(longest.record, reading)
    setting = Setting(material, reading, fps, width, height, deaf, why)
    layout, target = _fitted(setting, pieces, left, found_music, limits)
    joints.split(layout.units, layout.joints, reading, fps)
    cues = music.cues(layout.music, layout.units, layout.starts, layout.length, reading, fps)
    return writing.written(setting, layout, cues, left, target, tuple(dict.fromkeys(limits)), words, at, METHOD)


def _fitted(
    setting: Setting, pieces: list[Unit], left: list[Left], found: Music, limits: list[str]
) -> tuple[Layout, int | None]:
    """The layout, of the length asked for: by itself if it is in the bounds, else made to fit the nearest."""
    reading, fps = setting.reading, setting.fps

    def frames(seconds: Fraction | None) -> int | None:
        return None if seconds is None else max(LEAST_FRAMES, timecode.round_half_up(seconds * fps))

    if not pieces:
        # Everything was a pause, or lies in the seconds left out: the longest shot is kept as it is.
        limits.append("nothing of the footage fits the words: its longest shot is kept")
        shot = max(setting.material.shots, key=lambda each: each["out_frame"] - each["in_frame"])
        source = setting.material.sources[shot["source_id"]]
        assert source.fps is not None
        pieces = [Unit(shot, source, source.fps, Fraction(1), shot["in_frame"], shot["out_frame"])]
        scoring.score(pieces, setting.material, reading)
        left[:] = [each for each in left if each.shot is not shot]
    target = frames(reading.target_s)
    if target is not None:
        return _laid(setting, pieces, found, target, limits, exact=True), target
    layout = _laid(setting, pieces, found, None, [] if reading.most_s or reading.least_s else limits)
    least, most = frames(reading.least_s), frames(reading.most_s)
    usual = frames(reading.style.most_s) if most is None and least is None else None
    if usual is None and most is None and reading.style.music == "led" and found.source and found.source.duration_s:
        usual = frames(found.source.duration_s)  # what the music leads is as long as the music
    if most is not None and layout.length > most:
        return _laid(setting, pieces, found, most, limits, exact=True), most
    if least is not None and layout.length < least:
        return _laid(setting, pieces, found, least, limits, exact=True), least
    if usual is not None and layout.length > usual:
        return _laid(setting, pieces, found, usual, limits), None
    return layout, None


def _laid(
    setting: Setting, pieces: list[Unit], found: Music, target: int | None, limits: list[str], *, exact: bool = False
) -> Layout:
    """Choose, order, join and measure out the units. The pieces given stay as they are."""
    fps = setting.fps
    reading = setting.reading
    if target is not None and reading.style.median_s is None:
        median = _MEDIAN_FOR_TARGET_S if not reading.count else Fraction(target, reading.count) / fps
        reading = replace(reading, style=replace(reading.style, median_s=median, spread=0.5, shortest_s=Fraction(1, 2)))
    stretch = 1.0
    for _ in range(_ATTEMPTS):
        copies = [replace(unit, reasons=list(unit.reasons)) for unit in pieces]
        chosen = selecting.choose(copies, setting.material, reading, fps, target, stretch)
        ordered = _healed(units.merged(selecting.arranged(chosen.kept, reading, fps)))
        made = joints.planned(ordered, reading, fps, deaf=setting.deaf)
        wanted, least, most = _wanted(ordered, made, reading, fps, target)
        # Too many pieces would all be cut shorter than the style wants, too few be drawn out: choose again.
        off = sum(wanted) / target if target else 1.0
        if 0.95 <= off <= 1.05 or reading.count:
            break
        stretch = min(max(stretch * off, 0.4), 2.5)
    under = target if target is not None else round(sum(min(w, m) for w, m in zip(wanted, most, strict=True)))
    under_music, unmet = music.placed(replace(found), fps, under + timecode.round_half_up(fps), reading)
    grid = under_music.grid if reading.style.on_beat else Grid()
    shown = lengths.allot(wanted, least, most, target, grid)
    starts, at = [], 0
    for unit, frames in zip(ordered, shown, strict=True):
        starts.append(at)
        _window(unit, frames, fps)
        at += frames
    ordered, made, starts = _seamless(ordered, made, starts, fps)
    _trimmed_music(under_music, at)
    limits += [*chosen.limits, *unmet]
    if exact and target is not None and abs(at - target) * 2 > fps:
        limits.append(_missed(at, target, ordered, fps))
    return Layout(ordered, made, starts, at, chosen, under_music, grid)


def _wanted(
    ordered: list[Unit], made: list[Joint], reading: Reading, fps: Fraction, target: int | None
) -> tuple[list[float], list[int], list[int]]:
    """What each unit should be shown for, at least and at most, in programme frames."""
    style = reading.style
    shortest = max(LEAST_FRAMES, timecode.round_half_up(style.shortest_s * fps))
    longest = timecode.round_half_up(style.longest_s * fps)
    full = [unit.frames(fps) for unit in ordered]
    count = len(ordered)
    factors = [_pace(style.pace, place / max(1, count - 1)) for place in range(count)]
    # Before rounding, so that halves of frames do not add up over many cuts.
    wanted = [float(unit.exact(fps)) for unit in ordered]
    free = [place for place, unit in enumerate(ordered) if unit.core is None and unit.purpose == ""]
    if style.median_s is not None and free:
        median = float(style.median_s * fps)
        drawn = lengths.quantiles(len(free), median, _spread(style.spread, style.pace), shortest, longest)
        dealt = lengths.desired([wanted[place] for place in free], drawn, [factors[place] for place in free])
        for place, value in zip(free, dealt, strict=True):
            wanted[place] = max(value, min(float(shortest), wanted[place]))
    least, most = [], []
    for place, unit in enumerate(ordered):
        need = 2 * made[place].frames if made[place].sort else LEAST_FRAMES
        if unit.core is not None or unit.purpose == "replay":
            low = full[place] if unit.purpose == "replay" else min(full[place], max(unit.least(fps), need))
            high = full[place]
        else:
            low = min(full[place], max(min(shortest, full[place]), need))
            if style.median_s is None:
                low = min(low, int(wanted[place])) or low
            high = full[place] if style.median_s is None else max(low, min(full[place], longest))
        if unit.purpose == "hook":
            hook = style.hook_s or Fraction(4)
            high = max(low if unit.core else min(low, high), min(high, timecode.round_half_up(hook * fps)))
            low = min(low, high)
            wanted[place] = float(high)
        least.append(low)
        most.append(high)
        wanted[place] = min(max(wanted[place], low), high)
    if target is not None and sum(most) < target:
        most = [most[n] if unit.purpose == "hook" else full[n] for n, unit in enumerate(ordered)]
    return wanted, least, most


def _spread(spread: float, pace: tuple[float, float]) -> float:
    """The spread of lengths at one place of a programme, so that with its change of pace the whole has its own."""
    along = log(pace[1] / pace[0])
    return sqrt(max(spread**2 - along**2 / 12, (spread / 2) ** 2))


def _pace(pace: tuple[float, float], share: float) -> float:
    """What lengths are multiplied by so far into the programme: from one factor to the other in equal ratios."""
    start, end = pace
    return float(start ** (1 - share) * end**share)


def _window(unit: Unit, shown: int, fps: Fraction) -> None:
    """Keep as many source frames of a unit as fill its programme frames: around its best, with its core in."""
    end = unit.end - unit.reserve
    if shown < unit.frames(fps):
        exact = shown / fps * unit.speed * unit.fps
        least = 1 if unit.core is None else unit.core[1] - unit.core[0]
        frames = min(max(timecode.round_half_up(exact), least), end - unit.first)
        if unit.core is not None:
            first = max(unit.first, unit.core[1] - frames)
        else:
            first = min(max(unit.first, unit.best - frames // 2), end - frames)
        unit.first, end = first, first + frames
    unit.end, unit.shown, unit.reserve = end, shown, 0


def _fills(unit: Unit, frames: int, shown: int, fps: Fraction) -> bool:
    """Whether so many source frames fill so many programme frames, give or take one."""
    return abs(timecode.frames_shown(frames, unit.fps, unit.speed, fps) - shown) <= 1


def _seamless(
    ordered: list[Unit], made: list[Joint], starts: list[int], fps: Fraction
) -> tuple[list[Unit], list[Joint], list[int]]:
    """Pieces of one shot that turned out to follow each other without a gap are one cut, not a jump."""
    units_, joints_, starts_ = ordered[:1], made[:1], starts[:1]
    for unit, joint, start in zip(ordered[1:], made[1:], starts[1:], strict=True):
        last = units_[-1]
        same = last.continues(unit) and last.purpose == unit.purpose and not (last.core or unit.core)
        shown = last.shown + unit.shown
        if same and not joint.sort and _fills(last, unit.end - last.first, shown, fps):
            last.end, last.shown = unit.end, shown
            last.value = max(last.value, unit.value)
        else:
            units_.append(unit)
            joints_.append(joint)
            starts_.append(start)
    return units_, joints_, starts_


def _healed(ordered: list[Unit]) -> list[Unit]:
    """Where shots follow each other as in the footage, the frames trimmed at their border come back."""
    for left, right in pairwise(ordered):
        if left.source is not right.source or left.speed != right.speed or left.shot["id"] == right.shot["id"]:
            continue
        border = left.shot["out_frame"]
        room = max(2, int(number(right.shot, "transition_frames") or 0))
        if border == right.shot["in_frame"] and border - left.end <= room and right.first - border <= room:
            left.end = right.first = border
    return ordered


def _trimmed_music(found: Music, length: int) -> None:
    """The music's stretches cut off at the programme's end."""
    kept = []
    for stretch in found.stretches:
        if stretch.first < length:
            kept.append(replace(stretch, end=min(stretch.end, length)))
    if kept and kept[-1].end < length:
        kept[-1] = replace(kept[-1], end=length)
    found.stretches = kept


def _missed(length: int, target: int, ordered: list[Unit], fps: Fraction) -> str:
    asked, got = float(target / fps), float(length / fps)
    if length < target:
        return f"a length of {asked:g} s: the footage that may be used gives {got:.1f} s"
    talk = sum(unit.shown for unit in ordered if unit.spoken)
    stays = f"{float(talk / fps):.1f} s of it is talk that stays whole"
    return f"a length of {asked:g} s: {got:.1f} s is as short as it gets, {stays}"


def _unheard(material: Material, reading: Reading) -> list[str]:
    """What words ask of the sound that the scan does not tell."""
    heard = [source.heard for source in material.sources.values()]
    found = []
    asked = any("pauses shortened" in reason for reason in reading.reasons)
    if asked and not any(each.speech or each.words for each in heard):
        found.append("pauses: the scan tells no speech; only whole silent shots go")
    if reading.keep_laughter and not any(each.laughter for each in heard):
        found.append("jokes: no laughter was heard in the scan; pauses are shortened all the same")
    if reading.cut_fillers and not any(each.words for each in heard):
        found.append("filling words: the scan has no words (edl.word)")
    if "speech" in (*reading.only, *reading.without) and not any(each.speech for each in heard):
        found.append("talk: the scan has no spans of speech; shots that sound like it are taken for it")
    return found


__all__ = ["METHOD", "Choice", "Cue", "Framer", "Layout", "Plan", "Setting", "plan"]
