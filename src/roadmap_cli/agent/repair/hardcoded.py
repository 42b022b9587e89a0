"""Whether a change only gives the value that the tests expect: a constant where a result was computed, or a guard
around one (``return 10``, ``if items: return 10``, ``10 if items else …``). Such a change passes and repairs nothing.

What a function may give back are its results: returned expressions, through conditions, ``and``, ``or`` and the local
variables they come from; what computes with constants only (``8 + 2``) is its value. A change that gives one constant
for another is no such change (a wrong literal is mended so).
One that adds a constant to them is, if the function that gives nothing but this constant passes the tests as well, or
if it is a value of its own, like 10 or ``'Ada'``, and neither gives an edge of the input its result (``if n == 0``,
``if not items``, ``name or 'world'``) nor stands beside others of its kind, as in a function that names grades.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from roadmap_cli.agent.code.constants import folded
from roadmap_cli.agent.code.source import plain

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_INNER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
#: What a function gives back when there is nothing to compute, whatever it computes.
_PLAIN = frozenset({"None", "True", "False", "0", "1", "-1", "0.0", "1.0", "-1.0", "''", "b''", "[]", "()", "{}"})
_EDGES = frozenset({"0", "1", "-1", "None", "''", "b''", "[]", "()", "{}", "0.0", "True", "False"})
#: Falling off the end.
_NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class _Result:
    """A constant among a function's results; `edge`: for an edge of its input, or by default."""

    text: str
    edge: bool

    @property
    def is_plain(self) -> bool:
        return self.text in _PLAIN or self.text == _NOTHING


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant that a change lets a function give back; `certain` if nothing need be run to know it for hard-coded.

    Else it is, if the tests pass with `alone`: the file with the function giving nothing but it.
    """

    file: str
    function: str
    value: str
    certain: bool
    alone: str = ""


def is_hardcoded(before: Mapping[str, bytes], changed: Mapping[str, str], passes: Callable[[Constant], bool]) -> bool:
    """Whether a change that passes gives the expected value and nothing else. `passes`: whether one alone does."""
    return any(constant.certain or passes(constant) for constant in added(before, changed))


def added(before: Mapping[str, bytes], changed: Mapping[str, str]) -> list[Constant]:
    """The constants that a change adds to what functions give back and that may be the expected value and no more."""
    found: list[Constant] = []
    for file, text in changed.items():
        text = plain(text)
        was, now = _parsed(plain(before.get(file, b"").decode(errors="replace"))), _parsed(text)
        if not file.endswith(".py") or was is None or now is None:
            continue
        old = dict(_functions(was, ""))
        for name, node in _functions(now, ""):
            if name in old and ast.dump(node) != ast.dump(old[name]):
                found += [
                    Constant(file, name, each.text, certain, "" if certain else _alone(text, node, each.text))
                    for each, certain in _added(old[name], node)
                ]
    return found


def _added(old: _Function, new: _Function) -> Iterator[tuple[_Result, bool]]:
    """Constants that are more among the results than before, and whether that alone says enough."""
    was, now = list(_results(old)), list(_results(new))
    had = Counter(result.text for result in was if result)
    fresh: list[_Result] = []
    for result in now:
        if result and had[result.text] > 0:
            had[result.text] -= 1
        elif result and result.text != _NOTHING:
            fresh.append(result)
    computed = any(result is None or result.text == _NOTHING for result in was)
    own = [result.text for result in was if result and not result.is_plain]
    more = _count(now) > _count(was)
    blind = bool(_parameters(new)) and not _reads(new)
    for result in fresh:
        if blind and (more or (not own and (not result.is_plain or _does_nothing(old)))):
            yield result, True
        elif result.is_plain:
            if more and not result.edge:
                yield result, False
        elif _count(now, _NOTHING) > _count(was, _NOTHING) and computed:
            yield result, not result.edge and not any(_kind(each) == _kind(result.text) for each in own)


def _count(results: Sequence[_Result | None], but: str = "") -> int:
    return sum(result is not None and result.text != but for result in results)


# -- what a function gives back ----------------------------------------------------------------------------------------


def _results(function: _Function) -> Iterator[_Result | None]:
    """The results of a function, None for each that is computed."""
    local: dict[str, list[tuple[ast.expr | None, bool]]] = {name: [(None, False)] for name in _parameters(function)}
    returns: list[tuple[ast.expr | None, bool]] = []
    for statement, edge in _statements(function.body, edge=False):
        if isinstance(statement, ast.Return):
            returns.append((statement.value or ast.Constant(None), edge))
        for target, value in _assigned(statement):
            local.setdefault(target, []).append((value, edge))
    for value, edge in returns:
        yield from _leaves(value, local, edge, 3)
    if _falls_off(function.body):
        yield _Result(_NOTHING, edge=False)


def _statements(body: Sequence[ast.stmt], *, edge: bool) -> Iterator[tuple[ast.stmt, bool]]:
    """The statements of a block and those in them, and whether they are run for an edge of the input only."""
    for statement in body:
        yield statement, edge
        if isinstance(statement, _INNER):
            continue
        if isinstance(statement, ast.If):
            yield from _statements(statement.body, edge=edge or _is_edge(statement.test))
            yield from _statements(statement.orelse, edge=edge or _is_edge(statement.test, negated=True))
            continue
        handled = isinstance(statement, ast.Try)
        for name in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(statement, name, []), edge=edge)
        for handler in getattr(statement, "handlers", []):
            yield from _statements(handler.body, edge=edge or handled)
        for case in getattr(statement, "cases", []):
            yield from _statements(case.body, edge=edge)


def _assigned(statement: ast.stmt) -> Iterator[tuple[str, ast.expr | None]]:
    """The names that a statement sets, each with what it is set to; None if that is computed."""
    match statement:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                if isinstance(target, ast.Name):
                    yield target.id, value
                else:
                    yield from ((each.id, None) for each in ast.walk(target) if isinstance(each, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name), value=value) if value is not None:
            yield name, value
        case ast.AugAssign(target=ast.Name(id=name)):
            yield name, None
        case ast.For() | ast.AsyncFor():
            yield from ((each.id, None) for each in ast.walk(statement.target) if isinstance(each, ast.Name))
        case ast.With() | ast.AsyncWith():
            for item in statement.items:
                if isinstance(item.optional_vars, ast.Name):
                    yield item.optional_vars.id, None


def _leaves(
    node: ast.expr | None, local: Mapping[str, list[tuple[ast.expr | None, bool]]], edge: bool, depth: int
) -> Iterator[_Result | None]:
    """What an expression may be in the end: constants, or None for what is computed."""
    match node:
        case ast.IfExp():
            yield from _leaves(node.body, local, edge or _is_edge(node.test), depth)
            yield from _leaves(node.orelse, local, edge or _is_edge(node.test, negated=True), depth)
        case ast.BoolOp():
            last = len(node.values) - 1
            for at, value in enumerate(node.values):
                default = isinstance(node.op, ast.Or) and at == last and _is_constant(value)
                default = default and ast.unparse(value) != "True"  # or True: whatever comes before
                yield from _leaves(value, local, edge or default, depth)
        case ast.NamedExpr():
            yield from _leaves(node.value, local, edge, depth)
        case ast.Name(id=name) if depth and name in local:
            for held, narrow in local[name]:
                yield from _leaves(held, {**local, name: [(None, False)]}, edge or narrow, depth - 1)
        case ast.expr() if _is_constant(value := folded(node)):
            yield _Result(ast.unparse(value), edge)
        case _:
            yield None


def _is_constant(node: ast.expr | None) -> bool:
    """Whether an expression is written out, without anything to compute."""
    match node:
        case ast.Constant():
            return True
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            return _is_constant(operand)
        case ast.Dict():
            return all(key is not None and _is_constant(key) for key in node.keys) and all(
                map(_is_constant, node.values)
            )
        case ast.List() | ast.Tuple() | ast.Set():
            return all(map(_is_constant, node.elts))
        case ast.Call(func=ast.Name(id="set" | "list" | "dict" | "tuple" | "str" | "frozenset"), args=[], keywords=[]):
            return True
        case ast.JoinedStr():
            return all(isinstance(part, ast.Constant) for part in node.values)
    return False


def _is_edge(test: ast.expr, *, negated: bool = False) -> bool:
    """Whether a condition picks an edge of the input: empty, nothing, zero, one, or below that."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _is_truth(operand) if not negated else _is_edge(operand)
        case ast.BoolOp(op=operator, values=values):
            either = isinstance(operator, ast.And if negated else ast.Or)
            return (all if either else any)(_is_edge(value, negated=negated) for value in values)
        case ast.Compare(ops=[operator], comparators=[other]):
            wanted = _ABOVE if negated else _BELOW
            mirrored = _BELOW if negated else _ABOVE
            right, left = ast.unparse(other) in _EDGES, ast.unparse(test.left) in _EDGES
            return (right and isinstance(operator, wanted)) or (left and isinstance(operator, mirrored)) or (
                (right or left) and isinstance(operator, _UNLIKE if negated else _LIKE)
            )  # fmt: skip
    return negated and _is_truth(test)


_BELOW, _ABOVE = (ast.Lt, ast.LtE), (ast.Gt, ast.GtE)
_LIKE, _UNLIKE = (ast.Eq, ast.Is), (ast.NotEq, ast.IsNot)


def _is_truth(node: ast.expr) -> bool:
    """Whether an expression stands for itself in a condition: that it is empty or nothing is what is asked."""
    return isinstance(node, ast.Name | ast.Attribute | ast.Subscript) or (
        isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ("len", "strip", "get")
    )


def _falls_off(body: Sequence[ast.stmt]) -> bool:
    """Whether a block may be run to its end."""
    match body[-1] if body else None:
        case ast.Return() | ast.Raise() | ast.Continue() | ast.Break():
            return False
        case ast.If(body=one, orelse=two):
            return not two or _falls_off(one) or _falls_off(two)
        case ast.With(body=inner) | ast.AsyncWith(body=inner):
            return _falls_off(inner)
        case ast.While(test=ast.Constant(value=True)) as loop:
            return any(isinstance(node, ast.Break) for node in ast.walk(loop))
        case ast.Try(body=inner, handlers=handlers, orelse=orelse, finalbody=last):
            if last and not _falls_off(last):
                return False
            return _falls_off(orelse or inner) or any(_falls_off(handler.body) for handler in handlers)
    return True


# -- functions ---------------------------------------------------------------------------------------------------------


def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, _Function]]:
    """The functions in a tree by their qualified names; generators, which give many results, are left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _Function):
            if not any(isinstance(inner, ast.Yield | ast.YieldFrom) for inner in ast.walk(child)):
                yield prefix + child.name, child
            yield from _functions(child, f"{prefix}{child.name}.<locals>.")
        else:
            yield from _functions(child, f"{prefix}{child.name}." if isinstance(child, ast.ClassDef) else prefix)


def _parameters(function: _Function) -> list[str]:
    """The names of its parameters, but for the object that a method belongs to."""
    given = function.args
    every = [*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg]
    return [each.arg for each in every if each and each.arg not in ("self", "cls")]


def _reads(function: _Function) -> bool:
    """Whether it looks at any of its parameters, or at the object it belongs to."""
    names = {*_parameters(function), "self", "cls"}
    return any(
        isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names
        for statement in function.body
        for node in ast.walk(statement)
    )


def _does_nothing(function: _Function) -> bool:
    """Whether its body is still to be written."""
    return all(
        isinstance(each, ast.Pass | ast.Raise)
        or (isinstance(each, ast.Expr | ast.Return) and isinstance(each.value, ast.Constant | None))
        for each in function.body
    )


def _kind(text: str) -> str:
    try:
        return type(ast.literal_eval(text)).__name__
    except ValueError:
        return text.partition("(")[0]


def _alone(text: str, function: _Function, value: str) -> str:
    """The file with a function that gives nothing but a value."""
    lines = text.splitlines(keepends=True)
    first, last = function.body[0], function.body[-1]
    head = "".join(lines[: first.lineno - 1])
    before = lines[first.lineno - 1].encode()[: first.col_offset].decode()
    after = lines[(last.end_lineno or last.lineno) - 1].encode()[last.end_col_offset :].decode()
    return head + before + f"return {value}" + after + "".join(lines[last.end_lineno or last.lineno :])
