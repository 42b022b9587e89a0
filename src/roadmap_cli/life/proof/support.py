"""Numbers in a text, looked for in what the text rests on: facts, cited records, and how many records there are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

#: A number as texts of the family write it: 14.4, 1,120.00, 2026; parts of ids and of words are none.
NUMBER = re.compile(r"(?<![\w.,/:-])[-−+]?\d+(?:,\d{3})*(?:\.\d+)?(?![\w/])")
_DATES = re.compile(r"\d{4}-\d{2}(?:-\d{2})?(?:[T ]\d{2}:\d{2})?|\d{1,2}:\d{2}(?:-\d{1,2}:\d{2})?")
#: Fields of a record that are not what it says.
_KEEPING = frozenset(("id", "kind", "at", "why_id", "source_id", "evidence_ids", "from_id"))


def unsupported(text: str, *pools: Any) -> list[str]:
    """The numbers and dates in a text that none of the pools (JSON values) contains, rounded as in the text."""
    texts, numbers = _Pool.of(pools)
    missing = [each for each in _DATES.findall(text) if not any(each in other for other in texts)]
    for match in NUMBER.findall(_DATES.sub(" ", text)):
        plain = match.replace(",", "").replace("−", "-")
        places = len(plain.partition(".")[2])
        wanted = abs(float(plain))
        close = any(abs(round(abs(number), places) - wanted) < 0.5 * 10**-places / 100 for number in numbers)
        if not close and not any(re.search(rf"(?<![\d.]){re.escape(match.lstrip('-+−'))}(?![\d])", t) for t in texts):
            missing.append(match)
    return missing


class _Pool:
    """Everything in some JSON values: the texts, and the numbers (those written as text, too)."""

    @staticmethod
    def of(pools: Iterable[Any]) -> tuple[list[str], list[float]]:
        texts: list[str] = []
        numbers: list[float] = []
        for value in _leaves(pools):
            if isinstance(value, bool):
                continue
            if isinstance(value, (int, float)):
                numbers.append(float(value))
            elif isinstance(value, str):
                texts.append(value)
                if re.fullmatch(r"-?\d{1,18}(\.\d+)?", value):
                    numbers.append(float(value))
        return texts, numbers


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for name, each in value.items():
            if name not in _KEEPING:
                yield from _leaves(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _leaves(each)
    else:
        yield value
