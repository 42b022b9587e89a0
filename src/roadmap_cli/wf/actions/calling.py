"""One call of a service's interface over the guarded transport: JSON back, or words about what came instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from roadmap_cli.core.errors import ConfigError, DataError
from roadmap_cli.net.transport import Transport
from roadmap_cli.wf.actions import connections as known
from roadmap_cli.wf.actions.connections import Secret

PURPOSE = "workflow"
FORM = "application/x-www-form-urlencoded"
MOST_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `body` is the JSON, or None if there was none."""

    status: int
    body: Any


def host_of(url: str) -> str:
    """The host of a service in the user's file, with its port if it is not the usual one. Raises ConfigError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigError(f"not a web address: {url[:100]!r}", code="bad_url") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ConfigError(f"not a web address: {url[:100]!r}", code="bad_url")
    usual = 443 if parts.scheme == "https" else 80
    return parts.hostname if port in (None, usual) else f"{parts.hostname}:{port}"


def call(
    transport: Transport,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    content: bytes,
    timeout_s: float,
    secrets: Sequence[Secret],
) -> Answer:
    """Send a request that follows no redirect and read the whole answer. Raises as `Transport.stream` does."""
    import orjson

    def judge(onward: str) -> None:
        what = f"{urlsplit(url).hostname!r} redirects to {urlsplit(onward).hostname!r}"
        raise DataError(what, hint=f"look at its url in {known.FILE}", code="redirected")

    with transport.stream(
        method, url, purpose=PURPOSE, headers={"User-Agent": "roadmap-wf", "Accept": "application/json", **headers},
        content=content, timeout_s=min(timeout_s, 120.0), attempts=1, most_bytes=MOST_BYTES, judge=judge,
    ) as response:  # fmt: skip
        data = response.read()
    try:
        body = orjson.loads(data) if data else None
    except orjson.JSONDecodeError:
        body = None
    return Answer(response.status, known.redacted(body, secrets))


def tables(value: Any) -> list[dict[str, Any]]:
    """The objects of a list in an answer; none where there is no list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
