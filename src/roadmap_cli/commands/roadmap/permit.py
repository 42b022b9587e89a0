"""roadmap-permit: what may leave this machine, and what has left it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import click

from roadmap_cli.cli import Run, group
from roadmap_cli.core.errors import Negative
from roadmap_cli.core.records import Record

COLUMNS = ("host", "purpose", "record_kinds", "state", "expires_at", "id")

main = group(
    "Permit uses of the network, and see them.",
    """Nothing leaves this machine without a permission stored here, except to this machine itself and where the
    command you type is the permission, as with slm-models pull.
    A permission names a host, a purpose, the kinds of records that may be sent, and an end.
    Every request is written down before it is sent, refused ones too.""",
    module=__name__,
    examples={
        "Let prompts go to a service for a month": (
            "roadmap-permit add api.example.org --purpose model-call --kind slm.prompt --for 30d --plain | cut -f 1-5"
        ),
        "See what has left": "roadmap-permit log --plain",
    },
    see=("slm-run", "slm-models"),
)


@main.command(name="list", writes="net.permission", state="read", columns=COLUMNS)
@click.option("--all", "every", is_flag=True, help="Expired and revoked ones, too.")
def list_(run: Run, every: bool) -> Iterable[Record]:
    """List the permissions in force."""
    from roadmap_cli.net import permissions

    now = run.now()
    with run.state.read() as tx:
        found = [permission.record(now) for permission in permissions.every(tx)]
    yield from (record for record in found if every or record["state"] == "active")


@main.command(writes="net.permission", state="write", columns=COLUMNS)
@click.argument("host", metavar="HOST[:PORT]")
@click.option(
    "--purpose", required=True, metavar="NAME", help="What the requests are for, as a refusal names it: model-call."
)
@click.option(
    "--kind", "kinds", multiple=True, metavar="KIND", help="A kind of record that may be sent; else every kind."
)
@click.option(
    "--for", "duration", metavar="TIME", help="How long: a number and m, h, d or w. Else until it is removed."
)
def add(run: Run, host: str, purpose: str, kinds: tuple[str, ...], duration: str | None) -> Iterable[Record]:
    """Permit requests to a host for a purpose."""
    from roadmap_cli.net import permissions

    now = run.now()
    with run.state.write() as tx:
        permission = permissions.grant(
            tx, host=host, purpose=purpose, kinds=kinds, at=now, expires_at=_end(now, duration)
        )
    yield permission.record(now)
    run.note(f"permitted {permission.host} for {permission.purpose}")


@main.command(writes="net.permission", state="write", columns=COLUMNS)
@click.argument("host", metavar="HOST|ID")
@click.option("--purpose", metavar="NAME", help="What the requests are for, as a refusal names it: model-call.")
def remove(run: Run, host: str, purpose: str | None) -> Iterable[Record]:
    """Take back the permissions of a host, or one by its id.

    The exit code is 1 if there is none in force.
    """
    from roadmap_cli.net import permissions

    now = run.now()
    with run.state.write() as tx:
        ended = permissions.revoke(tx, at=now, host=host, purpose=purpose)
    if not ended:
        raise Negative(f"no permission in force for {host!r}")
    yield from (permission.record(now) for permission in ended)
    run.note(f"took back {len(ended)} permissions")


@main.command(writes="net.request", state="read", columns=("at", "command", "host", "purpose", "outcome", "bytes_out"))
@click.option("--host", metavar="HOST", help="Only requests to this host.")
@click.option("--limit", type=click.IntRange(1), metavar="COUNT", help="Only the newest ones.")
def log(run: Run, host: str | None, limit: int | None) -> Iterable[Record]:
    """List the requests made and refused, oldest first."""
    from roadmap_cli.net import audit

    with run.state.read() as tx:
        found = list(audit.requests(tx, host=host, limit=limit))
    yield from found


def _end(now: datetime, duration: str | None) -> datetime | None:
    from roadmap_cli.core.clock import length

    return None if duration is None else now + length(duration)
