"""Repair templates for expressions that lack something: a call, an operand, a condition, an argument, another value.

The operators are those of published repair systems, each a class of slips and not a single bug: expression and
parameter replacers, adders and removers of PAR (Kim et al., ICSE 2013); the fix patterns of TBar (Liu et al., ISSTA
2019: mutate variable, literal, operator, conditional expression, method invocation; insert missed statement and
null checker; wrap); method-call synthesis of ELIXIR (Saha et al., ASE 2017); conditions as in Nopol (Xuan et al.,
TSE 2017); the mutation operators of mutmut and cosmic-ray turned round.
"""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator, Sequence

from roadmap_cli.agent.code.constants import folded
from roadmap_cli.agent.code.source import Edit, Source
from roadmap_cli.agent.templates.usual import USUAL_ARGUMENTS, calls_around
from roadmap_cli.agent.templates.vocabulary import NUMBERS, ROWS, TEXTS, Vocabulary, enclosing_targets

_SIMPLE = (ast.Name, ast.Constant, ast.Attribute, ast.Subscript, ast.Call, ast.List, ast.Dict, ast.JoinedStr,
           ast.ListComp, ast.Set, ast.SetComp, ast.DictComp, ast.GeneratorExp)  # fmt: skip


def expressions(source: Source, words: dict[int, Vocabulary]) -> Iterator[Edit]:
    """Edits that add what an expression lacks, or put another in its place. `words` by the id of a function's node."""
    stack: list[tuple[ast.AST, tuple[ast.AST, ...]]] = [(node, (source.tree,)) for node in reversed(source.tree.body)]
    while stack:
        node, path = stack.pop()
        if isinstance(node, ast.JoinedStr):
            continue
        inside = next((words[id(n)] for n in reversed((*path, node)) if id(n) in words), None)
        if inside is not None and isinstance(node, ast.expr):
            yield from _Site(source, node, path, inside).edits()
        skipped = (getattr(node, "annotation", None), getattr(node, "returns", None))
        children = [child for child in ast.iter_child_nodes(node) if child not in skipped]
        stack.extend((child, (*path, node)) for child in reversed(children))


class _Site:
    """One expression, where it stands and what may be put there."""

    def __init__(self, source: Source, node: ast.expr, path: tuple[ast.AST, ...], words: Vocabulary) -> None:
        self.source, self.node, self.path, self.words = source, node, path, words
        self.parent = path[-1]
        self.text = words.segment(node)
        self.names = words.visible(node.lineno, enclosing_targets((*path, node)))

    def edits(self) -> Iterator[Edit]:
        """All of them."""
        node, parent = self.node, self.parent
        if isinstance(node, ast.Tuple | ast.List):
            yield from self._swapped_elements(node)
        if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load) or ("\n" in self.text and len(self.text) > 400):
            return
        if isinstance(node, ast.Slice | ast.Starred) or (isinstance(parent, ast.Call) and parent.func is node):
            return
        if isinstance(parent, ast.Expr) or (isinstance(node, ast.Constant) and isinstance(parent, ast.JoinedStr)):
            return
        if isinstance(parent, ast.Attribute) and isinstance(node, ast.Name) and node.id in ("self", "cls", "math"):
            return
        kinds = self.words.kind_of(node)
        if self._is_condition():
            yield from self._conditions()
        yield from self._wrapped(kinds)
        yield from self._operands(kinds)
        yield from self._other_values(kinds)
        yield from self._hoisted()
        yield from self._rewrapped()
        match node:
            case ast.Call():
                yield from self._arguments(node)
                yield from self._ranges(node)
            case ast.Constant(value=str()):
                yield from self._letters(node)
            case ast.Subscript() if not isinstance(node.slice, ast.Slice):
                yield from self._indices(node)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                yield from self._filters(node)
            case ast.Compare():
                yield from self._comparison(node)
            case ast.BoolOp():
                yield from self._variants_of_operand(node)

    def _replace(self, text: str, template: str, weight: float) -> Edit:
        start, end = self.source.span(self.node)
        return Edit(start, end, text, template, weight, self.node.lineno)

    def _grouped(self) -> str:
        safe = isinstance(self.node, _SIMPLE) and not isinstance(self.node, ast.Constant)
        if isinstance(self.node, ast.Constant) and not isinstance(self.node.value, int | float | complex):
            safe = True
        return self.text if safe else f"({self.text})"

    def _is_condition(self) -> bool:
        parent, node = self.parent, self.node
        if isinstance(parent, ast.If | ast.While | ast.IfExp | ast.Assert):
            return parent.test is node
        if isinstance(parent, ast.comprehension):
            return node in parent.ifs
        return (isinstance(parent, ast.Return | ast.BoolOp) and "bool" in self.words.kind_of(node)) or (
            isinstance(parent, ast.Call | ast.Assign | ast.GeneratorExp) and isinstance(node, ast.Compare | ast.BoolOp)
        )

    # -- templates -------------------------------------------------------------------------------------------------

    def _conditions(self) -> Iterator[Edit]:
        """Another operand for a condition, or another condition in its place."""
        grouped = f"({self.text})" if isinstance(self.node, ast.BoolOp | ast.IfExp | ast.Lambda) else self.text
        joined = isinstance(self.parent, ast.BoolOp)
        outer = isinstance(self.node, ast.BoolOp)
        for at, (other, weight) in enumerate(self.words.conditions(self.names)[:140]):
            if other == self.text:
                continue
            share = weight / (1 + at) ** 0.5
            if not joined:
                yield self._replace(f"{grouped} and {other}", "add_and", 0.5 * share)
                yield self._replace(f"{grouped} or {other}", "add_or", 0.5 * share)
                yield self._replace(f"{other} and {grouped}", "add_and_before", 0.1 * share)
                yield self._replace(f"{other} or {grouped}", "add_or_before", 0.1 * share)
            if not outer:
                yield self._replace(other, "other_condition", 0.35 * share)

    def _variants_of_operand(self, node: ast.BoolOp) -> Iterator[Edit]:
        """One operand more: a copy of one that is there, with one name exchanged or two swapped."""
        sign = " and " if isinstance(node.op, ast.And) else " or "
        for value in node.values:
            for text in self._renamed(value):
                yield self._replace(f"{self.text}{sign}{text}", "add_variant", 0.5)

    def _renamed(self, value: ast.expr) -> Iterator[str]:
        """Copies of an expression with names exchanged, among those of the same type."""
        text = self.words.segment(value)
        own = list(dict.fromkeys(n.id for n in ast.walk(value) if isinstance(n, ast.Name) and n.id in self.names))
        for at, one in enumerate(own):
            for two in self.names:
                if one == two or (self.words.kinds(one) and not self.words.kinds(one) & self.words.kinds(two)):
                    continue
                if two not in own:
                    yield renamed(value, text, self.source, {one: two})
                elif own.index(two) > at:
                    yield renamed(value, text, self.source, {one: two, two: one})

    def _wrapped(self, kinds: frozenset[str]) -> Iterator[Edit]:
        """A call around it. Not around what such a call already is."""
        if isinstance(self.node, ast.Compare | ast.BoolOp | ast.Lambda | ast.List | ast.Dict):
            return
        if isinstance(self.node, ast.Constant) and not isinstance(self.node.value, str):
            return
        inner = isinstance(self.parent, ast.Call) and isinstance(self.parent.func, ast.Name) and self.parent.func.id
        called = isinstance(self.node, ast.Call) and isinstance(self.node.func, ast.Name) and self.node.func.id
        light = 0.4 if isinstance(self.parent, ast.Subscript | ast.Attribute) else 1.0
        light *= 0.5 if isinstance(self.node, ast.Constant) else 1.0
        for form, weight in calls_around(kinds):
            head = form.partition("(")[0]
            if head and head in (inner, called):
                continue
            text = form.format(self._grouped() if form.startswith("{") else self.text)
            if isinstance(self.node, ast.GeneratorExp) and not form.startswith("{"):
                text = form.format(self.text[1:-1]) if self.text.startswith("(") else text
            if "math." in form and "import math" not in self.source.text:
                continue
            yield self._replace(text, "wrap/" + form.replace("{}", "_"), 0.5 * weight * light)

    def _rewrapped(self) -> Iterator[Edit]:
        """Another function of what a call or an index takes: sum for len, an aggregate for one element."""
        node = self.node
        inner: ast.expr | None = None
        if isinstance(node, ast.Call) and not node.keywords:
            if isinstance(node.func, ast.Name) and len(node.args) == 1 and not isinstance(node.args[0], ast.Starred):
                inner = node.args[0]
            elif isinstance(node.func, ast.Attribute) and not node.args:
                inner = node.func.value
        elif isinstance(node, ast.Subscript):
            inner = node.value
        if inner is None or isinstance(inner, ast.GeneratorExp):
            return
        kinds = self.words.kind_of(inner)
        text = self.words.segment(inner)
        grouped = text if isinstance(inner, _SIMPLE) and not isinstance(inner, ast.Constant) else f"({text})"
        for form, weight in calls_around(kinds):
            made = form.format(grouped if form.startswith("{") else text)
            if made != self.text and ("math." not in form or "import math" in self.source.text):
                yield self._replace(made, "rewrap/" + form.replace("{}", "_"), 0.4 * weight)

    def _operands(self, kinds: frozenset[str]) -> Iterator[Edit]:
        """One operand more: a number, a string or a list added to it."""
        if isinstance(self.node, ast.Constant) and not isinstance(self.parent, ast.Return | ast.Assign | ast.BinOp):
            return
        grouped = self.text if isinstance(self.node, _SIMPLE) else f"({self.text})"
        base = 0.5 if isinstance(self.parent, ast.BinOp | ast.Subscript) else 0.8
        if kinds & {"int", "float"}:
            for at, (other, weight) in enumerate(self.words.numeric(self.names)[:45]):
                share = base * weight / (1 + at) ** 0.5
                if other == self.text or other in ("0", "-1"):
                    continue
                for sign, part in (
                    ("+", 0.4),
                    ("-", 0.4),
                    ("*", 0.3),
                    ("//", 0.12),
                    ("%", 0.12),
                    ("/", 0.08),
                    ("**", 0.03),
                ):
                    if other == "1" and sign not in "+-":
                        continue
                    text = f"({grouped} {sign} {other})"
                    yield self._replace(self._written(text), "add_operand/" + _SIGNS[sign], part * share)
                yield self._replace(f"({other} - {grouped})", "add_operand/subtracted", 0.15 * share)
        elif kinds & TEXTS:
            for at, (other, weight) in enumerate(self.words.textual(self.names)[:30]):
                share = base * weight / (1 + at) ** 0.5
                if other != "''":
                    yield self._replace(f"({grouped} + {other})", "add_operand/after", 0.3 * share)
                    yield self._replace(f"({other} + {grouped})", "add_operand/before", 0.3 * share)
            for other, weight in self.words.numeric(self.names)[:8]:
                yield self._replace(f"({grouped} * {other})", "add_operand/repeated", 0.1 * weight)
        elif kinds & ROWS:
            for at, (other, weight) in enumerate(self.words.rows(self.names)[:15]):
                share = base * weight / (1 + at) ** 0.5
                yield self._replace(f"({grouped} + {other})", "add_operand/after", 0.2 * share)
                yield self._replace(f"({other} + {grouped})", "add_operand/before", 0.2 * share)

    def _written(self, text: str) -> str:
        """A text that computes with a number, as a person would write it: 10 and not (8 + 2)."""
        if not isinstance(self.node, ast.Constant):
            return text
        value = folded(ast.parse(text, mode="eval").body)
        written = str(value.value) if isinstance(value, ast.Constant) and isinstance(value.value, int) else text
        return min(written, text, key=len)

    def _other_values(self, kinds: frozenset[str]) -> Iterator[Edit]:
        """Another value of the same type from what is in scope."""
        node, parent = self.node, self.parent
        if isinstance(node, ast.Compare | ast.BoolOp | ast.Lambda) and not isinstance(parent, ast.Return):
            return
        base = 0.8 if isinstance(node, ast.Name | ast.Constant) else 0.35
        if isinstance(parent, ast.Return) and kinds and kinds <= {"bool"}:
            base = 0.6
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for text, weight in self.words.like(node.value):
                yield self._replace(text, "spelling", 4.0 * weight)
        if isinstance(parent, ast.Attribute):
            kinds |= TEXTS  # many methods of lists are methods of strings, too
        pool = self.words.values(self.names, kinds)
        if isinstance(node, ast.Constant) and node.value is None:
            pool = [*self.words.values(self.names, self.words.kinds("return")), ("True", 0.5), ("False", 0.5)]
        for at, (other, weight) in enumerate(pool[:60]):
            if other != self.text:
                yield self._replace(other, "other_value", base * weight / (1 + at) ** 0.6)

    def _hoisted(self) -> Iterator[Edit]:
        """A part of it in its place: an operand, an argument, a receiver, up to two levels down."""
        if isinstance(
            self.node, ast.Compare | ast.Lambda | ast.ListComp | ast.GeneratorExp | ast.DictComp | ast.SetComp
        ):
            return
        for weight, child in _parts(self.node, 2):
            text = self.words.segment(child)
            if isinstance(child, ast.BinOp | ast.BoolOp | ast.IfExp | ast.UnaryOp | ast.Compare | ast.Lambda):
                text = f"({text})"
            yield self._replace(text, "hoist", 0.5 * weight)

    def _swapped_elements(self, node: ast.Tuple | ast.List) -> Iterator[Edit]:
        """Two elements of a display or of a target exchanged, or one left out."""
        if not 2 <= len(node.elts) <= 6:
            return
        for one in range(len(node.elts)):
            for two in range(one + 1, len(node.elts)):
                first, second = node.elts[one], node.elts[two]
                start, end = self.source.span(first)[0], self.source.span(second)[1]
                gap = self.source.content[self.source.span(first)[1] : self.source.span(second)[0]].decode()
                text = self.words.segment(second) + gap + self.words.segment(first)
                yield Edit(start, end, text, "swap_elements", 1.0 if two == one + 1 else 0.5, first.lineno)

    def _arguments(self, node: ast.Call) -> Iterator[Edit]:
        """An argument more: the usual ones of well-known functions, or something in scope."""
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        given = {keyword.arg for keyword in node.keywords}
        closing = self.source.span(node)[1] - 1
        if self.source.content[closing : closing + 1] != b")":
            return
        before = self.source.content[:closing].rstrip()
        comma = "" if before.endswith((b"(", b",")) else ", "
        single = len(node.args) == 1 and isinstance(node.args[0], ast.GeneratorExp)
        if single and not self.words.segment(node.args[0]).startswith("("):
            return
        for at, text in enumerate(USUAL_ARGUMENTS.get(name, ())):
            if text.partition("=")[0] not in given:
                weight = (0.15 if name in ("int", "sum", "replace", "strip") else 0.6) / (1 + 0.4 * at)
                yield Edit(closing, closing, comma + text, "add_argument", weight, node.end_lineno or node.lineno)
        if name not in USUAL_ARGUMENTS and name not in (
            "len",
            "abs",
            "str",
            "list",
            "set",
            "tuple",
            "sum",
            "reversed",
            "append",
        ):
            for at, other in enumerate(self.names[:6]):
                if not any(isinstance(a, ast.Name) and a.id == other for a in node.args):
                    yield Edit(
                        closing, closing, comma + other, "add_argument", 0.15 / (1 + at), node.end_lineno or node.lineno
                    )
        if isinstance(node.func, ast.Name) and name == getattr(self.words.scope.node, "name", ""):
            for at, argument in enumerate(node.args):
                for other in self._renamed(argument):
                    start, end = self.source.span(argument)
                    yield Edit(start, end, other, "recursion", 0.5 / (1 + at), argument.lineno)

    def _ranges(self, node: ast.Call) -> Iterator[Edit]:
        """Other bounds of a range: a start, a step, backwards."""
        if not (isinstance(node.func, ast.Name) and node.func.id == "range" and node.args and not node.keywords):
            return
        texts = [self.words.segment(a) if isinstance(a, _SIMPLE) else f"({self.words.segment(a)})" for a in node.args]
        if len(texts) == 1:
            [stop] = texts
            variants = [f"1, {stop} + 1", f"2, {stop}", f"1, {stop}", f"2, {stop} + 1", f"0, {stop}, 2",
                        f"1, {stop}, 2",
                        f"{stop} - 1, -1, -1", f"{stop}, 0, -1", f"{stop} // 2", f"{stop} // 2 + 1"]  # fmt: skip
            variants += [f"{other}, {stop}" for other in self.words.of(self.names, NUMBERS)[:4]]
            variants += [f"{other} + 1, {stop}" for other in self.words.of(self.names, NUMBERS)[:4]]
        else:
            start, stop, *step = texts
            by = f", {step[0]}" if step else ""
            variants = [f"{start}, {stop} + 1{by}", f"{start} + 1, {stop}{by}", f"{start} - 1, {stop}{by}", f"{stop}",
                        f"{start}, {stop} - 1{by}", f"0, {stop}{by}", f"1, {stop}{by}", f"2, {stop}{by}",
                        f"{start}, {stop}, 2", f"{start}, {stop}, -1", f"{stop}, {start}, -1", f"{start}, {stop}",
                        f"{stop} - 1, {start} - 1, -1", f"{start} + 1, {stop} + 1{by}",
                        f"{start}, {stop} // 2 + 1{by}"]  # fmt: skip
        for at, text in enumerate(dict.fromkeys(variants)):
            yield self._replace(f"range({text})", "range", 1.0 / (1 + 0.3 * at))

    def _letters(self, node: ast.Constant) -> Iterator[Edit]:
        """A string with a character less, more or exchanged; in upper or lower case; doubled spaces and the like."""
        value = node.value
        assert isinstance(value, str)
        if not self.text.startswith(("'", '"')) or len(value) > 60:
            return
        found: dict[str, float] = {}
        for at in range(len(value)):
            found.setdefault(value[:at] + value[at + 1 :], 0.4 if len(value) > 2 else 0.9)
        for other in (
            value.lower(),
            value.upper(),
            value.swapcase(),
            value.strip(),
            value[::-1],
            value + " ",
            " " + value,
        ):
            found.setdefault(other, 0.4)
        if len(value) > 1:
            for low in string.ascii_lowercase:
                if low in value and low.upper() in value:
                    found.setdefault(value.replace(low, "").replace(low.upper(), ""), 0.4)
        letters = {c for v in self.words.constants if isinstance(v, str) for c in v if not c.isalnum() or len(v) < 12}
        if len(value) <= 1:
            opposite = str.maketrans("()[]{}<>+-*/", ")(][}{><-+/*")
            found.setdefault(value.translate(opposite), 2.0)
            found.update({c: 0.8 for c in sorted(letters)[:40] if c not in found})
        else:
            for c in sorted(letters | set("aeiouyAEIOUY0123456789"))[:60]:
                if c not in value:
                    found.setdefault(value + c, 0.15)
        for text, weight in found.items():
            if text != value:
                yield self._replace(repr(text), "letters", weight)

    def _indices(self, node: ast.Subscript) -> Iterator[Edit]:
        """Another index: counted from the end, from the middle, another variable."""
        base, index = self.words.segment(node.value), self.words.segment(node.slice)
        start, end = self.source.span(node.slice)
        names = [n for n in self.words.of(self.names, frozenset({"int"})) if n != index]
        wrapped = index if isinstance(node.slice, ast.Name | ast.Constant | ast.Call) else f"({index})"
        forms = [f"len({base}) - 1 - {wrapped}", f"-{wrapped} - 1", f"-{wrapped}", f"{index} + 1", f"{index} - 1",
                 "-1", "0",
                 "1", "-2", f"{wrapped} % len({base})", f"len({base}) // 2", *names[:6],
                 *(f"{n} + 1" for n in names[:3]), *(f"{n} - 1" for n in names[:3]),
                 *(f"{wrapped} + {n}" for n in names[:3]), *(f"{wrapped} - {n}" for n in names[:3])]  # fmt: skip
        if isinstance(node.slice, ast.BinOp):
            forms += [f"{index} + 1", f"{index} - 1"]
        for at, text in enumerate(dict.fromkeys(forms)):
            if text != index:
                yield Edit(start, end, text, "index", 0.7 / (1 + 0.15 * at), node.lineno)

    def _filters(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Iterator[Edit]:
        """A condition more in a comprehension, or one less."""
        last = node.generators[-1]
        end = self.source.span(last.ifs[-1] if last.ifs else last.iter)[1]
        inner = [n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)]
        names = [*inner, *(n for n in self.names if n not in inner)]
        for at, (text, weight) in enumerate(self.words.conditions(names)[:120]):
            share = weight / (1 + at) ** 0.5 * (1.0 if any(i in text for i in inner) else 0.2)
            yield Edit(end, end, f" if {text}", "add_filter", 0.6 * share, last.iter.lineno)
        for generator in node.generators:
            before = self.source.span(generator.iter)[1]
            for condition in generator.ifs:
                stop = self.source.span(condition)[1]
                yield Edit(before, stop, "", "drop_filter", 1.0, condition.lineno)
                before = stop

    def _comparison(self, node: ast.Compare) -> Iterator[Edit]:
        """Sides exchanged, a bound more, a length or an absolute value compared."""
        if len(node.ops) != 1:
            return
        left, right = self.words.segment(node.left), self.words.segment(node.comparators[0])
        start, end = self.source.span(node.left)[1], self.source.span(node.comparators[0])[0]
        sign = self.source.content[start:end].decode()
        yield self._replace(f"{right}{sign}{left}", "swap_sides", 0.8)
        if isinstance(node.ops[0], ast.Lt | ast.LtE) and isinstance(self.parent, ast.If | ast.BoolOp | ast.Return):
            for other, weight in self.words.numeric(self.names)[:8]:
                for more in ("<", "<="):
                    yield self._replace(f"{other} {more} {self.text}", "add_bound", 0.2 * weight)


_SIGNS = {"+": "plus", "-": "minus", "*": "times", "//": "floor", "%": "modulo", "/": "over", "**": "power"}


def _parts(node: ast.expr, depth: int, weight: float = 1.0) -> Iterator[tuple[float, ast.expr]]:
    """The expressions directly inside one, then those inside these."""
    if not depth:
        return
    children = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        children[0] = node.func.value
    elif isinstance(node, ast.Call):
        children = [c for c in children if c is not node.func]
    for child in children:
        if not isinstance(child, ast.Starred | ast.Slice):
            yield weight, child
            yield from _parts(child, depth - 1, weight * 0.4)


def renamed(node: ast.expr | ast.stmt, text: str, source: Source, names: dict[str, str]) -> str:
    """The text of a node with names exchanged."""
    start = source.span(node)[0]
    data = text.encode()
    places = [n for n in ast.walk(node) if isinstance(n, ast.Name) and n.id in names]
    for place in sorted(places, key=lambda n: -source.span(n)[0]):
        low, high = source.span(place)
        data = data[: low - start] + names[place.id].encode() + data[high - start :]
    return data.decode()


def substitutions(source: Source, node: ast.stmt, words: Vocabulary, names: Sequence[str]) -> Iterator[str]:
    """Copies of a statement with one of its names exchanged for another of the same type."""
    text = source.segment(node)
    own = list(dict.fromkeys(n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n.id in words.bound))
    for one in own:
        for two in names:
            if one != two and (not words.kinds(one) or words.kinds(one) & words.kinds(two)):
                yield renamed(node, text, source, {one: two})
