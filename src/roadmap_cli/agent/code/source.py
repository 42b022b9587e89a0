"""A Python source file with byte-exact positions, and edits to it that leave every other byte as it is."""

from __future__ import annotations

import ast
import difflib
import hashlib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

#: What some editors write before a text to say that it is UTF-8.
_MARK = "\ufeff"


def plain(text: str) -> str:
    """The text that Python parses: without a byte order mark. Columns of its first line count from behind that."""
    return text.removeprefix(_MARK)


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace bytes `start` to `end` by `text`. `line` is where it begins; `weight` the template's prior."""

    start: int
    end: int
    text: str
    template: str
    weight: float
    line: int


def trimmed(data: bytes, edit: Edit) -> tuple[int, int, str]:
    """The smallest replacement that does the same: equal edits of different templates become one."""
    start, end, new = edit.start, edit.end, edit.text.encode()
    old = data[start:end]
    limit = min(len(old), len(new))
    head = 0
    while head < limit and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < limit - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    while head and (new[head : head + 1] or b"a")[0] & 0xC0 == 0x80:
        head -= 1  # never inside a character of several bytes
    while tail and new[len(new) - tail] & 0xC0 == 0x80:
        tail -= 1
    return start + head, end - tail, new[head : len(new) - tail].decode()


@dataclass(frozen=True, slots=True)
class Scope:
    """A function (or the module) that an edit stands in, by qualified name and span in bytes."""

    name: str
    start: int
    end: int
    body_start: int
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Module


class Source:
    """One parsed file. Raises SyntaxError or UnicodeDecodeError for what is not Python in UTF-8."""

    def __init__(self, name: str, content: bytes) -> None:
        self.name = name
        self.text = content.decode("utf-8")
        self.content = content
        self.tree = ast.parse(plain(self.text))
        self._starts = [0]
        for line in content.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._starts[0] = len(self.text.encode()) - len(plain(self.text).encode())
        self.scopes = list(self._find_scopes(self.tree, ""))

    def offset(self, line: int, column: int) -> int:
        """The byte offset of a line (from 1) and a column in bytes, as ast gives them."""
        return self._starts[line - 1] + column

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Where a node begins and ends, in bytes."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.offset(node.lineno, node.col_offset), self.offset(node.end_lineno, node.end_col_offset)

    def segment(self, node: ast.expr | ast.stmt) -> str:
        """The text of a node."""
        start, end = self.span(node)
        return self.content[start:end].decode()

    def line_span(self, first: int, last: int) -> tuple[int, int]:
        """The bytes of whole lines, both included, with their line ends."""
        return self._starts[first - 1], self._starts[min(last, len(self._starts) - 1)]

    def scope_of(self, offset: int) -> Scope | None:
        """The innermost function around an offset, None at module level."""
        inside = [scope for scope in self.scopes if scope.start <= offset < scope.end]
        return max(inside, key=lambda scope: scope.start) if inside else None

    def in_body(self, offset: int) -> bool:
        """Whether an offset is inside some function's body, not in a header that runs at import."""
        return any(scope.body_start <= offset < scope.end for scope in self.scopes)

    def apply(self, edit: Edit) -> str:
        """The file's text with one edit."""
        return (self.content[: edit.start] + edit.text.encode() + self.content[edit.end :]).decode()

    def patch_id(self, edit: Edit) -> str:
        """A name for an edit that survives changes elsewhere in the file: its function, the place in it, the text."""
        scope = self.scope_of(edit.start)
        start, end = (scope.start, scope.end) if scope else self._statement_of(edit)
        before = self.content[start:end]
        words = [self.name, scope.name if scope else "", str(edit.start - start), str(edit.end - start), edit.text]
        return hashlib.sha256("\0".join(words).encode() + b"\0" + before).hexdigest()[:32]

    def _statement_of(self, edit: Edit) -> tuple[int, int]:
        """The span of the module's or a class's statement around an edit; of the whole file if there is none."""
        body, found = self.tree.body, (0, len(self.content))
        while True:
            around = [node for node in body if self.span(node)[0] <= edit.start and edit.end <= self.span(node)[1]]
            if not around:
                return found
            found = self.span(around[0])
            if not isinstance(around[0], ast.ClassDef):
                return found
            body = around[0].body

    def _find_scopes(self, node: ast.AST, prefix: str) -> Iterator[Scope]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                start, end = self.span(child)
                yield Scope(prefix + child.name, start, end, self.span(child.body[0])[0], child)
                yield from self._find_scopes(child, f"{prefix}{child.name}.<locals>.")
            elif isinstance(child, ast.ClassDef):
                yield from self._find_scopes(child, f"{prefix}{child.name}.")
            else:
                yield from self._find_scopes(child, prefix)


def unified_diff(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """One diff over all changed files that ``git apply`` and ``patch -p1`` take."""
    parts: list[str] = []
    for name in sorted(after):
        if before[name] == after[name]:
            continue
        parts.append(f"diff --git a/{name} b/{name}\n")
        old, new = before[name].splitlines(keepends=True), after[name].splitlines(keepends=True)
        for line in difflib.unified_diff(old, new, f"a/{name}", f"b/{name}"):
            parts.append(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n")
    return "".join(parts)


@dataclass(frozen=True, slots=True)
class Block:
    """A change remembered by its text: lines before, lines after, with the lines around them as context."""

    file: str
    above: tuple[str, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]
    below: tuple[str, ...]


def blocks(name: str, before: str, after: str, context: int = 3) -> list[Block]:
    """What changed between two versions of a file."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    found = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            above, below = old[max(0, a - context) : a], old[b : b + context]
            found.append(Block(name, tuple(above), tuple(old[a:b]), tuple(new[c:d]), tuple(below)))
    return found


def reapply(change: Block, text: str) -> str | None:
    """The text with a remembered change made again, or None if its place is not there or not unique."""
    lines = text.splitlines(keepends=True)
    for keep in (len(change.above) + len(change.below), 2, 1, 0):
        above = change.above[len(change.above) - min(keep, len(change.above)) :]
        below = change.below[: min(keep, len(change.below))]
        wanted = [*above, *change.before, *below]
        if not wanted or (keep == 0 and not change.before):
            continue
        places = [at for at in range(len(lines) - len(wanted) + 1) if lines[at : at + len(wanted)] == wanted]
        if len(places) == 1:
            start = places[0] + len(above)
            return "".join([*lines[:start], *change.after, *lines[start + len(change.before) :]])
    return None


def compiles(text: str) -> bool:
    """Whether a text is valid Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(plain(text), "candidate", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
