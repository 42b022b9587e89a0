"""edl-check: prove a plan before anything is rendered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.cli.options import looking_option
from roadmap_cli.cli.terminal import counted, visible
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.edl.checking.checks import Finding
    from roadmap_cli.edl.checking.mending import Mended
    from roadmap_cli.edl.gathering import Edit

_MARKS = {"error": ("✗", "bold red"), "warning": ("!", "yellow"), "mended": ("✓", "green")}


def _picture(records: Sequence[Record], console: Any) -> None:
    """The programme as a line of cuts with what was found above it, then the findings by time."""
    from rich.text import Text

    from roadmap_cli.edl import timecode

    plan = next((record for record in records if record.get("kind") == "edl.plan"), None)
    if plan is None or plan.get("checked") is None:
        return
    fps, length = timecode.rational(plan.get("fps"), field="fps"), max(1, int(plan.get("length_frames", 1)))
    cuts = {record["id"]: record for record in records if record.get("kind") == "edl.cut"}
    found = []
    for record in records:
        if record.get("kind") == "edl.finding":
            cut = cuts.get(str(record.get("cut_id")), {})
            frame = record.get("timeline_frame", cut.get("timeline_in_frame"))
            found.append((-1 if frame is None else int(frame), record))
    found.sort(key=lambda each: each[0])
    wide = max(20, console.width - 2)
    marks, colours = [" "] * wide, ["dim"] * wide
    track = ["─"] * wide
    for cut in cuts.values():
        track[min(wide - 1, int(cut["timeline_in_frame"]) * wide // length)] = "┬"
    for frame, record in reversed(found):
        if frame >= 0:
            at = min(wide - 1, frame * wide // length)
            marks[at], colours[at] = _mark(record)
    above = Text("  ")
    for sign, style in zip(marks, colours, strict=True):
        above.append(sign, style=style)
    if found:
        above.rstrip()
        console.print(above)
    console.print(Text("  " + "".join(track), style="dim"))
    ends = timecode.clock(0, fps), timecode.clock(length, fps)
    console.print(Text(f"  {ends[0]}{ends[1]:>{wide - len(ends[0])}}", style="dim"))
    for frame, record in found:
        sign, style = _mark(record)
        at = "" if frame < 0 else timecode.clock(frame, fps)
        lines = [(piece, "not dim") for piece in _wrapped(f"{record['message']}  [{record['rule']}]", console)]
        if "mend" in record:
            lines += [(piece, "green") for piece in _wrapped(f"→ {record['mend']}", console)]
        for place, (piece, colour) in enumerate(lines):
            line = Text(sign if place == 0 else " ", style=style)
            line.append(f" {at if place == 0 else '':<11} ", style="dim")
            line.append(piece, style=colour)
            console.print(line)
    verdict = "may be rendered" if plan["checked"] else "must not be rendered"
    counts = [(len(cuts), "cut"), (plan["error_count"], "error"), (plan["warning_count"], "warning")]
    console.print(Text(f"{', '.join(counted(*each) for each in counts)}: {verdict}", style="bold"))


def _wrapped(text: str, console: Any) -> list[str]:
    import textwrap

    return textwrap.wrap(visible(text), max(20, console.width - 14)) or [""]


def _mark(record: Record) -> tuple[str, str]:
    return _MARKS["mended" if record.get("is_mended") else str(record.get("severity", "warning"))]


@command(
    reads="*",
    writes=("edl.source", "edl.shot", "edl.plan", "edl.cut", "edl.title", "edl.cue", "edl.finding", "edl.murch"),
    state="write",
    effects=("programs",),
    streams=False,
    columns=("kind", "severity", "rule", "cut_id", "message", "mend"),
    examples={
        "Show what is wrong with a plan": (
            "edl-scan examples/bikes.mp4 | edl-plan --intent 'make it cinematic' | edl-check "
            "| jq -r 'select(.kind == \"edl.finding\").message'"
        ),
        "Mend what can be mended, and see what was done": (
            "edl-scan examples/bikes.mp4 | edl-plan --intent 'make it cinematic' | edl-check --fix "
            "| jq -r 'select(.kind == \"edl.finding\") | [.message, .mend] | @tsv'"
        ),
    },
    see=("edl-plan", "edl-render", "edl-undo", "edl-why"),
    picture=_picture,
)
@click.option("--fix", is_flag=True, help="Mend what can be mended, as one edit that edl-undo takes back.")
@click.option("--pictures", is_flag=True, help="Decode the planned pictures small and look for flashes that can harm.")
@click.option("--scores", is_flag=True, help="Write an edl.murch record for each joint, too.")
@looking_option()
def main(run: Run, fix: bool, pictures: bool, scores: bool, look_in: tuple[Path, ...]) -> Iterable[Record]:
    """Check a plan before it is rendered.

    Each rule that finds something writes an edl.finding record, after the plan.
    An error means that the plan must not be rendered; a warning explains.

    Whether it can be done: ranges inside their sources, sources that are there and unchanged, no gap or overlap, frames
    for transitions and for sound that leads or lags, titles and cues inside the programme, numbers in bounds, the
    length asked for, room on the disk.

    Craft: no cut inside a word or phrase, no flash of fewer than 3 frames, no jump cuts, light, colour, loudness and
    room tone that hold inside a scene, music below the voice, the line kept, few transitions, titles long enough to
    read, no flashing more than three times a second.

    Story: order of time inside a scene, questions with their answers, a view of the place when a scene begins, shots of
    varying length, the peak at 65 to 90 % of the programme; each story beat that is left out is told.

    A source that is not where it was is looked for in the same folder, in those named with --look-in and where
    edl-scan saw it last, by its content; its path is then mended in what goes on.

    A rule needs what edl-scan measured for it; what is missing in the input is taken from the state.
    With --scores each joint is scored by Murch's rule of six: emotion 51, story 23, rhythm 10, eye-trace 7, plane 5,
    space 4.

    With --fix what can be mended without taste is mended: an edge goes to the end of its word, a transition without
    frames becomes a cut, a jump cut a punch-in, a number goes to its bound.
    Each mend is told in 'mend' of its finding; together they are one edit of the history.

    The plan goes on, with 'checked' true if there is no error and a digest of exactly what was checked; edl-render
    refuses any other plan.
    The plan is the edit worked on from now, which commands such as edl-feedback take up without input.
    The exit code is 1 if there is an error left.

    All input is read first.
    """
    from roadmap_cli.edl import gathering, probe
    from roadmap_cli.edl.checking import checks, mending, murch
    from roadmap_cli.edl.checking.footage import Footage
    from roadmap_cli.edl.history import bearings

    kept: list[Record] = []
    for record in run.records():
        if record["kind"] in gathering.KINDS:
            kept.append(record)
        elif record["kind"] not in {"edl.finding", "edl.murch"}:
            yield record
    edit = gathering.read(kept)
    if edit is None:
        return
    edit = _found_again(run, edit, look_in)
    assert edit.plan is not None
    measured, free = _recalled(run, edit).measured, _free_bytes(run)
    parts = (edit.plan, edit.cuts)
    mended: Mended | None = None
    if fix:
        mended = mending.mend(
            *parts, edit.titles, edit.cues, edit.sources, probe.content_hash, measured=measured, free_bytes=free
        )
        edit, mended = _recorded(run, edit, mended)
        found = mended.left
    else:
        found = checks.check(
            *parts, edit.sources, probe.content_hash, titles=edit.titles, cues=edit.cues, measured=measured,
            free_bytes=free,
        )  # fmt: skip
    if untaken := bearings.attend(run.existing_state, edit, run.command, run.now()):
        run.detail(untaken)
    told: list[Record] = []
    if (pictures or scores) and not _is_broken(found):
        footage = Footage(edit.plan, edit.cuts, edit.sources, edit.titles, edit.cues, measured)
        found = found + (_flashes(run, footage) if pictures else [])
        told = list(murch.scores(footage, run.stamp())) if scores else []
    yield from edit.sources.values()
    yield from edit.evidence()
    yield checks.marked(edit.plan, edit.cuts, edit.sources, found, edit.titles, edit.cues)
    yield from edit.things
    for each in mended.mends if mended else ():
        yield each.finding.record(edit.plan, run.stamp(), edit.cuts, each.words)
    for finding in found:
        yield finding.record(edit.plan, run.stamp(), edit.cuts)
    yield from told
    _say(run, edit, found, mended)


def _found_again(run: Run, edit: Edit, look_in: Sequence[Path]) -> Edit:
    """With the paths of sources that were moved."""
    from dataclasses import replace

    from roadmap_cli.edl import moved

    state = run.existing_state
    sources, told = moved.again(edit.sources, run.environ.get("PATH"), look_in, state)
    for line in told:
        run.warn(line)
    return replace(edit, sources=sources)


def _is_broken(found: Sequence[Finding]) -> bool:
    return any(finding.rule in {"shape", "range", "rate", "empty", "source_missing"} for finding in found)


def _recalled(run: Run, edit: Edit) -> Edit:
    """With what the state knows of the sources, if the stream told nothing of them and there is a state."""
    from roadmap_cli.edl import gathering

    if edit.measured or not run.state_path.exists():
        return edit
    with run.state.read() as tx:
        return gathering.recalled(tx, edit)


def _free_bytes(run: Run) -> int | None:
    """The room where renders keep their pieces."""
    import shutil

    from roadmap_cli.core import paths

    place = paths.cache_directory(run.environ)
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        return shutil.disk_usage(place).free
    except OSError:
        return None


def _flashes(run: Run, footage: Any) -> list[Finding]:
    from roadmap_cli.edl import programs
    from roadmap_cli.edl.checking import flashes

    with run.progress("pictures", footage.plan["length_frames"]) as bar:
        return list(flashes.find(programs.find(run.environ.get("PATH")), footage, bar.advance))


def _recorded(run: Run, edit: Edit, mended: Mended) -> tuple[Edit, Mended]:
    """The edit after mending, stored as one revision with its reasons, and its findings by the new cuts' names."""
    from dataclasses import replace

    from roadmap_cli.edl.history import revisions
    from roadmap_cli.edl.history.changes import origin
    from roadmap_cli.why import decisions

    if not mended.mends:
        return edit, mended
    whys = list(dict.fromkeys(f"{each.finding.message}: {each.words}" for each in mended.mends))
    rules = sorted({each.finding.rule for each in mended.mends})
    origins = {thing["id"]: origin(thing) for thing in edit.things}
    cited = [name for each in mended.mends for name in (each.finding.cut_id, *each.finding.evidence) if name]
    with run.state.write() as tx:
        sources = list(edit.sources.values())
        adopted = revisions.adopt(tx, edit.plan, edit.things, sources, run.now(), run.command)
        base = revisions.version(tx, adopted.plan_id)
        plan, things = revisions.revise(base.plan, mended.things, run.stamp(), **mended.plan_fields)
        own = {origin(thing): thing["id"] for thing in base.things}
        cited = [own.get(origins.get(name, ""), name) for name in cited]
        known = set(own.values())
        evidence = [name for name in dict.fromkeys(cited) if name in known or decisions.resolves(tx, name)]
        count = len(mended.mends)
        revisions.record(
            tx, plan=plan, things=things, what=f"mend {count} finding{'s' * (count != 1)}: {', '.join(rules)}",
            why="; ".join(whys), evidence=evidence, command=run.command, at=run.now(),
            facts={"rules": rules, "mends": count}, decision="edl.plan_mended",
        )  # fmt: skip
    groups: dict[str, list[Record]] = {}
    for thing in things:
        groups.setdefault(thing["kind"], []).append(thing)
    names = {origin(thing): thing["id"] for thing in things}
    names = {thing["id"]: names[origin(thing)] for thing in edit.things if origin(thing) in names}
    mends = [replace(each, finding=_renamed(each.finding, names)) for each in mended.mends]
    left = [_renamed(finding, names) for finding in mended.left]
    kinds = (groups.get(kind, []) for kind in ("edl.cut", "edl.title", "edl.cue"))
    cuts, titles, cues = kinds
    edit = replace(edit, plan=plan, cuts=cuts, titles=titles, cues=cues)
    return edit, replace(mended, mends=mends, left=left)


def _renamed(finding: Finding, names: Mapping[str, str]) -> Finding:
    """A finding about the cut's successor; about the whole plan, if the cut is gone."""
    from dataclasses import replace

    return replace(finding, cut_id=names.get(finding.cut_id)) if finding.cut_id else finding


def _say(run: Run, edit: Edit, found: Sequence[Finding], mended: Mended | None) -> None:
    errors = [finding for finding in found if finding.severity == "error"]
    for finding in errors:
        run.words.error(finding.told(edit.cuts))
    for finding in found:
        if finding.severity != "error":
            run.detail(finding.told(edit.cuts))
    for each in mended.mends if mended else ():
        run.detail(f"mended: {each.finding.told(edit.cuts)}: {each.words}")
    fixed = f"{len(mended.mends)} mended, " if mended else ""
    counts = f"{counted(len(errors), 'error')}, {counted(len(found) - len(errors), 'warning')}"
    run.note(f"{counted(len(edit.cuts), 'cut')} checked, {fixed}{counts}")
    run.exit_code = 1 if errors else 0
