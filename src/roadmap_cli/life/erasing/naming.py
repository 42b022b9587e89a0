"""Who is meant by a name that is to be erased, and what the graph holds of names that no record mentions any more."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from roadmap_cli.core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: What stands between the digits of a number as people write it, and the most of its country and area in front.
_BETWEEN, _IN_FRONT = r"[ ()/.\-]{0,3}", r"(?:\+|\b)[\d ()/.\-]{0,8}"
_LEAST_DIGITS = 7
#: Acts that speak of two sides.
_TWO_SIDED = frozenset(("merge", "split", "relate"))


def people(tx: Connection, given: Sequence[str]) -> re.Pattern[str]:
    """Every name and address of these people that contacts and the graph know, as whole words, casefolded.

    Of the graph's names only those of two words and more: a first name alone is shared by many. Numbers are found
    however they are grouped, with or without their country.
    """
    import orjson

    asked = {" ".join(each.casefold().split()) for each in given}
    words = set(asked)
    for (body,) in tx.execute("SELECT body FROM record WHERE kind = 'life.contact'"):
        record = orjson.loads(body)
        mine = {str(record.get("name", "")).casefold(), *(each.casefold() for each in _addresses(record))} - {""}
        if mine & asked:
            words |= mine
    for name, body in tx.execute("SELECT name, body FROM life_entity WHERE superseded_at IS NULL AND sort = 'person'"):
        known = orjson.loads(body)
        called = {str(each).casefold() for each in (name, *known.get("names", []))}
        reached = {str(each).casefold() for field in ("emails", "phones") for each in known.get(field, [])}
        if (called | reached) & words:
            words |= reached | {each for each in called if len(each.split()) > 1}
    return re.compile("|".join(_found(each) for each in sorted(words)))


def _found(word: str) -> str:
    import orjson

    digits = re.sub(r"\D", "", word)
    if re.fullmatch(r"[+\d][\d ()/.\-]*", word) and len(digits) >= _LEAST_DIGITS:
        return rf"{_IN_FRONT}{_BETWEEN.join(digits[-9:])}(?!\d)"
    return rf"(?<!\w){re.escape(orjson.dumps(word).decode()[1:-1])}(?!\w)"


def _addresses(record: Record) -> Iterator[str]:
    for name in ("email", "emails", "phone", "phones", "addresses", "nicknames"):
        value = record.get(name)
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str):
                yield each
            elif isinstance(each, dict):
                yield from (str(inner) for inner in each.values() if isinstance(inner, str))


def forget(tx: Connection, who: re.Pattern[str] | None) -> set[str]:
    """Remove the atoms of the graph that only records in temp.life_doomed mention, and take them out of the acts.

    An act that still speaks of somebody (of two sides, if it needs two) stays without them. Gives the decisions of the
    acts that changed or went: their words name who is erased.
    """
    import orjson

    gone = {
        key: number
        for number, key in tx.execute(
            """SELECT number, key FROM life_graph_atom AS atom WHERE key NOT LIKE 'd:%'
               AND EXISTS (SELECT 1 FROM life_graph_mention WHERE atom = atom.number
                           AND record_id IN (SELECT id FROM temp.life_doomed))
               AND NOT EXISTS (SELECT 1 FROM life_graph_mention WHERE atom = atom.number
                               AND record_id NOT IN (SELECT id FROM temp.life_doomed))"""
        )
    }
    if who is not None:
        rows = tx.execute("SELECT number, key FROM life_graph_atom").fetchall()
        gone |= {key: number for number, key in rows if who.search(key.partition(":")[2].casefold())}
    touched: set[str] = set()
    acts = tx.execute("SELECT place, act, atoms, others, said, why_id FROM life_graph_act").fetchall()
    for place, act, atoms, others, said, why_id in acts:
        sides = [orjson.loads(each) for each in (atoms, others)]
        left = [[key for key in side if key not in gone] for side in sides]
        if left == sides and not (who and who.search(said.casefold())):
            continue
        touched.add(why_id)
        if left == sides or not left[0] or (act in _TWO_SIDED and not left[1]):
            tx.execute("DELETE FROM life_graph_act WHERE place = ?", (place,))
        else:
            texts = [orjson.dumps(side).decode() for side in left]
            tx.execute("UPDATE life_graph_act SET atoms = ?, others = ? WHERE place = ?", (*texts, place))
    numbers = [(number,) for number in gone.values()]
    tx.executemany("DELETE FROM life_graph_mention WHERE atom = ?", numbers)
    tx.executemany("DELETE FROM life_graph_atom WHERE number = ?", numbers)
    _domains(tx)
    return touched


def _domains(tx: Connection) -> None:
    """An organisation's domain is known by its addresses alone: it goes with the last of them."""
    from roadmap_cli.life.graph.identities import organisation_domain

    domains = {
        organisation_domain(key[2:]) for (key,) in tx.execute("SELECT key FROM life_graph_atom WHERE key LIKE 'e:%'")
    }
    rows = tx.execute(
        """SELECT number, key FROM life_graph_atom WHERE key LIKE 'd:%'
           AND number NOT IN (SELECT atom FROM life_graph_mention)"""
    ).fetchall()
    tx.executemany("DELETE FROM life_graph_atom WHERE number = ?", [(n,) for n, key in rows if key[2:] not in domains])
