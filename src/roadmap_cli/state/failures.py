"""What a failure of SQLite or of the file system means to a user: the only place that knows.

Every other module lets such errors travel and puts `guarding` around its work.
"""

from __future__ import annotations

import errno
from contextlib import contextmanager

from roadmap_cli.core.errors import CannotCreate, ConfigError, DataError, RoadmapError, TryLater

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from sqlite3 import Error

# Primary result codes of SQLite (https://www.sqlite.org/rescode.html), here so that nothing heavy is imported.
ERROR, PERM, BUSY, LOCKED, READONLY, IOERR, CORRUPT, FULL = 1, 3, 5, 6, 8, 10, 11, 13
CANTOPEN, TOOBIG, NOTADB = 14, 18, 26

#: What SQLite says of a database that is not as it was written.
MALFORMED = "database disk image is malformed"
#: What SQLite says for them: the errors of a backup carry no code, those of an export the most general.
SAID = {
    "database is locked": BUSY,
    "attempt to write a readonly database": READONLY,
    "disk I/O error": IOERR,
    MALFORMED: CORRUPT,
    "database or disk is full": FULL,
    "unable to open database file": CANTOPEN,
    "file is not a database": NOTADB,
}


def primary(error: Error) -> int:
    """The primary result code of an error, 0 if it has none."""
    code: int = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code if code > ERROR else SAID.get(str(error), code)


def explain(error: Error, path: str) -> RoadmapError | None:
    """The failure to show for an error of SQLite on the state at `path`; None if it is a mistake of the program."""
    code = primary(error)
    if code in (BUSY, LOCKED):
        return busy(path)
    if code == CORRUPT:
        return damaged(path, "it is damaged")
    if code == NOTADB:
        return damaged(path, "its first page is damaged, or it was made with another key")
    if code == FULL:
        return CannotCreate("no space left for the state", where=path, hint="free some space and run it again")
    if code == IOERR:
        return CannotCreate(f"the disk failed: {error}", where=path, hint="look at the disk and its free space")
    if code in (READONLY, PERM, CANTOPEN):
        return CannotCreate(f"the state cannot be written: {error}", where=path, hint="check the place's permissions")
    if code == TOOBIG:
        return DataError("too large to be stored", where=path, code="too_large")
    return None


def busy(path: str) -> TryLater:
    """Someone else holds the state and did not let go in time."""
    hint = "run it again, or wait longer with --wait SECONDS"
    return TryLater("the state is busy", where=path, hint=hint, code="busy")


def damaged(path: str, why: str) -> ConfigError:
    """The file is there and ours by name, yet cannot be used."""
    import os
    import shlex
    from glob import escape, glob

    beside = [copy for copy in glob(f"{escape(path)}.bak-*") if not copy.endswith(".key")]
    copy = shlex.quote(max(beside, key=os.path.getmtime)) if beside else "FILE"
    hint = f"put a backup in its place: roadmap-state restore {copy}"
    return ConfigError(f"not a readable state file: {why}", where=path, hint=hint, code="state_damaged")


@contextmanager
def guarding(path: str) -> Iterator[None]:
    """Turn the errors of SQLite and of the file system inside into failures with words. Others pass.

    Raises TryLater (busy), ConfigError (damaged, not ours), CannotCreate (cannot be written), DataError (too large).
    """
    from sqlcipher3 import dbapi2

    try:
        yield
    except dbapi2.Error as error:
        failure = explain(error, path)
        if failure is None:
            raise
        raise failure from error
    except OSError as error:
        raise of_file(error, path) from error


def of_file(error: OSError, path: str) -> RoadmapError:
    """The failure to show for an error of the operating system."""
    where = error.filename if isinstance(error.filename, str) else path
    words = (error.strerror or str(error)).lower()
    if error.errno in (errno.EAGAIN, errno.EINTR):
        return busy(path)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return CannotCreate("no space left for the state", where=where, hint="free some space and run it again")
    return CannotCreate(f"cannot be made or read: {words}", where=where, hint="check the place and its permissions")
