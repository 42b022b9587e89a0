"""wf-run: approved plans, durably."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import click

from roadmap_cli.cli.command import command
from roadmap_cli.cli.options import running_options, signing_option
from roadmap_cli.cli.run import Run
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.wf.planning.preparing import Planner
    from roadmap_cli.wf.running.engine import Claim, Engine


def _progress(console: Any) -> Any:
    from roadmap_cli.cli.doing import Progress

    return Progress(console)


@command(
    reads=("wf.approval", "wf.match"),
    writes=(
        "wf.run_started", "wf.run_resumed", "wf.step_started", "wf.step_finished", "wf.run_finished", "wf.run_waiting",
        "wf.run_paused", "wf.task", "wf.plan",
    ),
    state="write",
    effects=("files", "programs", "network"),
    columns=("at", "kind", "run_id", "step", "status", "reason", "question"),
    drawing=_progress,
    examples={
        "Run what an alert asks for":
            "wf-listen --from alertmanager -i examples/wf/alertmanager.json | wf-match"
            " | wf-plan --directory $HOME | wf-approve | wf-run --plain",
        "Do what a warning asks for, where a stored policy allows it":
            "life-watch | wf-match | wf-run | jq -r 'select(.kind == \"wf.task\").question'",
        "Go on after a crash, and with what waited, from cron": "wf-run --resume",
    },
    see=("wf-approve", "wf-worker", "roadmap-why"),
)  # fmt: skip
@click.option(
    "--templates", type=click.Path(), multiple=True, metavar="PATH",
    help="Use the templates in this file or folder; may be repeated. Default: yours and those that come along.",
)  # fmt: skip
@click.option("--resume", is_flag=True, help="Also begin plans approved and never begun; read no input.")
@running_options()
@click.option("--cancel", metavar="RUN", help="Stop this run and undo what it did; read no input.")
@click.option("--pause", metavar="RUN", help="Begin no more steps of this run; read no input.")
@click.option("--unpause", metavar="RUN", help="Let this run go on; read no input.")
@click.option("--fork", metavar="RUN", help="Write a plan that does this run again; read no input.")
@click.option("--from", "step", metavar="STEP", help="The step from which --fork does it again.")
@click.option("--as", "name", metavar="NAME", help="Act in this name. Default: your login name.")
@signing_option()
def main(
    run: Run,
    templates: tuple[str, ...],
    resume: bool,
    database: IO[str] | None,
    parallel: int,
    park_after: float,
    cancel: str | None,
    pause: str | None,
    unpause: str | None,
    fork: str | None,
    step: str | None,
    name: str | None,
    key_file: str | None,
) -> Iterator[Record]:
    """Run approved plans so that they survive a crash.

    Runs that were cut off are gone on with first, and those whose wait is over or whose question was answered, unless
    another process is at work on them.
    Then the approved plans of the input are run, once: a plan that has run before is passed over.
    What counts is the approval in the state, not the record that names it.
    A match of the input is planned first, with --templates and in this folder, and run if a stored policy allows that
    plan.
    Steps are done together where none needs the other, the most urgent plans first.

    The end of each step is stored before it is told.
    A step that has ended is never done again; one that was cut off in the middle is, with the same key in
    ROADMAP_IDEMPOTENCY_KEY.
    A step that fails for a passing reason is tried again.
    When the run fails for good, what was done is undone, backwards.
    Where nobody can know what was done, a person is asked: a wf.task, answered with wf-approve.
    A run that waits for long is parked: its wf.run_waiting is written and no process stays.
    wf-run --resume or wf-worker take it up when it is time.

    With --fork and --from comes a new plan that reuses the outputs of all steps that do not come after STEP.
    It needs an approval of its own: wf-run --fork RUN --from STEP | wf-approve | wf-run.

    A run is cancelled, paused and unpaused by who may deny its plan: who asked for it, and who has a right to it.
    Where a key of theirs is registered, --sign-with proves the name.

    It ends with 1 if a run failed, was cancelled or was not allowed, and with 75 if a plan still waits for approval or
    a run of the input for something else.
    """
    from pathlib import Path

    from roadmap_cli.core.errors import UsageError
    from roadmap_cli.wf import people
    from roadmap_cli.wf.running import runs

    wishes = {"cancel": cancel, "pause": pause, "unpause": unpause, "fork": fork}
    chosen = [(word, of) for word, of in wishes.items() if of is not None]
    if len(chosen) + resume > 1:
        raise UsageError("--resume, --cancel, --pause, --unpause and --fork exclude each other")
    if key_file and not (chosen and fork is None):
        raise UsageError("--sign-with belongs to --cancel, --pause or --unpause")
    if (fork is None) != (step is None):
        raise UsageError("--fork and --from belong together", hint="wf-run --fork RUN --from STEP")
    if fork is not None and step is not None:
        yield runs.fork(run.state, fork, step, by=people.user(name), command=run.command, at=run.now())
        return
    if run.dry_run:
        yield from _dry(run, resume)
        return
    wanted: list[str] | None = None
    if chosen:
        word, of = chosen[0]
        key = Path(key_file) if key_file else None
        runs.wish(run.state, of, word, by=people.user(name), key_file=key, at=run.now())
        wanted = [of]
    driver = _Driver(run, database, parallel, park_after, name, templates)
    yield from driver.drive(resume, wanted)


class _Driver:
    """Gives an engine its runs, hands on what happens, and counts how they end."""

    def __init__(
        self, run: Run, database: IO[str] | None, parallel: int, park_after: float, name: str | None,
        templates: tuple[str, ...],
    ):  # fmt: skip
        self.run = run
        self.templates = templates
        self.name = name
        self.planner: Planner | None = None
        self.database = database
        self.parallel = parallel
        self.park_after = park_after
        self.failures: list[tuple[str, str | None]] = []  # what failed and why, in words, and what would mend it
        self.waiting = 0
        self.asked: set[str] = set()

    def drive(self, resume: bool, wanted: list[str] | None) -> Iterator[Record]:
        """Do what is asked for. Raises Negative and TryLater for how it ended."""
        from roadmap_cli.core.errors import Negative, TryLater
        from roadmap_cli.wf import library
        from roadmap_cli.wf.running import opening, working

        run = self.run
        words = opening.Settings(library.environ(run.environ), run.command, run.clock, self.parallel, self.park_after)
        place = (
            opening.on_database(run.state, self.database.read(), words, run.transport) if self.database
            else opening.on_state(run.state, words)
        )  # fmt: skip
        with place as engine, working.unheard(engine), self.cut_off(engine):
            found = engine.find(run.now(), run.warn, resume)
            if wanted is not None:
                found = [each for each in found if each.run_id in wanted]
                self.asked |= {each.run_id for each in found}
            yield from self.done(engine, found, 0.0 if wanted is None else run.choices.wait)
            if not resume and wanted is None:
                for batch in run.batches():
                    yield from self.done(engine, self.approved(batch), run.choices.wait, must=True)
        if len(self.failures) == 1:
            why, hint = self.failures[0]
            raise Negative(why, hint=hint)
        if self.failures:
            for why, hint in self.failures:
                run.warn(why, hint)
            raise Negative(f"{len(self.failures)} runs failed or not allowed")
        if self.waiting:
            raise TryLater(
                "1 plan or run waits" if self.waiting == 1 else f"{self.waiting} plans or runs wait",
                hint="wf-approve --list, then wf-run --resume",
            )

    @contextmanager
    def cut_off(self, engine: Engine) -> Iterator[None]:
        """Name the runs that Ctrl-C leaves where they are, and what goes on with them."""
        try:
            yield
        except KeyboardInterrupt:
            resume = "wf-run --resume" + (" with the same --database" if self.database else "")
            for run_id, steps in engine.under_way():
                where = f"in step {', '.join(steps)}" if steps else "between two steps"
                self.run.warn(f"run {run_id} is cut off {where}; '{resume}' goes on with it")
            raise

    def approved(self, batch: Sequence[Record]) -> list[Claim]:
        """The claims for plans whose approval holds, or that have begun."""
        from roadmap_cli.core.records import require
        from roadmap_cli.wf.running import runs
        from roadmap_cli.wf.running.engine import Claim

        run, found = self.run, []
        for record in batch:
            with run.item(record):
                is_match = record["kind"] == "wf.match"  # else wf-approve has told why
                if is_match:
                    if record.get("ambiguous"):
                        run.warn(f"match {record['id']} is ambiguous and left alone; say which with wf-match --choose")
                        self.waiting += 1
                        continue
                    record = self.considered(record)
                plan_id = require(record, "plan_id", str)
                with run.state.read() as tx:
                    standing, plan = runs.standing(tx, plan_id, run.now())
                    has_begun = runs.has_begun(tx, plan_id)
                    ended = runs.ended(tx, plan_id)
                if ended:
                    run.note(f"plan {plan_id} was run before (run {runs.identity(plan_id)} {ended}) and is passed over")
                if standing == "approved" or has_begun:
                    claim = Claim(runs.identity(plan_id), plan_id, runs.priority(plan))
                    found.append(claim)
                    self.asked.add(claim.run_id)
                    continue
                why = f": {record['why']}" if standing == "waiting" and isinstance(record.get("why"), str) else ""
                words = f"plan {plan_id} is left alone: its approval is {standing}{why if is_match else ''}"
                if standing in ("denied", "refused"):
                    self.failures.append((words, None))
                else:
                    run.warn(words)
                    self.waiting += 1
        return found

    def considered(self, match: Record) -> Record:
        """What stands for a match that is planned here: the word of a stored policy, or of a person."""
        from pathlib import Path

        from roadmap_cli.wf.approving import approvals
        from roadmap_cli.wf.planning.preparing import Planner
        from roadmap_cli.wf.rights import grants

        run = self.run
        if self.planner is None:
            self.planner = Planner(self.templates, run.environ, name=self.name, directory=Path.cwd(), warn=run.warn)
        with run.state.read() as tx:
            is_claimed = grants.is_claimed(tx)
        plan = self.planner.plan(run.state, match, holds_programs=is_claimed, command=run.command, at=run.now())
        with run.state.write() as tx:
            return approvals.consider(tx, plan, is_strict=False, command=run.command, at=run.now())

    def done(self, engine: Engine, claims: Sequence[Claim], wait_s: float, must: bool = False) -> Iterator[Record]:
        """Do these runs. Raises TryLater, if it must, for one that another process does not let go of in time."""
        from roadmap_cli.wf.running import engine as engines

        engine.claim(claims)
        for record in engine.work(wait_s):
            self.count(record)
            yield record
            self.run.deliver()
        left = engine.given_up()
        for problem in engine.problems:
            with self.run.item():
                raise problem
        engine.problems.clear()
        if must and (busy := engines.busy(left)) is not None:
            raise busy

    def count(self, record: Record) -> None:
        """Note how runs end."""
        from roadmap_cli.wf.running import foresight

        if record["kind"] == "wf.run_finished":
            is_wanted = record["status"] == "cancelled" and record["run_id"] in self.asked
            if record["status"] != "succeeded" and not is_wanted:
                with self.run.state.read() as tx:
                    self.failures.append(foresight.failure(tx, record, self.run.now()))
        elif record["kind"] == "wf.run_waiting" and record["run_id"] in self.asked:
            self.waiting += 1
            self.run.warn(f"run {record['run_id']} waits for {', '.join(record['waits_for'])}")


def _dry(run: Run, resume: bool) -> Iterator[Record]:
    """What would be run: each approval that holds, as it stands in the state."""
    from roadmap_cli.core.records import require
    from roadmap_cli.wf.approving import approvals
    from roadmap_cli.wf.planning import keeping
    from roadmap_cli.wf.running import runs

    def plans() -> Iterator[str]:
        if resume:
            with run.state.read() as tx:
                found = [claim.plan_id for claim in runs.ready(tx, run.now(), run.warn) if claim.plan_id]
            yield from found
            return
        for record in run.records():
            with run.item(record):
                if record["kind"] == "wf.approval":  # what would become of a match, wf-plan --dry-run tells
                    yield require(record, "plan_id", str)

    for plan_id in plans():
        with run.item():
            with run.state.read() as tx:
                standing, record = approvals.standing(tx, keeping.stored_plan(tx, plan_id), run.now())
            if standing == "approved" and record:
                yield record
