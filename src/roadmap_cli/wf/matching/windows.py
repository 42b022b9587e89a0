"""Events that belong together: so many within a time, in an order or in any, by when they happened, not came.

The rules kept here: an event makes or joins one match of a trigger at most; one that fits into the span of a match
that was made already, early or late, joins it; what waits is bounded. All of it lies in the state and changes with
the decision it leads to, so that after a kill the same events lead to the same matches.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

#: Events that wait, of one trigger and of one value of its key; the oldest go first.
MOST_WAITING = 100_000
MOST_IN_GROUP = 10_000
#: An event later than the window and this is not waited with, in milliseconds.
LATENESS_MS = 3_600_000
_MOST_KEY = 512

#: When, which event, which parts it can be.
Waiting = tuple[int, str, int]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a trigger asks of several events: `count`, or one of each of `parts`, in order or in any, in a window."""

    name: str
    window_ms: int
    count: int
    parts: int
    cooldown_ms: int
    is_ordered: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an event: ``waiting``, ``late``, ``joined`` or ``cooling`` (of `match_id`), or ``fired``.

    `events` are those that make the match, in order.
    """

    what: str
    match_id: str = ""
    events: tuple[str, ...] = ()
    first_ms: int = 0
    last_ms: int = 0


@dataclass(slots=True)
class _Fired:
    """A match that was made; `key_ms` is what its row stands under."""

    first_ms: int
    last_ms: int
    match_id: str
    count: int
    key_ms: int


@dataclass(slots=True)
class _Group:
    grouping: str
    rows: list[Waiting]
    fired: list[_Fired]
    names: set[str] = field(default_factory=set)
    per_part: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Windows:
    """The windows of all triggers during one write transaction; `close` writes what has changed."""

    tx: Connection
    groups: dict[tuple[str, str], _Group] = field(default_factory=dict)
    latest: dict[str, int] = field(default_factory=dict)
    dropped: int = 0
    _shapes: dict[str, Shape] = field(default_factory=dict)
    _new: dict[tuple[str, str, int, str], int] = field(default_factory=dict)
    _gone: set[tuple[str, str, int, str]] = field(default_factory=set)
    _matches: dict[int, tuple[Shape, str, _Fired]] = field(default_factory=dict)
    _moved: set[str] = field(default_factory=set)

    def offer(self, shape: Shape, grouping: str, at_ms: int, event_id: str, parts: int) -> Answer:
        """Hold an event against a trigger whose conditions it fulfils; `parts`: which of the parts it can be.

        After ``fired`` the caller says with `made` which match it was.
        """
        group = self._group(shape, grouping)
        latest = max(self._latest(shape), at_ms)
        if at_ms > self.latest[shape.name]:
            self.latest[shape.name] = latest
            self._moved.add(shape.name)
        old = self._earlier(shape, group, at_ms)
        if old:
            return old
        if shape.count <= 1 and shape.parts == 0:
            return Answer("fired", events=(event_id,), first_ms=at_ms, last_ms=at_ms)
        if at_ms < latest - shape.window_ms - max(LATENESS_MS, shape.window_ms):
            return Answer("late")
        if event_id not in group.names:
            self._add(shape, grouping, group, (at_ms, event_id, parts))
        if not shape.parts:
            chain = _together(group.rows, shape, at_ms, event_id)
        elif shape.is_ordered:
            chain = _in_order(group, shape)
        else:
            chain = _in_any_order(group, shape, at_ms)
        if not chain:
            return Answer("waiting")
        first, last = chain[0][0], chain[-1][0]
        inside = [row for row in group.rows if max(row[0], last) - min(row[0], first) <= shape.window_ms]
        for row in inside:
            self._remove(shape, grouping, group, row)
        return Answer("fired", events=tuple(name for _, name, _ in chain), first_ms=first, last_ms=last)

    def made(self, shape: Shape, grouping: str, answer: Answer, match_id: str) -> None:
        """Note the match that a ``fired`` answer became."""
        group = self._group(shape, grouping)
        found = _Fired(answer.first_ms, answer.last_ms, match_id, len(answer.events), answer.first_ms)
        group.fired.append(found)
        self._matches[id(found)] = (shape, grouping, found)

    def close(self) -> None:
        """Write what has changed, and let go of what is too old or too much."""
        tx = self.tx
        tx.executemany(
            "DELETE FROM wf_window WHERE trigger = ? AND grouping = ? AND at_ms = ? AND event_id = ?", list(self._gone)
        )
        tx.executemany(
            "INSERT INTO wf_window(trigger, grouping, at_ms, event_id, parts) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            [(*key, parts) for key, parts in self._new.items()],
        )
        for shape, grouping, fired in self._matches.values():
            tx.execute("DELETE FROM wf_fired WHERE trigger = ? AND grouping = ? AND first_ms = ? AND match_id = ?",
                       (shape.name, grouping, fired.key_ms, fired.match_id))  # fmt: skip
            tx.execute(
                "INSERT INTO wf_fired(trigger, grouping, first_ms, last_ms, match_id, event_count)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (shape.name, grouping, fired.first_ms, fired.last_ms, fired.match_id, fired.count),
            )
            fired.key_ms = fired.first_ms
        for name in self._moved:
            self._prune(self._shapes[name])
        for name in {key[0] for key in self._new}:
            self._bound(name)

    def _prune(self, shape: Shape) -> None:
        latest = self.latest[shape.name]
        self.tx.execute(
            "INSERT INTO wf_watermark(trigger, latest_ms) VALUES (?, ?)"
            " ON CONFLICT DO UPDATE SET latest_ms = excluded.latest_ms",
            (shape.name, latest),
        )
        oldest = latest - shape.window_ms - max(LATENESS_MS, shape.window_ms)
        self.tx.execute("DELETE FROM wf_window WHERE trigger = ? AND at_ms < ?", (shape.name, oldest))
        oldest = min(oldest, latest - shape.cooldown_ms)
        self.tx.execute("DELETE FROM wf_fired WHERE trigger = ? AND last_ms < ?", (shape.name, oldest))

    def _bound(self, name: str) -> None:
        (count,) = self.tx.execute("SELECT count(*) FROM wf_window WHERE trigger = ?", (name,)).fetchone()
        if count > MOST_WAITING:
            self.tx.execute(
                "DELETE FROM wf_window WHERE (trigger, grouping, at_ms, event_id) IN (SELECT trigger, grouping, at_ms,"
                " event_id FROM wf_window WHERE trigger = ? ORDER BY at_ms LIMIT ?)",
                (name, count - MOST_WAITING),
            )
            self.dropped += count - MOST_WAITING

    def _latest(self, shape: Shape) -> int:
        if shape.name not in self.latest:
            row = self.tx.execute("SELECT latest_ms FROM wf_watermark WHERE trigger = ?", (shape.name,)).fetchone()
            self.latest[shape.name] = row[0] if row else -1
            self._shapes[shape.name] = shape
        return self.latest[shape.name]

    def _group(self, shape: Shape, grouping: str) -> _Group:
        key = (shape.name, grouping)
        if key not in self.groups:
            rows = self.tx.execute(
                "SELECT at_ms, event_id, parts FROM wf_window WHERE trigger = ? AND grouping = ?"
                " ORDER BY at_ms, event_id",
                key,
            ).fetchall()
            fired = self.tx.execute(
                "SELECT first_ms, last_ms, match_id, event_count FROM wf_fired WHERE trigger = ? AND grouping = ?"
                " ORDER BY first_ms",
                key,
            )
            group = _Group(
                grouping,
                rows,
                [_Fired(first, last, name, count, first) for first, last, name, count in fired],
                {row[1] for row in rows},
            )
            group.per_part = [sum(row[2] >> part & 1 for row in rows) for part in range(shape.parts)]
            self.groups[key] = group
        return self.groups[key]

    def _earlier(self, shape: Shape, group: _Group, at_ms: int) -> Answer | None:
        """The match made before that an event belongs to, or whose cooling time it falls into."""
        for fired in reversed(group.fired):
            first, last = min(fired.first_ms, at_ms), max(fired.last_ms, at_ms)
            if shape.window_ms and last - first <= shape.window_ms:
                if (first, last) != (fired.first_ms, fired.last_ms):
                    fired.first_ms, fired.last_ms = first, last
                fired.count += 1
                self._matches[id(fired)] = (shape, group.grouping, fired)
                return Answer("joined", fired.match_id)
            if shape.cooldown_ms and fired.first_ms - shape.cooldown_ms <= at_ms <= fired.last_ms + shape.cooldown_ms:
                return Answer("cooling", fired.match_id)
        return None

    def _add(self, shape: Shape, grouping: str, group: _Group, row: Waiting) -> None:
        insort(group.rows, row)
        group.names.add(row[1])
        for part in range(shape.parts):
            group.per_part[part] += row[2] >> part & 1
        key = (shape.name, grouping, row[0], row[1])
        self._gone.discard(key)
        self._new[key] = row[2]
        if len(group.rows) > MOST_IN_GROUP:
            self._remove(shape, grouping, group, group.rows[0])
            self.dropped += 1

    def _remove(self, shape: Shape, grouping: str, group: _Group, row: Waiting) -> None:
        del group.rows[bisect_left(group.rows, row)]
        group.names.discard(row[1])
        for part in range(shape.parts):
            group.per_part[part] -= row[2] >> part & 1
        key = (shape.name, grouping, row[0], row[1])
        if self._new.pop(key, None) is None:
            self._gone.add(key)


def grouping_of(values: Sequence[Any]) -> str:
    """The values of a correlation key as one text; a long one is its hash."""
    import orjson

    try:
        text = orjson.dumps(list(values), option=orjson.OPT_SORT_KEYS)
    except TypeError:
        text = repr(values).encode(errors="replace")
    return text.decode() if len(text) <= _MOST_KEY else hashlib.sha256(text).hexdigest()


def _together(rows: Sequence[Waiting], shape: Shape, at_ms: int, event_id: str) -> list[Waiting]:
    """The earliest `count` events within the window that this one is among."""
    low = bisect_left(rows, (at_ms - shape.window_ms, "", 0))
    place = bisect_left(rows, (at_ms, event_id, 0))
    for first in range(max(low, place - shape.count + 1), place + 1):
        last = first + shape.count - 1
        if last < len(rows) and rows[last][0] - rows[first][0] <= shape.window_ms:
            return list(rows[first : last + 1])
    return []


def _in_order(group: _Group, shape: Shape) -> list[Waiting]:
    """One event for each part, in the order of the parts, within the window; of several the one that ends first.

    Dynamic programming over the events in order of time: for each part the chain up to it that begins latest.
    """
    if not all(group.per_part):
        return []
    best: list[list[Waiting] | None] = [None] * shape.parts
    for row in group.rows:
        for part in range(shape.parts - 1, -1, -1):  # from the end: an event is one part of a chain only
            if not row[2] >> part & 1:
                continue
            before: list[Waiting] | None = [] if part == 0 else best[part - 1]
            if before is None or (before and row[0] - before[0][0] > shape.window_ms):
                continue
            chain = [*before, row]
            if part == shape.parts - 1:
                return chain
            known = best[part]
            if known is None or chain[0][0] >= known[0][0]:
                best[part] = chain
    return []


def _in_any_order(group: _Group, shape: Shape, at_ms: int) -> list[Waiting]:
    """One event for each part, in any order, within a window that has the newest event in it; of several windows the
    first. No event is two parts.
    """
    if not all(group.per_part):
        return []
    rows = group.rows
    low = bisect_left(rows, (at_ms - shape.window_ms, "", 0))
    for first in range(low, bisect_left(rows, (at_ms + 1, "", 0))):
        chosen = _one_for_each(rows, first, shape)
        if chosen:
            return chosen
    return []


def _one_for_each(rows: Sequence[Waiting], first: int, shape: Shape) -> list[Waiting]:
    """An event for each part among those from `first` on within the window, or none: a bipartite matching by
    augmenting paths (Kuhn 1955). Of events that can be the same parts, as many as there are parts are enough.
    """
    alike: dict[int, int] = {}
    near: list[Waiting] = []
    for place in range(first, len(rows)):
        row = rows[place]
        if row[0] - rows[first][0] > shape.window_ms:
            break
        alike[row[2]] = alike.get(row[2], 0) + 1
        if alike[row[2]] <= shape.parts:
            near.append(row)
    taken: dict[Waiting, int] = {}

    def place_for(part: int, seen: set[Waiting]) -> bool:
        for row in near:
            if row[2] >> part & 1 and row not in seen:
                seen.add(row)
                if row not in taken or place_for(taken[row], seen):
                    taken[row] = part
                    return True
        return False

    return sorted(taken) if all(place_for(part, set()) for part in range(shape.parts)) else []
