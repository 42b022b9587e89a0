"""Working off what is due: taken, asked together, settled one by one, and written down as a decision.

No transaction spans a call of the model. What is killed leaves requests that another process takes again at once:
its lock is free. A reply that comes too late, to a request that is no longer this process's, is dropped.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.clock import Clock, stamp
from roadmap_cli.core.errors import DataError, RoadmapError, TryLater, Unavailable, UsageError
from roadmap_cli.core.records import Record, run_id
from roadmap_cli.slm.device.power import Power
from roadmap_cli.slm.queue import requests, timing
from roadmap_cli.slm.queue.held import Heartbeat, Held
from roadmap_cli.slm.queue.requests import LONGEST_PAUSE, Request

if TYPE_CHECKING:
    from roadmap_cli.models.conversation.batch import Batch
    from roadmap_cli.state.store import State

#: How often energy and heat are looked at during a burst.
LOOK_EVERY_S = 20.0
#: Times a request is taken before it is given up: it may be what kills the process.
MOST_ATTEMPTS = 5
#: First wait after a failure that may pass; it doubles.
FIRST_PAUSE = timedelta(seconds=30)
#: Requests cited as evidence of a decision at the most.
MOST_CITED = 50
_POWER = ("on_battery", "percent", "charging", "power_saver", "temperature_c", "is_hot", "is_metered", "is_idle")


@dataclass(slots=True)
class Drain:
    """One pass over the queue. `power` looks at the device, `open_model` opens a model by name (None: the default)."""

    state: State
    now: Clock
    power: Callable[[], Power]
    open_model: Callable[[str | None], Batch]
    rules: timing.Rules
    command: str
    is_remote: Callable[[str | None], bool] = lambda model: False
    sleep: Callable[[float], None] = time.sleep
    most_attempts: int = MOST_ATTEMPTS
    burst_id: str | None = None
    deferred: int = 0
    left: int = 0
    next_at: datetime | None = None
    problem: RoadmapError | None = None
    _absent: set[str | None] = field(default_factory=set)
    _taken: dict[str, Request] = field(default_factory=dict)
    _by_key: dict[int, Request] = field(default_factory=dict)
    _keys: Iterator[int] = field(default_factory=itertools.count)
    _progressed: bool = False
    _held: Held | None = None
    _beats: Heartbeat = field(init=False)

    def run(self) -> Iterator[Record]:
        """Expire, decide, answer until nothing more is due; what is settled once it is stored, at last the burst.

        Raises at the end what opening a model raised (its requests go on waiting), and RoadmapError of the state.
        """
        self._held = Held(Path(self.state.path), run_id("slm.drain", self.now()).replace("_", "-"))
        self._beats = Heartbeat(self.state, self._held.name, self.now)
        told: dict[str, int] = {"answered": 0, "failed": 0, "expired": 0, "put_off": 0}
        reason, width = "", 0
        started = self.now()
        try:
            self._beats.start()
            with self.state.write() as tx:
                expired = requests.expire(tx, self.now())
            told["expired"] = len(expired)
            yield from (each.record() for each in expired)
            while True:
                power = self.power()
                turn = self._turn(power)
                self.left, self.next_at = len(turn.left), turn.next_at
                if not turn.due:
                    self.deferred = sum(each.priority > turn.conditions.allows for each in turn.left)
                    if self.deferred and not self.burst_id:
                        self._note_deferral(turn, power)
                    break
                if self.burst_id is None:
                    reason, width = turn.why, turn.conditions.width
                    self.burst_id = self._note_burst(turn, power)
                yield from self._work(turn, told)
                if not self._progressed:
                    break
        finally:
            self._let_go()
        if self.burst_id:
            yield self._burst_record(started, reason, width, told)
        if self.problem:
            raise self.problem

    # -- deciding ----------------------------------------------------------------------------------------------------

    def _turn(self, power: Power) -> timing.Turn:
        assert self._held is not None
        now = self.now()
        with self.state.read() as tx:
            open_ones = requests.waiting(tx)
            rules = self.rules.at_pace(requests.reply_s(tx))
        free = [
            each
            for each in open_ones
            if each.model not in self._absent
            and (
                each.state == "waiting"
                or (each.taken_until_at is not None and each.taken_until_at <= now)
                or not self._held.is_held(each.taken_by or "")
            )
        ]
        return timing.turn(free, power, rules, now, self.is_remote)

    def _note_burst(self, turn: timing.Turn, power: Power) -> str:
        return self._decide(
            "slm.burst_started", f"answer {len(turn.due)} requests now", turn.why, turn.due, power,
            {"width": turn.conditions.width, "left_count": len(turn.left), "conditions": turn.conditions.why},
        )  # fmt: skip

    def _note_deferral(self, turn: timing.Turn, power: Power) -> None:
        """Written once as long as nothing changes: cron asks every few minutes."""
        from roadmap_cli.why import decisions

        held = [each for each in turn.left if each.priority > turn.conditions.allows]
        with self.state.read() as tx:
            last = next(decisions.find(tx, kind="slm.requests_deferred", limit=1), None)
        newest = max(stamp(each.at) for each in held)
        if last and last["why"] == turn.why and last.get("facts", {}).get("newest_at") == newest:
            return
        self._decide(
            "slm.requests_deferred", f"let {len(held)} requests wait", turn.why, held, power, {"newest_at": newest}
        )

    def _decide(
        self, kind: str, what: str, why: str, cited: Sequence[Request], power: Power, facts: Mapping[str, Any]
    ) -> str:
        from roadmap_cli.state import records
        from roadmap_cli.why import decisions

        at = self.now()
        seen = power_record(power, at)
        with self.state.write() as tx:
            records.put(tx, seen)
            evidence = [seen["id"], *(each.id for each in cited[:MOST_CITED])]
            made = decisions.decide(
                tx, kind=kind, what=what, why=why, evidence=evidence, command=self.command, at=at, facts=facts
            )
        return str(made["id"])

    # -- answering ---------------------------------------------------------------------------------------------------

    def _work(self, turn: timing.Turn, told: dict[str, int]) -> Iterator[Record]:
        """Answer what is due, model by model, as long as the device allows it."""
        self._progressed = False
        by_model: dict[str | None, list[Request]] = {}
        for each in turn.due:
            by_model.setdefault(each.model, []).append(each)
        for model, chosen in by_model.items():
            try:
                batch = self.open_model(model)
            except RoadmapError as error:  # its requests wait until it is there; those of other models need not
                self.problem = self.problem or error
                self._absent.add(model)
                continue
            with batch:
                yield from self._with_model(batch, chosen, turn.conditions, told)

    def _with_model(
        self, batch: Batch, chosen: list[Request], allowed: timing.Conditions, told: dict[str, int]
    ) -> Iterator[Record]:
        waiting = sorted(chosen, key=lambda each: each.attempts > 1)
        looked = time.monotonic()
        while waiting or batch.flying:
            if time.monotonic() - looked > LOOK_EVERY_S:
                allowed, looked = timing.conditions(self.power(), self.rules), time.monotonic()
                waiting = [each for each in waiting if each.priority <= allowed.allows]
            together = company(waiting, max(1, min(allowed.width, batch.width)), batch.flying)
            if together:
                waiting = waiting[len(together) :]
                for request in self._take(together):
                    yield from self._submit(batch, request, told)
            begun = time.monotonic()
            for key, result in batch.wait():
                yield from self._settle(self._by_key.pop(key), result, told)
            if allowed.work_share < 1:
                self.sleep((time.monotonic() - begun) * (1 / allowed.work_share - 1))

    def _take(self, chosen: Sequence[Request]) -> list[Request]:
        assert self._held is not None
        with self.state.write() as tx:
            taken = requests.take(
                tx, [each.id for each in chosen], by=self._held.name, now=self.now(), is_held=self._held.is_held
            )
        self._taken |= {each.id: each for each in taken}
        return taken

    def _submit(self, batch: Batch, request: Request, told: dict[str, int]) -> Iterator[Record]:
        from roadmap_cli.models.conversation.chat import Options
        from roadmap_cli.slm import prompts

        if request.attempts > self.most_attempts:
            yield from self._settle(
                request, DataError(f"given up after {self.most_attempts} attempts", code="too_many_attempts"), told
            )
            return
        wanted = dict(request.options)
        system = wanted.pop("system", None)
        try:
            prompt = prompts.read(dict(request.line), Options(**wanted), system)
            key = next(self._keys)
            batch.submit(key, prompt.messages, prompt.options)
            self._by_key[key] = request
        except (DataError, UsageError) as error:
            yield from self._settle(request, error, told)

    def _settle(self, request: Request, result: Any, told: dict[str, int]) -> Iterator[Record]:
        """Store how a request ended, then tell it."""
        from roadmap_cli.slm import prompts

        assert self._held is not None
        by, now = self._held.name, self.now()
        self._progressed = True
        if not isinstance(result, RoadmapError):
            asked = {**request.line, "id": request.id}
            reply = prompts.answered(asked, result, reply_id=run_id("slm.reply", now), at=stamp(now))
            with self.state.write() as tx:
                is_ours = requests.answer(tx, request.id, reply, by=by, now=now)
            self._taken.pop(request.id, None)
            if is_ours:
                told["answered"] += 1
                yield reply
            return
        with self.state.write() as tx:
            if is_passing(result) and request.attempts < self.most_attempts:
                pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (request.attempts - 1)) * random.uniform(0.5, 1)
                requests.release(
                    tx, [request.id], by=by, not_before_at=now + pause, code=result.code, words=str(result)
                )
                told["put_off"] += 1
                gone = False
            else:
                gone = requests.fail(tx, request.id, result.code, str(result), by=by, now=now)
            (after,) = requests.find(tx, [request.id])
        self._taken.pop(request.id, None)
        if gone:
            told["failed"] += 1
            yield after.record()

    def _let_go(self) -> None:
        """What was taken and not settled waits again; the attempt was not its fault."""
        assert self._held is not None
        self._beats.stop()
        try:
            if self._taken:
                with self.state.write() as tx:
                    requests.release(tx, list(self._taken), by=self._held.name, is_blameless=True)
        finally:
            self._held.release()

    def _burst_record(self, started: datetime, reason: str, width: int, told: Mapping[str, int]) -> Record:
        now = self.now()
        record: Record = {
            "kind": "slm.burst",
            "id": run_id("slm.burst", now),
            "at": stamp(now),
            "started_at": stamp(started),
            "decision_id": self.burst_id,
            "why": reason,
            "width": width,
            **{f"{name}_count": count for name, count in told.items()},
            "left_count": self.left,
        }
        if self.next_at is not None:
            record["next_at"] = stamp(self.next_at)
        return record


def company(waiting: Sequence[Request], width: int, flying: int) -> list[Request]:
    """Which of the requests, in their order, to take next beside `flying` others, at most `width` together.

    One that was taken before without a result is alone: it may be what ended the process, and is to take no other
    request with it.
    """
    if waiting and waiting[0].attempts:
        return [waiting[0]] if not flying else []
    fresh = list(itertools.takewhile(lambda each: not each.attempts, waiting))
    return fresh[: max(0, width - flying)]


def is_passing(error: RoadmapError) -> bool:
    """Whether the same request may be answered another time: the model was away, not the request wrong."""
    return isinstance(error, Unavailable | TryLater)


def power_record(power: Power, at: datetime) -> Record:
    """What was known of energy and heat, as a record to cite: values, and where each comes from."""
    known = {name: getattr(power, name) for name in _POWER if getattr(power, name) is not None}
    return {
        "kind": "slm.power",
        "id": run_id("slm.power", at),
        "at": stamp(at),
        **known,
        "reasons": {name: power.reason(name) for name in _POWER},
    }


def plan_record(turn: timing.Turn, at: datetime) -> list[Record]:
    """What would be done with each open request, and when it is looked at again."""
    told = []
    for is_due, chosen in ((True, turn.due), (False, turn.left)):
        for each in chosen:
            record: Record = {**each.record(), "kind": "slm.request_plan", "from_id": each.id}
            record["id"] = run_id("slm.request_plan", at)
            record["at"] = stamp(at)
            record |= {"is_due": is_due, "why": turn.why, "conditions": turn.conditions.why}
            moment = at if is_due else turn.next_at
            if moment is not None:
                record["next_at"] = stamp(moment)
            told.append(record)
    return told
