"""From items to the state in batches: each is committed before its records are handed on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life import cursors, store
from roadmap_cli.life.items import Group, Item, LeftOut, Position

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.store import State

#: Records in one transaction at first; a series is never divided.
BATCH_RECORDS = 500
#: Where there is more, batches grow up to so many: some 200 ms of work, and a tenth of the cost of commits.
MOST_RECORDS = 40_000


@dataclass(slots=True)
class Tally:
    """What an import came to, by kind; for the words at its end."""

    added: Counter[str] = field(default_factory=Counter)
    known: int = 0
    withdrawn: int = 0
    cut: list[str] = field(default_factory=list)
    """Where a series begins that has more instances than are taken."""
    left: Counter[str] = field(default_factory=Counter)
    """What sources hold that is not taken, by what it is."""

    def count(self, stored: store.Stored) -> None:
        """Add what came of one batch."""
        self.added.update(record["kind"] for record in stored.new)
        self.known += stored.known
        self.withdrawn += stored.withdrawn

    def words(self) -> str:
        """Such as `added 214 events, 12 already known`."""
        counts = [
            _counted(count, kind) for kind, count in sorted(self.added.items()) if count and kind != "life.source"
        ]
        gone = f", {self.withdrawn} replaced or withdrawn" if self.withdrawn else ""
        left = "".join(f", {count} {what} left out" for what, count in sorted(self.left.items()))
        return f"added {', '.join(counts) or 'nothing'}, {self.known} already known{gone}{left}"


def _counted(count: int, kind: str) -> str:
    """Such as `2 activities`."""
    name = kind.removeprefix("life.").replace("_", " ")
    if count != 1:
        name = f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"
    return f"{count} {name}"


def ingest(
    state: State,
    items: Iterable[Item],
    source: Record,
    tally: Tally,
    failed: Callable[[DataError], None],
    now: Callable[[], datetime],
) -> Iterator[Record]:
    """Store the items of one source and give the records that were new, after their commit.

    `source` is its life.source record, stored together with the first items. `failed` gets what is malformed, in its
    place: after what came before it is stored. What it raises ends the work. A Position is stored in the transaction
    of the items before it; `now` tells when that is.
    """
    head = [source]
    batch: list[Group | Record] = []
    size = 0
    limit = BATCH_RECORDS
    for item in items:
        if isinstance(item, LeftOut):
            tally.left[item.what] += item.count
            continue
        if not isinstance(item, (DataError, Position)):
            batch.append(item)
            size += len(item.events) if isinstance(item, Group) else 1
            if isinstance(item, Group) and item.cut:
                tally.cut.append(f"{item.events[0]['source']}:{item.events[0]['source_line']}")
        if isinstance(item, Position) or (batch and (isinstance(item, DataError) or size >= limit)):
            reached = (item, now()) if isinstance(item, Position) else None
            yield from commit(state, [*head, *batch], source["format"], tally, reached)
            if size >= limit:
                limit = min(2 * limit, MOST_RECORDS)
            head, batch, size = [], [], 0
        if isinstance(item, DataError):
            failed(item)
    if batch:
        yield from commit(state, [*head, *batch], source["format"], tally)


def commit(
    state: State,
    batch: Sequence[Group | Record],
    format_name: str,
    tally: Tally,
    reached: tuple[Position, datetime] | None = None,
) -> list[Record]:
    """Store one batch, and how far its source was read with it, in one transaction; the records that were new."""
    many = len(batch) > BATCH_RECORDS
    with state.write() as tx:
        if many:
            store.widen(tx)
        stored = store.add(tx, batch, format_name=format_name)
        if reached:
            cursors.put(tx, reached[0].source, reached[0].position, reached[1])
    tally.count(stored)
    return stored.new
