"""wf-worker and wf-run as people start them: told to end, beside another, on a shared Postgres, with nobody reading."""

from __future__ import annotations

import json
import signal
import subprocess
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.wf.postgres import Postgres, cluster

ROOT = Path(__file__).parents[2]
WEBHOOK = ROOT / "examples" / "wf" / "alertmanager.json"


class Bench:
    """A folder with a template of two steps and a state."""

    def __init__(self, folder: Path, world: dict[str, str]):
        self.folder = folder
        folder.mkdir()
        self.world = {**world, "FOLDER": str(folder)}
        (folder / "two.yaml").write_text(
            textwrap.dedent(f"""
                workflow: two
                version: 1
                trigger: {{type: alertmanager.alert.firing}}
                steps:
                  - {{name: one, role: operations, effects: [write], shell: "echo one >> {folder}/done; sleep 0.6"}}
                  - {{name: two, role: operations, effects: [write], needs: [one], shell: "echo two >> {folder}/done"}}
            """)
        )

    def shell(self, line: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = ["bash", "-o", "pipefail", "-c", line]
        return subprocess.run(
            command, env={**self.world, **more}, cwd=ROOT, text=True, capture_output=True, timeout=100, check=False
        )

    def approve(self) -> None:
        line = f"wf-listen --from alertmanager -i {WEBHOOK} | wf-match --templates $FOLDER/two.yaml"
        done = self.shell(line + " | wf-plan --templates $FOLDER/two.yaml --directory $FOLDER | wf-approve")
        assert done.returncode == 0, done.stderr

    def done(self) -> list[str]:
        path = self.folder / "done"
        return path.read_text().split() if path.exists() else []

    def worker(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [str(ROOT / "bin" / "wf-worker"), *words], env=self.world, cwd=ROOT, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip


@pytest.fixture
def bench(tmp_path: Path, world: dict[str, str]) -> Bench:
    """Two steps, not yet approved."""
    return Bench(tmp_path / "work", world)


def told(text: str | bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_it_takes_up_what_comes_and_ends_politely(bench: Bench) -> None:
    with bench.worker() as worker:
        assert worker.stdout
        bench.approve()
        for line in worker.stdout:
            record = json.loads(line)
            if record["kind"] == "wf.step_started":
                worker.send_signal(signal.SIGTERM)
                break
        rest = told(worker.stdout.read())
        assert worker.stderr
        words = worker.stderr.read()
    assert (worker.returncode, words) == (0, b"")
    assert [each["kind"] for each in rest] == ["wf.step_finished"]  # what was being done ended; nothing more began
    assert bench.done() == ["one"]
    after = bench.shell("wf-worker --once")
    assert next(each["kind"] for each in told(after.stdout)) == "wf.run_resumed"
    assert bench.done() == ["one", "two"]
    assert bench.shell("wf-worker --once").stdout == ""


def test_what_it_tells_is_in_the_file_at_once(bench: Bench) -> None:
    log = bench.folder / "worker.jsonl"
    with (
        log.open("wb") as file,
        subprocess.Popen(
            [str(ROOT / "bin" / "wf-worker")], env=bench.world, cwd=ROOT, stdout=file, stderr=subprocess.DEVNULL
        ) as worker,
    ):
        bench.approve()
        until = time.monotonic() + 60
        while b"wf.run_finished" not in log.read_bytes() and time.monotonic() < until:
            time.sleep(0.05)
        worker.kill()
    assert told(log.read_bytes())[-1]["kind"] == "wf.run_finished"


def test_without_grace_it_cuts_off_and_the_step_is_done_again(bench: Bench) -> None:
    bench.approve()
    with bench.worker("--grace", "0") as worker:
        assert worker.stdout
        for line in worker.stdout:
            if json.loads(line)["kind"] == "wf.step_started":
                while not bench.done():
                    time.sleep(0.01)
                worker.send_signal(signal.SIGTERM)
                break
        worker.stdout.read()
    assert worker.returncode == 0
    assert bench.shell("wf-run --resume").returncode == 0
    assert bench.done() == ["one", "one", "two"]


def test_the_reader_goes_away_and_nothing_is_lost(bench: Bench) -> None:
    bench.approve()
    done = bench.shell("wf-run --resume | head -1; echo ${PIPESTATUS[0]}")
    assert done.stdout.splitlines()[-1] == "141", done.stderr
    assert bench.shell("wf-run --resume").returncode == 0
    assert bench.done()[-1] == "two"
    assert bench.done().count("two") == 1


@pytest.mark.parametrize("line", ["wf-run --resume", "wf-worker --once"])
def test_what_is_being_done_when_the_reader_goes_away_ends_and_is_done_once(bench: Bench, line: str) -> None:
    """The reader is gone when the first step's end is told: by then the second has begun."""
    template = bench.folder / "two.yaml"
    template.write_text(template.read_text().replace('/done"}', '/done; sleep 0.8"}'))
    bench.approve()
    done = bench.shell(f"{line} | head -2; echo ${{PIPESTATUS[0]}}")
    assert done.stdout.splitlines()[-1] == "141", done.stderr
    assert bench.done() == ["one", "two"]
    assert bench.shell("wf-run --resume").returncode == 0
    assert bench.done() == ["one", "two"]


def test_a_full_disk_for_what_is_told_loses_nothing(bench: Bench) -> None:
    bench.approve()
    assert bench.shell("wf-run --resume > /dev/full").returncode == 73
    assert bench.shell("wf-run --resume").returncode == 0
    assert bench.done().count("two") == 1


def test_a_run_that_fails_is_told_in_words(bench: Bench) -> None:
    bench.approve()
    (bench.folder / "done").mkdir()  # so that nothing can be written to it
    done = bench.shell("wf-worker --once")
    assert told(done.stdout)[-1]["status"] == "failed"
    (words,) = [line for line in done.stderr.splitlines() if line.startswith("wf-worker: warning: ")]
    assert f"run {told(done.stdout)[-1]['run_id']} failed in step 'two': " in words


def test_a_dry_run_does_nothing(bench: Bench) -> None:
    bench.approve()
    for line in ("wf-run --resume --dry-run", "wf-worker --dry-run"):
        assert [each["kind"] for each in told(bench.shell(line).stdout)] == ["wf.approval"]
    assert bench.done() == []


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("wf-run --resume --cancel x", 2, "exclude each other"),
        ("wf-run --resume --sign-with pyproject.toml", 2, "--sign-with belongs to"),
        ("wf-cost budget workflow:a --usd 1e20", 2, "not in the range"),
        ("wf-cost budget workflow:a --tokens 99999999999999999999", 2, "not in the range"),
        ("wf-grant bob --role reader --because x --until 2026-01-01", 2, "is over already"),
        ("wf-grant bob --role reader --because x --until soon", 2, "not a length of time"),
        ("wf-run --from x", 2, "belong together"),
        ("wf-run --unpause x", 65, "not in this state"),
        ("echo mysql://x > $FOLDER/db; wf-worker --once --database $FOLDER/db", 78, "not a Postgres URL"),
        ("echo postgresql://127.0.0.1:1/x > $FOLDER/db; wf-worker --once --database $FOLDER/db", 69, "cannot be used"),
        ("echo postgresql://db.example/x > $FOLDER/db; wf-worker --once --database $FOLDER/db", 78, "must be sealed"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_told(bench: Bench, line: str, code: int, words: str) -> None:
    done = bench.shell(line)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr


@pytest.fixture
def server() -> Iterator[Postgres]:
    with cluster() as found:
        yield found


def test_another_machine_does_it_through_postgres(bench: Bench, server: Postgres, tmp_path: Path) -> None:
    (bench.folder / "db").write_text(server.url + "\n" + "a2" * 21 + "s=\n")
    bench.approve()
    there = {"ROADMAP_STATE": str(tmp_path / "there.db"), "ROADMAP_DATABASE": str(bench.folder / "db")}
    assert bench.shell("wf-worker --once", **there).stdout == ""  # it knows of nothing yet
    with bench.worker("--database", str(bench.folder / "db"), "--parallel", "1") as here:
        assert here.stdout
        kinds = [json.loads(here.stdout.readline())["kind"]]
        here.kill()
        here.stdout.read()
    assert kinds == ["wf.run_started"]
    deadline = time.monotonic() + 60
    while bench.done()[-1:] != ["two"] and time.monotonic() < deadline:
        done = bench.shell("wf-worker --once", **there)
        assert done.returncode == 0, done.stderr
        time.sleep(1)
    assert bench.done()[-1] == "two"
    home = bench.shell("wf-run --resume", ROADMAP_DATABASE=str(bench.folder / "db"))
    assert home.returncode == 0, home.stderr
    found = bench.shell('roadmap-state query "SELECT status FROM wf_run" --json 2>&1 || true').stdout
    assert "succeeded" in found, found
