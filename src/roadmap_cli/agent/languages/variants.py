"""Many candidates tried at once on the failing tests, before each that passes is judged by the whole test command.

For Node each variant costs one start of the program for each failing test file. For Go all variants of a batch become
one program: in each changed function a switch on a number leads to the bodies of the variants ("mutant schemata",
Untch, Offutt, Harrold, "Mutation Analysis Using Mutant Schemata", ISSTA 1993), so that there is one build for all.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.agent import adapters, languages
from roadmap_cli.agent.bench import Bench
from roadmap_cli.agent.driver import Candidate, Case
from roadmap_cli.agent.drivers.treesitter import Trial
from roadmap_cli.agent.languages import spectra
from roadmap_cli.agent.languages.syntax import Tree, walk
from roadmap_cli.agent.project import Project, is_test
from roadmap_cli.agent.toolchain import TestCommand

if TYPE_CHECKING:
    from tree_sitter import Node

_SCRIPT = Path(__file__).parent.parent / "inside" / "roadmap_variants.py"
_TESTS, _FILES, _LEAST_S, _MOST_S, _BUILD_S = 20, 8, 1.2, 4.0, 60.0
_GO_TEST = re.compile(r"(.+?)\.((?:Test|Example|Fuzz)[^/]*)(.*)\Z", re.DOTALL)
_GO_ENDED = re.compile(r"^\s*--- (PASS|FAIL|SKIP): (\S+)", re.MULTILINE)
#: What `node --test` runs without being told, as its documentation lists it.
_NODE_TESTS = tuple(f"{stem}.{ending}" for ending in ("js", "cjs", "mjs") for stem in (
    "*.test", "*-test", "*_test", "test-*", "test", "test/*"))  # fmt: skip
_VARIANT = 'package {}\n\nimport "os"\n\nvar roadmapVariant = os.Getenv("ROADMAP_VARIANT")\n'


def screen(
    bench: Bench, project: Project, command: TestCommand, case: Case, held_out: Collection[str] = ()
) -> Variants | None:
    """A way to try candidates by the batch; None if this command's tests cannot be run so."""
    tests = [test for test in case.failing if test not in held_out][:_TESTS]
    match spectra.language(command) if tests else None:
        case "go" if all(_GO_TEST.match(test) for test in tests):
            return GoVariants(bench, project, command, case, tests)
        case "javascript":
            made = NodeVariants(bench, project, command, case, tests)
            return made if made.commands else None
    return None


class Variants:
    """Tries candidates on the failing tests named in `tests`."""

    def __init__(
        self, bench: Bench, project: Project, command: TestCommand, case: Case, tests: Sequence[str]
    ) -> None:
        self._bench, self._project, self._command = bench, project, command
        self._tests, self._failing = list(tests), frozenset(case.failing)
        self._limit = min(_MOST_S, _LEAST_S + 2 * case.test_seconds)

    def __call__(self, candidates: Sequence[Candidate]) -> list[Trial | None]:
        """What a quick run said of each; None for what could not be run so."""
        raise NotImplementedError

    def _ask(self, beside: dict[str, str], count: int, **spec: Any) -> list[Any]:
        seconds = 5.0 + self._limit * count
        given = {"root": str(self._project.root), "seconds": seconds, "limit": self._limit, **spec}
        text = self._bench.program({**beside, spectra.SPEC: json.dumps(given)}, [str(_SCRIPT), "{report}", spectra.SPEC],
                                   seconds=seconds + _BUILD_S)  # fmt: skip
        try:
            runs = json.loads(text)["runs"] if text else None
        except (ValueError, KeyError, TypeError):
            runs = None
        found = list(runs) if isinstance(runs, list) else []
        return [*found, *[None] * (count - len(found))][:count]

    def _trial(self, status: dict[str, str]) -> Trial:
        left = sum(status.get(test) != "passed" for test in self._tests)
        parents = {test[:at] for test in self._failing for at in range(len(test)) if test[at] == "/"}
        broken = [test for test, word in status.items() if word in ("failed", "error", "started")]
        return Trial(left, sum(test not in self._failing and test not in parents for test in broken))


class NodeVariants(Variants):
    """One start of node for each variant and test file, or of the plain script that the command is."""

    def __init__(
        self, bench: Bench, project: Project, command: TestCommand, case: Case, tests: Sequence[str]
    ) -> None:
        super().__init__(bench, project, command, case, tests)
        self.commands = self._commands(case)

    def _commands(self, case: Case) -> list[list[str]]:
        argv = [word.replace("{report}", os.devnull) for word in self._command.argv]
        if "--test" not in argv:
            return [argv]
        options, named = [], []
        for word in argv[1:]:
            if word in self._project.files or any(fnmatch.fnmatch(name, word) for name in self._project.files):
                named.append(word)
            elif word != "--test" and not word.startswith(("--test-reporter", "--test-concurrency")):
                options.append(word)
        patterns = named or _NODE_TESTS
        every = [name for name in sorted(self._project.files) if any(
            fnmatch.fnmatch(name, each) or fnmatch.fnmatch(name, f"*/{each}") for each in patterns)]  # fmt: skip
        frames = {str(f.get("file")) for t in self._tests for f in case.errors.get(t, {}).get("frames", ())}
        files = [name for name in every if name in frames and is_test(name)] or every
        return [[argv[0], "--test-reporter=tap", *options, name] for name in files] if len(files) <= _FILES else []

    def __call__(self, candidates: Sequence[Candidate]) -> list[Trial | None]:
        """What a quick run said of each."""
        variants = [dict(candidate.changed) for candidate in candidates]
        runs = self._ask({}, len(variants), language="javascript", variants=variants, commands=self.commands)
        return [self._said(run) if run else None for run in runs]

    def _said(self, runs: list[dict[str, Any]]) -> Trial:
        status: dict[str, str] = {}
        good = True
        for run in runs:
            found = adapters.parse(run["output"]) or {}
            good = good and run["exit"] == 0
            for name, outcome in found.items():
                known = next((t for t in self._failing if t == name or t.endswith(f" > {name}")), name)
                status[known] = outcome["status"]
        if "command" in self._failing:
            status["command"] = "passed" if good else "failed"
        trial = self._trial(status)
        return trial if good or not trial.passes else Trial(1, 0)


class GoVariants(Variants):
    """One program with all variants of a batch, started once for each."""

    def __init__(
        self, bench: Bench, project: Project, command: TestCommand, case: Case, tests: Sequence[str]
    ) -> None:
        super().__init__(bench, project, command, case, tests)
        self._trees: dict[str, Tree] = {}
        names: dict[str, dict[str, None]] = {}
        for test in tests:
            found = _GO_TEST.match(test)
            assert found
            names.setdefault(found[1], {})[found[2]] = None
        self._packages = {package: f"^({'|'.join(map(re.escape, tops))})$" for package, tops in names.items()}

    def __call__(self, candidates: Sequence[Candidate]) -> list[Trial | None]:
        """What a quick run said of each; None for changes that are not inside one function."""
        bodies: dict[str, dict[int, list[tuple[int, str]]]] = {}
        placed: set[int] = set()
        for number, candidate in enumerate(candidates, 1):
            place = self._body(candidate)
            if place is not None:
                name, start, text = place
                bodies.setdefault(name, {}).setdefault(start, []).append((number, text))
                placed.add(number)
        if not placed:
            return [None] * len(candidates)
        files = {name: self._pieces(name, functions) for name, functions in bodies.items()}
        extra = {f"{os.path.dirname(name)}/zz_roadmap_variant.go".lstrip("/"): self._switch(name) for name in bodies}  # noqa: PTH120
        runs = self._ask(extra, len(candidates), language="go", files=files, packages=self._packages,
                         variant_count=len(candidates), go=self._command.argv[0])  # fmt: skip
        return [self._said(run) if run and number in placed else None for number, run in enumerate(runs, 1)]

    def _said(self, runs: Any) -> Trial:
        if runs == "refused":
            return Trial(len(self._tests), 0, loads=False)
        status: dict[str, str] = {}
        good = True
        for run in runs:
            good = good and run["exit"] == 0
            for word, test in _GO_ENDED.findall(run["output"]):
                status[f"{run['package']}.{test}"] = {"PASS": "passed", "FAIL": "failed", "SKIP": "skipped"}[word]
        trial = self._trial(status)
        return trial if good or not trial.passes else Trial(1, 0)

    def _body(self, candidate: Candidate) -> tuple[str, int, str] | None:
        """The one function a candidate changes: file, where its body begins, and the new body's text."""
        if len(candidate.changed) != 1:
            return None
        [(name, text)] = candidate.changed.items()
        old, new = self._project.files[name], text.encode()
        start, end = _changed(old, new)
        function = next((f for f in self._functions(name) if f[0] < start and end < f[1]), None)
        if function is None:
            return None
        return name, function[0], new[function[0] + 1 : function[1] - 1 + len(new) - len(old)].decode()

    def _functions(self, name: str) -> list[tuple[int, int, bool]]:
        """The bodies of a file's functions that a switch can be put into: span, and whether they return something."""
        tree = self._trees.get(name)
        if tree is None:
            language = languages.of(name)
            assert language is not None
            tree = self._trees[name] = language.parse(name, self._project.files[name])
        found = []
        for node in tree.root.named_children:
            body = node.child_by_field_name("body")
            if node.type in ("function_declaration", "method_declaration") and body is not None:
                if not any(inner.type == "labeled_statement" for inner in walk(body)):  # a label stands once only
                    found.append((body.start_byte, body.end_byte, _returns(node)))
        return found

    def _pieces(self, name: str, functions: dict[int, list[tuple[int, str]]]) -> list[tuple[int | None, str]]:
        """A file's text in pieces, those that belong to a variant with its number."""
        content, at = self._project.files[name], 0
        pieces: list[tuple[int | None, str]] = []
        for start, _, returns in self._functions(name):
            if start in functions:
                pieces.append((None, content[at : start + 1].decode() + "\nswitch roadmapVariant {\n"))
                last = 'panic("no return")' if returns else "return"
                pieces += [(number, f'case "{number}":\n{text}\n{last}\n') for number, text in functions[start]]
                pieces.append((None, "}\n"))
                at = start + 1
        pieces.append((None, content[at:].decode()))
        return pieces

    def _switch(self, name: str) -> str:
        clause = re.search(rb"^package\s+(\w+)", self._project.files[name], re.MULTILINE)
        return _VARIANT.format(clause[1].decode() if clause else "main")


def _returns(function: Node) -> bool:
    """Whether a function must end by returning values."""
    return function.child_by_field_name("result") is not None


def _changed(old: bytes, new: bytes) -> tuple[int, int]:
    """The span of the old text outside of which both are the same."""
    start = len(os.path.commonprefix([old, new]))
    limit = min(len(old), len(new)) - start
    tail = len(os.path.commonprefix([old[::-1][:limit], new[::-1][:limit]]))
    return start, len(old) - tail
