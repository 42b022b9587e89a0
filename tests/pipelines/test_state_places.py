"""A state on a full disk, on a read-only disk: one clear line, the right code, nothing lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from roadmap_cli.state import store

SOURCE = Path(store.__file__).parents[2]
START = """
import json, os, subprocess, sys
from datetime import UTC, datetime
from pathlib import Path
from roadmap_cli.core.errors import RoadmapError
from roadmap_cli.state import backup, keys, records, rekey
from roadmap_cli.state.store import KeySource, State
disk = Path(sys.argv[1])
path = disk / "roadmap" / "state.db"
source = lambda: KeySource({"HOME": sys.argv[2]})
now = lambda: datetime(2026, 1, 1, tzinfo=UTC)
def opened(mode="write", **more): return State.open(path, mode=mode, keys=source(), now=now, wait_s=2, **more)
def event(number): return {"kind": "a", "id": f"a_{number}", "at": "2026-01-01T00:00:00Z", "text": "x" * 2000}
def count(mode="read", **more):
    with opened(mode, **more) as state, state.read() as tx: return len(list(records.find(tx)))
def failing(function):
    try: function()
    except RoadmapError as error: return [int(error.exit), str(error), error.hint]
    return None
def fill():
    "Leave no room at all."
    with open(disk / "ballast", "wb", buffering=0) as stream:
        try:
            while stream.write(bytes(512)): pass
        except OSError: pass
def remount(how): subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], check=True)
"""


@cache
def refused() -> str:
    """Why a file system of our own cannot be had here, or nothing."""
    if not shutil.which("unshare") or not shutil.which("mount"):
        return "needs unshare and mount (util-linux)"
    tried = subprocess.run(
        ["unshare", "-m", "sh", "-c", "mount -t tmpfs tmpfs /mnt"], capture_output=True, text=True, check=False
    )
    return "" if tried.returncode == 0 else f"not permitted to mount: {tried.stderr.strip()}"


@pytest.fixture
def inside(tmp_path):
    """Run a script with a small disk of its own, given its size; gives what it prints as JSON."""
    if refused():
        pytest.skip(refused())

    def run(script: str, size: str = "64m") -> dict[str, object]:
        disk = tmp_path / "disk"
        disk.mkdir()
        (tmp_path / "script.py").write_text(START + script)
        command = f'mount -t tmpfs -o size={size} tmpfs "$1" && exec "$2" "$3" "$1" "$4"'
        ran = subprocess.run(
            [
                "unshare",
                "-m",
                "sh",
                "-c",
                command,
                "sh",
                disk,
                sys.executable,
                tmp_path / "script.py",
                tmp_path / "home",
            ],
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        assert ran.stderr == "", "nothing may write to stderr by itself"
        found: dict[str, object] = json.loads(ran.stdout)
        return found

    return run


def test_a_read_only_disk_can_be_read_and_dry_run_but_not_written(inside):
    found = inside("""
with opened() as state, state.write() as tx: records.put_many(tx, map(event, range(20)))
remount("ro")
before = sorted(os.listdir(path.parent))
def dry():
    with opened(dry_run=True) as state:
        with state.write() as tx: assert records.put(tx, event(99))
print(json.dumps({"read": count(), "dry": failing(dry), "write": failing(lambda: opened()),
    "rekey": failing(lambda: rekey.rekey(path, source())),
    "backup": backup.backup(path, source(), sys.argv[2] + "/copy.db"),
    "same": before == sorted(os.listdir(path.parent))}))
""")
    assert found["read"] == 20
    assert found["dry"] is None
    assert found["same"]
    for name in ("write", "rekey"):
        code, words, hint = found[name]
        assert code == 73
        assert "read-only" in words
        assert "\n" not in words
        assert hint


def test_a_read_only_disk_with_changes_still_in_the_log_is_not_read_as_if_they_were_not_there(inside):
    found = inside("""
child = os.fork()
if child == 0:
    state = opened()
    with state.write() as tx: records.put_many(tx, map(event, range(20)))
    os.kill(os.getpid(), 9)
os.waitpid(child, 0)
remount("ro")
first = failing(count)
remount("rw")
print(json.dumps({"first": first, "then": count()}))
""")
    code, words, hint = found["first"]
    assert code == 78
    assert "write-ahead log" in words
    assert hint
    assert found["then"] == 20


def test_a_full_disk_loses_nothing_that_was_stored(inside):
    found = inside(
        """
stored = 0
def until_full():
    global stored
    with opened() as state:
        for number in range(100000):
            with state.write() as tx: records.put_many(tx, map(event, range(number * 10, number * 10 + 10)))
            stored += 10
first = failing(until_full)
fill()
more = {"rekey": failing(lambda: rekey.rekey(path, source())),
    "backup": failing(lambda: backup.backup(path, source(), disk / "copy.db")),
    "plain": failing(lambda: backup.export_plain(path, source(), disk / "plain.db", plain_ok=True))}
def write():
    with opened() as state, state.write() as tx: records.put_many(tx, map(event, range(10**6, 10**6 + 100)))
more["write"] = failing(write)
names = sorted(os.listdir(disk))
(disk / "ballast").unlink()
print(json.dumps({"first": first, "stored": stored, "count": count(), "count_write": count("write"),
    "names": names, "more": more, "next": keys.read(str(path), source()).next_key is None}))
""",
        size="6m",
    )
    assert found["stored"] > 100
    assert found["count"] == found["count_write"] == found["stored"]
    assert found["next"]
    assert found["names"] == ["ballast", "roadmap"], "nothing half is left"
    for code, words, hint in (found["first"], *found["more"].values()):
        assert code == 73
        assert "no space" in words
        assert hint


def test_a_state_cannot_be_made_on_a_full_disk_and_can_once_there_is_room(inside):
    found = inside(
        """
fill()
first = failing(opened)
names = os.listdir(path.parent) if path.parent.exists() else []
(disk / "ballast").unlink()
with opened() as state, state.write() as tx: records.put(tx, event(1))
print(json.dumps({"first": first, "names": names, "count": count()}))
""",
        size="6m",
    )
    assert found["first"][0] == 73
    assert "state.db" not in found["names"]
    assert found["count"] == 1


@pytest.mark.parametrize("size", ["1m", "2m", "2500k", "3m", "3500k", "4m"])
def test_on_a_disk_with_little_room_a_state_is_whole_or_not_there(inside, size):
    found = inside(
        """
first = failing(opened)
names = os.listdir(path.parent) if path.parent.exists() else []
print(json.dumps({"first": first, "names": names}))
""",
        size=size,
    )
    if found["first"] is None:
        assert "state.db" in found["names"]
    else:
        assert found["first"][0] == 73
        assert "state.db" not in found["names"]
