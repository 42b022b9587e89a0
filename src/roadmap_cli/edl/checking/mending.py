"""Mending what a check found, as far as it can be done without guessing what a person wants.

The rule: a mend never makes a new error. Each round mends what the check names, lays the timeline out anew and checks
again; a round after which there are more errors than before is taken back. What is left is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roadmap_cli.core.records import Record
from roadmap_cli.edl import timecode
from roadmap_cli.edl.checking import checks
from roadmap_cli.edl.checking.feasibility import Hash
from roadmap_cli.edl.checking.findings import Finding
from roadmap_cli.edl.checking.footage import Footage, rational
from roadmap_cli.edl.checking.menders import MENDERS
from roadmap_cli.edl.checking.mends import Mend, Work
from roadmap_cli.edl.history.changes import Layout, origin

_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Mended:
    """The parts after mending, changed plan fields, what was done, and what is left."""

    cuts: list[Record]
    titles: list[Record]
    cues: list[Record]
    plan_fields: dict[str, Any]
    mends: list[Mend]
    left: list[Finding]

    @property
    def things(self) -> list[Record]:
        """Cuts, titles and cues."""
        return [*self.cuts, *self.titles, *self.cues]


def mend(
    plan: Record,
    cuts: Sequence[Record],
    titles: Sequence[Record],
    cues: Sequence[Record],
    sources: Mapping[str, Record],
    content: Hash,
    *,
    measured: Mapping[str, Sequence[Record]] | None = None,
    free_bytes: int | None = None,
) -> Mended:
    """Mend a plan in rounds. `content` is asked once for each file."""
    known: dict[Any, Any] = {}

    def hashed(path: Any) -> str:
        if path not in known:
            try:
                known[path] = content(path)
            except Exception as problem:  # noqa: BLE001 - told again each time it is asked
                known[path] = problem
        if isinstance(known[path], Exception):
            raise known[path]
        return str(known[path])

    def look(now: Mended) -> list[Finding]:
        given = {**plan, **_plan_of(now)}
        parts = {"titles": now.titles, "cues": now.cues, "measured": measured, "free_bytes": free_bytes}
        return checks.check(given, now.cuts, sources, hashed, **parts)  # type: ignore[arg-type]

    now = Mended(list(cuts), list(titles), list(cues), {}, [], [])
    now = Mended(*_parts(now), now.mends, look(now))
    tried: dict[tuple[str, str | None], int] = {}
    barred: set[str] = set()
    for _ in range(_ROUNDS):
        after = _round({**plan, **_plan_of(now)}, now, sources, measured, tried, barred)
        if after is None:
            break
        left = look(after)
        if _errors(left) > _errors(now.left):
            worse = _worse(now, after, left)
            if not worse - barred:
                break
            barred |= worse  # what made it worse is left alone, and the round is done again without it
            continue
        now = Mended(*_parts(after), after.mends, left)
    return now


def _worse(now: Mended, after: Mended, left: Sequence[Finding]) -> set[str]:
    """The cuts mended in the last round that have an error now they had not before, or lie beside one that has."""
    before = {(finding.rule, finding.cut_id) for finding in now.left}
    bad = {finding.cut_id for finding in left if finding.severity == "error"} - {None}
    fresh = {finding.cut_id for finding in left if (finding.rule, finding.cut_id) not in before} & bad
    near: set[str] = set()
    for place, cut in enumerate(after.cuts):
        if cut["id"] in fresh:
            near |= {origin(each) for each in after.cuts[max(0, place - 1) : place + 2]}
    mended = {each.origin_id for each in after.mends[len(now.mends) :] if each.origin_id}
    return mended & near or mended


def _parts(now: Mended) -> tuple[list[Record], list[Record], list[Record], dict[str, Any]]:
    return now.cuts, now.titles, now.cues, now.plan_fields


def _errors(found: Sequence[Finding]) -> int:
    return sum(finding.severity == "error" for finding in found)


def _plan_of(now: Mended) -> dict[str, Any]:
    length = now.cuts[-1]["timeline_out_frame"] if now.cuts and now.mends else None
    sized = {} if length is None else {"length_frames": length, "cut_count": len(now.cuts)}
    return {**now.plan_fields, **sized}


def _round(
    plan: Record, now: Mended, sources: Mapping[str, Record], measured: Mapping[str, Sequence[Record]] | None,
    tried: dict[tuple[str, str | None], int], barred: set[str],
) -> Mended | None:  # fmt: skip
    """One round, or None if nothing could be mended. A finding that came back twice is left."""
    if any(finding.rule == "shape" for finding in now.left):
        return None
    cuts, titles, cues = ([dict(each) for each in group] for group in (now.cuts, now.titles, now.cues))
    work = Work(plan, cuts, titles, cues, Footage(plan, now.cuts, sources, now.titles, now.cues, measured))
    mends: list[Mend] = []
    touched: set[str] = set()
    for finding in now.left:
        mender = MENDERS.get(finding.rule)
        place = work.place(finding)
        name = origin(cuts[place]) if place >= 0 else None
        key = (finding.rule, name or finding.message)
        if (
            mender is None
            or name in barred
            or tried.get(key, 0) >= 2
            or (name in touched and finding.rule not in {"word", "speech"})
        ):
            continue
        tried[key] = tried.get(key, 0) + 1
        words = mender(work, finding)
        if words:
            mends.append(Mend(finding, words, name))
            if name:
                touched.add(name)
    if not mends:
        return None
    return _laid(work, now, mends)


def _laid(work: Work, before: Mended, mends: list[Mend]) -> Mended:
    """The timeline after a round: cuts one after the other, titles and cues carried along with what lies under them."""
    fps = work.footage.fps
    start, cuts = 0, []
    for position, cut in enumerate(each for each in work.cuts if each["id"] not in work.gone):
        shown = cut["timeline_out_frame"] - cut["timeline_in_frame"]
        if cut["id"] in work.resized or shown < 1:
            count = cut["out_frame"] - cut["in_frame"]
            shown = timecode.frames_shown(count, rational(cut["fps"]), rational(cut["speed"]), fps)
        placed = {**cut, "timeline_in_frame": start, "timeline_out_frame": start + shown}
        cuts.append(placed | ({"position": position} if "position" in cut else {}))
        start += shown
    layouts = Layout.of(before.cuts), Layout.of(cuts)
    moved = []
    for group, old in ((work.titles, before.titles), (work.cues, before.cues)):
        known = {each["id"]: each for each in old}
        moved.append([_carried(thing, known[thing["id"]], *layouts) for thing in group])
    fields = before.plan_fields | work.plan_fields
    return Mended(cuts, moved[0], moved[1], fields, [*before.mends, *mends], [])


def _carried(thing: Record, old: Record, was: Layout, now: Layout) -> Record:
    span = thing["timeline_in_frame"], thing["timeline_out_frame"]
    if span != (old["timeline_in_frame"], old["timeline_out_frame"]):
        return thing  # a mend has placed it
    first, end = was.carry(span, now)
    return {**thing, "timeline_in_frame": first, "timeline_out_frame": end}
