"""Signed checkpoints: the text that says how long the log is and what its root is, and who vouches for it.

C2SP tlog-checkpoint and signed-note (https://c2sp.org/tlog-checkpoint, https://c2sp.org/signed-note) with Ed25519
(RFC 8032). Any verifier of that format can check them; a witness may add its signature line.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from roadmap_cli.core.errors import ConfigError, DataError

_ALGORITHM = b"\1"
_NAME = re.compile(r"[^\s+]{1,200}\Z")
_SIGNATURE = re.compile("— ([^ +\n]+) ([A-Za-z0-9+/=]+)\\Z")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a signed text says: whose log, how many entries, and the root over them; `text` is all of it."""

    origin: str
    size: int
    root: bytes
    text: str


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Who vouches: a name and an Ed25519 key of 32 bytes. `text` is its verifier key (vkey) of signed-note."""

    name: str
    key: bytes

    @property
    def id(self) -> bytes:
        """The first 4 bytes of SHA-256 over the name, a line end, the algorithm and the key."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ALGORITHM + self.key).digest()[:4]

    @property
    def text(self) -> str:
        """``NAME+ID+KEY``, as it is given to an auditor."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(_ALGORITHM + self.key).decode()}"

    def accepts(self, message: bytes, signature: bytes) -> bool:
        """Whether a signature of 64 bytes is this key's over a message."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def public_key(text: str) -> PublicKey:
    """Read a verifier key. Raises ConfigError if it is none, or its id is not that of its name and key."""
    name, _, rest = text.strip().partition("+")
    given_id, _, encoded = rest.partition("+")
    try:
        data = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        data = b""
    if not _NAME.match(name) or len(data) != 33 or data[:1] != _ALGORITHM:
        raise ConfigError("not a verifier key", hint="it is one line NAME+ID+KEY; 'wf-audit key' prints it")
    found = PublicKey(name, data[1:])
    if found.id.hex() != given_id:
        raise ConfigError(f"the verifier key of {name!r} has id {given_id!r}, but its key gives {found.id.hex()!r}")
    return found


class Signer:
    """The secret half, kept in a file of mode 0600 as one line ``PRIVATE+KEY+NAME+ID+SEED``."""

    def __init__(self, name: str, seed: bytes):
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = PublicKey(name, self._key.public_key().public_bytes_raw())

    @classmethod
    def open(cls, path: Path, *, name: str, makes: bool) -> Signer:
        """Read the key of a file, or make one if `makes`. Raises ConfigError for a file that is none or not there."""
        try:
            line = path.read_text().strip()
        except FileNotFoundError:
            if not makes:
                raise ConfigError(
                    "there is no signing key yet", where=str(path), hint="'wf-audit checkpoint' makes one"
                ) from None
            return cls._made(path, name)
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the signing key cannot be read: {error}", where=str(path)) from None
        parts = line.split("+", 4)
        try:
            data = base64.b64decode(parts[4], validate=True)
            if parts[:2] != ["PRIVATE", "KEY"] or len(data) != 33 or data[:1] != _ALGORITHM:
                raise ValueError
        except (IndexError, ValueError):
            raise ConfigError(
                "not a signing key", where=str(path), hint="it is one line PRIVATE+KEY+NAME+ID+SEED"
            ) from None
        found = cls(parts[2], data[1:])
        if found.public.id.hex() != parts[3]:
            raise ConfigError("the signing key does not fit its own id", where=str(path))
        return found

    @classmethod
    def _made(cls, path: Path, name: str) -> Signer:
        seed = os.urandom(32)
        found = cls(name, seed)
        line = f"PRIVATE+KEY+{name}+{found.public.id.hex()}+{base64.b64encode(_ALGORITHM + seed).decode()}\n"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:  # another process was quicker
            return cls.open(path, name=name, makes=False)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(line)
            stream.flush()
            os.fsync(stream.fileno())
        return found

    def checkpoint(self, size: int, root: bytes) -> Checkpoint:
        """Vouch for a root."""
        body = f"{self.public.name}\n{size}\n{base64.b64encode(root).decode()}\n"
        signed = base64.b64encode(self.public.id + self._key.sign(body.encode())).decode()
        return Checkpoint(self.public.name, size, root, f"{body}\n— {self.public.name} {signed}\n")


def read(text: str, key: PublicKey) -> Checkpoint:
    """A checkpoint whose signature by `key` holds. Raises DataError if the text is none, or not signed by it."""
    body, found, signatures = text.partition("\n\n")
    lines = body.split("\n")
    if not found or len(lines) < 3 or not re.fullmatch(r"0|[1-9][0-9]{0,18}", lines[1]):
        raise DataError("not a checkpoint", code="bad_checkpoint")
    try:
        root = base64.b64decode(lines[2], validate=True)
    except binascii.Error:
        root = b""
    if len(root) != 32:
        raise DataError("the checkpoint has no root", code="bad_checkpoint")
    message = (body + "\n").encode()
    for line in signatures.rstrip("\n").split("\n"):
        matched = _SIGNATURE.match(line)
        if not matched or matched[1] != key.name:
            continue
        try:
            signed = base64.b64decode(matched[2], validate=True)
        except binascii.Error:
            continue
        if len(signed) == 68 and signed[:4] == key.id and key.accepts(message, signed[4:]):
            return Checkpoint(lines[0], int(lines[1]), root, text)
    raise DataError(f"the checkpoint is not signed by {key.name!r}", code="bad_signature")


def split(text: str) -> Iterator[str]:
    """The checkpoints in a file to which they were added one after the other, each as its text."""
    lines: list[str] = []
    is_signed = False
    for line in text.splitlines(keepends=True):
        is_signature = line.startswith("— ")
        if is_signed and not is_signature and line.strip():
            yield "".join(lines).rstrip("\n") + "\n"
            lines = []
        is_signed = is_signature or (is_signed and not line.strip())
        if lines or line.strip():
            lines.append(line)
    if any(each.strip() for each in lines):
        yield "".join(lines).rstrip("\n") + "\n"
