"""What came of storing a batch."""

from __future__ import annotations

from dataclasses import dataclass, field

from roadmap_cli.core.records import Record
from roadmap_cli.state import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection


@dataclass(slots=True)
class Stored:
    """What came of a batch: the records that were new, how many were known, how many events are withdrawn."""

    new: list[Record] = field(default_factory=list)
    known: int = 0
    withdrawn: int = 0

    def put(self, tx: Connection, record: Record) -> bool:
        """Store a record unless its id is known; count it; True if it was new."""
        if records.put(tx, record):
            self.new.append(record)
            return True
        self.known += 1
        return False
