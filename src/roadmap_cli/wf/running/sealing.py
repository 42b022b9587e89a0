"""What stands in a shared database is sealed: who runs it sees names, times and sizes, and can forge nothing.

ChaCha20-Poly1305 (RFC 8439) under a key that the machines share; what a text belongs to is authenticated with it, so
that one cannot be put in another's place.
"""

from __future__ import annotations

import base64
import binascii
import os

from roadmap_cli.core.errors import ConfigError

_MARK = "sealed:"


class Seal:
    """Seals and opens texts. Without a key it passes them through: for a database on this machine only."""

    def __init__(self, key: bytes | None):
        self._cipher = None
        if key is not None:
            from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

            self._cipher = ChaCha20Poly1305(key)

    def close(self, text: str, *about: str) -> str:
        """Seal a text."""
        if self._cipher is None:
            return text
        nonce = os.urandom(12)
        data = self._cipher.encrypt(nonce, text.encode(), "\0".join(about).encode())
        return _MARK + base64.b64encode(nonce + data).decode()

    def open(self, text: str, *about: str) -> str:
        """Open a sealed text. Raises ConfigError if it was not sealed with our key, or for something else."""
        if self._cipher is None:
            if text.startswith(_MARK):
                raise ConfigError("the shared database is sealed", hint="put its key into the second line of the file")
            return text
        from cryptography.exceptions import InvalidTag

        try:
            data = base64.b64decode(text.removeprefix(_MARK), validate=True)
            return self._cipher.decrypt(data[:12], data[12:], "\0".join(about).encode()).decode()
        except (InvalidTag, ValueError, binascii.Error):
            raise ConfigError(
                "what stands in the shared database was not written with this key",
                hint="all machines need the same second line in the file that --database names",
                code="other_seal",
            ) from None


def key(text: str) -> bytes:
    """A key of 32 bytes, as base64. Raises ConfigError."""
    try:
        found = base64.b64decode(text.strip(), validate=True)
    except (ValueError, binascii.Error):
        found = b""
    if len(found) != 32:
        hint = "make one: head -c 32 /dev/urandom | base64"
        raise ConfigError("the second line of the database file is no key of 32 bytes in base64", hint=hint)
    return found
