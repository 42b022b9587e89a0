"""Templates on expressions, for any language whose grammar names its parts as JavaScript's and Go's do.

A language says which node types play which part (`Parts`), what its names' types are (`kind`), and adds what only it
has. Weights are priors relative to each other and to those of the Python templates.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from roadmap_cli.agent.code.source import Edit
from roadmap_cli.agent.languages.operators import ARITHMETIC, BITS, COMPARISONS, LOGICAL, Swaps
from roadmap_cli.agent.languages.syntax import Binding, Tree, walk

if TYPE_CHECKING:
    from tree_sitter import Node

_TEXTS, _TEXT_LENGTH, _NAMES, _ATTRIBUTES = 12, 40, 14, 10


@dataclass(frozen=True, slots=True)
class Parts:
    """The node types that play each part in a grammar, and a language's words."""

    functions: frozenset[str]
    numbers: frozenset[str]
    texts: frozenset[str]
    simple: frozenset[str]
    member: str
    member_object: str
    member_name: str
    subscript: str
    subscript_object: str
    empty: frozenset[str]
    twins: Mapping[str, tuple[str, ...]]
    extra: Mapping[str, Swaps] = field(default_factory=dict)


class Expressions:
    """The edits of one file at some lines. A language derives from it."""

    parts: Parts

    def __init__(self, tree: Tree, lines: Collection[int], bindings: Collection[Binding]) -> None:
        self.tree = tree
        self._lines = frozenset(lines)
        self._used_fields: dict[str, dict[str, None]] | None = None
        self.bindings = sorted(bindings, key=lambda each: (each.start, each.name))

    # -- what languages say ----------------------------------------------------------------------------------------

    def kind(self, node: Node) -> str | None:
        """The type of an expression as far as it shows."""
        raise NotImplementedError

    def fits(self, one: str | None, other: str | None) -> float:
        """How well a value of one type can stand for another: 0 if not at all, less than 1 if it is not known."""
        return 0.5 if one is None or other is None else float(one == other)

    def is_counted(self, kind: str | None) -> bool:
        """Whether values of a type can be added to."""
        raise NotImplementedError

    def spelled(self, operator: str) -> str:
        """An operator of the common tables in this language and file."""
        return operator

    def common(self, operator: str) -> str:
        """An operator of this language as the common tables have it."""
        return operator

    # -- helpers ---------------------------------------------------------------------------------------------------

    def touches(self, node: Node) -> bool:
        """Whether one of a node's lines is wanted."""
        return any(row + 1 in self._lines for row in range(node.start_point[0], node.end_point[0] + 1))

    def begins(self, node: Node) -> bool:
        """Whether the line a node begins on is wanted."""
        return node.start_point[0] + 1 in self._lines

    def put(self, node: Node, text: str, template: str, weight: float) -> Edit:
        """Replace a node."""
        return Edit(node.start_byte, node.end_byte, text, template, weight, node.start_point[0] + 1)

    def text(self, node: Node) -> str:
        """The text of a node."""
        return self.tree.text(node)

    def grouped(self, node: Node) -> str:
        """The text of a node, in parentheses if it needs them as an operand."""
        simple = node.type in self.parts.simple or node.type in self.parts.numbers or node.type in self.parts.texts
        return self.text(node) if simple else f"({self.text(node)})"

    def visible(self, node: Node) -> list[Binding]:
        """The names that can be used at a node, the nearest of each, those of the innermost function last."""
        found: dict[str, Binding] = {}
        for binding in self.bindings:
            if binding.start <= node.start_byte < binding.end:
                found.pop(binding.name, None)
                found[binding.name] = binding
        return list(found.values())[-_NAMES:]

    def function_of(self, node: Node) -> Node:
        """The function around a node, or the file."""
        here = node
        while here.parent is not None and here.type not in self.parts.functions:
            here = here.parent
        return here

    def bare(self, node: Node) -> Node:
        """What is inside parentheses."""
        while node.type == "parenthesized_expression" and node.named_child_count == 1:
            node = node.named_children[0]
        return node

    # -- edits -----------------------------------------------------------------------------------------------------

    def edits(self) -> Iterator[Edit]:
        """Every edit that is known."""
        for node in walk(self.tree.root):
            if self.touches(node):
                yield from self.of(node)

    def of(self, node: Node) -> Iterator[Edit]:
        """The edits of one node itself, not of what is in it."""
        if not self.begins(node):
            if node.type == "binary_expression":
                yield from self._binary(node)
            return
        kind = node.type
        if kind == "binary_expression":
            yield from self._binary(node)
        elif kind == "unary_expression":
            operand = node.child_by_field_name("argument") or node.child_by_field_name("operand")
            if operand is not None and self.operator(node) in ("!", "-", "^", "~", "+"):
                weight = 2.0 if self.operator(node) == "!" else 1.0
                yield self.put(node, self.text(operand), "drop_unary", weight)
        elif kind in self.parts.numbers:
            yield from self._number(node)
        elif kind in self.parts.texts:
            yield from self._literal(node)
        elif kind in ("true", "false"):
            yield self.put(node, "false" if kind == "true" else "true", "boolean", 1.8)
        elif kind == "identifier":
            yield from self._identifier(node)
        elif kind == "call_expression":
            yield from self._call(node)
        elif kind == self.parts.member:
            yield from self._member(node)
        elif kind == self.parts.subscript:
            yield from self._subscript(node)
        yield from self._value(node)

    def operator(self, node: Node) -> str:
        """The operator of a node as it is written; empty if it has none."""
        found = node.child_by_field_name("operator")
        return self.text(found) if found is not None else ""

    def _binary(self, node: Node) -> Iterator[Edit]:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = node.child_by_field_name("operator")
        if left is None or right is None or operator is None:
            return
        written = self.text(operator)
        common = self.common(written)
        template = "compare" if common in COMPARISONS else "operator"
        joined = written in ("&&", "||")
        if self.begins(operator):
            factor = 0.3 if "string" in (self.kind(left), self.kind(right)) and common not in COMPARISONS else 1.0
            for table in (COMPARISONS, ARITHMETIC, BITS):
                for other, weight in table.get(common, ()):
                    yield self.put(operator, self.spelled(other), template, weight * factor)
            for other, weight in self.parts.extra.get(written, ()):
                yield self.put(operator, other, template, weight * factor)
            if joined:
                yield self.put(operator, "||" if written == "&&" else "&&", "and_or", LOGICAL)
        if not self.begins(node):
            return
        for kept, dropped in ((left, right), (right, left)):
            one = common in ("+", "-") and self.text(dropped) == "1" and dropped == right
            yield self.put(node, self.grouped(kept), "drop_condition" if joined else "drop_operand",
                           1.2 if joined else 0.3 if common in COMPARISONS else 1.8 if one else 0.9)  # fmt: skip
        if common not in ("*", "&", "|", "^", "==", "!=") and not joined:
            yield self.put(node, f"{self.grouped(right)} {written} {self.grouped(left)}", "swap_operands", 1.0)
        if common in ("<", "<=", ">", ">="):
            for side in (left, right):
                if side.type not in self.parts.numbers and self.is_counted(self.kind(side)):
                    for step in (" + 1", " - 1"):
                        yield self.put(side, self.grouped(side) + step, "bound_step", 0.7)
        yield from self._regrouped(node, left, right, written)

    def _regrouped(self, node: Node, left: Node, right: Node, written: str) -> Iterator[Edit]:
        """Parentheses where they were forgotten: a + b / c for (a + b) / c, and the other way round."""
        if right.type == "binary_expression":
            inner, outer = right.child_by_field_name("left"), right.child_by_field_name("right")
            if inner is not None and outer is not None:
                first = f"({self.text(left)} {written} {self.text(inner)})"
                yield self.put(node, f"{first} {self.operator(right)} {self.text(outer)}", "regroup", 0.8)
        if left.type == "binary_expression":
            outer, inner = left.child_by_field_name("left"), left.child_by_field_name("right")
            if inner is not None and outer is not None and self.operator(left) != written:
                last = f"({self.text(inner)} {written} {self.text(right)})"
                yield self.put(node, f"{self.text(outer)} {self.operator(left)} {last}", "regroup", 0.8)
        for side in (left, right):
            if side.type == "parenthesized_expression" and self.bare(side).type == "binary_expression":
                yield self.put(side, self.text(side)[1:-1], "regroup", 0.6)

    def _number(self, node: Node) -> Iterator[Edit]:
        text = self.text(node)
        parent = node.parent
        added = parent is not None and parent.type == "binary_expression" and self.operator(parent) in ("+", "-")
        signed = parent is not None and parent.type == "unary_expression"
        if re.fullmatch(r"\d{1,15}", text):
            value = int(text)
            for other in dict.fromkeys([value + 1, value - 1, 0, 1, 2, 10, -value, value * 10, value // 10]):
                if other == value or (other < 0 and (signed or other != -1)) or (added and other == 0):
                    continue
                near = abs(other - value) == 1
                weight = 2.0 if near else 0.6 if abs(other) <= 2 else 0.3
                yield self.put(node, f"({other})" if other < 0 else str(other), "number", weight)
        elif re.fullmatch(r"0[xX][0-9a-fA-F]{1,8}", text):
            for step in (1, -1):
                yield self.put(node, hex(max(0, int(text, 16) + step)), "number", 1.0)
        elif re.fullmatch(r"\d*\.\d+(e-?\d+)?", text):
            for factor in (10, 0.1, 100, 0.01, 2, 0.5):
                yield self.put(node, f"{float(text) * factor:.12g}", "number", 0.4)
            for step in (1, -1):
                yield self.put(node, f"{float(text) + step:.12g}", "number", 0.4)

    def _literal(self, node: Node) -> Iterator[Edit]:
        own = self.text(node)
        if node.parent is not None and node.parent.type in ("import_statement", "import_spec", "expression_statement"):
            return
        found: dict[str, None] = {}
        for other in walk(self.function_of(node)):
            if other.type == node.type and other.end_byte - other.start_byte <= _TEXT_LENGTH:
                found.setdefault(self.text(other))
        quote = own[:1]
        more = [quote + inner + quote for inner in ("", " ")] if quote in "\"'" and node.type != "rune_literal" else []
        for text in [*list(found)[:_TEXTS], *more]:
            if text != own:
                yield self.put(node, text, "text", 0.4)
        inner = own[1:-1]
        for text in dict.fromkeys([inner.swapcase(), inner.strip(), f"{inner} ", f" {inner}"]):
            if text != inner and len(inner) <= 3 and (node.type != "rune_literal" or len(text) == len(inner)):
                yield self.put(node, own[0] + text + own[-1], "text", 0.2)
        if node.type == "rune_literal" or len(inner) == 1:
            for step in (1, -1):
                near = chr(ord(inner[-1]) + step)
                if len(inner) == 1 and near.isalnum() and near.isascii():
                    yield self.put(node, own[0] + near + own[-1], "text", 0.4)

    def _identifier(self, node: Node) -> Iterator[Edit]:
        use = self.use(node)
        name = self.text(node)
        if use == "called":
            for other in self.parts.twins.get(name, ()):
                yield self.put(node, other, "function", 1.5)
            for binding in self.visible(node):
                if binding.kind == "function" and binding.name != name:
                    yield self.put(node, binding.name, "function", 0.5)
            return
        if use not in ("read", "written"):
            return
        visible = self.visible(node)
        own = next((binding for binding in visible if binding.name == name), None)
        if own is None and self.is_unknown(node):
            for binding in visible:
                if binding.kind != "function" and not (use == "written" and binding.fixed):
                    yield self.put(node, binding.name, "variable", 3.0 / max(2, len(visible)))
        if own is None or own.kind == "function":
            return
        others = [(b, self.fits(own.kind, b.kind)) for b in visible if b.name != name and not (
            b.kind == "function" or (use == "written" and b.fixed))]  # fmt: skip
        possible = [(binding, fit) for binding, fit in others if fit]
        weight = (1.6 if use == "read" else 0.8) / max(2.0, len(possible) - 1.0)
        for binding, fit in possible:
            yield self.put(node, binding.name, "variable", weight * fit)

    def is_unknown(self, node: Node) -> bool:
        """Whether a name that no function declares is certainly none of a package or of the language."""
        return False

    def use(self, node: Node) -> str:
        """How an identifier is used: read, written, called, or else declared."""
        raise NotImplementedError

    def _call(self, node: Node) -> Iterator[Edit]:
        arguments = node.child_by_field_name("arguments")
        if arguments is None:
            return
        plain = [child for child in arguments.named_children if child.type not in ("comment", "spread_element")]
        for one, two in pairwise(plain):
            if self.fits(self.kind(one), self.kind(two)):
                text = self.text(two) + self.tree.between(one.end_byte, two.start_byte) + self.text(one)
                yield Edit(one.start_byte, two.end_byte, text, "swap_arguments", 1.2, one.start_point[0] + 1)
        yield from self.call(node, plain)

    def call(self, node: Node, arguments: list[Node]) -> Iterator[Edit]:
        """More edits of a call."""
        yield from ()

    def _member(self, node: Node) -> Iterator[Edit]:
        name = node.child_by_field_name(self.parts.member_name)
        owner = node.child_by_field_name(self.parts.member_object)
        if name is None or owner is None:
            return
        own = self.text(name)
        for other in self.parts.twins.get(own, ()):
            yield self.put(name, other, "function", 1.5)
        called = node.parent is not None and node.parent.type == "call_expression" and (
            node.parent.child_by_field_name("function") == node)  # fmt: skip
        if called or owner.type not in ("identifier", "this"):
            return
        found = self._fields().get(self.text(owner), {})
        for other in list(found)[:_ATTRIBUTES]:
            if other != own:
                yield self.put(name, other, "attribute", 0.5)

    def _fields(self) -> dict[str, dict[str, None]]:
        """For each object of the file the fields that are used of it, not as functions."""
        if self._used_fields is None:
            self._used_fields = {}
            for node in walk(self.tree.root):
                if node.type != self.parts.member or node.parent is None:
                    continue
                owner, name = (node.child_by_field_name(part) for part in (
                    self.parts.member_object, self.parts.member_name))  # fmt: skip
                called = node.parent.type == "call_expression" and node.parent.child_by_field_name("function") == node
                if owner is not None and name is not None and not called:
                    self._used_fields.setdefault(self.text(owner), {})[self.text(name)] = None
        return self._used_fields

    def _subscript(self, node: Node) -> Iterator[Edit]:
        index, owner = node.child_by_field_name("index"), node.child_by_field_name(self.parts.subscript_object)
        if index is None or owner is None:
            return
        sized = self.length(self.text(owner))
        if index.type in self.parts.numbers:
            if self.text(index) == "0":
                yield self.put(index, f"{sized} - 1", "index_end", 1.2)
        elif self.kind(index) != "string":
            for step in (" + 1", " - 1"):
                yield self.put(index, self.text(index) + step, "index_step", 1.5)
            if sized in self.text(index):
                yield self.put(index, "0", "index_end", 1.0)
            elif self.is_counted(self.kind(index)):
                yield self.put(index, f"{sized} - 1 - {self.grouped(index)}", "index_end", 0.5)

    def length(self, text: str) -> str:
        """The expression for a sequence's length."""
        raise NotImplementedError

    def _value(self, node: Node) -> Iterator[Edit]:
        """Edits that depend on where an expression stands: negated, one more or less, the other sign."""
        parent = node.parent
        if parent is None or not node.is_named:
            return
        kind = node.type
        if (
            self.is_tested(node)
            and kind not in ("unary_expression", "parenthesized_expression")
            and self.kind(node) in (None, "bool")
        ):
            yield self.put(node, f"!{self.grouped(node)}", "negate", 1.3)
        role = self.place(node)
        if not role:
            return
        counted = kind in ("binary_expression", "call_expression", "identifier", self.parts.subscript,
                           self.parts.member)  # fmt: skip
        if counted and self.is_counted(self.kind(node)):
            weight = 0.7 if kind == "identifier" else 0.6
            for step in (" + 1", " - 1"):
                yield self.put(node, self.grouped(node) + step, "step", weight)
            if role in ("return", "assign"):
                yield self.put(node, f"-{self.grouped(node)}", "sign", 0.4)

    def is_tested(self, node: Node) -> bool:
        """Whether an expression is a condition, or returned as one."""
        parent = node.parent
        if parent is None:
            return False
        if parent.type == "parenthesized_expression":
            return self.is_tested(parent)
        if parent.child_by_field_name("condition") == node:
            return True
        if parent.type == "binary_expression":
            return self.operator(parent) in ("&&", "||")
        returned = self.place(node) == "return"
        return returned and node.type in ("binary_expression", "call_expression", "identifier", self.parts.subscript,
                                          self.parts.member)  # fmt: skip

    def place(self, node: Node) -> str:
        """Where a value goes: return, assign, argument, operand, or empty for anything else."""
        raise NotImplementedError
