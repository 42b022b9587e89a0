"""The published JSON Schema of each record kind: found, loaded, and held against a record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import KIND, Record

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


@dataclass(frozen=True, slots=True)
class Problem:
    """One way in which a record differs from its schema; `field` is empty for the record as a whole."""

    field: str
    message: str


#: A kind is a file's name here, and a file system refuses to look for longer ones.
_LONGEST_KIND = 128


def _folder() -> Traversable:
    return resources.files("roadmap_cli") / "schemas"


def kinds() -> list[str]:
    """Every kind that has a schema, sorted."""
    return sorted(entry.name.removesuffix(".json") for entry in _folder().iterdir() if entry.name.endswith(".json"))


@cache
def load(kind: str) -> dict[str, Any]:
    """The schema of a kind. Raises DataError if there is none."""
    path = _folder() / f"{kind}.json"
    if not KIND.match(kind) or len(kind) > _LONGEST_KIND or not path.is_file():
        raise DataError(f"no schema for kind {kind!r}", hint="roadmap-schema list --plain", code="unknown_kind")
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema


def problems(record: Record) -> Iterator[Problem]:
    """Every way in which a record differs from the schema of its kind."""
    kind = record.get("kind")
    if not isinstance(kind, str):
        yield Problem("kind", "is missing or not text")
        return
    try:
        validator = _validator(kind)
    except DataError as error:
        yield Problem("kind", error.message)
        return
    for found in sorted(validator.iter_errors(record), key=lambda found: list(map(str, found.absolute_path))):
        yield Problem(".".join(map(str, found.absolute_path)), found.message[:300])


@cache
def _validator(kind: str) -> Any:
    from jsonschema import Draft202012Validator, FormatChecker

    return Draft202012Validator(load(kind), format_checker=FormatChecker())
