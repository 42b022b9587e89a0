"""Where an edit belongs: the one place in a file that its old lines fit, or none.

The rule it keeps: what fits in several places, or only by guessing, is refused. Lines are compared exactly, then
without what stands at their ends, then with all of them indented by the same more or less; diffs may lose up to two
lines of context at either end. Each comparison is a search for one text in another, so time grows with their lengths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Lines of context that a diff may have wrong at either end, as in patch(1), and how many must be left.
FUZZ = 2
FEWEST_LINES = 2
_MOST_PLACES = 8


class NoPlaceError(Exception):
    """An edit fits nowhere, or in several places; its text says which, in words for the model."""


@dataclass(frozen=True, slots=True)
class Place:
    """Lines `start` up to, not including, `end` (from 0), and the indentation to be added (or removed) there."""

    start: int
    end: int
    add: str = ""
    remove: str = ""

    def shifted(self, lines: Sequence[str]) -> list[str]:
        """New lines as they must be indented here."""
        found = []
        for line in lines:
            if self.remove and line.startswith(self.remove):
                line = line[len(self.remove) :]
            found.append(self.add + line if line.strip() else line)
        return found


def place(have: Sequence[str], wanted: Sequence[str], *, near: int | None = None) -> Place:
    """Where lines stand among others. `near` is the line (from 0) at which they are said to stand.

    Raises NoPlaceError if they are not there, or in several places none of which is `near`.
    """
    if not any(line.strip() for line in wanted):
        raise NoPlaceError("there are no lines to search for")
    for way in (_as_it_is, str.rstrip):
        starts = _starts([way(line) for line in have], [way(line) for line in wanted])
        if starts:
            return _only(starts, len(wanted), near)
    bare = [line.strip() for line in wanted]
    starts = _starts([line.strip() for line in have], bare)
    fitting = [found for start in starts if (found := _indented(have, wanted, start))]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise NoPlaceError(f"the lines to search for stand in {_count(fitting)} places")
    raise NoPlaceError("the lines to search for are not in the file")


def place_hunk(
    have: Sequence[str], wanted: Sequence[str], context: tuple[int, int], near: int | None
) -> tuple[Place, int, int]:
    """As `place`, for a hunk of a diff with `context` lines of context at its beginning and end, which may be wrong.

    With the place come the numbers of lines of context that were left out, above and below: it is that of the rest.
    Raises NoPlaceError.
    """
    first = NoPlaceError("")
    for lost in range(FUZZ + 1):
        above, below = min(lost, context[0]), min(lost, context[1])
        part = wanted[above : len(wanted) - below]
        if lost and ((above, below) == (0, 0) or sum(bool(line.strip()) for line in part) < FEWEST_LINES):
            break
        try:
            found = place(have, part, near=None if near is None else near + above)
        except NoPlaceError as error:
            if "places" in str(error):
                raise
            first = first if str(first) else error
            continue
        return found, above, below
    raise first


def _as_it_is(line: str) -> str:
    return line


def _starts(have: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """The lines at which other lines stand, at most a few of them."""
    text, part = "\n" + "\n".join(have) + "\n", "\n" + "\n".join(wanted) + "\n"
    found, at, line, counted = list[int](), 0, 0, 0
    while len(found) < _MOST_PLACES:
        at = text.find(part, at)
        if at < 0:
            break
        line += text.count("\n", counted, at)
        counted = at
        found.append(line)
        at += 1
    return found


def _only(starts: Sequence[int], length: int, near: int | None) -> Place:
    if len(starts) == 1:
        return Place(starts[0], starts[0] + length)
    if near in starts:
        assert near is not None
        return Place(near, near + length)
    raise NoPlaceError(f"the lines to search for stand in {_count(starts)} places")


def _count(found: Sequence[object]) -> str:
    return f"{len(found)} or more" if len(found) >= _MOST_PLACES else str(len(found))


def _indented(have: Sequence[str], wanted: Sequence[str], start: int) -> Place | None:
    """The place of lines that differ from those there by the same indentation throughout."""
    shift: tuple[str, str] | None = None
    for offset, line in enumerate(wanted):
        if not line.strip():
            continue
        there, here = _indent(have[start + offset]), _indent(line)
        if there.endswith(here):
            this = (there[: len(there) - len(here)], "")
        elif here.endswith(there):
            this = ("", here[: len(here) - len(there)])
        else:
            return None
        if shift is None:
            shift = this
        elif this != shift:
            return None
    return None if shift is None else Place(start, start + len(wanted), *shift)


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]
