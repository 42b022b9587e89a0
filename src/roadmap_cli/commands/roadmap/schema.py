"""roadmap-schema: the published shape of every record kind."""

from __future__ import annotations

from collections.abc import Iterable

import click

from roadmap_cli.cli import Run, group
from roadmap_cli.core.records import Record

main = group(
    "Show the schemas of records and check streams.",
    """Every kind of record has a JSON Schema (draft 2020-12).
    Schemas are published for readers and tests.
    Commands do not enforce them, and unknown fields are always welcome.""",
    module=__name__,
    examples={
        "Find a kind": "roadmap-schema list --plain | grep '^error'",
        "Show what a kind requires": "roadmap-schema show error | jq -c .schema.required",
    },
    see=("roadmap-why",),
)


@main.command(name="list", writes="roadmap.schema", columns=("schema_kind", "title"))
def list_(run: Run) -> Iterable[Record]:
    """List the kinds of records, one record each."""
    from roadmap_cli.core import schemas

    for kind in schemas.kinds():
        yield _described(run, kind)


@main.command(writes="roadmap.schema", columns=("schema_kind", "title"))
@click.argument("kind", metavar="KIND")
def show(run: Run, kind: str) -> Iterable[Record]:
    """Show the schema of one kind.

    The schema itself is the field 'schema' of the record: roadmap-schema show KIND | jq .schema
    """
    from roadmap_cli.core import schemas

    yield _described(run, kind) | {"schema": schemas.load(kind)}


@main.command(reads="*", writes="roadmap.schema_problem", quick=True)
def validate(run: Run) -> Iterable[Record]:
    """Check every record of a stream against the schema of its kind.

    Writes one roadmap.schema_problem record for each difference.
    The exit code is 1 if there is any.
    A kind without a schema is a problem, too.
    """
    from roadmap_cli.core import schemas

    count = problems = 0
    for record in run.records():
        count += 1
        for problem in schemas.problems(record):
            problems += 1
            yield {
                "kind": "roadmap.schema_problem",
                "id": run.new_id("roadmap.schema_problem"),
                "at": run.stamp(),
                "record_id": str(record.get("id", "")),
                "record_kind": str(record.get("kind", "")),
                "field": problem.field,
                "message": problem.message,
            }
    run.note(f"{count} records checked, {problems} problems")
    run.exit_code = 1 if problems else 0


def _described(run: Run, kind: str) -> Record:
    from roadmap_cli.core import records, schemas

    schema = schemas.load(kind)
    return {
        "kind": "roadmap.schema",
        "id": records.content_id("roadmap.schema", schema_kind=kind),
        "at": run.stamp(),
        "schema_kind": kind,
        "title": schema.get("title", kind),
        "description": schema.get("description", ""),
    }
