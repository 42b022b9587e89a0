"""Whose key opens the state: finding, reading and, at the first use of all, making an age identity.

Looked for in this order, the first that is named counts: ``--identity FILE``, the file named by ``ROADMAP_IDENTITY``,
the file descriptor numbered by ``ROADMAP_IDENTITY_FD``, the systemd credential ``roadmap-identity``, the default
file. A secret never comes as an argument, and one that is named but does not work is never passed over.
"""

# Descriptors, modes and exact errors of the operating system are the point here.

from __future__ import annotations

import os
import stat
from contextlib import suppress

from roadmap_cli.core import paths
from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import ConfigError
from roadmap_cli.state import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from os import PathLike
    from typing import Any

    from roadmap_cli.core.clock import Clock

CREDENTIAL = "roadmap-identity"
#: More than any identity file, key file or passphrase has.
MOST_BYTES = 1 << 20


class Identity:
    """A secret that opens what is wrapped to `recipient` (``age1…`` or an ssh public key)."""

    __slots__ = ("recipient", "secret")

    def __init__(self, secret: Any, recipient: str):
        self.secret = secret
        self.recipient = recipient


class KeySource:
    """Where the user's identities come from. Reads them once, when first asked."""

    def __init__(self, environ: Mapping[str, str], identity: str | PathLike[str] | None = None):
        self._environ = environ
        self._named = os.fspath(identity) if identity is not None else None
        self._found: list[Identity] | None = None

    @property
    def default(self) -> str:
        """The identity file that is made at the first use of all."""
        return os.fspath(paths.identity_file(self._environ))

    def file(self) -> str | None:
        """The identity file in use, present or not; None if a descriptor or a credential is used."""
        if self._named or self._environ.get("ROADMAP_IDENTITY"):
            return self._named or self._environ["ROADMAP_IDENTITY"]
        return None if self._environ.get("ROADMAP_IDENTITY_FD") or self._credential() else self.default

    def where(self) -> str:
        """What to call the place in a message."""
        number = self._environ.get("ROADMAP_IDENTITY_FD")
        return self.file() or (f"descriptor {number}" if number else self._credential() or "")

    def identities(self) -> list[Identity]:
        """The user's identities, at least one. Raises ConfigError if there is none or it cannot be used."""
        if self._found is None:
            content, where = self._content()
            self._found = parse(content, where, self._passphrase)
        return self._found

    def forget(self) -> None:
        """Read the identities anew when next asked: the file was changed."""
        self._found = None

    def first_use(self, now: Clock) -> list[Identity]:
        """As `identities`, but make the default file (0600, age-keygen's format) if it is the one in use and missing.

        Two processes that do this at once end up with the same identity. Raises ConfigError, OSError.
        """
        if self.file() == self.default and not os.path.lexists(self.default):
            files.make_directory(os.path.dirname(self.default))
            with suppress(FileExistsError):  # another process was faster; its identity is as good
                files.write_private(self.default, generate(now), replace=False)
        return self.identities()

    def _credential(self) -> str | None:
        folder = self._environ.get("CREDENTIALS_DIRECTORY")
        path = os.path.join(folder, CREDENTIAL) if folder else ""
        return path if path and os.path.exists(path) else None

    def _content(self) -> tuple[bytes, str]:
        path, where = self.file(), self.where()
        if path is not None:
            return read_file(path, "identity", hint=self._hint(path)), where
        if number := self._environ.get("ROADMAP_IDENTITY_FD"):
            return read_descriptor(number, "ROADMAP_IDENTITY_FD"), where
        return read_file(where, "identity", private=False, hint="check LoadCredential= in the unit"), where

    def _hint(self, path: str) -> str:
        if path == self.default:
            return "bring back the identity file from your backup, or name it with --identity FILE"
        return "name the file that holds your age identity"

    def _passphrase(self) -> str:
        if path := self._environ.get("ROADMAP_PASSPHRASE_FILE"):
            content = read_file(path, "passphrase", hint="check ROADMAP_PASSPHRASE_FILE")
        elif number := self._environ.get("ROADMAP_PASSPHRASE_FD"):
            content = read_descriptor(number, "ROADMAP_PASSPHRASE_FD")
        else:
            raise ConfigError(
                "the identity is locked by a passphrase",
                where=self.where(),
                hint="put the passphrase in a file of mode 0600 and name it in ROADMAP_PASSPHRASE_FILE",
                code="identity_locked",
            )
        try:
            return content.decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise ConfigError("the passphrase is not UTF-8", hint="check ROADMAP_PASSPHRASE_FILE") from None


def generate(now: Clock) -> bytes:
    """A new X25519 identity as age-keygen writes it."""
    from pyrage import x25519

    identity = x25519.Identity.generate()
    return f"# created: {stamp(now())}\n# public key: {identity.to_public()}\n{identity}\n".encode()


def parse(content: bytes, where: str, passphrase: Callable[[], str]) -> list[Identity]:
    """The identities in the content of an identity file: age's text, an ssh private key, or age's text encrypted.

    `passphrase` is called only for the last. Raises ConfigError if there is none or it cannot be used.
    """
    head = content.lstrip()[:40]
    if head.startswith((b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE")):
        content = _decrypted(content, where, passphrase())
    elif head.startswith(b"-----BEGIN"):
        return [_ssh(content, where)]
    identities = []
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        text = line.strip()
        if text and not text.startswith("#"):
            identities.append(_x25519(text, f"{where}:{number}"))
    if not identities:
        raise ConfigError("no identity in the file", where=where, hint="it should hold a line AGE-SECRET-KEY-1…")
    return identities


def read_file(path: str, what: str, *, private: bool = True, hint: str | None = None) -> bytes:
    """The content of a small secret file. Raises ConfigError if it is missing, too large or readable by others."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            found = os.fstat(descriptor)
            if private and found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) & 0o077:
                raise ConfigError(
                    f"the {what} can be read by others (mode {stat.S_IMODE(found.st_mode):04o})",
                    where=path,
                    hint=f"chmod 600 {path}",
                    code="identity_exposed",
                )
            return _all(descriptor, path)
        finally:
            os.close(descriptor)
    except OSError as error:
        reason = "there is none" if isinstance(error, FileNotFoundError) else (error.strerror or str(error)).lower()
        raise ConfigError(f"no {what}: {reason}", where=path, hint=hint, code=f"no_{what}") from None


def read_descriptor(number: str, variable: str) -> bytes:
    """What a file descriptor inherited from the caller holds. A regular file is read from its start by each process.

    Raises ConfigError if it is not open.
    """
    try:
        descriptor = int(number) if number.isascii() and number.isdigit() else -1
        return _all(descriptor, variable)
    except (OSError, OverflowError):
        raise ConfigError(
            f"not an open file descriptor: {number!r}", where=variable, hint=f"{variable}=3 COMMAND 3< FILE"
        ) from None


def _all(descriptor: int, where: str) -> bytes:
    regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
    content = b""
    while len(content) <= MOST_BYTES:
        piece = os.pread(descriptor, MOST_BYTES, len(content)) if regular else os.read(descriptor, MOST_BYTES)
        if not piece:
            return content
        content += piece
    raise ConfigError(f"more than {MOST_BYTES} bytes", where=where)


def _x25519(text: str, where: str) -> Identity:
    from pyrage import IdentityError, x25519

    try:
        secret = x25519.Identity.from_str(text)
    except IdentityError:
        kind = "plugin identities are not supported" if text.startswith("AGE-PLUGIN-") else "not an age identity"
        raise ConfigError(kind, where=where, hint="it should be a line AGE-SECRET-KEY-1…") from None
    return Identity(secret, str(secret.to_public()))


def _ssh(content: bytes, where: str) -> Identity:
    from pyrage import IdentityError, ssh

    from roadmap_cli.state import ssh_public

    try:
        return Identity(ssh.Identity.from_buffer(content), ssh_public.derive(content))
    except (IdentityError, ValueError) as error:
        raise ConfigError(
            f"not an ssh key that can be used: {error}",
            where=where,
            hint="use an ed25519 or rsa private key without a passphrase",
        ) from None


def _decrypted(content: bytes, where: str, passphrase: str) -> bytes:
    import pyrage

    try:
        plain: bytes = pyrage.passphrase.decrypt(content, passphrase)
    except pyrage.DecryptError as error:
        raise ConfigError(
            f"the passphrase does not open the identity: {str(error).lower()}",
            where=where,
            hint="check the file named in ROADMAP_PASSPHRASE_FILE",
            code="identity_locked",
        ) from None
    return plain
