"""Which lessons bear on a failure: by exact signature, by loose signature, by words (BM25), by meaning (vectors).

A lesson found by its exact signature stands above one found by the loose one, that above one that only reads alike;
within a level the weight decides (age, outcomes, trust, supersession). Words and meaning add up. Without an embedding
model, or without sqlite-vec, the rest works as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from roadmap_cli.agent.memory import lessons, vectors, words
from roadmap_cli.agent.memory.lessons import Lesson
from roadmap_cli.agent.testing.signature import Signature
from roadmap_cli.core import clock
from roadmap_cli.core.errors import Unavailable

if TYPE_CHECKING:
    from roadmap_cli.agent.memory.vectors import Embed
    from roadmap_cli.models.ledger import Ledger
    from roadmap_cli.state.store import Connection, State

#: What each way of finding is worth before the weight of the lesson: the best match of that way.
WORTH = {"exact": 1.0, "loose": 0.6, "vector": 0.4, "words": 0.3, "type": 0.15}
_NEAREST = 50
_CLOSE_ENOUGH = 0.3


@dataclass(slots=True)
class _Match:
    worth: float
    level: str
    reasons: list[str]


def recall(
    tx: Connection, signatures: Sequence[Signature], text: str, embed: Embed | None = None, limit: int = 10, *,
    at: str | datetime, sort: str | None = None, say: Callable[[str], None] = lambda words: None,
) -> list[Lesson]:  # fmt: skip
    """The lessons that bear on failing tests and a text, the best first, each with score, level and why.

    `signatures` are those of the failing tests and `text` the goal, error messages or code; either may be empty.
    `embed` is prepared for the `question`, and the state has loaded sqlite-vec (`State.vectors`): `consult` sees to
    both. `sort` is the only sort wanted. `say` is told which way of looking was not open.
    """
    now = at if isinstance(at, datetime) else clock.parse(at)
    matches: dict[int, _Match] = {}
    for level in ("exact", "loose"):
        _by_signature(tx, signatures, level, matches)
    _by_type(tx, signatures, matches)
    text = question(signatures, text)
    _by_words(tx, text, matches)
    if embed is None:
        say("looked up by signature and words only: there is no embedding model to look by meaning")
    elif text.strip():
        try:
            _by_meaning(tx, text, embed, matches)
        except Unavailable as problem:
            say(f"looked up by signature and words only: {problem.message}")
    found = []
    for number, lesson in lessons.by_number(tx, matches).items():
        match = matches[number]
        if sort is None or lesson.sort == sort:
            found.append(lessons.scored(lesson, match.worth * lesson.weight(now), match.level, _why(lesson, match)))
    found.sort(key=lambda lesson: (-lesson.score, lesson.id))
    return found[:limit]


def question(signatures: Sequence[Signature], text: str) -> str:
    """What is asked in words: the text, or else what the failing tests said."""
    return text if text.strip() else " ".join(f"{signature.type} {signature.message}" for signature in signatures)


def consult(
    state: State, signatures: Sequence[Signature], text: str = "", *, environ: Mapping[str, str], ledger: Ledger | None,
    at: datetime, say: Callable[[str], None], limit: int = 10, sort: str | None = None,
) -> list[Lesson]:  # fmt: skip
    """`recall` with the embedding model, if it is here, in transactions of its own: what to do before each task.

    Vectors are made for lessons that have none yet. Loads the model, which takes a second; `recall` alone does not.
    """
    with vectors.opened(state, environ, ledger, say) as embed:
        if embed is not None:
            embed.prepare(question(signatures, text))
            if state.mode == "write" and not state.dry_run:
                vectors.bring_up_to_date(state, embed)
        with state.read() as tx:
            return recall(tx, signatures, text, embed, limit, at=at, sort=sort)


def _note(matches: dict[int, _Match], number: int, level: str, worth: float, reason: str) -> None:
    match = matches.get(number)
    if match is None:
        matches[number] = _Match(worth, level, [reason])
    else:
        match.worth = max(match.worth, worth) + 0.1 * min(match.worth, worth)
        match.reasons.append(reason)


def _by_signature(tx: Connection, signatures: Sequence[Signature], level: str, matches: dict[int, _Match]) -> None:
    names = sorted({name for signature in signatures for name in signature.names(level)})[:500]
    if not names:
        return
    marks = ", ".join("?" * len(names))
    rows = tx.execute(
        f"SELECT lesson, count(*) FROM agent_lesson_signature WHERE level = ? AND signature IN ({marks})"
        " GROUP BY lesson ORDER BY 2 DESC LIMIT ?",
        (level, *names, _NEAREST * 4),
    )
    total = len({signature.exact for signature in signatures})
    for number, count in rows:
        share = min(1.0, count / total)
        alike = "the same failure" if level == "exact" else "the same kind of failure in the same function"
        reason = f"{alike} ({min(count, total)} of {total} failing test{'s' * (total != 1)})"
        _note(matches, number, level, WORTH[level] * (0.9 + 0.1 * share), reason)


def _by_type(tx: Connection, signatures: Sequence[Signature], matches: dict[int, _Match]) -> None:
    """Patterns of the error classes at hand: what has helped with such errors most often."""
    for error in sorted({signature.type for signature in signatures}):
        rows = tx.execute(
            "SELECT number, confirmed FROM agent_lesson WHERE sort = 'pattern' AND error = ? AND confirmed > 0"
            " AND superseded_by IS NULL ORDER BY confirmed DESC, number LIMIT 10",
            (error,),
        ).fetchall()
        most = max((confirmed for _, confirmed in rows), default=1)
        for number, confirmed in rows:
            _note(matches, number, "type", WORTH["type"] * (0.5 + 0.5 * confirmed / most), f"about {error}, too")


def _by_words(tx: Connection, text: str, matches: dict[int, _Match]) -> None:
    asked = words.query(text)
    if not asked:
        return
    rows = tx.execute(
        "SELECT rowid, bm25(agent_lesson_words, 2.0, 1.0) AS rank FROM agent_lesson_words"
        " WHERE agent_lesson_words MATCH ? ORDER BY rank LIMIT ?",
        (asked, _NEAREST),
    ).fetchall()
    best = -rows[0][1] if rows else 0.0
    for number, rank in rows:
        if rank < 0:
            _note(matches, number, "words", WORTH["words"] * -rank / best, "words in common")


def _by_meaning(tx: Connection, text: str, embed: Embed, matches: dict[int, _Match]) -> None:
    for number, likeness in vectors.nearest(tx, embed, text, _NEAREST):
        if likeness >= _CLOSE_ENOUGH:
            _note(matches, number, "vector", WORTH["vector"] * likeness, f"near in meaning ({likeness:.2f})")


def _why(lesson: Lesson, match: _Match) -> str:
    parts = list(dict.fromkeys(match.reasons))
    if lesson.confirmed:
        parts.append(f"it has helped {_times(lesson.confirmed)}, last on {lesson.used_at[:10]}")
    if lesson.refuted:
        parts.append(f"it was tried in vain {_times(lesson.refuted)}")
    if not lesson.is_trusted:
        parts.append("imported and not confirmed here")
    if lesson.superseded_by:
        parts.append("superseded by a better one")
    return "; ".join(parts)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
