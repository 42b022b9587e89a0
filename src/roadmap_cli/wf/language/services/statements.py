"""SQL as far as it must be read here: one statement, whether it changes data, and where its parameters stand.

This is the first of two guards, for clear words while a template is checked; the second is the database's own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from roadmap_cli.core.errors import DataError

PARAMETER = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
MOST_TEXT = 20_000
_READS = frozenset({"SELECT", "WITH", "VALUES"})
_CHANGES = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE"})
_TOKEN = re.compile(
    r"""
      (?P<space>\s+|--[^\n]*)
    | (?P<comment>/\*)
    | (?P<escaped>[eE]'(?:[^'\\]|\\.|'')*')
    | (?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`)
    | (?P<dollar>\$[A-Za-z_]*\$)
    | (?P<cast>::)
    | :(?P<parameter>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<word>[^\W\d]\w*)
    | (?P<number>[0-9]+(?:\.[0-9]*)?)
    | (?P<sign>.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement in pieces: text as it is, and the names of parameters between."""

    pieces: tuple[tuple[str, str | None], ...]
    is_change: bool

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters."""
        return tuple(dict.fromkeys(name for _, name in self.pieces if name))

    def for_sqlite(self) -> str:
        """The text with ``:name``."""
        return "".join(text + (f":{name}" if name else "") for text, name in self.pieces)

    def for_postgres(self) -> str:
        """The text with ``%(name)s``, as psycopg has it."""
        return "".join(text.replace("%", "%%") + (f"%({name})s" if name else "") for text, name in self.pieces)


def parsed(query: str) -> Statement:
    """The one statement of a query. Raises DataError for none, several, or one that neither reads nor changes rows."""
    if len(query) > MOST_TEXT:
        raise DataError(f"the query is longer than {MOST_TEXT} characters", code="bad_query")
    if "\0" in query:
        raise DataError("the query holds a NUL byte", code="bad_query")
    pieces: list[tuple[str, str | None]] = []
    words: list[str] = []
    text, at, ended = "", 0, False
    while at < len(query):
        matched = _TOKEN.match(query, at)
        if matched is None:
            raise DataError("the query cannot be read", code="bad_query")
        sort, token, at = matched.lastgroup or "sign", matched[0], matched.end()
        if sort == "comment":
            at = _comment_end(query, at)
            text += " "
            continue
        if sort == "space":
            text += " " if token.startswith("--") else token
            continue
        if ended:
            raise DataError("the query holds more than one statement", code="bad_query")
        if sort == "sign" and token == ";":
            ended = True
            continue
        if sort == "dollar":
            raise DataError("text in $$ has no place in a query", code="bad_query")
        if sort == "sign" and token in "'\"`":
            raise DataError(f"a {token} is not closed", code="bad_query")
        if sort == "parameter":
            name = matched["parameter"]
            if not PARAMETER.match(name):
                raise DataError(f"{name!r} is no name of a parameter: small letters, digits and '_'", code="bad_query")
            pieces.append((text, name))
            text = ""
        else:
            text += token
        words.append(token.upper() if sort == "word" else token[:1])
    if not words:
        raise DataError("the query is empty", code="bad_query")
    return Statement((*pieces, (text, None)), _is_change(words))


def _is_change(words: list[str]) -> bool:
    first = words[0]
    if first in _CHANGES:
        return True
    if first not in _READS:
        known = ", ".join(sorted(_READS | _CHANGES))
        raise DataError(f"a query begins with one of {known}, not with {first!r}", code="bad_query")
    # a change hides in a common table expression, or stands after the last: each time a parenthesis is before it
    if first == "WITH" and any(word in _CHANGES and before in "()" for before, word in pairwise(words)):
        return True
    if "INTO" in words:
        raise DataError("SELECT … INTO makes a table; a query reads or changes rows", code="bad_query")
    return False


def _comment_end(query: str, at: int) -> int:
    """Where a comment ends; they may be nested, as in SQL:1999."""
    depth = 1
    while depth:
        found = re.compile(r"/\*|\*/").search(query, at)
        if found is None:
            raise DataError("a comment is not closed", code="bad_query")
        depth += 1 if found[0] == "/*" else -1
        at = found.end()
    return at
