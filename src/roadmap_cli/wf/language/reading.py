"""The values of a template, one by one: checked, and every fault noted with its line.

The rule kept here: reading never stops at a fault; it notes it and goes on with a harmless value. What was noted as an
error keeps the template from being used.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.wf.language import patterns
from roadmap_cli.wf.language.templates import TESTS, Budget, Clause, Finding
from roadmap_cli.wf.language.yamlfile import Document, Way

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|h|d)\Z")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
MOST_S = 366 * 86400.0
_WANTED = {str: "text", list: "a list", dict: "a table", bool: "true or false", int: "a whole number"}


class Reader:
    """Goes through a document once. `fault` notes what is wrong; every other method gives a value it can vouch for."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.findings: list[Finding] = []

    def fault(self, way: Way, code: str, message: str, severity: str = "error") -> None:
        """Note a fault of the value at a way."""
        self.findings.append(Finding(self.document.name, self.document.line(way), severity, code, message))

    def table(self, value: Any, way: Way, known: Sequence[str], needed: Sequence[str] = ()) -> dict[str, Any]:
        """A table with no fields but the known ones and all that are needed. A field without value is not there."""
        name = ".".join(map(str, way)) or "the template"
        if not isinstance(value, dict):
            self.fault(way, "wrong_type", f"{name} must be a table of fields")
            return {}
        for key in value:
            if key not in known:
                self.fault((*way, key), "unknown_field", f"unknown field {key!r} in {name}; known: {', '.join(known)}")
        for key in needed:
            if value.get(key) is None:
                self.fault(way, "missing_field", f"field {key!r} is missing in {name}")
        return {key: each for key, each in value.items() if each is not None}

    def take(self, table: dict[str, Any], way: Way, key: str, kind: type | tuple[type, ...], default: Any) -> Any:
        """A field of one type, or the default if it is not there."""
        value = table.get(key)
        if value is None:
            return default
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            wanted = _WANTED.get(kind, "a number") if isinstance(kind, type) else "a number"
            self.fault((*way, key), "wrong_type", f"field {key!r} must be {wanted}")
            return default
        return value

    def texts(self, table: dict[str, Any], way: Way, key: str) -> tuple[str, ...]:
        """A list of text; numbers in it are taken as they are written."""
        values: list[Any] = self.take(table, way, key, list, [])
        for at, value in enumerate(values):
            if isinstance(value, bool) or not isinstance(value, (str, int, float)):
                self.fault((*way, key, at), "wrong_type", f"field {key!r} must hold text only")
        return tuple(str(value) for value in values)

    def duration(self, table: dict[str, Any], way: Way, key: str, default: float) -> float:
        """Seconds from text such as ``500ms`` or ``2h``."""
        value = self.take(table, way, key, str, None)
        if value is None:
            return default
        matched = _DURATION.match(value)
        seconds = float(matched[1]) * _UNIT_S[matched[2]] if matched else -1.0
        if not 0 < seconds <= MOST_S:
            self.fault((*way, key), "bad_duration", f"{value!r} is not a duration such as 500ms, 30s, 5m, 2h or 1d")
            return default
        return seconds

    def number(self, table: dict[str, Any], way: Way, key: str, least: float, most: float, default: float) -> float:
        """A number within bounds."""
        value = float(self.take(table, way, key, (int, float), default))
        if not least <= value <= most:  # not a number is neither
            self.fault((*way, key), "out_of_range", f"field {key!r} must be between {least:g} and {most:g}")
            return default
        return value

    def whole(self, table: dict[str, Any], way: Way, key: str, least: int, most: int, default: int) -> int:
        """A whole number within bounds."""
        value = self.number(table, way, key, least, most, default)
        if not math.isfinite(value) or value != int(value):
            self.fault((*way, key), "wrong_type", f"field {key!r} must be a whole number")
            return default
        return int(value)

    def pattern(self, value: Any, way: Way) -> re.Pattern[str] | None:
        """A regular expression that cannot run away."""
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            self.fault(way, "wrong_type", "a regular expression must be text")
            return None
        try:
            return patterns.compiled(str(value))
        except DataError as error:
            self.fault(way, error.code, error.message)
            return None

    def chosen(self, value: Any, way: Way, choices: Sequence[str], what: str) -> str:
        """One of some words."""
        if value not in choices:
            self.fault(way, f"unknown_{what}", f"unknown {what} {value!r}; known: {', '.join(choices)}")
        return str(value)

    def budget(self, value: Any, way: Way) -> Budget:
        """A budget in dollars, tokens, or both."""
        if value is None:
            return Budget()
        table = self.table(value, way, ("usd", "tokens"))
        if table.get("usd") is None and table.get("tokens") is None:
            self.fault(way, "bad_budget", "a budget needs 'usd', 'tokens' or both")
        usd = self.number(table, way, "usd", 0, 10**6, 0) if table.get("usd") is not None else None
        tokens = self.whole(table, way, "tokens", 0, 10**9, 0) if table.get("tokens") is not None else None
        return Budget(usd, tokens)

    def clauses(self, table: dict[str, Any], way: Way, key: str) -> tuple[Clause, ...]:
        """A list of conditions."""
        values: list[Any] = self.take(table, way, key, list, [])
        return tuple(self.clause(each, (*way, key, at)) for at, each in enumerate(values))

    def clause(self, value: Any, way: Way) -> Clause:
        """One condition: a field and exactly one test of it."""
        table = self.table(value, way, ("field", *TESTS), ("field",))
        chosen = [test for test in TESTS if test in table]
        if len(chosen) != 1:
            self.fault(way, "bad_clause", f"a clause needs exactly one of {', '.join(TESTS)}")
            return Clause("", "exists", True)
        test = chosen[0]
        expected = table[test]
        if test == "equals" and isinstance(expected, dict | list):
            self.fault((*way, test), "wrong_type", "'equals' takes text, a number or true or false")
        if test == "one_of":
            expected = self.take(table, way, test, list, [])
        if test == "exists":
            expected = self.take(table, way, test, bool, True)
        if test in ("more", "less"):
            expected = self.take(table, way, test, (int, float), 0)
        pattern = self.pattern(expected, (*way, test)) if test == "matches" else None
        return Clause(self.take(table, way, "field", str, ""), test, expected, pattern)
