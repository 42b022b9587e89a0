"""The state of sequences on disk: whole, encrypted, or not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrage import x25519

from roadmap_cli.slm.serve import kept
from roadmap_cli.slm.serve.kept import Kept, Store

SECRET = str(x25519.Identity.generate())
STATE = os.urandom(200_000)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "kept", SECRET)


def test_what_is_written_is_read_and_nothing_of_it_is_in_the_clear(store, tmp_path):
    state = b"SENTINEL" * 10_000
    store.write(Kept((1, 2, 3), 2, state))
    assert list(store.read()) == [Kept((1, 2, 3), 2, state)]
    (path,) = (tmp_path / "kept").iterdir()
    assert b"SENTINEL" not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o700


def test_the_same_again_is_not_written_and_a_chat_that_went_on_replaces_itself(store, tmp_path):
    assert store.write(Kept((1, 2), 2, STATE)) > len(STATE)
    assert store.write(Kept((1, 2), 2, STATE)) == 0
    store.write(Kept((7, 8), 2, STATE))
    store.write(Kept((1, 2, 3), 3, STATE))
    assert sorted(each.tokens for each in store.read()) == [(1, 2, 3), (7, 8)]


def test_another_key_a_torn_file_and_rubbish_are_removed_not_believed(store, tmp_path):
    store.write(Kept((1, 2), 2, STATE))
    folder = tmp_path / "kept"
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    for content in (whole[:1000], whole[:-1], b"", b"rubbish", whole[:500] + b"\0" + whole[501:]):
        path.write_bytes(content)
        assert list(store.read()) == []
        assert not path.exists()
    store.write(Kept((1, 2), 2, STATE))
    assert list(Store(folder, str(x25519.Identity.generate())).read()) == []


def test_a_failed_write_leaves_nothing(store, tmp_path, monkeypatch):
    import resource
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(OSError):  # noqa: PT011
            store.write(Kept((1, 2), 2, STATE))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list((tmp_path / "kept").iterdir()) == []


def test_the_oldest_go_first_and_so_do_leftovers_of_the_dead(store, tmp_path):
    for number in range(4):
        store.write(Kept((number, 9), 2, STATE))
        path = max((tmp_path / "kept").glob("*.kv"), key=lambda each: each.stat().st_mtime_ns)
        os.utime(path, (1000 + number, 1000 + number))
    (tmp_path / "kept/.x.kv.999999999.part").write_bytes(b"left")
    (tmp_path / f"kept/.y.kv.{os.getpid()}.part").write_bytes(b"being written")
    store.trim(2 * len(STATE) + 5000)
    assert [each.tokens[0] for each in store.read()] == [3, 2]
    assert [path.name for path in (tmp_path / "kept").glob(".*")] == [f".y.kv.{os.getpid()}.part"]


@given(st.binary(max_size=400))
def test_any_bytes_are_a_sequence_or_an_error(content):
    for prefix in (b"", kept._MAGIC):
        try:
            found = kept.parse(prefix + content)
        except ValueError:
            continue
        assert 0 <= found.prompt <= len(found.tokens)


@given(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=50), st.binary(max_size=100))
def test_tokens_and_state_come_back_as_they_were(tokens, state):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder), SECRET)
        store.write(Kept(tuple(tokens), len(tokens), state))
        assert list(store.read()) == [Kept(tuple(tokens), len(tokens), state)]
