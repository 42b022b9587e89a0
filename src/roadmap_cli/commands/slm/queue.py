"""slm-queue: requests that wait for a good moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from roadmap_cli.cli import Run, group, reply_options
from roadmap_cli.cli.ranges import FiniteRange
from roadmap_cli.core.errors import Exit, UsageError
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.slm.queue.timing import Rules, Turn

Function = TypeVar("Function", bound=Callable[..., Any])
COLUMNS = ("id", "priority", "state", "at", "due_at", "error")
IDS = click.argument("ids", nargs=-1, metavar="[ID...]")
SYSROOT = click.option(
    "--sysroot",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default="/",
    metavar="DIR",
    help="Look at the files below DIR, those of another machine, instead of this one.",
)


def _rule_options(function: Function) -> Function:
    for option in (
        click.option("--slot", default="15m", show_default=True, metavar="TIME", help="How long work is gathered."),
        click.option("--every", default="5m", show_default=True, metavar="TIME", help="How often drain is started."),
        click.option(
            "--max-width", type=click.IntRange(1), default=8, show_default=True, help="Requests answered together."
        ),
        click.option(
            "--low", type=FiniteRange(0, 100), default=30.0, show_default=True, help="Battery that is low, in %."
        ),
    ):
        function = option(function)
    return function


main = group(
    "Keep requests to a model until a good moment.",
    """Requests are kept in the state, each with a priority and perhaps a deadline, and answered in few bursts: when a
    deadline presses, when the slot is over that they share, or when something is done anyway.
    On battery, background requests wait for the charger; a hot device answers only what somebody waits for.
    Each request has one answer, however many processes work on the queue and whenever they are killed.
    Let cron, a systemd timer or a phone's job scheduler run drain; the man page of roadmap(7) shows how.""",
    module=__name__,
    examples={
        "Put a file of prompts aside": (
            "head -n 3 examples/prompts.jsonl | slm-queue add --priority background --within 6h --plain | cut -f 2-3"
        ),
        "See what would be done now": "slm-queue plan | jq -r .conditions | sort -u",
        "Answer what is due": "slm-queue drain --max-width 4 --quiet | jq -r .kind",
        "Take the replies not read yet": "slm-queue results --unread | jq -r 'has(\"text\")'",
    },
    see=("slm-run", "slm-serve", "slm-device", "roadmap-why"),
)


@main.command(reads="slm.prompt", writes="slm.request", foreign=True, state="write", columns=COLUMNS)
@click.option(
    "--priority",
    type=click.Choice(["now", "normal", "background"]),
    default="normal",
    show_default=True,
    help="now is answered by the next drain whatever the battery says, background only when energy is no matter.",
)
@click.option("--within", metavar="TIME", help="The deadline, from now: a number and m, h, d or w.")
@click.option("--by", metavar="MOMENT", help="The deadline, as 2026-12-24T18:00:00Z.")
@click.option("--late", is_flag=True, help="Answer after the deadline, too; else what is late expires.")
@click.option("--text", is_flag=True, help="Read lines of plain text; empty ones are left out.")
@reply_options(max_tokens=256)
def add(
    run: Run,
    priority: str,
    within: str | None,
    by: str | None,
    late: bool,
    text: bool,
    model: str | None,
    system: str | None,
    max_tokens: int,
    temperature: float,
    seed: int,
) -> Iterable[Record]:
    """Put requests into the queue.

    The lines are those of slm-run. A line with a custom_id is asked once, however often it is added with the same
    words.
    """
    from roadmap_cli.models.conversation.chat import Options
    from roadmap_cli.slm import prompts
    from roadmap_cli.slm.queue import requests

    options: dict[str, Any] = {"max_tokens": max_tokens, "temperature": temperature, "seed": seed}
    checked = Options(**options)
    checked.check()
    due_at = _deadline(run.now(), within, by)
    told = {"system": system} if system is not None else {}
    added = 0
    for batch in run.texts() if text else run.batches():
        made = []
        for line in batch:
            if text and not line["text"].strip():
                continue
            with run.item(line):
                asked = {"prompt": line["text"]} if text else line
                prompts.read(asked, checked, system)
                made.append(
                    requests.new(
                        asked, at=run.now(), priority=priority, options=options | told, model=model, due_at=due_at,
                        is_late_fine=late,
                    )
                )  # fmt: skip
        with run.state.write() as tx:
            stored = requests.add(tx, made)
        added += len(stored)
        yield from (each.record() for each in stored)
    run.note(f"{added} requests in the queue")


@main.command(name="list", writes="slm.request", state="read", columns=COLUMNS)
@click.option(
    "--only",
    "states",
    type=click.Choice(["waiting", "taken", "answered", "failed", "expired", "cancelled"]),
    multiple=True,
    help="Only those in this state; may be repeated.",
)
@click.option("--limit", type=click.IntRange(1), metavar="COUNT", help="Only the newest ones.")
def list_(run: Run, states: tuple[str, ...], limit: int | None) -> Iterable[Record]:
    """List requests in the order they were added; those that are open, unless states are named."""
    from roadmap_cli.slm.queue import requests

    with run.state.read() as tx:
        found = requests.every(tx, states=states or requests.OPEN, limit=limit)
    yield from (each.record() for each in found)


@main.command(writes="slm.request", state="read", columns=COLUMNS)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
def show(run: Run, ids: tuple[str, ...]) -> Iterable[Record]:
    """Show requests by id."""
    from roadmap_cli.slm.queue import requests

    with run.state.read() as tx:
        found = requests.find(tx, ids)
    yield from (each.record() for each in found)


@main.command(writes="slm.request_plan", state="read", columns=("from_id", "priority", "is_due", "next_at", "why"))
@SYSROOT
@_rule_options
def plan(run: Run, sysroot: Path, **rules: Any) -> Iterable[Record]:
    """Tell what drain would do now, and when the rest has its turn.

    Give it the options that drain has.
    """
    from roadmap_cli.slm.queue import burst

    yield from burst.plan_record(_turn(run, sysroot, _rules(**rules)), run.now())


@main.command(
    writes=("slm.reply", "slm.request", "slm.burst"),
    state="write",
    effects="network",
    columns=("kind", "from_id", "text", "answered_count", "left_count", "why", "state", "error"),
)
@SYSROOT
@_rule_options
def drain(run: Run, sysroot: Path, **rules: Any) -> Iterable[Record]:
    """Answer what is due, as the device allows, and end.

    Each reply is stored before it is told, as is a request that failed or expired; an slm.burst record closes the
    burst.
    The exit code is 75 if requests wait only because of energy or heat, and 0 if nothing was due.
    Where the network costs by volume, background requests to endpoints wait, until their deadline presses.
    What is in no hurry is done at the end of a slot, a deadline early enough for the next drain not to be too late.
    Several may run at once, and any may be killed.
    A request that fails for a reason that may pass is tried again later, five times in all.
    With --dry-run it tells what is due.
    """
    from roadmap_cli.models.conversation.selection import open_batch
    from roadmap_cli.slm.device.power import power
    from roadmap_cli.slm.queue import burst

    if run.dry_run:
        yield from (
            record for record in burst.plan_record(_turn(run, sysroot, _rules(**rules)), run.now()) if record["is_due"]
        )
        return
    ledger = run.ledger(run.new_id("slm.run"))
    work = burst.Drain(
        state=run.state,
        now=run.clock,
        power=lambda: power(sysroot, run.environ),
        open_model=lambda name: open_batch(
            name, environ=run.environ, ledger=ledger, transport=run.transport, purpose="queue"
        ),
        rules=_rules(**rules),
        command=run.command,
        is_remote=_is_remote(run),
    )
    with run.progress("requests", None) as bar:
        for record in work.run():
            bar.advance(1)
            yield record
    if work.deferred and not work.burst_id:
        run.exit_code = Exit.TEMPFAIL
        run.note(f"requests wait for energy or a cooler device, see slm-queue plan: {work.deferred}")
    elif work.left:
        run.detail(f"{work.left} requests wait for their turn")


@main.command(writes="slm.reply", state="write", columns=("from_id", "model", "finish", "text"))
@IDS
@click.option("--unread", "unread_only", is_flag=True, help="Only replies that were not told before; then they were.")
def results(run: Run, ids: tuple[str, ...], unread_only: bool) -> Iterable[Record]:
    """Write the replies to requests, of all that are answered or of those named."""
    from roadmap_cli.slm.queue import requests

    with run.state.read() as tx:
        found = requests.replies(tx, ids, unread_only=unread_only)
    for _, reply in found:
        yield reply
    if unread_only and found:
        run.deliver()
        with run.state.write() as tx:
            requests.mark_told(tx, [name for name, _ in found], run.now())


@main.command(writes="slm.request", state="read", columns=COLUMNS)
@IDS
@click.option("--timeout", metavar="TIME", help="The longest wait: a number and m, h, d or w; without it, any.")
def wait(run: Run, ids: tuple[str, ...], timeout: str | None) -> Iterable[Record]:
    """Wait until requests have come to an end, those named or all that are open, and write them as they do.

    It answers none itself: drain does, in another process.
    The exit code is 1 if one came to another end than an answer, and 75 if one is still open after the time.
    """
    from roadmap_cli.core.clock import length
    from roadmap_cli.slm.queue import outcome, requests

    limit = None if timeout is None else length(timeout).total_seconds()
    with run.state.read() as tx:
        chosen = ids or [each.id for each in requests.waiting(tx)]
    states = set()
    for each in outcome.settled(run.state, chosen, limit_s=limit):
        states.add(each.state)
        yield each.record()
    if not states.isdisjoint(requests.OPEN):
        run.exit_code = Exit.TEMPFAIL
        run.note("the time is over; what is still open, and why, tells slm-queue plan")
    elif states - {"answered"}:
        run.exit_code = Exit.NEGATIVE


@main.command(writes="slm.request", state="write", columns=COLUMNS)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
def cancel(run: Run, ids: tuple[str, ...]) -> Iterable[Record]:
    """Take requests back. One that is just being answered loses its answer."""
    from roadmap_cli.slm.queue import requests

    with run.state.write() as tx:
        found = requests.cancel(tx, ids, run.now())
    yield from (each.record() for each in found)


@main.command(writes="slm.request", state="write", columns=COLUMNS)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--within", metavar="TIME", help="The deadline, from now: a number and m, h, d or w.")
def retry(run: Run, ids: tuple[str, ...], within: str | None) -> Iterable[Record]:
    """Let requests that failed, expired or were cancelled wait once more."""
    from roadmap_cli.slm.queue import requests

    with run.state.write() as tx:
        found = requests.retry(tx, ids, _deadline(run.now(), within, None))
    yield from (each.record() for each in found)


def _is_remote(run: Run) -> Callable[[str | None], bool]:
    from functools import partial

    from roadmap_cli.models.conversation.selection import is_endpoint

    return partial(is_endpoint, environ=run.environ)


def _turn(run: Run, sysroot: Path, rules: Rules) -> Turn:
    from roadmap_cli.slm.device.power import power
    from roadmap_cli.slm.queue import requests, timing

    with run.state.read() as tx:
        found = [each for each in requests.waiting(tx) if each.state == "waiting"]
        rules = rules.at_pace(requests.reply_s(tx))
    return timing.turn(found, power(sysroot, run.environ), rules, run.now(), _is_remote(run))


def _rules(slot: str, every: str, max_width: int, low: float) -> Rules:
    from roadmap_cli.core.clock import length
    from roadmap_cli.slm.queue.timing import Rules

    return Rules(
        slot=length(slot), every=length(every), width=max_width, low_percent=low, critical_percent=min(10.0, low)
    )


def _deadline(now: datetime, within: str | None, by: str | None) -> datetime | None:
    from roadmap_cli.core import clock
    from roadmap_cli.core.errors import DataError

    if within and by:
        raise click.UsageError("--within and --by both say when")
    if within:
        return now + clock.length(within)
    if by:
        try:
            return clock.parse(by)
        except DataError as error:
            raise UsageError(error.message, hint="write it as 2026-12-24T18:00:00Z") from None
    return None
