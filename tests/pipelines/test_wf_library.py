"""The workflows that come along, from their recorded event to the end, through the commands as people type them."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
#: For each workflow: what people answer, the file that must be there in the end, and words in it.
CASES = {
    "access": ("grant", "access-mira.lang-ledger.md", "mira.lang"),
    "escalation": ("jo", "escalation-acme-logistics-T-20931.md", "third outage"),
    "handover": ("", "hand-over-2026-11-23.md", "queue grows"),
    "invoice": ("pay", "finance/ledger.csv", "R-4471"),
    "onboarding": ("grant", "access.csv", "nina.roth,repository,write"),
    "quality": ("", "quarantine/orders.csv", "O-7"),
    "rollback": ("", "rollback-checkout-2026-11-23-2.md", "now: 2026-11-22-1"),
    "security": ("", "blocked.csv", "203.0.113.77"),
    "weekly": ("", "week-2026-11-22.md", "refunds"),
}
QUICK = ("weekly", "onboarding")


def shell(line: str, world: dict[str, str], code: int | None = None) -> str:
    command = ["bash", "-o", "pipefail", "-c", line]
    done = subprocess.run(command, env=world, cwd=ROOT, text=True, capture_output=True, timeout=120, check=False)
    assert code is None or done.returncode == code, (line, done.stderr)
    return done.stdout


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in CASES]
)
def test_from_the_event_to_the_end(name: str, tmp_path: Path, world: dict[str, str]) -> None:
    if importlib.util.find_spec("roadmap_cli.wf.running") is None:
        pytest.skip("the runner here knows no conditions, loops or questions")
    answer, file, words = CASES[name]
    folder = tmp_path / "work"
    shutil.copytree(ROOT / "examples" / "wf" / name, folder, symlinks=True)
    if name == "rollback":
        (folder / "deploy/current").symlink_to("releases/2026-11-23-2")
    plan = f"wf-listen --from jsonl -i examples/wf/{name}.json | wf-match | wf-plan --as alice --directory {folder}"
    [approval] = records(shell(f"{plan} | wf-approve", world, 0))
    if approval["status"] == "waiting":
        shell(f"wf-approve --approve {approval['plan_id']} --as bob --because seen", world, 0)
    for _ in range(6):
        told = records(shell("wf-run --resume", world))
        if any(each["kind"] == "wf.run_finished" for each in told):
            break
        for task in records(shell("wf-approve --list", world)):
            word = "approve" if task.get("sort") == "approval" else answer
            shell(f"wf-approve --task {task['id']} --answer {word} --as carol", world, 0)
    assert told[-1]["status"] == "succeeded", told[-1]
    assert words in (folder / file).read_text()
