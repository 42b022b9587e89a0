"""The family's tables as the schema has them: which row hangs on which, and what is emptied with it."""

from __future__ import annotations

import re

from roadmap_cli.life import holdings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection


def sweep(tx: Connection) -> None:
    """Rows whose record, or whose parent row, is gone: the reference is emptied where it may be, else the row goes."""
    changed = True
    while changed:
        changed = False
        for table, column, parent, target, required in references(tx):
            gone = f"""FROM "{parent}" WHERE "{parent}"."{target}" = "{table}"."{column}\""""
            where = f'"{column}" IS NOT NULL AND NOT EXISTS (SELECT 1 {gone})'
            act = f'DELETE FROM "{table}"' if required else f'UPDATE "{table}" SET "{column}" = NULL'
            changed |= tx.execute(f"{act} WHERE {where}").rowcount > 0


def references(tx: Connection) -> list[tuple[str, str, str, str, bool]]:
    """Foreign keys of the family's tables: table, column, parent, its column, whether the row cannot be without it."""
    found = []
    for table in names(tx):
        columns = {
            name: (required, key) for _, name, _, required, _, key in tx.execute(f'PRAGMA table_info("{table}")')
        }
        for _, _, parent, column, target, _, on_delete, *_ in tx.execute(
            f'PRAGMA foreign_key_list("{table}")'
        ).fetchall():
            required, key = columns[column]
            found.append((table, column, parent, target or "id", bool(required or key or on_delete == "CASCADE")))
    return found


def empty_derived(tx: Connection) -> None:
    """Empty what is made from records; full-text indexes are also merged: no deleted word stays in a segment."""
    for each in holdings.HOLDINGS:
        sql = exists(tx, each.table)
        is_text = re.search(r"using\s+fts5", sql, re.IGNORECASE)
        if each.how != "derived" or not sql:
            if is_text:
                tx.execute(f'INSERT INTO "{each.table}" ("{each.table}") VALUES (\'optimize\')')
            continue
        if is_text and re.search(r"content\s*=", sql, re.IGNORECASE):
            tx.execute(f'INSERT INTO "{each.table}" ("{each.table}") VALUES (\'delete-all\')')
        else:
            tx.execute(f'DELETE FROM "{each.table}"')
        if is_text:
            tx.execute(f'INSERT INTO "{each.table}" ("{each.table}") VALUES (\'optimize\')')


def exists(tx: Connection, table: str) -> str:
    """How a table was made; "" if there is none of that name."""
    row = tx.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    return str(row[0]) if row else ""


def names(tx: Connection) -> list[str]:
    """The family's tables, those that stand behind virtual ones left out."""
    rows = tx.execute(
        """SELECT name FROM pragma_table_list
           WHERE schema = 'main' AND name LIKE 'life\\_%' ESCAPE '\\' AND type <> 'shadow'
             AND name NOT IN (SELECT name FROM sqlite_schema WHERE sql LIKE '%fts5vocab%')"""
    )
    return sorted(name for (name,) in rows.fetchall())


def sizes(tx: Connection) -> dict[str, int]:
    """How many rows each of the family's tables has."""
    return {table: int(tx.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]) for table in names(tx)}
