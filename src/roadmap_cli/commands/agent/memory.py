"""agent-memory: what the agent has learned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from roadmap_cli.cli import Run, group
from roadmap_cli.cli.terminal import counted
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.agent.memory.lessons import Lesson

COLUMNS = ("id", "sort", "confirmed_count", "refuted_count", "weight_ratio", "title")
FOUND = ("id", "sort", "level", "score", "title")
BATCH = 500
#: Characters of an id in a table: enough to tell some thousands apart.
SHORT_ID = 14


def _picture(records: Sequence[Record], console: Any) -> None:
    """For people: each lesson with how it has fared, then what it teaches; hypotheses with how they turned out."""
    for record in records:
        if record["kind"] == "agent.hypothesis":
            console.print(f"{record['status']}: ", style="bold", end="")
            console.print(record["statement"], markup=False, highlight=False)
            continue
        console.print(record["title"], style="bold", markup=False, highlight=False)
        fared = f"helped {record['confirmed_count']}, in vain {record['refuted_count']}"
        marks = [record["sort"], fared, f"weight {record['weight_ratio']:.2f}"]
        marks += ["imported"] if record["origin"] != "here" else []
        marks += ["superseded"] if "superseded_by_id" in record else []
        console.print(f"  {record['id']}  {', '.join(marks)}", style="dim", markup=False, highlight=False)
        if "why" in record:
            console.print(f"  {record['why']}", markup=False, highlight=False)
        for line in record["text"].splitlines():
            console.print(f"  {line}", markup=False, highlight=False)
        console.print()


def _listed(records: Sequence[Record], console: Any) -> None:
    """For people: a line for each lesson, what it is about first; ids are cut short, which show and forget take."""
    from rich.table import Table
    from rich.text import Text

    from roadmap_cli.cli.terminal import visible

    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False, expand=True)
    table.add_column("title", overflow="ellipsis", no_wrap=True, ratio=1)
    for name in ("sort", "helped", "id"):
        table.add_column(name, no_wrap=True)
    for record in records:
        tried = record["confirmed_count"] + record["refuted_count"]
        helped = f"{record['confirmed_count']} of {tried}" if tried else ""
        table.add_row(Text(visible(record["title"])), record["sort"], helped, record["id"][:SHORT_ID])
    console.print(table)


main = group(
    "Look into what the agent has learned, and forget it.",
    """Lessons come from agent-loop(1): repairs that made all tests pass (fix), failures not mended yet and what was
    tried in vain (failure), what kind of edit helps against what kind of error (pattern), and functions that pass
    their tests (skill).
    A lesson weighs less with age and with each time it was tried in vain, and a better one for the same failure
    supersedes it.
    Nothing is deleted but by forget.
    Lessons hold lines of the code they were learned from, in the encrypted state and in what export writes.""",
    module=__name__,
    examples={
        "Take over lessons from another machine": (
            "agent-memory import -i examples/agent/lessons.jsonl --plain | cut -f 2-4"
        ),
        "Look for what is known about an error": (
            "agent-memory search 'parse error in an expression' --plain | cut -f 2,5"
        ),
    },
    see=("agent-loop", "roadmap-why"),
)
_SORT = click.option(
    "--sort", type=click.Choice(["fix", "failure", "pattern", "skill"]), help="Only lessons of this sort."
)


@main.command(name="list", writes="agent.lesson", state="read", columns=COLUMNS, picture=_listed)
@_SORT
@click.option("--error", metavar="CLASS", help="Only lessons about errors of this class: IndexError.")
@click.option("--superseded", "every", is_flag=True, help="Superseded ones, too.")
@click.option("--limit", type=click.IntRange(1), metavar="COUNT", help="Only the newest ones.")
def list_(run: Run, sort: str | None, error: str | None, every: bool, limit: int | None) -> Iterable[Record]:
    """List the lessons, the one last used first."""
    from roadmap_cli.agent.memory import lessons

    with run.state.read() as tx:
        found = lessons.every(tx, sort=sort, error=error, superseded=every, limit=limit)
    yield from (lessons.described(lesson, run.now()) for lesson in found)


@main.command(writes="agent.lesson", state="write", columns=FOUND, picture=_picture)
@click.argument("query", nargs=-1, required=True, metavar="WORD...")
@_SORT
@click.option("--best", type=click.IntRange(1), default=10, show_default=True, help="At most so many.")
@click.option("--no-meaning", is_flag=True, help="By signature and words only; no model is loaded.")
def search(run: Run, query: tuple[str, ...], sort: str | None, best: int, no_meaning: bool) -> Iterable[Record]:
    """Search the lessons by error signature, by words and by meaning.

    A WORD may be an error signature, as agent.fix records name them.
    Meaning needs the embedding model of slm-models(1); without it a warning says that it was left out.
    Vectors are made for lessons that have none yet, and kept in the state.

    The exit code is 1 if nothing is found.
    """
    from roadmap_cli.agent.memory import lessons, recalling
    from roadmap_cli.core.errors import Exit

    text = " ".join(query)
    if no_meaning:
        with run.state.read() as tx:
            found = recalling.recall(tx, _named(query), text, limit=best, at=run.now(), sort=sort)
    else:
        found = recalling.consult(
            run.state, _named(query), text, environ=run.environ, ledger=run.ledger(), at=run.now(), say=run.warn,
            limit=best, sort=sort,
        )  # fmt: skip
    run.exit_code = 0 if found else Exit.NEGATIVE
    yield from (lessons.described(lesson, run.now()) for lesson in found)


def _named(words: Sequence[str]) -> list[Any]:
    """Words that are signatures, as such."""
    import re

    from roadmap_cli.agent.testing.signature import Signature

    return [Signature(word, word, "", "") for word in words if re.fullmatch(r"[0-9a-f]{32}", word)]


@main.command(writes=("agent.lesson", "agent.hypothesis"), state="read", columns=COLUMNS, picture=_picture)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
def show(run: Run, ids: tuple[str, ...]) -> Iterable[Record]:
    """Show lessons in full, with the hypotheses of the run they were learned in.

    ID may be cut short as long as only one lesson begins with it.
    """
    from roadmap_cli.agent.memory import lessons, sharing
    from roadmap_cli.agent.reflection import outcome

    for lesson in _chosen(run, ids):
        with run.state.read() as tx:
            record = {**lessons.described(lesson, run.now()), **sharing.details(tx, lesson)}
            supposed = outcome.of_run(tx, lesson.run_id) if lesson.run_id else []
        yield record
        yield from supposed


@main.command(writes="agent.lesson", state="write", columns=COLUMNS, picture=_listed)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
def forget(run: Run, ids: tuple[str, ...]) -> Iterable[Record]:
    """Delete lessons for good.

    With a lesson go its words, vector and signatures, the repair for replay, the hypotheses of its run, the stored
    records and decisions that hold its diff, and the journals of the runs.
    A function or pattern goes with the last fix that it was learned from; one that rests on others, too, is lowered.
    Backups of the state and what was exported are beyond its reach.
    ID may be cut short as long as only one lesson begins with it.
    """
    from roadmap_cli.agent.memory import lessons

    for lesson in _chosen(run, ids):
        with run.state.write() as tx:
            lessons.forget(tx, lesson)
        yield lessons.described(lesson, run.now()) | {"is_forgotten": True}
    said = "would be forgotten" if run.dry_run else "forgotten"
    run.note(f"{counted(len(ids), 'lesson')} {said}; backups and exports are not touched")


def _chosen(run: Run, ids: Sequence[str]) -> list[Lesson]:
    """Lessons by their ids or what these begin with, all of them or none."""
    from roadmap_cli.agent.memory import lessons
    from roadmap_cli.core.errors import DataError

    found: list[Lesson] = []
    with run.state.read() as tx:
        for name in dict.fromkeys(ids):
            like = lessons.beginning(tx, name)
            if not like:
                raise DataError(f"no lesson {name!r}", hint="agent-memory list", code="no_lesson")
            if len(like) > 1:
                raise DataError(f"more than one lesson begins with {name!r}", hint="agent-memory list | jq -r .id",
                                code="ambiguous_lesson")  # fmt: skip
            found += [lesson for lesson in like if lesson not in found]
    return found


@main.command(writes="agent.lesson", state="read", columns=COLUMNS)
@click.argument("ids", nargs=-1, metavar="[ID...]")
@_SORT
def export(run: Run, ids: tuple[str, ...], sort: str | None) -> Iterable[Record]:
    """Write lessons for another machine, in full; without an ID all that are not superseded.

    They hold lines of the code they were learned from.
    """
    from roadmap_cli.agent.memory import lessons, sharing

    with run.state.read() as tx:
        wanted = [lesson.id for lesson in lessons.every(tx, sort=sort)] if not ids else list(ids)
    for start in range(0, len(wanted), BATCH):
        chosen = _chosen(run, wanted[start : start + BATCH])
        with run.state.read() as tx:
            records = [sharing.exported(tx, lesson, run.now()) for lesson in chosen]
        yield from records


@main.command(name="import", reads="agent.lesson", writes="agent.lesson", state="write", columns=COLUMNS)
def import_(run: Run) -> Iterator[Record]:
    """Take over lessons that agent-memory export has written.

    An imported lesson is marked as one, weighs half, and counts as not confirmed until it has helped here.
    A lesson that is here already is left as it is.
    """
    from roadmap_cli.agent.memory import lessons, sharing

    new = total = 0
    for batch in run.batches(BATCH):
        checked: list[tuple[Lesson, sharing.Names]] = []
        for record in batch:
            with run.item(record):
                checked.append(sharing.checked(record, at=run.stamp()))
        with run.state.write() as tx:
            taken = [sharing.take(tx, lesson, names) for lesson, names in checked]
        new, total = new + sum(is_new for _, is_new in taken), total + len(taken)
        yield from (lessons.described(lesson, run.now()) for lesson, _ in taken)
    run.note(f"{counted(new, 'lesson')} {'would be ' if run.dry_run else ''}imported, {total - new} here already")
