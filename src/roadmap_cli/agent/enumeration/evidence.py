"""About how many bits the results of examples carry: a program that takes more fits them by chance."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any


def evidence(results: Sequence[Any]) -> float:
    """About how many bits results carry: those that are all alike next to none, whole numbers by their size."""
    kinds = Counter(repr(result) for result in results)
    if all(isinstance(result, bool | None) for result in results):
        shares = [count / len(results) for count in kinds.values()]
        return len(results) * -sum(share * math.log2(share) for share in shares)
    return sum(_content(result) for result in {repr(result): result for result in results}.values())


def _content(value: Any) -> float:
    if isinstance(value, bool) or value is None:
        return 1.0
    if isinstance(value, int | float):
        return min(16.0, 1.0 + math.log2(1 + abs(value))) + 4.0 * isinstance(value, float)
    if isinstance(value, str):
        return 2.0 + 3.0 * min(len(value), 20)
    if isinstance(value, dict):
        return 2.0 + sum(_content(k) + _content(v) for k, v in list(value.items())[:20])
    return 2.0 + sum(_content(item) for item in list(value)[:20]) if isinstance(value, list | tuple | set) else 1.0
