"""A program read: its tree, its data followed, each use held against the table.

Nothing is imported or run. A file that does not parse, or is nested so deeply that nobody can read it, is ``unknown``.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass, field

from roadmap_cli.agent.scan import capabilities
from roadmap_cli.agent.scan.capabilities import SPECIAL, VERBS, Use
from roadmap_cli.agent.scan.dataflow import Flow, Links
from roadmap_cli.agent.scan.finding import Finding, ordered
from roadmap_cli.agent.scan.judge import Judge, Spot
from roadmap_cli.agent.scan.names import GRAVE_MODULES
from roadmap_cli.agent.scan.places import Ground
from roadmap_cli.agent.scan.program import Program, Scope, read
from roadmap_cli.agent.scan.python.code import code, module, unpickle
from roadmap_cli.agent.scan.python.reaching import Reaching
from roadmap_cli.agent.scan.python.running import argv, shell_line
from roadmap_cli.agent.scan.python.site import Site, last_name, shown
from roadmap_cli.agent.scan.python.special import LOOKS
from roadmap_cli.agent.scan.values import Class, Made, Name, Text, Unknown, Value, flat

SIZE_LIMIT = 1 << 23
#: What calls a function it is given with the arguments behind it.
_CALLERS = frozenset({"map", "filter", "imap", "starmap", "imap_unordered", "map_async", "submit", "apply",
                      "apply_async", "call_soon", "call_soon_threadsafe", "run_in_executor", "to_thread", "register",
                      "schedule",
                      "start_new_thread", "callback", "run_sync"})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found in a text; what it imports; and what it gives to files that import from it."""

    findings: list[Finding]
    imports: tuple[str, ...] = ()
    gives: Links = field(default_factory=Links)


def scan(text: str | bytes, ground: Ground, *, file: str = "", depth: int = 0) -> list[Finding]:
    """The findings of a Python text. `file` is its absolute path, if it has one. Never raises for what stands in it."""
    return look(text, ground, file=file, depth=depth).findings


def look(text: str | bytes, ground: Ground, *, file: str = "", depth: int = 0, links: Links | None = None) -> Looked:
    """The same, with what ties it to the project's other files. `links` is what those give."""
    judge = Judge(ground, scan, [])
    if len(text) > SIZE_LIMIT:
        judge.add("unknown", "medium", "the file is too long to be read", Spot(1, 1, "it"), asks=True)
        return Looked(judge.found)
    source = text if isinstance(text, str) else _decoded(text)
    judge.source = source.splitlines()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
        line = getattr(error, "lineno", None) or 1
        why = getattr(error, "msg", None) or str(error) or type(error).__name__
        judge.add("unknown", "medium", f"the file cannot be read as Python: {why}", Spot(max(1, line), 1, "it"),
                  asks=True)  # fmt: skip
        return Looked(judge.found)
    try:
        program = read(tree)
        flow = Flow(program, file=file, folder=ground.project, loose=depth > 0, links=links)
        Reader(judge, program, flow, depth).work()
        return Looked(
            ordered(judge.found), tuple(program.imports), _gives(judge, program, flow) if not depth else Links()
        )
    except RecursionError:
        judge.add("unknown", "medium", "the file is nested too deeply to be followed", Spot(1, 1, "it"), asks=True)
    return Looked(ordered(judge.found))


def _gives(judge: Judge, program: Program, flow: Flow) -> Links:
    """What a module's functions do to what they are handed, and the paths and addresses its names stand for."""
    uses: dict[str, tuple[Use, ...]] = {}
    for (function, position, name), verb in sorted(judge.given):
        use = Use(verb, position if position >= 0 else None, name)
        uses[function] = (*uses.get(function, ()), use)
    values: dict[str, tuple[Value, ...]] = {}
    for name, bound in program.scope.bound.items():
        if any(binding.how == "value" for binding in bound):
            texts = [
                Text(value.text, value.whole, value.origin, value.is_path)
                for value in flow.lookup(name, program.scope)
                if isinstance(value, Text) and value.text.startswith(("/", "~", "http", ".."))
            ]
            if texts:
                values[name] = tuple(texts)
    return Links(uses, values)


def _decoded(data: bytes) -> str:
    """The text for quoting lines: the coding it declares, else UTF-8 with replacements."""
    found = re.match(rb"(?:[^\n]*\n)?[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", data[:400])
    try:
        return data.decode(found[1].decode() if found else "utf-8", errors="replace")
    except (LookupError, ValueError):
        return data.decode("latin-1")


class Reader:
    """Goes over one program's calls and loads."""

    def __init__(self, judge: Judge, program: Program, flow: Flow, depth: int) -> None:
        self.judge, self.program, self.flow, self.depth = judge, program, flow, depth
        self.aliases, self.carriers = self._aliases()
        self.reaching = Reaching(judge, program, flow)

    def _aliases(self) -> tuple[frozenset[str], frozenset[str]]:
        """Names worth a look when they are called, and those that may carry a function of the outside elsewhere."""
        found: set[str] = set()
        carriers = {"exec", "eval", "compile", "__import__"}
        modules = capabilities.modules() | {name.partition(".")[0] for name in self.flow.links.uses}
        stack = [self.program.scope]
        seen: set[int] = set()
        scopes = {id(scope): scope for _, scope in self.program.calls}
        scopes |= {id(scope): scope for _, scope, _ in self.program.loads}
        stack += scopes.values()
        for scope in stack:
            if id(scope) in seen:
                continue
            seen.add(id(scope))
            for name, bindings in scope.bound.items():
                for binding in bindings:
                    if binding.how == "import":
                        if binding.name.lstrip(".").partition(".")[0] in modules:
                            found.add(name)
                            carriers.add(name)
                    elif binding.how in ("value", "item", "entered", "parameter"):
                        if isinstance(binding.node, ast.Constant | ast.JoinedStr | ast.BinOp | ast.Compare):
                            continue
                        found.add(name)
                        if isinstance(binding.node, ast.Name | ast.Attribute | ast.Subscript | ast.IfExp):
                            carriers.add(name)
        return frozenset(found), frozenset(carriers)

    def work(self) -> None:
        """Judge every call, then what is handed on or reached in other ways."""
        methods = capabilities.method_names()
        if self.flow.links.uses:
            methods |= {name.rpartition(".")[2] for name in self.flow.links.uses}
        aliases, reaching = self.aliases, self.reaching
        for call, scope in self.program.calls:
            function = call.func
            if isinstance(function, ast.Name):
                if function.id not in aliases and function.id not in methods:
                    continue
            elif isinstance(function, ast.Attribute) and not (
                function.attr in methods or reaching.from_import(function)
            ):
                continue
            for value in self.flow.of(function, scope):
                self._called(value, call, scope)
        for name, entries in self.program.handed.items():
            if name in methods or name in self.carriers:
                for call, scope, position in entries:
                    self._called_by_others(call, scope, position)
        for node, scope, parent in self.program.loads:
            if isinstance(node, ast.Name):
                if node.id in self.carriers:
                    reaching.handed_on(node, scope, parent)
            elif isinstance(node, ast.Attribute):
                reaching.reached(node, scope, parent)
            else:
                reaching.looked_up(node, scope, parent)
        for statement, scope in self.program.statements:
            if isinstance(statement, ast.For | ast.AsyncFor):
                for known in self.flow.names(statement.iter, scope) if isinstance(statement.iter, ast.Name) else ():
                    if known.name == "os.environ":
                        self.judge.plain("environment", reaching.spot(statement.iter, "os.environ"))
        if self.flow.exhausted:
            self.judge.add("unknown", "medium", "the file is too involved to be followed", Spot(1, 1, "it"), asks=True)

    def _called(self, value: Value, call: ast.Call, scope: Scope) -> None:
        if isinstance(value, Name):
            spot = self.reaching.spot(call, shown(value.name), value)
            special = SPECIAL.get(value.name)
            if special is not None:
                LOOKS[special](self._site(value, call, scope, spot))
                return
            for use in self._uses(value.name):
                self._use(use, self._site(value, call, scope, spot))
        elif isinstance(value, Made):
            self._made_called(value, call, scope)
        elif isinstance(value, Unknown) and value.origin == "dynamic":
            self.judge.add("unknown", "high", "calls something chosen when it runs",
                           self.reaching.spot(call, "it", value), asks=True)  # fmt: skip
        elif isinstance(value, Class):
            self._class_made(value, call, scope)

    def _uses(self, name: str) -> tuple[Use, ...]:
        """What calling a name does: by the table, or by another file of the project."""
        return capabilities.uses(name) or self.flow.links.uses.get(name.lstrip("."), ())

    def _class_made(self, value: Class, call: ast.Call, scope: Scope) -> None:
        """An object of a class of this file that is one of the table's: socketserver.TCPServer made one's own."""
        for base in value.scope.bases[:4]:
            for name in self.flow.names(base, value.scope.outer or scope):
                if SPECIAL.get(name.name) is None:
                    for use in capabilities.uses(name.name):
                        self._use(use, self._site(name, call, scope, self.reaching.spot(call, shown(name.name), name)))

    def _made_called(self, value: Made, call: ast.Call, scope: Scope) -> None:
        spot = self.reaching.spot(call, shown(value.name), value)
        if value.name == "functools.partial" and value.call.args:
            partial = value.call
            merged = _instead(
                call, partial.args[0], [*partial.args[1:], *call.args], [*partial.keywords, *call.keywords]
            )
            for inner in self.flow.of(value.call.args[0], value.scope):
                if isinstance(inner, Name):
                    self._called(inner, merged, value.scope)
        elif value.name == "operator.methodcaller" and value.call.args and call.args:
            key = self.flow.constant(value.call.args[0], value.scope)
            for base in self.flow.of(call.args[0], scope):
                if isinstance(key, str):
                    inner_call = _instead(call, call.func, value.call.args[1:], value.call.keywords)
                    for found in self.flow.attribute(base, key):
                        if isinstance(found, Name):
                            self._called(found, inner_call, value.scope)
                elif isinstance(base, Name) and base.name in GRAVE_MODULES:
                    self.judge.add("unknown", "high", f"calls a method of {base.name} chosen when it runs", spot,
                                   asks=True)  # fmt: skip
        elif value.name in ("types.FunctionType", "builtins.compile"):
            self.judge.plain("foreign_code", spot)

    def _site(self, value: Name, call: ast.Call, scope: Scope, spot: Spot) -> Site:
        return Site(value, call, scope, spot, self.flow, self.judge, self.depth)

    def _use(self, use: Use, site: Site) -> None:
        verb = capabilities.LOOSE.get(use.verb, use.verb)
        known = VERBS[verb]
        if use.verb == "temporary":
            return
        if known.takes == "nothing" or (use.position is None and use.keyword is None and not use.on_self):
            if verb == "unpickle":
                unpickle(site)
            else:
                self.judge.plain(verb, site.spot)
            return
        values = site.argument(use)
        if values is None and verb in ("list", "connect", "run", "code", "delete", "clear", "shell", "read"):
            values = (Text(self.judge.ground.project),) if verb == "list" else (Unknown(),)
        if values is None:
            return
        match known.takes:
            case "path":
                self.judge.paths(verb, flat(values), site.spot)
            case "host":
                self.judge.hosts(verb, [v for each in values for v in self._asked(each)], site.spot)
            case "shell":
                shell_line(site, values)
            case "argv":
                argv(site, values, verb)
            case "variable":
                self.judge.variables(verb, values, site.spot)
            case "code":
                code(site, values, verb)
            case "module":
                module(site, values)

    def _asked(self, value: Value) -> tuple[Value, ...]:
        """What a request that was made before is for."""
        if isinstance(value, Made) and value.name.endswith(".Request") and value.call.args:
            at = 1 if value.name.startswith(("requests", "httpx")) and len(value.call.args) > 1 else 0
            return self.flow.of(value.call.args[at], value.scope) or (Unknown(),)
        return (value,)

    def _called_by_others(self, call: ast.Call, scope: Scope, position: int) -> None:
        """A function given to map, Thread, submit and their like: judged as the call they make of it."""
        callee = last_name(call.func)
        words = {word.arg: word.value for word in call.keywords}
        if position < 0:
            node = next((words[name] for name in ("target", "func", "function", "fn") if name in words), None)
        else:
            node = call.args[position]
        arguments: list[ast.expr] | None = None
        given = words.get("args")
        if given is not None:
            arguments = list(given.elts) if isinstance(given, ast.Tuple | ast.List) else [given]
        elif callee in _CALLERS and position >= 0:
            arguments = list(call.args[position + 1 :])
            if callee in ("apply", "apply_async") and arguments and isinstance(arguments[0], ast.Tuple | ast.List):
                arguments = list(arguments[0].elts)
        if node is None or arguments is None:
            return
        for value in self.flow.of(node, scope):
            if isinstance(value, Name) and (self._uses(value.name) or value.name in SPECIAL):
                made = _instead(call, node, arguments, [])
                self._called(value, made, scope)


def _instead(call: ast.Call, function: ast.expr, arguments: list[ast.expr], keywords: list[ast.keyword]) -> ast.Call:
    """The call that is made in the end, standing where the one that leads to it does."""
    return ast.copy_location(ast.Call(function, arguments, keywords), call)
