"""What the tests of many processes run: one process that uses the state until it is done or killed.

Usage: state_worker.py ACTION HOME [ARGUMENT…]; announces on stdout what is committed.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from roadmap_cli.core import paths
from roadmap_cli.state import backup, records, rekey
from roadmap_cli.state.store import MIGRATIONS, KeySource, State
from roadmap_cli.why import decisions

HOME = {"HOME": sys.argv[2]}
STATE = paths.state_file(HOME)


def now() -> datetime:
    return datetime.now(UTC)


def keys() -> KeySource:
    return KeySource(HOME)


def opened(mode: str = "write", migrations: str = MIGRATIONS) -> State:
    return State.open(STATE, mode=mode, keys=keys(), now=now, migrations=migrations)  # type: ignore[arg-type]


def say(text: object) -> None:
    os.write(1, f"{text}\n".encode())


def event(name: str, text: str) -> dict[str, object]:
    return {"kind": "life.event", "id": name, "at": "2026-11-23T09:00:00.000Z", "text": text}


def first() -> None:
    """Open the state, perhaps as the first of all, and store one record."""
    with opened() as state, state.write() as tx:
        records.put(tx, event(f"life_{os.getpid()}", ""))


def increment() -> None:
    """Read a number and write it back one larger, so many times."""
    with opened() as state:
        for _ in range(int(sys.argv[3])):
            with state.write() as tx:
                row = tx.execute("SELECT json_extract(body, '$.n') FROM record WHERE id = 'counter'").fetchone()
                body = f'{{"n":{row[0] + 1 if row else 1}}}'
                tx.execute(
                    "INSERT INTO record VALUES ('counter', 'a', 'b', ?1) ON CONFLICT DO UPDATE SET body = ?1", (body,)
                )


def write() -> None:
    """Store batches for ever, each all or nothing, small and large, with a word in every place there is."""
    word, mark = sys.argv[3], f"{os.getpid()}_{os.times().elapsed}"
    with opened() as state:
        with state.write() as tx:
            tx.execute("CREATE VIRTUAL TABLE IF NOT EXISTS life_words USING fts5 (text)")
            tx.execute("CREATE TABLE IF NOT EXISTS life_note (text TEXT) STRICT")
        for number in range(10**9):
            name = f"life_{mark}_{number}"
            text = word * (1 + 200 * (number % 7 == 3))
            with state.write() as tx:
                records.put_many(tx, [event(f"{name}_{part}", text) for part in range(20 if number % 7 else 3000)])
                tx.execute("INSERT INTO life_words VALUES (?)", (f"a {word} b",))
                tx.execute("INSERT INTO life_note VALUES (?)", (text,))
                decisions.decide(
                    tx, kind="life.warned", what=word, why=word, evidence=[f"{name}_0"], command=word, at=now()
                )
                if number % 5 == 4:
                    tx.execute("DROP INDEX IF EXISTS life_note_text")
                    tx.execute("CREATE INDEX life_note_text ON life_note (text)")
                    tx.execute("SELECT text FROM record, life_note ORDER BY text DESC LIMIT 1").fetchone()
            say(f"{name} {20 if number % 7 else 3000}")


def migrate() -> None:
    """Bring the state up to date with the migrations in a folder."""
    opened(migrations=sys.argv[3]).close()
    say("done")


def rekeys() -> None:
    """Change the data key for ever."""
    while True:
        rekey.rekey(STATE, keys())
        say("rekeyed")


def restores() -> None:
    """Back the state up and restore it for ever."""
    copy = Path(sys.argv[2], "copy.db")
    while True:
        backup.backup(STATE, keys(), copy, replace=True)
        kept = backup.restore(STATE, keys(), copy, now=now)
        for end in ("", ".key"):
            Path(f"{kept}{end}").unlink()
        say("restored")


if __name__ == "__main__":
    globals()[sys.argv[1]]()
