"""What a record is: one JSON object with a kind, an id and a time; how ids are made.

The format is described for users in roadmap-records(5).
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from roadmap_cli.core.errors import DataError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

Record = dict[str, Any]
#: A field of a content id: text, whole numbers, booleans and lists of them. No floats: they have many spellings.
Identifying = str | int | bool | list[str] | list[int] | None

_BASE32 = b"abcdefghijklmnopqrstuvwxyz234567" + bytes(224)
#: Two signs of base32 for each 10 bits, made when they are first needed; and where these stand in 130 bits.
_PAIRS: list[str] = []
_SHIFTS = tuple(range(120, -1, -10))
KIND = re.compile(r"[a-z][a-z0-9]*(\.[a-z][a-z0-9_]*)?\Z")


def content_id(kind: str, **fields: Identifying) -> str:
    """The id of a fact: the same kind and identifying fields always give the same id.

    SHA-256 over the RFC 8785 form of the fields, the first 128 bits in lower-case base32, behind the family's name.
    """
    import hashlib

    bits = int.from_bytes(hashlib.sha256(identity(kind, **fields)).digest()[:16]) << 2  # 26 signs of 5 bits
    pairs = _PAIRS or _made_pairs()
    return f"{_family(kind)}_{''.join([pairs[bits >> shift & 1023] for shift in _SHIFTS])}"


def content_ids(kind: str, identities: Sequence[bytes]) -> list[str]:
    """The ids of many facts of one kind at once; `identities` are what `identity` gives for each.

    The same ids as `content_id` makes, at a fifth of the cost: the base32 of all is worked out together, by shifts in
    one long integer that spread 5 bits over 8 ("SIMD within a register").
    """
    from hashlib import sha256

    count = len(identities)
    digests = b"".join([sha256(each).digest()[:16] + b"\0\0\0\0" for each in identities])
    lanes = bytearray(count * 32)  # each 5 bytes, 40 bits, in a lane of 8
    for place in range(5):
        lanes[3 + place :: 8] = digests[place::5]
    bits = int.from_bytes(lanes)
    for high, low, shift in (
        (0x000000FFFFF00000, 0x00000000000FFFFF, 12),
        (0x000FFC00000FFC00, 0x000003FF000003FF, 6),
        (0x03E003E003E003E0, 0x001F001F001F001F, 3),
    ):
        masks = (int.from_bytes(mask.to_bytes(8) * (count * 4)) for mask in (high, low))
        bits = (bits & next(masks)) << shift | bits & next(masks)
    text = bits.to_bytes(count * 32).translate(_BASE32).decode("ascii")
    family = _family(kind)
    return [f"{family}_{text[place : place + 26]}" for place in range(0, count * 32, 32)]


def identity(kind: str, **fields: Identifying) -> bytes:
    """What a content id is the hash of: the RFC 8785 form of a kind and its identifying fields."""
    import orjson

    return orjson.dumps([kind, fields], option=orjson.OPT_SORT_KEYS)


def run_id(kind: str, at: datetime) -> str:
    """A new id that sorts by time: 48 bits of milliseconds and 80 random bits (the layout of ULID)."""
    import os

    milliseconds = int(at.timestamp() * 1000) & (1 << 48) - 1
    return f"{_family(kind)}_{_crockford((milliseconds << 80) | int.from_bytes(os.urandom(10)))}"


def canonical(value: Any) -> bytes:
    """The canonical JSON of a value (RFC 8785): what is hashed and signed. Raises DataError if it has none.

    Where nothing in it is spelled otherwise by orjson (`_is_plain`) that does it, at a tenth of the cost.
    """
    if _is_plain(value):
        import orjson

        try:
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        except TypeError:  # half of a surrogate pair: the other way words it
            pass
    import rfc8785

    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        raise DataError(f"no canonical form: {error}", code="not_canonical") from None


#: Whole numbers beyond this have no exact double: RFC 8785 refuses them.
_MOST_EXACT = 2**53 - 1


def _is_plain(value: Any) -> bool:
    """Whether a value is made of texts, whole numbers, truth values, lists and objects with ASCII names alone.

    Floats are spelled in another way by RFC 8785, and other names sorted in another order (UTF-16 against UTF-8).
    """
    waiting = [value]
    while waiting:
        each = waiting.pop()
        kind = type(each)
        if kind is str or kind is bool or each is None:
            continue
        if kind is int:
            if not -_MOST_EXACT <= each <= _MOST_EXACT:
                return False
        elif kind is dict:
            for name in each:
                if type(name) is not str or not name.isascii():
                    return False
            waiting.extend(each.values())
        elif kind is list:
            waiting.extend(each)
        else:
            return False
    return True


def require(record: Record, field: str, kind: type | tuple[type, ...]) -> Any:
    """The value of a field that must be there with a given type. Raises DataError that names the field."""
    value = record.get(field)
    if value is None:
        raise DataError(f"field {field!r} is missing", code="missing_field")
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise DataError(f"field {field!r} has the wrong type: {_shorten(value)}", code="wrong_type")
    return value


def _made_pairs() -> list[str]:
    signs = _BASE32[:32].decode("ascii")
    _PAIRS[:] = [high + low for high in signs for low in signs]
    return _PAIRS


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _family(kind: str) -> str:
    return kind.partition(".")[0]


def _crockford(number: int) -> str:
    alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
    return "".join(alphabet[number >> shift & 31] for shift in range(125, -1, -5))
