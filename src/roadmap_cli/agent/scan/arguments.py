"""What the calls in a file hand in for a function's parameters."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from roadmap_cli.agent.scan.evaluation import Evaluation
from roadmap_cli.agent.scan.program import Binding, Program, Scope
from roadmap_cli.agent.scan.values import Instance, Unknown, Value, Values, merged, passed

#: The most calls of a function that are looked at.
CALLS = 40


def handed_in_for(flow: Evaluation, program: Program, scope: Scope, binding: Binding, depth: int) -> Values:
    """What a parameter may be: by the calls of its function, those that others make of it, and its default."""
    node, owner = scope.node, scope.owner
    position = binding.place[0]
    is_static = isinstance(node, ast.FunctionDef) and any(
        isinstance(each, ast.Name) and each.id == "staticmethod" for each in node.decorator_list
    )
    shift = 1 if owner is not None and not is_static else 0
    if shift and position == 0 and owner is not None:
        return (Instance(owner),)
    name = owner.name if owner is not None and scope.name == "__init__" else scope.name
    found: list[Value] = []
    sites = program.by_name.get(name, ())[:CALLS] if name else ()
    for call, where in sites:
        direct = shift and owner is not None and scope.name != "__init__" and isinstance(call.func, ast.Name)
        if direct:
            continue
        found += handed_in(flow, call.args, call.keywords, position - shift, binding.name, where, depth)
    for call, where, place in program.handed.get(name, ())[:CALLS] if name else ():
        words = {word.arg: word.value for word in call.keywords}
        if "args" in words or "kwargs" in words:
            given = words.get("args")
            if isinstance(given, ast.Tuple | ast.List):
                found += handed_in(flow, given.elts, [], position - shift, binding.name, where, depth)
            else:
                found.append(Unknown("caller"))
        elif place >= 0:
            callee = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
            if callee in ("map", "filter", "imap", "starmap", "imap_unordered", "map_async"):
                rest = call.args[place + 1 :]
                if 0 <= position - shift < len(rest):
                    for each in flow.of(rest[position - shift], where, depth):
                        found += flow.items_of(each)
            else:
                found += handed_in(flow, call.args[place + 1 :], call.keywords, position - shift, binding.name,
                                         where, depth)  # fmt: skip
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        found += _default(flow, node.args, binding, scope.outer or scope, depth)
    if found:
        return merged(found)
    whole = f"{owner.name}.{scope.name}" if owner is not None and scope.name != "__init__" else name
    return (Unknown("caller", given=(whole, position - shift if position >= 0 else -1, binding.name)),)


def handed_in(
    flow: Evaluation, args: list[ast.expr], words: list[ast.keyword], position: int, name: str, where: Scope, depth: int
) -> Iterable[Value]:
    """What one call hands in for a parameter, by its position or name."""
    for word in words:
        if word.arg == name:
            return passed(flow.of(word.value, where, depth), word.value.lineno)
    stars = next((number for number, each in enumerate(args) if isinstance(each, ast.Starred)), len(args))
    if 0 <= position < min(len(args), stars):
        return passed(flow.of(args[position], where, depth), args[position].lineno)
    if stars < len(args):
        star = args[stars]
        assert isinstance(star, ast.Starred)
        return tuple(v for each in flow.of(star.value, where, depth) for v in flow.items_of(each))
    return ()


def _default(flow: Evaluation, arguments: ast.arguments, binding: Binding, scope: Scope, depth: int) -> Iterable[Value]:
    every = [*arguments.posonlyargs, *arguments.args]
    for each, value in zip(reversed(every), reversed(arguments.defaults), strict=False):
        if each.arg == binding.name:
            return flow.of(value, scope, depth)
    for each, chosen in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=False):
        if each.arg == binding.name and chosen is not None:
            return flow.of(chosen, scope, depth)
    return ()
