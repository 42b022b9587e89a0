"""wf-cost: what workflows spend on models, and how much they may."""

from __future__ import annotations

from collections.abc import Iterable

import click

from roadmap_cli.cli import Run, group
from roadmap_cli.cli.ranges import FiniteRange
from roadmap_cli.core.records import Record

main = group(
    "Show what workflows spend on models, and limit it.",
    """Each call of a model that a step makes is charged to its run, step, workflow, agent and user.
    A budget is asked before each call: one that could go beyond it is not made. A template gives budgets to a run and
    its steps; here you give them to anybody else.""",
    module=__name__,
    default="show",
    examples={
        "What did each workflow cost?": "wf-cost show --plain",
        "Let all runs of a workflow spend at most 2 dollars a day":
            "wf-cost budget workflow:incident-triage --usd 2 --per day | jq -r .money",
        "What could be spared?": "wf-cost savings --plain",
    },
    see=("wf-trace", "wf-metrics", "wf-plan"),
)  # fmt: skip
#: A million, as in templates; and what a column of whole numbers holds.
_MOST_USD, _MOST_TOKENS = 1e6, 2**63 - 1
_COST = ("name", "calls_count", "prompt_tokens", "completion_tokens", "cost_usd", "unpriced_count")
_BUDGET = ("account", "period", "tokens", "spent_tokens", "money", "spent", "used_ratio")
_SINCE = click.option("--since", metavar="TIME", help="Only what happened at this date or time, or after it.")


@main.command(state="read", writes="wf.cost", columns=_COST)
@click.option(
    "--group-by", "by", type=click.Choice(["workflow", "run", "step", "agent", "user", "model"]), default="workflow",
    show_default=True, help="What the sums are for.",
)  # fmt: skip
@_SINCE
@click.option("--until", metavar="TIME", help="Only what happened before this date or time.")
def show(run: Run, by: str, since: str | None, until: str | None) -> Iterable[Record]:
    """Sum up tokens and money.

    A call whose price is not known counts as unpriced and not as free; a model on this machine costs nothing.
    By model, calls of every command count, not only those of workflows.
    """
    from roadmap_cli.core.clock import date_or_time
    from roadmap_cli.wf.measures import costs

    times = {name: date_or_time(text) for name, text in (("since", since), ("until", until)) if text}
    with run.state.read() as tx:
        found = list(costs.table(tx, by, run.now(), **times))
    yield from found


@main.command(state="write", writes="wf.budget", columns=_BUDGET)
@click.argument("account", required=False, metavar="[ACCOUNT]")
@click.option("--usd", type=FiniteRange(0, _MOST_USD), metavar="SUM", help="At most so many US dollars.")
@click.option(
    "--tokens", type=click.IntRange(0, _MOST_TOKENS), metavar="N", help="At most so many tokens, read and written."
)
@click.option(
    "--per", "period", type=click.Choice(["ever", "day", "month"]), default="ever", show_default=True,
    help="When it is renewed (UTC).",
)  # fmt: skip
@click.option("--none", "removed", is_flag=True, help="Remove the account's budget for this period.")
def budget(
    run: Run, account: str | None, usd: float | None, tokens: int | None, period: str, removed: bool
) -> Iterable[Record]:
    """Show budgets, or set one.

    ACCOUNT is workflow:NAME, run:ID, step:RUN/STEP, agent:ROLE or user:NAME.
    With --usd or --tokens its budget is set in place of the former one; else its budgets are shown, or all.
    """
    from roadmap_cli.core.errors import UsageError
    from roadmap_cli.models import budget as budgets
    from roadmap_cli.wf import people
    from roadmap_cli.wf.audit import log
    from roadmap_cli.wf.measures import costs

    changes = removed or usd is not None or tokens is not None
    if account is not None and (account.partition(":")[0] not in costs.SORTS or not account.partition(":")[2]):
        raise UsageError(f"not an account: {account!r}", hint="write workflow:NAME, run:ID, agent:ROLE or user:NAME")
    if changes and account is None:
        raise UsageError("whose budget?", hint="name an account such as workflow:incident-triage")
    if removed and (usd is not None or tokens is not None):
        raise UsageError("--none excludes --usd and --tokens")
    if account is not None and changes:
        microunits = None if usd is None else round(usd * 1e6)
        wanted = budgets.Budget(account, period, tokens, microunits)
        by = f"user:{people.user(None)}"
        with run.state.write() as tx:
            budgets.set_budget(tx, wanted, by=by, at=run.now())
            log.append(
                tx, action="budget.removed" if removed else "budget.set", user=by, resource=account, outcome="done",
                why="no limit" if removed else f"{tokens} tokens, {usd} USD per {period}", at=run.now(),
            )  # fmt: skip
            found = [costs.standing(tx, each, run.now()) for each in budgets.budgets(tx, [account])]
        yield from found
        return
    with run.state.read() as tx:
        kept = budgets.budgets(tx, None if account is None else [account])
        found = [costs.standing(tx, each, run.now()) for each in kept]
    yield from found


@main.command(
    state="read", writes="wf.saving",
    columns=("purpose", "model", "tokens", "repeated_tokens", "prefix_tokens", "compaction_tokens"),
)  # fmt: skip
@_SINCE
def savings(run: Run, since: str | None) -> Iterable[Record]:
    """Show what the calls of the past could have spared.

    By purpose and model: tokens of calls that were asked before in the very same words; of beginnings that a prompt
    shares with the one before it, which a model that keeps its state does not read again; and of lines that are told
    several times. A prompt is only shortened where every number, name and different line of it stays.
    """
    from roadmap_cli.core.clock import date_or_time
    from roadmap_cli.wf.measures import costs

    with run.state.read() as tx:
        found = list(costs.savings(tx, run.now(), since=date_or_time(since) if since else None))
    yield from found
