"""slm-window's work: a conversation in, its window out, stored where the user wants it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.clock import Clock
from roadmap_cli.core.errors import DataError, Unavailable
from roadmap_cli.core.records import Record, run_id
from roadmap_cli.slm.window import archive, chunking, records
from roadmap_cli.slm.window.conversation import read, read_all
from roadmap_cli.slm.window.session import Moves, Session, single
from roadmap_cli.slm.window.vectors import Progress, Vectors
from roadmap_cli.slm.window.window import RECENT, Budget, Conversation, Window

if TYPE_CHECKING:
    from roadmap_cli.models.ledger import Ledger
    from roadmap_cli.state.store import State


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user chose."""

    budget: int = 1500
    unit: str = "words"
    query: str | None = None
    recent: int = RECENT
    chat: str | None = None
    prompt: bool = False
    archived: bool = False
    model: str | None = None


@dataclass(slots=True)
class Filter:
    """Windows for the conversations of one run."""

    state: State
    settings: Settings
    budget: Budget
    embed: Vectors | None
    command: str
    now: Clock

    def prompt(self, record: Record, at: str) -> Record:
        """A line with ``messages`` (or a batch line whose body has them) with those of its window instead.

        Raises DataError if a message is not what it should be, or what has to stay does not fit.
        """
        body = record.get("body", record)
        if not isinstance(body, dict):
            raise DataError("field 'body' is not an object", code="wrong_type")
        spoken = read_all(body.get("messages"))
        chosen = self.settings
        conversation, window = single(spoken, chosen.query, self.budget, self.embed, chosen.recent)
        sent = records.messages(conversation, window, chosen.query)
        facts = records.facts(window, self.budget, None) | {"pieces": records.pieces(window)}
        head: Record = {"kind": "slm.prompt", "id": record.get("id") or run_id("slm.prompt", self.now()), "at": at}
        rest = {name: value for name, value in record.items() if name not in head}
        if "body" in record:
            return head | rest | {"body": {**body, "messages": sent}, "window": facts}
        return head | rest | {"messages": sent, "window": facts}

    def conversation(self, said: list[Record], at: str, window_id: str, *, dry_run: bool) -> Iterator[Record]:
        """The window over messages that came one a line: the messages and a report, or one prompt."""
        conversation, window, sources, moves = self._window(said, dry_run)
        if self.settings.prompt:
            facts = records.facts(window, self.budget, moves) | {"pieces": records.pieces(window)}
            sent = records.messages(conversation, window, self.settings.query)
            name = {"chat": self.settings.chat} if self.settings.chat else {}
            yield {"kind": "slm.prompt", "id": window_id, "at": at, **name, "messages": sent, "window": facts}
            return
        yield from records.kept(conversation, window, sources, at)
        if self.settings.archived:
            yield from records.archived(conversation, window, sources, at)
        yield records.report(window, self.budget, window_id=window_id, at=at, moves=moves)

    def _window(self, said: list[Record], dry_run: bool) -> tuple[Conversation, Window, list[Record], Moves | None]:
        chosen = self.settings
        if chosen.chat is None or dry_run:
            before = self._stored(chosen.chat) if chosen.chat else []
            known = {record["id"] for record in before}
            sources = [*before, *(record for record in said if record.get("id") not in known)]
            spoken = [read(record) for record in sources]
            return *single(spoken, chosen.query, self.budget, self.embed, chosen.recent), sources, None
        session = Session.open(
            self.state,
            chosen.chat,
            budget=self.budget,
            embed=self.embed,
            command=self.command,
            now=self.now,
            recent=chosen.recent,
        )
        session.add(said)
        window, moves = session.window(chosen.query)
        return session.conversation, window, [one.record for one in session.stored], moves

    def _stored(self, name: str) -> list[Record]:
        with self.state.read() as tx:
            chat = archive.find(tx, name)
            return [one.record for one in archive.messages(tx, chat)] if chat else []


@contextmanager
def opened(
    state: State,
    settings: Settings,
    environ: Mapping[str, str],
    ledger: Ledger,
    warn: Callable[[str], None],
    progress: Progress,
) -> Iterator[Filter]:
    """A filter with what it needs; the embedding model is opened when it is first asked, all is closed at the end."""
    from roadmap_cli.models.conversation.counting import open_counter

    counter = open_counter(settings.model, environ) if settings.unit == "tokens" else None
    count = counter or chunking.count_words
    embed = vectors(state, environ, ledger, ledger.now(), warn, progress)
    try:
        yield Filter(state, settings, Budget(settings.budget, settings.unit, count), embed, ledger.command, ledger.now)
    finally:
        if embed is not None:
            embed.close()
        if counter is not None:
            counter.close()


def vectors(
    place: Any,
    environ: Mapping[str, str],
    ledger: Ledger | None,
    now: datetime,
    warn: Callable[[str], None],
    progress: Progress,
) -> Vectors | None:
    """Vectors by the default embedding model, or None, said once, where it is not here.

    `place` is the state that keeps them; without a `ledger` the calls are not written down.
    """
    from roadmap_cli.models import registry
    from roadmap_cli.models.embed import Embedder, open_embedder

    found = registry.load(environ)
    model = found.model(found.defaults["embed"])
    try:
        found.file(model, "tokenizer.json")
    except Unavailable as error:
        warn(f"{error.message}: only words count; {error.hint}")
        return None

    def open_it() -> Embedder:
        return open_embedder(None, environ=environ, ledger=ledger)

    return Vectors(place, open_it, now.date().isoformat(), progress)


def checked(record: Record) -> Record:
    """A message that is what it should be. Raises DataError."""
    read(record)
    return record
