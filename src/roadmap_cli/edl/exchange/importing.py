"""From a project file to a stored revision: which plan it belongs to, what is held against it, what is written down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from roadmap_cli.core import absent, clock
from roadmap_cli.core.errors import DataError, InputMissing, UsageError
from roadmap_cli.core.records import Record, content_id, require
from roadmap_cli.edl import gathering
from roadmap_cli.edl.checking import checks
from roadmap_cli.edl.exchange import adopting, reading_mlt, shotcut, timeline
from roadmap_cli.edl.exchange import project as projects
from roadmap_cli.edl.exchange.adopting import Revision
from roadmap_cli.edl.exchange.seen import Seen
from roadmap_cli.edl.exchange.timeline import Timeline
from roadmap_cli.edl.history import revisions

if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection
    from roadmap_cli.state.store import State

SUFFIXES = (".mlt", ".otio")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The revision and the edl.import record that tells of it."""

    revision: Revision
    record: Record


def take(state: State, project: Path, given: Sequence[Record], command: str, at: datetime) -> Outcome:
    """Read a project and store what was changed. Raises DataError, InputMissing or UsageError."""
    suffix = project.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"cannot read {project.name!r}: the suffix must be {', '.join(SUFFIXES)}")
    data = _bytes(project)
    folder = project.absolute().parent
    try:
        now = _seen(suffix, data, folder)
    except DataError as error:
        raise DataError(error.message, where=str(project), hint=error.hint, code=error.code) from None
    known = {str(record["id"]): record for record in given if record["kind"] == "edl.source"}
    with state.read() as tx:
        brought = any(record["kind"] == "edl.plan" for record in given)
        stream = given if brought else [*_stored(tx, now.plan_id, project), *known.values()]
        whole = gathering.read(stream) if brought or now.plan_id else None
        base = timeline.read(whole) if whole else None
        known = {**(whole.sources if whole else {}), **known}
        _by_path(tx, now, known)
    then = _shown(suffix, base, folder, project) if base else Seen(now.fps)
    moment = clock.stamp(at)
    revision = adopting.adopt(base, then, now, known, str(project), moment, projects.file_hash)
    record = _record(revision, base, project, moment)
    with state.write() as tx:
        from roadmap_cli.state import records

        records.put_many(tx, revision.sources)
        if revision.changes or base is None:
            evidence = [source["id"] for source in revision.sources]
            if base is not None:
                records.put_many(tx, [base.plan, *(clip.record for clip in base.clips), *base.titles, *base.cues])
                evidence = [str(base.plan["id"]), *evidence]
            edit = revisions.record(
                tx,
                plan=revision.plan,
                things=revision.things,
                changes=revision.changes,
                what=_what(revision),
                why=f"changed by hand in {project.name}",
                evidence=evidence,
                command=command,
                at=at,
                facts={"path": str(project.absolute()), "change_count": len(revision.changes)},
            )
            record["edit_id"] = edit["id"]
            if edit.get("why_id"):
                record["why_id"] = edit["why_id"]
        else:
            revisions.attend(tx, revision.plan, revision.things, revision.sources, at, command)
        records.put_many(tx, [record])
    return Outcome(revision, record)


def records_of(file: Path) -> list[Record]:
    """The records of a file of JSON lines. Raises DataError or InputMissing with the line."""
    from roadmap_cli.core import stream

    parse = stream.parser()
    found = []
    for number, line in enumerate(_bytes(file).splitlines(), 1):
        if line.strip():
            try:
                record = parse(line)
                require(record, "kind", str)
                found.append(record)
            except DataError as error:
                raise DataError(error.message, where=f"{file}:{number}", hint=error.hint, code=error.code) from None
    return found


def _bytes(project: Path) -> bytes:
    try:
        if project.is_dir():
            raise InputMissing("is a directory", where=str(project))
        if project.stat().st_size > reading_mlt.LARGEST_BYTES:
            raise DataError("larger than 64 MiB: not a project", where=str(project), code="bad_project")
        return project.read_bytes()
    except OSError as error:
        raise InputMissing(f"cannot read: {error.strerror}", where=str(project), hint=absent.hint(project)) from None


def _seen(suffix: str, data: bytes, folder: Path) -> Seen:
    if suffix == ".mlt":
        return reading_mlt.read(data, folder)
    from roadmap_cli.edl.exchange import reading_otio

    return reading_otio.read(data, folder)


def _shown(suffix: str, base: Timeline, folder: Path, project: Path) -> Seen:
    """What our own export of the plan shows."""
    if suffix == ".mlt":
        return reading_mlt.read(shotcut.export(base, f"{project.stem}-files", lambda path: "").data, folder)
    from roadmap_cli.edl.exchange import otio, reading_otio

    return reading_otio.read(otio.export(base).data, folder)


def _stored(tx: Connection, plan_id: str, project: Path) -> list[Record]:
    """The plan a project names, from the state; nothing if it names none."""
    from roadmap_cli.state import records

    if not plan_id:
        return []
    plan = records.get(tx, plan_id)
    if plan is None or plan.get("kind") != "edl.plan":
        raise DataError(
            f"the plan it came from is not stored here: {plan_id}", where=str(project),
            hint="give its records with --plan", code="no_plan",
        )  # fmt: skip
    # A revision's parts are kept with it: only those it changed are records of their own.
    found = revisions.version(tx, plan_id)
    sources = revisions.sources_of(tx, found)
    used = {source["id"] for source in sources}
    spans = [span for span in records.find(tx, kind="edl.span") if span.get("source_id") in used]
    return [*sources, *spans, plan, *found.things]


def _by_path(tx: Connection, now: Seen, known: dict[str, Record]) -> None:
    """Add the sources the state knows by the paths a project shows."""
    from roadmap_cli.state import records

    paths = [clip.path for clip in now.clips] + [sound.path for sound in now.sounds]
    lacking = set(paths) - {str(source.get("path")) for source in known.values()}
    if lacking:
        for source in records.find(tx, kind="edl.source"):
            if str(source.get("path")) in lacking:
                known.setdefault(str(source["id"]), source)


def _what(revision: Revision) -> str:
    """A line about the changes."""
    words: Counter[str] = Counter()
    for change in revision.changes:
        if change.field == "":
            words[f"{change.sort} {'added' if change.before is None else 'removed'}"] += 1
        else:
            words[f"{change.sort} {change.field}"] += 1
    told = ", ".join(f"{count} × {name}" if count > 1 else name for name, count in sorted(words.items()))
    return f"take over changes made by hand: {told}" if told else "take over a project"


def _record(revision: Revision, base: Timeline | None, project: Path, at: str) -> Record:
    cuts, titles, cues = (
        [thing for thing in revision.things if thing["kind"] == kind] for kind in ("edl.cut", "edl.title", "edl.cue")
    )
    sources = {str(source["id"]): source for source in revision.sources}
    record: Record = {
        "kind": "edl.import",
        "id": content_id("edl.import", plan_id=revision.plan["id"], path=str(project.absolute()), at=at),
        "at": at,
        "plan_id": revision.plan["id"],
        "path": str(project.absolute()),
        "change_count": len(revision.changes),
        "changes": [asdict(change) for change in revision.changes],
        "digest": checks.digest(revision.plan, cuts, sources, titles, cues),
        "opaque": revision.opaque,
        "problems": revision.problems,
    }
    if base is not None:
        record["base_id"] = base.plan["id"]
    return record
