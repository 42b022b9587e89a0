"""The sound that shots were recorded with, off or on again, in whole shots or for a span of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from roadmap_cli.core.records import Record
from roadmap_cli.edl import edit as fields
from roadmap_cli.edl.feedback.material import Edit
from roadmap_cli.edl.feedback.proof import Corrected, Measured, Refused, of_cuts
from roadmap_cli.edl.feedback.relaying import parted, relaid, source_frame
from roadmap_cli.edl.planning import LEAST_FRAMES


def correct(edit: Edit, chosen: Sequence[int], frames: tuple[int, int] | None, sign: int) -> Corrected:
    """Turn the own sound of cuts off (`sign` +1) or on, or only within programme frames `frames`. Raises Refused."""
    off = sign > 0
    sounding = [n for n in chosen if edit.sources[edit.cuts[n]["source_id"]].get("has_sound") is not False]
    if not sounding:
        raise Refused("no sound was recorded there")
    todo = [n for n in sounding if fields.sound(edit.cuts[n]).mute != off]
    if not todo:
        raise Refused("it is silent there already" if off else "the sound recorded there is on already")
    pieces: list[Record] = []
    for n, cut in enumerate(edit.cuts):
        pieces += _within(edit, cut, frames, off) if n in todo else [cut]
    now, then = (float(len(todo)), 0.0) if off else (0.0, float(len(todo)))
    measured = Measured("shots with their own sound", "shots", now, then, then)
    return Corrected(relaid(edit, pieces), (measured,), f"{'off' if off else 'on'} in {of_cuts(len(todo))}")


def _within(edit: Edit, cut: Record, frames: tuple[int, int] | None, off: bool) -> list[Record]:
    """A cut with its sound off or on between two programme frames; what would be a flash beside them goes along."""
    start, stop = int(cut["timeline_in_frame"]), int(cut["timeline_out_frame"])
    first, end = (max(start, frames[0]), min(stop, frames[1])) if frames else (start, stop)
    first = start if first - start < LEAST_FRAMES else first
    end = stop if stop - end < LEAST_FRAMES else end
    at = [source_frame(cut, frame, edit.fps) for frame in (start, first, end, stop)]
    spans = [(a, b) for a, b in pairwise(at) if b > a]
    made = parted(cut, spans) if len(spans) > 1 else [cut]
    return [_set(piece, off) if piece["in_frame"] >= at[1] and piece["out_frame"] <= at[2] else piece for piece in made]


def _set(cut: Record, off: bool) -> Record:
    """A cut with its sound off or on. What is silent neither leads nor lags."""
    told = replace(fields.sound(cut), mute=off)
    told = replace(told, lead_frames=0, lag_frames=0) if off else told
    made = {name: value for name, value in cut.items() if name != "sound"}
    return made | ({"sound": told.record()} if told.record() else {})
