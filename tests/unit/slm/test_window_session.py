"""Stored conversations: nothing is lost, what is archived comes back, each move is a decision that resolves."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from roadmap_cli.core import schemas
from roadmap_cli.core.errors import DataError
from roadmap_cli.slm.window import archive
from roadmap_cli.slm.window.session import Session
from roadmap_cli.slm.window.window import Budget
from roadmap_cli.state import records
from roadmap_cli.state.keys import KeySource
from roadmap_cli.state.store import State
from roadmap_cli.why import decisions

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
KEY = "The spare key is under the blue flower pot."


def clock():
    clock.now += timedelta(seconds=1)
    return clock.now


@pytest.fixture
def state(tmp_path):
    clock.now = NOW
    with State.open(
        tmp_path / "s.db", mode="write", keys=KeySource({"HOME": str(tmp_path)}, None), now=clock
    ) as opened:
        yield opened


def session(state, budget=60, name="home"):
    return Session.open(state, name, budget=Budget(budget), embed=None, command="slm-chat", now=clock, recent=2)


def talk(one, count, first=0):
    for number in range(first, first + count):
        one.add([{"role": "user", "content": f"Tell me about topic{number} and nothing besides, please."}])
        one.window()
        one.add([{"role": "assistant", "content": f"There is little to say about topic{number}, I fear."}])


def test_what_left_the_window_comes_back_when_it_is_asked_for_even_after_a_restart(state):
    one = session(state)
    one.add([{"role": "user", "content": KEY}])
    one.window()
    talk(one, 12)
    first = one.stored[0]
    assert first.seats == [-1], "it is archived by now"
    again = session(state)
    assert [kept.record for kept in again.stored] == [kept.record for kept in one.stored]
    again.add([{"role": "user", "content": "Where is the spare key?"}])
    window, moves = again.window()
    assert any(shown.content == KEY for shown in window.shown)
    assert [fate.part.message for fate in moves.recalled].count(0) == 1
    with state.read() as tx:
        for name in moves.decision_ids:
            found = decisions.get(tx, name)
            assert found["evidence_ids"]
            assert all(records.get(tx, cited) for cited in found["evidence_ids"])
        told = [decisions.get(tx, name) for name in moves.decision_ids]
        recalled = next(one for one in told if one["decision"] == "slm.recalled")
        assert first.id in recalled["evidence_ids"]
        places = tx.execute("SELECT place, why FROM slm_piece WHERE message_id = ?", (first.id,)).fetchall()
        assert places[0][0] == "window"
        assert "shares" in places[0][1]


def test_every_piece_says_where_it_is_and_why(state):
    one = session(state)
    talk(one, 12)
    with state.read() as tx:
        rows = tx.execute("SELECT place, seat, why FROM slm_piece").fetchall()
        kept = sorted(seat for place, seat, _ in rows if place == "window")
        assert kept == list(range(len(kept)))
        assert all(why not in ("", "new") for place, _, why in rows if place != "new")
        assert all(seat is None for place, seat, _ in rows if place != "window")
        assert sum(place == "archive" for place, _, _ in rows) > 5


def test_all_that_was_ever_said_is_found(state):
    one = session(state)
    talk(one, 15)
    with state.read() as tx:
        for number in range(15):
            found = list(archive.search(tx, f"topic{number}", chat=None, limit=5))
            assert {record["content"] for record in found} == {
                f"Tell me about topic{number} and nothing besides, please.",
                f"There is little to say about topic{number}, I fear.",
            }
            assert not [problem for record in found for problem in schemas.problems(record)]
        assert not list(archive.search(tx, 'zeppelin "AND" NEAR(', chat=None, limit=5))


def test_the_same_id_again_adds_nothing(state):
    one = session(state)
    message = {"id": "m_1", "role": "user", "content": "hello"}
    assert one.add([message]) == ["m_1"]
    assert one.add([message]) == []
    other = session(state, name="other")
    (name,) = other.add([message])
    assert name != "m_1", "an id names one record"
    assert len(session(state).stored) == 1


def test_forgetting_leaves_nothing(state):
    one = session(state)
    talk(one, 12)
    with state.write() as tx:
        assert archive.forget(tx, archive.need(tx, "home")) == 24
        archive.forget_vectors(tx)
    with state.read() as tx:
        for table in ("slm_chat", "slm_message", "slm_piece", "slm_piece_words", "slm_vector", "record", "decision"):
            assert tx.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
        with pytest.raises(DataError, match="no conversation of the name 'home'"):
            archive.need(tx, "home")


def test_what_is_taken_back_is_out_of_the_conversation_but_not_gone(state):
    one = session(state)
    one.add([{"role": "user", "content": "a typing eror"}])
    with state.write() as tx:
        archive.take_back(tx, [one.stored[0].id], NOW)
        one.load(tx)
    assert one.stored == []
    one.add([{"role": "user", "content": "corrected"}])
    assert [kept.message.content for kept in one.stored] == ["corrected"]
    with state.read() as tx:
        assert next(archive.search(tx, "eror", chat=None, limit=1))["replaced_at"]


def test_two_at_once_lose_nothing(state):
    one, two = session(state), session(state)
    one.add([{"role": "user", "content": "from one"}])
    two.add([{"role": "user", "content": "from two"}])
    one.add([{"role": "assistant", "content": "to one"}])
    assert [kept.message.content for kept in one.stored] == ["from one", "from two", "to one"]
    assert len(session(state).stored) == 3


def test_a_kill_at_any_moment_loses_nothing_that_was_announced(world, shell, tmp_path):
    """Feed messages one by one, kill somewhere; all that was written before is in the archive, once."""
    rolls = random.Random(7)
    world = {**world, "ROADMAP_MODELS": str(tmp_path / "none")}
    announced: set[str] = set()
    for round_number in range(4):
        ids = [f"m_{round_number}_{number}" for number in range(40)]
        lines = b"".join(
            json.dumps({"id": name, "role": "user", "content": f"note {name} about thing{number}"}).encode() + b"\n"
            for number, name in enumerate(ids)
        )
        process = subprocess.Popen(
            [ROOT / "bin/slm-window", "--chat", "log", "--budget", "50", "--archived", "-q"], env=world, cwd=ROOT,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        process.stdin.write(lines)
        process.stdin.close()
        time.sleep(rolls.uniform(0.2, 1.2))
        process.send_signal(signal.SIGKILL)
        out = process.stdout.read()
        process.stdout.close()
        process.wait()
        announced |= {json.loads(line)["id"] for line in out.splitlines() if line.endswith(b"}") and b'"m_' in line}
        done = shell(["slm-window", "--chat", "log", "--budget", "50", "-q"], lines, env={"ROADMAP_MODELS": "/none"})
        assert done.returncode == 0, done.stderr
        announced |= set(ids)
    done = shell(["slm-chat", "show", "log", "--json"])
    kept = [json.loads(line)["id"] for line in done.stdout.splitlines()]
    assert len(kept) == len(set(kept)) == 160
    assert announced == set(kept)
