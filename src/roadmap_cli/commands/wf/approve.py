"""wf-approve: who allows a plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from roadmap_cli.cli.command import command
from roadmap_cli.cli.options import signing_option
from roadmap_cli.cli.ranges import FiniteRange
from roadmap_cli.cli.run import Run
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from pathlib import Path


def _picture(records: Sequence[Record], console: Any) -> None:
    """Requests as a person reads them; everything else as a table."""
    from roadmap_cli.cli.doing import task, waiting
    from roadmap_cli.cli.render import one_line

    for record in records:
        if record.get("kind") == "wf.request":
            for line in record["text"].split("\n"):
                console.print(line, markup=False, highlight=False, soft_wrap=True)
            console.print()
        elif record.get("kind") == "wf.task" or "touches" in record:
            for line in task(record) if record.get("kind") == "wf.task" else waiting(record):
                console.print(one_line(line), markup=False, highlight=False, soft_wrap=True)
        else:
            cells = [one_line(record.get(each, "")) for each in _COLUMNS[:6]]
            console.print("  ".join(each for each in cells if each), markup=False, highlight=False, soft_wrap=True)


_COLUMNS = ("at", "plan_id", "workflow", "risk", "status", "approver", "id", "sort", "step", "question")


@command(
    reads=("wf.plan", "wf.event"),
    writes=("wf.approval", "wf.request", "wf.task", "wf.escalation"),
    state="write",
    effects="files",
    columns=_COLUMNS,
    picture=_picture,
    examples={
        "Approve what a stored policy allows":
            "wf-listen --from alertmanager -i examples/wf/alertmanager.json | wf-match | wf-plan | wf-approve --plain",
        "See what waits for a person": "wf-approve --list",
        "Ask the next group about what waits for four hours, from cron": "wf-approve --escalate sre --after 4h",
    },
    see=("wf-plan", "wf-run", "wf-grant", "roadmap-why"),
)  # fmt: skip
@click.option("--approve", "approved", metavar="PLAN_ID", help="Approve this plan; read no input.")
@click.option("--deny", "denied", metavar="PLAN_ID", help="Deny this plan, also while it runs; read no input.")
@click.option("--show", metavar="PLAN_ID", help="Show a plan that was made before; read no input.")
@click.option("--list", "wants_list", is_flag=True, help="Write what waits for a person; read no input.")
@click.option("--task", "task_id", metavar="TASK_ID", help="Answer this question of a run; with --answer.")
@click.option("--answer", metavar="TEXT", help="The answer to --task: approve or deny, or what is asked for.")
@click.option("--as", "name", metavar="NAME", help="Act in this name. Default: your login name.")
@click.option("--because", default="", metavar="TEXT", help="Why, in words that stay with the decision.")
@click.option("--hash", "plan_hash", metavar="HASH", help="Approve only if the plan has this hash.")
@signing_option()
@click.option(
    "--links", type=click.Path(file_okay=False), metavar="FOLDER",
    help="Write a link into FOLDER for each --for, to decide on the plan --show names.",
)  # fmt: skip
@click.option("--for", "names", multiple=True, metavar="NAME", help="Who a link is for; may be repeated.")
@click.option("--token", type=click.Path(), metavar="FILE", help="Approve by the link in FILE.")
@click.option("--no", is_flag=True, help="With --token, deny instead.")
@click.option(
    "--open-with", type=click.Path(exists=True, dir_okay=False), metavar="KEYFILE",
    help="Open a sealed link with this key of age's or OpenSSH's. Default: what opens the state.",
)  # fmt: skip
@click.option("--from-events", is_flag=True, help="Take the replies in wf.event records (Slack, mail).")
@click.option("--escalate", multiple=True, metavar="GROUP", help="Ask this group about what waits; may be repeated.")
@click.option(
    "--after", default="4h", show_default=True, metavar="TIME", help="With --escalate: once it waits so long."
)
@click.option(
    "--valid-hours", type=FiniteRange(0, 24 * 366, min_open=True), default=24.0, show_default=True, metavar="N",
    help="How long an approval holds.",
)  # fmt: skip
@click.option("--strict", is_flag=True, help="Wait for a person even where a stored policy would approve.")
def main(
    run: Run,
    approved: str | None,
    denied: str | None,
    show: str | None,
    wants_list: bool,
    task_id: str | None,
    answer: str | None,
    name: str | None,
    because: str,
    plan_hash: str | None,
    key_file: str | None,
    links: str | None,
    names: tuple[str, ...],
    token: str | None,
    no: bool,
    open_with: str | None,
    from_events: bool,
    escalate: tuple[str, ...],
    after: str,
    valid_hours: float,
    strict: bool,
) -> Iterator[Record]:
    """Approve plans, each bound to its hash and for a time.

    In a pipe a plan of low risk is approved by the stored policy low-risk, and the decision says so.
    All others wait: their wf.approval has status "waiting", and wf-run leaves them alone until somebody else than who
    asked for the plan approves it with --approve.
    Policies of your own (see wf-grant) can ask for several people, for somebody of a group, or for proof.
    Whoever may open the state file may give any name with --as: such names are kept as "claimed".
    What was signed with a registered key, came by a link that was sealed to one, or by a reply whose sender the
    receiver has proven, is kept as proven.

    An approval for another hash, one that has expired, one by who asked for the plan, and one by somebody whose right
    to it was taken back are worth nothing.

    'wf-approve --approve PLAN_ID --as bob --because TEXT' allows one, and 'wf-approve --task TASK_ID --answer yes' with
    'wf-run --resume' after it answers a question of a run and lets the run go on.
    --show says in words what a plan will do, and what is new in it since the last approved one.
    --links writes a file for each person, to be sent to them: good for one decision, once, by --token.
    --from-events reads replies: messages that begin with "approve CODE" or "deny CODE", where CODE is that of the
    request; everything else passes by.
    --escalate asks the first of some groups about what has waited for --after, then the next; it is for cron.
    """
    from roadmap_cli.core.errors import UsageError

    acts = {"--approve": approved, "--deny": denied, "--list": wants_list or None, "--task": task_id,
            "--token": token, "--from-events": from_events or None, "--escalate": escalate or None,
            "--show": show}  # fmt: skip
    wanted = [flag for flag, value in acts.items() if value is not None]
    if len(wanted) > 1:
        raise UsageError(f"{' and '.join(wanted)} exclude each other")
    if "" in (approved, denied, show, task_id):
        raise UsageError("the plan has no id", hint="wf-approve --list shows what waits")
    if links and (not show or not names):
        raise UsageError("--links needs --show PLAN_ID and --for NAME")
    if (task_id is None) != (answer is None):
        raise UsageError("--task and --answer belong together")
    deciding = ("--approve", "--deny", "--task")
    for flag, value, places in (
        ("--as", name, deciding), ("--hash", plan_hash, deciding), ("--sign-with", key_file, deciding),
        ("--no", no, ("--token",)), ("--open-with", open_with, ("--token",)), ("--for", names, ("--show",)),
    ):  # fmt: skip
        if value and not set(wanted) & set(places):
            # A plan on standard input would be approved as if the option were not there.
            raise UsageError(f"{flag} needs {', '.join(places[:-1])}{' or ' * (len(places) > 1)}{places[-1]}")
    valid_s = valid_hours * 3600
    if wants_list:
        yield from _listed(run)
    elif show:
        yield from _shown(run, show, links, names, valid_s)
    elif escalate:
        yield from _escalated(run, escalate, after)
    elif from_events:
        yield from _replies(run, valid_s)
    elif token:
        found = _by_link(run, token, not no, because, valid_s, open_with)
        _foresee(run, found)
        yield found
    elif task_id is not None and answer is not None:
        yield _answered(run, task_id, answer, name, key_file, plan_hash)
    elif plan_id := approved or denied:
        found = _decided(run, plan_id, approved is not None, name, because, valid_s, plan_hash, key_file)
        _foresee(run, found)
        yield found
    else:
        yield from _considered(run, strict)


def _considered(run: Run, strict: bool) -> Iterator[Record]:
    from roadmap_cli.wf.approving import approvals

    for plan in run.records():
        if plan["kind"] == "wf.event":
            yield plan
            continue
        with run.item(plan):
            with run.state.write() as tx:
                standing = approvals.consider(tx, plan, is_strict=strict, command=run.command, at=run.now())
            _foresee(run, standing)
            if standing["status"] == "waiting":
                how = f"'wf-approve --approve {plan['id']}' allows it"
                run.warn(f"plan {plan['id']} waits: {standing['why']}; {how}")
            yield standing


def _foresee(run: Run, approval: Record) -> None:
    """Warn of an approved plan that wf-run would refuse as things are."""
    from roadmap_cli.wf.planning import keeping
    from roadmap_cli.wf.running import foresight, runs

    if approval["status"] != "approved" or run.dry_run:
        return
    with run.state.read() as tx:
        plan = keeping.stored_plan(tx, approval["plan_id"])
        found = None if runs.ended(tx, plan["id"]) else foresight.obstacle(tx, plan, run.now())
    if found:
        run.warn(f"plan {plan['id']} is approved and cannot run as things are: {found}", found.mend)


def _listed(run: Run) -> Iterator[Record]:
    from roadmap_cli.wf.approving import listing

    with run.state.read() as tx:
        found = list(listing.waiting(tx, run.now()))
    yield from found


def _decided(
    run: Run, plan_id: str, is_approved: bool, name: str | None, because: str, valid_s: float, plan_hash: str | None,
    key_file: str | None,
) -> Record:  # fmt: skip
    from pathlib import Path

    from roadmap_cli.wf import people
    from roadmap_cli.wf.approving import answering, approvals, refusals

    person, why = people.user(name), because or "no reason given"
    with refusals.logged(run.state, action="plan", user=person, resource=plan_id, at=run.now()) as tx:
        if key_file:
            return answering.signed(
                tx, plan_id, person, Path(key_file), is_approved=is_approved, why=why, valid_s=valid_s,
                expected_hash=plan_hash, command=run.command, at=run.now(),
            )  # fmt: skip
        return approvals.decide_on(
            tx, plan_id, approver=person, is_approved=is_approved, why=why, valid_s=valid_s,
            expected_hash=plan_hash, command=run.command, at=run.now(),
        )  # fmt: skip


def _answered(
    run: Run, task_id: str, answer: str, name: str | None, key_file: str | None, subject_hash: str | None
) -> Record:
    from pathlib import Path

    from roadmap_cli.wf import people
    from roadmap_cli.wf.approving import answering, refusals

    person = people.user(name)
    with refusals.logged(run.state, action="task", user=person, resource=task_id, at=run.now()) as tx:
        return answering.task(tx, task_id, answer, name=person, key_file=Path(key_file) if key_file else None,
                              command=run.command, at=run.now(), expected_hash=subject_hash)  # fmt: skip


def _shown(run: Run, plan_id: str, links: str | None, names: tuple[str, ...], valid_s: float) -> Iterator[Record]:
    from pathlib import Path

    from roadmap_cli.wf.approving import answering, showing

    if links is None:
        with run.state.read() as tx:
            yield showing.request(tx, plan_id, run.now())
        return
    with run.state.write() as tx:
        found = showing.request(tx, plan_id, run.now())
        files = answering.links(tx, plan_id, list(names), valid_s=valid_s, at=run.now())
    if not run.dry_run:
        _write(Path(links), files)
    for file, _, is_sealed in files:
        if not is_sealed:
            run.warn(f"{file} is not sealed: whoever gets it can use it; register a key with wf-grant --register")
    yield {**found, "files": [str(Path(links, file)) for file, _, _ in files]}


def _write(folder: Path, files: list[tuple[str, bytes, bool]]) -> None:
    import os

    from roadmap_cli.core.errors import CannotCreate

    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, data, _ in files:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
            with os.fdopen(os.open(folder / name, flags, 0o600), "wb") as file:
                file.write(data)
    except OSError as error:
        raise CannotCreate(f"cannot write: {(error.strerror or str(error)).lower()}", where=str(folder)) from None


def _by_link(run: Run, token: str, is_approved: bool, because: str, valid_s: float, open_with: str | None) -> Record:
    from pathlib import Path

    from roadmap_cli.wf import people
    from roadmap_cli.wf.approving import answering, refusals

    if open_with:
        keys = [Path(open_with).read_bytes()]
    else:
        place = run.keys.file()
        keys = [Path(place).read_bytes()] if place and Path(place).exists() else []
    text = answering.opened(Path(token), keys)
    with refusals.logged(run.state, action="link", user=people.user(None), resource="link", at=run.now()) as tx:
        return answering.by_link(tx, text, is_approved=is_approved, why=because or "by link", valid_s=valid_s,
                                 command=run.command, at=run.now())  # fmt: skip


def _replies(run: Run, valid_s: float) -> Iterator[Record]:
    from functools import partial

    from roadmap_cli.core.errors import DataError, Negative
    from roadmap_cli.core.records import require
    from roadmap_cli.wf.approving import refusals, replies

    for event in run.records():
        if event["kind"] != "wf.event":
            yield event
            continue
        name = require(event, "id", str)
        with run.state.read() as tx:
            if not replies.is_one(tx, name, run.now()):
                continue
        try:
            known = partial(replies.was_refused, event_id=name, at=run.now())
            with refusals.logged(
                run.state, action="reply", user="unknown", resource=name, at=run.now(), is_known=known
            ) as tx:
                found = replies.take(tx, name, valid_s=valid_s, command=run.command, at=run.now())
        except (DataError, Negative) as error:
            run.warn(f"event {name} decides nothing: {error.message}")
        else:
            _foresee(run, found)
            yield found


def _escalated(run: Run, groups: tuple[str, ...], after: str) -> Iterator[Record]:
    from roadmap_cli.core import clock
    from roadmap_cli.wf.approving import escalation

    with run.state.write() as tx:
        found = list(escalation.overdue(tx, groups, clock.length(after), command=run.command, at=run.now()))
    yield from found
