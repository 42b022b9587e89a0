"""life-ingest && life-watch as people type it: the warning, killed imports, locked keys, mixed streams, silence."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from roadmap_cli.core import schemas

ROOT = Path(__file__).parents[2]
LIFE = ROOT / "examples" / "life"
PIPELINE = "cd examples/life && life-ingest calendar.ics bank.ofx > $TMPDIR/records && life-watch"
Shell = Callable[..., subprocess.CompletedProcess[bytes]]


def records(output: bytes) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in output.splitlines()]
    for record in found:
        assert not list(schemas.problems(record)), record
    return found


def contents(shell: Shell) -> list[str]:
    """Everything that is stored about a life, as text, in a fixed order."""
    found = []
    for table in ("record", "life_event", "life_transaction"):
        done = shell(["roadmap-state", "query", f"SELECT * FROM {table} ORDER BY id"])
        assert done.returncode == 0, done.stderr
        found += [
            json.dumps({**json.loads(line), "at": "", "id": ""}, sort_keys=True) for line in done.stdout.splitlines()
        ]
    return found


def test_the_pipeline_warns_and_every_citation_resolves(shell: Shell) -> None:
    done = shell(["sh", "-c", PIPELINE])
    assert (done.returncode, done.stderr) == (0, b"")
    overload, spending = records(done.stdout)
    assert (overload["pattern"], spending["pattern"]) == ("overload", "spending_EUR")
    for warning in (overload, spending):
        chain = [json.loads(line) for line in shell(["roadmap-why", warning["why_id"], "--json"]).stdout.splitlines()]
        below = [record for record in chain if record["depth"] == 1]
        assert len([record for record in below if record["kind"] != "why.decision"]) == warning["evidence_count"]
        assert {record["id"] for record in below} >= set(warning["evidence_ids"])
        assert not [record for record in chain if record["kind"] == "why.missing"]
        for record in chain:
            if record["kind"].startswith("life."):
                line = (LIFE / record["source"]).read_bytes().split(b"\r\n")[record["source_line"] - 1]
                assert line.upper() in (b"BEGIN:VEVENT", b"<STMTTRN>")


def test_the_second_time_nothing_is_written(shell: Shell) -> None:
    shell(["sh", "-c", PIPELINE])
    done = shell(["sh", "-c", PIPELINE + "; wc -c < $TMPDIR/records"])
    assert (done.stdout.split(), done.stderr) == ([b"0"], b"life-ingest: 2 files: nothing new\n")


@pytest.mark.parametrize("delay", [0.15, 0.3])
def test_killed_and_run_again_gives_the_same_state(
    shell: Shell, world: Mapping[str, str], tmp_path: Path, delay: float
) -> None:
    command = [str(ROOT / "bin" / "life-ingest"), "calendar.ics", "bank.ofx", "bank.csv"]
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, cwd=LIFE, env=world, start_new_session=True)
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    announced = {json.loads(line)["id"] for line in (tmp_path / "out").read_bytes().split(b"\n")[:-1]}
    again = shell(command, cwd=LIFE)
    assert again.returncode == 0, again.stderr
    assert announced.isdisjoint({record["id"] for record in records(again.stdout)})
    killed = contents(shell)
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    whole = {"ROADMAP_STATE": str(fresh / "state.db")}
    assert shell(command, cwd=LIFE, env=whole).returncode == 0
    assert killed == contents(lambda words: shell(words, env=whole))


def test_without_the_key_nothing_is_read_and_nothing_written(shell: Shell, world: Mapping[str, str]) -> None:
    shell(["sh", "-c", PIPELINE])
    state = Path(json.loads(shell(["roadmap-state", "path"]).stdout)["path"])
    before = state.read_bytes()
    for identity in Path(world["HOME"]).rglob("identity.txt"):
        identity.unlink()
    for command in (["life-ingest", "examples/life/bank.csv"], ["life-watch"]):
        done = shell(command)
        assert (done.returncode, done.stdout) == (78, b"")
        assert done.stderr
    assert state.read_bytes() == before


def test_a_dry_run_tells_the_same_and_stores_nothing(shell: Shell) -> None:
    dry = records(shell(["life-ingest", "--dry-run", "examples/life/bank.ofx"]).stdout)
    real = records(shell(["life-ingest", "examples/life/bank.ofx"]).stdout)
    assert [{**record, "dry_run": True} for record in real] == dry
    shell(["life-ingest", "examples/life/calendar.ics"])
    once, twice = (records(shell(["life-watch", "--dry-run"]).stdout) for _ in range(2))
    assert [record["text"] for record in once] == [record["text"] for record in twice] != []


def test_records_pass_from_state_to_state(shell: Shell, tmp_path: Path) -> None:
    """What one state announces, another takes in, and passes on the rest of the stream."""
    told = shell(["life-ingest", "examples/life/calendar.ics"]).stdout
    stranger = b'{"kind":"slm.reply","id":"slm_1","at":"2026-01-01T00:00:00.000Z","text":"hello","odd":[1]}'
    other = {"ROADMAP_STATE": str(tmp_path / "other.db")}
    done = shell(["life-ingest"], told + stranger + b"\n", env=other)
    assert done.returncode == 0, done.stderr
    assert stranger in done.stdout.split(b"\n")
    events = [record for record in records(told) if record["kind"] == "life.event"]
    again = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["id"] for record in again if record["kind"] == "life.event"] == [record["id"] for record in events]
    (warning,) = records(shell(["life-watch"], env=other).stdout)
    (same,) = records(shell(["life-watch"]).stdout)
    assert (warning["text"], warning["evidence_ids"]) == (same["text"], same["evidence_ids"])


@pytest.mark.parametrize(("policy", "code", "kinds"), [("stop", 65, []), ("skip", 3, ["life.source", "life.event"]), ("emit", 3, ["error", "life.source", "life.event"])])  # fmt: skip
def test_a_broken_event_by_policy(shell: Shell, tmp_path: Path, policy: str, code: int, kinds: list[str]) -> None:
    path = tmp_path / "secret.ics"
    path.write_text(
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:hunter2\nEND:VEVENT\nBEGIN:VEVENT\nDTSTART:20261201T090000Z\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    done = shell(["life-ingest", "--on-error", policy, str(path)])
    assert (done.returncode, [record["kind"] for record in records(done.stdout)]) == (code, kinds)
    assert f"{path}:3: DTSTART is not a date or time".encode() in done.stderr
    assert b"hunter2" not in done.stderr


def test_a_file_on_standard_input_and_one_that_is_missing(shell: Shell) -> None:
    done = shell(["life-ingest", "-"], (LIFE / "bank.csv").read_bytes())
    assert (done.returncode, records(done.stdout)[0]["name"]) == (0, "<stdin>")
    assert shell(["life-ingest", "nowhere.ics"]).returncode == 66


def test_a_folder_stands_for_the_files_in_it(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "below" / ".hidden").mkdir(parents=True)
    (tmp_path / "below" / "bank.csv").write_bytes((LIFE / "bank.csv").read_bytes())
    (tmp_path / "below" / ".hidden" / "bank.csv").write_bytes(b"not read")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0")
    done = shell(["life-ingest", "-v", str(tmp_path)])
    assert (done.returncode, records(done.stdout)[0]["name"]) == (0, str(tmp_path / "below" / "bank.csv"))
    assert b"picture.png: left out" in done.stderr
    assert shell(["life-ingest", "--map", "colour=red", "examples/life/bank.csv"]).returncode == 2
    assert shell(["life-ingest", "--timezone", "Atlantis", "examples/life/bank.csv"]).returncode == 2
