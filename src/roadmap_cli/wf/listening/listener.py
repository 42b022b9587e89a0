"""One process that serves and follows several sources: what comes is stored with the positions, then announced.

The rules kept here: events, positions and dead letters of a lot are one transaction; a sender hears of success after
it; a source that fails does not hold up the others; what waits in memory is bounded, and a full inbox pushes back.
"""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import clock
from roadmap_cli.core.errors import ConfigError, DataError, RoadmapError, TryLater, Unavailable
from roadmap_cli.core.records import Record
from roadmap_cli.net import backoff
from roadmap_cli.state import lock
from roadmap_cli.wf import events, loopback, sources
from roadmap_cli.wf.audit import log
from roadmap_cli.wf.listening import dead
from roadmap_cli.wf.listening.receiver import Lot, Refusals, listening
from roadmap_cli.wf.sources import Access, Followed, Found
from roadmap_cli.wf.sources.settings import Setting

if TYPE_CHECKING:
    from roadmap_cli.net.transport import Transport
    from roadmap_cli.state.store import Connection, State

#: Lots that wait, and those stored in one transaction.
MOST_LOTS = 64
#: Entries of the audit for refused requests of one source and reason, in a minute; beyond it they are only counted.
MOST_REFUSALS = 5
_MINUTE_S = 60.0
_STOP_S = 3.0


@dataclass(slots=True)
class Listener:
    """All sources of one process. `say` takes words for the user, `detail` what only those hear who want more."""

    state: State
    transport: Callable[[], Transport]
    now: Callable[[], datetime]
    say: Callable[[str], None]
    detail: Callable[[str], None]
    wait_s: float = 30.0
    _lots: queue.Queue[Lot] = field(default_factory=lambda: queue.Queue(MOST_LOTS))
    _stop: threading.Event = field(default_factory=threading.Event)
    _refusals: Refusals = field(default_factory=Refusals)
    _audited: dict[tuple[str, str], tuple[float, int, int]] = field(default_factory=dict)

    def run(self, settings: Sequence[Setting], place: str, count: int | None = None) -> Iterator[list[Record]]:
        """The events of all sources as they come, until it is stopped or `count` lots were taken."""
        served = [each for each in settings if each.is_webhook]
        followed = [each for each in settings if not each.is_webhook]
        with contextlib.ExitStack() as stack:
            stack.callback(self._refuse_waiting)
            for each in followed:
                stack.enter_context(self._alone(each))
            stack.enter_context(self._following(followed))
            if served:
                port = stack.enter_context(
                    listening(loopback.address(place), served, self._offer, self._refusals, self.now)
                )
                self.detail(f"listening on port {port}")
            taken = 0
            while count is None or taken < count:
                lots = self._next(1 if count is not None else MOST_LOTS)
                yield self.store(lots)
                taken += len(lots)

    def once(self, settings: Sequence[Setting]) -> Iterator[list[Record]]:
        """What followed sources have now, one after the other; what one raises, after the others had their turn."""
        failure: RoadmapError | None = None
        for each in settings:
            with self._alone(each), self.transport() as transport:
                source = sources.followed(each, Access(transport, self.now, each.secret))
                try:
                    for found in source.poll(self._position(each.key)):
                        yield self.store([_lot(each, found)])
                        if found.stored:
                            found.stored()
                except RoadmapError as error:
                    if len(settings) == 1:
                        raise
                    self.say(f"source {each.key!r}: {error}")
                    failure = error
                finally:
                    source.close()
        if failure:
            raise failure

    def store(self, lots: Sequence[Lot]) -> list[Record]:
        """Store lots in one transaction and answer them; gives the events to announce.

        A lot that cannot be stored becomes a dead letter and the rest is stored. Raises TryLater … after the senders
        were told to come again.
        """
        try:
            return self._stored(lots)
        except DataError:
            announce: list[Record] = []
            for each in lots:
                try:
                    announce += self._stored([each])
                except DataError as error:
                    announce += self._stored([_as_dead(each, error)])
                    each.answer(HTTPStatus.BAD_REQUEST, error.message)
            return announce
        except RoadmapError as error:
            for each in lots:
                each.answer(HTTPStatus.SERVICE_UNAVAILABLE, "not stored")
            if isinstance(error, TryLater):
                self.say(f"{error}: what came is asked for again")
                return []
            raise

    # -- storing -----------------------------------------------------------------------------------------------------

    def _stored(self, lots: Sequence[Lot]) -> list[Record]:
        at = self.now()
        refused = self._refused()
        letters: list[Record] = []
        with self.state.write() as tx:
            announce: list[Record] = []
            for proof, these in itertools.groupby(lots, lambda lot: lot.proof):
                found = [dead.marked(event, lot.source) for lot in these for event in lot.events]
                announce += events.keep(tx, found, proof) if found else []
            for lot in lots:
                if lot.dead:
                    letters += dead.keep(tx, lot.key, lot.dead, at)
                if lot.position is not None:
                    move(tx, lot.key, lot.position, at)
            self._audit(tx, lots, refused, at)
        for lot in lots:
            if lot.words:
                self.say(lot.words)
            lot.answer(HTTPStatus.OK)
        for letter in letters:
            self.say(f"could not read what came from {letter['source']!r}: {letter['message']}; kept as {letter['id']}")
        return announce

    def _audit(
        self, tx: Connection, lots: Sequence[Lot], refused: Sequence[tuple[str, str, int, str]], at: datetime
    ) -> None:
        proven: dict[str, list[Lot]] = {}
        for lot in lots:
            if lot.proof_sha256:
                proven.setdefault(lot.key, []).append(lot)
        for source, these in proven.items():
            log.append(
                tx, action="webhook.accepted", user="policy:sources", resource=f"source:{source}", outcome="allowed",
                why="the proof is right", at=at, deliveries_count=len(these),
                events_count=sum(len(each.events) for each in these),
                bodies_sha256=[each.proof_sha256 for each in these],
            )  # fmt: skip
        for source, reason, count, digest in refused:
            log.append(
                tx, action="webhook.refused", user="policy:sources", resource=f"source:{source}", outcome="refused",
                why=reason, at=at, requests_count=count, body_sha256=digest or None,
            )  # fmt: skip

    def _refused(self) -> list[tuple[str, str, int, str]]:
        """The refusals for the audit now: the first few of a minute, then one for the rest when it is over."""
        told: list[tuple[str, str, int, str]] = []
        clock_now = time.monotonic()
        fresh = self._refusals.take()
        for key in {*fresh, *self._audited}:
            begun, entries, held = self._audited.get(key, (clock_now, 0, 0))
            count, digest = fresh.get(key, (0, ""))
            if clock_now - begun >= _MINUTE_S:
                if held:
                    told.append((*key, held, ""))
                begun, entries, held = clock_now, 0, 0
            if count and entries < MOST_REFUSALS:
                told.append((*key, count, digest))
                entries += 1
            else:
                held += count
            if count or held or entries:
                self._audited[key] = (begun, entries, held)
            else:
                self._audited.pop(key, None)
        return told

    def _next(self, most: int) -> list[Lot]:
        """The lots that have come; waits for the first. Meanwhile what was refused goes into the audit."""
        while True:
            try:
                lots = [self._lots.get(timeout=1.0)]
                break
            except queue.Empty:
                if refused := self._refused():
                    with contextlib.suppress(TryLater), self.state.write() as tx:
                        self._audit(tx, [], refused, self.now())
        while len(lots) < most:
            try:
                lots.append(self._lots.get_nowait())
            except queue.Empty:
                break
        failure = next((each.failure for each in lots if each.failure is not None), None)
        if failure is not None:
            for each in lots:
                each.answer(HTTPStatus.SERVICE_UNAVAILABLE, "going down")
            raise failure
        return lots

    # -- sources -----------------------------------------------------------------------------------------------------

    def _offer(self, lot: Lot) -> bool:
        if self._stop.is_set():
            return False
        try:
            self._lots.put_nowait(lot)
        except queue.Full:
            return False
        return True

    def _refuse_waiting(self) -> None:
        self._stop.set()
        with contextlib.suppress(queue.Empty):
            while True:
                self._lots.get_nowait().answer(HTTPStatus.SERVICE_UNAVAILABLE, "going down")
        if refused := [(*key, count, digest) for key, (count, digest) in self._refusals.take().items()]:
            with contextlib.suppress(RoadmapError), self.state.write() as tx:
                self._audit(tx, [], refused, self.now())

    @contextlib.contextmanager
    def _alone(self, setting: Setting) -> Iterator[None]:
        """One process at a time follows a source: two would move its position against each other."""
        if self.state.dry_run or self.state.mode == "read":
            yield
            return
        with lock.one_at_a_time(self.state.path, f"wf-listen-{setting.key}", self.wait_s):
            yield

    @contextlib.contextmanager
    def _following(self, settings: Sequence[Setting]) -> Iterator[None]:
        threads: list[threading.Thread] = []
        ways: list[Transport] = []
        base = self.transport() if settings else None
        try:
            for each in settings:
                assert base is not None
                way = base.separate()
                ways.append(way)
                source = sources.followed(each, Access(way, self.now, each.secret))
                position = self._position(each.key)
                thread = threading.Thread(
                    target=self._follow, args=(each, source, position), name=f"wf-{each.reader}", daemon=True
                )
                threads.append(thread)
            for thread in threads:
                thread.start()
            yield
        finally:
            self._stop.set()
            self._refuse_waiting()
            for thread in threads:
                if thread.ident is not None:
                    thread.join(_STOP_S)
            if not any(thread.is_alive() for thread in threads):
                for way in ways:
                    way.close()
            if base is not None:
                base.close()

    def _follow(self, setting: Setting, source: Followed, position: Mapping[str, Any]) -> None:
        """Follow one source in a thread of its own until the end. What is wrong from the start ends the process."""
        attempt, worked = 0, False
        try:
            while not self._stop.is_set():
                try:
                    for found in source.poll(position):
                        if not self._handed(_lot(setting, found)):
                            break
                        if found.position is not None:
                            position = found.position
                        if found.stored:
                            found.stored()
                    if attempt:
                        self.say(f"source {setting.key!r} answers again")
                    elif not worked:
                        self.detail(f"following source {setting.key!r}")
                    attempt, worked = 0, True
                    source.wait(self._stop)
                except (Unavailable, TryLater, ConfigError) as error:
                    is_final = isinstance(error, ConfigError) or error.code in ("offline", "dry_run")
                    if is_final and not worked:
                        raise
                    if not attempt:
                        self.say(f"source {setting.key!r}: {error}; it is tried again")
                    attempt += 1
                    floor = 60.0 if isinstance(error, ConfigError) else 0.0
                    self._stop.wait(max(backoff.pause(min(attempt, 8), None, self.now()), floor))
        except BaseException as error:  # noqa: BLE001  the main thread raises it
            self._handed(Lot(setting.key, setting.name, setting.reader, failure=error))
        finally:
            with contextlib.suppress(RoadmapError, OSError):
                source.close()

    def _handed(self, lot: Lot) -> bool:
        """Whether a lot was stored; waits for room and for the storing, however long that takes."""
        while not self._stop.is_set():
            try:
                self._lots.put(lot, timeout=0.5)
                break
            except queue.Full:
                continue
        else:
            return False
        while not lot.done.wait(0.5):
            if self._stop.is_set():
                return lot.done.is_set() and lot.status == HTTPStatus.OK
        return lot.status in (HTTPStatus.OK, HTTPStatus.BAD_REQUEST)

    def _position(self, source: str) -> Mapping[str, Any]:
        import orjson

        with self.state.read() as tx:
            row = tx.execute("SELECT cursor FROM wf_cursor WHERE source = ?", (source,)).fetchone()
        found = orjson.loads(row[0]) if row else {}
        return found if isinstance(found, dict) else {}


def move(tx: Connection, source: str, position: Mapping[str, Any], at: datetime) -> None:
    """Store where reading a source stands."""
    import orjson

    tx.execute(
        "INSERT INTO wf_cursor(source, cursor, moved_at) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET cursor = excluded.cursor, moved_at = excluded.moved_at",
        (source, orjson.dumps(dict(position)).decode(), clock.stamp(at)),
    )


def _lot(setting: Setting, found: Found) -> Lot:
    return Lot(
        setting.key, setting.name, setting.reader, events=found.events, dead=list(found.dead), position=found.position,
        words=found.words, proof=found.proof,
    )  # fmt: skip


def _as_dead(lot: Lot, error: DataError) -> Lot:
    """A lot whose events cannot be stored, as one that keeps them for later."""
    import orjson

    letters = list(lot.dead)
    for each in lot.events:
        try:
            body = orjson.dumps(each)
        except TypeError:
            body = repr(each)[:65536].encode("utf-8", "replace")
        letters.append(sources.Dead("jsonl", body, error.code, error.message))
    return Lot(lot.key, lot.source, lot.reader, dead=letters, position=lot.position)
