"""The key file beside the state: the data key, wrapped by age to the user's recipients.

``state.db.key`` is JSON: a version and an ASCII-armoured age file. Inside the encryption are the data key (32 random
bytes), the next one while a rekey is under way, and the list of recipients, which is thereby as trustworthy as the
key. Whatever happens there is no fall-back to plain text.
"""

# Exact errors of the operating system; this runs at each opening of a state.

from __future__ import annotations

import json
import os

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import ConfigError, UsageError
from roadmap_cli.state import files
from roadmap_cli.state.identity import MOST_BYTES, KeySource

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from roadmap_cli.core.clock import Clock

__all__ = ["KEY_BYTES", "VERSION", "KeyFile", "KeySource", "make", "parse_recipient", "read", "write"]

VERSION = 1
KEY_BYTES = 32


class KeyFile:
    """What the key file of a state holds.

    `key` opens the state; if `next_key` is there, a rekey was under way and either of the two does.
    `recipients` are objects with recipient, label and added_at.
    """

    __slots__ = ("key", "next_key", "recipients")

    def __init__(self, key: bytes, recipients: list[dict[str, str]], next_key: bytes | None = None):
        self.key = key
        self.recipients = recipients
        self.next_key = next_key

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The data keys to try, in that order."""
        return (self.key,) if self.next_key is None else (self.key, self.next_key)


def read(state: str, keys: KeySource) -> KeyFile:
    """The key file of the state file `state`, opened by one of the user's identities.

    Raises ConfigError if it is missing, damaged or newer, or if no identity opens it.
    """
    path = state + files.KEY
    return opened(wrapped(content_of(path), path), path, keys)


def write(state: str, content: KeyFile) -> None:
    """Replace the key file of `state`, complete or not at all, wrapped anew. Raises OSError."""
    files.write_private(state + files.KEY, sealed(content))


def make(state: str, keys: KeySource, now: Clock) -> KeyFile:
    """A new key file with a new data key for a state that has none yet, wrapped to the user's first identity.

    The only place where the user's identity is made if there is none. Raises ConfigError, OSError.
    """
    recipient = keys.first_use(now)[0].recipient
    content = KeyFile(os.urandom(KEY_BYTES), [entry(recipient, "first", now)])
    write(state, content)
    return content


def entry(recipient: str, label: str, now: Clock) -> dict[str, str]:
    """One recipient as it stands in the list."""
    return {"recipient": recipient, "label": label, "added_at": stamp(now())}


def content_of(path: str) -> bytes:
    """The bytes of a key file. Raises ConfigError if it is missing, OSError if it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return stream.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(
            "the state's key file is missing",
            where=path,
            hint="bring it back from a backup; without it the state cannot be read by anyone",
            code="no_key_file",
        ) from None


def wrapped(content: bytes, path: str) -> bytes:
    """The age file inside the content of a key file. Raises ConfigError if it is not a key file, or a newer one."""
    if len(content) > MOST_BYTES:
        raise damaged(path, f"more than {MOST_BYTES} bytes")
    outer = _object(content, path)
    version, text = outer.get("version"), outer.get("wrapped")
    if type(version) is not int or version < 1:
        raise damaged(path, "no version")
    if version > VERSION:
        raise ConfigError("written by a newer version of roadmap", where=path, hint="upgrade roadmap", code="key_newer")
    if not isinstance(text, str) or not text.isascii() or not text.startswith("-----BEGIN AGE ENCRYPTED FILE-----\n"):
        raise damaged(path, "no wrapped key")
    return text.encode()


def opened(age: bytes, path: str, keys: KeySource) -> KeyFile:
    """What an age file of ours holds. Raises ConfigError if no identity opens it, or it holds something else."""
    import pyrage

    try:
        plain = pyrage.decrypt(age, [each.secret for each in keys.identities()])
    except pyrage.DecryptError as error:
        if "no matching keys" not in str(error).lower():
            raise damaged(path, str(error).partition("\n")[0].rstrip(".").lower()) from None
        raise ConfigError(
            f"the identity in {keys.where()} does not open the state's key",
            where=path,
            hint="name the right one with --identity FILE, or have it added: roadmap-keys add RECIPIENT",
            code="wrong_identity",
        ) from None
    return parse_payload(plain, path)


def parse_payload(plain: bytes, path: str) -> KeyFile:
    """The content of a decrypted key file. Raises ConfigError if it is not what it should be."""
    inner = _object(plain, path)
    recipients = inner.get("recipients")
    if not isinstance(recipients, list) or not recipients:
        raise damaged(path, "no recipients")
    listed = []
    for each in recipients:
        fields = [each.get(name) for name in ("recipient", "label", "added_at")] if isinstance(each, dict) else [None]
        if not all(isinstance(field, str) for field in fields):
            raise damaged(path, "a recipient is not complete")
        listed.append(dict(each))
    following = inner.get("next_key")
    return KeyFile(_key(inner.get("key"), path), listed, next_key=None if following is None else _key(following, path))


def sealed(content: KeyFile) -> bytes:
    """The bytes of a key file, wrapped to its recipients."""
    import pyrage

    inner: dict[str, Any] = {"key": content.key.hex(), "recipients": content.recipients}
    if content.next_key is not None:
        inner["next_key"] = content.next_key.hex()
    targets = [parse_recipient(each["recipient"])[1] for each in content.recipients]
    age: bytes = pyrage.encrypt(json.dumps(inner).encode(), targets, armored=True)
    return json.dumps({"version": VERSION, "wrapped": age.decode()}, indent=1).encode() + b"\n"


def parse_recipient(text: str) -> tuple[str, Any, str]:
    """A recipient as it is kept, for age, and the comment an ssh public key has. Raises UsageError if it is none."""
    import pyrage

    words = text.split()
    try:
        if len(words) == 1 and words[0].startswith("age1"):
            return words[0], pyrage.x25519.Recipient.from_str(words[0]), ""
        if len(words) >= 2 and words[0] in ("ssh-ed25519", "ssh-rsa"):
            line = " ".join(words[:2])
            return line, pyrage.ssh.Recipient.from_str(line), " ".join(words[2:])
    except pyrage.RecipientError:
        pass
    raise UsageError(f"not a recipient: {text!r}", hint="give age1…, or the line of an ssh-ed25519 or ssh-rsa .pub")


def damaged(path: str, why: str) -> ConfigError:
    """The key file is not one."""
    return ConfigError(
        f"not a usable key file: {why}", where=path, hint="bring it back from a backup", code="key_file_damaged"
    )


def _object(content: bytes, path: str) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise damaged(path, "not JSON") from None
    if not isinstance(value, dict):
        raise damaged(path, "not a JSON object")
    return value


def _key(value: object, path: str) -> bytes:
    try:
        key = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise damaged(path, "the data key is not 32 bytes")
    return key
