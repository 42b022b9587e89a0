"""Turns of speech that say a wish as a whole, in the order of `idioms.txt`: the first that fits a clause wins.

The file has a wish on a line of its own (an axis and the sign of the wish itself, not of a property), then, indented,
the patterns that say it.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources


@cache
def idioms() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Each pattern and the wish it says. Compiled when first asked for."""
    found: list[tuple[str, list[str]]] = []
    text = (resources.files("roadmap_cli.edl.feedback") / "idioms.txt").read_text()
    for line in text.splitlines():
        if line.startswith("    "):
            pattern = line.strip()
            found[-1][1].append(pattern if pattern.startswith(("^", "\\b", "[")) else rf"\b{pattern}")
        else:
            found.append((line, []))
    return tuple((re.compile("|".join(patterns)), wish) for wish, patterns in found)
