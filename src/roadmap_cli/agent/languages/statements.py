"""Templates on statements, for languages with braces: jumps, returns, guards, order, nesting, conditions, bounds."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from roadmap_cli.agent.code.source import Edit
from roadmap_cli.agent.languages.expressions import Expressions
from roadmap_cli.agent.languages.operators import AUGMENTED
from roadmap_cli.agent.languages.syntax import walk

if TYPE_CHECKING:
    from tree_sitter import Node

_CONDITIONS, _RETURNED, _GUARDS = 12, 6, 8
_LOOPS = ("for_statement", "while_statement", "for_in_statement", "do_statement")
_COMPOUND = ("if_statement", *_LOOPS)
_SIMPLE = ("expression_statement", "assignment_statement", "inc_statement", "dec_statement", "lexical_declaration",
           "short_var_declaration", "variable_declaration")  # fmt: skip
_BINDING = ("lexical_declaration", "short_var_declaration", "variable_declaration", "var_declaration",
            "const_declaration")  # fmt: skip
_JUMPS = ("break_statement", "continue_statement")


class Statements(Expressions):
    """Expressions, and statements."""

    #: What ends a statement, and what stands for none at all.
    stop = ""

    def of(self, node: Node) -> Iterator[Edit]:
        """The edits of one node itself, not of what is in it."""
        yield from super().of(node)
        if node.type in self.parts.functions:
            yield from self._function(node)
        block = self.statements(node)
        if block:
            yield from self._order(node, block)
        if not self.begins(node):
            return
        if node.type == "if_statement":
            yield from self._if(node)
        if node.type in _LOOPS:
            yield from self._loop(node)
        if node.type in ("if_statement", "while_statement", "for_statement"):
            yield from self._condition(node)
        if node.type in _JUMPS:
            for word in ("break", "continue"):
                if not self.text(node).startswith(word):
                    yield self.put(node, word + self.stop, "jump", 1.0)
        if node.type == "return_statement":
            yield from self._return(node)
        if node.type in ("augmented_assignment_expression", "assignment_statement"):
            yield from self._augmented(node)
        yield from self._dropped(node)

    def statements(self, node: Node) -> list[Node]:
        """The statements of a node that is a block; none for anything else."""
        if node.type not in ("statement_block", "statement_list", "program"):
            return []
        return [child for child in node.named_children if child.type != "comment"]

    def block_of(self, node: Node, name: str = "body") -> list[Node]:
        """The statements in a part of a node that is a block in braces."""
        part = node.child_by_field_name(name)
        if part is not None and part.type == "else_clause":
            part = part.named_children[0] if part.named_children else None
        if part is None:
            return []
        inner = next((child for child in part.named_children if child.type == "statement_list"), part)
        return self.statements(inner)

    # -- conditions ------------------------------------------------------------------------------------------------

    def condition_of(self, node: Node) -> Node | None:
        """The condition of an if or a loop, without parentheses around it."""
        found = node.child_by_field_name("condition")
        return self.bare(found) if found is not None and found.is_named else None

    def _condition(self, node: Node) -> Iterator[Edit]:
        test = self.condition_of(node)
        if test is None:
            return
        own = self.text(test)
        if "\n" in own:
            return
        found: dict[str, None] = {}
        for other in walk(self.function_of(node)):
            if other.type == "binary_expression" and self.kind(other) == "bool":
                text = self.text(other)
                if text not in own and "\n" not in text:
                    found.setdefault(text)
        for text in list(found)[:_CONDITIONS]:
            yield self.put(test, f"({own}) && ({text})", "add_condition", 0.35)
            yield self.put(test, f"({own}) || ({text})", "add_condition", 0.35)

    def _if(self, node: Node) -> Iterator[Edit]:
        test = self.condition_of(node)
        then, otherwise = node.child_by_field_name("consequence"), node.child_by_field_name("alternative")
        if test is not None:
            for text in ("true", "false"):
                yield self.put(test, text, "fixed_condition", 0.5)
        if then is None:
            return
        if otherwise is None:
            yield self.put(node, self.nothing(node), "drop_statement", 0.5)
            return
        if otherwise.type == "else_clause" and otherwise.named_children:
            otherwise = otherwise.named_children[0]
        between = self.tree.between(then.end_byte, otherwise.start_byte)
        if otherwise.type == then.type:
            yield Edit(then.start_byte, otherwise.end_byte, self.text(otherwise) + between + self.text(then),
                       "swap_branches", 0.8, node.start_point[0] + 1)  # fmt: skip
        elif otherwise.type == "if_statement":  # else if → if
            yield Edit(then.end_byte, otherwise.start_byte, "\n" + self.tree.indent(node), "elif_if", 0.6,
                       node.start_point[0] + 1)  # fmt: skip
        yield Edit(then.end_byte, node.end_byte, "", "drop_else", 0.4, node.start_point[0] + 1)

    def _loop(self, node: Node) -> Iterator[Edit]:
        yield from ()

    # -- jumps and values ------------------------------------------------------------------------------------------

    def returned(self, node: Node) -> Node | None:
        """What a return statement returns, if it is one value."""
        return node.named_children[0] if node.named_child_count == 1 else None

    def _return(self, node: Node) -> Iterator[Edit]:
        value = self.returned(node)
        if value is None:
            return
        own = self.text(value)
        found: dict[str, Node] = {}
        for other in walk(self.function_of(node)):
            if other.type == "return_statement" and other != node:
                also = self.returned(other)
                if also is not None:
                    found.setdefault(self.text(also), also)
        for text, also in list(found.items())[:_RETURNED]:
            fit = self.fits(self.kind(value), self.kind(also))
            names = {self.text(n) for n in walk(also) if n.type == "identifier" and self.use(n) == "read"}
            bound = {binding.name for binding in self.visible(node)}
            inner = any(b.name in names for b in self.bindings) and not names & bound
            if text != own and fit and not inner:
                yield self.put(value, text, "return_value", 0.6 * fit)
        if value.type in self.parts.numbers or value.type in self.parts.texts or value.type in self.parts.empty:
            names_here = [b for b in self.visible(node) if b.kind != "function"]
            for binding in names_here:
                fit = self.fits(self.kind(value), binding.kind)
                if fit:
                    yield self.put(value, binding.name, "return_value", 0.8 * fit / max(1, len(names_here)))

    def _augmented(self, node: Node) -> Iterator[Edit]:
        operator = next((c for c in node.children if not c.is_named and self.text(c) in AUGMENTED), None)
        if operator is not None:
            for other in AUGMENTED[self.text(operator)]:
                yield self.put(operator, other, "augmented", 1.8 if other[0] in "+-" else 1.0)

    # -- functions -------------------------------------------------------------------------------------------------

    def _function(self, node: Node) -> Iterator[Edit]:
        block = self.block_of(node)
        if not block:
            return
        last = block[-1]
        if self.touches(last):
            yield from self.missing_return(node, last)
        first = block[0]
        if self.begins(first):
            indent = self.tree.indent(first)
            for guard in list(dict.fromkeys(self.guards(node, first)))[:_GUARDS]:
                yield Edit(first.start_byte, first.start_byte, f"{guard}\n{indent}", "guard", 0.3,
                           first.start_point[0] + 1)  # fmt: skip

    def missing_return(self, node: Node, last: Node) -> Iterator[Edit]:
        """A return that is missing at the end."""
        yield from ()

    def guards(self, node: Node, first: Node) -> Iterator[str]:
        """Statements that may be missing at a function's beginning."""
        yield from ()

    # -- order and nesting -----------------------------------------------------------------------------------------

    def _dropped(self, node: Node) -> Iterator[Edit]:
        if node.type in _SIMPLE and node.type not in _BINDING:
            yield self.put(node, self.nothing(node), "drop_statement", 0.6)
        elif node.type in _JUMPS:
            yield self.put(node, self.nothing(node), "drop_statement", 0.8)
        elif node.type == "return_statement" and self.returned_early(node):
            yield self.put(node, self.nothing(node), "drop_statement", 0.3)

    def returned_early(self, node: Node) -> bool:
        """Whether a return is not its function's last statement."""
        block = self.block_of(self.function_of(node))
        return bool(block) and block[-1] != node

    def nothing(self, node: Node) -> str:
        """What stands in a statement's place if it is dropped."""
        parent = node.parent
        braces = parent is not None and parent.type in ("statement_block", "statement_list", "program")
        return "" if braces else self.stop or "{}"

    def _order(self, node: Node, block: list[Node]) -> Iterator[Edit]:
        for one, two in pairwise(block):
            if one.type in _SIMPLE and two.type in _SIMPLE and self.touches_either(one, two):
                if one.type in _BINDING and two.type in _BINDING:
                    continue
                gap = self.tree.between(one.end_byte, two.start_byte)
                yield Edit(one.start_byte, two.end_byte, self.text(two) + gap + self.text(one), "swap_statements",
                           0.5, one.start_point[0] + 1)  # fmt: skip
            if one.type in _COMPOUND and self.touches_either(one, two):
                inside = self.block_of(one, "consequence" if one.type == "if_statement" else "body")
                if one.type == "if_statement" and one.child_by_field_name("alternative") is not None:
                    inside = self.block_of(one, "alternative")
                if inside and two.type not in _BINDING:
                    end = inside[-1].end_byte
                    text = f"\n{self.tree.indent(inside[-1])}{self.text(two)}{self.tree.between(end, one.end_byte)}"
                    yield Edit(end, two.end_byte, text, "move_in", 0.8, two.start_point[0] + 1)
        owner = node.parent
        if node.type == "statement_list" and owner is not None:
            owner = owner.parent
        if owner is not None and owner.type in _COMPOUND and len(block) > 1 and self.begins(block[-1]):
            last = block[-1]
            if last.type not in (*_BINDING, *_JUMPS):
                rest = self.tree.between(last.end_byte, owner.end_byte).lstrip()
                text = f"{rest}\n{self.tree.indent(owner)}{self.text(last)}"
                yield Edit(last.start_byte, owner.end_byte, text, "move_out", 0.9, last.start_point[0] + 1)
        if owner is not None and owner.type == "if_statement" and block and self.begins(block[-1]):
            last = block[-1]
            if last.type not in (*_JUMPS, "return_statement", "throw_statement") and self._in_loop(owner):
                indent = self.tree.indent(last)
                for word, weight in (("break", 0.35), ("continue", 0.3)):
                    yield Edit(last.end_byte, last.end_byte, f"\n{indent}{word}{self.stop}", "add_jump", weight,
                               last.start_point[0] + 1)  # fmt: skip

    def _in_loop(self, node: Node) -> bool:
        here = node.parent
        while here is not None and here.type not in self.parts.functions:
            if here.type in _LOOPS:
                return True
            here = here.parent
        return False

    def touches_either(self, one: Node, two: Node) -> bool:
        """Whether the line that one of two statements begins on is wanted."""
        return self.begins(one) or self.begins(two)
