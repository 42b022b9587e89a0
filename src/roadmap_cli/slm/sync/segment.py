"""A segment: some revisions, signed, compressed, padded, encrypted. Once made it never changes.

On a remote it is ``v1/<device>/<number>-<BLAKE2b of its bytes>.age``. Inside the age encryption: a magic word, an
Ed25519 signature, the length of the payload, the payload (zlib: JSON lines, the head first), zeros up to a length of
Padmé (Nikitin et al., PURBs, PETS 2019), which leaks O(log log n) bits of the size. The head names the device, the
number and the hash of the segment before: segments of a device form a chain that cannot be cut, reordered or mixed.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.slm.sync import cards, revision
from roadmap_cli.slm.sync.cards import Card, Signer
from roadmap_cli.slm.sync.revision import Revision

NAME = re.compile(r"v1/([a-z2-7]{20})/([0-9a-f]{8})-([0-9a-f]{64})\.age\Z")
MAGIC = b"RMSYNC1\n"
MOST_BYTES = 64 << 20
_MOST_PLAIN = 512 << 20
_CONTEXT = b"roadmap sync segment 1\0"
_LEAST = 256
_HEAD = len(MAGIC) + 64 + 8


class NotForUs(DataError):
    """The segment is not encrypted to this device."""

    default_code = "not_for_us"


@dataclass(frozen=True, slots=True)
class Head:
    """What a segment says of itself.

    `seen`: up to which number its device has taken in the others' segments. `covers`: device → (from, to, hash): the
    segments beginning here (`part` 1 of `parts`) hold all that is in that device's segments after `from` up to `to`.
    `to` are the devices it is encrypted to; `cards` and `removed` all devices its device knows; `stuck`
    the removed ones whose segments it cannot read.
    """

    device_id: str
    seq: int
    previous: str
    seen: dict[str, int] = field(default_factory=dict)
    covers: dict[str, tuple[int, int, str]] = field(default_factory=dict)
    part: int = 1
    parts: int = 1
    to: tuple[str, ...] = ()
    cards: tuple[Card, ...] = ()
    removed: tuple[str, ...] = ()
    stuck: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """The head as it stands in the payload."""
        return {
            "version": 1,
            "device": self.device_id,
            "seq": self.seq,
            "previous": self.previous,
            "seen": self.seen,
            "covers": {name: list(value) for name, value in self.covers.items()},
            "part": self.part,
            "parts": self.parts,
            "to": list(self.to),
            "cards": [card.plain() for card in self.cards],
            "removed": list(self.removed),
            "stuck": list(self.stuck),
        }


def name_of(device_id: str, seq: int, digest: str) -> str:
    """The name of a segment on a remote."""
    return f"v1/{device_id}/{seq:08x}-{digest}.age"


def hash_in(name: str) -> str:
    """The hash in a segment's name."""
    return name.rpartition("-")[2].removesuffix(".age")


def digest(data: bytes) -> str:
    """The hash in a segment's name."""
    return blake2b(data, digest_size=32).hexdigest()


def padded(length: int) -> int:
    """The length of Padmé for `length`: at most 12 % more, and many lengths become one."""
    length = max(length, _LEAST)
    exponent = length.bit_length() - 1
    free = exponent - exponent.bit_length()
    mask = (1 << free) - 1
    return (length + mask) & ~mask


def sealed(head: Head, revisions: list[Revision], signer: Signer, recipients: list[str]) -> bytes:
    """The bytes of a segment, encrypted to `recipients` (age1…)."""
    import orjson
    import pyrage

    lines = [head.plain(), *(each.plain() for each in revisions)]
    payload = zlib.compress(b"\n".join(map(orjson.dumps, lines)), 6)
    frame = MAGIC + signer.sign(_CONTEXT + payload) + len(payload).to_bytes(8, "big") + payload
    frame += bytes(padded(len(frame)) - len(frame))
    data: bytes = pyrage.encrypt(frame, [pyrage.x25519.Recipient.from_str(each) for each in recipients])
    return data


def opened(data: bytes, identity: Any, verify_key: bytes) -> tuple[Head, list[Revision]]:
    """The head and the revisions of a segment signed by `verify_key`.

    Raises NotForUs if `identity` (of pyrage) does not open it; DataError if it is damaged or not signed by that key.
    """
    import orjson
    import pyrage

    try:
        frame: bytes = pyrage.decrypt(data, [identity])
    except pyrage.DecryptError as error:
        if "no matching keys" in str(error).lower():
            raise NotForUs("not encrypted to this device") from None
        raise DataError("it cannot be decrypted", code="damaged") from None
    size = int.from_bytes(frame[_HEAD - 8 : _HEAD], "big")
    payload = frame[_HEAD : _HEAD + size]
    if not frame.startswith(MAGIC) or len(payload) != size or any(frame[_HEAD + size :]):
        raise DataError("it is not a segment", code="damaged")
    if not cards.verified(verify_key, _CONTEXT + payload, frame[len(MAGIC) : len(MAGIC) + 64]):
        raise DataError("it is not signed by its device", code="bad_signature")
    try:
        inflate = zlib.decompressobj()
        text = inflate.decompress(payload, _MOST_PLAIN)
        if not inflate.eof:
            raise DataError("it is too large", code="damaged")
        first, *rest = [orjson.loads(line) for line in text.split(b"\n")]
    except (zlib.error, ValueError):
        raise DataError("it is not a segment", code="damaged") from None
    return _head(first), [revision.of_plain(each) for each in rest]


def _head(value: Any) -> Head:
    if not isinstance(value, dict):
        raise DataError("it has no head", code="damaged")
    if value.get("version") != 1:
        raise DataError("it was written by a newer version of roadmap", hint="upgrade roadmap", code="newer")
    try:
        covers = {
            _id(name): (_count(low), _count(high), str(last)) for name, (low, high, last) in value["covers"].items()
        }
        return Head(
            device_id=_id(value["device"]),
            seq=_count(value["seq"]),
            previous=str(value["previous"]),
            seen={_id(name): _count(seq) for name, seq in value["seen"].items()},
            covers=covers,
            part=_count(value["part"]),
            parts=_count(value["parts"]),
            to=tuple(map(_id, value["to"])),
            cards=tuple(map(cards.of_plain, value["cards"])),
            removed=tuple(map(_id, value["removed"])),
            stuck=tuple(map(_id, value["stuck"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise DataError("its head is damaged", code="damaged") from None


def _id(value: Any) -> str:
    if not isinstance(value, str) or not cards.DEVICE_ID.match(value):
        raise ValueError(value)
    return value


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 32:
        raise ValueError(value)
    return value
