"""Titles: where they stand, and for how long, so that they can be read."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from roadmap_cli.edl import timecode

if TYPE_CHECKING:
    from roadmap_cli.edl.planning.planned import Layout, Setting

#: Reading takes a second and a third of one for each word; a title stands for so long at least and at most.
_START_S, _WORD_S, _LEAST_S, _MOST_S = Fraction(1), Fraction(1, 3), Fraction(2), Fraction(6)
#: Height of letters as a share of the picture: one line in the middle, and below.
_SIZE, _LOWER_SIZE = 0.09, 0.055


@dataclass(frozen=True, slots=True)
class Title:
    """A title at its place."""

    text: str
    first: int
    end: int
    place: str
    size: float
    fade: int
    why: str
    evidence: tuple[str, ...]


def placed(setting: Setting, layout: Layout) -> list[Title]:
    """The titles asked for: opening ones one after the other from the start, closing ones at the end.

    A trailer keeps its title for the end, as trailers do.
    """
    reading, fps = setting.reading, setting.fps
    if reading.no_titles:
        return []
    opening = [title for title in reading.titles if not title.at_end]
    closing = [title for title in reading.titles if title.at_end]
    trailer = reading.style.name == "trailer" and len(opening) == 1 and not closing
    if trailer:
        opening, closing = [], opening
    found: list[Title] = []
    at = min(timecode.round_half_up(fps / 2), layout.length // 10)
    upright = setting.height > setting.width
    for title in opening:
        end = min(layout.length, at + _frames(title.text, fps))
        if end - at < fps / 2:
            break
        found.append(
            _title(title.text, at, end, title.place, layout, fps, "opening title, as asked for", upright=upright)
        )
        at = end
    end = layout.length
    for title in reversed(closing):
        first = max(0, end - _frames(title.text, fps))
        if end - first < fps / 2:
            break
        why = "title kept for the end, as trailers do" if trailer else "closing title, as asked for"
        found.append(_title(title.text, first, end, title.place, layout, fps, why, upright=upright))
        end = first
    return sorted(found, key=lambda title: title.first)


def _title(
    text: str, first: int, end: int, place: str, layout: Layout, fps: Fraction, why: str, *, upright: bool
) -> Title:
    size = _LOWER_SIZE if place == "lower" else _SIZE
    longest = max(len(line) for line in text.split("\n"))
    # Letters are about half as wide as high: a long line must fit nine tenths of the width.
    aspect = 9 / 16 if upright else 16 / 9
    size = min(size, 0.9 * aspect / (0.55 * max(1, longest)))
    words = len(text.split())
    under = tuple(
        unit.shot["id"]
        for unit, start in zip(layout.units, layout.starts, strict=True)
        if start < end and start + unit.shown > first
    )[:2]
    fade = min(timecode.round_half_up(fps / 2), (end - first) // 4)
    why = f"{why}: {words} {'word' if words == 1 else 'words'} stand for {float((end - first) / fps):.1f} s"
    return Title(text, first, end, place, round(size, 4), fade, why, under)


def _frames(text: str, fps: Fraction) -> int:
    seconds = min(max(_START_S + _WORD_S * len(text.split()), _LEAST_S), _MOST_S)
    return timecode.round_half_up(seconds * fps)
