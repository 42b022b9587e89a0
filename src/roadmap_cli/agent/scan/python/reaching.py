"""What is reached without a call of its name: functions handed on, ladders to all classes, tables of names."""

from __future__ import annotations

import ast

from roadmap_cli.agent.scan import capabilities
from roadmap_cli.agent.scan.capabilities import VERBS
from roadmap_cli.agent.scan.dataflow import Flow
from roadmap_cli.agent.scan.judge import Judge, Spot
from roadmap_cli.agent.scan.names import GRAVE_MODULES
from roadmap_cli.agent.scan.program import Program, Scope
from roadmap_cli.agent.scan.python.site import last_name, shown
from roadmap_cli.agent.scan.values import Name, Text, Unknown, Value

#: Attributes that lead from any object to everything that is loaded.
_LADDER = frozenset({"__subclasses__", "__bases__", "__base__", "__mro__", "mro"})
_DANGEROUS = frozenset({"os", "sys", "subprocess", "builtins", "__builtins__", "shutil", "socket", "ctypes",
    "importlib",
                        "posix", "pty", "eval", "exec", "compile", "open", "__import__", "system",
                        "popen"})  # fmt: skip
_HANDS_ON = (
    ast.Call,
    ast.keyword,
    ast.Return,
    ast.Tuple,
    ast.List,
    ast.Dict,
    ast.Set,
    ast.Lambda,
    ast.Yield,
    ast.Starred,
)
_GIVES = (*_HANDS_ON, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign)
_LOOKS_ONLY = frozenset({"isinstance", "issubclass", "hasattr", "callable", "type", "print", "repr", "id", "wraps",
                         "signature", "patch", "getdoc", "len", "assertIs", "assertIsInstance"})  # fmt: skip


class Reaching:
    """Looks at what a program loads."""

    def __init__(self, judge: Judge, program: Program, flow: Flow) -> None:
        self.judge, self.program, self.flow = judge, program, flow

    def spot(self, node: ast.expr, name: str, value: Value | None = None) -> Spot:
        """Where a node stands, in characters."""
        column = node.col_offset
        text = self.judge.source[node.lineno - 1] if node.lineno <= len(self.judge.source) else ""
        if not text.isascii():  # the tree counts bytes
            column = len(text.encode(errors="replace")[:column].decode(errors="ignore"))
        trail = value.trail if value is not None else ()
        return Spot(node.lineno, column + 1, name, trail, end_line=node.end_lineno)

    def from_import(self, node: ast.expr) -> bool:
        """Whether a dotted name begins with something imported, or is reached through a call or a subscript."""
        while isinstance(node, ast.Attribute):
            node = node.value
        if isinstance(node, ast.Name):
            bound = self.program.scope.bound.get(node.id)
            return bound is not None and any(binding.how == "import" for binding in bound)
        return isinstance(node, ast.Call | ast.Subscript)

    def handed_on(self, node: ast.expr, scope: Scope, parent: ast.AST) -> None:
        """A grave function given to somebody else, who may call it: a decorator, a method by assignment, too."""
        decorates = isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and any(
            node is each for each in parent.decorator_list
        )
        becomes = isinstance(parent, ast.Assign) and any(
            isinstance(each, ast.Name) and each.id.startswith("__") for each in parent.targets
        )
        if not (isinstance(parent, _HANDS_ON) or decorates or becomes) or (
            isinstance(parent, ast.Call) and parent.func is node
        ):
            return
        if isinstance(parent, ast.Call):
            name = last_name(parent.func)
            if name in _LOOKS_ONLY or name == "getattr":
                return
        for value in self.flow.of(node, scope):
            if not isinstance(value, Name):
                continue
            if value.name == "os.environ" and isinstance(parent, ast.Call):
                self._environ_given(parent, node)
            elif capabilities.grave(value.name) and value.base is None:
                uses = capabilities.uses(value.name)
                verb = VERBS[uses[0].verb] if uses else VERBS["run"]
                self.judge.add(verb.capability, verb.severity, f"hands on {shown(value.name)}, which {verb.words}",
                               self.spot(node, value.name, value), asks=verb.asks, confidence="medium",
                               access="handed_on")  # fmt: skip

    def _environ_given(self, parent: ast.Call, node: ast.expr) -> None:
        callee = parent.func
        name = callee.id if isinstance(callee, ast.Name) else getattr(callee, "attr", "")
        if name in (
            "print",
            "pprint",
            "dumps",
            "dump",
            "str",
            "repr",
            "write",
            "post",
            "send",
            "sendall",
            "urlencode",
            "items",
        ):
            self.judge.plain("environment", self.spot(node, "os.environ"))

    def reached(self, node: ast.Attribute, scope: Scope, parent: ast.AST) -> None:
        """Attributes that lead elsewhere: ladders to all classes, global tables, the environment as a whole."""
        attribute = node.attr
        if attribute in _LADDER:
            if attribute == "__subclasses__" and _on_ladder(node.value):
                self.judge.add("unknown", "high", "reaches all loaded classes from an object", self.spot(node, "it"),
                               asks=True, access="ladder")  # fmt: skip
            return
        if attribute == "environ" and isinstance(parent, ast.Call | ast.FormattedValue):
            if any(name.name == "os.environ" for name in self.flow.names(node, scope)):
                if isinstance(parent, ast.Call):
                    self._environ_given(parent, node)
                else:
                    self.judge.plain("environment", self.spot(node, "os.environ"))
            return
        if attribute in ("items", "values") and isinstance(parent, ast.Call) and parent.func is node:
            if isinstance(node.value, ast.Name | ast.Attribute) and any(
                name.name == "os.environ" for name in self.flow.names(node.value, scope)
            ):
                self.judge.add("environment", "medium", f"os.environ.{attribute} reads the whole environment",
                               self.spot(node, "os.environ"), asks=True, confidence="medium",
                               access="environment")  # fmt: skip
            return
        if isinstance(parent, _GIVES) and attribute in capabilities.method_names() and self.from_import(node):
            self.handed_on(node, scope, parent)

    def looked_up(self, node: ast.expr, scope: Scope, parent: ast.AST) -> None:
        """Subscripts of global tables, and variables of the environment."""
        assert isinstance(node, ast.Subscript)
        holder = node.value
        name = holder.attr if isinstance(holder, ast.Attribute) else holder.id if isinstance(holder, ast.Name) else ""
        if isinstance(holder, ast.Call):
            called = holder.func
            name = called.id if isinstance(called, ast.Name) else ""
        if name in ("environ", "environb") and isinstance(node.ctx, ast.Load):
            if any(each.name == "os.environ" for each in self.flow.names(holder, scope)):
                values = self.flow.of(node.slice, scope)
                self.judge.variables("variable", values, self.spot(node, "os.environ"))
        elif name in ("__globals__", "__builtins__", "__dict__", "globals", "vars", "locals", "modules", "f_globals"):
            if not isinstance(node.ctx, ast.Load):
                return
            keys = self.flow.of(node.slice, scope)
            bases = {each.name for each in self.flow.names(holder, scope)}
            for key in keys or (Unknown(),):
                known = isinstance(key, Text) and key.whole
                if (
                    name in ("__globals__", "__builtins__")
                    and known
                    and isinstance(key, Text)
                    and key.text in _DANGEROUS
                ):
                    self.judge.add("unknown", "high", f"takes {key.text} out of {name}", self.spot(node, "it"),
                                   asks=True, access="ladder")  # fmt: skip
                elif not known and (name == "__builtins__" or (bases & GRAVE_MODULES)):
                    self.judge.add("unknown", "high", f"takes something out of {name} by a name made when it runs",
                                   self.spot(node, "it"), asks=True, access="ladder")  # fmt: skip


def _on_ladder(node: ast.expr) -> bool:
    """Whether an expression climbs from an object to its base classes."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute) and inner.attr in (
            "__bases__",
            "__base__",
            "__mro__",
            "mro",
            "__class__",
        ):
            return True
        if isinstance(inner, ast.Name) and inner.id == "object":
            return True
    return False
