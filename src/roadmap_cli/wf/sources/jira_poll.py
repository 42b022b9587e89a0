"""Jira asked for the issues that changed: one event for each change of an issue, in the order of the changes.

JQL tells times by the minute and in the zone of the user's profile, so it is asked for so many minutes back, a few more
than needed; what was seen before is the same event. Only the last change of an issue between two polls is seen.
Sources: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/ (search/jql, with
nextPageToken), https://docs.atlassian.com/software/jira/docs/api/REST/9.17.0/ (api/2/search, with startAt).
"""

from __future__ import annotations

import base64
import math
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from roadmap_cli.core import clock
from roadmap_cli.core.errors import ConfigError, DataError, Unavailable
from roadmap_cli.core.records import Record, require
from roadmap_cli.wf import events
from roadmap_cli.wf.sources import Access, Dead, Found, pause
from roadmap_cli.wf.sources.settings import Setting

PURPOSE = "tickets"
EVERY_S = 60.0
PAGE = 100
#: Minutes asked for beyond the last change: two clocks differ.
OVERLAP_MINUTES = 5
MOST_PAGES = 1000
#: Changes that are remembered, so that what is asked for twice is told once.
MOST_SEEN = 20_000


def follow(setting: Setting, access: Access) -> Follower:
    """A site at a URL such as https://example.atlassian.net; with a user the secret is an API token, else a PAT."""
    return Follower(
        setting.place.rstrip("/"), access, setting.every_s or EVERY_S, setting.query, setting.user,
        setting.api or "cloud",
    )  # fmt: skip


@dataclass(slots=True)
class Follower:
    """Asks again after each pause. The position is the time of the last change that was stored."""

    address: str
    access: Access
    every_s: float
    query: str
    user: str
    api: str

    def poll(self, position: Mapping[str, Any]) -> Iterator[Found]:
        """The issues that changed since a position; the first time, since the moment of asking."""
        reached = position.get("updated")
        if not isinstance(reached, str):
            reached = clock.stamp(self.access.now())
            yield Found([], {"updated": reached})
        since = clock.parse(reached)
        minutes = max(math.ceil((self.access.now() - since).total_seconds() / 60), 0) + OVERLAP_MINUTES
        jql = (f"({self.query}) AND " if self.query else "") + f"updated >= -{minutes}m ORDER BY updated ASC"
        told = position.get("seen")
        seen: dict[str, str] = dict(told) if isinstance(told, dict) else {}
        after: dict[str, str] = {}
        for _ in range(MOST_PAGES):
            body = self._page(jql, after)
            try:
                page = events.parsed(body)
                issues = require(page, "issues", list)
            except DataError as error:
                yield Found([], dead=[Dead("jira-poll", body[:65536], error.code, error.message)])
                return
            found, dead = self._events(issues)
            new = [each for each in found if seen.get(each["data"]["id"]) != each["data"]["fields"]["updated"]]
            since = max((since, *(clock.parse(each["at"]) for each in new)))
            seen |= {each["data"]["id"]: each["data"]["fields"]["updated"] for each in new}
            if new or dead or not after:
                yield Found(new, {"updated": clock.stamp(since), "seen": _recent(seen, since)}, dead)
            after = self._next(page, after, len(issues))
            if not after:
                return

    def wait(self, stop: threading.Event) -> None:
        """Wait for the next time."""
        pause(stop, self.every_s)

    def close(self) -> None:
        """Nothing is held."""

    def _page(self, jql: str, after: Mapping[str, str]) -> bytes:
        way = "/rest/api/3/search/jql" if self.api == "cloud" else "/rest/api/2/search"
        fields = {"jql": jql, "maxResults": str(PAGE), "fields": "*navigable", **after}
        headers = {"Accept": "application/json"}
        if self.access.secret and self.user:
            pair = base64.b64encode(f"{self.user}:{self.access.secret}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        elif self.access.secret:
            headers["Authorization"] = f"Bearer {self.access.secret}"
        response, body = self.access.transport.request(
            "GET", f"{self.address}{way}?{urlencode(fields)}", purpose=PURPOSE, headers=headers, timeout_s=60,
            most_bytes=64 * 1024 * 1024,
        )  # fmt: skip
        if response.status in (401, 403):
            raise ConfigError("Jira refuses the user or the token", where=self.address, code="refused")
        if response.status == 400:
            raise ConfigError("Jira refuses the query", where=self.address, hint="try the JQL there", code="bad_query")
        if response.status != 200:
            raise Unavailable(f"Jira answers {response.status}", where=self.address, code="bad_answer")
        return body

    def _next(self, page: Record, after: Mapping[str, str], count: int) -> dict[str, str]:
        if self.api == "cloud":
            token = page.get("nextPageToken")
            return {"nextPageToken": token} if isinstance(token, str) and token and not page.get("isLast") else {}
        total = page.get("total")
        seen = int(after.get("startAt", 0)) + count
        return {"startAt": str(seen)} if count and isinstance(total, int) and seen < total else {}

    def _events(self, issues: list[Any]) -> tuple[list[Record], list[Dead]]:
        found: list[Record] = []
        dead: list[Dead] = []
        host = urlsplit(self.address).netloc
        for issue in issues:
            try:
                found.append(from_issue(issue, host, self.access.now()))
            except DataError as error:
                import orjson

                dead.append(Dead("jira-poll", orjson.dumps(issue)[:65536], error.code, error.message))
        return events.named(found), dead


def _recent(seen: dict[str, str], since: datetime) -> dict[str, str]:
    """The changes that the next poll will be told of again."""
    oldest = since - timedelta(minutes=2 * OVERLAP_MINUTES + 2)
    kept = {name: updated for name, updated in seen.items() if clock.parse(updated) >= oldest}
    return dict(list(kept.items())[-MOST_SEEN:])


def from_issue(issue: Any, host: str, at: datetime) -> Record:
    """The event of a changed issue, still without its id. Raises DataError."""
    if not isinstance(issue, dict):
        raise DataError("an issue is not an object", code="wrong_type")
    fields = require(issue, "fields", dict)
    name, key = require(issue, "id", str), require(issue, "key", str)
    updated = require(fields, "updated", str)
    what = "created" if fields.get("created") == updated else "updated"
    return events.event(
        clock.parse(updated), at, source="jira", type=f"jira.issue_{what}", subject=key,
        key=f"jira:{host}:{name}:{updated}", data=issue,
    )  # fmt: skip


def read(body: bytes, headers: Mapping[str, str], at: datetime) -> list[Record]:
    """An issue that was kept because it could not be read."""
    return events.named([from_issue(events.parsed(body), "kept", at)])
