"""Everything the state holds of a life, as JSON Lines: records, decisions with evidence, rows of tables, calls."""

from __future__ import annotations

from collections.abc import Iterator

from roadmap_cli.core.records import Record
from roadmap_cli.life import holdings
from roadmap_cli.why import decisions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection


def lines(tx: Connection) -> Iterator[bytes]:
    """Each line with its end: records by time, then decisions, table rows (life.table_row), model calls."""
    import orjson

    for (body,) in tx.execute("SELECT body FROM record WHERE kind LIKE 'life.%' ORDER BY at, id"):
        yield body.encode() + b"\n"
    names = tx.execute("SELECT id FROM decision WHERE decision LIKE 'life.%' OR command LIKE 'life-%' ORDER BY id")
    for (name,) in names.fetchall():
        found = decisions.get(tx, name)
        if found is not None:
            yield orjson.dumps(found) + b"\n"
    for record in _rows(tx):
        yield orjson.dumps(record) + b"\n"


def _rows(tx: Connection) -> Iterator[Record]:
    """Rows of every table that is not made from others; bytes as hexadecimal text."""
    tables = [each.table for each in holdings.HOLDINGS if each.how != "derived"]
    calls = "SELECT * FROM model_call WHERE command LIKE 'life-%'"
    asked = [*((table, f'SELECT * FROM "{table}"') for table in tables), ("model_call", calls)]
    for table, sql in asked:
        cursor = tx.execute(sql)
        columns = [each[0] for each in cursor.description]
        for row in cursor:
            told = {
                name: value.hex() if isinstance(value, bytes) else value
                for name, value in zip(columns, row, strict=True)
                if value is not None
            }
            yield {"kind": "life.table_row", "table": table, "row": told}


class Reader:
    """Lines as a stream to read from, for age: a large export never stands in memory, nor as plain text on disk."""

    def __init__(self, source: Iterator[bytes]) -> None:
        self._source = source
        self._left = b""
        self.line_count = 0
        self.size_bytes = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most `size`; empty at the end."""
        pieces = [self._left]
        have = len(self._left)
        while size < 0 or have < size:
            line = next(self._source, None)
            if line is None:
                break
            self.line_count += 1
            pieces.append(line)
            have += len(line)
        data = b"".join(pieces)
        if size < 0:
            size = len(data)
        self._left = data[size:]
        self.size_bytes += len(data[:size])
        return data[:size]
