"""slm-queue with a real model: two drains, a cancellation and a waiting person at the same time."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
Place = dict[str, str]


@pytest.fixture
def place(world: dict[str, str]) -> Place:
    """An environment with the default model."""
    folder = os.environ.get("ROADMAP_MODELS", str(ROOT / ".cache" / "models"))
    found = {**world, "ROADMAP_MODELS": folder, "PATH": f"{ROOT / 'bin'}:{world['PATH']}"}
    subprocess.run(["slm-models", "pull", "--quiet"], env=found, check=True, stdout=subprocess.DEVNULL)
    return found


def call(place: Place, *words: str, stdin: bytes = b"", codes: tuple[int, ...] = (0,)) -> list[dict[str, Any]]:
    done = subprocess.run(
        ["slm-queue", *words, "--json"], input=stdin, env=place, capture_output=True, check=False, timeout=300
    )
    assert done.returncode in codes, (words, done.returncode, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def add(place: Place, count: int, *, tokens: int = 8, priority: str = "now") -> list[str]:
    lines = "".join(json.dumps({"custom_id": f"r{n}", "prompt": f"Count from {n} on."}) + "\n" for n in range(count))
    made = call(
        place, "add", "--priority", priority, "--max-tokens", str(tokens), "--temperature", "0", stdin=lines.encode()
    )
    return [each["id"] for each in made]


def drain(place: Place, **more: Any) -> subprocess.Popen[bytes]:
    words = ["slm-queue", "drain", "--json", "--quiet"]
    return subprocess.Popen(words, env=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)


def wait_until_taken(place: Place, process: subprocess.Popen[bytes]) -> None:
    """Until it works on a request."""
    while process.poll() is None:
        if call(place, "list", "--only", "taken"):
            return
        time.sleep(0.05)
    raise AssertionError(f"it ended too early: {process.communicate()}")


def everything(place: Place) -> list[dict[str, Any]]:
    states = ("waiting", "taken", "answered", "failed", "expired", "cancelled")
    return call(place, "list", *[f"--only={state}" for state in states])


def settled_once(place: Place, ids: list[str], told: list[dict[str, Any]]) -> None:
    """Each request has one reply, none was told that is not stored, and no lock file is left."""
    assert {each["id"]: each["state"] for each in everything(place)} == dict.fromkeys(ids, "answered")
    replies = call(place, "results")
    assert Counter(each["from_id"] for each in replies) == dict.fromkeys(ids, 1)
    assert {each["id"] for each in told if each["kind"] == "slm.reply"} <= {each["id"] for each in replies}
    assert not list(Path(place["HOME"]).rglob("*.slm-drain*"))


def lines_of(data: bytes) -> list[dict[str, Any]]:
    """Its whole lines; a killed process may leave part of one."""
    whole, _, _ = data.rpartition(b"\n")
    return [json.loads(line) for line in whole.splitlines()]


def test_a_second_drain_leaves_alone_what_the_first_works_on(place: Place) -> None:
    ids = add(place, 8, tokens=24)
    first = drain(place)
    wait_until_taken(place, first)
    told = call(place, "drain", "--quiet")
    out, err = first.communicate(timeout=300)
    assert (first.returncode, err) == (0, b"")
    told += lines_of(out)
    assert Counter(each["from_id"] for each in told if each["kind"] == "slm.reply") == dict.fromkeys(ids, 1)
    settled_once(place, ids, told)


def test_a_request_cancelled_while_it_is_answered_has_no_result(place: Place) -> None:
    ids = add(place, 1, tokens=200)
    process = drain(place)
    wait_until_taken(place, process)
    call(place, "cancel", *ids)
    process.communicate(timeout=300)
    assert process.returncode == 0
    assert [each["state"] for each in everything(place)] == ["cancelled"]
    assert call(place, "results") == []


def test_an_answer_can_be_traced_to_what_was_known_of_energy(place: Place) -> None:
    add(place, 1)
    (burst,) = [each for each in call(place, "drain") if each["kind"] == "slm.burst"]
    done = subprocess.run(
        ["roadmap-why", burst["decision_id"], "--json"], env=place, capture_output=True, check=True, timeout=60
    )
    kinds = {json.loads(line).get("kind") for line in done.stdout.splitlines()}
    assert b"slm.power" in done.stdout, kinds


def test_wait_ends_when_another_process_has_answered(place: Place) -> None:
    ids = add(place, 2)
    waiting = subprocess.Popen(["slm-queue", "wait", *ids, "--json"], env=place, stdout=subprocess.PIPE)
    call(place, "drain", "--quiet")
    out, _ = waiting.communicate(timeout=60)
    assert waiting.returncode == 0
    assert {each["id"]: each["state"] for each in lines_of(out)} == dict.fromkeys(ids, "answered")
    assert call(place, "wait") == []
