"""How a connection to an encrypted file is made: the key, the cipher's and SQLite's settings live here only."""

# Descriptors, modes and exact errors of the operating system are the point here.

from __future__ import annotations

import os
import time

from roadmap_cli.core import packages
from roadmap_cli.core.errors import ConfigError, Unavailable
from roadmap_cli.state import failures, files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sqlite3 import Connection as Connection
else:  # at run time it is sqlcipher3's, which behaves alike and is imported with the first state that is opened
    Connection = object

#: "Rdmp" in ASCII: in the file's header, so that any tool with the key can tell whose file it is.
APPLICATION_ID = 0x52646D70

#: Set before the first page is read; part of the file's format, never to be changed.
#: Chosen by measurement (tools/bench/state.py): pages of 8 KiB with HMAC-SHA256 insert 1.3 to 1.6 times as fast as
#: SQLCipher's defaults (4 KiB, HMAC-SHA512) at the same strength against tampering for all practical purposes.
CIPHER = ("PRAGMA cipher_page_size = 8192", "PRAGMA cipher_hmac_algorithm = HMAC_SHA256")
PAGE_BYTES = 8192

#: A checkpoint may write a page while it is verified: a finding counts when it is there each time.
LOOKS, BETWEEN_S = 3, 0.1

#: Of each connection. The cache is 16 MiB; a long write-ahead log is cut back to 64 MiB after a checkpoint.
SETTINGS = (
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -16384",
    "PRAGMA journal_size_limit = 67108864",
)


def connect(
    path: str, key: bytes | None, *, wait_s: float, immutable: bool = False, any_thread: bool = False
) -> Connection:
    """Open the encrypted database at `path` with a key of 32 bytes; the file must exist. Reads nothing yet.

    `path` ":memory:" gives an empty database in memory, with or without a key. `immutable` reads a file that nobody
    writes, on a place where nothing can be written. Raises the errors of sqlcipher3.
    """
    from sqlcipher3 import dbapi2

    name, uri = path, False
    if path != ":memory:":
        name, uri = f"file:{_quote(path)}?mode={'ro&immutable=1' if immutable else 'rw'}", True
    connection: Connection = dbapi2.connect(
        name, timeout=wait_s, isolation_level=None, uri=uri, check_same_thread=not any_thread, cached_statements=256
    )
    try:
        connection.execute("PRAGMA cipher_log_level = NONE")  # SQLCipher would write to stderr by itself
        if key is not None:
            connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
            for statement in CIPHER:
                connection.execute(statement)
        for statement in SETTINGS:
            connection.execute(statement)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_ours(
    path: str, keys: tuple[bytes, ...], *, wait_s: float, immutable: bool = False, any_thread: bool = False
) -> tuple[Connection, bytes]:
    """Open a state file with the one of `keys` that fits; gives the connection and that key.

    Raises ConfigError if it is too short, another application's, or none of the keys fits.
    """
    from sqlcipher3 import dbapi2

    size = os.path.getsize(path)
    if size < PAGE_BYTES:
        raise failures.damaged(path, f"it is cut off after {size} bytes")
    refused: dbapi2.DatabaseError | None = None
    for key in keys:
        try:
            connection = connect(path, key, wait_s=wait_s, immutable=immutable, any_thread=any_thread)
            try:
                if pragma(connection, "application_id") == APPLICATION_ID:
                    return connection, key
            except BaseException:
                connection.close()
                raise
        except dbapi2.DatabaseError as error:
            if failures.primary(error) != failures.NOTADB:
                raise
            refused = error
        else:
            connection.close()
            raise ConfigError(
                "an encrypted database, but not a state file of roadmap",
                where=path,
                hint="name another file with --state FILE",
                code="not_ours",
            )
    if _is_plain(path):
        raise ConfigError(
            "a plain SQLite database, not an encrypted state file",
            where=path,
            hint="name another file with --state FILE",
            code="not_ours",
        ) from refused
    raise failures.damaged(path, "the key in its key file does not fit, or its first page is damaged") from refused


def connect_to_read(path: str, keys: tuple[bytes, ...], *, wait_s: float) -> tuple[Connection, bytes, bool]:
    """As `connect_ours`, also where nothing can be written; gives the connection, the key and whether that is so.

    SQLite makes files beside a database even to read it. Where it cannot, the file is read as one that nobody
    changes, unless its last changes are still in the write-ahead log. Raises ConfigError then.
    """
    fixed = not (os.access(os.path.dirname(path), os.W_OK) and os.access(path, os.W_OK))
    if fixed and not at_rest(path):
        raise ConfigError(
            "cannot be read here: its last changes are still in the write-ahead log and the place is read-only",
            where=path,
            hint="copy the state, its key file and its -wal file to a place you can write",
            code="state_read_only",
        )
    connection, key = connect_ours(path, keys, wait_s=wait_s, immutable=fixed)
    return connection, key, fixed


def at_rest(path: str) -> bool:
    """Whether all of a database is in its file, nothing in a write-ahead log beside it."""
    log = path + "-wal"
    return not (os.path.exists(log) and os.path.getsize(log) > 0)


def create(path: str, key: bytes, *, wait_s: float) -> Connection:
    """Make an encrypted state file without a schema, mode 0600, in the place of what an earlier try left, and open it.

    A file is there at every moment if one was. Raises OSError and sqlcipher3 errors.
    """
    files.empty_database(path)
    connection = connect(path, key, wait_s=wait_s)
    try:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA journal_mode = WAL")
    except BaseException:
        connection.close()
        raise
    return connection


def copy(source: Connection, target: str, key: bytes, *, wait_s: float) -> None:
    """Copy a database page by page to a new file of mode 0600 under `key`, which may differ from the source's.

    Row ids, virtual tables, version and application id stay as they are, which ``sqlcipher_export`` and ``VACUUM
    INTO`` do not promise. The source may be in use. The file is complete, on disk and without a write-ahead log when
    this returns. Raises FileExistsError, OSError, sqlcipher3 errors, also if a page of the source is damaged.
    """
    files.create_private(target)
    connection = connect(target, key, wait_s=wait_s)
    try:
        _copy_pages(source, connection)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except BaseException:
        connection.close()
        files.remove_database(target)
        raise
    connection.close()
    files.sync(target)


def copy_to_memory(source: Connection, *, wait_s: float) -> Connection:
    """A private copy of a database in memory. Raises sqlcipher3 errors, also if a page of the source is damaged."""
    copied = connect(":memory:", os.urandom(32), wait_s=wait_s)  # with a key: pages must have the source's layout
    try:
        _copy_pages(source, copied)
    except BaseException:
        copied.close()
        raise
    return copied


def _copy_pages(source: Connection, target: Connection) -> None:
    """SQLite's backup, and then what it does not tell: SQLCipher gives it nothing for a page whose seal is broken, and
    for every page it reads after that one, without an error."""
    from sqlcipher3 import dbapi2

    source.backup(target)
    if broken_seals(source):
        raise dbapi2.DatabaseError(failures.MALFORMED)


def broken_seals(connection: Connection) -> list[str]:
    """What is said of the pages whose keyed hash is not theirs: a changed bit anywhere in the file is found."""
    found: set[str] = set()
    for look in range(LOOKS):
        now = {str(row[0]) for row in connection.execute("PRAGMA cipher_integrity_check")}
        found = now if look == 0 else found & now
        if not found:
            break
        time.sleep(BETWEEN_S)
    return sorted(found)


def flaw(connection: Connection) -> str | None:
    """What is wrong in a database after all of it has been read, seals and structure; None if nothing is."""
    if broken := broken_seals(connection):
        return broken[0]
    said = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    return None if said == "ok" else said


def pragma(connection: Connection, name: str) -> int:
    """The number a pragma has."""
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value


def load_vectors(connection: Connection) -> None:
    """Load sqlite-vec into a connection, by the path of its library: importing its package would bring in numpy.

    Raises Unavailable if it is not installed or does not load.
    """
    import sys
    from importlib.util import find_spec

    from sqlcipher3 import dbapi2

    found = find_spec("sqlite_vec")
    place = next(iter(found.submodule_search_locations or ()), None) if found else None
    if place is None:
        raise Unavailable("sqlite-vec is not installed", hint=packages.mend("sqlite-vec"))
    library = os.path.join(place, "vec0" + {"darwin": ".dylib", "win32": ".dll"}.get(sys.platform, ".so"))
    connection.enable_load_extension(True)
    try:
        connection.load_extension(library)
    except dbapi2.OperationalError as error:
        raise Unavailable(
            f"sqlite-vec does not load: {error}",
            where=library,
            hint="python -m pip install --force-reinstall sqlite-vec",
        ) from error
    finally:
        connection.enable_load_extension(False)


def _is_plain(path: str) -> bool:
    with open(path, "rb") as stream:
        return stream.read(16) == b"SQLite format 3\0"


def _quote(path: str) -> str:
    """A path as it stands in a ``file:`` URI (https://www.sqlite.org/uri.html): %, ? and # are escaped."""
    absolute = os.path.abspath(path)
    return absolute.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
