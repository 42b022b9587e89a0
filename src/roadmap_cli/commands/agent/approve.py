"""agent-approve: who allows what code asks for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import click

from roadmap_cli.cli import Run, group
from roadmap_cli.cli.terminal import counted
from roadmap_cli.core.records import Record

COLUMNS = ("id", "status", "at", "operation_count", "project", "decided_by", "valid_until")


def _picture(records: Sequence[Record], console: Any) -> None:
    """For people: each request with what it asks for, grouped."""
    from rich.text import Text

    from roadmap_cli.cli.terminal import visible

    def line(text: str, style: str = "") -> None:
        console.print(Text(visible(text), style=style), no_wrap=True, overflow="ellipsis")

    for record in records:
        if record["kind"] != "agent.request":
            continue
        line(f"{record['id']}  {record['status']}", "bold")
        line(f"  asked {record['at']}, until {record['expires_at']}, for {record['project']}", "dim")
        for each in record["groups"]:
            line(f"  {each['capability']} ({each['access'] or 'any'}): {', '.join(each['targets'])}")
        if "decided_by" in record:
            line(f"  {record['status']} by {record['decided_by']}: {record['why']}")


main = group(
    "Approve what code asks to do outside its grant.",
    """What agent-scan finds outside the grant waits here for a person, all of one task in one request.
    A request is bound to the hash of its plan: what is done to which folders, hosts and programs, by which command.
    Any change of the plan is another request.
    An approval ends by itself, and is used up by one run unless it is given for the whole task.
    Whoever may open the state file may answer; the answer keeps the login name.""",
    module=__name__,
    examples={
        "Ask for what a script would do": (
            "agent-scan examples/agent/collect.py | agent-approve request | jq -r '.operation_count // empty'"
        ),
        "See what waits": "agent-approve list --plain | cut -f 2,4",
    },
    see=("agent-scan", "agent-loop", "agent-sandbox", "roadmap-why"),
)


@main.command(name="list", writes="agent.request", state="read", columns=COLUMNS, picture=_picture)
@click.option("--all", "every", is_flag=True, help="Expired and revoked ones, too.")
def list_(run: Run, every: bool) -> Iterable[Record]:
    """List the requests that wait, and the approvals that hold.

    With --all, those that are denied, used or expired as well.
    """
    from roadmap_cli.agent import approvals

    now = run.now()
    with run.state.read() as tx:
        found = [request.record() for request in approvals.every(tx, now)]
    yield from (record for record in found if every or record["status"] in ("waiting", "approved"))


@main.command(writes="agent.request", state="read", columns=COLUMNS, picture=_picture)
@click.argument("id", metavar="ID")
def show(run: Run, id: str) -> Iterable[Record]:
    """Show one request whole.

    ID may be cut short as long as only one request begins with it.
    """
    from roadmap_cli.agent import approvals

    with run.state.read() as tx:
        found = approvals.get(tx, id, run.now())
    yield found.record()


@main.command(reads="agent.grant", writes="agent.request", state="write", columns=COLUMNS, picture=_picture)
@click.option(
    "--run", "task", default="", metavar="ID", help="The run or task that asks; the approval holds for it alone."
)
def request(run: Run, task: str) -> Iterable[Record]:
    """Ask for what agent.grant records would need.

    A grant without anything to approve makes no request.
    The same plan of the same run is asked for once: the request that is open is written again.
    The exit code is 1 if something waits.
    """
    from roadmap_cli.agent import approvals
    from roadmap_cli.core.records import require

    waiting = 0
    for grant in run.records():
        with run.item(grant):
            plan = {"project": require(grant, "project", str), "operations": require(grant, "operations", list)}
            if not plan["operations"]:
                continue
            with run.state.write() as tx:
                made = approvals.request(tx, plan, at=run.now(), command=run.command, run=task)
            record = made.record()
            if run.dry_run:
                record["dry_run"] = True
            yield record
            if made.status == "waiting":
                waiting += 1
                run.note(f"'agent-approve approve {made.id}' allows it")
            elif made.status == "denied":
                run.warn(f"request {made.id} was denied by {made.decided_by}")
                run.exit_code = 1
    if waiting:
        run.exit_code = 1


@main.command(writes="agent.request", state="write", columns=COLUMNS, picture=_picture)
@click.argument("id", metavar="ID")
@click.option("--for", "duration", default="1h", show_default=True, metavar="TIME",
              help="How long the approval holds: a number and m, h, d or w.")  # fmt: skip
@click.option("--task", is_flag=True, help="Let it be used as often as needed until then, not once.")
@click.option("--because", default="", metavar="TEXT", help="Why, in words that stay with the decision.")
@click.option("--hash", "plan_hash", metavar="HASH", help="Approve only if the plan has this hash.")
def approve(run: Run, id: str, duration: str, task: bool, because: str, plan_hash: str | None) -> Iterable[Record]:
    """Approve a request.

    The exit code is 1 if the request is over: denied, used, expired, or approved before.
    """
    from roadmap_cli.core.clock import length

    yield _decided(run, id, True, because, plan_hash, holds=length(duration), once=not task)


@main.command(writes="agent.request", state="write", columns=COLUMNS, picture=_picture)
@click.argument("id", metavar="ID")
@click.option("--because", default="", metavar="TEXT", help="Why, in words that stay with the decision.")
def deny(run: Run, id: str, because: str) -> Iterable[Record]:
    """Deny a request, or take an approval back.

    The same plan of the same run is not asked for again until the request expires.
    """
    yield _decided(run, id, False, because, None)


def _decided(run: Run, id: str, is_approved: bool, because: str, plan_hash: str | None, **how: Any) -> Record:
    from roadmap_cli.agent import approvals

    with run.state.write() as tx:
        found = approvals.decide(
            tx, id, is_approved=is_approved, who=_user(), why=because, at=run.now(), command=run.command,
            expected_hash=plan_hash, **how,
        )  # fmt: skip
    run.note(f"{found.status} {counted(len(found.plan['operations']), 'operation')}")
    record = found.record()
    return {**record, "dry_run": True} if run.dry_run else record


def _user() -> str:
    """The name of the user the process runs as, from the system's own list, not from the environment."""
    import os
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid-{os.getuid()}"
