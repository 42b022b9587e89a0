"""Sources on servers: calendars and mailboxes, one module for each protocol, through the guarded transport.

A module that `SCHEMES` names has

- `NAME`, the format's name in life.source records, `WHAT`, its name for a person, and `PURPOSE`, the word that a stored
  permission must name (`roadmap-permit add HOST --purpose PURPOSE`);
- `items(url, access, settings)`: what is new since `access.position`, as `kinds.items` has it, DataErrors in the place
  of what is malformed, and a `Position` whose source is `bare(url)` after whatever may be stored on its own. A refusal,
  a dead connection, a wrong password are raised (ConfigError, Unavailable, TryLater);
- `listen(url, access, settings)`, if the server can tell of news by itself: a `Listener`. Without it the source is
  asked again every `PAUSE_S` seconds while life-ingest watches.

A password never stands in a URL, a record, an error or a log.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from roadmap_cli.core.errors import UsageError
from roadmap_cli.life.kinds.items import Source

if TYPE_CHECKING:
    from roadmap_cli.life.kinds.items import Item
    from roadmap_cli.life.opening.settings import Settings
    from roadmap_cli.net.transport import Transport
    from roadmap_cli.state.store import State

#: Which module reads the URLs of a scheme.
SCHEMES = {
    "caldav": "caldav",
    "caldavs": "caldav",
    "http": "caldav",
    "https": "caldav",
    "webcal": "caldav",
    "webcals": "caldav",
    "imap": "imap",
    "imaps": "imap",
}
#: How often a server that cannot tell of news is asked while life-ingest watches, in seconds.
PAUSE_S = 900.0


@dataclass(slots=True)
class Access:
    """What reading a server takes: the way there, the password, where reading ended the last time, the time.

    `state` looks up what is known of single items (`kinds.parts`); a reader never writes to it but gives items.
    """

    transport: Transport
    position: Mapping[str, Any]
    now: Callable[[], datetime]
    password: str | None = field(default=None, repr=False)
    state: State | None = None
    again: bool = False
    """Everything is to be given once more, what is known as well."""


class Listener(Protocol):
    """A connection over which a server tells of news (IMAP IDLE), waited for together with all other sources."""

    def fileno(self) -> int:
        """What is readable when the server has said something; -1 if there is only the clock to wait for."""
        ...

    def pause_s(self) -> float:
        """So many seconds from now `heard` is to be called even if nothing was said: to keep the connection alive."""
        ...

    def heard(self) -> bool:
        """Take in what was said; whether there is news to be read with `items`."""
        ...

    def close(self) -> None:
        """Let the connection go."""
        ...


@dataclass(slots=True)
class Clocked:
    """The listener of a server that tells nothing: there may be news after every pause."""

    every_s: float = PAUSE_S
    _next: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._next = time.monotonic() + self.every_s

    def fileno(self) -> int:
        """There is nothing to wait on."""
        return -1

    def pause_s(self) -> float:
        """The seconds until it is asked again."""
        return max(self._next - time.monotonic(), 0.0)

    def heard(self) -> bool:
        """Whether the pause is over."""
        if self.pause_s() > 0:
            return False
        self._next = time.monotonic() + self.every_s
        return True

    def close(self) -> None:
        """Nothing is held."""


class Remote(Protocol):
    """What a module that `SCHEMES` names offers; see above."""

    NAME: str
    WHAT: str
    PURPOSE: str

    def items(self, url: str, access: Access, settings: Settings) -> Iterator[Item]:
        """What is new."""
        ...


def is_url(name: str) -> bool:
    """Whether a source is on a server rather than a file: it begins with a scheme and two slashes."""
    scheme, mark, _ = name.partition("://")
    return bool(mark) and scheme.isascii() and scheme.replace("+", "").isalnum()


def module(url: str) -> Remote:
    """The module that reads a URL. Raises UsageError: an unknown scheme, no host, a password in the URL."""
    try:
        parts = urlsplit(url)
        host, password = parts.hostname, parts.password
    except ValueError:
        host, password = None, None
    scheme = url.partition("://")[0].lower()
    if password is not None:
        raise UsageError(
            "a password in a URL is seen by everybody who lists processes",
            hint="leave it out; give --password-file FILE",
        )
    if scheme not in SCHEMES:
        raise UsageError(
            f"{scheme!r} is no kind of source", hint=f"known are {', '.join(f'{each}://' for each in SCHEMES)}"
        )
    if not host:
        raise UsageError(f"the URL names no host: {url!r}")
    found: Any = import_module(f"{__name__}.{SCHEMES[scheme]}")
    return found  # type: ignore[no-any-return]


def listed() -> Iterator[tuple[str, str]]:
    """Each kind of server by the schemes of its URLs, and what it is for a person."""
    for name in dict.fromkeys(SCHEMES.values()):
        first, *others = (each for each, by in SCHEMES.items() if by == name)
        what = import_module(f"{__name__}.{name}").WHAT
        yield f"{first}://", f"{what}; also {', '.join(others)}" if others else what


def bare(url: str) -> str:
    """The name of the source: the URL without password and fragment.

    Feeds carry secrets in their query: a hash stands in its place, for telling them apart.
    """
    parts = urlsplit(url)
    user = f"{parts.username}@" if parts.username else ""
    place = parts.netloc.rpartition("@")[2].lower()
    query = hashlib.sha256(parts.query.encode()).hexdigest()[:12] if parts.query else ""
    return urlunsplit((parts.scheme.lower(), user + place, parts.path, query, ""))


def user_of(url: str) -> str | None:
    """The user a URL names, percent signs undone."""
    from urllib.parse import unquote

    name = urlsplit(url).username
    return unquote(name) if name else None


def source_of(url: str, format_name: str) -> Source:
    """The source that a server's URL is: its hash is that of the URL, its size unknown."""
    name = bare(url)
    return Source(name, hashlib.sha256(name.encode()).hexdigest(), 0, format_name)
