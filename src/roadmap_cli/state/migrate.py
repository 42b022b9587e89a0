"""Bringing a state file's schema up to date: each migration file and the note of it are one transaction.

Migrations are ``migrations/<family>/NNNN_what.sql``; a released file is never changed. The usual open only compares
``PRAGMA user_version``, the number of migrations applied, with the number of files, and does not import this module.
"""

# This runs at the opening of a state: exact errors of the operating system, no globbing.

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import ConfigError
from roadmap_cli.state import connection as connections
from roadmap_cli.state import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from roadmap_cli.core.clock import Clock
    from roadmap_cli.state.connection import Connection

FILE = re.compile(r"([0-9]{4})_[a-z0-9_]+\.sql\Z")


@dataclass(frozen=True, slots=True)
class Migration:
    """One migration file: its family, number within the family, name and path."""

    family: str
    number: int
    file: str
    path: str

    def text(self) -> str:
        """Its SQL."""
        return Path(self.path).read_text(encoding="utf-8")


def known(root: str) -> list[Migration]:
    """All migration files under `root` in the order they are applied: base first, then the families by name.

    Raises ConfigError if a name does not fit or a number is missing: the installation is broken.
    """
    found = []
    for family in sorted(os.listdir(root), key=lambda name: (name != "base", name)):
        folder = os.path.join(root, family)
        names = sorted(name for name in os.listdir(folder) if name.endswith(".sql")) if os.path.isdir(folder) else []
        for number, name in enumerate(names, 1):
            fits = FILE.match(name)
            if not fits or int(fits[1]) != number:
                raise ConfigError(f"not the migration expected as number {number}", where=os.path.join(folder, name))
            found.append(Migration(family, number, name, os.path.join(folder, name)))
    return found


def applied(connection: Connection) -> set[tuple[str, int]]:
    """The (family, number) of each migration a state has; none for an empty file."""
    if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'state_migration'").fetchone():
        return set()
    return set(connection.execute("SELECT family, number FROM state_migration"))


def pending(connection: Connection, root: str, path: str) -> list[Migration]:
    """The migrations a state still needs. Raises ConfigError if it has one that this program does not know."""
    there = applied(connection)
    migrations = known(root)
    unknown = there - {(each.family, each.number) for each in migrations}
    if unknown:
        raise newer(path)
    return [each for each in migrations if (each.family, each.number) not in there]


def newer(path: str) -> ConfigError:
    """The state was written by a later version of the program; it is left as it is."""
    return ConfigError(
        "the state was written by a newer version of roadmap",
        where=path,
        hint="upgrade roadmap, or name another file with --state FILE",
        code="state_newer",
    )


def apply(connection: Connection, migrations: list[Migration], *, now: Clock) -> None:
    """Apply migrations to a database that no one else is changing; stops at the first that fails, all before it kept.

    Raises the errors of sqlcipher3, and Unavailable if one needs sqlite-vec and it is missing.
    """
    connection.execute("PRAGMA foreign_keys = OFF")  # cannot be switched inside a transaction; checked before commit
    try:
        for migration in migrations:
            text = migration.text()
            if re.search(r"\busing\s+vec0\b", text, re.IGNORECASE):
                connections.load_vectors(connection)
            connection.execute("BEGIN IMMEDIATE")
            try:
                for statement in statements(text):
                    connection.execute(statement)
                broken = connection.execute("PRAGMA foreign_key_check").fetchone()
                if broken:
                    raise ConfigError(f"rows of {broken[0]!r} refer to nothing after it", where=migration.path)
                connection.execute(
                    "INSERT INTO state_migration (family, number, file, sha256, applied_at) VALUES (?, ?, ?, ?, ?)",
                    (
                        migration.family,
                        migration.number,
                        migration.file,
                        hashlib.sha256(text.encode()).hexdigest(),
                        stamp(now()),
                    ),
                )
                connection.execute(f"PRAGMA user_version = {connections.pragma(connection, 'user_version') + 1}")
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
    finally:
        connection.execute("PRAGMA foreign_keys = ON")


def create(path: str, key: bytes, root: str, *, wait_s: float, now: Clock) -> None:
    """Make a state file with the present schema. It appears complete or not at all. The caller holds the lock alone.

    Until then ``.new`` is there, at every moment: it tells a state that is not made yet from one that was lost.
    Raises OSError and the errors of sqlcipher3.
    """
    fresh = path + files.NEW
    connection = connections.create(fresh, key, wait_s=wait_s)
    try:
        apply(connection, known(root), now=now)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # closing would fail without a word on a full disk
    finally:
        connection.close()
    files.move(fresh, path)
    files.remove_database(fresh)


def upgrade(connection: Connection, path: str, key: bytes, root: str, *, wait_s: float, now: Clock) -> str | None:
    """Bring the open state at `path` up to date after an encrypted copy; gives the copy's path, None if not needed.

    The copy is ``state.db.bak-NNNN`` (the version it holds), with its own key file, and can be restored like any
    backup. The caller holds the lock alone. Raises ConfigError for a newer state, OSError, sqlcipher3 errors.
    """
    migrations = pending(connection, root, path)
    if not migrations:
        return None
    backup = files.unused(f"{path}.bak-{connections.pragma(connection, 'user_version'):04d}")
    fresh = path + files.NEW
    files.remove_database(fresh)
    connections.copy(connection, fresh, key, wait_s=wait_s)
    files.write_private(backup + files.KEY, Path(path + files.KEY).read_bytes())
    files.move(fresh, backup)
    apply(connection, migrations, now=now)
    return backup


def statements(text: str) -> Iterator[str]:
    """The statements of an SQL text one by one, triggers whole. Raises ValueError if the last one is not complete."""
    from sqlcipher3 import dbapi2

    start = end = 0
    while (end := text.find(";", end) + 1) > 0:
        if dbapi2.complete_statement(text[start:end]):
            yield text[start:end].strip()
            start = end
    rest = re.sub(r"--[^\n]*|/\*.*?\*/", "", text[start:], flags=re.DOTALL).strip()
    if rest:
        raise ValueError(f"not a complete statement: {rest[:60]!r}")
