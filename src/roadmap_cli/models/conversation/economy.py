"""Prompts that cost less: shortened without losing a fact, and begun alike.

The rule kept here: shortening is checked. What comes out has every number, every name and every distinct line that
went in; where it has not, the text stays as it was.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_BLANKS = re.compile(r"[ \t]{2,}")
_EMPTY = re.compile(r"\n{3,}")
_FACT = re.compile(r"\d+(?:[.,:/-]\d+)*|[A-ZÄÖÜ][\w-]+|[\w.+-]+@[\w.-]+|https?://\S+")
_COUNTED = re.compile(r" \(this line \d+ times\)\Z")
#: A line is worth counting instead of repeating if it is at least so long.
_WORTH = 12


@dataclass(frozen=True, slots=True)
class Compacted:
    """Messages as they are to be sent, and the share of their letters that was spared."""

    messages: list[dict[str, str]]
    saved_ratio: float


def compacted(messages: Sequence[Mapping[str, str]]) -> Compacted:
    """Messages with repeated lines told once with their count, and blanks that mean nothing taken out.

    What a person wrote as code (indented, or between ``` fences) keeps its blanks.
    """
    found, before, after = list[dict[str, str]](), 0, 0
    for message in messages:
        text = str(message["content"])
        short = _short(text)
        if not _keeps(text, short):
            short = text
        before, after = before + len(text), after + len(short)
        found.append({**message, "content": short})
    return Compacted(found, (before - after) / before if before else 0.0)


def _short(text: str) -> str:
    if "```" in text:
        return text
    lines = text.split("\n")
    counts = Counter(line for line in lines if len(line) >= _WORTH)
    told: set[str] = set()
    kept: list[str] = []
    for line in lines:
        if counts[line] > 2:
            if line in told:
                continue
            told.add(line)
            line = f"{line} (this line {counts[line]} times)"
        indent = line[: len(line) - len(line.lstrip())]
        kept.append(indent + _BLANKS.sub(" ", line[len(indent) :].rstrip()))
    return _EMPTY.sub("\n\n", "\n".join(kept)).strip("\n")


def _keeps(text: str, short: str) -> bool:
    """Whether nothing that answers rest on is lost: numbers, names, addresses, and each different line."""
    if not set(_FACT.findall(text)) <= set(_FACT.findall(short)):
        return False
    told = {" ".join(line.split()) for line in short.split("\n")}
    told |= {_COUNTED.sub("", line) for line in told}
    return {" ".join(line.split()) for line in text.split("\n")} - {""} <= told


def joined(messages: Sequence[Mapping[str, Any]]) -> str:
    """A conversation as one text, in the order in which a model reads it."""
    return "\n".join(f"{each.get('role')}: {each.get('content')}" for each in messages)


def shared_ratio(first: str, second: str) -> float:
    """Which share of the second text is a beginning that the first has, too."""
    alike = next((at for at, (one, other) in enumerate(zip(first, second, strict=False)) if one != other), None)
    return (min(len(first), len(second)) if alike is None else alike) / len(second) if second else 0.0
