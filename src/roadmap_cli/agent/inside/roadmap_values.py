"""What variables held when a test failed: shown without running the project's code, capped, secrets left out."""

# Any Python from 3.8 on runs this.
# ruff: noqa: PTH118

from __future__ import annotations

import os
import re
from typing import Any

FRAMES, NAMES, WIDTH, COMPARED = 8, 24, 200, 4000
_DEPTH, _ITEMS = 4, 200
_SECRET = (
    r"pass(?:word|wd|phrase)|secret|token|(?:api|access|private)_?key|credential|authori[sz]ation|cookie|session_?id"
)
_NAME = re.compile(_SECRET, re.IGNORECASE)
_GIVEN = re.compile(
    r"""(['"]?[\w-]*(?:"""
    + _SECRET
    + r""")[\w-]*['"]?\s*[:=]\s*)(?:b?'(?:[^'\\]|\\.)*'?|b?"(?:[^"\\]|\\.)*"?|[^\s,)}\]]+)""",
    re.IGNORECASE,
)
_ALONE = re.compile(
    r"\bAKIA[0-9A-Z]{12,}|\bgh[pousr]_\w{20,}|\bxox[a-z]-[\w-]{10,}|\bsk-[\w-]{16,}|\beyJ[\w-]{10,}\.[\w-]+(?:\.[\w-]*)?"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY|\b(?:Bearer|Basic)\s+[\w.~+/=-]{8,}|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
)
_LEFT_OUT = "<redacted>"
_ASSERTIONS = {
    "assertEqual": "==", "assertNotEqual": "!=", "assertLess": "<", "assertLessEqual": "<=", "assertGreater": ">",
    "assertGreaterEqual": ">=", "assertIs": "is", "assertIn": "in", "assertAlmostEqual": "==",
}  # fmt: skip
_SEQUENCES: Any = ((list, "[", "]"), (tuple, "(", ")"), (set, "{", "}"), (frozenset, "frozenset({", "})"))


def locals_of(frame: Any) -> Any:
    """The local variables of a frame by name, as text."""
    found: dict[str, str] = {}
    for name, value in list(frame.f_locals.items()):
        if len(found) >= NAMES:
            break
        if name.startswith(("__", "@")) or _is_plumbing(value):
            continue
        found[name] = _LEFT_OUT if _NAME.search(name) else without_secrets(_measured(value))
    return found


def _measured(value: Any) -> str:
    """A value as text; what is cut off tells how long it was."""
    text = shown(value, WIDTH)
    if "…" in text:
        for base in (list, tuple, str, dict):
            if issubclass(type(value), base):
                return f"{text} len={base.__len__(value)}"
    return text


def _is_plumbing(value: Any) -> bool:
    """Modules, functions and classes say little and are long."""
    return type(value).__name__ in ("module", "function", "builtin_function_or_method", "type", "method")


def without_secrets(text: str) -> str:
    """A text with what looks like a secret left out."""
    return _ALONE.sub(_LEFT_OUT, _GIVEN.sub(lambda found: found.group(1) + _LEFT_OUT, text))


def shown(value: Any, width: int, depth: int = 0) -> str:
    """A value as Python would write it, at most `width` characters; of the project's own classes only the attributes.

    No method of the project runs: only types of Python itself are asked for their form.
    """
    text = _shown(value, width, depth)
    return text if len(text) <= width else text[: width - 1] + "…"


def _shown(value: Any, width: int, depth: int) -> str:
    kind = type(value)
    if value is os.environ:
        return "<environ>"
    if kind in (int, bool, float, complex, type(None), range, slice) or value is Ellipsis:
        return (
            repr(value) if kind is not int or value.bit_length() < 3 * width else f"<int of {value.bit_length()} bits>"
        )
    if issubclass(kind, str):
        return str.__repr__(str.__getitem__(value, slice(width)))
    if issubclass(kind, (bytes, bytearray)):
        base = bytes if issubclass(kind, bytes) else bytearray
        return repr(bytes(base.__getitem__(value, slice(width))))
    if depth >= _DEPTH:
        return "…"
    for base_, opening, closing in _SEQUENCES:
        if issubclass(kind, base_):
            return _items(value, base_, opening, closing, width, depth)
    if issubclass(kind, dict):
        return _pairs(dict.items(value), dict.__len__(value), width, depth)
    if issubclass(kind, BaseException):
        return f"{kind.__name__}({', '.join(shown(each, width, depth + 1) for each in value.args[:3])})"
    try:
        attributes = object.__getattribute__(value, "__dict__") if kind.__module__ != "builtins" else None
    except AttributeError:
        attributes = None
    if type(attributes) is not dict or not attributes:
        return f"<{kind.__name__}>"
    parts = []
    for name, inner in list(attributes.items())[:8]:
        parts.append(f"{name}={_LEFT_OUT if _NAME.search(str(name)) else shown(inner, width // 2, depth + 2)}")
    return f"{kind.__name__}({', '.join(parts)})"


def _items(value: Any, base: Any, opening: str, closing: str, width: int, depth: int) -> str:
    count = base.__len__(value)
    if not count:
        return {list: "[]", tuple: "()", set: "set()"}.get(base, "frozenset()")
    parts: list[str] = []
    size = 0
    for item in base.__iter__(value):
        parts.append(shown(item, width, depth + 1))
        size += len(parts[-1]) + 2
        if size > width or len(parts) >= _ITEMS:
            break
    if base in (set, frozenset):
        parts.sort()
    if len(parts) < count:
        parts.append("…")
    comma = "," if base is tuple and count == 1 else ""
    return opening + ", ".join(parts) + comma + closing


def _pairs(items: Any, count: int, width: int, depth: int) -> str:
    parts: list[str] = []
    size = 0
    for key, inner in items:
        said = _LEFT_OUT if isinstance(key, str) and _NAME.search(key) else shown(inner, width, depth + 1)
        parts.append(f"{shown(key, 80, depth + 1)}: {said}")
        size += len(parts[-1]) + 2
        if size > width or len(parts) >= _ITEMS:
            break
    if len(parts) < count:
        parts.append("…")
    return "{" + ", ".join(parts) + "}"


def compared(op: Any, left: Any, right: Any) -> Any:
    """The two sides of a comparison that did not hold."""
    return {"op": op, "left": without_secrets(shown(left, COMPARED)), "right": without_secrets(shown(right, COMPARED))}


def sides_of(error: Any) -> Any:
    """The two sides of a unittest assertion that has failed, None if it is none."""
    trace = error.__traceback__
    found = None
    while trace is not None and found is None:
        if trace.tb_frame.f_code.co_filename.endswith(os.path.join("unittest", "case.py")):
            found = _given_to_unittest(trace.tb_frame)
        trace = trace.tb_next
    return found


def _given_to_unittest(frame: Any) -> Any:
    known = frame.f_locals
    op = _ASSERTIONS.get(frame.f_code.co_name)
    for one, two in (("first", "second"), ("a", "b"), ("expr1", "expr2"), ("member", "container")):
        if op and one in known and two in known:
            return compared(op, known[one], known[two])
    if frame.f_code.co_name in ("assertTrue", "assertFalse") and "expr" in known:
        return compared("==", known["expr"], frame.f_code.co_name == "assertTrue")
    return None
