"""Cuts laid anew one after the other after some of them changed, with everything that hangs on them.

Transitions and fades stay as long as they fit and their handles are there; titles and cues go along with the cut in
which they begin and end.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from roadmap_cli.core.records import Record
from roadmap_cli.edl import edit as fields
from roadmap_cli.edl import timecode
from roadmap_cli.edl.feedback.material import Edit


def origin(thing: Record) -> str:
    """What a thing goes back to."""
    return str(thing.get("origin_id") or thing["id"])


def shown(cut: Record, fps: Fraction) -> int:
    """How many programme frames a cut fills."""
    rate, speed = timecode.rational(cut["fps"], field="fps"), timecode.rational(cut["speed"], field="speed")
    return timecode.frames_shown(cut["out_frame"] - cut["in_frame"], rate, speed, fps)


def relaid(edit: Edit, cuts: Sequence[Record]) -> Edit:
    """The edit with these cuts in this order, one after the other from frame 0."""
    fps = edit.fps
    made: list[Record] = []
    start = 0
    for position, cut in enumerate(cuts):
        length = shown(cut, fps)
        placed = {**cut, "position": position, "timeline_in_frame": start, "timeline_out_frame": start + length}
        made.append(_fitting(edit, placed, made[-1] if made else None, length))
        start += length
    both = {origin(cut): cut for cut in made}
    new = replace(edit, cuts=tuple(made))
    titles = [t for t in (_moved(edit, both, thing, start, whole=False) for thing in edit.titles) if t]
    cues = [t for t in (_moved(edit, both, thing, start, whole=True) for thing in edit.cues) if t]
    return replace(new, titles=tuple(titles), cues=tuple(cues))


def _fitting(edit: Edit, cut: Record, before: Record | None, length: int) -> Record:
    """A cut whose transition, fades and sound edges fit into its new length and place."""
    made = dict(cut)
    change = fields.transition(made)
    if change is not None:
        most = 0 if before is None else min(length, before["timeline_out_frame"] - before["timeline_in_frame"]) // 2
        frames = min(change.frames, most)
        while frames and before is not None and not _has_handle(edit, before, made, frames):
            frames -= 1
        if frames >= 2:
            made["transition"] = {**made["transition"], "frames": frames}
        else:
            del made["transition"]
    for name in ("fade_in_frames", "fade_out_frames"):
        if name in made:
            made[name] = min(made[name], length // 2)
            if not made[name]:
                del made[name]
    told = fields.sound(made)
    if told.lead_frames or told.lag_frames:
        fitted = replace(
            told, lead_frames=min(told.lead_frames, length // 2), lag_frames=min(told.lag_frames, length // 2)
        )
        made["sound"] = fitted.record()
    return made


def _has_handle(edit: Edit, before: Record, cut: Record, frames: int) -> bool:
    """Whether the cut before has source frames left for a transition of so many frames."""
    probe = {**cut, "transition": {**cut["transition"], "frames": frames}}
    needed = fields.handle_frames(before, probe, edit.fps)
    last = edit.sources.get(before["source_id"], {}).get("frames")
    return last is None or before["out_frame"] + needed <= int(last)


def _moved(edit: Edit, new: dict[str, Record], thing: Record, total: int, *, whole: bool) -> Record | None:
    """A title or cue at its new place; None if nothing is left of it."""
    first, end = int(thing["timeline_in_frame"]), int(thing["timeline_out_frame"])
    start = _at(edit, new, first, total)
    # Music runs from moment to moment, a title for as long as it did.
    moment = total if end >= edit.length else _at(edit, new, end, total)
    stop = moment if whole else min(total, start + end - first)
    if stop - start < 1:
        return None
    made = {**thing, "timeline_in_frame": start, "timeline_out_frame": stop}
    for name in ("fade_in_frames", "fade_out_frames", "fade_frames"):
        if name in made:
            made[name] = min(made[name], (stop - start) // 2)
    return made


def _at(edit: Edit, new: dict[str, Record], frame: int, total: int) -> int:
    """Where a programme frame went: as far into its cut as it was, or the next cut that is left."""
    starts = [int(cut["timeline_in_frame"]) for cut in edit.cuts]
    index = max(0, bisect_right(starts, frame) - 1)
    cut = edit.cuts[index]
    if (kept := new.get(origin(cut))) is not None:
        length = kept["timeline_out_frame"] - kept["timeline_in_frame"]
        return int(kept["timeline_in_frame"]) + min(frame - int(cut["timeline_in_frame"]), int(length))
    for later in edit.cuts[index + 1 :]:
        if (kept := new.get(origin(later))) is not None:
            return int(kept["timeline_in_frame"])
    return total
