"""One source after another on its way into the state: files that have changed, calendars and mailboxes on servers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError, InputMissing, RoadmapError
from roadmap_cli.core.records import Record
from roadmap_cli.life import remote
from roadmap_cli.life.formats import layouts
from roadmap_cli.life.ingest import reading
from roadmap_cli.life.ingest.ingestion import Import, Tally
from roadmap_cli.life.kinds import parts
from roadmap_cli.life.kinds.items import Group, Item, Part, Source
from roadmap_cli.life.opening import cursors
from roadmap_cli.life.opening.opened import Opened
from roadmap_cli.life.opening.settings import Settings
from roadmap_cli.life.remote import Access

if TYPE_CHECKING:
    from roadmap_cli.net.transport import Transport
    from roadmap_cli.state.store import State

#: A file with series is read again after so long, because the window of time has moved on.
SERIES_LAST = timedelta(days=1)


@dataclass
class Reader:
    """Reads what a name stands for. `failed` gets what is malformed, in its place; `left_out` a name and why."""

    state: State
    settings: Settings
    now: Callable[[], datetime]
    tally: Tally
    failed: Callable[[DataError], None]
    left_out: Callable[[str, str], None]
    transport: Callable[[], Transport]
    password: Callable[[], str | None] = lambda: None
    stdin: int = 0
    again: bool = False
    """Read what has not changed, too."""
    mirror: bool = False
    """What is in a file, or a folder, no more is withdrawn."""
    _import: Import = field(init=False)
    _transport: Transport | None = None

    def __post_init__(self) -> None:
        # `failed` may be exchanged while it is attended to
        self._import = Import(self.state, self.tally, lambda error: self.failed(error), self.now)

    def close(self) -> None:
        """Close connections."""
        if self._transport is not None:
            self._transport.close()

    def rest(self) -> list[Record]:
        """What is left to be stored; its new records."""
        return self._import.rest()

    def records(self, batch: list[Group | Record]) -> list[Record]:
        """Store records that came as such; the new ones."""
        return self._import.put(batch, "jsonl")

    # -- files -----------------------------------------------------------------------------------------------------

    def files(self, given: str) -> Iterator[Record]:
        """Store what stands in a file, or in all files of a folder, and has changed; give what is new."""
        known = self._known(given)
        seen = set()
        for name in reading.files_of(given):
            seen.add(os.path.abspath(name))  # noqa: PTH100
            yield from self.file(name, known, named=name == given)
        if self.mirror and known and not seen:
            self.tally.remark(given, "holds nothing any more: nothing is withdrawn")  # not mounted, most likely
        elif self.mirror:
            for name in sorted(known.keys() - seen):
                yield from self.gone(name)

    def file(self, name: str, known: dict[str, parts.Known] | None = None, *, named: bool = False) -> Iterator[Record]:
        """Store what stands in one file, if it has changed. A file of an unknown format is an error only if `named`."""
        known = self._known(name) if known is None else known
        before, path = reading.mark_of(name), os.path.abspath(name)  # noqa: PTH100
        part = known.get(path)
        if part and before and self._is_fresh(part) and part.mark.startswith(f"{before} {self._print} "):
            self.tally.unchanged += 1
            return
        try:
            with reading.opened(name, self.stdin) as opened:
                if part and self._is_fresh(part) and self._is_same(opened, part):
                    self.tally.unchanged += 1  # only its time was changed
                    if before:
                        yield from self._remember(path, f"{before} {self._print} {opened.sha256}", part)
                    return
                yield from self._opened(opened, path if before else "", before, named)
        except DataError as error:
            yield from self.rest()
            self.failed(error)
        except InputMissing as error:
            if named:
                yield from self.rest()
                raise
            self._leave(name, error.message)  # a folder is walked while others work in it

    @property
    def _print(self) -> str:
        return f"{self.settings.fingerprint()}{'m' if self.mirror else ''}"

    def _known(self, given: str) -> dict[str, parts.Known]:
        if self.again or given == "-":
            return {}
        with self.state.read() as tx:
            return parts.of(tx, parts.FILES, os.path.abspath(given))  # noqa: PTH100

    def _is_fresh(self, part: parts.Known) -> bool:
        return not part.fresh_until or stamp(self.now()) < part.fresh_until

    def _is_same(self, opened: Opened, part: parts.Known) -> bool:
        """Whether only the time of a file was changed. One that grows is read on instead, not read through to see."""
        return not reading.grows(opened) and part.mark.endswith(f" {self._print} {opened.sha256}")

    def _remember(self, path: str, mark: str, part: parts.Known) -> Iterator[Record]:
        yield from self._import.put([Part(parts.FILES, path, mark, None, part.fresh_until)], "")

    def gone(self, name: str) -> Iterator[Record]:
        """Withdraw what only a file held that is not there any more, if that is wished."""
        path = os.path.abspath(name)  # noqa: PTH100
        if self.mirror and not os.path.lexists(path):
            yield from self._import.put([Part(parts.FILES, path, None)], "")

    def _opened(self, opened: Opened, path: str, before: str, named: bool) -> Iterator[Record]:
        """Store what a source says: of an archive that is no format of its own, what its members say."""
        try:
            settings = self._informed()
            source = reading.source_of(opened, settings)
        except DataError as error:
            if error.code == "unknown_format" and opened.members:
                yield from self._archive(opened, error, named)
            elif error.code == "unknown_format" and not named:
                self._leave(opened.name, error.message)
            else:
                raise
            return
        if opened.place:  # a mailbox or a history that grows is read on from where it ended
            with self.state.read() as tx:
                opened.position = {} if self.again else cursors.get(tx, opened.place)
        items = reading.items(opened, source, settings)
        if not named:
            items = self._if_meant(items)
        if path:
            items = self._noted(items, path, f"{before} {self._print} {source.sha256}")
        yield from self._import.add(items, source.record(stamp(self.now())))

    def _informed(self) -> Settings:
        """The settings with what was answered and found out about layouts up to now."""
        with self.state.read() as tx:
            return replace(self.settings, learned=layouts.all_known(tx))

    def _if_meant(self, items: Iterator[Item]) -> Iterator[Item]:
        """The same items, unless they show that a file of a folder is some table, and no bank's."""
        for place, item in enumerate(items):
            if place == 0 and isinstance(item, DataError) and item.code in ("unknown_columns", "no_calendar"):
                self._leave(item.where or "", item.message)
            else:
                yield item

    def _archive(self, archive: Opened, error: DataError, named: bool) -> Iterator[Record]:
        found = False
        for member in reading.members(archive):
            try:
                settings = self._informed()
                source = reading.source_of(member, settings)
            except DataError as wrong:
                self._leave(member.name, wrong.message)
                continue
            found = True
            yield from self._import.add(reading.items(member, source, settings), source.record(stamp(self.now())))
        if not found and named:
            raise error

    def _noted(self, items: Iterator[Item], path: str, mark: str) -> Iterator[Item]:
        """The same items, and at the end what is known of their file, unless something in it was malformed."""
        uids: set[str] = set()
        whole, repeats = True, False
        for item in items:
            whole = whole and not isinstance(item, DataError)
            if isinstance(item, Group):
                repeats = repeats or item.repeats
                if self.mirror:
                    uids.add(item.uid)
            elif self.mirror and isinstance(item, dict) and item["kind"] == "life.contact":
                uids.add(str(item.get("uid") or item["id"]))
            yield item
        if whole:
            until = stamp(self.now() + SERIES_LAST) if repeats else ""
            yield Part(parts.FILES, path, mark, tuple(sorted(uids)) if self.mirror else None, until)

    def _leave(self, name: str, why: str) -> None:
        self.tally.foreign += 1
        self.left_out(name, why)

    # -- servers ---------------------------------------------------------------------------------------------------

    def remote(self, url: str) -> Iterator[Record]:
        """Store what is new on a server; give what is new.

        Raises ConfigError (not permitted, refused), Unavailable, TryLater; what came before is stored.
        """
        yield from self.rest()
        module = remote.module(url)
        source: Source = remote.source_of(url, module.NAME)
        items = module.items(url, self.access(url), self.settings)
        try:
            yield from self._import.add(items, source.record(stamp(self.now())))
        except RoadmapError:
            yield from self.rest()
            raise
        yield from self.rest()

    def access(self, url: str) -> Access:
        """The way to a server, and where reading it ended."""
        if self._transport is None:
            self._transport = self.transport()
        with self.state.read() as tx:
            position = {} if self.again else cursors.get(tx, remote.bare(url))
        return Access(self._transport, position, self.now, self.password(), self.state, self.again)
