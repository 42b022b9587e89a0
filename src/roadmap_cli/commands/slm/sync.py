"""slm-sync: the same records on all of one person's devices."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from roadmap_cli.cli import Run, group
from roadmap_cli.core.errors import InputMissing, Negative
from roadmap_cli.core.records import Record

_DEVICE = ("name", "state", "is_this", "segment_count", "fingerprint")
_REMOTE = ("name", "type", "url", "host")
_SEGMENT = ("remote", "direction", "device", "record_count", "size_bytes", "record_kinds")
_CONFLICT = ("record_id", "record_kind", "shown_rev", "shown_device", "lost")
_REVISION = ("rev", "at", "device", "is_shown", "is_deleted", "is_merge", "record")
_STATUS = ("unsent_count", "unsent_bytes", "conflict_count", "revision_count", "record_kinds")

main = group(
    "Keep records the same on all your devices, encrypted.",
    """Records of the kinds you choose are exchanged through a place that need not be trusted: a folder (a USB stick, or
    one that Syncthing keeps in step), WebDAV, S3, or whatever rclone reaches.
    What is put there is encrypted to your devices, signed by the one that wrote it, padded, and never changed; names
    say nothing but how many devices and how many segments there are.

    Everything works offline, and a sync joins what happened meanwhile.
    An edit made here and not sent yet stays what you see; what it replaced is kept: see conflicts, show and restore.
    If two devices have sent opposing edits, all devices come to show the same one of them.
    A deleted record is deleted everywhere, unless another device changed it meanwhile.

    To begin: init and add-remote on each device; then card on the one, add-device on the other, and the other way
    round; then run, from cron or by hand, as often as you like.
    A remote on the network is asked only with a permission: roadmap-permit add HOST --purpose sync.
    On a network that costs by volume, or with a battery that is low, a sync waits (75) unless --now is given.""",
    module=__name__,
    default="status",
    examples={
        "Make this device one of yours": "slm-sync init --name laptop | jq -r .name",
        "Exchange records through a folder": "slm-sync add-remote stick $HOME/stick | jq -r .type",
        "Take in and send": "slm-sync run | jq -r .direction",
        "See what waits to be sent": "slm-sync status --plain",
    },
    see=("roadmap-permit", "roadmap-keys", "roadmap-state", "slm-run"),
)


_names = click.argument("names", nargs=-1, metavar="[REMOTE...]")
_now = click.option("--now", "anyway", is_flag=True, help="Even on a metered network or a low battery.")


# -- devices -----------------------------------------------------------------------------------------------------------


@main.command(writes="slm.sync_device", state="write", columns=_DEVICE)
@click.option("--name", metavar="NAME", help="What to call this device; its host name if not given.")
@click.option("--renew", is_flag=True, help="Become a new device: after a copied state, or when removed by another.")
def init(run: Run, name: str | None, renew: bool) -> Iterable[Record]:
    """Make keys for this device, so that it can take part.

    Prompts, replies and the messages of chats are synced then; slm-sync select chooses others.
    """
    import socket

    from roadmap_cli.slm.sync import setup

    with run.state.write() as tx:
        made = setup.init(tx, name=name or socket.gethostname() or "device", kinds=(), at=run.now(), renew=renew)
    yield setup.device_record(made, made.device_id)
    run.note(f"this device is {made.card.name!r}, fingerprint {made.card.fingerprint}")


@main.command(writes="slm.sync_device", state="read", columns=("card", "fingerprint"))
def card(run: Run) -> Iterable[Record]:
    """Show this device's card, for add-device on the others.

    The card holds no secret. Bring it to the other device in any way, and compare the fingerprint there with the one
    shown here: over the phone, or side by side.
    """
    from roadmap_cli.slm.sync import setup

    with run.state.read() as tx:
        found = setup.this(tx)
    yield setup.device_record(found, found.device_id)


@main.command(writes="slm.sync_device", state="read", columns=_DEVICE)
def devices(run: Run) -> Iterable[Record]:
    """List the devices that take part, and those that did."""
    from roadmap_cli.slm.sync import members, setup

    with run.state.read() as tx:
        me, known = members.me(tx), members.every(tx)
    for each in known:
        record = setup.device_record(each, me.device_id)
        yield {**record, "segment_count": me.next_seq - 1} if each.device_id == me.device_id else record


@main.command(name="add-device", writes="slm.sync_device", state="write", columns=_DEVICE)
@click.argument("card", metavar="CARD|FILE")
@click.option("--fingerprint", metavar="TEXT", help="The fingerprint that the other device shows, to be compared.")
def add_device(run: Run, card: str, fingerprint: str | None) -> Iterable[Record]:
    """Trust another device of yours with everything that is synced.

    CARD is what slm-sync card shows there, or a file that holds it.
    Without --fingerprint the command tells the card's and changes nothing.
    Once a device is trusted, so are the devices that it trusts: add a third one on any of the others.
    """
    from roadmap_cli.slm.sync import cards, setup

    text = card
    if not card.startswith(cards.PREFIX):
        try:
            text = Path(card).read_text(errors="replace")
        except OSError as error:
            raise InputMissing(f"cannot read: {(error.strerror or str(error)).lower()}", where=card[:80]) from None
    with run.state.write() as tx:
        found = setup.add_device(tx, cards.of_text(text), fingerprint, at=run.now())
        own = setup.this(tx).device_id
    yield setup.device_record(found, own)
    run.note(f"{found.card.name!r} is trusted; the next sync tells the others")


@main.command(name="remove-device", writes="slm.sync_device", state="write", columns=_DEVICE)
@click.argument("name", metavar="NAME|ID")
def remove_device(run: Run, name: str) -> Iterable[Record]:
    """Trust a device no more: nothing is encrypted to it from now on.

    What it wrote before stays, as far as the others have it. What was sent to it before it can read still: if it was
    stolen, change its password at the remote, too.
    """
    from roadmap_cli.slm.sync import setup

    with run.state.write() as tx:
        found = setup.remove_device(tx, name, at=run.now())
        own = setup.this(tx).device_id
    yield setup.device_record(found, own)
    run.note(f"{found.card.name!r} is removed; the next sync tells the others")


@main.command(writes="slm.sync_status", state="write", columns=_STATUS)
@click.argument("kinds", nargs=-1, required=True, metavar="KIND...")
def select(run: Run, kinds: tuple[str, ...]) -> Iterable[Record]:
    """Choose the kinds of records that are synced on this device, all of them anew.

    A kind is slm.reply, or slm.* for all of a family. Records of other kinds are neither sent from here nor shown here.
    """
    from roadmap_cli.slm.sync import report, setup

    with run.state.write() as tx:
        setup.select(tx, kinds, at=run.now())
        found = report.status(tx, run.now())
    yield found


# -- remotes -----------------------------------------------------------------------------------------------------------


@main.command(writes="slm.sync_remote", state="read", columns=_REMOTE)
def remotes(run: Run) -> Iterable[Record]:
    """List the places to sync through."""
    from roadmap_cli.slm.sync import members, setup

    with run.state.read() as tx:
        me, found = members.me(tx), setup.remotes(tx)
    yield from (setup.remote_record(each, me.device_id) for each in found)


@main.command(name="add-remote", writes="slm.sync_remote", state="write", columns=_REMOTE)
@click.argument("name", metavar="NAME")
@click.argument("url", metavar="FOLDER|URL")
@click.option("--credentials", type=click.Path(dir_okay=False), metavar="FILE", help="A file of mode 0600, see above.")
@click.option("--endpoint", metavar="URL", help="The S3 service, if it is not Amazon's.")
@click.option("--region", metavar="NAME", help="The S3 region; us-east-1 if not given.")
def add_remote(
    run: Run, name: str, url: str, credentials: str | None, endpoint: str | None, region: str | None
) -> Iterable[Record]:
    """Name a place to sync through.

    A folder; https://HOST/PATH for WebDAV; s3://BUCKET/PREFIX; rclone:REMOTE:PATH for one of rclone's.

    The credentials file has lines NAME = VALUE: user and password, or token, for WebDAV; access_key_id and
    secret_access_key, perhaps session_token, for S3. Without a file they are taken from ROADMAP_WEBDAV_USER,
    ROADMAP_WEBDAV_PASSWORD, ROADMAP_WEBDAV_TOKEN, and from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
    AWS_SESSION_TOKEN.
    """
    from roadmap_cli.slm.sync import members, setup
    from roadmap_cli.slm.sync.remotes.place import Remote

    given = {"credentials": credentials and str(Path(credentials).absolute()), "endpoint": endpoint, "region": region}
    place = str(Path(url).absolute()) if Path(url).is_dir() else url
    with run.state.write() as tx:
        me = members.me(tx)
        remote = Remote(name, place, {key: value for key, value in given.items() if value})
        found = setup.add_remote(tx, remote, at=run.now())
    yield setup.remote_record(found, me.device_id)
    if found.host:
        kinds = "".join(f" --kind {kind}" for kind in me.kinds if "*" not in kind)
        run.note(f"to permit it: roadmap-permit add {found.host} --purpose sync{kinds}")


@main.command(name="remove-remote", writes="slm.sync_remote", state="write", columns=_REMOTE)
@click.argument("name", metavar="NAME")
def remove_remote(run: Run, name: str) -> Iterable[Record]:
    """Forget a place; what is there stays there."""
    from roadmap_cli.slm.sync import members, setup

    with run.state.write() as tx:
        me = members.me(tx)
        found = setup.remove_remote(tx, name)
    yield setup.remote_record(found, me.device_id)


# -- syncing -----------------------------------------------------------------------------------------------------------


@main.command(writes="slm.sync_segment", state="write", effects="network", columns=_SEGMENT)
@_names
@_now
def pull(run: Run, names: tuple[str, ...], anyway: bool) -> Iterable[Record]:
    """Take in what the other devices have sent; send nothing."""
    return _sync(run, "pull", names, anyway)


@main.command(writes="slm.sync_segment", state="write", effects="network", columns=_SEGMENT)
@_names
@_now
@click.option("--snapshot", is_flag=True, help="Publish everything anew: if segments on the remote were lost.")
def push(run: Run, names: tuple[str, ...], anyway: bool, snapshot: bool) -> Iterable[Record]:
    """Send what was changed here; take in nothing."""
    return _sync(run, "push", names, anyway, snapshot=snapshot)


@main.command(name="run", writes="slm.sync_segment", state="write", effects="network", columns=_SEGMENT)
@_names
@_now
def run_(run: Run, names: tuple[str, ...], anyway: bool) -> Iterable[Record]:
    """Take in what the other devices have sent, then send what was changed here.

    Without a REMOTE all of them are asked. One that cannot be reached does not keep the others from being.
    With --dry-run nothing is sent or asked, and what would be sent is told.
    """
    return _sync(run, "run", names, anyway)


def _sync(run: Run, action: str, names: tuple[str, ...], anyway: bool, *, snapshot: bool = False) -> Iterable[Record]:
    from roadmap_cli.slm.sync import session

    work = session.Session(run.state, run.transport, clock=run.clock, command=run.command, environ=run.environ)
    if run.dry_run:
        yield from work.preview(names, action)
        return
    with work.prepared(names, action, wait_s=run.choices.wait, anyway=anyway) as (exchange, remotes):
        for remote in remotes:
            with run.progress(f"syncing with {remote.name}") as bar:
                yield from work.sync(exchange, remote, action, snapshot=snapshot, progress=bar.advance)
        work.conclude(exchange, action)
    for words in work.notes:
        run.note(words)
    for words, hint in work.warnings:
        run.warn(f"{words}; {hint}" if hint else words)
    if work.failure is not None:
        raise work.failure


@main.command(writes="slm.sync_status", state="write", columns=_STATUS)
def status(run: Run) -> Iterable[Record]:
    """Tell what waits to be sent, how many conflicts are open, and how far each device is. Asks no remote."""
    from roadmap_cli.slm.sync import report

    with run.state.write() as tx:
        found = report.status(tx, run.now())
    yield found


# -- conflicts ---------------------------------------------------------------------------------------------------------


@main.command(name="conflicts", writes="slm.sync_conflict", state="read", columns=_CONFLICT)
def conflicts_(run: Run) -> Iterable[Record]:
    """List the records that were changed on two devices at once, what is shown and what lost.

    The exit code is 1 if there is none. Settle one with restore, or by changing the record.
    """
    from roadmap_cli.slm.sync import conflicts, members

    with run.state.read() as tx:
        members.me(tx)
        found = [conflicts.conflict_record(tx, *each, run.stamp()) for each in conflicts.open_ones(tx)]
    if not found:
        raise Negative("no conflicts" if run.choices.verbose else "")
    yield from found


@main.command(writes="slm.sync_revision", state="read", columns=_REVISION)
@click.argument("record_id", metavar="RECORD")
@click.argument("rev", metavar="[REV]", required=False)
def show(run: Run, record_id: str, rev: str | None) -> Iterable[Record]:
    """Show the versions of a record, the newest first, or one of them."""
    from roadmap_cli.slm.sync import conflicts

    with run.state.read() as tx:
        found = list(conflicts.versions(tx, record_id, rev, run.stamp()))
    yield from found


@main.command(writes="slm.sync_revision", state="write", columns=_REVISION)
@click.argument("record_id", metavar="RECORD")
@click.argument("rev", metavar="REV")
def restore(run: Run, record_id: str, rev: str) -> Iterable[Record]:
    """Make a version of a record the one that is shown, here and with the next sync everywhere.

    REV is N-hash as show tells it, or as much of it as is enough. A conflict of the record is settled by it; the
    version shown already may be given, too.
    """
    from roadmap_cli.slm.sync import conflicts, members

    with run.state.write() as tx:
        made = conflicts.restore(tx, members.me(tx), record_id, rev, run.now())
        record = conflicts.revision_record(tx, made, shown=made.name, at=run.stamp())
    yield record
    run.note(f"{record_id} is again as in {rev}")


@main.command(reads="*", writes="*", state="write")
def put(run: Run) -> Iterable[Record]:
    """Store records to be synced, each in place of the one that has its id."""
    from roadmap_cli.slm.sync import changes, members

    for batch in run.batches():
        stored = []
        with run.state.write() as tx:
            me = members.me(tx)
            for record in batch:
                with run.item(record):
                    changes.put(tx, me, record, run.now())
                    stored.append(record)
            me.save(tx)
        yield from stored


@main.command(writes="slm.sync_revision", state="write", columns=_REVISION)
@click.argument("record_ids", nargs=-1, required=True, metavar="RECORD...")
def delete(run: Run, record_ids: tuple[str, ...]) -> Iterable[Record]:
    """Delete records here and, with the next sync, everywhere. They can be brought back with restore."""
    from roadmap_cli.slm.sync import changes, conflicts, members

    for record_id in record_ids:
        with run.state.write() as tx:
            me = members.me(tx)
            if not changes.delete(tx, me, record_id, run.now()):
                raise Negative(f"no record {record_id!r} that is synced")
            me.save(tx)
            found = next(conflicts.versions(tx, record_id, None, run.stamp()))
        yield found
