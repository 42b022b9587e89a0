"""A source file as tree-sitter sees it: nodes by byte, functions, names in scope, and edits that keep all other bytes.

Tree-sitter parses what is broken, too: a file is sound if there is no error and nothing missing in its tree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from roadmap_cli.agent.code.source import Edit
from roadmap_cli.core.errors import DataError, Unavailable

if TYPE_CHECKING:
    from tree_sitter import Node, Parser


@dataclass(frozen=True, slots=True)
class Scope:
    """A function by qualified name, with its span in bytes; `body` is where its statements are."""

    name: str
    start: int
    end: int
    body: Node


@dataclass(frozen=True, slots=True)
class Binding:
    """A name that can be used from byte `start` to `end`. `kind` is its type as far as it shows, None if it does not.

    `fixed` names cannot be assigned to; a `function` is called rather than used as a value.
    """

    name: str
    kind: str | None
    start: int
    end: int
    fixed: bool = False


class Language(Protocol):
    """What the tree-sitter driver needs of a language."""

    name: str

    def parse(self, name: str, content: bytes) -> Tree:
        """The file as a tree. Raises Unavailable if the grammar is not installed, DataError if it is not UTF-8."""

    def edits(self, tree: Tree, lines: Collection[int]) -> Iterator[Edit]:
        """Every edit at the given lines that a template knows, in no order, possibly with repetitions."""


class Tree:
    """One parsed file. Raises DataError if it is not UTF-8."""

    def __init__(self, name: str, content: bytes, parser: Parser, functions: Collection[str]) -> None:
        try:
            content.decode()
        except UnicodeDecodeError:
            raise DataError(f"{name}: not UTF-8") from None
        self.name, self.content = name, content
        self._parser = parser
        self.root = parser.parse(content).root_node
        self.scopes = list(self._find_scopes(self.root, "", functions))

    def text(self, node: Node) -> str:
        """The text of a node."""
        return self.content[node.start_byte : node.end_byte].decode()

    def between(self, start: int, end: int) -> str:
        """The text from one byte to another."""
        return self.content[start:end].decode()

    def scope_of(self, offset: int) -> Scope | None:
        """The innermost function around an offset, None outside of all."""
        inside = [scope for scope in self.scopes if scope.start <= offset < scope.end]
        return max(inside, key=lambda scope: scope.start) if inside else None

    def apply(self, edits: Collection[tuple[int, int, str]]) -> bytes:
        """The file with replacements that stand apart."""
        parts, at = [], 0
        for start, end, text in sorted(edits):
            parts += [self.content[at:start], text.encode()]
            at = end
        return b"".join([*parts, self.content[at:]])

    def patch_id(self, edits: Collection[tuple[int, int, str]]) -> str:
        """A name for a change that survives changes elsewhere in the file: its function, the place in it, the text."""
        first = min(start for start, _, _ in edits)
        scope = self.scope_of(first)
        start, end = (scope.start, scope.end) if scope else (0, len(self.content))
        words = [self.name, scope.name if scope else ""]
        for low, high, text in sorted(edits):
            words += [str(low - start), str(high - start), text]
        return hashlib.sha256("\0".join(words).encode() + b"\0" + self.content[start:end]).hexdigest()[:32]

    def sound(self, content: bytes) -> bool:
        """Whether a changed version of the file has no more syntax errors than this one: none, if this has none."""
        return self.root.has_error or not self._parser.parse(content).root_node.has_error

    def indent(self, node: Node) -> str:
        """The white space before a node on its line."""
        start = self.content.rfind(b"\n", 0, node.start_byte) + 1
        line = self.content[start : node.start_byte]
        return line[: len(line) - len(line.lstrip())].decode()

    def _find_scopes(self, node: Node, prefix: str, functions: Collection[str]) -> Iterator[Scope]:
        for child in node.named_children:
            body = child.child_by_field_name("body")
            name = self._name(child)
            if child.type in functions and body is not None:
                yield Scope(prefix + name, child.start_byte, child.end_byte, body)
                yield from self._find_scopes(child, f"{prefix}{name}.", functions)
            else:
                class_like = child.type in ("class_declaration", "class") and name != "<function>"
                yield from self._find_scopes(child, f"{prefix}{name}." if class_like else prefix, functions)

    def _name(self, node: Node) -> str:
        named = node.child_by_field_name("name")
        if named is None and node.parent is not None:  # const f = () => …, {f: function () {…}}, x.f = …
            parent = node.parent
            fields = {"variable_declarator": "name", "pair": "key", "assignment_expression": "left"}
            named = parent.child_by_field_name(fields.get(parent.type, "-"))
        return self.text(named).replace("\n", " ") if named is not None else "<function>"


def parser(package: str, function: str = "language") -> Parser:
    """A parser from a grammar's package. Raises Unavailable if it is not installed."""
    from importlib import import_module

    try:
        from tree_sitter import Language as Grammar
        from tree_sitter import Parser as Made

        return Made(Grammar(getattr(import_module(package), function)()))
    except ImportError as error:
        raise Unavailable(
            f"{error.name or package} is not installed", hint="pip install 'roadmap-cli[agent]'"
        ) from None


def walk(node: Node, leave_out: Collection[str] = ()) -> Iterator[Node]:
    """A node's named descendants in the order of the text, itself first; nothing below types that are left out."""
    stack = [node]
    while stack:
        here = stack.pop()
        yield here
        stack.extend(child for child in reversed(here.named_children) if child.type not in leave_out)
