"""Starting a command of a checkout whose environment cannot be used."""

from __future__ import annotations

import shutil
import subprocess
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
