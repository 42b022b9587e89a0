"""This process among those that share a database: its name there, its lease, and whether it is taken for dead.

The rule kept here: a process touches a run only while the database says that it may. One that cannot renew its lease
stops its work before anybody else may begin it.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.errors import Unavailable
from roadmap_cli.wf.running.place import Place, away, is_gone, process, processes

if TYPE_CHECKING:
    import psycopg

#: How long a lease lasts; how often it is renewed; when work stops if it could not be.
LEASE_S = 30
RENEW_S = 5.0
LOST_S = 22.0


class Membership:
    """A name among the workers from the first run that is held, and a thread that renews its lease until the end."""

    def __init__(self, place: Place):
        self.machine = f"{socket.gethostname()[:60]}"
        self.holder = ""
        self._place = place
        self._renewed = time.monotonic()
        self._is_known = self._is_fenced = False
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="wf-lease", daemon=True)
        self._thread.start()

    def introduce(self, connection: psycopg.Connection[Any]) -> None:
        """Let the others know of this process; under a new name if the old one was given up."""
        if self._is_known and not self._is_fenced:
            return
        self.holder = f"{self.machine}/{processes()}/{process(os.getpid())}/{os.urandom(6).hex()}"
        connection.execute(
            "INSERT INTO wf_worker(holder, lease_until) VALUES (%s, now() + make_interval(secs => %s))",
            (self.holder, LEASE_S),
        )
        self._renewed = time.monotonic()
        self._is_known, self._is_fenced = True, False

    def check(self, connection: psycopg.Connection[Any]) -> None:
        """Make sure that this process is not taken for dead, and will not be before the commit. Raises Unavailable."""
        if self._is_known:
            row = connection.execute(
                "SELECT 1 FROM wf_worker WHERE holder = %s AND NOT is_fenced FOR SHARE", (self.holder,)
            ).fetchone()
            if row is None:
                self._is_fenced = True
                raise Unavailable("this process was taken for dead, and its runs were taken up", code="lease_lost")

    def look(self, connection: psycopg.Connection[Any]) -> None:
        """See whether somebody has taken this process for dead."""
        sql = "SELECT is_fenced FROM wf_worker WHERE holder = %s"
        if (found := connection.execute(sql, (self.holder,)).fetchone()) is not None and found[0]:
            self._is_fenced = True

    @property
    def is_alive(self) -> bool:
        """Whether what this process holds is its own still."""
        return not self._is_fenced and time.monotonic() - self._renewed < LOST_S

    def _renew(self) -> None:
        """Renew the lease, on a connection of its own, until the end."""
        connection: psycopg.Connection[Any] | None = None
        while not self._end.wait(RENEW_S):
            try:
                before = time.monotonic()
                if connection is None or connection.closed:
                    connection = self._place.connect()
                with away():
                    found = connection.execute(
                        "UPDATE wf_worker SET lease_until = now() + make_interval(secs => %s)"
                        " WHERE holder = %s AND NOT is_fenced", (LEASE_S, self.holder),
                    )  # fmt: skip
                if found.rowcount == 1:
                    self._renewed = before
                elif self._is_known:
                    self._is_fenced = True
            except Unavailable:
                if connection is not None:
                    with suppress(Exception):
                        connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def free_others(self, connection: psycopg.Connection[Any]) -> None:
        """Let go of the runs of processes that are taken for dead: from now on they cannot commit anything."""
        rows = connection.execute(
            "SELECT holder, lease_until < now() FROM wf_worker WHERE NOT is_fenced AND holder != %s", (self.holder,)
        ).fetchall()
        for holder, is_late in rows:
            if not is_late and not is_gone(holder):
                continue
            with connection.transaction():
                connection.execute(
                    "UPDATE wf_worker SET is_fenced = true WHERE holder = %s AND (lease_until < now() OR %s)",
                    (holder, not is_late),
                )
                connection.execute(
                    "UPDATE wf_run SET holder = NULL WHERE holder = %s AND EXISTS"
                    " (SELECT 1 FROM wf_worker WHERE holder = %s AND is_fenced)", (holder, holder),
                )  # fmt: skip
        connection.execute("DELETE FROM wf_worker WHERE is_fenced AND lease_until < now() - interval '7 days'")

    def close(self) -> None:
        """Renew it no more."""
        self._end.set()
        self._thread.join(6)
