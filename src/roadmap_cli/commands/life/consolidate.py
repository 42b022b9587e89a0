"""life-consolidate: make days that are over into long-term memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.cli.ranges import FiniteRange
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.life.consolidate.worded import Worder


def draw(records: Sequence[Record], console: Any) -> None:
    """Each day with its lines; facts with an arrow from whom to what."""
    from rich.text import Text

    from roadmap_cli.cli.render import one_line

    day = None
    for record in records:
        if str(record.get("at", ""))[:10] != day:
            day = str(record.get("at", ""))[:10]
            console.print(Text(day, "bold"))
        if record.get("kind") == "life.fact":
            relation = one_line(record.get("relation")).replace("_", " ")
            line = f"  {one_line(record.get('subject'))} ─{relation}→ {one_line(record.get('object'))}"
        else:
            line = f"  {one_line(record.get('worded') or record.get('text'))}  [{len(record.get('sources', []))}]"
        console.print(Text(line), soft_wrap=True)


@command(
    writes=("life.memory", "life.fact"),
    state="write",
    columns=("at", "kind", "text", "id"),
    examples={
        "Remember the days that are over": "life-consolidate | jq -r .kind | sort | uniq -c",
        "Do it every night from cron": "echo '30 3 * * * life-consolidate --quiet >/dev/null'",
        "Search what is remembered": "life-recall --from memory --limit 1 'who is allergic?' | jq -r .text",
    },
    see=("life-ingest", "life-recall", "roadmap-why"),
    picture=draw,
)
@click.option("--share", type=FiniteRange(0.01, 1), default=0.1, show_default=True, help="Words kept of each word.")
@click.option(
    "--index-seconds",
    type=FiniteRange(0),
    default=0.0,
    show_default=True,
    help="Most time for taking in what is new; 0 is no limit.",
)
@click.option("--model", metavar="NAME", help="Name of the model; else the default one.")
@click.option(
    "--llm",
    metavar="MODEL",
    help="Let a language model word the lines: a name of slm-models(1), a GGUF file, an endpoint, or 'default'.",
)
def main(run: Run, share: float, index_seconds: float, model: str | None, llm: str | None) -> Iterable[Record]:
    """Make days that are over into long-term memory.

    Each thread's day, and the rest of each day, becomes a few lines in about --share of its words, at least a dozen.
    The words are those of the records, and what is denied or only possible keeps its 'not' or 'might'.
    A line names its sources, and nothing is worded anew.
    With --llm a language model words each new line as a sentence, in the field worded.
    The field text stays the line of the rules, which life-recall(1) searches.
    A sentence that adds or loses a number, a name, a date or time, a negation or a doubt, or has a word of its own, is
    refused; -v says how many and why.
    Facts that people tell of themselves (where they live and work, what they like, who is who, plans) are taken by
    rules, each with the time from which it is true; a newer fact that contradicts an older one ends it.
    Each day is a decision that roadmap-why(1) follows to its records.

    The same day again gives nothing new; a day to which something was added later is made anew.
    Days are those of the records in UTC, of events and transactions those they name.
    It can be stopped at any time and goes on where it was.
    It also takes in what life-recall(1) has not taken in yet, for at most --index-seconds.

    A dry run shows what a run would make, and keeps nothing of it.

    Nothing is ever deleted, and nothing that life-recall found is read again as something that happened.
    """
    from roadmap_cli.life.consolidate import nightly
    from roadmap_cli.life.consolidate.rarity import of_words
    from roadmap_cli.life.recall import indexing
    from roadmap_cli.life.recall.session import opened

    ledger = run.ledger(run.new_id("life.run"))
    made, ended = 0, 0
    with ExitStack() as held:
        recall = held.enter_context(
            opened(run.state, environ=run.environ, ledger=ledger, warn=run.warn, now=run.now, model=model)
        )
        if not run.dry_run:
            recall.take_in(index_seconds, run.progress)
        spans, of_stems = nightly.plan(run.state, run.now().date().isoformat(), stop=indexing.deadline(index_seconds))
        rarity = of_words(of_stems, recall.terms) if of_stems else None
        worder = held.enter_context(_worder(run, llm)) if llm and spans else None
        with run.progress("consolidating", len(spans)) as bar:
            for span in spans:
                done = nightly.consolidate(
                    run.state, span, rarity=rarity, embedder=recall.embedder, share=share, now=run.now(),
                    command=run.command, worder=worder,
                )  # fmt: skip
                bar.advance(1)
                made, ended = made + len(done.new), ended + done.ended
                yield from done.new
        if made and not run.dry_run:
            recall.take_in(index_seconds, run.progress)
    if spans:
        days = f"{len(spans)} day{'s' if len(spans) != 1 else ''} consolidated"
        run.note(f"{days}: {made} new memories and facts, {ended} older facts ended")
    else:
        run.note("no day that is over has anything new; what is to be remembered comes in by life-ingest")


@contextmanager
def _worder(run: Run, llm: str) -> Iterator[Worder]:
    """A language model that words lines; at the end it says what came of that."""
    from roadmap_cli.life.consolidate.nightly import KINDS
    from roadmap_cli.life.consolidate.worded import Worder
    from roadmap_cli.models.conversation.selection import open_chat
    from roadmap_cli.retrieval import fidelity

    name = None if llm == "default" else llm
    with open_chat(name, environ=run.environ, ledger=run.ledger(), transport=run.transport, kinds=KINDS) as chat:
        worder = Worder(chat)
        yield worder
    if worder.failed:
        run.warn(f"the language model failed ({worder.failed}): the lines are those of the rules")
    if worder.asked:
        run.detail(f"{worder.asked} lines were given to the language model")
    if worder.refused:
        run.detail(f"{len(worder.refused)} of its sentences are refused: {fidelity.counted(worder.refused)}")
