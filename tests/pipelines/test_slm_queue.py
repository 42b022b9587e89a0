"""The queue between real processes with a real model: killed, interrupted, unread, two at once, without a model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from queueing import START
from roadmap_cli.core.clock import system
from roadmap_cli.slm.queue import requests
from roadmap_cli.state.store import KeySource, State

ROOT = Path(__file__).parents[2]
QUEUE = str(ROOT / "bin/slm-queue")


@pytest.fixture
def world(home, world):
    return world | {"ROADMAP_WARM": "never", "ROADMAP_NOW": ""}


def add(shell, world, count: int, *options: str, word: str = "Say a word") -> list[str]:
    lines = "".join(json.dumps({"prompt": f"{word} {number}."}) + "\n" for number in range(count))
    options = ("--priority", "now", "--max-tokens", "6", *options)
    done = shell(["slm-queue", "add", *options], lines.encode(), env=world)
    assert done.returncode == 0, done.stderr
    return [json.loads(line)["id"] for line in done.stdout.splitlines()]


def listed(shell, world) -> list[dict]:
    chosen = [word for name in requests.STATES for word in ("--only", name)]
    done = shell(["slm-queue", "list", *chosen], env=world)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def start(world, *options: str, out: Path | int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    place = out.open("ab") if isinstance(out, Path) else out
    return subprocess.Popen([QUEUE, "drain", *options], env=world, stdout=place, stderr=subprocess.PIPE)


def replies(home: Path, world) -> list[dict]:
    path = home / ".local/state/roadmap/state.db"
    with State.open(path, mode="read", keys=KeySource(world, None), now=system) as state, state.read() as tx:
        found = tx.execute("SELECT body FROM record WHERE kind = 'slm.reply'").fetchall()
    return [json.loads(body) for (body,) in found]


@pytest.mark.parametrize(("count", "rounds"), [(10, 3), pytest.param(60, 20, marks=pytest.mark.slow)])
def test_two_drainers_killed_at_random_points_give_one_result_each(shell, world, home, count, rounds):
    ids = add(shell, world, count)
    chance = Random(5)
    told = home / "told"
    for _ in range(rounds):
        pair = [start(world, "--max-width", "2", out=told) for _ in range(2)]
        for process in pair:
            try:
                process.wait(chance.uniform(0.5, 3.5))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
        for process in pair:
            process.communicate()
    for _ in range(3):
        pair = [start(world, out=told) for _ in range(2)]
        for process in pair:
            _, words = process.communicate(timeout=120)
            assert process.returncode == 0, words
        if all(each["state"] == "answered" for each in listed(shell, world)):
            break
    assert {each["id"]: each["state"] for each in listed(shell, world)} == dict.fromkeys(ids, "answered")
    stored = replies(home, world)
    assert Counter(reply["from_id"] for reply in stored) == Counter(ids)
    lines = [json.loads(line) for line in told.read_bytes().splitlines() if line.endswith(b"}")]
    assert {line["id"] for line in lines if line["kind"] == "slm.reply"} <= {reply["id"] for reply in stored}
    assert not list((home / ".local/state/roadmap").glob("*.slm-*.lock"))


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_an_interrupted_drain_lets_go_of_what_it_had_taken(shell, world, home, number, code):
    add(shell, world, 30, "--max-tokens", "200", word="Tell a long story about number")
    process = start(world)
    until = time.monotonic() + 60
    while not any(each["state"] == "taken" for each in listed(shell, world)) and time.monotonic() < until:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(number)
    _, words = process.communicate(timeout=60)
    assert (process.returncode, words) == (code, b"")
    found = listed(shell, world)
    assert {each["state"] for each in found} <= {"waiting", "answered"}
    assert not [each for each in found if each["state"] == "waiting" and each["attempts_count"]]


def test_without_the_model_requests_stay(shell, world, tmp_path):
    ids = add(shell, world, 2)
    done = shell(["slm-queue", "drain"], env=world | {"ROADMAP_MODELS": str(tmp_path / "none")})
    assert done.returncode == 69, done.stderr
    assert b"slm-models pull" in done.stderr
    assert {each["id"]: (each["state"], each["attempts_count"]) for each in listed(shell, world)} == dict.fromkeys(
        ids, ("waiting", 0)
    )
    done = shell(["slm-queue", "drain"], env=world)
    assert done.returncode == 0, done.stderr
    assert {each["state"] for each in listed(shell, world)} == {"answered"}


def test_a_reader_that_goes_and_an_output_that_is_full_lose_no_reply(shell, world):
    add(shell, world, 6)
    reading, writing = os.pipe()
    process = start(world, "--max-width", "1", out=writing)
    os.close(writing)
    os.read(reading, 1)
    os.close(reading)
    _, words = process.communicate(timeout=120)
    assert (process.returncode, words) == (141, b"")
    with Path("/dev/full").open("wb") as full:
        done = shell(["slm-queue", "drain", "--max-width", "1"], env=world, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 73, done.stderr
    assert {each["state"] for each in listed(shell, world)} <= {"waiting", "answered"}
    done = shell(["slm-queue", "drain"], env=world)
    assert done.returncode == 0, done.stderr
    done = shell(["slm-queue", "results"], env=world)
    found = [json.loads(line)["from_id"] for line in done.stdout.splitlines()]
    assert Counter(found) == Counter(each["id"] for each in listed(shell, world))


def test_a_state_that_cannot_grow_loses_nothing(shell, world):
    ids = add(shell, world, 3)

    def small() -> None:
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))

    done = shell(["slm-queue", "drain"], env=world, preexec_fn=small)
    assert done.returncode == 73, done.stderr
    assert b"internal" not in done.stderr
    assert {each["id"]: each["state"] for each in listed(shell, world)} == dict.fromkeys(ids, "waiting")
    assert shell(["slm-queue", "drain"], env=world).returncode == 0
    assert {each["state"] for each in listed(shell, world)} == {"answered"}


def test_a_locked_state_is_said(shell, world, tmp_path):
    add(shell, world, 1)
    done = shell(["slm-queue", "drain"], env=world | {"ROADMAP_IDENTITY": str(tmp_path / "none")})
    assert done.returncode == 78, done.stderr


def test_cron_hears_nothing_when_all_goes_well(shell, world, home):
    """Twice an hour apart: nothing is due, then all is; the words of a prompt stand nowhere on disk."""
    morning = world | {"ROADMAP_NOW": f"{START:%Y-%m-%dT%H:%M:%SZ}"}
    lines = b'{"prompt":"Kingfisher, say a word."}\n'
    done = shell(["slm-queue", "add", "--priority", "background", "--max-tokens", "4"], lines, env=morning)
    assert done.returncode == 0
    for now, kinds in (("09:05", []), ("10:00", ["slm.reply", "slm.burst"])):
        done = shell(["slm-queue", "drain"], env=world | {"ROADMAP_NOW": f"2026-11-23T{now}:00Z"})
        assert (done.returncode, done.stderr) == (0, b"")
        assert [json.loads(line)["kind"] for line in done.stdout.splitlines()] == kinds
    places = [path for path in home.rglob("*") if path.is_file()]
    assert places
    assert not [path for path in places if b"Kingfisher" in path.read_bytes()]
