"""Where events come from, one module for each sort of source.

What is sent to us (a webhook) is read by a module of `WEBHOOKS` with

- `HEADERS`, the names (lower case) of the headers that its reading depends on, and
- `read(body, headers, at)`, which gives the events of one delivery, all or none. Raises DataError, and nothing else,
  for what is no such delivery.

What we ask for or wait for is followed by a module of `FOLLOWED` with `follow(setting, access)`, a `Followed`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.net.transport import Transport
    from roadmap_cli.wf.sources.settings import Setting

#: Which module reads the deliveries of a sort of webhook.
WEBHOOKS = {
    "alertmanager": "alertmanager",
    "grafana": "grafana",
    "jira": "jira",
    "jsonl": "objects",
    "slack": "slack",
    "webhook": "objects",
}
#: Which module follows a sort of source.
FOLLOWED = {
    "cron": "cron",
    "files": "files",
    "jira-poll": "jira_poll",
    "mail": "mailbox",
    "prometheus": "prometheus",
    "slack-socket": "slack_socket",
}
NAMES = tuple(sorted({*WEBHOOKS, *FOLLOWED}))


class Webhook(Protocol):
    """What a module of `WEBHOOKS` offers."""

    HEADERS: tuple[str, ...]

    def read(self, body: bytes, headers: Mapping[str, str], at: datetime) -> list[Record]:
        """The events of one delivery."""
        ...


@dataclass(frozen=True, slots=True)
class Dead:
    """What a source gave that could not be read: which module reads it, why not, and the bytes."""

    reader: str
    body: bytes
    code: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Found:
    """Events of a followed source, and where reading stands after them; both are stored together."""

    events: list[Record]
    position: Mapping[str, Any] | None = None
    dead: list[Dead] = field(default_factory=list)
    stored: Callable[[], None] | None = None
    """Called once they are stored: to tell the sender."""
    words: str = ""
    """Something the user should know, said once."""
    proof: str | None = None
    """What the source has verified of who wrote the events (see `wf.events.keep`)."""


@dataclass(slots=True)
class Access:
    """What following a source takes: the way to the network, the time, its secret."""

    transport: Transport
    now: Callable[[], datetime]
    secret: str = field(default="", repr=False)


class Followed(Protocol):
    """A source that is followed. Raises ConfigError (a wrong secret …), Unavailable and TryLater (not now)."""

    def poll(self, position: Mapping[str, Any]) -> Iterator[Found]:
        """What is new since a position ({} the first time)."""
        ...

    def wait(self, stop: threading.Event) -> None:
        """Wait until there may be something new, or until `stop` is set."""
        ...

    def close(self) -> None:
        """Let connections go."""
        ...


def webhook(name: str) -> Webhook:
    """The module that reads deliveries of a sort."""
    found: Any = import_module(f"{__name__}.{WEBHOOKS[name]}")
    return found  # type: ignore[no-any-return]


def reader(name: str) -> Webhook:
    """The module that reads again what a source of a sort gave, sent or followed."""
    found: Any = import_module(f"{__name__}.{(WEBHOOKS | FOLLOWED)[name]}")
    return found  # type: ignore[no-any-return]


def read_body(source: str, body: bytes, at: datetime) -> list[Record]:
    """The events in one delivery of a source that needs no headers (``alertmanager``, ``grafana``, ``jsonl`` …).

    All of a body is read before any of it is used: a delivery is taken whole or refused whole. Raises DataError.
    """
    return webhook(source).read(body, {}, at)


def followed(setting: Setting, access: Access) -> Followed:
    """The follower of a source."""
    module: Any = import_module(f"{__name__}.{FOLLOWED[setting.reader]}")
    found: Followed = module.follow(setting, access)
    return found


def pause(stop: threading.Event, seconds: float) -> None:
    """Wait so long, or until `stop` is set."""
    stop.wait(max(seconds, 0.0))
