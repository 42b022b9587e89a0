"""The models in memory: loaded when asked for, kept while there is room, let go when memory is short.

Each wait has an end. A request never waits for a model that can never fit, a model in use is never let go, and a
process that dies costs its own requests one clear error and nothing else.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from roadmap_cli.core.errors import ConfigError, DataError, RoadmapError, TryLater, Unavailable
from roadmap_cli.models import memory
from roadmap_cli.models.conversation.warm import failure
from roadmap_cli.slm.serve import policy
from roadmap_cli.slm.serve.metrics import Metrics
from roadmap_cli.slm.serve.process import Process, crashed
from roadmap_cli.slm.serve.slots import Catalogue, Slot

#: A model that crashed this often within `CRASH_WINDOW_S` is left alone for that long.
CRASHES = 3
CRASH_WINDOW_S = 60.0
#: How long a model may take to put its state on disk: when there is time, and when memory is short.
SAVE_S = 20.0
SAVE_SHORT_S = 1.5
SAVE_URGENT_S = 0.5
#: How long to wait for memory to come back after an unload, before a load.
BACK_S = 5.0
#: More bytes than any token has: a prompt that is longer than context times this is too long without counting.
BYTES_PER_TOKEN = 256


@dataclass(frozen=True, slots=True)
class Settings:
    """How the server keeps models. Times in seconds; `ttl_s` 0 keeps a model until memory is short."""

    ttl_s: float = 0.0
    load_timeout_s: float = 120.0
    queue: int = 64
    engine: Mapping[str, Any] = field(default_factory=dict)
    kept_in: str | None = None


class Pool:
    """All models of one server. Lives in one event loop."""

    def __init__(
        self,
        catalogue: Catalogue,
        settings: Settings,
        *,
        environ: Mapping[str, str],
        budget: Callable[[], memory.Budget],
        metrics: Metrics,
        note: Callable[[str, Slot, str, dict[str, Any]], None],
        warn: Callable[[str], None],
    ) -> None:
        self.catalogue = catalogue
        self.settings = settings
        self.metrics = metrics
        self.kept_key: str | None = None
        self.pressed_at = -policy.CALM_S
        self._environ = {name: value for name, value in environ.items() if not name.startswith("ROADMAP_IDENTITY")}
        self._budget = budget
        self._note = note
        self._warn = warn
        self._numbers = itertools.count(1)
        self._loading = asyncio.Lock()
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.on_loaded: Callable[[], None] = lambda: None
        self.recall: Callable[[Slot], Awaitable[None]] = _nothing

    # -- requests ------------------------------------------------------------------------------------------------------

    async def ask(
        self, slot: Slot, what: str, request: Mapping[str, Any], *, patient: bool
    ) -> AsyncGenerator[Any, None]:
        """Send a request to a model, loading it first; its events: ``piece``, then ``done`` or ``count``.

        `patient`: wait however many are before it (our own clients hold back by themselves). Raises TryLater (too
        many wait, no memory now, still loading), and what the model refuses with. Leaving it early cancels it.
        """
        if not patient and slot.claims >= slot.sequences + self.settings.queue:
            self.metrics.count("refused")
            raise TryLater(
                f"{slot.claims} requests are before this one", hint="ask again in a moment", code="queue_full"
            )
        slot.claims += 1
        self._stop_expiry(slot)
        slot.last_used, slot.shrunk = time.monotonic(), False
        try:
            process = await self._ready(slot)
            number, queue = next(self._numbers), asyncio.Queue[dict[str, Any]]()
            slot.tickets[number] = queue
            finished = False
            try:
                process.send(what, ticket=number, **self._fitted(slot, request))
                while not finished:
                    event = await queue.get()
                    finished = "piece" not in event
                    if "failed" in event:
                        raise failure(event["failed"])
                    yield event
            finally:
                slot.tickets.pop(number, None)
                if not finished:
                    process.send("cancel", ticket=number)
                    self.metrics.count("cancelled")
        finally:
            slot.claims -= 1
            slot.last_used = time.monotonic()
            self._start_expiry(slot)
            self._tell_change()

    def _fitted(self, slot: Slot, request: Mapping[str, Any]) -> dict[str, Any]:
        """The request with options that mean something for this model. Raises DataError for a hopeless length."""
        context = slot.context_size or 0
        options = request.get("options")
        if options is None:
            return dict(request)
        length = sum(len(message["content"]) for message in request.get("messages") or ())
        length = length or len(request.get("text") or "")
        if context and length > context * BYTES_PER_TOKEN:
            raise DataError(
                f"the prompt has {length} characters and the context only {context} tokens", code="prompt_too_long"
            )
        return {**request, "options": {**options, "max_tokens": min(options["max_tokens"], context or 1 << 20)}}

    async def _ready(self, slot: Slot) -> Process:
        """The process of a model, loaded if need be. Raises TryLater when that takes too long."""
        try:
            async with asyncio.timeout(self.settings.load_timeout_s):
                while slot.state != "ready" or slot.process is None:
                    await asyncio.shield(self.load(slot))
                return slot.process
        except TimeoutError:
            raise TryLater(
                f"model {slot.name!r} is not loaded after {self.settings.load_timeout_s:g} s",
                hint="ask again, or start the server with a longer --load-timeout",
                code="loading",
            ) from None

    # -- loading -------------------------------------------------------------------------------------------------------

    def load(self, slot: Slot, *, ahead: bool = False) -> asyncio.Task[Process]:
        """Begin to load a model, or join in; the task raises why it cannot be. `ahead` of need nothing else goes."""
        if slot.opening is None or slot.opening.done():
            slot.opening = self._task(self._open(slot, ahead))
            slot.opening.add_done_callback(lambda task: task.cancelled() or task.exception())
        return slot.opening

    async def _open(self, slot: Slot, ahead: bool) -> Process:
        if slot.state == "ready" and slot.process is not None:
            return slot.process
        if slot.leaving is not None:
            await asyncio.shield(slot.leaving)
        self._check_crashes(slot)
        if not slot.size:
            await self.recall(slot)
        async with self._loading:
            await self._make_room(slot, ahead)
            slot.state, slot.problem = "loading", None
            process = Process(lambda event: self._hand_on(slot, event), lambda why: self._ended(slot, process, why))
            started = time.monotonic()
            slot.process = process
            try:
                await process.start(self._environ)
                opened = await process.call(
                    "open",
                    name=slot.name,
                    path=os.fspath(slot.path),
                    task=slot.task,
                    tokenizer=os.fspath(slot.tokenizer) if slot.tokenizer else None,
                    max_tokens=slot.max_tokens,
                    settings=dict(self.settings.engine),
                    kept_in=self.settings.kept_in,
                    kept_key=self.kept_key,
                )
            except BaseException as error:
                process.kill()
                slot.state, slot.process = "cold", None
                self.metrics.count("load_failures")
                self._tell_change()
                if isinstance(error, Unavailable) and error.code == "model_crashed":
                    error = Unavailable(
                        f"model {slot.name!r} cannot be loaded: {error.message.partition(';')[0]}",
                        hint="its file may be damaged: slm-models verify",
                        code="model_crashed",
                    )
                slot.problem = str(error) or type(error).__name__
                raise error from None
            slot.state = "ready"
            slot.loads += 1
            slot.load_ms = (time.monotonic() - started) * 1000
            slot.last_used = time.monotonic()
            slot.context_size, slot.sequences = opened["context_size"], opened["sequences"]
            slot.dimensions, slot.restored = opened.get("dimensions"), opened.get("restored_tokens", 0)
            slot.size = memory.of_process(process.pid) or slot.need(self.settings.engine)
        self.metrics.count("loads")
        self._note("loaded", slot, "", {"load_ms": round(slot.load_ms), "restored_tokens": slot.restored})
        self._start_expiry(slot)
        self.on_loaded()
        self._tell_change()
        return process

    def _check_crashes(self, slot: Slot) -> None:
        now = time.monotonic()
        slot.crashes = [at for at in slot.crashes if now - at < CRASH_WINDOW_S]
        if len(slot.crashes) >= CRASHES:
            raise Unavailable(
                f"the process of model {slot.name!r} ended {len(slot.crashes)} times within {CRASH_WINDOW_S:g} s;"
                " it is left alone for a minute",
                hint=f"slm-models verify {slot.name}",
                code="model_crashes",
            )

    async def _make_room(self, slot: Slot, ahead: bool) -> None:
        """Let idle models go until this one fits. Raises ConfigError (it never will), TryLater (not now)."""
        while True:
            self._changed.clear()
            calm = time.monotonic() - self.pressed_at >= policy.CALM_S
            need = slot.need(self.settings.engine)
            verdict = policy.admit(need, self._budget(), self.loaded(), calm=calm)
            if verdict.verdict == "go" and not (ahead and verdict.unload):
                break
            if verdict.verdict == "never":
                self._note("refused", slot, verdict.why, {"need_bytes": need})
                raise ConfigError(
                    f"model {slot.name!r} is too large for this machine: {verdict.why}",
                    hint="take a smaller one, or one with fewer bits: slm-models list",
                    code="model_too_large",
                )
            if verdict.verdict == "later" or ahead:
                self.metrics.count("refused")
                self._note("refused", slot, verdict.why, {"need_bytes": need})
                raise TryLater(
                    f"no memory for model {slot.name!r} now: {verdict.why}", hint="ask again later", code="no_memory"
                )
            await self._changed.wait()  # until a busy model is idle; the request's own time-out ends it
        if not verdict.unload:
            return
        going = [each for each in self.catalogue.slots.values() if each.key in verdict.unload]
        before = self._budget().available
        await asyncio.gather(*(self.unload(each, f"room for {slot.name}: {verdict.why}") for each in going))
        await self._memory_back(before, sum(each.size for each in going))

    async def _memory_back(self, before: int | None, freed: int) -> None:
        """Wait, for a while, until what was let go can be had: the kernel needs a moment."""
        if before is None:
            return
        end = time.monotonic() + BACK_S
        while time.monotonic() < end and (self._budget().available or 0) < before + freed * 3 // 4:
            await asyncio.sleep(0.05)

    # -- letting go ----------------------------------------------------------------------------------------------------

    def loaded(self) -> list[policy.Loaded]:
        """The models in memory, for the policy."""
        now = time.monotonic()
        return [
            policy.Loaded(each.key, each.size, now - each.last_used, each.load_ms, each.busy, each.pinned)
            for each in self.catalogue.slots.values()
            if each.state in ("ready", "unloading")
        ]

    def unload(
        self, slot: Slot, why: str, *, save_s: float = SAVE_S, give_back: bool = False, even_busy: bool = False
    ) -> asyncio.Task[None]:
        """Begin to let a model go, its state saved within `save_s`; `give_back` its file's pages to the system too."""
        if slot.leaving is None or slot.leaving.done():
            if slot.state != "ready" or (slot.busy and not even_busy):
                return self._task(asyncio.sleep(0))
            slot.state = "unloading"
            slot.leaving = self._task(self._leave(slot, why, save_s, give_back))
        return slot.leaving

    async def _leave(self, slot: Slot, why: str, save_s: float, give_back: bool) -> None:
        self._stop_expiry(slot)
        process, started = slot.process, time.monotonic()
        assert process is not None
        facts: dict[str, Any] = {"size_bytes": slot.size}
        slot.size = memory.of_process(process.pid) or slot.size
        try:
            if save_s > 0:
                async with asyncio.timeout(save_s):
                    facts |= self._saved(slot, await process.call("save"))
        except TimeoutError:
            facts["problem"] = "saving its state took too long"
        except RoadmapError as error:
            facts["problem"] = error.message
        process.kill()
        await process.over()
        if give_back:
            give_pages_back(slot)
        facts["seconds"] = round(time.monotonic() - started, 3)
        slot.state, slot.process, slot.leaving = "cold", None, None
        self.metrics.count("unloads")
        self._note("unloaded", slot, why, facts)
        self._tell_change()

    def _saved(self, slot: Slot, said: Mapping[str, Any]) -> dict[str, Any]:
        self.metrics.count("kept_bytes", int(said["bytes"]))
        if said.get("problem"):
            self._warn(f"the state of model {slot.name!r} could not be kept: {said['problem']}")
        return {"kept_sequences": said["sequences"], "kept_bytes": said["bytes"]}

    async def shrink(self, slot: Slot) -> None:
        """Have an idle model keep on disk what it worked out, and give that memory back."""
        if slot.state != "ready" or slot.busy or slot.shrunk or slot.process is None:
            return
        slot.shrunk, slot.kept_at = True, time.monotonic()
        try:
            async with asyncio.timeout(SAVE_S):
                self._saved(slot, await slot.process.call("drop"))
        except (TimeoutError, RoadmapError):
            return
        slot.size = memory.of_process(slot.process.pid) or slot.size

    def keep_ahead(self) -> None:
        """Have idle models keep what they worked out, so that letting them go takes no time: memory runs low."""
        for slot in self.catalogue.slots.values():
            if slot.state == "ready" and not slot.busy and slot.kept_at < slot.last_used:
                slot.kept_at = time.monotonic()
                self._task(self._keep(slot))

    async def _keep(self, slot: Slot) -> None:
        try:
            if slot.process is not None:
                self._saved(slot, await slot.process.call("save"))
        except RoadmapError:
            return

    async def relieve(self, level: int, relief: policy.Relief) -> float:
        """Do what the policy says about pressure; seconds until the memory was back."""
        started = time.monotonic()
        slots = {each.key: each for each in self.catalogue.slots.values()}
        save_s = SAVE_URGENT_S if level >= 3 else SAVE_SHORT_S
        await asyncio.gather(
            *(self.unload(slots[name], relief.why, save_s=save_s, give_back=True) for name in relief.unload),
            *(self.shrink(slots[name]) for name in relief.shrink),
        )
        return time.monotonic() - started

    async def close(self, save_s: float) -> None:
        """Let all models go, their state saved."""
        ready = [each for each in self.catalogue.slots.values() if each.state in ("ready", "unloading")]
        await asyncio.gather(*(self.unload(each, "the server stops", save_s=save_s, even_busy=True) for each in ready))
        for task in list(self._tasks):
            task.cancel()
        for slot in self.catalogue.slots.values():
            if slot.process is not None:
                slot.process.kill()

    # -- what happens by itself ----------------------------------------------------------------------------------------

    def _hand_on(self, slot: Slot, event: dict[str, Any]) -> None:
        queue = slot.tickets.get(event.pop("ticket"))
        if queue is not None:
            queue.put_nowait(event)

    def _ended(self, slot: Slot, process: Process, why: str) -> None:
        """A child has ended; if nobody wanted it, its requests are told, and the next one loads it anew."""
        if slot.process is not process:
            return
        expected = slot.state == "unloading"
        from roadmap_cli.models.conversation.warm import told

        for queue in slot.tickets.values():
            queue.put_nowait({"failed": told(crashed(why))})
        if expected:
            return
        slot.crashes.append(time.monotonic())
        self.metrics.count("crashes")
        if slot.state == "ready":
            slot.state, slot.process = "cold", None
        slot.problem = why
        self._stop_expiry(slot)
        self._note("crashed", slot, why, {})
        self._warn(f"the process of model {slot.name!r} ended: {why}")
        self._tell_change()

    def _start_expiry(self, slot: Slot) -> None:
        self._stop_expiry(slot)
        if self.settings.ttl_s > 0 and slot.state == "ready" and not slot.busy and not slot.pinned:
            why = f"not used for {self.settings.ttl_s:g} s"
            slot.expiry = asyncio.get_running_loop().call_later(self.settings.ttl_s, self.unload, slot, why)

    def _stop_expiry(self, slot: Slot) -> None:
        if slot.expiry is not None:
            slot.expiry.cancel()
            slot.expiry = None

    def _tell_change(self) -> None:
        self._changed.set()

    def _task(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _nothing(slot: Slot) -> None:
    return None


def give_pages_back(slot: Slot) -> None:
    """Have the system drop the cached pages of a model's file: they count as the group's memory."""
    try:
        descriptor = os.open(slot.path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    except OSError:
        return
    finally:
        os.close(descriptor)
