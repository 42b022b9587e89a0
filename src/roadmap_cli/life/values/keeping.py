"""Values in the state: set, removed, listed as they were at any version or time. Nothing is overwritten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from roadmap_cli.core.clock import parse, stamp
from roadmap_cli.core.errors import DataError, Negative
from roadmap_cli.core.records import Record, content_id
from roadmap_cli.life.values import grammar
from roadmap_cli.life.values.grammar import Rule
from roadmap_cli.life.values.order import Order
from roadmap_cli.state import records
from roadmap_cli.why import decisions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection


@dataclass(frozen=True, slots=True)
class Held:
    """A rule that holds: the id of its record, the version that set it, the rule."""

    id: str
    version: int
    rule: Rule

    def cite(self) -> Record:
        """How a record names it."""
        return {"value_id": self.id, "value_version": self.version, "rule": self.rule.words}


def version(tx: Connection) -> int:
    """The number of the last act; 0 before the first."""
    (last,) = tx.execute("SELECT max(max(from_version), max(coalesce(until_version, 0))) FROM life_value").fetchone()
    return int(last or 0)


def held(tx: Connection, at: str | None = None) -> list[Held]:
    """The rules that hold now, or held `at` a version (a number) or moment (RFC 3339), oldest first.

    Raises DataError for what is neither.
    """
    values: tuple[int | str, ...] = ()
    if at is None:
        where = "until_version IS NULL"
    elif at.isdigit():
        where = "from_version <= ?1 AND (until_version IS NULL OR until_version > ?1)"
        values = (int(at),)
    else:
        where = "set_at <= ?1 AND (removed_at IS NULL OR removed_at > ?1)"
        values = (stamp(parse(f"{at}T23:59:59.999Z" if len(at) == 10 else at)),)
    rows = tx.execute(f"SELECT id, from_version, rule FROM life_value WHERE {where} ORDER BY from_version, id", values)
    return [Held(name, number, grammar.parse(rule)) for name, number, rule in rows.fetchall()]


def order(rules: Sequence[Held]) -> Order:
    """The partial order that the priorities among rules make."""
    return Order.of((each.id, each.rule.told["order"]) for each in rules if each.rule.form == "priority")


def mappings(rules: Sequence[Held]) -> dict[str, list[list[str]]]:
    """How areas are told from records, as the person says."""
    return {each.rule.told["area"]: each.rule.told["tests"] for each in rules if each.rule.form == "area"}


def add(tx: Connection, rules: Sequence[Rule], now: datetime, *, command: str) -> list[Record]:
    """Set rules, each a version of its own; gives their records. One that holds already is left out.

    A rule about the same subject is replaced. The caller commits. Raises DataError (value_cycle) if priorities would
    go round in a circle, and shows it: nothing is set then.
    """
    given: list[Record] = []
    for rule in rules:
        present = held(tx)
        same = [each for each in present if each.rule.subject == rule.subject]
        if any(each.rule.words == rule.words for each in same):
            continue
        if rule.form == "priority":
            _refuse_cycle(present, rule)
        number = version(tx) + 1
        record: Record = {
            "kind": "life.value",
            "id": content_id("life.value", rule=rule.words, version=number, at=stamp(now)),
            "at": stamp(now),
            "rule": rule.words,
            "form": rule.form,
            "version": number,
        }
        if same:
            record["replaces_ids"] = [each.id for each in same]
        records.put(tx, record)
        why = decisions.decide(
            tx, kind="life.value_set", what=f"{rule.words} holds from version {number}", why="the person says so",
            evidence=[record["id"], *(each.id for each in same)], command=command, at=now,
        )  # fmt: skip
        record["why_id"] = why["id"]
        records.replace(tx, record)
        tx.execute(
            "INSERT INTO life_value (id, rule, subject, from_version, set_at) VALUES (?, ?, ?, ?, ?)",
            (record["id"], rule.words, rule.subject, number, record["at"]),
        )
        _close(tx, same, number, record)
        given.append(record)
    return given


def remove(tx: Connection, wanted: str, now: datetime, *, command: str) -> Record:
    """Remove a rule, named by its words or its id; gives the life.value_removed record. The caller commits.

    Raises Negative if no such rule holds.
    """
    present = held(tx)
    try:
        words = grammar.parse(wanted).words
    except DataError:
        words = wanted
    found = next((each for each in present if wanted == each.id or words == each.rule.words), None)
    if found is None:
        raise Negative(f"no such rule holds: {wanted!r}", hint="life-values list shows those that do")
    number = version(tx) + 1
    record: Record = {
        "kind": "life.value_removed",
        "id": content_id("life.value_removed", value=found.id, version=number, at=stamp(now)),
        "at": stamp(now),
        "rule": found.rule.words,
        "version": number,
        "value_id": found.id,
    }
    records.put(tx, record)
    why = decisions.decide(
        tx, kind="life.value_removed", what=f"{found.rule.words} no longer holds from version {number}",
        why="the person says so", evidence=[record["id"], found.id], command=command, at=now,
    )  # fmt: skip
    record["why_id"] = why["id"]
    records.replace(tx, record)
    _close(tx, [found], number, record)
    return record


def history(tx: Connection) -> list[Record]:
    """Every act, oldest first: life.value and life.value_removed records."""
    rows = tx.execute(
        """SELECT id FROM life_value UNION SELECT removed_id FROM life_value WHERE removed_id IS NOT NULL"""
    ).fetchall()
    found = [record for (name,) in rows if (record := records.get(tx, name)) is not None]
    return sorted(found, key=lambda record: (record.get("version", 0), record["id"]))


def _close(tx: Connection, gone: Sequence[Held], number: int, record: Record) -> None:
    for each in gone:
        tx.execute(
            "UPDATE life_value SET until_version = ?, removed_at = ?, removed_id = ? WHERE id = ?",
            (number, record["at"], record["id"], each.id),
        )


def _refuse_cycle(present: Sequence[Held], rule: Rule) -> None:
    chains = [(each.id, each.rule.told["order"]) for each in present if each.rule.form == "priority"]
    circle = Order.of([*chains, ("", rule.told["order"])]).cycle()
    if circle:
        raise DataError(
            f"it would go round in a circle: {' > '.join(circle)}",
            hint="remove one of these first: life-values remove 'RULE'",
            code="value_cycle",
        )
