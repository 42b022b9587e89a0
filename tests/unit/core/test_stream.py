"""core.stream: what is read and refused, and that nothing is held longer than need be."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from roadmap_cli.core import stream
from roadmap_cli.core.errors import DataError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip
RECORD = st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=10), JSON, max_size=6)


def read_all(data: bytes, limit: int = stream.LINE_LIMIT_BYTES) -> list[bytes | None]:
    source, sink = os.pipe()
    feeder = threading.Thread(target=lambda: (os.fdopen(sink, "wb").write(data), None))
    feeder.start()
    with os.fdopen(source, "rb", closefd=True):
        found = [line for chunk in stream.Lines(source, limit).chunks() for line in chunk]
    feeder.join()
    return found


@given(RECORD)
def test_what_is_written_is_read_again(record):
    assert stream.parse(orjson.dumps(record)) == record


@given(RECORD, st.booleans())
def test_python_and_jq_style_lines_are_read_alike(record, spaced):
    line = json.dumps(record, ensure_ascii=False, separators=(" , ", " : ") if spaced else (", ", ": ")).encode()
    assert stream.parse(line) == record


@given(st.binary(max_size=200))
@example(b'{"a":1,"a":2}')
@example(b'{"a":NaN}')
def test_any_bytes_are_a_record_or_a_data_error(data):
    try:
        assert isinstance(stream.parse(data), dict)
    except DataError as error:
        assert "\n" not in error.message


@given(
    RECORD.filter(lambda record: len(record) > 0),
    st.data(),
    st.sampled_from(['"{}":1', '"{}" :1', '"{}"\t:1', '"{}" \t :1']),
)
def test_a_repeated_name_is_found_however_it_is_written(record, data, form):
    name = data.draw(st.sampled_from(sorted(record)))
    twice = json.dumps(record)[:-1] + "," + form.format(json.dumps(name)[1:-1]) + "}"
    with pytest.raises(DataError, match="stands twice"):
        stream.parse(twice.encode())


def test_a_repeated_name_deep_inside_is_found():
    with pytest.raises(DataError, match="'b' stands twice"):
        stream.parse(b'{"a":{"b":1,"c":{},"b":2}}')
    assert stream.parse(b'{"a":{"b":1},"c":{"b":1}}')


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"a":1', "cut off"),
        (b'{"a":"\x00"}', "NUL byte at column 7"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'{"a":"\xff"}', "not UTF-8 at column 7"),
        (b"[1]", "not an object"),
        (b"7", "not an object"),
        (b"{} {}", "not JSON"),
        (b'{"a":NaN}', "not JSON"),
        (b'{"a":Infinity}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"a":' * 2000 + b"1" + b"}" * 2000, "not JSON|deep|cut off"),
    ],
)
def test_a_bad_line_is_said_in_one_line(line, words):
    with pytest.raises(DataError, match=words) as caught:
        stream.parse(line)
    assert len(caught.value.message) < 200


@given(st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), max_size=30), st.booleans())
def test_lines_come_out_as_they_went_in(lines, ended):
    data = b"\n".join(lines) + (b"\n" if ended and lines else b"")
    expected = data.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    assert read_all(data) == expected


def test_a_line_over_the_limit_is_left_out_and_the_rest_is_read():
    data = b"a\n" + b"x" * 2_000_000 + b"\nb\n" + b"y" * 2_000_000
    assert read_all(data, limit=1_000_000) == [b"a", None, b"b", None]


def test_a_line_is_handed_on_before_the_next_arrives():
    source, sink = os.pipe()
    chunks = stream.Lines(source).chunks()
    os.write(sink, b"one\ntw")
    assert next(chunks) == [b"one"]
    os.write(sink, b"o\n")
    assert next(chunks) == [b"two"]
    os.close(sink)
    assert list(chunks) == []
    os.close(source)


def test_a_long_line_costs_no_more_memory_than_the_limit(tmp_path: Path):
    import tracemalloc

    path = tmp_path / "long"
    with path.open("wb") as out:
        for _ in range(100):
            out.write(b"x" * 1024 * 1024)
    descriptor = os.open(path, os.O_RDONLY)
    tracemalloc.start()
    assert [line for chunk in stream.Lines(descriptor, limit_bytes=1024 * 1024).chunks() for line in chunk] == [None]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    os.close(descriptor)
    assert peak < 3 * 1024 * 1024


def test_a_writer_writes_at_once_to_a_pipe_and_holds_back_when_told_to():
    for at_once in (True, False):
        source, sink = os.pipe()
        os.set_blocking(source, False)
        with os.fdopen(sink, "wb") as out:
            writer = stream.Writer(out, at_once)
            writer.write({"kind": "x"})
            if not at_once:
                with pytest.raises(BlockingIOError):
                    os.read(source, 100)
                writer.rest()
            assert os.read(source, 100) == b'{"kind":"x"}\n'
        os.close(source)


def test_what_json_has_not_is_a_bug_of_its_maker(tmp_path: Path):
    with (tmp_path / "out").open("wb") as out, pytest.raises(TypeError):
        stream.Writer(out).write({"id": "x_1", "what": object()})
