"""What cron and systemd start at night for all families: each unit is one systemd takes, each line silent when all is well."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "share/systemd/user"
SCHEDULES = ROOT / "share/schedule"
NAMES = ("agent-loop", "edl-scan", "wf-audit", "roadmap-state")
COMMANDS = (*NAMES, "wf-listen", "wf-match", "agent-show", "life-ingest")
#: Both are the same but for their dress; one is enough where it costs.
DRESSES = [pytest.param(0, id="cron"), pytest.param(1, id="systemd", marks=pytest.mark.slow)]
LOCKED = {"ROADMAP_IDENTITY": "/nonexistent/identity"}


@pytest.fixture
def place(installed: Callable[..., dict[str, str]]) -> dict[str, str]:
    return installed(*COMMANDS)


def lines(name: str) -> list[str]:
    """What cron starts, and what systemd does, as a shell takes it."""
    text = (SCHEDULES / f"{name}.crontab").read_text()
    (cron,) = [line for line in text.splitlines() if not line.startswith("#")]
    *fields, command = cron.split(maxsplit=5)
    assert all(re.fullmatch(r"[0-9*/]+", field) for field in fields)
    assert "%" not in command, "cron makes it a line break"
    unit = (UNITS / f"{name}.service").read_text()
    (start,) = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    for kept, meant in (("/bin/sh -c '", ""), ("$$", "$"), ("\\\\", "\\")):
        start = start.replace(kept, meant)
    if "StandardOutput=null" in unit:
        start += " >/dev/null"
    return [command, start.removesuffix("'")]


def run(line: str, env: dict[str, str]) -> tuple[int, str, list[str]]:
    done = subprocess.run(["/bin/sh", "-c", line], env=env, capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=120)  # fmt: skip
    return done.returncode, done.stdout, [each for each in done.stderr.splitlines() if ": hint: " not in each]


def test_systemd_takes_every_unit_and_each_timer_has_its_service(tmp_path: Path) -> None:
    units = sorted(UNITS.iterdir())
    assert {path.stem for path in units if path.suffix == ".timer"} <= {
        path.stem for path in units if path.suffix == ".service"
    }
    families = {path.name.partition("-")[0] for path in units} | {
        path.name.partition("-")[0] for path in SCHEDULES.iterdir()
    }
    assert {"slm", "agent", "edl", "life", "wf"} <= families
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    environ = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}
    words = ["systemd-analyze", "verify", "--user", "--man=no", *map(str, units)]
    done = subprocess.run(words, env=environ, capture_output=True, text=True, check=False)
    if "Failed to initialize manager" in done.stderr:
        pytest.skip(f"systemd-analyze cannot work here: {done.stderr.strip()}")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("line", lines("roadmap-state"), ids=["cron", "systemd"])
def test_the_copy_of_a_night_can_be_opened_and_a_damaged_state_does_not_replace_it(
    line: str, place: dict[str, str]
) -> None:
    home = Path(place["HOME"])
    subprocess.run(
        [ROOT / "bin/life-ingest", ROOT / "examples/life/tasks.ics"], env=place, capture_output=True, check=True
    )
    for _ in range(2):
        assert run(line, place) == (0, "", [])
    copy = home / "Backups/roadmap.db"
    assert run(f"roadmap-state check --state {copy} >/dev/null", place) == (0, "", [])
    good, state = copy.read_bytes(), home / ".local/state/roadmap/state.db"
    with state.open("r+b") as file:
        file.seek(state.stat().st_size // 2)
        file.write(bytes(64))
    code, out, _ = run(line, place)
    assert (code != 0, out, copy.read_bytes() == good) == (True, "", True)


@pytest.mark.parametrize("line", lines("wf-audit"), ids=["cron", "systemd"])
def test_the_audit_is_silent_while_it_is_whole(line: str, place: dict[str, str]) -> None:
    event = '{"specversion":"1.0","id":"1","source":"s","type":"t"}'
    subprocess.run(
        [ROOT / "bin/wf-listen", "--from", "jsonl"], input=event, text=True, env=place, capture_output=True, check=True
    )
    assert run(line, place) == (0, "", [])
    code, out, errors = run(line, place | LOCKED)
    assert (len(errors), out in ("", "the audit log was not found whole: wf-audit verify\n")) == (1, True)
    assert code == 78 or out


@pytest.mark.parametrize("dress", DRESSES)
def test_new_clips_are_known_in_the_morning(dress: int, place: dict[str, str]) -> None:
    line = lines("edl-scan")[dress]
    if not shutil.which("ffmpeg"):
        pytest.skip("ffmpeg is not installed")
    videos = Path(place["HOME"]) / "Videos"
    videos.mkdir()
    assert run(line, place) == (0, "", [])
    words = [
        "ffmpeg",
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        "testsrc=d=0.5:s=96x64:r=10",
        "-preset",
        "ultrafast",
        videos / "a b.mp4",
    ]
    subprocess.run(words, check=True)
    assert run(line, place) == (0, "", [])
    known = subprocess.run(
        [ROOT / "bin/edl-scan", "-v", videos / "a b.mp4"], env=place, capture_output=True, text=True, check=True
    )
    assert "known" in known.stderr
    (videos / "broken.mov").write_text("no film")
    code, out, errors = run(line, place)
    assert (code, out, len(errors)) == (123, "", 1)


@pytest.mark.parametrize("dress", DRESSES)
def test_a_night_without_goals_or_with_nothing_to_mend_says_nothing(dress: int, place: dict[str, str]) -> None:
    line = lines("agent-loop")[dress]
    works = subprocess.run(["bwrap", "--unshare-pid", "--ro-bind", "/", "/", "true"], capture_output=True, check=False)
    if works.returncode:
        pytest.skip("bubblewrap cannot work here")
    project, goals = Path(place["HOME"]) / "p", Path(place["HOME"]) / ".config/roadmap/goals.jsonl"
    project.mkdir()
    (project / "test_sum.py").write_text("def test_sum():\n    assert sum([1, 2]) == 3\n")
    goals.parent.mkdir(parents=True, exist_ok=True)
    goals.write_text(json.dumps({"folder": str(project), "test": "pytest -q"}) + "\n")
    assert run(line, place) == (0, "", [])
    code, out, _ = run(line, place | LOCKED)
    assert (code, len([each for each in out.splitlines() if "hint" not in each])) == (78, 1)
    goals.unlink()
    if line.startswith("PATH"):
        assert run(line, place) == (0, "", [])


@pytest.mark.slow
@pytest.mark.parametrize("dress", DRESSES)
def test_a_repair_of_the_night_is_one_line_and_the_project_is_as_it_was(dress: int, place: dict[str, str]) -> None:
    line = lines("agent-loop")[dress]
    project = shutil.copytree(ROOT / "examples/fix-the-parser", Path(place["HOME"]) / "parser")
    goals = Path(place["HOME"]) / ".config/roadmap/goals.jsonl"
    goals.parent.mkdir(parents=True, exist_ok=True)
    goals.write_text(json.dumps({"folder": str(project), "test": "pytest -q"}) + "\n")
    before = (project / "formula.py").read_bytes()
    assert run(line, place) == (0, "repairs found: 1; see agent-show --runs\n", [])
    assert (project / "formula.py").read_bytes() == before
    assert '"agent.run"' in run("agent-show --runs --json", place)[1]
