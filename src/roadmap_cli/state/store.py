"""The open state: one encrypted SQLite file, read in snapshots and written in immediate transactions.

No transaction spans a read of input or a write of output, and what was announced was committed before.
"""

# This is on the path of each command that uses the state: exact errors, few imports.

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from pathlib import Path

from roadmap_cli.core.errors import ConfigError
from roadmap_cli.state import connection as connections
from roadmap_cli.state import failures, files, keys, lock
from roadmap_cli.state.connection import Connection
from roadmap_cli.state.identity import KeySource

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike
    from types import TracebackType
    from typing import Literal

    from roadmap_cli.core.clock import Clock

__all__ = ["MIGRATIONS", "Connection", "KeySource", "State"]

MIGRATIONS = os.path.join(os.path.dirname(__file__), "migrations")


class State:
    """An open state. Made by `State.open`; close it, or use it in a ``with`` statement."""

    def __init__(
        self, path: Path, connection: Connection, *, mode: str, dry_run: bool, key: bytes | None, held: lock.Lock | None
    ):
        self.path = path
        self.mode = mode
        self.dry_run = dry_run
        self._connection = connection
        self._key = key
        self._held = held
        self._has_vectors = False

    @classmethod
    def open(
        cls,
        path: str | PathLike[str],
        *,
        mode: Literal["read", "write"],
        keys: KeySource,
        wait_s: float = 30.0,
        dry_run: bool = False,
        now: Clock,
        migrations: str = MIGRATIONS,
    ) -> State:
        """Open the state at `path`, waiting up to `wait_s` seconds for others.

        Mode "write" makes the file, its key file and, if there is none yet, the user's identity, and brings an older
        schema up to date after a backup. Mode "read" and a dry run make and change nothing: without a file they give
        an empty state in memory; a file with an older schema or on a place that cannot be written is read all the
        same where that is safe. In a dry run each transaction is rolled back.

        Raises TryLater (in use), ConfigError (wrong key, damaged, newer, not ours), CannotCreate (cannot be written),
        Unavailable (a part of the schema needs sqlite-vec and it is missing).
        """
        opening = _Opening(os.path.realpath(path), keys, wait_s, now, migrations)
        changing = mode == "write" and not dry_run
        with failures.guarding(opening.path):
            connection, key, held = opening.for_change() if changing else opening.for_reading(private=mode == "write")
            if mode == "read":
                connection.execute("PRAGMA query_only = ON")
            elif dry_run:
                connection.execute("PRAGMA cache_spill = OFF")  # nothing of a transaction reaches the disk
        return cls(Path(opening.path), connection, mode=mode, dry_run=dry_run, key=key, held=held)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent snapshot: what others commit meanwhile is not seen. Not inside another transaction.

        Raises TryLater, ConfigError (damaged), CannotCreate (the disk failed).
        """
        connection = self._connection
        own = not connection.in_transaction
        with failures.guarding(os.fspath(self.path)):
            try:
                connection.execute("BEGIN")  # in here: a signal may come as soon as it has begun
                yield connection
            finally:
                if own and connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: all of it is stored at the end of the block, or nothing if an error leaves it.

        In a dry run nothing is stored. Not inside another transaction. Raises TryLater (others are writing),
        CannotCreate (no space, the disk failed), ConfigError (damaged); ValueError for a state opened for reading.
        """
        if self.mode == "read":
            raise ValueError("the state was opened for reading")
        connection = self._connection
        own = not connection.in_transaction
        with failures.guarding(os.fspath(self.path)):
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("ROLLBACK" if self.dry_run else "COMMIT")
            except BaseException:
                if own and connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def vectors(self) -> None:
        """Load sqlite-vec, once: needed before a table made with vec0 is used. Raises Unavailable if it is missing."""
        if not self._has_vectors:
            connections.load_vectors(self._connection)
            self._has_vectors = True

    def another(self, *, wait_s: float = 30.0) -> Connection:
        """A further connection to the same file, usable from any thread, for a library that wants its own.

        The caller closes it before the state. Raises ValueError for a dry run or a state in memory.
        """
        if self._key is None or self.dry_run or self.mode == "read":
            raise ValueError("only a state opened for writing has further connections")
        with failures.guarding(os.fspath(self.path)):
            return connections.connect(os.fspath(self.path), self._key, wait_s=wait_s, any_thread=True)

    def sibling(self) -> State:
        """The same state over a connection of its own, for another thread; to be closed before this one.

        Raises ValueError as `another` does.
        """
        return State(self.path, self.another(), mode=self.mode, dry_run=False, key=self._key, held=None)

    def close(self) -> None:
        """Close it. May be called twice."""
        try:
            with failures.guarding(os.fspath(self.path)):
                self._connection.close()
        finally:
            if self._held:
                self._held.release()

    def __enter__(self) -> State:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class _Opening:
    """How a state is opened, step by step."""

    def __init__(self, path: str, source: KeySource, wait_s: float, now: Clock, migrations: str):
        self.path = path
        self.source = source
        self.wait_s = wait_s
        self.now = now
        self.migrations = migrations
        self.version = sum(
            name.endswith(".sql")
            for family in os.listdir(migrations)
            if os.path.isdir(folder := os.path.join(migrations, family))
            for name in os.listdir(folder)
        )

    def exists(self) -> bool:
        """Whether there is a state; an empty file, as mktemp makes it, is not one before it has a key file."""
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            return False
        if not stat.S_ISREG(found.st_mode):
            raise ConfigError(
                "not a regular file", where=self.path, hint="name another with --state FILE", code="no_file"
            )
        return found.st_size > 0 or (os.path.exists(self.path + files.KEY) and not self._is_being_made())

    def _is_being_made(self) -> bool:
        """Whether a state is being made here, or was when its maker was killed: then what will be it is there."""
        return os.path.lexists(self.path + files.NEW)

    def for_change(self) -> tuple[Connection, bytes, lock.Lock | None]:
        """The connection, its key and the shared lock, the schema being the present one."""
        if not self.exists():
            files.make_directory(os.path.dirname(self.path))
            lock.alone_unless(self.path, self.exists, self._create, wait_s=self.wait_s)
        while True:
            held = lock.take(self.path + files.LOCK, alone=False, wait_s=self.wait_s)
            try:
                content = keys.read(self.path, self.source)
                connection, key = connections.connect_ours(self.path, content.keys, wait_s=self.wait_s)
                try:
                    behind = self._is_behind(connection)
                except BaseException:
                    connection.close()
                    raise
                if not behind and content.next_key is None and not self._leftovers():
                    return connection, key, held
                connection.close()
            except BaseException:
                if held:
                    held.release()
                raise
            if held:
                held.release()
            lock.alone_unless(self.path, self._in_order, self._put_in_order, wait_s=self.wait_s)

    def for_reading(self, *, private: bool) -> tuple[Connection, bytes | None, lock.Lock | None]:
        """The connection, its key and the shared lock, with nothing made or changed.

        `private`: the caller writes into transactions that are rolled back, which a file on a read-only place does
        not allow: it gets a copy in memory.
        """
        if not self.exists():
            self._refuse_lost()
            return self._in_memory(None), None, None
        held = lock.take(self.path + files.LOCK, alone=False, wait_s=self.wait_s, create=False)
        try:
            content = keys.read(self.path, self.source)
            connection, key, fixed = connections.connect_to_read(self.path, content.keys, wait_s=self.wait_s)
            try:
                if self._is_behind(connection) or (fixed and private):
                    copied = self._in_memory(connection)
                    connection.close()
                    connection = copied
            except BaseException:
                connection.close()
                raise
            return connection, key, held
        except BaseException:
            if held:
                held.release()
            raise

    def _is_behind(self, connection: Connection) -> bool:
        version = connections.pragma(connection, "user_version")
        if version > self.version:
            from roadmap_cli.state import migrate

            raise migrate.newer(self.path)
        return version < self.version

    def _create(self) -> None:
        """Make the state; `.new` is there from before its key file until it has its name. The lock is held alone."""
        from roadmap_cli.state import migrate

        fresh, key_file = self.path + files.NEW, self.path + files.KEY
        is_first = not os.path.exists(key_file)
        if not is_first:
            self._refuse_lost()  # else it was made by a process that was killed before the state was
        elif not self._is_being_made():
            files.create_private(fresh)
        try:
            content = keys.make(self.path, self.source, self.now) if is_first else keys.read(self.path, self.source)
            migrate.create(self.path, content.key, self.migrations, wait_s=self.wait_s, now=self.now)
        except BaseException:
            if is_first and not self.exists():
                files.remove(key_file)  # nothing was ever encrypted with it
                files.remove_database(fresh)
            raise

    def _refuse_lost(self) -> None:
        """A key file without its state: a new, empty one would hide that everything is gone."""
        has_key = os.path.exists(self.path + files.KEY)
        if has_key and not self._is_being_made() and not self.exists():  # in this order: it may get its name meanwhile
            raise ConfigError(
                "the state file is missing, though its key file is there",
                where=self.path,
                hint="bring it back: roadmap-state restore FILE; to begin anew, remove the key file beside it",
                code="state_lost",
            )

    def _leftovers(self) -> bool:
        return any(os.path.lexists(self.path + end) for end in files.FRESH)

    def _in_order(self) -> bool:
        """Whether another process has put it in order meanwhile."""
        if self._leftovers():
            return False
        content = keys.read(self.path, self.source)
        if content.next_key is not None:
            return False
        connection, _ = connections.connect_ours(self.path, content.keys, wait_s=self.wait_s)
        try:
            return not self._is_behind(connection)
        finally:
            connection.close()

    def _put_in_order(self) -> None:
        """Migrate, finish a rekey, remove what a killed process left; the lock is held alone."""
        from roadmap_cli.state import migrate, rekey

        content = rekey.settle(self.path, self.source, wait_s=self.wait_s)
        connection, key = connections.connect_ours(self.path, content.keys, wait_s=self.wait_s)
        try:
            migrate.upgrade(connection, self.path, key, self.migrations, wait_s=self.wait_s, now=self.now)
        finally:
            connection.close()

    def _in_memory(self, source: Connection | None) -> Connection:
        """A state in memory: empty, or with all that `source` holds, and with the present schema."""
        from roadmap_cli.state import migrate

        if source is None:
            copied = connections.connect(":memory:", None, wait_s=self.wait_s)
            needed = migrate.known(self.migrations)
        else:
            copied = connections.copy_to_memory(source, wait_s=self.wait_s)
            needed = migrate.pending(copied, self.migrations, self.path)
        migrate.apply(copied, needed, now=self.now)
        return copied
