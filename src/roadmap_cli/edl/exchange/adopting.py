"""What a person changed in a project, as a revision of the plan it came from.

The rule: what is seen in the file is held against what our own export of the plan would show there. Only what differs
becomes a change; everything else keeps the plan's own exact values. So a project that was saved and not edited gives
no change at all, whatever the other program did to ids, times and properties.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from roadmap_cli.core import records
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.edl import timecode
from roadmap_cli.edl.exchange import filters_back, mlt
from roadmap_cli.edl.exchange.seen import Seen, SeenClip, SeenSound, SeenTitle
from roadmap_cli.edl.exchange.timeline import Timeline
from roadmap_cli.edl.history.revisions import Change

#: Fields of a cut that a change is told of; its place in time follows from these and the order.
_CUT_FIELDS = (
    "source_id", "in_frame", "out_frame", "speed", "transition", "fade_in_frames", "fade_out_frames", "grade",
    "framing", "blur", "effects", "sound", "opaque", "reason",
)  # fmt: skip
_TITLE_FIELDS = ("text", "timeline_in_frame", "timeline_out_frame", "place", "size_ratio", "fade_frames", "reason")
_CUE_FIELDS = (
    "source_id", "timeline_in_frame", "timeline_out_frame", "source_start_ms", "gain_db", "fade_in_frames",
    "fade_out_frames", "reason",
)  # fmt: skip

#: Gives the hash a project names a file's content by.
Hash = Callable[[Path], str]


@dataclass(frozen=True, slots=True)
class Revision:
    """A plan as a person left it. `changes` is empty if nothing was changed: then plan and things are the old ones."""

    plan: Record
    things: list[Record]
    sources: list[Record]
    changes: list[Change]
    problems: list[str]
    opaque: list[str]


@dataclass(slots=True)
class _Work:
    """What is known while a project is adopted."""

    base: Timeline | None
    then: Seen
    now: Seen
    sources: dict[str, Record]
    hash_of: Hash
    opaque: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def source(self, path: str, digest: str) -> Record | None:
        """The source a file is: by its path, or by its content if it was moved."""
        for source in self.sources.values():
            if Path(str(source.get("path", ""))) == Path(path):
                return source
        if digest:
            for source in self.sources.values():
                if self.hash_of(Path(str(source.get("path", "")))) == digest:
                    return source
        return None


def adopt(
    base: Timeline | None, then: Seen, now: Seen, sources: Mapping[str, Record], name: str, at: str, hash_of: Hash
) -> Revision:
    """The revision. `base` is the plan the project came from and `then` what our export of it shows; without them a
    plan is made anew. `sources` are all that are known.

    Raises DataError if the project shows files that are not among the sources, or nothing a plan can hold.
    """
    work = _Work(base, then, now, {**sources, **(base.sources if base else {})}, hash_of)
    work.problems += [problem for problem in now.problems if problem not in then.problems]
    if not now.clips:
        raise DataError("the project has no clip of a file on its picture track", where=name, code="empty_project")
    _known_or_refused(work, name)
    cuts, changes = _cuts(work, at)
    titles, more = _titles(work, at)
    changes += more
    cues, more = _cues(work, at, cuts)
    changes += more
    if base is not None and base.fps != now.fps:
        raise DataError(
            f"the project plays {timecode.spell(now.fps)} frames a second, the plan {timecode.spell(base.fps)}",
            where=name, hint="set the project's video mode back", code="other_rate",
        )  # fmt: skip
    size = (now.width, now.height)
    if base is not None and all(size) and size != (base.width, base.height):
        work.problems.append(
            f"the project is {size[0]} by {size[1]}, the plan {base.width} by {base.height}: the plan's size stays"
        )
    if base is not None and not changes:
        old = [*(clip.record for clip in base.clips), *base.titles, *base.cues]
        return Revision(base.plan, old, list(base.sources.values()), [], work.problems, work.opaque)
    length = cuts[-1]["timeline_out_frame"]
    titles, cues = (_ended(each, length, changes) for each in (titles, cues))
    plan = _plan(work, cuts, titles, cues, name, at)
    things = _renamed(plan, cuts, titles, cues, at)
    used = {thing.get("source_id") for thing in things}
    kept = [source for source in work.sources.values() if source["id"] in used]
    return Revision(plan, things, kept, changes, work.problems, work.opaque)


def _ended(things: Sequence[Record], length: int, changes: list[Change]) -> list[Record]:
    """Titles or cues of a programme that may have become shorter: none lasts longer than it; `changes` grows."""
    found = []
    for thing in things:
        origin, sort = str(thing.get("origin_id") or thing["id"]), str(thing["kind"]).partition(".")[2]
        if thing["timeline_in_frame"] >= length:
            changes.append(Change(origin, sort, "", thing, None))
        elif thing["timeline_out_frame"] > length:
            changes.append(Change(origin, sort, "timeline_out_frame", thing["timeline_out_frame"], length))
            found.append({**thing, "timeline_out_frame": length})
        else:
            found.append(thing)
    return found


def _known_or_refused(work: _Work, name: str) -> None:
    missing: list[str] = []
    shown = [(clip.path, clip.hash) for clip in work.now.clips] + [(each.path, each.hash) for each in work.now.sounds]
    for path, digest in shown:
        if path and work.source(path, digest) is None and path not in missing:
            missing.append(path)
    if missing:
        listed = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        count = f"{len(missing)} files in it have" if len(missing) > 1 else "1 file in it has"
        again = " ".join(_shell(path) for path in missing[:3])
        raise DataError(
            f"{count} not been scanned: {listed}",
            where=name, hint=f"edl-scan {again} >/dev/null, then import again", code="new_source",
        )  # fmt: skip


def _shell(text: str) -> str:
    import shlex

    return shlex.quote(text)


# -- cuts ------------------------------------------------------------------------------------------------------------


def _cuts(work: _Work, at: str) -> tuple[list[Record], list[Change]]:
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
            changes.append(Change(cut["origin_id"], "cut", "", None, _shown(cut)))
        else:
            cut["origin_id"] = origin
            taken.add(origin)
            kept.append(origin)
            changes += _differences(origin, "cut", old.record, cut, _CUT_FIELDS)
        cuts.append(cut)
    for origin, clip in base.items():
        if origin not in taken:
            changes.append(Change(origin, "cut", "", _shown(clip.record), None))
    order = [origin for origin in base if origin in taken]
    for origin in _out_of_order(order, kept):
        changes.append(Change(origin, "cut", "position", list(base).index(origin), _place(cuts, origin)))
    return cuts, changes


def _place(cuts: Sequence[Record], origin: str) -> int:
    return next(n for n, cut in enumerate(cuts) if cut["origin_id"] == origin)


def _matched(work: _Work) -> list[str]:
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


def _range(clip: SeenClip, work: _Work) -> tuple[Fraction, Fraction]:
    """Seconds of the source a clip shows."""
    source = work.source(clip.path, clip.hash)
    rate = timecode.rational(source["fps"]) if source and source.get("fps") else work.now.fps
    start = clip.start / rate if clip.in_source else clip.start * clip.speed / work.now.fps
    return start, start + clip.frames * clip.speed / work.now.fps


def _cut(
    work: _Work, seen: SeenClip, old: SeenClip | None, record: dict[str, Any], source: Record, at: str
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


def _joints(cut: dict[str, Any], seen: SeenClip, work: _Work) -> None:
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


def _differences(
    origin: str, sort: str, before: Mapping[str, Any], after: Mapping[str, Any], fields: Sequence[str]
) -> list[Change]:
    return [
        Change(origin, sort, name, before.get(name), after.get(name))
        for name in fields
        if before.get(name) != after.get(name)
    ]


def _shown(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in {"kind", "at", "plan_id", "id"}}


def _out_of_order(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """The fewest things whose move explains the new order: those not in a longest common subsequence."""
    place = {origin: n for n, origin in enumerate(before)}
    order = [place[origin] for origin in after]
    best: list[int] = []
    back: list[int] = []
    for n, value in enumerate(order):
        chain = [m for m in range(n) if order[m] < value]
        longest = max(chain, key=lambda m: best[m], default=-1)
        best.append(1 + (best[longest] if longest >= 0 else 0))
        back.append(longest)
    if not best:
        return []
    n = max(range(len(best)), key=lambda m: best[m])
    stays = set()
    while n >= 0:
        stays.add(n)
        n = back[n]
    return [after[n] for n in range(len(after)) if n not in stays]


# -- titles and cues -------------------------------------------------------------------------------------------------


def _titles(work: _Work, at: str) -> tuple[list[Record], list[Change]]:
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
            record["origin_id"] = content_id("edl.title", at=at, start=seen.at, text=seen.text)
            changes.append(Change(record["origin_id"], "title", "", None, _shown(record)))
        else:
            record["origin_id"] = origin
            taken.add(origin)
            changes += _differences(origin, "title", base[origin], record, _TITLE_FIELDS)
        made.append(record)
    changes += [
        Change(name, "title", "", _shown(title), None)
        for name, title in base.items()
        if name in shown and name not in taken
    ]
    return made, changes


def _near(seen: SeenTitle, titles: Sequence[SeenTitle], taken: set[str]) -> str:
    """The title one was, if it lost its id: the same words, or the same place."""
    for title in titles:
        if title.origin not in taken and (title.text == seen.text or title.at == seen.at):
            return title.origin
    return ""


def _cues(work: _Work, at: str, cuts: Sequence[Record]) -> tuple[list[Record], list[Change]]:
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
            record["origin_id"] = content_id("edl.cue", at=at, start=seen.at, path=seen.path)
            changes.append(Change(record["origin_id"], "cue", "", None, _shown(record)))
        else:
            record["origin_id"] = origin
            taken.add(origin)
            changes += _differences(origin, "cue", base[origin], record, _CUE_FIELDS)
        made.append(record)
    if changed_own:
        work.problems.append(
            "sound of clips that was moved on its own track is not read: J and L cuts stay as they were"
        )
    for name, cue in base.items():
        if name not in taken:
            if name in shown:
                changes.append(Change(name, "cue", "", _shown(cue), None))
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


# -- the revision ----------------------------------------------------------------------------------------------------


def _plan(
    work: _Work, cuts: Sequence[Record], titles: Sequence[Record], cues: Sequence[Record], name: str, at: str
) -> Record:
    base = work.base
    length = cuts[-1]["timeline_out_frame"]
    kept = (
        {
            k: v
            for k, v in base.plan.items()
            if not k.startswith("checked") and k not in {"error_count", "warning_count", "why_id"}
        }
        if base
        else {}
    )
    first = next(iter(work.sources.values()))
    size = (
        (base.width, base.height)
        if base
        else (work.now.width or first.get("width", 1280), work.now.height or first.get("height", 720))
    )
    told = [_shown(thing) for thing in (*cuts, *titles, *cues)]
    digest = records.canonical(_floats(told)).decode()
    plan: Record = {
        "kind": "edl.plan",
        "id": content_id("edl.plan", parent=str(base.plan["id"]) if base else "", project=digest),
        "at": at,
        "intent": f"imported from {Path(name).name}",
        **{k: v for k, v in kept.items() if k not in {"kind", "id", "at"}},
        "fps": timecode.spell(work.now.fps if base is None else base.fps),
        "width": size[0] - size[0] % 2,
        "height": size[1] - size[1] % 2,
        "length_frames": length,
        "cut_count": len(cuts),
        "source_ids": list(dict.fromkeys(thing["source_id"] for thing in (*cuts, *cues) if thing.get("source_id"))),
    }
    if base:
        plan["parent_id"] = base.plan["id"]
        plan["root_id"] = base.plan.get("root_id") or base.plan["id"]
    return plan


def _floats(value: Any) -> Any:
    """A value whose numbers have one spelling, without what differs from run to run."""
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {name: _floats(each) for name, each in value.items() if name not in {"at", "why_id"}}
    return [_floats(each) for each in value] if isinstance(value, list) else value


def _renamed(
    plan: Record, cuts: Sequence[Record], titles: Sequence[Record], cues: Sequence[Record], at: str
) -> list[Record]:
    made = []
    for position, cut in enumerate(cuts):
        fresh = {
            **cut,
            "id": content_id("edl.cut", plan_id=plan["id"], position=position),
            "at": at,
            "plan_id": plan["id"],
            "position": position,
        }
        made.append(fresh)
    for kind, things in (("edl.title", titles), ("edl.cue", cues)):
        for position, thing in enumerate(things):
            made.append(
                {
                    **thing,
                    "id": content_id(kind, plan_id=plan["id"], position=position),
                    "at": at,
                    "plan_id": plan["id"],
                }
            )
    return made
