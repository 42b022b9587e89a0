"""The tensors of a PyTorch weights file, read without PyTorch and without running anything that is written in it.

Both forms are read: the one of before torch 1.6 (pickles one after the other, then the storages in the order of a list
of keys) and the zip of today (`data.pkl` and a member for each storage). The pickle may name an ordered dictionary and
the rebuilding of a float32 or int64 tensor, and nothing else.
Format: torch/serialization.py, `_legacy_save` and `_save`.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from roadmap_cli.core.errors import DataError

if TYPE_CHECKING:
    import numpy

_MAGIC = 0x1950A86A20F9469CFC6C
_TYPES = {"FloatStorage": "<f4", "LongStorage": "<i8", "IntStorage": "<i4"}
#: More than any tensor here: a damaged length must not ask for the machine's memory.
_MOST_VALUES = 1 << 28
_MOST_MEMO = 1 << 20


def read(path: Path) -> dict[str, numpy.ndarray[Any, Any]]:
    """The tensors of a `state_dict` by name. Raises DataError if the file is damaged or holds anything else."""
    try:
        if zipfile.is_zipfile(path):
            return _zipped(path)
        with path.open("rb") as file:
            return _in_a_row(file)
    except DataError:
        raise
    except Exception as error:  # a damaged pickle raises whatever its opcodes come to
        raise DataError(f"not a PyTorch weights file: {path.name}: {error}", code="bad_weights") from error


class _Storage:
    """A run of values that tensors are views of: what a pickle says of it, and the values once they are read."""

    def __init__(self, kind: str, key: str, count: int):
        if not 0 <= count <= _MOST_VALUES:
            raise DataError(f"a storage of {count} values", code="bad_weights")
        self.kind, self.key, self.count = kind, key, count
        self.values: Any = None


class _Tensor:
    """A view of a storage."""

    def __init__(self, storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]):
        self._storage, self._offset, self._shape, self._strides = storage, offset, shape, strides

    def array(self) -> numpy.ndarray[Any, Any]:
        """The view's values, in an array of their own. Raises ValueError if it leaves its storage."""
        import numpy

        values = self._storage.values
        count = 1
        for side in self._shape:
            count *= side
        reach = self._offset + sum((side - 1) * step for side, step in zip(self._shape, self._strides, strict=True))
        if count == 0 or min((*self._shape, self._offset, 0, *self._strides)) < 0 or reach >= len(values):
            raise ValueError("a tensor leaves its storage")
        strides = [step * values.itemsize for step in self._strides]
        return numpy.lib.stride_tricks.as_strided(values[self._offset :], self._shape, strides).copy()


class _Reader(pickle.Unpickler):
    """A pickle reader that knows four names."""

    def __init__(self, stream: IO[bytes]):
        super().__init__(stream, encoding="utf-8")
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        """The few things a weights file needs; anything else is refused."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: _Tensor(storage, offset, tuple(shape), tuple(strides))
        if module == "torch" and name in _TYPES:
            return name
        raise DataError(f"the weights name {module}.{name}, which is not read", code="bad_weights")

    def persistent_load(self, pid: Any) -> _Storage:
        """A storage, the same object each time it is named."""
        what, kind, key, _place, count = pid[:5]
        if what != "storage" or kind not in _TYPES:
            raise DataError("the weights hold values that are not read", code="bad_weights")
        return self.storages.setdefault(str(key), _Storage(kind, str(key), int(count)))


def _next(stream: IO[bytes], reader: _Reader | None = None) -> Any:
    """The next pickle of a stream. Raises DataError if it asks for a memo table larger than any weights need.

    One opcode of five bytes can make the table of the C reader 64 GiB large, so the opcodes are looked at first.
    """
    start = stream.tell()
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and (argument or 0) > _MOST_MEMO:
            raise DataError("the weights' table of names is too large", code="bad_weights")
    stream.seek(start)
    return (reader or _Reader(stream)).load()


def _in_a_row(file: IO[bytes]) -> dict[str, numpy.ndarray[Any, Any]]:
    import numpy

    if _next(file) != _MAGIC:
        raise DataError("not a PyTorch weights file", code="bad_weights")
    _next(file)  # protocol
    _next(file)  # byte order and sizes of the machine that wrote it
    reader = _Reader(file)
    state = _next(file, reader)
    for key in _next(file):
        storage = reader.storages[str(key)]
        kind = numpy.dtype(_TYPES[storage.kind])
        (count,) = numpy.frombuffer(file.read(8), "<i8")
        if count != storage.count:
            raise DataError("a storage has another length than is said of it", code="bad_weights")
        storage.values = numpy.frombuffer(file.read(int(count) * kind.itemsize), kind)
    return _arrays(state)


def _zipped(path: Path) -> dict[str, numpy.ndarray[Any, Any]]:
    import numpy

    with zipfile.ZipFile(path) as archive:
        (index,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        names = io.BytesIO(archive.read(index))
        reader = _Reader(names)
        state = _next(names, reader)
        for storage in reader.storages.values():
            data = archive.read(f"{index.removesuffix('data.pkl')}data/{storage.key}")
            storage.values = numpy.frombuffer(data, _TYPES[storage.kind])
    return _arrays(state)


def _arrays(state: object) -> dict[str, numpy.ndarray[Any, Any]]:
    if not isinstance(state, Mapping):
        raise DataError("the weights are no table of tensors", code="bad_weights")
    return {str(name): value.array() for name, value in state.items() if isinstance(value, _Tensor)}
