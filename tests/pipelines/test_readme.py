"""The pipelines of the README run as they are written there, on files of the names it uses."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.search(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
PIPELINES = BLOCK[1].strip().splitlines() if BLOCK else []


def test_the_readme_has_a_pipeline_for_each_system_and_the_manual_has_the_same():
    assert [re.split(r"[- ]", line)[0] for line in PIPELINES] == ["slm", "agent", "edl", "life", "wf"]
    manual = (ROOT / "man/man7/roadmap.7").read_text().replace("\\-", "-")
    flat = re.sub(r"\s+", " ", manual)
    assert all(line in flat for line in PIPELINES)


@pytest.mark.parametrize("line", PIPELINES, ids=[line.partition(" ")[0] for line in PIPELINES])
def test_a_pipeline_of_the_readme_runs_as_it_is_written(line, world, tmp_path):
    examples = ROOT / "examples"
    prompts = (examples / "prompts.jsonl").read_text().splitlines(keepends=True)[:2]
    (tmp_path / "prompts.jsonl").write_text("".join(prompts))
    shutil.copytree(examples / "fix-the-parser", tmp_path / "fix-the-parser")
    shutil.copy(examples / "bikes.mp4", tmp_path / "talk.mp4")
    for name in ("calendar.ics", "bank.ofx", "export.xml"):
        shutil.copy(examples / "life" / name, tmp_path)
    webhook = json.loads((examples / "wf" / "alertmanager.json").read_text())
    (tmp_path / "webhook.json").write_text(json.dumps(webhook))
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line], env=world, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    expected = {
        "slm": lambda: len(done.stdout.split()) > 4,
        "agent": lambda: '"status":"fixed"' in done.stdout,
        "edl": lambda: (tmp_path / "out.mp4").stat().st_size > 10_000,
        "life": lambda: all(f'"kind":"life.{kind}"' in done.stdout for kind in ("measurement", "comparison")),
        "wf": lambda: '"kind":"wf.run_finished"' in done.stdout and '"succeeded"' in done.stdout,
    }
    assert expected[line.partition("-")[0]](), done.stdout[-2000:]
