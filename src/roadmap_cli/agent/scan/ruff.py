"""ruff's security rules (flake8-bandit, ``S``) beside our own findings: run as a program, its JSON read.

ruff is found on PATH, never in the scanned project, and reads no settings of the project.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from roadmap_cli.agent.scan.finding import Finding

BATCH, SECONDS = 200, 60
#: Asserts are what tests are made of.
_LEFT_OUT = "S101"


def find(environ: Mapping[str, str], interpreter: str, project: Path) -> str | None:
    """The program, from PATH or beside the running interpreter; None if there is none outside the project."""
    folders = [f for f in environ.get("PATH", os.defpath).split(os.pathsep) if f.startswith("/")]
    for folder in [*folders, str(Path(interpreter).parent)]:
        own = Path(folder).resolve().is_relative_to(project) and folder != str(Path(interpreter).parent)
        found = None if own else shutil.which("ruff", path=folder)
        if found:
            return found
    return None


def check(program: str, files: Sequence[tuple[str, str]]) -> tuple[list[Finding], str | None]:
    """The findings of files, given as (path, name to tell); and what went wrong, if something did."""
    names = {os.path.realpath(path): name for path, name in files}
    found: list[Finding] = []
    for first in range(0, len(files), BATCH):
        paths = [path for path, _ in files[first : first + BATCH]]
        command = [program, "check", "--isolated", "--no-cache", "--quiet", "--exit-zero", "--select", "S",
            "--ignore", _LEFT_OUT,
                   "--output-format", "json", "--", *paths]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False, stdin=subprocess.DEVNULL)
            told = json.loads(done.stdout or b"[]")
        except (OSError, subprocess.TimeoutExpired, ValueError) as error:
            return found, f"ruff could not be used: {str(error).splitlines()[0][:200]}"
        if done.returncode:
            words = done.stderr.decode(errors="replace").strip().splitlines()
            return found, f"ruff failed: {words[0][:200] if words else done.returncode}"
        for each in told:
            code = each.get("code") or ""
            if not code.startswith("S") or not code[1:].isdigit():
                continue
            place, end = each.get("location") or {}, each.get("end_location") or {}
            path = os.path.realpath(each.get("filename") or "")
            found.append(
                Finding(
                    "weakness", "low", "medium", str(each.get("message")), int(place.get("row") or 1),
                    int(place.get("column") or 1), False, tool="ruff", rule=code, end_line=int(end.get("row") or 1),
                    file=names.get(path, path),
                )
            )  # fmt: skip
    return found, None
