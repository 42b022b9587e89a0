"""A person's words about an edit as a new revision: each wish fulfilled within bounds and proved, or refused.

The rule: nothing is changed that was not measured before and after, and a revision that breaks a rule of edl-check
which the plan before kept is not given out. What was refused is remembered with its numbers, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from roadmap_cli.core.records import Record
from roadmap_cli.edl import timecode, when
from roadmap_cli.edl.checking import checks
from roadmap_cli.edl.feedback import (
    clauses,
    facing,
    matching,
    mixing,
    muting,
    phrasing,
    recutting,
    refining,
    removal_words,
    removing,
    syncing,
    toning,
    trimming,
)
from roadmap_cli.edl.feedback.material import Edit, Footage
from roadmap_cli.edl.feedback.plain import plain
from roadmap_cli.edl.feedback.proof import Corrected, Measured, Refused, Wanted, number, of_cuts
from roadmap_cli.edl.feedback.relaying import gone_to, origin
from roadmap_cli.edl.feedback.wishes import Wish

CHANGED, REFUSED, ASKED = "changed", "refused", "asked"
#: What is found by the frames of a place, not by its shots.
_ACROSS_SHOTS = frozenset({"music", "ducking", "titles"})


@dataclass(slots=True)
class Told:
    """What became of one wish."""

    wish: Wish
    outcome: str
    reason: str
    measured: tuple[Measured, ...]
    where: str
    steps: float
    what: str = ""
    taste: str = ""
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Answer:
    """The edit after all wishes, and what became of each. `records` are edl.measure and edl.feedback, once settled."""

    words: str
    before: Edit
    edit: Edit
    told: list[Told] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether any wish was fulfilled."""
        return any(each.outcome == CHANGED for each in self.told)


def answer(
    words: str,
    wishes: Sequence[Wish],
    edit: Edit,
    footage: Footage,
    strengths: Mapping[Wish, tuple[float, str]],
    insist: bool = False,
) -> Answer:
    """Fulfil wishes one after the other. Raises DataError or InputMissing if a source cannot be measured."""
    made = Answer(words, edit, edit)
    faults = set(_faults(edit))
    for wish in wishes:
        far, taste = strengths.get(wish, (wish.strength, ""))
        made.told.append(_one(wish, far, taste, made, footage, insist, faults))
    return made


def _one(wish: Wish, far: float, taste: str, made: Answer, footage: Footage, insist: bool, faults: set[str]) -> Told:
    edit, seen = made.edit, made.before
    named = when.positions(wish.place, seen.cuts, seen.fps)
    placed = wish.place != when.EVERYWHERE
    where = when.spell(wish.place, seen.cuts, named, seen.fps) if placed else "everywhere"
    if not named:
        length = timecode.clock(seen.length, seen.fps)
        lies = f"{wish.place.words} {'lie' if len(wish.place.shots) > 1 else 'lies'} outside the edit"
        why = f"{lies}, which ends at {length} and has {of_cuts(len(seen.cuts))}"
        return Told(wish, REFUSED, why, (), where, far)
    chosen = _still(seen, edit, named) if placed else list(range(len(edit.cuts)))
    frames = _frames(wish.place, seen, edit) if placed else None
    if wish.axis == "length" and 0 < len(chosen) < len(edit.cuts):
        wish = replace(wish, axis="shot_length")  # "make the third shot shorter" says nothing of the others
    try:
        if not chosen:
            raise Refused("what is meant is not in the edit any more")
        if wish.place.beside and wish.axis in _ACROSS_SHOTS and chosen[-1] - chosen[0] >= len(chosen):
            raise Refused("music and titles lie across shots: say from when to when, as in 'from 0:04 to 0:10'")
        if wish.axis == "shots":
            done = _removed(edit, wish, chosen, frames)
        elif wish.axis == "mute":
            done = muting.correct(edit, chosen, None if _by_shots(wish.place) else frames, wish.sign)
        elif wish.axis == "trim":
            each = [_still(seen, edit, [n]) for n in named]
            ends = [pieces[0 if wish.sign > 0 else -1] for pieces in each if pieces]
            done = trimming.correct(edit, ends, wish.sign, _target_s(wish, edit, chosen) or 0.0)
        else:
            wanted = Wanted(
                wish.axis, wish.sign, far, tuple(chosen), placed, wish.complaint, insist, wish.words,
                _target_s(wish, edit, chosen), frames,
            )  # fmt: skip
            done = correct(edit, footage, wanted, wish.face)
        new = [fault for fault in _faults(done.edit) if fault not in faults]
        if new:
            raise Refused(f"the revision would break a rule: {new[0]}", done.measured)
    except Refused as refused:
        return Told(wish, ASKED if refused.asks else REFUSED, str(refused), refused.measured, where, far, taste=taste)
    why = "what is beside it was left out" if wish.axis == "shots" else wish.meaning
    made.edit = _reasoned(edit, done.edit, f"{why}: {wish.words!r}")
    outside = _outside(wish.place, len(seen.cuts))
    return Told(
        wish, CHANGED, _proof(done), done.measured, where, far, done.what, taste, (*outside, *done.notes),
    )  # fmt: skip


def _still(seen: Edit, edit: Edit, named: Sequence[int]) -> list[int]:
    """Where cuts of the edit a person saw are in the one it has become; what was split off a cut goes with it."""
    known = {origin(cut) for cut in seen.cuts}
    meant = {origin(seen.cuts[n]) for n in named}
    found: list[int] = []
    for n, cut in enumerate(edit.cuts):
        if origin(cut) in meant or (origin(cut) not in known and found and found[-1] == n - 1):
            found.append(n)
    return found


def _frames(place: when.Place, seen: Edit, edit: Edit) -> tuple[int, int]:
    """The programme frames that a place in the edit a person saw has become."""
    first, end = when.frames(place, seen.cuts, seen.fps)
    if edit.cuts is seen.cuts:
        return first, end
    now = {origin(cut): cut for cut in edit.cuts}
    first = gone_to(seen, now, first, edit.length)
    return first, max(first + 1, edit.length if end >= seen.length else gone_to(seen, now, end, edit.length))


def _removed(edit: Edit, wish: Wish, chosen: Sequence[int], frames: tuple[int, int] | None) -> Corrected:
    """The edit without shots or a span, or with them alone."""
    if frames is None or _by_shots(wish.place):
        return removing.shots(edit, chosen, kept=wish.sign > 0)
    return removing.span(edit, frames[0], min(frames[1], edit.length), kept=wish.sign > 0)


def _by_shots(place: when.Place) -> bool:
    """Whether a place means whole shots: by number, by a moment that lies in one, or all that do not touch it."""
    return place.beside or bool(place.shots) or (place.start_s is not None and place.start_s == place.end_s)


def _outside(place: when.Place, count: int) -> tuple[str, ...]:
    """What to say of shots that were named along with others and are not there."""
    beyond = [shot for shot in place.shots if not -count <= shot <= count]
    return (f"{when.Place(shots=tuple(beyond)).words} not there: the edit has {of_cuts(count)}",) if beyond else ()


#: One end of a shot, which is not what is shortened.
_ONE_SIDE = re.compile(r"\b(?:off|from) the (?:head|tail|start|end|beginning|front|back) of\b")


def _target_s(wish: Wish, edit: Edit, chosen: Sequence[int]) -> float | None:
    """The seconds that were said, or those of the frames that were; of a length the whole that is to be."""
    said = wish.target_s if wish.target_frames is None else wish.target_frames / float(edit.fps)
    if said is None or not wish.more or wish.axis == "end":
        return said
    if _ONE_SIDE.search(wish.words):
        raise Refused("which shot is to be trimmed cannot be told: say 'cut 10 frames off the end of shot 3'")
    lengths = recutting.seconds(edit, range(len(edit.cuts)) if wish.axis == "length" else chosen)
    now = sum(lengths) if wish.axis == "length" else sum(lengths) / len(lengths)
    target = now + wish.sign * said
    if target <= 0:
        raise Refused(f"it is {now:.1f} s long: {said:g} s less leave nothing")
    return target


def correct(edit: Edit, footage: Footage, wanted: Wanted, face: bool = False) -> Corrected:
    """Fulfil one wish. Raises Refused with the reason and the numbers."""
    axis = wanted.axis
    if axis == "exposure" and face and wanted.sign > 0:
        return facing.correct(edit, footage, wanted)
    if axis in toning.AXES:
        return toning.correct(edit, footage, wanted, face)
    if axis in refining.AXES:
        return refining.correct(edit, footage, wanted)
    if axis in mixing.AXES:
        return mixing.correct(edit, footage, wanted)
    if axis in phrasing.AXES:
        return phrasing.correct(edit, footage, wanted)
    if axis in syncing.AXES:
        return syncing.correct(edit, footage, wanted)
    if axis == "match":
        return matching.correct(edit, footage, wanted)
    return recutting.correct(edit, wanted)


def _proof(done: Corrected) -> str:
    """What was measured before and after, in words."""
    first = done.measured[0]
    same = [each for each in done.measured if each.signal == first.signal]
    means = [sum(values) / len(values) for values in (
        [each.before for each in same], [each.target or 0.0 for each in same],
         [each.after or 0.0 for each in same])]  # fmt: skip
    over = f" over {of_cuts(len(same))}" if len(same) > 1 else ""
    moved = sum(each.moved for each in same) / len(same)
    return (
        f"{first.signal} {number(means[0])} to {number(means[2])} {first.unit}{over}, "
        f"{moved:.0%} of the way to {number(means[1])}; {done.what}"
    )


def _reasoned(before: Edit, after: Edit, why: str) -> Edit:
    """The reason of every cut, title and cue that changed, with what was said."""
    old = {origin(thing): thing for thing in before.things()}

    def told(thing: Record) -> Record:
        was = old.get(origin(thing))
        ignored = {"position", "timeline_in_frame", "timeline_out_frame"}
        if was is not None and all(was.get(k) == thing.get(k) for k in {*was, *thing} - ignored):
            return thing
        has = str(thing.get("reason", ""))
        return {**thing, "reason": f"{has}; {why}" if has else why}

    return replace(
        after,
        cuts=tuple(map(told, after.cuts)),
        titles=tuple(map(told, after.titles)),
        cues=tuple(map(told, after.cues)),
    )


def _faults(edit: Edit) -> list[str]:
    """The errors edl-check would find, files apart: their content is edl-check's to prove."""
    plan = {**edit.plan, "length_frames": edit.length, "cut_count": len(edit.cuts)}
    known = {str(source.get("path")): str(source.get("sha256")) for source in edit.sources.values()}

    def content(path: Path) -> str:
        return known.get(str(path), "")

    found = checks.check(plan, edit.cuts, edit.sources, content, titles=edit.titles, cues=edit.cues)
    return [finding.message for finding in found if finding.severity == "error"]


def unread(words: str) -> str:
    """What to say of words in which no wish was understood: what can be done instead, or what is understood nearby."""
    asked = removal_words.read(plain(words))
    if asked.unplaced:
        return (
            "which shot is meant cannot be told from the words: say 'remove shot 2', 'drop the shot at 0:04' or "
            "'cut out 0:00 to 0:03'"
        )
    if asked.denied:
        return "no shot is to go by these words"
    if clauses.may_ask_another_order(words.lower()):
        return (
            "the order of shots is not changed by words here: 'best shot first' to edl-plan plans another one, "
            "and what is moved in Shotcut comes back by edl-export and edl-import"
        )
    return "understood are, nearby: " + "; ".join(repr(phrase) for phrase in nearest(words))


def nearest(words: str) -> list[str]:
    """What is understood that lies near to words that are not: axes by shared or similar words."""
    import difflib

    from roadmap_cli.edl.feedback.axes import AXES, HELP

    said = set(re.findall(r"[a-z]{3,}", words.lower())) - {
        "more",
        "less",
        "the",
        "with",
        "and",
        "too",
        "make",
        "for",
        "that",
    }
    scored = []
    for axis, phrases in HELP.items():
        known = set(re.findall(r"[a-z]{3,}", " ".join((axis, *AXES[axis], *phrases)).lower()))
        score = sum(
            1.0 if word in known else 0.6 * bool(difflib.get_close_matches(word, known, 1, 0.8)) for word in said
        )
        scored.append((score, axis))
    best = [axis for score, axis in sorted(scored, key=lambda pair: -pair[0]) if score > 0.5][:4]
    return [HELP[axis][0] for axis in best] or ["too dark", "music too loud", "boring start", "skin looks orange"]
