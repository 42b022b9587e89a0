"""wf-plan as people type it: settings of their own, a colleague's broken template, readers that go away."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
EVENT = "wf-listen --from jsonl -i examples/wf/invoice.json | wf-match"


class Desk:
    """A home with settings and templates, and a shell."""

    def __init__(self, world: dict[str, str]):
        self.world = world
        self.workflows = Path(world["HOME"]) / ".config" / "roadmap" / "workflows"
        self.workflows.mkdir(parents=True)

    def shell(self, line: str) -> subprocess.CompletedProcess[str]:
        command = ["bash", "-o", "pipefail", "-c", line]
        return subprocess.run(
            command, env=self.world, cwd=ROOT, text=True, capture_output=True, timeout=100, check=False
        )


@pytest.fixture
def desk(world: dict[str, str]) -> Desk:
    return Desk({key: value for key, value in world.items() if key != "XDG_CONFIG_HOME"})


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_settings_decide_and_a_broken_template_stops_nobody_else(desk: Desk) -> None:
    (desk.workflows / "settings.toml").write_text('[finance]\nlimit = "5000"\nfolder = "books"\n')
    (desk.workflows / "broken.toml").write_text("workflow = 'broken'\nversion = 1\nsteps = []\n")
    matches = desk.shell(f"{EVENT} --templates src/roadmap_cli/wf/library")
    (desk.workflows.parent / "matches").write_text(matches.stdout)
    done = desk.shell(f"wf-plan --as alice -i {desk.workflows.parent}/matches")
    assert done.returncode == 0, done.stderr
    [plan] = records(done.stdout)
    assert (plan["inputs"]["limit"], plan["inputs"]["folder"]) == ("5000", "books")
    assert f"template left out: {desk.workflows}/broken.toml:3: there must be between 1 and 200 steps" in done.stderr

    shown = records(desk.shell(f"wf-plan --show {plan['id']}").stdout)
    assert shown == [plan]
    [graph] = records(desk.shell(f"wf-plan --show {plan['id']} --graph dot").stdout)
    assert graph["text"].startswith('digraph "invoice-approval"')

    (desk.workflows / "settings.toml").write_text('[finance]\napi_token = "abc"\n')
    refused = desk.shell(f"wf-plan -i {desk.workflows.parent}/matches")
    assert refused.returncode == 78
    assert f"{desk.workflows}/settings.toml:2: a value for 'api_token' is written in the settings" in refused.stderr
    both = desk.shell("wf-plan --check examples/wf/disk.yaml --template-schema")
    assert (both.returncode, "exclude each other" in both.stderr) == (2, True)


def test_a_check_ends_as_its_answer_is(desk: Desk) -> None:
    done = desk.shell("wf-plan --check src/roadmap_cli/wf/library --check examples/wf/broken.yaml")
    assert done.returncode == 1
    assert {each["file"] for each in records(done.stdout)} == {"examples/wf/broken.yaml"}
    assert desk.shell("wf-plan --check src/roadmap_cli/wf/library").returncode == 0
    assert desk.shell("wf-plan --check nowhere.yaml").returncode == 66
    assert desk.shell("wf-plan --check examples/wf/broken.yaml >/dev/full").returncode == 73
    dot = desk.shell("wf-plan --template-schema | jq -r '.schema.\"$defs\".step.required[0]'")
    assert dot.stdout == "name\n"
