"""What cron, systemd and Android's job scheduler start for slm-queue: silent, without a word of a reply on disk."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "share/systemd/user"
SCHEDULE = ROOT / "share/schedule"
PHONE = SCHEDULE / "slm-queue-termux"


@pytest.fixture
def place(world: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """An environment as these programs give it: a home with slm-queue in it, and on battery with 20 percent left."""
    battery = tmp_path / "sys/class/power_supply/BAT0"
    battery.mkdir(parents=True)
    for name, value in {"type": "Battery", "present": "1", "status": "Discharging", "capacity": "20"}.items():
        (battery / name).write_text(value + "\n")
    folder = Path(world["HOME"]) / ".local/bin"
    folder.mkdir(parents=True)
    on_battery = f'case $1 in drain) set -- "$@" --sysroot {shlex.quote(str(tmp_path))};; esac'
    program(folder / "slm-queue", f'{on_battery}\nexec {shlex.quote(str(ROOT / "bin/slm-queue"))} "$@"')
    for name in ("termux-job-scheduler", "termux-wake-lock", "termux-wake-unlock"):
        program(folder / name, f'echo "{name} $*" >>"$HOME/called"')
    weights = os.environ.get("ROADMAP_MODELS", str(ROOT / ".cache" / "models"))
    return {**world, "PATH": f"{folder}:/usr/local/bin:/usr/bin:/bin", "ROADMAP_MODELS": weights}


def program(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def called(place: dict[str, str]) -> list[str]:
    path = Path(place["HOME"]) / "called"
    return path.read_text().splitlines() if path.exists() else []


def add(place: dict[str, str], priority: str) -> None:
    words = ["slm-queue", "add", "--text", "--priority", priority, "--max-tokens", "4", "--quiet", "--json"]
    subprocess.run(words, input=b"Name a river.\n", env=place, check=True, stdout=subprocess.DEVNULL)


def states(place: dict[str, str]) -> list[str]:
    words = ["slm-queue", "list", "--json", *[f"--only={state}" for state in ("waiting", "answered", "failed")]]
    done = subprocess.run(words, env=place, check=True, capture_output=True)
    return [json.loads(line)["state"] for line in done.stdout.splitlines()]


def needs_weights(place: dict[str, str]) -> None:
    subprocess.run([ROOT / "bin/slm-models", "pull", "--quiet"], env=place, check=True, stdout=subprocess.DEVNULL)


def settings(name: str) -> ConfigParser:
    found = ConfigParser(strict=True, interpolation=None)
    found.optionxform = str  # type: ignore[assignment, method-assign]
    found.read_string((UNITS / name).read_text())
    return found


def test_systemd_reads_the_units_without_a_complaint(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is missing")
    environ = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}
    units = [str(UNITS / "slm-queue.timer"), str(UNITS / "slm-queue.service")]
    words = ["systemd-analyze", "verify", "--user", "--man=no", *units]
    done = subprocess.run(words, env=environ, capture_output=True, text=True, check=False)
    if "Failed to initialize manager" in done.stderr:
        pytest.skip(f"systemd-analyze cannot work here: {done.stderr.strip()}")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_interval_of_the_timer_is_the_one_drain_is_told() -> None:
    service, timer = settings("slm-queue.service")["Service"], settings("slm-queue.timer")["Timer"]
    assert timer["OnCalendar"] == "*:0/5"
    assert "--every 5m" in service["ExecStart"]
    assert service["StandardOutput"] == "null"
    assert service["SuccessExitStatus"] == "75"


def test_what_the_service_starts_ends_with_75_and_no_word_when_the_battery_is_low(place: dict[str, str]) -> None:
    words = shlex.split(settings("slm-queue.service")["Service"]["ExecStart"])
    add(place, "background")
    done = subprocess.run(words, env=place, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (75, b"", b"")
    assert states(place) == ["waiting"]


def test_the_line_for_cron_sends_no_mail(place: dict[str, str]) -> None:
    (line,) = [
        each for each in (SCHEDULE / "slm-queue.crontab").read_text().splitlines() if each and not each.startswith("#")
    ]
    *fields, command = line.split(maxsplit=5)
    assert fields == ["*/5", "*", "*", "*", "*"]
    assert "%" not in command  # cron makes it a line break
    cron = {**place, "PATH": "/usr/bin:/bin"}

    def minute() -> tuple[int, bytes, bytes]:
        done = subprocess.run(["/bin/sh", "-c", command], env=cron, capture_output=True, check=False, timeout=120)
        return done.returncode, done.stdout, done.stderr

    assert minute() == (0, b"", b"")
    needs_weights(place)
    add(place, "background")
    assert minute() == (75, b"", b"")
    add(place, "now")
    assert minute() == (0, b"", b"")
    assert sorted(states(place)) == ["answered", "waiting"]


def test_the_job_of_a_phone_is_registered_for_offline_use(place: dict[str, str], tmp_path: Path) -> None:
    script = tmp_path / "with a space"
    shutil.copyfile(PHONE, script)
    subprocess.run(["sh", script, "install"], env=place, check=True)
    subprocess.run(["sh", script, "remove"], env=place, check=True)
    put, taken = called(place)
    for word in (f"--script {script}", "--period-ms 900000", "--network none", "--persisted true"):
        assert word in put
    assert os.access(script, os.X_OK)
    assert "--cancel" in taken
    done = subprocess.run(["sh", script, "instal"], env=place, capture_output=True, check=False)
    assert done.returncode == 2
    assert b"unknown word 'instal'" in done.stderr


def test_a_phone_is_kept_awake_only_while_something_is_due(place: dict[str, str]) -> None:
    def job() -> tuple[int, bytes, bytes]:
        done = subprocess.run([PHONE], env=place, capture_output=True, check=False, timeout=120)
        return done.returncode, done.stdout, done.stderr

    assert job() == (0, b"", b"")
    add(place, "background")
    assert job() == (0, b"", b"")
    assert called(place) == []
    needs_weights(place)
    add(place, "now")
    assert job() == (0, b"", b"")
    assert [line.split()[0] for line in called(place)] == ["termux-wake-lock", "termux-wake-unlock"]
    assert sorted(states(place)) == ["answered", "waiting"]


def test_a_job_that_fails_lets_the_phone_sleep_and_says_so(place: dict[str, str]) -> None:
    add(place, "now")
    empty = {**place, "ROADMAP_MODELS": place["HOME"] + "/none", "ROADMAP_OFFLINE": "1"}
    done = subprocess.run([PHONE], env=empty, capture_output=True, check=False, timeout=120)
    assert done.returncode == 69
    assert b"hint" in done.stderr
    assert [line.split()[0] for line in called(place)] == ["termux-wake-lock", "termux-wake-unlock"]
    assert states(place) == ["waiting"]


def test_the_script_is_sound_sh() -> None:
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is missing")
    subprocess.run(["shellcheck", PHONE], check=True)
