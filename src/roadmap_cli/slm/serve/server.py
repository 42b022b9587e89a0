"""The server: its sockets, its life, and what it does when the kernel says that memory is short."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roadmap_cli.core import clock, paths
from roadmap_cli.core.clock import Clock
from roadmap_cli.core.errors import RoadmapError, UsageError
from roadmap_cli.core.records import Record, run_id
from roadmap_cli.models import memory
from roadmap_cli.slm.serve import policy, sockets, store
from roadmap_cli.slm.serve.accounts import Accounts
from roadmap_cli.slm.serve.foresight import Foresight
from roadmap_cli.slm.serve.http import Connection
from roadmap_cli.slm.serve.metrics import Metrics
from roadmap_cli.slm.serve.pool import Pool, Settings
from roadmap_cli.slm.serve.pressure import Event, Watch
from roadmap_cli.slm.serve.routes import Control, Routes
from roadmap_cli.slm.serve.service import Service
from roadmap_cli.slm.serve.slots import Catalogue, Slot
from roadmap_cli.state.store import State

#: How often to look at the numbers while models are loaded, where the kernel tells of nothing by itself.
LOOK_S = 1.0
#: How soon to look again while memory is short; each time twice as late, up to a minute.
AGAIN_S = 0.5
LATEST_AGAIN_S = 60.0
#: Two events this far apart tell how fast memory goes.
FALL_S = 3.0
CONNECTIONS = 512


@dataclass(frozen=True, slots=True)
class Setup:
    """What a server is started with."""

    socket: Path
    state: Path
    environ: Mapping[str, str]
    listen: tuple[str, int] | None = None
    token: str | None = None
    open_port: bool = False
    settings: Settings = field(default_factory=Settings)
    grace_s: float = 20.0
    preload: bool = True
    models: tuple[str, ...] = ()


class Server:
    """One server. `open` it, then `run` it until it is told to stop."""

    def __init__(
        self,
        setup: Setup,
        open_state: Callable[[], State],
        *,
        now: Clock,
        warn: Callable[[str], None],
        detail: Callable[[str], None],
    ) -> None:
        self._setup = setup
        self._open_state = open_state
        self._now = now
        self._warn = warn
        self._detail = detail
        self._sockets = sockets.Sockets(setup.socket)
        self._group = memory.group()
        self._metrics = Metrics()
        self._connections: set[Connection] = set()
        self._level = 0
        self._again: asyncio.TimerHandle | None = None
        self._looking: asyncio.TimerHandle | None = None
        self._relieving: asyncio.Task[None] | None = None
        self._last_event = ""
        self._again_s = AGAIN_S
        self._seen: tuple[int | None, float] = (None, 0.0)
        self._stopping = False
        self._started_at = clock.stamp(now())

    def open(self) -> Record:
        """Take the sockets; the record of the server. Raises as `Sockets.open` does."""
        self._sockets.open(self._setup.listen, self._setup.environ)
        if self._sockets.port is not None and self._setup.token is None and not self._setup.open_port:
            self._sockets.close()
            raise UsageError("the port of the socket unit needs --token-file FILE, or --no-auth", code="no_token")
        return self._record("listening")

    def close(self) -> None:
        """Let the sockets go."""
        self._sockets.close()

    def run(self) -> None:
        """Serve until told to stop. Raises what keeps it from beginning: ConfigError, TryLater of the state."""
        asyncio.run(self._run())

    # -- its life ------------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        self._done = asyncio.Event()
        self._accounts = Accounts(self._open_state)
        environ, settings = self._setup.environ, self._setup.settings
        catalogue = Catalogue(environ)
        self.pool = Pool(
            catalogue,
            settings,
            environ=environ,
            budget=lambda: memory.budget(self._group),
            metrics=self._metrics,
            note=self._note,
            warn=self._warn,
        )
        self.pool.recall = self._recall
        self.pool.on_loaded = self._look_now_and_then
        self._foresight = Foresight(
            self.pool, self._accounts, now=self._now, environ=environ, active=self._setup.preload
        )
        service = Service(
            self.pool, self._accounts, self._metrics, now=self._now, warn=self._warn, used=self._foresight.used
        )
        control = Control(
            identity={
                "state": os.path.realpath(self._setup.state),
                "models": os.path.realpath(paths.models_directory(environ)),
                "settings": os.path.realpath(paths.config_directory(environ)),
            },
            status=self._status,
            gauges=self._gauges,
            stop=self._stop,
            health=lambda: "stopping" if self._stopping else "ok",
        )
        self.pool.kept_key = await self._accounts.write(lambda tx: store.kept_key(tx, self._now()))
        await self._foresight.begin()
        self._watch = Watch(self._group)
        loop.add_reader(self._watch.fileno(), self._pressed)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        listeners = [await self._listen(each, Routes(service, control, token)) for each, token in self._places()]
        sockets.notify(environ, "READY=1")
        for name in self._setup.models:
            self._begin_with(catalogue, name)
        try:
            await self._done.wait()
        finally:
            sockets.notify(environ, "STOPPING=1")
            for listener in listeners:
                listener.close()
            await self._wind_up()

    def _places(self) -> list[tuple[Any, str | None]]:
        places: list[tuple[Any, str | None]] = [(self._sockets.own, None)]
        if self._sockets.port is not None:
            places.append((self._sockets.port, self._setup.token))
        return places

    async def _listen(self, place: Any, routes: Routes) -> asyncio.Server:
        loop, trusted = asyncio.get_running_loop(), place is self._sockets.own
        admit = None if trusted else routes.admit

        def accept() -> Connection:
            made = Connection(routes.handle, admit=admit, connections=self._connections)
            made.closing = len(self._connections) >= CONNECTIONS or self._stopping
            return made

        return await (loop.create_unix_server if trusted else loop.create_server)(accept, sock=place)

    def _begin_with(self, catalogue: Catalogue, name: str) -> None:
        try:
            self.pool.load(catalogue.slot(name, files=True))
        except RoadmapError as error:
            self._warn(f"model {name!r}: {error}")

    def _stop(self) -> None:
        """Begin to stop; a second time: at once."""
        if self._stopping:
            for connection in list(self._connections):
                connection.close()
        self._stopping = True
        self._done.set()

    async def _wind_up(self) -> None:
        """Let what is under way finish, save what the models worked out, write down what is not yet."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._setup.grace_s
        for connection in list(self._connections):
            connection.finish()
        while any(connection.busy for connection in self._connections) and loop.time() < end:
            await asyncio.sleep(0.05)
        for connection in list(self._connections):
            connection.close()
        loop.remove_reader(self._watch.fileno())
        self._watch.close()
        for timer in (self._again, self._looking):
            if timer is not None:
                timer.cancel()
        self._foresight.close()
        await asyncio.sleep(0)
        await self.pool.close(save_s=10.0)
        self._accounts.close(10.0)

    # -- memory --------------------------------------------------------------------------------------------------------

    def _pressed(self) -> None:
        event = self._watch.take()
        if event is not None:
            self._metrics.count("pressure_events")
            self._again_s = AGAIN_S
            self._relieve(event)

    def _look_again(self) -> None:
        self._again = None
        self._relieve(Event(0, "another look"))

    def _look_now_and_then(self) -> None:
        """Only where the kernel has no events, and only while a model is loaded."""
        if self._watch.has_events or self._looking is not None:
            return
        if any(slot.state != "cold" for slot in self.pool.catalogue.slots.values()):
            self._looking = asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def _look(self) -> None:
        self._looking = None
        self._relieve(Event(0, "thresholds"))
        self._look_now_and_then()

    def _relieve(self, event: Event) -> None:
        if self._relieving is not None and not self._relieving.done():
            self._look_soon()
            return
        budget, started = memory.budget(self._group), time.monotonic()
        relief = policy.relieve(event.level, event.whole, budget, self.pool.loaded(), fall=self._fall(budget, started))
        self._level = relief.level
        if relief.level == 0:
            if budget.free_ratio is not None and budget.free_ratio < policy.FALLING:
                self.pool.keep_ahead()
            return
        self.pool.pressed_at = started
        self._last_event = f"{event.source}; {relief.why}"
        self._look_soon()
        if relief.unload or relief.shrink:
            self._detail(f"memory is short ({self._last_event}): {', '.join(relief.unload) or 'nothing'} unloaded")
            self._relieving = asyncio.get_running_loop().create_task(self._do(relief, started))

    def _fall(self, budget: memory.Budget, now: float) -> int:
        """The level by how fast memory went since the last event, if that was just now."""
        before, at = self._seen
        self._seen = (budget.available, now)
        if before is None or budget.available is None or now - at > FALL_S:
            return 0
        return policy.level_of_fall(budget, before - budget.available, now - at)

    async def _do(self, relief: policy.Relief, started: float) -> None:
        await self.pool.relieve(relief.level, relief)
        if relief.unload:
            self._metrics.span("relief_seconds", time.monotonic() - started)

    def _look_soon(self) -> None:
        """Once more in a moment, as long as there is something that could still be let go."""
        if self._again is None and any(slot.state == "ready" for slot in self.pool.catalogue.slots.values()):
            self._again = asyncio.get_running_loop().call_later(self._again_s, self._look_again)
            self._again_s = min(self._again_s * 2, LATEST_AGAIN_S)

    # -- what is written down, and shown -------------------------------------------------------------------------------

    def _note(self, what: str, slot: Slot, why: str, facts: dict[str, Any]) -> None:
        budget = memory.budget(self._group)
        told = {
            "event": self._last_event,
            "memory_ceiling_bytes": budget.ceiling,
            "memory_available_bytes": budget.available,
            **facts,
        }
        at = self._now()
        written = self._accounts.write(
            lambda tx: store.note(tx, what, slot, why, told, at, self._setup.settings.engine)
        )
        written.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _recall(self, slot: Slot) -> None:
        """What a model took when it was loaded last, so that room is made for that."""
        try:
            found = await self._accounts.write(lambda tx: store.measured(tx, slot, self._setup.settings.engine))
        except (RoadmapError, OSError):
            return
        if found:
            slot.size, slot.load_ms = found

    def _record(self, state: str) -> Record:
        record: Record = {
            "kind": "slm.server",
            "id": run_id("slm.server", self._now()),
            "at": clock.stamp(self._now()),
            "state": state,
            "pid": os.getpid(),
            "socket": str(self._setup.socket),
        }
        if self._sockets.port is not None:
            host, port = self._sockets.port.getsockname()[:2]
            record["url"] = f"http://{'[' + host + ']' if ':' in host else host}:{port}/v1"
        return record

    def _status(self) -> dict[str, Any]:
        budget = memory.budget(self._group)
        server = self._record("stopping" if self._stopping else "listening") | {
            "started_at": self._started_at,
            "pressure_level": self._level,
            "pressure_sources": self._watch.sources or ["thresholds"],
            "connections_count": len(self._connections),
        }
        if self._last_event:
            server["last_pressure"] = self._last_event
        if budget.ceiling is not None and budget.available is not None:
            server |= {"memory_ceiling_bytes": budget.ceiling, "memory_available_bytes": budget.available}
        return {"server": server, "models": [self._model(slot) for slot in self._slots()]}

    def _model(self, slot: Slot) -> Record:
        now = time.monotonic()
        record: Record = {
            "kind": "slm.served_model",
            "id": run_id("slm.served_model", self._now()),
            "at": clock.stamp(self._now()),
            "name": slot.name,
            "task": slot.task,
            "state": slot.state,
            "requests_count": slot.claims,
            "loads_count": slot.loads,
        }
        if slot.state == "ready" and slot.process is not None:
            record |= {
                "pid": slot.process.pid,
                "memory_bytes": memory.of_process(slot.process.pid) or slot.size,
                "idle_s": round(now - slot.last_used, 1),
                "load_ms": round(slot.load_ms),
                "restored_tokens": slot.restored,
                "is_kept": slot.pinned,
            }
            if slot.context_size:
                record["context_size"] = slot.context_size
        if slot.problem:
            record["problem"] = slot.problem
        return record

    def _slots(self) -> list[Slot]:
        return sorted(self.pool.catalogue.slots.values(), key=lambda each: each.name)

    def _gauges(self) -> list[tuple[str, str, dict[str, str], float]]:
        budget = memory.budget(self._group)
        found: list[tuple[str, str, dict[str, str], float]] = [
            ("pressure_level", "How short memory was at the last look, 0 to 3.", {}, self._level),
            ("memory_available_bytes", "Memory that can be had now.", {}, budget.available or 0),
            ("connections", "Open connections.", {}, len(self._connections)),
        ]
        for slot in self._slots():
            found.append(("model_ready", "Whether a model is loaded.", {"model": slot.name}, slot.state == "ready"))
        for slot in self._slots():
            found.append(("model_requests", "Requests in flight or waiting.", {"model": slot.name}, slot.claims))
        for slot in self._slots():
            size = (memory.of_process(slot.process.pid) or 0) if slot.process and slot.state == "ready" else 0
            found.append(("model_memory_bytes", "Memory of a model's process.", {"model": slot.name}, size))
        return found
