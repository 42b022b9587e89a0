"""One run of life-recall: takes in what is new, as far as time allows, answers questions, notes what was shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from roadmap_cli.core.errors import ConfigError, DataError, Unavailable
from roadmap_cli.core.records import Record
from roadmap_cli.life.recall import answering, indexing
from roadmap_cli.life.recall.answering import Wanted
from roadmap_cli.life.recall.corpus import Items

if TYPE_CHECKING:
    from roadmap_cli.models.embed import Embedder
    from roadmap_cli.models.ledger import Ledger
    from roadmap_cli.retrieval.terms import Terms
    from roadmap_cli.state.store import State


class Bar(Protocol):
    """Shows how far a piece of work is."""

    def advance(self, amount: float = 1, suffix: str = "") -> None:
        """Go on by an amount."""


#: Begins to show a piece of work: what it is and how much.
Progress = Callable[[str, float | None], AbstractContextManager[Bar]]


@dataclass(slots=True)
class Recall:
    """What a run of questions needs. `embedder` None: only words count."""

    state: State
    terms: Terms
    embedder: Embedder | None
    now: Callable[[], datetime]
    _items: Items | None = field(default=None)
    _loaded: bool = False
    _records_left: bool = False

    def take_in(self, seconds: float, progress: Progress) -> indexing.Missing:
        """Take in what is new, for at most so many seconds (0: until all is done); what is still missing."""
        stop = indexing.deadline(seconds)
        indexing.take_in(self.state, stop=stop)
        name = self.embedder.name if self.embedder else None
        left = self._missing(name)
        if self.embedder is not None and left.vectors and not stop():
            with progress("reading what is new", left.vectors) as bar:
                indexing.embed(self.state, self.embedder, stop=stop, advance=lambda count: bar.advance(count))
            left = self._missing(name)
        self._records_left, self._loaded = left.records > 0, False
        return left if self.embedder else indexing.Missing(left.records, 0)

    def ask(self, text: Any, wanted: Wanted) -> tuple[list[Record], list[int]]:
        """The hits for a question, and the numbers of their items. Raises DataError for what is no question."""
        from roadmap_cli.retrieval.evidence import Question

        if not isinstance(text, str):
            raise DataError("field 'question' is missing or not text", code="missing_field")
        if not text.strip():
            raise DataError("field 'question' is empty", code="missing_field")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise DataError("the question holds half a surrogate pair, which is not text", code="bad_text") from None
        question = Question.of(text, self.terms, self.embedder, self.now().date())
        if self._records_left and indexing.take_in_holding(self.state, self._beginnings(text)):
            self._loaded = False
        with self.state.read() as tx:
            if not self._loaded:
                model = (self.embedder.name, self.embedder.dimensions) if self.embedder else None
                self._items = Items.load(tx, model, self.now())
                self._loaded = True
            return (
                answering.answer(self._items, question, wanted, self.terms, self.embedder) if self._items else ([], [])
            )

    def _beginnings(self, text: str) -> list[str]:
        """What the words of a question begin with in any form: as much as each has in common with its stem."""
        from roadmap_cli.retrieval import terms

        words = terms.words(text)
        found = []
        for word, stems in zip(words, self.terms.split(words), strict=True):
            same = _shared(word, stems[0]) if stems else ""
            found.append(same if len(same) > 2 else word)
        return found

    def shown(self, numbers: Sequence[int]) -> None:
        """Note that items were shown."""
        if numbers:
            with self.state.write() as tx:
                answering.show(tx, numbers, self.now())

    def _missing(self, model: str | None) -> indexing.Missing:
        with self.state.read() as tx:
            return indexing.missing(tx, model)


def _shared(one: str, other: str) -> str:
    """What two words begin with alike."""
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return one[:count]


@contextmanager
def opened(
    state: State,
    *,
    environ: Mapping[str, str],
    ledger: Ledger | None,
    warn: Callable[[str], None],
    now: Callable[[], datetime],
    model: str | None = None,
) -> Iterator[Recall]:
    """A run with its model; where the default model is not there, words alone count, and `warn` says so.
    Without a `ledger` what is asked of the model is not noted: for states that are only read.

    Raises ConfigError or Unavailable for a `model` that was named and is not there.
    """
    from roadmap_cli.models.embed import open_embedder
    from roadmap_cli.retrieval.terms import Terms

    embedder = None
    try:
        embedder = open_embedder(model, environ=environ, ledger=ledger, states=True)
    except (Unavailable, ConfigError) as error:
        if model is not None:
            raise
        warn(f"{error.message}: only words count; {error.hint}")
    terms = Terms()
    try:
        yield Recall(state, terms, embedder, now)
    finally:
        terms.close()
        if embedder is not None:
            embedder.close()
