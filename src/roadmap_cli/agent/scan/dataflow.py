"""What an expression of a Python file may stand for: names through aliases, texts through the functions that make them.

Every assignment to a name counts, whatever the order (flow-insensitive); parameters get what the file's own calls
hand in; texts are folded where all is known and keep their known beginning where not. The work is bounded: an
expression has at most `WIDTH` values, and when the steps are used up all that is left is not known.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import islice

from roadmap_cli.agent.scan import capabilities, folding
from roadmap_cli.agent.scan.arguments import CALLS, handed_in, handed_in_for
from roadmap_cli.agent.scan.names import BUILTINS, GRAVE_MODULES, OWN_MODULES, REAL_PARTS, canonical_name
from roadmap_cli.agent.scan.program import Binding, Program, Scope, parameters, reaching
from roadmap_cli.agent.scan.values import (
    NOT_KNOWN,
    WIDTH,
    Class,
    Const,
    Function,
    Instance,
    Made,
    Mapping,
    Name,
    Sequence,
    Text,
    Unknown,
    Value,
    Values,
    at_key,
    flat,
    merged,
    origin_of,
    part_of,
    passed,
)

DEPTH = 36
#: Steps for one question, and for a whole file: its size, and something besides.
FUEL, STEPS_A_NODE, STEPS = 2_000, 12, 5_000


@dataclass(frozen=True, slots=True)
class Links:
    """What other files of the project give to those that import from them, by names spelled out from modules.

    `uses` are functions that do something to what they are handed, `values` the texts that names stand for.
    """

    uses: dict[str, tuple[capabilities.Use, ...]] = field(default_factory=dict)
    values: dict[str, Values] = field(default_factory=dict)


class Flow:
    """Evaluates expressions of one program. `file` is its absolute path, `folder` the working directory."""

    def __init__(
        self, program: Program, *, file: str = "", folder: str = "", loose: bool = False, links: Links | None = None
    ) -> None:
        self.program, self.file, self.folder, self.loose = program, file, folder, loose
        self.links = links or Links()
        self.steps = STEPS_A_NODE * program.nodes + STEPS
        self.exhausted = False
        self._known: dict[int, Values] = {}
        self._working: set[object] = set()
        self._overlay: dict[str, Values] = {}
        self._parameter: dict[tuple[int, str], Values] = {}
        self._argued: dict[tuple[int, str], Values] = {}
        self._meanwhile: dict[int, Values] = {}
        self._cuts, self._fuel = 0, FUEL

    # -- expressions -------------------------------------------------------------------------------------------------

    def of(self, node: ast.AST | None, scope: Scope, depth: int = 0) -> Values:
        """All that an expression may stand for; empty for one that refers to itself."""
        if node is None:
            return ()
        key = id(node)
        if not self._overlay:
            known = self._known.get(key) or self._meanwhile.get(key)
            if known is not None:
                return known
            if not self._working:
                self._fuel = FUEL
        if depth > DEPTH or self._fuel < 0:
            return NOT_KNOWN
        self.steps -= 1
        self._fuel -= 1
        if self.steps < 0:
            self.exhausted = True
            return NOT_KNOWN
        if key in self._working:
            self._cuts += 1
            return ()
        work = _EVALUATE.get(node.__class__)
        if work is None:
            return NOT_KNOWN
        self._working.add(key)
        cuts = self._cuts
        try:
            found = merged(work(self, node, scope, depth + 1))
        finally:
            self._working.discard(key)
        if not self._overlay:
            if cuts == self._cuts:
                self._known[key] = found  # nothing of it was left out because it was being worked on
            elif self._working:
                self._meanwhile[key] = found
            else:
                self._known[key] = found
                self._meanwhile.clear()
                self._argued.clear()
        return found

    def names(self, node: ast.AST, scope: Scope) -> list[Name]:
        """The names of the outside that an expression may stand for."""
        return [value for value in self.of(node, scope) if isinstance(value, Name)]

    def texts(self, node: ast.AST | None, scope: Scope) -> list[Text]:
        """The texts among its values, those in lists included."""
        return [value for value in flat(self.of(node, scope)) if isinstance(value, Text)]

    def constant(self, node: ast.AST | None, scope: Scope) -> object:
        """The one constant an expression stands for; None if it has several or none."""
        found = self.of(node, scope)
        if len(found) == 1 and isinstance(found[0], Const):
            return found[0].value
        if len(found) == 1 and isinstance(found[0], Text) and found[0].whole:
            return found[0].text
        return None

    def _name(self, node: ast.Name, scope: Scope, depth: int) -> Iterable[Value]:
        return self.lookup(node.id, scope, depth, node.lineno)

    def lookup(self, name: str, scope: Scope, depth: int = 0, line: int = 0) -> Values:
        """What a name may stand for where it is used: at a line of its own scope, what was bound to it last."""
        if name in self._overlay:
            return self._overlay[name]
        where: Scope | None = scope
        while where is not None:
            if name in where.bound and (where is scope or where.kind != "class"):
                bound = where.bound[name]
                if bound[0].how == "global" and where.kind != "module":
                    inner = [self._bound(each, where, depth) for each in bound[1:]]
                    return tuple(v for each in inner for v in each) + self.lookup(name, self.program.scope, depth)
                if line and where is scope and len(bound) > 1:
                    bound = reaching(bound, line)
                if any(binding.how == "grown" for binding in bound):
                    return self._grown(bound, where, depth, line if where is scope else 0)
                found: list[Value] = []
                for binding in bound:
                    found += self._bound(binding, where, depth)
                    if len(found) >= WIDTH:
                        break
                return merged(found)
            where = where.outer
        if name == "__file__":
            return (Text(self.file, bool(self.file)),)
        if name == "__name__":
            return (Text("__main__", False, "unknown"),)
        for star in self.program.scope.stars:
            if capabilities.uses(f"{star}.{name}") or f"{star}.{name}" in capabilities.SPECIAL:
                return (Name(f"{star}.{name}"),)
        if name == "__builtins__":
            return (Name("builtins"),)
        if name in BUILTINS:
            return (Name(f"builtins.{name}"),)
        if self.loose and name in capabilities.modules():
            return (Name(name),)
        return NOT_KNOWN

    def _grown(self, bound: list[Binding], scope: Scope, depth: int, line: int) -> Values:
        """A name with ``+=``: step by step where each surely ran once, else a text whose end is not known."""
        first = [each for each in bound if each.how != "grown"]
        steps = [each for each in bound if each.how == "grown" and isinstance(each.node, ast.AugAssign)]
        values = merged(value for each in first for value in self._bound(each, scope, depth))
        if line and len(first) == 1 and first[0].end and all(each.end for each in steps):
            for each in steps:
                assert isinstance(each.node, ast.AugAssign)
                if each.end < line:
                    others = self.of(each.node.value, scope, depth)
                    values = merged(folding.binary(a, b, each.node.op) for a in values for b in others)
            return passed(values, line) if values else NOT_KNOWN
        found: list[Value] = [
            Text(value.text, False, "unknown", value.is_path, trail=value.trail) if isinstance(value, Text) else value
            for value in values
        ]
        for each in steps:
            found += [value for value in self._bound(each, scope, depth) if not isinstance(value, Text | Const)]
        return merged(found) or NOT_KNOWN

    def _bound(self, binding: Binding, scope: Scope, depth: int) -> Iterable[Value]:
        how = binding.how
        if how == "import":
            linked = self.links.values.get(binding.name.lstrip("."))
            if linked:
                return passed(linked, binding.line)
            return (Name(canonical_name(binding.name), trail=(binding.line,)),)
        if how == "function" and binding.scope is not None:
            return (Function(binding.scope, trail=(binding.line,)),)
        if how == "class" and binding.scope is not None:
            return (Class(binding.scope, trail=(binding.line,)),)
        if how == "parameter":
            return self._argument(scope, binding, depth)
        if how == "rest":
            return (Sequence((self._argument(scope, binding, depth),)),)
        if how in ("caller", "unknown") or binding.node is None:
            return (Unknown("caller" if how == "caller" else "unknown"),)
        if how == "grown":
            node = binding.node
            assert isinstance(node, ast.AugAssign)
            added = self.of(node.value, scope, depth)
            return passed((Unknown() if isinstance(v, Text | Const) else v for v in added), binding.line)
        found = self.of(binding.node, scope, depth)
        if how == "item":
            found = merged(value for each in found for value in self.items_of(each))
        for number in binding.place:
            found = merged(value for each in found for value in part_of(each, number))
        return passed(found, binding.line)

    def _argument(self, scope: Scope, binding: Binding, depth: int) -> Values:
        """What the calls in this file hand in for a parameter; the caller's choice if there are none."""
        key = (id(scope), binding.name)
        known = self._parameter.get(key) or self._argued.get(key)
        if known is not None:
            return known
        if key in self._working:
            self._cuts += 1
            return ()
        self._working.add(key)
        cuts = self._cuts
        try:
            found = handed_in_for(self, self.program, scope, binding, depth)
        finally:
            self._working.discard(key)
        if not self._overlay:
            (self._parameter if cuts == self._cuts else self._argued)[key] = found
        return found

    def _attribute(self, node: ast.Attribute, scope: Scope, depth: int) -> Iterable[Value]:
        found: list[Value] = []
        if isinstance(node.value, ast.Name):
            for stored in self._stored(f"{node.value.id}.{node.attr}", scope):
                found += self.of(stored, scope, depth)
        for base in self.of(node.value, scope, depth):
            found += self.attribute(base, node.attr, depth)
        return found or NOT_KNOWN

    def _stored(self, name: str, scope: Scope) -> list[ast.expr]:
        found: list[ast.expr] = []
        where: Scope | None = scope
        while where is not None:
            found += where.stored.get(name, ())
            where = where.outer
        return found[:WIDTH]

    def attribute(self, base: Value, name: str, depth: int = 0) -> Iterable[Value]:
        """What an attribute of a value may stand for."""
        if name == "__builtins__":
            return (Name("builtins", trail=base.trail),)
        if name in ("__globals__", "f_globals", "f_builtins", "gi_frame"):
            return (Name("<globals>", trail=base.trail),)
        if isinstance(base, Name):
            if name == "__dict__" or (base.name == "<globals>" and name in ("get", "pop", "setdefault")):
                return (Name(base.name if name == "__dict__" else "<globals>.get", base.base, trail=base.trail),)
            if name in ("__getattribute__", "__getattr__"):
                return (Name("object.__getattribute__", base, trail=base.trail),)
            if name == "__call__":
                return (base,)
            bare, whole = name.lstrip("_"), f"{base.name}.{name}"
            if name == "__self__" and base.name.startswith("builtins."):
                return (Name("builtins", trail=base.trail),)
            if bare in OWN_MODULES and whole not in REAL_PARTS and base.name not in (bare, "builtins", "<globals>"):
                return (Name(bare, trail=base.trail),)
            linked = self.links.values.get(whole.lstrip("."))
            if linked:
                return linked
            value = folding.CONSTANTS.get(whole)
            if value is not None:
                return (Text(value, whole not in folding.ROUGHLY, trail=base.trail),)
            if whole == "sys.argv":
                return (Unknown("caller", trail=base.trail),)
            return (Name(canonical_name(whole), trail=base.trail),)
        if isinstance(base, Text):
            if base.is_path and name in folding.PATH_PARTS:
                return folding.path_part(base, name)
            if name in ("path", "name") and base.origin == "entry":
                return (replace(base, is_path=False),)
            return (Name(("pathlib.Path." if base.is_path else "str.") + name, base, trail=base.trail),)
        if isinstance(base, Const):
            return (Name(f"{type(base.value).__name__}.{name}", base, trail=base.trail),)
        if isinstance(base, Made):
            if base.name.startswith("tempfile.") and name == "name":
                return (Text("/tmp/", False, "unknown", trail=base.trail),)
            if base.name.endswith((".parse_args", ".parse_known_args")):
                return (Unknown("caller", trail=base.trail),)
            return (Name(canonical_name(f"{base.name}.{name}"), base, trail=base.trail),)
        if isinstance(base, Instance | Class):
            return self._member(base, name, depth)
        if isinstance(base, Sequence):
            return (Name(f"list.{name}", base, trail=base.trail),)
        if isinstance(base, Mapping):
            return (Name(f"dict.{name}", base, trail=base.trail),)
        if isinstance(base, Unknown):
            return (Unknown(base.origin, trail=base.trail),)
        return NOT_KNOWN

    def _member(self, base: Instance | Class, name: str, depth: int) -> Iterable[Value]:
        found: list[Value] = []
        scope = base.scope
        for binding, where in scope.attributes.get(name, ())[:WIDTH]:
            found += self._bound(binding, where, depth)
        for binding in scope.bound.get(name, ())[:WIDTH]:
            found += self._bound(binding, scope, depth)
        found += self._field(scope, name, depth)
        if not found:
            for expression in scope.bases[:4]:
                for value in self.of(expression, scope.outer or scope, depth):
                    if isinstance(value, Class) and value.scope is not scope:
                        found += self._member(value, name, depth + 1) if depth < DEPTH else ()
                    elif isinstance(value, Name):
                        found.append(Name(f"{value.name}.{name}", base))
        return found or NOT_KNOWN

    def _field(self, scope: Scope, name: str, depth: int) -> Iterable[Value]:
        """A declared field (dataclass, NamedTuple): what the calls of the class hand in for it."""
        if not isinstance(scope.node, ast.ClassDef):
            return
        declared = [
            each.target.id
            for each in scope.node.body
            if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
        ]
        if name in declared:
            for call, where in self.program.by_name.get(scope.name, ())[:CALLS]:
                yield from handed_in(self, call.args, call.keywords, declared.index(name), name, where, depth)

    def _subscript(self, node: ast.Subscript, scope: Scope, depth: int) -> Iterable[Value]:
        found: list[Value] = []
        index = node.slice
        if isinstance(node.value, ast.Name):
            for stored in self._stored(node.value.id, scope):
                found += self.of(stored, scope, depth)
        keys = () if isinstance(index, ast.Slice) else self.of(index, scope, depth)
        for base in self.of(node.value, scope, depth):
            if isinstance(index, ast.Slice):
                found += folding.sliced(base, [self.constant(p, scope) for p in (index.lower, index.upper, index.step)])
            elif isinstance(base, Name) and base.name in ("sys.modules", "<globals>", "builtins.globals"):
                found += self._global(base, keys, depth)
            elif isinstance(base, Name) and base.name == "os.environ":
                found += folding.variable(keys)
            elif isinstance(base, Name):  # vars(os)['system'], os.__dict__['system']
                for key in keys:
                    if isinstance(key, Text) and key.whole:
                        found += self.attribute(base, key.text, depth)
                    else:
                        is_grave = base.name in GRAVE_MODULES
                        found.append(Unknown("dynamic" if is_grave else origin_of(key), trail=base.trail))
            else:
                for key in keys or (Unknown(),):
                    found += at_key(base, key)
        return found or NOT_KNOWN

    def _global(self, base: Name, keys: Iterable[Value], depth: int) -> Iterable[Value]:
        """Something taken from a table of modules or of global names by its name."""
        for key in keys:
            if not isinstance(key, Text) or not key.whole:
                is_grave = base.name in GRAVE_MODULES or origin_of(key) == "decoded"
                yield Unknown("dynamic" if is_grave else "unknown", trail=base.trail)
            elif base.name == "sys.modules":
                yield Name(canonical_name(key.text), trail=base.trail)
            elif key.text == "__builtins__":
                yield Name("builtins", trail=base.trail)
            elif key.text in self.program.scope.bound:
                yield from self.lookup(key.text, self.program.scope, depth)
            elif key.text in BUILTINS:
                yield Name(f"builtins.{key.text}", trail=base.trail)
            else:
                yield Name(canonical_name(key.text), trail=base.trail)

    # -- calls -------------------------------------------------------------------------------------------------------

    def _call(self, node: ast.Call, scope: Scope, depth: int) -> Iterable[Value]:
        found: list[Value] = []
        for value in self.of(node.func, scope, depth):
            found += self._called(value, node, scope, depth)
        return passed(found, node.lineno) if found else ()

    def _called(self, value: Value, node: ast.Call, scope: Scope, depth: int) -> Iterable[Value]:
        if isinstance(value, Name):
            special = self._special(value, node, scope, depth)
            if special is not None:
                return special
            return folding.call(self, value, node, scope, depth)
        if isinstance(value, Function):
            inside = value.scope
            found: list[Value] = []
            for returned in inside.returns[:WIDTH]:
                found += self.of(returned, inside, depth)
            if inside.yields:
                items: list[Values] = []
                for given in inside.yields[:WIDTH]:
                    got = self.of(given.value if isinstance(given, ast.Starred) else given, inside, depth)
                    several = merged(v for one in got for v in self.items_of(one))
                    items.append(several if isinstance(given, ast.Starred) else got)
                found.append(Sequence(tuple(items)))
            return found or NOT_KNOWN
        if isinstance(value, Class):
            return (Instance(value.scope, trail=value.trail),)
        if isinstance(value, Made) and value.name in ("operator.attrgetter", "operator.methodcaller"):
            return self._getter(value, node, scope, depth)
        if isinstance(value, Made) and value.name == "functools.partial" and value.call.args:
            inner: list[Value] = []
            for each in self.of(value.call.args[0], value.scope, depth):
                inner += self._called(each, value.call, value.scope, depth + 1) if depth < DEPTH else ()
            return inner
        if isinstance(value, Unknown):
            return (Unknown(value.origin if value.origin in ("caller", "input", "decoded") else "unknown"),)
        return NOT_KNOWN

    def _getter(self, value: Made, node: ast.Call, scope: Scope, depth: int) -> Iterable[Value]:
        for key in self.of(value.call.args[0], value.scope, depth) if value.call.args else ():
            for base in self.of(node.args[0], scope, depth) if node.args else ():
                found: Iterable[Value] = (base,)
                if isinstance(key, Text) and key.whole:
                    for part in key.text.split("."):
                        found = [v for each in found for v in self.attribute(each, part, depth)]
                    yield from found
                else:
                    yield Unknown(
                        "dynamic" if isinstance(base, Name) and base.name in GRAVE_MODULES else origin_of(key)
                    )

    def _special(self, value: Name, node: ast.Call, scope: Scope, depth: int) -> Iterable[Value] | None:
        """Calls that give a module, an attribute or a table of names."""
        name = value.name
        if name in ("builtins.__import__", "importlib.import_module", "importlib.__import__"):
            return [
                Name(canonical_name(key.text), trail=key.trail) if isinstance(key,
                    Text) and key.whole else Unknown(origin_of(key))
                for key in self.of(node.args[0], scope, depth)
            ] if node.args else NOT_KNOWN  # fmt: skip
        if name in ("builtins.getattr", "object.__getattribute__", "builtins.object.__getattribute__"):
            arguments = node.args if value.base is None or name == "builtins.getattr" else [None, *node.args]
            if len(arguments) < 2:
                return NOT_KNOWN
            bases = (value.base,) if arguments[0] is None and value.base else self.of(arguments[0], scope, depth)
            found: list[Value] = []
            for key in self.of(arguments[1], scope, depth):
                for base in bases:
                    if isinstance(key, Text) and key.whole:
                        found += self.attribute(base, key.text, depth)
                    else:
                        is_grave = isinstance(base, Name) and base.name in GRAVE_MODULES
                        found.append(Unknown("dynamic" if is_grave else origin_of(key)))
            return found
        if name == "builtins.vars" and node.args:
            return [each for each in self.of(node.args[0], scope, depth) if isinstance(each, Name)] or NOT_KNOWN
        if name in ("builtins.globals", "builtins.locals", "builtins.vars"):
            return (Name("<globals>"),)
        if name in ("<globals>.get", "sys.modules.get") and node.args:
            base = Name("sys.modules" if name.startswith("sys") else "<globals>")
            return list(self._global(base, self.of(node.args[0], scope, depth), depth))
        return None

    def items_of(self, value: Value) -> Iterable[Value]:
        """The elements of what is iterated over."""
        if isinstance(value, Sequence):
            return list(islice((each for item in value.items for each in item), WIDTH * 4))
        if isinstance(value, Mapping):
            return [key for key, _ in value.items[: WIDTH * 4] if key is not None]
        if isinstance(value, Text):
            return folding.items(value)
        if isinstance(value, Made):
            return folding.made_items(self, value)
        if isinstance(value, Unknown):
            return (value,)
        return NOT_KNOWN

    # -- operators ---------------------------------------------------------------------------------------------------

    def _constant(self, node: ast.Constant, scope: Scope, depth: int) -> Iterable[Value]:
        value = node.value
        return (Text(value),) if isinstance(value, str) else (Const(value),)

    def _binary(self, node: ast.BinOp, scope: Scope, depth: int) -> Iterable[Value]:
        right_parts: list[tuple[ast.operator, ast.expr]] = []
        left: ast.expr = node
        while isinstance(left, ast.BinOp):  # a long sum leans to the left: no recursion along it
            right_parts.append((left.op, left.right))
            left = left.left
        found = self.of(left, scope, depth)
        for operator, right in reversed(right_parts):
            others = self.of(right, scope, depth)
            found = merged(folding.binary(a, b, operator) for a in found for b in others)
        return found

    def _formatted(self, node: ast.JoinedStr, scope: Scope, depth: int) -> Iterable[Value]:
        found: Values = (Text(""),)
        for part in node.values:
            inner = part.value if isinstance(part, ast.FormattedValue) else part
            others = self.of(inner, scope, depth)
            if isinstance(part, ast.FormattedValue) and part.format_spec is not None:
                others = tuple(Unknown() if not isinstance(o, Text) else replace(o, whole=False) for o in others)
            found = merged(folding.joined(a, b) for a in found for b in others) or NOT_KNOWN
        return found

    def _either(self, node: ast.AST, scope: Scope, depth: int) -> Iterable[Value]:
        parts: list[ast.expr] = (
            list(node.values) if isinstance(node, ast.BoolOp) else [node.body, node.orelse]  # type: ignore[attr-defined]
        )
        return [value for part in parts[:WIDTH] for value in self.of(part, scope, depth)]

    def _sequence(self, node: ast.AST, scope: Scope, depth: int) -> Iterable[Value]:
        elements: list[ast.expr] = node.elts  # type: ignore[attr-defined]
        items: list[Values] = []
        for each in elements[:512]:
            if isinstance(each, ast.Starred):
                for value in self.of(each.value, scope, depth):
                    items += value.items if isinstance(value, Sequence) else [NOT_KNOWN]
            else:
                items.append(self.of(each, scope, depth))
        return (Sequence(tuple(items)),)

    def _mapping(self, node: ast.Dict, scope: Scope, depth: int) -> Iterable[Value]:
        items: list[tuple[Value | None, Values]] = []
        for key, value in list(zip(node.keys, node.values, strict=True))[:512]:
            keys = self.of(key, scope, depth) if key is not None else ()
            items.append((keys[0] if len(keys) == 1 else None, self.of(value, scope, depth)))
        return (Mapping(tuple(items)),)

    def _comprehension(self, node: ast.AST, scope: Scope, depth: int) -> Iterable[Value]:
        """The elements one by one if what is gone through is known, else all at once."""
        first: ast.comprehension = node.generators[0]  # type: ignore[attr-defined]
        element: ast.expr = node.elt  # type: ignore[attr-defined]
        simple = len(node.generators) == 1 and isinstance(first.target, ast.Name) and not self._overlay  # type: ignore[attr-defined]
        items: list[Values] = []
        if simple and not first.ifs:
            for value in self.of(first.iter, scope, depth):
                if isinstance(value, Sequence):
                    items += value.items
                elif isinstance(value, Text) and value.whole and not value.is_path:
                    items += [(Text(c),) for c in value.text[:2000]]
                elif isinstance(value, Const) and isinstance(value.value, bytes | bytearray):
                    items += [(Const(c),) for c in value.value[:2000]]
                else:
                    items = []
                    break
        if items:
            found: list[Values] = []
            assert isinstance(first.target, ast.Name)
            for values in items[:2000]:
                self._overlay = {first.target.id: values}
                try:
                    found.append(self.of(element, scope, depth))
                finally:
                    self._overlay = {}
            return (Sequence(tuple(found)),)
        return (Sequence((self.of(element, scope, depth),)),)

    def _unary(self, node: ast.UnaryOp, scope: Scope, depth: int) -> Iterable[Value]:
        for value in self.of(node.operand, scope, depth):
            if isinstance(value, Const) and isinstance(value.value, int) and isinstance(node.op, ast.USub):
                yield Const(-value.value)
            else:
                yield Unknown()

    def _inner(self, node: ast.AST, scope: Scope, depth: int) -> Iterable[Value]:
        return self.of(node.value, scope, depth)  # type: ignore[attr-defined]

    def _lambda(self, node: ast.Lambda, scope: Scope, depth: int) -> Iterable[Value]:
        inner = Scope("function", node, scope)
        parameters(node.args, inner)
        inner.returns.append(node.body)
        return (Function(inner),)


_EVALUATE: dict[type, Callable[..., Iterable[Value]]] = {
    ast.Name: Flow._name, ast.Attribute: Flow._attribute, ast.Subscript: Flow._subscript, ast.Call: Flow._call,
    ast.Constant: Flow._constant, ast.BinOp: Flow._binary, ast.JoinedStr: Flow._formatted, ast.BoolOp: Flow._either,
    ast.IfExp: Flow._either, ast.List: Flow._sequence, ast.Tuple: Flow._sequence, ast.Set: Flow._sequence,
    ast.Dict: Flow._mapping, ast.ListComp: Flow._comprehension, ast.GeneratorExp: Flow._comprehension,
    ast.SetComp: Flow._comprehension, ast.UnaryOp: Flow._unary, ast.Await: Flow._inner, ast.Starred: Flow._inner,
    ast.NamedExpr: Flow._inner, ast.FormattedValue: Flow._inner, ast.Lambda: Flow._lambda,
}  # fmt: skip
