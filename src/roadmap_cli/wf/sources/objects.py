"""Webhooks of no particular sender: CloudEvents in all three HTTP modes, JSON objects, and JSON Lines.

Source: CloudEvents HTTP Protocol Binding 1.0.2 (binary: attributes in headers ``ce-…``; structured; batched).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.wf import events

_ATTRIBUTES = ("ce-specversion", "ce-id", "ce-source", "ce-type", "ce-subject", "ce-time", "ce-dedupekey")
HEADERS: tuple[str, ...] = ("content-type", *_ATTRIBUTES)


def read(body: bytes, headers: Mapping[str, str], at: datetime) -> list[Record]:
    """One event for each object of the body."""
    if len(body) > events.MOST_BYTES:
        raise DataError(f"body larger than {events.MOST_BYTES} bytes", code="too_large")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if headers.get("ce-specversion"):
        return events.named([events.draft(_binary(body, headers, kind), at)])
    if kind == "application/cloudevents-batch+json":
        return events.named([events.draft(each, at) for each in _batch(body)])
    if kind in ("application/cloudevents+json", "application/json"):
        return events.named([events.draft(events.parsed(body), at)])
    lines = [line for line in body.split(b"\n") if line.strip()]
    if len(lines) > events.MOST_EVENTS:
        raise DataError(f"more than {events.MOST_EVENTS} lines", code="too_large")
    try:
        return events.named([events.draft(events.parsed(line, number), at) for number, line in enumerate(lines, 1)])
    except DataError as error:
        if error.code == "bad_json" and len(lines) > 1:  # one object over several lines
            try:
                return events.named([events.draft(events.parsed(body), at)])
            except DataError:
                raise error from None
        raise


def _binary(body: bytes, headers: Mapping[str, str], kind: str) -> Record:
    found: Record = {name.removeprefix("ce-"): unquote(headers[name]) for name in _ATTRIBUTES if headers.get(name)}
    if kind in ("", "application/json") or kind.endswith("+json"):
        found["data"] = _json(body) if body.strip() else {}
    else:
        found |= {"datacontenttype": kind, "data_base64": base64.b64encode(body).decode()}
    return found


def _batch(body: bytes) -> list[Record]:
    found = _json(body)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise DataError("not a list of CloudEvents", code="wrong_type")
    if len(found) > events.MOST_EVENTS:
        raise DataError(f"more than {events.MOST_EVENTS} events", code="too_large")
    return found


def _json(body: bytes) -> Any:
    import orjson

    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise DataError(f"not JSON: {str(error).lower()}", code="bad_json") from None
