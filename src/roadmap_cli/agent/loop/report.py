"""The records of a run of the loop, each made in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from roadmap_cli.agent.code import patch
from roadmap_cli.agent.code.git import Branch
from roadmap_cli.agent.code.patch import File
from roadmap_cli.agent.code.project import Project
from roadmap_cli.agent.repair.driver import Candidate, Case, Verdict
from roadmap_cli.agent.testing.bench import TestRun
from roadmap_cli.agent.testing.confirm import Evidence
from roadmap_cli.agent.testing.localise import raised, top
from roadmap_cli.agent.testing.toolchain import TestCommand
from roadmap_cli.core.clock import stamp
from roadmap_cli.core.records import Record, run_id

_NAMED, _REASONS, _PLACES = 50, 10, 10


class Report:
    """Makes records of one run; `kept` are those made so far, in order."""

    def __init__(self, run: str, now: Callable[[], datetime]) -> None:
        self._run, self._now = run, now
        self.kept: list[Record] = []

    def _record(self, kind: str, **fields: object) -> Record:
        moment = self._now()
        record = {"kind": kind, "id": run_id(kind, moment), "at": stamp(moment), "run_id": self._run, **fields}
        self.kept.append(record)
        return record

    def started(
        self, project: Project, command: TestCommand, digest: str, resumed: bool, protections: Sequence[str],
        chosen_by: str, goal: str | None, context: Sequence[str],
    ) -> Record:  # fmt: skip
        """agent.run_started."""
        fields: dict[str, object] = {
            "project": str(project.root), "test": command.text, "framework": command.framework, "digest": digest,
            "resumed": resumed, "protections": list(protections), "git": project.git,
        }  # fmt: skip
        optional = {"goal": goal, "test_chosen_by": chosen_by, "left_out": list(project.left_out),
                    "submodules": list(project.submodules), "context": list(context)}  # fmt: skip
        return self._record("agent.run_started", **fields, **{name: value for name, value in optional.items() if value})

    def step(self, step: str, key: str, outcome: str, seconds: float, **more: object) -> Record:
        """agent.step: one step that was done."""
        return self._record(
            "agent.step", step=step, key=key, outcome=outcome, duration_ms=round(seconds * 1000), **more
        )

    def test_result(self, phase: str, run: TestRun, flaky: Sequence[str] = ()) -> Record:
        """agent.test_result: what a run of the whole suite said."""
        fields: dict[str, object] = {
            "phase": phase, "finished": run.finished, "passed_count": len(run.passing),
            "failed_count": len(run.failing), "skipped_count": len(run.with_status("skipped")),
            "duration_ms": round(run.seconds * 1000), "failed": run.failing[:_NAMED],
        }  # fmt: skip
        if run.exit_code is not None:
            fields["exit_code"] = run.exit_code
        if run.timed_out:
            fields["timed_out"] = True
        reasons = [{"test": test, "reason": why} for test in run.failing[:_REASONS] if (why := _why(run, test))]
        if reasons:
            fields["reasons"] = reasons
        first = next((run.outcomes[test].get("error") for test in run.failing), None)
        if first:
            fields["error"] = f"{first['type']}: {first['message']}".strip()[:1000]
        elif not run.finished and run.output:
            fields["output"] = run.output[-2000:]
        if flaky:
            fields["flaky"] = list(flaky)[:_NAMED]
        return self._record("agent.test_result", **fields)

    def suspicion(self, case: Case, traced: bool) -> Record:
        """agent.suspicion: where the fault probably is."""
        errors = [case.errors.get(test, {}) for test in case.failing]
        lines = [
            {"file": file, "line": line, "suspicion_ratio": round(value, 4)}
            for file, line, value in top(case.suspicion, _PLACES, raised(errors, case.suspicion))
        ]
        return self._record("agent.suspicion", method="ochiai" if traced else "traceback", lines=lines)

    def candidate(self, verdict: Verdict) -> Record:
        """agent.candidate: one edit that was tried."""
        candidate = verdict.candidate
        return self._record(
            "agent.candidate", patch=candidate.patch, template=candidate.template, file=candidate.file,
            line=candidate.line, function=candidate.function, score=round(candidate.score, 4),
            outcome=verdict.outcome, failed_count=verdict.failing,
        )  # fmt: skip

    def fix(
        self, candidate: Candidate, was: Mapping[str, File | None], new: Mapping[str, File | None], driver: str,
        pattern: str, evidence: Evidence, signatures: Sequence[str], excluded: Sequence[str], overfit: int,
        rivals: Sequence[Record],
    ) -> Record:  # fmt: skip
        """agent.fix: the repair as a diff, and what is known of it."""
        name = sorted(new)[0]
        verdict, why = evidence.verdict()
        fields: dict[str, object] = {
            "driver": driver, "template": candidate.template, "file": name,
            "line": _first_line(was.get(name), new[name]) or candidate.line, "files": sorted(new),
            "diff": patch.diff(was, new), "confidence": "plausible", "verdict": verdict, "verdict_reason": why,
            "held_out_count": evidence.held_out, "held_out_failed_count": evidence.held_out_failing,
            "held_out_reaching_count": evidence.held_out_reaching, "check_count": evidence.checks,
            "changed_on_recorded_count": evidence.changed_on_recorded,
            "changed_on_variants_count": evidence.changed_on_variants, "rival_count": evidence.rivals,
            "disagreement_count": evidence.disagreements, "overfit_count": overfit, "pattern_id": pattern,
            "signatures": sorted(set(signatures))[:_NAMED],
        }  # fmt: skip
        if excluded:
            fields["excluded"] = list(excluded)[:_NAMED]
        if rivals:
            fields["rivals"] = list(rivals)
        return self._record("agent.fix", **fields)

    def partial(
        self, candidate: Candidate, was: Mapping[str, File | None], new: Mapping[str, File | None],
        mended: Sequence[str], failing: int,
    ) -> Record:  # fmt: skip
        """agent.partial: what came nearest to a repair."""
        return self._record(
            "agent.partial", template=candidate.template, files=sorted(new), diff=patch.diff(was, new),
            mended=list(mended)[:_NAMED], mended_count=len(mended), failed_count=failing,
        )  # fmt: skip

    def finished(
        self, status: str, reason: str, tried: int, total: int, seconds: float, applied: bool, branch: Branch | None,
        spent: tuple[int, float], driver: str, hardcoded: int,
    ) -> Record:  # fmt: skip
        """agent.run_finished."""
        tokens, cost = spent
        optional: dict[str, object] = {
            "reason": reason, "found_by": driver, "hardcoded_count": hardcoded, "tokens": tokens, "cost": cost
        }  # fmt: skip
        if branch:
            optional |= {"branch": branch.name, "commit": branch.commit}
        return self._record(
            "agent.run_finished", status=status, candidate_count=tried, total_candidate_count=total,
            applied=applied, duration_ms=round(seconds * 1000),
            **{name: value for name, value in optional.items() if value},
        )  # fmt: skip

    @staticmethod
    def reason(fix: Record, before: Record, after: Record) -> str:
        """Why a fix was chosen, in words."""
        passed, failed = after["passed_count"], after["failed_count"]
        return (
            f"{_BASIS.get(fix['driver'], 'the driver proposed it')}; with it"
            f" {passed} test{' passes' if passed == 1 else 's pass'} and {failed or 'none'} fail{'s' * (failed == 1)},"
            f" without it {before['failed_count']} failed;"
            f" {fix['verdict']}: {fix['verdict_reason']}"
        )


_BASIS = {
    "replay": "it mended the same failure before", "template": "a failing test runs the line most often",
    "synthesis": "it was made up from the tests' examples and code that is there",
    "llm": "a language model proposed it",
}  # fmt: skip


def _why(run: TestRun, test: str) -> str:
    """Why a test fails: the first line of its error."""
    error = run.outcomes[test].get("error")
    return f"{error['type']}: {error['message']}".strip().partition("\n")[0][:300] if error else ""


def _first_line(was: File | None, new: File | None) -> int:
    """The first line that differs, from 1; 0 if none does."""
    old, now = [(file.content if file else b"").split(b"\n") for file in (was, new)]
    return next((number for number, (one, two) in enumerate(zip(old, now, strict=False), 1) if one != two), 0)
