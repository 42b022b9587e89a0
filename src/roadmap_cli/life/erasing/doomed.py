"""What is to go: the records that the person means, and all that rests on them.

It is gathered in temporary tables: life_doomed (records that go), life_shell and life_why_shell (outputs and decisions
of which only a shell stays).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from roadmap_cli.life import holdings
from roadmap_cli.life.erasing import naming

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

_TABLES = ("life_doomed", "life_shell", "life_why_shell")


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


def gather(tx: Connection, wanted: Wanted) -> re.Pattern[str] | None:
    """Fill the temporary tables; what the names of people that go altogether look like, None if none go so."""
    for table in _TABLES:
        tx.execute(f"CREATE TEMP TABLE IF NOT EXISTS {table} (id TEXT NOT NULL PRIMARY KEY)")
    clear(tx)
    who = naming.people(tx, wanted.people) if wanted.people else None
    _put(tx, "life_doomed", _chosen(tx, wanted, who))
    _sources_left_empty(tx, wanted)
    if wanted != Wanted(people=wanted.people):
        who = None  # something of them stays: their names do, too, where a record says them
    _graph(tx, wanted, who)
    _follow(tx)
    return who


def clear(tx: Connection) -> None:
    """Empty the temporary tables."""
    for table in _TABLES:
        tx.execute(f"DELETE FROM temp.{table}")


def _put(tx: Connection, table: str, ids: Iterable[str]) -> None:
    tx.executemany(f"INSERT OR IGNORE INTO temp.{table} (id) VALUES (?)", ((each,) for each in ids))


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
