"""Slack: events of the Events API, slash commands and interactions, by webhook or as payloads of Socket Mode.

Sources: https://docs.slack.dev/apis/events-api/ and /interactivity/ (handling-user-interaction, slash commands).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, require
from roadmap_cli.wf import events

HEADERS: tuple[str, ...] = ("content-type", "x-slack-retry-num", "x-slack-retry-reason")
_MOST_FIELDS = 100


def read(body: bytes, headers: Mapping[str, str], at: datetime) -> list[Record]:
    """The event of one delivery; none for the challenge by which Slack checks an address (`challenge`)."""
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return events.named([_form(body, at)])
    found = events.parsed(body)
    if found.get("type") == "url_verification":
        return []
    retry = headers.get("x-slack-retry-num", "")
    reason = headers.get("x-slack-retry-reason", "")
    return events.named([from_payload(found, at, int(retry) if retry.isdigit() and len(retry) < 4 else 0, reason)])


def challenge(body: bytes) -> str | None:
    """What to answer to Slack's check of the address (url_verification), if this is it."""
    if len(body) > 4096 or b"url_verification" not in body:
        return None
    try:
        found = events.parsed(body)
    except DataError:
        return None
    told = found.get("challenge")
    return told[:1024] if found.get("type") == "url_verification" and isinstance(told, str) else None


def from_payload(body: Record, at: datetime, retry: int = 0, reason: str = "") -> Record:
    """The event of a parsed payload, still without its id. Raises DataError."""
    kind = require(body, "type", str)
    if kind == "event_callback":
        return _callback(body, at, retry, reason)
    if kind == "app_rate_limited":
        minute = body.get("minute_rate_limited")
        key = f"slack:{_text(body, 'team_id')}:rate:{minute}"
        return events.event(at, at, source="slack", type="slack.app_rate_limited", subject=_text(body, "team_id"),
                            key=key, data=_public(body))  # fmt: skip
    return _interaction(body, at)


def from_command(fields: Record, at: datetime) -> Record:
    """The event of a slash command, still without its id. Raises DataError."""
    name = require(fields, "command", str)
    key = f"slack:{_text(fields, 'team_id')}:command:{require(fields, 'trigger_id', str)}"
    return events.event(at, at, source="slack", type="slack.command", subject=name, key=key, data=_public(fields))


def _callback(body: Record, at: datetime, retry: int, reason: str) -> Record:
    inner = require(body, "event", dict)
    what = require(inner, "type", str)
    name = require(body, "event_id", str)
    happened = _moment(body.get("event_time"), at)
    subject = inner.get("channel") or inner.get("channel_id") or inner.get("user")
    if isinstance(subject, dict):
        subject = subject.get("id")
    found = events.event(
        happened, at, source="slack", type=f"slack.{what}", subject=subject if isinstance(subject, str) else "",
        key=f"slack:{_text(body, 'team_id')}:{name}", data=_public(body),
    )  # fmt: skip
    if retry:
        found["attributes"] = {"retrynum": retry} | ({"retryreason": reason[:100]} if reason else {})
    return found


def _interaction(body: Record, at: datetime) -> Record:
    kind = require(body, "type", str)
    name = body.get("trigger_id") or body.get("action_ts") or events.digest(body)
    team = body.get("team")
    team_id = team.get("id") if isinstance(team, dict) else body.get("team_id")
    return events.event(
        at, at, source="slack", type=f"slack.interaction.{kind}",
        subject=str(body.get("callback_id") or _of(body, "channel") or _of(body, "user") or ""),
        key=f"slack:{team_id}:interaction:{str(name)[:200]}", data=_public(body),
    )  # fmt: skip


def _form(body: bytes, at: datetime) -> Record:
    if len(body) > events.MOST_BYTES:
        raise DataError(f"body larger than {events.MOST_BYTES} bytes", code="too_large")
    try:
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except (UnicodeDecodeError, ValueError):
        raise DataError("not a form", code="bad_form") from None
    if "payload" in fields:
        return _interaction(events.parsed(fields["payload"].encode("utf-8", "replace")), at)
    return from_command(dict(fields), at)


def _public(body: Record) -> Record:
    """What is kept: all but the old verification token and the addresses for answers, which are secrets."""
    return {key: value for key, value in body.items() if key not in ("token", "response_url", "response_urls")}


def _of(body: Record, field: str) -> Any:
    inner = body.get(field)
    return inner.get("id") if isinstance(inner, dict) else None


def _text(body: Record, field: str) -> str:
    value = body.get(field)
    return value if isinstance(value, str) else ""


def _moment(value: Any, at: datetime) -> datetime:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 253402300800:
        return at
    return datetime.fromtimestamp(value, UTC)
