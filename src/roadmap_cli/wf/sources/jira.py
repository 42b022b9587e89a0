"""Jira's webhooks: one event for each delivery, signed with X-Hub-Signature where a secret is set.

Jira gives a delivery and its repeats one X-Atlassian-Webhook-Identifier; without it the body says which one it is.
Source: https://developer.atlassian.com/cloud/jira/platform/webhooks/
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from roadmap_cli.core.records import Record, require
from roadmap_cli.wf import events

HEADERS: tuple[str, ...] = ("x-atlassian-webhook-identifier", "x-atlassian-webhook-retry")


def read(body: bytes, headers: Mapping[str, str], at: datetime) -> list[Record]:
    """The event of one delivery."""
    found = events.parsed(body)
    what = require(found, "webhookEvent", str).removeprefix("jira:")
    name = headers.get("x-atlassian-webhook-identifier") or hashlib.sha256(body).hexdigest()
    stamp = found.get("timestamp")
    happened = at
    if isinstance(stamp, int) and not isinstance(stamp, bool) and 0 < stamp < 253402300800_000:
        happened = datetime.fromtimestamp(stamp / 1000, UTC)
    return events.named(
        [
            events.event(
                happened, at, source="jira", type=f"jira.{what}", subject=subject(found),
                key=f"jira:{name[:200]}", data=found,
            )
        ]
    )  # fmt: skip


def subject(body: Record) -> str:
    """What it is about: the key of an issue, or the name of a version, a sprint, a project."""
    for field in ("issue", "version", "sprint", "project", "board", "user"):
        inner: Any = body.get(field)
        if isinstance(inner, dict):
            told = inner.get("key") or inner.get("name")
            if isinstance(told, str):
                return told
    return ""
