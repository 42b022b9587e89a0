"""What edits that repaired something were like: lessons kept, and the preference that is learned from them.

Kept are the newest lessons only: they are gone over again when a new one comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from roadmap_cli.agent.preference import Lesson, Preference

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

KEPT_LESSONS = 150


def preference(tx: Connection) -> Preference:
    """As it was learned up to now."""
    rows = tx.execute("SELECT word, weight, spread FROM agent_preference").fetchall()
    return Preference({word: weight for word, weight, _ in rows}, {word: spread for word, _, spread in rows})


def note_choice(tx: Connection, fix_id: str, lessons: Sequence[Lesson], at: str) -> None:
    """Learn from a repair that was found by its driver's own order, once for each fix."""
    import orjson

    if not lessons or tx.execute("SELECT 1 FROM agent_choice WHERE fix_id = ?", (fix_id,)).fetchone():
        return
    learned = preference(tx)
    kept = [
        Lesson.restored(value)
        for (body,) in tx.execute("SELECT body FROM agent_choice ORDER BY at, fix_id").fetchall()
        for value in orjson.loads(body)
    ]
    for lesson in lessons:
        kept.append(lesson)
        learned.learn(kept)
    tx.execute(
        "INSERT INTO agent_choice (fix_id, at, body) VALUES (?, ?, ?)",
        (fix_id, at, orjson.dumps([lesson.stored() for lesson in lessons]).decode()),
    )
    tx.execute(
        "DELETE FROM agent_choice WHERE fix_id NOT IN"
        " (SELECT fix_id FROM agent_choice ORDER BY at DESC, fix_id LIMIT ?)",
        (KEPT_LESSONS,),
    )
    tx.executemany(
        "INSERT INTO agent_preference (word, weight, spread) VALUES (?, ?, ?)"
        " ON CONFLICT (word) DO UPDATE SET weight = excluded.weight, spread = excluded.spread",
        [(word, weight, learned.spreads.get(word, 1.0)) for word, weight in sorted(learned.weights.items())],
    )
