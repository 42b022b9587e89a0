"""Copies of the state: an encrypted backup with its key file, its way back, and a plain export if it is wished.

A backup is two files, ``FILE`` and ``FILE.key``; each can be opened by the recipients of the time it was made.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress

from roadmap_cli.core import writing
from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import CannotCreate, ConfigError, InputMissing, UsageError
from roadmap_cli.state import connection as connections
from roadmap_cli.state import failures, files, keys, lock, rekey
from roadmap_cli.state.store import MIGRATIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike
    from typing import BinaryIO

    from roadmap_cli.core.clock import Clock
    from roadmap_cli.state.connection import Connection
    from roadmap_cli.state.identity import KeySource


def backup(
    state: str | PathLike[str],
    source: KeySource,
    target: str | PathLike[str],
    *,
    replace: bool = False,
    wait_s: float = 30.0,
) -> int:
    """Copy the state, which may be in use, to the file `target` with its key file beside it; gives its bytes.

    Each file appears complete. Raises CannotCreate (there is one already and not `replace`; no space),
    InputMissing (no state), ConfigError (cannot be opened), TryLater.
    """
    path, goal = os.path.realpath(state), os.path.abspath(target)
    with failures.guarding(path):
        _refuse_existing(goal, replace, path)
        held = _share(path, wait_s)
        try:
            content = keys.read(path, source)
            connection, key, _ = connections.connect_to_read(path, content.keys, wait_s=wait_s)
            try:
                return _write_backup(connection, key, content, goal, wait_s=wait_s)
            finally:
                connection.close()
        finally:
            if held:
                held.release()


def restore(
    state: str | PathLike[str],
    source: KeySource,
    copy: str | PathLike[str],
    *,
    now: Clock,
    wait_s: float = 30.0,
    migrations: str = MIGRATIONS,
) -> str | None:
    """Put the backup `copy` in the place of the state; gives the path under which the replaced state is kept, if any.

    The backup is read through before anything is changed. If the present key file opens, it stays: the restored state
    gets its data key, so that who was removed meanwhile stays out; else the backup's key file is taken. A kill at any
    moment leaves the old state or the new one, or a state that says it has no key file and can be restored again.
    Raises InputMissing (no backup), ConfigError (backup damaged, newer or not to be opened), TryLater (state in use),
    CannotCreate.
    """
    path, origin = os.path.realpath(state), os.path.realpath(copy)
    if not os.path.isfile(origin):
        raise InputMissing("no backup there", where=origin, hint="name the file that roadmap-state backup wrote")
    if os.path.exists(path) and os.path.samefile(path, origin):
        raise UsageError("the backup is the state itself", hint="name the file that roadmap-state backup wrote")
    with failures.guarding(origin):
        taken = keys.read(origin, source)
        connection, _ = connections.connect_ours(
            origin, taken.keys, wait_s=wait_s, immutable=connections.at_rest(origin)
        )
    try:
        with failures.guarding(origin):
            _examine(connection, origin, migrations)
        with failures.guarding(path):
            files.make_directory(os.path.dirname(path))
            with lock.alone(path, wait_s=wait_s), rekey.key_lock(path, wait_s=wait_s):
                return _replace(connection, taken, path, source, now=now, wait_s=wait_s)
    finally:
        connection.close()


def export_plain(
    state: str | PathLike[str],
    source: KeySource,
    target: str | PathLike[str],
    *,
    plain_ok: bool,
    replace: bool = False,
    wait_s: float = 30.0,
) -> int:
    """Write the state as a plain SQLite database, mode 0600; gives its bytes. Row ids stay as they are.

    Raises UsageError unless `plain_ok`: it will be readable by anyone who gets the file. Raises CannotCreate (there is
    one already and not `replace`; no space), InputMissing (no state), ConfigError (cannot be opened), TryLater.
    """
    if not plain_ok:
        raise UsageError("the export would not be encrypted", hint="say --plain-ok if that is what you want")
    path, goal = os.path.realpath(state), os.path.abspath(target)
    with failures.guarding(path):
        _refuse_existing(goal, replace, path)
        held = _share(path, wait_s)
        try:
            content = keys.read(path, source)
            connection, _, _ = connections.connect_to_read(path, content.keys, wait_s=wait_s)
            try:
                with writing.complete(goal, mode=0o600) as stream:
                    if os.path.isfile(goal):
                        os.fchmod(stream.fileno(), 0o600)  # not the mode of what it takes the place of
                    size = _decrypt(connection, f"{goal}.tmp-{os.getpid()}", stream)
            finally:
                connection.close()
            files.sync_directory(goal)
            return size
        finally:
            if held:
                held.release()


def _share(path: str, wait_s: float) -> lock.Lock | None:
    if not os.path.exists(path):
        raise InputMissing("there is no state yet", where=path, hint="any command that stores something makes it")
    return lock.take(path + files.LOCK, alone=False, wait_s=wait_s, create=False)


def _refuse_existing(goal: str, replace: bool, path: str) -> None:
    if os.path.exists(path) and os.path.exists(goal) and os.path.samefile(path, goal):
        raise UsageError("that is the state itself", where=goal)
    if os.path.exists(goal) and not os.path.isfile(goal):
        raise CannotCreate("it is no file, and cannot be replaced by one", where=goal, hint="name another")
    if not replace and (os.path.lexists(goal) or os.path.lexists(goal + files.KEY)):
        raise CannotCreate("there is a file already", where=goal, hint="name another, or remove it first")
    if not os.path.isdir(os.path.dirname(goal)):
        raise CannotCreate(
            "there is no such folder", where=os.path.dirname(goal), hint="make it first, or name another"
        )


def _write_backup(connection: Connection, key: bytes, content: keys.KeyFile, goal: str, *, wait_s: float) -> int:
    fresh = f"{goal}.tmp-{os.getpid()}"
    files.remove_database(fresh)
    try:
        connections.copy(connection, fresh, key, wait_s=wait_s)
        size = os.path.getsize(fresh)
        files.write_private(goal + files.KEY, keys.sealed(keys.KeyFile(key, content.recipients)))
        files.move(fresh, goal)
    finally:
        files.remove_database(fresh)
    return size


def _examine(connection: Connection, origin: str, migrations: str) -> None:
    from roadmap_cli.state import migrate

    migrate.pending(connection, migrations, origin)
    if flaw := connections.flaw(connection):
        raise failures.damaged(origin, flaw)


def _replace(
    connection: Connection, taken: keys.KeyFile, path: str, source: KeySource, *, now: Clock, wait_s: float
) -> str | None:
    for end in files.FRESH:
        files.remove_database(path + end)
    try:
        present: keys.KeyFile | None = keys.read(path, source)
    except ConfigError:
        present = None
    content = present or taken
    fresh = path + ".restore"
    connections.copy(connection, fresh, content.key, wait_s=wait_s)
    kept = _set_aside(path, present, source, now=now, wait_s=wait_s)
    files.move(fresh, path)
    content.next_key = None
    keys.write(path, content)
    return kept


def _set_aside(path: str, present: keys.KeyFile | None, source: KeySource, *, now: Clock, wait_s: float) -> str | None:
    """Keep the state that is replaced, whole and with its key file, under another name; it also keeps its own."""
    if not os.path.exists(path):
        return None
    kept = files.unused(f"{path}.bak-{stamp(now())[:19].replace(':', '')}Z")
    if present is not None:
        # Damaged, perhaps: that is why it is replaced. Its log is then kept beside it.
        with suppress(ConfigError), failures.guarding(path):
            old, _ = connections.connect_ours(path, present.keys, wait_s=wait_s)
            try:
                rekey.finish_log(old, path)
            finally:
                old.close()
    try:
        os.link(path, kept)
    except OSError:  # a file system without links: for a moment there is no state, and a rerun puts it there
        os.replace(path, kept)
    if os.path.exists(path + files.KEY):
        files.write_private(kept + files.KEY, keys.content_of(path + files.KEY))
    if not connections.at_rest(path):
        os.replace(path + "-wal", kept + "-wal")
    for end in files.BESIDE:
        files.remove(path + end)
    files.sync_directory(path)
    return kept


def _decrypt(connection: Connection, scratch: str, stream: BinaryIO) -> int:
    """The state as a plain database into `stream`; gives its bytes.

    SQLite opens files by their names only. Its file at `scratch` therefore loses its name while it is still empty, and
    is copied when it is done: a kill leaves nothing to read. For that time the disk holds it twice.
    """
    files.remove_database(scratch)
    files.create_private(scratch)
    try:
        with open(scratch, "rb") as plain:
            _decrypt_into(connection, scratch)
            shutil.copyfileobj(plain, stream, 1 << 20)
            return plain.tell()
    finally:
        files.remove_database(scratch)


def _decrypt_into(connection: Connection, fresh: str) -> None:
    """``sqlcipher_export`` into a plain file; then the row ids it numbers anew are put right, and the header's numbers.

    Row ids matter where a full-text or vector index refers to them. The file loses its name before anything is written.
    """
    connection.execute("PRAGMA foreign_keys = OFF")  # tables are copied one by one, in no order of reference
    connection.execute("ATTACH ? AS plain KEY ''", (fresh,))
    try:
        files.remove(fresh)
        connection.execute("PRAGMA plain.journal_mode = MEMORY")  # a journal beside it would have a name
        connection.execute("BEGIN")
        connection.execute("SELECT sqlcipher_export('plain')").fetchone()
        for name in ("user_version", "application_id"):
            connection.execute(f"PRAGMA plain.{name} = {connections.pragma(connection, name)}")
        tables = connection.execute(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'shadow') AND NOT wr"
        )
        for (table,) in tables.fetchall():
            _keep_row_ids(connection, table)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    finally:
        connection.execute("DETACH plain")


def _keep_row_ids(connection: Connection, table: str) -> None:
    columns = connection.execute("SELECT name, type, pk, hidden FROM pragma_table_xinfo(?)", (table,)).fetchall()
    keyed = [kind.upper() for _, kind, place, _ in columns if place]
    names = {name.lower() for name, _, _, _ in columns}
    alias = next((each for each in ("rowid", "_rowid_", "oid") if each not in names), None)
    if keyed == ["INTEGER"] or alias is None or table.startswith("sqlite_"):
        return
    stored = ", ".join(_name(name) for name, _, _, hidden in columns if not hidden)
    connection.execute(f"DELETE FROM plain.{_name(table)}")
    connection.execute(
        f"INSERT INTO plain.{_name(table)} ({alias}, {stored}) SELECT {alias}, {stored} FROM main.{_name(table)}"
    )


def _name(identifier: str) -> str:
    quoted = identifier.replace('"', '""')
    return f'"{quoted}"'
