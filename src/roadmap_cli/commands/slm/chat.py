"""slm-chat: talk with a model, and look after conversations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from roadmap_cli.cli import Run, group, reply_options
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.models.conversation.chat import Chat
    from roadmap_cli.slm.chat.talk import Talk

COLUMNS = ("name", "messages_count", "at", "model")
MESSAGE = ("at", "role", "content")
_NAME = click.argument("name", metavar="NAME")

main = group(
    "Talk with a model in the terminal.",
    """Without an action it is slm-chat talk: type, and the model answers; /help tells what else there is.
    Conversations are kept in the encrypted state, under a name.
    The model sees of a long one what slm-window(1) chooses for each question; the rest is not lost: it is archived,
    comes back when it is asked for, and can be searched.""",
    module=__name__,
    default="talk",
    examples={
        "Ask from a script, one question a line": (
            "printf 'Say hello.\\nSay goodbye.\\n' | slm-chat --new demo --max-tokens 4 | jq -r .role"
        ),
        "See the conversations": "slm-chat list --plain | cut -f 1,2",
        "Look for something that was said": "slm-chat search goodbye | jq -r .content",
    },
    see=("slm-window", "slm-run", "roadmap-why"),
)


@main.command(
    writes="slm.message", state="write", effects=("files", "network"), items=True, columns=("content",)
)  # fmt: skip
@click.option(
    "--new", "fresh", metavar="NAME", help="Begin a conversation of this name; by default one named by the time."
)
@click.option("--resume", metavar="NAME", help="Go on with this conversation; 'last' is the one last spoken in.")
@reply_options(max_tokens=512)
def talk(run: Run, fresh: str | None, resume: str | None, system: str | None, **options: Any) -> Iterable[Record]:
    """Talk with a model.

    On a terminal replies appear as they are made.
    Ctrl-C stops a reply and keeps what came of it; Ctrl-D ends.
    A line that ends with a backslash goes on in the next one; three quotes open and close a text of many lines.
    What leaves the window or comes back is said in a quiet line, and /why tells why.

    When input is not a terminal each line is a message, and each reply a record; with --plain a line of text.

    With --dry-run nothing is kept: the conversation lives in memory and is gone afterwards.
    """
    import os

    if fresh is not None and resume is not None:
        raise click.UsageError("--new and --resume exclude each other")
    if os.isatty(run.stdin) and os.isatty(1) and run.choices.dress != "json":
        _on_a_terminal(run, fresh, resume, system, options)
        return
    lines = (line for line in run.lines() if line.strip())
    first = next(lines, None)
    if first is None:
        return
    from itertools import chain

    from roadmap_cli.slm.chat import orders

    with _opened(run, fresh, resume, system, options) as talking:
        for line in chain([first], lines):
            if line.split()[0] in orders.NAMES:
                run.warn(f"{line.split()[0]} is an order on a terminal only: here the model is told it")
            with run.item():
                yield talking.answer(line)


def _on_a_terminal(run: Run, fresh: str | None, resume: str | None, system: str | None, options: Any) -> None:
    from roadmap_cli.cli.dialogue import Dialogue
    from roadmap_cli.slm.chat import orders, turns

    with (
        _opened(run, fresh, resume, system, options) as talking,
        Dialogue(run.environ, run.choices.color, orders.NAMES) as person,
    ):
        turns.converse(talking, person, run.words.error)


@contextmanager
def _opened(
    run: Run, fresh: str | None, resume: str | None, system: str | None, options: dict[str, Any]
) -> Iterator[Talk]:
    """The conversation, with its model and what counts and embeds for it."""
    from contextlib import ExitStack

    from roadmap_cli.models.conversation.selection import open_chat
    from roadmap_cli.slm.chat import opening
    from roadmap_cli.slm.chat.talk import Manner, Talk
    from roadmap_cli.slm.window import filtering

    model = options.pop("model")
    with ExitStack() as held:
        if run.dry_run:
            place, chat = held.enter_context(opening.private(run.state, fresh, resume, run.clock, run.keys))
        else:
            place, chat = run.state, opening.opened(run.state, fresh, resume, run.now())
        ledger = None if run.dry_run else run.ledger(chat.id)
        embed = filtering.vectors(place, run.environ, ledger, run.now(), run.warn, run.progress)
        if embed is not None:
            held.callback(embed.close)

        def open_model(name: str | None) -> Chat:
            return open_chat(name, environ=run.environ, ledger=ledger, transport=run.transport)

        talking = Talk(place, chat, open_model, embed, run.command, run.clock, Manner(**options), model or chat.model)
        held.callback(talking.close)
        if system is not None:
            talking.set_system(system)
        yield talking


@main.command(name="list", state="read", writes="slm.chat", columns=COLUMNS)
def list_(run: Run) -> Iterable[Record]:
    """List the conversations, the one last spoken in first."""
    from roadmap_cli.slm.window import archive

    with run.state.read() as tx:
        return [archive.described(chat) for chat in archive.chats(tx)]


@main.command(state="read", writes="slm.message", columns=MESSAGE)
@_NAME
def show(run: Run, name: str) -> Iterable[Record]:
    """Show what was said in a conversation."""
    from roadmap_cli.slm.window import archive

    with run.state.read() as tx:
        return [one.record for one in archive.messages(tx, archive.need(tx, name))]


@main.command(state="read", writes="slm.message", columns=("chat", "at", "role", "place", "content"))
@click.argument("query", nargs=-1, required=True, metavar="WORD...")
@click.option("--in", "name", metavar="NAME", help="Only in this conversation.")
@click.option("--best", type=click.IntRange(1), default=10, show_default=True, help="At most so many.")
def search(run: Run, query: tuple[str, ...], name: str | None, best: int) -> Iterable[Record]:
    """Search what was said in all conversations, the archive included.

    The exit code is 1 if nothing is found.
    """
    from roadmap_cli.core.errors import Exit
    from roadmap_cli.slm.window import archive

    with run.state.read() as tx:
        chat = archive.need(tx, name) if name else None
        found = list(archive.search(tx, " ".join(query), chat=chat, limit=best))
    run.exit_code = 0 if found else Exit.NEGATIVE
    return found


@main.command(state="read", effects="files", output="file", writes="slm.chat", columns=COLUMNS)
@_NAME
def export(run: Run, name: str) -> Iterable[Record]:
    """Write a conversation to a file, not encrypted: records to a .jsonl file, else text.

    The file is for you alone to read, and must not be there yet.
    """
    from roadmap_cli.slm.chat import orders
    from roadmap_cli.slm.window import archive

    with run.state.read() as tx:
        chat = archive.need(tx, name)
        found = [one.record for one in archive.messages(tx, chat)]
    if not run.dry_run:
        orders.save(run.output_path, found)
    yield archive.described(chat)


@main.command(state="write", writes="slm.chat", columns=COLUMNS)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def forget(run: Run, names: tuple[str, ...]) -> Iterable[Record]:
    """Delete conversations, with the calls made for them and the decisions about them."""
    from roadmap_cli.slm.window import archive

    for name in names:
        with run.state.write() as tx:
            chat = archive.need(tx, name)
            count = archive.forget(tx, chat)
            archive.forget_vectors(tx)
        run.note(f"{chat.name}: {count} messages forgotten")
        yield archive.described(chat) | {"is_forgotten": True}
