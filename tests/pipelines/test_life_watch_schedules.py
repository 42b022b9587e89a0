"""What cron and systemd start for life-watch: silent without news, one line without a payload with it, 78 when locked."""

from __future__ import annotations

import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "share/systemd/user"
CRONTAB = ROOT / "share/schedule/life-watch.crontab"


@pytest.fixture
def place(world: dict[str, str]) -> dict[str, str]:
    """An environment as cron gives it, with the commands where pip puts them."""
    folder = Path(world["HOME"]) / ".local/bin"
    folder.mkdir(parents=True)
    for name in ("life-watch", "life-ingest"):
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec {ROOT}/bin/{name} "$@"\n')
        program.chmod(0o755)
    return {**world, "PATH": f"{folder}:/usr/local/bin:/usr/bin:/bin", "ROADMAP_NOW": "2026-11-23T09:00:00Z"}


def cron_line() -> str:
    (line,) = [line for line in CRONTAB.read_text().splitlines() if not line.startswith("#")]
    return line.split(maxsplit=5)[5]


def unit_line() -> str:
    unit = ConfigParser(interpolation=None, delimiters=("=",))
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(UNITS / "life-watch.service")
    line = unit["Service"]["ExecStart"]
    assert line.startswith("/bin/sh -c '")
    return line.removeprefix("/bin/sh -c '").removesuffix("'")


def run(line: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["/bin/sh", "-c", line], env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("line", [cron_line(), unit_line()], ids=["cron", "systemd"])
def test_news_once_then_silence_then_locked(line: str, place: dict[str, str]) -> None:
    example = ROOT / "examples/life"
    words = ["life-ingest", "--quiet", "--json", str(example / "calendar.ics"), str(example / "bank.ofx")]
    subprocess.run(words, env=place, check=True, stdout=subprocess.DEVNULL)
    first = run(line, place)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout == "there are new warnings: life-watch --open\n"
    again = run(line, place)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    locked = run(line, {**place, "ROADMAP_IDENTITY": "/nonexistent/identity"})
    assert locked.returncode in (1, 78)
    assert locked.stdout == ""
    (error,) = [line for line in locked.stderr.splitlines() if "hint" not in line]
    assert error.startswith("life-watch: error: ")


def test_a_locked_key_ends_life_watch_with_78(place: dict[str, str]) -> None:
    subprocess.run(["life-ingest", "--quiet", "--json", str(ROOT / "examples/life/bank.ofx")], env=place, check=True, stdout=subprocess.DEVNULL)  # fmt: skip
    done = run("life-watch", {**place, "ROADMAP_IDENTITY": "/nonexistent/identity"})
    assert (done.returncode, done.stdout) == (78, "")


def test_the_units_are_ones_that_systemd_takes(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    for unit in ("life-watch.service", "life-watch.timer"):
        shutil.copy(UNITS / unit, tmp_path)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--user", str(tmp_path / "life-watch.timer")],
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
