"""agent-loop: repair a project until its failing tests pass."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roadmap_cli.cli.command import command
from roadmap_cli.cli.ranges import FiniteRange
from roadmap_cli.cli.run import Run
from roadmap_cli.cli.terminal import counted
from roadmap_cli.core.errors import DataError, Negative, RoadmapError, TryLater, UsageError
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.agent.loop import Loop
    from roadmap_cli.agent.loop.goals import Goal

_SAID = {
    "paused": "stopped by the limit on {reason} after {count}; nothing is claimed",
    "breaker": "stopped because it led nowhere ({reason}) after {count}; nothing is claimed",
    "exhausted": "no candidate is left that has not been refuted",
    "hardcoded": "nothing but the expected value passes; nothing is claimed",
    "no_tests": "no test was run: there is nothing to repair by, and nothing can be claimed",
    "unchecked": "all tests pass, so none of them says whether the goal is reached; nothing is claimed",
    "unstable": "the tests do not always say the same (flaky); nothing is claimed",
    "hanging": "the tests do not end within --suite-seconds",
    "broken": "the tests cannot be run to an end",
    "needs_network": "the tests need the network, which the sandbox refuses; nothing is claimed",
    "needs_approval": "the project would do what no sandbox grants by itself: {reason}",
}
_HINTS = {
    "hardcoded": "add a test that expects another value, or say more of what is to be computed",
    "unchecked": "add a test that fails until the goal is reached",
    "needs_network": "name tests that do without: --test \"pytest -q -m 'not network'\"",
    "no_tests": "write one, or name the command that runs them with --test COMMAND",
}


def _picture(records: Sequence[Record], console: Any) -> None:
    """For people: what failed, where the fault is, the diff, and how it ended."""
    from roadmap_cli.agent.runs.history import ended, partly, reasons, rivals
    from roadmap_cli.cli.diff import draw
    from roadmap_cli.cli.terminal import visible

    def say(text: str) -> None:
        console.print(visible(text), markup=False, highlight=False)

    for record in records:
        match record["kind"]:
            case "agent.run_started" if record.get("test_chosen_by"):
                say(f"tests: {record['test']} (by {record['test_chosen_by']})")
            case "agent.test_result":
                say(f"{record['phase']}: {record['passed_count']} passed, {record['failed_count']} failed")
                for words in reasons(record):
                    say(f"  {words}")
            case "agent.suspicion" if record["lines"]:
                first = record["lines"][0]
                say(f"most suspect: {first['file']}:{first['line']} ({first['suspicion_ratio']:.2f})")
            case "agent.fix":
                say(f"{record['driver']} ({record['template']}), {record['verdict']}: {record['verdict_reason']}")
                say("")
                draw(record["diff"], console)
                for words, diff in rivals(record):
                    say("")
                    say(words)
                    draw(diff, console)
            case "agent.partial":
                say(f"not a repair, but it {partly(record)}; it is not written to the project:")
                say("")
                draw(record["diff"], console)
            case "agent.run_finished":
                say(ended(record))


@command(
    reads="agent.goal",
    writes=(
        "agent.run_started",
        "agent.step",
        "agent.test_result",
        "agent.suspicion",
        "agent.candidate",
        "agent.fix",
        "agent.partial",
        "agent.run_finished",
    ),
    foreign=True,
    state="write",
    effects=("files", "programs", "network"),
    columns=("at", "kind", "status", "step", "outcome", "phase", "file", "line"),
    examples={
        "Repair a project and see the diff": (
            "agent-loop --test 'pytest -q' examples/fix-the-parser/ | jq -j '.diff // empty'"
        ),
        "Write the repair to the project": (
            "agent-loop --test 'pytest -q' --apply $HOME/fix-the-parser/ | jq -r '.driver // empty'"
        ),
        "Many goals, two at once": "agent-loop --jobs 2 -i $HOME/goals.jsonl | jq -r '.status // empty'",
    },
    see=("agent-show", "agent-sandbox", "roadmap-why"),
    picture=_picture,
)
@click.option(
    "--test", metavar="COMMAND", help="The command that runs the tests; split as a shell does, not run by one."
)
@click.option("--goal", metavar="TEXT", help="What is to be reached, in words; the tests decide whether it is.")
@click.option("--text", is_flag=True, help="Read lines of plain text; empty ones are left out.")
@click.option(
    "--max-iterations", type=click.IntRange(1), default=100_000, show_default=True, metavar="N", help="Candidates."
)
@click.option("--seconds", type=FiniteRange(0), default=120.0, show_default=True, help="Most wall time it may take.")
@click.option(
    "--max-tokens-total", type=click.IntRange(1), metavar="N", help="Most tokens of language models in a run."
)
@click.option("--max-cost", type=FiniteRange(0), metavar="MONEY", help="Most money for language models in a run.")
@click.option(
    "--llm",
    "model",
    metavar="MODEL",
    help="Let a language model propose, too: a name of slm-models(1), a GGUF file, an endpoint, or 'default'.",
)
@click.option(
    "--scan", is_flag=True, help="Scan the project first; what it would do outside the sandbox waits for agent-approve."
)
@click.option(
    "--suite-seconds", type=FiniteRange(1), default=120.0, show_default=True, help="Time for one run of all tests."
)
@click.option(
    "--memory-bytes",
    type=click.IntRange(64 << 20),
    default=1 << 30,
    show_default=True,
    help="Most memory that what runs may take.",
)
@click.option("--apply", is_flag=True, help="Write the repair to the project, if its files are still what they were.")
@click.option(
    "--branch", metavar="NAME", help="Commit the repair on a new git branch, touching neither index nor files."
)
@click.option("--candidates", is_flag=True, help="Write a record for each candidate, too.")
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True, metavar="N", help="Goals at once.")
@click.option("--resume", metavar="RUN", help="Go on with a paused run; folder and test command are its own.")
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path), metavar="DIRECTORY")
def main(
    run: Run, test: str | None, goal: str | None, text: bool, max_iterations: int, seconds: float,
    max_tokens_total: int | None, max_cost: float | None, model: str | None, scan: bool, suite_seconds: float,
    memory_bytes: int, apply: bool,
    branch: str | None, candidates: bool, jobs: int, resume: str | None, folder: Path | None,
) -> Iterable[Record]:  # fmt: skip
    """Repair a project until its failing tests pass.

    Run the tests in a sandbox, find the lines that failing tests run most (Ochiai), let drivers propose changes, and
    keep one with which the whole suite passes, twice.
    Drivers are asked in the order of the repairs to expect per second; what mended the same failure before is tried
    first. Without --test the command is found out from pyproject.toml, pytest.ini, tox.ini, setup.cfg, package.json,
    go.mod, a Makefile or the test files; {report} in it stands for a file for a JUnit, TAP or go test report.
    Python is edited by its syntax tree; JavaScript, TypeScript and Go by their grammars, lines being known by test and
    many changes tried at once where the command is node or go test.

    With --llm a language model proposes as well, when its turn has come or nothing else is left; of an endpoint's, a
    stored permission must cover agent.prompt. No call is made that could exceed --max-tokens-total or --max-cost.
    With --scan nothing of the project runs before what it would do to files outside, hosts, secrets and the system is
    approved; agent-scan tells it.

    The project is copied into the sandbox as it stands, uncommitted work included; it is changed only with --apply.
    The repair is the diff in the agent.fix record, for git apply or patch -p1.
    Its verdict is 'plausible' if passing tests are all that is known of it, and 'confirmed' if tests that were held
    out, and calls with other inputs than the tests', speak for it as well; the figures are in the record.
    Of several edits that pass all tests one is chosen that changes what is there rather than adds to it, and that does
    what most of the others do on generated inputs; those that behave differently are in the record (rivals), and shown.
    A repair from memory keeps the verdict it was stored with, unless failing tests pass that it was not found with.

    Failing tests that reach different functions are also searched group by group; what mends each is put together.
    What passes only because it gives the value that the tests expect (return 10, if items: return 10) is no repair.
    If nothing mends all, agent.partial tells the edit that turns the most failing tests green and breaks none; it is
    never written to the project, nor with --apply.

    Without DIRECTORY, --goal and --resume it reads agent.goal records (fields folder, goal, test and limits), or with
    --text one goal a line for the current directory.

    Every step is in the state: the same command, or --resume, goes on where a limit or kill -9 stopped it, does no
    effect twice and, with --resume, writes no record twice to the same output.
    The exit code is 0 for a repair, 75 if a limit stopped it, and 1 if nothing is claimed for another reason.
    """
    from roadmap_cli.agent.code import git
    from roadmap_cli.agent.loop import Bounds, goals

    bounds = Bounds(max_iterations, seconds, suite_seconds, memory_bytes, max_tokens_total, max_cost)
    if branch is not None:
        git.branch_name(branch)
    if resume is not None and (text or jobs > 1):
        raise UsageError("--resume goes on with one run, so it takes no --text and no --jobs")
    ask = _Ask(
        run, bounds_apply=apply, branch=branch, candidates=candidates, resume=resume, scan=scan,
        model="" if model == "default" else model,
    )  # fmt: skip
    if text:
        lines = (
            goals.Goal(folder or Path(), record["text"], test, bounds)
            for batch in run.texts(1) for record in batch if record["text"].strip()
        )  # fmt: skip
        yield from _many(ask, ((None, goal) for goal in lines), jobs)
    elif folder is not None or goal is not None or resume is not None:
        yield from _one(ask, goals.Goal(folder or Path(), goal, test, bounds))
    else:
        yield from _many(ask, _asked(run, bounds, test), jobs)


@dataclass(slots=True)
class _Ask:
    """What the options ask of every run."""

    run: Run
    bounds_apply: bool
    branch: str | None
    candidates: bool
    resume: str | None
    scan: bool = False
    model: str | None = None
    stopped: bool = False
    counts: dict[str, int] = field(default_factory=lambda: {"done": 0, "paused": 0, "failed": 0})

    def loop(self, goal: Goal, state: Any, progress: Callable[[str, float, str], None]) -> Loop:
        """The loop for a goal."""
        import sys
        import time

        from roadmap_cli.agent.loop import Loop, World

        run = self.run
        world = World(
            state, run.command, run.now, time.monotonic, run.environ, sys.executable, run.detail, progress,
            lambda: self.stopped, self.model, partial(_ledger, run, state), run.transport,
        )  # fmt: skip
        return Loop(world, goal.bounds, folder=None if self.resume else goal.folder, test=goal.test,
                    resume=self.resume, apply=self.bounds_apply, branch=self.branch, tell_candidates=self.candidates,
                    goal=goal.text, seen=_on_output(run), scans=self.scan)  # fmt: skip


def _ledger(run: Run, state: Any, name: str) -> Any:
    """The ledger of a run's model calls."""
    from roadmap_cli.models.ledger import Ledger

    return Ledger(state, run.command, run.clock, run_id=name)


def _asked(run: Run, bounds: Any, test: str | None) -> Iterator[tuple[Record | None, Goal]]:
    from roadmap_cli.agent.loop import goals

    for record in run.records():
        with run.item(record):
            yield record, goals.from_record(record, bounds, None, test)


def _one(ask: _Ask, goal: Goal) -> Iterator[Record]:
    """One goal, here and now."""
    from roadmap_cli.agent.loop import SUCCESS, folder_of, job_of
    from roadmap_cli.state.lock import one_at_a_time

    run = ask.run
    folder = folder_of(run.state, ask.resume) if ask.resume else goal.folder
    with (
        one_at_a_time(run.state_path, f"agent-loop-{job_of(folder)}", run.choices.wait),
        run.progress("plan", goal.bounds.seconds) as bar,
    ):

        def progress(phase: str, done: float, words: str) -> None:
            bar.what = phase
            bar.update(done, words)

        loop = ask.loop(goal, run.state, progress)
        _say_first(run, loop)
        finished: Record = {}
        with closing(loop.records()) as told:  # what it cannot store at its end is an error like any other
            try:
                for finished in told:
                    yield finished
                    loop.told(finished)
            except (KeyboardInterrupt, GeneratorExit) as error:
                if _is_interrupt(error) and loop.status == "running" and not run.dry_run:
                    run.warn(f"interrupted after {counted(loop.tried, 'candidate')}", hint=_again(run, loop))
                raise
    if loop.status not in SUCCESS:
        raise _ending(run, loop, finished["candidate_count"])
    if loop.status == "fixed":
        run.note(_last_words(loop))


def _is_interrupt(error: BaseException) -> bool:
    """Whether it was Ctrl-C, here or while a record was on its way: then this is closed because of it."""
    return isinstance(error, KeyboardInterrupt) or isinstance(error.__context__, KeyboardInterrupt)


def _say_first(run: Run, loop: Loop) -> None:
    if loop.chosen:
        run.note(f"tests: {loop.chosen[0]}, chosen by {loop.chosen[1]}")
    for words in loop.left_out:
        run.warn(f"{loop.project}: left out of the copy: {words}")
    if unread := loop.unread:
        more = f" and {len(unread) - 3} more" if len(unread) > 3 else ""
        run.warn(f"{loop.project}: not in UTF-8, so no change is proposed: {', '.join(unread[:3])}{more}",
                 hint="save as UTF-8, without a line that names another coding")  # fmt: skip


def _last_words(loop: Loop) -> str:
    if loop.branch:
        return f"the repair is on branch {loop.branch.name}"
    return "wrote the repair to the project" if loop.applied else "found a repair; --apply writes it"


def _ending(run: Run, loop: Loop, count: int) -> RoadmapError:
    status, reason = loop.status, loop.reason
    words = _words(loop, count)
    if status == "paused":
        return TryLater(words, hint=_again(run, loop), code="paused")
    hint = _again(run, loop) if status == "breaker" else _HINTS.get(status)
    if status == "exhausted" and loop.hardcoded:
        hint = _HINTS["hardcoded"]
    elif status == "exhausted" and reason:
        hint = "what is in a test file is for you to mend: tests are never changed"
    if status == "needs_approval":
        hint = f"agent-approve show {reason.split()[-1]}"
    return Negative(words, hint=hint, code=status)


def _again(run: Run, loop: Loop) -> str:
    """The command that goes on with a run."""
    state = f" --state {shlex.quote(run.choices.state)}" if run.choices.state else ""
    return f"agent-loop --resume {loop.id}{state}"


def _words(loop: Loop, count: int) -> str:
    said = "hardcoded" if loop.status == "exhausted" and loop.hardcoded else loop.status
    words = _SAID[said].format(count=counted(count, "candidate"), reason=loop.reason)
    if said == "exhausted" and loop.reason:
        words += f"; {loop.reason}"
    if loop.hardcoded and loop.status in ("paused", "breaker"):
        words = words.replace(
            "nothing is claimed", "so far nothing but the expected value passes, so nothing is claimed"
        )
    return words


# -- many goals --------------------------------------------------------------------------------------------------------


def _many(ask: _Ask, goals: Iterable[tuple[Record | None, Goal]], jobs: int) -> Iterator[Record]:
    """Goals as they come, some at once, each with a state and a sandbox of its own; announced in their order."""
    from collections import deque

    waiting: deque[_Job] = deque()
    try:
        for record, goal in goals:
            _ = ask.run.state  # a state that cannot be opened is no fault of the goal
            waiting.append(_Job(ask, record, goal))
            if len(waiting) >= jobs:
                yield from _drain(ask, waiting.popleft())
        while waiting:
            yield from _drain(ask, waiting.popleft())
    except (KeyboardInterrupt, GeneratorExit) as error:
        if _is_interrupt(error) and not ask.run.dry_run:
            ask.run.warn("interrupted", hint="the same again goes on with the goals that are not reached")
        raise
    finally:
        ask.stopped = True
    failed, paused = ask.counts["failed"], ask.counts["paused"]
    total = sum(ask.counts.values())
    if failed:
        raise Negative(f"{failed + paused} of {total} goals are not reached")
    if paused:
        raise TryLater(f"{paused} of {total} goals are paused by a limit", hint="the same again goes on with them")


class _Job:
    """One goal in a thread of its own. What it has to say is in a queue: records, then an error or None."""

    def __init__(self, ask: _Ask, record: Record | None, goal: Goal) -> None:
        import queue
        import threading

        self.record, self.goal = record, goal
        self.told: queue.Queue[Record | BaseException | None] = queue.Queue()
        self.loop: Loop | None = None
        self._ask = ask
        threading.Thread(target=self._work, name=f"goal {goal.folder}", daemon=True).start()

    def _work(self) -> None:
        from roadmap_cli.agent.loop import job_of
        from roadmap_cli.state.lock import one_at_a_time

        run = self._ask.run
        try:
            wait = max(run.choices.wait, self.goal.bounds.seconds * 64)  # another goal for the same folder goes first
            with (
                one_at_a_time(run.state_path, f"agent-loop-{job_of(self.goal.folder)}", wait),
                run.open_state() as state,
            ):
                self.loop = self._ask.loop(self.goal, state, lambda phase, done, words: None)
                with closing(self.loop.records()) as told:
                    for record in told:
                        self.told.put(record)
            self.told.put(None)
        except BaseException as error:  # noqa: BLE001 - it is raised again where it is heard
            self.told.put(error)


def _drain(ask: _Ask, job: _Job) -> Iterator[Record]:
    """What a goal has to say, as it comes."""
    from roadmap_cli.agent.loop import SUCCESS
    from roadmap_cli.agent.runs import journal

    run = ask.run
    said_first = False
    with run.item(job.record):
        while (word := job.told.get()) is not None:
            if isinstance(word, BaseException):
                if isinstance(word, RoadmapError):
                    folder = f"{job.goal.folder}: "
                    raise DataError(folder + word.message.removeprefix(folder), hint=word.hint, code=word.code)
                raise word
            assert job.loop
            if not said_first:
                _say_first(run, job.loop)
                said_first = True
            yield word
            if not run.dry_run:
                with run.state.write() as tx:
                    journal.told(tx, job.loop.id, [word["id"]])
        assert job.loop
        status = job.loop.status
        ask.counts["done" if status in SUCCESS else "paused" if status == "paused" else "failed"] += 1
        if status not in SUCCESS:
            run.warn(f"{job.goal.folder}: {_words(job.loop, job.loop.tried)}")


def _on_output(run: Run) -> Callable[[str], Collection[str] | None]:
    """Which of a run's records standard output holds already; unknown (None) if it is no file."""

    def seen(name: str) -> Collection[str] | None:
        import json
        import os
        import stat

        if run.choices.output not in (None, "-") or run.choices.dress not in (None, "json"):
            return None
        try:
            if not stat.S_ISREG(os.fstat(1).st_mode):
                return None
            ids = set()
            with Path("/proc/self/fd/1").open("rb") as there:
                for line in there:
                    if name.encode() in line:
                        try:
                            ids.add(json.loads(line).get("id", ""))
                        except (ValueError, AttributeError):
                            continue
            return ids
        except OSError:
            return None

    return seen
