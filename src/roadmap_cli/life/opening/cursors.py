"""How far a source that grows was read: set in the transaction that stores what was read, so that a kill loses nothing.

A reader gives a `Position` after items that may be stored on their own; the next run asks `get` where to go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from roadmap_cli.core.clock import stamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection


def get(tx: Connection, source: str) -> dict[str, Any]:
    """What its reader left; empty for a source that was never read."""
    import orjson

    row = tx.execute("SELECT position FROM life_cursor WHERE source = ?", (source,)).fetchone()
    found: dict[str, Any] = orjson.loads(row[0]) if row else {}
    return found


def put(tx: Connection, source: str, position: Mapping[str, Any], at: datetime) -> None:
    """Remember how far a source was read."""
    import orjson

    tx.execute(
        "INSERT INTO life_cursor (source, position, at) VALUES (?, ?, ?)"
        " ON CONFLICT (source) DO UPDATE SET position = excluded.position, at = excluded.at",
        (source, orjson.dumps(dict(position)).decode(), stamp(at)),
    )
