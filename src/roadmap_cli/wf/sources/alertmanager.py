"""Alertmanager's webhooks, payload version 4: one event for each alert.

Alertmanager sends an alert again until it is resolved: fingerprint, start and status say which one it is.
Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, require
from roadmap_cli.wf import events

HEADERS: tuple[str, ...] = ()


def read(body: bytes, headers: Mapping[str, str], at: datetime) -> list[Record]:
    """The alerts of one webhook."""
    return from_body(events.parsed(body), at)


def from_body(body: Record, at: datetime) -> list[Record]:
    """The alerts of a webhook that is parsed already. Raises DataError."""
    if body.get("version") != "4":
        raise DataError(
            f"not an Alertmanager webhook of version '4': {_short(body.get('version'))}", code="bad_version"
        )
    shared = {
        "receiver": body.get("receiver"),
        "group_key": body.get("groupKey"),
        "group_labels": body.get("groupLabels"),
        "external_url": body.get("externalURL"),
    }
    return alerts(body, "alertmanager", {key: value for key, value in shared.items() if value is not None}, at)


def alerts(body: Record, source: str, shared: Record, at: datetime) -> list[Record]:
    """One event for each alert of a body, in the form that Alertmanager and Grafana share."""
    found = require(body, "alerts", list)
    if len(found) > events.MOST_EVENTS:
        raise DataError(f"more than {events.MOST_EVENTS} alerts", code="too_large")
    return events.named([_alert(alert, source, shared, at) for alert in found])


def _alert(alert: Any, source: str, shared: Record, at: datetime) -> Record:
    if not isinstance(alert, dict):
        raise DataError("an alert is not an object", code="wrong_type")
    labels = require(alert, "labels", dict)
    status = require(alert, "status", str)
    starts_at = require(alert, "startsAt", str)
    if status not in ("firing", "resolved"):
        raise DataError(f"unknown alert status {_short(status)}", code="bad_status")
    started = clock.parse(starts_at)
    happened = started if status == "firing" else clock.parse(require(alert, "endsAt", str))
    fingerprint = alert.get("fingerprint") or events.digest(labels)[:16]
    return events.event(
        happened, at, source=source, type=f"{source}.alert.{status}", subject=str(labels.get("alertname", "")),
        key=f"{source}:{str(fingerprint)[:128]}:{starts_at}:{status}", data={**alert, **shared},
    )  # fmt: skip


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
