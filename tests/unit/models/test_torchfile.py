"""Weights of PyTorch read without it: both forms of the file, and nothing that a file may wish to run."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import sys
import types
import zipfile
from collections import OrderedDict

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.core.errors import DataError
from roadmap_cli.models.installing import torchfile

FIRST = numpy.arange(24, dtype="<f4").reshape(2, 3, 4)
SECOND = numpy.array([7, 8, 9], "<i8")


class Storage:
    """Stands for a storage while a file is written."""

    def __init__(self, kind: str, key: str, values: numpy.ndarray):
        self.kind, self.key, self.values = kind, key, values


class Tensor:
    """A tensor that pickles as PyTorch's do."""

    def __init__(self, storage: Storage, offset: int, shape: tuple, strides: tuple):
        self.parts = (storage, offset, shape, strides, False, OrderedDict())

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.parts


@pytest.fixture(scope="module")
def names():
    """Modules of PyTorch's names, so that pickle can write them down."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def _rebuild_tensor_v2(*parts):
        raise AssertionError("never called")

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})
    torch.LongStorage = type("LongStorage", (), {"__module__": "torch"})
    before = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
    sys.modules.update({"torch": torch, "torch._utils": utils})
    yield torch
    for name, module in before.items():
        if module is None:
            del sys.modules[name]
        else:
            sys.modules[name] = module


def written(torch, state: object) -> bytes:
    """A pickle in which storages are persistent."""

    class Writer(pickle.Pickler):
        def persistent_id(self, thing):
            if isinstance(thing, Storage):
                kind = getattr(torch, thing.kind)
                return "storage", kind, thing.key, "cpu", thing.values.size, None
            return None

    data = io.BytesIO()
    Writer(data, 2).dump(state)
    return data.getvalue()


@pytest.fixture(scope="module")
def files(names, tmp_path_factory):
    one, two = Storage("FloatStorage", "11", FIRST.reshape(-1)), Storage("LongStorage", "12", SECOND)
    state = OrderedDict(
        whole=Tensor(one, 0, (2, 3, 4), (12, 4, 1)), turned=Tensor(one, 12, (4, 3), (1, 4)), counts=Tensor(two, 0, (3,), (1,))
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("weights")
    row = folder / "row.pth"
    head = [pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    tail = pickle.dumps(["11", "12"], 2)
    for storage in (one, two):
        tail += numpy.int64(storage.values.size).tobytes() + storage.values.tobytes()
    row.write_bytes(b"".join(head) + written(names, state) + tail)
    zipped = folder / "zipped.pth"
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("weights/data.pkl", written(names, state))
        archive.writestr("weights/data/11", one.values.tobytes())
        archive.writestr("weights/data/12", two.values.tobytes())
    return row, zipped


def test_both_forms_give_the_tensors(files):
    for path in files:
        found = torchfile.read(path)
        assert list(found) == ["whole", "turned", "counts"]
        assert (found["whole"] == FIRST).all()
        assert (found["turned"] == FIRST[1].T).all()
        assert found["counts"].tolist() == [7, 8, 9]


def test_a_file_that_wishes_to_run_something_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "was-run"),)

    path = tmp_path / "evil.pth"
    for data in (pickle.dumps(Evil()), pickle.dumps(0x1950A86A20F9469CFC6C, 2) * 3 + pickle.dumps({"a": Evil()}, 2)):
        path.write_bytes(data)
        with pytest.raises(DataError):
            torchfile.read(path)
    assert not (tmp_path / "was-run").exists()


def test_a_view_outside_its_storage_is_refused(names, tmp_path):
    path = tmp_path / "far.pth"
    for shape, strides, offset in (((5,), (7,), 0), ((2, 2), (1, 1), 23), ((2,), (-1,), 4), ((3,), (1,), -1)):
        with zipfile.ZipFile(path, "w") as archive:
            storage = Storage("FloatStorage", "1", FIRST.reshape(-1))
            archive.writestr("w/data.pkl", written(names, {"a": Tensor(storage, offset, shape, strides)}))
            archive.writestr("w/data/1", FIRST.tobytes())
        with pytest.raises(DataError):
            torchfile.read(path)


@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, 2000), value=st.integers(0, 255), keep=st.integers(0, 2000))
def test_damaged_files_are_refused_or_read_and_nothing_else(files, tmp_path_factory, place, value, keep):
    whole = files[0].read_bytes()
    data = bytearray(whole[: max(1, len(whole) - keep)])
    data[place % len(data)] = value
    path = tmp_path_factory.getbasetemp() / "damaged.pth"
    path.write_bytes(data)
    with contextlib.suppress(DataError):
        torchfile.read(path)
