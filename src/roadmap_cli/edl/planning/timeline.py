"""A plan as a picture of characters: shots, joints, beats, music and titles along the time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from roadmap_cli.core.records import Record
from roadmap_cli.edl import timecode

_ROLES = {"setup": "S", "turn": "T", "peak": "P", "resolution": "R", "hook": "H", "replay": "=", "cutaway": "c"}
_SOUNDS = {"drone": "~", "hit": "!", "riser": "/", "swell": "^", "pulse": ":"}
_JOINTS = {"dissolve": "x", "fade_black": "#", "fade_white": "o"}
_LABEL = 8


def drawn(plan: Record, things: Sequence[Record], width: int) -> list[tuple[str, str]]:
    """Lines of the picture, each with what it shows (for its colour): about `width` characters wide."""
    cuts = [thing for thing in things if thing["kind"] == "edl.cut"]
    titles = [thing for thing in things if thing["kind"] == "edl.title"]
    cues = [thing for thing in things if thing["kind"] == "edl.cue"]
    fps = timecode.rational(plan["fps"], field="fps")
    length = max(int(plan["length_frames"]), 1)
    columns = max(20, width - _LABEL - 1)

    def column(frame: int) -> int:
        return min(columns - 1, frame * columns // length)

    lines = [("head", _head(plan, cuts, fps)), ("ruler", _labelled("time", _ruler(length, fps, columns)))]
    lines.append(("shots", _labelled("shots", _shots(cuts, column, columns))))
    joints = [" "] * columns
    for cut in cuts:
        change, sound = cut.get("transition"), cut.get("sound") or {}
        if isinstance(change, Mapping):
            joints[column(cut["timeline_in_frame"])] = _JOINTS.get(str(change.get("sort")), "w")
        elif sound.get("lead_frames") or sound.get("lag_frames"):
            joints[column(cut["timeline_in_frame"])] = "J" if sound.get("lead_frames") else "L"
    if any(mark != " " for mark in joints):
        lines.append(("joints", _labelled("joints", "".join(joints))))
    roles = [(c["timeline_in_frame"], c["timeline_out_frame"], _ROLES.get(str(c.get("role")), " ")) for c in cuts]
    story = _spread(roles, column, columns)
    if story.strip():
        lines.append(("story", _labelled("story", story)))
    for name, chosen in (
        ("music", [c for c in cues if "source_id" in c]),
        ("sounds", [c for c in cues if "source_id" not in c]),
    ):
        marks = [
            (c["timeline_in_frame"], c["timeline_out_frame"], _SOUNDS.get(str(c.get("sound")), "-")) for c in chosen
        ]
        if marks:
            lines.append((name, _labelled(name, _spread(marks, column, columns))))
    if titles:
        lines.append(("titles", _labelled("titles", _written(titles, column, columns))))
    lines.append(("key", _key(lines, cuts)))
    return lines


def listed(plan: Record, things: Sequence[Record]) -> list[str]:
    """The cuts, titles and cues one a line: time, what, why."""
    fps = timecode.rational(plan["fps"], field="fps")
    found = []
    for thing in things:
        at = timecode.clock(thing["timeline_in_frame"], fps)
        if thing["kind"] == "edl.cut":
            name = str(thing.get("source", "")).rpartition("/")[2]
            what = f"{thing['position']:>3}  {name} {thing['in_frame']}-{thing['out_frame']}"
        elif thing["kind"] == "edl.title":
            what = f"     title {thing['text']!r}"
        else:
            what = f"     {thing.get('sound') or 'music'}"
        found.append(f"{at}  {what}  {thing.get('reason', '')}")
    return found


def _head(plan: Record, cuts: Sequence[Record], fps: Fraction) -> str:
    lengths = sorted(cut["timeline_out_frame"] - cut["timeline_in_frame"] for cut in cuts)
    median = f", median shot {float(lengths[len(lengths) // 2] / fps):.1f} s" if lengths else ""
    count = f"{len(cuts)} cut{'s' * (len(cuts) != 1)}"
    return (
        f"{plan.get('style', '')}: {timecode.clock(int(plan['length_frames']), fps)}, {count}{median}, "
        f"{plan['width']}x{plan['height']}, {float(fps):.5g} frames a second"
    )


def _ruler(length: int, fps: Fraction, columns: int) -> str:
    seconds = length / fps
    steps = (Fraction(1, 2), 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
    step = next((Fraction(s) for s in steps if seconds / Fraction(s) <= columns / 8), Fraction(7200))
    marks = [" "] * columns
    at = Fraction(0)
    while at <= seconds:
        text = f"|{float(at):g}" if step < 60 else f"|{int(at) // 60}:{int(at) % 60:02d}"
        place = int(at * columns / seconds) if seconds else 0
        if place + len(text) <= columns:
            marks[place : place + len(text)] = text
        at += step
    return "".join(marks)


def _shots(cuts: Sequence[Record], column: object, columns: int) -> str:
    """Each shot from its bar to the next, with its number where there is room."""
    marks = ["."] * columns
    for cut in cuts:
        first, end = column(cut["timeline_in_frame"]), column(cut["timeline_out_frame"])  # type: ignore[operator]
        marks[first] = "|"
        text = str(cut["position"])
        if end - first > len(text) + 1:
            marks[first + 1 : first + 1 + len(text)] = text
    return "".join(marks)


def _spread(marks: Sequence[tuple[int, int, str]], column: object, columns: int) -> str:
    line = [" "] * columns
    for first, end, mark in marks:
        for place in range(column(first), max(column(end), column(first) + 1)):  # type: ignore[operator]
            if line[place] == " " or mark != "~":
                line[place] = mark
    return "".join(line)


def _written(titles: Sequence[Record], column: object, columns: int) -> str:
    line = [" "] * columns
    for title in titles:
        first, end = column(title["timeline_in_frame"]), column(title["timeline_out_frame"])  # type: ignore[operator]
        text = f'"{title["text"]}"'.replace("\n", " ")
        first = max(0, min(first, columns - len(text)))
        shown = text[: max(end - first, min(len(text), columns - first))]
        line[first : first + len(shown)] = shown
    return "".join(line)


def _key(lines: Sequence[tuple[str, str]], cuts: Sequence[Record]) -> str:
    words = ["| cut"]
    names = {name for name, _ in lines}
    drawn_lines = {name: line[_LABEL:] for name, line in lines}
    if "joints" in names:
        known = (("x", "dissolve"), ("#", "black"), ("w", "wipe"), ("J", "sound leads"), ("L", "sound lags"))
        words += [f"{mark} {what}" for mark, what in known if mark in drawn_lines["joints"]]
    if "story" in names:
        words += [f"{mark} {role}" for role, mark in _ROLES.items() if mark in drawn_lines["story"]]
    if "sounds" in names:
        words += [f"{mark} {sound}" for sound, mark in _SOUNDS.items() if mark in drawn_lines["sounds"]]
    return " " * _LABEL + "  ".join(words) if cuts else ""


def _labelled(name: str, line: str) -> str:
    return f"{name:<{_LABEL}}{line}".rstrip()
