"""Spreadsheet formulas: read ``2 * (price - 3) ^ 2``, and compute it with the values of its names.

The parser climbs precedences (Richards and Whitby-Strevens, 1979): one function reads any level of operators.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

TOKEN = re.compile(r"\s*(?:(\d+\.?\d*|\.\d+)|([A-Za-z_]\w*)|(\*\*|[-+*/%^(),]))")

PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "%": 2, "^": 4}
RIGHT_ASSOCIATIVE = {"^"}
UNARY_PRECEDENCE = 3

FUNCTIONS = {
    "max": max,
    "min": min,
    "abs": abs,
    "sum": lambda *values: sum(values),
    "round": lambda value, digits=0: round(value, int(digits)),
}


class FormulaError(ValueError):
    """A formula that cannot be read or computed; `position` counts characters from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"{message} at position {position}")
        self.position = position


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    position: int


def tokens(formula: str) -> list[Token]:
    """Split a formula; the list ends with a token of kind ``end``."""
    found: list[Token] = []
    position = 0
    while formula[position:].strip():
        match = TOKEN.match(formula, position)
        if match is None:
            at = position + len(formula[position:]) - len(formula[position:].lstrip())
            raise FormulaError(f"unexpected character {formula[at]!r}", at)
        number, name, symbol = match.groups()
        start = match.end() - len(number or name or symbol)
        kind = "number" if number else "name" if name else "symbol"
        found.append(Token(kind, number or name or symbol, start))
        position = match.end()
    found.append(Token("end", "", len(formula)))
    return found


class Parser:
    """Reads one formula into nested tuples: ("+", left, right), ("call", name, arguments), ("name", text), a number."""

    def __init__(self, formula: str) -> None:
        self.tokens = tokens(formula)
        self.index = 0

    @property
    def current(self) -> Token:
        return self.tokens[self.index]

    def advance(self) -> Token:
        token = self.current
        self.index += 1
        return token

    def expect(self, symbol: str) -> None:
        if self.current.text != symbol:
            raise FormulaError(f"expected {symbol!r}", self.current.position)
        self.advance()

    def parse(self):
        tree = self.expression(0)
        if self.current.kind != "end":
            raise FormulaError(f"unexpected {self.current.text!r}", self.current.position)
        return tree

    def expression(self, lowest: int):
        """Read operators that bind at least as tightly as `lowest`."""
        left = self.operand()
        while self.current.kind == "symbol" and self.current.text in PRECEDENCE:
            operator = self.current.text
            level = PRECEDENCE[operator]
            if level < lowest:
                break
            self.advance()
            if operator in RIGHT_ASSOCIATIVE:
                right = self.expression(level)
            else:
                right = self.expression(level)
            left = (operator, left, right)
        return left

    def operand(self):
        token = self.advance()
        if token.kind == "number":
            return float(token.text)
        if token.kind == "name":
            if self.current.text == "(":
                return ("call", token.text, self.arguments())
            return ("name", token.text)
        if token.text == "-":
            return ("negate", self.expression(UNARY_PRECEDENCE))
        if token.text == "(":
            inner = self.expression(0)
            self.expect(")")
            return inner
        raise FormulaError("expected a number, a name or '('", token.position)

    def arguments(self) -> list:
        self.expect("(")
        found: list = []
        while self.current.text != ")":
            found.append(self.expression(0))
            if self.current.text != ",":
                break
            self.advance()
        self.expect(")")
        return found


def compute(tree, values: Mapping[str, float]) -> float:
    """The value of a parsed formula. Raises KeyError for an unknown name."""
    if isinstance(tree, float):
        return tree
    operator, *rest = tree
    if operator == "name":
        return values[rest[0]]
    if operator == "call":
        name, arguments = rest
        return float(FUNCTIONS[name](*(compute(argument, values) for argument in arguments)))
    if operator == "negate":
        return -compute(rest[0], values)
    left, right = (compute(side, values) for side in rest)
    if operator == "+":
        return left + right
    if operator == "-":
        return left - right
    if operator == "*":
        return left * right
    if operator == "/":
        return left / right
    if operator == "%":
        return left % right
    return left**right


def evaluate(formula: str, **values: float) -> float:
    """Read and compute a formula."""
    return compute(Parser(formula).parse(), values)
