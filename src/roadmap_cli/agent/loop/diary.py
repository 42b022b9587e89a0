"""A run's diary: steps begun and done, records stored before they are announced, and what is there from before."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.agent.loop.report import Report
from roadmap_cli.agent.runs import journal
from roadmap_cli.core.clock import stamp
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection, State

#: Gives the ids of a run's records that the output holds; None if that cannot be known.
Seen = Callable[[str], Collection[str] | None]


class Diary:
    """Writes the journal of one run. `basis` is what every step rests on: the files' digest, the test command."""

    def __init__(
        self, state: State, now: Callable[[], datetime], timer: Callable[[], float], run: str, report: Report,
        basis: tuple[str, ...], *, resumed: bool, resume: bool, seen: Seen,
    ) -> None:  # fmt: skip
        self._state, self._now, self._timer, self._run, self._report = state, now, timer, run, report
        self._basis, self._resumed, self._resume, self._seen = basis, resumed, resume, seen

    def kept(self, record: Record) -> Record:
        """Store a record that is about to be announced."""
        self.write(lambda tx: journal.tell(tx, self._run, [record]))
        return record

    def announced_before(self) -> Iterator[Record]:
        """What earlier parts of the run have found: again, or, for ``--resume``, only what did not get through."""
        if not self._resumed:
            return
        with self._state.read() as tx:
            stored = journal.records(tx, self._run)
        there = self._seen(self._run) if self._resume else None
        own = self._report.kept[-1]["id"]
        for record, announced in stored:
            if record["id"] == own:
                continue
            self._report.kept.append(record)
            if record["kind"] in ("agent.run_started", "agent.run_finished") and not self._resume:
                continue
            known = (record["id"] in there) if there is not None else announced
            if not (self._resume and known):
                yield record

    def begin(self, step: str, key: str, *parts: object, detail: Any = None) -> journal.Step | None:
        """Begin a step; the stored one if it is done already and what came out of it is kept."""
        digest = journal.digest_of(*self._basis, *parts)
        with self._state.read() as tx:
            found = journal.find(tx, self._run, key)
        if found and found.done and found.digest == digest:
            return found
        self.write(lambda tx: journal.begin(tx, self._run, step, key, digest, self.at(), detail))
        return None

    def end(
        self, step: str, key: str, outcome: str, since: float, detail: Any = None, first: Record | None = None,
        **more: object,
    ) -> Record:  # fmt: skip
        """End a step: what came out of it and its record, after `first` if that is given, are stored together."""
        record = self._report.step(step, key, outcome, self._timer() - since, **more)

        def store(tx: Connection) -> None:
            journal.end(tx, self._run, key, outcome, self.at(), detail)
            journal.tell(tx, self._run, [record] if first is None else [first, record])

        self.write(store)
        return record

    def told(self, record: Record) -> None:
        """Note that a record has reached the output."""
        if record["kind"] != "agent.candidate":
            self.write(lambda tx: journal.told(tx, self._run, [record["id"]]))

    def earlier(self, kind: str, **fields: object) -> Record | None:
        """A record that an earlier part of this run has made, with these fields."""
        wanted = {"kind": kind, **fields}
        if not self._resumed:
            return None
        return next((r for r in self._report.kept if all(r.get(n) == v for n, v in wanted.items())), None)

    def write(self, work: Callable[[Connection], object]) -> None:
        """Do something in a transaction; in a dry run not at all."""
        if not self._state.dry_run:
            with self._state.write() as tx:
                work(tx)

    def at(self) -> str:
        """The present moment as it stands in records."""
        return stamp(self._now())
