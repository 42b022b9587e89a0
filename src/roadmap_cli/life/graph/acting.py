"""The user's acts on the graph: each is remembered (`acts`) and the graph resolved anew in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from roadmap_cli.core.errors import DataError, UsageError
from roadmap_cli.core.records import Record
from roadmap_cli.life.graph import acts, building, finding, identities, names
from roadmap_cli.life.graph.finding import Times
from roadmap_cli.life.graph.verbs import RELATIONS, sentence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection


@dataclass(frozen=True, slots=True)
class Context:
    """Who acts, and when."""

    command: str
    now: datetime


def merge(tx: Connection, wanted: Sequence[str], context: Context) -> list[Record]:
    """Make entities one. Gives the act and the entity. Raises DataError if a name fits none or several."""
    found = {each["id"]: each for each in (finding.one(tx, text) for text in wanted)}
    if len(found) < 2:
        raise DataError("these are one entity already", code="nothing_to_do")
    first, *others = found.values()
    act = _act(
        tx, "merge", first["atoms"], [key for each in others for key in each["atoms"]], {}, context,
        what=f"{' and '.join(each['name'] for each in found.values())} are one", about=found.values(),
    )  # fmt: skip
    return [act.record(), *_present(tx, [first["atoms"][0]])]


def split(tx: Connection, wanted: str, parts: Sequence[str], context: Context) -> list[Record]:
    """Take names and addresses out of an entity, together. Gives the act and both entities.

    Raises DataError if there is no such entity, it has no such name, or nothing would stay.
    """
    entity = finding.one(tx, wanted)
    forms = _forms(tx, entity["atoms"])
    taken: list[str] = []
    for text in parts:
        fits = [key for key in entity["atoms"] if _names(key, forms.get(key, ()), text)]
        if not fits:
            raise DataError(
                f"it has no name or address {text!r}", hint=f"life-graph show {entity['id']}", code="no_alias"
            )
        taken += fits
    left = [key for key in entity["atoms"] if key not in taken]
    if not left:
        raise DataError("nothing would be left: that is all it has", code="nothing_left")
    act = _act(
        tx, "split", sorted(set(taken)), left, {}, context,
        what=f"{', '.join(parts)} is not {entity['name']}", about=[entity],
    )  # fmt: skip
    return [act.record(), *_present(tx, [left[0], taken[0]])]


def _names(key: str, forms: Iterable[str], text: str) -> bool:
    told = text.strip()
    if told in (key, key[2:]):
        return True
    if address := identities.email(told):
        return key == f"e:{address}"
    if number := identities.phone(told):
        return key == f"p:{identities.phone_tail(number)}"
    return any(names.fold(form) == names.fold(told) for form in forms)


def _forms(tx: Connection, keys: Iterable[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for key in keys:
        rows = tx.execute(
            "SELECT DISTINCT m.form FROM life_graph_atom AS a JOIN life_graph_mention AS m ON m.atom = a.number"
            " WHERE a.key = ? AND m.role NOT IN ('birthday', 'title', 'relation_type', 'stay', 'paid_in', 'paid_out')",
            (key,),
        )
        found[key] = {form for (form,) in rows if form}
    return found


def correct(
    tx: Connection, wanted: str, context: Context, *, name: str | None, sort: str | None, is_user: bool
) -> list[Record]:
    """Say what an entity is called, of what sort it is, or that it is the user. Gives the act and the entity."""
    if not name and not sort and not is_user:
        raise UsageError("nothing to correct", hint="give --name, --is or --me")
    entity = finding.one(tx, wanted)
    said: dict[str, Any] = ({"name": name} if name else {}) | ({"sort": sort} if sort else {})
    said |= {"is_user": True} if is_user else {}
    words = ", ".join(f"{field.replace('_', ' ')} {value}" for field, value in said.items())
    act = _act(tx, "correct", entity["atoms"], [], said, context, what=f"{entity['name']}: {words}", about=[entity])
    return [act.record(), *_present(tx, entity["atoms"][:1])]


def relate(
    tx: Connection,
    a: str,
    relation: str,
    b: str,
    context: Context,
    *,
    since: str | None,
    until: str | None,
    wrong: bool,
) -> list[Record]:
    """Say that a relation holds, since and until when, or that it does not. Gives the act and the relation."""
    if relation not in RELATIONS:
        raise UsageError(f"no such relation: {relation!r}", hint=f"one of {', '.join(RELATIONS)}")
    one, other = finding.one(tx, a), finding.one(tx, b)
    if one["id"] == other["id"]:
        raise DataError("both are one entity", code="one_entity")
    start, end = Times.of(since, None).true_from, Times.of(until, None).true_until
    if start and end and end < start:
        raise UsageError("it would end before it begins")
    said: dict[str, Any] = (
        {"relation": relation} | ({"since": start} if start else {}) | ({"until": end} if end else {})
    )
    said |= {"is_wrong": True} if wrong else {}
    what = sentence(relation, one["name"], other["name"])
    act = _act(
        tx, "relate", one["atoms"], other["atoms"], said, context,
        what=f"it is wrong that {what}" if wrong else what, about=[one, other],
    )  # fmt: skip
    ids = {one["id"], other["id"]}
    now = [
        each
        for each in finding.relations(tx, Times(), [one["id"]])
        if each["relation"] == relation and {each["a_id"], each["b_id"]} == ids
    ]
    return [act.record(), *now]


def forget(tx: Connection, wanted: Sequence[str], context: Context) -> list[Record]:
    """Forget entities: they and what hangs on them are shown no more, whatever is ingested. Gives acts, and them."""
    found = {each["id"]: each for each in (finding.one(tx, text) for text in wanted)}
    made: list[Record] = []
    for entity in found.values():
        act = _act(
            tx, "forget", entity["atoms"], [], {}, context, what=f"{entity['name']} is forgotten", about=[entity]
        )
        made += [act.record(), entity | {"is_forgotten": True}]
    _erase(tx, set(found))
    return made


def _erase(tx: Connection, ids: set[str]) -> None:
    """Remove what was derived of entities, earlier versions and decisions on relations too."""
    for name in ids:
        whys = tx.execute(
            "SELECT why_id FROM life_relation WHERE (a_id = ?1 OR b_id = ?1) AND why_id IS NOT NULL"
            " UNION SELECT why_id FROM life_entity WHERE id = ?1 AND why_id IS NOT NULL",
            (name,),
        ).fetchall()
        tx.execute("DELETE FROM life_relation WHERE a_id = ?1 OR b_id = ?1", (name,))
        tx.execute("DELETE FROM life_entity WHERE id = ?", (name,))
        for (why,) in whys:
            tx.execute(
                "DELETE FROM decision WHERE id = ? AND NOT EXISTS (SELECT 1 FROM evidence WHERE evidence_id = ?)",
                (why, why),
            )


def undo(tx: Connection, act_id: str, context: Context) -> list[Record]:
    """Take an act back; records decide again. Gives the act and the entities it was about."""
    act = acts.revoke(tx, act_id, context.now)
    building.resolve(tx, context.now, command=context.command)
    return [act.record(), *_present(tx, [*act.atoms[:1], *act.others[:1]])]


def _act(
    tx: Connection,
    kind: str,
    atoms: Sequence[str],
    others: Sequence[str],
    said: Mapping[str, Any],
    context: Context,
    *,
    what: str,
    about: Iterable[Record],
) -> acts.Act:
    evidence = [each["why_id"] for each in about if "why_id" in each]
    act = acts.add(tx, kind, atoms, others, said, what=what, evidence=evidence, command=context.command, at=context.now)
    building.resolve(tx, context.now, command=context.command)
    return act


def _present(tx: Connection, keys: Sequence[str]) -> list[Record]:
    """The entities that atoms now belong to."""
    ids = [
        row[0]
        for key in dict.fromkeys(keys)
        for row in tx.execute("SELECT entity_id FROM life_graph_atom WHERE key = ? AND entity_id IS NOT NULL", (key,))
    ]
    return finding.entities(tx, Times(), ids=ids)
