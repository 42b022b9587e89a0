"""What an operator is mistaken for, and how often that is the slip: one table for all languages, by how it is spelled.

Each entry is (spelled instead, weight). Weights are priors relative to each other, as everywhere in the templates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Swaps = tuple[tuple[str, float], ...]

COMPARISONS: Mapping[str, Swaps] = {
    "<": (("<=", 3.0), (">", 1.5), (">=", 1.0), ("!=", 0.4)),
    "<=": (("<", 3.0), (">=", 1.5), (">", 1.0), ("==", 0.4)),
    ">": ((">=", 3.0), ("<", 1.5), ("<=", 1.0), ("!=", 0.4)),
    ">=": ((">", 3.0), ("<=", 1.5), ("<", 1.0), ("==", 0.4)),
    "==": (("!=", 2.0), ("<=", 0.7), (">=", 0.7)),
    "!=": (("==", 2.0), ("<", 0.7), (">", 0.7)),
}
ARITHMETIC: Mapping[str, Swaps] = {
    "+": (("-", 2.0), ("*", 0.8)),
    "-": (("+", 2.0), ("%", 0.4)),
    "*": (("+", 0.9), ("/", 0.8)),
    "/": (("*", 1.2), ("%", 0.6)),
    "%": (("/", 0.8),),
}
BITS: Mapping[str, Swaps] = {
    "&": (("|", 1.5), ("^", 1.0)),
    "|": (("&", 1.5), ("^", 1.0)),
    "^": (("&", 1.2), ("|", 1.2)),
    "<<": ((">>", 1.5),),
    ">>": (("<<", 1.5),),
}
AUGMENTED: Mapping[str, tuple[str, ...]] = {
    "+=": ("-=", "=", "*="), "-=": ("+=", "="), "*=": ("/=", "+="), "/=": ("*=",),
    "|=": ("&=", "^="), "&=": ("|=",), "%=": ("/=",), "^=": ("|=", "&="), "<<=": (">>=",), ">>=": ("<<=",),
}  # fmt: skip
#: Exchanging one logical operator for the other.
LOGICAL = 2.5


def twins(families: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """For each name of a family (names apart by spaces) the others of all its families."""
    found: dict[str, tuple[str, ...]] = {}
    for family in families:
        names = family.split()
        for name in names:
            found[name] = (*found.get(name, ()), *(other for other in names if other != name))
    return found
