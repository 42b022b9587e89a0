"""A Python file's tree, read once: which names are bound to what and where, what is called, what is handed on."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

_STORES = frozenset({"append", "add", "insert", "extend", "appendleft", "put", "update", "setdefault"})


class Scope:
    """Names bound in a module, class or function, each with all that is bound to it."""

    __slots__ = (
        "attributes", "bases", "bound", "kind", "name", "node", "outer", "owner", "returns", "stars", "stored",
        "yields",
    )  # fmt: skip

    def __init__(self, kind: str, node: ast.AST, outer: Scope | None, name: str = "") -> None:
        self.kind, self.node, self.outer, self.name = kind, node, outer, name
        self.bound: dict[str, list[Binding]] = {}
        self.stored: dict[str, list[ast.expr]] = {}
        self.attributes: dict[str, list[tuple[Binding, Scope]]] = {}
        self.bases: list[ast.expr] = []
        self.returns: list[ast.expr] = []
        self.yields: list[ast.expr] = []
        self.stars: list[str] = []
        self.owner = outer if outer is not None and outer.kind == "class" else None

    def bind(self, name: str, binding: Binding) -> None:
        """Note one more thing that is bound to a name."""
        self.bound.setdefault(name, []).append(binding)


@dataclass(frozen=True, slots=True)
class Binding:
    """How a name gets a value: `how` says what `node` is to it; `place` which part of it.

    `end` is the statement's last line if nothing but an error keeps it from being run before what stands below it.
    `body` are the first and last line of a block that is entered by binding the name: a loop's, a with's.
    """

    how: str
    line: int
    node: ast.AST | None = None
    place: tuple[int, ...] = ()
    name: str = ""
    scope: Scope | None = None
    end: int = 0
    body: tuple[int, int] = (0, 0)


@dataclass(slots=True)
class Program:
    """A file's tree, read once: its scopes, its calls, and what else is worth a look."""

    tree: ast.Module
    scope: Scope
    calls: list[tuple[ast.Call, Scope]] = field(default_factory=list)
    loads: list[tuple[ast.expr, Scope, ast.AST]] = field(default_factory=list)
    by_name: dict[str, list[tuple[ast.Call, Scope]]] = field(default_factory=dict)
    handed: dict[str, list[tuple[ast.Call, Scope, int]]] = field(default_factory=dict)
    statements: list[tuple[ast.stmt, Scope]] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)
    nodes: int = 0


#: Keywords by which a function is given to be called.
_CALLED_LATER = frozenset({"target", "func", "function", "fn", "callback", "command"})
_FIELDS: dict[type, tuple[str, ...]] = {}
_LOADS = (ast.Name, ast.Attribute, ast.Subscript)
_YIELDS = (ast.Yield, ast.YieldFrom)  # as a union it would be made anew for each node
_LEAVES = (ast.Constant, ast.expr_context, ast.operator, ast.cmpop, ast.boolop, ast.unaryop)


def read(tree: ast.Module) -> Program:
    """Read a tree without recursion: bindings, calls and loads with the scope they stand in."""
    program = Program(tree, Scope("module", tree, None))
    stack: list[tuple[ast.AST, Scope, ast.AST]] = [(node, program.scope, tree) for node in reversed(tree.body)]
    count = 0
    while stack:
        node, scope, parent = stack.pop()
        count += 1
        kind = node.__class__
        if isinstance(node, _LOADS):
            program.loads.append((node, scope, parent))
            if kind is ast.Name:
                continue
        elif isinstance(node, ast.Call):
            _called(node, scope, program)
        elif isinstance(node, ast.stmt):
            inside = _statement(node, scope, program, stack, node.end_lineno or 0 if parent is scope.node else 0)
            if inside is None:
                continue
        elif isinstance(node, ast.Lambda):
            inner = Scope("function", node, scope, _lambda_name(node, parent))
            parameters(node.args, inner)
            inner.returns.append(node.body)
            stack += [(default, scope, node) for default in _defaults(node.args)]
            stack.append((node.body, inner, node))
            continue
        elif isinstance(node, ast.NamedExpr):
            scope.bind(node.target.id, Binding("value", node.lineno, node.value))
            stack.append((node.value, scope, node))
            continue
        elif isinstance(node, _YIELDS):
            if node.value is not None:
                value = ast.Starred(node.value) if isinstance(node, ast.YieldFrom) else node.value
                _function_of(scope).yields.append(value)
        elif isinstance(node, ast.comprehension):
            _target(node.target, node.iter, scope, "item", node.iter.lineno)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            scope.bind(node.name, Binding("unknown", node.lineno))
        names = _FIELDS.get(kind)
        if names is None:
            names = _FIELDS[kind] = tuple(reversed(kind._fields))
        for name in names:
            child = getattr(node, name, None)
            if child.__class__ is list:
                for each in reversed(child):
                    if isinstance(each, ast.AST) and not isinstance(each, _LEAVES):
                        stack.append((each, scope, node))
            elif isinstance(child, ast.AST) and not isinstance(child, _LEAVES):
                stack.append((child, scope, node))
    program.nodes = count
    return program


def _called(call: ast.Call, scope: Scope, program: Program) -> None:
    """Note a call: by what name, what it puts into a container, and which functions it is handed."""
    program.calls.append((call, scope))
    name = _last_name(call.func)
    if name is not None:
        program.by_name.setdefault(name, []).append((call, scope))
        if name in _STORES and isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
            scope.stored.setdefault(call.func.value.id, []).extend(call.args)
    for position, argument in enumerate(call.args):
        handed = f"lambda {id(argument)}" if isinstance(argument, ast.Lambda) else _last_name(argument)
        if handed is not None:
            program.handed.setdefault(handed, []).append((call, scope, position))
    for word in call.keywords:
        handed = _last_name(word.value) if word.arg in _CALLED_LATER else None
        if handed is not None:
            program.handed.setdefault(handed, []).append((call, scope, -1))


def _last_name(node: ast.expr) -> str | None:
    """``c`` of ``c`` and of ``a.b.c``."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None


def _statement(
    node: ast.stmt, scope: Scope, program: Program, stack: list[tuple[ast.AST, Scope, ast.AST]], end: int
) -> Scope | None:
    """Note what a statement binds. None: its parts are on the stack already, in scopes of their own."""
    line = node.lineno
    if isinstance(node, ast.Assign):
        for target in node.targets:
            _target(target, node.value, scope, "value", line, end)
    elif isinstance(node, ast.AnnAssign):
        if node.value is not None:
            _target(node.target, node.value, scope, "value", line, end)
    elif isinstance(node, ast.AugAssign):
        _target(node.target, node, scope, "grown", line, end)
    elif isinstance(node, ast.For | ast.AsyncFor):
        _target(node.target, node.iter, scope, "item", line, body=_body(node))
        program.statements.append((node, scope))
    elif isinstance(node, ast.With | ast.AsyncWith):
        for item in node.items:
            if item.optional_vars is not None:
                _target(item.optional_vars, item.context_expr, scope, "entered", line, body=_body(node))
    elif isinstance(node, ast.Import):
        for alias in node.names:
            program.imports.append(alias.name)
            if alias.asname:
                scope.bind(alias.asname, Binding("import", line, name=alias.name))
            else:
                top = alias.name.partition(".")[0]
                scope.bind(top, Binding("import", line, name=top))
    elif isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        program.imports.append(module)
        program.imports += [f"{module}.{alias.name}" for alias in node.names]
        for alias in node.names:
            if alias.name == "*":
                scope.stars.append(module)
            else:
                scope.bind(alias.asname or alias.name, Binding("import", line, name=f"{module}.{alias.name}"))
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        inner = Scope("function", node, scope, node.name)
        scope.bind(node.name, Binding("function", line, scope=inner))
        parameters(node.args, inner)
        stack += [(each, inner, node) for each in reversed(node.body)]
        stack += [(each, scope, node) for each in (*_defaults(node.args), *node.decorator_list)]
        return None
    elif isinstance(node, ast.ClassDef):
        inner = Scope("class", node, scope, node.name)
        inner.bases = list(node.bases)
        scope.bind(node.name, Binding("class", line, scope=inner))
        stack += [(each, inner, node) for each in reversed(node.body)]
        stack += [
            (each, scope, node) for each in (*node.bases, *(k.value for k in node.keywords), *node.decorator_list)
        ]
        return None
    elif isinstance(node, ast.Return):
        if node.value is not None:
            _function_of(scope).returns.append(node.value)
    elif isinstance(node, ast.Global):
        for name in node.names:
            scope.bind(name, Binding("global", line, name=name))
    elif isinstance(node, ast.While | ast.Delete):
        program.statements.append((node, scope))
    return scope


def _lambda_name(node: ast.AST, parent: ast.AST) -> str:
    """What a lambda is called by: the name it is assigned to, else one of its own."""
    if isinstance(parent, ast.Assign) and isinstance(parent.targets[0], ast.Name):
        return parent.targets[0].id
    return f"lambda {id(node)}"


def _function_of(scope: Scope) -> Scope:
    while scope.kind == "class" and scope.outer is not None:
        scope = scope.outer
    return scope


def _body(node: ast.For | ast.AsyncFor | ast.With | ast.AsyncWith) -> tuple[int, int]:
    """The lines of a block, if they are other lines than those of its head."""
    head = node.iter if isinstance(node, ast.For | ast.AsyncFor) else node.items[-1].context_expr
    first, last = node.body[0].lineno, node.body[-1].end_lineno or 0
    return (first, last) if first > (head.end_lineno or first) else (0, 0)


def _target(
    target: ast.expr, source: ast.AST, scope: Scope, how: str, line: int, end: int = 0, body: tuple[int, int] = (0, 0)
) -> None:
    """Bind all names of an assignment's left side, however nested."""
    stack: list[tuple[ast.expr, tuple[int, ...]]] = [(target, ())]
    while stack:
        each, place = stack.pop()
        if isinstance(each, ast.Name):
            scope.bind(each.id, Binding(how, line, source, place, end=end, body=body))
        elif isinstance(each, ast.Tuple | ast.List):
            if len(place) < 4:
                stack += [(part, (*place, number)) for number, part in enumerate(each.elts)]
        elif isinstance(each, ast.Starred):
            stack.append((each.value, place))
        elif isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name):
            owner = scope.owner if scope.kind == "function" else None
            if owner is not None and each.value.id in ("self", "cls"):
                owner.attributes.setdefault(each.attr, []).append((Binding(how, line, source, place), scope))
            else:
                scope.stored.setdefault(f"{each.value.id}.{each.attr}", []).extend(
                    [source] if how == "value" and isinstance(source, ast.expr) and not place else []
                )
        elif isinstance(each, ast.Subscript) and isinstance(each.value, ast.Name) and how == "value" and not place:
            scope.stored.setdefault(each.value.id, []).extend([source] if isinstance(source, ast.expr) else [])


def parameters(arguments: ast.arguments, scope: Scope) -> None:
    """Bind the parameters of a function in its scope."""
    position = 0
    for each in (*arguments.posonlyargs, *arguments.args):
        scope.bind(each.arg, Binding("parameter", each.lineno, place=(position,), name=each.arg))
        position += 1
    for each in arguments.kwonlyargs:
        scope.bind(each.arg, Binding("parameter", each.lineno, place=(-1,), name=each.arg))
    if arguments.vararg:
        scope.bind(arguments.vararg.arg, Binding("rest", arguments.vararg.lineno, place=(position,)))
    if arguments.kwarg:
        scope.bind(arguments.kwarg.arg, Binding("caller", arguments.kwarg.lineno))


def _defaults(arguments: ast.arguments) -> list[ast.expr]:
    return [*arguments.defaults, *(each for each in arguments.kw_defaults if each is not None)]


def reaching(bound: list[Binding], line: int) -> list[Binding]:
    """The bindings that may still hold at a line: those above the last one that surely ran before it do not."""
    around = [each for each in bound if each.body[0] <= line <= each.body[1]]
    if around:  # entering the block bound it anew, and only what stands in the block can do so again
        inner = max(around, key=lambda each: each.body[0])
        bound = [each for each in bound if each is inner or inner.body[0] <= each.line <= inner.body[1]]
    last = max((each.line for each in bound if 0 < each.end < line and each.how != "grown"), default=0)
    return [each for each in bound if each.line >= last] if last else bound
