"""What was tried: stored in lots, announced only once it is stored, and not tried again."""

from __future__ import annotations

from collections.abc import Iterator

from roadmap_cli.agent import memory
from roadmap_cli.agent.loop.session import Session
from roadmap_cli.agent.repair.driver import Verdict
from roadmap_cli.agent.repair.portfolio import Arm
from roadmap_cli.core.records import Record

_FLUSH_S = 0.2


class Tried:
    """The candidates of one search. `known_bad` are patches that are no repair, those of earlier runs included."""

    def __init__(self, session: Session, *, tell: bool, failure: str | None = None) -> None:
        """With `tell` each candidate is a record. `failure` names what is searched for, if not all that fails."""
        self._session, self._tell, self._failure = session, tell, failure
        self.known_bad: set[str] = set()
        self._pending: list[memory.Attempt] = []
        self._candidates: list[Record] = []
        self._flushed = session.world.timer()

    def of_part(self, failure: str) -> Tried:
        """The same for a part of what fails."""
        return Tried(self._session, tell=self._tell, failure=failure)

    def note(self, verdict: Verdict, arm: Arm) -> None:
        """Take in what the tests said of a candidate. How a remembered fix fared is stored with the fix."""
        session, candidate = self._session, verdict.candidate
        session.hardcoded += verdict.outcome == "hardcoded"
        if arm.name == "replay":
            worked = verdict.outcome == "confirmed"
            said = "hard-coded" if verdict.outcome == "hardcoded" else "green" if worked else "not green"
            session.world.detail(f"replay of {candidate.patch}: {said}")
            if not worked:  # one that works is counted when it is stored anew
                fix = candidate.patch.removeprefix("replay:")
                session.diary.write(lambda tx: memory.note_replay(tx, fix, False, session.diary.at()))
            return
        session.tried += 1
        named = next(iter(verdict.run.failing), "")
        place = f"{candidate.file}:{candidate.line} in {candidate.function or 'the module'}"
        error = (verdict.run.outcomes.get(named, {}).get("error") or {}).get("message", "") if arm.iterates else ""
        self._pending.append(
            memory.Attempt(
                candidate.patch, candidate.template, verdict.outcome, verdict.failing, error=str(error),
                what=place if arm.iterates else "",
            )
        )  # fmt: skip
        if self._tell:
            self._candidates.append(session.report.candidate(verdict))
        if verdict.outcome == "confirmed" or session.world.timer() - self._flushed >= _FLUSH_S:
            self.store()

    def records(self) -> Iterator[Record]:
        """Records of the candidates that are in the state by now."""
        if not self._pending:
            told, self._candidates = self._candidates, []
            yield from told

    def store(self) -> None:
        """Store the attempts made since the last time."""
        session = self._session
        self._flushed = session.world.timer()
        name = self._failure or session.signature
        if self._pending and name:
            attempts, self._pending = self._pending, []
            session.diary.write(
                lambda tx: memory.note_attempts(tx, session.id, name, session.suite, attempts, session.diary.at())
            )
