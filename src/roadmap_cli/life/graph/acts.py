"""What the user said of the graph: remembered for good, and stronger than any record, whenever that comes.

An act speaks of atoms, so it holds for the same addresses and names after everything was read anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, run_id
from roadmap_cli.life.graph.resolution import Word
from roadmap_cli.why import decisions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

KIND = "life.graph_act"


@dataclass(frozen=True, slots=True)
class Act:
    """One act: which, the keys of the atoms it is about, those of the other side, and what was said."""

    id: str
    at: str
    act: str
    atoms: tuple[str, ...]
    others: tuple[str, ...]
    said: Mapping[str, Any]
    why_id: str
    revoked_at: str | None = None

    def record(self) -> Record:
        """Its record. Keys of atoms are addresses and names."""
        record: Record = {"kind": KIND, "id": self.id, "at": self.at, "act": self.act, "atoms": list(self.atoms)}
        record |= {"others": list(self.others)} if self.others else {}
        record |= {"said": dict(self.said)} if self.said else {}
        record["why_id"] = self.why_id
        return record | ({"revoked_at": self.revoked_at} if self.revoked_at else {})


@dataclass(slots=True)
class Said:
    """All acts that hold, by number of atom: words on pairs in order, the hidden, corrections, the user, relations."""

    words: list[Word] = field(default_factory=list)
    hidden: set[int] = field(default_factory=set)
    corrections: dict[int, dict[str, str]] = field(default_factory=dict)
    users: set[int] = field(default_factory=set)
    relations: list[tuple[int, str, int, Mapping[str, Any], Act]] = field(default_factory=list)


def add(
    tx: Connection,
    act: str,
    atoms: Sequence[str],
    others: Sequence[str],
    said: Mapping[str, Any],
    *,
    what: str,
    evidence: Sequence[str],
    command: str,
    at: datetime,
) -> Act:
    """Remember an act, with its decision. The caller commits, and builds the graph anew."""
    import orjson

    why = decisions.decide(
        tx, kind=f"life.graph_{act}", what=what, why="the user said so", evidence=evidence, command=command, at=at
    )
    made = Act(run_id(KIND, at), stamp(at), act, tuple(atoms), tuple(others), dict(said), why["id"])
    tx.execute(
        "INSERT INTO life_graph_act (id, at, act, atoms, others, said, why_id) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            made.id, made.at, act, orjson.dumps(list(atoms)).decode(), orjson.dumps(list(others)).decode(),
            orjson.dumps(dict(said)).decode(), made.why_id,
        ),
    )  # fmt: skip
    return made


def every(tx: Connection, *, revoked: bool = False) -> list[Act]:
    """All acts that hold, in the order they were said; with `revoked` those taken back, too."""
    import orjson

    where = "" if revoked else " WHERE revoked_at IS NULL"
    rows = tx.execute(
        f"SELECT id, at, act, atoms, others, said, why_id, revoked_at FROM life_graph_act{where} ORDER BY place"
    )
    return [
        Act(name, at, act, tuple(orjson.loads(atoms)), tuple(orjson.loads(others)), orjson.loads(said), why, revoked_at)
        for name, at, act, atoms, others, said, why, revoked_at in rows
    ]


def revoke(tx: Connection, act_id: str, at: datetime) -> Act:
    """Take an act back. Raises DataError if there is none of that id that holds."""
    found = next((each for each in every(tx) if each.id == act_id), None)
    if found is None:
        raise DataError(f"no act {act_id!r} that holds", hint="life-graph acts", code="no_act")
    tx.execute("UPDATE life_graph_act SET revoked_at = ? WHERE id = ?", (stamp(at), act_id))
    decisions.settle(tx, found.why_id, "taken back", at)
    return replace(found, revoked_at=stamp(at))


def said(acts: Iterable[Act], numbers: Mapping[str, int]) -> Said:
    """What acts say, of the atoms there are; later ones override earlier ones."""
    found = Said()
    for act in acts:
        atoms = [numbers[key] for key in act.atoms if key in numbers]
        others = [numbers[key] for key in act.others if key in numbers]
        if act.act == "merge":
            found.words += [Word(a, b, True) for a in atoms for b in others]
        elif act.act == "split":
            found.words += [Word(a, b, False) for a in atoms for b in others]
        elif act.act == "forget":
            found.hidden.update(atoms)
        elif act.act == "correct":
            for each in atoms:
                told = {name: str(value) for name, value in act.said.items() if name in ("name", "sort")}
                found.corrections[each] = found.corrections.get(each, {}) | told
                if act.said.get("is_user"):
                    found.users.add(each)
        elif act.act == "relate" and atoms and others:
            found.relations.append((atoms[0], str(act.said["relation"]), others[0], act.said, act))
    return found
