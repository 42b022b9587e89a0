"""Where the shared database is, what is needed to reach it, and whether a process of this machine is still there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.errors import ConfigError, Unavailable
from roadmap_cli.wf.running.sealing import Seal, key

if TYPE_CHECKING:
    import psycopg

SCHEMA = "roadmap_wf"
_LOCAL = (None, "", "127.0.0.1", "::1", "localhost")


class Place:
    """Where the shared database is, and the key its contents are sealed with."""

    def __init__(self, text: str):
        """From the text of the file: a URL, and in the second line a key. Raises ConfigError."""
        import psycopg
        from psycopg.conninfo import conninfo_to_dict

        url, _, rest = text.strip().partition("\n")
        if not url.startswith(("postgresql://", "postgres://")):
            found = url.partition(":")[0][:20]
            raise ConfigError(f"not a Postgres URL: {found!r}", hint="write postgresql://user@127.0.0.1/name")
        try:
            parts = conninfo_to_dict(url)
        except psycopg.ProgrammingError:
            raise ConfigError("not a database URL", hint="write postgresql://user@127.0.0.1/name") from None
        self.url = url
        self.host = str(parts.get("host") or "")
        self.port = int(parts.get("port") or 5432)
        self.is_local = self.host in _LOCAL or self.host.startswith("/")
        self.seal = Seal(key(rest) if rest.strip() else None)
        if not self.is_local and not rest.strip():
            raise ConfigError(
                f"{self.host!r} is another machine: what is kept there must be sealed",
                hint="add a second line to the file, the same for all machines: head -c 32 /dev/urandom | base64",
            )
        if not self.is_local and parts.get("sslmode") not in ("require", "verify-ca", "verify-full"):
            raise ConfigError(
                f"{self.host!r} is another machine: the way to it must be encrypted",
                hint="add ?sslmode=verify-full to the URL",
            )

    def connect(self) -> psycopg.Connection[Any]:
        """A connection of one's own. Raises Unavailable."""
        import psycopg

        with away():
            found = psycopg.connect(
                self.url, autocommit=True, connect_timeout=5, options=f"-c search_path={SCHEMA}", prepare_threshold=1
            )
            found.execute("SET lock_timeout = '20s'")
            return found


@contextmanager
def away() -> Iterator[None]:
    """Turn what Postgres says into words. Raises Unavailable, which is worth another try."""
    import psycopg

    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.DeadlockDetected) as error:
        words = str(error).strip().partition("\n")[0] or type(error).__name__
        raise Unavailable(f"the shared database cannot be used: {words}", code="database_away") from None
    except psycopg.errors.InsufficientPrivilege as error:
        raise ConfigError(f"the shared database refuses: {str(error).partition(chr(10))[0]}") from None


def prepare(connection: psycopg.Connection[Any]) -> None:
    """Make the tables if they are not there."""
    text = (Path(__file__).parent / "tables.sql").read_text()
    with away(), connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(727564677)")
        if not connection.execute("SELECT to_regclass('roadmap_wf.wf_outbox')").fetchone()[0]:  # type: ignore[index]
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
            for statement in text.split(";"):
                if statement.strip():
                    connection.execute(statement.encode())


def processes() -> str:
    """A name for the processes that see each other: of this boot, in this namespace of process ids."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}.{os.stat('/proc/self/ns/pid').st_ino}"  # noqa: PTH116 - a link to no file
    except OSError:
        return "unknown"


def process(number: int) -> str:
    """A name for a process that no later one gets: its number, and when it began (proc(5), field 22 of stat)."""
    try:
        return f"{number}.{Path(f'/proc/{number}/stat').read_text().rpartition(')')[2].split()[19]}"
    except OSError:
        return ""


def is_gone(holder: str) -> bool:
    """Whether a holder was a process of this machine that is there no more; one elsewhere is believed to be."""
    _, seen, name, _ = holder.split("/")
    return seen == processes() != "unknown" and process(int(name.partition(".")[0] or 0)) != name
