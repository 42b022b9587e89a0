"""A call of something of the outside, and what is needed to tell what it does."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from roadmap_cli.agent.scan.capabilities import Use
from roadmap_cli.agent.scan.dataflow import Flow
from roadmap_cli.agent.scan.judge import Judge, Spot
from roadmap_cli.agent.scan.program import Scope
from roadmap_cli.agent.scan.values import Const, Name, Text, Unknown, Value


@dataclass(slots=True)
class Site:
    """A place in a program where `value` is called; `depth` is how deeply the program is nested in another text."""

    value: Name
    call: ast.Call
    scope: Scope
    spot: Spot
    flow: Flow
    judge: Judge
    depth: int

    @property
    def keywords(self) -> dict[str | None, ast.expr]:
        """The arguments given by name."""
        return {word.arg: word.value for word in self.call.keywords}

    def argument(self, use: Use) -> tuple[Value, ...] | None:
        """What a use is about; None if it is not given."""
        if use.on_self:
            return (self.value.base,) if self.value.base is not None else (Unknown(),)
        if use.position is not None and use.position < len(self.call.args):
            before = self.call.args[: use.position + 1]
            if any(isinstance(each, ast.Starred) for each in before):
                return (Unknown(),)
            return self.flow.of(self.call.args[use.position], self.scope) or (Unknown(),)
        for word in self.call.keywords:
            if word.arg is None:
                return (Unknown(),)
            if use.keyword is not None and word.arg == use.keyword:
                return self.flow.of(word.value, self.scope) or (Unknown(),)
        if use.position == 0 and len(self.call.keywords) == 1 and not self.call.args:
            return self.flow.of(self.call.keywords[0].value, self.scope) or (Unknown(),)
        return None

    def about(self, position: int, keyword: str) -> tuple[Value, ...]:
        """What an argument may be, by its position or name; unknown if it is not given."""
        return self.argument(Use("read", position, keyword)) or (Unknown(),)

    def mode(self, position: int, default: str = "r") -> str:
        """How a file is opened: all that the mode may be, letter by letter."""
        node = self.call.args[position] if len(self.call.args) > position else self.keywords.get("mode")
        if node is None:
            return default
        texts = self.flow.texts(node, self.scope)
        return "".join(text.text for text in texts) if texts else default


def as_text(value: Value) -> Value:
    """Bytes and numbers as texts, for what takes any of them."""
    if isinstance(value, Const) and isinstance(value.value, bytes):
        return Text(value.value.decode(errors="replace"), trail=value.trail)
    if isinstance(value, Const) and isinstance(value.value, int | float) and not isinstance(value.value, bool):
        return Text(str(value.value), trail=value.trail)
    return value


def shown(name: str) -> str:
    """A name as it is written."""
    return name.removeprefix("builtins.")


def last_name(node: ast.expr) -> str:
    """The last part of a name: what a call is known by."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
