"""wf-approve: who allows a plan."""

from __future__ import annotations

from collections.abc import Iterator

import click

from roadmap_cli.cli.command import command
from roadmap_cli.cli.run import Run
from roadmap_cli.core.records import Record


@command(
    reads="wf.plan",
    writes="wf.approval",
    state="write",
    columns=("at", "plan_id", "workflow", "risk", "status", "approver"),
    examples={
        "Approve what a stored policy allows":
            "wf-listen --from alertmanager -i examples/wf/alertmanager.json | wf-match | wf-plan | wf-approve --plain",
        "See what waits for a person": "wf-approve --list",
    },
    see=("wf-plan", "wf-run", "roadmap-why"),
)  # fmt: skip
@click.option("--approve", "approved", metavar="PLAN_ID", help="Approve this plan; read no input.")
@click.option("--deny", "denied", metavar="PLAN_ID", help="Deny this plan, also while it runs; read no input.")
@click.option("--list", "wants_list", is_flag=True, help="Write what waits for a person; read no input.")
@click.option("--as", "name", metavar="NAME", help="Act in this name. Default: your login name.")
@click.option("--because", default="", metavar="TEXT", help="Why, in words that stay with the decision.")
@click.option("--hash", "plan_hash", metavar="HASH", help="Approve only if the plan has this hash.")
@click.option(
    "--valid-hours", type=click.FloatRange(0, 24 * 366, min_open=True), default=24.0, show_default=True, metavar="N",
    help="How long an approval holds.",
)  # fmt: skip
@click.option("--strict", is_flag=True, help="Wait for a person even where a stored policy would approve.")
def main(
    run: Run,
    approved: str | None,
    denied: str | None,
    wants_list: bool,
    name: str | None,
    because: str,
    plan_hash: str | None,
    valid_hours: float,
    strict: bool,
) -> Iterator[Record]:
    """Approve plans, each bound to its hash and for a time.

    In a pipe a plan of low risk is approved by the stored policy low-risk, and the decision says so.
    All others wait: their wf.approval has status "waiting", and wf-run leaves them alone until somebody else than who
    asked for the plan approves it with --approve.
    Whoever may open the state file may give any name with --as: names are kept, not proven.

    An approval for another hash, one that has expired, and one by who asked for the plan are worth nothing.
    """
    from roadmap_cli.core.errors import UsageError
    from roadmap_cli.wf import approvals, people

    if wants_list + (approved is not None) + (denied is not None) > 1:
        raise UsageError("--approve, --deny and --list exclude each other")
    if "" in (approved, denied):
        raise UsageError("the plan has no id", hint="wf-approve --list shows what waits")
    if wants_list:
        with run.state.read() as tx:
            found = list(approvals.waiting(tx))
        yield from found
    elif plan_id := approved or denied:
        with run.state.write() as tx:
            decision = approvals.decide_on(
                tx, plan_id, approver=people.user(name), is_approved=approved is not None,
                why=because or "no reason given", valid_s=valid_hours * 3600, expected_hash=plan_hash,
                command=run.command, at=run.now(),
            )  # fmt: skip
        yield decision
    else:
        for plan in run.records():
            with run.item(plan):
                with run.state.write() as tx:
                    standing = approvals.consider(tx, plan, is_strict=strict, command=run.command, at=run.now())
                if standing["status"] == "waiting":
                    how = f"'wf-approve --approve {plan['id']}' allows it"
                    run.warn(f"plan {plan['id']} waits: {standing['why']}; {how}")
                yield standing
