"""The graph as it follows from all that was read and from the user's acts, before it is stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from roadmap_cli.core.clock import stamp
from roadmap_cli.life.graph import acts, entities, evidence, resolution
from roadmap_cli.life.graph.names import Level
from roadmap_cli.life.graph.weighing import Person, level

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
        _tell_user(gathered, said.users)
    outcome = resolution.resolve(gathered, said.words)
    found = entities.form(gathered, outcome, hidden=said.hidden, said=said.corrections, users=gathered.users)
    return Graph(gathered, outcome, found, said)


def _tell_user(gathered: evidence.Evidence, told: set[int]) -> None:
    """The user has said who they are: addresses that were taken for theirs stay so, unless they have another name."""
    names = [name for each in sorted(told) for name in Person(gathered.atoms[each]).names]
    first = min(told)
    for other in sorted(gathered.users.keys() - told):
        if level(names, Person(gathered.atoms[other]).names) in (Level.CONFLICT, Level.FAMILY_CHANGED):
            del gathered.users[other]
            continue
        gathered.links[evidence.pair(first, other)]["user"] += 1
        gathered.link_trails[evidence.pair(first, other)].take(gathered.atoms[other].trail)
    gathered.users.update(told)
