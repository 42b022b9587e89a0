"""Cuts laid anew one after the other after some of them changed, with everything that hangs on them.

Transitions and fades stay as long as they fit and their handles are there; titles and cues go along with the cut in
which they begin and end.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from roadmap_cli.core.records import Record, content_id
from roadmap_cli.edl import edit as fields
from roadmap_cli.edl import timecode
from roadmap_cli.edl.feedback.material import Edit

#: A title that ends so near to the end of the edit closes it.
CLOSING_FRAMES = 12


def origin(thing: Record) -> str:
    """What a thing goes back to."""
    return str(thing.get("origin_id") or thing["id"])


def shown(cut: Record, fps: Fraction) -> int:
    """How many programme frames a cut fills."""
    rate, speed = timecode.rational(cut["fps"], field="fps"), timecode.rational(cut["speed"], field="speed")
    return timecode.frames_shown(cut["out_frame"] - cut["in_frame"], rate, speed, fps)


def relaid(edit: Edit, cuts: Sequence[Record]) -> Edit:
    """The edit with these cuts in this order, from frame 0 on; what shows the same is as long as it was."""
    fps = edit.fps
    before = {origin(cut): cut for cut in edit.cuts}
    made: list[Record] = []
    start = 0
    for position, cut in enumerate(cuts):
        was = before.get(origin(cut))
        length = _length(was) if was is not None and _frames(was) == _frames(cut) else shown(cut, fps)
        placed = {**cut, "position": position, "timeline_in_frame": start, "timeline_out_frame": start + length}
        made.append(_fitting(edit, placed, made[-1] if made else None, length))
        start += length
    _fit_sounds(made)
    both = {origin(cut): cut for cut in made}
    new = replace(edit, cuts=tuple(made))
    titles = [t for t in (_moved(edit, both, thing, start, whole=False) for thing in edit.titles) if t]
    cues = [t for t in (_moved(edit, both, thing, start, whole=True) for thing in edit.cues) if t]
    return replace(new, titles=tuple(titles), cues=tuple(cues))


def _frames(cut: Record) -> tuple[object, ...]:
    return tuple(cut.get(name) for name in ("source_id", "in_frame", "out_frame", "fps", "speed"))


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


def _fit_sounds(cuts: list[Record]) -> None:
    """Sounds that lead or lag lie under the cut beside theirs, and only one at a joint: where two meet, the longer."""
    for place, cut in enumerate(cuts):
        told = fields.sound(cut)
        if not (told.lead_frames or told.lag_frames):
            continue
        before = cuts[place - 1] if place else None
        lead = min(told.lead_frames, _length(before))
        lag = min(told.lag_frames, _length(cuts[place + 1] if place + 1 < len(cuts) else None))
        if before is not None and lead and (lagging := fields.sound(before)).lag_frames:
            if lead > lagging.lag_frames:
                cuts[place - 1] = {**before, "sound": replace(lagging, lag_frames=0).record()}
            else:
                lead = 0
        if (lead, lag) != (told.lead_frames, told.lag_frames):
            cuts[place] = {**cut, "sound": replace(told, lead_frames=lead, lag_frames=lag).record()}


def _length(cut: Record | None) -> int:
    return 0 if cut is None else int(cut["timeline_out_frame"] - cut["timeline_in_frame"])


def source_frame(cut: Record, frame: int, fps: Fraction) -> int:
    """The source frame of a cut that a programme frame shows; its edges at its ends and beyond."""
    start, stop = int(cut["timeline_in_frame"]), int(cut["timeline_out_frame"])
    if frame >= stop:
        return int(cut["out_frame"])
    if frame <= start:
        return int(cut["in_frame"])
    rate, speed = timecode.rational(cut["fps"], field="fps"), timecode.rational(cut["speed"], field="speed")
    return min(int(cut["out_frame"]), int(cut["in_frame"]) + timecode.frames_needed(frame - start, rate, speed, fps))


def parted(cut: Record, spans: Sequence[tuple[int, int]]) -> list[Record]:
    """What is left of a cut: spans of its source frames, in order; the first piece keeps its identity."""
    made = []
    last = len(spans) - 1
    told = fields.sound(cut)
    for number, (first, end) in enumerate(spans):
        piece = {**cut, "in_frame": first, "out_frame": end}
        if number:
            name = content_id("edl.cut", origin_id=origin(cut), in_frame=first)
            piece |= {"id": name, "origin_id": name}
            for field in ("transition", "fade_in_frames"):
                piece.pop(field, None)
        if number < last:
            piece.pop("fade_out_frames", None)
        if "sound" in piece:
            piece["sound"] = replace(
                told, lead_frames=0 if number else told.lead_frames, lag_frames=told.lag_frames if number == last else 0
            ).record()
        made.append(piece)
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
    start = gone_to(edit, new, first, total)
    if not whole and start >= total and end >= edit.length - CLOSING_FRAMES:
        start = max(0, total - (end - first))  # a title that closes the edit still does
    # Music runs from moment to moment, a title for as long as it did.
    moment = total if end >= edit.length else gone_to(edit, new, end, total)
    stop = moment if whole else min(total, start + end - first)
    if stop - start < 1:
        return None
    made = {**thing, "timeline_in_frame": start, "timeline_out_frame": stop}
    for name in ("fade_in_frames", "fade_out_frames", "fade_frames"):
        if name in made:
            made[name] = min(made[name], (stop - start) // 2)
    return made


def gone_to(edit: Edit, new: dict[str, Record], frame: int, total: int) -> int:
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
