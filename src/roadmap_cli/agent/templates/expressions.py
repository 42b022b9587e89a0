"""Repair templates on expressions: small edits that undo common slips, each with a prior of how often it is right.

Every template replaces the bytes of one node or one operator and leaves the rest of the file untouched. Priors are
relative weights; what a state has learned from earlier fixes goes on from them (`agent.preference`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise

from roadmap_cli.agent.code.source import Edit, Scope, Source
from roadmap_cli.agent.languages.operators import ARITHMETIC, BITS, COMPARISONS, LOGICAL

_COMPARISONS: dict[type[ast.cmpop], tuple[str, tuple[tuple[str, float], ...]]] = {
    ast.Lt: ("<", COMPARISONS["<"]),
    ast.LtE: ("<=", COMPARISONS["<="]),
    ast.Gt: (">", COMPARISONS[">"]),
    ast.GtE: (">=", COMPARISONS[">="]),
    ast.Eq: ("==", (*COMPARISONS["=="], ("in", 0.4))),
    ast.NotEq: ("!=", COMPARISONS["!="]),
    ast.Is: ("is", (("==", 1.5), ("is not", 1.5))),
    ast.IsNot: (r"is\s+not", (("!=", 1.5), ("is", 1.5))),
    ast.In: ("in", (("not in", 1.5), ("==", 0.5))),
    ast.NotIn: (r"not\s+in", (("in", 1.5), ("!=", 0.5))),
}
_OPERATORS: dict[type[ast.operator], tuple[str, tuple[tuple[str, float], ...]]] = {
    ast.Add: ("+", ARITHMETIC["+"]),
    ast.Sub: ("-", (*ARITHMETIC["-"], ("//", 0.3))),
    ast.Mult: ("*", (("**", 1.0), *ARITHMETIC["*"], ("//", 0.5))),
    ast.Div: ("/", (("//", 2.0), *ARITHMETIC["/"])),
    ast.MatMult: ("@", (("*", 1.5),)),
    ast.FloorDiv: ("//", (("/", 2.0), ("%", 1.2), ("*", 0.5))),
    ast.Mod: ("%", (("//", 1.5), *ARITHMETIC["%"])),
    ast.Pow: ("**", (("*", 1.5),)),
    ast.BitAnd: ("&", BITS["&"]),
    ast.BitOr: ("|", BITS["|"]),
    ast.BitXor: ("^", (*BITS["^"], ("**", 0.8))),
    ast.LShift: ("<<", BITS["<<"]),
    ast.RShift: (">>", BITS[">>"]),
}
_TWINS: dict[str, tuple[str, ...]] = {}
for _family in (
    *("min max", "any all", "startswith endswith", "lower upper casefold", "strip lstrip rstrip", "find rfind index"),
    *("floor ceil round", "int float round", "keys values items", "add discard", "append extend", "pop popleft"),
    *("append appendleft", "split rsplit", "partition rpartition", "sorted reversed", "union intersection difference"),
    *("removeprefix removesuffix", "isdigit isalpha isalnum", "list set tuple", "bisect_left bisect_right", "sum len"),
    *(
        "ljust rjust",
        "search match fullmatch",
        "get pop",
        "title capitalize",
        "sin cos",
        "remove discard",
        "insert append",
    ),
    *("days seconds", "ValueError KeyError IndexError TypeError", "isspace isdigit"),
):
    for _twin in _family.split():
        _TWINS[_twin] = (*_TWINS.get(_twin, ()), *(n for n in _family.split() if n != _twin))
_SIMPLE = (ast.Name, ast.Constant, ast.Attribute, ast.Subscript, ast.Call, ast.List, ast.Tuple, ast.Dict, ast.JoinedStr)


def expressions(source: Source, roots: Sequence[ast.AST] | None = None) -> Iterator[Edit]:
    """Every one-place edit of an expression in a file, or under some of its nodes, that the templates know."""
    whole = Scope("", 0, len(source.content), 0, source.tree)
    scopes: dict[int, Scope] = {id(scope.node): scope for scope in source.scopes}
    roots = [source.tree] if roots is None else roots
    stack: list[tuple[ast.AST, Scope, ast.AST | None]] = [(root, whole, None) for root in roots]
    names: dict[int, list[str]] = {}
    while stack:
        node, scope, parent = stack.pop()
        scope = scopes.get(id(node), scope)
        if id(scope) not in names:
            names[id(scope)] = _names(scope)
        if isinstance(node, ast.expr) and not isinstance(parent, ast.JoinedStr | ast.FormattedValue):
            yield from _edits(source, node, parent, names[id(scope)], scope)
        if not isinstance(node, ast.JoinedStr):
            annotation = getattr(node, "annotation", None), getattr(node, "returns", None)
            children = [child for child in ast.iter_child_nodes(node) if child not in annotation]
            stack.extend((child, scope, node) for child in reversed(children))


def _edits(source: Source, node: ast.expr, parent: ast.AST | None, names: list[str], scope: Scope) -> Iterator[Edit]:
    match node:
        case ast.Compare():
            yield from _compare(source, node)
        case ast.BoolOp():
            yield from _boolean(source, node)
        case ast.BinOp():
            yield from _binary(source, node)
        case ast.UnaryOp():
            weight = 2.0 if isinstance(node.op, ast.Not) else 1.0
            yield _replace(source, node, _grouped(source, node.operand), "drop_unary", weight)
        case ast.Constant():
            yield from _constant(source, node, parent, scope)
        case ast.Name(ctx=ast.Load()):
            yield from _name(source, node, parent, names)
        case ast.Attribute():
            yield from _attribute(source, node, scope)
        case ast.Call():
            yield from _call(source, node, names)
        case ast.Subscript():
            yield from _subscript(source, node)
        case ast.JoinedStr():
            yield from _placeholders(source, node)
        case ast.IfExp():
            swapped = f"{_text(source, node.orelse)} if {_text(source, node.test)} else {_text(source, node.body)}"
            yield _replace(source, node, f"({swapped})", "swap_branches", 1.0)
    yield from _negation(source, node, parent)
    yield from _step(source, node, parent)


def _replace(source: Source, node: ast.expr, text: str, template: str, weight: float) -> Edit:
    start, end = source.span(node)
    return Edit(start, end, text, template, weight, node.lineno)


def _text(source: Source, node: ast.expr) -> str:
    return source.segment(node)


def _grouped(source: Source, node: ast.expr) -> str:
    text = source.segment(node)
    return text if isinstance(node, _SIMPLE) and not isinstance(node, ast.Tuple) else f"({text})"


def _between(source: Source, left: ast.expr, right: ast.expr, pattern: str) -> tuple[int, int] | None:
    """The span of an operator between two operands, comments and parentheses there left alone."""
    start, end = source.span(left)[1], source.span(right)[0]
    gap = re.sub(rb"#[^\n]*", lambda found: b" " * len(found.group()), source.content[start:end])
    found = re.search(pattern.encode(), gap)
    return (start + found.start(), start + found.end()) if found else None


def _compare(source: Source, node: ast.Compare) -> Iterator[Edit]:
    operands = [node.left, *node.comparators]
    for index, operator in enumerate(node.ops):
        spelled, others = _COMPARISONS[type(operator)]
        place = _between(source, operands[index], operands[index + 1], spelled)
        if place:
            for text, weight in others:
                yield Edit(*place, text, "compare", weight, operands[index].end_lineno or node.lineno)
    if len(node.ops) == 1 and isinstance(node.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE):
        for side in (node.left, node.comparators[0]):
            if not isinstance(side, ast.Constant):
                for step in (" + 1", " - 1"):
                    yield _replace(source, side, _grouped(source, side) + step, "bound_step", 0.7)


def _boolean(source: Source, node: ast.BoolOp) -> Iterator[Edit]:
    spelled, other = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
    for left, right in pairwise(node.values):
        place = _between(source, left, right, rf"\b{spelled}\b")
        if place:
            yield Edit(*place, other, "and_or", LOGICAL, left.end_lineno or node.lineno)
    if len(node.values) > 2:
        turned = f" {other} ".join(_grouped(source, value) for value in node.values)
        yield _replace(source, node, f"({turned})", "and_or", 2.0)
    for dropped in range(len(node.values)):
        kept = [_grouped(source, value) for index, value in enumerate(node.values) if index != dropped]
        yield _replace(source, node, f"({f' {spelled} '.join(kept)})", "drop_condition", 1.2)


def _binary(source: Source, node: ast.BinOp) -> Iterator[Edit]:
    spelled, others = _OPERATORS[type(node.op)]
    place = _between(source, node.left, node.right, re.escape(spelled))
    text_like = isinstance(node.left, ast.Constant) and isinstance(node.left.value, str)
    if place and not (text_like and isinstance(node.op, ast.Mod)):
        for text, weight in others:
            yield Edit(*place, text, "operator", weight, node.left.end_lineno or node.lineno)
    left, right = _grouped(source, node.left), _grouped(source, node.right)
    if not isinstance(node.op, ast.Mult | ast.BitAnd | ast.BitOr | ast.BitXor):
        yield _replace(source, node, f"({right} {spelled} {left})", "swap_operands", 1.0)
    for kept in (left, right):
        yield _replace(source, node, kept, "drop_operand", 0.9)


def _constant(source: Source, node: ast.Constant, parent: ast.AST | None, scope: Scope) -> Iterator[Edit]:
    value = node.value
    if isinstance(parent, ast.Expr):
        return  # a docstring
    if isinstance(value, bool):
        yield _replace(source, node, str(not value), "boolean", 1.8)
    elif isinstance(value, int):
        others = dict.fromkeys([value + 1, value - 1, 0, 1, -value, 2])
        for other in others:
            if other != value:
                near = abs(other - value) == 1
                yield _replace(source, node, f"({other})" if other < 0 else str(other), "number", 2.0 if near else 0.6)
        if value in (0, 1) and isinstance(parent, ast.Assign):
            for text in ("None", "float('inf')", "float('-inf')"):
                yield _replace(source, node, text, "initial_value", 0.5)
    elif isinstance(value, float):
        for factor in (10, 0.1, 100, 0.01, -1):
            yield _replace(source, node, f"{value * factor:.12g}", "number", 0.5)
    elif value is None:
        for text in ("0", "[]", "''", "False", "True"):
            yield _replace(source, node, text, "initial_value", 0.3)
    elif isinstance(value, str) and isinstance(parent, ast.Compare | ast.Call | ast.Subscript | ast.Assign):
        texts = {
            source.segment(other): None
            for other in ast.walk(scope.node)
            if isinstance(other, ast.Constant) and isinstance(other.value, str) and len(other.value) <= 40
        }
        for text in [*texts, "''", "' '"][:12]:
            if text != source.segment(node):
                yield _replace(source, node, text, "text", 0.4)


def _names(scope: Scope) -> list[str]:
    """Names that a function binds, its arguments first."""
    found: dict[str, None] = {}
    node = scope.node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        given = node.args
        arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        found.update(dict.fromkeys(argument.arg for argument in arguments if argument))
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            found[inner.id] = None
    found.pop("self", None)
    found.pop("cls", None)
    return list(found)[:12]


def _name(source: Source, node: ast.Name, parent: ast.AST | None, names: list[str]) -> Iterator[Edit]:
    if isinstance(parent, ast.Call) and parent.func is node:
        for other in _TWINS.get(node.id, ()):
            yield _replace(source, node, other, "function", 1.5)
        return
    if node.id in names:
        for other in names:
            if other != node.id:
                share = 0.15 if _twice(node, parent, other) else 1.0
                yield _replace(source, node, other, "variable", share * 1.6 / max(2, len(names) - 1))
    for other in _TWINS.get(node.id, ()):
        yield _replace(source, node, other, "function", 1.0)
    if isinstance(parent, ast.BinOp) and node.id in names:
        yield _replace(source, node, f"({node.id} + 1)", "step", 0.4)
        yield _replace(source, node, f"({node.id} - 1)", "step", 0.4)
    if isinstance(parent, ast.Return | ast.Call | ast.Assign) and node.id in names:
        yield _replace(source, node, f"{node.id} + 1", "step", 0.7)
        yield _replace(source, node, f"{node.id} - 1", "step", 0.7)
        for wrapper in ("list", "sorted", "str", "int", "abs", "len"):
            yield _replace(source, node, f"{wrapper}({node.id})", "convert", 0.15)


def _twice(node: ast.Name, parent: ast.AST | None, other: str) -> bool:
    """Whether a name would stand on both sides of an operator, which is seldom meant (x - x, x == x)."""
    sides: list[ast.expr] = []
    if isinstance(parent, ast.BinOp):
        sides = [parent.left, parent.right]
    elif isinstance(parent, ast.Compare):
        sides = [parent.left, *parent.comparators]
    return any(side is not node and isinstance(side, ast.Name) and side.id == other for side in sides)


def _attribute(source: Source, node: ast.Attribute, scope: Scope) -> Iterator[Edit]:
    end = source.span(node)[1]
    name_start = end - len(node.attr.encode())
    if source.content[name_start:end].decode() != node.attr:
        return
    for other in _TWINS.get(node.attr, ()):
        yield Edit(name_start, end, other, "function", 1.5, node.end_lineno or node.lineno)
    if isinstance(node.value, ast.Name) and node.value.id == "self" and isinstance(node.ctx, ast.Load):
        attributes = {
            other.attr: None
            for other in ast.walk(source.tree)
            if isinstance(other, ast.Attribute) and isinstance(other.value, ast.Name) and other.value.id == "self"
        }
        for other in list(attributes)[:10]:
            if other != node.attr:
                yield Edit(name_start, end, other, "attribute", 0.5, node.end_lineno or node.lineno)


def _call(source: Source, node: ast.Call, names: list[str]) -> Iterator[Edit]:
    plain = [argument for argument in node.args if not isinstance(argument, ast.Starred)]
    for one, two in pairwise(plain):
        start, end = source.span(one)[0], source.span(two)[1]
        gap = source.content[source.span(one)[1] : source.span(two)[0]].decode()
        yield Edit(start, end, _text(source, two) + gap + _text(source, one), "swap_arguments", 1.2, one.lineno)
    if len(plain) > 1:
        for at, argument in enumerate(plain):
            if at + 1 < len(plain):
                yield Edit(
                    source.span(argument)[0], source.span(plain[at + 1])[0], "", "drop_argument", 0.4, node.lineno
                )
            else:
                yield Edit(
                    source.span(plain[at - 1])[1], source.span(argument)[1], "", "drop_argument", 0.4, node.lineno
                )
    function = node.func
    if isinstance(function, ast.Name) and function.id == "range" and plain:
        for argument in plain[:2]:
            for step in (" + 1", " - 1"):
                yield _replace(source, argument, _grouped(source, argument) + step, "range_step", 1.8)
        if len(plain) == 1:
            yield _replace(source, plain[0], f"1, {_text(source, plain[0])}", "range_step", 0.8)
    if len(plain) == 1 and not node.keywords:
        yield _replace(source, node, _grouped(source, plain[0]), "drop_call", 0.6)
    if isinstance(function, ast.Attribute):
        yield _replace(source, node, _text(source, function.value), "drop_call", 0.5)
        if function.attr == "pop":
            yield _replace(
                source, node, f"{_text(source, function.value)}.pop({'' if node.args else '0'})", "function", 1.2
            )
        if function.attr == "split" and not node.args:
            yield _replace(source, node, f"{_text(source, function.value)}.split(',')", "function", 0.3)
        if function.attr == "split" and len(node.args) == 1:
            yield _replace(source, node, _text(source, node)[:-1] + ", 1)", "split_once", 0.8)


def _placeholders(source: Source, node: ast.JoinedStr) -> Iterator[Edit]:
    """Two names that a formatted string shows, exchanged. By its text: older versions of Python place them wrongly."""
    text = _text(source, node)
    found = list(_PLACEHOLDER.finditer(text))[:6]
    for one, two in combinations(found, 2):
        if one[1] != two[1]:
            swapped = text[: one.start(1)] + two[1] + text[one.end(1) : two.start(1)] + one[1] + text[two.end(1) :]
            yield _replace(source, node, swapped, "swap_placeholders", 1.2)


_PLACEHOLDER = re.compile(r"(?<!\{)\{([A-Za-z_]\w*)(?=[}!:.\[])")


def _subscript(source: Source, node: ast.Subscript) -> Iterator[Edit]:
    index = node.slice
    if isinstance(index, ast.Slice):
        base = _grouped(source, node.value)
        low, high, by = (_text(source, part) if part else "" for part in (index.lower, index.upper, index.step))
        variants: list[tuple[str, str, str, float]] = []
        if low:
            variants += [(f"{low} + 1", high, by, 1.8), (f"{low} - 1", high, by, 1.5), ("", high, by, 0.8)]
        else:
            variants += [("1", high, by, 1.2)]
        if high:
            variants += [(low, f"{high} + 1", by, 1.8), (low, f"{high} - 1", by, 1.5), (low, "", by, 0.8)]
        else:
            variants += [(low, "-1", by, 1.0)]
        variants += [(high, low, by, 0.6)] if low or high else []
        variants += [(low, high, "", 0.6)] if by else [(low, high, "-1", 0.5)]
        for first, last, step, weight in variants:
            inner = f"{first}:{last}" + (f":{step}" if step else "")
            yield _replace(source, node, f"{base}[{inner}]", "slice", weight)
    elif not isinstance(index, ast.Constant | ast.Tuple):
        for step in (" + 1", " - 1"):
            yield _replace(source, index, _text(source, index) + step, "index_step", 1.5)
    elif isinstance(index, ast.Constant) and index.value == 0:
        yield _replace(source, index, "-1", "index_end", 1.2)


def _negation(source: Source, node: ast.expr, parent: ast.AST | None) -> Iterator[Edit]:
    tested = isinstance(parent, ast.If | ast.While | ast.IfExp | ast.Assert) and parent.test is node
    tested = tested or (isinstance(parent, ast.comprehension) and node in parent.ifs) or isinstance(parent, ast.BoolOp)
    tested = tested or (isinstance(parent, ast.Return) and isinstance(node, ast.Compare | ast.BoolOp | ast.Call))
    if tested and not isinstance(node, ast.UnaryOp | ast.Constant):
        yield _replace(source, node, f"not {_grouped(source, node)}", "negate", 1.3)


def _step(source: Source, node: ast.expr, parent: ast.AST | None) -> Iterator[Edit]:
    counted = isinstance(node, ast.BinOp | ast.Call | ast.Subscript | ast.Attribute)
    if counted and isinstance(parent, ast.Return | ast.Assign | ast.AugAssign | ast.Slice | ast.Subscript):
        for step in (" + 1", " - 1"):
            yield _replace(source, node, _grouped(source, node) + step, "step", 0.6)
    if counted and isinstance(parent, ast.Return | ast.Assign):
        yield _replace(source, node, "-" + _grouped(source, node), "sign", 0.4)
