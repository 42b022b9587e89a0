"""Many candidates tried at once on the failing tests, before each that passes is judged by the whole test command.

For Node each variant costs one worker thread, with modules of its own, for each failing test file. For Go all variants
of a batch become one program: in each changed function a switch on a number leads to the bodies of the variants
("mutant schemata", Untch, Offutt, Harrold, "Mutation Analysis Using Mutant Schemata", ISSTA 1993), so that there is one
build for all.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.agent import adapters, languages
from roadmap_cli.agent.code.project import Project, is_test
from roadmap_cli.agent.code.source import Edit, trimmed
from roadmap_cli.agent.languages import spectra
from roadmap_cli.agent.languages.syntax import Tree, walk
from roadmap_cli.agent.repair.driver import Candidate, Case
from roadmap_cli.agent.testing.bench import Bench, Trial
from roadmap_cli.agent.testing.toolchain import TestCommand

if TYPE_CHECKING:
    from tree_sitter import Node

_SCRIPT = Path(__file__).parent.parent / "inside" / "roadmap_variants.py"
_SMALL = 6
_TESTS, _FILES, _LEAST_S, _MOST_S, _BUILD_S = 20, 8, 1.2, 4.0, 60.0
_GO_TEST = re.compile(r"(.+?)\.((?:Test|Example|Fuzz)[^/]*)(.*)\Z", re.DOTALL)
_GO_ENDED = re.compile(r"^\s*--- (PASS|FAIL|SKIP): (\S+)", re.MULTILINE)
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

    def __init__(self, bench: Bench, project: Project, command: TestCommand, case: Case, tests: Sequence[str]) -> None:
        self._bench, self._project, self._command = bench, project, command
        self._tests, self._failing = list(tests), frozenset(case.failing)
        self._least = 0.2 + case.test_seconds / 2
        self._limit = min(_MOST_S, _LEAST_S + case.test_seconds / 2)

    def __call__(self, candidates: Sequence[Candidate]) -> list[Trial | None]:
        """What a quick run said of each; None for what could not be run so.

        Where one has taken the sandbox down with it, the others are tried again in smaller batches.
        """
        found = self.tried(candidates)
        if found is None and len(candidates) > _SMALL:
            half = len(candidates) // 2
            return self(candidates[:half]) + self(candidates[half:])
        return [None] * len(candidates) if found is None else found

    def tried(self, candidates: Sequence[Candidate]) -> list[Trial | None] | None:
        """One batch; None if the sandbox did not answer."""
        raise NotImplementedError

    def _ask(self, beside: dict[str, str], count: int, **spec: Any) -> list[Any] | None:
        seconds = 5.0 + self._limit * count
        given = {"root": str(self._project.root), "seconds": seconds, "limit": self._limit,
                 "least": self._least, **spec}  # fmt: skip
        files = {**beside, spectra.SPEC: json.dumps(given)}
        text = self._bench.program(files, [str(_SCRIPT), "{report}", spectra.SPEC],
                                   seconds=seconds + _BUILD_S)  # fmt: skip
        if text is None:
            return None
        try:
            runs = json.loads(text)["runs"]
        except (ValueError, KeyError, TypeError, RecursionError):
            runs = None
        found = list(runs) if isinstance(runs, list) else []
        return [*found, *[None] * (count - len(found))][:count]

    def _trial(self, status: dict[str, str]) -> Trial:
        left = sum(status.get(test) != "passed" for test in self._tests)
        parents = {test[:at] for test in self._failing for at in range(len(test)) if test[at] == "/"}
        broken = [test for test, word in status.items() if word in ("failed", "error", "started")]
        worse = sum(test not in self._failing and test not in parents for test in broken)
        return Trial(mended=len(self._tests) - left, left=left, broken=worse)


class NodeVariants(Variants):
    """One worker thread for each variant and test file, in one process of node; a process each where that fails."""

    def __init__(self, bench: Bench, project: Project, command: TestCommand, case: Case, tests: Sequence[str]) -> None:
        super().__init__(bench, project, command, case, tests)
        self._node: list[str] = []
        self._files: list[str] = []
        self.commands = self._commands(case)

    def _commands(self, case: Case) -> list[list[str]]:
        self._node, files = spectra.node_files(self._command, self._project)
        if "--test" not in self._command.argv:
            self._files = files
            return [[word.replace("{report}", os.devnull) for word in self._command.argv]]
        frames = {str(f.get("file")) for t in self._tests for f in case.errors.get(t, {}).get("frames", ())}
        self._files = [name for name in files if name in frames and is_test(name)] or files
        return [[*self._node, name] for name in self._files] if len(self._files) <= _FILES else []

    def tried(self, candidates: Sequence[Candidate]) -> list[Trial | None] | None:
        """What a quick run said of each."""
        variants = [{}, *(dict(candidate.changed) for candidate in candidates)]
        if self._files:
            runs = self._asked(variants, self._files)
            base = self._said(runs[0]) if runs and runs[0] else None
            if runs and base and base.left == len(self._tests) and not base.broken:
                return [self._said(run) if run else None for run in runs[1:]]
            self._files = []  # in a thread of their own these tests say something else
        runs = self._asked(variants[1:], [])
        return None if runs is None else [self._said(run) if run else None for run in runs]

    def _asked(self, variants: list[dict[str, str]], files: list[str]) -> list[Any] | None:
        return self._ask({}, len(variants), language="javascript", variants=variants, commands=self.commands,
                         test_files=files, node=self._node)  # fmt: skip

    def _said(self, runs: list[dict[str, Any]]) -> Trial:
        status: dict[str, str] = {}
        good = True
        for run in runs:
            found: Mapping[str, Mapping[str, Any]] = adapters.parse(run["output"]) or {}
            good = good and run["exit"] == 0
            for name, outcome in found.items():
                known = next((t for t in self._failing if t == name or t.endswith(f" > {name}")), name)
                status[known] = outcome["status"]
        if "command" in self._failing:
            status["command"] = "passed" if good else "failed"
        trial = self._trial(status)
        return trial if good or not trial.passes else Trial(left=1)


class GoVariants(Variants):
    """One program with all variants of a batch, started once for each."""

    def __init__(self, bench: Bench, project: Project, command: TestCommand, case: Case, tests: Sequence[str]) -> None:
        super().__init__(bench, project, command, case, tests)
        self._trees: dict[str, Tree] = {}
        names: dict[str, dict[str, None]] = {}
        for test in tests:
            found = _GO_TEST.match(test)
            assert found
            names.setdefault(found[1], {})[found[2]] = None
        self._packages = {package: f"^({'|'.join(map(re.escape, tops))})$" for package, tops in names.items()}

    def tried(self, candidates: Sequence[Candidate]) -> list[Trial | None] | None:
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
        if runs is None:
            return None
        return [self._said(run) if run and number in placed else None for number, run in enumerate(runs, 1)]

    def _said(self, runs: Any) -> Trial:
        if runs == "refused":
            return Trial(left=len(self._tests))
        status: dict[str, str] = {}
        good = True
        for run in runs:
            good = good and run["exit"] == 0
            for word, test in _GO_ENDED.findall(run["output"]):
                status[f"{run['package']}.{test}"] = {"PASS": "passed", "FAIL": "failed", "SKIP": "skipped"}[word]
        trial = self._trial(status)
        return trial if good or not trial.passes else Trial(left=1)

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
            if body is None or node.type not in ("function_declaration", "method_declaration"):
                continue
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
    start, _, _ = trimmed(old, Edit(0, len(old), new.decode(), "", 0.0, 1))
    _, end, _ = trimmed(old, Edit(start, len(old), new[start:].decode(), "", 0.0, 1))
    return start, end
