"""The project's live functions, and the code that a candidate puts into them."""

# Any Python from 3.8 on runs this, pytest names its methods, and files are handled at the level of the system.
# ruff: noqa: D102, D103, PTH118

from __future__ import annotations
import __future__

import ast
import functools
import gc
import hashlib
import marshal
import os
from types import CodeType, FunctionType
from typing import Any


class Exchange:
    """The project's live functions, and new code for them from edits of their files."""

    def __init__(self, root: Any, contents: Any) -> None:
        self.root, self.contents = root, contents
        self.live = [item for item in gc.get_objects() if type(item) is FunctionType]
        caches = [item for item in gc.get_objects() if type(item) is functools._lru_cache_wrapper]
        prefix = os.path.join(os.path.realpath(root), "")
        wrapped = [(c, getattr(getattr(c, "__wrapped__", None), "__code__", None)) for c in caches]
        self.caches = [c for c, code in wrapped if code and os.path.realpath(code.co_filename).startswith(prefix)]
        self.units: Any = {}
        self.functions: Any = {}
        self.before: Any = {}

    def of_file(self, name: Any) -> Any:
        """Units (whole lines of top-level statements), live functions by name and line, and compiler flags."""
        if name not in self.units:
            data = self.contents(name)
            tree = ast.parse(data)
            starts = [0]
            for line in data.splitlines(True):
                starts.append(starts[-1] + len(line))
            units: list[Any] = []
            flags = 0
            for node in tree.body:
                if isinstance(node, ast.ImportFrom) and node.module == "__future__":
                    for alias in node.names:
                        flags |= getattr(__future__, alias.name).compiler_flag
                first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
                last = min(node.end_lineno or first, len(starts) - 1)
                if units and units[-1][1] > starts[first - 1]:
                    units[-1] = (units[-1][0], starts[last], units[-1][2])
                else:
                    units.append((starts[first - 1], starts[last], first))
            path = os.path.join(self.root, name)
            functions: Any = {}
            for function in self.live:
                code = function.__code__
                if code.co_filename == path:
                    functions.setdefault((code.co_name, code.co_firstlineno), []).append(function)
            self.units[name] = (data, units, functions, flags, path)
        return self.units[name]

    def compiled(self, name: Any, unit: Any, text: Any) -> Any:
        _, _, _, flags, path = self.of_file(name)
        return compile(b"\n" * (unit[2] - 1) + text, path, "exec", flags, True)

    def codes(self, name: Any, edits: Any) -> Any:
        """Pairs of live function and new code for edits (start, end, text) of a file, or None if that cannot be."""
        data, units, _, _, _ = self.of_file(name)
        pairs: Any = []
        placed = 0
        for unit in units:
            inside = [e for e in edits if unit[0] <= e[0] and e[1] <= unit[1]]
            if not inside:
                continue
            placed += len(inside)
            text, at = b"", unit[0]
            for start, end, new in sorted(inside):
                if start < at:
                    return None
                text += data[at:start] + new.encode()
                at = end
            text += data[at : unit[1]]
            found = self.pairs(name, unit, self.compiled(name, unit, text))
            if found is None:
                return None
            pairs += found
        return pairs if placed == len(edits) else None

    def pairs(self, name: Any, unit: Any, after: Any) -> Any:
        key = (name, unit[0])
        data, _, functions, _, _ = self.of_file(name)
        if key not in self.before:
            self.before[key] = self.compiled(name, unit, data[unit[0] : unit[1]])
        codes: Any = {}
        pair_codes(self.before[key], after, codes)
        pairs = []
        for place, code in codes.items():
            for function in functions.get(place, ()):
                if len(code.co_freevars) != len(function.__code__.co_freevars):
                    return None
                pairs.append((function, code))
        return pairs or None

    def clear(self) -> Any:
        for cache in self.caches:
            cache.cache_clear()


def pair_codes(before: Any, after: Any, found: Any) -> Any:
    """Match the functions of two versions of a piece of code by name, and by order among those of one name."""
    old, new = [[c for c in code.co_consts if isinstance(c, CodeType)] for code in (before, after)]
    for one in old:
        same = [c for c in old if c.co_name == one.co_name]
        others = [c for c in new if c.co_name == one.co_name]
        at = same.index(one)
        if at < len(others):
            found[(one.co_name, one.co_firstlineno)] = others[at]
            pair_codes(one, others[at], found)
    return found


def digest(pairs: Any) -> Any:
    """A name for what the exchanged functions do: their bytecode without line numbers."""
    total = hashlib.sha256()
    for function, code in pairs:
        total.update(str(id(function)).encode())
        total.update(marshal.dumps(bare(code)))
    return total.hexdigest()[:20]


def bare(code: Any) -> Any:
    plain = {"co_firstlineno": 1, "co_filename": ""}
    plain["co_linetable" if hasattr(code, "co_linetable") else "co_lnotab"] = b""
    consts = tuple(bare(c) if isinstance(c, CodeType) else c for c in code.co_consts)
    return code.replace(co_consts=consts, **plain)
