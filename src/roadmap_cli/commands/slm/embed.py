"""slm-embed: turn texts into vectors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from roadmap_cli.cli import Run, command
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from roadmap_cli.models.embed import Embedder

BATCH = 256


@command(
    reads="*",
    writes="slm.embedding",
    foreign=True,
    state="write",
    columns=("id", "text", "dimensions"),
    examples={
        "Embed the lines of a file": "head -n 3 LICENSE | slm-embed --text | jq -c '.dimensions'",
        "Embed another field of records": (
            "life-ingest examples/life/calendar.ics | head -n 9 | slm-embed --field title | jq -s length"
        ),
    },
    see=("slm-models", "slm-run"),
)
@click.option("--text", is_flag=True, help="Read lines of plain text; empty ones are left out.")
@click.option("--field", default="text", show_default=True, metavar="NAME", help="The field that holds the text.")
@click.option("--model", metavar="NAME", help="Name of the model; else the default one.")
def main(run: Run, text: bool, field: str, model: str | None) -> Iterable[Record]:
    """Turn texts into vectors.

    Each record with the field becomes one slm.embedding with a vector of length one: the closer two texts in meaning,
    the nearer to 1 the sum of the products of their vectors.
    Records without the field pass through.
    Text beyond what the model reads, 256 tokens for the default one, does not count.

    Lines that have arrived are worked on together, up to 256 at a time.
    """
    from roadmap_cli.models.embed import open_embedder
    from roadmap_cli.models.ledger import Ledger

    ledger = Ledger(run.state, run.command, run.clock, run_id=run.new_id("slm.run"))
    embedder: Embedder | None = None
    try:
        for batch in _texts(run) if text else run.batches(BATCH):
            embedder = embedder or open_embedder(model, environ=run.environ, ledger=ledger)
            yield from _embedded(run, embedder, batch, "text" if text else field)
    finally:
        if embedder is not None:
            embedder.close()


def _embedded(run: Run, embedder: Embedder, batch: list[Record], field: str) -> Iterator[Record]:
    """The embeddings of a batch, with what passes through in its place."""
    from roadmap_cli.slm import vectors

    items: list[tuple[Record, str]] = []
    order: list[Record | None] = []
    for record in batch:
        with run.item(record):
            found = vectors.text_of(record, field)
            order.append(record if found is None else None)
            if found is not None:
                items.append((record, found))
    made = iter(vectors.embedded(embedder, items, run.stamp()))
    for passing in order:
        yield next(made) if passing is None else passing


def _texts(run: Run) -> Iterator[list[Record]]:
    for batch in run.texts(BATCH):
        if texts := [record for record in batch if record["text"].strip()]:
            yield texts
