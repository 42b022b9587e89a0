"""wf-listen: events from outside as records, each stored once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import click

from roadmap_cli.cli.command import command
from roadmap_cli.cli.run import Run
from roadmap_cli.core.records import Record


@command(
    reads="*",
    writes="wf.event",
    state="write",
    foreign=True,
    columns=("at", "id", "type", "subject"),
    examples={
        "Take a recorded Alertmanager webhook": "wf-listen --from alertmanager -i examples/wf/alertmanager.json",
        "Write again what was left unfinished": "wf-listen --replay --plain",
    },
    see=("wf-match", "life-watch"),
)
@click.option(
    "--from", "source", type=click.Choice(["alertmanager", "jsonl"]), default="jsonl", show_default=True,
    help="What the input is: Alertmanager webhooks (version 4), or JSON objects, CloudEvents and records included.",
)  # fmt: skip
@click.option("--http", metavar="ADDRESS", help="Serve webhooks on this loopback address instead of reading input.")
@click.option("--count", type=click.IntRange(1), metavar="N", help="With --http, end after N deliveries.")
@click.option(
    "--bearer-file", type=click.File("rb"), metavar="FILE", help="Take only deliveries with the bearer token in FILE."
)
@click.option(
    "--hmac-file", type=click.File("rb"), metavar="FILE",
    help="Take only deliveries signed with the secret in FILE (X-Hub-Signature-256).",
)  # fmt: skip
@click.option("--replay", is_flag=True, help="Write the stored events no later command has finished; read no input.")
def main(
    run: Run, source: str, http: str | None, count: int | None, bearer_file: Any, hmac_file: Any, replay: bool
) -> Iterable[Record]:
    """Take events from outside and store each once.

    An event is the same if its source says so: for Alertmanager by fingerprint, start and status; for a CloudEvent by
    source and id; for a record by its id; else by its whole text.
    A repeated delivery is counted and not written again, unless the first one never got as far as wf-approve or
    wf-run: so a pipeline that was killed is made whole by sending the same thing again, or by --replay.
    An event that wf-match has found no template for is finished with, too.

    With --http 127.0.0.1:9095 it serves until it is terminated and answers 200 when the events are stored, 400 to what
    is no such webhook, and 503 when the sender should come again.
    """
    from roadmap_cli.wf import events

    def keep(found: list[Record]) -> list[Record]:
        with run.state.write() as tx:
            return events.keep(tx, found)

    if replay:
        with run.state.read() as tx:
            return list(events.unfinished(tx))
    if http:
        return _served(run, source, http, count, _secret(bearer_file, hmac_file), keep)
    return _webhooks(run, source, keep) if source != "jsonl" else _objects(run, keep)


def _objects(run: Run, keep: Any) -> Iterator[Record]:
    from roadmap_cli.wf import events

    for batch in run.batches(500):
        found: list[Record] = []
        for record in batch:
            if record.get("kind") == "error":
                yield record
                continue
            with run.item(record):
                found.append(record if record.get("kind") == "wf.event" else events.from_object(record, run.now()))
        yield from keep(found)


def _webhooks(run: Run, source: str, keep: Any) -> Iterator[Record]:
    """One body to a line, or bodies over several lines that end with a closing brace in the first column."""
    from roadmap_cli.wf import events

    body: list[str] = []
    for line in run.lines():
        body.append(line)
        if line.startswith("}") or (len(body) == 1 and line.rstrip().endswith("}")):
            with run.item():
                yield from keep(events.read_body(source, "\n".join(body).encode(), run.now()))
            body = []
    if any(line.strip() for line in body):
        with run.item():
            yield from keep(events.read_body(source, "\n".join(body).encode(), run.now()))


def _served(run: Run, source: str, http: str, count: int | None, secret: Any, keep: Any) -> Iterator[Record]:
    from roadmap_cli.wf import events, receiver

    with receiver.listening(receiver.address(http), secret) as (port, wait):
        run.detail(f"listening on port {port}")
        taken = 0
        while count is None or taken < count:
            taken += 1
            yield from receiver.taken(wait(), lambda body: keep(events.read_body(source, body, run.now())))


def _secret(bearer_file: Any, hmac_file: Any) -> Any:
    from roadmap_cli.core.errors import ConfigError
    from roadmap_cli.wf.receiver import Secret

    for scheme, file in (("bearer", bearer_file), ("hmac", hmac_file)):
        if file:
            value = file.read(4096).strip()
            if not value:
                raise ConfigError("the file with the secret is empty", where=file.name)
            return Secret(scheme, value)
    return None
