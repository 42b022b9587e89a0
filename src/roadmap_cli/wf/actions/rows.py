"""One statement put to a database, and the rows of its answer as JSON, within limits of number and size."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from roadmap_cli.core.records import Record
from roadmap_cli.wf.language.services.statements import Statement

#: Where the keys of changes are noted, in the database that is changed.
NOTES = "roadmap_done"
#: Most bytes of rows that are taken.
MOST_BYTES = 900_000


@dataclass(frozen=True, slots=True)
class Question:
    """One statement with its values and limits."""

    statement: Statement
    values: Record
    most_rows: int
    timeout_s: float
    key: str
    at: str


def taken(names: list[str], rows: Iterable[Any], most_rows: int) -> Record:
    """The rows of an answer up to the limits of number and size; ``is_cut`` tells whether there were more."""
    import orjson

    columns = _unique(names)
    found: list[Record] = []
    size, is_cut = 0, False
    for row in rows:
        told = {name: _jsonable(value) for name, value in zip(columns, row, strict=True)}
        size += len(orjson.dumps(told))
        if len(found) == most_rows or size > MOST_BYTES:
            is_cut = True
            break
        found.append(told)
    return {"columns": columns, "rows": found, "rows_count": len(found), "is_cut": is_cut}


def _unique(names: list[str]) -> list[str]:
    """The names of columns, a number behind those that were there before."""
    found: list[str] = []
    for name in names:
        made, number = name, 2
        while made in found:
            made, number = f"{name}_{number}", number + 1
        found.append(made)
    return found


def _jsonable(value: Any) -> Any:
    """A value of a database as JSON has it: times and decimals as text, bytes in base64."""
    if value is None or isinstance(value, bool | str):
        return value.encode(errors="replace").decode() if isinstance(value, str) else value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return {"base64": base64.b64encode(bytes(value)).decode()}
    if isinstance(value, list | tuple):
        return [_jsonable(each) for each in value]
    if isinstance(value, dict):
        return {str(key): _jsonable(each) for key, each in value.items()}
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
