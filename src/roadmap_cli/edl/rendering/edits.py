"""An edit that is to be rendered: read from the stream, admitted only as it was checked."""

from __future__ import annotations

from collections.abc import Iterable

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, require
from roadmap_cli.edl import gathering, timecode
from roadmap_cli.edl.checking import checks
from roadmap_cli.edl.gathering import Edit


def gather(stream: Iterable[Record]) -> Edit:
    """The edit of a stream. Raises DataError if there is none, more than one, or a part of another."""
    edit = gathering.needed(stream)
    for record in (*edit.titles, *edit.cues):
        first, end = require(record, "timeline_in_frame", int), require(record, "timeline_out_frame", int)
        if not 0 <= first < end:
            raise DataError(f"{record['kind']} {record.get('id')} has no frames: {first} to {end}", code="bad_range")
    for title in edit.titles:
        require(title, "text", str)
    return edit


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
