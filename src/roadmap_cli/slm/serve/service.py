"""One request from its arrival to its row in the ledger, whichever way it came."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from roadmap_cli.core.clock import Clock
from roadmap_cli.core.errors import RoadmapError
from roadmap_cli.models import ledger
from roadmap_cli.models.ledger import Call
from roadmap_cli.slm.serve.accounts import Accounts
from roadmap_cli.slm.serve.metrics import Metrics
from roadmap_cli.slm.serve.pool import Pool
from roadmap_cli.slm.serve.slots import Slot

COMMAND = "slm-serve"
#: How long a reply waits for its row in the ledger before it goes out without the row's id.
LEDGER_S = 10.0
#: Refusals before any model was asked: not a call.
_NOT_CALLED = frozenset({"queue_full", "no_memory", "model_too_large", "loading"})


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a call is written down; `writes` False: it is not."""

    command: str = COMMAND
    run_id: str | None = None
    purpose: str = "chat"
    writes: bool = True


class Service:
    """Answers requests and writes them down."""

    def __init__(
        self,
        pool: Pool,
        accounts: Accounts | None,
        metrics: Metrics,
        *,
        now: Clock,
        warn: Callable[[str], None],
        used: Callable[[Slot], None],
    ) -> None:
        self.pool = pool
        self.metrics = metrics
        self._accounts = accounts
        self._now = now
        self._warn = warn
        self._used = used
        self._warned = False

    async def reply(
        self, slot: Slot, request: Mapping[str, Any], caller: Caller, *, patient: bool
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The reply of a language model: ``piece`` events, then one ``done`` with its tokens, time and call's id."""
        at, started = self._now(), time.monotonic()
        said: list[str] = []
        done: dict[str, Any] = {}
        error: str | None = None
        self._used(slot)
        called = True
        try:
            async with aclosing(self.pool.ask(slot, "submit", request, patient=patient)) as events:
                async for event in events:
                    if "piece" in event:
                        if not said:
                            self.metrics.span("first_token_seconds", time.monotonic() - started)
                        said.append(event["piece"])
                        yield event
                    else:
                        done = event["done"]
            error = done.pop("unfit", None)
        except RoadmapError as failure:
            error = f"{failure.code}: {failure.message}"
            called = failure.code not in _NOT_CALLED
            raise
        finally:
            seconds = time.monotonic() - started
            self.metrics.span("request_seconds", seconds)
            for name in ("prompt_tokens", "cached_tokens", "completion_tokens"):
                self.metrics.count(name, done.get(name) or 0)
            call = Call(
                model=slot.name,
                provider="local",
                purpose=caller.purpose,
                input={
                    **{name: request[name] for name in ("messages", "text") if request.get(name)},
                    "options": {name: value for name, value in request["options"].items() if value not in (None, [])},
                },
                output={"text": "".join(said)},
                latency_ms=round(seconds * 1000),
                prompt_tokens=done.get("prompt_tokens"),
                completion_tokens=done.get("completion_tokens"),
                price_microunits=0,
                finish=done.get("finish") or (None if error else "cancelled"),
                error=error,
            )
            written = self._write(call, caller, at) if called else None
        yield {"done": {**done, "latency_ms": call.latency_ms, "call_id": await self._id(written)}}

    async def embed(self, slot: Slot, texts: list[str], caller: Caller) -> dict[str, Any]:
        """The vectors of texts (base64 of little-endian float32) and their tokens."""
        import hashlib

        at, started = self._now(), time.monotonic()
        self._used(slot)
        done: dict[str, Any] = {}
        async for event in self.pool.ask(slot, "embed", {"texts": texts}, patient=False):
            done = event["done"]
        digest = hashlib.sha256()
        for text in texts:
            digest.update(hashlib.sha256(text.encode()).digest())
        self.metrics.count("prompt_tokens", done["prompt_tokens"])
        call = Call(
            model=slot.name,
            provider="local",
            purpose="embed",
            input={"texts_count": len(texts), "texts_sha256": digest.hexdigest()},
            output={"dimensions": slot.dimensions},
            latency_ms=round((time.monotonic() - started) * 1000),
            prompt_tokens=done["prompt_tokens"],
            completion_tokens=0,
            price_microunits=0,
            finish="stop",
        )
        await self._id(self._write(call, caller, at))
        return done

    async def count(self, slot: Slot, what: Mapping[str, Any]) -> int:
        """How many tokens a text or a conversation is."""
        async for event in self.pool.ask(slot, "count", what, patient=True):
            return int(event["count"])
        return 0

    def _write(self, call: Call, caller: Caller, at: datetime) -> asyncio.Future[str] | None:
        if self._accounts is None or not caller.writes:
            return None
        row_id = ledger.new_id(at)
        written = self._accounts.write(
            lambda tx: ledger.record_call(tx, call, command=caller.command, at=at, run_id=caller.run_id, row_id=row_id)
        )
        written.add_done_callback(self._look)
        return written

    async def _id(self, written: asyncio.Future[str] | None) -> str | None:
        """The id of the row once it is committed; None if that fails or takes too long."""
        if written is None:
            return None
        try:
            async with asyncio.timeout(LEDGER_S):
                return await asyncio.shield(written)
        except (TimeoutError, RoadmapError, OSError):
            return None

    def _look(self, written: asyncio.Future[str]) -> None:
        if written.cancelled() or written.exception() is None:
            self._warned = False
            return
        self.metrics.count("ledger_failures")
        if not self._warned:
            self._warned = True
            self._warn(f"a call is not in the ledger: {written.exception()}")
