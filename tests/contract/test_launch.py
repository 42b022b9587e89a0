"""Starting a command of a checkout whose environment cannot be used."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_an_environment_that_cannot_be_run_is_said_and_not_passed_over(tmp_path):
    """After an upgrade of Python its link leads nowhere; another's packages would be the wrong thing to ask for."""
    checkout = tmp_path / "a checkout"
    (checkout / "bin").mkdir(parents=True)
    shutil.copy(ROOT / "bin/_launch", checkout / "bin/_launch")
    (checkout / "bin/edl-check").symlink_to("_launch")
    (checkout / ".venv/bin").mkdir(parents=True)
    (checkout / ".venv/bin/python").symlink_to("/nowhere/python3")
    done = subprocess.run([checkout / "bin/edl-check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (69, "")
    error, hint = done.stderr.splitlines()
    assert error == f"edl-check: error: {checkout}/.venv/bin/python: cannot be run, by this user or at all"
    assert hint.endswith("make setup")


def test_all_that_is_missing_is_told_at_once_with_the_command(tmp_path):
    """Python without a single package, as on the first day, and a PATH without make."""
    checkout = tmp_path / "a checkout"
    shutil.copytree(ROOT / "src", checkout / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("bin/_launch", "tools/setup.sh"):
        (checkout / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, checkout / name)
    programs = tmp_path / "programs"
    programs.mkdir()
    bare = programs / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o755)
    for name in ("sh", "readlink"):
        (programs / name).symlink_to(shutil.which(name))
    for command, told in (("roadmap-doctor", "click, rich, orjson"), ("wf-run", "click, rich")):
        (checkout / "bin" / command).symlink_to("_launch")
        environ = {"PATH": str(programs), "PYTHON": str(bare), "HOME": str(tmp_path)}
        done = subprocess.run([checkout / "bin" / command], capture_output=True, text=True, check=False, env=environ)
        error, hint = done.stderr.splitlines()
        assert (done.returncode, done.stdout) == (69, "")
        assert error.startswith(f"{command}: error: Python packages are missing: {told}")
        assert ("ffmpeg-python" in error, "PyYAML" in error) == (command == "roadmap-doctor", True)
        assert ("; and programs: bwrap, git, ffmpeg" in error) == (command == "roadmap-doctor")
        assert hint == f"{command}: hint: sudo apt-get install make && make -C '{checkout}' setup"
