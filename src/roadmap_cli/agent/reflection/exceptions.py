"""Rules by the kind of exception: what its message, its line and the variables there say of the cause."""

from __future__ import annotations

import ast
import builtins
import difflib
import re
from collections.abc import Callable, Iterator, Mapping

from roadmap_cli.agent.reflection.ground import UNKNOWN, Failure, Frame, Ground, Hypothesis, evaluate, own_names
from roadmap_cli.agent.source import Scope

Rule = Callable[[Failure, Frame, Ground], Iterator[Hypothesis]]

_BOUNDS = {
    "range_step": 4.0,
    "index_step": 3.0,
    "bound_step": 3.0,
    "compare": 2.5,
    "number": 1.5,
    "slice": 1.5,
    "step": 1.5,
    "index_end": 1.5,
    "drop_operand": 1.5,
    "variable": 1.3,
}
_NO_VALUE = {
    "missing_return": 4.0,
    "add_return": 4.0,
    "move_out": 2.0,
    "initial_value": 2.0,
    "return_none": 1.5,
    "function": 1.5,
    "drop_call": 1.5,
}
_GUARD = {
    "add_condition": 3.0,
    "compare": 2.0,
    "drop_condition": 1.5,
    "and_or": 1.5,
    "negate": 1.5,
    "initial_value": 1.5,
}
_TYPES = {
    "convert": 4.0,
    "drop_call": 2.0,
    "variable": 1.5,
    "attribute": 1.5,
    "swap_arguments": 1.5,
    "function": 1.5,
    "text": 1.3,
}
_NAMES = {"variable": 4.0, "function": 2.0, "attribute": 2.0}
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


def _said(
    kind: str,
    statement: str,
    frame: Frame,
    confidence: float,
    favours: Mapping[str, float],
    predicts: str,
    line: int | None = None,
) -> Hypothesis:
    return Hypothesis(kind, statement, frame.file, line or frame.line, frame.function, confidence, favours, predicts)


def by_exception(failure: Failure, ground: Ground) -> Iterator[Hypothesis]:
    """What the exception of a failing test suggests."""
    name = failure.type.rpartition(".")[2]
    frame = failure.inner
    if frame is None:
        return
    rule = _RULES.get("TimeLimit" if name.endswith("TimeLimit") else name)
    if rule:
        yield from rule(failure, frame, ground)


def _index(failure: Failure, frame: Frame, ground: Ground) -> Iterator[Hypothesis]:
    for node in ground.nodes(frame.file, frame.line):
        pops = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "pop"
        if pops and "empty" in failure.message:
            yield _said(
                "pop_from_empty",
                f"{ground.text(node).rpartition('.pop')[0]} is empty when {ground.text(node)} runs",
                frame,
                0.6,
                {**_GUARD, "jump": 1.5, "function": 1.5},
                "the loop or call stops before it",
            )
            return
        if not isinstance(node, ast.Subscript) or isinstance(node.slice, ast.Slice):
            continue
        size = frame.length(node.value.id) if isinstance(node.value, ast.Name) else None
        at = evaluate(node.slice, frame)
        if size is None or not isinstance(at, int) or -size <= at < size:
            continue
        what, where = ground.text(node.value), ground.text(node.slice)
        if size == 0:
            yield _said(
                "index_of_empty",
                f"{what} is empty, yet {ground.text(node)} reads from it",
                frame,
                0.6,
                _GUARD,
                "the empty case returns before this line",
            )
        elif at in (size, -size - 1):
            line = _bound_by(ground, frame, node.slice)
            yield _said(
                "off_by_one_index",
                f"{where} is {at}, one beyond the {size} items of {what}",
                frame,
                0.75,
                _BOUNDS,
                f"{where} stays below {size}",
                line,
            )
        else:
            yield _said(
                "index_out_of_range",
                f"{where} is {at}, far outside the {size} items of {what}",
                frame,
                0.5,
                {"variable": 3.0, "operator": 2.0, **_BOUNDS},
                f"{where} stays below {size}",
            )
        return
    yield _said(
        "index_out_of_range",
        f"an index is outside its sequence in {frame.function}",
        frame,
        0.35,
        _BOUNDS,
        "the index stays within the sequence",
    )


def _bound_by(ground: Ground, frame: Frame, index: ast.expr) -> int | None:
    """The line of the loop that counts an index."""
    names = {node.id for node in ast.walk(index) if isinstance(node, ast.Name)}
    scope = ground.scope(frame.file, frame.line)
    loops = (
        [
            node
            for node in ast.walk(scope.node)
            if isinstance(node, ast.For)
            and node.lineno <= frame.line <= (node.end_lineno or node.lineno)
            and names & {n.id for n in ast.walk(node.target) if isinstance(n, ast.Name)}
        ]
        if scope
        else []
    )
    return loops[-1].lineno if loops else None


def _key(failure: Failure, frame: Frame, ground: Ground) -> Iterator[Hypothesis]:
    try:
        missing = ast.literal_eval(failure.message)
    except (ValueError, SyntaxError):
        missing = failure.message
    for name in frame.values:
        known = frame.value(name)
        if not isinstance(known, dict) or missing in _hashable(known):
            continue
        other = next((key for key in known if str(key) == str(missing) and type(key) is not type(missing)), None)
        if other is not None:
            yield _said(
                "key_of_other_type",
                f"{name} has the key {other!r}, not {missing!r}: {type(other).__name__} against"
                f" {type(missing).__name__}",
                frame,
                0.75,
                _TYPES,
                "both keys are of one type",
            )
            return
        texts = [key for key in known if isinstance(key, str)]
        near = difflib.get_close_matches(str(missing).lower(), [text.lower() for text in texts], 1, 0.7)
        if near and isinstance(missing, str):
            key = next(text for text in texts if text.lower() == near[0])
            yield _said(
                "misspelt_key",
                f"{name} has no key {missing!r}, but one {key!r}",
                frame,
                0.7,
                {"text": 4.0, "function": 2.0, "variable": 1.5},
                f"the key {key!r} is asked for",
            )
            return
    yield _said(
        "missing_key",
        f"the key {missing!r} is asked for before it is there",
        frame,
        0.45,
        {**_GUARD, "function": 2.5, "augmented": 1.5, "swap_statements": 1.5, "variable": 2.0},
        "the key is set before it is read, or its absence is dealt with",
    )


def _hashable(known: dict[object, object]) -> set[object]:
    return set(known)


def _none(failure: Failure, frame: Frame, ground: Ground) -> Iterator[Hypothesis]:
    """A value is None where one is needed: a function that falls off its end, or a name set to None."""
    by_name: dict[str, list[tuple[str, Scope]]] = {}
    for file, scope in ground.functions():
        by_name.setdefault(scope.name.rpartition(".")[2], []).append((file, scope))
    empty = {name for name, text in frame.values.items() if text == "None"}
    called: list[str] = []
    around = ground.scope(frame.file, frame.line)
    for node in ground.nodes(frame.file, frame.line):
        if isinstance(node, ast.Call):
            called.append(_called(node))
    for node in ast.walk(around.node) if around else ():
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            targets = {n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)}
            if targets & empty:
                called.insert(0, _called(node.value))
    for name in called:
        for file, made in by_name.get(name, ()):
            if falls_off(made.node):
                last = made.node.body[-1]
                yield Hypothesis(
                    "missing_return",
                    f"{made.name} ends without a return on some path, so its caller gets None",
                    file,
                    last.end_lineno or last.lineno,
                    made.name,
                    0.75,
                    _NO_VALUE,
                    f"{made.name} returns a value on every path",
                )
                return
    if empty:
        names = ", ".join(sorted(empty))
        yield _said(
            "none_where_a_value_is_needed",
            f"{names} is None in {frame.function}",
            frame,
            0.5,
            {**_NO_VALUE, **_GUARD},
            f"{names} holds a value at this line",
        )
    else:
        yield _said(
            "none_where_a_value_is_needed",
            f"a value is None in {frame.function}: {failure.message}",
            frame,
            0.4,
            {**_NO_VALUE, **_GUARD},
            "the value is there",
        )


def _called(node: ast.Call) -> str:
    function = node.func
    if isinstance(function, ast.Name):
        return function.id
    return function.attr if isinstance(function, ast.Attribute) else ""


def falls_off(node: ast.AST) -> bool:
    """Whether a function returns a value on some path and can fall off its end on another, or never returns one."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    inner = [n for n in ast.walk(node) if isinstance(n, ast.Yield | ast.YieldFrom)]
    return not inner and not _always_leaves(node.body)


def _always_leaves(body: list[ast.stmt]) -> bool:
    if not body:
        return False
    last = body[-1]
    match last:
        case ast.Return():
            return last.value is not None
        case ast.Raise():
            return True
        case ast.If():
            return _always_leaves(last.body) and _always_leaves(last.orelse)
        case ast.With() | ast.AsyncWith():
            return _always_leaves(last.body)
        case ast.Try():
            ends = [_always_leaves(last.orelse or last.body), *(_always_leaves(h.body) for h in last.handlers)]
            return _always_leaves(last.finalbody) or all(ends)
        case ast.While(test=ast.Constant(value=True)):
            return not any(isinstance(n, ast.Break) for n in ast.walk(last))
        case ast.Match():
            return all(_always_leaves(case.body) for case in last.cases)
    return False


def _type(failure: Failure, frame: Frame, ground: Ground) -> Iterator[Hypothesis]:
    words = failure.message
    if "NoneType" in words:
        yield from _none(failure, frame, ground)
        return
    pair = re.search(r"'(\w+)' and '(\w+)'", words) or re.search(r"can only concatenate (\w+) \(not \"(\w+)\"\)", words)
    if pair:
        names = [f"{name} is {text[:40]}" for name, text in frame.values.items() if _kind_of(text) in pair.groups()]
        detail = f" ({'; '.join(names[:3])})" if names else ""
        yield _said(
            "mixed_types",
            f"{pair[1]} and {pair[2]} meet in one operation{detail}",
            frame,
            0.65,
            _TYPES,
            f"both sides are {pair[1]} or both {pair[2]}",
        )
        return
    counted = re.search(r"(\w+)\(\) (?:missing|takes)", words)
    if counted or "positional argument" in words or "keyword argument" in words:
        name = counted[1] if counted else "a function"
        yield _said(
            "wrong_arguments",
            f"{name} is called with other arguments than it takes",
            frame,
            0.6,
            {
                "drop_argument": 4.0,
                "swap_arguments": 2.0,
                "function": 2.0,
                "variable": 1.5,
                "attribute": 1.5,
                "mutable_default": 1.5,
            },
            f"{name} is called as it is defined",
        )
        return
    if (
        "not iterable" in words
        or "not subscriptable" in words
        or "not callable" in words
        or "object cannot be" in words
    ):
        yield _said(
            "wrong_kind_of_value",
            f"a value is not of the kind this line needs: {words[:100]}",
            frame,
            0.5,
            {**_TYPES, "drop_call": 3.0},
            "the value is of the kind that the line needs",
        )
        return
    yield _said(
        "wrong_type",
        f"a value has a type that this line cannot take: {words[:100]}",
        frame,
        0.4,
        _TYPES,
        "the value has the type that the line needs",
    )


def _kind_of(text: str) -> str:
    try:
        return type(ast.literal_eval(text)).__name__
    except (ValueError, SyntaxError):
        return text[1:-1].partition("(")[0] if text.startswith("<") else text.partition("(")[0]


def _attribute(failure: Failure, frame: Frame, ground: Ground) -> Iterator[Hypothesis]:
    if "NoneType" in failure.message:
        yield from _none(failure, frame, ground)
        return
    found = re.search(r"'([\w.]+)' object has no attribute '(\w+)'", failure.message)
    found = found or re.search(r"(?:type object|module) '([\w.]+)' has no attribute '(\w+)'", failure.message)
    if not found:
        return
    owner, wanted = found[1], found[2]
    known = {name for name in dir(getattr(builtins, owner, object)) if not name.startswith("__")}
    for source in filter(None, (ground.source(file) for file in ground.files if file.endswith(".py"))):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef) and node.name == owner:
                known |= {n.name for n in ast.walk(node) if isinstance(n, ast.FunctionDef)}
                known |= {
                    n.attr
                    for n in ast.walk(node)
                    if isinstance(n, ast.Attribute)
                    and isinstance(n.value, ast.Name)
                    and n.value.id == "self"
                    and isinstance(n.ctx, ast.Store)
                }
    near = difflib.get_close_matches(wanted, sorted(known), 1, 0.6)
    meant = f"; {near[0]!r} is near" if near else ""
    yield _said(
        "unknown_attribute",
        f"{owner} has no {wanted!r}{meant}",
        frame,
        0.7 if near else 0.5,
        {"attribute": 4.0, "function": 3.0, "variable": 2.0, "convert": 1.5, "drop_call": 1.5},
        f"{owner}.{near[0]} is used" if near else "an attribute that exists is used",
    )


def _name(failure: Failure, frame: Frame, ground: Ground) -> Iterator[Hypothesis]:
    found = re.search(r"'(\w+)'", failure.message)
    if not found:
        return
    wanted = found[1]
    if "local variable" in failure.message:
        yield _said(
            "read_before_set",
            f"{wanted} is read on a path that never sets it",
            frame,
            0.6,
            {
                "move_out": 3.0,
                "move_in": 2.0,
                "swap_statements": 2.5,
                "variable": 2.0,
                "initial_value": 1.5,
                "fixed_condition": 1.5,
            },
            f"{wanted} is set before this line on every path",
        )
        return
    scope, source = ground.scope(frame.file, frame.line), ground.source(frame.file)
    known = set(own_names(scope)) if scope else set()
    known |= set(frame.values) | set(dir(builtins))
    for node in source.tree.body if source else ():
        known |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        known |= {node.name} if isinstance(node, ast.FunctionDef | ast.ClassDef) else set()
        if isinstance(node, ast.Import | ast.ImportFrom):
            known |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    near = difflib.get_close_matches(wanted, sorted(known - {wanted}), 1, 0.6)
    meant = f"; {near[0]!r} is near" if near else ""
    yield _said(
        "misspelt_name" if near else "unknown_name",
        f"{wanted} is no name that {frame.function} knows{meant}",
        frame,
        0.75 if near else 0.5,
        _NAMES,
        f"{near[0] if near else 'a known name'} is used instead",
    )


def _zero(failure: Failure, frame: Frame, ground: Ground) -> Iterator[Hypothesis]:
    for node in ground.nodes(frame.file, frame.line):
        divides = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.FloorDiv | ast.Mod)
        if isinstance(node, ast.BinOp) and divides and evaluate(node.right, frame) in (0, UNKNOWN):
            yield _said(
                "division_by_zero",
                f"{ground.text(node.right)} is 0 when {ground.text(node)} runs",
                frame,
                0.6,
                {**_GUARD, "swap_operands": 2.5, "operator": 2.0, "number": 1.5, "variable": 2.0, "step": 1.5},
                f"{ground.text(node.right)} is not 0 there, or the case is dealt with before",
            )
            return
    yield _said(
        "division_by_zero", f"a division by zero in {frame.function}", frame, 0.45, _GUARD, "the divisor is not 0"
    )


def _recursion(failure: Failure, frame: Frame, ground: Ground) -> Iterator[Hypothesis]:
    again = [each for each in failure.frames if (each.file, each.function) == (frame.file, frame.function)]
    scope = ground.scope(frame.file, frame.line)
    given = [a.arg for a in scope.node.args.args] if scope and isinstance(scope.node, ast.FunctionDef) else []
    stuck = [
        name
        for name in given
        if len(again) > 1 and name in again[-1].values and again[-1].values[name] == again[-2].values.get(name)
    ]
    if given and stuck and len(stuck) == len([name for name in given if name not in ("self", "cls")]):
        yield _said(
            "recursion_stands_still",
            f"{frame.function} calls itself with the same {', '.join(stuck)}",
            frame,
            0.75,
            {**_RECURSION, "step": 3.5, "slice": 3.0, "variable": 3.0},
            "each call gets a smaller problem",
        )
    else:
        yield _said(
            "no_base_case",
            f"{frame.function} calls itself past its base case",
            frame,
            0.55,
            _RECURSION,
            "the base case is met",
        )


def _endless(failure: Failure, frame: Frame, ground: Ground) -> Iterator[Hypothesis]:
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
            yield from _recursion(failure, frame, ground)
        else:
            yield _said("too_slow", f"{frame.function} does not end in time", frame, 0.3, _ADVANCE, "it ends in time")
        return
    over = loops[-1]
    if not whiles and isinstance(over, ast.For):
        yield _said(
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
        yield _said(
            "loop_stands_still",
            f"nothing in the loop changes {', '.join(sorted(tested))}, so {test} stays true",
            frame,
            0.75,
            {**_ADVANCE, "move_in": 3.0, "variable": 2.5},
            "the loop's condition becomes false",
            loop.lineno,
        )
    else:
        yield _said(
            "loop_never_ends",
            f"{test} stays true{f' ({held})' if held else ''}",
            frame,
            0.6,
            _ADVANCE,
            "the loop's condition becomes false",
            loop.lineno,
        )


def _value(failure: Failure, frame: Frame, ground: Ground) -> Iterator[Hypothesis]:
    words = failure.message
    if "unpack" in words:
        yield _said(
            "wrong_number_of_parts",
            f"a value has another number of parts than are unpacked: {words[:80]}",
            frame,
            0.6,
            {"split_once": 3.0, "function": 2.5, "slice": 2.0, "drop_argument": 1.5},
            "the parts are as many",
        )
    elif "invalid literal" in words or "could not convert" in words:
        yield _said(
            "not_a_number",
            f"a text that is no number is converted: {words[:80]}",
            frame,
            0.55,
            {**_GUARD, "function": 2.5, "slice": 2.0, "variable": 1.5, "drop_call": 1.5},
            "only numbers are converted",
        )
    elif "empty" in words:
        yield _said(
            "empty_where_items_are_needed",
            f"there are no items where at least one is needed: {words[:80]}",
            frame,
            0.55,
            {**_GUARD, "negate": 2.0},
            "the empty case is dealt with before",
        )
    elif "not in list" in words or "substring not found" in words or "is not in" in words:
        yield _said(
            "not_found",
            f"what is looked for is not there: {words[:80]}",
            frame,
            0.5,
            {**_GUARD, "function": 3.0, "variable": 2.0, "text": 1.5},
            "its absence is dealt with",
        )
    else:
        yield _said(
            "value_refused",
            f"{frame.function} refuses a value: {words[:80]}",
            frame,
            0.35,
            {**_GUARD, "negate": 2.0, "and_or": 2.0},
            "the value is accepted",
        )


_RULES: dict[str, Rule] = {
    "IndexError": _index,
    "KeyError": _key,
    "TypeError": _type,
    "AttributeError": _attribute,
    "NameError": _name,
    "UnboundLocalError": _name,
    "ZeroDivisionError": _zero,
    "RecursionError": _recursion,
    "TimeLimit": _endless,
    "ValueError": _value,
}
