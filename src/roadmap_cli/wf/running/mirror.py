"""The home's rights on a machine that is not the home: the same tables in memory, asked by the same code.

The rule kept here: a worker decides by what the home's state says, as the home would; it has no rights of its own to
add.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.clock import Clock
from roadmap_cli.core.records import Record
from roadmap_cli.state import records
from roadmap_cli.state.store import MIGRATIONS

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

#: Tables that say who may do what, as far as there are any of that name. Secrets are not among them.
RIGHTS = ("wf_policy", "wf_grant", "wf_member", "wf_identity", "wf_cedar", "wf_role", "wf_loan")
#: Tables with rows about one plan.
OF_PLAN = ("wf_plan", "wf_approval", "wf_vote")


def rights(tx: Connection) -> dict[str, list[Record]]:
    """All rows of the tables of rights."""
    return {table: _rows(tx, table) for table in RIGHTS if _exists(tx, table)}


def of_plan(tx: Connection, plan_id: str) -> dict[str, list[Record]]:
    """The rows about a plan."""
    return {table: _rows(tx, table, plan_id) for table in OF_PLAN if _exists(tx, table)}


def _exists(tx: Connection, table: str) -> bool:
    return tx.execute("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", (table,)).fetchone() is not None


def _rows(tx: Connection, table: str, plan_id: str | None = None) -> list[Record]:
    where, values = ("", ()) if plan_id is None else (" WHERE plan_id = ?", (plan_id,))
    cursor = tx.execute(f"SELECT * FROM {table}{where}", values)
    names = [each[0] for each in cursor.description]
    return [
        dict(zip(names, row, strict=True))
        for row in cursor.fetchall()
        if not any(isinstance(value, bytes) for value in row)
    ]


class Mirror:
    """An empty state in memory with the rows of one home."""

    def __init__(self, now: Clock):
        from roadmap_cli.state import connection, migrate

        self.connection = connection.connect(":memory:", None, wait_s=1.0, any_thread=True)
        migrate.apply(self.connection, migrate.known(MIGRATIONS), now=now)
        self.connection.execute("PRAGMA foreign_keys = OFF")  # events and matches stay at home
        self._plans: set[str] = set()

    def take(self, tables: dict[str, list[Record]]) -> None:
        """Have these rights, and no others."""
        for table, rows in tables.items():
            if table in RIGHTS and _exists(self.connection, table):
                self.connection.execute(f"DELETE FROM {table}")
                self._insert(table, rows)

    def know(self, plan: Record, tables: dict[str, list[Record]], run_id: str, started_at: str) -> None:
        """Have what is said of a plan, and that it has begun: an approval may end while its run goes on."""
        if plan["id"] in self._plans:
            return
        self._plans.add(plan["id"])
        records.put(self.connection, plan)
        for table, rows in tables.items():
            if table in OF_PLAN and _exists(self.connection, table):
                self._insert(table, rows)
        run = {"run_id": run_id, "plan_id": plan["id"], "status": "running", "started_at": started_at}
        self._insert("wf_run", [{**run, "decision_id": ""}])

    def _insert(self, table: str, rows: Iterable[Record]) -> None:
        known = {row[1] for row in self.connection.execute(f"PRAGMA table_info({table})")}
        for row in rows:
            names = [name for name in row if name in known]
            marks = ", ".join("?" * len(names))
            self.connection.execute(
                f"INSERT OR IGNORE INTO {table}({', '.join(names)}) VALUES ({marks})",
                [row[name] for name in names],
            )

    def ask(self, question: dict[str, Any], ask: Callable[..., Record]) -> Record:
        """The record of a question, as the home would store it."""
        return ask(self.connection, **question)

    def close(self) -> None:
        """Let go of it."""
        self.connection.close()
