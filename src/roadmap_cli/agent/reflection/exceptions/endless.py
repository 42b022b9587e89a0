"""What does not end: loops, and functions that call themselves."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from roadmap_cli.agent.reflection.exceptions.saying import said
from roadmap_cli.agent.reflection.ground import Failure, Frame, Ground, Hypothesis

_ADVANCE = {
    "augmented": 3.0,
    "step": 2.0,
    "compare": 2.5,
    "operator": 2.0,
    "jump": 2.0,
    "move_in": 2.0,
    "move_out": 2.0,
    "variable": 1.5,
    "slice": 1.5,
    "bound_step": 1.5,
}
_RECURSION = {
    "step": 2.5,
    "operator": 2.0,
    "compare": 2.5,
    "add_condition": 2.0,
    "number": 1.5,
    "slice": 2.0,
    "variable": 1.5,
    "drop_operand": 1.3,
    "negate": 1.5,
}


def recursion(failure: Failure, frame: Frame, ground: Ground) -> Iterator[Hypothesis]:
    """A function that calls itself for ever: the same arguments again, or no base case."""
    again = [each for each in failure.frames if (each.file, each.function) == (frame.file, frame.function)]
    scope = ground.scope(frame.file, frame.line)
    given = [a.arg for a in scope.node.args.args] if scope and isinstance(scope.node, ast.FunctionDef) else []
    stuck = [
        name
        for name in given
        if len(again) > 1 and name in again[-1].values and again[-1].values[name] == again[-2].values.get(name)
    ]
    if given and stuck and len(stuck) == len([name for name in given if name not in ("self", "cls")]):
        yield said(
            "recursion_stands_still",
            f"{frame.function} calls itself with the same {', '.join(stuck)}",
            frame,
            0.75,
            {**_RECURSION, "step": 3.5, "slice": 3.0, "variable": 3.0},
            "each call gets a smaller problem",
        )
    else:
        yield said(
            "no_base_case",
            f"{frame.function} calls itself past its base case",
            frame,
            0.55,
            _RECURSION,
            "the base case is met",
        )


def endless(failure: Failure, frame: Frame, ground: Ground) -> Iterator[Hypothesis]:
    """A loop that does not end: what would have to change in it."""
    scope = ground.scope(frame.file, frame.line)
    loops = (
        [
            node
            for node in ast.walk(scope.node)
            if isinstance(node, ast.While | ast.For) and node.lineno <= frame.line <= (node.end_lineno or node.lineno)
        ]
        if scope
        else []
    )
    whiles = [loop for loop in loops if isinstance(loop, ast.While)]
    if not loops:
        calls = [f for f in failure.frames if (f.file, f.function) == (frame.file, frame.function)]
        if len(calls) > 3:
            yield from recursion(failure, frame, ground)
        else:
            yield said("too_slow", f"{frame.function} does not end in time", frame, 0.3, _ADVANCE, "it ends in time")
        return
    over = loops[-1]
    if not whiles and isinstance(over, ast.For):
        yield said(
            "grows_while_it_runs",
            f"the loop over {ground.text(over.iter)} does not end",
            frame,
            0.5,
            {**_ADVANCE, "copy": 2.5, "drop_statement": 1.5},
            "the loop ends",
            over.lineno,
        )
        return
    loop = whiles[-1]
    tested = {n.id for n in ast.walk(loop.test) if isinstance(n, ast.Name)}
    touched: set[str] = set()
    for node in loop.body:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                touched.add(inner.id)
            elif isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute):
                touched |= {n.id for n in ast.walk(inner.func.value) if isinstance(n, ast.Name)}
            elif isinstance(inner, ast.Subscript | ast.Attribute) and isinstance(inner.ctx, ast.Store | ast.Del):
                touched |= {n.id for n in ast.walk(inner.value) if isinstance(n, ast.Name)}
    test = ground.text(loop.test)
    held = "; ".join(f"{name} is {frame.values[name][:30]}" for name in sorted(tested) if name in frame.values)
    if tested and not tested & touched:
        yield said(
            "loop_stands_still",
            f"nothing in the loop changes {', '.join(sorted(tested))}, so {test} stays true",
            frame,
            0.75,
            {**_ADVANCE, "move_in": 3.0, "variable": 2.5},
            "the loop's condition becomes false",
            loop.lineno,
        )
    else:
        yield said(
            "loop_never_ends",
            f"{test} stays true{f' ({held})' if held else ''}",
            frame,
            0.6,
            _ADVANCE,
            "the loop's condition becomes false",
            loop.lineno,
        )
