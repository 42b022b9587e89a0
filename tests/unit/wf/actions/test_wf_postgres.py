"""SQL steps on a real Postgres, started here: the database itself keeps what only reads from writing."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .conftest import Act

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed")
READ: dict[str, Any] = {"role": "data", "effects": ("read",), "scope": ("database:shop",)}
CHANGE: dict[str, Any] = {"role": "operations", "effects": ("change",), "scope": ("database:shop",)}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A Postgres on loopback with a table, a role that may read it and one that may change it; its port."""
    programs = [shutil.which(each) for each in ("initdb", "postgres")]
    if None in programs:
        pytest.skip("postgres and initdb, the real peer, are not installed")
    user = "postgres" if os.geteuid() == 0 else None
    if user is not None:
        try:
            pwd.getpwnam(user)
        except KeyError:
            pytest.skip("Postgres does not run as root, and there is no user postgres")
    folder = tmp_path_factory.mktemp("pg")
    for each in (folder, *folder.parents):  # what the other user has to pass through
        if user is not None and each.stat().st_uid == 0 and str(each).startswith("/tmp/pytest"):
            each.chmod(0o711)
    data = folder / "data"
    data.mkdir(mode=0o700)
    if user is not None:
        shutil.chown(data, user, pwd.getpwnam(user).pw_gid)
    subprocess.run(
        [programs[0], "-D", data, "-U", "boss", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"],
        check=True,
        capture_output=True,
        user=user,
    )
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    running = subprocess.Popen(
        [programs[1], "-D", data, "-p", str(port), "-k", "", "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", "autovacuum=off"],
        user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(100):
            try:
                boss = psycopg.connect(f"host=127.0.0.1 port={port} user=boss dbname=postgres", autocommit=True)
                break
            except psycopg.OperationalError:
                time.sleep(0.05)
        with boss:
            for statement in (
                "CREATE TABLE orders(id int PRIMARY KEY, customer text, amount numeric(10,2), at timestamptz DEFAULT '2026-11-23T09:00:00Z', tags text[], more jsonb)",
                "INSERT INTO orders VALUES (1,'anna',10.50,DEFAULT,ARRAY['a','b'],'{\"x\":1}'),(2,'bob',3,DEFAULT,NULL,NULL),(3,'anna',2,DEFAULT,NULL,NULL)",
                "CREATE TABLE salaries(name text, amount int)", "CREATE ROLE reader LOGIN", "CREATE ROLE writer LOGIN",
                "GRANT SELECT ON orders TO reader", "GRANT ALL ON orders TO writer", "GRANT CREATE ON SCHEMA public TO writer",
                "CREATE FUNCTION sneaky() RETURNS int LANGUAGE sql VOLATILE AS $$ DELETE FROM orders; SELECT 1 $$",
            ):  # fmt: skip
                boss.execute(statement)
        yield port
    finally:
        running.terminate()
        running.wait(20)


@pytest.fixture
def shop(server: int, settings: Callable[[str], None]) -> Callable[[str], None]:
    def put(user: str, more: str = "") -> None:
        settings(f'[database.shop]\nurl = "postgresql://{user}@127.0.0.1:{server}/postgres"\n{more}\n')

    put("reader")
    return put


def test_rows_with_bound_values(act: Act, shop: Any, state: Any) -> None:
    spec = {
        "database": "shop",
        "query": "SELECT * FROM orders WHERE customer = :who AND 'a%' LIKE '%' AND id::text <> :no ORDER BY id LIMIT 1",
        "parameters": {"who": "${event.who}", "no": "x"},
    }
    found = act("sql", spec, values={"event": {"who": "anna"}}, **READ)
    assert found["output"]["rows"] == [
        {
            "id": 1,
            "customer": "anna",
            "amount": "10.50",
            "at": found["output"]["rows"][0]["at"],
            "tags": ["a", "b"],
            "more": {"x": 1},
        }
    ]
    for evil in ("anna' OR '1'='1", "'; DELETE FROM orders; --", "\\'"):
        assert act("sql", spec, values={"event": {"who": evil}}, **READ)["output"]["rows"] == []
    with state.read() as tx:
        assert tx.execute("SELECT outcome, host FROM net_request").fetchall()[0] == ("done", "127.0.0.1")


def test_writing_is_refused_by_the_database_itself(act: Act, shop: Any, server: int) -> None:
    shop("writer")
    for query in (
        "SELECT sneaky()",
        "SELECT nextval('x')",
        "SELECT set_config('transaction_read_only', 'off', true), sneaky()",
        "SELECT * FROM salaries",
        "SELECT pg_read_file('/etc/passwd')",
    ):
        found = act("sql", {"database": "shop", "query": query}, **READ)
        assert (found["status"], found["failure"]) == ("failed", "permanent"), query
    act("sql", {"database": "shop", "query": "SELECT lo_create(0)"}, **READ)  # before 16 it is not refused …
    with psycopg.connect(f"host=127.0.0.1 port={server} user=boss dbname=postgres") as boss:
        assert boss.execute("SELECT count(*) FROM pg_largeobject_metadata").fetchone() == (0,)  # … but taken back
        assert boss.execute("SELECT count(*) FROM orders").fetchone() == (3,)
    shop("boss")
    found = act("sql", {"database": "shop", "query": "SELECT 1"}, **READ)
    assert (found["failure"], "superuser" in found["reason"]) == ("permanent", True)


def test_long_queries_end(act: Act, shop: Any) -> None:
    began = time.monotonic()
    found = act("sql", {"database": "shop", "query": "SELECT pg_sleep(30)"}, timeout_s=0.3, **READ)
    assert (found["failure"], "not done after 0.3 s" in found["reason"]) == ("transient", True)
    assert time.monotonic() - began < 3
    found = act(
        "sql", {"database": "shop", "query": "SELECT generate_series(1, 10000000) AS n", "most_rows": 3}, **READ
    )
    assert (found["output"]["rows_count"], found["output"]["is_cut"]) == (3, True)


def test_asked_to_stop_it_stops(act: Act, shop: Any) -> None:
    from roadmap_cli.wf.actions import Stopped

    threading.Timer(0.2, act.stop.set).start()
    began = time.monotonic()
    with pytest.raises(Stopped):
        act("sql", {"database": "shop", "query": "SELECT pg_sleep(30)"}, timeout_s=60, **READ)
    assert time.monotonic() - began < 3


def test_a_change_is_done_once_for_its_key(act: Act, shop: Any, server: int) -> None:
    spec = {
        "database": "shop",
        "query": "UPDATE orders SET amount = amount + 1 WHERE customer = :who RETURNING id",
        "parameters": {"who": "anna"},
        "change": True,
    }
    assert "not to be changed" in act("sql", spec, **CHANGE)["reason"]
    shop("writer", "changes = true")
    found = act("sql", spec, key="k", **CHANGE)
    assert (found["output"]["rows_count"], [row["id"] for row in found["output"]["rows"]]) == (2, [1, 3])
    again = act("sql", spec, key="k", **CHANGE)["output"]
    assert (again.pop("was_done_before"), again) == (True, found["output"])
    with psycopg.connect(f"host=127.0.0.1 port={server} user=boss dbname=postgres") as boss:
        assert boss.execute("SELECT sum(amount) FROM orders WHERE customer = 'anna'").fetchone()[0] == 14.5
        boss.execute("UPDATE orders SET amount = amount - 1 WHERE customer = 'anna'")
    failing = {"database": "shop", "query": "INSERT INTO orders(id) VALUES (1)", "change": True}
    assert act("sql", failing, key="f", **CHANGE)["failure"] == "permanent"
    with psycopg.connect(f"host=127.0.0.1 port={server} user=boss dbname=postgres") as boss:
        assert boss.execute("SELECT count(*) FROM roadmap_done").fetchone()[0] == 1
        boss.execute("DROP TABLE roadmap_done")


def test_no_server_or_no_such_user(act: Act, shop: Any, settings: Callable[[str], None]) -> None:
    settings('[database.shop]\nurl = "postgresql://reader@127.0.0.1:1/postgres"\n')
    assert act("sql", {"database": "shop", "query": "SELECT 1"}, **READ)["failure"] == "transient"
    shop("nobody")
    assert act("sql", {"database": "shop", "query": "SELECT 1"}, **READ)["failure"] == "permanent"
    settings('[database.shop]\nurl = "postgresql://reader:password@127.0.0.1/postgres"\n')
    found = act("sql", {"database": "shop", "query": "SELECT 1"}, **READ)
    assert ("a password stands in" in found["reason"], "reader:password" in found["reason"]) == (True, False)
    settings('[database.shop]\nurl = "postgresql://reader@db.example.invalid/postgres"\n')
    assert "no permission" in act("sql", {"database": "shop", "query": "SELECT 1"}, **READ)["reason"]
