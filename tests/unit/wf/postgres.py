"""A Postgres of a test's own, on loopback; started as the postgres user where the test is root."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

BIN = next((str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), "/usr/local/bin")


class Postgres:
    """A cluster in a temporary folder."""

    #: The addresses it listens on.
    listen = "127.0.0.1"

    def __init__(self, folder: Path):
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def run(self, *words: str) -> None:
        """Run one of its programs."""
        user = "postgres" if os.getuid() == 0 else None
        subprocess.run(
            [f"{BIN}/{words[0]}", *words[1:]], check=True, user=user, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, timeout=60, cwd="/",
        )  # fmt: skip

    def make(self) -> None:
        """Make the cluster."""
        self.run("initdb", "-D", f"{self.folder}/data", "-U", "postgres", "-A", "trust", "--no-sync")

    def start(self) -> None:
        """Start it."""
        options = f"-p {self.port} -k '' -c listen_addresses={self.listen} -c max_connections=60"
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-w", "-o", options, "-l", f"{self.folder}/log", "start")

    def stop(self, how: str = "immediate") -> None:
        """Stop it, as a crash does."""
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-m", how, "-w", "stop")


@contextmanager
def cluster() -> Iterator[Postgres]:
    """A running cluster; the test is skipped where there is no Postgres."""
    if not Path(f"{BIN}/initdb").exists():
        pytest.skip("Postgres is not installed")
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    if os.getuid() == 0:
        try:
            entry = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("there is no user 'postgres' to run it as")
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    found = Postgres(folder)
    try:
        found.make()
        found.start()
        yield found
    finally:
        with suppress(subprocess.CalledProcessError):
            found.stop()
        shutil.rmtree(folder, ignore_errors=True)
