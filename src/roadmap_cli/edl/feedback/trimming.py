"""Shots trimmed at one end: their first or their last frames go, and the gap is closed."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from roadmap_cli.core.records import Record
from roadmap_cli.edl import timecode
from roadmap_cli.edl.feedback import recutting
from roadmap_cli.edl.feedback.material import Edit
from roadmap_cli.edl.feedback.proof import Corrected, Measured, Refused, name_of, of_cuts
from roadmap_cli.edl.feedback.relaying import relaid, source_frame
from roadmap_cli.edl.planning import LEAST_FRAMES


def correct(edit: Edit, chosen: Sequence[int], sign: int, off_s: float) -> Corrected:
    """Take seconds off the start of cuts (`sign` +1) or off their end. Raises Refused if none is long enough."""
    frames = timecode.round_half_up(Fraction(off_s).limit_denominator(10_000) * edit.fps)
    if frames < 1:
        raise Refused(f"{off_s:g} s are less than a frame")
    cuts = list(edit.cuts)
    short: list[tuple[int, str]] = []
    notes: list[str] = []
    for n in chosen:
        cut = cuts[n]
        long = int(cut["timeline_out_frame"]) - int(cut["timeline_in_frame"])
        if long - frames < LEAST_FRAMES:
            short.append(
                (n, f"{name_of(cut)} is {_seconds(edit, long)} long: {_seconds(edit, frames)} less leave nothing")
            )
            continue
        cuts[n], gone = _trimmed(edit, cut, frames, sign)
        if recutting.spoken(edit, gone):
            notes.append(f"somebody speaks in what went of {name_of(cut)}")
    if len(short) == len(chosen):
        lengths = recutting.seconds(edit, [n for n, _ in short])
        measured = [
            Measured("length of a shot", "s", before, thing=edit.cuts[n])
            for (n, _), before in zip(short, lengths, strict=True)
        ]
        raise Refused(short[0][1], measured)
    made = relaid(edit, cuts)
    done = [n for n in chosen if made.cuts[n] != edit.cuts[n] and n not in dict(short)]
    before, after = recutting.seconds(edit, done), recutting.seconds(made, done)
    told = tuple(
        Measured("length of a shot", "s", was, was - float(frames / edit.fps), now, edit.cuts[n])
        for n, was, now in zip(done, before, after, strict=True)
    )
    what = f"{frames} frames off the {'start' if sign > 0 else 'end'} of {of_cuts(len(done))}"
    return Corrected(made, told, what, (*(f"{why}: it stays" for _, why in short), *notes))


def _trimmed(edit: Edit, cut: Record, frames: int, sign: int) -> tuple[Record, Record]:
    """A cut without its first or last programme frames, and what went of it."""
    if sign > 0:
        at = source_frame(cut, int(cut["timeline_in_frame"]) + frames, edit.fps)
        return {**cut, "in_frame": at}, {**cut, "out_frame": at}
    at = source_frame(cut, int(cut["timeline_out_frame"]) - frames, edit.fps)
    return {**cut, "out_frame": at}, {**cut, "in_frame": at}


def _seconds(edit: Edit, frames: int) -> str:
    return f"{float(frames / edit.fps):.3g} s"
