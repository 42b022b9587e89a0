"""Erase what the person says: records, what was made from them, and every trace of both in the file.

What rested on erased records stays as a shell that says "erased": a decision loses its words and numbers, an output
becomes a life.erased record with its old id. Ids of erased records are hashes of what they said, so they do not stay
either: evidence points to the one life.erased record of this act.
`doomed` says what goes, `tables` finds the rows that hang on it in the schema, `holdings` says the rest.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import CannotCreate, TryLater
from roadmap_cli.core.records import Record, run_id
from roadmap_cli.life import holdings
from roadmap_cli.life.erasing import doomed, tables
from roadmap_cli.life.erasing.doomed import Wanted
from roadmap_cli.state import failures

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection
    from roadmap_cli.state.store import State

ERASED = "erased"


@dataclass(slots=True)
class Erasure:
    """What went: records by kind, outputs and decisions that rested on them, rows of tables, calls of models."""

    records: Counter[str] = field(default_factory=Counter)
    outputs: Counter[str] = field(default_factory=Counter)
    decisions: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    model_calls: int = 0
    others: int = 0
    """Records of other families that name what was erased: they stay."""

    def fields(self) -> Record:
        """The counts as fields of a record."""
        return {
            "record_count": sum(self.records.values()),
            "records": dict(sorted(self.records.items())),
            "outputs": dict(sorted(self.outputs.items())),
            "decision_count": self.decisions,
            "rows": dict(sorted((name, count) for name, count in self.rows.items() if count)),
            "model_call_count": self.model_calls,
            "other_count": self.others,
        }


def erase(tx: Connection, wanted: Wanted, now: datetime) -> Erasure:
    """Erase in this transaction; the caller commits, and then calls `compact`. Nothing is left half done by a kill."""
    tx.execute("PRAGMA secure_delete = ON")
    tx.execute("PRAGMA defer_foreign_keys = ON")
    found = Erasure()
    before = tables.sizes(tx)
    who = doomed.gather(tx, wanted)
    for kind, count in tx.execute(
        "SELECT kind, count(*) FROM record WHERE id IN (SELECT id FROM temp.life_doomed) GROUP BY kind"
    ).fetchall():
        found.records[kind] = count
    if not found.records and not wanted.everything:
        return found
    for kind, count in tx.execute(
        "SELECT kind, count(*) FROM record WHERE id IN (SELECT id FROM temp.life_shell) GROUP BY kind"
    ).fetchall():
        found.outputs[kind] = count
    (found.decisions,) = tx.execute("SELECT count(*) FROM temp.life_why_shell").fetchone()
    found.others = _mentioned_elsewhere(tx)
    for table, key, column in holdings.COPIES:
        if tables.exists(tx, table):
            tx.execute(
                f"""UPDATE "{table}" SET "{column}" = NULL WHERE "{key}" IN (SELECT id FROM temp.life_doomed)
                    OR "{key}" IN (SELECT id FROM temp.life_shell)"""
            )
    _forget_mentions(tx)
    reopened = _ended_by_doomed(tx)
    _days(tx, wanted)
    _shells(tx, wanted, now)
    _places(tx, wanted, who)
    _calls(tx, found)
    tx.execute("DELETE FROM record WHERE id IN (SELECT id FROM temp.life_doomed)")
    tables.sweep(tx)
    tables.empty_derived(tx)
    _judge_again(tx, reopened, now)
    doomed.clear(tx)
    after = tables.sizes(tx)
    found.rows = Counter({name: size - after.get(name, 0) for name, size in before.items()})
    return found


def compact(state: State, *, wait_s: float) -> None:
    """Write the file anew without its free pages, and empty the write-ahead log.

    What was erased is overwritten with zeros already, and this can be done later. Raises TryLater if others use the
    state, CannotCreate if the disk has no room for it, ConfigError if the state is damaged.
    """
    path = os.fspath(state.path)
    connection = state.another(wait_s=wait_s)
    try:
        with failures.guarding(path):
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("VACUUM")
            (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                raise failures.busy(path)
    except (TryLater, CannotCreate) as error:
        why = "others use the state" if isinstance(error, TryLater) else "the disk takes no more"
        words = f"it is erased, but {why}: its file could not be written anew"
        raise type(error)(words, hint="life-erase --compact does that later") from error
    finally:
        connection.close()


def _ended_by_doomed(tx: Connection) -> list[str]:
    """Facts that stay and were ended by one that goes."""
    rows = tx.execute(
        """SELECT DISTINCT kept.evidence_id FROM evidence AS kept
           JOIN decision ON decision.id = kept.decision_id AND decision.decision = 'life.fact_ended'
           JOIN evidence AS gone ON gone.decision_id = kept.decision_id
                AND gone.evidence_id IN (SELECT id FROM temp.life_doomed)
           WHERE kept.evidence_id NOT IN (SELECT id FROM temp.life_doomed)"""
    )
    return [name for (name,) in rows]


def _judge_again(tx: Connection, facts: Sequence[str], now: datetime) -> None:
    """Facts whose end nothing supports any more hold again, unless another ends them."""
    from roadmap_cli.life.consolidate import nightly

    tx.executemany("UPDATE life_memory SET true_until = NULL WHERE id = ?", [(name,) for name in facts])
    for name in facts:
        nightly.judge(tx, name, now, "life-erase")


def _days(tx: Connection, wanted: Wanted) -> None:
    """What is found of a day of a metric hangs on no record: it goes with the first measurement of that day."""
    if wanted.everything:
        tx.execute("DELETE FROM life_item")
        return
    tx.execute(
        """DELETE FROM life_item WHERE record_id IS NULL AND EXISTS (
               SELECT 1 FROM life_measurement AS measured
               WHERE measured.metric = life_item.metric AND measured.date = life_item.day
                 AND measured.id IN (SELECT id FROM temp.life_doomed))"""
    )


def _forget_mentions(tx: Connection) -> None:
    """Records that stay and name an erased one (a twin, a source) lose that field."""
    import orjson

    rows = tx.execute(
        """SELECT DISTINCT record.id, record.body FROM record, json_tree(record.body) AS leaf
           WHERE record.kind LIKE 'life.%' AND record.id NOT IN (SELECT id FROM temp.life_doomed)
             AND record.id NOT IN (SELECT id FROM temp.life_shell)
             AND leaf.type = 'text' AND leaf.atom IN (SELECT id FROM temp.life_doomed)"""
    ).fetchall()
    doomed = {name for (name,) in tx.execute("SELECT id FROM temp.life_doomed")}
    for name, body in rows:
        kept = {key: value for key, value in orjson.loads(body).items() if key == "id" or value not in _Any(doomed)}
        tx.execute("UPDATE record SET body = ? WHERE id = ?", (orjson.dumps(kept).decode(), name))


def _mentioned_elsewhere(tx: Connection) -> int:
    (count,) = tx.execute(
        """SELECT count(DISTINCT record.id) FROM record, json_tree(record.body) AS leaf
           WHERE record.kind NOT LIKE 'life.%' AND leaf.type = 'text'
             AND (leaf.atom IN (SELECT id FROM temp.life_doomed) OR leaf.atom IN (SELECT id FROM temp.life_shell)
                  OR leaf.atom IN (SELECT id FROM temp.life_why_shell))"""
    ).fetchone()
    return int(count)


class _Any:
    """Whether a field's value is, or holds, one of some ids."""

    def __init__(self, ids: set[str]) -> None:
        self.ids = ids

    def __contains__(self, value: object) -> bool:
        if isinstance(value, list):
            return any(each in self for each in value)
        return isinstance(value, str) and value in self.ids


def _shells(tx: Connection, wanted: Wanted, now: datetime) -> None:
    """Words and numbers leave the decisions and outputs; evidence points to one record that says erased."""
    import orjson

    at = stamp(now)
    if wanted.everything:
        tx.execute(
            """INSERT OR IGNORE INTO temp.life_why_shell (id)
               SELECT id FROM decision WHERE decision LIKE 'life.%' OR command LIKE 'life-%'"""
        )
        tx.execute("DELETE FROM decision WHERE decision LIKE 'life.%' OR command LIKE 'life-%'")  # with its evidence
        tx.execute("DELETE FROM record WHERE kind LIKE 'life.%'")
    tx.execute("DELETE FROM outcome WHERE decision_id IN (SELECT id FROM temp.life_why_shell)")
    tx.execute(
        "UPDATE decision SET what = ?1, why = ?2, facts = NULL WHERE id IN (SELECT id FROM temp.life_why_shell)",
        (ERASED, "it rested on records that were erased"),
    )
    mark = run_id("life.erased", now)
    told = orjson.dumps({"kind": "life.erased", "id": mark, "at": at, "text": ERASED}).decode()
    pointed = tx.execute(
        """UPDATE evidence SET evidence_id = ? WHERE evidence_id IN (SELECT id FROM temp.life_doomed)
           OR (? AND evidence_id IN (SELECT id FROM temp.life_why_shell)
               AND evidence_id NOT IN (SELECT id FROM decision))""",
        (mark, wanted.everything),
    ).rowcount
    if pointed:
        tx.execute("INSERT INTO record (id, kind, at, body) VALUES (?, 'life.erased', ?, ?)", (mark, at, told))
    for name, kind in tx.execute("SELECT id, kind FROM record WHERE id IN (SELECT id FROM temp.life_shell)").fetchall():
        shell = {"kind": "life.erased", "id": name, "at": at, "was": kind, "text": ERASED}
        tx.execute(
            "UPDATE record SET kind = 'life.erased', at = ?, body = ? WHERE id = ?",
            (at, orjson.dumps(shell).decode(), name),
        )
        for table, column, parent, _, _ in tables.references(tx):
            if parent == "record":
                tx.execute(f'DELETE FROM "{table}" WHERE "{column}" = ?', (name,))


def _places(tx: Connection, wanted: Wanted, who: re.Pattern[str] | None) -> None:
    for each in holdings.HOLDINGS:
        if each.how != "place" or not tables.exists(tx, each.table):
            continue
        if wanted.everything:
            tx.execute(f'DELETE FROM "{each.table}"')
        for name in wanted.sources:
            tx.execute(
                f'DELETE FROM "{each.table}" WHERE "{each.column}" = ?1 OR "{each.column}" LIKE ?2', (name, f"%/{name}")
            )
        if who is not None:
            names = tx.execute(f'SELECT DISTINCT "{each.column}" FROM "{each.table}"').fetchall()
            theirs = [row for row in names if who.search(row[0].casefold())]
            tx.executemany(f'DELETE FROM "{each.table}" WHERE "{each.column}" = ?', theirs)


def _calls(tx: Connection, found: Erasure) -> None:
    """What life commands told a model, and what it said, may hold anything: both go."""
    found.model_calls = tx.execute(
        """UPDATE model_call SET input_json = NULL, output_json = NULL
           WHERE command LIKE 'life-%' AND (input_json IS NOT NULL OR output_json IS NOT NULL)"""
    ).rowcount
