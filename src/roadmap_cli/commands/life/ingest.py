"""life-ingest: read calendars and bank statements into the state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.life.ingestion import Tally
    from roadmap_cli.life.settings import Settings


KINDS = (
    "life.event",
    "life.transaction",
    "life.balance",
    "life.price",
    "life.measurement",
    "life.activity",
    "life.message",
    "life.contact",
    "life.page_visit",
    "life.place_visit",
)
PAST, FUTURE = click.IntRange(0, 36_500), click.IntRange(0, 3_650)


@command(
    reads=KINDS,
    writes=("life.source", *KINDS),
    state="write",
    quick=True,
    columns=("at", "kind", "title", "payee", "amount", "currency", "source", "source_line"),
    examples={
        "Read a calendar and a bank statement": "life-ingest examples/life/calendar.ics examples/life/bank.ofx | wc -l",
        "See what would be read, and store nothing": "life-ingest --dry-run --plain examples/life/bank.csv | head -3",
        "Say what a statement leaves open": "life-ingest --map order=dmy,currency=EUR examples/life/bank.csv | wc -l",
    },
    see=("life-watch", "roadmap-why"),
)
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(allow_dash=True))
@click.option("--timezone", metavar="ZONE", help="Time zone of days and of times that name none.")
@click.option("--map", "mapping", metavar="FIELD=COLUMN", multiple=True, help="Which column of a CSV holds what.")
@click.option("--charset", metavar="NAME", help="Character set of files that are not UTF-8 and do not name theirs.")
@click.option("--past-days", type=PAST, default=730, show_default=True, help="Begin of recurring events, days ago.")
@click.option("--future-days", type=FUTURE, default=366, show_default=True, help="End of recurring events, days ahead.")
def main(run: Run, files: tuple[str, ...], timezone: str | None, **how: Any) -> Iterable[Record]:
    """Read calendars and bank statements into the state.

    Times that name no zone are in --timezone, else in the zone the file names, else in the machine's.
    What a FILE is, is told from its content: iCalendar, OFX 1 and 2 (QFX), CAMT.052 to 054, MT940 and MT942, QIF,
    journals of beancount, hledger and ledger, CSV of a bank, or JSON Lines of the kinds of records above.
    A folder stands for all files in and below it.
    FILE '-' is such a file on standard input; without FILE, records are read from there.

    Each record that is new is written after it is stored; what is known already is not written again, so that reading
    a file twice changes nothing.
    An event that was moved or cancelled since is replaced, and kept as a record.

    Recurring events are written out one by one, from --past-days ago to --future-days ahead, at most 5,000 of a series.

    The columns of a CSV are found by their headings.
    Where the file leaves a question open, the message says which; answer with --map, for example
    date=COLUMN, amount=COLUMN (or debit=, credit=), payee=, memo=, account=, currency=COLUMN or a code such as EUR,
    order=dmy|mdy|ymd, decimal=comma|dot, delimiter=semicolon|comma|tab|pipe.
    A column without a heading has its number: date=#1.
    What was answered or found out is remembered for files with the same headings; it also says the currency of a QIF,
    or of a journal's $, with currency=USD.
    A payment that comes in several formats, and in your own books, is counted once; one that was announced is replaced
    when it is booked, and both legs of a transfer between own accounts are no spending.
    """
    from roadmap_cli.life import reading
    from roadmap_cli.life.ingestion import Tally
    from roadmap_cli.life.settings import Settings

    settings = Settings.of(run.now(), zone=timezone or _machine_zone(run), **how)
    tally = Tally()
    for given in files:
        for name in reading.files_of(given):
            yield from _file(run, name, settings, tally, in_folder=name != given)
    if not files:
        yield from _records(run, tally)
    for where in tally.cut:
        run.warn(f"{where}: series has too many events; the later ones are left out")
    run.note(tally.words())


def _file(run: Run, name: str, settings: Settings, tally: Tally, *, in_folder: bool) -> Iterator[Record]:
    """Store what stands in one file; give what is new. A file of an unknown format is an error only if it was named."""
    from roadmap_cli.life import ingestion, reading
    from roadmap_cli.life.formats import layouts

    def failed(error: DataError) -> None:
        with run.item():
            raise error

    state = run.state  # first of all: without its key nothing is read
    with state.read() as tx:
        settings = replace(settings, learned=layouts.all_known(tx))
    with reading.opened(name, run.stdin) as opened:
        try:
            source = reading.source_of(opened)
        except DataError as error:
            if in_folder and error.code == "unknown_format":
                run.detail(f"{name}: left out: {error.message}")
            else:
                failed(error)
            return
        items = reading.items(opened, source, settings)
        yield from ingestion.ingest(state, items, source.record(run.stamp()), tally, failed, run.now)


def _records(run: Run, tally: Tally) -> Iterator[Record]:
    """Store the records on standard input; give what is new."""
    from roadmap_cli.life import ingestion
    from roadmap_cli.life.formats import jsonl

    for batch in run.batches(ingestion.BATCH_RECORDS):
        good = []
        for record in batch:
            with run.item(record):
                good.append(jsonl.item(record))
        if good:
            yield from ingestion.commit(run.state, good, "jsonl", tally)


def _machine_zone(run: Run) -> str:
    from roadmap_cli.life.zones import of_machine

    link = Path("/etc/localtime")
    return of_machine(run.environ.get("TZ"), str(link.readlink()) if link.is_symlink() else None)
