"""Which pieces an edit keeps, by value and story, and in which order they are shown."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import exp

from roadmap_cli.core.records import Record
from roadmap_cli.edl import timecode
from roadmap_cli.edl.planning import LEAST_FRAMES
from roadmap_cli.edl.planning.material import Material, number
from roadmap_cli.edl.planning.scoring import unwanted
from roadmap_cli.edl.planning.styles import STORY
from roadmap_cli.edl.planning.units import Unit, blocks
from roadmap_cli.edl.planning.wishes import Reading

#: How much less a further piece of a scene is worth than the one chosen before it.
_SAME_SCENE = 0.82
#: The share of an edit that pieces kept for their beat may fill before value decides.
_STORY_SHARE = 0.75
#: A replay is so long at most, and a best moment put first that no hook length bounds; programme seconds.
_REPLAY_S, _BEST_S = Fraction(5, 2), Fraction(4)


@dataclass(slots=True)
class Chosen:
    """What is kept, in the footage's order, and what is not, with why."""

    kept: list[Unit] = field(default_factory=list)
    dropped: list[tuple[list[Unit], str]] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)
    missed_beats: list[Record] = field(default_factory=list)


def choose(
    units: list[Unit], material: Material, reading: Reading, fps: Fraction, target: int | None, stretch: float = 1.0
) -> Chosen:
    """Keep what the words and the style want: everything, the best share, or the best that fills `target` frames.

    `stretch` is how much longer pieces turn out than the style's mean, as far as is known.
    """
    style = reading.style
    chosen = Chosen()
    best = {n: max((number(shot, n) or 0.0 for shot in material.shots), default=0.0) for n in ("sharpness", "motion")}
    shortest = max(LEAST_FRAMES, timecode.round_half_up(style.shortest_s * fps))
    usable: list[list[Unit]] = []
    for block in blocks(units):
        why = next((why for unit in block if (why := unwanted(unit, material, reading, best))), None)
        frames = sum(unit.frames(fps) for unit in block)
        if why is None and not block[0].spoken and frames < shortest:
            why = f"too short for the style: {frames} frames of {shortest}"
        if why is None:
            usable.append(block)
        else:
            chosen.dropped.append((block, why))
    if not usable and units:
        longest = max(blocks(units), key=lambda block: sum(unit.frames(fps) for unit in block))
        chosen.dropped = [pair for pair in chosen.dropped if pair[0][0] is not longest[0]]
        chosen.limits.append("nothing fits the words: the longest shot is kept")
        chosen.kept = longest
        return chosen
    if target is not None and style.median_s is not None:
        usable = _parted(usable, reading, fps, target)
    kept = _filled(usable, chosen, reading, fps, target, shortest, stretch)
    chosen.kept = [unit for block in usable if id(block) in kept for unit in block]
    served = {unit.beat["id"] for unit in chosen.kept if unit.beat}
    chosen.missed_beats = [beat for beat in material.beats if beat["id"] not in served]
    return chosen


def arranged(kept: list[Unit], reading: Reading, fps: Fraction) -> list[Unit]:
    """The pieces in the order they are shown: by role where the style tells its story so, the best moment first where
    that is asked for, a replay after the best.
    """
    style = reading.style
    if style.by_role and any(unit.beat for unit in kept):
        kept = _by_role(kept)
    if (reading.best_first or style.hook_s) and len(kept) > 1:
        kept = _hooked(kept, reading, fps)
    if style.replay and kept:
        kept = _replayed(kept, style.replay, fps)
    return kept


def usual_frames(unit: Unit, reading: Reading, fps: Fraction, stretch: float = 1.0) -> float:
    """How long a piece is likely to be shown: whole if it is talk, else the style's mean length."""
    full = unit.frames(fps)
    if unit.core is not None or reading.style.median_s is None:
        return float(full)
    mean = float(reading.style.median_s) * exp(reading.style.spread**2 / 2)
    return min(full, min(mean, float(reading.style.longest_s)) * float(fps) * stretch)


def _filled(
    usable: list[list[Unit]], chosen: Chosen, reading: Reading, fps: Fraction, target: int | None, shortest: int,
    stretch: float,
) -> set[int]:  # fmt: skip
    """The ids of the blocks kept: those that beats need, then the best, scenes by turns."""
    style = reading.style
    budget = reading.count or max(1, timecode.round_half_up(style.keep * len(usable)))
    by_count = target is None or reading.count is not None
    longest = (
        max(4 * float(style.median_s or 5) * float(fps), 0.2 * (target or 0)) if style.montage and target else None
    )
    kept: dict[int, float] = {}
    filled = 0.0
    seen: dict[object, int] = {}
    reasons: dict[int, str] = {}

    def length(block: list[Unit]) -> float:
        return sum(usual_frames(unit, reading, fps, stretch) for unit in block)

    def fits(block: list[Unit]) -> bool:
        frames = length(block)
        if by_count and target is None:
            return True
        fixed = sum(unit.least(fps) for unit in block if unit.core)
        if longest is not None and fixed > longest and len(usable) > 1:
            reasons[id(block)] = f"a phrase of {fixed / float(fps):.1f} s is too long for the style"
            return False
        if fixed and target is not None and filled + frames > target + shortest and kept:
            reasons[id(block)] = f"a phrase of {fixed / float(fps):.1f} s does not fit into what is left"
            return False
        return True

    def take(block: list[Unit], why: str) -> None:
        nonlocal filled
        kept[id(block)] = max(unit.value for unit in block)
        filled += length(block)
        for unit in block:
            seen[_bucket(unit)] = seen.get(_bucket(unit), 0) + 1
            if why:
                unit.reasons.append(why)

    def full() -> bool:
        if by_count and len(kept) >= budget:
            return True
        return target is not None and filled >= target

    for block in _needed(usable):
        enough = (
            len(kept) >= _STORY_SHARE * budget if by_count else target is not None and filled >= _STORY_SHARE * target
        )
        if (enough and kept) or full() or id(block) in kept or not fits(block):
            continue
        take(block, "")
    ranked = sorted(usable, key=lambda block: (-max(unit.value for unit in block), block[0].order))
    ranks = {id(block): rank for rank, block in enumerate(ranked, 1)}
    heap = [
        (-max(unit.value for unit in block), place, block)
        for place, block in enumerate(usable)
        if id(block) not in kept
    ]
    heapq.heapify(heap)
    while heap and not full():
        worth, order, block = heapq.heappop(heap)
        now = -max(unit.value * _SAME_SCENE ** seen.get(_bucket(unit), 0) for unit in block)
        if now > worth + 1e-9 and target is not None:
            heapq.heappush(heap, (now, order, block))
            continue
        if fits(block):
            take(block, "")
    if usable and not kept:
        # Phrases alone, each too long: the shortest is kept whole, and the length asked for is told to be missed.
        take(min(usable, key=length), "the shortest phrase: none fits the length asked for")
    _shrunk(usable, kept, reasons, reading, fps, target, shortest)
    for block in usable:
        if id(block) not in kept:
            value = max(unit.value for unit in block)
            why = reasons.get(id(block)) or (
                "the length asked for is already filled by better shots" if target is not None and not by_count
                else f"only {budget} are kept" if reading.count else "the style keeps fewer"
            )  # fmt: skip
            chosen.dropped.append((block, f"value {value:.2f}, rank {ranks[id(block)]} of {len(usable)}: {why}"))
    return set(kept)


def _shrunk(
    usable: list[list[Unit]], kept: dict[int, float], reasons: dict[int, str], reading: Reading, fps: Fraction,
    target: int | None, shortest: int,
) -> None:  # fmt: skip
    """Let go of the least worth while even the shortest versions are longer than the target."""
    if target is None:
        return
    least = {
        id(block): sum(unit.least(fps) if unit.core else min(shortest, unit.frames(fps)) for unit in block)
        for block in usable if id(block) in kept
    }  # fmt: skip
    total = sum(least.values())
    for block in sorted((b for b in usable if id(b) in kept), key=lambda b: kept[id(b)]):
        if total <= target or len(kept) == 1:
            return
        total -= least[id(block)]
        del kept[id(block)]
        reasons[id(block)] = "cannot be short enough for the length asked for"


def _needed(usable: list[list[Unit]]) -> list[list[Unit]]:
    """For each beat the block that serves it best, the most telling beats first."""
    best: dict[str, tuple[float, list[Unit]]] = {}
    beats: dict[str, Record] = {}
    for block in usable:
        for unit in block:
            if unit.beat is not None:
                name = str(unit.beat["id"])
                beats[name] = unit.beat
                if name not in best or unit.value > best[name][0]:
                    best[name] = (unit.value, block)
    order = {"peak": 0, "setup": 1, "turn": 2, "resolution": 3}
    first: dict[str, int] = {}

    def rank(name: str) -> tuple[int, int, float]:
        role = str(beats[name].get("role", ""))
        return first[name], order.get(role, 4), -(number(beats[name], "energy_ratio") or 0.0)

    counts: dict[str, int] = {}
    for name in sorted(best, key=lambda name: (-(number(beats[name], "energy_ratio") or 0.0), beats[name]["in_frame"])):
        role = str(beats[name].get("role", ""))
        first[name] = counts.get(role, 0)  # each role has one before any has a second
        counts[role] = first[name] + 1
    return [best[name][1] for name in sorted(best, key=rank)]


def _bucket(unit: Unit) -> object:
    """What counts as the same scene: its scene, else the same half minute of its source."""
    return unit.scene or (unit.source.id, int(unit.first / unit.fps / 30))


def _parted(usable: list[list[Unit]], reading: Reading, fps: Fraction, target: int) -> list[list[Unit]]:
    """Long shots parted into pieces, where there are too few shots for the length and the style's rhythm."""
    mean = max(1.0, float(reading.style.median_s or 5) * exp(reading.style.spread**2 / 2) * float(fps))
    wanted = reading.count or target / mean
    have = sum(usual_frames(unit, reading, fps) for block in usable for unit in block)
    if len(usable) >= wanted or (have >= target and not reading.count):
        return usable
    heap = [
        (-block[0].frames(fps), block[0].order, block[0].first, block[0])
        for block in usable if len(block) == 1 and not block[0].core
    ]  # fmt: skip
    heapq.heapify(heap)
    count = len(usable)
    pieces: dict[int, list[Unit]] = {}
    while heap and count < wanted * 1.25:
        frames, order, _, unit = heapq.heappop(heap)
        if -frames < 2.2 * mean:
            break
        middle = (unit.first + unit.end) // 2
        halves = [_copy(unit, unit.first, middle), _copy(unit, middle, unit.end)]
        for half in halves:
            heapq.heappush(heap, (-half.frames(fps), order, half.first, half))
        pieces.setdefault(unit.order, [unit])
        pieces[unit.order] = [each for each in pieces[unit.order] if each is not unit] + halves
        count += 1
    found: list[list[Unit]] = []
    for block in usable:
        parts = pieces.get(block[0].order) if len(block) == 1 else None
        found += [[part] for part in sorted(parts, key=lambda each: each.first)] if parts else [block]
    return found


def _copy(unit: Unit, first: int, end: int) -> Unit:
    best = unit.best if first <= unit.best < end else (first + end) // 2
    return replace(unit, first=first, end=end, best=best, core=None, reasons=list(unit.reasons), pauses=0, paused_ms=0)


def _by_role(kept: list[Unit]) -> list[Unit]:
    """Setup, turn, peak, resolution; what has no role goes with what came before it."""
    rank, current = [], 0
    for block in blocks(kept):
        role = next((unit.role for unit in block if unit.role in STORY), None)
        current = STORY.index(role) if role else current
        rank.append((current, block))
    ordered = [unit for _, block in sorted(rank, key=lambda pair: pair[0]) for unit in block]
    for place, unit in enumerate(ordered):
        unit.moved = place > 0 and ordered[place - 1].order > unit.order
    return ordered


def _hooked(kept: list[Unit], reading: Reading, fps: Fraction) -> list[Unit]:
    """The best moment in front; of a long shot only the moment, the rest stays where it was."""
    hook_s = reading.style.hook_s or _BEST_S
    frames = max(LEAST_FRAMES, timecode.round_half_up(hook_s * fps))
    longest = frames * (3 if reading.best_first else 2)
    alone = [block[0] for block in blocks(kept) if len(block) == 1]
    choices = [unit for unit in alone if not unit.core or unit.least(fps) <= longest]
    if not choices:
        return kept
    unit = max(choices, key=lambda each: (each.role == "peak", each.value, -each.order))
    unit_frames = unit.frames(fps)
    needed = timecode.frames_needed(frames, unit.fps, unit.speed, fps)
    shortest = max(LEAST_FRAMES, timecode.round_half_up(reading.style.shortest_s * fps))
    rest = [each for each in kept if each is not unit]
    place = kept.index(unit)
    if unit.core is None and unit_frames > frames + shortest:
        first = min(max(unit.first, unit.best - needed // 2), unit.end - needed)
        hook = _copy(unit, first, first + needed)
        before, after = first - unit.first, unit.end - first - needed
        keep = _copy(unit, unit.first, first) if before >= after else _copy(unit, first + needed, unit.end)
        if keep.frames(fps) >= shortest:
            rest = [*kept[:place], keep, *kept[place + 1 :]]
    else:
        hook = unit
    hook.purpose, hook.moved = "hook", place > 0
    hook.tied = False
    hook.reasons.append(f"the best moment, value {unit.value:.2f}, in front as a hook")
    return [hook, *rest]


def _replayed(kept: list[Unit], speed: Fraction, fps: Fraction) -> list[Unit]:
    """The best moment that nobody speaks in, again at the replay's speed right after itself."""
    choices = [unit for unit in kept if not unit.core and not unit.tied and unit.purpose != "hook"]
    if not choices:
        return kept
    unit = max(choices, key=lambda each: (each.role == "peak", each.value, -each.order))
    most = timecode.frames_needed(timecode.round_half_up(_REPLAY_S * fps), unit.fps, speed, fps)
    length = min(unit.end - unit.first, most)
    first = min(max(unit.first, unit.best - length // 2), unit.end - length)
    again = _copy(unit, first, first + length)
    again.speed, again.purpose = speed, "replay"
    again.reasons.append(f"the best moment again at {float(speed * 100):g} % speed, value {unit.value:.2f}")
    place = kept.index(unit) + 1
    return [*kept[:place], again, *kept[place:]]
