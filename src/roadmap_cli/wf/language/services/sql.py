"""Action ``sql``: one statement on a database that the user's configuration names.

The rule kept here: the statement is the template's, values are bound to it and never become part of its text; and what
only reads is kept from writing by the database itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.wf.language.services import fields

if TYPE_CHECKING:
    from roadmap_cli.wf.language.reading import Reader
    from roadmap_cli.wf.language.yamlfile import Way

MOST_ROWS = 100_000
_WHY = "values are bound by 'parameters'; write :name where one belongs"


def read(reader: Reader, value: Any, way: Way) -> Record:
    """The statement: ``database``, ``query``, ``parameters`` (by name), ``most_rows``, ``change``."""
    from roadmap_cli.wf.language.services import statements

    known = ("database", "query", "parameters", "most_rows", "change")
    table = reader.table(value, way, known, ("database", "query"))
    query = fields.literal(reader, table, way, "query", _WHY)
    parameters: dict[str, Any] = reader.take(table, way, "parameters", dict, {})
    try:
        statement = statements.parsed(query) if query or not table.get("query") else None
    except DataError as error:
        reader.fault((*way, "query"), error.code, error.message)
        statement = None
    for name in parameters:
        if not statements.PARAMETER.match(str(name)):
            reader.fault((*way, "parameters", name), "bad_name", f"{str(name)[:60]!r} is no name of a parameter")
    if statement:
        for name in sorted(set(statement.parameters) - set(map(str, parameters))):
            reader.fault((*way, "query"), "missing_parameter", f"there is no value for parameter {name!r}")
        for name in sorted(set(map(str, parameters)) - set(statement.parameters)):
            reader.fault((*way, "parameters", name), "unused_parameter", f"the query has no parameter {name!r}")
    change = reader.take(table, way, "change", bool, False)
    if statement and statement.is_change != change:
        word = "changes data and 'change: true' is missing" if statement.is_change else "only reads; leave out 'change'"
        reader.fault((*way, "query"), "bad_change", f"the query {word}")
    return {
        "database": fields.name(reader, table, way, "database"),
        "query": query,
        "parameters": {str(key): each for key, each in parameters.items()},
        "most_rows": int(reader.number(table, way, "most_rows", 1, MOST_ROWS, 1000)),
        "change": change,
    }


def settled(spec: Record) -> Record:
    """The statement with the values that are bound to it. Raises DataError for lists and tables."""
    for name, value in spec["parameters"].items():
        if not isinstance(value, str | int | float | bool | None):
            raise DataError(f"parameter {name!r} is no single value", code="bad_value")
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise DataError(f"parameter {name!r} is too large a number", code="bad_value")
        if isinstance(value, str) and "\0" in value:
            raise DataError(f"parameter {name!r} holds a NUL byte", code="bad_value")
    return spec


def needed(spec: Record) -> list[str]:
    """Reading or changing the database."""
    return [f"{'change' if spec['change'] else 'query'}:{spec['database']}"]


def resources(spec: Record) -> list[str]:
    """The database."""
    return [f"database:{spec['database']}"]


def effects(spec: Record) -> list[tuple[str, ...]]:
    """Reading, or changing."""
    return [("change", "delete", "access", "money")] if spec["change"] else [("read",)]
