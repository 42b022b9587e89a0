"""Records with a text, and the vectors of their texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from roadmap_cli.core.records import Record, content_id, require
from roadmap_cli.models.embed import Embedder

#: Decimal places of a component: an error below the resolution of float32 in vectors of length one.
PLACES = 7


def text_of(record: Record, field: str) -> str | None:
    """The text to embed; None for a record of a kind that has no such field. Raises DataError if it should have."""
    if field not in record and "kind" in record:
        return None
    text: str = require(record, field, str)
    return text


def embedded(embedder: Embedder, items: Sequence[tuple[Record, str]], at: str) -> list[Record]:
    """One ``slm.embedding`` for each record and its text, in order. Raises DataError for text that cannot be encoded.

    A line that is no record keeps its own fields; a record is referred to by ``from_id``.
    """
    rows: list[list[float]] = embedder.embed([text for _, text in items]).tolist()
    return [_made(embedder, *item, row, at) for item, row in zip(items, rows, strict=True)]


def _made(embedder: Embedder, record: Record, text: str, row: list[float], at: str) -> Record:
    made: dict[str, Any] = {
        "kind": "slm.embedding",
        "id": content_id("slm.embedding", model=embedder.name, text=text),
        "at": at,
    }
    if isinstance(record.get("id"), str):
        made["from_id"] = record["id"]
    if "kind" not in record:
        made |= {name: value for name, value in record.items() if name not in ("id", "at")}
    return made | {
        "text": text,
        "model": embedder.name,
        "dimensions": embedder.dimensions,
        "vector": [round(value, PLACES) for value in row],
    }
