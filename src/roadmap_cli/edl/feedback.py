"""A person's words about an edit as a new plan: each wish fulfilled within bounds and proved, or refused with a reason.

The rule: nothing is changed that was not measured before and after, and a plan that breaks a rule of edl-check is not
given out. The plan before stays in the state, so that "undo that" brings it back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.edl import checks, correcting, recutting, tastes, timecode, when
from roadmap_cli.edl.correcting import Moved, Refused
from roadmap_cli.edl.grade import Grade
from roadmap_cli.edl.wishes import PLAIN, Wish

if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection
    from roadmap_cli.state.store import State

#: Wishes that are fulfilled through another axis.
_THROUGH = {"energy": "pace", "drama": "contrast"}
_NO_TRACK = "a plan holds no music of its own, only the sound of its sources"
_MIXED = "speech and the rest are one sound in the source: they cannot be changed apart"
_NO_STEP = "the render has no step for it"
#: Why an axis cannot be moved by a plan of cuts.
CANNOT: dict[str, str] = {
    "sharpness": f"{_NO_STEP}: choose a sharper take", "blur": _NO_STEP, "noise": _NO_STEP, "stability": _NO_STEP,
    "flicker": _NO_STEP, "horizon": _NO_STEP, "framing": _NO_STEP, "bars": "bars come from the sources' own shape",
    "music": _NO_TRACK, "ducking": _NO_TRACK, "beats": _NO_TRACK, "speech": _MIXED, "hum": _NO_STEP,
    "loudness": f"{_NO_STEP} of loudness", "evenness": f"{_NO_STEP} of loudness",
    "sibilance": _NO_STEP, "clicks": "joints dip for 10 ms already: a click in the source stays", "sync": _NO_STEP,
    "silence": "a plan of whole shots does not cut pauses: plan again with shorter shots",
    "fillers": "no words are known of the speech", "word_edges": "no words are known of the speech",
    "jump_cuts": "edit the plan: leave out one of the two pieces", "match": "say which shot should be brighter or warmer",
    "titles": "a plan has no titles",
}  # fmt: skip
_TO_LENGTH = re.compile(
    r"\b(?:to|under|at most|about) (a|an|one|half a|\d+(?:\.\d+)?) ?(seconds?|secs?|s|minutes?|mins?)\b"
)


@dataclass(slots=True)
class Answer:
    """The new plan, if any wish was fulfilled, and one edl.feedback record for each wish."""

    told: list[Record]
    header: Record
    cuts: list[Record]
    changed: bool
    notes: list[str] = field(default_factory=list)


def answer(
    words: str,
    wishes: Sequence[Wish],
    header: Record,
    cuts: Sequence[Record],
    sources: Mapping[str, Record],
    shots: Mapping[str, Record],
    pixels: Callable[[Record], Any],
    at: str,
    insist: bool = False,
) -> Answer:
    """Fulfil wishes one after the other. `pixels` gives small pictures of a cut (`correcting.pictures`)."""
    now = list(cuts)
    told: list[Record] = []
    fps = timecode.rational(header.get("fps"), field="fps")
    for wish in wishes:
        base: Record = {
            "kind": "edl.feedback",
            "id": content_id("edl.feedback", plan=header["id"], words=words, axis=wish.axis, at=at),
            "at": at,
            "from_plan_id": header["id"],
            "words": words,
            "axis": wish.axis,
            "sign": wish.sign,
            "wish": wish.meaning,
            "strength": wish.strength,
            "where": wish.place.words,
        }
        try:
            made, moved, chosen = _fulfil(wish, now, shots, pixels, fps, insist)
            errors = faults(header, made, sources)
            if errors:
                raise Refused(f"the plan would break a rule: {errors[0]}")
        except Refused as refusal:
            told.append({**base, "outcome": "refused", "reason": str(refusal)})
            continue
        ids = [str(now[n]["id"]) for n in chosen]
        now = made
        reason = f"{moved.signal} {moved.before:g} to {moved.after:g} {moved.unit}, {moved.ratio:.0%} of the way"
        through = _THROUGH.get(wish.axis)
        notes = [*moved.notes, *([f"by way of {through}"] if through else [])]
        told.append(
            {
                **base, "outcome": "changed", "cut_ids": ids, "signal": moved.signal, "unit": moved.unit,
                "before": moved.before, "target": moved.target, "after": moved.after,
                "moved_ratio": round(moved.ratio, 4), "changes": moved.changes, "limits": moved.limits,
                "reason": "; ".join([reason, *notes]),
            }
        )  # fmt: skip
    changed = any(record["outcome"] == "changed" for record in told)
    if not changed:
        return Answer(told, header, list(cuts), False)
    fresh = _renamed(header, now, words, fps, at)
    for record in told:
        if record["outcome"] == "changed":
            record["plan_id"] = fresh[0]["id"]
    return Answer(told, fresh[0], fresh[1], True)


def _fulfil(
    wish: Wish,
    cuts: list[Record],
    shots: Mapping[str, Record],
    pixels: Callable[[Record], Any],
    fps: Fraction,
    insist: bool,
) -> tuple[list[Record], Moved, list[int]]:
    axis = _THROUGH.get(wish.axis, wish.axis)
    if axis in CANNOT:
        raise Refused(CANNOT[axis])
    chosen = when.positions(wish.place, cuts, fps)
    if not chosen:
        raise Refused(f"the edit has nothing at {wish.place.words}")
    if axis in recutting.AXES:
        made, moved = recutting.change(axis, wish.sign, wish.strength, cuts, chosen, shots, fps, _length(wish))
        return made, moved, chosen
    seen = [pixels(cuts[n]) for n in chosen]
    before = [Grade.read(cuts[n].get("grade")) for n in chosen]
    if wish.place is when.EVERYWHERE:
        kept = correcting.problems(axis, wish.sign, seen, before)
        seen, before, chosen = [seen[n] for n in kept], [before[n] for n in kept], [chosen[n] for n in kept]
        if not chosen:
            raise Refused("no skin is found in these pictures")
    after, moved = correcting.correct(axis, wish.sign, wish.strength, seen, before, insist)
    made = list(cuts)
    for n, look in zip(chosen, after, strict=True):
        made[n] = {**cuts[n], "grade": look.record()}
        if look.neutral:
            del made[n]["grade"]
    return made, moved, chosen


def _length(wish: Wish) -> Fraction | None:
    """The length that words about it name: 'cut it down to a minute'."""
    match = _TO_LENGTH.search(wish.words) if wish.axis == "length" else None
    if not match:
        return None
    count = {"a": Fraction(1), "an": Fraction(1), "one": Fraction(1), "half a": Fraction(1, 2)}.get(match[1])
    return (count or Fraction(match[1])) * (60 if match[2].startswith("m") else 1)


def faults(header: Record, cuts: Sequence[Record], sources: Mapping[str, Record]) -> list[str]:
    """What edl-check would refuse; the files themselves are looked at there."""
    known = {str(source.get("path")): str(source.get("sha256")) for source in sources.values()}
    length = cuts[-1]["timeline_out_frame"] if cuts else 0
    plan = {name: value for name, value in header.items() if name != "target_frames"} | {"length_frames": length}
    found = checks.check(plan, cuts, sources, lambda path: known.get(str(path), ""))
    return [finding.message for finding in found if finding.severity == "error"]


def _renamed(header: Record, cuts: Sequence[Record], words: str, fps: Fraction, at: str) -> tuple[Record, list[Record]]:
    """A plan of its own: new ids from what it holds and where it comes from, not yet checked."""
    bare = [{k: v for k, v in cut.items() if k not in {"id", "plan_id", "at", "why_id"}} for cut in cuts]
    name = content_id("edl.plan", from_plan=header["id"], words=words, cuts=bare)
    left = {"checked", "checked_digest", "error_count", "warning_count", "why_id", "target_frames"}
    plan = {k: v for k, v in header.items() if k not in left}
    plan |= {
        "id": name, "at": at, "from_plan_id": header["id"], "feedback": words, "cut_count": len(cuts),
        "length_frames": cuts[-1]["timeline_out_frame"],
    }  # fmt: skip
    made = [
        {**cut, "id": content_id("edl.cut", plan_id=name, position=n), "plan_id": name, "at": at, "position": n}
        for n, cut in enumerate(cuts)
    ]
    return plan, made


def settle(state: State, given: Sequence[Record], result: Answer, command: str, at: datetime) -> None:
    """Store the plan before, the plan after and the decisions, and note the changes; sets each record's `why_id`."""  # fmt: skip
    from roadmap_cli.state import records
    from roadmap_cli.why import decisions

    with state.write() as tx:
        records.put_many(tx, given)
        evidence = [record["id"] for record in given if record["kind"] in {"edl.plan", "edl.source"}]
        for record in result.told:
            changed = record["outcome"] == "changed"
            decided = decisions.decide(
                tx, kind="edl.feedback_" + ("applied" if changed else "refused"),
                what=f"{record['wish']}, {record['where']}, for {record['words']!r}", why=record["reason"],
                evidence=[*evidence, *record.get("cut_ids", [])][:200] if changed else evidence,
                command=command, at=at, run_id=record.get("plan_id"),
                facts={k: record[k] for k in ("axis", "sign", "strength", "before", "target", "after") if k in record},
            )  # fmt: skip
            record["why_id"] = decided["id"]
            if changed:
                tastes.note(tx, record)
        records.put_many(tx, result.told)
        if result.changed:
            why = next(record["why_id"] for record in result.told if record["outcome"] == "changed")
            result.header["why_id"] = why
            records.put_many(tx, [result.header, *result.cuts])


def liked(tx: Connection, wishes: Sequence[Wish]) -> tuple[list[Wish], list[str]]:
    """Wishes of plain strength moved by what the person kept before, and in words why."""
    from dataclasses import replace

    made, notes = [], []
    for wish in wishes:
        steps, why = tastes.strength(tx, wish.axis, wish.sign, PLAIN) if wish.strength == PLAIN else (wish.strength, "")
        made.append(replace(wish, strength=steps))
        notes += [f"{wish.axis}: {why}"] if why else []
    return made, notes


def undone(tx: Connection, header: Record, sources: Mapping[str, Record]) -> tuple[Record, list[Record]]:
    """The plan before the last feedback, from the state. Raises DataError if there is none."""
    from roadmap_cli.state import records

    before = tastes.undo(tx, str(header["id"]))
    plan = records.get(tx, before) if before else None
    if plan is None:
        raise DataError("no feedback made this plan: there is nothing to undo", code="nothing_to_undo")
    cuts = []
    for position in range(int(plan["cut_count"])):
        cut = records.get(tx, content_id("edl.cut", plan_id=plan["id"], position=position))
        if cut is None:
            raise DataError(f"the plan before is not whole in the state: cut {position} is missing", code="no_plan")
        cuts.append({**cut, "source": sources.get(str(cut["source_id"]), {}).get("path", cut.get("source"))})
    return plan, cuts
