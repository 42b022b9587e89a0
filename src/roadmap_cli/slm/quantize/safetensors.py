"""Tensors of safetensors files, one at a time, read without trusting the header.

Format: https://github.com/huggingface/safetensors#format: eight bytes of length, JSON, then the data.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roadmap_cli.core.errors import DataError, InputMissing

LARGEST_HEADER = 100 << 20
_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a tensor lies: its shape (outermost first), type, and bytes of the file."""

    path: Path
    name: str
    kind: str
    shape: tuple[int, ...]
    begin: int
    end: int


def entries(folder: Path) -> dict[str, Entry]:
    """Every tensor of the folder's safetensors files. Raises InputMissing, DataError."""
    found: dict[str, Entry] = {}
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise InputMissing("no *.safetensors in it", where=str(folder))
    for path in files:
        for entry in _of_file(path):
            if entry.name in found:
                raise _wrong(path, f"the tensor {entry.name[:80]!r} is there twice")
            found[entry.name] = entry
    return found


def _of_file(path: Path) -> Iterator[Entry]:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > min(LARGEST_HEADER, size - 8):
                raise _wrong(path, "cut short, or no safetensors file: its header goes on past the end")
            text = file.read(length)
    except OSError as error:
        raise InputMissing(f"cannot be read: {(error.strerror or str(error)).lower()}", where=str(path)) from None
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        raise _wrong(path, "its header is not JSON") from None
    if not isinstance(header, dict):
        raise _wrong(path, "its header is no object")
    for name, told in header.items():
        if name == "__metadata__":
            continue
        try:
            kind, shape, (begin, end) = told["dtype"], tuple(told["shape"]), told["data_offsets"]
            sound = all(type(each) is int and 0 <= each < 1 << 48 for each in (*shape, begin, end))
        except (KeyError, TypeError, ValueError):
            raise _wrong(path, f"the tensor {name[:80]!r} has no type, shape and place") from None
        if kind not in _BYTES:
            raise _wrong(
                path, f"the tensor {name[:80]!r} is of the type {str(kind)[:20]}; F32, F16 and BF16 can be read"
            )
        count = 1
        for each in shape if sound else ():
            count *= each
        if not sound or end - begin != count * _BYTES[kind] or 8 + length + end > size or len(shape) > 4:
            raise _wrong(path, f"the tensor {name[:80]!r} does not lie where the header says")
        yield Entry(path, name, kind, shape, 8 + length + begin, 8 + length + end)


def array(entry: Entry) -> Any:
    """The tensor as a numpy array of float32 (of BF16 and F64, too) or float16."""
    import numpy

    if entry.begin == entry.end:
        return numpy.zeros(entry.shape, numpy.float32)
    with entry.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        raw = whole[entry.begin : entry.end]
    if entry.kind == "BF16":
        values = (numpy.frombuffer(raw, numpy.uint16).astype(numpy.uint32) << 16).view(numpy.float32)
    else:
        kind = {"F64": numpy.float64, "F32": numpy.float32, "F16": numpy.float16}[entry.kind]
        values = numpy.frombuffer(raw, kind)
        if entry.kind == "F64":
            values = values.astype(numpy.float32)
    return values.reshape(entry.shape)


def _wrong(path: Path, message: str) -> DataError:
    return DataError(message, where=str(path), code="bad_safetensors")
