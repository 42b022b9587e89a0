"""Unified diffs as models write them: hunks with lines that miscount, line numbers that are guesses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from roadmap_cli.agent.drivers.llm.placing import NoPlaceError
from roadmap_cli.agent.drivers.llm.shown import Shown

_HUNK = re.compile(r"@@(?: -(\d{1,9})(?:,\d{1,9})? \+\d{1,9}(?:,\d{1,9})? @@| )?")


@dataclass(slots=True)
class Hunk:
    """One hunk: lines with their signs, and the line (from 0) it says it begins at."""

    file: str | None
    near: int | None
    signs: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def side(self, but: str) -> list[str]:
        """Its lines but those of one sign."""
        return [line for sign, line in zip(self.signs, self.lines, strict=True) if sign != but]

    @property
    def context(self) -> tuple[int, int]:
        """How many lines at its beginning and end are context."""
        above = next((n for n, sign in enumerate(self.signs) if sign != " "), len(self.signs))
        below = next((n for n, sign in enumerate(reversed(self.signs)) if sign != " "), 0)
        return above, below


def hunks(lines: Sequence[str], shown: Shown, most: int) -> list[Hunk]:
    """The hunks of all diffs in a reply. Raises NoPlaceError for a file that was not shown, and for too many."""
    found: list[Hunk] = []
    file: str | None = None
    hunk: Hunk | None = None
    number = 0
    while number < len(lines):
        line = lines[number]
        if line.startswith("--- ") and number + 1 < len(lines) and lines[number + 1].startswith("+++ "):
            file = shown.named(_path_of(lines[number + 1][4:])) or shown.named(_path_of(line[4:]))
            if file is None:
                name = _path_of(lines[number + 1][4:])[:80]
                raise NoPlaceError(f"the diff changes {name!r}, which is not shown")
            hunk = None
            number += 2
            continue
        start = _HUNK.match(line) if line.startswith("@@") else None
        if start:
            hunk = Hunk(file, int(start[1]) - 1 if start[1] else None)
            found.append(hunk)
            if len(found) > most:
                raise NoPlaceError(f"the diff has more than {most} hunks")
        elif hunk is not None:
            if line[:1] in ("+", "-", " "):
                hunk.signs.append(line[0])
                hunk.lines.append(line[1:])
            elif not line:
                hunk.signs.append(" ")
                hunk.lines.append("")
            elif not line.startswith("\\"):
                hunk = None
        number += 1
    for each in found:  # empty lines at the end of a reply are no context
        while each.signs and each.signs[-1] == " " and not each.lines[-1].strip():
            each.signs.pop()
            each.lines.pop()
    return [each for each in found if "+" in each.signs or "-" in each.signs]


def _path_of(words: str) -> str:
    path = words.split("\t")[0].strip().strip('"')
    return path[2:] if path[:2] in ("a/", "b/") else path
