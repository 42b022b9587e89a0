"""Cuts as a person left them in a project: range, speed, joints, look and order, held against the plan's own."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.edl import timecode
from roadmap_cli.edl.exchange import filters_back, mlt
from roadmap_cli.edl.exchange.comparing import Work, differences, shown_of
from roadmap_cli.edl.exchange.seen import SeenClip
from roadmap_cli.edl.history.revisions import Change

#: Fields of a cut that a change is told of; its place in time follows from these and the order.
_CUT_FIELDS = (
    "source_id", "in_frame", "out_frame", "speed", "transition", "fade_in_frames", "fade_out_frames", "grade",
    "framing", "blur", "effects", "sound", "opaque", "reason",
)  # fmt: skip


def adopted(work: Work, at: str) -> tuple[list[Record], list[Change]]:
    """The cuts as the project has them, without ids of their own, and what was changed. Raises DataError."""
    base = {clip.id: clip for clip in work.base.clips} if work.base else {}
    shown = {clip.origin: clip for clip in work.then.clips}
    pairs = _matched(work)
    cuts: list[Record] = []
    changes: list[Change] = []
    kept: list[str] = []
    taken: set[str] = set()
    start = 0
    for seen, origin in zip(work.now.clips, pairs, strict=True):
        source = work.source(seen.path, seen.hash)
        assert source is not None
        old = base.get(origin) if origin else None
        again = origin in taken
        cut = _cut(work, seen, shown.get(origin) if origin else None, dict(old.record) if old else {}, source, at)
        cut["timeline_in_frame"], cut["timeline_out_frame"] = start, start + seen.frames
        start += seen.frames
        if old is None or again:
            # The second half of a clip that was split keeps its looks, and is a thing of its own.
            cut["origin_id"] = content_id("edl.cut", source_id=source["id"], at=at, position=len(cuts))
            cut.pop("why_id", None)
            cut.setdefault("reason", "")
            if not cut["reason"]:
                cut.pop("reason")
            changes.append(Change(cut["origin_id"], "cut", "", None, shown_of(cut)))
        else:
            cut["origin_id"] = origin
            taken.add(origin)
            kept.append(origin)
            changes += differences(origin, "cut", old.record, cut, _CUT_FIELDS)
        cuts.append(cut)
    for origin, clip in base.items():
        if origin not in taken:
            changes.append(Change(origin, "cut", "", shown_of(clip.record), None))
    order = [origin for origin in base if origin in taken]
    for origin in _out_of_order(order, kept):
        changes.append(Change(origin, "cut", "position", list(base).index(origin), _place(cuts, origin)))
    return cuts, changes


def _place(cuts: Sequence[Record], origin: str) -> int:
    return next(n for n, cut in enumerate(cuts) if cut["origin_id"] == origin)


def _matched(work: Work) -> list[str]:
    """For each clip seen, the cut it was; "" for a new one. By the id it carries, else by file, overlap and order."""
    known = {clip.origin: clip for clip in work.then.clips}
    pairs = [clip.origin if clip.origin in known else "" for clip in work.now.clips]
    free = [origin for origin in known if origin not in pairs]
    for n, clip in enumerate(work.now.clips):
        if pairs[n]:
            continue
        best, most = "", Fraction(0)
        for place, origin in enumerate(free):
            old = known[origin]
            if old.path != clip.path:
                continue
            a, b = _range(old, work), _range(clip, work)
            overlap = min(a[1], b[1]) - max(a[0], b[0])
            # Nearer in order is better where ranges say the same.
            worth = overlap - Fraction(abs(place - n), 10_000)
            if overlap > 0 and (not best or worth > most):
                best, most = origin, worth
        if best:
            pairs[n] = best
            free.remove(best)
    return pairs


def _range(clip: SeenClip, work: Work) -> tuple[Fraction, Fraction]:
    """Seconds of the source a clip shows."""
    source = work.source(clip.path, clip.hash)
    rate = timecode.rational(source["fps"]) if source and source.get("fps") else work.now.fps
    start = clip.start / rate if clip.in_source else clip.start * clip.speed / work.now.fps
    return start, start + clip.frames * clip.speed / work.now.fps


def _cut(
    work: Work, seen: SeenClip, old: SeenClip | None, record: dict[str, Any], source: Record, at: str
) -> dict[str, Any]:
    """The record of a clip: the plan's own values where the file shows what our export showed, new ones elsewhere."""
    fps = work.now.fps
    cut = dict(record)
    if not source.get("fps"):
        raise DataError(f"{seen.path} has no pictures", code="no_video")
    if (
        old is None
        or (old.path, old.start, old.frames, old.speed) != (seen.path, seen.start, seen.frames, seen.speed)
        or cut.get("source_id") != source["id"]
    ):
        _ranged(cut, seen, old, source, fps)
    if old is None or old.joint != seen.joint or _dips(old) != _dips(seen):
        _joints(cut, seen, work)
    if old is None or _comments(old) != _comments(seen):
        if seen.comment:
            cut["reason"] = seen.comment
        else:
            cut.pop("reason", None)
    if old is None and seen.told:
        for name in ("grade", "framing", "blur", "effects", "sound", "shot_id", "beat_id", "role"):
            if name in seen.told:
                cut[name] = seen.told[name]
    gone = filters_back.apply(cut, old.filters if old else (), seen.filters, work.base, seen, fps)
    for words in gone:
        work.opaque.append(words)
    return {"kind": "edl.cut", "at": at, **{name: value for name, value in cut.items() if name not in {"kind", "at"}}}


def _comments(clip: SeenClip) -> str:
    return (clip.comment or "").strip()


def _dips(clip: SeenClip) -> tuple[tuple[int, str], tuple[int, str]]:
    return clip.fade_in, clip.fade_out


def _ranged(cut: dict[str, Any], seen: SeenClip, old: SeenClip | None, source: Record, fps: Fraction) -> None:
    rate = timecode.rational(source["fps"], field="fps")
    total = int(source.get("frames", 0))
    same_file = old is not None and old.path == seen.path and bool(cut)
    speed = seen.speed
    if old is not None and same_file and old.speed == seen.speed:
        speed = timecode.rational(cut["speed"])
    elif seen.speed.denominator > 10_000:
        speed = seen.speed.limit_denominator(1000)
    if old is not None and same_file and old.start == seen.start and old.speed == seen.speed:
        first = int(cut["in_frame"])
    elif seen.in_source:
        first = seen.start
    else:
        first = mlt.source_frame(seen.start, seen.speed, rate, fps)
        if old is not None and same_file and old.speed == seen.speed:
            first = int(cut["in_frame"]) + first - mlt.source_frame(old.start, seen.speed, rate, fps)
    if old is not None and same_file and old.speed == seen.speed and old.start + old.frames == seen.start + seen.frames:
        end = int(cut["out_frame"])
    else:
        end = first + timecode.round_half_up(seen.frames / fps * speed * rate)
    if total:
        first = max(0, min(first, total - 1))
        end = max(first + 1, min(end, total))
    cut |= {
        "source_id": source["id"],
        "source": source["path"],
        "in_frame": first,
        "out_frame": max(end, first + 1),
        "fps": timecode.spell(rate),
        "speed": timecode.spell(speed),
    }
    if not same_file:
        cut.pop("shot_id", None)


def _joints(cut: dict[str, Any], seen: SeenClip, work: Work) -> None:
    """Transition and fades of a cut as the file shows them; a fade out and in through one colour is one transition."""
    for name in ("transition", "fade_in_frames", "fade_out_frames"):
        cut.pop(name, None)
    clips = work.now.clips
    place = next(n for n, clip in enumerate(clips) if clip is seen)
    left = clips[place - 1] if place else None
    right = clips[place + 1] if place + 1 < len(clips) else None
    if seen.joint and place:
        cut["transition"] = {"sort": seen.joint[0], "frames": min(seen.joint[1], seen.frames)}
    elif (through := _through(left, seen)) and left is not None:
        cut["transition"] = {"sort": f"fade_{seen.fade_in[1]}", "frames": through}
    elif seen.fade_in[0]:
        cut["fade_in_frames"] = seen.fade_in[0]
        if seen.fade_in[1] == "white":
            work.problems.append("a fade from white at a clip's start becomes one from black")
    if seen.fade_out[0] and not _through(seen, right):
        cut["fade_out_frames"] = seen.fade_out[0]


def _through(left: SeenClip | None, right: SeenClip | None) -> int:
    """How many frames a fade through a colour lasts between two clips: 0 if there is none."""
    if left is None or right is None or right.joint:
        return 0
    (out, shade), (into, other) = left.fade_out, right.fade_in
    if out and into and shade == other and into - out in {0, 1}:
        return out + into
    return 0


def _out_of_order(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """The fewest things whose move explains the new order: those not in a longest common subsequence.

    Of several such, in that with the most things that stand where they stood.
    """
    place = {origin: n for n, origin in enumerate(before)}
    order = [place[origin] for origin in after]
    best: list[tuple[int, int]] = []
    back: list[int] = []
    for n, value in enumerate(order):
        chain = [m for m in range(n) if order[m] < value]
        longest = max(chain, key=lambda m: best[m], default=-1)
        length, still = best[longest] if longest >= 0 else (0, 0)
        best.append((length + 1, still + (value == n)))
        back.append(longest)
    if not best:
        return []
    n = max(range(len(best)), key=lambda m: best[m])
    stays = set()
    while n >= 0:
        stays.add(n)
        n = back[n]
    return [after[n] for n in range(len(after)) if n not in stays]
