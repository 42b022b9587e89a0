"""Repair templates for statements that are missing, superfluous, or wrong in the same way at several places.

Insertions and removals as in GenProg (Le Goues et al., TSE 2012: copy, delete, replace from the same program), PAR
(null, range and size checkers), TBar (insert missed statement, remove buggy statement, move statement) and Prophet
(Long and Rinard, POPL 2016: guards, conditional return and break).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from itertools import pairwise

from roadmap_cli.agent.code.source import Edit, Source
from roadmap_cli.agent.templates.missing import renamed, substitutions
from roadmap_cli.agent.templates.vocabulary import NUMBERS, ROWS, TEXTS, Vocabulary

_Compound = ast.If | ast.For | ast.While | ast.With | ast.Try
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def statements(source: Source, words: dict[int, Vocabulary]) -> Iterator[Edit]:
    """Edits that insert, wrap or remove statements of the functions in `words` (by the id of their nodes)."""
    for vocabulary in words.values():
        node = vocabulary.scope.node
        if isinstance(node, _Function):
            work = _Function_(source, node, vocabulary)
            yield from work.insertions()
            yield from work.removals()
            yield from work.everywhere()


class _Function_:
    """One function's statements and what may be done to them."""

    def __init__(self, source: Source, node: _Function, words: Vocabulary) -> None:
        self.source, self.node, self.words = source, node, words
        self.blocks = list(_blocks(node, (node,)))
        self.returns = self._returned()

    def _returned(self) -> list[tuple[str, float]]:
        """What a return that is missing may give back."""
        found: dict[str, float] = {}
        for inner in ast.walk(self.node):
            if isinstance(inner, ast.Return) and inner.value is not None and len(self.words.segment(inner.value)) < 30:
                found.setdefault(self.words.segment(inner.value), 0.8)
        kinds = self.words.kinds("return")
        if not kinds or "bool" in kinds:
            found |= {"False": 1.0, "True": 1.0}
        for kind, texts in (("int", ("0", "1", "-1")), ("float", ("0",)), ("str", ("''",)), ("list", ("[]",)),
                            ("dict", ("{}",)), ("NoneType", ("None",)), ("tuple", ("()",)),
                            ("set", ("set()",))):  # fmt: skip
            if kind in kinds:
                for text in texts:
                    found.setdefault(text, 0.8)
        found.setdefault("None", 0.4)
        for name in self.words.arguments:
            if not kinds or self.words.kinds(name) & kinds:
                found.setdefault(name, 0.5)
        for value in self.words.constants[:12]:
            if type(value).__name__ in kinds and len(repr(value)) < 20:
                found.setdefault(repr(value), 0.3)
        return sorted(found.items(), key=lambda pair: -pair[1])[:12]

    # -- insertions ------------------------------------------------------------------------------------------------

    def insertions(self) -> Iterator[Edit]:
        """Guards, updates and copies before each statement and at each block's end."""
        copies = self._copies()
        for owner, block, path in self.blocks:
            looped = any(isinstance(each, ast.For | ast.While) for each in (*path, owner))
            places = [(statement, False) for statement in block if not _is_docstring(statement)]
            if places and not isinstance(block[-1], ast.Return | ast.Raise | ast.Break | ast.Continue):
                places.append((block[-1], True))
            for at, (statement, after) in enumerate(places):
                if not self._own_line(statement):
                    continue
                line = (statement.end_lineno or statement.lineno) + 1 if after else statement.lineno
                names = self.words.visible(line)
                yield from self._guards(statement, after, names, looped, first=at == 0 and owner is self.node)
                yield from self._updates(statement, after, names, owner)
                for text, weight in copies:
                    if text not in (self.words.segment(s) for s in block):
                        yield self._insert(statement, after, text, "insert_copy", weight)
                if not after:
                    yield from self._guarded(statement, names)
        for owner, _, _ in self.blocks:
            if isinstance(owner, ast.If) and not owner.orelse:
                yield from self._otherwise(owner)

    def _insert(self, statement: ast.stmt, after: bool, text: str, template: str, weight: float) -> Edit:
        indent = "\n" + " " * statement.col_offset
        if after:
            end = self.source.span(statement)[1]
            place, text = end, indent + text.replace("\n", indent)
        else:
            place, text = self._start(statement), text.replace("\n", indent) + indent
        return Edit(place, place, text, template, weight, statement.lineno)

    def _start(self, statement: ast.stmt) -> int:
        return self.source.span(statement)[0]

    def _own_line(self, statement: ast.stmt) -> bool:
        """Whether a statement begins its line and nothing else ends it, and it is no elif."""
        low, high = self.source.line_span(statement.lineno, statement.lineno)
        line = self.source.content[low:high]
        return not line[: statement.col_offset].strip() and not line.lstrip().startswith(b"elif")

    def _guards(
        self, statement: ast.stmt, after: bool, names: Sequence[str], looped: bool, *, first: bool
    ) -> Iterator[Edit]:
        """If something holds: return, continue, break."""
        if isinstance(statement, ast.If) and after:
            return
        pool = self.words.conditions(names)
        likely = 1.0 if first else 0.35
        for at, (condition, weight) in enumerate(pool[:60]):
            share = likely * weight / (1 + at) ** 0.5
            for number, (value, chance) in enumerate(self.returns):
                yield self._insert(
                    statement, after, f"if {condition}:\n    return {value}", "insert_guard",
                    0.5 * share * chance / (1 + number) ** 0.5,
                )  # fmt: skip
            if looped and at < 40:
                for jump in ("continue", "break"):
                    yield self._insert(statement, after, f"if {condition}:\n    {jump}", "insert_jump", 0.3 * share)
        if looped and after:
            for text in ("break", "continue"):
                yield self._insert(statement, after, text, "insert_break", 0.5)
        if after:
            for value, chance in self.returns:
                yield self._insert(statement, after, f"return {value}", "insert_return", 0.5 * chance)

    def _updates(self, statement: ast.stmt, after: bool, names: Sequence[str], owner: ast.AST) -> Iterator[Edit]:
        """A variable brought up to date: stepped, reset, appended to, put in order."""
        tested = set()
        if isinstance(owner, ast.While):
            tested = {n.id for n in ast.walk(owner.test) if isinstance(n, ast.Name)}
        bound = [n for n in names if n in self.words.bound]
        for name in bound[:8]:
            kinds = self.words.kinds(name)
            weight = (1.2 if name in tested else 0.5) * (
                0.3 if name in self.words.arguments and name not in tested else 1.0
            )
            if kinds & NUMBERS or not kinds:
                for at, text in enumerate((f"{name} += 1", f"{name} -= 1", f"{name} = 0", f"{name} //= 2",
                                           f"{name} //= 10",
                                           f"{name} *= 2", f"{name} = 1", f"{name} = abs({name})",
                                           f"{name} = int({name})",
                                           f"{name} += 2", f"{name} = -{name}")):  # fmt: skip
                    yield self._insert(statement, after, text, "insert_step", weight / (1 + 0.5 * at))
                for other in self.words.of(names, NUMBERS)[:5]:
                    if other != name:
                        for sign in ("+=", "-=", "=", "*="):
                            yield self._insert(
                                statement, after, f"{name} {sign} {other}", "insert_update", 0.3 * weight
                            )
            if kinds & TEXTS:
                for at, text in enumerate((f"{name} = {name}.lower()", f"{name} = {name}.strip()", f"{name} = ''",
                                           f"{name} = {name}.upper()", f"{name} = {name}[1:]",
                                           f"{name} = {name}.replace(' ', '')")):  # fmt: skip
                    yield self._insert(statement, after, text, "insert_clean", 0.7 * weight / (1 + 0.5 * at))
                for other in self.words.of(names, TEXTS)[:4]:
                    if other != name:
                        yield self._insert(statement, after, f"{name} += {other}", "insert_update", 0.3 * weight)
            if kinds & ROWS:
                for at, text in enumerate((f"{name} = sorted({name})", f"{name}.sort()", f"{name}.reverse()",
                                           f"{name} = []",
                                           f"{name} = list({name})", f"{name}.sort(reverse=True)", f"{name}.pop()",
                                           f"{name} = list(set({name}))", f"{name} = {name}[1:]")):  # fmt: skip
                    yield self._insert(statement, after, text, "insert_order", 0.6 * weight / (1 + 0.5 * at))
                if name not in self.words.arguments:
                    for at, other in enumerate(n for n in names if n != name):
                        yield self._insert(
                            statement, after, f"{name}.append({other})", "insert_append", 0.5 * weight / (1 + at)
                        )

    def _copies(self) -> list[tuple[str, float]]:
        """Simple statements of this function, as they are and with one name exchanged."""
        found: dict[str, float] = {}
        for inner in ast.walk(self.node):
            if isinstance(inner, ast.Assign | ast.AugAssign | ast.Expr) and not _is_docstring(inner):
                text = self.words.segment(inner)
                if "\n" in text or len(text) > 80:
                    continue
                found.setdefault(text, 0.25)
                for other in substitutions(self.source, inner, self.words, list(self.words.bound)):
                    found.setdefault(other, 0.12)
        return list(found.items())[:60]

    def _guarded(self, statement: ast.stmt, names: Sequence[str]) -> Iterator[Edit]:
        """A statement that happens only if something holds."""
        if isinstance(statement, _Function | ast.ClassDef | ast.Import | ast.ImportFrom):
            return
        start, end = self.source.span(statement)
        lines = self.source.content[start:end].decode().split("\n")
        indent = " " * statement.col_offset
        body = "\n".join([indent + "    " + lines[0], *("    " + line for line in lines[1:])])
        for at, (condition, weight) in enumerate(self.words.conditions(names)[:60]):
            yield Edit(
                start, end, f"if {condition}:\n{body}", "wrap_in_if", 0.35 * weight / (1 + at) ** 0.5, statement.lineno
            )

    def _otherwise(self, node: ast.If) -> Iterator[Edit]:
        """An else that is missing."""
        if not self._own_line(node):
            return
        last = node.body[-1]
        indent = "\n" + " " * node.col_offset
        end = self.source.span(last)[1]
        texts: dict[str, float] = {f"return {value}": 0.5 * weight for value, weight in self.returns[:6]}
        if isinstance(last, ast.Assign | ast.AugAssign):
            names = self.words.visible(node.lineno)
            texts |= dict.fromkeys(substitutions(self.source, last, self.words, names), 0.4)
            for target in ast.walk(last):
                if isinstance(target, ast.Name) and isinstance(target.ctx, ast.Store):
                    for value, weight in self.words.values(names, self.words.kinds(target.id))[:8]:
                        texts.setdefault(f"{target.id} = {value}", 0.4 * weight)
                    texts.setdefault(f"{target.id} += 1", 0.4)
                    texts.setdefault(f"{target.id} -= 1", 0.4)
        texts |= dict.fromkeys(("break", "continue"), 0.3)
        for text, weight in texts.items():
            yield Edit(end, end, f"{indent}else:{indent}    {text}", "add_else", weight, last.lineno)

    # -- removals --------------------------------------------------------------------------------------------------

    def removals(self) -> Iterator[Edit]:
        """Compound statements without their condition, without a branch, or not at all."""
        for _, block, _ in self.blocks:
            for statement in block:
                if isinstance(statement, ast.If | ast.While | ast.For | ast.With) and self._own_line(statement):
                    yield from self._unwrapped(statement)
                    if len(block) > 1:
                        start, end = self.source.span(statement)
                        yield Edit(start, end, "pass", "drop_block", 0.5, statement.lineno)
                if isinstance(statement, ast.While):
                    start = self.source.span(statement)[0]
                    yield Edit(start, start + 5, "if", "while_if", 0.3, statement.lineno)
                if isinstance(statement, ast.If) and self._own_line(statement):
                    start = self.source.span(statement)[0]
                    if not statement.orelse:
                        yield Edit(start, start + 2, "while", "if_while", 0.4, statement.lineno)
                        yield from self._elif(block, statement)
                if isinstance(statement, ast.If) and statement.orelse:
                    yield from self._without_else(statement)
                    yield from self._without_elif(statement)
                    yield from self._swapped_branches(statement)
            for one, two in pairwise(block):
                both_on_lines = self._own_line(one) and self._own_line(two) and not _is_docstring(one)
                simple = isinstance(one, ast.Assign | ast.AugAssign | ast.Expr) and isinstance(
                    two, ast.Assign | ast.AugAssign | ast.Expr
                )
                if both_on_lines and simple:
                    start, end = self.source.span(one)[0], self.source.span(two)[1]
                    yield Edit(start, end, "pass", "drop_two", 0.3, one.lineno)

    def _unwrapped(self, statement: ast.If | ast.While | ast.For | ast.With) -> Iterator[Edit]:
        body = statement.body
        if body[0].lineno == statement.lineno or (isinstance(statement, ast.If) and statement.orelse):
            return
        low, high = self.source.span(body[0])[0], self.source.span(body[-1])[1]
        by = body[0].col_offset - statement.col_offset
        lines = self.source.content[low:high].decode().split("\n")
        text = "\n".join([lines[0], *(line[by:] if not line[:by].strip() else line for line in lines[1:])])
        start, end = self.source.span(statement)
        yield Edit(start, end, text, "unwrap", 0.5, statement.lineno)

    def _elif(self, block: list[ast.stmt], statement: ast.If) -> Iterator[Edit]:
        """An if that was meant as the elif of the one before."""
        at = block.index(statement)
        before = block[at - 1] if at else None
        if isinstance(before, ast.If) and not before.orelse:
            start = self.source.span(statement)[0]
            yield Edit(start, start + 2, "elif", "if_elif", 0.9, statement.lineno)

    def _without_else(self, statement: ast.If) -> Iterator[Edit]:
        start, end = self.source.span(statement.body[-1])[1], self.source.span(statement.orelse[-1])[1]
        yield Edit(start, end, "", "drop_else", 0.6, statement.orelse[0].lineno)

    def _without_elif(self, statement: ast.If) -> Iterator[Edit]:
        """One branch of a chain left out, those after it kept."""
        [first, *more] = statement.orelse
        if more or not isinstance(first, ast.If) or not first.orelse:
            return
        begin = self.source.span(statement.body[-1])[1]
        end = self.source.span(first.body[-1])[1]
        yield Edit(begin, end, "", "drop_elif", 0.5, first.lineno)

    def _swapped_branches(self, statement: ast.If) -> Iterator[Edit]:
        """The two branches exchanged, if each is one line."""
        if len(statement.body) != 1 or len(statement.orelse) != 1 or isinstance(statement.orelse[0], ast.If):
            return
        one, two = statement.body[0], statement.orelse[0]
        start, end = self.source.span(one)[0], self.source.span(two)[1]
        middle = self.source.content[self.source.span(one)[1] : self.source.span(two)[0]].decode()
        yield Edit(
            start, end, self.words.segment(two) + middle + self.words.segment(one), "swap_blocks", 0.7, one.lineno
        )

    # -- the same at several places --------------------------------------------------------------------------------

    def everywhere(self) -> Iterator[Edit]:
        """One slip made throughout: a name, a constant, a comparison, the two truths, a shift of a range's bounds."""
        inner = list(ast.walk(self.node))
        loads = [n for n in inner if isinstance(n, ast.Name)]
        for statement in (s for _, block, _ in self.blocks for s in block):
            if not isinstance(statement, _Compound):
                yield from self._names_in(statement)
        for name in dict.fromkeys(n.id for n in loads if n.id in self.words.bound):
            places = [n for n in loads if n.id == name and isinstance(n.ctx, ast.Load)]
            if len(places) > 1:
                for other in self.words.bound:
                    if other != name and self.words.kinds(other) & self.words.kinds(name):
                        yield self._all(list(places), [other] * len(places), "everywhere/name", 0.4)
        truths = [n for n in inner if isinstance(n, ast.Return) and isinstance(n.value, ast.Constant)
                  and isinstance(n.value.value, bool)]  # fmt: skip
        if len(truths) > 1:
            values = [n.value for n in truths if n.value]
            yield self._all(values, [str(not getattr(v, "value", 0)) for v in values], "everywhere/truth", 1.2)
        constants: dict[str, list[ast.expr]] = {}
        for node in inner:
            if isinstance(node, ast.Constant) and type(node.value) in (int, str) and node.lineno:
                constants.setdefault(self.words.segment(node), []).append(node)
        for text, same in constants.items():
            if 1 < len(same) <= 6:
                value = getattr(same[0], "value", None)
                others = [str(value + 1), str(value - 1)] if type(value) is int else [
                    t for t, _ in (*self.words.like(str(value)), *self.words.texts()[:8])]  # fmt: skip
                for other in others:
                    if other != text:
                        yield self._all(same, [other] * len(same), "everywhere/constant", 0.4)
        yield from self._comparisons_everywhere(inner)

    def _names_in(self, statement: ast.stmt) -> Iterator[Edit]:
        """Two names exchanged, or one in place of another, throughout a statement."""
        start, end = self.source.span(statement)
        text = self.words.segment(statement)
        places = [n for n in ast.walk(statement) if isinstance(n, ast.Name)]
        own = list(dict.fromkeys(n.id for n in places if n.id in self.words.bound))
        for at, one in enumerate(own):
            for two in own[at + 1 :]:
                if self.words.kinds(one) & self.words.kinds(two) or not self.words.kinds(one):
                    yield Edit(start, end, renamed(statement, text, self.source, {one: two, two: one}),
                               "swap_names", 0.8,
                               statement.lineno)  # fmt: skip
            if sum(n.id == one for n in places) > 1:
                for two in self.words.visible(statement.lineno):
                    if two != one and (self.words.kinds(one) & self.words.kinds(two)):
                        yield Edit(start, end, renamed(statement, text, self.source, {one: two}),
                                   "rename_in_statement", 0.5,
                                   statement.lineno)  # fmt: skip

    def _comparisons_everywhere(self, inner: list[ast.AST]) -> Iterator[Edit]:
        """All comparisons of one kind turned."""
        signs = {ast.Lt: (b"<", ("<=", ">")), ast.Gt: (b">", (">=", "<")), ast.LtE: (b"<=", ("<", ">=")),
                 ast.GtE: (b">=", (">", "<=")), ast.Eq: (b"==", ("!=",)), ast.NotEq: (b"!=", ("==",))}  # fmt: skip
        for kind, (sign, others) in signs.items():
            places = []
            for node in inner:
                if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) is kind:
                    start, end = self.source.span(node.left)[1], self.source.span(node.comparators[0])[0]
                    at = self.source.content.find(sign, start, end)
                    if at >= 0:
                        places.append((at, at + len(sign)))
            if len(places) > 1:
                for other in others:
                    yield self._spliced(places, [other] * len(places), "everywhere/compare", 0.5)

    def _all(self, nodes: Sequence[ast.expr], texts: Sequence[str], template: str, weight: float) -> Edit:
        return self._spliced([self.source.span(node) for node in nodes], texts, template, weight)

    def _spliced(self, spans: Sequence[tuple[int, int]], texts: Sequence[str], template: str, weight: float) -> Edit:
        pairs = sorted(zip(spans, texts, strict=True))
        start, end = pairs[0][0][0], pairs[-1][0][1]
        data, at = b"", start
        for (low, high), text in pairs:
            data += self.source.content[at:low] + text.encode()
            at = high
        line = self.source.content.count(b"\n", 0, start) + 1
        return Edit(start, end, data.decode(), template, weight, line)


def _blocks(owner: ast.AST, path: tuple[ast.AST, ...]) -> Iterator[tuple[ast.AST, list[ast.stmt], tuple[ast.AST, ...]]]:
    """Every block of a function with its owner and the path to it, functions inside left out."""
    for field in ("body", "orelse", "finalbody"):
        block = getattr(owner, field, None)
        if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
            yield owner, block, path
            for statement in block:
                if not isinstance(statement, _Function | ast.ClassDef):
                    yield from _blocks(statement, (*path, statement))
    for handler in getattr(owner, "handlers", ()):
        yield from _blocks(handler, (*path, handler))


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
