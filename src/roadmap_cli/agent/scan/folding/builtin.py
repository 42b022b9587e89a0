"""Python's own functions on values (str, chr, int, bytes, list, map, range, zip) and methods of dict."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import replace

from roadmap_cli.agent.scan.evaluation import Evaluation
from roadmap_cli.agent.scan.folding.encodings import decoded_text
from roadmap_cli.agent.scan.folding.work import FAILURES, Work, first
from roadmap_cli.agent.scan.program import Scope
from roadmap_cli.agent.scan.values import Const, Mapping, Name, Sequence, Text, Unknown, Value, at_key


def dict_method(
    flow: Evaluation, base: Value | None, method: str, node: ast.Call, scope: Scope, depth: int
) -> Iterable[Value]:
    """What a method of dict gives."""
    if not isinstance(base, Mapping):
        return (Unknown(),)
    if method == "copy":
        return (base,)
    if method == "values":
        return (Sequence(tuple(values for _, values in base.items)),)
    if method == "items":
        pairs = [((key,) if key is not None else (Unknown(),), values) for key, values in base.items[:64]]
        return (Sequence(tuple((Sequence(pair),) for pair in pairs)),)
    keys = flow.of(node.args[0], scope, depth) if node.args else ()
    return [value for key in keys or (Unknown(),) for value in at_key(base, key)] or (Unknown(),)


def _text(flow: Evaluation, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    for each in first(flow, node, scope, depth) or (Text(""),):
        if isinstance(each, Text):
            yield replace(each, is_path=False)
        elif isinstance(each, Const):
            if isinstance(each.value, bytes) and len(node.args) > 1:
                yield from decoded_text(each.value, flow.constant(node.args[1], scope), each.trail)
            else:
                yield Text(str(each.value), trail=each.trail)
        else:
            yield each if isinstance(each, Unknown) else Unknown()


def _character(flow: Evaluation, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    for each in first(flow, node, scope, depth):
        if isinstance(each, Const) and isinstance(each.value, int) and 0 <= each.value < 0x110000:
            yield Text(chr(each.value), trail=each.trail)
        else:
            yield Unknown("decoded")


def _ordinal(flow: Evaluation, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    for each in first(flow, node, scope, depth):
        known = isinstance(each, Text) and each.whole and len(each.text) == 1
        yield Const(ord(each.text)) if known and isinstance(each, Text) else Unknown()


def _integer(flow: Evaluation, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    radix = flow.constant(node.args[1], scope) if len(node.args) > 1 else 10
    for each in first(flow, node, scope, depth):
        try:
            if isinstance(each, Text) and each.whole and len(each.text) < 64 and isinstance(radix, int):
                yield Const(int(each.text, radix))
            elif isinstance(each, Const) and isinstance(each.value, int | float):
                yield Const(int(each.value))
            else:
                yield Unknown()
        except FAILURES:
            yield Unknown()


def _bytes(flow: Evaluation, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    for each in first(flow, node, scope, depth):
        if isinstance(each, Sequence):
            numbers = [item[0].value for item in each.items if len(item) == 1 and isinstance(item[0], Const)]
            whole = [n for n in numbers if isinstance(n, int) and 0 <= n < 256]
            yield Const(bytes(whole)) if len(whole) == len(each.items) else Unknown("decoded")
        elif isinstance(each, Const) and isinstance(each.value, bytes | bytearray):
            yield Const(bytes(each.value), trail=each.trail)
        elif isinstance(each, Text) and each.whole:
            yield Const(each.text.encode(errors="replace"), trail=each.trail)
        else:
            yield Unknown()


def _list(flow: Evaluation, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    backwards = value.name.endswith("reversed")
    for each in first(flow, node, scope, depth):
        if isinstance(each, Text) and each.whole and not each.is_path and each.origin == "":
            each = Sequence(tuple((Text(letter),) for letter in each.text[:4096]))
        elif isinstance(each, Const) and isinstance(each.value, bytes):
            each = Sequence(tuple((Const(number),) for number in each.value[:4096]))
        if isinstance(each, Sequence):
            yield Sequence(each.items[::-1]) if backwards else each
        else:
            yield each if isinstance(each, Text | Unknown) else Unknown()


def _mapped(flow: Evaluation, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    """map(chr, …), map(str, …), map(ord, …) and map(lambda …), one by one."""
    if len(node.args) != 2:
        return (Unknown(),)
    names = {each.name for each in flow.names(node.args[0], scope)}
    found: list[Value] = []
    for each in flow.of(node.args[1], scope, depth):
        if isinstance(each, Const) and isinstance(each.value, bytes):
            each = Sequence(tuple((Const(number),) for number in each.value[:4096]))
        if not isinstance(each, Sequence) or len(names) != 1:
            found.append(Unknown())
            continue
        name = next(iter(names))
        out: list[tuple[Value, ...]] = []
        for item in each.items[:4096]:
            only = item[0] if len(item) == 1 else Unknown()
            if name == "builtins.chr" and isinstance(only, Const) and isinstance(only.value, int):
                out.append((Text(chr(only.value)) if 0 <= only.value < 0x110000 else Unknown("decoded"),))
            elif name == "builtins.str" and isinstance(only, Text | Const):
                out.append((only if isinstance(only, Text) else Text(str(only.value)),))
            else:
                out.append((Unknown(),))
        found.append(Sequence(tuple(out)))
    return found


def _range(flow: Evaluation, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    found = [flow.constant(each, scope) for each in node.args[:3]]
    numbers = [n for n in found if isinstance(n, int) and abs(n) < 1 << 20]
    if numbers and len(numbers) == len(found):
        try:
            every = range(*numbers)
        except ValueError:
            return (Unknown(),)
        if len(every) <= 512:
            return (Sequence(tuple((Const(n),) for n in every)),)
    return (Unknown(),)


def _enumerated(flow: Evaluation, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    for each in first(flow, node, scope, depth):
        inner = tuple(flow.items_of(each))
        yield Sequence(((Sequence(((Unknown(),), inner)),),))


def _zipped(flow: Evaluation, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    places = []
    for argument in node.args[:6]:
        places.append(tuple(v for each in flow.of(argument, scope, depth) for v in flow.items_of(each))[:12])
    return (Sequence(((Sequence(tuple(places)),),)),)


WORK: dict[str, Work] = {
    "builtins.str": _text, "builtins.chr": _character, "builtins.ord": _ordinal, "builtins.int": _integer,
    "builtins.bytes": _bytes, "builtins.bytearray": _bytes, "builtins.list": _list, "builtins.tuple": _list,
    "builtins.set": _list, "builtins.reversed": _list, "builtins.sorted": _list, "builtins.iter": _list,
    "builtins.map": _mapped, "builtins.range": _range, "builtins.enumerate": _enumerated, "builtins.zip": _zipped,
}  # fmt: skip
