"""The stream of an edit, gathered: sources and what was measured on them, the plan and its parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, require

if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

PARTS = ("edl.cut", "edl.title", "edl.cue")
#: What was measured on sources, in the order of the stream.
MEASURED = ("edl.shot", "edl.scene", "edl.span", "edl.rhythm", "edl.word", "edl.beat", "edl.energy")
KINDS = ("edl.source", *MEASURED, "edl.plan", *PARTS)


@dataclass(frozen=True, slots=True)
class Edit:
    """A plan with its parts, its sources by id, and what was measured on them, by kind, each in the order it came."""

    plan: Record
    cuts: list[Record] = field(default_factory=list)
    titles: list[Record] = field(default_factory=list)
    cues: list[Record] = field(default_factory=list)
    sources: dict[str, Record] = field(default_factory=dict)
    measured: dict[str, list[Record]] = field(default_factory=dict)

    @property
    def things(self) -> list[Record]:
        """Cuts, titles and cues."""
        return [*self.cuts, *self.titles, *self.cues]

    def of(self, kind: str) -> list[Record]:
        """The records of a kind that was measured."""
        return self.measured.get(kind, [])

    @property
    def shots(self) -> dict[str, Record]:
        """The shots of its sources by id."""
        return {str(shot["id"]): shot for shot in self.of("edl.shot") if "id" in shot}

    def evidence(self) -> Iterator[Record]:
        """All that was measured, in the order of the stream."""
        for kind in MEASURED:
            yield from self.of(kind)


def read(stream: Iterable[Record]) -> Edit | None:
    """Gather a stream; other kinds are left out. None if there is nothing of an edit in it.

    Raises DataError if there are parts or sources and no plan, more than one plan, or parts of another plan.
    """
    plan: Record | None = None
    parts: dict[str, list[Record]] = {kind: [] for kind in PARTS}
    sources: dict[str, Record] = {}
    measured: dict[str, list[Record]] = {}
    for record in stream:
        kind = record["kind"]
        if kind == "edl.plan":
            if plan is not None:
                raise DataError("more than one edl.plan record: one plan at a time", code="two_plans")
            plan = record
        elif kind in parts:
            parts[kind].append(record)
        elif kind == "edl.source":
            sources[require(record, "id", str)] = record
        elif kind in MEASURED:
            measured.setdefault(kind, []).append(record)
    if plan is None:
        if sources or measured or any(parts.values()):
            raise _planless()
        return None
    require(plan, "id", str)
    for each in (part for kind in PARTS for part in parts[kind] if part.get("plan_id") != plan["id"]):
        raise DataError(f"a {each['kind'].partition('.')[2]} of another plan: {each.get('id')}", code="two_plans")
    return Edit(plan, parts["edl.cut"], parts["edl.title"], parts["edl.cue"], sources, measured)


def needed(stream: Iterable[Record]) -> Edit:
    """As `read`, where nothing can be done without an edit. Raises DataError if there is none, too."""
    edit = read(stream)
    if edit is None:
        raise _planless()
    return edit


def _planless() -> DataError:
    return DataError("no edl.plan record in the input", hint="edl-plan makes one", code="no_plan")


def recalled(tx: Connection, edit: Edit) -> Edit:
    """The edit with what is stored of its sources' scans, where the stream brought none of it.

    Of each kind the newest method counts. Beats that no scan names are found by the plan's own lists.
    """
    if edit.measured or not edit.sources:
        return edit
    import orjson

    measured: dict[str, list[Record]] = {}
    for source in edit.sources.values():
        rows = tx.execute(
            "SELECT kind, method, at, body FROM edl_scan JOIN record ON record.id = record_id"
            " WHERE sha256 = ? AND body ->> 'source_id' = ? ORDER BY kind, method, position",
            (source.get("sha256"), source["id"]),
        ).fetchall()
        newest: dict[str, tuple[str, str]] = {}
        for kind, method, at, _ in rows:
            newest[kind] = max(newest.get(kind, ("", "")), (at, method))
        for kind, method, _, body in rows:
            if kind in MEASURED and method == newest[kind][1]:
                measured.setdefault(kind, []).append(orjson.loads(body))
    have = {record["id"] for kind in measured for record in measured[kind]}
    named = [*edit.plan.get("beat_ids", ()), *edit.plan.get("dropped_beat_ids", ())]
    for name in named:
        row = tx.execute("SELECT body FROM record WHERE id = ? AND kind = 'edl.beat'", (name,)).fetchone()
        if row and name not in have:
            measured.setdefault("edl.beat", []).append(orjson.loads(row[0]))
    return replace(edit, measured=measured)
