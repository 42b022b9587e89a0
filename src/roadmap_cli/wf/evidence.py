"""Things seen that a claim can cite: a line of a log, a metric, a row of a database, a value of an earlier step."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from roadmap_cli.core import clock
from roadmap_cli.core.records import Record, content_id


def evidence(sort: str, source: str, text: str, at: datetime | None, now: datetime, **more: Any) -> Record:
    """A wf.evidence record: a thing seen that a claim can cite. `sort` says of which sort."""
    place = str(more.get("number", more.get("key", "")))
    found: Record = {
        "kind": "wf.evidence",
        "id": content_id("wf.evidence", sort=sort, source=source, text=text, place=place),
        "at": clock.stamp(at or now),
        "sort": sort,
        "source": source,
        "text": text,
    }
    return found | {key: value for key, value in more.items() if value not in (None, "")}
