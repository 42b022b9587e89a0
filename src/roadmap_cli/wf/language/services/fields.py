"""What the modules of actions share when they read a step of a template."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.wf.language import placeholders

if TYPE_CHECKING:
    from roadmap_cli.wf.language.reading import Reader
    from roadmap_cli.wf.language.yamlfile import Way

#: Names of connections and secrets in the user's ``connections.toml``.
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}\Z")


def name(reader: Reader, table: dict[str, Any], way: Way, key: str, default: str = "") -> str:
    """A name of the user's configuration; it is written in the template and never put in."""
    value: str = reader.take(table, way, key, str, default)
    if value and not NAME.match(value):
        reader.fault((*way, key), "bad_name", f"{value[:60]!r} is no name: small letters, digits, '-' and '_'")
        return default
    return value


def text(reader: Reader, table: dict[str, Any], way: Way, key: str, default: str = "", most: int = 100_000) -> str:
    """Text in which values may be put."""
    value: str = reader.take(table, way, key, str, default)
    if len(value) > most:
        reader.fault((*way, key), "too_long", f"field {key!r} is longer than {most} characters")
    return value


def literal(reader: Reader, table: dict[str, Any], way: Way, key: str, why: str, default: str = "") -> str:
    """Text that decides what is done, so that no value may be put into it."""
    value: str = reader.take(table, way, key, str, default)
    if any(True for _ in placeholders.names(value)):
        reader.fault((*way, key), "not_literal", f"field {key!r} must not hold a placeholder: {why}")
        return default
    return value


def from_author(reader: Reader, value: Any, way: Way, what: str) -> None:
    """A fault where a value that names people or places comes from an event or an earlier step, not from an input."""
    for each in placeholders.names(value):
        if not each.startswith("inputs."):
            message = f"{what} comes from ${{{each}}}; only inputs may name it, and the scope says which"
            reader.fault(way, "recipient_from_data", message)
            return


def one_or_more(reader: Reader, table: dict[str, Any], way: Way, key: str) -> list[str]:
    """A list of texts, or one text alone."""
    if isinstance(table.get(key), str):
        return [table[key]]
    return list(reader.texts(table, way, key))


def choice(reader: Reader, table: dict[str, Any], way: Way, key: str, choices: Sequence[str], default: str) -> str:
    """One word of several."""
    return reader.chosen(table.get(key, default), (*way, key), choices, key)


def plain(value: Any, what: str) -> str:
    """A value that stands as text. Raises DataError for lists, tables, nothing, NUL bytes and half surrogate pairs."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | str) and not (isinstance(value, float) and not math.isfinite(value)):
        text = str(value)
        if "\0" not in text and text.encode(errors="ignore").decode() == text:
            return text
    raise DataError(f"{shortened(value)} has no place in {what}", code="bad_value")


def flat(value: Any, what: str) -> list[str]:
    """A list of texts, in which a placeholder may have put a list. Raises DataError as `plain` does."""
    found: list[str] = []
    for each in value if isinstance(value, list) else [value]:
        found += [plain(inner, what) for inner in each] if isinstance(each, list) else [plain(each, what)]
    return found


def printable(text: str) -> str:
    """A text with a space for each sign that cannot be seen."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def shortened(value: Any) -> str:
    """A value for a message."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
