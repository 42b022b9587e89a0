"""The GGUF header reader against sound, cut, damaged and malicious files."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roadmap_cli.core.errors import DataError, InputMissing
from roadmap_cli.slm.quantize import estimate, header


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def key(name: str, kind: int, data: bytes) -> bytes:
    return text(name) + struct.pack("<I", kind) + data


def tensor(name: str, shape: list[int], kind: int, offset: int) -> bytes:
    return (
        text(name)
        + struct.pack("<I", len(shape))
        + b"".join(struct.pack("<Q", n) for n in shape)
        + struct.pack("<IQ", kind, offset)
    )


def gguf(
    keys: list[bytes],
    tensors: list[bytes],
    data: bytes = b"",
    *,
    version: int = 3,
    magic: bytes = b"GGUF",
    counts: tuple[int, int] | None = None,
) -> bytes:
    tensor_count, key_count = counts or (len(tensors), len(keys))
    head = magic + struct.pack("<IQQ", version, tensor_count, key_count) + b"".join(keys) + b"".join(tensors)
    return head + bytes(-len(head) % 32) + data


SOUND = gguf(
    [key("general.architecture", 8, text("llama")), key("llama.block_count", 4, struct.pack("<I", 2)),
     key("tokenizer.ggml.tokens", 9, struct.pack("<IQ", 8, 3) + text("a") + text("bc") + text("")),
     key("x.nested", 9, struct.pack("<IQ", 9, 1) + struct.pack("<IQ", 4, 2) + struct.pack("<II", 7, 8)), key("x.yes", 7, b"\1")],
    [tensor("a.weight", [64, 2], 8, 0), tensor("b.weight", [4], 0, 160)], bytes(176),
)  # fmt: skip


def read(tmp_path: Path, data: bytes) -> header.Header:
    path = tmp_path / "x.gguf"
    path.write_bytes(data)
    return header.read(path)


def test_a_sound_file(tmp_path):
    found = read(tmp_path, SOUND)
    assert (found.architecture, found.number("block_count"), found.vocabulary) == ("llama", 2, 3)
    assert found.values["x.nested"] == [[7, 8]]
    assert [(each.name, each.type, each.size_bytes, each.count) for each in found.tensors] == [
        ("a.weight", "Q8_0", 136, 128),
        ("b.weight", "F32", 16, 4),
    ]
    assert estimate.file_bytes(found, {}) == (found.header_bytes + 44 + 33 + 31) // 32 * 32 + 160 + 32


MALICIOUS = {
    "begins with": (b"GGML" + SOUND[4:], "not a GGUF file"),
    "empty": (b"", "not a GGUF file"),
    "version": (gguf([], [], version=9), "version 9"),
    "endian": (gguf([], [], version=3 << 24), "big-endian"),
    "many keys": (gguf([], [], counts=(0, 1 << 60)), "more than any model has"),
    "many tensors": (gguf([], [], counts=(1 << 40, 0)), "more than any model has"),
    "long key": (gguf([struct.pack("<Q", 1 << 62)], [], counts=(0, 1)), "make sense"),
    "long text": (gguf([text("a") + struct.pack("<IQ", 8, 1 << 63)], [], counts=(0, 1)), "make sense"),
    "huge array": (
        gguf([text("a") + struct.pack("<IIQ", 9, 8, 1 << 61)], [], counts=(0, 1)),
        "more than the file holds",
    ),
    "huge numbers": (gguf([text("a") + struct.pack("<IIQ", 9, 4, 1 << 62)], [], counts=(0, 1)), "goes on past the end"),
    "deep": (
        gguf([text("a") + struct.pack("<IIQ", 9, 9, 1) * 1 + struct.pack("<IQ", 9, 1) * 50], [], counts=(0, 1)),
        "arrays inside",
    ),
    "unknown value": (gguf([key("a", 99, b"")], []), "unknown type 99"),
    "unknown tensor": (gguf([], [tensor("a", [32], 77, 0)], bytes(64)), "unknown type 77"),
    "twice": (gguf([key("a", 7, b"\1")] * 2, []), "there twice"),
    "tensor twice": (gguf([], [tensor("a", [8], 0, 0), tensor("a", [8], 0, 32)], bytes(64)), "there twice"),
    "overlap": (gguf([], [tensor("a", [16], 0, 0), tensor("b", [8], 0, 32)], bytes(64)), "overlaps"),
    "unaligned": (gguf([], [tensor("a", [8], 0, 4)], bytes(64)), "not aligned"),
    "rank": (gguf([], [tensor("a", [1] * 5, 0, 0)], bytes(64)), "5 dimensions"),
    "overflow": (gguf([], [tensor("a", [1 << 40, 1 << 40], 0, 0)], bytes(64)), "impossible shape"),
    "zero": (gguf([], [tensor("a", [0], 0, 0)], bytes(64)), "impossible shape"),
    "blocks": (gguf([], [tensor("a", [33], 8, 0)], bytes(64)), "whole number of blocks"),
    "missing data": (gguf([], [tensor("a", [1024], 0, 0)], bytes(64)), "cut short: 4,032 bytes"),
    "alignment": (gguf([key("general.alignment", 4, struct.pack("<I", 3))], []), "no power of two"),
}


@pytest.mark.parametrize("name", MALICIOUS)
def test_what_is_wrong_is_said(tmp_path, name):
    data, words = MALICIOUS[name]
    with pytest.raises(DataError, match=words) as caught:
        read(tmp_path, data)
    assert "x.gguf" in str(caught.value)


def test_a_file_cut_anywhere_is_refused(tmp_path):
    for length in range(len(SOUND) - 16):
        with pytest.raises(DataError):
            read(tmp_path, SOUND[:length])


def test_a_folder_and_a_missing_file(tmp_path):
    for path in (tmp_path, tmp_path / "none.gguf"):
        with pytest.raises(InputMissing):
            header.read(path)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, len(SOUND) - 1), bytes_=st.binary(min_size=1, max_size=9))
def test_any_damage_ends_in_a_header_or_a_data_error(tmp_path, at, bytes_):
    data = SOUND[:at] + bytes_ + SOUND[at + len(bytes_) :]
    try:
        found = read(tmp_path, data)
        estimate.file_bytes(found, {})
        estimate.need(found, {}, context_size=2048)
    except DataError as error:
        assert "\n" not in error.message
