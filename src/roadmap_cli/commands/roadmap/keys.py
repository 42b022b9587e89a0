"""roadmap-keys: who can open the state."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from roadmap_cli.cli import Run, group
from roadmap_cli.core.errors import InputMissing
from roadmap_cli.core.records import Record, content_id

main = group(
    "Say who can open the state file.",
    """The state is encrypted with a random key.
    That key is wrapped, with age, to one or more recipients: your own identity, other devices, a key kept in a safe.
    The first identity is made when the state is, in $XDG_CONFIG_HOME/roadmap/identity.txt with mode 0600: keep a copy
    of it elsewhere, for without it nobody can read the state.

    The identity is looked for in this order: --identity, the file named by ROADMAP_IDENTITY, the file descriptor
    numbered by ROADMAP_IDENTITY_FD, the systemd credential roadmap-identity, the default file.
    It may be an age identity, an unencrypted ssh key (ed25519 or rsa), or an age identity encrypted with a passphrase,
    which is then read from the file named by ROADMAP_PASSPHRASE_FILE.
    If none opens the state, a command ends with 78; it never falls back to plain text.""",
    module=__name__,
    default="show",
    examples={
        "Who can open it?": "roadmap-keys show --plain",
        "Let a second device in": "roadmap-keys add --label laptop examples/keys/laptop.pub | jq -r .label",
        "Make a new identity for yourself": "roadmap-keys rotate | jq -r .change",
        "Encrypt everything anew": "roadmap-keys rekey | jq -r .change",
    },
    see=("roadmap-state", "roadmap-doctor"),
)
_CHANGE = ("change", "recipient", "label")


@main.command(state="read", writes="roadmap.recipient", columns=("recipient", "label", "added_at"))
def show(run: Run) -> Iterable[Record]:
    """Show who can open the state."""
    from roadmap_cli.state import recipients

    if not run.state_path.exists():
        run.note(f"there is no state at {run.state_path} yet")
        return
    for each in recipients.listed(run.state_path, run.keys):
        identity = content_id("roadmap.recipient", recipient=each["recipient"])
        yield {"kind": "roadmap.recipient", "id": identity, "at": run.stamp(), **each}


@main.command(state="write", writes="roadmap.key_change", columns=_CHANGE)
@click.argument("recipient", metavar="RECIPIENT")
@click.option("--label", default="", metavar="NAME", help="A name to know it by.")
def add(run: Run, recipient: str, label: str) -> Iterable[Record]:
    """Let a further recipient open the state.

    RECIPIENT is an age public key (age1...), the line of an ssh public key, or a file that holds either.
    """
    from roadmap_cli.state import recipients

    if not run.dry_run:
        run.state.close()  # makes the state if there is none yet
    line = _line(recipient)
    if not run.dry_run:
        new = recipients.add(run.state_path, run.keys, line, now=run.clock, label=label, wait_s=run.choices.wait)
        run.note("can open the state now" if new else "could open the state already")
    yield _changed(run, "added") | {"recipient": line} | ({"label": label} if label else {})


@main.command(state="write", writes="roadmap.key_change", columns=_CHANGE)
@click.argument("name", metavar="RECIPIENT|LABEL")
def remove(run: Run, name: str) -> Iterable[Record]:
    """Take a recipient off the list.

    It cannot be the last one, nor the only one that is yours.
    Who was removed may still know the key and read old copies: rekey changes the key itself.
    """
    from roadmap_cli.state import recipients

    _refuse_none(run)
    gone = {"recipient": name}
    if not run.dry_run:
        gone = recipients.remove(run.state_path, run.keys, name, wait_s=run.choices.wait)
        run.warn(recipients.NOT_REVOKED)
    yield _changed(run, "removed") | gone


@main.command(state="write", writes="roadmap.key_change", columns=_CHANGE)
def rotate(run: Run) -> Iterable[Record]:
    """Make a new identity for yourself and rewrap the key to it.

    The old identity stays in the file, below the new one, for old copies.
    """
    from roadmap_cli.state import recipients

    _refuse_none(run)
    if run.dry_run:
        yield _changed(run, "rotated")
        return
    old, new = recipients.rotate(run.state_path, run.keys, now=run.clock, wait_s=run.choices.wait)
    run.warn(recipients.NOT_REVOKED)
    yield _changed(run, "rotated") | {"recipient": new, "replaced_recipient": old}


@main.command(state="write", writes="roadmap.key_change", columns=_CHANGE)
def rekey(run: Run) -> Iterable[Record]:
    """Encrypt the state anew under a fresh key.

    It works on a copy that then takes the old file's place; killed at any moment, the old state or the new one is
    there, whole.
    It needs as much free space as the state has, and the state for itself.
    """
    from roadmap_cli.state import rekey as rekeying

    _refuse_none(run)
    if not run.dry_run:
        rekeying.rekey(run.state_path, run.keys, wait_s=run.choices.wait)
        run.note("the state has a new key; older copies keep the older one")
    yield _changed(run, "rekeyed")


def _refuse_none(run: Run) -> None:
    if not run.state_path.exists():
        raise InputMissing("there is no state yet", where=str(run.state_path), hint="roadmap-state path")


def _line(recipient: str) -> str:
    if recipient.startswith(("age1", "ssh-")):
        return recipient
    return next((line for line in Path(recipient).read_text().splitlines() if line and not line.startswith("#")), "")


def _changed(run: Run, change: str) -> Record:
    return {"kind": "roadmap.key_change", "id": run.new_id("roadmap.key_change"), "at": run.stamp(), "change": change}
