"""SQL steps on SQLite and CSV files: what only reads is kept from writing by the database, values are bound."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_cli.core.errors import DataError
from roadmap_cli.state import records
from roadmap_cli.wf.actions import Stopped, sqlite
from roadmap_cli.wf.language.services import statements

from .conftest import NOW, Act, audited, read

READ = {"role": "data", "effects": ("read",), "scope": ("database:orders",)}
CHANGE = {"role": "operations", "effects": ("change",), "scope": ("database:orders",)}


@pytest.fixture
def orders(tmp_path: Path, settings: Callable[[str], None]) -> Path:
    """A database of orders, named in the user's file."""
    path = tmp_path / "orders.db"
    with sqlite3.connect(path) as made:
        made.executescript(
            "CREATE TABLE orders(id INTEGER PRIMARY KEY, customer TEXT, amount REAL);"
            "CREATE TABLE salaries(name TEXT, amount REAL);"
            "CREATE VIEW totals AS SELECT customer, sum(amount) AS total FROM orders GROUP BY customer;"
            "INSERT INTO orders VALUES (1,'anna',10.5),(2,'bob',3),(3,'anna',2);"
            "INSERT INTO salaries VALUES ('carol', 99999);"
        )
    made.close()
    settings(f'[database.orders]\nfile = "{path}"\n')
    return path


def test_rows_with_bound_values(act: Act, orders: Path, state: Any) -> None:
    spec = {
        "database": "orders",
        "query": "SELECT id, amount FROM orders WHERE customer = :who ORDER BY id",
        "parameters": {"who": "${event.who}"},
    }
    found = act("sql", spec, values={"event": {"who": "anna"}}, **READ)
    [cited] = found["output"].pop("evidence_ids")
    with state.read() as tx:
        assert records.get(tx, cited)["text"].startswith("2 rows of: SELECT id, amount")
    assert found["output"] == {
        "columns": ["id", "amount"], "rows": [{"id": 1, "amount": 10.5}, {"id": 3, "amount": 2.0}], "rows_count": 2, "is_cut": False,
    }  # fmt: skip
    for evil in ("anna' OR '1'='1", "'; DROP TABLE orders; --", "${steps.x}", "\\'"):
        assert act("sql", spec, values={"event": {"who": evil}}, **READ)["output"]["rows"] == []
    told = audited(state)[0]
    assert (told["action"], told["outcome"], told["resource"], told["why"]) == (
        "sql.read",
        "done",
        "database:orders",
        "2 rows",
    )
    assert "OR '1'" not in repr(audited(state))


def test_many_rows_are_cut(act: Act, orders: Path) -> None:
    found = act("sql", {"database": "orders", "query": "SELECT id FROM orders", "most_rows": 2}, **READ)
    assert (found["output"]["rows_count"], found["output"]["is_cut"]) == (2, True)
    giant = "WITH RECURSIVE n(i, t) AS (SELECT 1, :t UNION ALL SELECT i+1, t FROM n WHERE i < 2000) SELECT t FROM n"
    found = act(
        "sql", {"database": "orders", "query": giant, "parameters": {"t": "x" * 10_000}, "most_rows": 5000}, **READ
    )
    assert 50 < found["output"]["rows_count"] < 100
    assert found["output"]["is_cut"]


def test_out_of_scope_or_unknown_nothing_is_opened(act: Act, orders: Path) -> None:
    spec = {"database": "orders", "query": "SELECT 1"}
    for scope in ((), ("database:other",), ("host:orders",), ("database:order",)):
        found = act("sql", spec, role="data", effects=("read",), scope=scope)
        assert (found["failure"], "outside the scope" in found["reason"]) == ("permanent", True)
    found = act("sql", {**spec, "database": "nowhere"}, role="data", effects=("read",), scope=("database:*",))
    assert "there is no [database.nowhere]" in found["reason"]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1; DROP TABLE orders", "PRAGMA writable_schema = 1", "ATTACH 'x' AS y", "CREATE TABLE x(a)", "DROP TABLE orders", "",
        "VACUUM INTO 'x'", "SELECT 'a", "SELECT /* x", "SELECT * INTO x FROM orders", "-- only a comment", "SELECT $$a$$", "EXPLAIN SELECT 1",
        "BEGIN", "COPY orders TO PROGRAM 'sh'", "SELECT :x", "SELECT ${inputs.x}", "SET ROLE postgres", "DELETE FROM orders", "DO $x$ begin $x$",
        "WITH x AS (DELETE FROM orders RETURNING *) SELECT * FROM x",
    ],
)  # fmt: skip
def test_queries_that_are_refused_in_a_template(query: str) -> None:
    assert read("sql", {"database": "orders", "query": query})[1]


def test_writing_is_refused_by_the_database_itself(act: Act, orders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if the words of a statement were misread, the database lets nothing be written, attached or read beyond."""
    for query in (
        "DELETE FROM orders", "INSERT INTO orders VALUES (9, 'x', 1)", "PRAGMA writable_schema = 1", "DROP TABLE orders",
        "ATTACH ':memory:' AS other", "SELECT load_extension('x')", "CREATE TEMP TABLE t(a)", "VACUUM", "PRAGMA query_only = OFF",
        "BEGIN IMMEDIATE", "SELECT readfile('/etc/passwd')",
    ):  # fmt: skip
        monkeypatch.setattr(statements, "parsed", lambda text: statements.Statement(((text, None),), False))
        step = {"database": "orders", "query": query, "parameters": {}, "most_rows": 10, "change": False}
        from roadmap_cli.wf.running import performing

        context = _context(act, ("database:orders",))
        planned = {"name": "x", "action": "sql", "role": "data", "effects": ["read"], "timeout_s": 5.0, "sql": step}
        found = performing.perform(planned, context)
        assert (found["status"], found["failure"]) == ("failed", "permanent"), query
    monkeypatch.undo()
    assert act("sql", {"database": "orders", "query": "SELECT count(*) AS n FROM orders"}, **READ)["output"][
        "rows"
    ] == [{"n": 3}]


def _context(act: Act, scope: tuple[str, ...]) -> Any:
    from roadmap_cli.wf import actions

    return actions.Context(
        act.state, act.plan, lambda name: None, act.folder, act.environ, "key", "wf-run", lambda: NOW, act.stop, scope,
    )  # fmt: skip


def test_only_the_tables_named(act: Act, orders: Path, settings: Callable[[str], None]) -> None:
    settings(f'[database.orders]\nfile = "{orders}"\ntables = ["orders", "totals"]\n')
    assert act("sql", {"database": "orders", "query": "SELECT * FROM totals"}, **READ)["output"]["rows_count"] == 2
    for query in (
        "SELECT * FROM salaries",
        "SELECT (SELECT max(amount) FROM salaries)",
        "SELECT * FROM sqlite_master",
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM salaries)",
    ):
        found = act("sql", {"database": "orders", "query": query}, **READ)
        assert (found["failure"], "lets the query not" in found["reason"]) == ("permanent", True), query


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n"


def test_endless_queries_end(act: Act, orders: Path) -> None:
    began = time.monotonic()
    found = act("sql", {"database": "orders", "query": ENDLESS}, timeout_s=0.2, **READ)
    assert (found["failure"], "not done after 0.2 s" in found["reason"]) == ("transient", True)
    assert time.monotonic() - began < 2


def test_asked_to_stop_it_stops(act: Act, orders: Path) -> None:
    threading.Timer(0.1, act.stop.set).start()
    with pytest.raises(Stopped):
        act("sql", {"database": "orders", "query": ENDLESS}, timeout_s=60, **READ)


def test_a_change_is_done_once_for_its_key(act: Act, orders: Path, settings: Callable[[str], None]) -> None:
    spec = {
        "database": "orders",
        "query": "UPDATE orders SET amount = amount + 1 WHERE customer = :who",
        "parameters": {"who": "anna"},
        "change": True,
    }
    assert "not to be changed" in act("sql", spec, **CHANGE)["reason"]
    settings(f'[database.orders]\nfile = "{orders}"\nchanges = true\n')
    assert "no tool 'sql:change'" in act("sql", spec, **READ)["reason"]
    assert "does not declare effect" in act("sql", spec, **{**CHANGE, "effects": ("read",)})["reason"]
    assert act("sql", spec, key="k", **CHANGE)["output"] == {"rows_count": 2}
    assert act("sql", spec, key="k", **CHANGE)["output"] == {"rows_count": 2, "was_done_before": True}
    total = sqlite3.connect(orders).execute("SELECT sum(amount) FROM orders WHERE customer = 'anna'").fetchone()[0]
    assert total == 14.5
    spec["query"] = "INSERT INTO orders(customer, amount) VALUES (:who, 1) RETURNING id"
    found = act("sql", spec, **CHANGE)
    assert (found["output"]["rows"], found["output"]["rows_count"]) == ([{"id": 4}], 1)


def test_a_change_that_fails_changes_nothing(act: Act, orders: Path, settings: Callable[[str], None]) -> None:
    settings(f'[database.orders]\nfile = "{orders}"\nchanges = true\n')
    spec = {
        "database": "orders",
        "query": "INSERT INTO orders SELECT id - 1, customer, amount FROM orders ORDER BY id",
        "change": True,
    }
    found = act("sql", spec, key="k", **CHANGE)
    assert (found["failure"], "refuses the change" in found["reason"]) == ("permanent", True)
    connection = sqlite3.connect(orders)
    assert connection.execute("SELECT count(*) FROM orders").fetchone() == (3,)
    assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'roadmap_done'").fetchone()


def test_a_locked_database_is_transient(
    act: Act, orders: Path, settings: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(f'[database.orders]\nfile = "{orders}"\nchanges = true\n')
    opened = sqlite.opened

    def impatient(*given: Any) -> Any:
        found = opened(*given)
        found.execute("PRAGMA busy_timeout = 50")
        return found

    monkeypatch.setattr(sqlite, "opened", impatient)
    other = sqlite3.connect(orders, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    found = act("sql", {"database": "orders", "query": "DELETE FROM orders WHERE id = 1", "change": True}, **CHANGE)
    assert (found["failure"], found["reason"]) == ("transient", "the database is in use")
    other.execute("ROLLBACK")


def test_csv_files(act: Act, tmp_path: Path, settings: Callable[[str], None]) -> None:
    (tmp_path / "sales-2026.csv").write_text("region,amount,zip\nnorth,10,00123\nsouth,2.5,99999\nnorth,,1\nbad\n")
    settings(f'[database.orders]\nfiles = ["{tmp_path}/sales-2026.csv"]\n')
    query = "SELECT region, sum(amount) AS total, min(zip) AS zip FROM sales_2026 WHERE amount > 1 GROUP BY region"
    found = act("sql", {"database": "orders", "query": query}, **READ)
    assert found["output"]["rows"] == [
        {"region": "north", "total": 10, "zip": "00123"},
        {"region": "south", "total": 2.5, "zip": "99999"},
    ]
    found = act("sql", {"database": "orders", "query": "DELETE FROM sales_2026", "change": True}, **CHANGE)
    assert found["failure"] == "permanent"


@pytest.mark.parametrize("value", [{"a": 1}, [1], 2**70, "a\0b"])
def test_values_that_cannot_be_bound(act: Act, orders: Path, value: Any) -> None:
    spec = {"database": "orders", "query": "SELECT :x", "parameters": {"x": "${steps.a.output}"}}
    assert act("sql", spec, values={"steps": {"a": {"output": value}}}, **READ)["failure"] == "permanent"


def test_null_is_bound(act: Act, orders: Path) -> None:
    spec = {"database": "orders", "query": "SELECT :x IS NULL AS y", "parameters": {"x": "${steps.a.output}"}}
    assert act("sql", spec, values={"steps": {"a": {"output": None}}}, **READ)["output"]["rows"] == [{"y": 1}]


def test_a_file_that_is_no_database(act: Act, tmp_path: Path, settings: Callable[[str], None]) -> None:
    (tmp_path / "no.db").write_text("not a database at all, but long enough to be read as one " * 20)
    settings(f'[database.orders]\nfile = "{tmp_path}/no.db"\n')
    assert act("sql", {"database": "orders", "query": "SELECT 1 FROM x"}, **READ)["failure"] == "permanent"
    settings(f'[database.orders]\nfile = "{tmp_path}/missing.db"\n')
    assert "there is no database" in act("sql", {"database": "orders", "query": "SELECT 1"}, **READ)["reason"]


@given(
    st.text(max_size=200)
    | st.text(alphabet="SELECTWITHINSERTdrop'\"`;:()-/*$ \n1a", max_size=60).map("SELECT ".__add__)
)
def test_any_text_is_a_statement_or_bad_data(text: str) -> None:
    try:
        found = statements.parsed(text)
    except DataError:
        return
    assert found.for_sqlite()
    if not found.is_change and not found.parameters:
        connection = sqlite3.connect(":memory:")
        try:
            connection.execute(found.for_sqlite())  # sqlite3 refuses several statements itself
        except sqlite3.ProgrammingError as error:
            assert "one statement at a time" not in str(error)
        except sqlite3.Error:
            pass
        finally:
            connection.close()
