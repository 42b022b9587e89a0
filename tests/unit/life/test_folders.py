"""Which files are new: told by the kernel, or looked for where it cannot tell."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from roadmap_cli.life.ingest import folders, reading

MOUNTS = r"""22 1 0:21 / / rw - ext4 /dev/vda1 rw
31 22 0:40 / /home/ann/My\040Cloud rw,nosuid shared:9 - fuse.sshfs ann@host:/ rw
32 22 0:41 / /srv rw - nfs4 host:/srv rw
33 22 0:42 / /srv/local rw - ext4 /dev/vdb rw
broken line
"""


@pytest.mark.parametrize(
    ("path", "remote"),
    [("/home/ann/x.ics", False), ("/home/ann/My Cloud/x.ics", True), ("/srv/cal", True), ("/srv", True), ("/srv/local/cal", False), ("/srvx", False)],
)  # fmt: skip
def test_file_systems_of_other_machines(path: str, remote: bool) -> None:
    assert folders.is_remote(path, MOUNTS) is remote


def until(watch: folders.Watch, seconds: float = 5.0) -> list[str]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := watch.changed():
            return found
        time.sleep(0.02)
    return []


def test_where_the_kernel_cannot_tell_it_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "is_remote", lambda path, mounts: True)
    monkeypatch.setattr(folders, "LOOK_S", 0.1)
    said: list[str] = []
    (tmp_path / "old.ics").write_text("x")
    watch = folders.Watch([str(tmp_path)], said.append)
    assert (watch.descriptor, "lies on another machine" in said[0]) == (-1, True)
    assert until(watch, 0.4) == []
    (tmp_path / "new.ics").write_text("x")
    assert until(watch) == [str(tmp_path / "new.ics")]
    (tmp_path / "old.ics").write_text("longer")
    assert until(watch) == [str(tmp_path / "old.ics")]
    watch.close()


def test_no_room_for_watches_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: object, folder: str) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("roadmap_cli.life.ingest.inotify.Inotify.watch", full)
    said: list[str] = []
    watch = folders.Watch([str(tmp_path)], said.append)
    assert "no space left on device" in said[0]
    assert watch.pause_s() is not None
    watch.close()


def test_a_file_that_is_named_and_put_in_place_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.ics").write_text("x")
    watch = folders.Watch(["./a.ics"], print)
    Path("b").write_text("y")
    Path("b").rename("a.ics")
    Path("c.ics").write_text("z")
    assert until(watch) == ["./a.ics"]
    assert watch.pause_s() is None
    watch.close()


def test_a_file_that_was_changed_just_now_has_no_mark(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("x")
    assert reading.mark_of(str(path)) == ""
    time.sleep(0.06)
    first: Callable[[], str] = lambda: reading.mark_of(str(path))  # noqa: E731
    assert first() == first() != ""
    assert reading.mark_of(str(tmp_path)) == reading.mark_of("/dev/null") == ""
