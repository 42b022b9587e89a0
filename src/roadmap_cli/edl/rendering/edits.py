"""A whole edit as it comes down the stream: plan, cuts, titles, cues, and what is known of the sources."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, require
from roadmap_cli.edl import gathering, timecode
from roadmap_cli.edl.checking import checks


@dataclass(slots=True)
class Edit:
    """One plan with all that belongs to it. Cuts are in the order of the programme."""

    plan: Record
    cuts: list[Record]
    sources: dict[str, Record]
    titles: list[Record] = field(default_factory=list)
    cues: list[Record] = field(default_factory=list)
    spans: list[Record] = field(default_factory=list)
    shots: dict[str, Record] = field(default_factory=dict)

    @property
    def project(self) -> str:
        """What all revisions of this edit have in common: the id of its first plan."""
        return str(self.plan.get("root_id") or self.plan["id"])


def gather(stream: Iterable[Record]) -> Edit:
    """The edit of a stream. Raises DataError if there is none, more than one, or a part of another."""
    read = gathering.read(stream)
    if read.plan is None:
        raise DataError("no plan in the input", hint="edl-scan, edl-plan and edl-check come before", code="no_plan")
    for record in (*read.titles, *read.cues):
        _within(record)
    for title in read.titles:
        require(title, "text", str)
    shots = {str(shot["id"]): shot for shot in read.of("edl.shot") if "id" in shot}
    return Edit(read.plan, read.cuts, read.sources, read.titles, read.cues, read.of("edl.span"), shots)


def admit(edit: Edit) -> None:
    """Refuse a plan that edl-check has not passed, or that has been changed since."""
    plan = edit.plan
    if plan.get("checked") is not True:
        count = plan.get("error_count")
        words = f"plan has {count} error{'s' * (count != 1)}" if count else "plan has not been checked"
        raise DataError(words, hint="edl-check names what is wrong; pipe the plan through it", code="not_checked")
    if checks.digest(plan, edit.cuts, edit.sources, edit.titles, edit.cues) != plan.get("checked_digest"):
        raise DataError("plan was changed after it was checked", hint="pipe it through edl-check", code="not_checked")
    timecode.rational(plan.get("fps"), field="fps")


def _within(record: Record) -> None:
    first, end = require(record, "timeline_in_frame", int), require(record, "timeline_out_frame", int)
    if not 0 <= first < end:
        raise DataError(f"{record['kind']} {record.get('id')} has no frames: {first} to {end}", code="bad_range")
