"""What a missing piece of code may be made of: names in scope with their types, constants, and small expressions.

Material comes from where programmers take it: the function itself, its docstring, its tests, functions like it. Each
piece has a weight, the most usual first; templates multiply it with their own prior.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from roadmap_cli.agent.code.source import Scope, Source

Weighted = tuple[str, float]
NUMBERS, TEXTS, ROWS = frozenset({"int", "float", "bool"}), frozenset({"str"}), frozenset({"list", "tuple"})
_TO_NUMBER = frozenset({"len", "int", "sum", "abs", "ord", "round", "float", "count", "find", "index", "pow", "sqrt"})
_TO_TEXT = frozenset(
    {"str", "chr", "join", "lower", "upper", "strip", "lstrip", "rstrip", "replace", "format", "bin", "hex", "repr"}
    | {"title", "capitalize", "swapcase", "zfill", "removeprefix", "removesuffix", "casefold", "input"}
)
_TO_ROW = frozenset({"sorted", "list", "split", "splitlines", "rsplit"})
_TO_TRUTH = frozenset(
    {"any", "all", "isinstance", "startswith", "endswith", "isdigit", "isalpha", "isupper", "islower", "isspace"}
    | {"bool", "callable", "hasattr", "issubclass", "isalnum"}
)
_OPERATORS = {"add": "+", "sub": "-"}


@dataclass(slots=True)
class Vocabulary:
    """The material for one function. `types` maps a variable to the words that `Probes.types` has for it."""

    source: Source
    scope: Scope
    types: Mapping[str, Sequence[str]]
    constants: Sequence[object]
    arguments: list[str] = field(default_factory=list)
    bound: dict[str, list[int]] = field(default_factory=dict)
    _pools: dict[tuple[str, ...], list[Weighted]] = field(default_factory=dict)
    _segments: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        node = self.scope.node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            given = node.args
            every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
            self.arguments = [a.arg for a in every if a and a.arg not in ("self", "cls")]
        for name in self.arguments:
            self.bound[name] = [0]
        inner = {id(n) for f in ast.walk(node) if f is not node and isinstance(f, _OWN) for n in ast.walk(f)}
        for child in ast.walk(node):
            if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store) and id(child) not in inner:
                self.bound.setdefault(child.id, []).append(child.lineno)

    # -- names and types -------------------------------------------------------------------------------------------

    def visible(self, line: int, extra: Iterable[str] = ()) -> list[str]:
        """Names that can be used on a line: those of comprehensions around it, then the most lately bound first."""
        found = dict.fromkeys(extra)
        start = getattr(self.scope.node, "lineno", 0)
        before = [
            (max(n for n in lines if n <= line), name) for name, lines in self.bound.items() if min(lines) <= line
        ]
        found.update(dict.fromkeys(name for at, name in sorted(before, reverse=True) if at > start))
        found.update(dict.fromkeys(self.arguments))
        return list(found)[:14]

    def kinds(self, name: str) -> frozenset[str]:
        """The bare types that a variable has had, empty if unknown."""
        return frozenset(word.partition("[")[0] for word in self.types.get(name, ()))

    def kind_of(self, node: ast.expr | None, depth: int = 5) -> frozenset[str]:
        """The types an expression may have as far as its form tells, empty if it does not."""
        if node is None or not depth:
            return frozenset()
        match node:
            case ast.Constant():
                return frozenset({type(node.value).__name__})
            case ast.Name():
                return self.kinds(node.id)
            case ast.Compare() | ast.UnaryOp(op=ast.Not()):
                return frozenset({"bool"})
            case ast.BoolOp():
                return frozenset().union(*(self.kind_of(v, depth - 1) for v in node.values))
            case ast.UnaryOp():
                return self.kind_of(node.operand, depth - 1) or frozenset({"int"})
            case ast.JoinedStr():
                return TEXTS
            case ast.List() | ast.ListComp():
                return frozenset({"list"})
            case ast.Tuple():
                return frozenset({"tuple"})
            case ast.Set() | ast.SetComp():
                return frozenset({"set"})
            case ast.Dict() | ast.DictComp():
                return frozenset({"dict"})
            case ast.IfExp():
                return self.kind_of(node.body, depth - 1) | self.kind_of(node.orelse, depth - 1)
            case ast.BinOp():
                return self._kind_of_binary(node, depth)
            case ast.Call():
                return self._kind_of_call(node, depth)
            case ast.Subscript():
                return self._kind_of_item(node, depth)
        return frozenset()

    def _kind_of_binary(self, node: ast.BinOp, depth: int) -> frozenset[str]:
        left, right = self.kind_of(node.left, depth - 1), self.kind_of(node.right, depth - 1)
        if isinstance(node.op, ast.Div):
            return frozenset({"float"})
        for kinds in (TEXTS, frozenset({"list"}), frozenset({"tuple"}), frozenset({"set"})):
            if left & kinds or (right & kinds and not isinstance(node.op, ast.Mod)):
                return kinds
        if isinstance(node.op, ast.Sub | ast.FloorDiv | ast.Mod | ast.Pow | ast.LShift | ast.RShift):
            return (left | right) & NUMBERS or frozenset({"int"})
        return left | right

    def _kind_of_call(self, node: ast.Call, depth: int) -> frozenset[str]:
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name in ("max", "min") and len(node.args) > 1:
            return self.kind_of(node.args[0], depth - 1)
        for names, kinds in (
            (_TO_NUMBER, frozenset({"int"})), (_TO_TEXT, TEXTS), (_TO_ROW, frozenset({"list"})),
            (_TO_TRUTH, frozenset({"bool"})), (("set", "union", "intersection", "difference"), frozenset({"set"})),
            (("tuple",), frozenset({"tuple"})), (("dict",), frozenset({"dict"})),
        ):  # fmt: skip
            if name in names:
                return kinds
        if name == getattr(self.scope.node, "name", ""):
            return self.kinds("return")
        return frozenset()

    def _kind_of_item(self, node: ast.Subscript, depth: int) -> frozenset[str]:
        base = self.kind_of(node.value, depth - 1)
        if isinstance(node.slice, ast.Slice) or base == TEXTS:
            return base
        if isinstance(node.value, ast.Name):
            return frozenset(w.partition("[")[0] for w in self.items(node.value.id))
        return frozenset()

    def items(self, name: str) -> list[str]:
        """The types of what a variable holds: elements of a list, values of a dict, characters of a string."""
        found: list[str] = []
        for word in self.types.get(name, ()):
            head, _, inner = word.partition("[")
            if head == "str":
                found.append("str")
            elif inner:
                inner = inner.removesuffix("]")
                found += inner.rpartition(",")[2].split("|") if head == "dict" else _top(inner)
        return found

    def of(self, names: Iterable[str], kinds: frozenset[str]) -> list[str]:
        """Those names that have one of the types."""
        return [name for name in names if self.kinds(name) & kinds]

    # -- constants -------------------------------------------------------------------------------------------------

    def numbers(self) -> list[Weighted]:
        """Whole numbers that a program of this kind uses."""
        found: dict[str, float] = {"0": 1.0, "1": 1.0, "2": 0.6, "-1": 0.4}
        for value in self.constants:
            if type(value) is int and abs(value) < 10**6:
                found.setdefault(str(value), 0.3)
        found.setdefault("10", 0.2)
        return list(found.items())[:14]

    def texts(self) -> list[Weighted]:
        """Short strings of the function, its docstring and its tests."""
        found: dict[str, float] = {}
        for value in self.constants:
            if isinstance(value, str) and len(value) <= 30 and "\n" not in value:
                found.setdefault(repr(value), 0.6 / (1 + 0.1 * len(found)))
        found.setdefault("''", 0.5)
        found.setdefault("' '", 0.4)
        return list(found.items())[:20]

    def keys(self) -> list[str]:
        """Strings that the function, its docstring or its tests may mean as keys: those that are a single word."""
        return [value for value in self.constants if isinstance(value, str) and value.isidentifier()]

    def like(self, text: str) -> list[Weighted]:
        """Strings that a misspelt one was meant to be."""
        known = [v for v in self.constants if isinstance(v, str) and v != text and len(v) > 2]
        near = difflib.get_close_matches(text, known, 3, 0.6) if len(text) > 2 else []
        return [(repr(word), 1.0 / (1 + at)) for at, word in enumerate(near)]

    # -- expressions -----------------------------------------------------------------------------------------------

    def numeric(self, names: Sequence[str]) -> list[Weighted]:
        """Numbers at hand: variables, lengths, constants, an item, small steps."""

        def made() -> Iterator[Weighted]:
            rows, texts = self.of(names, ROWS), self.of(names, TEXTS)
            own = self.of(names, NUMBERS)
            yield from ((name, 1.0) for name in own)
            yield from self.numbers()
            for name in [*rows, *texts, *self.of(names, frozenset({"dict", "set"}))][:5]:
                yield f"len({name})", 0.7
            for name in rows[:4]:
                if any(word in NUMBERS for word in self.items(name)):
                    for item in ("[0]", "[-1]"):
                        yield f"{name}{item}", 0.25
                    for index in own[:3]:
                        yield f"{name}[{index}]", 0.3
                    yield f"sum({name})", 0.25
                    yield f"max({name})", 0.2
                    yield f"min({name})", 0.2
            for name in own[:6]:
                for step in (
                    "{} + 1",
                    "{} - 1",
                    "{} // 2",
                    "{} % 2",
                    "{} * 2",
                    "-{}",
                    "abs({})",
                    "{} % 10",
                    "{} // 10",
                ):
                    yield f"({step.format(name)})" if " " in step else step.format(name), 0.25
            for one, two in _pairs(own[:5]):
                for sign in ("+", "-", "*", "%", "//"):
                    yield f"({one} {sign} {two})", 0.15
            for name in self.of(names, frozenset({"dict"}))[:3]:
                if any(word in NUMBERS for word in self.items(name)):
                    yield from ((f"{name}[{key!r}]", 0.3) for key in self.keys()[:8])
            for name in texts[:3]:
                yield f"int({name})", 0.2
                yield f"ord({name})", 0.1

        return self._once(("numeric", *names), made)

    def textual(self, names: Sequence[str]) -> list[Weighted]:
        """Strings at hand."""

        def made() -> Iterator[Weighted]:
            own = self.of(names, TEXTS)
            yield from ((name, 1.0) for name in own)
            yield from self.texts()
            for name in self.of(names, NUMBERS)[:5]:
                yield f"str({name})", 0.3
                yield f"bin({name})", 0.12
                yield f"bin({name})[2:]", 0.12
            for name in own[:4]:
                for form in (
                    "{}.lower()",
                    "{}.upper()",
                    "{}[::-1]",
                    "{}.strip()",
                    "{}[0]",
                    "{}[-1]",
                    "{}[1:]",
                    "{}[:-1]",
                ):
                    yield form.format(name), 0.25
                for index in self.of(names, frozenset({"int"}))[:3]:
                    yield f"{name}[{index}]", 0.25
            for name in self.of(names, ROWS)[:3]:
                if "str" in self.items(name):
                    yield f"''.join({name})", 0.25
                    yield f"' '.join({name})", 0.2
                    yield f"{name}[0]", 0.2
                    yield f"{name}[-1]", 0.2

        return self._once(("textual", *names), made)

    def rows(self, names: Sequence[str]) -> list[Weighted]:
        """Lists at hand."""

        def made() -> Iterator[Weighted]:
            own = self.of(names, ROWS)
            yield from ((name, 1.0) for name in own)
            yield "[]", 0.6
            for name in own[:4]:
                for form in ("sorted({})", "{}[::-1]", "{}[1:]", "{}[:-1]", "list({})", "sorted(set({}))"):
                    yield form.format(name), 0.25
            for name in self.of(names, NUMBERS | TEXTS)[:5]:
                yield f"[{name}]", 0.2
            for name in self.of(names, TEXTS)[:3]:
                yield f"{name}.split()", 0.15
                yield f"list({name})", 0.15

        return self._once(("rows", *names), made)

    def values(self, names: Sequence[str], kinds: frozenset[str]) -> list[Weighted]:
        """Expressions of a type; of any type, simple ones only, if it is unknown."""
        if not kinds:
            simple = [(name, 1.0) for name in names] + self.numbers()[:3] + [("None", 0.3), ("True", 0.2), ("[]", 0.2)]
            return simple[:20]
        found: list[Weighted] = []
        if kinds & {"int", "float"}:
            found += self.numeric(names)
        if kinds & TEXTS:
            found += self.textual(names)
        if kinds & ROWS:
            found += self.rows(names)
        if "bool" in kinds:
            found += [("True", 0.8), ("False", 0.8)] + [(name, 0.7) for name in self.of(names, frozenset({"bool"}))]
        if kinds & {"dict", "set", "NoneType"} or not found:
            found += [(name, 0.7) for name in names if self.kinds(name) & kinds]
        if "NoneType" in kinds:
            found.append(("None", 1.0))
        if "dict" in kinds:
            found.append(("{}", 0.5))
        if "set" in kinds:
            found.append(("set()", 0.5))
        return list({text: (text, weight) for text, weight in reversed(found)}.values())[::-1]

    def conditions(self, names: Sequence[str]) -> list[Weighted]:
        """Conditions on what is in scope, the most usual first."""

        def made() -> Iterator[Weighted]:
            for node in ast.walk(self.scope.node):
                if isinstance(node, ast.Compare) or (isinstance(node, ast.Call) and self.kind_of(node) == {"bool"}):
                    text = self.segment(node)
                    if "\n" not in text and len(text) < 60:
                        yield text, 0.9
                        if isinstance(node, ast.Compare) and len(node.ops) == 1:
                            yield from ((other, 0.5) for other in self._turned(node))
            numbers, texts, rows = self.of(names, NUMBERS), self.of(names, TEXTS), self.of(names, ROWS)
            holders = [*rows, *texts, *self.of(names, frozenset({"dict", "set"}))]
            for name in holders[:5]:
                yield f"not {name}", 0.8
                yield name, 0.5
                yield f"len({name}) == 1", 0.4
                yield f"len({name}) > 1", 0.3
                yield f"len({name}) < 2", 0.3
                yield f"len({name}) % 2 == 0", 0.2
                yield f"len({name}) % 2 == 1", 0.2
            for name in numbers[:6]:
                if self.kinds(name) == {"bool"}:
                    yield name, 0.7
                    yield f"not {name}", 0.7
                    continue
                for form, weight in _NUMBER_TESTS:
                    yield form.format(name), weight
            for one, two in _pairs(numbers[:6]):
                for sign in ("==", "!=", "<", ">", "<=", ">="):
                    yield f"{one} {sign} {two}", 0.3
            for one in numbers[:4]:
                for name in [*rows, *texts][:3]:
                    for sign in ("<", ">", "==", "<=", "> 1 +"):
                        yield f"{one} {sign} len({name})", 0.12
            for name in [n for n in names if self.kinds(n)][:6]:
                for holder in holders[:4]:
                    if (name != holder and set(self.items(holder)) & self.kinds(name)) or not self.items(holder):
                        yield f"{name} in {holder}", 0.3
                        yield f"{name} not in {holder}", 0.3
            for name in texts[:4]:
                for text, weight in self.texts()[:8]:
                    yield f"{name} == {text}", 0.3 * weight
                    yield f"{name} != {text}", 0.2 * weight
                for test in ("isdigit", "isalpha", "isupper", "islower", "isspace", "isalnum"):
                    yield f"{name}.{test}()", 0.12
                yield f"{name} == {name}[::-1]", 0.1
            for one, two in _pairs([*texts, *rows][:5]):
                if self.kinds(one) & self.kinds(two):
                    for sign in ("==", "!="):
                        yield f"{one} {sign} {two}", 0.25
                yield f"len({one}) == len({two})", 0.2
                yield f"len({one}) != len({two})", 0.2
                yield f"len({one}) > len({two})", 0.2
                yield f"len({one}) < len({two})", 0.2
            for name in [n for n in names if "NoneType" in self.kinds(n) or not self.kinds(n)][:5]:
                yield f"{name} is None", 0.4
                yield f"{name} is not None", 0.4
                yield f"not {name}", 0.3
            for name in [n for n in names if len(self.kinds(n)) > 1][:4]:
                for kind in sorted(self.kinds(name)):
                    if kind in ("int", "str", "float", "list", "dict", "bool", "tuple"):
                        yield f"isinstance({name}, {kind})", 0.3
                        yield f"not isinstance({name}, {kind})", 0.2
            for name, index in ((r, i) for r in [*rows, *texts][:2] for i in self.of(names, frozenset({"int"}))[:3]):
                for text, weight in self.numbers()[:4] if name in rows else self.texts()[:5]:
                    yield f"{name}[{index}] == {text}", 0.12 * weight
                for other in (f"{name}[{index} + 1]", f"{name}[{index} - 1]"):
                    for sign in ("==", "!=", "<", ">"):
                        yield f"{name}[{index}] {sign} {other}", 0.08

        return self._once(("conditions", *names), made)

    def _turned(self, node: ast.Compare) -> Iterator[str]:
        """A comparison of the function with another variable of the same type in it."""
        for side in (node.left, node.comparators[0]):
            for name in (n for n in ast.walk(side) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)):
                for other in self.bound:
                    if other != name.id and self.kinds(other) and self.kinds(other) == self.kinds(name.id):
                        start, end = self.source.span(node)
                        low, high = self.source.span(name)
                        data = self.source.content
                        yield (data[start:low] + other.encode() + data[high:end]).decode()

    def segment(self, node: ast.expr | ast.stmt) -> str:
        """The text of a node, looked up once."""
        found = self._segments.get(id(node))
        if found is None:
            found = self._segments[id(node)] = self.source.segment(node)
        return found

    def _once(self, key: tuple[str, ...], made: object) -> list[Weighted]:
        if key not in self._pools:
            best: dict[str, float] = {}
            for text, weight in made():  # type: ignore[operator]
                if best.get(text, 0.0) < weight:
                    best[text] = weight
            self._pools[key] = sorted(best.items(), key=lambda pair: -pair[1])
        return self._pools[key]


_OWN = (
    ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
)
_NUMBER_TESTS = (
    ("{} == 0", 0.6), ("{} < 0", 0.5), ("{} > 0", 0.5), ("{} == 1", 0.5), ("{} <= 0", 0.35), ("{} < 2", 0.3),
    ("{} <= 1", 0.35), ("{} > 1", 0.35), ("{} != 0", 0.35), ("{} % 2 == 0", 0.4), ("{} % 2 == 1", 0.35),
    ("{} >= 0", 0.3), ("{} != 1", 0.2), ("{} == 2", 0.2), ("{} % 2", 0.1), ("{} == -1", 0.1), ("{} % 3 == 0", 0.08),
)  # fmt: skip


def _pairs(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    for one in names:
        for two in names:
            if one != two:
                yield one, two


def _top(words: str) -> list[str]:
    """The bare types of `int|list[str]`."""
    return [word.partition("[")[0] for word in re.sub(r"\[[^\[\]]*\]", "", words).split("|")]


def enclosing_targets(stack: Sequence[ast.AST]) -> list[str]:
    """Names bound by comprehensions and lambdas around a place, the innermost first. `stack` is the path to it."""
    found: list[str] = []
    for node, inner in pairwise([*stack, None]):
        if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            if inner is node.generators[0].iter:
                continue
            names = [n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)]
            found = [*names, *found]
        elif isinstance(node, ast.Lambda):
            found = [*(a.arg for a in node.args.args), *found]
    return list(dict.fromkeys(found))


def literals(tree: ast.AST, limit: int = 200) -> list[object]:
    """The constants of a piece of code, in order, each once, words of longer strings too."""
    found: dict[str, object] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, int | str | float):
            found.setdefault(repr(node.value), node.value)
            if isinstance(node.value, str) and len(node.value) > 30:
                for word in re.findall(r"'([^'\n]{1,20})'|\"([^\"\n]{1,20})\"|\b(\d{1,4})\b", node.value):
                    text = word[0] or word[1]
                    value: object = text if text else int(word[2])
                    found.setdefault(repr(value), value)
        if len(found) >= limit:
            break
    return list(found.values())
