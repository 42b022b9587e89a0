"""Which lines each test of a JavaScript or Go project runs: asked of the languages' own tools, in the sandbox."""

from __future__ import annotations

import fnmatch
import json
import re
from pathlib import Path
from typing import Any

from roadmap_cli.agent import languages
from roadmap_cli.agent.code.project import Project, is_test
from roadmap_cli.agent.testing.bench import Bench, TestRun
from roadmap_cli.agent.testing.toolchain import TestCommand

_SCRIPT = Path(__file__).parent.parent / "inside" / "roadmap_coverage.py"
SPEC = ".agent-spec.json"
_PASSING, _SECONDS = {"javascript": 12, "go": 40}, 4.0
#: What `node --test` runs without being told, as its documentation lists it.
_NODE_TESTS = tuple(f"{stem}.{ending}" for ending in ("js", "cjs", "mjs") for stem in (
    "*.test", "*-test", "*_test", "test-*", "test", "test/*"))  # fmt: skip
_PLACE = re.compile(r"^(?:vet: )?([\w./@+-]+\.\w+):(\d+)\b", re.MULTILINE)


def language(command: TestCommand) -> str | None:
    """What a test command's program runs: javascript or go; None for anything else."""
    program = Path(command.argv[0]).name
    if program == "go" and command.argv[1:2] == ("test",):
        return "go"
    return "javascript" if program in ("node", "nodejs") else None


def sources(project: Project) -> list[str]:
    """The files in a language with a grammar that may hold the fault: everything that is not a test."""
    return [name for name in sorted(project.files) if languages.knows(name) and not is_test(name)]


def node_files(command: TestCommand, project: Project) -> tuple[list[str], list[str]]:
    """The words that run one test file of a node command by itself, and the files: no files if they are not known."""
    options, named, other = [], [], False
    for word in command.argv[1:]:
        if word in project.files or any(fnmatch.fnmatch(name, word) for name in project.files):
            named.append(word)
        elif word.startswith("-"):
            if word != "--test" and not word.startswith(("--test-reporter", "--test-concurrency")):
                options.append(word)
        else:
            other = True  # an option's value, or an argument of the program
    node = command.argv[0]
    if other:
        return [node], []
    if "--test" not in command.argv:
        return [node, *options], named if len(named) == 1 else []
    patterns = named or _NODE_TESTS
    files = [name for name in sorted(project.files) if any(
        fnmatch.fnmatch(name, each) or fnmatch.fnmatch(name, f"*/{each}") for each in patterns)]  # fmt: skip
    return [node, "--test-reporter=tap", *options], files


def lines(
    bench: Bench, project: Project, command: TestCommand, run: TestRun, *, seconds: float = _SECONDS
) -> dict[str, dict[str, list[int]]]:
    """Test → file → lines, for failing tests and as many passing ones as there is time for; empty if it cannot be had.

    `run` is a whole run of the project as it stands, by the same command.
    """
    spoken = language(command)
    if spoken is None:
        return {}
    slowest = max((float(run.outcomes[test].get("seconds", 0.1)) for test in run.passing), default=0.1)
    spec: dict[str, Any] = {
        "language": spoken, "argv": list(command.argv), "root": str(project.root), "files": sources(project),
        "tests": [*run.failing, *run.passing[: _PASSING[spoken]]], "seconds": seconds,
        "test_seconds": min(8.0, 1.5 + 4 * slowest),
    }  # fmt: skip
    if spoken == "javascript" and "--test" in command.argv:
        node, files = node_files(command, project)
        spec["runs"] = {test: [[*node, f"--test-name-pattern={_pattern(test)}", name] for name in files if (
            test.rpartition(" > ")[2].encode() in project.files[name])] for test in spec["tests"]}  # fmt: skip
    text = bench.program({SPEC: json.dumps(spec)}, [str(_SCRIPT), "{report}", SPEC], seconds=seconds + 90)
    try:
        answer: Any = json.loads(text) if text else None
        found = dict(answer["lines"])
    except (ValueError, KeyError, TypeError, RecursionError):
        found = {}
    if any(found.values()):
        return found
    places = complained_of(run.output, project)
    return dict.fromkeys(run.failing, places) if places else {}


def complained_of(output: str, project: Project) -> dict[str, list[int]]:
    """File → lines that a compiler names in its words: all there is to go by if nothing can be run."""
    known = set(sources(project))
    found: dict[str, list[int]] = {}
    for place, line in _PLACE.findall(output):
        name = place.removeprefix(f"{project.root}/").removeprefix("./")
        if name in known and int(line) not in found.setdefault(name, []):
            found[name].append(int(line))
    return {name: lines for name, lines in found.items() if lines}


def _pattern(test: str) -> str:
    """The pattern for a test's own name; newer versions of node put the names of what it is in before it."""
    name = re.sub(r"[\\^$.*+?()\[\]{}|/]", lambda found: "\\" + found[0], test.rpartition(" > ")[2])
    return f"(^| ){name}$"
