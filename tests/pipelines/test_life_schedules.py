"""What cron and systemd start for life-consolidate, life-ingest and life-watch.

Silent when well or without news, one line without a payload when not, 78 when locked.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "share/systemd/user"
SCHEDULES = ROOT / "share/schedule"
COMMANDS = ("life-ingest", "life-graph", "life-consolidate", "life-recall", "life-watch", "roadmap-permit")
LOCKED = {"ROADMAP_IDENTITY": "/nonexistent/identity"}


@pytest.fixture
def place(installed: Callable[..., dict[str, str]]) -> dict[str, str]:
    return installed(*COMMANDS) | {"ROADMAP_NOW": "2026-11-23T03:30:00Z"}


def cron_lines(name: str) -> list[str]:
    lines = (SCHEDULES / name).read_text().splitlines()
    return [line.split(maxsplit=5)[5] for line in lines if not line.startswith("#")]


def unit_line(name: str) -> str:
    unit = ConfigParser(interpolation=None, delimiters=("=",))
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(UNITS / name)
    line = unit["Service"]["ExecStart"]
    assert line.startswith("/bin/sh -c '")
    return line.removeprefix("/bin/sh -c '").removesuffix("'")


def run(line: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", line], env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if ": hint: " not in line]


@pytest.mark.parametrize(
    "line",
    [*cron_lines("life-consolidate.crontab"), unit_line("life-consolidate.service")],
    ids=["cron", "systemd"],
)
def test_a_night_is_silent_and_remembered(line: str, place: dict[str, str]) -> None:
    assert run(f"life-ingest --json {ROOT}/examples/life/chat.jsonl >/dev/null", place).returncode == 0
    for _ in range(2):  # with much to remember, and with nothing
        done = run(line, place)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    found = run("life-recall --json --from memory --limit 1 'who is allergic?'", place)
    assert "walnuts" in found.stdout
    locked = run(line, place | LOCKED)
    assert (locked.returncode, locked.stdout, len(said(locked))) == (78, "", 1)


def test_reading_by_cron_is_silent_or_one_line(place: dict[str, str]) -> None:
    calendar, mail, folder = cron_lines("life-ingest.crontab")
    kept = Path(place["HOME"]) / "Documents/life"
    kept.mkdir(parents=True)
    shutil.copy(ROOT / "examples/life/tasks.ics", kept)
    (kept / "notes.txt").write_text("not a statement\n")
    for _ in range(2):
        done = run(folder, place)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    secrets = Path(place["HOME"]) / ".config/roadmap"
    secrets.mkdir(parents=True, exist_ok=True)
    for line, purpose in ((calendar, "calendar"), (mail, "mail")):
        secret = secrets / f"{purpose}.password"
        missing = run(line, place)
        assert (missing.returncode, missing.stdout, len(said(missing))) == (66, "", 1)
        secret.write_text("hush\n")
        secret.chmod(0o644)
        open_to_all = run(line, place)
        assert (open_to_all.returncode, open_to_all.stdout, len(said(open_to_all))) == (78, "", 1)
        assert f"chmod 600 {secret}" in open_to_all.stderr
        secret.chmod(0o600)
        refused = run(line, place)
        assert (refused.returncode, refused.stdout, len(said(refused))) == (78, "", 1)
        assert f"roadmap-permit add {purpose}.example.org --purpose {purpose}" in refused.stderr
        assert "hush" not in refused.stderr
        locked = run(line, place | LOCKED)
        assert (locked.returncode, locked.stdout, len(said(locked))) == (78, "", 1)


@pytest.fixture
def morning(place: dict[str, str]) -> dict[str, str]:
    """The same at the end of the examples' days."""
    return {**place, "ROADMAP_NOW": "2026-11-23T09:00:00Z"}


@pytest.mark.parametrize(
    "line", [*cron_lines("life-watch.crontab"), unit_line("life-watch.service")], ids=["cron", "systemd"]
)
def test_news_once_then_silence_then_locked(line: str, morning: dict[str, str]) -> None:
    example = ROOT / "examples/life"
    words = ["life-ingest", "--quiet", "--json", str(example / "calendar.ics"), str(example / "bank.ofx")]
    subprocess.run(words, env=morning, check=True, stdout=subprocess.DEVNULL)
    first = run(line, morning)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout == "there are new warnings: life-watch --open\n"
    again = run(line, morning)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    locked = run(line, morning | LOCKED)
    assert locked.returncode in (1, 78)
    assert locked.stdout == ""
    (error,) = said(locked)
    assert error.startswith("life-watch: error: ")


def test_a_locked_key_ends_life_watch_with_78(morning: dict[str, str]) -> None:
    words = ["life-ingest", "--quiet", "--json", str(ROOT / "examples/life/bank.ofx")]
    subprocess.run(words, env=morning, check=True, stdout=subprocess.DEVNULL)
    done = run("life-watch", morning | LOCKED)
    assert (done.returncode, done.stdout) == (78, "")


@pytest.mark.parametrize("name", ["life-consolidate", "life-watch"])
def test_the_units_are_ones_that_systemd_takes(name: str, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    for end in ("service", "timer"):
        shutil.copy(UNITS / f"{name}.{end}", tmp_path)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--user", str(tmp_path / f"{name}.timer")],
        capture_output=True, text=True, check=False, env={"XDG_RUNTIME_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["life-watch", "life-forecast"])
def test_a_clock_that_is_wrong_is_said_and_changes_nothing(name: str, world: dict[str, str]) -> None:
    calendar = ROOT / "examples/life/calendar.ics"
    told = {**world, "ROADMAP_NOW": "2026-11-23T09:00:00Z"}
    assert (
        subprocess.run([ROOT / "bin/life-ingest", calendar], env=told, capture_output=True, check=False).returncode == 0
    )
    for now, code, words in (
        ("9999-12-31T00:00:00Z", 78, b"the clock says it is the year 9999"),
        ("2031-01-01T00:00:00Z", 0, b"2027-11-24"),
    ):
        done = subprocess.run(
            [ROOT / "bin" / name, "-v"], env={**world, "ROADMAP_NOW": now}, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (code, b"")
        assert words in done.stderr
