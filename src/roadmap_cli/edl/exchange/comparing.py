"""A plan's own export held against the project that came back: what both show, and how a difference is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roadmap_cli.core.records import Record
from roadmap_cli.edl.exchange.seen import Seen
from roadmap_cli.edl.exchange.timeline import Timeline
from roadmap_cli.edl.history.revisions import Change

#: Gives the hash a project names a file's content by.
Hash = Callable[[Path], str]


@dataclass(slots=True)
class Work:
    """What is known while a project is adopted."""

    base: Timeline | None
    then: Seen
    now: Seen
    sources: dict[str, Record]
    hash_of: Hash
    opaque: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def source(self, path: str, digest: str) -> Record | None:
        """The source a file is: by its path, or by its content if it was moved."""
        for source in self.sources.values():
            if Path(str(source.get("path", ""))) == Path(path):
                return source
        if digest:
            for source in self.sources.values():
                if self.hash_of(Path(str(source.get("path", "")))) == digest:
                    return source
        return None


def differences(
    origin: str, sort: str, before: Mapping[str, Any], after: Mapping[str, Any], fields: Sequence[str]
) -> list[Change]:
    """A change for each of the fields in which two records of a thing differ."""
    return [
        Change(origin, sort, name, before.get(name), after.get(name))
        for name in fields
        if before.get(name) != after.get(name)
    ]


def shown_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a thing shows, without what names the revision it stands in."""
    return {name: value for name, value in record.items() if name not in {"kind", "at", "plan_id", "id"}}
