"""What a call of something of the outside gives: by its name, or by what a method belongs to."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

from roadmap_cli.agent.scan.evaluation import Evaluation
from roadmap_cli.agent.scan.folding import builtin, encodings, paths, texts
from roadmap_cli.agent.scan.folding.builtin import dict_method
from roadmap_cli.agent.scan.folding.encodings import DECODERS, ENCODERS, bytes_method, decoded
from roadmap_cli.agent.scan.folding.paths import path_method
from roadmap_cli.agent.scan.folding.texts import STRING_METHODS, string_method
from roadmap_cli.agent.scan.folding.work import Work, first, given_back
from roadmap_cli.agent.scan.program import Scope
from roadmap_cli.agent.scan.values import Const, Made, Name, Sequence, Text, Unknown, Value

_GIVES_BACK = ("shlex.quote", "tqdm.tqdm", "tqdm", "copy.copy", "copy.deepcopy", "contextlib.closing")


def _opened(flow: Evaluation, node: ast.Call, scope: Scope, depth: int, value: Name) -> Iterable[Value]:
    return (Made("builtins.open", node, scope),)


_WORK: dict[str, Work] = {
    **paths.WORK, **builtin.WORK, **encodings.WORK, **texts.WORK, **dict.fromkeys(_GIVES_BACK, given_back),
    "builtins.open": _opened,
}  # fmt: skip


def call(flow: Evaluation, value: Name, node: ast.Call, scope: Scope, depth: int) -> Iterable[Value]:
    """What calling something of the outside gives: folded if it can be, else a thing made by it."""
    name, base = value.name, value.base
    work = _WORK.get(name)
    if work is not None:
        return work(flow, node, scope, depth, value)
    owner, _, method = name.rpartition(".")
    if owner == "pathlib.Path" and isinstance(base, Text):
        return path_method(flow, base, method, node, scope, depth)
    if owner == "str" and isinstance(base, Text) and method in STRING_METHODS:
        return string_method(flow, base, method, node, scope, depth)
    if owner in ("bytes", "bytearray") and isinstance(base, Const):
        return bytes_method(flow, base, method, node, scope, depth)
    if owner == "list" and method in ("pop", "copy") and isinstance(base, Sequence):
        return [each for item in base.items for each in item] if method == "pop" else (base,)
    if owner == "dict" and method in ("get", "pop", "values", "items", "copy"):
        return dict_method(flow, base, method, node, scope, depth)
    decode = DECODERS.get(name)
    if decode is not None:
        return [decoded(each, decode) for each in first(flow, node, scope, depth)] or (Unknown("decoded"),)
    encode = ENCODERS.get(name)
    if encode is not None:
        return [decoded(each, encode, "unknown") for each in first(flow, node, scope, depth)]
    if name in ("builtins.input", "builtins.raw_input", "sys.stdin.read", "sys.stdin.readline"):
        return (Unknown("input"),)
    return (Made(name, node, scope, trail=value.trail),)


def made_items(flow: Evaluation, value: Any) -> Iterable[Value]:
    """What going through a made thing gives."""
    if value.name in ("builtins.enumerate", "builtins.zip", "builtins.map", "builtins.filter"):
        return (Unknown(),)
    if value.name.startswith(("psutil.", "socket.")):
        return (Made(f"{value.name}.item", value.call, value.scope, trail=value.trail),)
    return (Unknown(),)
