"""What a Python file is able to do: its tree is read, its data followed, each use held against the table.

Nothing is imported or run. A file that does not parse, or is nested so deeply that nobody can read it, is ``unknown``.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from roadmap_cli.agent.scan import capabilities, shell
from roadmap_cli.agent.scan.capabilities import SPECIAL, VERBS, Use
from roadmap_cli.agent.scan.dataflow import GRAVE_MODULES, Flow, Links
from roadmap_cli.agent.scan.finding import Finding, ordered
from roadmap_cli.agent.scan.judge import Judge, Spot, through
from roadmap_cli.agent.scan.places import Ground
from roadmap_cli.agent.scan.program import Program, Scope, read
from roadmap_cli.agent.scan.values import Class, Const, Function, Made, Name, Sequence, Text, Unknown, Value, flat

NESTED, SIZE_LIMIT = 4, 1 << 23
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
#: What calls a function it is given with the arguments behind it.
_CALLERS = frozenset({"map", "filter", "imap", "starmap", "imap_unordered", "map_async", "submit", "apply",
                      "apply_async", "call_soon", "call_soon_threadsafe", "run_in_executor", "to_thread", "register",
                      "schedule",
                      "start_new_thread", "callback", "run_sync"})  # fmt: skip
_LOOKS_ONLY = frozenset({"isinstance", "issubclass", "hasattr", "callable", "type", "print", "repr", "id", "wraps",
                         "signature", "patch", "getdoc", "len", "assertIs", "assertIsInstance"})  # fmt: skip


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
        judge.add(
            "unknown", "medium", f"the file cannot be read as Python: {why}", Spot(max(1, line), 1, "it"), asks=True
        )
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
        aliases = self.aliases
        for call, scope in self.program.calls:
            function = call.func
            if isinstance(function, ast.Name):
                if function.id not in aliases and function.id not in methods:
                    continue
            elif isinstance(function, ast.Attribute) and not (function.attr in methods or self._from_import(function)):
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
                    self._handed_on(node, scope, parent)
            elif isinstance(node, ast.Attribute):
                self._reached(node, scope, parent)
            else:
                self._looked_up(node, scope, parent)
        for statement, scope in self.program.statements:
            if isinstance(statement, ast.For | ast.AsyncFor):
                for known in self.flow.names(statement.iter, scope) if isinstance(statement.iter, ast.Name) else ():
                    if known.name == "os.environ":
                        self.judge.plain("environment", self._spot(statement.iter, "os.environ"))
        if self.flow.exhausted:
            self.judge.add("unknown", "medium", "the file is too involved to be followed", Spot(1, 1, "it"), asks=True)

    def _from_import(self, node: ast.expr) -> bool:
        """Whether a dotted name begins with something imported, or is reached through a call or a subscript."""
        while isinstance(node, ast.Attribute):
            node = node.value
        if isinstance(node, ast.Name):
            bound = self.program.scope.bound.get(node.id)
            return bound is not None and any(binding.how == "import" for binding in bound)
        return isinstance(node, ast.Call | ast.Subscript)

    def _spot(self, node: ast.expr, name: str, value: Value | None = None) -> Spot:
        column = node.col_offset
        text = self.judge.source[node.lineno - 1] if node.lineno <= len(self.judge.source) else ""
        if not text.isascii():  # the tree counts bytes
            column = len(text.encode(errors="replace")[:column].decode(errors="ignore"))
        trail = value.trail if value is not None else ()
        return Spot(node.lineno, column + 1, name, trail, end_line=node.end_lineno)

    # -- calls ---------------------------------------------------------------------------------------------------------

    def _called(self, value: Value, call: ast.Call, scope: Scope) -> None:
        if isinstance(value, Name):
            spot = self._spot(call, _shown(value.name), value)
            special = SPECIAL.get(value.name)
            if special is not None:
                getattr(self, f"_{special}")(value, call, scope, spot)
                return
            for use in self._uses(value.name):
                self._use(use, value, call, scope, spot)
        elif isinstance(value, Made):
            self._made_called(value, call, scope)
        elif isinstance(value, Unknown) and value.origin == "dynamic":
            self.judge.add(
                "unknown", "high", "calls something chosen when it runs", self._spot(call, "it", value), asks=True
            )
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
                        self._use(use, name, call, scope, self._spot(call, _shown(name.name), name))

    def _made_called(self, value: Made, call: ast.Call, scope: Scope) -> None:
        spot = self._spot(call, _shown(value.name), value)
        if value.name == "functools.partial" and value.call.args:
            merged = ast.Call(value.call.args[0], [*value.call.args[1:], *call.args], [*value.call.keywords,
                *call.keywords],
                              lineno=call.lineno, col_offset=call.col_offset, end_lineno=call.end_lineno,
                              end_col_offset=call.end_col_offset)  # fmt: skip
            for inner in self.flow.of(value.call.args[0], value.scope):
                if isinstance(inner, Name):
                    self._called(inner, merged, value.scope)
        elif value.name == "operator.methodcaller" and value.call.args and call.args:
            key = self.flow.constant(value.call.args[0], value.scope)
            for base in self.flow.of(call.args[0], scope):
                if isinstance(key, str):
                    inner_call = ast.Call(call.func, value.call.args[1:], value.call.keywords, lineno=call.lineno,
                                          col_offset=call.col_offset, end_lineno=call.end_lineno,
                                          end_col_offset=call.end_col_offset)  # fmt: skip
                    for found in self.flow.attribute(base, key):
                        if isinstance(found, Name):
                            self._called(found, inner_call, value.scope)
                elif isinstance(base, Name) and base.name in GRAVE_MODULES:
                    self.judge.add(
                        "unknown", "high", f"calls a method of {base.name} chosen when it runs", spot, asks=True
                    )
        elif value.name in ("types.FunctionType", "builtins.compile"):
            self.judge.plain("foreign_code", spot)

    def _argument(self, use: Use, value: Name, call: ast.Call, scope: Scope) -> tuple[Value, ...] | None:
        """What a use is about; None if it is not given."""
        if use.on_self:
            return (value.base,) if value.base is not None else (Unknown(),)
        if use.position is not None and use.position < len(call.args):
            before = call.args[: use.position + 1]
            if any(isinstance(each, ast.Starred) for each in before):
                return (Unknown(),)
            return self.flow.of(call.args[use.position], scope) or (Unknown(),)
        for word in call.keywords:
            if word.arg is None:
                return (Unknown(),)
            if use.keyword is not None and word.arg == use.keyword:
                return self.flow.of(word.value, scope) or (Unknown(),)
        if use.position == 0 and len(call.keywords) == 1 and not call.args:
            return self.flow.of(call.keywords[0].value, scope) or (Unknown(),)
        return None

    def _use(self, use: Use, value: Name, call: ast.Call, scope: Scope, spot: Spot) -> None:
        verb = capabilities.LOOSE.get(use.verb, use.verb)
        known = VERBS[verb]
        if use.verb == "temporary":
            return
        if known.takes == "nothing" or (use.position is None and use.keyword is None and not use.on_self):
            if verb == "unpickle":
                self._unpickle(value, call, scope, spot)
            else:
                self.judge.plain(verb, spot)
            return
        values = self._argument(use, value, call, scope)
        if values is None and verb in ("list", "connect", "run", "code", "delete", "clear", "shell", "read"):
            values = (Text(self.judge.ground.project),) if verb == "list" else (Unknown(),)
        if values is None:
            return
        match known.takes:
            case "path":
                self.judge.paths(verb, flat(values), spot)
            case "host":
                self.judge.hosts(verb, [v for each in values for v in self._asked(each)], spot)
            case "shell":
                self._shell(values, spot)
            case "argv":
                self._argv(values, spot, verb, call, scope)
            case "variable":
                self.judge.variables(verb, values, spot)
            case "code":
                self._code(values, spot, verb, call, scope)
            case "module":
                self._module(values, spot)

    def _asked(self, value: Value) -> tuple[Value, ...]:
        """What a request that was made before is for."""
        if isinstance(value, Made) and value.name.endswith(".Request") and value.call.args:
            at = 1 if value.name.startswith(("requests", "httpx")) and len(value.call.args) > 1 else 0
            return self.flow.of(value.call.args[at], value.scope) or (Unknown(),)
        return (value,)

    # -- programs --------------------------------------------------------------------------------------------------

    def _shell(self, values: Iterable[Value], spot: Spot) -> None:
        for value in flat(values):
            if isinstance(value, Const):
                value = _as_text(value)
            if isinstance(value, Text) and value.text.strip():
                first = value.text.split()[0]
                self.judge.program(first, spot, trail=value.trail, verb="shell",
                                   line=value.text.strip() if value.whole else f"{value.text.strip()}…")  # fmt: skip
                shell.run_text(self.judge, value, spot, self.depth)
            else:
                origin = value.origin if isinstance(value, Text | Unknown) else "unknown"
                self.judge.program(None, spot, trail=value.trail, origin=origin, verb="shell")

    def _argv(self, values: Iterable[Value], spot: Spot, verb: str, call: ast.Call, scope: Scope) -> None:
        """A program and its arguments: a list of words, or the program alone."""
        told = False
        for value in values:
            if isinstance(value, Sequence) and value.items:
                words = [[_as_text(v) for v in item] for item in value.items]
            elif isinstance(value, Text) and value.text:
                words = [[value]]
                position = next((n for n, a in enumerate(call.args) if value in self.flow.of(a, scope)), 0)
                words += [[_as_text(v) for v in self.flow.of(a, scope)] for a in call.args[position + 1 :]]
                if len(value.text.split()) > 1 and value.whole:
                    words = [[Text(word)] for word in value.text.split()]
            elif isinstance(value, Const):
                continue
            else:
                told = True
                origin = value.origin if isinstance(value, Unknown) else "unknown"
                self.judge.program(None, spot, trail=value.trail, origin=origin)
                continue
            told = True
            first = words[0][0] if words[0] else Unknown()
            line = " ".join(w[0].text if w and isinstance(w[0], Text) and w[0].whole else "…" for w in words)
            if isinstance(first, Text) and first.whole:
                self.judge.program(first.text, spot, trail=(*value.trail, *first.trail), verb=verb, line=line)
            else:
                self.judge.program(None, spot, trail=value.trail, origin=getattr(first, "origin", "unknown"), verb=verb)
            if isinstance(first, Text) and first.whole and self.depth < NESTED:
                at = replace(spot, trail=(*spot.trail, *value.trail, *first.trail))

                def work(inner: Judge, words: list[list[Value]] = words) -> None:
                    shell.run_words(inner, words, replace(spot, name=spot.name), self.depth + 1)

                self.judge.found += [
                    f for f in through(self.judge, "the command", work, at) if f.capability not in ("process",)
                ]
        if not told:
            self.judge.program(None, spot)

    def _subprocess(self, value: Name, call: ast.Call, scope: Scope, spot: Spot) -> None:
        words = {word.arg: word.value for word in call.keywords}
        wants_shell = words.get("shell")
        known = self.flow.constant(wants_shell, scope) if wants_shell is not None else False
        values = self._argument(Use("run", 0, "args"), value, call, scope) or (Unknown(),)
        if known is False or (known is None and wants_shell is None):
            self._argv(values, spot, "run", call, scope)
            return
        self._shell([each for each in values if not isinstance(each, Sequence)]
                    + [v for each in values if isinstance(each, Sequence) and each.items for v in each.items[0]],
                        spot)  # fmt: skip

    # -- files ---------------------------------------------------------------------------------------------------------

    def _mode(self, call: ast.Call, scope: Scope, position: int, default: str = "r") -> str:
        words = {word.arg: word.value for word in call.keywords}
        node = call.args[position] if len(call.args) > position else words.get("mode")
        if node is None:
            return default
        texts = self.flow.texts(node, scope)
        return "".join(text.text for text in texts) if texts else default

    def _open(self, value: Name, call: ast.Call, scope: Scope, spot: Spot) -> None:
        mode = self._mode(call, scope, 1)
        values = self._argument(Use("read", 0, "file"), value, call, scope)
        if values is None:
            values = self._argument(Use("read", 0, "filename"), value, call, scope)
        self._opened(values or (Unknown(),), mode, spot)

    def _opened(self, values: Iterable[Value], mode: str, spot: Spot) -> None:
        writes = any(letter in mode for letter in "wax+")
        several = flat(values)
        if writes:
            self.judge.paths("write", several, spot)
        if not writes or "+" in mode:
            self.judge.paths("read", several, spot)

    def _path_open(self, value: Name, call: ast.Call, scope: Scope, spot: Spot) -> None:
        base = value.base if value.base is not None else Unknown()
        self._opened([base], self._mode(call, scope, 0), spot)

    def _os_open(self, value: Name, call: ast.Call, scope: Scope, spot: Spot) -> None:
        flags = ast.unparse(call.args[1]) if len(call.args) > 1 else ""
        writes = any(word in flags for word in ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"))
        values = self._argument(Use("read", 0, "path"), value, call, scope) or (Unknown(),)
        self.judge.paths("write" if writes else "read", flat(values), spot)

    def _archive(self, value: Name, call: ast.Call, scope: Scope, spot: Spot) -> None:
        self._opened(self._argument(Use("read", 0, "name"), value, call, scope) or (Unknown(),),
                     self._mode(call, scope, 1), spot)  # fmt: skip

    def _database(self, value: Name, call: ast.Call, scope: Scope, spot: Spot) -> None:
        values = self._argument(Use("write", 0, "database"), value, call, scope) or (Unknown(),)
        self.judge.paths(
            "write", [v for v in flat(values) if not (isinstance(v, Text) and v.text.startswith(":memory:"))], spot
        )

    def _fetch(self, value: Name, call: ast.Call, scope: Scope, spot: Spot) -> None:
        values = self._argument(Use("read", 0, "filepath_or_buffer"), value, call, scope) or (Unknown(),)
        self.judge.paths("read", flat(values), spot)

    def _browser(self, value: Name, call: ast.Call, scope: Scope, spot: Spot) -> None:
        self.judge.hosts("connect", self._argument(Use("connect", 0, "url"), value, call, scope) or (Unknown(),), spot)

    def _numpy(self, value: Name, call: ast.Call, scope: Scope, spot: Spot) -> None:
        words = {word.arg: word.value for word in call.keywords}
        if self.flow.constant(words.get("allow_pickle"), scope) is True:
            self.judge.plain("unpickle", spot)
        self.judge.paths("read", flat(self._argument(Use("read", 0, "file"), value, call, scope) or (Unknown(),)), spot)

    def _nothing(self, value: Name, call: ast.Call, scope: Scope, spot: Spot) -> None:
        """Harmless, though its name looks like another."""

    # -- the network ---------------------------------------------------------------------------------------------------

    def _socket(self, value: Name, call: ast.Call, scope: Scope, spot: Spot) -> None:
        family = ast.unparse(call.args[0]) if call.args else ""
        if "AF_PACKET" in family or (len(call.args) > 1 and "SOCK_RAW" in ast.unparse(call.args[1])):
            self.judge.plain("sniff", spot)
        else:
            self.judge.plain("socket", spot)

    # -- texts that are read as something else ------------------------------------------------------------------------

    def _template(self, value: Name, call: ast.Call, scope: Scope, spot: Spot) -> None:
        """A template is code: one that a person types, or that reaches into objects, asks."""
        for each in self._argument(Use("code", 0, "source"), value, call, scope) or (Unknown(),):
            reaches = isinstance(each, Text) and ("__" in each.text or ("mako" in value.name and "<%" in each.text))
            typed = isinstance(each, Text | Unknown) and each.origin in ("input", "decoded")
            if reaches or typed:
                what = "reaches into objects" if reaches else "is made when it runs"
                self.judge.add("unknown", "high", f"{spot.name} fills in a template that {what}", spot, asks=True,
                               access="code", trail=each.trail)  # fmt: skip

    def _xml(self, value: Name, call: ast.Call, scope: Scope, spot: Spot) -> None:
        """XML with an entity of its own reads what that names."""
        values = flat(self._argument(Use("read", 0, "source"), value, call, scope) or (Unknown(),))
        for each in map(_as_text, values):
            entity = re.search(r"<!ENTITY[^>]*?SYSTEM\s*[\"']([^\"']+)", each.text) if isinstance(each, Text) else None
            if entity:
                self.judge.paths("read", [Text(entity[1], trail=each.trail)], spot)
            elif value.name.endswith(".parse"):
                self.judge.paths("read", [each], spot)

    # -- code that is made -----------------------------------------------------------------------------------------

    def _code(
        self, values: Iterable[Value], spot: Spot, verb: str, call: ast.Call, scope: Scope, level: int = 0
    ) -> None:
        """exec, eval, compile: a known text is scanned itself; anything else is unknown."""
        words = VERBS[verb].words
        if verb == "compile" and self._only_parses(call):
            return
        for value in values:
            value = _as_text(value)
            if isinstance(value, Function):
                continue  # timeit of a function
            if (
                isinstance(value, Made)
                and value.name in ("builtins.compile", "ast.parse", "textwrap.indent")
                and value.call.args
                and level < 4
            ):
                inner = self.flow.of(value.call.args[0], value.scope) or (Unknown(),)
                self._code(inner, spot, verb, call, scope, level + 1)
                continue
            own = self._own_file(value)
            if own is not None:
                self.judge.add("unknown", "low", f"{spot.name} {words} of the project's own {own}", spot, asks=False,
                    target=own,
                               scope="project", access=verb)  # fmt: skip
                continue
            if isinstance(value, Text) and value.whole and self.depth < NESTED:
                self._nested(value, spot, verb)
                continue
            origin = value.origin if isinstance(value, Text | Unknown) else "unknown"
            chooser = {"caller": "the caller gives", "input": "a person types", "decoded": "is decoded when it runs"}
            asks = verb == "code" or origin == "decoded"  # what is only compiled does nothing yet
            self.judge.add("unknown", "high" if asks else "low",
                           f"{spot.name} {words} that {chooser.get(origin, 'is made when it runs')}", spot, asks=asks,
                           access=verb, trail=value.trail)  # fmt: skip

    def _only_parses(self, call: ast.Call) -> bool:
        flags = call.args[3] if len(call.args) > 3 else next((w.value for w in call.keywords if w.arg == "flags"), None)
        return flags is not None and "ONLY_AST" in ast.unparse(flags)

    def _own_file(self, value: Value) -> str | None:
        """The project's own file that a text was read from, if it was."""
        if not isinstance(value, Made):
            return None
        name = value.name
        base: ast.expr | None = None
        if name.endswith((".read", ".read_text", ".read_bytes")) and isinstance(value.call.func, ast.Attribute):
            base = value.call.func.value
        if base is None:
            return None
        for inner in self.flow.of(base, value.scope):
            if isinstance(inner, Text) and inner.is_path:
                found: list[Value] = [inner]
            elif isinstance(inner, Made) and inner.call.args:
                found = list(self.flow.of(inner.call.args[0], inner.scope))
            else:
                return None
            for path in found:
                if not isinstance(path, Text) or not path.whole or self.judge.ground.scope(path.text) != "project":
                    return None
            return found[0].text if found and isinstance(found[0], Text) else None
        return None

    def _nested(self, value: Text, spot: Spot, verb: str) -> None:
        found: list[Finding] = []

        def work(inner: Judge) -> None:
            text = value.text.strip()  # eval does the same
            if _fails(text):
                return
            inner.found += scan(text, self.judge.ground, depth=self.depth + 1)
            found.extend(inner.found)

        inside = through(self.judge, "the code", work, replace(spot, trail=(*spot.trail, *value.trail)))
        self.judge.found += inside
        if not any(each.asks for each in found):
            self.judge.add("unknown", "low", f"{spot.name} {VERBS[verb].words} that stands in the file", spot,
                asks=False,
                           access=verb, trail=value.trail)  # fmt: skip

    def _module(self, values: Iterable[Value], spot: Spot) -> None:
        for value in values:
            if isinstance(value, Text) and value.whole:
                continue
            prefix = value.text if isinstance(value, Text) else ""
            if prefix.startswith(".") or "." in prefix:
                self.judge.add("unknown", "low", f"{spot.name} loads a module below {prefix}", spot, asks=False,
                    access="import",
                               target=prefix, trail=value.trail)  # fmt: skip
                continue
            origin = value.origin if isinstance(value, Text | Unknown) else "unknown"
            self.judge.add("unknown", "high" if origin == "decoded" else "medium",
                           f"{spot.name} loads a module chosen when it runs", spot, asks=True, confidence="medium",
                           access="import", trail=value.trail)  # fmt: skip

    def _unpickle(self, value: Name, call: ast.Call, scope: Scope, spot: Spot) -> None:
        """Data that run code when they are read, unless this file made them itself a moment before."""
        words = {word.arg: word.value for word in call.keywords}
        if value.name == "torch.load" and self.flow.constant(words.get("weights_only"), scope) is True:
            return
        given = self.flow.of(call.args[0], scope) if call.args else ()
        own = bool(given) and all(isinstance(v, Made) and v.name.endswith((".dumps", ".dump")) for v in given)
        tampered = any(
            name.startswith("__reduce") or name == "__setstate__" for each in self._classes() for name in each.bound
        )
        if own and not tampered:
            self.judge.add("unknown", "low", f"{spot.name} reads back what the file itself wrote", spot, asks=False,
                           access="unpickle")  # fmt: skip
            return
        self.judge.plain("unpickle", spot)

    def _classes(self) -> list[Scope]:
        found: list[Scope] = []
        seen: set[int] = set()
        for _, scope in self.program.calls:
            here: Scope | None = scope
            while here is not None and id(here) not in seen:
                seen.add(id(here))
                if here.kind == "class":
                    found.append(here)
                found += [b.scope for several in here.bound.values() for b in several if b.how == "class" and b.scope]
                here = here.outer
        return found

    def _yaml(self, value: Name, call: ast.Call, scope: Scope, spot: Spot) -> None:
        loader = (
            call.args[1] if len(call.args) > 1 else next((w.value for w in call.keywords if w.arg == "Loader"), None)
        )
        name = ast.unparse(loader) if loader is not None else ""
        if "Safe" not in name and "Base" not in name:
            self.judge.plain("unpickle", spot)

    # -- reaching things in other ways -----------------------------------------------------------------------------

    def _getattr(self, value: Name, call: ast.Call, scope: Scope, spot: Spot) -> None:
        if len(call.args) < 2:
            return
        for base in self.flow.of(call.args[0], scope):
            if not isinstance(base, Name) or base.name not in GRAVE_MODULES:
                continue
            for key in self.flow.of(call.args[1], scope) or (Unknown(),):
                if not isinstance(key, Text) or not key.whole:  # if it is called, that asks
                    hidden = getattr(key, "origin", "") == "decoded"
                    self.judge.add("unknown", "high" if hidden else "low",
                                   f"takes something of {base.name} by a name made when it runs", spot, asks=hidden,
                                   access="getattr", trail=key.trail)  # fmt: skip
                elif capabilities.grave(f"{base.name}.{key.text}"):
                    use = capabilities.uses(f"{base.name}.{key.text}")
                    verb = VERBS[use[0].verb] if use else VERBS["run"]
                    self.judge.add(verb.capability, verb.severity, f"takes {base.name}.{key.text} by its name", spot,
                                   asks=True, access="getattr", trail=key.trail)  # fmt: skip

    def _setattr(self, value: Name, call: ast.Call, scope: Scope, spot: Spot) -> None:
        """Setting is no use of anything."""

    def _handed_on(self, node: ast.expr, scope: Scope, parent: ast.AST) -> None:
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
            name = _last(parent.func)
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
                self.judge.add(verb.capability, verb.severity, f"hands on {_shown(value.name)}, which {verb.words}",
                               self._spot(node, value.name, value), asks=verb.asks, confidence="medium",
                               access="handed_on")  # fmt: skip

    def _called_by_others(self, call: ast.Call, scope: Scope, position: int) -> None:
        """A function given to map, Thread, submit and their like: judged as the call they make of it."""
        callee = _last(call.func)
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
                made = ast.Call(node, arguments, [], lineno=call.lineno, col_offset=call.col_offset,
                                end_lineno=call.end_lineno, end_col_offset=call.end_col_offset)  # fmt: skip
                self._called(value, made, scope)

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
            self.judge.plain("environment", self._spot(node, "os.environ"))

    def _reached(self, node: ast.Attribute, scope: Scope, parent: ast.AST) -> None:
        """Attributes that lead elsewhere: ladders to all classes, global tables, the environment as a whole."""
        attribute = node.attr
        if attribute in _LADDER:
            if attribute == "__subclasses__" and self._on_ladder(node.value):
                self.judge.add("unknown", "high", "reaches all loaded classes from an object", self._spot(node,
                    "it"), asks=True,
                               access="ladder")  # fmt: skip
            return
        if attribute == "environ" and isinstance(parent, ast.Call | ast.FormattedValue):
            if any(name.name == "os.environ" for name in self.flow.names(node, scope)):
                if isinstance(parent, ast.Call):
                    self._environ_given(parent, node)
                else:
                    self.judge.plain("environment", self._spot(node, "os.environ"))
            return
        if attribute in ("items", "values") and isinstance(parent, ast.Call) and parent.func is node:
            if isinstance(node.value, ast.Name | ast.Attribute) and any(
                name.name == "os.environ" for name in self.flow.names(node.value, scope)
            ):
                self.judge.add("environment", "medium", f"os.environ.{attribute} reads the whole environment",
                               self._spot(node, "os.environ"), asks=True, confidence="medium",
                                   access="environment")  # fmt: skip
            return
        if isinstance(parent, _GIVES) and attribute in capabilities.method_names() and self._from_import(node):
            self._handed_on(node, scope, parent)

    def _on_ladder(self, node: ast.expr) -> bool:
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

    def _looked_up(self, node: ast.expr, scope: Scope, parent: ast.AST) -> None:
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
                self.judge.variables("variable", values, self._spot(node, "os.environ"))
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
                    self.judge.add("unknown", "high", f"takes {key.text} out of {name}", self._spot(node, "it"),
                        asks=True,
                                   access="ladder")  # fmt: skip
                elif not known and (name == "__builtins__" or (bases & GRAVE_MODULES)):
                    self.judge.add("unknown", "high", f"takes something out of {name} by a name made when it runs",
                                   self._spot(node, "it"), asks=True, access="ladder")  # fmt: skip


def _fails(text: str) -> bool:
    """Whether a text is no Python at all: running it raises SyntaxError and does nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError:
        return True
    except (ValueError, RecursionError, MemoryError, OverflowError):
        return False  # too much for us, not for another interpreter
    return False


def _last(node: ast.expr) -> str:
    """The last part of a name: what a call is known by."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _as_text(value: Value) -> Value:
    if isinstance(value, Const) and isinstance(value.value, bytes):
        return Text(value.value.decode(errors="replace"), trail=value.trail)
    if isinstance(value, Const) and isinstance(value.value, int | float) and not isinstance(value.value, bool):
        return Text(str(value.value), trail=value.trail)
    return value


def _shown(name: str) -> str:
    return name.removeprefix("builtins.")
