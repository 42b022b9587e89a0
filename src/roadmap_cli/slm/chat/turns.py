"""The turns of a conversation: whose it is, what is done with what was typed, what is said quietly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from roadmap_cli.core.errors import RoadmapError
from roadmap_cli.core.records import Record
from roadmap_cli.slm.chat import orders
from roadmap_cli.slm.chat.talk import Talk
from roadmap_cli.slm.window.session import Moves


class Person(Protocol):
    """Who is talked to: `cli.dialogue.Dialogue` on a terminal."""

    def ask(self, prompt: str, draft: str = "") -> str | None:
        """What is said next; None at the end."""

    def show(self, pieces: Iterator[str]) -> bool:
        """Show a reply as it comes; False if it was stopped."""

    def tell(self, lines: Sequence[str]) -> None:
        """Show lines that are no reply."""

    def remember(self, texts: Sequence[str]) -> None:
        """Offer what was said before, to be said again."""


def converse(talk: Talk, person: Person, error: Callable[[str, str | None], None]) -> None:
    """Take turns until the person ends it. Failures of one turn are told by `error`, with a hint, and it goes on."""
    said = [one for one in talk.messages() if one["role"] != "system"]
    if said:
        person.remember([one["content"] for one in said if one["role"] == "user"])
        person.tell([f"{talk.chat.name}: {len(said)} messages; the last ones:", *map(_excerpt, said[-2:])])
    else:
        person.tell([f"{talk.opened.name}; /help tells what there is, Ctrl-D ends"])
    draft = ""
    while (text := person.ask("> ", draft)) is not None:
        draft = ""
        try:
            if orders.is_order(text):
                outcome = orders.obey(talk, text)
                person.tell(outcome.lines)
                draft = outcome.draft or ""
                if outcome.ends:
                    return
                pieces = outcome.pieces
            else:
                pieces = talk.say(text.removeprefix("/") if text.startswith("//") else text)
            if pieces is not None:
                _reply(talk, person, pieces)
        except RoadmapError as failure:
            error(str(failure), failure.hint)


def _reply(talk: Talk, person: Person, pieces: Iterator[str]) -> None:
    was_whole = person.show(pieces)
    quiet = [] if was_whole else ["stopped; what came is kept. /retry asks again"]
    if was_whole and talk.reply is not None and talk.reply.finish == "length":
        quiet.append("cut off at --max-tokens; say 'go on' to hear more")
    if was_whole and talk.reply is not None and not talk.reply.text:
        quiet.append("the model said nothing; /retry asks again")
    if talk.last is not None and (moved := moves_in_words(talk.last[1])):
        quiet.append(f"{moved} (/why)")
    person.tell(quiet)


def moves_in_words(moves: Moves) -> str:
    """What left the window and what came back, in a few words; nothing if nothing did."""
    words = []
    if moves.archived:
        words.append(f"{_pieces(len(moves.archived))} archived")
    if moves.recalled:
        words.append(f"{_pieces(len(moves.recalled))} brought back")
    return ", ".join(words)


def _pieces(count: int) -> str:
    return "1 piece" if count == 1 else f"{count} pieces"


def _excerpt(message: Record) -> str:
    line = " ".join(orders.as_text(message).split())
    return f"  {line[:100]}…" if len(line) > 100 else f"  {line}"
