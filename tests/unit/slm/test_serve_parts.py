"""Frames, memory, pressure, sockets, bodies: the parts of a server by themselves."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_cli.core import paths
from roadmap_cli.core.errors import CannotCreate, DataError, RoadmapError, TryLater, UsageError
from roadmap_cli.models import memory
from roadmap_cli.models.conversation import warm
from roadmap_cli.slm.serve import openai, pressure, setup, sockets
from roadmap_cli.slm.serve.frames import Frames, frame

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(
    st.lists(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), json_values), max_size=5),
    st.integers(1, 50),
)
def test_frames_come_back_however_they_are_cut(values, step):
    data = b"".join(frame(value) for value in values)
    frames, found = Frames(), []
    for start in range(0, len(data), step):
        found += frames.take(data[start : start + step])
    assert found == values


def test_a_frame_that_is_too_long_is_an_error():
    with pytest.raises(ValueError, match="a frame of"):
        list(Frames().take(b"\xff\xff\xff\xff"))


# -- memory ------------------------------------------------------------------------------------------------------------


def _root(tmp_path: Path, cgroup: str, mount: str, **files: str) -> Path:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text("MemTotal:  8000000 kB\nMemAvailable: 4000000 kB\n")
    (tmp_path / "proc/self/cgroup").write_text(cgroup)
    (tmp_path / "proc/self/mountinfo").write_text(mount)
    for name, content in files.items():
        path = tmp_path / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path


def test_the_tightest_group_of_version_two_counts(tmp_path):
    base = "sys/fs/cgroup"
    root = _root(
        tmp_path, "0::/user/app\n", "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
        **{
            f"{base}/user/memory.max": "2000000000\n", f"{base}/user/memory.current": "1500000000\n",
            f"{base}/user/memory.stat": "anon 5\ninactive_file 500000000\n", f"{base}/user/app/memory.max": "max\n",
        },
    )  # fmt: skip
    found = memory.group(root)
    assert found is not None
    assert (found.folder, found.version, found.limit) == (root / base / "user", 2, 2_000_000_000)
    assert memory.budget(found, root) == memory.Budget(2_000_000_000, 1_000_000_000)


def test_version_one_and_no_group_at_all(tmp_path):
    base = "sys/fs/cgroup/memory"
    root = _root(
        tmp_path, "4:memory:/box\n0::/\n", "30 1 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
        **{
            f"{base}/box/memory.limit_in_bytes": "1000000000\n", f"{base}/box/memory.usage_in_bytes": "400000000\n",
            f"{base}/memory.limit_in_bytes": "9223372036854771712\n",
            f"{base}/box/memory.stat": "total_inactive_file 100000000\n",
        },
    )  # fmt: skip
    found = memory.group(root)
    assert found is not None
    assert memory.budget(found, root) == memory.Budget(1_000_000_000, 700_000_000)
    assert memory.group(tmp_path / "nowhere") is None
    assert memory.budget(None, tmp_path / "nowhere") == memory.Budget(None, None)


def test_events_that_cannot_be_had_are_named(tmp_path):
    watch = pressure.Watch(None, tmp_path)
    assert not watch.has_events
    assert "no such file or directory" in watch.missing[0]
    assert watch.take() is None
    watch.close()


def test_real_triggers_can_be_had_without_privilege():
    if not os.access("/proc/pressure/memory", os.W_OK):
        pytest.skip("this kernel has no pressure stall information")
    watch = pressure.Watch(None)
    assert watch.sources == ["pressure"], watch.missing
    watch.close()
    assert pressure.WINDOW_US % 2_000_000 == 0


def test_counters_of_a_group_tell_only_when_they_grow(tmp_path):
    events = tmp_path / "memory.events"
    events.write_text("low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n")
    watch = pressure.Watch(None, tmp_path)
    descriptor = os.open(events, os.O_RDONLY)
    watch._counters[descriptor] = {}
    assert watch._grew(descriptor) is False
    events.write_text("low 9\nhigh 0\nmax 0\noom 0\noom_kill 0\n")
    assert watch._grew(descriptor) is False
    events.write_text("low 9\nhigh 1\nmax 0\noom 0\noom_kill 0\n")
    assert watch._grew(descriptor) is True
    os.close(descriptor)
    watch.close()


# -- sockets -----------------------------------------------------------------------------------------------------------


def test_where_the_socket_is():
    usual = {"HOME": "/h", "XDG_RUNTIME_DIR": "/run/user/1"}
    assert paths.slm_socket(usual) == Path("/run/user/1/roadmap/slm.sock")
    other = paths.slm_socket({**usual, "ROADMAP_STATE": "/x/state.db"})
    assert other.parent == Path("/run/user/1/roadmap")
    assert other.name != "slm.sock"
    assert other == paths.slm_socket(usual, Path("/x/state.db"))
    assert paths.slm_socket({"HOME": "/h"}) == Path("/h/.local/state/roadmap/slm.sock")
    assert paths.slm_socket({"HOME": "/h", "XDG_RUNTIME_DIR": "relative"}).parent == Path("/h/.local/state/roadmap")


def test_a_socket_is_private_works_at_any_length_and_goes_at_the_end(tmp_path):
    deep = tmp_path / ("a" * 100) / "slm.sock"
    mine = sockets.Sockets(deep)
    mine.open(None, {})
    assert deep.stat().st_mode & 0o777 == 0o600
    connection = warm.connect(deep)
    assert connection is not None
    connection.close()
    with pytest.raises(TryLater, match="another slm-serve"):
        sockets.Sockets(deep).open(None, {})
    mine.close()
    assert not deep.exists()
    assert warm.connect(deep) is None


def test_a_stale_socket_is_replaced_and_anything_else_is_left(tmp_path):
    path = tmp_path / "slm.sock"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    mine = sockets.Sockets(path)
    mine.open(None, {})
    mine.close()
    path.write_text("precious")
    with pytest.raises(CannotCreate, match="in the way"):
        sockets.Sockets(path).open(None, {})
    assert path.read_text() == "precious"


def test_a_socket_that_systemd_holds_is_left(tmp_path):
    path = tmp_path / "slm.sock"
    held = socket.socket(socket.AF_UNIX)
    held.bind(str(path))
    held.listen()
    with pytest.raises(TryLater, match="systemd"):
        sockets.Sockets(path).open(None, {})
    assert path.exists()
    held.close()
    again = sockets.Sockets(path)
    again.open(None, {})
    again.close()


@pytest.mark.parametrize("text", ["0.0.0.0:80", "example.org:80", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:99999", ""])
def test_only_loopback_is_listened_on(text):
    with pytest.raises(UsageError):
        sockets.parse(text)


def test_loopback_in_its_spellings():
    assert sockets.parse("127.0.0.1:0") == ("127.0.0.1", 0)
    assert sockets.parse("localhost:8080") == ("127.0.0.1", 8080)
    assert sockets.parse(":8080") == ("127.0.0.1", 8080)
    assert sockets.parse("[::1]:8080") == ("::1", 8080)


def test_a_token_is_one_long_word(tmp_path):
    path = tmp_path / "token"
    for content in (b"short", b"two words of some length", b"\xff" * 40, b""):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(RoadmapError):
            setup.token(path)
    path.write_text("a" * 32 + "\n")
    assert setup.token(path) == "a" * 32


# -- bodies ------------------------------------------------------------------------------------------------------------


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "messages",
                "model",
                "max_tokens",
                "temperature",
                "stop",
                "stream",
                "response_format",
                "n",
                "tools",
                "seed",
                "stream_options",
            ]
        ),
        json_values,
    )
)
def test_any_body_is_a_request_or_a_named_error(body):
    for read in (openai.chat, openai.completion, openai.embeddings):
        try:
            read(body)
        except RoadmapError as error:
            assert openai.status(error) == 400
            assert orjson.dumps(openai.error_body(error))


def test_errors_go_over_the_line_and_come_back_as_they_were():
    for error in (DataError("a", hint="b", code="c", where="d"), TryLater("x"), UsageError("y", code="z")):
        back = warm.failure(warm.told(error))
        assert (type(back), str(back), back.hint, back.code) == (type(error), str(error), error.hint, error.code)


@given(st.binary(max_size=200))
def test_a_client_survives_whatever_answers(data):
    ours, theirs = socket.socketpair()
    theirs.sendall(data + b"\n")
    theirs.close()
    lines = warm.Lines(ours, "here")
    with pytest.raises(RoadmapError):  # noqa: PT012
        while True:
            lines.receive()
    ours.close()
