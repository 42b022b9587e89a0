"""Random histories of several devices that sync through a place that fails in every way: one seed, one history.

Nothing of the program is replaced but the place: the state is SQLite, the segments are signed and encrypted. A crash
is an exception between two steps, a step being a committed transaction or a call of the place; what was not committed
is gone, as it is when a process is killed. What is checked: nothing a user wrote is lost, all devices come to show the
same, an edit that was not sent yet is what its device shows after its sync, nothing legible is on the place, and a
sync with nothing new sends nothing.
"""

from __future__ import annotations

import json
import random
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from roadmap_cli.core.errors import ConfigError, RoadmapError, Unavailable
from roadmap_cli.slm.sync import changes, conflicts, exchange, members, publish, setup, tree
from roadmap_cli.slm.sync.exchange import Exchange
from roadmap_cli.slm.sync.remotes.place import Missing, Remote
from roadmap_cli.state import connection as connections
from roadmap_cli.state import migrate, records
from roadmap_cli.state.store import MIGRATIONS, State

CANARY = "CANARY"
START = datetime(2026, 11, 23, 9, tzinfo=UTC)


class Crash(BaseException):
    """The process was killed here."""


class Steps:
    """Counts steps, and crashes at one of them."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.count = 0

    def step(self) -> None:
        self.count += 1
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.left = None
                raise Crash


class MemoryState(State):
    """A state in memory, each transaction of which is a step before and after."""

    steps: Steps

    @contextmanager
    def write(self):
        self.steps.step()
        with super().write() as tx:
            yield tx
        self.steps.step()


_TEMPLATE: list[Any] = []


def memory_copy(source: Any) -> Any:
    made = connections.connect(":memory:", None, wait_s=1)
    source.backup(made)
    return made


def memory_state(steps: Steps) -> MemoryState:
    if not _TEMPLATE:
        template = connections.connect(":memory:", None, wait_s=1)
        migrate.apply(template, migrate.known(MIGRATIONS), now=lambda: START)
        _TEMPLATE.append(template)
    made = MemoryState(
        Path("memory"),
        memory_copy(_TEMPLATE[0]),
        mode="write",
        dry_run=False,
        key=None,
        held=None,
    )
    made.steps = steps
    return made


@dataclass
class Weather:
    """How bad it is: chances of each fault for one call."""

    crash: float = 0.25
    stale: float = 0.25
    torn: float = 0.1
    lost_answer: float = 0.1
    unreachable: float = 0.03
    twice: float = 0.1


CALM = Weather(0, 0, 0, 0, 0, 0)


@dataclass
class MemoryPlace:
    """A place that lists late, tears uploads, loses answers, and does as bidden twice."""

    chance: random.Random
    weather: Weather
    steps: Steps
    data: dict[str, bytes] = field(default_factory=dict)
    past: list[dict[str, int]] = field(default_factory=list)
    everything: list[bytes] = field(default_factory=list)
    written: dict[str, bytes] = field(default_factory=dict)
    is_remote = True

    def files(self) -> dict[str, int]:
        self._fails()
        now = {name: len(data) for name, data in self.data.items()}
        self.past.append(now)
        shown = now
        if self.chance.random() < self.weather.stale:
            shown = self.chance.choice(self.past)
        names = list(shown)
        self.chance.shuffle(names)
        return {name: shown[name] for name in names} | {"v1/desktop.ini": 12, ".stfolder/x": 1}

    def get(self, name: str) -> bytes:
        self._fails()
        if name not in self.data:
            raise Missing("it is missing")
        return self.data[name]

    def put(self, name: str, data: bytes, kinds: Any) -> None:
        self._fails()
        assert self.written.setdefault(name, data) == data, "a name was used twice"
        self.everything += [data, name.encode()]
        if self.chance.random() < self.weather.torn:
            self.data[name] = data[: int(len(data) * self.chance.random())]  # lengths differ: age adds what it likes
            raise Unavailable("broke off")
        self.data[name] = data
        if self.chance.random() < self.weather.lost_answer:
            raise Unavailable("no answer")
        self.steps.step()

    def delete(self, name: str) -> None:
        self._fails()
        self.data.pop(name, None)
        self.steps.step()

    def _fails(self) -> None:
        self.steps.step()
        if self.chance.random() < self.weather.unreachable:
            raise Unavailable("not reachable")


@contextmanager
def same_names(chance: random.Random):
    """Devices get the same signing keys, and with them the same names, for the same seed: their order decides much."""
    with mock.patch.object(setup.os, "urandom", chance.randbytes):
        yield


class Device:
    """A user's device."""

    def __init__(self, world: World, name: str, state: State | None = None):
        self.world = world
        self.name = name
        self.state = state or memory_state(world.steps)
        with self.state.write() as tx, same_names(world.chance):
            self.card = setup.init(tx, name=f"{CANARY}-{name}", kinds=(), at=world.now()).card
        self.pending: dict[str, str | None] = {}
        self.backup: Any = None
        self.is_restored = False
        self.introduced: list[Device] = []

    @property
    def device_id(self) -> str:
        return self.card.device_id

    def knows(self, other: Device) -> bool:
        with self.state.read() as tx:
            return other.device_id in {each.device_id for each in members.every(tx)}

    def trust(self, other: Device) -> None:
        with self.state.write() as tx:
            setup.add_device(tx, other.card, other.card.fingerprint, at=self.world.now())

    def table(self) -> dict[str, str]:
        with self.state.read() as tx:
            return dict(tx.execute("SELECT id, body FROM record").fetchall())

    def user_writes(self, record_id: str, body: str | None) -> None:
        """Another command changes a record."""
        self.acknowledge()
        with self.state.write() as tx:
            if body is None:
                tx.execute("DELETE FROM record WHERE id = ?", (record_id,))
            else:
                records.replace(tx, json.loads(body), body)
            known = tx.execute("SELECT 1 FROM slm_sync_record WHERE record_id = ?", (record_id,)).fetchone()
        if body is None and not known:  # nobody ever heard of it: there is nothing to delete elsewhere
            self.pending.pop(record_id, None)
        else:
            self.pending[record_id] = body

    def acknowledge(self) -> None:
        """What has become a revision can no longer be replaced unseen."""
        for record_id, body in list(self.pending.items()):
            with self.state.read() as tx:
                known = tree.history(tx, record_id)
                shown = tx.execute("SELECT stored FROM slm_sync_record WHERE record_id = ?", (record_id,)).fetchone()
                row = tx.execute("SELECT body FROM record WHERE id = ?", (record_id,)).fetchone()
            noted = shown is not None and (shown[0] is None if row is None else shown[0] == changes._mark(row[0]))
            if noted and (body is None or any(each.body == body for each in known)):
                del self.pending[record_id]
                if body is not None:
                    self.world.acknowledged.add((record_id, body))

    def sync(self, action: str = "run", **more: Any) -> exchange.Outcome:
        self.acknowledge()
        before = dict(self.pending)
        heads = self.heads()
        work = Exchange(self.state, self.world.now)
        outcome = exchange.Outcome("r")
        work.sync(action, self.world.place(self), outcome, **more)
        if action == "run" and not self.is_restored:  # what it wrote after the backup follows what it holds
            table = self.table()
            for record_id, body in before.items():
                shown = table.get(record_id) == body or self.is_followed(record_id, heads.get(record_id), body)
                assert shown, f"{self.name}: an unsent edit of {record_id} is not shown"
        self.acknowledge()
        return outcome

    def heads(self) -> dict[str, str]:
        """The revision that each record of the table is known to be."""
        with self.state.read() as tx:
            return dict(tx.execute("SELECT record_id, shown FROM slm_sync_record").fetchall())

    def is_followed(self, record_id: str, head: str | None, body: str | None) -> bool:
        """Whether another device made the very same change to the same version, which is one revision, and went on."""
        with self.state.read() as tx:
            known = tree.history(tx, record_id)
        same = {each.name for each in known if each.parents == (() if head is None else (head,)) and each.body == body}
        return any(same.intersection(each.parents) for each in known)

    def view(self) -> Any:
        with self.state.read() as tx:
            ids = [
                row[0] for row in tx.execute("SELECT DISTINCT record_id FROM slm_sync_revision ORDER BY 1").fetchall()
            ]
            heads = {each: sorted(head.name for head, _, _ in tree.heads(tx, each)) for each in ids}
        return self.table(), heads

    def bodies(self) -> set[tuple[str, str]]:
        with self.state.read() as tx:
            return set(tx.execute("SELECT record_id, body FROM slm_sync_revision WHERE body IS NOT NULL").fetchall())

    def back_up(self) -> None:
        self.acknowledge()
        self.backup = memory_copy(self.state._connection), dict(self.pending)

    def go_back(self) -> None:
        """The state is brought back from a backup: what was never sent since is gone, and only that."""
        with self.state.read() as tx:
            unsent = set(
                tx.execute(
                    "SELECT record_id, body FROM slm_sync_revision WHERE own = 1 AND (seq IS NULL OR seq NOT IN"
                    " (SELECT seq FROM slm_sync_upload)) AND body IS NOT NULL"
                ).fetchall()
            )
        copy, pending = self.backup
        self.state._connection.close()
        self.state._connection = memory_copy(copy)
        self.pending = dict(pending)
        self.is_restored = True
        for friend in self.introduced:  # of whom the backup knew nothing: syncs name strangers, and a person adds them
            if not self.knows(friend) and friend in self.world.devices:
                self.trust(friend)
        elsewhere = set().union(*(other.bodies() for other in self.world.devices))
        self.world.acknowledged -= unsent - elsewhere


class World:
    """Some devices and a place."""

    def __init__(self, seed: int, *, weather: Weather | None = None, make_place: Any = None, make_state: Any = None):
        self.chance = random.Random(seed)
        self.steps = Steps()
        self.clock = START
        self.weather = weather or Weather()
        self.acknowledged: set[tuple[str, str]] = set()
        self.make_state = make_state
        self.memory = MemoryPlace(self.chance, self.weather, self.steps)
        self.make_place = make_place
        self.devices: list[Device] = []
        self.left: list[Device] = []
        self.number = 0

    def now(self) -> datetime:
        return self.clock

    def place(self, device: Device) -> Any:
        return self.make_place(device) if self.make_place else self.memory

    def device(self) -> Device:
        """One more device, trusted by one that is there; how the others come to know it is what is tested."""
        self.number += 1
        name = f"d{self.number}"
        made = Device(self, name, self.make_state(name) if self.make_state else None)
        with made.state.write() as tx:
            setup.add_remote(tx, Remote("r", "/r"), at=self.now())
        if self.devices:
            friend = self.chance.choice(self.devices)
            friend.trust(made)
            made.trust(friend)
            friend.introduced.append(made)
            made.introduced.append(friend)
        self.devices.append(made)
        return made

    def body(self, record_id: str) -> str:
        self.number += 1
        text = f"{CANARY}{self.number}" * self.chance.randint(1, 5)
        return json.dumps(
            {"kind": "slm.prompt", "id": record_id, "at": "2026-11-23T09:00:00.000Z", "text": text},
            separators=(",", ":"),
        )

    def edit(self, device: Device) -> None:
        ids = [f"slm_{CANARY}{number}" for number in range(4)]
        record_id = self.chance.choice(ids)
        there = device.table()
        if record_id in there and self.chance.random() < 0.25:
            device.user_writes(record_id, None)
        else:
            device.user_writes(record_id, self.body(record_id))

    def jump(self) -> None:
        self.clock += timedelta(seconds=self.chance.choice((-86400, -1, 0, 1, 60, 3600, 400 * 86400)))
        self.clock = max(self.clock, START - timedelta(days=4000))

    def attempt(self, device: Device) -> None:
        """A sync that may be killed at some step, or fail."""
        if self.chance.random() < self.weather.crash:
            self.steps.left = self.chance.randrange(30)
        stale = self.memory.weather.stale
        if device.is_restored:  # an older state and a late listing together make two devices of one: a known limit
            self.memory.weather.stale = 0
        try:
            device.sync(self.chance.choice(("run", "run", "run", "pull", "push")))
            device.is_restored = False
        except (Crash, RoadmapError) as error:
            if isinstance(error, ConfigError) and device not in self.left:
                raise
        finally:
            self.steps.left = None
            self.memory.weather.stale = stale

    def remove(self) -> None:
        """A device is lost; a friend removes it."""
        lost, friend = self.chance.sample(self.devices, 2)
        stay = [each for each in self.devices if each is not lost]
        if not all(each.knows(other) for each in stay for other in self.devices):
            return  # the only one that could bring two others together cannot be spared: a person would have to
        with friend.state.write() as tx:
            setup.remove_device(tx, lost.device_id, at=self.now())
        lost.acknowledge()
        self.devices.remove(lost)
        self.left.append(lost)

    def resolve(self, device: Device) -> None:
        """A person looks at the conflicts and brings one back."""
        with device.state.write() as tx:
            me = members.me(tx)
            found = list(conflicts.open_ones(tx))
            if not found:
                return
            shown, losers = self.chance.choice(found)
            if shown.record_id in device.pending:
                return
            conflicts.restore(tx, me, shown.record_id, self.chance.choice(losers).name, self.now())

    def settle(self) -> int:
        """Fair weather: sync until nothing moves; the number of rounds. Checks everything."""
        self.memory.weather = CALM
        self.steps.left = None
        rounds = 0
        while True:
            moved, rounds = 0, rounds + 1
            for device in self.devices:
                outcome = device.sync()
                moved += len(outcome.sent) + len(outcome.taken)
            if not moved:
                break
            assert rounds < 12, "it does not come to rest"
        for device in self.devices:
            outcome = device.sync()
            assert (outcome.sent, outcome.taken, outcome.problems, outcome.waiting) == ([], [], [], []), outcome
        known = set().union(*(device.bodies() for device in self.devices))
        for device in self.left:  # what a removed device wrote counts as far as another had taken it in
            device.acknowledge()
            self.acknowledged -= device.bodies() - known
        first, *rest = [device.view() for device in self.devices]
        for other in rest:
            assert other == first, "the devices differ"
        for device in self.devices:
            assert not device.pending, device.pending
            lost = self.acknowledged - device.bodies()
            assert not lost, f"{device.name} has lost {lost}"
            assert device.bodies() == self.devices[0].bodies(), "the histories differ"
        assert not any(CANARY.encode() in data for data in self.memory.everything), "plain text on the remote"
        return rounds

    def close(self) -> None:
        for device in [*self.devices, *self.left]:
            device.state.close()


@contextmanager
def small_segments(chance: random.Random):
    """Segments, snapshots and acknowledgements come soon, so that a short history has them all."""
    kept = publish.MOST_RECORDS, publish.ACKNOWLEDGE_AFTER, exchange.COMPACT_AFTER
    publish.MOST_RECORDS = chance.choice((1, 2, 3, 1000))
    publish.ACKNOWLEDGE_AFTER = chance.choice((2, 4, 32))
    exchange.COMPACT_AFTER = chance.choice((2, 4, 64))
    try:
        yield
    finally:
        publish.MOST_RECORDS, publish.ACKNOWLEDGE_AFTER, exchange.COMPACT_AFTER = kept


def history(seed: int, *, length: int = 14, **more: Any) -> dict[str, int]:
    """One random history of three devices. What happened, in numbers; AssertionError if a promise is broken."""
    world = World(seed, **more)
    chance = world.chance
    try:
        with small_segments(chance):
            removals = chance.random() < 0.3
            backups = not removals and chance.random() < 0.3
            if removals or backups:
                length *= 2
            for _ in range(chance.choice((1, 2, 3))):
                world.device()
            for _ in range(length):
                device = chance.choice(world.devices)
                event = chance.random()
                if event < 0.45:
                    world.edit(device)
                elif event < 0.90:
                    world.attempt(device)
                elif event < 0.94:
                    world.jump()
                elif event < 0.96 and len(world.devices) < 3:
                    world.device()
                elif event < 0.97 and world.left:
                    world.attempt(chance.choice(world.left))
                elif event < 0.98 and removals and len(world.devices) > 1:
                    world.remove()
                elif event < 0.985 and backups:
                    device.back_up()
                elif event < 0.99 and device.backup:
                    device.go_back()
                else:
                    world.resolve(device)
            while len(world.devices) < 3:
                world.device()
            rounds = world.settle()
        return {"rounds": rounds, "steps": world.steps.count, "writes": len(world.acknowledged)}
    finally:
        world.close()


class FaultyPlace:
    """A real server behind the same weather: late listings, torn uploads, lost answers, repeated requests."""

    is_remote = True

    def __init__(self, inner: Any, world: World):
        self.inner = inner
        self.world = world

    def files(self) -> dict[str, int]:
        world = self.world
        self._fails()
        now = self.inner.files()
        world.memory.past.append(now)
        shown = world.chance.choice(world.memory.past) if world.chance.random() < world.memory.weather.stale else now
        return dict(shown)

    def get(self, name: str) -> bytes:
        self._fails()
        return self.inner.get(name)

    def put(self, name: str, data: bytes, kinds: Any) -> None:
        world, weather = self.world, self.world.memory.weather
        self._fails()
        assert world.memory.written.setdefault(name, data) == data, "a name was used twice"
        world.memory.everything += [data, name.encode()]
        if world.chance.random() < weather.torn:
            self.inner.put(name, data[: 1 + int((len(data) - 1) * world.chance.random())], kinds)
            raise Unavailable("broke off")
        self.inner.put(name, data, kinds)
        if world.chance.random() < weather.twice:
            self.inner.put(name, data, kinds)
        if world.chance.random() < weather.lost_answer:
            raise Unavailable("no answer")

    def delete(self, name: str) -> None:
        self._fails()
        self.inner.delete(name)

    def _fails(self) -> None:
        self.world.steps.step()
        if self.world.chance.random() < self.world.memory.weather.unreachable:
            raise Unavailable("not reachable")


def server_history(seed: int, peer: Any) -> dict[str, int]:
    """As `history`, through a real server: each history in a folder or under a prefix of its own."""
    import peers

    from roadmap_cli.core import clock
    from roadmap_cli.net.transport import Transport
    from roadmap_cli.slm.sync.remotes.s3 import S3
    from roadmap_cli.slm.sync.remotes.webdav import WebDav

    transports = {}

    def place(device: Device) -> FaultyPlace:
        # A killed process leaves no connection behind.
        if device in transports:
            transports[device].close()
        transport = transports[device] = Transport(
            device.state, command="slm-sync", offline=False, now=device.world.now, sleep=lambda seconds: None
        )
        if peer.name.endswith("s3"):
            address = f"{peer.url}/bucket/h{seed}"
            return FaultyPlace(S3(address, "us-east-1", peers.KEYS, transport, clock.system, True), device.world)
        return FaultyPlace(WebDav(f"{peer.url}/h{seed}", {}, transport), device.world)

    try:
        result = history(seed, length=12, make_place=place)
    finally:
        for transport in transports.values():
            transport.close()
    if peer.folder is not None:
        for path in (peer.folder).rglob("*"):
            assert CANARY not in str(path)
            assert not path.is_file() or CANARY.encode() not in path.read_bytes()
    return result
