"""What CONTRIBUTING says of adding a command is true: typed as it stands there, it gives a command that passes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_command_added_by_the_book_passes_the_checks(tmp_path):
    tree = tmp_path / "tree"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tree / name, follow_symlinks=False)
    (tree / ".venv").symlink_to(ROOT / ".venv")
    (tree / ".cache").mkdir()
    (tree / ".cache/models").symlink_to(ROOT / ".cache/models")
    text = (tree / "CONTRIBUTING.md").read_text().partition("## Add a command")[2].partition("### How a command")[0]
    commands = re.findall(r"^ {7}(\S.*)$", text, re.M)
    assert len(commands) >= 6
    environ = {**os.environ, "PATH": f"{tree / 'bin'}:/usr/bin:/bin", "PYTHONPATH": "src:tools", "HOME": str(tmp_path)}
    for command in commands:
        if command == "make test":  # what these tests are part of: here only what the command itself can break
            command = ".venv/bin/python -m pytest -q tests/contract && make -s lint-fast"
        done = subprocess.run(
            ["bash", "-ec", command], cwd=tree, env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"$ {command}\n{done.stdout[-3000:]}\n{done.stderr[-2000:]}"
