"""Erase what the person says: records, what was made from them, and every trace of both in the file.

What rested on erased records stays as a shell that says "erased": a decision loses its words and numbers, an output
becomes a life.erased record with its old id. Ids of erased records are hashes of what they said, so they do not stay
either: evidence points to the one life.erased record of this act.
Tables are found in the schema: whatever references record (id), or a table that does, is swept; `holdings` says the
rest.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import TryLater
from roadmap_cli.core.records import Record, run_id
from roadmap_cli.life import holdings, naming

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection
    from roadmap_cli.state.store import State

ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to go: everything that meets all of these. `since` and `until` are stamps, `until` not included."""

    everything: bool = False
    ids: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    sources: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    since: str = ""
    until: str = ""


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
    for table in ("life_doomed", "life_shell", "life_why_shell"):
        tx.execute(f"CREATE TEMP TABLE IF NOT EXISTS {table} (id TEXT NOT NULL PRIMARY KEY)")
        tx.execute(f"DELETE FROM temp.{table}")
    before = _sizes(tx)
    who = naming.people(tx, wanted.people) if wanted.people else None
    _put(tx, "life_doomed", _chosen(tx, wanted, who))
    _sources_left_empty(tx, wanted)
    if wanted != Wanted(people=wanted.people):
        who = None  # something of them stays: their names do, too, where a record says them
    _graph(tx, wanted, who)
    _follow(tx)
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
        if _exists(tx, table):
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
    _sweep(tx)
    _derived(tx)
    _judge_again(tx, reopened, now)
    for table in ("life_doomed", "life_shell", "life_why_shell"):
        tx.execute(f"DELETE FROM temp.{table}")
    after = _sizes(tx)
    found.rows = Counter({name: size - after.get(name, 0) for name, size in before.items()})
    return found


def compact(state: State, *, wait_s: float) -> None:
    """Write the file anew without its free pages, and empty the write-ahead log.

    Raises TryLater if others use the state: what was erased is overwritten with zeros already, and this can be done
    later.
    """
    from sqlcipher3 import dbapi2

    connection = state.another(wait_s=wait_s)
    try:
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("VACUUM")
        (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise dbapi2.OperationalError("busy")
    except dbapi2.OperationalError as error:
        if "busy" not in str(error) and "locked" not in str(error):
            raise
        raise TryLater(
            "it is erased, but others use the state: its file could not be written anew",
            hint="life-erase --compact does that later",
        ) from None
    finally:
        connection.close()


def _put(tx: Connection, table: str, ids: Iterable[str]) -> int:
    before = tx.total_changes
    tx.executemany(f"INSERT OR IGNORE INTO temp.{table} (id) VALUES (?)", ((each,) for each in ids))
    return tx.total_changes - before


def _chosen(tx: Connection, wanted: Wanted, people: re.Pattern[str] | None) -> list[str]:
    """The records that are wanted, told by their fields; those of other families are never among them."""
    import orjson

    names = _sources(tx, wanted.sources) if wanted.sources else set()
    conditions, values = ["kind LIKE 'life.%'"], []
    for condition, value in (("at >= ?", wanted.since), ("at < ?", wanted.until)):
        if value:
            conditions.append(condition)
            values.append(value)
    chosen = []
    for name, kind, body in tx.execute(f"SELECT id, kind, body FROM record WHERE {' AND '.join(conditions)}", values):
        if wanted.kinds and kind not in wanted.kinds:
            continue
        if wanted.ids and name not in wanted.ids:
            continue
        if people is not None and not people.search(body.casefold()):
            continue
        if wanted.sources:
            record = orjson.loads(body)
            if not {record.get("source"), record.get("source_id"), name} & names:
                continue
        chosen.append(name)
    return chosen


def _sources(tx: Connection, given: Sequence[str]) -> set[str]:
    """Names and ids of the sources that are meant: by id, by name as it was given, or by the file's own name."""
    import orjson

    found = set(given)
    for name, body in tx.execute("SELECT id, body FROM record WHERE kind = 'life.source'"):
        record = orjson.loads(body)
        told = str(record.get("name", ""))
        if name in given or told in given or told.rpartition("/")[2] in given:
            found |= {name, told}
    return found


def _sources_left_empty(tx: Connection, wanted: Wanted) -> None:
    """A source goes with the last record that was read from it."""
    if wanted.everything:
        return
    rows = tx.execute(
        """SELECT DISTINCT json_extract(body, '$.source_id') AS source FROM record
           WHERE id IN (SELECT id FROM temp.life_doomed) AND source IS NOT NULL"""
    ).fetchall()
    for (source,) in rows:
        left = tx.execute(
            """SELECT 1 FROM record WHERE kind LIKE 'life.%' AND json_extract(body, '$.source_id') = ?
               AND id NOT IN (SELECT id FROM temp.life_doomed) LIMIT 1""",
            (source,),
        ).fetchone()
        if left is None:
            _put(tx, "life_doomed", [source])


def _graph(tx: Connection, wanted: Wanted, who: re.Pattern[str] | None) -> None:
    """Names leave the graph; its decisions count what is erased, so they are shells, whatever they cite.

    What the user said of others stays in their words.
    """
    if wanted.everything:
        tx.execute("DELETE FROM life_graph_act")
        tx.execute("DELETE FROM life_graph_mention")
        tx.execute("DELETE FROM life_graph_atom")
        return
    if tx.execute("SELECT 1 FROM temp.life_doomed LIMIT 1").fetchone() is None:
        return
    shells = naming.forget(tx, who)
    if who is not None:
        told = tx.execute(
            """SELECT id, what || char(10) || why || char(10) || coalesce(facts, '') FROM decision
               WHERE command LIKE 'life-%'"""
        )
        shells |= {name for name, text in told if who.search(text.casefold())}
    _put(tx, "life_why_shell", shells)
    tx.execute(
        """INSERT OR IGNORE INTO temp.life_why_shell (id)
           SELECT id FROM decision WHERE decision IN ('life.entity_resolved', 'life.relation_found')"""
    )


def _follow(tx: Connection) -> None:
    """What rests on doomed records: memories, decisions, outputs that name those or the records, and so on."""
    marks, memories = (", ".join(f"'{kind}'" for kind in sorted(kinds)) for kinds in (holdings.TOLD, holdings.MEMORIES))
    while True:
        before = tx.total_changes
        tx.execute(
            f"""INSERT OR IGNORE INTO temp.life_doomed (id)
                SELECT memory_id FROM life_memory_source WHERE record_id IN (SELECT id FROM temp.life_doomed)
                UNION SELECT record.id FROM record, json_each(record.body, '$.sources') AS source
                WHERE record.kind IN ({memories}) AND source.value IN (SELECT id FROM temp.life_doomed)"""
        )
        tx.execute(
            """INSERT OR IGNORE INTO temp.life_why_shell (id)
               SELECT decision_id FROM evidence JOIN decision ON decision.id = decision_id
               WHERE substr(decision, 1, 11) <> 'life.graph_'
                 AND (evidence_id IN (SELECT id FROM temp.life_doomed)
                      OR evidence_id IN (SELECT id FROM temp.life_why_shell)
                      OR evidence_id IN (SELECT id FROM temp.life_shell))"""
        )
        tx.execute(
            """INSERT OR IGNORE INTO temp.life_why_shell (id)
               SELECT decision.id FROM decision, json_each(decision.facts, '$.memory_ids') AS made
               WHERE decision = 'life.consolidated' AND made.value IN (SELECT id FROM temp.life_doomed)"""
        )
        tx.execute(
            f"""INSERT OR IGNORE INTO temp.life_shell (id)
                SELECT DISTINCT record.id FROM record, json_tree(record.body) AS leaf
                WHERE record.kind LIKE 'life.%' AND record.kind NOT IN ({marks}, {memories}, 'life.erased')
                  AND record.id NOT IN (SELECT id FROM temp.life_doomed) AND leaf.type = 'text'
                  AND (leaf.atom IN (SELECT id FROM temp.life_doomed)
                       OR leaf.atom IN (SELECT id FROM temp.life_why_shell)
                       OR leaf.atom IN (SELECT id FROM temp.life_shell)) AND leaf.fullkey <> '$.id'"""
        )
        if tx.total_changes == before:
            return


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
        for table, column, parent, _, _ in _references(tx):
            if parent == "record":
                tx.execute(f'DELETE FROM "{table}" WHERE "{column}" = ?', (name,))


def _places(tx: Connection, wanted: Wanted, who: re.Pattern[str] | None) -> None:
    for each in holdings.HOLDINGS:
        if each.how != "place" or not _exists(tx, each.table):
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


def _sweep(tx: Connection) -> None:
    """Rows whose record, or whose parent row, is gone: the reference is emptied where it may be, else the row goes."""
    changed = True
    while changed:
        changed = False
        for table, column, parent, target, required in _references(tx):
            gone = f"""FROM "{parent}" WHERE "{parent}"."{target}" = "{table}"."{column}\""""
            where = f'"{column}" IS NOT NULL AND NOT EXISTS (SELECT 1 {gone})'
            act = f'DELETE FROM "{table}"' if required else f'UPDATE "{table}" SET "{column}" = NULL'
            changed |= tx.execute(f"{act} WHERE {where}").rowcount > 0


def _references(tx: Connection) -> list[tuple[str, str, str, str, bool]]:
    """Foreign keys of the family's tables: table, column, parent, its column, whether the row cannot be without it."""
    found = []
    for table in _tables(tx):
        columns = {
            name: (required, key) for _, name, _, required, _, key in tx.execute(f'PRAGMA table_info("{table}")')
        }
        for _, _, parent, column, target, _, on_delete, *_ in tx.execute(
            f'PRAGMA foreign_key_list("{table}")'
        ).fetchall():
            required, key = columns[column]
            found.append((table, column, parent, target or "id", bool(required or key or on_delete == "CASCADE")))
    return found


def _derived(tx: Connection) -> None:
    """Empty what is made from records; full-text indexes are also merged: no deleted word stays in a segment."""
    for each in holdings.HOLDINGS:
        sql = _exists(tx, each.table)
        is_text = re.search(r"using\s+fts5", sql, re.IGNORECASE)
        if each.how != "derived" or not sql:
            if is_text:
                tx.execute(f'INSERT INTO "{each.table}" ("{each.table}") VALUES (\'optimize\')')
            continue
        if is_text and re.search(r"content\s*=", sql, re.IGNORECASE):
            tx.execute(f'INSERT INTO "{each.table}" ("{each.table}") VALUES (\'delete-all\')')
        else:
            tx.execute(f'DELETE FROM "{each.table}"')
        if is_text:
            tx.execute(f'INSERT INTO "{each.table}" ("{each.table}") VALUES (\'optimize\')')


def _exists(tx: Connection, table: str) -> str:
    row = tx.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    return str(row[0]) if row else ""


def _tables(tx: Connection) -> list[str]:
    """The family's tables, those that stand behind virtual ones left out."""
    rows = tx.execute(
        """SELECT name FROM pragma_table_list
           WHERE schema = 'main' AND name LIKE 'life\\_%' ESCAPE '\\' AND type <> 'shadow'
             AND name NOT IN (SELECT name FROM sqlite_schema WHERE sql LIKE '%fts5vocab%')"""
    )
    return sorted(name for (name,) in rows.fetchall())


def _sizes(tx: Connection) -> dict[str, int]:
    return {table: int(tx.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]) for table in _tables(tx)}
