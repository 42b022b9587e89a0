"""Where a command stands: at the edit on standard input, or at the head of the one last worked on.

The edit worked on is the one a person had to do with last: planned, corrected, checked, looked at or exported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.edl import gathering
from roadmap_cli.edl.gathering import Edit
from roadmap_cli.edl.history import revisions, walking
from roadmap_cli.edl.history.changes import root_of
from roadmap_cli.edl.history.revisions import Head, Revision

if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection
    from roadmap_cli.state.store import State

#: The most letters of an intent, or of what an edit did, that a line shows.
_FEW = 48
#: What a check said of a plan is not said of another.
_SPOKEN = frozenset({"edl.finding", "edl.murch"})


@dataclass(slots=True)
class Bearings:
    """The stream that came in, sifted: an edit's own records are kept, the others go on."""

    edit: Edit | None = None
    #: Which edit it is, in words, if none came in and the one worked on last is meant.
    told: str = ""

    def sift(self, stream: Iterable[Record]) -> Iterator[Record]:
        """Take in a stream, giving what is not part of an edit. Raises DataError as `gathering.read`."""
        kept = []
        for record in stream:
            if record.get("kind") in gathering.KINDS:
                kept.append(record)
            elif record.get("kind") not in _SPOKEN:
                yield record
        self.edit = gathering.read(kept)

    def settle(self, tx: Connection, command: str, at: datetime) -> Revision | None:
        """The revision to start from, stored if the stream's plan was not; None if there is no edit at all."""
        if self.edit is None:
            return self._current(tx)
        sources = list(self.edit.sources.values())
        return revisions.adopt(tx, self.edit.plan, self.edit.things, sources, at, command)

    def look(self, tx: Connection) -> tuple[Revision, Head] | None:
        """The revision to look at and what it holds, without storing anything; None if there is no edit at all."""
        if self.edit is None:
            found = self._current(tx)
            return None if found is None else (found, revisions.whole(tx, found))
        plan = self.edit.plan
        found = revisions.find(tx, plan["id"]) or Revision(plan["id"], root_of(plan), None, None)
        return found, Head(plan, self.edit.things, list(self.edit.sources.values()))

    def stream(self, found: Head) -> list[Record]:
        """A revision as a stream: with the sources and measurements that came in, where some did."""
        sources = {source["id"]: source for source in found.sources} | (self.edit.sources if self.edit else {})
        rest = revisions.stream(Head(found.plan, found.things, []))
        return [*sources.values(), *(self.edit.evidence() if self.edit else ()), *rest]

    def _current(self, tx: Connection) -> Revision | None:
        try:
            found = revisions.current(tx)
        except DataError as error:
            if error.code != "no_history":
                raise
            return None
        self.told = words(tx, found)
        return found


def words(tx: Connection, last: Revision) -> str:
    """Which edit is meant if none came in: what it was planned from, how far it has come, and its plan's id."""
    plan = revisions.version(tx, last.plan_id).plan
    edits = walking.standing(walking.path(tx, last))
    came = "as planned"
    if edits:
        count = f"{len(edits)} edits" if len(edits) != 1 else "1 edit"
        came = f"after {count}, the last {_few(revisions.edit_of(tx, edits[-1])['what'])}"
    return f"the edit worked on last: {_few(plan.get('intent', ''))}, {came} ({last.plan_id})"


def _few(text: object) -> str:
    told = str(text)
    return repr(told if len(told) <= _FEW else told[: _FEW - 1].rstrip() + "…")


def attend(state: State | None, edit: Edit, command: str, at: datetime) -> str:
    """Make an edit the one worked on, for a command that can do without a history: why it could not be, or ""."""
    if state is None:
        return ""
    try:
        with state.write() as tx:
            revisions.attend(tx, edit.plan, edit.things, list(edit.sources.values()), at, command)
    except DataError as error:
        return f"the history does not take this edit, and stays where it was: {error.message}"
    return ""
