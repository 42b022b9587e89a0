"""life-recall: find what is stored that answers a question."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.cli.ranges import FiniteRange
from roadmap_cli.core.errors import UsageError
from roadmap_cli.core.records import Record

#: What to type where there is no question.
HINT = "say what to look for: life-recall 'where is the spare key?'"
#: Hits without --limit, at most.
MOST = 10


def draw(records: Sequence[Record], console: Any) -> None:
    """Each question with its hits: a bar for how good each is, when, what it says, and dimmed why it was found."""
    from rich.text import Text

    from roadmap_cli.cli.render import one_line

    asked = None
    scores = [float(record["score"]) for record in records if isinstance(record.get("score"), (int, float))]
    least, most = (min(scores), max(scores)) if scores else (0.0, 0.0)
    for record in records:
        if record.get("kind") == "life.sum":
            if record.get("question") != asked:
                asked = record.get("question")
                console.print(Text(one_line(asked), "bold"))
            console.print(Text.assemble("  = ", (one_line(record.get("text")), "bold")))
            continue
        if record.get("kind") != "life.memory_hit":
            console.print(one_line(record), soft_wrap=True)
            continue
        if record.get("question") != asked:
            asked = record.get("question")
            console.print(Text(one_line(asked), "bold"))
        by_score = most > least and "turn" not in record
        filled = round(4 * (float(record["score"]) - least) / (most - least)) if by_score else 4
        line = Text.assemble(
            (f"{record.get('rank', ''):>3} ", "dim"), f"{'█' * filled:·<4} ", one_line(record.get("text"))
        )
        line.truncate(console.width, overflow="ellipsis")
        console.print(line)
        why = Text(f"         {one_line(record.get('why'))}", "dim")
        why.truncate(console.width, overflow="ellipsis")
        console.print(why)


@command(
    reads=("life.question",),
    writes=("life.memory_hit", "life.sum"),
    state="write",
    columns=("rank", "score", "at", "record_kind", "text", "why", "record_id"),
    examples={
        "Find what answers a question": "life-recall --limit 2 'Where does the spare key lie?' --plain | cut -f 1,5",
        "Look in a stretch of time": "life-recall --since 2026-11-01 --limit 1 'how is the cat?' | jq -r .text",
        "Follow a hit to its record": (
            "life-why $(life-recall --limit 1 walnuts | jq -r .record_id) --json | jq -r '.where // empty'"
        ),
        "Add up what was paid": (
            "life-recall 'how much did I spend on the taxi in November?' | jq -r 'select(.amount) | .text'"
        ),
    },
    see=("life-ingest", "life-consolidate", "life-why", "roadmap-why"),
    picture=draw,
)
@click.argument("questions", metavar="[QUESTION]...", nargs=-1)
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=MOST,
    show_default=True,
    metavar="COUNT",
    callback=lambda context, option, value: _said(context, option, value),
    help="Most hits; without it fewer, where the rest bears much less on the question.",
)
@click.option("--since", metavar="TIME", help="Only what happened at this date or time, or after it.")
@click.option("--until", metavar="TIME", help="Only what happened before this date or time.")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="A kind of record to look in; else every kind.")
@click.option(
    "--from",
    "place",
    type=click.Choice(["records", "memory", "all"]),
    default="records",
    show_default=True,
    help="What was stored, what life-consolidate made of it, or both.",
)
@click.option(
    "--index-seconds",
    type=FiniteRange(0),
    default=20.0,
    show_default=True,
    help="Most time for taking in what is new; 0 is no limit.",
)
@click.option("--model", metavar="NAME", help="Name of the model; else the default one.")
def main(
    run: Run,
    questions: tuple[str, ...],
    limit: int | None,
    since: str | None,
    until: str | None,
    kinds: tuple[str, ...],
    place: str,
    index_seconds: float,
    model: str | None,
) -> Iterable[Record]:
    """Find what is stored that answers a question.

    Each QUESTION, or each life.question on standard input, gets its own hits, best first: messages, events,
    transactions, activities, contacts, visits, notes, and the value of a metric on a day.
    What bears on a question: its words, and words beside them in the same thread or day (BM25 of stems), likeness in
    meaning of the whole and of single words (an embedding model on this machine), who is named, what times are named
    ("last spring", "before October", "from March to May", "on Friday"; soft evidence, --since and --until are hard
    limits: what happened is of the days it lasted, what was said a few days later may tell of them), and, where these
    leave it open, how present and how important a thing is.
    Each hit tells why it was found, and names its record: life-why(1) with the record_id tells what it is and which
    line of which file it came from.
    Everyday words for one thing ("vacation", "holiday") are one word here, and a question that looks back ("what did I
    do in November?") is not answered by what is still to come.
    A question for the next or the last time of something ("when is choir next?", "when was I last at the dentist?") is
    answered by time: the nearest that is still to come first, or the latest.
    Where the scores fall away clearly, the list ends; --limit asks for so many all the same.

    A question about one's own money ("how much did I spend on Lieferando in November?", "what did I pay for food
    delivery?") is about the payments to whom it names, or to that kind of payee, or of a category as life-watch(1)
    files them: what they come to is said first, in a life.sum for each currency that names every payment it adds; of a
    month without a year, the last one.
    Where nothing was paid in the time it names, that is what is said.

    What is new since the last time is taken in first, for at most --index-seconds; if something is left, a note says
    so, and the next run or life-consolidate(1) goes on.
    Until then what holds a word of the question is still found by its words.
    A dry run takes nothing in.
    What is shown stays present longer.
    A fact that a newer one ended says until when it was true.
    With --from memory the sentences and facts of life-consolidate(1) are searched instead, each with its sources.

    Nothing found: the exit code is 1.
    """
    from roadmap_cli.core.clock import date_or_time, stamp
    from roadmap_cli.life.recall.answering import Wanted
    from roadmap_cli.life.recall.session import opened

    if not questions and run.is_typed:
        run.note(HINT)
    memory = {"records": False, "memory": True, "all": None}[place]
    _understood(questions, kinds, place)
    first_at, last_at = (stamp(date_or_time(each)) if each is not None else None for each in (since, until))
    wanted = Wanted(limit or MOST, kinds, first_at, last_at, memory, cut=limit is None)
    asked = ({"question": text} for text in questions) if questions else run.records()
    first = next(iter(asked), None)
    if first is None:
        return
    ledger = run.ledger(run.new_id("life.run"))
    found_any = False
    with opened(run.state, environ=run.environ, ledger=ledger, warn=run.warn, now=run.now, model=model) as recall:
        left = recall.take_in(index_seconds, run.progress)
        if left.records or left.vectors:
            run.note(_left(left.records, left.vectors))
        for record in _all(first, asked):
            with run.item(record if not questions else None):
                hits, numbers = recall.ask(record.get("question"), wanted)
                found_any = found_any or bool(hits)
                for hit in hits:
                    yield hit | ({"from_id": record["id"]} if "id" in record else {})
                run.deliver()
                recall.shown(numbers)
    if not found_any:
        run.note("nothing found")
        run.exit_code = 1


def _said(context: click.Context, option: click.Parameter, value: int) -> int | None:
    """How many hits were asked for; None if nobody has said so."""
    from click.core import ParameterSource

    is_default = context.get_parameter_source(str(option.name)) is ParameterSource.DEFAULT
    return None if is_default else value


def _understood(questions: Sequence[str], kinds: Sequence[str], place: str) -> None:
    """Refuse what cannot have an answer."""
    from roadmap_cli.life.recall import indexing

    if any(not text.strip() for text in questions):
        raise UsageError("the question is empty", hint=HINT)
    known = sorted([*indexing.KINDS, indexing.MEASUREMENT])
    for kind in kinds:
        if kind not in known:
            raise UsageError(f"not a kind of record that is found: {kind!r}", hint=f"one of {', '.join(known)}")
        if place != "all" and (kind in indexing.MEMORIES) != (place == "memory"):
            other = "memory" if kind in indexing.MEMORIES else "records"
            raise UsageError(f"no {kind} is looked for in the {place}", hint=f"add --from {other}, or --from all")


def _all(first: Record, rest: Iterable[Record]) -> Iterator[Record]:
    yield first
    yield from rest


def _left(records: int, vectors: int) -> str:
    parts = [f"{records:,} records are not taken in yet"] if records else []
    parts += [f"{vectors:,} are found by their words only"] if vectors else []
    return f"{' and '.join(parts)}; life-consolidate does the rest"
