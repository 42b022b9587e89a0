"""life-forecast: what the weeks to come will be like, and what to change now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.cli.options import hours_option, zone_option
from roadmap_cli.cli.terminal import visible
from roadmap_cli.core.errors import CannotCreate
from roadmap_cli.core.records import Record

BARS = "▁▂▃▄▅▆▇█"


def draw(records: Sequence[Record], console: Any) -> None:
    """One line of bars for each measure, its months below, then the proposed changes as a diff."""
    from rich.text import Text

    from roadmap_cli.life.forecast.proposals import TITLE, diff

    by_measure: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        if record.get("kind") == "life.forecast":
            by_measure.setdefault((str(record["measure"]), str(record.get("account_id", ""))), []).append(record)
    for (measure, account), rows in by_measure.items():
        weeks = [row for row in rows if row["period"] == "week"]
        if weeks:
            head = Text(visible(measure), style="bold")
            head.append(
                f"  {weeks[0]['period_name']} {bars([row['value'] for row in weeks])} {weeks[-1]['period_name']}"
            )
            head.append(visible(f"  {rows[0]['unit']}{f' on {account[-6:]}' if account else ''}"), style="dim")
            console.print(head, no_wrap=True)
        months = [row for row in rows if row["period"] == "month"]
        if not months:
            continue
        if account:
            _balances(months, console)
        else:
            _months(months, rows, console)
        console.print(
            visible(f"  rests on {rows[0]['weeks_behind']} weeks: roadmap-why {rows[0]['why_id']}"), style="dim"
        )
    proposed = [record for record in records if record.get("kind") == "life.proposal"]
    for record in proposed:
        for conflict in record.get("conflicts", []):
            console.print(
                Text(visible(f"{record['week']} against your values: {conflict.get('text', '')}"), style="bold")
            )
    for line in diff(proposed):
        console.print(Text(visible(line), style={"-": "red", "+": "green"}.get(line[0], "bold")))
    if proposed:
        console.print(
            f"  - as it is, + as proposed; {TITLE} is time that is still free, to be kept free: --ics FILE writes all"
            " this for a calendar",
            style="dim", markup=False, highlight=False,
        )  # fmt: skip


def _balances(months: Sequence[Record], console: Any) -> None:
    """The poorest day of an account in each month, and what of it goes against the user's values."""
    from rich.table import Table
    from rich.text import Text

    lows = Table("month", "poorest day", "expected", "90 %", "", box=None, pad_edge=False)
    for row in months:
        words = "below zero" if row["value"] < 0 else "may fall below zero" if row["low"] < 0 else ""
        span = f"{row['low']:.2f} to {row['high']:.2f}"
        lows.add_row(row["period_name"], row["lowest_on"], f"{row['value']:.2f}", span, Text(words, style="bold"))
    console.print(lows)
    for row in months:
        for conflict in row.get("conflicts", []):
            console.print(Text(visible(f"  {row['period_name']} against your values: {conflict['text']}")))


def _months(months: Sequence[Record], rows: Sequence[Record], console: Any) -> None:
    """A measure in each month beside what is usual and earlier years; below it the patterns found in its rows."""
    from rich.table import Table
    from rich.text import Text

    table = Table("month", "expected", "90 %", "usually", "earlier years", "", box=None, pad_edge=False)
    for row in months:
        earlier = ", ".join(f"{value:.1f}" for value in row.get("earlier", []))
        table.add_row(
            row["period_name"],
            f"{row['value']:.1f}",
            f"{row['low']:.1f} to {row['high']:.1f}",
            f"{row['usual']:.1f}",
            f"{earlier} (n={row['earlier_count']})" if earlier else "none",
            Text("harder than 85 % of the weeks so far", style="bold") if row.get("is_overcommitted") else "",
        )
    console.print(table)
    for row in rows:
        if row.get("pattern"):
            console.print(Text(visible(f"  {row['text'].rpartition('; your ')[2]}").replace("  ", "  your ", 1)))


def bars(values: Sequence[float]) -> str:
    """Values as bars, from the least to the greatest; small changes of large values stay small."""
    low, high = min(values), max(values)
    width = max(high - low, 0.25 * max(abs(low), abs(high))) or 1.0
    return "".join(BARS[min(int((value - low) / width * len(BARS)), len(BARS) - 1)] for value in values)


def _write(path: str, content: bytes) -> None:
    """Write a file of mode 0600, whole or not at all; into a pipe or a device as it is. Raises CannotCreate."""
    from roadmap_cli.core import writing

    try:
        with writing.complete(path, mode=0o600) as stream:
            stream.write(content)
    except OSError as error:
        raise CannotCreate(f"cannot write: {(error.strerror or str(error)).lower()}", where=path) from None


@command(
    writes=("life.forecast", "life.proposal"),
    state="write",
    effects=("files",),
    columns=("measure", "period_name", "value", "low", "high", "unit", "booked", "weeks_behind", "why_id", "text"),
    picture=draw,
    examples={
        "Say what the months to come will be like": "life-forecast | jq -r 'select(.is_overcommitted) | .text'",
        "Write changes as a calendar": "life-forecast --ics $HOME/changes.ics | jq -r 'select(.changes) | .text'",
        "Look at money only": "life-forecast --measure net_EUR --weeks 8 --plain | head -3",
        "Ask when an account will be lowest": "life-forecast --measure balance_EUR | jq -r .text | grep lowest",
    },
    see=("life-ingest", "life-watch", "life-why", "life-values"),
)  # fmt: skip
@click.option("--weeks", type=click.IntRange(1, 52), default=26, show_default=True, metavar="N", help="Weeks ahead.")
@click.option("--measure", "measures", multiple=True, metavar="NAME", help="Forecast only this; may be repeated.")
@hours_option()
@zone_option()
@click.option("--ics", metavar="FILE", type=click.Path(), help="Write the proposed changes as an iCalendar file.")
def main(
    run: Run, weeks: int, measures: tuple[str, ...], working_hours: str, timezone: str | None, ics: str | None
) -> Iterable[Record]:
    """Say what the weeks to come will be like.

    Forecasts, by ISO week, month and quarter, from the whole weeks that were: meeting_hours, after_hours and
    focus_hours with what is booked and the to-dos that are due, spending_CUR and net_CUR (wages and standing payments
    on their days; transfers between own accounts left out) for each currency, balance_CUR for each account whose
    balance is known, sleep_hours, resting_heart_rate, heart_rate_variability and steps.
    Each has a 90 % interval made of the errors the same method made in the past; weeks_behind is how many weeks it
    rests on, earlier the same month or quarter of earlier years, and earlier_count how many of those there are.
    balance_CUR is what stands on the account at the end of the poorest day, which lowest_on names.
    A month that is harder than 85 % of the weeks that were is called overcommitted (meetings, hours) or strained (what
    is spent, slept, walked); of an account, if it would be below zero.
    A quarter names its months that were overcommitted in most earlier years, with how many years that are.

    Every forecast is tried on the past first, from many origins.
    What does not beat the same week of a year ago (the last week, while there is no year; of balance_CUR, a balance
    that stays as it is) at its distance is not told; -v says what is left out and why.
    If most meetings say when they were last changed, the trial knows at each origin what was booked then.
    Less than 16 weeks of history are too few.

    For full weeks among the next eight, changes are proposed that can be made now: blocks of free time to protect (more
    of them where to-dos are due), events without other people to move to a lighter week, tentative ones to decline.
    Nothing that is proposed overlaps anything booked, or goes against values that were declared; a balance that goes
    against them shows them as conflicts.
    --ics writes the changes as a file for any calendar program; nothing is changed by itself.

    A forecast that says the same as before has the same id; life-why --check makes it again from what it cites.
    """
    from roadmap_cli.life.forecast import forecasting, proposals, telling

    settings = forecasting.Settings(weeks, working_hours, timezone, measures)
    if not run.state_path.exists():
        run.detail("nothing is known yet; life-ingest takes in calendars and bank statements")
        return
    with run.state.write() as tx:
        made = forecasting.look(tx, run.now(), settings)
        told = telling.tell(tx, made, run.now(), settings, command=run.command)
        proposed = proposals.propose(tx, made, told, run.now(), command=run.command)
    for words in made.silent:
        run.detail(words)
    if ics is not None and not proposed:
        run.detail(f"no changes to propose: {ics} is not written")
    if ics is not None and proposed and not run.dry_run:
        _write(ics, proposals.ics(proposed, run.now()))
    yield from told
    yield from proposed
    if not told:
        run.detail("nothing to tell")
