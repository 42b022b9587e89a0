"""What a person can ask for in a conversation besides an answer: lines that begin with a slash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from roadmap_cli.core.errors import CannotCreate, DataError
from roadmap_cli.core.records import Record
from roadmap_cli.slm.chat.talk import Talk
from roadmap_cli.slm.window import archive
from roadmap_cli.slm.window.window import Fate

HELP = """\
/system TEXT   what the model is told first; without TEXT nothing
/pin           keep your last message in the window; /pin TEXT keeps a note there
/unpin         let go of what was pinned last
/why           what the model saw of the conversation, and why
/search TEXT   look for something in this conversation, the archive included
/retry         take the last reply back and ask again
/edit          take your last message back, to write it anew; /edit TEXT puts TEXT in its place
/model NAME    go on with another model; without NAME, which it is
/save FILE     write the conversation to FILE: .jsonl for records, else text
/help          this
/quit          end; so does Ctrl-D
A line that ends with a backslash goes on in the next one; three quotes open and close a text of many lines.
Ctrl-C stops a reply and keeps what came of it. Two slashes begin a message with one."""


@dataclass(slots=True)
class Outcome:
    """What came of an order: lines to show, a reply to stream, a text to edit, whether to end."""

    lines: list[str] = field(default_factory=list)
    pieces: Iterator[str] | None = None
    draft: str | None = None
    ends: bool = False


def is_order(text: str) -> bool:
    """Whether a message is an order; two slashes begin a message."""
    return text.startswith("/") and not text.startswith("//")


def obey(talk: Talk, text: str) -> Outcome:
    """Carry an order out. Raises DataError, with /help as the hint, for one that is not known."""
    name, _, rest = text[1:].strip().partition(" ")
    order = _ORDERS.get(name)
    if order is None:
        raise DataError(f"no order {'/' + name!r}", hint="/help", code="no_order")
    return order(talk, rest.strip())


def _system(talk: Talk, text: str) -> Outcome:
    talk.set_system(text)
    return Outcome(["the system message is set" if text else "there is no system message now"])


def _pin(talk: Talk, text: str) -> Outcome:
    if text:
        talk.note(text)
    return Outcome([f"pinned: {_short(text or talk.pin(True))}"])


def _unpin(talk: Talk, text: str) -> Outcome:
    return Outcome([f"no longer pinned: {_short(talk.pin(False))}"])


def _why(talk: Talk, text: str) -> Outcome:
    if talk.last is None:
        raise DataError("nothing was asked yet", code="no_window")
    window, moves = talk.last
    lines = [window.in_words(talk.session.budget)]

    def line(mark: str, fate: Fate) -> str:
        return f"{mark} {fate.place:8}  {_short(window.text(fate), 40):40}  {fate.why}"

    lines += [line("+", fate) for fate in moves.recalled]
    lines += [line("-", fate) for fate in moves.archived]
    moved = {fate.part.key for fate in (*moves.recalled, *moves.archived)}
    lines += [line(" ", fate) for fate in window.kept if fate.part.key not in moved]
    lines += [f"roadmap-why {name}" for name in moves.decision_ids]
    return Outcome(lines)


def _search(talk: Talk, text: str) -> Outcome:
    if not text:
        raise DataError("nothing to look for", hint="/search TEXT", code="no_question")
    with talk.state.read() as tx:
        found = list(archive.search(tx, text, chat=talk.chat, limit=8))
    return Outcome([f"{one['at'][:16]}  {one['role']}: {_short(one['content'], 100)}" for one in found] or ["nothing"])


def _retry(talk: Talk, text: str) -> Outcome:
    return Outcome(pieces=talk.retry())


def _edit(talk: Talk, text: str) -> Outcome:
    said = talk.unsay()
    return Outcome(pieces=talk.say(text)) if text else Outcome(draft=said)


def _model(talk: Talk, text: str) -> Outcome:
    return Outcome([f"model: {talk.switch(text) if text else talk.opened.name}"])


def _save(talk: Talk, text: str) -> Outcome:
    if not text:
        raise DataError("no file to save to", hint="/save FILE", code="no_file")
    path = Path(text).expanduser()
    save(path, talk.messages())
    return Outcome([f"saved to {path}, not encrypted"])


def _help(talk: Talk, text: str) -> Outcome:
    return Outcome(HELP.splitlines())


def _quit(talk: Talk, text: str) -> Outcome:
    return Outcome(ends=True)


_ORDERS: dict[str, Callable[[Talk, str], Outcome]] = {
    "system": _system,
    "pin": _pin,
    "unpin": _unpin,
    "why": _why,
    "search": _search,
    "retry": _retry,
    "edit": _edit,
    "model": _model,
    "save": _save,
    "help": _help,
    "quit": _quit,
    "exit": _quit,
}
NAMES = tuple(f"/{name}" for name in _ORDERS)


def save(path: Path, messages: list[Record]) -> None:
    """Write a conversation to a new file for the user alone. Raises CannotCreate, also if there is such a file."""
    import os

    import orjson

    if path.suffix == ".jsonl":
        data = b"".join(orjson.dumps(one) + b"\n" for one in messages)
    else:
        data = "\n\n".join(as_text(one) for one in messages).encode() + b"\n"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except OSError as error:
        raise CannotCreate.of(error, path) from None


def as_text(message: Record) -> str:
    """A message for reading."""
    return f"{message.get('name') or message['role']}: {message['content']}"


def _short(text: str, most: int = 60) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"
