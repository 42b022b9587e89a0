"""Runs shared through a real Postgres: two machines, leases, restarts, answers that travel, seals."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
from tests.unit.wf.plans import NOW, Doing, approved, claim, step
from tests.unit.wf.postgres import Postgres, cluster

from roadmap_cli.core.errors import ConfigError
from roadmap_cli.core.records import Record
from roadmap_cli.state.identity import KeySource
from roadmap_cli.state.store import State
from roadmap_cli.wf.approving import tasks
from roadmap_cli.wf.running import runs
from roadmap_cli.wf.running.engine import Engine
from roadmap_cli.wf.running.exchange import Exchange
from roadmap_cli.wf.running.place import SCHEMA, Place
from roadmap_cli.wf.running.sealing import Seal
from roadmap_cli.wf.running.shared import Shared

KEY = base64.b64encode(b"k" * 32).decode()


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with cluster() as found:
        yield found


@pytest.fixture
def place(server: Postgres) -> Iterator[Place]:
    found = Place(f"{server.url}\n{KEY}\n")
    yield found
    with found.connect() as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")


@contextmanager
def machine(state: State, place: Place, doing: Doing, **more: int) -> Iterator[tuple[Engine, Exchange, Shared]]:
    kept = Shared(state, place, lambda: NOW)
    exchange = Exchange(state, kept, "test", lambda: NOW)

    def find(at: object, warn: Callable[[str], None], fresh: bool) -> list[object]:
        exchange.both_ways(warn, fresh)
        return list(kept.find(NOW, warn, fresh))

    made = Engine(
        kept, doing, begin=lambda *_: True, now=lambda: NOW, command="test", find=find, publish=exchange.publish, **more,  # type: ignore[arg-type]
    )  # fmt: skip
    try:
        yield made, exchange, kept
    finally:
        made.close()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[State]:
    """The state of another machine, with nothing in it."""
    folder = tmp_path / "other"
    folder.mkdir()
    keys = KeySource({"HOME": str(folder)}, None)
    with State.open(folder / "state.db", mode="write", keys=keys, now=lambda: NOW) as opened:
        yield opened


def kinds(state: State) -> list[str]:
    with state.read() as tx:
        rows = tx.execute("SELECT body FROM wf_audit ORDER BY seq").fetchall()
    return [orjson.loads(body)["data"]["action"] for (body,) in rows]


def test_another_machine_does_what_was_approved_at_home(state: State, other: State, place: Place) -> None:
    plan = approved(state, step("a", "value", "secret-7"), step("b", "ok", "<${steps.a.output}>", needs=("a",)))
    here, there = Doing(), Doing()
    with machine(state, place, here) as (_, exchange, _):
        told = exchange.publish([claim(plan)])
    assert [each["kind"] for each in told] == ["wf.run_started"]
    with machine(other, place, there) as (made, _, _):
        made.claim(made.find(NOW, print))
        told = list(made.work())
    assert told[-1]["status"] == "succeeded"
    assert there.commands[-1] == ["ok", "<secret-7>"]
    with place.connect() as connection:
        rows = connection.execute("SELECT body FROM wf_outbox UNION SELECT outcome FROM wf_step").fetchall()
    assert rows
    assert not any("secret-7" in row[0] for row in rows)
    with machine(state, place, here) as (made, exchange, _):
        assert made.find(NOW, print) == []
        exchange.draw()
    with state.read() as tx:
        assert tx.execute("SELECT status FROM wf_run").fetchone() == ("succeeded",)
        assert tx.execute("SELECT count(*) FROM wf_step").fetchone() == (2,)
        assert tx.execute("SELECT count(*) FROM outcome").fetchone() == (1,)
    assert kinds(state)[-5:] == ["step.started", "step.finished", "step.started", "step.finished", "run.finished"]
    assert here.names == []
    with other.read() as tx:
        assert tx.execute("SELECT count(*) FROM wf_audit").fetchone() == (0,)


def test_what_was_done_is_drawn_in_once_though_the_removal_failed(state: State, place: Place) -> None:
    plan = approved(state, step("a"))
    with machine(state, place, Doing()) as (made, exchange, _):
        made.claim([claim(plan)])
        list(made.work())
        with place.connect() as connection:
            kept = connection.execute("SELECT seq, home, run_id, body FROM wf_outbox").fetchall()
            exchange.draw()
            before = kinds(state)
            for row in kept:
                connection.execute("INSERT INTO wf_outbox(seq, home, run_id, body) VALUES (%s, %s, %s, %s)", row)
            with state.write() as tx:
                tx.executemany("INSERT INTO wf_drawn(seq) VALUES (?)", [(row[0],) for row in kept])
        exchange.draw()
    assert kinds(state) == before


def test_a_machine_that_is_taken_for_dead_cannot_commit_and_the_next_goes_on(
    state: State, other: State, place: Place
) -> None:
    plan = approved(state, step("a", "ok", "1"), step("b", "sleep", "20", needs=("a",)), step("c", needs=("b",)))
    slow, quick = Doing(), Doing()
    with machine(state, place, slow) as (made, _, _):
        made.claim([claim(plan)])
        while "b" not in slow.names:
            made.turn()
            made.rest()
        with place.connect() as connection:
            connection.execute("UPDATE wf_worker SET lease_until = now() - interval '1s'")
        quick.did = lambda *_: {"status": "succeeded", "output": ""}  # type: ignore[method-assign]
        with machine(other, place, quick) as (second, _, _):
            second.claim(second.find(NOW, print))
            told = list(second.work())
        assert told[-1]["status"] == "succeeded"
        assert quick.names == ["b", "c"]
        assert {key for name, key in quick.begun if name == "b"} == {key for name, key in slow.begun if name == "b"}
        deadline = time.monotonic() + 5
        while made.active_count and time.monotonic() < deadline:
            try:
                made.turn()
            except Exception as error:  # noqa: BLE001
                assert "taken for dead" in str(error)
            made.rest()
        assert made.active_count == 0
    with state.read() as tx:
        assert tx.execute("SELECT count(*) FROM wf_run").fetchone() == (1,)


def test_postgres_restarted_in_the_middle(state: State, server: Postgres, place: Place) -> None:
    doing = Doing()
    plan = approved(state, *(step(f"s{n}", "sleep", "0.1", needs=(f"s{n - 1}",) if n else ()) for n in range(8)))
    told: list[Record] = []
    with machine(state, place, doing) as (made, exchange, _):
        made.claim([claim(plan)])
        for record in made.work():
            told.append(record)
            if record.get("step") == "s2" and record["kind"] == "wf.step_finished":
                server.stop()
                server.start()
        exchange.draw()
    assert told[-1]["status"] == "succeeded"
    assert sorted(set(doing.names)) == [f"s{n}" for n in range(8)]
    assert len(doing.names) <= 9  # what was being done then may have been done again, with the same key
    with state.read() as tx:
        assert tx.execute("SELECT status FROM wf_run").fetchone() == ("succeeded",)


def test_questions_and_answers_denials_and_wishes_travel(state: State, other: State, place: Place) -> None:
    ask = step("ask", action="human", human={"question": "Which?", "choices": ["x", "y"]})
    plan = approved(state, ask, step("a", "ok", "${steps.ask.output}", needs=("ask",)))
    doing = Doing()
    with (
        machine(state, place, Doing()) as (_, exchange, _),
        machine(other, place, doing) as (made, _, _),
    ):
        exchange.publish([claim(plan)])
        made.claim(made.find(NOW, print))
        assert list(made.work())[-1]["waits_for"] == ["question"]
        assert made.find(NOW, print) == []
        exchange.draw()
        with state.write() as tx:
            (task,) = list(tasks.waiting(tx))
            tasks.answer(tx, task["id"], "y", by="bob", at=NOW)
        exchange.push()
        made.claim(made.find(NOW, print))
        assert list(made.work())[-1]["status"] == "succeeded"
        assert doing.commands == [["ok", "y"]]
        exchange.draw()
        wait = approved(state, step("w", action="wait", wait_s=9e6), name="long")
        exchange.publish([claim(wait)])
        made.claim(made.find(NOW, print))
        assert list(made.work())[-1]["kind"] == "wf.run_waiting"
        exchange.draw()
        runs.wish(state, runs.identity(wait), "pause", by="bob", at=NOW)
        exchange.push()
        made.claim(made.find(NOW, print))
        assert list(made.work())[-1]["kind"] == "wf.run_paused"
        exchange.draw()
        runs.wish(state, runs.identity(wait), "unpause", by="bob", at=NOW)
        exchange.push()
        made.claim(made.find(NOW, print))
        assert list(made.work())[-1]["kind"] == "wf.run_waiting"
        exchange.draw()
        runs.wish(state, runs.identity(wait), "cancel", by="bob", at=NOW)
        exchange.push()
        made.claim(made.find(NOW, print))
        assert list(made.work())[-1]["status"] == "cancelled"


def test_the_homes_rights_hold_everywhere_as_they_are_now(state: State, other: State, place: Place) -> None:
    plan = approved(state, step("a", role="analysis", effects=["write"]))
    doing = Doing()
    with machine(state, place, Doing()) as (_, exchange, _):
        exchange.publish([claim(plan)])
    with machine(other, place, doing) as (made, _, _):
        made.claim(made.find(NOW, print))
        assert "not allowed" in list(made.work())[-1]["reason"]
    assert doing.names == []


def test_what_is_sealed_for_another_or_with_another_key_is_refused() -> None:
    seal = Seal(b"k" * 32)
    text = seal.close("hello", "run", "1")
    assert "hello" not in text
    assert seal.open(text, "run", "1") == "hello"
    for other, about, found in (
        (seal, ("run", "2"), text), (Seal(b"j" * 32), ("run", "1"), text), (seal, ("run", "1"), "hello"),
        (Seal(None), ("run", "1"), text), (seal, ("run", "1"), text[:-8] + "AAAAAAA="),
    ):  # fmt: skip
        with pytest.raises(ConfigError):
            other.open(found, *about)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mysql://x", "not a Postgres URL"), ("", "not a Postgres URL"),
        ("postgresql://db.example/x", "another machine: what is kept there must be sealed"),
        (f"postgresql://db.example/x\n{KEY}", "the way to it must be encrypted"),
        ("postgresql://127.0.0.1/x\nshort", "no key of 32 bytes"),
    ],
)  # fmt: skip
def test_a_place_that_cannot_be_used_is_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Place(text)
