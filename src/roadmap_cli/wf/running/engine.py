"""The loop that does runs: what ended and what can begin go into one transaction, then threads do what was begun.

The rule kept here: one thread decides and writes, many do. What a thread did is stored before anything rests on it; and
while the disk is busy with that, others end, and go into the next transaction together.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from queue import Empty, Queue

from roadmap_cli.core import clock
from roadmap_cli.core.clock import Clock
from roadmap_cli.core.errors import DataError, RoadmapError, TryLater, Unavailable
from roadmap_cli.core.records import Record
from roadmap_cli.wf.actions import Stopped
from roadmap_cli.wf.running import ends, graph, journal, life
from roadmap_cli.wf.running.graph import UNDO, Active, Ready
from roadmap_cli.wf.running.scene import Launch, Scene

#: Does an attempt, in a thread; gives its outcome (see `steps.perform`), raises only Stopped.
Perform = Callable[[Launch], Record]
#: At most this many runs are held at a time: each has a lock file open.
MOST_RUNS = 200
#: How often it looks for what others have done: answers, events, wishes, and runs to take up.
LOOK_S = 0.2
_ANSWERED = frozenset({"question", "approval", "escalation", "event"})
_STOP_S = 10.0


@dataclass(frozen=True, slots=True)
class Claim:
    """A run to be taken up, or a plan to be begun."""

    run_id: str
    plan_id: str | None = None
    priority: int = 5


#: Finds what can be taken up, and, if asked, begun.
Finder = Callable[[datetime, Callable[[str], None], bool], list[Claim]]
#: Begins a run that does not exist yet, in the transaction; False if it must wait for others of its workflow.
Beginner = Callable[[Scene, Claim], bool]


class Engine:
    """Does runs until all that it was given have ended, or wait longer than it holds them. Close it."""

    def __init__(
        self, kept: journal.Journal, perform: Perform, *, begin: Beginner, now: Clock, command: str, jobs: int = 8,
        hold_s: float = 60.0, is_greedy: bool = True, find: Finder | None = None,
        publish: Callable[[Sequence[Claim]], list[Record]] | None = None,
    ):  # fmt: skip
        self._journal = kept
        self._perform = perform
        self._begin = begin
        self._now = now
        self._command = command
        self._jobs = jobs
        self._hold_s = hold_s
        self._is_greedy = is_greedy
        self._find = find
        self._publish = publish
        self._told: list[Record] = []
        self._active: dict[str, Active] = {}
        self._claims: dict[str, Claim] = {}
        self._flying: dict[tuple[str, str], Launch] = {}
        self._todo: Queue[Launch | None] = Queue()
        self._done: Queue[tuple[Launch, Record | BaseException]] = Queue()
        self._ended: list[tuple[Launch, Record | BaseException]] = []
        self._threads: list[threading.Thread] = []
        self._looked = 0.0
        self._draining: float | None = None
        #: What kept claims from being taken up: plans that are not what they should be.
        self.problems: list[DataError] = []
        self._is_astray = False

    @property
    def is_draining(self) -> bool:
        """Whether nothing more is begun."""
        return self._draining is not None

    @property
    def active_count(self) -> int:
        """How many runs are held."""
        return len(self._active)

    def under_way(self) -> list[tuple[str, list[str]]]:
        """The runs that are held, each with the names of the steps at work."""
        return [(each.run_id, sorted(each.doing)) for each in self._active.values()]

    @property
    def room(self) -> int:
        """How many more runs may be claimed: where others can take them, no more than this process can work on."""
        if self._draining is not None:
            return 0
        if self._is_greedy:
            return max(MOST_RUNS - len(self._active), 0)
        busy = sum(bool(run.doing) or run.is_dirty for run in self._active.values())
        return max(min(self._jobs + 2 - busy, MOST_RUNS - len(self._active)), 0)

    def claim(self, claims: Sequence[Claim]) -> None:
        """Take runs up, or begin plans, as soon as nobody else works on them; the most urgent first."""
        if self._publish is not None:
            self._told += self._publish(claims)
        for each in claims:
            if each.run_id not in self._active:
                self._claims.setdefault(each.run_id, each)

    def find(self, at: datetime, warn: Callable[[str], None], fresh: bool = True) -> list[Claim]:
        """What can be taken up now and, with `fresh`, what was approved and never begun. Warns of what is damaged."""
        return self._find(at, warn, fresh) if self._find else []

    def tell(self, records: Sequence[Record]) -> None:
        """Hand on what was done elsewhere, and is committed, with the next turn."""
        self._told += records

    def given_up(self) -> list[Claim]:
        """Claims nobody let go of in time; they are forgotten."""
        found, self._claims = list(self._claims.values()), {}
        return found

    def drain(self, grace_s: float) -> None:
        """Begin nothing more; what is being done has so long to end."""
        self._draining = time.monotonic() + grace_s

    def finish(self, grace_s: float) -> None:
        """Begin nothing more and store what ends within so long, though nobody hears of it any more."""
        self.drain(grace_s)
        while not self.is_idle():
            self.rest()
            self.turn()

    def turn(self) -> list[Record]:
        """What has happened, committed: ends of attempts, and what they let begin. Launches what was begun."""
        if self._is_astray:
            self.recover()
            self._is_astray = False
        told, self._told = self._told, []
        self._collect()
        self._look()
        runs = [run for run in self._active.values() if run.is_dirty]
        if not (self._ended or self._may_claim() or (runs and not self.is_draining)):
            return told
        try:
            with self._journal.transaction() as tx:
                free = 0 if self.is_draining else self._jobs - len(self._flying) + len(self._ended)
                scene = Scene(tx, self._now(), self._command, free)
                for launch, outcome in self._ended:
                    self._store(scene, launch, outcome)
                self._take_claims(scene)
                runs = [run for run in self._active.values() if run.is_dirty]
                for run in sorted(runs, key=lambda run: -run.priority):
                    self._advance(scene, run)
        except RoadmapError:
            self._is_astray = True
            self._told = told + self._told
            raise
        self._committed(scene)
        return told + scene.told

    def is_idle(self) -> bool:
        """Whether there is nothing left to do, or nothing that may be begun any more."""
        if self._draining is not None:
            return not self._flying or time.monotonic() >= self._draining
        return not (self._active or self._claims)

    def rest(self, most_s: float = 1.0) -> None:
        """Wait until something ends, is due, or it is time to look again."""
        has_room = self._jobs > len(self._flying) and not self.is_draining
        if self._ended or (has_room and any(run.is_dirty for run in self._active.values())):
            return
        now = time.monotonic()
        limit = most_s if not (self._claims or self._active) else min(most_s, LOOK_S)
        dues = [run.soonest for run in self._active.values() if run.soonest is not None]
        dues += [run.deadline for run in self._active.values() if run.deadline is not None and not run.ending]
        if dues:
            limit = min(limit, max(min(dues) - now, 0.0))
        if self._draining is not None:
            limit = min(limit, max(self._draining - now, 0.0))
        with suppress(Empty):
            self._ended.append(self._done.get(timeout=limit))

    def work(self, wait_s: float = 0.0, patience_s: float = 60.0) -> Iterator[Record]:
        """Do all that was claimed; what others hold for longer than `wait_s` stays among the claims.

        A database that is away is waited for, for `patience_s`. Raises Unavailable after that.
        """
        deadline = time.monotonic() + wait_s
        away_since: float | None = None
        while True:
            try:
                told = self.turn()
            except Unavailable:
                away_since = away_since or time.monotonic()
                if time.monotonic() - away_since > patience_s:
                    raise
                time.sleep(0.5)
                continue
            away_since = None
            yield from told
            if self.is_idle():
                return
            if not self._active and not told and time.monotonic() >= deadline:
                return
            self.rest()

    def close(self) -> None:
        """Stop, and let go of everything."""
        self.stop()
        self._journal.close()

    def stop(self) -> None:
        """Stop what is being done, keep what had ended, let go of all runs: they go on another time."""
        self._draining = 0.0
        for run in self._active.values():
            run.stop.set()
        deadline = time.monotonic() + _STOP_S
        while len(self._flying) > len(self._ended) and time.monotonic() < deadline:
            with suppress(Empty):
                self._ended.append(self._done.get(timeout=0.1))
        try:
            kept = [each for each in self._ended if not isinstance(each[1], BaseException)]
            if kept:
                with self._journal.transaction() as tx:
                    scene = Scene(tx, self._now(), self._command, 0)
                    for launch, outcome in kept:
                        self._store(scene, launch, outcome)
        except RoadmapError:
            pass  # it is done again, with the same key
        for run in self._active.values():
            self._journal.release(run)
        self._active, self._flying, self._ended = {}, {}, []
        for _ in self._threads:
            self._todo.put(None)
        for thread in self._threads:
            thread.join(1)
        self._threads = []

    # -- what has happened ---------------------------------------------------------------------------------------------

    def _collect(self) -> None:
        with suppress(Empty):
            while True:
                self._ended.append(self._done.get_nowait())

    def _look(self) -> None:
        """Mark the runs for which something is due, or for which somebody else may have done something."""
        now = time.monotonic()
        for run in self._active.values():
            if run.soonest is not None and run.soonest <= now:
                run.is_dirty = True
            if run.deadline is not None and run.deadline <= now and not run.ending:
                run.is_dirty = True
        if now - self._looked < LOOK_S:
            return
        self._looked = now
        for run in [run for run in self._active.values() if not self._journal.is_held(run)]:
            self._lose(run)
        if not self._active or not self._journal.has_changed():
            return
        for run_id, wanted in self._journal.wishes().items():
            if (found := self._active.get(run_id)) is not None:
                found.wanted, found.is_dirty = wanted, True
        for run in self._active.values():
            if any(unit.waits_for in _ANSWERED for unit in run.live.values()):
                run.is_dirty = True

    def _lose(self, run: Active) -> None:
        """Another machine has taken the run: stop its work here and touch it no more."""
        run.stop.set()
        del self._active[run.run_id]
        self._journal.release(run)
        self._ended = [each for each in self._ended if each[0].run is not run]

    def _store(self, scene: Scene, launch: Launch, outcome: Record | BaseException) -> None:
        run = launch.run
        if self._active.get(run.run_id) is not run:
            return
        run.is_dirty = True
        if isinstance(outcome, Stopped):
            life.cut(scene, launch)
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            life.finished(scene, launch, dict(outcome))

    # -- what follows --------------------------------------------------------------------------------------------------

    def _may_claim(self) -> bool:
        return bool(self._claims) and self.room > 0

    def _take_claims(self, scene: Scene) -> None:
        if not self._may_claim():
            return
        for each in sorted(self._claims.values(), key=lambda claim: -claim.priority):
            if self.room <= 0:
                break
            if self._take(scene, each):
                del self._claims[each.run_id]

    def _take(self, scene: Scene, claim: Claim) -> bool:
        """Take a run; False if it must be tried again later."""
        held = self._journal.hold(claim.run_id)
        if held is None:
            return False
        run: Active | None = None
        try:
            run = journal.load(scene.tx, claim.run_id, *held, scene.at)
            if run is None and claim.plan_id is not None:
                if not self._begin(scene, claim):
                    return False
                run = journal.load(scene.tx, claim.run_id, *held, scene.at)
            elif run is not None and run.status in ("succeeded", "failed", "cancelled", "paused"):
                self._journal.release(run)
                return True
            elif run is not None and run.status == "ready":
                run.status = "running"
                scene.tx.stand(run, run.status)
            elif run is not None:
                ends.resume(scene, run)
            if run is not None:
                self._active[run.run_id] = run
            return True
        except DataError as error:  # nothing was written yet: it concerns this one only
            self.problems.append(error)
            run = None
            return True
        finally:
            if run is None:
                self._journal.release(Active(claim.run_id, {}, 0, lease=held[0], token=held[1]))

    def _advance(self, scene: Scene, run: Active) -> None:
        run.is_dirty = False
        if run.wanted:
            word, _, by = run.wanted.partition(" ")
            if word == "cancel":
                ends.cancel(scene, run, by)
                run.stop.set()
            elif not run.doing:
                ends.pause(scene, run)
            if word == "pause":
                return
        if run.deadline is not None and not run.ending and run.deadline <= time.monotonic():
            ends.time_out(scene, run)
            run.stop.set()
        if run.ending and not run.doing and run.stop.is_set():
            run.stop = threading.Event()
        self._answer(scene, run)
        if not run.ending:
            self._begin_ready(scene, run)
        if run.ending:
            ends.go_on(scene, run)
        elif graph.is_done(run):
            ends.finish(scene, run)
        if run.status in ("succeeded", "failed", "cancelled"):
            return
        self._await(scene, run)

    def _answer(self, scene: Scene, run: Active) -> None:
        """Go on with what waited and what was cut off."""
        now = time.monotonic()
        for unit in list(run.live.values()):
            if run.ending and not unit.name.startswith(UNDO):
                continue
            if unit.status == "waiting":
                is_due = unit.due is not None and unit.due <= now
                if (is_due or unit.waits_for in _ANSWERED) and not life.go_on(scene, run, unit, is_due) and is_due:
                    run.is_dirty = True  # there was no room for it
            elif unit.status == "running" and unit.name not in run.doing and not life.again(scene, run, unit):
                run.is_dirty = True

    def _begin_ready(self, scene: Scene, run: Active) -> None:
        is_moving = True
        while is_moving and not run.ending:
            is_moving = False
            for found in list(graph.survey(run)):
                if isinstance(found, Ready):
                    if not life.begin(scene, run, found.place):
                        run.is_dirty = True
                    elif run.is_over(found.place.unit):
                        is_moving = True
                else:
                    life.passed(scene, run, found)
                    is_moving = True
                if run.ending:
                    break

    def _await(self, scene: Scene, run: Active) -> None:
        """Note when the run is due next; let it go if that is far off."""
        waiting = [
            unit for unit in run.live.values()
            if unit.status == "waiting" and (not run.ending or unit.name.startswith(UNDO))
        ]  # fmt: skip
        timed = [unit for unit in waiting if unit.due is not None]
        first = min(timed, key=lambda unit: unit.due or 0.0, default=None)
        run.soonest = first.due if first else None
        if run.doing or run.is_dirty:
            return
        if not waiting:
            if scene.free <= 0:
                run.is_dirty = True
                return
            run.ending = {"status": "failed", "step": "", "failure": "permanent", "reason": "no step of it can begin"}
            ends.go_on(scene, run)
            return
        if first is None or (run.soonest or 0.0) - time.monotonic() > self._hold_s:
            wake_at, wait_s = (first.wake_at, first.wait_s) if first else (None, None)
            if run.deadline is not None and not run.ending and run.deadline < (run.soonest or math.inf):
                wait_s = max(run.deadline - time.monotonic(), 0.0)
                wake_at = clock.stamp(scene.at + timedelta(seconds=wait_s))
            ends.park(scene, run, wake_at, wait_s)

    def _committed(self, scene: Scene) -> None:
        """What was decided is on the disk: let go of what has ended, do what was begun."""
        for launch, _ in self._ended:
            self._flying.pop((launch.run.run_id, launch.unit.name), None)
        self._ended = []
        for run in scene.ended:
            self._active.pop(run.run_id, None)
            self._journal.release(run)
        for launch in scene.launches:
            self._flying[launch.run.run_id, launch.unit.name] = launch
            self._todo.put(launch)
        while len(self._threads) < min(self._jobs, len(self._flying)):
            thread = threading.Thread(target=self._do, name="wf-step", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # there is no room for another: those there are do it one after the other
                if not self._threads:
                    raise MemoryError from None
                break
            self._threads.append(thread)

    def _do(self) -> None:
        while (launch := self._todo.get()) is not None:
            try:
                if launch.run.stop.is_set():
                    raise Stopped
                outcome: Record | BaseException = self._perform(launch)
            except BaseException as error:  # noqa: BLE001 - handed to the thread that decides
                outcome = error
            self._done.put((launch, outcome))

    def recover(self) -> None:
        """After a transaction that may or may not have been committed: see how everything stands, and go on from there.

        What was being done goes on being done; what had ended is stored again, which changes nothing if it was.
        """
        for lost in [each for each in self._active.values() if not self._journal.is_held(each)]:
            self._lose(lost)
        with self._journal.transaction() as tx:
            for before in list(self._active.values()):
                run = journal.load(tx, before.run_id, before.lease, before.token, self._now())
                if run is None or run.status in ("succeeded", "failed", "cancelled", "waiting", "paused"):
                    before.stop.set()
                    self._journal.release(before)
                    del self._active[before.run_id]
                    if run is None:  # its beginning was not committed
                        self._claims[before.run_id] = Claim(before.run_id, before.plan["id"], before.priority)
                    continue
                run.stop = before.stop
                run.doing = {unit for of, unit in self._flying if of == run.run_id and unit in run.units}
                self._active[run.run_id] = run
        for key, launch in list(self._flying.items()):
            found = self._active.get(key[0])
            if found is not None and launch.unit.name in found.units:
                fresh = replace(launch, run=found, unit=found.units[launch.unit.name])
                self._flying[key] = fresh
                self._ended = [(fresh, end) if each is launch else (each, end) for each, end in self._ended]


def busy(claims: Sequence[Claim]) -> TryLater | None:
    """What to say of claims that others did not let go of in time."""
    return journal.busy(claims[0].run_id) if claims else None
