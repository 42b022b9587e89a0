"""Texts: put together, formatted, split, gone through letter by letter; methods of str."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from roadmap_cli.agent.scan.evaluation import Evaluation
from roadmap_cli.agent.scan.folding.work import FAILURES, LIMIT, Work, first
from roadmap_cli.agent.scan.program import Scope
from roadmap_cli.agent.scan.values import Const, Name, Sequence, Text, Unknown, Value

STRING_METHODS = frozenset({
    "lower", "upper", "strip", "lstrip", "rstrip", "replace", "title", "capitalize", "swapcase", "removeprefix",
    "removesuffix", "zfill", "casefold", "expandtabs", "translate", "format", "join", "encode", "split", "rsplit",
    "splitlines", "partition", "rpartition",
})  # fmt: skip


def joined(left: Value, right: Value) -> Value:
    """Two texts one after the other; the known beginning if the end is not known."""
    if isinstance(right, Const) and isinstance(right.value, int | float | bool) and not isinstance(left, Const):
        right = Text(str(right.value))
    one = left.value if isinstance(left, Const) else None
    two = right.value if isinstance(right, Const) else None
    if isinstance(one, bytes) and isinstance(two, bytes) and len(one) + len(two) < LIMIT:
        return Const(one + two, trail=left.trail or right.trail)
    if isinstance(left, Text):
        trail = left.trail + tuple(line for line in right.trail if line not in left.trail)
        if not left.whole:
            return replace(left, trail=trail)
        if isinstance(right, Text) and len(left.text) + len(right.text) < LIMIT:
            return Text(left.text + right.text, right.whole, right.origin, trail=trail)
        origin = right.origin if isinstance(right, Unknown) else "unknown"
        return Text(left.text, False, origin, trail=trail)
    if isinstance(left, Unknown):
        if not isinstance(right, Text):
            return left
        return Text("", False, left.origin, trail=left.trail + right.trail, given=left.given)
    return Unknown(trail=left.trail)


def string_method(
    flow: Evaluation, base: Text, method: str, node: ast.Call, scope: Scope, depth: int
) -> Iterable[Value]:
    """What a method of str gives."""
    arguments = [flow.of(each, scope, depth) for each in node.args]
    if method == "join" and arguments:
        return [_join(base, each) for each in arguments[0]] or (Unknown(),)
    if method == "format":
        words = {word.arg: flow.of(word.value, scope, depth) for word in node.keywords if word.arg}
        return (_format(base, arguments, words),)
    if not base.whole:
        kept = method in ("strip", "rstrip", "encode", "expandtabs")
        return (base,) if kept else (Text("", False, base.origin or "unknown", trail=base.trail),)
    if method == "encode":
        return (Const(base.text.encode(errors="replace"), trail=base.trail),)
    given: list[Any] = []
    for values in arguments:
        if len(values) != 1 or not isinstance(values[0], Text | Const):
            return (Unknown(trail=base.trail),)
        only = values[0]
        if isinstance(only, Text) and not only.whole:
            return (Unknown(trail=base.trail),)
        given.append(only.text if isinstance(only, Text) else only.value)
    grown = len(given[1]) if method == "replace" and len(given) >= 2 and isinstance(given[1], str) else 1
    if len(base.text) * max(1, grown) > LIMIT:
        return (Unknown(trail=base.trail),)
    if method in ("zfill", "expandtabs") and given and isinstance(given[0], int) and given[0] > 4096:
        return (Unknown(trail=base.trail),)
    try:
        result = getattr(base.text, method)(*given)
    except FAILURES:
        return (Unknown(trail=base.trail),)
    if isinstance(result, str):
        return (Text(result, trail=base.trail),)
    return (Sequence(tuple((Text(part, trail=base.trail),) for part in result[:512])),)


def _join(separator: Text, value: Value) -> Value:
    if not isinstance(value, Sequence) or not value.items:
        return Unknown(value.origin) if isinstance(value, Unknown) else Unknown()
    total: Value = Text("")
    for number, item in enumerate(value.items):
        part = item[0] if len(item) == 1 else Unknown()
        if number:
            total = joined(total, separator)
        total = joined(total, part)
        if isinstance(total, Text) and not total.whole:
            break
    return total


def _format(base: Text, arguments: list[tuple[Value, ...]], words: dict[str, tuple[Value, ...]]) -> Value:
    """str.format, for fields without a format of their own."""
    total: Value = Text("", trail=base.trail)
    automatic = 0
    for part in re.split(r"(\{[^{}]*\}|\{\{|\}\})", base.text[:LIMIT])[:256]:
        if part in ("{{", "}}"):
            total = joined(total, Text(part[0]))
        elif part.startswith("{"):
            name = part[1:-1].partition(":")[0].partition("!")[0]
            if not name:
                name, automatic = str(automatic), automatic + 1
            found = arguments[int(name)] if name.isdigit() and int(name) < len(arguments) else words.get(name, ())
            total = joined(total, found[0] if len(found) == 1 else Unknown())
        else:
            total = joined(total, Text(part))
    return replace(total, whole=False) if isinstance(total, Text) and not base.whole else total


def items(value: Text) -> Iterable[Value]:
    """What going through a text gives: the names in a folder for what lists one, else its letters."""
    if value.origin in ("entry", "listing"):
        return (value,)
    if value.whole and not value.is_path:
        return tuple(Text(letter) for letter in value.text[:12])
    return (Unknown(),)


def _dedented(flow: Evaluation, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    import textwrap

    for each in first(flow, node, scope, depth):
        yield replace(each, text=textwrap.dedent(each.text)) if isinstance(each, Text) else Unknown()


def _split(flow: Evaluation, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    """shlex.split of a text that is known as far as its words are."""
    import shlex

    for each in first(flow, node, scope, depth):
        if not isinstance(each, Text):
            yield each if isinstance(each, Unknown) else Unknown()
            continue
        try:
            words = shlex.split(each.text[:LIMIT])
        except ValueError:
            words = each.text.split()
        items: list[tuple[Value, ...]] = [(Text(word, trail=each.trail),) for word in words[:256]]
        if not each.whole:
            items.append((Unknown(each.origin),))
        yield Sequence(tuple(items))


def _unquoted(flow: Evaluation, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    from urllib.parse import unquote

    for each in first(flow, node, scope, depth):
        yield (
            Text(unquote(each.text), each.whole, each.origin, trail=each.trail) if isinstance(each, Text) else Unknown()
        )


WORK: dict[str, Work] = {
    "shlex.split": _split, "urllib.parse.unquote": _unquoted, "textwrap.dedent": _dedented,
}  # fmt: skip
