"""From items to the state in batches: each is committed before its records are handed on."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.kinds.items import Group, Item, LeftOut, Part, Position, Remark
from roadmap_cli.life.storing import store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.store import State

#: Records in one transaction at first, and at most: a large import is stored in larger steps, each page of the state
#: written less often, while the first records are told soon. A series is never divided.
BATCH_RECORDS, MOST_RECORDS = 500, 20_000
#: For so many seconds others should wait at most to write: after a transaction that took longer the next is smaller.
HELD_S = 0.5
#: What happened so much later than now has a clock that was wrong, not a plan: told, once for each source.
AHEAD = timedelta(days=2)
#: Kinds that lie in the past when they are read. A calendar may plan ahead, and addresses have no time.
PAST_KINDS = frozenset(
    {
        "life.transaction",
        "life.measurement",
        "life.activity",
        "life.message",
        "life.page_visit",
        "life.place_visit",
    }
)
#: Plans further ahead than this are told as well: a year that was typed wrong, or a clock that was.
FAR_AHEAD = timedelta(days=366 * 20)


@dataclass(slots=True)
class Tally:
    """What an import came to, by kind; for the words at its end."""

    added: Counter[str] = field(default_factory=Counter)
    known: int = 0
    withdrawn: int = 0
    twins: int = 0
    """How many of those added were told by another source before, and so are not counted again."""
    unchanged: int = 0
    """Files that were not read again."""
    foreign: int = 0
    """Files of a folder or an archive that are of no format that is read."""
    remarks: dict[str, tuple[str, int]] = field(default_factory=dict)
    """What may not have been meant: by words the place it was first seen at, and how often."""
    left: Counter[str] = field(default_factory=Counter)
    """What sources hold that is not taken, by what it is."""

    def count(self, stored: store.Stored) -> None:
        """Add what came of one batch."""
        self.added.update(record["kind"] for record in stored.new)
        self.twins += sum(1 for record in stored.new if record.get("same_as_id"))
        self.known += stored.known
        self.withdrawn += stored.withdrawn

    def remark(self, where: str, message: str) -> None:
        """Note something to be told once for each file."""
        place, times = self.remarks.get(f"{_file(where)}\n{message}", (where, 0))
        self.remarks[f"{_file(where)}\n{message}"] = (place, times + 1)

    @property
    def is_nothing(self) -> bool:
        """Whether all that was read was known before, or is of no format that is read."""
        return not any(self.added.values()) and not self.withdrawn

    def told(self) -> Iterator[str]:
        """The remarks in words; they are forgotten then."""
        for key, (place, times) in self.remarks.items():
            more = f" ({times} times)" if times > 1 else ""
            yield f"{place}: {key.partition(chr(10))[2]}{more}"
        self.remarks = {}

    def words(self) -> str:
        """Such as `added 214 events, 12 already known`."""
        counts = [
            _counted(count, kind) for kind, count in sorted(self.added.items()) if count and kind != "life.source"
        ]
        known = f", {self.known} already known" if self.known or not self.unchanged else ""
        gone = f", {self.withdrawn} replaced or withdrawn" if self.withdrawn else ""
        same = f", {self.unchanged} file{'s' if self.unchanged != 1 else ''} unchanged" if self.unchanged else ""
        left = "".join(f", {count} {what} left out" for what, count in sorted(self.left.items()))
        twins = f", {self.twins} of them told by another source before" if self.twins else ""
        foreign = f", {self.foreign} file{'s' if self.foreign != 1 else ''} not of a format that is read"
        return (
            f"added {', '.join(counts) or 'nothing'}{twins}{known}{gone}{same}{left}{foreign if self.foreign else ''}"
        )


def _counted(count: int, kind: str) -> str:
    """Such as `2 activities`."""
    name = kind.removeprefix("life.").replace("_", " ")
    if count != 1:
        name = f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"
    return f"{count} {name}"


def _file(where: str) -> str:
    name, _, line = where.rpartition(":")
    return name if line.isdigit() else where


class Import:
    """Items of many sources on their way into the state: small sources share a transaction.

    `failed` gets what is malformed, in its place: after what came before it is stored. What it raises ends the work.
    """

    def __init__(
        self, state: State, tally: Tally, failed: Callable[[DataError], None], now: Callable[[], datetime]
    ) -> None:
        self._state = state
        self._tally = tally
        self._failed = failed
        self._now = now
        self._batch: list[tuple[str, list[Group | Record | Part | Position]]] = []
        self._size = 0
        self._most = BATCH_RECORDS

    def add(self, items: Iterable[Item], source: Record) -> Iterator[Record]:
        """Store the items of one source; give records that were new, after their commit. The last ones `rest` gives.

        `source` is its life.source record, stored together with the first items: of a source that gives nothing but
        errors nothing is stored. A Position ends a transaction.
        """
        began: list[Group | Record | Part | Position] = []
        form = source["format"]
        late = stamp(self._now() + AHEAD), stamp(self._now() + FAR_AHEAD)
        for item in items:
            if isinstance(item, DataError):
                yield from self.rest()
                self._failed(item)
                continue
            if isinstance(item, LeftOut):
                self._tally.left[item.what] += item.count
                continue
            if isinstance(item, Remark):
                self._tally.remark(item.where, item.message)
                continue
            if not began and not isinstance(item, (Part, Position)):
                began.append(source)
                self._open(form).append(source)
            self._open(form).append(item)
            self._size += len(item.events) if isinstance(item, Group) else 1
            self._look(item, late)
            if isinstance(item, Position) or self._size >= self._most:
                yield from self.rest()

    def put(self, records: Iterable[Group | Record | Part], format_name: str) -> list[Record]:
        """Store records that have no source of their own; those that were new."""
        late = stamp(self._now() + AHEAD), stamp(self._now() + FAR_AHEAD)
        for record in records:
            self._open(format_name).append(record)
            self._look(record, late)
        return self.rest()

    def rest(self) -> list[Record]:
        """Store what is left and give its records that were new."""
        if not self._batch:
            return []
        many = self._size > BATCH_RECORDS
        full = self._size >= self._most
        batch, self._batch, self._size = self._batch, [], 0
        found = []
        now = self._now()
        with self._state.write() as tx:
            began = time.monotonic()  # others have finished
            if many:
                store.widen(tx)
            for format_name, items in batch:
                found.append(store.add(tx, items, format_name=format_name, now=now))
        held = time.monotonic() - began
        if held > HELD_S:
            self._most = max(self._most // 2, BATCH_RECORDS)
        elif full and held < HELD_S / 2:
            self._most = min(self._most * 2, MOST_RECORDS)
        for stored in found:
            self._tally.count(stored)
        return [record for stored in found for record in stored.new]

    def _open(self, format_name: str) -> list[Group | Record | Part | Position]:
        if not self._batch or self._batch[-1][0] != format_name:
            self._batch.append((format_name, []))
        return self._batch[-1][1]

    def _look(self, item: Group | Record | Part | Position, late: tuple[str, str]) -> None:
        """Remark on series that are cut, and on what a wrong clock or year has dated far ahead."""
        if isinstance(item, Group):
            if item.cut:
                self._tally.remark(_place(item.events[0]), "series has too many events; the later ones are left out")
            if not item.repeats and item.events and item.events[0]["at"] > late[1]:
                self._tally.remark(_place(item.events[0]), "lies more than twenty years ahead")
        elif isinstance(item, dict) and item["kind"] in PAST_KINDS and item["at"] > late[0]:
            self._tally.remark(_place(item), "is dated in the future: was a clock wrong?")


def _place(record: Record) -> str:
    return f"{record.get('source', '<stdin>')}:{record.get('source_line', 1)}"
