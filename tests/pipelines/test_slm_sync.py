"""slm-sync as processes: killed at any moment, two at once, without permission, on a low battery."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Person:
    """A device of a person, with a home of its own."""

    def __init__(self, world: dict[str, str], home: Path, name: str):
        self.environ = {**world, "HOME": str(home)}
        self.environ.pop("ROADMAP_NOW", None)
        (home / "tmp").mkdir(parents=True)
        home.chmod(0o700)
        self.environ["TMPDIR"] = str(home / "tmp")
        self.home = home
        self.run("init", "--name", name)

    def start(self, *words: str, **more) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [ROOT / "bin/slm-sync", *words], env=self.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, **more,
        )  # fmt: skip

    def run(self, *words: str, stdin: bytes = b"", code: int = 0) -> list[dict]:
        process = self.start(*words)
        stdout, self.said = process.communicate(stdin, timeout=120)
        assert process.returncode == code, self.said.decode()
        return [json.loads(line) for line in stdout.splitlines()]

    def trust(self, other: Person) -> None:
        (card,) = other.run("card")
        self.run("add-device", card["card"], "--fingerprint", card["fingerprint"])


def prompts(first: int, count: int) -> bytes:
    return b"".join(
        json.dumps(
            {"kind": "slm.prompt", "id": f"slm_{n}", "at": "2026-11-23T09:00:00.000Z", "prompt": f"CANARY {n}"}
        ).encode()
        + b"\n"
        for n in range(first, first + count)
    )


@pytest.fixture
def pair(world, tmp_path):
    stick = tmp_path / "stick"
    stick.mkdir()
    one, other = Person(world, tmp_path / "one", "one"), Person(world, tmp_path / "other", "other")
    for person in (one, other):
        person.run("add-remote", "stick", str(stick))
    one.trust(other)
    other.trust(one)
    return one, other, stick


def test_two_at_once_take_turns_or_say_that_the_other_is_at_work(pair):
    one, _, _ = pair
    lock = one.home / ".local/state/roadmap/state.db.slm-sync.lock"
    one.run("run")
    import fcntl

    with lock.open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        one.run("run", "--wait", "0", code=75)
        assert b"in use by another command" in one.said


def test_without_permission_no_socket_is_opened_and_the_refusal_is_written_down(pair, tmp_path):
    one, _, _ = pair
    one.run("add-remote", "cloud", "https://dav.example.org/sync")
    one.run("put", stdin=prompts(0, 1))
    trace = tmp_path / "audit.py"
    trace.write_text(
        "import sys\n"
        "sys.addaudithook(lambda event, args: event in ('socket.connect', 'socket.getaddrinfo') and sys.exit(99))\n"
        f"sys.path.insert(0, {str(ROOT / 'src')!r})\n"
        "from roadmap_cli.commands.slm.sync import main\n"
        "sys.exit(main(['run', 'cloud']))\n"
    )
    done = subprocess.run([ROOT / ".venv/bin/python", trace], env=one.environ, capture_output=True, check=False)
    assert done.returncode == 78, done.stderr
    assert b"no permission to send anything to 'dav.example.org'" in done.stderr


@pytest.mark.slow
def test_killed_at_any_moment_nothing_is_lost_or_sent_twice(pair):
    one, other, stick = pair
    chance = random.Random(1)
    for round_ in range(12):
        one.run("put", stdin=prompts(round_ * 20, 20))
        process = one.start("run")
        time.sleep(chance.uniform(0.2, 1.2))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    one.run("run")
    before = {path: path.read_bytes() for path in stick.rglob("*") if path.is_file()}
    assert one.run("run") == []
    assert {path: path.read_bytes() for path in stick.rglob("*") if path.is_file()} == before
    other.run("run")
    (status,) = other.run("status")
    assert status["revision_count"] == 240
    assert not any(b"CANARY" in data for data in before.values())
