"""A stored conversation at work: messages are in the state before they are answered, each move is a decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from roadmap_cli.core.clock import Clock
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.slm.window import archive, chunking
from roadmap_cli.slm.window.conversation import Message, named, read, sittings
from roadmap_cli.slm.window.window import Budget, Conversation, Embed, Fate, Key, Window
from roadmap_cli.why import decisions

if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection
    from roadmap_cli.state.store import State

#: Most messages that one decision cites.
CITED = 50


@dataclass(frozen=True, slots=True)
class Moves:
    """What a window changed: how many pieces went to the archive and came back, and the decisions about it."""

    archived: list[Fate]
    recalled: list[Fate]
    decision_ids: list[str]


@dataclass(slots=True)
class Session:
    """One conversation of the state. `command` stands in the decisions."""

    state: State
    chat: archive.Chat
    budget: Budget
    embed: Embed | None
    command: str
    now: Clock
    recent: int
    stored: list[archive.Stored] = field(default_factory=list)
    conversation: Conversation = field(init=False)

    def __post_init__(self) -> None:
        self.load()

    @classmethod
    def open(
        cls, state: State, name: str, *, budget: Budget, embed: Embed | None, command: str, now: Clock, recent: int
    ) -> Session:
        """The conversation of a name, made if there is none. Raises DataError for what is no name."""
        with state.write() as tx:
            chat = archive.open_chat(tx, name, now())
            found = archive.messages(tx, chat)  # in a dry run the conversation is gone after this transaction
        return cls(state, chat, budget, embed, command, now, recent, found)

    def load(self, tx: Connection | None = None) -> None:
        """Index the stored messages anew: after one was taken back or pinned."""
        if tx is not None:
            self.stored = archive.messages(tx, self.chat)
        self.conversation = Conversation(self.budget, self.embed)
        self._index(self.stored)

    def add(self, items: Iterable[Record]) -> list[str]:
        """Store messages at the end, in one transaction; the ids of those that were new."""
        records = list(items)
        whole = [chunking.pieces(read(record).content, self.embed) for record in records]
        at = self.now()
        with self.state.write() as tx:
            ids = [
                archive.append(tx, self.chat, record, pieces, at)
                for record, pieces in zip(records, whole, strict=True)
            ]  # fmt: skip
            fresh = archive.messages(tx, self.chat, self.stored[-1].position if self.stored else 0)
        self.stored += fresh
        self._index(fresh)
        return [name for name in ids if name is not None]

    def prepare(self) -> None:
        """Embed and index what was said, so that the next question need not wait for it."""
        self.conversation.prepare()

    def window(self, question: str | None = None, *, today: datetime | None = None) -> tuple[Window, Moves]:
        """The window for a question, by default the last message of the user; where its pieces are is stored.

        Raises DataError if there is no question or what has to stay does not fit.
        """
        asked: int | str
        if question is None:
            users = [place for place, one in enumerate(self.stored) if one.message.role == "user"]
            if not users:
                raise DataError("no message of the user to answer", hint="add one, or --query TEXT", code="no_question")
            asked = users[-1]
        else:
            asked = question
        seats = {(place, part): seat for place, one in enumerate(self.stored) for part, seat in enumerate(one.seats)}
        seated = sorted((seat, key) for key, seat in seats.items() if seat is not None and seat >= 0)
        window = self.conversation.window(
            asked,
            recent=self.recent,
            previous=[key for _, key in seated] or None,
            today=(today or self.now()).date(),
        )
        said = self.conversation.messages[asked].content if isinstance(asked, int) else asked
        return window, self._note(window, seats, said)

    def _note(self, window: Window, before: Mapping[Key, int | None], asked: str) -> Moves:
        """Store where each piece is now, and a decision for what left the window and one for what came back."""
        after = dict.fromkeys(before, -1) | {key: number for number, key in enumerate(window.order)}
        gone = [window.fate(key) for key, seat in before.items() if after[key] < 0 and seat != -1]
        back = [window.fate(key) for key in window.order if before[key] == -1]
        new = [window.fate(key) for key in window.order if before[key] is None]
        at = self.now()
        ids: list[str] = []
        with self.state.write() as tx:
            for kind, verb, fates in (("slm.archived", "left", gone), ("slm.recalled", "came back into", back)):
                if fates:
                    decision = self._decided(tx, kind, verb, fates, window, asked, at)
                    archive.place(tx, self._moved(fates), decision)
                    ids.append(decision)
            archive.place(tx, self._moved(new), None)
            changed = [(key, seat) for key, seat in after.items() if before[key] != seat]
            archive.seat(tx, [(self.stored[place].id, part, seat) for (place, part), seat in changed])
        for (place, part), seat in changed:
            self.stored[place].seats[part] = seat
        return Moves(gone, back, ids)

    def _decided(
        self,
        tx: Connection,
        kind: str,
        verb: str,
        fates: Sequence[Fate],
        window: Window,
        asked: str,
        at: datetime,
    ) -> str:
        numbers = list(dict.fromkeys(fate.part.message for fate in fates))
        cited = [self.stored[number].id for number in numbers[:CITED]]
        pieces = f"{len(fates)} pieces" if len(fates) != 1 else "1 piece"
        of = f"{len(numbers)} messages" if len(numbers) != 1 else "1 message"
        first = fates[0]
        decision = decisions.decide(
            tx,
            kind=kind,
            what=f"{pieces} of {of} of {self.chat.name!r} {verb} the window",
            why=f"the window has {self.budget.size} {self.budget.unit}; the first: {first.why}",
            evidence=cited,
            command=self.command,
            at=at,
            run_id=self.chat.id,
            facts={
                "question": asked[:200],
                "budget": self.budget.size,
                "unit": self.budget.unit,
                "used": window.used,
                "pieces": [[self.stored[fate.part.message].id, fate.part.number, fate.score] for fate in fates[:CITED]],
            },
        )
        return str(decision["id"])

    def _moved(self, fates: Sequence[Fate]) -> list[tuple[str, int, str]]:
        return [(self.stored[one.part.message].id, one.part.number, one.why) for one in fates]

    def _index(self, fresh: Sequence[archive.Stored]) -> None:
        """Put messages into the index; sittings count from the beginning, so all of them are looked at."""
        if not fresh:
            return
        everything = named([one.message for one in self.stored])
        self.conversation.add(
            everything[-len(fresh) :], sittings(everything)[-len(fresh) :], [one.pieces for one in fresh]
        )


def single(
    messages: Sequence[Message], question: str | None, budget: Budget, embed: Embed | None, recent: int
) -> tuple[Conversation, Window]:
    """One window over messages that are stored nowhere. Raises DataError if there is no question in them."""
    conversation = Conversation(budget, embed)
    prepared = named(messages)
    conversation.add(prepared, sittings(prepared))
    asked: int | str
    if question is None:
        users = [place for place, message in enumerate(messages) if message.role == "user"]
        if not users:
            raise DataError("no message of the user to answer", hint="add one, or --query TEXT", code="no_question")
        asked = users[-1]
    else:
        asked = question
    return conversation, conversation.window(asked, recent=recent)
