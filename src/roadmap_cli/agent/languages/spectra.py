"""Which lines each test of a JavaScript or Go project runs: asked of the languages' own tools, in the sandbox."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from roadmap_cli.agent import languages
from roadmap_cli.agent.bench import Bench, TestRun
from roadmap_cli.agent.project import Project, is_test
from roadmap_cli.agent.toolchain import TestCommand

_SCRIPT = Path(__file__).parent.parent / "inside" / "roadmap_coverage.py"
SPEC = ".agent-spec.json"
_PASSING, _SECONDS = 40, 4.0


def language(command: TestCommand) -> str | None:
    """What a test command's program runs: javascript or go; None for anything else."""
    program = Path(command.argv[0]).name
    if program == "go" and command.argv[1:2] == ("test",):
        return "go"
    return "javascript" if program in ("node", "nodejs") else None


def sources(project: Project) -> list[str]:
    """The files in a language with a grammar that may hold the fault: everything that is not a test."""
    return [name for name in sorted(project.files) if languages.knows(name) and not is_test(name)]


def lines(
    bench: Bench, project: Project, command: TestCommand, run: TestRun, *, seconds: float = _SECONDS
) -> dict[str, dict[str, list[int]]]:
    """Test → file → lines, for failing tests and as many passing ones as there is time for; empty if it cannot be had.

    `run` is a whole run of the project as it stands, by the same command.
    """
    spoken = language(command)
    if spoken is None:
        return {}
    slowest = max((float(entry.get("seconds", 0.1)) for entry in run.outcomes.values()), default=0.1)
    spec = {
        "language": spoken, "argv": list(command.argv), "root": str(project.root), "files": sources(project),
        "tests": [*run.failing, *run.passing[:_PASSING]], "seconds": seconds,
        "test_seconds": min(8.0, 2.0 + 3 * slowest),
    }  # fmt: skip
    text = bench.program({SPEC: json.dumps(spec)}, [str(_SCRIPT), "{report}", SPEC], seconds=seconds + 90)
    try:
        answer: Any = json.loads(text) if text else None
        return dict(answer["lines"])
    except (ValueError, KeyError, TypeError):
        return {}
