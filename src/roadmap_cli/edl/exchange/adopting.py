"""What a person changed in a project, as a revision of the plan it came from.

The rule: what is seen in the file is held against what our own export of the plan would show there. Only what differs
becomes a change; everything else keeps the plan's own exact values. So a project that was saved and not edited gives
no change at all, whatever the other program did to ids, times and properties.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roadmap_cli.core import records
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.edl import timecode
from roadmap_cli.edl.exchange import cuts_back, things_back
from roadmap_cli.edl.exchange.comparing import Hash, Work, shown_of
from roadmap_cli.edl.exchange.seen import Seen
from roadmap_cli.edl.exchange.timeline import Timeline
from roadmap_cli.edl.history.revisions import Change


@dataclass(frozen=True, slots=True)
class Revision:
    """A plan as a person left it. `changes` is empty if nothing was changed: then plan and things are the old ones."""

    plan: Record
    things: list[Record]
    sources: list[Record]
    changes: list[Change]
    problems: list[str]
    opaque: list[str]


def adopt(
    base: Timeline | None, then: Seen, now: Seen, sources: Mapping[str, Record], name: str, at: str, hash_of: Hash
) -> Revision:
    """The revision. `base` is the plan the project came from and `then` what our export of it shows; without them a
    plan is made anew. `sources` are all that are known.

    Raises DataError if the project shows files that are not among the sources, or nothing a plan can hold.
    """
    work = Work(base, then, now, {**sources, **(base.sources if base else {})}, hash_of)
    work.problems += [problem for problem in now.problems if problem not in then.problems]
    if not now.clips:
        raise DataError("the project has no clip of a file on its picture track", where=name, code="empty_project")
    _known_or_refused(work, name)
    cuts, changes = cuts_back.adopted(work, at)
    titles, more = things_back.titles(work, at)
    changes += more
    cues, more = things_back.cues(work, at, cuts)
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


def _known_or_refused(work: Work, name: str) -> None:
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


# -- the revision ----------------------------------------------------------------------------------------------------


def _plan(
    work: Work, cuts: Sequence[Record], titles: Sequence[Record], cues: Sequence[Record], name: str, at: str
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
    told = [shown_of(thing) for thing in (*cuts, *titles, *cues)]
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
