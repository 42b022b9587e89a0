"""life-watch: warn of what is unusual lately."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.cli.options import hours_option, zone_option
from roadmap_cli.cli.ranges import FiniteRange
from roadmap_cli.cli.terminal import visible
from roadmap_cli.core.records import Record

_STYLES = {"high": "bold red", "medium": "bold yellow"}
_WIDE = 16


def draw(records: Sequence[Record], console: Any) -> None:
    """Each warning: how bad and what, its measures as bars with a mark at what is usual, where to look further."""
    from rich.text import Text

    for record in records:
        severity = str(record.get("severity", ""))
        pattern = str(record.get("pattern", "")).replace("_", " ")
        span = f"{record.get('since', '')} to {record.get('until', '')}"
        console.print(
            Text.assemble((visible(severity), _STYLES.get(severity, "bold")), f"  {visible(pattern)}  ", (span, "dim"))
        )
        measures = record.get("measures") or []
        if not measures:
            console.print(Text(visible(f"  {record.get('text', '')}")))
        wide = max((len(str(each["measure"])) for each in measures), default=0)
        for each in measures:
            name = visible(str(each["measure"]).replace("_", " ")).ljust(wide)
            line = Text.assemble(f"  {name} ", _bar(each), f" {each['recent']:g} {visible(str(each['unit']))}")
            line.append(f", usually {each['usual']:g}, clears at {each['clear_at']:g}", style="dim")
            line.truncate(console.width, overflow="ellipsis")
            console.print(line)
        console.print(
            Text(f"  rests on {record.get('evidence_count', 0)} records: life-why {record.get('id', '')}", "dim"),
            soft_wrap=True,
        )
    if any(record.get("measures") for record in records):
        console.print(Text("█ lately, ┃ usual", "dim"))


def _bar(measure: Record) -> Any:
    """How much it is lately as a bar, from zero or what is below it, with a mark where it usually is."""
    from rich.text import Text

    recent, usual = float(measure["recent"]), float(measure["usual"])
    low = min(0.0, recent, usual)
    most = max(0.0, recent, usual) - low or 1.0
    filled = round((recent - low) / most * _WIDE)
    mark = min(round((usual - low) / most * _WIDE), _WIDE - 1)
    bar = Text("█" * filled + "·" * (_WIDE - filled))
    return Text.assemble(bar[:mark], ("┃", "bold"), bar[mark + 1 :])


@command(
    writes="life.warning",
    state="write",
    columns=("severity", "since", "until", "evidence_count", "why_id", "text", "clears_when"),
    picture=draw,
    examples={
        "Warn of what is unusual": "life-watch | jq -r .text",
        "Look every six hours from cron": "echo '0 */6 * * * life-watch --plain'",
        "Say again what has not cleared": "life-watch --open --plain",
    },
    see=("life-ingest", "life-graph", "life-why", "roadmap-why"),
)
@click.option(
    "--false-alarms",
    type=FiniteRange(0.01, 30),
    default=1.0,
    show_default=True,
    metavar="NUMBER",
    help="False alarms allowed in 30 days.",
)
@hours_option()
@zone_option()
@click.option("--open", "also_open", is_flag=True, help="Write again what was warned of and has not cleared.")
@click.option("--fail-on-warning", is_flag=True, help="Exit 1 if anything is written.")
def main(
    run: Run, false_alarms: float, working_hours: str, timezone: str | None, also_open: bool, fail_on_warning: bool
) -> Iterable[Record]:
    """Warn of what is unusual lately.

    Days are those of --timezone, else of the zone most events are in.
    Counts, day by day, hours and number of meetings, meetings outside working hours, the longest free block of a
    workday, and everyday spending in each currency; without today, which is not over.
    The last two weeks are compared with the two-week stretches of the half year before: their median is what is usual,
    their median absolute deviation how much it varies.

    Besides, every daily series is looked at over the last day, week, fortnight and four weeks, freed of its week, for
    its level, for its pattern over the weekdays and for how much its days scatter: those above, sleep_hours, bedtime,
    resting_heart_rate, heart_rate_variability, steps, close_contacts (messages and meetings with family and those whom
    life-graph finds closest; without a graph, with the people who were in touch most weeks before), and late_screen
    (minutes of pages opened between 23:00 and 5:00).
    Only what is harder on a person than usual counts.
    Many small changes of work and body in that direction together are burnout_risk.

    The threshold follows from --false-alarms: with m things looked at daily, each may exceed it by chance with
    probability false-alarms / (30 m).
    Less than 70 days of data are too few, and data that ends more than 45 days ago (of a body, more than three) is too
    old: then nothing is warned of, and -v says so.

    A warning is written once, the worst first.
    It is written again when it gets worse by a class, or when it had cleared and at least two weeks have passed;
    clears_when says what would clear it.
    Every number is a sum or mean of stored records: evidence_ids names those that weigh most, roadmap-why with the
    why_id all of them.
    Nothing new: nothing is written, and the exit code is 0.
    """
    from roadmap_cli.life.watch import warnings, watching

    settings = watching.Settings(false_alarms, working_hours, timezone)
    if not run.state_path.exists():
        run.note("nothing is known yet; life-ingest takes in calendars, statements, mail and more")
        return
    with run.state.write() as tx:
        known = list(watching.still_open(tx)) if also_open else []
        _, report = watching.watch(tx, run.now(), settings, command=run.command)
        still = {record["id"] for record in watching.still_open(tx)} if also_open else set()
        untold = list(watching.untold(tx))
    for words in report.untold:
        run.detail(words)
    new = {record["id"] for record in untold}
    written = [*(record for record in known if record["id"] in still - new), *untold]
    written.sort(key=lambda record: -warnings.SEVERITIES.index(record["severity"]))  # what is worst first
    yield from written
    run.deliver()
    with run.state.write() as tx:
        watching.tell(tx, new, run.now())
    if not written:
        run.note(f"nothing new to warn of{'' if also_open else '; --open tells again what has not cleared'}")
    if written and fail_on_warning:
        run.exit_code = 1
