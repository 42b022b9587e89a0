"""Is the state sound, and what is in it: checks and read-only questions in SQL."""

from __future__ import annotations

import os
from dataclasses import dataclass

from roadmap_cli.core.errors import InputMissing, UsageError
from roadmap_cli.state import connection as connections
from roadmap_cli.state import failures

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from roadmap_cli.state.connection import Connection
    from roadmap_cli.state.store import State

#: Pragmas that only tell something; with no argument or with a table's or an index's name as theirs.
TABLES = {"table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list"}
HEADER = {"user_version", "application_id", "schema_version", "page_count", "page_size", "freelist_count", "encoding"}
PROGRAM = {"compile_options", "database_list", "function_list", "module_list", "collation_list", "data_version"}
TELLING = frozenset(TABLES | HEADER | PROGRAM)
#: Functions that reach beyond the database's content.
REACHING = frozenset(("sqlcipher_export", "load_extension", "fts3_tokenizer", "edit", "writefile", "readfile"))


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: a stable name, whether it is well, and words."""

    name: str
    ok: bool
    detail: str


def check(state: State) -> list[Check]:
    """Look through a state: each page's seal, the structure, references, full-text indexes, evidence.

    Reads everything; works while others use it. Raises TryLater, ConfigError (too damaged to be looked at).
    """
    if not os.path.exists(state.path):
        raise InputMissing("there is no state yet", where=os.fspath(state.path))
    with state.read() as tx:
        broken = tx.execute("PRAGMA foreign_key_check").fetchall()
        lost = tx.execute(
            "SELECT count(*) FROM evidence WHERE evidence_id NOT IN (SELECT id FROM record)"
            " AND evidence_id NOT IN (SELECT id FROM decision)"
        ).fetchone()[0]
        indexes = tx.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%USING fts5%'"
        ).fetchall()
        return [
            _seals(tx),
            _integrity(tx, "structure", ""),
            Check("references", not broken, _count(len(broken), "row refers", "rows refer")),
            *(_integrity(tx, f"full_text.{table}", table) for (table,) in indexes),
            Check("evidence", not lost, _count(lost, "citation resolves", "citations resolve")),
        ]


def query(state: State, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[dict[str, Any]]:
    """The rows of one SQL statement that only reads, as dictionaries ready for JSON, through sqlite-utils.

    Bytes come as ``{"$base64": true, "encoded": …}``. What would change the state, attach a file, load an extension
    or copy the content elsewhere is refused. All rows are fetched before the first is given, so that a slow reader
    holds no snapshot open. Raises UsageError (not SQL, not reading, wrong parameters), TryLater.
    """
    from sqlcipher3 import dbapi2
    from sqlite_utils import Database

    with state.read() as tx:
        tx.execute("PRAGMA query_only = ON")
        tx.set_authorizer(_allow)
        try:
            rows = Database(tx, recursive_triggers=False).query(sql, parameters)
            return [{name: _plain(value) for name, value in row.items()} for row in rows]
        except (dbapi2.Error, dbapi2.Warning, ValueError) as error:
            if isinstance(error, dbapi2.Error) and failures.primary(error) != failures.READONLY:
                failure = failures.explain(error, os.fspath(state.path))
                if failure is not None:
                    raise failure from error
            raise UsageError(
                f"not a question in SQL: {str(error).lower()}", hint="give one SELECT statement"
            ) from error
        finally:
            tx.set_authorizer(None)
            if state.mode == "write":
                tx.execute("PRAGMA query_only = OFF")


def facts(state: State) -> dict[str, Any]:
    """What there is to know about an open state at a glance: size, versions, migrations, rows of each table."""
    applied = "SELECT family, file FROM state_migration ORDER BY family <> 'base', family, number"
    with state.read() as tx:
        tables = [
            name
            for (name,) in tx.execute(
                "SELECT name FROM pragma_table_list"
                " WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
            ).fetchall()
        ]
        return {
            "path": os.fspath(state.path),
            "bytes": os.path.getsize(state.path) if os.path.exists(state.path) else 0,
            "version": connections.pragma(tx, "user_version"),
            "sqlite": tx.execute("SELECT sqlite_version()").fetchone()[0],
            "cipher": tx.execute("PRAGMA cipher_version").fetchone()[0],
            "migrations": [f"{family}/{file}" for family, file in tx.execute(applied)],
            "rows": {name: tx.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables},
        }


def _seals(tx: Connection) -> Check:
    found = connections.broken_seals(tx)
    return Check("seals", not found, "; ".join(found[:3]) or "every page is as it was written")


def _integrity(tx: Connection, name: str, table: str) -> Check:
    of = f"('{table.replace(chr(39), chr(39) * 2)}')" if table else ""
    found = [str(row[0]) for row in tx.execute(f"PRAGMA integrity_check{of}")]
    return Check(name, found == ["ok"], "sound" if found == ["ok"] else "; ".join(found[:3]))


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many} to nothing" if number else "all resolve"


def _allow(action: int, first: str | None, second: str | None, base: str | None, trigger: str | None) -> int:
    from sqlcipher3 import dbapi2

    if action in (dbapi2.SQLITE_SELECT, dbapi2.SQLITE_READ, dbapi2.SQLITE_RECURSIVE):
        return int(dbapi2.SQLITE_OK)
    if action == dbapi2.SQLITE_SAVEPOINT and second == "sqlite_utils_query":
        return int(dbapi2.SQLITE_OK)
    if action == dbapi2.SQLITE_FUNCTION and (second or "").lower() not in REACHING:
        return int(dbapi2.SQLITE_OK)
    if action == dbapi2.SQLITE_PRAGMA and (first or "").lower() in TELLING and not (second or "").isdigit():
        return int(dbapi2.SQLITE_OK)
    return int(dbapi2.SQLITE_DENY)


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        from base64 import b64encode

        return {"$base64": True, "encoded": b64encode(value).decode()}
    return value
