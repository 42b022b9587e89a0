"""What a record is: one JSON object with a kind, an id and a time; how ids are made.

The format is described for users in roadmap-records(5).
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from roadmap_cli.core.errors import DataError

Record = dict[str, Any]
#: A field of a content id: text, whole numbers, booleans and lists of them. No floats: they have many spellings.
Identifying = str | int | bool | list[str] | list[int] | None

KIND = re.compile(r"[a-z][a-z0-9]*(\.[a-z][a-z0-9_]*)?\Z")


def content_id(kind: str, **fields: Identifying) -> str:
    """The id of a fact: the same kind and identifying fields always give the same id.

    SHA-256 over the RFC 8785 form of the fields, the first 128 bits in lower-case base32, behind the family's name.
    """
    import hashlib
    from base64 import b32encode

    import orjson

    text = orjson.dumps([kind, fields], option=orjson.OPT_SORT_KEYS)
    digest = hashlib.sha256(text).digest()[:16]
    return f"{_family(kind)}_{b32encode(digest).decode().rstrip('=').lower()}"


def run_id(kind: str, at: datetime) -> str:
    """A new id that sorts by time: 48 bits of milliseconds and 80 random bits (the layout of ULID)."""
    import os

    milliseconds = int(at.timestamp() * 1000) & (1 << 48) - 1
    return f"{_family(kind)}_{_crockford((milliseconds << 80) | int.from_bytes(os.urandom(10)))}"


def canonical(value: Any) -> bytes:
    """The canonical JSON of a value (RFC 8785): what is hashed and signed. Raises DataError if it has none."""
    import rfc8785

    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        raise DataError(f"no canonical form: {error}", code="not_canonical") from None


def require(record: Record, field: str, kind: type | tuple[type, ...]) -> Any:
    """The value of a field that must be there with a given type. Raises DataError that names the field."""
    value = record.get(field)
    if value is None:
        raise DataError(f"field {field!r} is missing", code="missing_field")
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise DataError(f"field {field!r} has the wrong type: {_shorten(value)}", code="wrong_type")
    return value


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _family(kind: str) -> str:
    return kind.partition(".")[0]


def _crockford(number: int) -> str:
    alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
    return "".join(alphabet[number >> shift & 31] for shift in range(125, -1, -5))
