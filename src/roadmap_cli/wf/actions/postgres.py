"""Doing one SQL statement on a Postgres that the user's configuration names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from roadmap_cli.core.errors import ConfigError, DataError, RoadmapError, TryLater, Unavailable
from roadmap_cli.core.records import Record
from roadmap_cli.net import addresses
from roadmap_cli.net.transport import Transport
from roadmap_cli.wf.actions import Context
from roadmap_cli.wf.actions.connections import Connections
from roadmap_cli.wf.actions.rows import NOTES, Question, taken
from roadmap_cli.wf.actions.watching import over_network

if TYPE_CHECKING:
    import psycopg

PURPOSE = "workflow"
#: Classes of SQLSTATE after which another try may succeed (Postgres manual, appendix A).
_TRANSIENT = frozenset({"08", "40", "53", "55", "57"})


def ask(question: Question, name: str, connections: Connections, context: Context) -> Record:
    """The rows, or how many were changed."""
    settings = _settings(name, connections)
    cancels: list[Any] = []

    def work(transport: Transport) -> Record:
        return _asked(transport, question, name, settings, connections, cancels)

    def cancel() -> None:
        for each in cancels:
            each.cancel_safe(timeout=2.0)

    # The database's own limit ends it first, with clearer words.
    return over_network(context, work, timeout_s=question.timeout_s + 2, cancel=cancel)


def _settings(name: str, connections: Connections) -> dict[str, Any]:
    """Where and as whom to connect. Raises ConfigError for a URL that is none, or holds a password."""
    url = connections.text("database", name, "url")
    try:
        parts = urlsplit(url)
        port = parts.port or 5432
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/"):
        hint = "write postgresql://user@host/name"
        raise ConfigError(f"[database.{name}]: 'url' is not that of a Postgres", where=connections.place, hint=hint)
    if parts.password:
        raise ConfigError(
            f"[database.{name}]: a password stands in 'url'", where=connections.place,
            hint="name a secret under 'password'", code="open_secret",
        )  # fmt: skip
    query = dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair)
    unknown = sorted(set(query) - {"host", "sslmode", "sslrootcert"})
    if unknown:
        raise ConfigError(f"[database.{name}]: 'url' has unknown {unknown[0]!r}", where=connections.place)
    host = parts.hostname or unquote(query.get("host", "")) or "127.0.0.1"
    found: dict[str, Any] = {"host": host, "port": port, "dbname": unquote(parts.path.strip("/"))}
    if parts.username:
        found["user"] = unquote(parts.username)
    for key in ("sslmode", "sslrootcert"):
        if key in query:
            found[key] = unquote(query[key])
    return found


def _asked(
    transport: Transport,
    question: Question,
    name: str,
    settings: Mapping[str, Any],
    connections: Connections,
    cancels: list[Any],
) -> Record:
    import psycopg

    host, port = settings["host"], settings["port"]
    is_socket = host.startswith("/")
    more: dict[str, Any] = {}
    if "password" in connections.get("database", name):
        place = "localhost" if is_socket else host
        more["password"] = connections.secret(connections.text("database", name, "password"), place).value
    done: Any = None
    if not is_socket:
        _, done = transport.admit(
            host, port, method="CONNECT", url=f"postgresql://{host}:{port}/", purpose=PURPOSE, kinds=()
        )
        if not addresses.is_loopback(host):
            more.setdefault("sslmode", settings.get("sslmode", "verify-full"))
            if more["sslmode"] in ("disable", "allow", "prefer"):
                done("failed", 0, 0)
                raise ConfigError(f"[database.{name}] would go to {host!r} without encryption", code="not_permitted")
        try:
            more["hostaddr"] = addresses.resolve(host, port)[0]
        except (OSError, RoadmapError) as error:
            done("no_connection", 0, 0)
            if isinstance(error, RoadmapError):
                raise
            raise Unavailable(f"no connection to {host!r}: {error}", code="no_connection") from None
    outcome = "failed"
    try:
        with psycopg.connect(
            **{**settings, **more}, connect_timeout=10, application_name="roadmap-wf", autocommit=False
        ) as connection:
            cancels.append(connection)
            schema = connections.text("database", name, "schema", "public")
            found = _done(connection, question, schema, name)
            outcome = "done"
            return found
    except psycopg.Error as error:
        raise _words(error, host, question) from None
    finally:
        cancels.clear()
        if done:
            done(outcome, 0, 0)


def _done(connection: psycopg.Connection[Any], question: Question, schema: str, name: str) -> Record:
    milliseconds = str(max(int(question.timeout_s * 1000), 1))
    is_change = question.statement.is_change
    connection.read_only = not is_change
    with connection.cursor() as cursor:
        for key, value in (
            ("statement_timeout", milliseconds), ("lock_timeout", milliseconds), ("search_path", schema),
            ("idle_in_transaction_session_timeout", milliseconds),
        ):  # fmt: skip
            cursor.execute("SELECT set_config(%s, %s, true)", (key, value))
        row = cursor.execute("SELECT rolsuper, rolname FROM pg_roles WHERE rolname = current_user").fetchone()
        if row and row[0]:
            raise ConfigError(
                f"database {name!r} is asked as the superuser {row[1]!r}, whom nothing keeps from anything",
                hint="make a role that may read what workflows need, and name it in 'url'", code="not_permitted",
            )  # fmt: skip
    found = _changed(connection, question) if is_change else _looked(connection, question)
    if is_change:
        connection.commit()
    else:
        connection.rollback()
    return found


def _looked(connection: psycopg.Connection[Any], question: Question) -> Record:
    """By a cursor of the server's, so that no more rows come over than are taken."""
    with connection.cursor(name="roadmap") as cursor:
        cursor.itersize = 500
        cursor.execute(question.statement.for_postgres(), question.values)
        names = [each.name for each in cursor.description or ()]
        return taken(names, cursor, question.most_rows)


def _changed(connection: psycopg.Connection[Any], question: Question) -> Record:
    import orjson

    with connection.cursor() as cursor:
        there = cursor.execute("SELECT to_regclass(%s)", (NOTES,)).fetchone()
        if not there or there[0] is None:
            cursor.execute(
                f"CREATE TABLE IF NOT EXISTS {NOTES}"
                " (key text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), output text NOT NULL)"
            )
        made = cursor.execute(
            f"INSERT INTO {NOTES}(key, output) VALUES (%s, '') ON CONFLICT DO NOTHING", (question.key,)
        )
        if made.rowcount == 0:  # another's insert of the key was waited for, and is committed
            row = cursor.execute(f"SELECT output FROM {NOTES} WHERE key = %s", (question.key,)).fetchone()
            before: Record = orjson.loads(row[0]) if row else {}
            return {**before, "was_done_before": True}
        # Prepared, so that the server takes one statement whatever the text holds.
        cursor.execute(question.statement.for_postgres(), question.values, prepare=True)
        output: Record = {}
        count = cursor.rowcount
        if cursor.description:
            output = taken([each.name for each in cursor.description], cursor, question.most_rows)
        output["rows_count"] = count
        cursor.execute(f"UPDATE {NOTES} SET output = %s WHERE key = %s", (orjson.dumps(output).decode(), question.key))
        return output


def _words(error: psycopg.Error, host: str, question: Question) -> RoadmapError:
    state = error.sqlstate or ""
    said = " ".join((error.diag.message_primary or str(error)).split())[:200]
    if state == "57014":
        return TryLater(f"the query was not done after {question.timeout_s:g} s", code="timed_out")
    if not state and re.search(r"authentication failed|does not exist|pg_hba\.conf|not permitted to log in", said):
        return ConfigError(f"{host!r} does not let us in: {said}", code="bad_login")
    if not state:
        return Unavailable(f"no connection to {host!r}: {said}", code="no_connection")
    if state[:2] == "28":
        return ConfigError(f"{host!r} does not let us in: {said}", code="bad_login")
    if state in ("42501", "25006"):
        return DataError(f"the database lets the query not do that: {said}", code="not_permitted")
    if state[:2] in _TRANSIENT:
        return TryLater(f"the database cannot do it now: {said}", code="busy")
    return DataError(f"the query fails ({state}): {said}", code="query_failed")
