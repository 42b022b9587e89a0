"""Who takes part: a device's keys, and the public card by which other devices come to trust it.

A card is signed by its own key (Ed25519, RFC 8032), which proves that its maker holds it; that it is the right one,
a person proves by comparing its fingerprint.
"""

from __future__ import annotations

import re
from base64 import b32encode, urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from roadmap_cli.core.errors import DataError, UsageError

PREFIX = "roadmap-device-1."
DEVICE_ID = re.compile(r"[a-z2-7]{20}\Z")
MOST_NAME = 64
_CONTEXT = b"roadmap sync card 1\0"
#: A card as a word: key (32 bytes), signature (64), age recipient (62 letters), name.
_NAME_AT = 32 + 64 + 62


@dataclass(frozen=True, slots=True)
class Card:
    """What other devices may know of a device: its name, Ed25519 key (32 bytes), age recipient, and its signature."""

    name: str
    verify_key: bytes
    recipient: str
    signature: bytes

    @property
    def device_id(self) -> str:
        """Its id, made from its key: 100 bits in base32."""
        return _id_of(self.verify_key)

    @property
    def fingerprint(self) -> str:
        """What two people read to each other: 160 bits over both keys, in eight groups of four."""
        digest = blake2b(_signed("", self.verify_key, self.recipient), digest_size=20).digest()
        text = b32encode(digest).decode()
        return "-".join(text[at : at + 4] for at in range(0, 32, 4))

    @property
    def text(self) -> str:
        """The card as one word to paste."""
        packed = self.verify_key + self.signature + self.recipient.encode() + self.name.encode()
        return PREFIX + urlsafe_b64encode(packed).decode().rstrip("=")

    def plain(self) -> list[str]:
        """The card as JSON has it."""
        return [self.name, self.verify_key.hex(), self.recipient, self.signature.hex()]


class Signer:
    """A device's secret signing key."""

    def __init__(self, secret: bytes):
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self.secret = secret
        self._key = Ed25519PrivateKey.from_private_bytes(secret)

    @property
    def verify_key(self) -> bytes:
        """The public half."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """The signature of a message, 64 bytes."""
        return self._key.sign(message)

    def card(self, name: str, recipient: str) -> Card:
        """The card of the device that has this key."""
        key = self.verify_key
        return Card(name, key, recipient, self.sign(_CONTEXT + _signed(name, key, recipient)))


def verified(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature is this key's."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def of_plain(value: Any) -> Card:
    """The card in its JSON form. Raises DataError if it is none, or its signature is not its own."""
    if not (isinstance(value, list) and len(value) == 4 and all(isinstance(each, str) for each in value)):
        raise DataError("not a device card", code="bad_card")
    name, key, recipient, signature = value
    try:
        card = Card(name, bytes.fromhex(key), recipient, bytes.fromhex(signature))
    except ValueError:
        raise DataError("not a device card", code="bad_card") from None
    if not is_name(name) or not re.fullmatch(r"age1[a-z0-9]{58}", recipient):
        raise DataError("not a device card", code="bad_card")
    if not _is_sound(card):
        raise DataError("the device card is damaged: its signature does not fit", code="bad_card")
    return card


def of_text(text: str) -> Card:
    """The card in a pasted word. Raises UsageError if it is none."""
    word = "".join(text.split())
    try:
        if not word.startswith(PREFIX):
            raise DataError("not a device card")
        coded = word.removeprefix(PREFIX)
        packed = urlsafe_b64decode(coded + "=" * (-len(coded) % 4))
        name, recipient = packed[_NAME_AT:].decode(), packed[96:_NAME_AT].decode()
        return of_plain([name, packed[:32].hex(), recipient, packed[32:96].hex()])
    except (ValueError, DataError):
        shown = word if len(word) <= 40 else word[:37] + "..."
        raise UsageError(
            f"not a device card: {shown!r}", hint=f"give the whole word {PREFIX}… that 'slm-sync card' shows there"
        ) from None


def is_name(name: str) -> bool:
    """Whether a text is fit to name a device or a remote: printable, one line, not an option."""
    return 0 < len(name) <= MOST_NAME and name.isprintable() and name == name.strip() and not name.startswith("-")


def same_fingerprint(one: str, other: str) -> bool:
    """Whether two spellings of a fingerprint are the same."""
    return _letters(one) == _letters(other)


@lru_cache(maxsize=256)
def _id_of(verify_key: bytes) -> str:
    return b32encode(blake2b(verify_key, digest_size=13).digest()).decode().lower()[:20]


@lru_cache(maxsize=256)
def _is_sound(card: Card) -> bool:
    """Each segment brings the cards of all devices along: they are verified once."""
    signed = _signed(card.name, card.verify_key, card.recipient)
    return verified(card.verify_key, _CONTEXT + signed, card.signature)


def _letters(text: str) -> str:
    return re.sub(r"[^A-Z2-7]", "", text.upper())


def _signed(name: str, key: bytes, recipient: str) -> bytes:
    parts = (name.encode(), key, recipient.encode())
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
