"""From measured shots and understood words to a whole edit, before anything is rendered.

Order is the sources' own. Choosing, trimming and splitting are decisions; each carries its reason in words and the ids
of the records it rests on. A plan is a pure function of its shots and words: planning again gives the same ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id, require
from roadmap_cli.edl import grade as look
from roadmap_cli.edl import timecode
from roadmap_cli.edl.intent import Reading

#: Part of each plan's identity: a change of the rules below is a new name.
METHOD = "plan-1"
#: A shot in which more than this share of seconds sounds like speech is played at its own speed.
SPEECH_RATIO = 0.3
#: No cut is shorter than this; shorter is a flash frame.
LEAST_FRAMES = 3
_HIGHEST_RATE = Fraction(60)


@dataclass(frozen=True, slots=True)
class Choice:
    """One decision of a plan, not yet stored. `record` is the cut it makes, if it makes one."""

    decision: str
    what: str
    why: str
    evidence: tuple[str, ...]
    facts: Mapping[str, Any]
    record: Record | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A header record, the decision about the style, and one choice for each shot kept or dropped, in order."""

    header: Record
    style: Choice
    choices: tuple[Choice, ...]


@dataclass(slots=True)
class _Part:
    """A run of source frames in the making."""

    shot: Record
    source: Record
    fps: Fraction
    speed: Fraction
    spoken: bool
    value: float
    scores: Mapping[str, float]
    first: int
    end: int
    shown: int = 0
    reason: str = ""


def plan(sources: Sequence[Record], shots: Sequence[Record], words: str, reading: Reading, at: str) -> Plan:
    """Plan an edit of shots. Raises DataError if there is nothing to edit or a record lacks what is needed."""
    if not shots:
        raise DataError("no edl.shot record to plan with", code="no_shots")
    by_id = {source["id"]: source for source in sources}
    for shot in shots:
        if require(shot, "source_id", str) not in by_id:
            raise DataError(f"shot {shot['id']} names a source that is not in the stream: {shot['source_id']}")
    target_s = reading.target_s
    fps, width, height = _format(sources)
    plan_id = content_id(
        "edl.plan",
        method=METHOD,
        words=words,
        target=timecode.spell(target_s) if target_s else None,
        shots=[shot["id"] for shot in shots],
    )
    parts = _parts(shots, by_id, reading)
    _trim(parts, reading, fps)
    kept, dropped = _select(parts, reading, fps)
    _cap(kept, reading, fps)
    if target_s is not None:
        _fit(kept, timecode.round_half_up(target_s * fps), fps, reading)
    style = _style_choice(words, reading, by_id)
    cuts = _cuts(kept, reading, plan_id, fps, at)
    length = cuts[-1].record["timeline_out_frame"] if cuts and cuts[-1].record else 0
    header: Record = {
        "kind": "edl.plan",
        "id": plan_id,
        "at": at,
        "intent": words,
        "style": reading.style.name,
        "fps": timecode.spell(fps),
        "width": width,
        "height": height,
        "length_frames": length,
        "cut_count": len(cuts),
        "dropped_count": len(dropped),
        "reasons": list(reading.reasons),
        "source_ids": list(by_id),
    }
    if target_s is not None:
        header["target_frames"] = timecode.round_half_up(target_s * fps)
    if reading.unknown:
        header["unknown_words"] = list(reading.unknown)
    return Plan(header, style, (*cuts, *(_drop(part) for part in dropped)))


def score(shot: Record, best: Mapping[str, float], likes: tuple[int, int, int, int]) -> dict[str, float]:
    """How good a shot is, 0 to 1, for each thing a style may like: sharpness and movement against the best shot here,
    light against a mid-tone picture with room at both ends, sound by not being silent.
    """
    luma = float(shot.get("luma_mean", 118.0))
    light = max(0.0, 1 - abs(luma - 118) / 118) * min(1.0, float(shot.get("contrast", 50.0)) / 45)
    silence = shot.get("silence_ratio")
    scores = {
        "sharpness": float(shot.get("sharpness", 0.0)) / (best["sharpness"] or 1.0),
        "movement": float(shot.get("motion", 0.0)) / (best["motion"] or 1.0),
        "light": light,
        "sound": 0.5 if silence is None else 1 - float(silence),
    }
    total = sum(weight * value for weight, value in zip(likes, scores.values(), strict=True)) / sum(likes)
    return {name: round(value, 3) for name, value in scores.items()} | {"value": round(total, 4)}


def _format(sources: Sequence[Record]) -> tuple[Fraction, int, int]:
    """The programme's rate and size: those of the source that gives most seconds, at most 60 frames a second."""
    longest = max(sources, key=lambda s: require(s, "frames", int) / timecode.rational(s.get("fps"), field="fps"))
    fps = timecode.rational(longest.get("fps"), field="fps")
    while fps > _HIGHEST_RATE:
        fps /= 2
    return fps, require(longest, "width", int), require(longest, "height", int)


def _parts(shots: Sequence[Record], sources: Mapping[str, Record], reading: Reading) -> list[_Part]:
    best = {name: max(float(shot.get(name, 0.0)) for shot in shots) for name in ("sharpness", "motion")}
    parts = []
    for shot in shots:
        first, end = require(shot, "in_frame", int), require(shot, "out_frame", int)
        if not 0 <= first < end:
            raise DataError(f"shot {shot['id']} has no frames: {first} to {end}", code="bad_shot")
        scores = score(shot, best, reading.style.likes)
        spoken = float(shot.get("speech_ratio", 0.0)) > SPEECH_RATIO
        parts.append(
            _Part(
                shot=shot,
                source=sources[shot["source_id"]],
                fps=timecode.rational(shot.get("fps"), field="fps"),
                speed=Fraction(1) if spoken else reading.style.speed,
                spoken=spoken,
                value=scores.pop("value"),
                scores=scores,
                first=first,
                end=end,
            )
        )
    return parts


def _select(parts: list[_Part], reading: Reading, fps: Fraction) -> tuple[list[_Part], list[_Part]]:
    """Which shots stay: long enough first, then the best by value; the order stays the sources'."""
    style = reading.style
    shortest = max(LEAST_FRAMES, timecode.round_half_up(style.shortest_s * fps))
    dropped: list[_Part] = []
    ranked = sorted(parts, key=lambda part: -part.value)
    usable = []
    for part in ranked:
        if _shown(part, fps) < shortest and len(parts) > 1:
            part.reason = f"too short for the style: {_shown(part, fps)} frames of {shortest}"
            dropped.append(part)
        else:
            usable.append(part)
    if not usable:
        usable, dropped = [max(parts, key=lambda part: part.end - part.first)], []
        dropped = [part for part in parts if part is not usable[0]]
    target = timecode.round_half_up(reading.target_s * fps) if reading.target_s else None
    budget = timecode.round_half_up(style.keep * len(usable))
    kept: list[_Part] = []
    filled = 0
    longest = timecode.round_half_up(style.longest_s * fps)
    for rank, part in enumerate(usable):
        full = target is not None and filled >= target
        if kept and (full or (target is None and rank >= max(1, budget))):
            part.reason = f"value {part.value:.2f}, rank {rank + 1} of {len(usable)}: "
            part.reason += "the length asked for is already filled by better shots" if full else "the style keeps fewer"
            dropped.append(part)
            continue
        kept.append(part)
        filled += min(_shown(part, fps), longest)
    where = {id(part): index for index, part in enumerate(parts)}
    return sorted(kept, key=lambda p: where[id(p)]), sorted(dropped, key=lambda p: where[id(p)])


def _trim(parts: list[_Part], reading: Reading, fps: Fraction) -> None:
    """Take one frame off each end of a shot that can spare it, where compression and mixed fields blur a cut."""
    shortest = max(LEAST_FRAMES, timecode.round_half_up(reading.style.shortest_s * fps))
    for part in parts:
        edges = [part.first > 0, part.end < int(part.source["frames"])]
        spare = _shown(part, fps) - shortest
        if not part.spoken and part.end - part.first > LEAST_FRAMES + 2 and spare > 2:
            part.first += edges[0]
            part.end -= edges[1]


def _cap(parts: list[_Part], reading: Reading, fps: Fraction) -> None:
    """A shot longer than the style's longest is shown from its middle: the ends are where a camera settles.

    A shot in which somebody speaks stays whole.
    """
    longest = timecode.round_half_up(reading.style.longest_s * fps)
    for part in parts:
        part.shown = _shown(part, fps)
        if part.shown > longest and not part.spoken:
            _shorten(part, longest, fps)
            part.reason = f"its middle {float(longest / fps):.1f} s, the style's longest; "


def _fit(parts: list[_Part], target: int, fps: Fraction, reading: Reading) -> None:
    """Shorten the longest parts until the programme has the length asked for; it never grows."""
    shortest = max(LEAST_FRAMES, timecode.round_half_up(reading.style.shortest_s * fps))
    while (over := sum(part.shown for part in parts) - target) > 0:
        part = max(parts, key=lambda p: p.shown)
        rest = sorted((p.shown for p in parts), reverse=True)
        floor = max(shortest, rest[1] if len(rest) > 1 and rest[1] < part.shown else part.shown - 1)
        wanted = max(floor, part.shown - over, 1)
        if part.shown <= shortest or wanted >= part.shown:
            return
        _shorten(part, wanted, fps)
        if not part.reason.endswith("asked for; "):
            part.reason += "shortened to the length asked for; "


def _shorten(part: _Part, shown: int, fps: Fraction) -> None:
    """Keep the middle of a part so that it fills a number of programme frames."""
    frames = min(part.end - part.first, timecode.frames_needed(shown, part.fps, part.speed, fps))
    part.first += (part.end - part.first - frames) // 2
    part.end = part.first + frames
    part.shown = min(shown, _shown(part, fps))


def _shown(part: _Part, fps: Fraction) -> int:
    return timecode.frames_shown(part.end - part.first, part.fps, part.speed, fps)


def _cuts(parts: Sequence[_Part], reading: Reading, plan_id: str, fps: Fraction, at: str) -> list[Choice]:
    fade = timecode.round_half_up(reading.style.fade_s * fps)
    values = reading.style.grade.record()
    cuts = []
    position = start = 0
    for position, part in enumerate(parts):
        shown = _shown(part, fps)
        record: Record = {
            "kind": "edl.cut",
            "id": content_id("edl.cut", plan_id=plan_id, position=position),
            "at": at,
            "plan_id": plan_id,
            "position": position,
            "source_id": part.source["id"],
            "shot_id": part.shot["id"],
            "source": part.source["path"],
            "in_frame": part.first,
            "out_frame": part.end,
            "fps": timecode.spell(part.fps),
            "speed": timecode.spell(part.speed),
            "timeline_in_frame": start,
            "timeline_out_frame": start + shown,
        }
        if values:
            record["grade"] = dict(values)
        if fade and position == 0:
            record["fade_in_frames"] = min(fade, shown // 2)
        if fade and position == len(parts) - 1:
            record["fade_out_frames"] = min(fade, shown // 2)
        record["reason"] = _reason(part, reading)
        facts = {**part.scores, "value": part.value, "in_frame": part.first, "out_frame": part.end}
        what = (
            f"show frames {part.first} to {part.end} of {part.source['path'].rpartition('/')[2]} "
            f"from {timecode.clock(start, fps)}"
        )
        cuts.append(
            Choice("edl.cut_chosen", what, record["reason"], (part.shot["id"], part.source["id"]), facts, record)
        )
        start += shown
    return cuts


def _reason(part: _Part, reading: Reading) -> str:
    words = [part.reason.removesuffix("; ")] if part.reason else []
    if part.spoken:
        words.append(f"own speed: {float(part.shot['speech_ratio']) * 100:.0f} % of the seconds sound like speech")
    elif part.speed == 1:
        words.append("own speed")
    else:
        words.append(f"{float(part.speed * 100):g} % speed for the {reading.style.name} style")
    if not reading.style.grade.neutral:
        words.append(look.describe(reading.style.grade.record()))
    named = ", ".join(f"{name} {value:.2f}" for name, value in part.scores.items())
    words.append(f"value {part.value:.2f} ({named})")
    return "; ".join(words)


def _style_choice(words: str, reading: Reading, sources: Mapping[str, Record]) -> Choice:
    style = reading.style
    facts: dict[str, Any] = {
        "speed": timecode.spell(style.speed),
        "longest_shot": timecode.spell(style.longest_s),
        "shortest_shot": timecode.spell(style.shortest_s),
        "grade": style.grade.record(),
    }
    why = "; ".join(reading.reasons) or "no word asked for a change"
    if reading.unknown:
        why += f"; not understood: {', '.join(reading.unknown)}"
    return Choice("edl.style_chosen", f"edit as {style.name} for {words!r}", why, tuple(sources), facts)


def _drop(part: _Part) -> Choice:
    what = f"leave out frames {part.first} to {part.end} of {part.source['path'].rpartition('/')[2]}"
    facts = {**part.scores, "value": part.value}
    return Choice("edl.shot_dropped", what, part.reason or "not needed", (part.shot["id"], part.source["id"]), facts)
