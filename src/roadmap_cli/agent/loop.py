"""The loop: plan (localise, rank), execute (edit), test (in the sandbox), reflect (store, learn), within bounds.

The rule it keeps: success is only what the whole suite says, twice; whatever else ends the loop is named, stored with
the run's id, and can be resumed. Every refuted patch is in the state before the next batch runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from roadmap_cli.agent import localise, memory, signature, toolchain
from roadmap_cli.agent import project as projects
from roadmap_cli.agent.bench import Bench, TestRun, is_green
from roadmap_cli.agent.driver import Candidate, Case, Verdict
from roadmap_cli.agent.report import Report
from roadmap_cli.agent.sandbox import Limits
from roadmap_cli.agent.search import Search
from roadmap_cli.agent.source import Block, blocks, reapply
from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError, UsageError
from roadmap_cli.core.records import Record, content_id, run_id

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection, State

_FLUSH_S = 0.2
_RESTARTS = 5
_FIRST_TEST_S = 5.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """When to stop: candidates and seconds of this invocation, seconds of one run of the whole suite."""

    candidates: int = 2000
    seconds: float = 120.0
    suite_seconds: float = 120.0
    memory_bytes: int = 1 << 30


@dataclass(frozen=True, slots=True)
class World:
    """What the loop may use of the outside: state, clocks, environment, the interpreter that runs it."""

    state: State
    command: str
    now: Callable[[], datetime]
    timer: Callable[[], float]
    environ: Mapping[str, str]
    interpreter: str
    detail: Callable[[str], None]


class Loop:
    """One run of the loop on one project. `records` does the work; `status` says how it ended."""

    def __init__(
        self, world: World, bounds: Bounds, *, folder: Path | None, test: str | None, resume: str | None = None,
        apply: bool = False, tell_candidates: bool = False,
    ) -> None:  # fmt: skip
        """Read the project and find its tests' program. Raises UsageError, DataError, InputMissing, Unavailable."""
        self._world, self._bounds = world, bounds
        self._apply, self._tell = apply, tell_candidates
        self.status = "running"
        self.applied = False
        stored = self._stored(resume) if resume else None
        folder = Path(stored.project) if stored else folder
        test = stored.test_command if stored else test
        if folder is None or test is None:
            raise UsageError(
                "a project folder and --test are needed", hint=f"{world.command} --test 'pytest -q' DIRECTORY"
            )
        self._project = projects.read(folder)
        self._digest = self._project.digest
        if stored and stored.digest != self._digest:
            raise DataError(
                f"{folder}: changed since run {stored.id} began", code="changed_meanwhile",
                hint=f"start anew: {world.command} --test {test!r} {folder}",
            )  # fmt: skip
        self._command = toolchain.understand(test, self._project.root, world.environ, world.interpreter)
        limits = Limits(wall_s=bounds.seconds + 600, cpu_s=int(bounds.seconds) + 600, memory_bytes=bounds.memory_bytes)
        self._bench = Bench(self._project, self._command, limits)
        with world.state.read() as tx:
            previous = stored or memory.unfinished(tx, str(self._project.root), test, self._digest)
        self.id = previous.id if previous else run_id("agent.run", world.now())
        self._resumed = previous is not None
        self._before = previous.candidates if previous else 0
        self._report = Report(self.id, world.now)
        tests = {name: data for name, data in self._project.files.items() if projects.is_test(name)}
        suite = hashlib.sha256(test.encode())
        for name in sorted(tests):
            suite.update(f"\0{name}\0".encode() + hashlib.sha256(tests[name]).digest())
        self._suite = suite.hexdigest()[:32]
        self._signature: str | None = None
        self._pending: list[memory.Attempt] = []
        self._told: list[Record] = []
        self._tried = 0
        self._flushed = self._started = world.timer()

    @property
    def project(self) -> Path:
        """The folder it works on, resolved."""
        return self._project.root

    @property
    def job(self) -> str:
        """A name for the project, the same in every process: what a lock is named after."""
        return hashlib.sha256(str(self._project.root).encode()).hexdigest()[:16]

    def records(self) -> Iterator[Record]:
        """Run it, and yield what happens: started, test results, suspicion, candidates if wanted, the fix, finished."""
        self._write(lambda tx: memory.start_run(
            tx, self.id, str(self._project.root), self._command.text, self._digest, self._at()))  # fmt: skip
        try:
            with self._bench:
                yield self._report.started(
                    self._project.root, self._command, self._digest, self._resumed, self._bench.open()
                )
                yield from self._work()
        finally:
            self._flush()
            status = "paused" if self.status == "running" else self.status
            self._write(lambda tx: memory.set_status(tx, self.id, status, self._signature, self._at()))
        yield self._report.finished(self.status, self._tried, self._before + self._tried, self._spent(), self.applied)

    # -- plan ------------------------------------------------------------------------------------------------------

    def _work(self) -> Iterator[Record]:
        first = self._bench.run({}, test_seconds=_FIRST_TEST_S, seconds=self._bounds.suite_seconds)
        yield (before := self._report.test_result("before", first))
        if first.finished and not first.failing:
            self.status = "already_green" if first.passing and first.exit_code == 0 else "no_tests"
            return
        if not first.failing:
            self.status = "hanging" if first.timed_out else "broken"
            return
        signatures = [signature.of(test, first.outcomes[test].get("error")) for test in first.failing]
        self._signature = signature.of_all(signatures)
        case = self._case(first)
        replayed = self._replay(case, signatures)
        if replayed:
            verdict, fix = replayed
            yield from self._succeed(verdict, before, fix.id, "replay", signatures, case)
            return
        second = self._bench.run(
            {},
            trace=self._project.sources(),
            test_seconds=max(1.0, 5 * case.test_seconds),
            seconds=self._bounds.suite_seconds * 4,
        )
        flaky = sorted(set(first.failing) ^ set(second.failing)) if second.finished else []
        if flaky:
            yield self._report.test_result("again", second, flaky)
            case.failing = [test for test in case.failing if test not in flaky]
            case.known = [test for test in case.known if test not in flaky]
            if not case.failing:
                self.status = "unstable"
                return
        self._localise(case, second)
        yield (suspicion := self._report.suspicion(case.suspicion, bool(second.lines)))
        yield from self._search(case, before, suspicion, signatures)

    def _case(self, first: TestRun) -> Case:
        failing = first.failing
        known = [test for test in first.outcomes if first.outcomes[test]["status"] != "skipped"]
        known = [test for test in known if not test.startswith("collect:")]
        slowest = max((first.outcomes[test].get("seconds", 0.0) for test in first.passing), default=0.1)
        errors = {test: first.outcomes[test].get("error") or {} for test in failing}
        return Case(failing, known, min(_FIRST_TEST_S, max(0.2, 10 * slowest)), {}, errors=errors)

    def _localise(self, case: Case, run: TestRun) -> None:
        passing = [test for test in run.passing if test in case.known]
        case.suspicion = localise.ochiai(run.lines, case.failing, passing) if run.lines else {}
        imported = run.lines.get(localise.IMPORT, {}) if run.lines else {}
        case.imported = {name: frozenset(numbers) for name, numbers in imported.items()}
        if not case.suspicion:
            sizes = {name: self._project.files[name].count(b"\n") + 1 for name in self._project.sources()}
            case.suspicion = localise.unknown(sizes)
            for test in case.failing:
                for frame in (run.outcomes.get(test, {}).get("error") or {}).get("frames", ()):
                    if frame.get("file") in case.suspicion:
                        case.suspicion[frame["file"]][frame["line"]] = 1.0

    # -- execute and test --------------------------------------------------------------------------------------------

    def _replay(self, case: Case, signatures: list[signature.Signature]) -> tuple[Verdict, memory.Fix] | None:
        """Try what mended the same failure before."""
        with self._world.state.read() as tx:
            known = memory.fixes(tx, signatures)
        search = Search(self._bench, self._project, tried=(), weights={}, pytest=False, pause=lambda: False,
                        note=lambda verdict: None)  # fmt: skip
        for fix in known:
            changed = self._reapplied(fix)
            if not changed:
                continue
            name = next(iter(changed))
            patch = f"replay:{fix.id}"
            candidate = Candidate(changed, patch, fix.template, name, 1, "", 1.0, False)
            run = search.whole(changed, case)
            worked = is_green(run, case.known)
            self._world.detail(f"replay of {fix.id} ({fix.level}): {'green' if worked else 'not green'}")
            if worked:
                return Verdict(candidate, "confirmed", 0, run), fix
            self._write(lambda tx, fix=fix: memory.note_replay(tx, fix.id, False, self._at()))  # type: ignore[misc]
        return None

    def _reapplied(self, fix: memory.Fix) -> dict[str, str]:
        changed: dict[str, str] = {}
        for block in fix.blocks:
            same_name = [n for n in self._project.sources() if n.rpartition("/")[2] == block.file.rpartition("/")[2]]
            for name in dict.fromkeys([block.file, *same_name]):
                if name not in self._project.files or projects.is_test(name):
                    continue
                try:
                    text = changed.get(name) or self._project.files[name].decode()
                except UnicodeDecodeError:
                    continue
                again = reapply(block, text)
                if again is not None:
                    changed[name] = again
                    break
            else:
                return {}
        return changed

    def _search(
        self, case: Case, before: Record, suspicion: Record, signatures: list[signature.Signature]
    ) -> Iterator[Record]:
        assert self._signature is not None
        with self._world.state.read() as tx:
            tried = memory.refuted(tx, self._signature, self._suite)
            weights = memory.priors(tx)
        search = Search(
            self._bench, self._project, tried=tried, weights=weights, pytest=self._command.framework == "pytest",
            pause=self._must_pause, note=self._reflect, room=lambda: self._bounds.candidates - self._tried,
        )  # fmt: skip
        verdict = search.find(case, {})
        self._flush()
        yield from self._told
        if verdict is not None:
            yield from self._succeed(verdict, before, suspicion["id"], "template", signatures, case)
        elif self._bench.restarts > _RESTARTS:
            self.status = "broken"
        else:
            self.status = "paused" if search.paused else "exhausted"
        self._world.detail(f"{self._tried} candidates run, {search.skipped} skipped as refuted before")

    def _must_pause(self) -> bool:
        over = self._tried >= self._bounds.candidates or self._spent() >= self._bounds.seconds
        return over or self._bench.restarts > _RESTARTS

    # -- reflect -----------------------------------------------------------------------------------------------------

    def _reflect(self, verdict: Verdict) -> None:
        self._tried += 1
        candidate = verdict.candidate
        self._pending.append(memory.Attempt(candidate.patch, candidate.template, verdict.outcome, verdict.failing))
        if self._tell:
            self._told.append(self._report.candidate(verdict))
        if verdict.outcome == "confirmed" or self._world.timer() - self._flushed >= _FLUSH_S:
            self._flush()

    def _flush(self) -> None:
        """Store the attempts made since the last time."""
        self._flushed = self._world.timer()
        if self._pending and self._signature:
            attempts, self._pending = self._pending, []
            name = self._signature
            self._write(lambda tx: memory.note_attempts(tx, self.id, name, self._suite, attempts, self._at()))

    def _succeed(
        self,
        verdict: Verdict,
        before: Record,
        basis: str,
        driver: str,
        signatures: list[signature.Signature],
        case: Case,
    ) -> Iterator[Record]:
        """Prove it once more, then store fix and decision, write the files if asked to, and only then announce."""
        proof = self._bench.run(verdict.candidate.changed, test_seconds=case.test_seconds, seconds=case.run_seconds)
        after = self._report.test_result("after", proof)
        yield after
        if not is_green(proof, case.known):
            self.status = "unstable"
            return
        changed = verdict.candidate.changed
        was = {name: self._project.files[name].decode() for name in changed}
        parts = [block for name in sorted(changed) for block in blocks(name, was[name], changed[name])]
        pattern = content_id("agent.fix", blocks=[repr(part) for part in parts])
        held_out = len(set(case.known) - set(case.selecting))
        fix = self._report.fix(verdict, was, driver, pattern, held_out, [s.exact for s in signatures])
        self.status = "fixed"
        yield self._remember(fix, basis, before, after, parts, signatures, verdict, driver)
        if self._apply and not self._world.state.dry_run:
            projects.apply(self._project, changed)
            self.applied = True

    def _remember(
        self, fix: Record, basis: str, before: Record, after: Record, parts: list[Block],
        signatures: list[signature.Signature], verdict: Verdict, driver: str,
    ) -> Record:  # fmt: skip
        """Store a fix with all it rests on, and the decision for it, in one transaction."""
        from roadmap_cli.state import records
        from roadmap_cli.why import decisions

        stored = [record for record in self._report.kept if record["kind"] != "agent.candidate"]
        with self._world.state.write() as tx:
            if self._world.state.dry_run:  # what earlier transactions said is gone
                memory.start_run(tx, self.id, str(self._project.root), self._command.text, self._digest, self._at())
            records.put_many(tx, stored)
            memory.store_fix(tx, fix["pattern_id"], self.id, driver, verdict.candidate.template, parts, signatures,
                             self._at())  # fmt: skip
            evidence = [before["id"], after["id"], fix["id"]]
            if driver == "template":
                evidence.insert(1, basis)
            else:
                evidence += [earlier["id"] for earlier in self._earlier(tx, basis, fix["id"])]
            decision = decisions.decide(
                tx, kind="agent.fix_chosen", what=f"change {fix['file']} line {fix['line']} by {driver}",
                why=self._report.reason(fix, before, after), evidence=evidence, command=self._world.command,
                at=self._world.now(), run_id=self.id,
                facts={"candidates": self._tried, "driver": driver, "template": fix["template"]},
            )  # fmt: skip
        return {**fix, "decision_id": decision["id"]}

    def _earlier(self, tx: Connection, pattern: str, but: str) -> list[Record]:
        """The stored records of the fix that is replayed now."""
        from roadmap_cli.state import records

        found = [r for r in records.find(tx, kind="agent.fix") if r.get("pattern_id") == pattern and r["id"] != but]
        return found[-1:]

    # -- the ground --------------------------------------------------------------------------------------------------

    def _stored(self, token: str) -> memory.Run:
        with self._world.state.read() as tx:
            found = memory.run(tx, token)
        if found is None:
            raise DataError(f"no run {token!r} to resume", code="no_run")
        return found

    def _write(self, work: Callable[[Connection], None]) -> None:
        if not self._world.state.dry_run:
            with self._world.state.write() as tx:
                work(tx)

    def _spent(self) -> float:
        return self._world.timer() - self._started

    def _at(self) -> str:
        return stamp(self._world.now())
