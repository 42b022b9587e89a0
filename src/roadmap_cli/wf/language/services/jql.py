"""Jira's query language as far as it must be read here: values quoted in, and confined to projects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record

_TOKEN = re.compile(
    r"""
      (?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | :(?P<value>[a-z][a-z0-9_]*)
    | (?P<order>\border\s+by\b)
    | (?P<word>[^\s()"':,=<>!~]+)
    | (?P<sign>.)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)


def check(query: str, values: Mapping[str, Any]) -> None:
    """Raise DataError for a query that cannot be confined, or values that do not fit it."""
    used = {matched["value"] for matched in _tokens(query) if matched["value"]}
    for name in sorted(used - set(values)):
        raise DataError(f"there is no value for :{name}", code="missing_value")
    for name in sorted(set(values) - used):
        raise DataError(f"the query has no :{name}", code="unused_value")
    _parts(query)


def confined(query: str, values: Mapping[str, Any], projects: Sequence[str]) -> str:
    """A query with its values quoted in, and `projects` around it, so that it finds nothing beyond them."""
    condition, order = _parts(query)
    names = ", ".join(quoted(each) for each in projects)
    inner = _put_in(condition, values).strip()
    return (
        f"project in ({names})" + (f" AND ({inner})" if inner else "") + (f" {_put_in(order, values)}" if order else "")
    )


def quoted(value: Any) -> str:
    """A value as JQL writes it; a list in parentheses. Raises DataError for what has no spelling."""
    if isinstance(value, bool) or value is None or isinstance(value, dict):
        raise DataError(f"not a value for a query: {value!r}", code="bad_value")
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list):
        if not value:
            raise DataError("an empty list has no place in a query", code="bad_value")
        return f"({', '.join(quoted(each) for each in value)})"
    text = "".join(sign if sign.isprintable() else " " for sign in str(value))
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def issues(found: Sequence[Record], projects: Sequence[str]) -> Iterator[Record]:
    """The issues of an answer that lie in the projects, whatever the server thought of the question."""
    for each in found:
        key = str(each.get("key", ""))
        if key.rpartition("-")[0] in projects:
            yield each


def _tokens(query: str) -> Iterator[re.Match[str]]:
    if len(query) > 10_000:
        raise DataError("the query is longer than 10000 characters", code="bad_query")
    yield from _TOKEN.finditer(query)


def _parts(query: str) -> tuple[str, str]:
    """The condition and its ``ORDER BY``. Raises DataError where parentheses or quotes do not close."""
    depth, split = 0, len(query)
    for matched in _tokens(query):
        sign = matched["sign"]
        if sign in ('"', "'", "\\"):
            raise DataError(f"a {sign} is not closed in the query", code="bad_query")
        if sign == "(":
            depth += 1
        elif sign == ")":
            depth -= 1
            if depth < 0 or split < len(query):
                raise DataError("a parenthesis is closed that was not opened in the query", code="bad_query")
        elif matched["order"] and split == len(query):
            if depth:
                raise DataError("ORDER BY stands within parentheses", code="bad_query")
            split = matched.start()
    if depth:
        raise DataError("a parenthesis is not closed in the query", code="bad_query")
    return query[:split], query[split:]


def _put_in(text: str, values: Mapping[str, Any]) -> str:
    return "".join(quoted(values[m["value"]]) if m["value"] else m[0] for m in _tokens(text))
