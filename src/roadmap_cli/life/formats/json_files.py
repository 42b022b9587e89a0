"""JSON that is read whole: what is wrong with it in words, and the shapes of values that exports have."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from roadmap_cli.core.clock import parse
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.kinds.items import Source
from roadmap_cli.life.opening.charsets import as_utf8
from roadmap_cli.life.opening.opened import Opened

_BIGGEST = datetime(2200, 1, 1, tzinfo=UTC)
_SMALLEST = datetime(1970, 1, 1, tzinfo=UTC)


def loaded(opened: Opened) -> dict[str, Any]:
    """The object a file is; an array as {"": array}. Raises DataError (bad_json, too_large)."""
    value = parsed(opened.data(), opened.name)
    return value if isinstance(value, dict) else {"": value}


def parsed(content: bytes, where: str | None = None) -> Any:
    """The value of a JSON file. Raises DataError (bad_json)."""
    import orjson

    try:
        return orjson.loads(as_utf8(content))
    except orjson.JSONDecodeError:
        raise DataError("not JSON, or cut off", where=where, hint="export it again", code="bad_json") from None
    except RecursionError:
        raise DataError("nested too deeply", where=where, code="bad_json") from None


def each_of(
    entries: Any, source: Source, read: Callable[[dict[str, Any], Source, int], Record | None]
) -> Iterator[Record | DataError]:
    """What `read` makes of each entry of an array and its number, from 1; a DataError in place of what is malformed.

    Raises DataError (wrong_type) if it is no array.
    """
    if not isinstance(entries, list):
        raise DataError("the file has no list of entries", code="wrong_type")
    for number, entry in enumerate(entries, 1):
        try:
            if not isinstance(entry, dict):
                raise DataError("an entry is no object", code="wrong_type")
            record = read(entry, source, number)
        except DataError as error:
            yield source.placed(error, number)
        else:
            if record:
                yield record


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of an array; none for anything else."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def inner(value: Any, *path: str) -> Any:
    """What stands at the end of a path of names; None if it breaks off."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def text(value: Any) -> str:
    """A text; "" for anything else."""
    return value.strip() if isinstance(value, str) else ""


def moment(value: Any) -> datetime:
    """A time: RFC 3339, or a number (or its digits) of seconds, milliseconds or microseconds since 1970.

    Raises DataError (bad_time).
    """
    try:
        if isinstance(value, str) and not re.fullmatch(r"\d{9,17}", value):
            return parse(value)
        number = int(value)
        divisor = 1 if number < 10**11 else 1000 if number < 10**14 else 10**6
        found = _SMALLEST + timedelta(microseconds=number * 10**6 // divisor)
    except (DataError, TypeError, ValueError, OverflowError):
        raise DataError("not a time", code="bad_time") from None
    if not _SMALLEST <= found <= _BIGGEST:
        raise DataError("not a time", code="bad_time")
    return found
