"""life-decide: compute what a choice means, and what would change the answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.cli.options import hours_option
from roadmap_cli.cli.ranges import FiniteRange
from roadmap_cli.cli.terminal import visible
from roadmap_cli.core.errors import UsageError
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.life.choosing.deciding import Settings


#: What a row of sums is called whose balance today is not known.
_GAINED = "on top of today"
#: Columns beside money of options that are drawn one a row: field, title, shape of a value.
_COLUMNS = (
    ("hours_week", "h/week", "{:+g}"), ("free_block_h", "free h", "{:g}"), ("meeting_hours_week", "meetings h", "{:g}"),
    ("spending_week", "spent a week", "{:g}"),
)  # fmt: skip
#: Of these, what a warning measured: the field, and how its measure begins.
_WARNED = {"meeting_hours_week": "meeting_hours", "spending_week": "spending_"}
#: More options than this are drawn one a row.
_SIDE_BY_SIDE = 3


def draw(records: Sequence[Record], console: Any) -> None:
    """Each comparison as a table with one column for an option, then the answer, what would turn it, what to ask."""
    for record in records:
        if record.get("kind") == "life.comparison":
            _draw(record, console)


def _draw(record: Record, console: Any) -> None:
    from rich.text import Text

    options = record["options"]
    console.print(Text(visible(str(record.get("question", ""))), style="bold"))
    if len(options) > _SIDE_BY_SIDE or record.get("warned"):
        _draw_rows(options, console)
        _draw_measures(record, console)
    else:
        _draw_columns(options, console)
    _draw_answer(record, console)


def _draw_rows(options: Sequence[Record], console: Any) -> None:
    """Many options: one a row."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False, padding=(0, 2, 0, 0))
    table.add_column("option", overflow="fold", ratio=1)
    units = [str(each["currency"]) for each in options[0]["money"]]
    for unit in units:
        table.add_column(f"worth {unit}", justify="right", no_wrap=True)
        table.add_column("a month", justify="right", no_wrap=True)
    shown = [each for each in _COLUMNS if any(option.get(each[0]) for option in options)]
    for _, title, _ in shown:
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("your rules", overflow="fold")
    for each in options:
        cells = [Text(visible(str(each["name"])))]
        for money in each["money"]:
            cells += [Text(money["present_value"]), Text(money["month"])]
        for name, _, shape in shown:
            mark = " clears" if name in _WARNED and each.get("would_clear") else ""
            cells.append(Text(shape.format(each[name]) + mark if name in each else ""))
        told = [f"against {c['rule']}" for c in each.get("conflicts", [])]
        told += [f"for {c['rule']}" for c in each.get("supports", [])]
        table.add_row(*cells, Text(visible("; ".join(told))))
    console.print(table)


def _draw_measures(record: Record, console: Any) -> None:
    """What a warning measured, and over which days the column that is held against it counts."""
    for each in record.get("warned", []):
        column = next((name for name, measure in _WARNED.items() if str(each["measure"]).startswith(measure)), None)
        if not any(column in option for option in record["options"]):
            continue
        booked = record.get("booked", {})
        title, over = {
            "meeting_hours_week": ("meetings h", f"booked a week, {booked.get('since')} to {booked.get('until')}"),
            "spending_week": ("spent a week", "what is left of what was warned of"),
        }[str(column)]
        line = (
            f"{title}: {over}; warned of: {each['recent']:g} {each['unit']}, {each['since']} to {each['until']}, "
            f"usually {each['usual']:g}, clears at {each['clear_at']:g}"
        )
        console.print(visible(line), style="dim", markup=False, highlight=False)


def _draw_columns(options: Sequence[Record], console: Any) -> None:
    """Few options: one a column."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    for each in options:
        table.add_column(visible(str(each["name"])), justify="right", overflow="fold")
    for number, money in enumerate(options[0]["money"]):
        unit = money["currency"]
        cells = [each["money"][number] for each in options]
        table.add_row(f"today's worth {unit}", *(each["present_value"] for each in cells))
        table.add_row(f"a month {unit}", *(each["month"] for each in cells))
        kind = "balance" if money["is_balance_known"] else _GAINED
        table.add_row(f"{kind} in {money['end']['month']}", *(each["end"]["expected"] for each in cells))
        table.add_row("  in 8 of 10 cases", *(f"{each['end']['low']} to {each['end']['high']}" for each in cells))
        table.add_row(
            f"lowest {'balance' if kind != _GAINED else 'of it'}",
            *(f"{e['lowest']['amount']} ({e['lowest']['month']})" for e in cells),
        )
    for label, name, shape in (
        ("hours a week", "hours_week", "{:+g}"), ("collides with", "collisions", "{} events"),
        ("longest free block h", "free_block_h", "{:g}"), ("sleep lost h a night", "sleep_lost_h", "{:g}"),
    ):  # fmt: skip
        if any(each.get(name) for each in options):
            table.add_row(label, *(shape.format(each[name]) if name in each else "" for each in options))
    for label, name in (("against your rules", "conflicts"), ("for your rules", "supports")):
        if any(each.get(name) for each in options):
            cells = ["; ".join(str(c["rule"]) for c in each.get(name, [])) for each in options]
            table.add_row(label, *(Text(visible(cell)) for cell in cells))
    table.add_row("going back", *(Text("known" if e["reversibility"]["is_known"] else "not stated") for e in options))
    console.print(table)
    if any(not money["is_balance_known"] for money in options[0]["money"]):
        console.print(
            f"{_GAINED}: what usual months and the option together leave; --balance '5200 EUR' makes it the balance",
            style="dim", markup=False, highlight=False,
        )  # fmt: skip


def _draw_answer(record: Record, console: Any) -> None:
    """What is recommended and why, what would turn it, what could go wrong, what is not known."""
    from rich.text import Text

    console.print()
    head = f"recommended: {record['recommendation']}" if record["decides"] else "the data does not decide"
    console.print(Text(visible(head), style="bold"))
    console.print(visible(str(record.get("worded") or record["text"])), markup=False, highlight=False)
    _draw_tornado(record["sensitivity"], console)
    for each in record["options"]:
        for line in [*(f"taken for granted: {what}" for what in each.get("assumptions", [])), *each.get("risks", []),
                     *(f"not known: {what}" for what in each.get("unknown", []))]:  # fmt: skip
            console.print(visible(f"  {each['name']}: {line}"), style="dim", markup=False, highlight=False)
    console.print(visible(f"  rests on: life-why {record['why_id']}"), style="dim", markup=False, highlight=False)


def _draw_tornado(rows: Sequence[Record], console: Any) -> None:
    """The facts that move the difference most, each a bar around its present value; ! where the answer turns."""
    shown = rows[:6]
    if not shown:
        return
    widest = max(float(row["difference_high"]) - float(row["difference_low"]) for row in shown) or 1.0
    console.print()
    for row in shown:
        size = round(20 * (float(row["difference_high"]) - float(row["difference_low"])) / widest)
        turns = "!" if row["changes_the_answer"] else " "
        text = f"{turns} {'█' * max(size, 1):<20} {row['what']} {row['amount']}, turns at {row['switching']}"
        console.print(visible(text), markup=False, highlight=False, soft_wrap=True)


@command(
    reads=("life.choice", "life.warning", "life.forecast"),
    writes=("life.choice", "life.comparison"),
    state="write",
    effects="network",
    foreign=True,
    columns=("decides", "recommendation", "question", "text", "why_id"),
    picture=draw,
    examples={
        "Ask in words": (
            "life-decide --currency EUR 'accept the weekly meeting Mondays 17:00-18:30?' | "
            "jq -r 'select(.decides) | .text'"
        ),
        "Compare money": "life-decide 'take the job in Berlin for 4,200 EUR net or stay' | jq -r '.text // empty'",
        "What does a warning ask for?": "life-watch | life-decide | jq -r '.recommendation // empty'",
    },
    see=("life-values", "life-watch", "life-why"),
)
@click.argument("words", nargs=-1, metavar="[WORDS]...")
@click.option("--text", is_flag=True, help="Read lines of plain text; empty ones are left out.")
@click.option(
    "--months", type=click.IntRange(1, 600), default=24, show_default=True, help="How far ahead money is counted."
)
@click.option(
    "--rate",
    type=FiniteRange(-20, 100),
    default=3.0,
    show_default=True,
    metavar="PERCENT",
    help="Interest a year.",
)
@click.option("--balance", metavar="AMOUNT", help="What is on the accounts today, such as '5200 EUR'.")
@click.option("--currency", metavar="CODE", help="Currency of amounts that name none.")
@hours_option()
@click.option("--llm", is_flag=True, help="Let a language model word the answer; its numbers are checked.")
@click.option("--model", metavar="NAME", help="Name of the model; else the default one.")
def main(
    run: Run,
    words: tuple[str, ...],
    text: bool,
    currency: str | None,
    llm: bool,
    model: str | None,
    **how: Any,
) -> Iterable[Record]:
    """Compute what a choice means and what would turn it.

    A choice is WORDS with its alternatives between 'or', a question about one thing ('accept …?'), lines of text with
    --text, or life.choice records with options and their facts.
    A warning or forecast in the pipe becomes the choice it implies: which meetings to drop, which spending to leave
    out.
    What is warned of in two weeks is not taken for a habit: a payee that got more than usual counts at what it came to
    over the half year, the pace of the two weeks is the other end of the range, and both are said.
    Beside each option, and beside leaving it as it is, stands what is left of what the warning measured.

    For each option: money over time from the stored income, payments and spending, with a band that eight of ten
    futures lie in; hours a week; what it collides with in the calendar; the longest free block of workdays; sleep;
    what your values say; risks; what it costs to go back.
    Then what would turn the answer: for each amount the exact value at which it does, and how far each moves the
    difference; and what would be worth finding out.
    It recommends an option only if it is better in something and worse in nothing, or if your values put what it is
    better in above the rest.
    Else it says that the data does not decide.

    Words on a command line stay in the shell's history; --text reads them from standard input.

    Nothing is made up: what is decisive and not said is asked for, with exit code 65, and what is taken for granted
    (the present pay that ends with a new job) is written down with the payments it was measured from.
    Every number is one of 'figures', which names its operation and what it was computed from; life-why shows it down
    to the files.

    With --llm a language model words the answer; a wording with a number that is not in the evidence is refused.
    """
    settings = _settings(run, **how)
    if words and text:
        raise UsageError("words and --text both give the question", hint="give one of them")
    if words:
        yield from _answer(run, [" ".join(words)], settings, currency, llm, model, item=None)
        return
    if text:
        for line in run.lines():
            if line.strip():
                with run.item():
                    yield from _answer(run, [line], settings, currency, llm, model, item=None)
        return
    for record in run.records():
        with run.item(record):
            if record.get("kind") in ("life.warning", "life.forecast"):
                yield record
            yield from _answer(run, [], settings, currency, llm, model, item=record)


def _answer(
    run: Run,
    questions: Sequence[str],
    settings: Settings,
    currency: str | None,
    llm: bool,
    model: str | None,
    *,
    item: Record | None,
) -> Iterator[Record]:
    from roadmap_cli.life.choosing import basis as bases
    from roadmap_cli.life.choosing import deciding, implied
    from roadmap_cli.life.choosing import words as reading

    with run.state.write() as tx:
        basis = bases.of(tx, run.now(), command=run.command)
        choice: Record | None
        if item is None:
            choice = reading.choice(questions[0], basis.known, currency)
        elif item.get("kind") in ("life.warning", "life.forecast"):
            choice = implied.choice(tx, item, basis)
        else:
            choice = {**item, "kind": "life.choice"}
        if choice is None:
            return
        prepared = deciding.prepare(tx, choice, basis, settings)
        comparison = deciding.compare(tx, prepared, basis, settings)
    if prepared.get("left_out"):
        run.warn(
            f"{len(prepared['left_out'])} numbers in the words are not understood, see left_out in the life.choice"
        )
    if llm:
        comparison = _worded(run, comparison, model)
    yield prepared
    yield comparison


def _worded(run: Run, record: Record, model: str | None) -> Record:
    """The comparison with a model's wording, if every number of it is one of the evidence."""
    from roadmap_cli.life.choosing import told
    from roadmap_cli.models.conversation.selection import open_chat
    from roadmap_cli.retrieval import fidelity

    facts = told.evidence(record)
    ask = "Say the following comparison in at most five plain sentences. Use only its numbers, unchanged.\n\n" + facts
    kinds = ("life.comparison",)
    with open_chat(model, environ=run.environ, ledger=run.ledger(), transport=run.transport, kinds=kinds) as chat:
        reply = chat.complete([{"role": "user", "content": ask}], max_tokens=300, purpose="word-comparison")
    strange = fidelity.foreign(reply.text, facts)
    if strange or not reply.text.strip():
        run.warn(f"the model's wording is refused: {len(strange)} numbers in it are not in the evidence")
        return {**record, "wording_refused": True}
    return {**record, "worded": reply.text.strip()}


def _settings(run: Run, months: int, rate: float, balance: str | None, working_hours: str) -> Settings:
    import re
    from decimal import Decimal

    from roadmap_cli.life.choosing.deciding import Settings

    given = None
    if balance is not None:
        found = re.fullmatch(r"(-?\d{1,12}(?:\.\d{1,2})?) ?([A-Za-z]{3})", balance.strip())
        if not found:
            raise UsageError(f"not an amount of money: {balance!r}", hint="write it as '5200 EUR'")
        given = (Decimal(found[1]), found[2].upper())
    return Settings(months, rate / 100, working_hours, given)
