"""Who can open the state: the recipients its data key is wrapped to.

Taking a recipient away, or rotating, wraps the same data key anew: who once had it still has it. `rekey` changes the
data key itself; backups made before keep theirs.
"""

from __future__ import annotations

import os

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import ConfigError, Negative, UsageError
from roadmap_cli.state import failures, files, identity, keys, lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from os import PathLike

    from roadmap_cli.core.clock import Clock
    from roadmap_cli.state.identity import KeySource

#: What a command should say after `remove` and `rotate`.
NOT_REVOKED = "whoever was removed may still know the data key and can read backups; roadmap-keys rekey changes the key"


def listed(state: str | PathLike[str], source: KeySource) -> list[dict[str, str]]:
    """The recipients, each with recipient, label and added_at. Raises ConfigError if the key file cannot be opened."""
    path = os.path.realpath(state)
    with failures.guarding(path):
        return keys.read(path, source).recipients


def add(
    state: str | PathLike[str], source: KeySource, recipient: str, *, now: Clock, label: str = "", wait_s: float = 30.0
) -> bool:
    """Let a further recipient open the state; False if it can already. The state may be in use meanwhile.

    `recipient` is ``age1…`` or the line of an ssh-ed25519 or ssh-rsa public key, whose comment is the default label.
    Raises UsageError (no recipient), ConfigError (key file cannot be opened), TryLater, CannotCreate.
    """
    line, _, comment = keys.parse_recipient(recipient)
    path = os.path.realpath(state)
    with failures.guarding(path), _changing(path, wait_s):
        content = keys.read(path, source)
        if any(each["recipient"] == line for each in content.recipients):
            return False
        content.recipients.append(keys.entry(line, label or comment, now))
        keys.write(path, content)
        return True


def remove(state: str | PathLike[str], source: KeySource, name: str, *, wait_s: float = 30.0) -> dict[str, str]:
    """Take a recipient, named by itself or by its label, off the list; gives its entry. Tell the user `NOT_REVOKED`.

    Raises Negative (no such recipient), UsageError (several have this label; it is the last one, or the only one of
    the user's own), ConfigError (key file cannot be opened), TryLater, CannotCreate.
    """
    path = os.path.realpath(state)
    wanted = " ".join(name.split()[:2]) if name.startswith("ssh-") else name
    with failures.guarding(path), _changing(path, wait_s):
        content = keys.read(path, source)
        found = [each for each in content.recipients if wanted in (each["recipient"], each["label"])]
        if not found:
            raise Negative(f"no such recipient: {name!r}", hint="roadmap-keys show lists them")
        if len(found) > 1:
            raise UsageError(f"several recipients have the label {name!r}", hint="name the recipient itself")
        left = [each for each in content.recipients if each is not found[0]]
        if not left:
            raise UsageError("the last recipient cannot be removed", hint="roadmap-keys add another first")
        mine = {each.recipient for each in source.identities()}
        if not any(each["recipient"] in mine for each in left):
            raise UsageError(
                "you could not open the state afterwards",
                hint="run it with the identity that is to stay: --identity FILE",
            )
        content.recipients = left
        keys.write(path, content)
        return found[0]


def rotate(state: str | PathLike[str], source: KeySource, *, now: Clock, wait_s: float = 30.0) -> tuple[str, str]:
    """Make a new identity in the user's identity file and let it open the state in place of the old one.

    The old identity stays in the file, below the new one, for backups and other states. Killed between its two
    steps, it goes on where it was when run again. Gives the old and the new recipient; tell the user `NOT_REVOKED`.
    Raises ConfigError (cannot be opened, or the identity is not a file of age's), TryLater, CannotCreate.
    """
    path = os.path.realpath(state)
    with failures.guarding(path), _changing(path, wait_s):
        content = keys.read(path, source)
        present = {each["recipient"] for each in content.recipients}
        mine = [each.recipient for each in source.identities()]
        old = next(each for each in mine if each in present)
        new = mine[0] if mine[0] not in present else _extend(source, now)
        for each in content.recipients:
            if each["recipient"] == old:
                each.update(recipient=new, added_at=stamp(now()))
        keys.write(path, content)
        return old, new


def _changing(path: str, wait_s: float) -> AbstractContextManager[None]:
    return lock.alone(path + files.KEY, wait_s=wait_s)


def _extend(source: KeySource, now: Clock) -> str:
    """Put a new identity on top of the user's identity file; gives its recipient."""
    place = source.file()
    old = identity.read_file(place, "identity") if place else b""
    if place is None or not any(line.startswith(b"AGE-SECRET-KEY-1") for line in old.splitlines()):
        raise ConfigError(
            "only an identity file in age's own form can be rotated",
            where=source.where(),
            hint="roadmap-keys add the new recipient, then roadmap-keys remove the old one",
        )
    new = identity.generate(now)
    files.write_private(place, new + f"# retired {stamp(now())}, opens what was made before:\n".encode() + old)
    source.forget()
    return source.identities()[0].recipient
