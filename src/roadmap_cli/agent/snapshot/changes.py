"""What a program changed in a project, as records: each path with what it was and is, and a diff of its text."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from roadmap_cli.agent.snapshot import Change, Entry, Snapshot, Store
from roadmap_cli.core.records import Record, content_id

_TEXT_LIMIT = 1 << 20
_GIT_MODE = {"link": "120000"}


def described(snapshot: Snapshot, *, rolling_back: bool = False) -> Record:
    """The agent.snapshot record of a snapshot."""
    record: Record = {
        "kind": "agent.snapshot", "id": snapshot.id, "at": snapshot.at, "project": shown(str(snapshot.project)),
        "files": sum(entry.kind == "file" for entry in snapshot.entries.values()), "bytes": snapshot.bytes,
    }  # fmt: skip
    if snapshot.command:
        record["argv"] = list(snapshot.command)
    if rolling_back:
        record["rolling_back"] = True
    return record


def records(store: Store, snapshot: Snapshot, changes: list[Change], *, undone: bool = False) -> Iterator[Record]:
    """One agent.change record for each path. `undone`: the change is no longer there, and no diff is made."""
    for change in changes:
        record: Record = {
            "kind": "agent.change", "id": content_id("agent.change", snapshot=snapshot.id, path=shown(change.path)),
            "at": snapshot.at, "snapshot": snapshot.id, "path": shown(change.path) or ".", "change": change.change,
        }  # fmt: skip
        if change.what:
            record["what"] = list(change.what)
        for side, entry in (("before", change.before), ("after", change.after)):
            if entry is not None:
                record[side] = _side(entry)
        if undone:
            record["undone"] = True
        else:
            record |= _diff(store, snapshot, change)
        yield record


def shown(path: str) -> str:
    """A path as text: bytes that are no UTF-8 and controls are written as escapes."""
    text = os.fsencode(path).decode(errors="backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _side(entry: Entry) -> Record:
    side: Record = {"kind": entry.kind, "mode": f"{entry.mode:04o}"}
    if entry.kind == "file":
        side["bytes"] = entry.size
    if entry.kind == "link":
        side["target"] = shown(entry.target)
        side["outside"] = entry.target.startswith("/") or entry.target.split("/")[0] == ".."
    return side


def _diff(store: Store, snapshot: Snapshot, change: Change) -> Record:
    """A unified diff that git apply takes, or why there is none."""
    before, after = change.before, change.after
    if not _has_text(before) and not _has_text(after):
        return {}
    if change.what and not {"content", "kind", "mode", "target"} & {*change.what}:
        return {}
    if max(entry.size for entry in (before, after) if entry) > _TEXT_LIMIT:
        return {"no_diff": "too_large"}
    path = snapshot.project / change.path
    old = _text(before, lambda: store.content(snapshot, change.path))
    new = _text(after, path.read_bytes)
    if old is None or new is None:
        return {"no_diff": "binary"}
    name = shown(change.path)
    lines = [f"diff --git a/{name} b/{name}\n"]
    if _has_text(before) and _has_text(after):
        if _mode(before) != _mode(after):
            lines += [f"old mode {_mode(before)}\n", f"new mode {_mode(after)}\n"]
    else:
        lines.append(f"new file mode {_mode(after)}\n" if _has_text(after) else f"deleted file mode {_mode(before)}\n")
    for line in difflib.unified_diff(
        _lines(old), _lines(new),
        f"a/{name}" if _has_text(before) else "/dev/null", f"b/{name}" if _has_text(after) else "/dev/null",
    ):  # fmt: skip
        lines.append(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n")
    return {"diff": "".join(lines)} if len(lines) > 1 else {}


def _lines(text: str) -> list[str]:
    """Lines that end with a line feed only, as git counts them."""
    parts = text.split("\n")
    return [part + "\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _has_text(entry: Entry | None) -> bool:
    return entry is not None and entry.kind in ("file", "link")


def _mode(entry: Entry | None) -> str:
    assert entry is not None
    return _GIT_MODE.get(entry.kind) or ("100755" if entry.mode & 0o100 else "100644")


def _text(entry: Entry | None, read: Callable[[], bytes]) -> str | None:
    """Text of one side; "" if it is not there, None if it is binary."""
    if not _has_text(entry):
        return ""
    assert entry is not None
    if entry.kind == "link":
        return entry.target
    data = read()
    if b"\0" in data[:8000]:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def project_of(store: Store, folder: Path) -> Path:
    """The resolved project whose snapshots are meant: `folder`, or the nearest folder above it that has some."""
    resolved = folder.resolve()
    for place in (resolved, *resolved.parents):
        if next(store.all(place), None) is not None:
            return place
    return resolved
