"""A state, the recorded webhook and small templates for the tests of workflows."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from roadmap_cli.core.records import Record
from roadmap_cli.state.identity import KeySource
from roadmap_cli.state.store import State

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(Path(__file__).parent))  # attack_ground, which the bench uses, too


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    """A fresh encrypted state."""
    keys = KeySource({"HOME": str(tmp_path)}, None)
    with State.open(tmp_path / "state.db", mode="write", keys=keys, now=lambda: NOW) as opened:
        yield opened


@pytest.fixture
def webhook() -> Record:
    """The recorded Alertmanager webhook."""
    body: Record = json.loads((ROOT / "examples" / "wf" / "alertmanager.json").read_bytes())
    return body


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a template and give its path."""

    def written(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return written


@pytest.fixture
def simple(write: Callable[[str, str], Path]) -> Callable[..., Path]:
    """A template of one step with the given effects, triggered by any firing alert."""

    def made(name: str = "simple", effects: str = "read", more: str = "", **inputs: Any) -> Path:
        lines = [f"workflow: {name}", "version: 1", "trigger: {type: alertmanager.alert.firing}", "inputs:"]
        lines += [f"  {key}: {json.dumps(value)}" for key, value in inputs.items()]
        lines += ["steps:", "  - name: only", "    role: operations", f"    effects: [{effects}]"]
        lines += [more or "    command: [echo, hello]"]
        return write(f"{name}.yaml", "\n".join(line for line in lines if line != "inputs:" or inputs) + "\n")

    return made
