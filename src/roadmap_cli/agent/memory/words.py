"""Texts as questions to the full-text index: the words that tell one failure from another, joined by OR."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W\d_]{2,}\d*", re.UNICODE)
#: Words of error messages and of English that say nothing of what a failure is about.
_COMMON = """
the and or but if of in on at to for with from by about as is are was were be been not no so than then this that it its
self none true false assert error exception object test tests def return import line file py call failed python most
recent last traceback where has have had must should an
"""
_STOPS = frozenset(_COMMON.split())
_LIMIT = 16


def telling(text: str, limit: int = _LIMIT) -> list[str]:
    """The different words of a text that tell something: at most `limit`, long ones and repeated ones first."""
    counts: dict[str, int] = {}
    for word in _WORD.findall(text.lower()):
        if word not in _STOPS:
            counts[word] = counts.get(word, 0) + 1
    order = {word: place for place, word in enumerate(counts)}
    ranked = sorted(counts, key=lambda word: (-min(len(word), 10) - 2 * min(counts[word], 3), order[word]))
    return ranked[:limit]


def query(text: str, limit: int = _LIMIT) -> str:
    """The FTS5 query for a text; empty if it has no telling word."""
    return " OR ".join(f'"{word}"' for word in telling(text, limit))
