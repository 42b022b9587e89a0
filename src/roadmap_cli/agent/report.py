"""The records of a run of the loop, each made in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from roadmap_cli.agent.bench import TestRun
from roadmap_cli.agent.driver import Verdict
from roadmap_cli.agent.localise import Suspicion, top
from roadmap_cli.agent.source import unified_diff
from roadmap_cli.agent.toolchain import TestCommand
from roadmap_cli.core.clock import stamp
from roadmap_cli.core.records import Record, run_id

_NAMED = 50


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
        self, folder: Path, command: TestCommand, digest: str, resumed: bool, protections: Sequence[str]
    ) -> Record:
        """agent.run_started."""
        return self._record(
            "agent.run_started",
            project=str(folder),
            test=command.text,
            framework=command.framework,
            digest=digest,
            resumed=resumed,
            protections=list(protections),
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
        first = next((run.outcomes[test].get("error") for test in run.failing), None)
        if first:
            fields["error"] = f"{first['type']}: {first['message']}".strip()[:1000]
        elif not run.finished and run.output:
            fields["output"] = run.output[-2000:]
        if flaky:
            fields["flaky"] = list(flaky)[:_NAMED]
        return self._record("agent.test_result", **fields)

    def suspicion(self, suspicion: Suspicion, traced: bool) -> Record:
        """agent.suspicion: where the fault probably is."""
        lines = [
            {"file": file, "line": line, "suspicion_ratio": round(value, 4)} for file, line, value in top(suspicion, 10)
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
        self, verdict: Verdict, was: Mapping[str, str], driver: str, pattern: str, held_out: int,
        signatures: Sequence[str],
    ) -> Record:  # fmt: skip
        """agent.fix: the repair as a diff."""
        candidate = verdict.candidate
        name = sorted(candidate.changed)[0]
        pairs = zip(was[name].splitlines(), candidate.changed[name].splitlines(), strict=False)
        line = next((number for number, (one, two) in enumerate(pairs, 1) if one != two), candidate.line)
        return self._record(
            "agent.fix", driver=driver, template=candidate.template, file=name, line=line,
            files=sorted(candidate.changed), diff=unified_diff(was, candidate.changed), confidence="plausible",
            held_out_count=held_out, pattern_id=pattern, signatures=sorted(set(signatures))[:_NAMED],
        )  # fmt: skip

    def finished(self, status: str, tried: int, total: int, seconds: float, applied: bool) -> Record:
        """agent.run_finished."""
        return self._record(
            "agent.run_finished", status=status, candidate_count=tried, total_candidate_count=total,
            applied=applied, duration_ms=round(seconds * 1000),
        )  # fmt: skip

    @staticmethod
    def reason(fix: Record, before: Record, after: Record) -> str:
        """Why a fix was chosen, in words."""
        what = {"replay": "it mended the same failure before", "template": "a failing test runs the line most often"}
        return (
            f"{what[fix['driver']]}; with it {after['passed_count']} tests pass and none fail, "
            f"without it {before['failed_count']} failed"
        )
