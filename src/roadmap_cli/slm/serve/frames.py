"""What the server and the process of a model say to each other: JSON objects behind their length.

From the parent: ``open`` (first), ``submit``, ``cancel``, ``count``, ``embed``, ``drop``, ``save``. From the child:
``opened`` or ``refused``, then ``events`` (pieces, ends and failures of one step), ``counted``, ``embedded``,
``dropped``, ``saved``. Each object's ``is`` names it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

_HEAD = struct.Struct(">I")
#: More than the longest prompt a server takes, with what JSON makes of it.
MOST_BYTES = 256 << 20


def frame(value: Mapping[str, Any]) -> bytes:
    """An object as bytes."""
    body = orjson.dumps(value)
    return _HEAD.pack(len(body)) + body


class Frames:
    """Objects out of the bytes that arrive."""

    def __init__(self) -> None:
        self._held = bytearray()

    def take(self, piece: bytes) -> Iterator[dict[str, Any]]:
        """The objects that are complete with this piece. Raises ValueError for what is none."""
        self._held += piece
        while len(self._held) >= _HEAD.size:
            (length,) = _HEAD.unpack_from(self._held)
            if length > MOST_BYTES:
                raise ValueError(f"a frame of {length} bytes")
            if len(self._held) < _HEAD.size + length:
                return
            body = bytes(self._held[_HEAD.size : _HEAD.size + length])
            del self._held[: _HEAD.size + length]
            yield orjson.loads(body)
