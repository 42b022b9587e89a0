"""What readers hand to the store: records, and groups of calendar events that belong to one series.

An item that is malformed travels as a DataError in the place where its record would have been; the command decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id


@lru_cache(maxsize=64)
def _source_id(sha256: str) -> str:
    """Asked for with each record of a source."""
    return content_id("life.source", sha256=sha256)


@dataclass(frozen=True, slots=True)
class Source:
    """What was read: the name it was given by, the SHA-256 of its bytes, their number and the format found in them.

    Of a mailbox or calendar on a server the name is its URL without a password, and the hash that of the URL.
    """

    name: str
    sha256: str
    size_bytes: int
    format: str

    @classmethod
    def of(cls, name: str, data: bytes, found: str) -> Source:
        """The source that bytes in memory are."""
        return cls(name, hashlib.sha256(data).hexdigest(), len(data), found)

    @property
    def id(self) -> str:
        """The id of its life.source record."""
        return _source_id(self.sha256)

    def record(self, at: str) -> Record:
        """Its life.source record; `at` is when it was first read."""
        return {
            "kind": "life.source",
            "id": self.id,
            "at": at,
            "name": self.name,
            "sha256": self.sha256,
            "size_bytes": self.size_bytes,
            "format": self.format,
        }

    def placed(self, error: DataError, line: int | None = None) -> DataError:
        """The same error with the file's name before its line."""
        place = error.where if line is None else str(line)
        where = f"{self.name}:{place}" if place else self.name
        return DataError(error.message, where=where, hint=error.hint, code=error.code)


@dataclass(slots=True)  # not frozen: a million of them are made
class Group:
    """All that one import says of one calendar UID.

    `whole`: the import defines the event or series itself, so what it no longer gives between `since` and `until`
    (RFC 3339 stamps) is withdrawn. Otherwise it only changes single instances.
    `modified`: when the source says it was last changed, as a stamp, or "".
    """

    uid: str
    whole: bool
    modified: str
    since: str
    until: str
    events: tuple[Record, ...]
    cut: bool = False
    """Whether the series has more instances in the window than were taken."""
    kind: str = "life.event"
    """What its records are: life.event or life.task."""
    repeats: bool = False
    """Whether a later window gives more of it."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a source that grows was read, once all that came before this is stored; see `life.opening.cursors`."""

    source: str
    position: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """What is known of one of the many parts of a source, once all that came before this is stored; see `kinds.parts`.

    A mark of None: the part has gone, and what only it held is withdrawn.
    """

    source: str
    name: str
    mark: str | None
    uids: tuple[str, ...] | None = ()
    """The calendar UIDs it holds; None leaves what is known of them as it is."""
    fresh_until: str = ""
    ahead_of: str = ""
    """Of UIDs that it no longer holds, what begins at this moment or later is withdrawn; "" for all of them."""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something was read, but perhaps not as it was meant: told once for each file."""

    where: str
    message: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What a source holds that is not taken, by choice: said once at the end, not an error."""

    what: str
    """In words, in the plural: `clinical records`."""
    count: int


Item = Group | Record | DataError | Position | Part | Remark | LeftOut
