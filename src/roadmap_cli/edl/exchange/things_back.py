"""Titles, cues and the clips' own sounds as a person left them in a project, held against the plan's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from roadmap_cli.core.records import Record, content_id
from roadmap_cli.edl import timecode
from roadmap_cli.edl.exchange import filters_back
from roadmap_cli.edl.exchange.comparing import Work, differences, shown_of
from roadmap_cli.edl.exchange.seen import SeenSound, SeenTitle
from roadmap_cli.edl.history.revisions import Change

_TITLE_FIELDS = ("text", "timeline_in_frame", "timeline_out_frame", "place", "size_ratio", "fade_frames", "reason")
_CUE_FIELDS = (
    "source_id", "timeline_in_frame", "timeline_out_frame", "source_start_ms", "gain_db", "fade_in_frames",
    "fade_out_frames", "reason",
)  # fmt: skip


def titles(work: Work, at: str) -> tuple[list[Record], list[Change]]:
    """The titles as the project has them, and what was changed."""
    base = {str(title.get("origin_id") or title["id"]): title for title in work.base.titles} if work.base else {}
    height = work.base.height if work.base else work.now.height or 1080
    shown = {title.origin: title for title in work.then.titles}
    made: list[Record] = []
    changes: list[Change] = []
    taken: set[str] = set()
    for seen in work.now.titles:
        origin = (
            seen.origin if seen.origin in base and seen.origin not in taken else _near(seen, work.then.titles, taken)
        )
        old = shown.get(origin)
        record = dict(base.get(origin, {"kind": "edl.title", "at": at}))
        if old is None or (old.at, old.frames) != (seen.at, seen.frames):
            record["timeline_in_frame"], record["timeline_out_frame"] = seen.at, seen.at + seen.frames
        if old is None or old.text != seen.text:
            record["text"] = seen.text
        if seen.place and (old is None or old.place != seen.place):
            record["place"] = seen.place
        if seen.size and (old is None or old.size != seen.size):
            record["size_ratio"] = round(seen.size / height, 4)
        if (old is None and seen.fade) or (old is not None and old.fade != seen.fade):
            record["fade_frames"] = seen.fade
        if old is not None and (old.comment or "") != (seen.comment or ""):
            record["reason"] = seen.comment or ""
        if old is None:
            changes.append(_new(record, "title", at=at, start=seen.at, text=seen.text))
        else:
            taken.add(origin)
            changes += _kept(record, "title", base[origin], origin, _TITLE_FIELDS)
        made.append(record)
    changes += [
        Change(name, "title", "", shown_of(title), None)
        for name, title in base.items()
        if name in shown and name not in taken
    ]
    return made, changes


def _new(record: Record, sort: str, **named: Any) -> Change:
    """A thing that was added in the project: it gets an id of its own."""
    record["origin_id"] = content_id(f"edl.{sort}", **named)
    return Change(record["origin_id"], sort, "", None, shown_of(record))


def _kept(record: Record, sort: str, base: Record, origin: str, fields: Sequence[str]) -> list[Change]:
    """A thing of the plan that is still there: what of it was changed."""
    record["origin_id"] = origin
    return differences(origin, sort, base, record, fields)


def _near(seen: SeenTitle, titles: Sequence[SeenTitle], taken: set[str]) -> str:
    """The title one was, if it lost its id: the same words, or the same place."""
    for title in titles:
        if title.origin not in taken and (title.text == seen.text or title.at == seen.at):
            return title.origin
    return ""


def cues(work: Work, at: str, cuts: Sequence[Record]) -> tuple[list[Record], list[Change]]:
    """Music; and the sound of cuts that lies on a track of its own becomes their J and L cuts again."""
    base = {str(cue.get("origin_id") or cue["id"]): cue for cue in work.base.cues} if work.base else {}
    shown = {sound.origin: sound for sound in work.then.sounds}
    own = {cut["origin_id"] for cut in cuts} | {clip.origin for clip in work.then.clips}
    made: list[Record] = []
    changes: list[Change] = []
    taken: set[str] = set()
    changed_own = False
    for seen in work.now.sounds:
        if seen.origin in own:
            moved, more = _own_sound(seen, shown.get(seen.origin), cuts)
            changed_own = changed_own or moved
            changes += more
            continue
        origin = (
            seen.origin
            if seen.origin in base and seen.origin not in taken
            else _same_sound(seen, work.then.sounds, taken, base)
        )
        old = shown.get(origin)
        record = dict(base.get(origin, {"kind": "edl.cue", "at": at}))
        if old is None or (old.at, old.frames) != (seen.at, seen.frames):
            record["timeline_in_frame"], record["timeline_out_frame"] = seen.at, seen.at + seen.frames
        if seen.path and (old is None or old.path != seen.path):
            source = work.source(seen.path, seen.hash)
            assert source is not None
            record |= {"source_id": source["id"], "source": source["path"]}
        if old is None or old.start != seen.start:
            record["source_start_ms"] = timecode.round_half_up(seen.start * 1000 / work.now.fps)
        if old is None or old.level != seen.level:
            gain = filters_back.decibels(seen.level)
            if gain is None and seen.level:
                work.opaque.append("the level curve of a piece of music is not read")
            elif gain:
                record["gain_db"] = gain
            else:
                record.pop("gain_db", None)
        for name, was, is_now in (
            ("fade_in_frames", old.fade_in if old else 0, seen.fade_in),
            ("fade_out_frames", old.fade_out if old else 0, seen.fade_out),
        ):
            if was != is_now:
                record[name] = is_now
        if old is None:
            changes.append(_new(record, "cue", at=at, start=seen.at, path=seen.path))
        else:
            taken.add(origin)
            changes += _kept(record, "cue", base[origin], origin, _CUE_FIELDS)
        made.append(record)
    if changed_own:
        work.problems.append(
            "sound of clips that was moved on its own track is not read: J and L cuts stay as they were"
        )
    for name, cue in base.items():
        if name not in taken:
            if name in shown:
                changes.append(Change(name, "cue", "", shown_of(cue), None))
            else:  # the project could not hold it: it is still there
                made.append({**cue, "origin_id": name})
    return made, changes


def _own_sound(seen: SeenSound, old: SeenSound | None, cuts: Sequence[Record]) -> tuple[bool, list[Change]]:
    """Whether the sound of a cut on a track of its own was moved; and the change if it was made louder or softer."""
    if old == seen:
        return False, []
    moved = old is None or replace(old, level=seen.level) != seen
    cut = next((each for each in cuts if each["origin_id"] == seen.origin), None)
    level = filters_back.decibels(seen.level)
    if cut is None or level is None or (old is not None and old.level == seen.level):
        return moved, []
    before = cut.get("sound")
    after = {name: value for name, value in (before or {}).items() if name != "gain_db"}
    after |= {"gain_db": level} if level else {}
    cut.pop("sound", None)
    if after:
        cut["sound"] = after
    return moved, [Change(seen.origin, "cut", "sound", before, after or None)] if before != (after or None) else []


def _same_sound(seen: SeenSound, sounds: Sequence[SeenSound], taken: set[str], base: Mapping[str, Any]) -> str:
    for sound in sounds:
        same = sound.path == seen.path and (sound.at == seen.at or sound.start == seen.start)
        if sound.origin in base and sound.origin not in taken and same:
            return sound.origin
    return ""
