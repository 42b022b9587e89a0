"""The graph as it follows from all that was read and from the user's acts, before it is stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from roadmap_cli.core.clock import stamp
from roadmap_cli.life.graph import acts, entities, evidence, resolution

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection


@dataclass(slots=True)
class Graph:
    """The graph as it follows from records and acts, before it is stored."""

    evidence: evidence.Evidence
    outcome: resolution.Outcome
    entities: dict[int, entities.Entity]
    said: acts.Said


def graph(tx: Connection, now: datetime) -> Graph:
    """Resolve all that was read, as far as it has happened."""
    gathered = evidence.gather(tx, stamp(now))
    numbers = {atom.key: number for number, atom in gathered.atoms.items()}
    said = acts.said(acts.every(tx), numbers)
    if said.users:
        gathered.users.clear()
        gathered.users.update(said.users)
    outcome = resolution.resolve(gathered, said.words)
    found = entities.form(gathered, outcome, hidden=said.hidden, said=said.corrections, users=gathered.users)
    return Graph(gathered, outcome, found, said)
