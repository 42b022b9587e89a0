"""Repair templates on statements: wrong nesting, wrong jump, missing return, condition too narrow or too wide."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from itertools import pairwise

from roadmap_cli.agent.code.source import Edit, Scope, Source
from roadmap_cli.agent.templates.expressions import expressions

_AUGMENTED = {
    "+=": ("-=", "=", "*=", "//=", "|="), "-=": ("+=", "=", "//=", "*=", "%=", "/="),
    "*=": ("/=", "+=", "//=", "**=", "=", "-="), "/=": ("*=", "//=", "-=", "+=", "%="),
    "//=": ("/=", "%=", "-=", "*=", "+="), "|=": ("&=", "^=", "="), "&=": ("|=", "^="), "%=": ("//=", "-=", "/=", "="),
    "^=": ("|=", "&=", "="), "**=": ("*=", "//="), "<<=": (">>=", "+=", "*="), ">>=": ("<<=", "-=", "//="),
}  # fmt: skip
_CONDITIONS_LIMIT = 12
#: Functions that give an object its first values: there is nothing yet to add to.
_BEGINNING = ("__init__", "__post_init__", "__new__", "setUp", "reset", "clear")


def edits(
    source: Source, roots: Sequence[ast.AST] | None = None, scopes: Sequence[Scope] | None = None
) -> Iterator[Edit]:
    """Every one-place edit that these templates know, in no order, possibly with repetitions.

    With `roots` only expressions under these nodes, with `scopes` only statements of these functions.
    """
    yield from expressions(source, roots)
    for scope in source.scopes if scopes is None else scopes:
        conditions = _conditions(source, scope)
        yield from _defaults(source, scope)
        yield from _missing_return(source, scope)
        for node in _own(scope.node):
            if isinstance(node, ast.stmt):
                yield from _statement(source, node, conditions)
            if isinstance(node, ast.Assign) and scope.name.rpartition(".")[2] not in _BEGINNING:
                yield from _gathered(source, node)
            for name in ("body", "orelse", "finalbody"):
                block = getattr(node, name, None)
                if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                    yield from _nesting(source, node, block)
        yield from _nesting(source, scope.node, scope.node.body)


def outside(source: Source) -> Iterator[Edit]:
    """Statements that stand in no function, left out: of a module, its classes, and the blocks there."""
    for block in _outside(source.tree):
        for node in block:
            docstring = node is block[0] and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if docstring or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Pass):
                continue
            idle = isinstance(node, ast.Expr) and not isinstance(node.value, ast.Call | ast.Await)
            weight = 3.0 if idle else 0.6 if isinstance(node, ast.Expr) else 0.3
            start, end = source.span(node)
            lines = source.line_span(node.lineno, node.end_lineno or node.lineno)
            if len(block) > 1 and not (source.content[lines[0] : start] + source.content[end : lines[1]]).strip():
                yield Edit(*lines, "", "drop_statement", weight, node.lineno)
            else:
                yield _replace(source, node, "pass", "drop_statement", weight)


def pieces(tree: ast.Module) -> list[ast.AST]:
    """What stands in no function, in pieces that hold no function either."""
    found: list[ast.AST] = []
    for block in _outside(tree):
        for node in block:
            inner = {id(child) for name in _BLOCKS for child in getattr(node, name, ())}
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if not inner:
                found.append(node)
                continue
            found += [child for child in ast.iter_child_nodes(node) if id(child) not in inner]
    return found


_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


def _outside(owner: ast.AST) -> Iterator[list[ast.stmt]]:
    """The blocks of statements in a module, but for those of its functions."""
    for name in _BLOCKS:
        block = getattr(owner, name, [])
        if not isinstance(block, list):
            continue
        if block and isinstance(block[0], ast.stmt):
            yield block
        for node in block:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from _outside(node)


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function without those of functions inside it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield child
            yield from _own(child)


def _conditions(source: Source, scope: Scope) -> list[str]:
    """Texts of comparisons that occur in a function: material for conditions that are missing elsewhere."""
    found = dict.fromkeys(source.segment(node) for node in _own(scope.node) if isinstance(node, ast.Compare))
    return [text for text in found if "\n" not in text][:_CONDITIONS_LIMIT]


def _replace(source: Source, node: ast.expr | ast.stmt, text: str, template: str, weight: float) -> Edit:
    start, end = source.span(node)
    return Edit(start, end, text, template, weight, node.lineno)


def _statement(source: Source, node: ast.stmt, conditions: list[str]) -> Iterator[Edit]:
    match node:
        case ast.AugAssign():
            yield from _augmented(source, node)
        case ast.Assign(targets=[ast.Name(id=name)]) if not isinstance(node.value, ast.Constant):
            start = source.span(node)[0]
            after = source.span(node.value)[0]
            yield Edit(start, after, f"{name} += ", "accumulate", 0.6, node.lineno)
            yield _replace(source, node.value, f"{source.segment(node.value)}.copy()", "copy", 0.3)
        case ast.Break() | ast.Continue():
            for text in ("break", "continue", "pass"):
                if text != source.segment(node):
                    yield _replace(source, node, text, "jump", 1.0)
        case ast.If() | ast.While():
            test = source.segment(node.test)
            for other in conditions:
                if other != test and "\n" not in test:
                    yield _replace(source, node.test, f"({test}) and {other}", "add_condition", 0.35)
                    yield _replace(source, node.test, f"({test}) or {other}", "add_condition", 0.35)
            if isinstance(node, ast.If):
                for text in ("True", "False"):
                    yield _replace(source, node.test, text, "fixed_condition", 0.5)
                start, _ = source.span(node)
                if source.content[start : start + 4] == b"elif":
                    yield Edit(start, start + 4, "if", "elif_if", 0.6, node.lineno)
        case ast.Return(value=ast.expr()):
            assert node.value is not None
            yield _replace(source, node.value, f"{source.segment(node.value)} or None", "return_none", 0.1)
        case ast.Expr(value=ast.Constant(value=str())):
            return
        case ast.Expr():
            yield _replace(source, node, f"return {source.segment(node)}", "add_return", 0.9)
    if not isinstance(
        node, ast.Pass | ast.Return | ast.FunctionDef | ast.If | ast.For | ast.While | ast.With | ast.Try
    ):
        yield _replace(source, node, "pass", "drop_statement", 0.6)


def _gathered(source: Source, node: ast.Assign) -> Iterator[Edit]:
    """A value that an attribute or an element is set to, added to it instead, where it may be one that can be added."""
    match node.targets:
        case [ast.Attribute() | ast.Subscript() as target]:
            text = source.segment(target)
        case _:
            return
    match node.value:
        case ast.Constant(value=value) if not value or type(value) not in (int, float):
            return
        case ast.Dict() | ast.DictComp() | ast.Set() | ast.SetComp() | ast.Compare() | ast.Lambda() | ast.List(elts=[]):
            return
    if "\n" not in text and text not in source.segment(node.value):
        start, after = source.span(node)[0], source.span(node.value)[0]
        yield Edit(start, after, f"{text} += ", "accumulate", 0.6, node.lineno)


def _augmented(source: Source, node: ast.AugAssign) -> Iterator[Edit]:
    start, end = source.span(node.target)[1], source.span(node.value)[0]
    gap = source.content[start:end].decode()
    spelled = gap.strip(" \t\\\n(")
    if spelled in _AUGMENTED:
        at = start + gap.index(spelled)
        for other in _AUGMENTED[spelled]:
            yield Edit(at, at + len(spelled), other, "augmented", 1.8 if other[0] in "+-" else 1.0, node.lineno)


def _defaults(source: Source, scope: Scope) -> Iterator[Edit]:
    """A mutable default value, shared between calls: None, and a fresh one in the body."""
    node = scope.node
    if isinstance(node, ast.Module):
        return
    given = [*node.args.posonlyargs, *node.args.args]
    pairs = list(zip(given[len(given) - len(node.args.defaults) :], node.args.defaults, strict=True))
    pairs += [(a, d) for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if d is not None]
    for argument, default in pairs:
        empty = isinstance(default, ast.List | ast.Dict | ast.Set) or (
            isinstance(default, ast.Call) and isinstance(default.func, ast.Name) and not default.args
        )
        if not empty:
            continue
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and len(node.body) > 1:
            first = node.body[1]
        start, body = source.span(default)[0], source.span(first)[0]
        if first.lineno == node.lineno:
            continue
        indent = " " * first.col_offset
        fresh = f"if {argument.arg} is None:\n{indent}    {argument.arg} = {source.segment(default)}\n{indent}"
        middle = source.content[source.span(default)[1] : body].decode()
        yield Edit(start, body, f"None{middle}{fresh}", "mutable_default", 2.5, first.lineno)


def _missing_return(source: Source, scope: Scope) -> Iterator[Edit]:
    """A function that builds a value and falls off its end."""
    node = scope.node
    if isinstance(node, ast.Module) or not node.body or node.body[0].lineno == node.lineno:
        return
    last = node.body[-1]
    if isinstance(last, ast.Return | ast.Raise):
        return
    bound = dict.fromkeys(n.id for n in _own(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    _, end = source.span(last)
    indent = " " * last.col_offset
    texts = [*list(bound)[:6], "True", "False"]
    for text in texts:
        yield Edit(end, end, f"\n{indent}return {text}", "missing_return", 1.2 if text in bound else 0.6, last.lineno)


def _nesting(source: Source, owner: ast.AST, block: list[ast.stmt]) -> Iterator[Edit]:
    """The last statement of a block moved out of it, and a statement moved into the block before it."""
    last = block[-1]
    compound = isinstance(owner, ast.For | ast.While | ast.If | ast.With | ast.AsyncFor)
    alone_on_line = source.content[slice(*source.line_span(last.lineno, last.lineno))][: last.col_offset].strip() == b""
    if compound and len(block) > 1 and alone_on_line and last.end_lineno is not None:
        assert isinstance(owner, ast.stmt)
        yield _moved(source, last, last.col_offset - owner.col_offset, "move_out", 0.9)
    for before, statement in pairwise(block):
        if isinstance(before, ast.For | ast.While | ast.If | ast.With) and before.body[0].lineno != before.lineno:
            inside = (before.orelse or before.body) if isinstance(before, ast.If) else before.body
            deeper = inside[-1].col_offset - statement.col_offset
            if deeper > 0:
                yield _moved(source, statement, -deeper, "move_in", 0.8)
    for one, two in pairwise(block):
        simple = all(isinstance(each, ast.Assign | ast.AugAssign | ast.Expr) for each in (one, two))
        if simple and one.end_lineno != two.lineno:
            start, end = source.span(one)[0], source.span(two)[1]
            gap = source.content[source.span(one)[1] : source.span(two)[0]].decode()
            text = source.segment(two) + gap + source.segment(one)
            yield Edit(start, end, text, "swap_statements", 0.5, one.lineno)


def _moved(source: Source, node: ast.stmt, by: int, template: str, weight: float) -> Edit:
    """Whole lines of a statement with `by` columns less indentation."""
    assert node.end_lineno is not None
    start, end = source.line_span(node.lineno, node.end_lineno)
    lines = source.content[start:end].decode().splitlines(keepends=True)
    moved = [line[by:] if by > 0 and not line[:by].strip() else " " * -by + line for line in lines]
    return Edit(start, end, "".join(moved), template, weight, node.lineno)
