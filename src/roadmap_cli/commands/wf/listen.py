"""wf-listen: events from outside as records, each stored once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from roadmap_cli.cli.command import command
from roadmap_cli.cli.run import Run
from roadmap_cli.cli.terminal import counted
from roadmap_cli.core.records import Record

if TYPE_CHECKING:
    from datetime import datetime

    from roadmap_cli.wf.sources.settings import Setting

_NAMES = (
    "alertmanager", "cron", "files", "grafana", "jira", "jira-poll", "jsonl", "mail", "prometheus", "slack",
    "slack-socket", "webhook",
)  # fmt: skip


@command(
    reads="*",
    writes=("wf.event", "wf.dead_letter"),
    state="write",
    effects="network",
    foreign=True,
    columns=("at", "id", "type", "subject", "source", "code"),
    examples={
        "Take a recorded Alertmanager webhook": "wf-listen --from alertmanager -i examples/wf/alertmanager.json",
        "Write again what was left unfinished": "wf-listen --replay --plain",
        "Read what was added to a log of JSON lines": "wf-listen --from files --place examples/wf/builds.jsonl --once",
        "See what could not be read": "wf-listen --dead --plain",
    },
    see=("wf-match", "life-watch"),
)
@click.option(
    "--from", "source", type=click.Choice(_NAMES), metavar="SORT",
    help="What is read (see above). Default: jsonl, JSON objects with CloudEvents and records among them.",
)  # fmt: skip
@click.option("--config", type=click.Path(), metavar="FILE", help="Serve and follow the sources in this TOML file.")
@click.option("--http", metavar="ADDRESS", help="Serve on this loopback address, such as 127.0.0.1:9095.")
@click.option(
    "--place", metavar="PLACE", help="Follow what is here: a URL, a folder, a file of JSON lines, a cron expression."
)
@click.option("--once", is_flag=True, help="Do what there is now, and end.")
@click.option(
    "--ask-every", "every", metavar="TIME", help="How often a followed source is asked, such as 30s, 5m or 1h."
)
@click.option("--count", type=click.IntRange(1), metavar="N", help="End after N requests.")
@click.option(
    "--bearer-file", type=click.Path(), metavar="FILE", help="Take only deliveries with the bearer token in FILE."
)
@click.option(
    "--hmac-file", type=click.Path(), metavar="FILE",
    help="Take only deliveries signed with the secret in FILE (X-Hub-Signature-256).",
)  # fmt: skip
@click.option(
    "--secret-file", type=click.Path(), metavar="FILE",
    help="The source's own secret: Slack's signing secret or app token, a mailbox's password, a token.",
)  # fmt: skip
@click.option(
    "--templates", type=click.Path(), multiple=True, metavar="PATH",
    help="Use the templates in this file or folder; may be repeated. Default: yours and those that come along.",
)  # fmt: skip
@click.option("--cloudevents", is_flag=True, help="Write CloudEvents 1.0 (JSON) instead of wf.event records.")
@click.option("--replay", is_flag=True, help="Write the stored events no later command has finished; read no input.")
@click.option("--since", metavar="TIME", help="Only what happened at this date or time, or after it.")
@click.option("--until", metavar="TIME", help="Only what happened before this date or time.")
@click.option("--dead", is_flag=True, help="Write what could not be read; read no input.")
@click.option("--retry", multiple=True, metavar="ID", help="Read this dead letter again, or 'all' that wait.")
@click.option("--discard", multiple=True, metavar="ID", help="Give this dead letter up.")
def main(
    run: Run, source: str | None, config: str | None, http: str | None, place: str | None, once: bool,
    every: str | None, count: int | None, bearer_file: str | None, hmac_file: str | None, secret_file: str | None,
    templates: tuple[str, ...], cloudevents: bool, replay: bool, since: str | None, until: str | None, dead: bool,
    retry: tuple[str, ...], discard: tuple[str, ...],
) -> Iterable[Record]:  # fmt: skip
    """Take events from outside and store each once.

    What is sent to us is served with --http, or read from input: alertmanager; grafana; jira; slack (the Events API,
    commands and interactions; --secret-file has the signing secret); webhook (CloudEvents in all three modes, or JSON).
    What is followed is at --place: files (a folder, or a file that grows by JSON lines); jira-poll (a site, asked for
    what changed); mail (imaps://user@host/INBOX, told of news by the server); prometheus (a server, asked for alerts);
    slack-socket (Socket Mode, --secret-file has the app's token); cron (an expression; without --place the schedules of
    the templates).
    With --config one process serves and follows many. The file is TOML: http = "127.0.0.1:9095" and, for each source, a
    [[source]] with name, from and place; for webhooks path (default: / and the name) and a proof: bearer_file,
    secret_file, or hmac_file with hmac_header, hmac_prefix, hmac_algorithm, hmac_encoding, hmac_timestamp_header and
    hmac_joint, or open = true; for others secret_file, user, query and api (jira-poll), pattern (files), from_start,
    pause, missed (cron: once, all or none), timezone, and authserv (mail: the name by which the mailbox's own server
    signs Authentication-Results; without it no reply by mail approves anything). examples/wf/listen.toml is one.

    An event is the same if its source says so: for an alert by fingerprint, start and status; for Slack by team and
    event; for a mail by its bytes; for a CloudEvent by source and id; for a record by its id; else by its whole text.
    A repeated delivery is counted and not written again, unless the first one never got as far as wf-approve or
    wf-run: so a pipeline that was killed is made whole by sending the same thing again, or by --replay.
    An event that wf-match has found no template for is finished with, too.
    How many events of the input were stored before and so left out is told at the end, unless --quiet.
    With --since or --until, or --from, --replay writes all such events, finished or not.

    Where reading a followed source ended is stored together with its events: what comes while nobody listens is there
    later, once. Times of a schedule that were missed make one event that says how many.
    What cannot be read is kept, bounded: --dead writes it, --retry reads it again, --discard gives it up.

    With --http 127.0.0.1:9095 it serves until it is terminated and answers 200 when the events are stored, 400 to what
    is no such webhook, 401 to a wrong or stale proof, and 503 with Retry-After when the sender should come again.
    What is refused goes into the audit, a flood of it as a few entries.

    Hosts other than this one need a permission (roadmap-permit): purpose mail, tickets, monitoring or slack (the last
    for slack.com and for wss-primary.slack.com).
    """
    from roadmap_cli.core.errors import UsageError
    from roadmap_cli.wf import events

    dressed = events.cloud_event if cloudevents else None
    if sum(map(bool, (replay, dead, retry, discard, config))) > 1:
        raise UsageError("--replay, --dead, --retry, --discard and --config exclude each other")
    if (since or until) and not replay:
        raise UsageError("--since and --until need --replay")
    if replay:
        return _dressed(_replayed(run, source, since, until), dressed)
    if dead or discard:
        return _dead(run, discard)
    if retry:
        return _dressed(_retried(run, retry), dressed)
    if config or http or place is not None or source in ("cron", "slack-socket"):
        given = _settings(run, config, source, place, every, bearer_file, hmac_file, secret_file, templates)
        return _dressed(_listened(run, *given, http, once, count), dressed)
    found = _objects(run) if source in (None, "jsonl") else _webhooks(run, source or "jsonl")
    return _dressed(_fresh(run, found), dressed)


def _dressed(found: Iterable[Record], dressed: Any) -> Iterator[Record]:
    for each in found:
        yield dressed(each) if dressed and each.get("kind") == "wf.event" else each


def _fresh(run: Run, found: Iterable[list[Record]]) -> Iterator[Record]:
    """Store what was read and give what is to be written; at the end it is said how much was stored before."""
    before = 0
    for lot in found:
        if len(lot) == 1 and lot[0]["kind"] == "error":
            yield lot[0]
            continue
        kept = _kept(run, lot)
        before += len({each["id"] for each in lot}) - len(kept)
        yield from kept
    if before:
        run.warn(
            f"{counted(before, 'event')} {'was' if before == 1 else 'were'} stored before and not written again",
            "wf-listen --replay --since DATE writes what is finished, too",
        )


def _objects(run: Run) -> Iterator[list[Record]]:
    from roadmap_cli.wf import events

    for batch in run.batches(2000):
        drafts: list[Record] = []
        now = run.now()
        for record in batch:
            if record.get("kind") == "error":
                yield [record]
                continue
            with run.item(record):
                drafts.append(events.draft(record, now))
        yield events.named(drafts)


def _webhooks(run: Run, source: str) -> Iterator[list[Record]]:
    """One body to a line, or bodies over several lines that end with a closing brace in the first column."""
    from roadmap_cli.core.errors import UsageError
    from roadmap_cli.wf import sources

    if source not in sources.WEBHOOKS:
        raise UsageError(f"--from {source} needs --place", hint="see 'wf-listen --help'")
    body: list[str] = []
    for line in run.lines():
        body.append(line)
        if line.startswith("}") or (len(body) == 1 and line.rstrip().endswith("}")):
            with run.item():
                yield sources.read_body(source, "\n".join(body).encode(), run.now())
            body = []
    if any(line.strip() for line in body):
        with run.item():
            yield sources.read_body(source, "\n".join(body).encode(), run.now())


def _kept(run: Run, found: list[Record]) -> list[Record]:
    """Store events; where one cannot be stored it is its own failure, not that of those beside it."""
    from roadmap_cli.core.errors import DataError
    from roadmap_cli.wf import events

    try:
        with run.state.write() as tx:
            return events.keep(tx, found)
    except DataError:
        kept: list[Record] = []
        for each in found:
            with run.item(each), run.state.write() as tx:
                kept += events.keep(tx, [each])
        return kept


def _replayed(run: Run, source: str | None, since: str | None, until: str | None) -> Iterator[Record]:
    from roadmap_cli.wf import events

    low, high = (_moment(each) for each in (since, until))
    with run.state.read() as tx:
        names = events.happened(tx, low, high, source) if low or high or source else events.unfinished(tx)
    yield from events.stored(run.state.read, names)


def _moment(text: str | None) -> datetime | None:
    """A date (its first moment, UTC) or a time. Raises UsageError."""
    from datetime import date

    from roadmap_cli.core import clock
    from roadmap_cli.core.errors import DataError, UsageError

    if text is None:
        return None
    try:
        return clock.parse(f"{date.fromisoformat(text)}T00:00:00Z" if len(text) == 10 else text)
    except (DataError, ValueError):
        raise UsageError(f"not a date or time: {text!r}", hint="write 2026-11-23 or 2026-11-23T09:00:00Z") from None


def _dead(run: Run, discard: tuple[str, ...]) -> Iterator[Record]:
    from roadmap_cli.wf.listening import dead

    if discard:
        with run.state.write() as tx:
            count = dead.drop(tx, discard, run.now())
        run.note(f"{count} dead letter{'s' if count != 1 else ''} given up")
        return
    with run.state.read() as tx:
        found = dead.listed(tx)
    yield from found


def _retried(run: Run, names: tuple[str, ...]) -> Iterator[Record]:
    from roadmap_cli.wf.listening import dead

    with run.state.write() as tx:
        announce, failed = dead.retry(tx, [name for name in names if name != "all"], run.now())
    if failed:
        run.warn(f"{failed} still cannot be read")
        run.exit_code = 1
    yield from announce


def _settings(
    run: Run, config: str | None, source: str | None, place: str | None, every: str | None, bearer_file: str | None,
    hmac_file: str | None, secret_file: str | None, templates: tuple[str, ...],
) -> tuple[list[Setting], str]:  # fmt: skip
    """The sources to serve and follow, and where webhooks are served if a file says so."""
    from dataclasses import replace
    from pathlib import Path

    from roadmap_cli.wf.sources import settings

    if config:
        loaded = settings.load(Path(config))
        found, http = list(loaded.sources), loaded.http
    else:
        files = (bearer_file, hmac_file, secret_file)
        found = [settings.from_options(source or "jsonl", place or "", every or "", *files)]
        http = ""
    if any(each.reader == "cron" and not each.place for each in found):
        from roadmap_cli.wf import library
        from roadmap_cli.wf.language.loading import load_all
        from roadmap_cli.wf.sources.cron import scheduled

        known = scheduled(load_all(library.places(templates, run.environ)))
        found = [replace(each, schedules=known) if each.reader == "cron" and not each.place else each for each in found]
    return found, http


def _listened(
    run: Run, found: list[Setting], configured: str, http: str | None, once: bool, count: int | None
) -> Iterator[Record]:
    from roadmap_cli.core.errors import UsageError
    from roadmap_cli.wf.listening.listener import Listener

    listener = Listener(run.state, run.transport, run.now, run.warn, run.detail, run.choices.wait)
    if once or (run.dry_run and not any(each.is_webhook for each in found)):
        for announce in listener.once([each for each in found if not each.is_webhook]):
            yield from announce
        return
    served = http or configured
    if any(each.is_webhook for each in found) and not served:
        raise UsageError("webhooks are served with --http ADDRESS", hint="write --http 127.0.0.1:9095")
    for announce in listener.run(found, served, count):
        yield from announce
        run.deliver()
