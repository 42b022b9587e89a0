"""Values in words, and inputs like those that tests give."""

# Any Python from 3.8 on runs this, pytest names its methods, and files are handled at the level of the system.
# ruff: noqa: B905, BLE001, D102, D103, RUF007

from __future__ import annotations

import copy
import random
from itertools import islice
from typing import Any


def type_of(value: Any, depth: Any = 2) -> Any:
    """A value's type as a short word: int, list[str], dict[str,int]."""
    name = type(value).__name__
    if depth and value and isinstance(value, (list, tuple, set, frozenset)):
        inner = sorted({type_of(v, depth - 1) for v in islice(value, 20)})
        return f"{name}[{'|'.join(inner)}]"
    if depth and value and isinstance(value, dict):
        some = list(islice(value.items(), 10))
        keys, values = sorted({type_of(k, 0) for k, _ in some}), sorted({type_of(v, depth - 1) for _, v in some})
        return f"{name}[{'|'.join(keys)},{'|'.join(values)}]"
    return name


def short(value: Any) -> Any:
    try:
        return repr(value)[:200]
    except Exception:
        return "?"


def plain(value: Any, depth: Any = 6) -> Any:
    """A value in words, the same for equal values: floats rounded, sets in order, objects by what they hold."""
    if depth == 0:
        return "..."
    if isinstance(value, bool) or value is None:
        return repr(value)
    if isinstance(value, float):
        return f"{value:.9g}" if value != int_or(value) else repr(int(value))
    if isinstance(value, (list, tuple)):
        inner = ",".join(plain(v, depth - 1) for v in value[:2000])
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    if isinstance(value, (set, frozenset)):
        return "{" + ",".join(sorted(plain(v, depth - 1) for v in value)) + "}"
    if isinstance(value, dict):
        return "{" + ",".join(f"{plain(k, depth - 1)}:{plain(v, depth - 1)}" for k, v in value.items()) + "}"
    if isinstance(value, (int, str, bytes, complex)):
        return repr(value)
    if hasattr(value, "__dict__"):
        return type(value).__name__ + plain(vars(value), depth - 1)
    return type(value).__name__


def int_or(value: Any) -> Any:
    try:
        return int(value)
    except (ValueError, OverflowError):
        return None


def generated(seen: Any, count: Any, seed: Any) -> Any:
    """Inputs that were seen, and mutations of them that keep to what all seen ones have in common.

    Bounds of numbers, alphabets of strings, lengths, order and uniqueness of lists are kept where every seen value has
    them: a function's preconditions are not written down, so its callers are the best witness of them.
    """
    if not seen:
        return []
    chance = random.Random(seed)
    inputs = list(seen[:100])
    words = {short_key(value) for value in inputs}
    traits = [Traits([row[at] for row in seen]) for at in range(len(seen[0]))]
    for _ in range(count * 8):
        if len(inputs) >= count:
            break
        row = list(chance.choice(seen))
        for at in range(len(row)):
            if len(row) == 1 or chance.random() < 0.6:
                other = chance.choice(seen)[at] if chance.random() < 0.3 else row[at]
                try:
                    row[at] = traits[at].mutated(copy.deepcopy(other), chance)
                except Exception:
                    continue
        key = short_key(row)
        if key not in words:
            words.add(key)
            inputs.append(row)
    return inputs


def short_key(value: Any) -> Any:
    return plain(value)[:2000]


class Traits:
    """What all seen values of one argument have in common, and mutations that keep it."""

    def __init__(self, values: Any) -> None:
        self.values = values
        numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
        self.low, self.high = (min(numbers), max(numbers)) if numbers else (0, 0)
        texts = [v for v in values if isinstance(v, str)]
        self.letters = sorted(set("".join(texts)))
        self.words = sorted({w for t in texts for w in t.split()}) if any(" " in t for t in texts) else []
        rows = [v for v in values if isinstance(v, (list, tuple))]
        self.shortest = min((len(v) for v in (rows or texts)), default=0)
        self.longest = max((len(v) for v in (rows or texts)), default=0)
        self.even = bool(rows or texts) and all(len(v) % 2 == 0 for v in (rows or texts))
        self.same = self.shortest == self.longest and len(rows or texts) > 2
        self.ascending = bool(rows) and all(in_order(v) for v in rows)
        self.distinct = bool(rows) and all(no_repeats(v) for v in rows)
        inner = [v for row in rows for v in row]
        self.inner = Traits(inner) if inner else None
        pairs = [v for v in values if isinstance(v, dict)]
        self.of_values = Traits([v for d in pairs for v in d.values()]) if any(pairs) else None

    def mutated(self, value: Any, chance: Any) -> Any:
        if isinstance(value, bool):
            return not value if chance.random() < 0.5 else value
        if isinstance(value, int):
            spread = chance.choice([1, 1, 2, 3, 5, 10, max(1, int(self.high - self.low) // 3)])
            found = value + chance.randint(-spread, spread)
            return int(min(max(found, self.low), self.high + spread))
        if isinstance(value, float):
            found = chance.choice([value + chance.uniform(-2, 2), value * chance.uniform(0.5, 1.5), round(value)])
            return float(min(max(found, self.low), self.high * 1.5 if self.high > 0 else self.high))
        if isinstance(value, str):
            return self.text(value, chance)
        if isinstance(value, (list, tuple)):
            return type(value)(self.row(list(value), chance))
        if isinstance(value, dict) and self.of_values is not None:
            for key in list(value):
                if chance.random() < 0.3:
                    value[key] = self.of_values.mutated(value[key], chance)
                elif chance.random() < 0.1:
                    del value[key]
            return value
        return value

    def text(self, value: Any, chance: Any) -> Any:
        if self.words and chance.random() < 0.6:
            parts = value.split(" ")
            self.edit(parts, chance, lambda: chance.choice(self.words))
            return " ".join(parts)
        letters = list(value)
        if self.letters:
            self.edit(letters, chance, lambda: chance.choice(self.letters))
        return "".join(letters)

    def row(self, value: Any, chance: Any) -> Any:
        if self.inner is not None:
            inner = self.inner
            self.edit(value, chance, lambda: inner.mutated(copy.deepcopy(chance.choice(inner.values)), chance))
        if self.distinct and not no_repeats(value):
            kept: Any = []
            for item in value:
                if item not in kept:
                    kept.append(item)
            value = kept
        return sorted(value) if self.ascending else value

    def edit(self, value: Any, chance: Any, new: Any) -> Any:
        for _ in range(chance.choice([1, 1, 2, 3])):
            kinds = ["change", "swap", "twin"] if self.same else ["change", "insert", "drop", "swap", "twin", "insert"]
            kind = chance.choice(kinds)
            at = chance.randrange(len(value)) if value else 0
            if kind == "insert" and len(value) < self.longest + 3:
                value.insert(at, new())
            elif kind == "drop" and len(value) > self.shortest:
                del value[at]
            elif value and kind == "change":
                value[at] = new()
            elif value and kind == "swap":
                other = chance.randrange(len(value))
                value[at], value[other] = value[other], value[at]
            elif value and kind == "twin":
                value[at] = copy.deepcopy(chance.choice(value))
        if self.even and len(value) % 2:
            value.pop()


def in_order(values: Any) -> Any:
    try:
        return all(a <= b for a, b in zip(values, values[1:])) and len(values) < 10**6
    except TypeError:
        return False


def no_repeats(values: Any) -> Any:
    return all(value not in values[:at] for at, value in enumerate(values[:200]))
