"""What two revisions of a plan differ by, which differences stand in each other's way, and how one is taken back.

The rule: only what a person or a rule decided is a change. Where a cut lies in the programme follows from the cuts
before it, so a shift is never a change; it is worked out anew whenever something is taken back.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, require
from roadmap_cli.edl import timecode

SORTS = {"edl.cut": "cut", "edl.title": "title", "edl.cue": "cue"}
#: Where a thing lies in the programme: of a cut it follows, of a title or cue it may be a change.
_SPAN = ("timeline_in_frame", "timeline_out_frame")
#: Fields that follow from others, or name the revision.
_DERIVED = frozenset({"kind", "id", "at", "plan_id", "position", "origin_id", *_SPAN})
_PLAN_DERIVED = _DERIVED | {
    "length_frames", "cut_count", "checked", "checked_digest", "error_count", "warning_count", "parent_id", "root_id",
}  # fmt: skip
#: Fields that go along with another change: put back where nothing has touched them since, never in the way.
SOFT = frozenset({"reason", "why_id", "source", "reasons", "unknown_words", "dropped_count", "dropped_beat_ids"})
#: Objects whose parts are changed each by itself.
_PARTED = frozenset({"grade", "effects", "sound"})
#: The field of a cut that was moved: its values are the origins of the cut before it.
PLACE = "place"


@dataclass(frozen=True, slots=True)
class Change:
    """One field of one thing, before and after; None where the field is absent.

    `sort` is cut, title, cue or plan; for the plan `origin_id` is its first revision's id. A part of an object is
    named with a dot: `effects.gamma`. With field "" the thing came in (`before` None) or went out (`after` None), and
    the other one is its whole record.
    """

    origin_id: str
    sort: str
    field: str
    before: Any
    after: Any

    def record(self) -> dict[str, Any]:
        """As it stands in an edl.edit record: an absent value is left out."""
        told = {"origin_id": self.origin_id, "sort": self.sort, "field": self.field}
        ends = {"before": self.before, "after": self.after}
        return told | {name: value for name, value in ends.items() if value is not None}

    @classmethod
    def read(cls, value: object) -> Change:
        """A change from an edl.edit record. Raises DataError if it is none."""
        if isinstance(value, dict) and all(isinstance(value.get(n), str) for n in ("origin_id", "sort", "field")):
            return cls(value["origin_id"], value["sort"], value["field"], value.get("before"), value.get("after"))
        raise DataError(f"not a change of an edit: {value!r}"[:200], code="bad_change")

    @property
    def is_soft(self) -> bool:
        """Whether it only goes along with others."""
        return self.field in SOFT


@dataclass(frozen=True, slots=True)
class Version:
    """A plan with its things: the cuts in order, then titles and cues."""

    plan: Record
    things: Sequence[Record]

    @property
    def cuts(self) -> list[Record]:
        """Its cuts in order."""
        return [thing for thing in self.things if thing["kind"] == "edl.cut"]


def origin(thing: Mapping[str, Any]) -> str:
    """What a cut, title or cue goes back to. Raises DataError if it has no id."""
    found = thing.get("origin_id") or thing.get("id")
    if not isinstance(found, str):
        raise DataError("a cut, title or cue without an id", code="missing_field")
    return found


def root_of(plan: Mapping[str, Any]) -> str:
    """The id of a plan's first revision."""
    return str(plan.get("root_id") or plan["id"])


def by_origin(things: Iterable[Record]) -> dict[str, Record]:
    """Things by what they go back to. Raises DataError if two go back to the same."""
    found: dict[str, Record] = {}
    for thing in things:
        if thing.get("kind") not in SORTS:
            raise DataError(f"neither a cut nor a title nor a cue: {thing.get('kind')!r}", code="bad_thing")
        name = origin(thing)
        if name in found:
            raise DataError(
                f"two of one origin: {name!r}", hint="a new cut has an origin of its own", code="two_origins"
            )
        found[name] = thing
    return found


# -- finding changes ---------------------------------------------------------------------------------------------------


def difference(before: Version, after: Version) -> list[Change]:
    """All changes that lead from one version to another, in a stable order. Raises DataError as `by_origin`."""
    old, new = by_origin(before.things), by_origin(after.things)
    found = list(_fields(root_of(after.plan), "plan", before.plan, after.plan, _PLAN_DERIVED))
    layouts = Layout.of(before.cuts), Layout.of(after.cuts)
    for name, thing in old.items():
        sort = SORTS[thing["kind"]]
        if name not in new:
            found.append(Change(name, sort, "", thing, None))
            continue
        found += _fields(name, sort, thing, new[name], _DERIVED)
        if sort != "cut":
            found += _moved_span(name, sort, thing, new[name], *layouts)
    found += [Change(name, SORTS[thing["kind"]], "", None, thing) for name, thing in new.items() if name not in old]
    return found + _moves(before.cuts, after.cuts)


def _fields(name: str, sort: str, old: Record, new: Record, derived: frozenset[str]) -> Iterator[Change]:
    for field in [*old, *(field for field in new if field not in old)]:
        if field in derived:
            continue
        was, now = old.get(field), new.get(field)
        if was == now and type(was) is type(now):
            continue
        if field in _PARTED and isinstance(was or {}, dict) and isinstance(now or {}, dict):
            parts = was or {}, now or {}
            for part in dict.fromkeys((*parts[0], *parts[1])):
                ends = parts[0].get(part), parts[1].get(part)
                if ends[0] != ends[1]:
                    yield Change(name, sort, f"{field}.{part}", *ends)
        elif was != now:
            yield Change(name, sort, field, was, now)


def _moved_span(name: str, sort: str, old: Record, new: Record, was: Layout, now: Layout) -> Iterator[Change]:
    """Whether a title or cue was moved, beyond going along with the cuts under it or staying where it is."""
    ends = _span(old), _span(new)
    along = was.carry(ends[0], now)
    for place, field in enumerate(_SPAN):
        if ends[1][place] not in (ends[0][place], along[place]):
            yield Change(name, sort, field, ends[0][place], ends[1][place])


def _moves(old: Sequence[Record], new: Sequence[Record]) -> list[Change]:
    """The fewest cuts that must have been moved to bring the cuts both have into their new order."""
    places = {origin(cut): place for place, cut in enumerate(new)}
    both = [name for name in map(origin, old) if name in places]
    kept = _longest_rising([places[name] for name in both])
    moved = [name for place, name in enumerate(both) if place not in kept]
    if not moved:
        return []
    ahead = [
        {name: left for left, name in zip(["", *order], order, strict=False)}
        for order in ([origin(cut) for cut in old], [origin(cut) for cut in new])
    ]
    return [Change(name, "cut", PLACE, ahead[0][name], ahead[1][name]) for name in moved]


def _longest_rising(values: Sequence[int]) -> set[int]:
    """The places of a longest rising subsequence (patience sorting)."""
    tails: list[int] = []
    places: list[int] = []
    before: list[int] = []
    for place, value in enumerate(values):
        pile = bisect_left(tails, value)
        before.append(places[pile - 1] if pile else -1)
        if pile == len(tails):
            tails.append(value)
            places.append(place)
        else:
            tails[pile], places[pile] = value, place
    kept: set[int] = set()
    place = places[-1] if places else -1
    while place >= 0:
        kept.add(place)
        place = before[place]
    return kept


# -- what stands in the way --------------------------------------------------------------------------------------------


def overlap(earlier: Iterable[Change], later: Iterable[Change]) -> list[tuple[Change, Change]]:
    """Pairs of changes, one of each, on the same field of the same thing; coming and going touch every field."""
    found: list[tuple[Change, Change]] = []
    touched: dict[str, list[Change]] = {}
    for change in earlier:
        if not change.is_soft:
            touched.setdefault(change.origin_id, []).append(change)
    for change in later:
        if not change.is_soft:
            found += [(each, change) for each in touched.get(change.origin_id, ()) if _same(each.field, change.field)]
    return found


def _same(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return not short or short == long or long.startswith(f"{short}.")


# -- taking back -------------------------------------------------------------------------------------------------------


def take_back(now: Version, edit: Sequence[Change], before: Version) -> Version:
    """A version without an edit: its changes reversed, all else as it is, the timeline laid out anew.

    `before` is the version the edit was made on. Nothing later may overlap the edit (`overlap`). The plan and things
    keep their ids; naming them is the caller's. Raises DataError if the edit's changes do not fit.
    """
    things = by_origin(now.things)
    order = [origin(cut) for cut in now.cuts]
    was = Layout.of(now.cuts)
    plan = dict(now.plan)
    lost = by_origin(before.things)
    for change in edit:
        if change.sort == "plan":
            _put_back(plan, change)
        elif change.field == "" and change.before is None:
            things.pop(change.origin_id, None)
            order = [name for name in order if name != change.origin_id]
        elif change.field not in {"", PLACE, *_SPAN} and change.origin_id in things:
            thing = dict(things[change.origin_id])
            _put_back(thing, change)
            things[change.origin_id] = thing
    _put_in_place(order, things, edit, before)
    cuts = _laid_out([things[name] for name in order], plan, now, lost)
    laid = Layout.of(cuts)
    others = [thing for thing in things.values() if thing["kind"] != "edl.cut"]
    spans = {(change.origin_id, change.field): change for change in edit if change.field in _SPAN}
    same_as_before = laid == Layout.of(before.cuts)
    placed = [
        _placed(thing, was, laid, Layout.of(before.cuts), lost.get(origin(thing)), spans, same_as_before)
        for thing in others
    ]
    plan |= {"length_frames": laid.length, "cut_count": len(cuts)}
    return Version(plan, [*cuts, *placed])


def _put_back(thing: Record, change: Change) -> None:
    field, _, part = change.field.partition(".")
    if change.is_soft and thing.get(field) != change.after:
        return
    if not part:
        _set(thing, field, change.before)
        return
    inner = thing.get(field)
    parts = dict(inner) if isinstance(inner, dict) else {}
    _set(parts, part, change.before)
    _set(thing, field, parts or None)


def _set(thing: dict[str, Any], field: str, value: Any) -> None:
    if value is None:
        thing.pop(field, None)
    else:
        thing[field] = value


def _put_in_place(order: list[str], things: dict[str, Record], edit: Sequence[Change], before: Version) -> None:
    """What went out comes back, and what was moved goes back, each behind the nearest cut that was before it."""
    gone = {change.origin_id: change for change in edit if change.field == "" and change.after is None}
    for name, change in gone.items():
        things[name] = dict(change.before)
    returning = {name for name in gone if things[name]["kind"] == "edl.cut"}
    returning |= {change.origin_id for change in edit if change.field == PLACE and change.origin_id in order}
    order[:] = [name for name in order if name not in returning]
    there = set(order)
    last = -1
    for name in map(origin, before.cuts):
        if name in returning:
            last += 1
            order.insert(last, name)
            there.add(name)
        elif name in there:
            last = order.index(name)


def _laid_out(cuts: Sequence[Record], plan: Record, now: Version, lost: Mapping[str, Record]) -> list[Record]:
    """Cuts one after the other. A length is what it is for the same frames and speed elsewhere, else worked out."""
    fps = timecode.rational(plan.get("fps"), field="fps")
    here = by_origin(now.cuts)
    start = 0
    found = []
    for position, cut in enumerate(cuts):
        like = (lost.get(origin(cut)), here.get(origin(cut)))
        shown = next((_shown(each) for each in like if each is not None and _frames(each) == _frames(cut)), None)
        if shown is None:
            rate, speed = (timecode.rational(cut.get(name), field=name) for name in ("fps", "speed"))
            count = require(cut, "out_frame", int) - require(cut, "in_frame", int)
            shown = timecode.frames_shown(max(1, count), rate, speed, fps)
        placed = {**cut, "timeline_in_frame": start, "timeline_out_frame": start + shown}
        if "position" in cut:
            placed["position"] = position
        found.append(placed)
        start += shown
    return found


def _frames(cut: Record) -> tuple[Any, ...]:
    return tuple(cut.get(name) for name in ("source_id", "in_frame", "out_frame", "fps", "speed"))


def _shown(cut: Record) -> int:
    first, end = _span(cut)
    return end - first


def _span(thing: Record) -> tuple[int, int]:
    return require(thing, "timeline_in_frame", int), require(thing, "timeline_out_frame", int)


def _placed(
    thing: Record, was: Layout, laid: Layout, before: Layout, lost: Record | None,
    spans: Mapping[tuple[str, str], Change], same_as_before: bool,
) -> Record:  # fmt: skip
    """A title or cue on the new layout: with the cuts under it, or where it was if all of that is as it was."""
    first, end = was.carry(_span(thing), laid)
    if lost is not None:
        old = _span(lost)
        back = old if same_as_before else before.carry(old, laid)
        moved = [(origin(thing), field) in spans for field in _SPAN]
        if same_as_before and _stayed(thing, lost, was, before):
            moved = [True, True]
        first, end = (back[0] if moved[0] else first), (back[1] if moved[1] else end)
    return {**thing, "timeline_in_frame": first, "timeline_out_frame": max(end, first + 1)}


def _stayed(thing: Record, lost: Record, was: Layout, before: Layout) -> bool:
    """Whether a thing's place now is what its old place has become, with nothing done to it."""
    now, old = _span(thing), _span(lost)
    along = before.carry(old, was)
    return all(now[place] in (old[place], along[place]) for place in range(2))


class Layout:
    """Where cuts lie, by origin: for carrying a place in one programme over to another."""

    __slots__ = ("ends", "length", "names", "starts", "where")

    def __init__(self, spans: Sequence[tuple[str, int, int]]) -> None:
        self.names = [name for name, _, _ in spans]
        self.starts = [first for _, first, _ in spans]
        self.ends = [end for _, _, end in spans]
        self.length = max(self.ends, default=0)
        self.where = {name: place for place, name in enumerate(self.names)}

    @classmethod
    def of(cls, cuts: Sequence[Record]) -> Layout:
        """The layout of cuts. Raises DataError if one has no place."""
        return cls([(origin(cut), *_span(cut)) for cut in cuts])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layout) and (self.names, self.starts, self.ends) == (
            other.names, other.starts, other.ends,
        )  # fmt: skip

    __hash__ = None  # type: ignore[assignment]

    def carry(self, span: tuple[int, int], other: Layout) -> tuple[int, int]:
        """The same stretch on another layout: it begins in the same cut at the same frame, and keeps its length if it
        lies in one cut; else it ends in the same cut, or with the programme.
        """
        first, end = span
        if not self.names or not other.names or self == other:
            return span
        place = self._at(first)
        start = self._moved(place, first, other)
        last = self._at(end - 1)
        if end >= self.length:
            stop = other.length + (end - self.length)
        elif last == place:
            stop = start + end - first
        elif end == self.ends[last] and self.names[last] in other.where:
            stop = other.ends[other.where[self.names[last]]]
        else:
            stop = self._moved(last, end, other)
        if start >= other.length and first < self.length:
            start = max(0, other.length - 1)
        if end <= self.length:
            stop = min(stop, other.length)
        return start, max(stop, start + 1)

    def _at(self, frame: int) -> int:
        return min(max(bisect_right(self.starts, frame) - 1, 0), len(self.names) - 1)

    def _moved(self, place: int, frame: int, other: Layout) -> int:
        name = self.names[place]
        if name in other.where:
            return other.starts[other.where[name]] + frame - self.starts[place]
        for following in self.names[place + 1 :]:
            if following in other.where:
                return other.starts[other.where[following]]
        return other.length
