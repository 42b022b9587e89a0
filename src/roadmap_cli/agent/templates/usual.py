"""Calls that are usual around a value of some type, and arguments that are usual for well-known functions."""

from __future__ import annotations

from roadmap_cli.agent.templates.vocabulary import ROWS, TEXTS

_WRAP_NUMBER = (("abs({})", 1.6), ("int({})", 0.7), ("str({})", 0.7), ("round({})", 0.6), ("float({})", 0.2),
                ("math.ceil({})", 0.15), ("math.floor({})", 0.1), ("bin({})", 0.12), ("chr({})", 0.1),
                ("range({})", 0.15), ("bool({})", 0.1), ("[{}]", 0.15), ("round({}, 2)", 0.2))  # fmt: skip
_WRAP_TEXT = (("{}.lower()", 1.2), ("{}.upper()", 0.7), ("{}.strip()", 0.6), ("int({})", 0.8), ("len({})", 0.6),
              ("set({})", 0.6), ("list({})", 0.5), ("sorted({})", 0.5), ("{}[::-1]", 0.6), ("{}.split()", 0.6),
              ("''.join({})", 0.3), ("ord({})", 0.3), ("{}.swapcase()", 0.3), ("{}.title()", 0.15), ("float({})", 0.3),
              ("{}.capitalize()", 0.15), ("{}[0]", 0.3), ("{}[-1]", 0.3), ("{}[1:]", 0.4), ("{}[:-1]", 0.4),
              ("{}.replace(' ', '')", 0.25), ("{}.isdigit()", 0.1), ("[{}]", 0.15), ("{}[2:]", 0.2),
              ("''.join(sorted({}))", 0.2), ("''.join(reversed({}))", 0.15), ("repr({})", 0.1), ("{}.isalpha()", 0.1),
              ("{}.rstrip()", 0.1), ("{}.lstrip()", 0.1), ("{}.split(',')", 0.1), ("eval({})", 0.02))  # fmt: skip
_WRAP_ROW = (("sorted({})", 1.3), ("len({})", 0.9), ("set({})", 0.9), ("list({})", 0.6), ("sum({})", 0.7),
             ("max({})", 0.6), ("min({})", 0.6), ("{}[::-1]", 0.7), ("tuple({})", 0.5), ("{}[0]", 0.4),
             ("{}[-1]", 0.4), ("{}[1:]", 0.6), ("{}[:-1]", 0.6), ("sorted(set({}))", 0.6), ("list(set({}))", 0.3),
             ("sorted({}, reverse=True)", 0.5), ("reversed({})", 0.2), ("enumerate({})", 0.3), ("''.join({})", 0.4),
             ("' '.join({})", 0.3), ("any({})", 0.2), ("all({})", 0.2), ("{}[::2]", 0.3), ("{}[1::2]", 0.3),
             ("str({})", 0.15), ("[{}]", 0.2), ("list(dict.fromkeys({}))", 0.15), ("sorted({}, key=abs)", 0.1),
             ("sorted({}, key=len)", 0.15), ("{}.copy()", 0.25), ("range({})", 0.1), ("range(len({}))", 0.3),
             ("list(reversed({}))", 0.1), ("[abs(x) for x in {}]", 0.1), ("[x for x in {} if x]", 0.15))  # fmt: skip
_WRAP_HOLDER = (("list({})", 0.7), ("sorted({})", 0.9), ("len({})", 0.9), ("tuple({})", 0.3), ("max({})", 0.3),
                ("min({})", 0.3), ("sum({})", 0.3), ("{}.items()", 0.5), ("{}.keys()", 0.3), ("{}.values()", 0.5),
                ("set({})", 0.3), ("reversed({})", 0.2))  # fmt: skip
_WRAP_UNKNOWN = (("sorted({})", 0.6), ("abs({})", 0.6), ("len({})", 0.5), ("list({})", 0.6), ("set({})", 0.4),
                 ("str({})", 0.5), ("int({})", 0.5), ("sum({})", 0.4), ("{}[::-1]", 0.3), ("tuple({})", 0.3),
                 ("{}.lower()", 0.3), ("max({})", 0.2), ("min({})", 0.2), ("{}[0]", 0.2), ("{}[1]", 0.15),
                 ("{}[-1]", 0.2), ("{}.strip()", 0.2), ("round({})", 0.2))  # fmt: skip
#: By the name of the function.
USUAL_ARGUMENTS = {
    "sorted": ("reverse=True", "key=len", "key=abs", "key=str", "key=int", "key=lambda x: (len(x), x)",
               "key=lambda x: x[1]", "key=lambda x: x[0]", "key=lambda x: -x", "key=str.lower",
               "key=lambda x: (-x[1], x[0])"),
    "sort": ("reverse=True", "key=len", "key=abs", "key=str", "key=lambda x: x[1]", "key=lambda x: (len(x), x)"),
    "max": ("default=0", "default=None", "key=len", "key=abs", "key=lambda x: x[1]", "0"),
    "min": ("default=0", "default=None", "key=len", "key=abs", "key=lambda x: x[1]"), "enumerate": ("1", "start=1"),
    "split": ("' '", "','", "', '", "'\\n'"), "int": ("2", "10", "16"), "round": ("1", "2", "4"),
    "zip": ("strict=True",),
    "sum": ("[]", "1", "()"), "get": ("0", "[]", "''", "{}"), "pop": ("0", "-1", "None"), "dict": (), "next": ("None",),
    "replace": ("1",), "getattr": ("None",), "strip": ("' '", "'\\n'"),
}  # fmt: skip


def calls_around(kinds: frozenset[str]) -> list[tuple[str, float]]:
    """The calls that are made around a value of one of these types, each with its weight; `{}` stands for the value."""
    table: dict[str, float] = {}
    for wanted, forms in (
        (frozenset({"int", "float"}), _WRAP_NUMBER), (TEXTS, _WRAP_TEXT), (ROWS, _WRAP_ROW),
        (frozenset({"set", "dict", "frozenset", "map", "filter", "range"}), _WRAP_HOLDER),
    ):  # fmt: skip
        if kinds & wanted:
            table |= dict(forms)
    return list((table or ({} if kinds else dict(_WRAP_UNKNOWN))).items())
