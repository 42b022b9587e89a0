"""Files appear complete or not at all, and what is no file is written into and stays what it is."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from roadmap_cli.core import writing
from roadmap_cli.core.errors import CannotCreate
from roadmap_cli.edl.rendering import render
from roadmap_cli.state import backup


def test_a_file_is_replaced_when_all_is_written_and_keeps_its_mode(tmp_path):
    target = tmp_path / "x"
    target.write_bytes(b"old")
    target.chmod(0o640)
    with writing.complete(target) as stream:
        stream.write(b"new")
        assert target.read_bytes() == b"old"
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (b"new", 0o640)
    with pytest.raises(TypeError), writing.complete(target) as stream:
        stream.writelines([b"half", "no bytes"])
    assert target.read_bytes() == b"new"
    with writing.complete(tmp_path / "y", mode=0o600) as stream:
        stream.write(b"private")
    assert (tmp_path / "y").stat().st_mode & 0o777 == 0o600
    assert sorted(each.name for each in tmp_path.iterdir()) == ["x", "y"]


def test_a_link_is_followed_and_a_folder_refused(tmp_path):
    (tmp_path / "x").write_bytes(b"old")
    (tmp_path / "link").symlink_to("x")
    with writing.complete(tmp_path / "link") as stream:
        stream.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "x").read_bytes() == b"new"
    with pytest.raises(IsADirectoryError), writing.complete(tmp_path):
        pass


def test_the_file_is_named_that_cannot_be_made(tmp_path):
    goal = tmp_path / "none" / "x"
    with pytest.raises(FileNotFoundError) as caught, writing.complete(goal):
        pass
    assert caught.value.filename == str(goal)


def test_a_pipe_is_written_into(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    with writing.complete(pipe) as stream:
        stream.write(b"x" * 100_000)
    reader.join(5)
    assert got == [b"x" * 100_000]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.fixture
def full(tmp_path) -> Path:
    """A device that is always full, in a folder of the test's own."""
    path = tmp_path / "full.mp4"
    try:
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 7))
        path.open("wb").close()
    except OSError:
        pytest.skip("no device can be made here")
    return path


def test_a_device_is_written_into_and_never_replaced(full):
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)), writing.complete(full) as stream:
        stream.write(b"x")
    assert stat.S_ISCHR(full.stat().st_mode)


def test_what_cannot_go_into_a_device_is_refused(full, tmp_path):
    with pytest.raises(CannotCreate):
        render.writable(full, {})
    with pytest.raises(CannotCreate):
        backup._refuse_existing(str(full), True, str(tmp_path / "state.db"))
    assert stat.S_ISCHR(full.stat().st_mode)


@pytest.mark.parametrize(
    "words",
    [("life-export", "--plaintext-ok", "-o"), ("life-graph", "export", "-o"), ("life-watch", "--open", "-o"),
     ("life-forecast", "--ics"), ("agent-scan", "--sarif")],
)  # fmt: skip
def test_commands_leave_a_device_what_it_is(words, shell, tmp_path):
    full = tmp_path / "full.dot"
    try:
        os.mknod(full, 0o600 | stat.S_IFCHR, os.makedev(1, 7))
        full.open("wb").close()
    except OSError:
        pytest.skip("no device can be made here")
    done = shell([*words, str(full)])
    assert done.returncode in (0, 1, 2, 3, 73), done.stderr
    assert stat.S_ISCHR(full.stat().st_mode), done.stderr


def test_a_process_that_is_killed_leaves_nothing(tmp_path):
    words = (
        "import os, sys\nfrom roadmap_cli.core import writing\nwith writing.complete(sys.argv[1]) as stream:\n"
        "    stream.write(b'private')\n    stream.flush()\n    os.kill(os.getpid(), 9)\n"
    )
    try:
        os.close(os.open(tmp_path, os.O_WRONLY | os.O_TMPFILE))
    except (OSError, AttributeError):
        pytest.skip("this file system has no files without a name")
    world = {**os.environ, "PYTHONPATH": str(Path(writing.__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", words, str(tmp_path / "x")], env=world, check=False)
    assert done.returncode == -9
    assert list(tmp_path.iterdir()) == []
