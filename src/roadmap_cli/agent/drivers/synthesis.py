"""The synthesis driver: bodies for functions that are not written yet, from their examples and from like functions.

A function is missing if its body does nothing: `pass`, `...`, `raise NotImplementedError`, a docstring alone. Its
examples are the assertions that call it with constants, and its docstring's prompts. Bodies come from enumeration
(`agent.enumeration`), which is bounded in time, and from other functions of the project with as many parameters.
"""

from __future__ import annotations

import ast
import hashlib
import textwrap
import time
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from roadmap_cli.agent.code.project import is_test
from roadmap_cli.agent.code.source import Edit, Scope, Source
from roadmap_cli.agent.drivers.templates import spliced
from roadmap_cli.agent.enumeration import Synthesiser
from roadmap_cli.agent.enumeration import examples as by_example
from roadmap_cli.agent.preference import Lesson
from roadmap_cli.agent.repair.driver import Candidate, Problem, Verdict
from roadmap_cli.agent.templates.vocabulary import literals

_SOLUTIONS, _DONORS = 10, 30
_BASIC: tuple[object, ...] = (0, 1, 2, "", " ", True, False, -1, None, 10, 3)


class Synthesis:
    """The driver. `seconds` of processor time bound the enumeration for each missing function."""

    name = "synthesis"

    def __init__(self, seconds: float = 5.0) -> None:
        self._seconds = seconds

    def candidates(self, problem: Problem) -> Iterator[Candidate]:
        """Bodies for the missing functions, the smallest first, then those of like functions."""
        sources = self._sources(problem)
        tests = {
            name: ast.parse(content)
            for name, content in problem.project.files.items()
            if is_test(name) and name.endswith(".py") and _parses(content)
        }
        for source in sources:
            for scope in source.scopes:
                if is_missing(scope.node):
                    yield from self._for(source, scope, sources, tests)

    def told(self, verdict: Verdict) -> None:
        """Each candidate satisfies all examples: a refusal teaches nothing about the others."""

    def lessons(self, candidate: Candidate) -> list[Lesson]:
        """None: a body that was found says nothing of edits."""
        return []

    @staticmethod
    def _sources(problem: Problem) -> list[Source]:
        found = []
        for name in problem.project.sources():
            try:
                found.append(Source(name, problem.project.files[name]))
            except (SyntaxError, UnicodeDecodeError, ValueError, RecursionError):
                continue
        found.sort(key=lambda source: source.name not in problem.case.suspicion)
        return found

    def _for(
        self, source: Source, scope: Scope, sources: Sequence[Source], tests: dict[str, ast.Module]
    ) -> Iterator[Candidate]:
        node = scope.node
        assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        given = [a.arg for a in (*node.args.posonlyargs, *node.args.args)]
        own = [name for at, name in enumerate(given) if not (at == 0 and name in ("self", "cls"))]
        known = by_example.of_tests(dict(tests), node.name)
        known += [e for e in by_example.of_docstring(ast.get_docstring(node) or "", node.name)
                  if repr(e.arguments) not in {repr(k.arguments) for k in known}]  # fmt: skip
        known = [example for example in known if len(example.arguments) == len(own)]
        if known and own:
            constants = dict.fromkeys([repr(c) for c in _BASIC])
            usable = [c for c in _constants(node, known) if repr(c) not in constants]
            work = Synthesiser(own, known, [*_BASIC, *usable[:8]], self._seconds)
            since = time.process_time()
            until = since + self._seconds
            for number, body in enumerate(work.solutions()):
                yield self._candidate(source, scope, _tidy(body), "synthesis", 1.0 / (1 + number))
                if not number:  # others show whether the examples leave a choice
                    until = 2 * time.process_time() - since + 0.5
                if number >= _SOLUTIONS or time.process_time() > until:
                    break
        yield from self._donors(source, scope, sources, own)

    def _donors(
        self, source: Source, scope: Scope, sources: Sequence[Source], own: Sequence[str]
    ) -> Iterator[Candidate]:
        """Bodies of the project's other functions with as many parameters, those of like names first."""
        node = scope.node
        assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        found: list[tuple[float, str]] = []
        for other in sources:
            for donor in other.scopes:
                body = donor.node
                if donor.node is node or isinstance(body, ast.Module) or is_missing(body):
                    continue
                names = [a.arg for a in (*body.args.posonlyargs, *body.args.args) if a.arg not in ("self", "cls")]
                if len(names) != len(own):
                    continue
                like = SequenceMatcher(None, body.name, node.name).ratio() + (other is source) * 0.3
                found.append((like, _body(body, dict(zip(names, own, strict=True)))))
                if other is source and "." not in donor.name:
                    found.append((like * 0.9, f"return {body.name}({', '.join(own)})"))
                    found.append((like * 0.6, f"return not {body.name}({', '.join(own)})"))
        found.sort(key=lambda pair: -pair[0])
        for like, text in found[:_DONORS]:
            yield self._candidate(source, scope, text, "donor", 0.02 * like)

    @staticmethod
    def _candidate(source: Source, scope: Scope, body: str, template: str, score: float) -> Candidate:
        node = scope.node
        assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        kept = node.body[1:] if ast.get_docstring(node) is not None and len(node.body) > 1 else node.body
        if "math." in body and "import math" not in source.text:
            body = "import math\n\n" + body
        indent = " " * node.body[0].col_offset
        if ast.get_docstring(node) is not None and len(node.body) == 1:
            place = source.span(node.body[0])[1]
            start, end, text = place, place, "\n" + textwrap.indent(body, indent)
        else:
            start, end = source.span(kept[0])[0], source.span(kept[-1])[1]
            text = textwrap.indent(body, indent).lstrip(" ")
            if node.body[0].lineno == node.lineno:  # def f(x): pass
                indent = " " * (node.col_offset + 4)
                text = "\n" + textwrap.indent(body, indent)
        edits = [(start, end, text)]
        patch = hashlib.sha256(source.patch_id(Edit(*edits[0], template, 1.0, node.lineno)).encode()).hexdigest()[:32]
        return Candidate(
            {source.name: spliced(source.content, edits)}, patch, template, source.name, node.lineno, scope.name, score,
            node.body[0].lineno != node.lineno, tuple(edits),
        )  # fmt: skip


def is_missing(node: ast.AST) -> bool:
    """Whether a function's body does nothing yet."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    if any(getattr(d, "id", getattr(d, "attr", "")) in ("abstractmethod", "overload") for d in node.decorator_list):
        return False
    for statement in node.body:
        match statement:
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                continue
            case ast.Raise(exc=ast.Name(id="NotImplementedError") | ast.Call(func=ast.Name(id="NotImplementedError"))):
                continue
            case ast.Return(value=None | ast.Constant(value=None)):
                continue
        return False
    return True


def _parses(content: bytes) -> bool:
    try:
        ast.parse(content)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return True


def _constants(node: ast.AST, known: Sequence[by_example.Example]) -> list[object]:
    """Constants that results and the docstring hold."""
    found: dict[str, object] = {}
    for example in known:
        if isinstance(example.result, str) and len(example.result) <= 12:
            found.setdefault(repr(example.result), example.result)
    for value in literals(node):
        if isinstance(value, int) or (isinstance(value, str) and len(value) <= 12):
            found.setdefault(repr(value), value)
    return list(found.values())


def _tidy(body: str) -> str:
    """The body without parentheses that it does not need."""
    [function] = ast.parse("def f():\n" + textwrap.indent(body, "    ")).body
    assert isinstance(function, ast.FunctionDef)
    return "\n".join(ast.unparse(statement) for statement in function.body)


def _body(node: ast.FunctionDef | ast.AsyncFunctionDef, names: dict[str, str]) -> str:
    """A function's body with other names for its parameters."""

    class Renamed(ast.NodeTransformer):
        def visit_Name(self, name: ast.Name) -> ast.Name:
            return ast.copy_location(ast.Name(names.get(name.id, name.id), name.ctx), name)

    copied = ast.parse(ast.unparse(node)).body[0]
    assert isinstance(copied, ast.FunctionDef | ast.AsyncFunctionDef)
    statements = copied.body[1:] if ast.get_docstring(copied) is not None and len(copied.body) > 1 else copied.body
    return "\n".join(ast.unparse(Renamed().visit(statement)) for statement in statements)
