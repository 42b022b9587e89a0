"""A plan's graph for a terminal: boxes in layers and the lines between them, as rows of text with a mark for each risk.

After Sugiyama, Tagawa and Toda (1981): layers by the longest way, steps in a layer ordered by where their neighbours
above stand (barycentre), lines over several layers led through places of their own. Where it is wider than there is
room, `draw` gives None, and a list is the better picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from roadmap_cli.core.records import Record
from roadmap_cli.wf.planning import graph

#: Steps beyond this are better read as a list.
MOST_BOXES = 60
_GAP = 2
_ROUNDS = 4
_UP, _DOWN, _LEFT, _RIGHT = 1, 2, 4, 8
#: Lines by the sides they go to.
_LINES = {
    _UP | _DOWN: "│", _LEFT | _RIGHT: "─", _DOWN | _RIGHT: "┌", _DOWN | _LEFT: "┐", _UP | _RIGHT: "└",
    _UP | _LEFT: "┘", _UP | _DOWN | _RIGHT: "├", _UP | _DOWN | _LEFT: "┤", _LEFT | _RIGHT | _DOWN: "┬",
    _LEFT | _RIGHT | _UP: "┴", _UP | _DOWN | _LEFT | _RIGHT: "┼", _UP: "│", _DOWN: "│", _LEFT: "─", _RIGHT: "─",
}  # fmt: skip
_FRAMES = {"high": "╔═╗║╚╝", "medium": "┌─┐│└┘", "low": "┌─┐│└┘"}


@dataclass(slots=True)
class _Place:
    """A box, or (without lines) a place through which a line goes on down."""

    lines: tuple[str, ...] = ()
    risk: str = ""
    above: list[int] = field(default_factory=list)
    middle: int = 0

    @property
    def width(self) -> int:
        return max(map(len, self.lines)) + 4 if self.lines else 1


#: A piece of a row and the risk whose colour it has, empty for none.
Piece = tuple[str, str]


def draw(steps: Sequence[Record], width: int) -> list[list[Piece]] | None:
    """The rows of the picture, or None if it does not fit into so many columns."""
    if not 0 < len(steps) <= MOST_BOXES:
        return None
    places = _ordered(_placed(steps))
    total = _spread(places, width)
    if total is None:
        return None
    canvas = _Canvas(total)
    for level, row in enumerate(places):
        if level:
            canvas.lines(row, places[level - 1])
        canvas.boxes(row)
    return canvas.rows()


def _placed(steps: Sequence[Record]) -> list[list[_Place]]:
    """Boxes by layer, with places for the lines that pass through a layer."""
    needs = graph.reduced(steps)
    known = {step["name"]: step for step in steps}
    found: list[list[_Place]] = []
    last: dict[str, int] = {}
    levels = {name: level for level, names in enumerate(graph.layers(steps)) for name in names}
    lowest = dict(levels)
    for name, above in needs.items():
        for need in above:
            lowest[need] = max(lowest[need], levels[name])
    for level, names in enumerate(graph.layers(steps)):
        row: list[_Place] = []
        here: dict[str, int] = {}
        for name in names:
            step = known[name]
            shown = (name if "workflow" not in step else f"{name}: {step['workflow']['template']}", graph.label(step))
            row.append(_Place(shown, step["risk"], [last[need] for need in needs[name]]))
            here[name] = len(row) - 1
        for name, place in last.items():
            if lowest[name] > level:
                row.append(_Place(above=[place]))
                here[name] = len(row) - 1
        found.append(row)
        last = here
    return found


def _ordered(rows: list[list[_Place]]) -> list[list[_Place]]:
    """The places of each layer so that few lines cross: by where those above stand, then by where those below do."""
    orders = [list(range(len(row))) for row in rows]
    below: list[list[list[int]]] = [[[] for _ in row] for row in rows]
    for level, row in enumerate(rows[1:], 1):
        for number, place in enumerate(row):
            for above in place.above:
                below[level - 1][above].append(number)
    for turn in range(_ROUNDS):
        down = turn % 2 == 0
        for level in range(1, len(rows)) if down else range(len(rows) - 2, -1, -1):
            other = orders[level - 1 if down else level + 1]
            position = {number: at for at, number in enumerate(other)}
            before = {number: at for at, number in enumerate(orders[level])}
            neighbours = {
                number: (rows[level][number].above if down else below[level][number]) for number in orders[level]
            }
            orders[level].sort(
                key=lambda number, near=neighbours, at=position, own=before: (  # type: ignore[misc]
                    sum(at[each] for each in near[number]) / len(near[number]) if near[number] else own[number],
                    own[number],
                )
            )
    renumbered = [{number: at for at, number in enumerate(order)} for order in orders]
    found: list[list[_Place]] = []
    for level, order in enumerate(orders):
        row = [rows[level][number] for number in order]
        for place in row:
            place.above = sorted(renumbered[level - 1][each] for each in place.above)
        found.append(row)
    return found


def _spread(rows: list[list[_Place]], width: int) -> int | None:
    """Give each place its column: in the middle of those above it where that is free. The width used, None if none."""
    widest = max(sum(place.width + _GAP for place in row) - _GAP for row in rows)
    if widest > width:
        return None
    for level, row in enumerate(rows):
        wanted: list[float] = []
        total = sum(place.width + _GAP for place in row) - _GAP
        left = (widest - total) / 2
        for place in row:
            spot = left + place.width / 2
            left += place.width + _GAP
            if place.above:
                near = [rows[level - 1][each].middle for each in place.above]
                spot = sum(near) / len(near)
            wanted.append(spot)
        _settle(row, wanted, widest)
    return widest


def _settle(row: list[_Place], wanted: Sequence[float], width: int) -> None:
    """Columns as near to the wanted ones as the order and the width allow."""
    free = 0
    starts: list[int] = []
    for place, spot in zip(row, wanted, strict=True):
        start = max(free, round(spot - place.width / 2))
        starts.append(start)
        free = start + place.width + _GAP
    limit = width
    for number in range(len(row) - 1, -1, -1):
        starts[number] = min(starts[number], limit - row[number].width)
        limit = starts[number] - _GAP
    for place, start in zip(row, starts, strict=True):
        place.middle = start + place.width // 2


class _Canvas:
    """Rows of signs that grow downwards."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.signs: list[list[str]] = []
        self.risks: list[list[str]] = []

    def grow(self, count: int) -> int:
        """Add empty rows; the number of the first."""
        first = len(self.signs)
        for _ in range(count):
            self.signs.append([" "] * self.width)
            self.risks.append([""] * self.width)
        return first

    def boxes(self, row: Sequence[_Place]) -> None:
        """Draw the boxes of a layer, and what passes between them."""
        first = self.grow(4)
        for place in row:
            if not place.lines:
                for number in range(4):
                    self.signs[first + number][place.middle] = "│"
                continue
            start = place.middle - place.width // 2
            corner = _FRAMES[place.risk]
            inner = place.width - 2
            self.put(first, start, corner[0] + corner[1] * inner + corner[2], place.risk)
            for number, words in enumerate(place.lines, 1):
                self.put(first + number, start, corner[3] + words.center(inner) + corner[3], place.risk)
            self.put(first + 3, start, corner[4] + corner[1] * inner + corner[5], place.risk)

    def put(self, row: int, column: int, words: str, risk: str) -> None:
        """Write signs into a row."""
        for number, sign in enumerate(words):
            self.signs[row][column + number] = sign
            self.risks[row][column + number] = risk

    def lines(self, row: Sequence[_Place], above: Sequence[_Place]) -> None:
        """Draw the lines between two layers: down from each place, along a row of its own, down to those below."""
        goals: dict[int, list[int]] = {}
        for place in row:
            for each in place.above:
                goals.setdefault(each, []).append(place.middle)
        if not goals:
            self.grow(1)
            return
        begins = {each: _begin(above[each], each, goals) for each in goals}
        tracks = _tracks({begins[each]: ends for each, ends in goals.items()})
        count = max(tracks.values()) + 1
        sides: list[dict[int, int]] = [{} for _ in range(count)]

        def join(at: int, column: int, side: int) -> None:
            sides[at][column] = sides[at].get(column, 0) | side

        for each, ends in goals.items():
            begin = begins[each]
            track = tracks[begin]
            for at in range(track):
                join(at, begin, _UP | _DOWN)
            join(track, begin, _UP)
            low, high = min(begin, *ends), max(begin, *ends)
            for column in range(low, high):
                join(track, column, _RIGHT)
                join(track, column + 1, _LEFT)
            for end in ends:
                join(track, end, _DOWN)
                for at in range(track + 1, count):
                    join(at, end, _UP | _DOWN)
        first = self.grow(count)
        for at, columns in enumerate(sides):
            for column, side in columns.items():
                self.signs[first + at][column] = _LINES[side]

    def rows(self) -> list[list[Piece]]:
        """The rows as pieces of one risk each, without blanks at the end."""
        found: list[list[Piece]] = []
        for signs, risks in zip(self.signs, self.risks, strict=True):
            end = len("".join(signs).rstrip())
            pieces: list[Piece] = []
            for sign, risk in zip(signs[:end], risks[:end], strict=True):
                if pieces and pieces[-1][1] == risk:
                    pieces[-1] = (pieces[-1][0] + sign, risk)
                else:
                    pieces.append((sign, risk))
            found.append(pieces)
        return found


def _begin(place: _Place, number: int, goals: Mapping[int, Sequence[int]]) -> int:
    """The column in which a line leaves a box: its middle, or beside it where another's line comes down."""
    own = goals[number]
    foreign = any(place.middle in ends for each, ends in goals.items() if each != number) and place.middle not in own
    return place.middle + 2 if foreign and place.lines else place.middle


def _tracks(goals: Mapping[int, Sequence[int]]) -> dict[int, int]:
    """A row for each line's level part, so that no two lie over each other and no line ends in another.

    A line that begins where another ends must leave its column above that one's level part, if it can.
    """
    free: dict[int, list[tuple[int, int]]] = {}
    found: dict[int, int] = {}
    waiting = {begin: (min(begin, *ends), max(begin, *ends)) for begin, ends in goals.items()}
    order: list[int] = []
    left = set(goals)
    while left:
        # first those whose ends are the beginning of no other that is still to be laid
        ready = [each for each in left if not any(end in left and end != each for end in goals[each])] or list(left)
        chosen = min(ready)
        left.remove(chosen)
        order.append(chosen)
    for begin in order:
        low, high = waiting[begin]
        least = max((found[other] + 1 for other in found if other in goals[begin] and other != begin), default=0)
        track = least
        while any(low <= end + 1 and start <= high + 1 for start, end in free.get(track, ())):
            track += 1
        free.setdefault(track, []).append((low, high))
        found[begin] = track
    return found
