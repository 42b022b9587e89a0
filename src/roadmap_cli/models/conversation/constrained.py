"""Output that must fit a JSON Schema: the schema is judged before the call, the result after it.

The grammar that steers the model covers only part of JSON Schema; the judgement afterwards covers all of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from roadmap_cli.core.errors import DataError, InputMissing, UsageError

Schema = Mapping[str, Any]


def load(path: Path) -> dict[str, Any]:
    """A JSON Schema from a file. Raises InputMissing if it cannot be read, UsageError if it is none."""
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise InputMissing(f"cannot read: {error.strerror}", where=str(path)) from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"not JSON: {error}", where=str(path)) from None
    if not isinstance(found, dict):
        raise UsageError("not an object", where=str(path))
    check_schema(found)
    return found


def check_schema(schema: Schema) -> None:
    """Raise UsageError if this is not a JSON Schema (2020-12 unless it says otherwise)."""
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for

    try:
        validator_for(schema).check_schema(dict(schema))
    except SchemaError as error:
        place = "/".join(str(part) for part in error.absolute_path) or "its top"
        raise UsageError(f"not a JSON Schema: {error.message} at {place}") from None


def asked_for(response_format: object) -> dict[str, Any] | None:
    """The schema that a ``response_format`` of the OpenAI interface asks for; None if plain text is enough.

    ``json_object`` may bring a schema of its own, as llama.cpp's server has it, and asks else for any object. Raises
    DataError for what is no such format.
    """
    if response_format is None:
        return None
    if not isinstance(response_format, dict):
        raise DataError("field 'response_format' is not an object", code="wrong_type")
    kind = response_format.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        given = response_format.get("schema")
        return given if isinstance(given, dict) else {"type": "object"}
    if kind != "json_schema":
        raise DataError(
            f"field 'response_format' is of type text, json_object or json_schema, not {kind!r}", code="wrong_type"
        )
    inner = response_format.get("json_schema")
    schema = inner.get("schema") if isinstance(inner, dict) else None
    if not isinstance(schema, dict):
        raise DataError("field 'response_format' has no schema", code="wrong_type")
    return schema


def judge(text: str, schema: Schema, *, cut_off: bool) -> Any:
    """The value a reply stands for. Raises DataError if it is no JSON or does not fit the schema.

    `cut_off` says that the reply ended because it was long enough, which is then the reason given.
    """
    from jsonschema.exceptions import ValidationError, best_match
    from jsonschema.validators import validator_for

    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        if cut_off:
            raise DataError(
                "the reply was cut off before it fitted the schema",
                hint="allow more with --max-tokens",
                code="reply_cut_off",
            ) from None
        raise DataError(f"the reply is not JSON: {text[:60]!r}", code="reply_not_json") from None
    problem: ValidationError | None = best_match(validator_for(schema)(dict(schema)).iter_errors(value))
    if problem is not None:
        place = "/".join(str(part) for part in problem.absolute_path) or "its top"
        raise DataError(f"the reply does not fit the schema: {problem.message} at {place}", code="reply_unfit")
    return value
