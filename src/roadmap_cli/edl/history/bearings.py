"""Where a command stands: at the edit on standard input, or at the head of the one last worked on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.edl import gathering
from roadmap_cli.edl.gathering import Edit
from roadmap_cli.edl.history import revisions
from roadmap_cli.edl.history.changes import root_of
from roadmap_cli.edl.history.revisions import Head, Revision

if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: What a check said of a plan is not said of another.
_SPOKEN = frozenset({"edl.finding", "edl.murch"})


@dataclass(slots=True)
class Bearings:
    """The stream that came in, sifted: an edit's own records are kept, the others go on."""

    edit: Edit | None = None

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

    @staticmethod
    def _current(tx: Connection) -> Revision | None:
        try:
            return revisions.current(tx)
        except DataError as error:
            if error.code != "no_history":
                raise
            return None
