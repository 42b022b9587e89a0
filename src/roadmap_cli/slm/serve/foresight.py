"""Loading ahead of need: what the history of use foretells is loaded before it is asked for, and let go if it is not.

No clock ticks for it: there is one timer, for the beginning of the next hour in which a model will be wanted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from roadmap_cli.core import clock
from roadmap_cli.core.clock import Clock
from roadmap_cli.core.errors import RoadmapError
from roadmap_cli.core.records import Record, run_id
from roadmap_cli.slm.serve import policy, store, usage
from roadmap_cli.slm.serve.accounts import Accounts
from roadmap_cli.slm.serve.pool import Pool
from roadmap_cli.slm.serve.slots import Slot
from roadmap_cli.slm.serve.usage import Forecast
from roadmap_cli.state import records
from roadmap_cli.state.connection import Connection

#: Loading begins this long before the hour.
LEAD_S = 60.0
#: Nothing is loaded ahead of need below this charge of the battery.
LEAST_PERCENT = 30.0


class Foresight:
    """Watches what is used and loads what will be."""

    def __init__(self, pool: Pool, accounts: Accounts, *, now: Clock, environ: Mapping[str, str], active: bool) -> None:
        self._pool = pool
        self._accounts = accounts
        self._now = now
        self._environ = environ
        self._active = active
        self._uses: list[usage.Use] = []
        self._noted: set[usage.Use] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._ahead: dict[str, str] = {}  # model loaded ahead of need → its decision
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self) -> None:
        """Read the history and set the timer."""
        now = self._now()
        self._uses = await self._accounts.write(lambda tx: usage.history(tx, now))
        if self._active:
            self._consider(now)

    def close(self) -> None:
        """Foresee nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()

    def used(self, slot: Slot) -> None:
        """A model is used now."""
        span = usage.span_of(self._now())
        decision = self._ahead.pop(slot.key, None)
        if decision:
            self._settle(decision, "used")
        use = (span, slot.key)
        if use in self._noted:
            return
        self._noted = {each for each in self._noted if each[0] == span} | {use}
        self._uses.append(use)
        written = self._accounts.write(lambda tx: usage.note(tx, slot.key, span))
        written.add_done_callback(lambda done: done.cancelled() or done.exception())
        if self._active:
            self._load(usage.after(self._uses, slot.key))

    # -- ahead of need -------------------------------------------------------------------------------------------------

    def _consider(self, now: datetime) -> None:
        """Load what this hour, or the one about to begin, will want; come back before the next such hour."""
        self._timer = None
        soon = now + timedelta(seconds=LEAD_S + 5)
        self._let_go()
        self._load(usage.by_hour(self._uses, soon, None))
        following = usage.next_hour(self._uses, soon, None)
        wait = timedelta(days=1) if following is None else following - timedelta(seconds=LEAD_S) - now
        self._timer = asyncio.get_running_loop().call_later(
            max(1.0, wait.total_seconds()), lambda: self._consider(self._now())
        )

    def _load(self, wanted: list[Forecast]) -> None:
        cold = [each for each in wanted if self._is_cold(each.model)]
        if cold and time.monotonic() - self._pool.pressed_at >= policy.CALM_S:
            task = asyncio.get_running_loop().create_task(self._load_each(cold))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _load_each(self, wanted: list[Forecast]) -> None:
        from roadmap_cli.slm.device import power

        now = await asyncio.to_thread(power.power, Path("/"), self._environ)
        if now.on_battery and (now.percent is None or now.percent < LEAST_PERCENT):
            return
        for each in wanted:
            try:
                slot = self._pool.catalogue.slot(each.model, files=True)
                if slot.state != "cold":
                    continue
                await self._pool.load(slot, ahead=True)
            except (RoadmapError, OSError):
                continue
            self._pool.metrics.count("preloads")
            self._ahead[each.model] = await self._accounts.write(partial(decided, forecast=each, at=self._now()))

    def _let_go(self) -> None:
        """What was loaded ahead of need in an hour that is over, and never used, goes."""
        for name, decision in list(self._ahead.items()):
            del self._ahead[name]
            self._settle(decision, "not used")
            slot = self._pool.catalogue.slots.get(name)
            if slot is not None:
                self._pool.unload(slot, "loaded ahead of need and not used")

    def _is_cold(self, name: str) -> bool:
        slot = self._pool.catalogue.slots.get(name)
        return slot is None or slot.state == "cold"

    def _settle(self, decision: str, outcome: str) -> None:
        from roadmap_cli.why import decisions

        at = self._now()
        written = self._accounts.write(lambda tx: decisions.settle(tx, decision, outcome, at))
        written.add_done_callback(lambda done: done.cancelled() or done.exception())


def decided(tx: Connection, forecast: Forecast, at: datetime) -> str:
    """Write down that a model is loaded ahead of need, and why; the decision's id."""
    from roadmap_cli.why import decisions

    seen: Record = {"kind": "slm.use_counted", "id": run_id("slm.use_counted", at), "at": clock.stamp(at)}
    facts: dict[str, Any] = {**forecast.facts, "probability_ratio": round(forecast.probability, 3)}
    records.put(tx, {**seen, "model": forecast.model, **facts})
    made = decisions.decide(
        tx,
        kind="slm.preload_chosen",
        what=f"load model {forecast.model} ahead of need",
        why=forecast.why,
        evidence=[seen["id"]],
        command=store.COMMAND,
        at=at,
        authorised_by="policy: foresight",
        facts=facts,
    )
    return str(made["id"])
