"""agent-loop killed at any time: the next one goes on, tries nothing twice, and ends the same."""

from __future__ import annotations

import json
import random
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEST = f"{sys.executable} -m pytest -q -p no:hypothesispytest"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example."""
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    return Path(shutil.copytree(ROOT / "examples/fix-the-parser", tmp_path / "fix-the-parser"))


def _start(world: dict[str, str], folder: Path, *more: str) -> subprocess.Popen[bytes]:
    words = [str(ROOT / "bin/agent-loop"), "--test", TEST, "--candidates", *more, str(folder)]
    return subprocess.Popen(words, env=world, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def _sandboxes(folder: Path) -> int:
    count = 0
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            count += str(folder).encode() in file.read_bytes() and b"worker.py" in file.read_bytes()
        except OSError:
            continue
    return count


def _kill_and_finish(world: dict[str, str], folder: Path, after: list[float]) -> list[dict[str, object]]:
    for seconds in after:
        running = _start(world, folder)
        time.sleep(seconds)
        running.send_signal(signal.SIGKILL)
        running.communicate()
        for _ in range(100):
            if not _sandboxes(folder):
                break
            time.sleep(0.05)
        assert not _sandboxes(folder), "the sandbox has outlived its parent"
    last = _start(world, folder)
    out, err = last.communicate(timeout=240)
    records = [json.loads(line) for line in out.splitlines()]
    assert last.returncode == 0, err.decode()
    assert records[-1]["status"] == "fixed"
    return records


def test_killed_twice_it_goes_on_and_repeats_nothing(world: dict[str, str], folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    records = _kill_and_finish(world, folder, [2.5, 4.0])
    patches = [record["patch"] for record in records if record["kind"] == "agent.candidate"]
    assert len(patches) == len(set(patches))
    assert records[-1]["total_candidate_count"] == records[-1]["candidate_count"] or records[0]["resumed"]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.slow
def test_killed_at_random_times(world: dict[str, str], folder: Path) -> None:
    chance = random.Random(20261123)
    records = _kill_and_finish(world, folder, [chance.uniform(0.05, 6) for _ in range(20)])
    patches = [record["patch"] for record in records if record["kind"] == "agent.candidate"]
    assert len(patches) == len(set(patches))
    stored = subprocess.run(
        [str(ROOT / "bin/roadmap-why"), str(next(r["decision_id"] for r in records if "decision_id" in r))],
        env=world,
        capture_output=True,
        check=True,
    )
    assert b"agent.test_result" in stored.stdout


# -- killed with effects -----------------------------------------------------------------------------------------------

SPAN = "def overlap(a, b, c, d):\n    return a < d or c < b\n\n\ndef inside(a, b, x):\n    return a <= x < b\n"
SPAN_TEST = (
    "from span import inside, overlap\ndef test_yes():\n    assert overlap(1, 5, 4, 8)\ndef test_no():\n"
    "    assert not overlap(1, 2, 3, 4)\ndef test_touching():\n    assert not overlap(1, 2, 2, 3)\n"
    "def test_inside():\n    assert inside(1, 3, 1) and not inside(1, 3, 3)\n"
)


class Killing:
    """A repository with a failing test, repaired with --apply and --branch again and again, and killed meanwhile."""

    def __init__(self, world: dict[str, str], place: Path) -> None:
        self.world, self.place, self.number = world, place, 0
        place.mkdir()

    def fresh(self) -> Path:
        """A new repository and a new state."""
        self.number += 1
        folder = self.place / f"r{self.number}"
        folder.mkdir()
        (folder / "span.py").write_text(SPAN)
        (folder / "test_span.py").write_text(SPAN_TEST)
        for words in (
            ["init", "-q", "-b", "main"],
            ["add", "-A"],
            ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "1"],
        ):
            subprocess.run(["git", "-C", folder, *words], check=True, env=self.world)
        return folder

    def start(self, folder: Path, out: Path, *more: str) -> subprocess.Popen[bytes]:
        """Start the command with its output appended to a file."""
        world = {**self.world, "ROADMAP_STATE": str(self.place / f"s{self.number}/state.db")}
        words = [
            str(ROOT / "bin/agent-loop"),
            "--apply",
            "--branch",
            "agent/fix",
            *(more or ["--test", TEST, str(folder)]),
        ]
        with out.open("ab") as stream:
            return subprocess.Popen(words, env=world, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.PIPE)

    def resuming(self, out: Path, by_id: bool) -> list[str]:
        """The options that take the run up again, once it has told its id."""
        names = [str(record["run_id"]) for record in self.told(out)] if by_id else []
        return ["--resume", names[0]] if names else []

    def told(self, out: Path) -> list[dict[str, object]]:
        """What the output holds."""
        return [json.loads(line) for line in out.read_bytes().splitlines()] if out.exists() else []

    def result(self, folder: Path) -> dict[str, object]:
        """The end state: files, and the branch's commits and content."""
        git = ["git", "-C", str(folder)]
        commits = subprocess.run(
            [*git, "log", "--format=%s", "agent/fix"], env=self.world, capture_output=True, check=True
        )
        shown = subprocess.run([*git, "show", "agent/fix:span.py"], env=self.world, capture_output=True, check=True)
        status = subprocess.run([*git, "status", "--porcelain"], env=self.world, capture_output=True, check=True)
        files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        return {"files": files, "commits": commits.stdout, "branch": shown.stdout, "status": status.stdout}

    def run(self, chance: random.Random | None, whole_s: float) -> tuple[dict[str, object], int]:
        """One repair, killed up to four times; its end state and how often it was killed.

        Every other one is taken up by its id, and then no record may be told twice; the rest by the same command.
        """
        folder = self.fresh()
        by_id = bool(self.number % 2)
        out = self.place / f"out{self.number}.jsonl"
        kills = 0
        for _ in range(4 if chance else 0):
            assert chance
            running = self.start(folder, out, *self.resuming(out, by_id))
            try:
                running.wait(chance.uniform(0.0, whole_s * 1.1))
                running.communicate()
                break
            except subprocess.TimeoutExpired:
                running.send_signal(signal.SIGKILL)
                running.communicate()
                kills += 1
        last = self.start(folder, out, *self.resuming(out, by_id))
        _, err = last.communicate(timeout=120)
        assert last.returncode == 0, err.decode()
        records = self.told(out)
        assert records[-1]["status"] in ("fixed", "already_green")
        if by_id:
            ids = [record["id"] for record in records]
            assert len(ids) == len(set(ids)), "a record is told twice"
            assert len({record["run_id"] for record in records}) == 1
        return self.result(folder), kills


def _killed(world: dict[str, str], place: Path, points: int) -> tuple[int, int, float]:
    killing = Killing(world, place)
    before = time.monotonic()
    wanted, _ = killing.run(None, 0.0)
    whole_s = time.monotonic() - before
    assert b"a < d and c < b" in wanted["branch"]  # type: ignore[operator]
    chance = random.Random(20261127)
    kills = runs = 0
    while kills < points:
        got, count = killing.run(chance, whole_s)
        assert got == wanted, (got, wanted)
        kills, runs = kills + count, runs + 1
        records = killing.told(killing.place / f"out{killing.number}.jsonl")
        fixes = {record["id"] for record in records if record["kind"] == "agent.fix"}
        assert len(fixes) == 1, "one repair, found once"
    return kills, runs, whole_s


def test_killed_while_it_writes_and_commits_it_ends_the_same(world: dict[str, str], tmp_path: Path) -> None:
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    _killed(world, tmp_path / "few", 6)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_killed_at_two_hundred_points(world: dict[str, str], tmp_path: Path) -> None:
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    kills, runs, whole_s = _killed(world, tmp_path / "many", 200)
    print(f"killed {kills} times in {runs} repairs of {whole_s:.1f} s each: all ended the same")


def test_a_second_loop_on_the_same_folder_waits_its_turn(world: dict[str, str], folder: Path) -> None:
    first = _start(world, folder)
    time.sleep(1.5)
    second = _start(world, folder, "--wait", "0.1")
    _, err = second.communicate(timeout=60)
    first.kill()
    first.communicate()
    assert second.returncode == 75, err.decode()


def test_interrupted_it_says_how_to_go_on(world: dict[str, str], tmp_path: Path) -> None:
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / "m.py").write_text("def f(a):\n    return a\n")
    (folder / "test_m.py").write_text("from m import f\ndef test():\n    assert f(3) == 'never'\n")
    state = str(tmp_path / "own state.db")
    running = _start(world, folder, "--state", state)
    assert running.stdout
    while b"agent.candidate" not in running.stdout.readline():
        assert running.poll() is None
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert b"interrupted after " in err
    hint = err.decode().rpartition("hint: ")[2].strip()
    assert hint.startswith("agent-loop --resume agent_")
    assert hint.endswith(f"--state {shlex.quote(state)}")
    words = [*shlex.split(hint), "--max-iterations", "1"]
    again = subprocess.run([str(ROOT / "bin" / words[0]), *words[1:]], env=world, capture_output=True, check=False)
    assert again.returncode in (1, 75), again.stderr  # 1: what could be tried was tried before the signal came
    assert json.loads(again.stdout.splitlines()[-1])["total_candidate_count"] > 1
