"""Doing one SQL statement on SQLite, on CSV files, or on Postgres.

The rule kept here: what only reads runs where the database itself lets nothing be changed and nothing else be read, for
so long and so many rows; what changes rows does so once for its key, in one transaction with the note of the key.
"""

from __future__ import annotations

import time

from roadmap_cli.core import clock
from roadmap_cli.core.errors import ConfigError, DataError
from roadmap_cli.core.records import Record
from roadmap_cli.state import records
from roadmap_cli.wf.actions import Context, once, sqlite, succeeded
from roadmap_cli.wf.actions import connections as known
from roadmap_cli.wf.actions.rows import Question
from roadmap_cli.wf.evidence import evidence
from roadmap_cli.wf.language.services import sql as asked
from roadmap_cli.wf.language.services import statements


def perform(spec: Record, step: Record, context: Context) -> Record:
    """Do the statement. Output: ``columns``, ``rows`` (each a table), ``rows_count``, ``is_cut``; or ``rows_count``."""
    statement = statements.parsed(spec["query"])
    if statement.is_change != spec["change"]:
        raise DataError("the query does not do what the template says it does", code="bad_change")
    question = Question(
        statement, spec["parameters"], spec["most_rows"], step["timeout_s"], context.key, clock.stamp(context.now())
    )
    digest = once.subject_hash("sql", {"query": spec["query"], "parameters": spec["parameters"]})
    word = "changed" if spec["change"] else "read"
    try:
        output = ask(question, spec["database"], context)
    except BaseException:
        with context.state.write() as tx:
            once.note(tx, context, step, f"sql.{word}", asked.resources(spec), "failed", "no answer", digest)
        raise
    seen = None
    if not spec["change"]:
        # What later steps claim of these rows cites this: when they were read, from where, by which statement.
        at = context.now()
        text = f"{output['rows_count']} rows of: {' '.join(spec['query'].split())[:300]}"
        seen = evidence("row", spec["database"], text, at, at, key=context.key)
        output["evidence_ids"] = [seen["id"]]
    with context.state.write() as tx:
        if seen:
            records.put(tx, seen)
        told = f"{output['rows_count']} rows"
        once.note(tx, context, step, f"sql.{word}", asked.resources(spec), "done", told, digest)
    return succeeded(output)


def ask(question: Question, name: str, context: Context) -> Record:
    """The rows, or how many were changed, of a database the user has named. Raises DataError, ConfigError, TryLater."""
    connections = known.load(context.environ)
    entry = connections.get("database", name)
    given = [key for key in ("file", "files", "url") if key in entry]
    if len(given) != 1:
        raise ConfigError(f"[database.{name}] needs one of file, files and url", where=connections.place)
    if question.statement.is_change and entry.get("changes") is not True:
        raise ConfigError(
            f"database {name!r} is not to be changed by workflows",
            hint=f"write 'changes = true' into [database.{name}] if it may", code="not_permitted",
        )  # fmt: skip
    if given[0] == "url":
        from roadmap_cli.wf.actions import postgres

        return postgres.ask(question, name, connections, context)
    tables = frozenset(connections.texts("database", name, "tables"))
    ends_at = time.monotonic() + question.timeout_s
    if given[0] == "file":
        path = connections.path("database", name, "file")
        return sqlite.ask(lambda: sqlite.opened(path, question.statement.is_change), question, tables, context, ends_at)
    if question.statement.is_change:
        raise ConfigError(f"database {name!r} is made of CSV files, which are only read", code="not_permitted")
    paths = [known.expanded(each, context.environ) for each in connections.texts("database", name, "files")]
    return sqlite.ask(lambda: sqlite.from_csv(paths, ends_at), question, tables, context, ends_at)
