"""An edit as a CMX 3600 edit decision list, as SMPTE 258M and the editors that read it have it.

Events are numbered lines of source in and out and record in and out, out being the frame after the last. A dissolve or
wipe is two lines under one number. Speed is an M2 line of the frames a second that are played. The list counts at the
programme's rate; 30000/1001 and 60000/1001 count in drop-frame time code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction

from roadmap_cli.core.errors import DataError
from roadmap_cli.edl import timecode
from roadmap_cli.edl.exchange.export import Export, Losses
from roadmap_cli.edl.exchange.timeline import Clip, Timeline

#: SMPTE wipe codes: 001 is an upright edge from left to right, 002 a level one from top to bottom; 100 more in reverse.
_WIPES = {"wipe_right": "001", "wipe_left": "101", "wipe_down": "002", "wipe_up": "102"}
_EVENTS = 999
_START = 3600


def code(frame: int, fps: Fraction, start_s: int = 0) -> str:
    """A frame as SMPTE time code, `start_s` seconds of code after nought; with ``;`` where frames are dropped.

    Drop-frame leaves out the first two (four at 60) numbers of each minute but every tenth, so that the code keeps
    with the clock (SMPTE ST 12-1).
    """
    base = timecode.round_half_up(fps)
    drops = drop(fps)
    number = frame
    if drops:
        per_minute, per_ten = base * 60 - drops, base * 600 - drops * 9
        number += _dropped_before(start_s, base, drops)
        tens, rest = divmod(number, per_ten)
        number += drops * 9 * tens
        if rest >= base * 60:
            number += drops * (1 + (rest - base * 60) // per_minute)
    else:
        number += start_s * base
    seconds, frames = divmod(number, base)
    sign = ";" if drops else ":"
    return f"{seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{sign}{frames:02d}"


def _dropped_before(start_s: int, base: int, drops: int) -> int:
    """How many frames lie before a whole minute's code."""
    minutes = start_s // 60
    return start_s * base - drops * (minutes - minutes // 10)


def drop(fps: Fraction) -> int:
    """How many frame numbers a minute drops at a rate: 0 for all but 30000/1001 and 60000/1001."""
    return {Fraction(30000, 1001): 2, Fraction(60000, 1001): 4}.get(fps, 0)


def frame_of(text: str, fps: Fraction) -> int:
    """The frame a time code names. Raises DataError for a text that is none."""
    match = re.match(r"(\d{2}):(\d{2}):(\d{2})([:;.])(\d{2,3})\Z", text)
    if not match:
        raise DataError(f"not a time code: {text[:40]!r}", code="bad_time")
    hours, minutes, seconds, frames = (int(match[n]) for n in (1, 2, 3, 5))
    base = timecode.round_half_up(fps)
    number = (hours * 3600 + minutes * 60 + seconds) * base + frames
    if match[4] in ";." and drop(fps):
        whole = hours * 60 + minutes
        number -= drop(fps) * (whole - whole // 10)
    return number


def export(timeline: Timeline) -> Export:
    """The list."""
    losses = Losses()
    fps = timeline.fps
    title = " ".join(str(timeline.plan.get("intent") or timeline.plan["id"]).upper().split())[:70]
    title = title.encode("ascii", "replace").decode()
    lines = [f"TITLE: {title}", f"FCM: {'DROP FRAME' if drop(fps) else 'NON-DROP FRAME'}", ""]
    reels = _reels(timeline)
    number = 0
    for clip in timeline.clips:
        left = timeline.clips[clip.position - 1] if clip.position else None
        number += 1
        reel = reels[str(clip.source.get("id"))]
        source = [_at(clip, n, fps) for n in (clip.first, clip.end)]
        record = [code(n, fps, _START) for n in (clip.start, clip.stop)]
        track = "B" if clip.has_sound else "V"
        entering = clip.entering
        if left and entering:
            lines += _joint(clip, left, reels, number, timeline, losses)
        else:
            lines.append(f"{number:03d}  {reel:<8} {track:<5} C        {source[0]} {source[1]} {record[0]} {record[1]}")
        if clip.speed != 1:
            lines.append(f"M2   {reel:<8} {float(fps * clip.speed):06.1f}                {source[0]}")
        if left and entering and clip.overlap:
            lines.append(f"* FROM CLIP NAME: {_text(left.path.name)}")
            lines.append(f"* TO CLIP NAME: {_text(clip.path.name)}")
        else:
            lines.append(f"* FROM CLIP NAME: {_text(clip.path.name)}")
        lines.append(f"* SOURCE FILE: {_text(str(clip.path))}")
        if clip.reason:
            lines.append(f"* COMMENT: {_text(clip.reason)}")
        lines.append(f"* LOC: {record[0]} {'CYAN':<8}{_text(clip.reason or f'CUT {clip.position + 1}')}")
        _lost(clip, timeline, losses)
        lines.append("")
    for beat in timeline.beats:
        at = timeline.at_source(beat.get("source_id"), int(beat.get("in_frame", -1)))
        if at is not None:
            words = _text(f"{beat.get('role', 'beat')} {beat.get('why', '')}")
            lines.append(f"* LOC: {code(at, fps, _START)} {'RED':<8}{words}")
    if number > _EVENTS:
        losses.add("cut", f"CMX 3600 numbers {_EVENTS} events: later ones have four digits, which some programs refuse")
    for title_record in timeline.titles:
        losses.add("title", "titles cannot be held", str(title_record.get("id")))
    for cue in timeline.cues:
        losses.add("cue", "music and sounds cannot be held beside the cuts", str(cue.get("id")))
    return Export(("\n".join(lines).rstrip() + "\n").encode("utf-8"), losses)


def _joint(
    clip: Clip, left: Clip, reels: Mapping[str, str], number: int, timeline: Timeline, losses: Losses
) -> list[str]:
    fps = timeline.fps
    assert clip.entering is not None
    frames = clip.entering.frames
    reel, track = reels[str(clip.source.get("id"))], "B" if clip.has_sound else "V"
    source = [_at(clip, n, fps) for n in (clip.first, clip.end)]
    record = [code(n, fps, _START) for n in (clip.start, clip.stop)]
    effect = "D   " if clip.entering.sort not in _WIPES else f"W{_WIPES[clip.entering.sort]}"
    from_reel, from_at = reels[str(left.source.get("id"))], _at(left, left.end, fps)
    if not clip.overlap:
        from_reel, from_at = "BL", code(0, fps)
        losses.add("transition", f"{clip.entering.sort} is written as a dissolve from black", clip.id)
    return [
        f"{number:03d}  {from_reel:<8} {track:<5} C        {from_at} {from_at} {record[0]} {record[0]}",
        f"{number:03d}  {reel:<8} {track:<5} {effect} {frames:03d} {source[0]} {source[1]} {record[0]} {record[1]}",
    ]


def _at(clip: Clip, frame: int, fps: Fraction) -> str:
    """A source frame's time code at the programme's rate: at another rate, the nearest."""
    return code(frame if clip.rate == fps else timecode.round_half_up(frame / clip.rate * fps), fps)


def _reels(timeline: Timeline) -> dict[str, str]:
    """A name of at most eight letters and digits for each source, all different."""
    found: dict[str, str] = {}
    for clip in timeline.clips:
        name = str(clip.source.get("id"))
        if name not in found:
            stem = re.sub(r"[^A-Z0-9]", "", clip.path.stem.upper().encode("ascii", "ignore").decode())[:8] or "REEL"
            taken = set(found.values()) | {"BL", "AX"}
            number = 2
            reel = stem
            while reel in taken:
                reel = f"{stem[: 8 - len(str(number))]}{number}"
                number += 1
            found[name] = reel
    return found


def _lost(clip: Clip, timeline: Timeline, losses: Losses) -> None:
    for field in ("grade", "effects", "framing", "blur", "lift", "sound"):
        if clip.record.get(field):
            losses.add(field, f"{field} cannot be held", clip.id)
    for field in ("fade_in_frames", "fade_out_frames"):
        if clip.record.get(field):
            losses.add(field, "fades cannot be held", clip.id)
    if clip.rate != timeline.fps:
        losses.add("fps", "source ranges are counted at the programme's rate, to the nearest frame", clip.id)


def _text(words: str) -> str:
    """One line of printable words."""
    return "".join(char if char.isprintable() else " " for char in " ".join(words.split()))[:500]
