"""life-values: say what matters to you, and hold plans against it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roadmap_cli.cli import Run, group
from roadmap_cli.cli.terminal import visible
from roadmap_cli.core.errors import DataError, InputMissing
from roadmap_cli.core.records import Record, content_id

if TYPE_CHECKING:
    from roadmap_cli.life.values.grammar import Rule

COLUMNS = ("version", "at", "form", "rule", "id")
FINDING = ("what", "text", "rules")


def draw(records: Sequence[Record], console: Any) -> None:
    """The order as a drawing, then the rules with the version that set them."""
    from rich.text import Text

    from roadmap_cli.life.values.order import Order

    values = [record for record in records if record.get("kind") == "life.value"]
    chains = [(str(r["id"]), str(r["rule"]).split(" > ")) for r in values if r.get("form") == "priority"]
    if chains:
        order = Order.of(chains)
        for name in order.areas():
            lower = ", ".join(sorted(order.above.get(name, ())))
            console.print(visible(f"  {name}" + (f"  > {lower}" if lower else "")), markup=False, highlight=False)
        console.print()
    for record in records:
        line = Text(f"{record.get('version', '')!s:>4}  ", style="dim")
        gone = record.get("kind") == "life.value_removed"
        line.append(visible(f"removed: {record.get('rule')}" if gone else str(record.get("rule"))), style="not dim")
        line.append(f"  {str(record.get('at', ''))[:10]}", style="dim")
        console.print(line)


def draw_conflicts(records: Sequence[Record], console: Any) -> None:
    """Each finding as a paragraph: what, and the rules it is about."""
    from rich.text import Text

    for record in records:
        head = Text(visible(f"{str(record.get('what', record.get('kind', ''))).replace('_', ' ')}: "), style="bold")
        head.append(visible(str(record.get("text", ""))), style="not bold")
        console.print(head)
        for rule in record.get("rules", []):
            console.print(visible(f"  {rule}"), style="dim", markup=False, highlight=False)


main = group(
    "Say what matters to you, and hold plans against it.",
    """Values are rules in words; each is set or removed by you alone, and every such act is a version.
    The recommendations of all life commands are held against them, and what conflicts is shown with the
    recommendation.

    family > work > hobbies: what outranks what. It is a partial order: what does not follow from it is left open.
    no meetings after 18:00; no meetings before 9:00 on Mondays; never work on 2026-12-24; never work on Sundays.
    keep Fridays free; keep Fridays free of meetings; keep 12:00-13:00 free on weekdays.
    at most 4 meetings a day; at most 10 h of meetings a week; at least 5 h of sport a week; sleep at least 7 h.
    save at least 300 EUR a month; spend at most 400 EUR a month; keep at least 2000 EUR.
    area work: calendar "Office", people @company.com, hours 09:00-17:00: how records are told to belong to an area;
    also category, payee, title and sport.

    Without such a rule, areas are told from categories, calendars and words of titles, in English and German.
    A rule about the same subject takes the place of the one before.""",
    module=__name__,
    default="list",
    examples={
        "Say what matters": "life-values add 'family > work' 'health > income' 'no meetings after 18:00' | jq -r .rule",
        "What holds now, and what held before?": "life-values list --at 2 --plain | cut -f 1,4",
        "Is anything booked against it?": "life-values check --days 28 | jq -r .text",
    },
    see=("life-decide", "life-watch", "life-why"),
)


@main.command(name="list", writes="life.value", state="read", columns=COLUMNS, picture=draw)
@click.option("--at", metavar="WHEN", help="As they were at a version, a day or a moment.")
def list_(run: Run, at: str | None) -> Iterable[Record]:
    """List the rules that hold, oldest first."""
    from roadmap_cli.life.values import keeping
    from roadmap_cli.state import records

    with run.state.read() as tx:
        found = [record for each in keeping.held(tx, at) if (record := records.get(tx, each.id)) is not None]
    yield from found


@main.command(
    reads="life.value", writes="life.value", state="write", streams=False, items=True, columns=COLUMNS, picture=draw
)
@click.argument("rules", nargs=-1, metavar="[RULE]...")
@click.option(
    "--file", "files", multiple=True, type=click.Path(dir_okay=False), metavar="FILE", help="Rules, one a line."
)
def add(run: Run, rules: tuple[str, ...], files: tuple[str, ...]) -> Iterable[Record]:
    """Set rules.

    Rules are arguments, lines of files, or life.value records on standard input if neither is given.
    In a file, what follows a # is left out.
    Nothing is set if a rule is wrong, or if priorities would go round in a circle; the circle is shown.
    """
    from roadmap_cli.life.values import keeping

    parsed = list(_rules(run, rules, files))
    if not parsed:
        return
    with run.state.write() as tx:
        given = keeping.add(tx, parsed, run.now(), command=run.command)
        told = list(_findings(run, tx))
    yield from given
    if told:
        run.warn(f"{len(told)} things to say about the rules together; life-values check tells them")
    held = len(parsed) - len(given)
    run.note(f"{len(given)} rule{'s' if len(given) != 1 else ''} set{f', {held} held already' if held else ''}")


def _rules(run: Run, rules: Sequence[str], files: Sequence[str]) -> Iterator[Rule]:
    from roadmap_cli.life.values import grammar

    for rule in rules:
        yield grammar.parse(rule)
    for name in files:
        try:
            text = Path(name).read_text(encoding="utf-8")
        except OSError as error:
            raise InputMissing(f"cannot read: {(error.strerror or str(error)).lower()}", where=name) from None
        except UnicodeDecodeError:
            raise DataError("not UTF-8", where=name, code="bad_text") from None
        for number, line in grammar.lines(text, name):
            with run.item():
                yield grammar.parse(line, f"{name}:{number}")
    if not rules and not files:
        for record in run.records():
            with run.item(record):
                yield grammar.parse(str(record.get("rule", "")))


@main.command(writes="life.value_removed", state="write", columns=("version", "at", "rule", "value_id"))
@click.argument("rules", nargs=-1, required=True, metavar="RULE...")
def remove(run: Run, rules: tuple[str, ...]) -> Iterable[Record]:
    """Remove rules, named by their words or ids. They stay in the history."""
    from roadmap_cli.life.values import keeping

    with run.state.write() as tx:
        given = [keeping.remove(tx, rule, run.now(), command=run.command) for rule in rules]
    yield from given


@main.command(
    writes=("life.value", "life.value_removed"),
    state="read",
    columns=("version", "at", "kind", "rule", "id"),
    picture=draw,
)
def history(run: Run) -> Iterable[Record]:
    """Tell every act, oldest first: what was set and removed when."""
    from roadmap_cli.life.values import keeping

    with run.state.read() as tx:
        found = keeping.history(tx)
    yield from found


@main.command(writes=("life.value", "life.value_removed"), state="read", columns=COLUMNS, picture=draw)
@click.argument("values", nargs=-1, required=True, metavar="RULE...")
def show(run: Run, values: tuple[str, ...]) -> Iterable[Record]:
    """Show all versions of rules, named by their words, their subject's words, an area or an id.

    The exit code is 1 if nothing is found.
    """
    from roadmap_cli.life.values import keeping

    with run.state.read() as tx:
        every = keeping.history(tx)
    for wanted in values:
        plain = " ".join(wanted.lower().split())
        found = [r for r in every if wanted in (r["id"], r.get("value_id")) or plain in str(r.get("rule", "")).lower()]
        if not found:
            run.warn(f"no rule was ever set: {wanted!r}")
            run.exit_code = 1
        yield from found


@main.command(
    reads="*", writes="life.value_finding", state="read", columns=FINDING, picture=draw_conflicts, streams=False
)
@click.option(
    "--days", type=click.IntRange(0, 3650), default=28, show_default=True, help="Days ahead that are looked at."
)
def check(run: Run, days: int) -> Iterable[Record]:
    """Tell where values contradict each other, and what is so, planned or booked against them.

    Records on standard input that plan something (an event, or a recommendation with a field 'change') come back
    with the field 'conflicts'; all others pass through.
    If standard input is empty, or a terminal, the rules themselves, how things were lately (sleep, money, hours a
    week) and the booked days ahead are looked at.
    The exit code is 1 if there is a contradiction or a conflict.
    """
    from datetime import timedelta

    from roadmap_cli.life.values import checking, present

    came = False
    for record in () if run.is_typed else run.records():
        came = True
        with run.item(record), run.state.read() as tx:
            if record.get("kind") == "life.event" or isinstance(record.get("change"), dict):
                alignment = checking.check(tx, record, now=run.now())
                run.exit_code = 1 if alignment.conflicts else run.exit_code
                record = {**record, **alignment.fields()}
        yield record
    if came:
        return
    with run.state.read() as tx:
        found = list(_findings(run, tx))
        ahead = checking.booked(tx, run.now(), run.now() + timedelta(days=days))
        now = present.alignment(tx, run.now())
    for what, alignment in (("present", now), ("booked", ahead)):
        for each in alignment.conflicts:
            text = f"{each['rule']}: {each['text']}"
            found.append(_finding(run, what, text, [each["value_id"]], [each["rule"]], each["evidence_ids"]))
    yield from found
    if not found:
        run.note("nothing contradicts, or goes against, what matters to you")
    if any(record["what"] in ("contradiction", "present", "booked") for record in found):
        run.exit_code = 1


def _findings(run: Run, tx: Any) -> Iterator[Record]:
    from roadmap_cli.life.values import consistency, keeping

    for found in consistency.findings(keeping.held(tx)):
        ids = [each.id for each in found.values]
        yield _finding(run, found.what, found.text, ids, [each.rule.words for each in found.values], [])


def _finding(run: Run, what: str, text: str, values: list[str], rules: list[str], evidence: list[str]) -> Record:
    return {
        "kind": "life.value_finding",
        "id": content_id("life.value_finding", what=what, text=text, values=values),
        "at": run.stamp(),
        "what": what,
        "text": text,
        "rules": rules,
        "value_ids": values,
        "evidence_ids": evidence,
    }
