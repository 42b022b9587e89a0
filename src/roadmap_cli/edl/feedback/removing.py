"""Shots or a span taken out of an edit and the gap closed: what editors call a ripple delete, or an extract.

What hung on them is put right: the edit still begins and ends as softly as it did, transitions and sounds that reach
over the new joint fit its two sides, titles of what went go along with it, and the plan names the beats it lost.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from fractions import Fraction

from roadmap_cli.core.records import Record
from roadmap_cli.edl import timecode
from roadmap_cli.edl.feedback.material import Edit, whole
from roadmap_cli.edl.feedback.proof import Corrected, Measured, Refused
from roadmap_cli.edl.feedback.relaying import CLOSING_FRAMES, origin, parted, relaid, source_frame
from roadmap_cli.edl.planning import LEAST_FRAMES
from roadmap_cli.edl.when import Place

#: A title is shown at least so long.
_TITLE_S = Fraction(3, 2)
#: More shots than this are counted, not named.
_LISTED = 12


def shots(edit: Edit, chosen: Collection[int], *, kept: bool = False) -> Corrected:
    """The edit without the chosen cuts, or with them alone if they are to be `kept`. Raises Refused."""
    out = [n for n in range(len(edit.cuts)) if (n in chosen) != kept]
    if not out:
        raise Refused("nothing else is in the edit")
    if len(out) == len(edit.cuts):
        raise Refused(f"nothing would be left: the edit has {_of_shots(len(edit.cuts))}", [_length(edit)])
    made, notes = _without(edit, [[] if n in out else [cut] for n, cut in enumerate(edit.cuts)])
    return _told(edit, made, f"{_numbers(out)} of {len(edit.cuts)} out", notes)


def span(edit: Edit, first: int, end: int, *, kept: bool = False) -> Corrected:
    """The edit without the programme frames from `first` on and before `end`, or with them alone. Raises Refused.

    Of a cut only what lies outside stays; what would be a flash goes, too.
    """
    outer = [(0, first), (end, edit.length)] if kept else [(first, end)]
    pieces = [_left_of(edit, cut, outer) for cut in edit.cuts]
    if not any(pieces):
        raise Refused(f"nothing would be left: the edit is {_length(edit).before:.1f} s long", [_length(edit)])
    if all(piece == [cut] for piece, cut in zip(pieces, edit.cuts, strict=True)):
        raise Refused("nothing else is in the edit")
    made, notes = _without(edit, pieces)
    where = f"{timecode.clock(first, edit.fps)} to {timecode.clock(end, edit.fps)}"
    return _told(edit, made, f"{where} {'alone kept' if kept else 'out'}", notes)


def _left_of(edit: Edit, cut: Record, holes: Sequence[tuple[int, int]]) -> list[Record]:
    """The pieces of a cut that lie outside of programme frames."""
    start, stop = int(cut["timeline_in_frame"]), int(cut["timeline_out_frame"])
    kept = []
    at = start
    for first, end in [*holes, (stop, stop)]:
        if first - at >= LEAST_FRAMES and at < stop:
            kept.append((source_frame(cut, at, edit.fps), source_frame(cut, min(first, stop), edit.fps)))
        at = max(at, end)
    if kept == [(cut["in_frame"], cut["out_frame"])]:
        return [cut]
    return parted(cut, [(a, b) for a, b in kept if b > a])


def _without(edit: Edit, pieces: Sequence[Sequence[Record]]) -> tuple[Edit, tuple[str, ...]]:
    """The edit with these pieces of its cuts, and what else to say of it."""
    cuts = [piece for each in pieces for piece in each]
    for at, name in ((0, "fade_in_frames"), (-1, "fade_out_frames")):
        if not pieces[at] and edit.cuts[at].get(name) and not cuts[at].get(name):
            cuts[at] = {**cuts[at], name: edit.cuts[at][name]}
    gone = [
        (int(cut["timeline_in_frame"]), int(cut["timeline_out_frame"]))
        for cut, each in zip(edit.cuts, pieces, strict=True)
        if not each
    ]
    stay = tuple(title for title in edit.titles if not _goes_along(edit, title, gone))
    made = relaid(replace(edit, titles=stay), cuts)
    made = replace(made, titles=_apart(made), plan=_replanned(edit, made))
    lost = [title for title in edit.titles if origin(title) not in set(map(origin, made.titles))]
    notes = [f"title {' '.join(str(title.get('text', '')).split())!r} went along" for title in lost]
    fewer = len(edit.cues) - len(made.cues)
    notes += [f"{fewer} made sound{'s' * (fewer > 1)} went along"] if fewer else []
    return made, tuple(notes)


def _goes_along(edit: Edit, title: Record, gone: Sequence[tuple[int, int]]) -> bool:
    """Whether all that a title stands over is out; one that opens or closes the edit stays."""
    first, end = int(title["timeline_in_frame"]), int(title["timeline_out_frame"])
    if first <= CLOSING_FRAMES or end >= edit.length - CLOSING_FRAMES:
        return False
    covered = sum(max(0, min(end, stop) - max(first, start)) for start, stop in gone)
    return covered >= end - first


def _apart(edit: Edit) -> tuple[Record, ...]:
    """Titles that do not meet in one place: the earlier one ends sooner, or the later one is left out."""
    least = timecode.round_half_up(_TITLE_S * edit.fps)
    last: dict[str, Record] = {}
    for title in sorted(edit.titles, key=lambda each: int(each["timeline_in_frame"])):
        place, first = str(title.get("place", "centre")), int(title["timeline_in_frame"])
        before = last.get(place)
        if before is not None and before["timeline_out_frame"] > first:
            if first - before["timeline_in_frame"] < least:
                continue
            last[origin(before)] = {**before, "timeline_out_frame": first}
        last[place] = last[origin(title)] = title
    return tuple(last[origin(title)] for title in edit.titles if origin(title) in last)


def _replanned(before: Edit, made: Edit) -> Record:
    """The plan with the beats it lost named, and without a length to reach that was left on purpose."""
    plan = dict(before.plan)
    listed = list(plan.get("dropped_beat_ids") or ())
    lost = [
        str(beat["id"])
        for beat in before.facts.get("edl.beat", ())
        if beat["id"] not in listed and _shown(before, beat) and not _shown(made, beat)
    ]
    if lost:
        plan["dropped_beat_ids"] = [*listed, *lost]
    if isinstance(plan.get("target_frames"), int) and plan["target_frames"] > made.length:
        del plan["target_frames"]
    return plan


def _shown(edit: Edit, beat: Record) -> bool:
    return any(
        cut.get("beat_id") == beat["id"]
        or (
            cut["source_id"] == beat.get("source_id")
            and cut["in_frame"] < whole(beat, "out_frame", 0)
            and cut["out_frame"] > whole(beat, "in_frame", 0)
        )
        for cut in edit.cuts
    )


def _told(edit: Edit, made: Edit, what: str, notes: tuple[str, ...]) -> Corrected:
    before, after = _length(edit).before, _length(made).before
    return Corrected(made, (Measured("length", "s", before, after, after),), what, notes)


def _length(edit: Edit) -> Measured:
    return Measured("length", "s", float(edit.length / edit.fps))


def _numbers(out: Sequence[int]) -> str:
    """Shots by number for people; of many only how many there are."""
    return Place(shots=tuple(n + 1 for n in out)).words if len(out) <= _LISTED else _of_shots(len(out))


def _of_shots(count: int) -> str:
    return "1 shot" if count == 1 else f"{count} shots"
