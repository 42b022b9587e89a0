"""Keys and accounts that belong to a name, and what they prove.

Signatures are Ed25519 (RFC 8032) by OpenSSH keys, over a line that says what for and the canonical JSON of what is
signed, so that a signature for one purpose is worth nothing for another. A key of age's signs nothing: it proves by
opening what was sealed to it.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.errors import ConfigError, DataError, UsageError
from roadmap_cli.core.records import Record, canonical
from roadmap_cli.wf import people

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

PURPOSE = b"roadmap wf statement 1\n"
_AGE = re.compile(r"age1[ac-hj-np-z02-9]{58}\Z")
_SLACK = re.compile(r"[TE][A-Z0-9]{2,20}/[UWB][A-Z0-9]{2,20}\Z")
_MAIL = re.compile(r"[^\s@<>\"]{1,64}@[a-z0-9.-]{1,255}\Z")
KEYS = ("ssh", "age")


def read(text: str) -> tuple[str, str]:
    """The sort and value of an identity as typed: a public key, ``slack:TEAM/USER`` or ``mail:ADDRESS``.

    Raises UsageError for anything else; ssh keys must be Ed25519.
    """
    text = text.strip()
    if _AGE.match(text):
        return "age", text
    if text.startswith("ssh-"):
        line = " ".join(text.split()[:2])
        try:
            _public(line)
        except DataError as error:
            raise UsageError(error.message) from None
        return "ssh", line
    sort, _, value = text.partition(":")
    if sort == "slack" and _SLACK.match(value):
        return "slack", value
    if sort == "mail" and _MAIL.match(value.casefold()):
        return "mail", value.casefold()
    hint = "ssh-ed25519 AAAA…, age1…, slack:TEAM/USER or mail:ADDRESS"
    raise UsageError(f"not an identity: {text[:80]!r}", hint=hint)


def of(tx: Connection, name: str) -> list[tuple[str, str]]:
    """The identities of a person, as (sort, value)."""
    rows = tx.execute(
        "SELECT sort, value FROM wf_identity WHERE user_name = ? AND revoked_at IS NULL ORDER BY given_at",
        (people.spelled(name),),
    )
    return [(sort, value) for sort, value in rows]


def is_bound(tx: Connection, name: str) -> bool:
    """Whether a key of this person is registered, so that the name alone is worth nothing."""
    return any(sort in KEYS for sort, _ in of(tx, name))


def owner(tx: Connection, sort: str, value: str) -> str | None:
    """Whose an account or key is, or None."""
    row = tx.execute(
        "SELECT user_name FROM wf_identity WHERE sort = ? AND value = ? AND revoked_at IS NULL", (sort, value)
    ).fetchone()
    return row[0] if row else None


def sign(statement: Mapping[str, Any], key_file: Path) -> str:
    """A signature (base64) of a statement by an OpenSSH private key. Raises ConfigError for a file that is none."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    try:
        key = load_ssh_private_key(key_file.read_bytes(), None)
    except OSError as error:
        raise ConfigError(f"cannot read: {(error.strerror or str(error)).lower()}", where=str(key_file)) from None
    except (ValueError, TypeError):
        hint = "an OpenSSH private key without passphrase: ssh-keygen -t ed25519 -N ''"
        raise ConfigError("not a private key that can sign", where=str(key_file), hint=hint) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError("not an Ed25519 key", where=str(key_file), hint="ssh-keygen -t ed25519")
    return b64encode(key.sign(PURPOSE + canonical(dict(statement)))).decode()


def is_signed(tx: Connection, name: str, statement: Mapping[str, Any], signature: str) -> bool:
    """Whether one of a person's registered keys made a signature of exactly this statement."""
    from cryptography.exceptions import InvalidSignature

    try:
        raw = b64decode(signature, validate=True)
    except ValueError:
        return False
    for sort, value in of(tx, name):
        if sort == "ssh":
            try:
                _public(value).verify(raw, PURPOSE + canonical(dict(statement)))
            except InvalidSignature:
                continue
            return True
    return False


def seal(text: bytes, keys: list[str]) -> bytes:
    """A text encrypted to keys (age1… and ssh lines), armoured: only who has one of them reads it."""
    import pyrage

    found = [
        pyrage.x25519.Recipient.from_str(each) if each.startswith("age1") else pyrage.ssh.Recipient.from_str(each)
        for each in keys
    ]
    sealed: bytes = pyrage.encrypt(text, found, armored=True)
    return sealed


def keys_of(tx: Connection, name: str) -> list[str]:
    """The public keys of a person that something can be sealed to."""
    return [value for sort, value in of(tx, name) if sort in KEYS]


def _public(line: str) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    try:
        key = load_ssh_public_key(line.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise DataError("not a public key in OpenSSH's form", code="bad_key") from None
    if not isinstance(key, Ed25519PublicKey):
        raise DataError("not an Ed25519 key", code="bad_key")
    return key


def statement(verdict: str, subject: str, subject_hash: str, name: str, at: datetime) -> Record:
    """What a person signs when they decide: what, about which plan or task, with which hash, who, when."""
    from roadmap_cli.core import clock

    return {
        "verdict": verdict, "subject": subject, "subject_hash": subject_hash, "name": people.spelled(name),
        "at": clock.stamp(at),
    }  # fmt: skip
