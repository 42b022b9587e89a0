"""A phone with Termux, as far as it can be had elsewhere: its environment, its programs, what it has not."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from roadmap_cli.agent import sandbox
from roadmap_cli.core.errors import Exit, Unavailable
from roadmap_cli.models import registry

ROOT = Path(__file__).parents[2]
PREFIX = "/data/data/com.termux/files/usr"


@pytest.fixture
def phone(tmp_path: Path, world: dict[str, str]) -> dict[str, str]:
    """An environment as Termux sets it, with programs that answer as a phone's; there is no bwrap and no apt-get."""
    programs = tmp_path / "usr/bin"
    programs.mkdir(parents=True)
    answers = {
        "termux-battery-status": '{"health":"GOOD","percentage":73,"plugged":"UNPLUGGED","status":"DISCHARGING","temperature":31.5}',
        "termux-wifi-connectioninfo": '{"supplicant_state":"COMPLETED","ip":"192.168.1.5"}',
    }
    for name, answer in answers.items():
        (programs / name).write_text(f"#!/bin/sh\necho '{answer}'\n")
        (programs / name).chmod(0o755)
    for name in ("sh", "readlink"):
        (programs / name).symlink_to(shutil.which(name) or name)
    (tmp_path / "tmp").mkdir()
    return {**world, "PREFIX": PREFIX, "TERMUX_VERSION": "0.118.1", "PATH": f"{ROOT / 'bin'}:{programs}",
            "TMPDIR": str(tmp_path / "tmp"), "PYTHON": sys.executable}  # fmt: skip


def said(words: list[str], environ: dict[str, str], stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """What a command says."""
    return subprocess.run(
        [ROOT / "bin" / words[0], *words[1:]], env=environ, input=stdin, capture_output=True, check=False
    )


def test_the_phone_is_known(phone: dict[str, str]) -> None:
    device = json.loads(said(["slm-device"], phone).stdout)
    assert (device["is_termux"], device["on_battery"], device["battery_percent"]) == (True, True, 73)


def test_the_doctor_names_commands_that_are_there(phone: dict[str, str]) -> None:
    done = said(["roadmap-doctor", "edl", "agent"], phone)
    found = {each["check"]: each for each in map(json.loads, done.stdout.splitlines())}
    assert found["program.ffmpeg"]["fix"] == "pkg install ffmpeg"
    assert "Android has no user namespaces" in found["program.bwrap"]["detail"]
    assert b"apt-get" not in done.stdout


def test_no_program_runs_where_there_can_be_no_sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "base_prefix", PREFIX)
    with pytest.raises(Unavailable) as found:
        sandbox.Sandbox(sandbox.Grant(tmp_path), sandbox.Limits(), search=str(tmp_path))
    assert found.value.exit is Exit.UNAVAILABLE
    assert "Android has no user namespaces" in (found.value.hint or "")


def test_a_life_is_read_without_proc_or_system_programs(phone: dict[str, str]) -> None:
    done = said(["life-ingest", str(ROOT / "examples/life/bank.csv")], phone)
    assert done.returncode == 0, done.stderr
    assert b'"life.transaction"' in done.stdout
    assert list(Path(phone["TMPDIR"]).iterdir()) == []


def test_the_server_that_the_page_names_is_found(tmp_path: Path) -> None:
    page = (ROOT / "man/man7/roadmap-install.7").read_text().replace("\\-", "-")
    shown = re.search(r"^\[endpoint\.phone\]\n.*?(?=^\.Ed)", page, re.M | re.S)
    assert shown
    (tmp_path / "roadmap").mkdir()
    (tmp_path / "roadmap/models.toml").write_text(shown[0])
    found = registry.load({"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)})
    assert found.endpoints["phone"].url == "http://127.0.0.1:8080/v1"
