"""Lessons by meaning: int8 vectors in a table of their own, compared by sqlite-vec's functions.

A scan of 10,000 vectors takes milliseconds; an index that cannot erase what is deleted would be the worse bargain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.errors import ConfigError, RoadmapError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from roadmap_cli.models.ledger import Ledger
    from roadmap_cli.state.store import Connection, State

_SCALE = 127
_BATCH = 64


@dataclass(slots=True)
class Embed:
    """An embedding model by name: texts in, one vector of length one for each out ([n, d]).

    A model writes into the ledger of calls, so it cannot run inside a transaction: `prepare` what will be asked.
    """

    name: str
    vectors: Callable[[Sequence[str]], Any]
    _prepared: dict[str, bytes] = field(default_factory=dict)

    def prepare(self, text: str) -> None:
        """Make the vector of a question before the transaction in which it is asked."""
        if text.strip() and text not in self._prepared:
            [self._prepared[text]] = self.quantised([text])

    def asked(self, text: str) -> bytes:
        """The vector of a question."""
        self.prepare(text)
        return self._prepared[text]

    def quantised(self, texts: Sequence[str]) -> list[bytes]:
        """The vectors as int8, 127 times their numbers."""
        import numpy

        found = numpy.asarray(self.vectors(texts), dtype=numpy.float32)
        rounded = numpy.clip(numpy.rint(found * _SCALE), -_SCALE, _SCALE).astype(numpy.int8)
        return [row.tobytes() for row in rounded]


@contextmanager
def opened(
    state: State, environ: Mapping[str, str], ledger: Ledger | None, say: Callable[[str], None]
) -> Iterator[Embed | None]:
    """The default embedding model, with sqlite-vec loaded; if one is missing None, and `say` is told why."""
    from roadmap_cli.models.embed import open_embedder

    try:
        state.vectors()
        embedder = open_embedder(None, environ=environ, ledger=ledger)
    except (Unavailable, ConfigError) as problem:
        say(f"looked up by signature and words only: {problem.message}")
        yield None
        return
    with embedder:
        yield Embed(embedder.name, lambda texts: embedder.embed(texts, purpose="lessons"))


def missing(tx: Connection, embed: Embed, limit: int = 10_000) -> list[tuple[int, str]]:
    """Row numbers and texts of lessons that have no vector of this model yet."""
    rows = tx.execute(
        "SELECT number, title || char(10) || text FROM agent_lesson LEFT JOIN agent_lesson_vector v"
        " ON v.lesson = number AND v.model = ? WHERE v.lesson IS NULL ORDER BY number LIMIT ?",
        (embed.name, limit),
    )
    return [(number, text) for number, text in rows]


def put(tx: Connection, embed: Embed, vectors: Sequence[tuple[int, bytes]]) -> None:
    """Store vectors of lessons that still exist."""
    tx.executemany(
        "INSERT OR REPLACE INTO agent_lesson_vector (lesson, model, vector)"
        " SELECT number, ?, ? FROM agent_lesson WHERE number = ?",
        [(embed.name, vector, number) for number, vector in vectors],
    )


def bring_up_to_date(state: State, embed: Embed, limit: int = 10_000) -> int:
    """Make the vectors that are missing, outside of any transaction, and store them batch by batch; how many."""
    with state.read() as tx:
        wanted = missing(tx, embed, limit)
    for start in range(0, len(wanted), _BATCH):
        part = wanted[start : start + _BATCH]
        made = embed.quantised([text for _, text in part])
        with state.write() as tx:
            put(tx, embed, [(number, vector) for (number, _), vector in zip(part, made, strict=True)])
    return len(wanted)


def nearest(tx: Connection, embed: Embed, text: str, limit: int) -> list[tuple[int, float]]:
    """Lessons by likeness (cosine, 1 is the same) of their meaning to a text. Raises Unavailable without sqlite-vec."""
    asked = embed.asked(text)
    try:
        rows = tx.execute(
            "SELECT lesson, vec_distance_cosine(vec_int8(vector), vec_int8(?)) AS distance FROM agent_lesson_vector"
            " WHERE model = ? AND length(vector) = ? ORDER BY distance LIMIT ?",
            (asked, embed.name, len(asked), limit),
        ).fetchall()
    except RoadmapError:
        raise
    except Exception as problem:
        if "no such function" in str(problem):
            raise Unavailable("sqlite-vec is not loaded") from problem
        raise
    return [(number, 1 - distance) for number, distance in rows if distance is not None]
