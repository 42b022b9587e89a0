"""What is looked for is not there: a place in a sequence, a key, an attribute, a name."""

from __future__ import annotations

import ast
import builtins
import difflib
import re
from collections.abc import Iterator

from roadmap_cli.agent.reflection.exceptions.kinds import none_where_a_value_is
from roadmap_cli.agent.reflection.exceptions.saying import GUARD, TYPES, said
from roadmap_cli.agent.reflection.ground import Failure, Frame, Ground, Hypothesis, evaluate, own_names

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
_NAMES = {"near_name": 4.0, "import_name": 4.0, "variable": 4.0, "function": 2.0, "attribute": 2.0}


def index(failure: Failure, frame: Frame, ground: Ground) -> Iterator[Hypothesis]:
    """A place outside of a sequence, or anything taken out of an empty one."""
    for node in ground.nodes(frame.file, frame.line):
        pops = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "pop"
        if pops and "empty" in failure.message:
            yield said(
                "pop_from_empty",
                f"{ground.text(node).rpartition('.pop')[0]} is empty when {ground.text(node)} runs",
                frame,
                0.6,
                {**GUARD, "jump": 1.5, "function": 1.5},
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
            yield said(
                "index_of_empty",
                f"{what} is empty, yet {ground.text(node)} reads from it",
                frame,
                0.6,
                GUARD,
                "the empty case returns before this line",
            )
        elif at in (size, -size - 1):
            line = _bound_by(ground, frame, node.slice)
            yield said(
                "off_by_one_index",
                f"{where} is {at}, one beyond the {size} items of {what}",
                frame,
                0.75,
                _BOUNDS,
                f"{where} stays below {size}",
                line,
            )
        else:
            yield said(
                "index_out_of_range",
                f"{where} is {at}, far outside the {size} items of {what}",
                frame,
                0.5,
                {"variable": 3.0, "operator": 2.0, **_BOUNDS},
                f"{where} stays below {size}",
            )
        return
    yield said(
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


def key(failure: Failure, frame: Frame, ground: Ground) -> Iterator[Hypothesis]:
    """A key that a mapping has not: of another type, misspelt, or not there yet."""
    try:
        missing = ast.literal_eval(failure.message)
    except (ValueError, SyntaxError):
        missing = failure.message
    for name in frame.values:
        known = frame.value(name)
        if not isinstance(known, dict) or missing in set(known):
            continue
        other = next((key for key in known if str(key) == str(missing) and type(key) is not type(missing)), None)
        if other is not None:
            yield said(
                "key_of_other_type",
                f"{name} has the key {other!r}, not {missing!r}: {type(other).__name__} against"
                f" {type(missing).__name__}",
                frame,
                0.75,
                TYPES,
                "both keys are of one type",
            )
            return
        texts = [key for key in known if isinstance(key, str)]
        near = difflib.get_close_matches(str(missing).lower(), [text.lower() for text in texts], 1, 0.7)
        if near and isinstance(missing, str):
            key = next(text for text in texts if text.lower() == near[0])
            yield said(
                "misspelt_key",
                f"{name} has no key {missing!r}, but one {key!r}",
                frame,
                0.7,
                {"text": 4.0, "function": 2.0, "variable": 1.5},
                f"the key {key!r} is asked for",
            )
            return
    yield said(
        "missing_key",
        f"the key {missing!r} is asked for before it is there",
        frame,
        0.45,
        {**GUARD, "function": 2.5, "augmented": 1.5, "swap_statements": 1.5, "variable": 2.0},
        "the key is set before it is read, or its absence is dealt with",
    )


def attribute(failure: Failure, frame: Frame, ground: Ground) -> Iterator[Hypothesis]:
    """An attribute that an object has not; a near one is named."""
    if "NoneType" in failure.message:
        yield from none_where_a_value_is(failure, frame, ground)
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
    yield said(
        "unknown_attribute",
        f"{owner} has no {wanted!r}{meant}",
        frame,
        0.7 if near else 0.5,
        {"attribute": 4.0, "function": 3.0, "variable": 2.0, "convert": 1.5, "drop_call": 1.5},
        f"{owner}.{near[0]} is used" if near else "an attribute that exists is used",
    )


def name_error(failure: Failure, frame: Frame, ground: Ground) -> Iterator[Hypothesis]:
    """A name that is not known, or read before it is set."""
    found = re.search(r"'(\w+)'", failure.message)
    if not found:
        return
    wanted = found[1]
    if "local variable" in failure.message:
        yield said(
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
    yield said(
        "misspelt_name" if near else "unknown_name",
        f"{wanted} is no name that {frame.function} knows{meant}",
        frame,
        0.75 if near else 0.5,
        _NAMES,
        f"{near[0] if near else 'a known name'} is used instead",
    )
