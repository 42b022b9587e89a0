"""The header of a GGUF file: what the model is and where its tensors lie, read without trusting a byte of it.

Format: ggml's docs/gguf.md, versions 2 and 3, little-endian. Nothing is allocated by a size the file claims, every
length is held against what is left of the file, and every tensor against the file's end.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from roadmap_cli.core.errors import DataError, InputMissing

#: ggml type → name, weights in a block, bytes of a block (ggml-common.h).
TYPES: dict[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 36), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17),
}  # fmt: skip
NUMBERS: dict[str, int] = {name: number for number, (name, _, _) in TYPES.items()}
#: Types in which no precision was lost yet.
EXACT = ("F32", "F16", "BF16", "F64")
MOST_TENSORS, MOST_KEYS, LONGEST_KEY, LONGEST_NAME = 1 << 17, 1 << 16, 1 << 16, 1 << 10
#: Values of arrays longer than this are passed over (a vocabulary); only their length is kept.
KEPT_ITEMS = 1024
LONGEST_TEXT = 1 << 20
#: A header larger than this is none: the largest vocabularies take about 20 MB.
LARGEST_HEADER = 256 << 20
DEEPEST_ARRAY = 2
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9

Value = bool | int | float | str | list["Value"]


@dataclass(frozen=True, slots=True)
class Length:
    """Stands for an array that was passed over."""

    count: int


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor: its shape (innermost first), type, and bytes in the file, without padding."""

    name: str
    shape: tuple[int, ...]
    type: str
    offset: int
    size_bytes: int

    @property
    def count(self) -> int:
        """Weights in it."""
        found = 1
        for each in self.shape:
            found *= each
        return found


@dataclass(frozen=True, slots=True)
class Header:
    """What a GGUF file says before its tensors' data."""

    path: Path
    version: int
    values: Mapping[str, Value | Length]
    tensors: tuple[Tensor, ...]
    alignment: int
    header_bytes: int
    file_bytes: int

    @property
    def architecture(self) -> str:
        """``llama``, ``qwen2`` and so on; empty if the file does not say."""
        value = self.values.get("general.architecture")
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> int | None:
        """A whole number of the architecture's own (``block_count``), or None; of a list, the largest."""
        value = self.values.get(f"{self.architecture}.{name}")
        if isinstance(value, list):
            numbers = [each for each in value if isinstance(each, int) and not isinstance(each, bool)]
            return max(numbers, default=None)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    @property
    def vocabulary(self) -> int:
        """Tokens the model knows."""
        tokens = self.values.get("tokenizer.ggml.tokens")
        if isinstance(tokens, Length):
            return tokens.count
        return len(tokens) if isinstance(tokens, list) else self.number("vocab_size") or 0

    @property
    def parameters(self) -> int:
        """Weights of all tensors."""
        return sum(tensor.count for tensor in self.tensors)

    @property
    def main_type(self) -> str:
        """The type most of the weights are in."""
        counts: dict[str, int] = {}
        for tensor in self.tensors:
            counts[tensor.type] = counts.get(tensor.type, 0) + tensor.count
        return max(counts, key=lambda name: counts[name], default="F32")


def read(path: Path) -> Header:
    """Read a header. Raises InputMissing if the file cannot be read, DataError that says what is wrong with it."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            return _Reader(file, size, path).header()
    except OSError as error:
        raise InputMissing(f"cannot be read: {(error.strerror or str(error)).lower()}", where=str(path)) from None


def row_bytes(type_name: str, columns: int) -> int:
    """Bytes of a row of weights. Raises KeyError for a type there is not, ValueError if blocks do not fit the row."""
    _, block, size = TYPES[NUMBERS[type_name]]
    if columns % block:
        raise ValueError(f"{columns} weights are no whole number of blocks of {block}")
    return columns // block * size


class _Reader:
    """Reads values one after the other; no call reads past the end or more than it may."""

    def __init__(self, file: BinaryIO, size: int, path: Path) -> None:
        self.file, self.size, self.path = file, size, path
        self.at = 0

    def header(self) -> Header:
        magic = self.bytes(4) if self.size >= 4 else b""
        if magic != b"GGUF":
            raise self.wrong(f"not a GGUF file: it begins with {magic!r}")
        version = self.scalar("I")
        if version in (2 << 24, 3 << 24):
            raise self.wrong("a big-endian GGUF file, which is not for this machine")
        if version not in (2, 3):
            raise self.wrong(f"GGUF version {version}; only 2 and 3 are known")
        tensor_count, key_count = self.scalar("Q"), self.scalar("Q")
        if tensor_count > MOST_TENSORS or key_count > MOST_KEYS:
            raise self.wrong(f"it claims {tensor_count} tensors and {key_count} keys, more than any model has")
        values: dict[str, Value | Length] = {}
        for _ in range(key_count):
            key = self.text(LONGEST_KEY)
            if key in values:
                raise self.wrong(f"the key {key[:80]!r} is there twice")
            values[key] = self.value(self.scalar("I"), 0)
        alignment = values.get("general.alignment", 32)
        if (
            not isinstance(alignment, int)
            or isinstance(alignment, bool)
            or not 1 <= alignment <= 1 << 16
            or alignment & (alignment - 1)
        ):
            raise self.wrong(f"an alignment of {str(alignment)[:40]}, which is no power of two")
        claimed = [self.tensor() for _ in range(tensor_count)]
        end = self.at
        data = -(-end // alignment) * alignment
        placed = self.placed(claimed, data, alignment)
        return Header(self.path, version, values, placed, alignment, end, self.size)

    def placed(self, tensors: list[Tensor], data: int, alignment: int) -> tuple[Tensor, ...]:
        """The same tensors, once they are known to lie in the file, aligned and apart from each other."""
        names: set[str] = set()
        end = 0
        for tensor in sorted(tensors, key=lambda each: each.offset):
            if tensor.name in names:
                raise self.wrong(f"the tensor {tensor.name[:80]!r} is there twice")
            names.add(tensor.name)
            if tensor.offset % alignment:
                raise self.wrong(f"the tensor {tensor.name[:80]!r} is not aligned")
            if tensor.offset < end:
                raise self.wrong(f"the tensor {tensor.name[:80]!r} overlaps the one before")
            end = tensor.offset + tensor.size_bytes
            if data + end > self.size:
                missing = data + end - self.size
                raise self.wrong(f"cut short: {missing:,} bytes of the tensor {tensor.name[:80]!r} are missing")
        return tuple(tensors)

    def tensor(self) -> Tensor:
        name = self.text(LONGEST_NAME)
        rank = self.scalar("I")
        if not 1 <= rank <= 4:
            raise self.wrong(f"the tensor {name[:80]!r} has {rank} dimensions")
        shape = tuple(self.scalar("Q") for _ in range(rank))
        number, offset = self.scalar("I"), self.scalar("Q")
        if number not in TYPES:
            raise self.wrong(f"the tensor {name[:80]!r} has the unknown type {number}")
        kind, block, size = TYPES[number]
        count = 1
        for each in shape:
            count *= each
            if not 0 < each < 1 << 48 or count >= 1 << 60:
                raise self.wrong(f"the tensor {name[:80]!r} has the impossible shape {shape}")
        if shape[0] % block:
            raise self.wrong(f"rows of the tensor {name[:80]!r} are no whole number of blocks of {kind}")
        return Tensor(name, shape, kind, offset, count // block * size)

    def value(self, kind: int, depth: int) -> Value | Length:
        if kind in _SCALARS:
            return self.scalar(_SCALARS[kind])
        if kind == _STRING:
            return self.text(LONGEST_TEXT)
        if kind != _ARRAY:
            raise self.wrong(f"a value of the unknown type {kind}")
        if depth >= DEEPEST_ARRAY:
            raise self.wrong("arrays inside arrays inside arrays")
        inner, count = self.scalar("I"), self.scalar("Q")
        if inner in _SCALARS:
            form = struct.Struct("<" + _SCALARS[inner])
            if count > KEPT_ITEMS:
                self.skip(count * form.size)
                return Length(count)
            return [each for (each,) in form.iter_unpack(self.bytes(count * form.size))]
        if inner not in (_STRING, _ARRAY):
            raise self.wrong(f"an array of the unknown type {inner}")
        least = 8 if inner == _STRING else 12
        if count * least > self.size - self.at:
            raise self.wrong(f"an array of {count} items, more than the file holds")
        if count > KEPT_ITEMS and inner == _STRING:
            self.skip_texts(count)
            return Length(count)
        if count > KEPT_ITEMS:
            raise self.wrong(f"an array of {count} arrays")
        return [item for _ in range(count) if not isinstance(item := self.value(inner, depth + 1), Length)]

    def skip_texts(self, count: int) -> None:
        """Pass over many texts, reading large blocks: a vocabulary has a hundred thousand."""
        unpack = struct.Struct("<Q").unpack_from
        held, place = b"", 0
        for _ in range(count):
            if len(held) - place < 8:
                held, place = self.more(held[place:], 8), 0
            (length,) = unpack(held, place)
            place += 8
            if length > LONGEST_TEXT:
                raise self.wrong(f"a text of {length} bytes in an array")
            if len(held) - place < length:
                held, place = self.more(held[place:], length), 0
            place += length
        self.at -= len(held) - place
        self.file.seek(self.at)

    def more(self, held: bytes, needed: int) -> bytes:
        """What is held and the next block, which together have at least `needed` bytes."""
        return held + self.bytes(max(needed - len(held), min(1 << 18, self.size - self.at, LARGEST_HEADER - self.at)))

    def text(self, longest: int) -> str:
        length = self.scalar("Q")
        if length > longest:
            raise self.wrong(f"a text of {length} bytes where at most {longest} make sense")
        return self.bytes(length).decode("utf-8", "replace")

    def scalar(self, form: str) -> int:
        found: int = struct.unpack("<" + form, self.bytes(struct.calcsize("<" + form)))[0]
        return found

    def skip(self, count: int) -> None:
        self.within(count)
        self.at += count
        self.file.seek(self.at)

    def bytes(self, count: int) -> bytes:
        self.within(count)
        found = self.file.read(count)
        if len(found) != count:
            raise self.wrong("cut short while it was read")
        self.at += count
        return found

    def within(self, count: int) -> None:
        if count > self.size - self.at:
            raise self.wrong(f"cut short: the header goes on past the end at {self.size:,} bytes")
        if self.at + count > LARGEST_HEADER:
            raise self.wrong(f"a header of more than {LARGEST_HEADER >> 20} MiB")

    def wrong(self, message: str) -> DataError:
        return DataError(message, where=str(self.path), code="bad_gguf")
