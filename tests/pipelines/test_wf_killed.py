"""Processes that run plans, killed at random moments, several at once, and Postgres crashing meanwhile.

Each step is a real program that notes its start and has its effect once for each key. A process is a fork of this one,
which costs a hundredth of a command's start; the commands themselves are killed in test_wf_pipeline.py.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
from tests.unit.wf.plans import NOW, approved, step
from tests.unit.wf.postgres import Postgres, cluster

from roadmap_cli.core import clock
from roadmap_cli.core.records import Record
from roadmap_cli.net.transport import Transport
from roadmap_cli.state.identity import KeySource
from roadmap_cli.state.store import State
from roadmap_cli.wf.running import local, membership, opening, runs, shared, working
from roadmap_cli.wf.running.exchange import Exchange
from roadmap_cli.wf.running.place import Place

EFFECT = (
    'echo "$ROADMAP_RUN_ID $ROADMAP_STEP" >> {folder}/starts; mkdir {folder}/effects/$ROADMAP_IDEMPOTENCY_KEY'
    " 2>/dev/null; sleep 0.0{digit}"
)
ENVIRON = {"PATH": "/usr/bin:/bin"}


class Bench:
    """A state with plans, the processes that run them, and what came of it."""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "effects").mkdir()
        self.keys = KeySource({"HOME": str(folder)}, None)

    def opened(self, name: str = "state") -> State:
        return State.open(self.folder / f"{name}.db", mode="write", keys=self.keys, now=clock.system)

    def plans(self, count: int) -> list[str]:
        """Plans of four steps, two of them side by side."""
        with self.opened() as state:
            return [
                approved(state, *self.steps(number), name=f"p{number}", at=clock.system()) for number in range(count)
            ]

    def steps(self, number: int) -> list[Record]:
        found = []
        for name, needs in (("a", ()), ("b", ("a",)), ("c", ("a",)), ("d", ("b", "c"))):
            shell = EFFECT.format(folder=self.folder, digit=(number + len(found)) % 4)
            found.append({**step(name, needs=needs, action="shell", directory="/"), "shell": shell})
            del found[-1]["command"]
        return found

    def work(self, url: str | None = None, name: str = "state") -> None:
        """What a process does: all there is to do."""
        settings = opening.Settings(ENVIRON, "test", clock.system, 4, 60.0)
        with self.opened(name) as state:
            place = (
                opening.on_database(state, url, settings, no_transport) if url else opening.on_state(state, settings)
            )
            with place as engine:
                for _ in working.work(engine, clock.system, print, once=True):
                    pass

    def judge(self, count: int, cuts: int) -> int:
        """Assert that all ended well, nothing that had ended was begun again, each effect happened once; the starts."""
        with self.opened() as state, state.read() as tx:
            assert tx.execute("SELECT status, count(*) FROM wf_run GROUP BY 1").fetchall() == [("succeeded", count)]
            over: Counter[tuple[str, str]] = Counter()
            sql = "SELECT body FROM record WHERE kind IN ('wf.step_started', 'wf.step_finished') ORDER BY rowid"
            for (body,) in tx.execute(sql):
                record = orjson.loads(body)
                of = (record["run_id"], record["step"])
                assert over[of] == 0, f"{of} was begun after its end was kept"
                over[of] += record["kind"] == "wf.step_finished" and record["status"] == "succeeded"
            assert len(over) == 4 * count
            ended = [orjson.loads(body)["data"] for (body,) in tx.execute("SELECT body FROM wf_audit ORDER BY seq")]
        kinds = Counter(data["action"] for data in ended)
        assert kinds["step.finished"] == 4 * count
        assert kinds["run.started"] == kinds["run.finished"] == count
        starts = len((self.folder / "starts").read_text().splitlines())
        assert len(list((self.folder / "effects").iterdir())) == 4 * count
        assert 4 * count <= starts <= 4 * count + 4 * cuts
        return starts


def no_transport() -> Transport:
    raise AssertionError("a database on this machine needs none")


def forked(work: Callable[[], None]) -> int:
    """A process that does some work and ends; its id."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(300)
            os.setpgid(0, 0)
            work()
            code = 0
        except BaseException:  # noqa: BLE001
            import traceback

            traceback.print_exc()
        finally:
            os._exit(code)
    return child


def kill_until_done(bench: Bench, kills: int, count: int, work: Callable[[], None], mend: Callable[[int], None]) -> int:
    """Kill a process again and again, each at a random moment, then let one end; how often one was killed at work."""
    chance = random.Random(os.environ.get("SEED", "7"))
    done = number = 0
    while done < kills:
        child = forked(work)
        time.sleep(chance.uniform(0.01, 0.35))
        over, _ = os.waitpid(child, os.WNOHANG)
        if over == 0:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            done += 1
        else:  # all was done: more to do
            count += 20
            bench.plans(count)
        mend(number)
        number += 1
    for _ in range(40):
        _, status = os.waitpid(forked(work), 0)
        assert status == 0
        with bench.opened() as state, state.read() as tx:
            if tx.execute("SELECT count(*) FROM wf_run WHERE finished_at IS NULL").fetchone() == (0,):
                break
        time.sleep(0.3)
    return done


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A folder of its own."""
    return Bench(tmp_path)


def test_killed_at_random_moments_every_effect_happens_once(bench: Bench) -> None:
    bench.plans(8)
    killed = kill_until_done(bench, 8, 8, bench.work, lambda _: None)
    with bench.opened() as state, state.read() as tx:
        count = tx.execute("SELECT count(*) FROM wf_plan").fetchone()[0]
    bench.judge(count, killed)


@pytest.mark.slow
def test_killed_five_hundred_times_every_effect_happens_once(bench: Bench) -> None:
    bench.plans(400)
    killed = kill_until_done(bench, 500, 400, bench.work, lambda _: None)
    with bench.opened() as state, state.read() as tx:
        count = tx.execute("SELECT count(*) FROM wf_plan").fetchone()[0]
    print(f"\nkilled {killed} times, {count} runs, {bench.judge(count, killed)} starts for {4 * count} steps")


def together(bench: Bench, count: int, processes: int, **more: str) -> None:
    bench.plans(count)
    children = [forked(bench.work) for _ in range(processes)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * processes
    bench.work()
    assert bench.judge(count, 0) == 4 * count


def test_two_processes_on_one_state_do_nothing_twice(bench: Bench) -> None:
    together(bench, 20, 2)


@pytest.mark.slow
def test_two_processes_do_a_thousand_runs_once_each(bench: Bench) -> None:
    together(bench, 1000, 2)


@pytest.fixture
def quick_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases of a second, so that the runs of a killed process are free at once."""
    monkeypatch.setattr(membership, "LEASE_S", 1.2)
    monkeypatch.setattr(membership, "RENEW_S", 0.2)
    monkeypatch.setattr(membership, "LOST_S", 0.8)


@pytest.fixture
def server() -> Iterator[Postgres]:
    with cluster() as found:
        yield found


@pytest.mark.parametrize("kills", [pytest.param(4, id="few"), pytest.param(100, id="many", marks=pytest.mark.slow)])
@pytest.mark.usefixtures("quick_leases")
def test_processes_and_postgres_killed_every_effect_happens_once(bench: Bench, server: Postgres, kills: int) -> None:
    count = 8 if kills < 10 else 150
    bench.plans(count)
    text = server.url

    def mend(number: int) -> None:
        if number % 4 == 1:
            server.stop()
            server.start()

    killed = kill_until_done(bench, kills, count, lambda: bench.work(text), mend)
    with bench.opened() as state, state.read() as tx:
        count = tx.execute("SELECT count(*) FROM wf_plan").fetchone()[0]
    print(f"\nkilled {killed} times, {count} runs, {bench.judge(count, killed + kills)} starts for {4 * count} steps")


def test_two_machines_on_one_postgres_do_nothing_twice(bench: Bench, server: Postgres) -> None:
    bench.plans(12)
    place = Place(server.url)
    with bench.opened() as state:
        kept = shared.Shared(state, place, clock.system)
        with state.read() as tx:
            claims = runs.ready(tx, clock.system())
        Exchange(state, kept, "test", clock.system).publish(claims)
        kept.close()
    children = [forked(lambda name=name: bench.work(server.url, name)) for name in ("one", "two")]  # type: ignore[misc]
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
    bench.work(server.url)
    assert bench.judge(12, 0) == 48
    with bench.opened() as state:
        assert local.Local(state).path == state.path
    assert NOW
