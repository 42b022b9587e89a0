"""What is in a folder now, held against a snapshot of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from roadmap_cli.agent.snapshot.contents import CHUNK, digest_of, place_of
from roadmap_cli.agent.snapshot.entries import Entry, scan
from roadmap_cli.agent.snapshot.lists import Snapshot


@dataclass(frozen=True, slots=True)
class Change:
    """A path that differs: added, removed, or changed in `what` (content, mode, time, kind, target, owner, xattrs)."""

    path: str
    change: str
    what: tuple[str, ...]
    before: Entry | None
    after: Entry | None


def changes(snapshot: Snapshot, kept: Path) -> list[Change]:
    """What differs from a snapshot now, by path. `kept` holds the contents, read only where size or times differ."""
    now = scan(snapshot.project, unlock=True)
    found: list[Change] = []
    for path in sorted(snapshot.entries.keys() | now.keys()):
        before, after = snapshot.entries.get(path), now.get(path)
        if before is None or after is None:
            found.append(Change(path, "added" if before is None else "removed", (), before, after))
            continue
        what = _differences(snapshot, kept, path, before, after)
        if what:
            found.append(Change(path, "changed", what, before, after))
    return found


def _differences(snapshot: Snapshot, kept: Path, path: str, before: Entry, after: Entry) -> tuple[str, ...]:
    if before.kind != after.kind:
        return ("kind",)
    if before.kind == "repository":
        return ()
    what = []
    if before.kind == "file":
        differs = before.size != after.size
        if not differs and not snapshot.untouched(before, after):
            owner = before.same_as or path
            digest = snapshot.entries[owner].sha256
            differs = digest_of(snapshot.project / path) != digest and not _same(
                place_of(kept, digest), snapshot.project / path
            )
        if differs:
            what.append("content")
        if before.same_as != after.same_as:
            what.append("hard_link")
    what += ["mode"] if before.mode != after.mode else []
    what += ["target"] if before.target != after.target else []
    what += ["owner"] if (before.uid, before.gid) != (after.uid, after.gid) else []
    what += ["xattrs"] if before.xattrs != after.xattrs else []
    what += ["time"] if before.mtime_ns != after.mtime_ns else []
    return tuple(what)


def _same(one: Path, other: Path) -> bool:
    """Whether contents are equal although their holes are not."""
    with one.open("rb") as a, other.open("rb") as b:
        while piece := a.read(CHUNK):
            if piece != b.read(CHUNK):
                return False
        return not b.read(1)
