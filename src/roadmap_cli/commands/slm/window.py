"""slm-window: choose what of a long conversation a model sees."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    pass


def draw(records: Sequence[Record], console: Any) -> None:
    """The window as it is read: who says what, under it where it stands and why; the figures below a line."""
    from rich.text import Text

    from roadmap_cli.cli.render import one_line

    for record in records:
        if record.get("kind") == "slm.message":
            speaker = one_line(record.get("name") or record.get("role"))
            said = Text.assemble((f"{speaker}: ", "bold"), one_line(record.get("content")))
            said.truncate(console.width, overflow="ellipsis")
            place = str(record.get("place", ""))
            why = f", {record['why']}" if record.get("why") not in (place, None) else ""
            console.print(said, style="dim" if place == "archived" else "")
            console.print(Text(f"    {place}{why}", "dim"), soft_wrap=True)
        elif record.get("kind") == "slm.prompt":
            for message in record.get("messages", []):
                said = Text.assemble((f"{one_line(message.get('role'))}: ", "bold"), one_line(message.get("content")))
                console.print(said, soft_wrap=True)
        elif record.get("kind") == "slm.window":
            console.rule(one_line(record.get("why")), style="dim")
        else:
            console.print(one_line(record), soft_wrap=True)


@command(
    reads=("slm.message", "slm.prompt"),
    writes=("slm.message", "slm.window", "slm.prompt"),
    foreign=True,
    streams=False,
    state="write",
    columns=("place", "role", "score", "why", "content"),
    examples={
        "Fit a chat of days into 120 words": (
            "slm-window --budget 120 -i examples/chat.jsonl --query 'Where is the car?' --plain | cut -f 1,2,4,5"
        ),
        "Answer with what is relevant of it": (
            "slm-window --budget 120 -i examples/chat.jsonl --prompt | slm-run --max-tokens 8 | jq -r .finish"
        ),
    },
    see=("slm-chat", "slm-run", "slm-embed"),
    picture=draw,
)
@click.option("--budget", type=click.IntRange(1), default=1500, show_default=True, help="Size of the window.")
@click.option(
    "--unit", type=click.Choice(["words", "tokens"]), default="words", show_default=True, help="What is counted."
)
@click.option("--query", metavar="TEXT", help="The question; else the last message of the user.")
@click.option(
    "--recent", type=click.IntRange(0), default=4, show_default=True, help="Last messages that stay in any case."
)
@click.option(
    "--chat", metavar="NAME", help="Put the messages into this conversation of the state and window all of it."
)
@click.option("--prompt", is_flag=True, help="Write one slm.prompt, ready for slm-run.")
@click.option("--archived", is_flag=True, help="Write what is left out, too, behind the window.")
@click.option("--model", metavar="NAME", help="Name of the model; else the default one.")
def main(run: Run, **options: Any) -> Iterable[Record]:
    """Choose what of a long conversation a model sees.

    Messages are lines with role and content, and if you have them name, at, session and pinned; together they are one
    conversation.
    A line with messages, such as slm-run takes, is a conversation of its own and comes back as such.

    System and pinned messages stay, and so do the last ones.
    Of the rest stays what bears most on the question for its size: shared words (BM25), closeness in meaning, what
    stands beside it, the time and the speaker the question names.
    Long messages are cut into pieces where their text is.
    The order is: system, pinned, brought back, recent, question.
    Each message says its place and why; the last record tells the size.

    With --chat all of it is kept, encrypted: what leaves the window is in the archive of slm-chat(1), comes back when
    it bears on a question, and each move is a decision for roadmap-why(1).
    Feeding the same ids again adds nothing; with --query there need not be a message at all.
    Without it nothing but vectors of the texts is kept, so that they need not be computed again.

    Tokens are counted by the tokenizer of --model; for an endpoint they are estimated at 3.6 bytes each.
    Without the embedding model only words count.
    """
    from roadmap_cli.slm.window import filtering

    settings = filtering.Settings(**options)
    ledger = run.ledger(run.new_id("slm.run"))
    with filtering.opened(run.state, settings, run.environ, ledger, run.warn, run.progress) as window:
        said: list[Record] = []
        for record in run.records():
            with run.item(record):
                if "messages" in record or "body" in record:
                    yield window.prompt(record, run.stamp())
                elif "prompt" in record:
                    yield record
                else:
                    said.append(filtering.checked(record))
        if said or (settings.chat and settings.query):
            with run.item(said[-1] if said else None):
                yield from _conversation(run, window, said)


def _conversation(run: Run, window: Any, said: list[Record]) -> Iterator[Record]:
    yield from window.conversation(said, run.stamp(), run.new_id("slm.window"), dry_run=run.dry_run)
