"""Prometheus asked for its alerts: one event when an alert begins to fire, and one when it is gone.

The position is the list of those that are firing, so that what ended while nobody looked is told later.
Source: https://prometheus.io/docs/prometheus/latest/querying/api/#alerts
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from roadmap_cli.core import clock
from roadmap_cli.core.errors import ConfigError, DataError, Unavailable
from roadmap_cli.core.records import Record, require
from roadmap_cli.wf import events
from roadmap_cli.wf.sources import Access, Dead, Found, pause
from roadmap_cli.wf.sources.settings import Setting

PURPOSE = "monitoring"
EVERY_S = 15.0


def follow(setting: Setting, access: Access) -> Follower:
    """A server at a URL such as http://127.0.0.1:9090."""
    return Follower(setting.place.rstrip("/"), access, setting.every_s or EVERY_S)


@dataclass(slots=True)
class Follower:
    """Asks again after each pause."""

    address: str
    access: Access
    every_s: float

    def poll(self, position: Mapping[str, Any]) -> Iterator[Found]:
        """The alerts that began or ended since a position."""
        headers = {"Accept": "application/json"}
        if self.access.secret:
            headers["Authorization"] = f"Bearer {self.access.secret}"
        response, body = self.access.transport.request(
            "GET", f"{self.address}/api/v1/alerts", purpose=PURPOSE, headers=headers, timeout_s=30,
            attempts=2, most_bytes=events.MOST_BYTES,
        )  # fmt: skip
        if response.status in (401, 403):
            raise ConfigError("the server refuses the token", where=self.address, code="refused")
        if response.status != 200:
            raise Unavailable(f"the server answers {response.status}", where=self.address, code="bad_answer")
        try:
            found, firing = changed(events.parsed(body), position, self.access.now())
        except DataError as error:
            yield Found([], dead=[Dead("prometheus", body[:65536], error.code, error.message)])
            return
        if found or firing != position.get("firing"):
            yield Found(found, {"firing": firing})

    def wait(self, stop: threading.Event) -> None:
        """Wait for the next time."""
        pause(stop, self.every_s)

    def close(self) -> None:
        """Nothing is held."""


def changed(body: Record, position: Mapping[str, Any], at: datetime) -> tuple[list[Record], Record]:
    """The events for what is different in an answer, and the alerts that fire now. Raises DataError."""
    if body.get("status") != "success":
        raise DataError("the answer tells of no success", code="bad_answer")
    listed = require(require(body, "data", dict), "alerts", list)
    if len(listed) > events.MOST_EVENTS:
        raise DataError(f"more than {events.MOST_EVENTS} alerts", code="too_large")
    known = position.get("firing")
    before: Mapping[str, Any] = known if isinstance(known, dict) else {}
    firing: Record = {}
    found: list[Record] = []
    for alert in listed:
        if not isinstance(alert, dict):
            raise DataError("an alert is not an object", code="wrong_type")
        labels, state = require(alert, "labels", dict), require(alert, "state", str)
        if state != "firing":
            continue
        since = require(alert, "activeAt", str)
        name = events.digest(labels)[:16]
        firing[name] = {"labels": labels, "activeAt": since}
        if _since(before.get(name)) != since:
            found.append(_event(name, labels, since, "firing", clock.parse(since[:64]), at, alert))
    for name, one in before.items():
        now = firing.get(name)
        since = _since(one)
        if since and (now is None or now["activeAt"] != since) and isinstance(one.get("labels"), dict):
            gone = {**one, "state": "resolved"}
            found.append(_event(name, one["labels"], since, "resolved", at, at, gone))
    return events.named(found), firing


def _event(name: str, labels: Record, since: str, state: str, happened: datetime, at: datetime, data: Record) -> Record:
    return events.event(
        happened, at, source="prometheus", type=f"prometheus.alert.{state}", subject=str(labels.get("alertname", "")),
        key=f"prometheus:{name}:{since}:{state}", data=data,
    )  # fmt: skip


def _since(known: Any) -> str | None:
    since = known.get("activeAt") if isinstance(known, dict) else None
    return since if isinstance(since, str) else None


def read(body: bytes, headers: Mapping[str, str], at: datetime) -> list[Record]:
    """An answer that was kept because it could not be read."""
    return changed(events.parsed(body), {}, at)[0]
