"""Snapshots of a project folder before a program runs in it, what the program changed, and the way back.

A snapshot is a list of entries (kind, mode, times, extended attributes) and the files' contents by hash, kept outside
the project in a folder no sandbox is ever lent. Contents are copies, by reflink where the file system can, never hard
links: a program that writes into a file in place cannot reach the copy. A file that is unchanged since the snapshot
before (size, times, inode) is not read again.

`.git` is not part of it: sandboxes cannot write there, and going back must not undo commits. It is found by its inode
and put back if a folder around it was renamed.

Rolling back changes only what differs, each file at once by rename, times of folders last. Killed anywhere, it is
finished by doing it again. Contents are checked against their hash before they replace anything.
"""

from __future__ import annotations

from roadmap_cli.agent.snapshot.comparing import Change
from roadmap_cli.agent.snapshot.entries import Entry, scan
from roadmap_cli.agent.snapshot.lists import Snapshot
from roadmap_cli.agent.snapshot.store import BYTES_LIMIT, FILES_LIMIT, Store

__all__ = ["BYTES_LIMIT", "FILES_LIMIT", "Change", "Entry", "Snapshot", "Store", "scan"]
