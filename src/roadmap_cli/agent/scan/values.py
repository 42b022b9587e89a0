"""What an expression may stand for: texts, names of the outside, what they make, functions of the file, unknowns."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roadmap_cli.agent.scan.program import Scope

#: The most values an expression has.
WIDTH = 12


@dataclass(frozen=True, slots=True)
class Value:
    """One thing an expression may stand for. `trail` are the lines its data came through, the oldest first.

    `given` is the parameter that a caller chooses it by: the function, the position, the name.
    """

    trail: tuple[int, ...] = field(default=(), compare=False, kw_only=True)
    given: tuple[str, int, str] | None = field(default=None, compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Text(Value):
    """A text, or its beginning if not `whole`; `origin` is then where the rest comes from. Paths are texts, too."""

    text: str
    whole: bool = True
    origin: str = ""
    is_path: bool = False


@dataclass(frozen=True, slots=True)
class Const(Value):
    """A number, bytes, None, a truth value."""

    value: object


@dataclass(frozen=True, slots=True)
class Name(Value):
    """Something of the outside by its name, spelled out from its module; `base` is what a method belongs to."""

    name: str
    base: Value | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Made(Value):
    """What calling something of the outside gave."""

    name: str
    call: ast.Call = field(compare=False)
    scope: Scope = field(compare=False)


@dataclass(frozen=True, slots=True)
class Function(Value):
    """A function, method or lambda of this file."""

    scope: Scope


@dataclass(frozen=True, slots=True)
class Class(Value):
    """A class of this file."""

    scope: Scope


@dataclass(frozen=True, slots=True)
class Instance(Value):
    """An object of a class of this file."""

    scope: Scope


@dataclass(frozen=True, slots=True, eq=False)
class Sequence(Value):
    """A list, tuple or set: the values each place may have."""

    items: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Mapping(Value):
    """A dict written out: keys that are not known are None."""

    items: tuple[tuple[Value | None, tuple[Value, ...]], ...]


@dataclass(frozen=True, slots=True)
class Unknown(Value):
    """Not known, and why: ``caller``, ``input``, ``decoded``, ``dynamic``, ``unknown``."""

    origin: str = "unknown"


Values = tuple[Value, ...]
NOT_KNOWN: Values = (Unknown(),)


def flat(values: Iterable[Value]) -> list[Value]:
    """The values, with lists and dicts replaced by what is in them."""
    found: list[Value] = []
    stack = list(values)[::-1]
    while stack and len(found) < 4 * WIDTH:
        value = stack.pop()
        if isinstance(value, Sequence):
            stack += [each for item in reversed(value.items[:64]) for each in item]
        elif isinstance(value, Mapping):
            stack += [each for _, item in value.items[:64] for each in item]
        else:
            found.append(value)
    return found


def merged(values: Iterable[Value]) -> Values:
    """Each value once, at most WIDTH of them."""
    if isinstance(values, list | tuple) and len(values) < 2:
        return tuple(values)
    found: dict[Value, None] = {}
    for value in values:
        found[value] = None
        if len(found) >= WIDTH:
            break
    return tuple(found)


def passed(values: Iterable[Value], line: int) -> Values:
    """The values, with one more line that they came through."""
    return tuple(_traced(value, line) for value in islice(values, WIDTH))


def _traced(value: Value, line: int) -> Value:
    trail = value.trail
    if line in trail:
        return value
    trail = (*trail[-6:], line)
    if isinstance(value, Text):
        return Text(value.text, value.whole, value.origin, value.is_path, trail=trail, given=value.given)
    if isinstance(value, Name):
        return Name(value.name, value.base, trail=trail)
    if isinstance(value, Unknown):
        return Unknown(value.origin, trail=trail, given=value.given)
    if isinstance(value, Made):
        return Made(value.name, value.call, value.scope, trail=trail)
    if isinstance(value, Const):
        return Const(value.value, trail=trail)
    return value


def origin_of(value: Value) -> str:
    """Why a value is not known, as `Unknown` tells it."""
    return (
        value.origin
        if isinstance(value, Unknown)
        else (value.origin or "unknown")
        if isinstance(value, Text)
        else "unknown"
    )


def part_of(value: Value, number: int) -> Iterable[Value]:
    """One place of what is unpacked."""
    if isinstance(value, Sequence):
        return value.items[number] if number < len(value.items) else [v for item in value.items[:WIDTH] for v in item]
    if isinstance(value, Made) and value.name in ("os.walk", "os.fwalk", "pathlib.Path.walk", "tempfile.mkstemp"):
        return NOT_KNOWN
    return (value,) if isinstance(value, Unknown) else NOT_KNOWN


def at_key(base: Value, key: Value) -> Iterable[Value]:
    """What stands in a list, a dict or a text at a key; all of it if the key is not known."""
    if isinstance(base, Sequence):
        if isinstance(key, Const) and isinstance(key.value, int) and -len(base.items) <= key.value < len(base.items):
            return base.items[key.value]
        return [value for item in base.items[:WIDTH] for value in item]
    if isinstance(base, Mapping):
        exact = [value for each, values in base.items if each == key for value in values]
        return exact or [value for _, values in base.items[:WIDTH] for value in values]
    if isinstance(base, Text) and base.whole and isinstance(key, Const) and isinstance(key.value, int):
        return (Text(base.text[key.value]),) if -len(base.text) <= key.value < len(base.text) else NOT_KNOWN
    return (base,) if isinstance(base, Unknown) else NOT_KNOWN
