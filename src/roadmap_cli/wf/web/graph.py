"""The steps of a plan as an SVG drawing: each in the column after the last one it needs, coloured by how it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from roadmap_cli.core.records import Record
from roadmap_cli.wf.web.html import Markup, tag

_WIDE, _HIGH, _ACROSS, _DOWN = 200, 44, 60, 18
_MOST_LETTERS = 20


def columns(steps: Sequence[Record]) -> list[list[Record]]:
    """Steps by how many must be done before them."""
    place: dict[str, int] = {}
    found: list[list[Record]] = []
    for step in steps:  # in the order of a plan, where needs come first
        at = max((place.get(need, -1) + 1 for need in step.get("needs", ())), default=0)
        place[step["name"]] = at
        while len(found) <= at:
            found.append([])
        found[at].append(step)
    return found


def drawn(steps: Sequence[Record], statuses: Mapping[str, str]) -> Markup:
    """The drawing, with a title for each step that says what its colour says."""
    found = columns(steps)
    corner = {
        step["name"]: (x * (_WIDE + _ACROSS) + 4, y * (_HIGH + _DOWN) + 4)
        for x, column in enumerate(found)
        for y, step in enumerate(column)
    }
    wide = len(found) * (_WIDE + _ACROSS) - _ACROSS + 8
    high = max((len(column) for column in found), default=1) * (_HIGH + _DOWN) - _DOWN + 8
    lines = [
        _line(corner[need], corner[step["name"]]) for step in steps for need in step.get("needs", ()) if need in corner
    ]
    boxes = [_box(step, corner[step["name"]], statuses.get(step["name"], "planned")) for step in steps]
    return tag(
        "svg", tag("title", f"{len(steps)} steps"), lines, boxes, viewBox=f"0 0 {wide} {high}", width=wide, height=high,
        role="img", class_="graph",
    )  # fmt: skip


def _line(start: tuple[int, int], end: tuple[int, int]) -> Markup:
    x, y, to_x, to_y = start[0] + _WIDE, start[1] + _HIGH // 2, end[0], end[1] + _HIGH // 2
    bend = (x + to_x) // 2
    return tag("path", d=f"M{x} {y} C{bend} {y} {bend} {to_y} {to_x} {to_y}", class_="edge")


def _box(step: Record, corner: tuple[int, int], status: str) -> Markup:
    x, y = corner
    name = step["name"] if len(step["name"]) <= _MOST_LETTERS else step["name"][: _MOST_LETTERS - 1] + "…"
    style = f"box {_word(status)} risk-{_word(step['risk'])}"
    return tag(
        "g", tag("title", f"{step['name']}: {status}, as {step['role']}, risk {step['risk']}"),
        tag("rect", x=x, y=y, width=_WIDE, height=_HIGH, rx=5, class_=style), tag("text", name, x=x + 10, y=y + 18),
        tag("text", f"{step['role']} · {status}", x=x + 10, y=y + 35, class_="small"),
    )  # fmt: skip


def _word(text: str) -> str:
    """A name of a style: letters only."""
    return "".join(each for each in text if each.isascii() and each.isalpha()) or "unknown"
