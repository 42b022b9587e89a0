"""One conversation with a model: each message is in the state before it is answered, the reply as far as it came."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.clock import Clock
from roadmap_cli.core.errors import DataError, Unavailable
from roadmap_cli.core.records import Record
from roadmap_cli.slm.window import archive, prompt
from roadmap_cli.slm.window.session import Moves, Session
from roadmap_cli.slm.window.window import RECENT, Budget, Embed, Window

if TYPE_CHECKING:
    from roadmap_cli.models.conversation.chat import Chat, Reply
    from roadmap_cli.state.store import State

#: Tokens of context that are assumed of an endpoint that does not say.
ASSUMED_CONTEXT = 4096
#: Tokens that a model's template puts around a message, and share of the context left for what they exceed that by.
AROUND, SPARE = 5, 0.06


@dataclass(frozen=True, slots=True)
class Manner:
    """How replies are made."""

    max_tokens: int = 512
    temperature: float = 0.2
    seed: int = 0


@dataclass(slots=True)
class Talk:
    """A conversation under way. `open_model` opens a model by name; it is called when first needed."""

    state: State
    chat: archive.Chat
    open_model: Callable[[str | None], Chat]
    embed: Embed | None
    command: str
    now: Clock
    manner: Manner
    model: str | None = None
    last: tuple[Window, Moves] | None = None
    reply: Reply | None = None
    _opened: Chat | None = None
    _session: Session | None = None
    _retries: int = field(default=0)

    @property
    def session(self) -> Session:
        """The stored messages, with the budget of the model's context."""
        if self._session is None:
            with self.state.read() as tx:
                stored = archive.messages(tx, self.chat)
            self._session = Session(
                self.state, self.chat, self._budget(), self.embed, self.command, self.now, RECENT, stored
            )
        return self._session

    @property
    def opened(self) -> Chat:
        """The model, loaded when first asked for."""
        if self._opened is None:
            self._opened = self.open_model(self.model)
            if self.model is not None and self.model != self.chat.model:
                with self.state.write() as tx:
                    archive.held_with(tx, self.chat, self.model)
        return self._opened

    def say(self, text: str) -> Iterator[str]:
        """Store a message of the user and give the reply in pieces. What came is stored however it ends.

        Raises DataError for an empty message or one that the context cannot hold, and what the model raises.
        """
        if not text.strip():
            raise DataError("the message is empty", code="empty_prompt")
        self._look_after()
        size, room = self.opened.count_tokens(text), self._budget().size
        if size > room:
            raise DataError(
                f"the message has {size} tokens and the window only {room}",
                hint="a shorter message, or a smaller --max-tokens",
                code="prompt_too_long",
            )
        self._retries = 0
        self.session.add([{"role": "user", "content": text}])
        yield from self._answered()

    def answer(self, text: str) -> Record:
        """Store a message and give the stored reply, whole. Raises as `say` does."""
        for _ in self.say(text):
            pass
        return self.session.stored[-1].record

    def retry(self) -> Iterator[str]:
        """Take the last reply back and give another. Raises DataError if nothing was said."""
        stored = self.session.stored
        last = next((place for place in range(len(stored) - 1, -1, -1) if stored[place].message.role == "user"), None)
        if last is None:
            raise DataError("there is nothing to answer yet", code="no_question")
        self._look_after()
        self._retries += 1
        self._take_back([one.id for one in stored[last + 1 :] if one.message.role == "assistant"])
        yield from self._answered()

    def unsay(self) -> str:
        """Take the last message of the user back, with what came after it; give its text. Raises DataError."""
        stored = self.session.stored
        last = next((place for place in range(len(stored) - 1, -1, -1) if stored[place].message.role == "user"), None)
        if last is None:
            raise DataError("you have not said anything yet", code="no_question")
        self._take_back([one.id for one in stored[last:] if one.message.role != "system"])
        return stored[last].message.content

    def set_system(self, text: str) -> None:
        """Make a text the system message; an empty one takes it away."""
        self._take_back([one.id for one in self.session.stored if one.message.role == "system" and not _is_note(one)])
        if text:
            self.session.add([{"role": "system", "content": text}])

    def note(self, text: str) -> None:
        """Pin a text that the model is always to see."""
        self.session.add([{"role": "system", "content": text, "pinned": True, "note": True}])

    def pin(self, pinned: bool) -> str:
        """Pin the last message of the user, or let the last one that is pinned go; its text. Raises DataError."""
        wanted = [
            one
            for one in self.session.stored
            if (one.message.pinned if not pinned else one.message.role == "user" and not one.message.pinned)
        ]
        if not wanted:
            raise DataError("nothing to pin" if pinned else "nothing is pinned", code="nothing_to_pin")
        chosen = wanted[-1]
        if not pinned and chosen.message.role == "system":
            self._take_back([chosen.id])
        else:
            with self.state.write() as tx:
                archive.pin(tx, chosen.id, pinned)
                self.session.load(tx)
        return chosen.message.content

    def switch(self, model: str) -> str:
        """Go on with another model; its name. Raises what opening it raises, and stays with the one before then."""
        fresh = self.open_model(model)
        if self._opened is not None:
            self._opened.close()
        self._opened, self.model, self._session = fresh, model, None
        with self.state.write() as tx:
            archive.held_with(tx, self.chat, model)
        return fresh.name

    def messages(self) -> list[Record]:
        """What was said, without what was taken back."""
        return [one.record for one in self.session.stored]

    def close(self) -> None:
        """Let go of the model, and of the conversation if nothing was ever said in it."""
        self._let_go()
        with self.state.write() as tx:
            archive.drop_if_empty(tx, self.chat)

    def _let_go(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _answered(self) -> Iterator[str]:
        self.reply = None
        self.last = self.session.window()
        window = self.last[0]
        sent = prompt.messages(window.shown, self.session.conversation.messages)
        stream = self.opened.stream(
            sent,
            max_tokens=self.manner.max_tokens,
            temperature=self.manner.temperature,
            seed=self.manner.seed + self._retries,
            purpose="chat",
        )
        pieces = iter(stream)
        said: list[str] = []
        is_whole = False
        try:
            for piece in pieces:
                said.append(piece)
                yield piece
            is_whole = True
        finally:
            if not is_whole and hasattr(pieces, "close"):
                pieces.close()  # the ledger's row is written before the message is
            self._keep("".join(said), stream.reply if is_whole else None)

    def _keep(self, text: str, reply: Reply | None) -> None:
        self.reply = reply
        if not text:
            return
        told: Record = {"role": "assistant", "content": text, "model": self.opened.name}
        told["finish"] = reply.finish if reply else "cancelled"
        if reply and reply.call_id:
            told["call_id"] = reply.call_id
        self.session.add([told])
        self.session.prepare()

    def _look_after(self) -> None:
        """Open the model again if the server that had it went away while nobody spoke."""
        if self._opened is None:
            return
        try:
            self._opened.count_tokens("")
        except Unavailable:
            self._let_go()

    def _take_back(self, ids: list[str]) -> None:
        if ids:
            with self.state.write() as tx:
                archive.take_back(tx, ids, self.now())
                self.session.load(tx)

    def _budget(self) -> Budget:
        context = self.opened.context_size or ASSUMED_CONTEXT
        size = int((context - min(self.manner.max_tokens, context // 2)) * (1 - SPARE))
        return Budget(size, "tokens", lambda text: self.opened.count_tokens(text) + AROUND)


def _is_note(one: archive.Stored) -> bool:
    return bool(one.record.get("note"))


@dataclass(slots=True)
class Private:
    """A state that lives in memory: all of it is one transaction that is rolled back in the end."""

    tx: Any

    def read(self) -> Private:
        """The transaction, to be used in a ``with`` statement."""
        return self

    write = read

    def __enter__(self) -> Any:
        return self.tx

    def __exit__(self, *_: object) -> None:
        return None
