"""A new data key for the state: on a copy, then one rename; a kill at any moment leaves a state that opens.

The steps, each durable before the next: the key file names the old and the new key; a copy is made under the new
one; the copy takes the state's name; the key file names the new key alone.
"""

# Exact errors of the operating system.

from __future__ import annotations

import os

from roadmap_cli.core.errors import TryLater
from roadmap_cli.state import connection as connections
from roadmap_cli.state import failures, files, keys, lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from os import PathLike

    from roadmap_cli.state.connection import Connection
    from roadmap_cli.state.identity import KeySource


def rekey(state: str | PathLike[str], source: KeySource, *, wait_s: float = 30.0) -> None:
    """Encrypt the state at `state` anew under a fresh data key, for the same recipients.

    Older backups keep the older key. Needs as much free space as the state has. Raises TryLater (in use),
    ConfigError (cannot be opened), CannotCreate (no space, read-only).
    """
    path = os.path.realpath(state)
    with failures.guarding(path), lock.alone(path, wait_s=wait_s), key_lock(path, wait_s=wait_s):
        content = _settle(path, source, wait_s=wait_s)
        connection, _ = connections.connect_ours(path, content.keys, wait_s=wait_s)
        try:
            content.next_key = os.urandom(keys.KEY_BYTES)
            keys.write(path, content)
            fresh = path + ".rekey"
            connections.copy(connection, fresh, content.next_key, wait_s=wait_s)
            _compare(connection, fresh, content.next_key, wait_s=wait_s)
            finish_log(connection, path)
        finally:
            connection.close()
        refuse_log(path)
        files.move(fresh, path)
        content.key, content.next_key = content.next_key, None
        keys.write(path, content)


def settle(path: str, source: KeySource, *, wait_s: float) -> keys.KeyFile:
    """Finish what a killed rekey began and remove what killed processes left; the caller holds the state alone.

    Raises ConfigError, TryLater, OSError, sqlcipher3 errors.
    """
    with key_lock(path, wait_s=wait_s):
        return _settle(path, source, wait_s=wait_s)


def key_lock(path: str, *, wait_s: float) -> AbstractContextManager[None]:
    """Hold the key file of the state at `path` alone: whoever changes it does, the state itself may be in use."""
    return lock.alone(path + files.KEY, wait_s=wait_s)


def finish_log(connection: Connection, path: str) -> None:
    """Bring all of the write-ahead log into the file. Raises TryLater if a connection without our lock uses it."""
    busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise _used(path)


def refuse_log(path: str) -> None:
    """Make sure no write-ahead log is left that would be taken for the next file's. Raises TryLater if one is."""
    if not connections.at_rest(path):
        raise _used(path)
    for end in files.BESIDE:
        files.remove(path + end)


def _settle(path: str, source: KeySource, *, wait_s: float) -> keys.KeyFile:
    for end in files.FRESH:
        files.remove_database(path + end)
    content = keys.read(path, source)
    if content.next_key is not None:
        connection, key = connections.connect_ours(path, content.keys, wait_s=wait_s)
        connection.close()
        content.key, content.next_key = key, None
        keys.write(path, content)
    return content


def _compare(connection: Connection, fresh: str, key: bytes, *, wait_s: float) -> None:
    """Read all of the copy back before it takes the original's place."""
    copied, _ = connections.connect_ours(fresh, (key,), wait_s=wait_s)
    try:
        broken = connections.flaw(copied)
        numbers = [
            [connections.pragma(each, name) for name in ("page_count", "user_version", "application_id")]
            for each in (connection, copied)
        ]
    finally:
        copied.close()
    if broken or numbers[0] != numbers[1]:
        files.remove_database(fresh)
        raise failures.damaged(fresh, "the copy under the new key is not like the original; the state is unchanged")


def _used(path: str) -> TryLater:
    return TryLater("another program has the state open", where=path, hint="close it and run this again", code="busy")
