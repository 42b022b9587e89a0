"""Task ``query_data``: a question in words is answered by one of the queries the template allows, or by none.

The rule kept here: the question chooses among queries and gives values to bind. It never becomes part of a statement,
and what no query was written for is not asked.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.wf.actions import sql
from roadmap_cli.wf.actions.rows import Question
from roadmap_cli.wf.agents import likeness
from roadmap_cli.wf.agents.desk import Desk, Work
from roadmap_cli.wf.evidence import evidence
from roadmap_cli.wf.language.services import statements

_SHARP = 8.0
_QUOTED = re.compile(r"[\"“”«»]([^\"“”«»]{1,200})[\"“”«»]|(?<!\w)'([^']{1,200})'(?!\w)")
_NUMBER = re.compile(r"(?<![\w.-])-?\d+(?:\.\d+)?(?![\w-])")
_DATE = re.compile(r"\b(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?))?\b")
_AGO = re.compile(r"\b(?:last|past|previous)\s+(\d+)?\s*(minute|hour|day|week|month)s?\b", re.IGNORECASE)
_AGO_OF = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=30),
}


def work(spec: Record, desk: Desk) -> Work:
    """Choose a query, find its values in the question, ask it."""
    question = spec["question"][:2000]
    queries: list[Record] = spec["queries"]
    about = [
        " ".join([each["name"].replace("-", " ").replace("_", " "), each["about"], *each["examples"]])
        for each in queries
    ]
    scores = likeness.by_words(question, about)
    meaning = likeness.by_meaning(question, about, desk.context.environ)
    if meaning is not None:
        scores = [(a + max(b, 0.0)) / 2 for a, b in zip(scores, meaning, strict=True)]
    order = sorted(range(len(queries)), key=lambda at: -scores[at])
    values: list[Record | None] = [_values(each, question, desk.now) for each in queries]
    certain = likeness.certainties(scores, _SHARP)
    best = order[0]
    certainty = certain[best] * min(scores[best] / 0.25, 1.0)
    record = evidence("value", desk.step["name"], question, None, desk.now)
    output: Record = {
        "query": queries[best]["name"], "certainty_ratio": round(certainty, 4), "is_unknown": False,
        "candidates": [{"query": queries[at]["name"], "score": round(scores[at], 4)} for at in order[:3]],
    }  # fmt: skip
    given = values[best]
    if certainty < spec.get("least_certainty", 0.5) or given is None:
        why = (
            "no query is certain to be meant"
            if given is not None
            else f"the question lacks a value that {queries[best]['name']!r} needs"
        )
        output |= {"is_unknown": True, "why_unknown": why, "evidence_ids": [record["id"]]}
        del output["query"]
        return Work(output, "the question was not answered", why, [record], output["certainty_ratio"])
    asked = queries[best]
    statement = statements.parsed(asked["query"])
    if statement.is_change:
        raise DataError("a question is never answered by a change", code="bad_change")
    rows = sql.ask(
        Question(statement, given, asked["most_rows"], desk.step["timeout_s"], desk.context.key, clock.stamp(desk.now)),
        spec["database"], desk.context,
    )  # fmt: skip
    result = evidence(
        "row", f"{spec['database']}: {asked['name']}", f"{rows['rows_count']} rows for {given}", None, desk.now
    )
    output |= rows | {"parameters": given, "evidence_ids": [result["id"], record["id"]]}
    why = f"it is asked by {asked['name']!r}, of {len(queries)} queries the likeliest"
    return Work(output, f"answered by query {asked['name']!r}", why, [result, record], output["certainty_ratio"])


def _values(query: Record, question: str, now: datetime) -> Record | None:
    """The values of a query's parameters from a question; None if one is missing that has no default."""
    rest = question
    found: Record = {}
    for name, how in query["parameters"].items():
        value, rest = _value(how, rest, now)
        if value is None:
            if "default" not in how:
                return None
            value = how["default"]
        found[name] = value
    return found


def _value(how: Record, text: str, now: datetime) -> tuple[Any, str]:
    """A value and the text without it, so that two parameters do not take the same."""
    match how["take"]:
        case "one_of":
            for each in sorted(how["of"], key=len, reverse=True):
                if matched := re.search(rf"(?<!\w){re.escape(each)}(?!\w)", text, re.IGNORECASE):
                    return each, text[: matched.start()] + text[matched.end() :]
        case "quoted":
            if matched := _QUOTED.search(text):
                return matched[1] or matched[2], text[: matched.start()] + text[matched.end() :]
        case "date":
            if matched := _DATE.search(text):
                return (f"{matched[1]} {matched[2]}" if matched[2] else matched[1]), text[: matched.start()] + text[
                    matched.end() :
                ]
            if matched := _AGO.search(text):
                at = now - int(matched[1] or 1) * _AGO_OF[matched[2].lower()] if int(matched[1] or 1) < 10_000 else now
                return f"{at:%Y-%m-%d %H:%M:%S}", text[: matched.start()] + text[matched.end() :]
            for word, days in (("today", 0), ("yesterday", 1)):
                if matched := re.search(rf"\b{word}\b", text, re.IGNORECASE):
                    return f"{now - timedelta(days=days):%Y-%m-%d}", text[: matched.start()] + text[matched.end() :]
        case "number":
            plain = _DATE.sub(lambda matched: " " * len(matched[0]), text)
            if matched := _NUMBER.search(plain):
                number = float(matched[0]) if "." in matched[0] else int(matched[0])
                if abs(number) < 2**63:
                    return number, text[: matched.start()] + text[matched.end() :]
        case "words":
            return " ".join(likeness.words(text))[:200] or None, text
    return None, text
