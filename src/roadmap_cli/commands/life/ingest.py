"""life-ingest: read calendars, statements and other records of a life into the state."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.cli.options import zone_option
from roadmap_cli.core.errors import ConfigError, DataError, InputMissing, RoadmapError, UsageError
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.life.ingest.sources import Reader
    from roadmap_cli.life.opening.settings import Settings


KINDS = (
    "life.event",
    "life.task",
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
PASSWORD = "ROADMAP_LIFE_PASSWORD"


def _list_formats(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from roadmap_cli.life import remote
        from roadmap_cli.life.ingest import detection

        for name, what in (*detection.listed(), *remote.listed()):
            click.echo(f"{name:<12} {what}")
        context.exit()


class Sources:
    """One line for each file or server: what it was found to be, how much of what is new, from when to when.

    On a terminal only: what the records say is not shown, and a file with a million of them is one line as well.
    """

    def __init__(self, console: Any) -> None:
        self._console = console
        self._name: str | None = None
        self._format = ""
        self._kinds: Counter[str] = Counter()
        self._months: Counter[str] = Counter()
        self._first, self._last = "", ""
        self._twins = 0

    def add(self, record: Record) -> None:
        """Count a record."""
        is_source = record.get("kind") == "life.source"
        name = str(record.get("name" if is_source else "source") or "<stdin>")
        if name != self._name:
            self.rest()
            self._name, self._format = name, ""
        if is_source:
            self._format = str(record.get("format", ""))
            return
        self._kinds[str(record.get("kind", "")).removeprefix("life.").replace("_", " ")] += 1
        self._twins += "same_as_id" in record
        if record.get("kind") == "life.contact":  # its time is when somebody last wrote it down
            return
        day = str(record.get("date") or record.get("at", ""))[:10]
        self._months[day[:7]] += 1
        self._first = min(self._first or day, day)
        self._last = max(self._last, day)

    def rest(self) -> None:
        """Show the line, if anything was counted."""
        from rich.text import Text

        from roadmap_cli.cli.render import one_line

        if self._name is None or not (self._kinds or self._format):
            return
        told = ", ".join(f"{count:,} {plural(kind, count)}" for kind, count in self._kinds.most_common())
        line = Text.assemble((one_line(self._name), "bold"), f"  {told or 'nothing new'}")
        if self._twins:
            line.append(f" ({self._twins:,} told by another source before)")
        if self._first:
            span = self._first if self._first == self._last else f"{self._first} to {self._last}"
            line.append(f"  {span}", style="dim")
        if len(self._months) > 2:
            line.append(f"  {self._bars()}", style="cyan")
        if self._format:
            line.append(f"  {self._format}", style="dim")
        self._console.print(line, soft_wrap=True)
        self._name, self._format, self._first, self._last, self._twins = None, "", "", "", 0
        self._kinds.clear()
        self._months.clear()

    def _bars(self) -> str:
        """How much is in each month, the latest 24 of them that are covered."""
        counts = [self._months[month] for month in months(self._first, self._last)][-24:]
        most = max(counts)
        return "".join(" ▁▂▃▄▅▆▇█"[-(-8 * count // most) if most else 0] for count in counts)


def months(first: str, last: str) -> list[str]:
    """The months `YYYY-MM` from a day to a day, both `YYYY-MM-DD`; at most the last 24."""
    year, month = int(last[:4]), int(last[5:7])
    found: list[str] = []
    while len(found) < 24 and (name := f"{year:04}-{month:02}") >= first[:7]:
        found.insert(0, name)
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
    return found


def plural(kind: str, count: int) -> str:
    """The word for so many of a kind."""
    if count == 1:
        return kind
    return f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"


@command(
    reads=KINDS,
    writes=("life.source", *KINDS),
    state="write",
    effects="network",
    quick=True,
    drawing=Sources,
    columns=("at", "kind", "title", "name", "payee", "amount", "currency", "source", "source_line"),
    examples={
        "Read a calendar and a bank statement": "life-ingest examples/life/calendar.ics examples/life/bank.ofx | wc -l",
        "See what would be read, and store nothing": "life-ingest --dry-run --plain examples/life/bank.csv | head -3",
        "Say what a statement leaves open": "life-ingest --map order=dmy,currency=EUR examples/life/bank.csv | wc -l",
        "Read to-dos and an address book": "life-ingest --plain examples/life/tasks.ics examples/life/contacts.vcf",
    },
    see=("life-watch", "roadmap-permit", "roadmap-why"),
)
@click.argument("files", metavar="[FILE|URL]...", nargs=-1, type=click.Path(allow_dash=True))
@zone_option()
@click.option("--map", "mapping", metavar="FIELD=COLUMN", multiple=True, help="Which column of a CSV holds what.")
@click.option("--charset", metavar="NAME", help="Character set of files that are not UTF-8 and do not name theirs.")
@click.option("--past-days", type=PAST, default=730, show_default=True, help="Begin of recurring events, days ago.")
@click.option("--future-days", type=FUTURE, default=366, show_default=True, help="End of recurring events, days ahead.")
@click.option("--watch", is_flag=True, help="Go on: read what is new as soon as it is there.")
@click.option("--again", is_flag=True, help="Read what has not changed, too.")
@click.option("--mirror", is_flag=True, help="Withdraw events that are in their file, or folder, no more.")
@click.option("--password-file", metavar="FILE", help="Password for a URL: the first line of a file only you can read.")
@click.option(
    "--formats", is_flag=True, is_eager=True, expose_value=False, callback=_list_formats, help="List what is read."
)
def main(
    run: Run,
    files: tuple[str, ...],
    timezone: str | None,
    watch: bool,
    again: bool,
    mirror: bool,
    password_file: str | None,
    mapping: tuple[str, ...],
    **how: Any,
) -> Iterable[Record]:
    """Read calendars, statements and other records of a life.

    What a FILE is, is told from its content, compressed or not, whatever its name; --formats lists what is read:
    calendars, to-dos and contacts (iCalendar, vCard); statements (OFX, CSV, QIF, CAMT, MT940) and the journals of
    beancount, hledger and ledger; mail (mbox, Maildir, .eml) and chats (WhatsApp, Signal, Telegram); export.zip of
    Apple Health, FIT, GPX, TCX, and what Garmin, Oura and Fitbit give out; the history of Firefox, Chromium or Safari,
    read while the browser runs; Google Takeout.
    A folder stands for all files in and below it, a ZIP archive for its files, as large as they may be.
    FILE '-' is such a file on standard input; without FILE, records are read from there.

    Each record that is new is written after it is stored; what is known already is not written again, so that reading
    a file twice changes nothing.
    Files that have not changed since are passed over, unless --again is given; that a file had nothing new is said.
    An event that was moved or cancelled since is replaced, and kept as a record.
    With --mirror, so is one that is gone from its file, or whose file is gone from the folder.

    Times that name no zone are in --timezone, else in the zone the file names, else in the machine's.
    Recurring events are written out one by one, from --past-days ago to --future-days ahead, at most 5,000 of a series.
    To-dos are records of their own kind, life.task.

    With --watch it goes on until it is interrupted: files are read again as soon as they are changed, servers asked
    every quarter of an hour if they cannot tell by themselves, as a mailbox can.
    Meanwhile what is broken is said and passed over.

    A URL is a calendar on a server: caldav://, or https:// for encryption by the usual port, with the user's name
    before an @, and the address of the server, of an account or of one calendar; or the address of an .ics file.
    imaps://USER@HOST/FOLDER is a mailbox, without a FOLDER all of them but junk, trash and drafts; imap:// begins
    without encryption and asks for it, USER;AUTH=XOAUTH2 logs in with a token.
    The host needs a permission: roadmap-permit add HOST --purpose calendar, or --purpose mail.
    What is deleted in a calendar is withdrawn; a mail is kept.
    The password is the first line of --password-file, or in the environment as ROADMAP_LIFE_PASSWORD.

    The columns of a CSV are found by their headings.
    Where the file leaves a question open, the message says which; answer with --map, for example
    date=COLUMN, amount=COLUMN (or debit=, credit=), payee=, payer= (who paid what came in), memo=, account=,
    currency=COLUMN or a code such as EUR, order=dmy|mdy|ymd, decimal=comma|dot, delimiter=semicolon|comma|tab|pipe.
    A column without a heading has its number: date=#1.
    What was answered or found out is remembered for files with the same headings; it also says the currency of a QIF,
    or of a journal's $, with currency=USD.
    A payment that comes in several formats, and in your own books, is counted once; one that was announced is replaced
    when it is booked, and both legs of a transfer between own accounts are no spending.
    """
    from roadmap_cli.life.formats import bank_csv
    from roadmap_cli.life.ingest.ingestion import Tally
    from roadmap_cli.life.ingest.sources import Reader
    from roadmap_cli.life.opening.settings import Settings

    if watch and (not files or "-" in files):
        raise UsageError("--watch waits for files, folders and URLs", hint="name one")
    zone = timezone or _machine_zone(run)

    def settings() -> Settings:
        answers = bank_csv.mapping(mapping)
        return Settings.of(run.now(), zone=zone, zone_is_chosen=timezone is not None, mapping=answers, **how)

    def failed(error: DataError) -> None:
        if watch and run.choices.on_error == "stop":
            run.partial = True
            run.words.error(str(error), error.hint)
            return
        with run.item():
            raise error

    tally = Tally()
    reader = Reader(
        run.state,  # first of all: without its key nothing is read
        settings(),
        run.now,
        tally,
        failed,
        left_out=lambda name, why: run.detail(f"{name}: left out: {why}"),
        transport=run.transport,
        password=lambda: _password(run, password_file),
        stdin=run.stdin,
        again=again,
        mirror=mirror,
    )
    try:
        if watch:
            from roadmap_cli.life.ingest.attending import attend

            def rest() -> None:
                run.out.rest()
                _tell(run, reader)

            _must_exist(files)
            yield from attend(files, reader, said=run.warn, rest=rest, renewed=settings)
        elif files:
            yield from _once(files, reader)
        else:
            yield from _records(run, reader)
    finally:
        reader.close()
        _tell(run, reader)
    run.out.rest()
    if run.words.shows_notes:
        run.note(tally.words())
    elif files and tally.is_nothing and not run.partial and not any(_may_be_idle(each) for each in files):
        (first, *others) = ("<stdin>" if each == "-" else each for each in files)
        run.remark(f"{f'{len(files)} files' if others else first}: nothing new")


def _may_be_idle(name: str) -> bool:
    """Whether it is asked time and again, and mostly has nothing new: folders and servers."""
    from roadmap_cli.life import remote

    return remote.is_url(name) or Path(name).is_dir()


def _once(files: tuple[str, ...], reader: Reader) -> Iterator[Record]:
    """Each file and server in turn. A server that fails does not keep the others from being read."""
    from roadmap_cli.life import remote

    failure: RoadmapError | None = None
    for given in files:
        if not remote.is_url(given):
            yield from reader.files(given)
            continue
        try:
            yield from reader.remote(given)
        except RoadmapError as error:
            if failure is not None or len(files) == 1:
                raise
            failure = error
    yield from reader.rest()
    if failure is not None:
        raise failure


def _records(run: Run, reader: Reader) -> Iterator[Record]:
    """Store the records on standard input; give what is new."""
    from roadmap_cli.life.formats import jsonl
    from roadmap_cli.life.ingest import ingestion

    for batch in run.batches(ingestion.BATCH_RECORDS):
        good = []
        for record in batch:
            with run.item(record):
                good.append(jsonl.item(record))
        if good:
            yield from reader.records(good)


def _tell(run: Run, reader: Reader) -> None:
    for words in reader.tally.told():
        run.warn(words)


def _must_exist(files: tuple[str, ...]) -> None:
    from roadmap_cli.life import remote

    for name in files:
        if not remote.is_url(name) and not Path(name).exists():
            raise InputMissing("cannot read: No such file or directory", where=name)


def _password(run: Run, name: str | None) -> str | None:
    """The password that was given, without its line end. Raises InputMissing, ConfigError if others can read it."""
    if name is None:
        return run.environ.get(PASSWORD)
    try:
        with open(name, "rb") as stream:  # noqa: PTH123  may be /dev/fd/3
            status = os.fstat(stream.fileno())
            data = stream.read(4096)
    except OSError as error:
        raise InputMissing(f"cannot read: {error.strerror}", where=name) from None
    if Path(name).is_file() and status.st_mode & 0o077:
        raise ConfigError("others can read the password", where=name, hint=f"chmod 600 {name}")
    return data.split(b"\n", 1)[0].removesuffix(b"\r").decode(errors="replace")


def _machine_zone(run: Run) -> str:
    from roadmap_cli.life.local_time.zones import of_machine

    link = Path("/etc/localtime")
    return of_machine(run.environ.get("TZ"), str(link.readlink()) if link.is_symlink() else None)
