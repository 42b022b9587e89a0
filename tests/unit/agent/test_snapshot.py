"""Snapshots of a project: what changed is told exactly, and going back brings back exactly what was."""

from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from roadmap_cli.agent.snapshot import Store, scan
from roadmap_cli.agent.snapshot import changes as told
from roadmap_cli.agent.snapshot.returning import remove
from roadmap_cli.core.errors import DataError, InputMissing

NOW = datetime(2026, 11, 27, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "kept")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Files of every kind, with modes and times that a copy would lose."""
    root = tmp_path / "project"
    (root / "sub/deep").mkdir(parents=True)
    (root / "empty").mkdir(mode=0o750)
    (root / ".git").mkdir()
    (root / ".git/config").write_text("[core]\n")
    (root / "a.txt").write_text("one\ntwo\n")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "binary").write_bytes(bytes(range(256)) * 10)
    (root / "sub/deep/file").write_text("deep")
    (root / "sub/link").symlink_to("./deep//file")
    (root / "dangling").symlink_to("/nowhere")
    (root / os.fsdecode(b"odd\xff\nname")).write_text("odd")
    os.link(root / "a.txt", root / "sub/same")
    os.mkfifo(root / "pipe")
    with (root / "sparse").open("wb") as file:
        file.seek(8 << 20)
        file.write(b"end")
        file.truncate(64 << 20)
    (root / "secret").write_text("x")
    (root / "secret").chmod(0o400)
    for number, path in enumerate(sorted(root.rglob("*"), reverse=True)):
        os.utime(path, ns=(10**18, 10**18 + number * 1_234_567), follow_symlinks=False)
    return root


def state(root: Path) -> dict[str, tuple[object, ...]]:
    """Everything about a folder that must come back."""
    found = {}
    for path in [root, *root.rglob("*")]:
        about = path.lstat()
        content: object = None
        if stat.S_ISREG(about.st_mode):
            content = path.read_bytes()
        elif stat.S_ISLNK(about.st_mode):
            content = os.readlink(path)  # noqa: PTH115 - exactly
        inside = ".git/" in str(path)
        found[str(path)] = (about.st_mode, None if inside else about.st_mtime_ns, content, about.st_uid, about.st_nlink
                            if stat.S_ISREG(about.st_mode) else 0)  # fmt: skip
    return found


def wreck(root: Path, seed: int) -> None:
    """Change a folder at random: write, append, replace, remove, rename, change modes, kinds, times and links."""
    pick = random.Random(seed)
    for step in range(25):
        paths = [p for p in sorted(root.rglob("*")) if ".git" not in p.parts]
        if not paths:
            return
        path = pick.choice(paths)
        new = path.with_name(f"new{step}")
        is_folder, is_file = path.is_dir() and not path.is_symlink(), path.is_file() and not path.is_symlink()
        match pick.randrange(9):
            case 0 if is_file:
                path.write_bytes(pick.randbytes(50))
            case 1 if is_file:
                with path.open("r+b") as file:  # in place: a hard-linked copy would change, too
                    file.write(b"Z")
            case 2:
                remove(path)
            case 3:
                path.rename(new)
            case 4 if not path.is_symlink():
                path.chmod(pick.choice((0o700, 0o000, 0o755)) if is_folder else pick.choice((0o644, 0o777, 0o000)))
            case 5 if not is_folder:
                path.unlink()
                path.mkdir()
                (path / "inside").write_text("x")
            case 6:
                new.symlink_to("/etc")
            case 7 if is_file:
                os.link(path, new)
            case 8:
                os.utime(path, ns=(1, 1), follow_symlinks=False)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_was_done_is_undone(project: Path, store: Store, seed: int) -> None:
    before = state(project)
    taken = store.take(project, now=NOW)
    assert store.changes(taken) == []
    wreck(project, seed)
    store.rollback(taken)
    assert state(project) == before
    assert store.changes(taken) == []
    assert store.rollback(taken) == []
    assert (project / "sparse").stat().st_blocks * 512 < 1 << 20


def test_a_rollback_that_is_killed_is_finished_by_the_next(project: Path, store: Store) -> None:
    for number in range(60):
        (project / f"many{number}").write_text("x" * number)
    before = state(project)
    taken = store.take(project, now=NOW)
    script = (
        "import os, sys; from pathlib import Path; from roadmap_cli.agent.snapshot import *\n"
        "s = Store(Path(sys.argv[1])); t = s.find('latest', Path(sys.argv[2])); left = int(sys.argv[3])\n"
        "def watch(event, arguments):\n"
        "    global left\n"
        "    if event in ('open', 'os.rename', 'os.link', 'os.remove', 'os.chmod'):\n"
        "        left -= 1\n"
        "        left or os.kill(os.getpid(), 9)\n"
        "sys.addaudithook(watch); s.rollback(t)"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    met = 0
    for number in range(6):
        for file in project.glob("many*"):
            file.write_text("changed")
        wreck(project, number)
        command = [sys.executable, "-c", script, str(store.folder), str(project), str(5 + 25 * number)]
        assert subprocess.run(command, env=environ, check=False).returncode == -signal.SIGKILL
        met += store.rolling_back(taken)
        store.rollback(taken)
        assert state(project) == before
        assert not store.rolling_back(taken)
    assert met > 0, "no kill met a rollback"


def test_contents_are_never_hard_links(project: Path, store: Store) -> None:
    taken = store.take(project, now=NOW)
    with (project / "binary").open("r+b") as file:
        file.write(b"changed in place")
    assert store.content(taken, "binary") == bytes(range(256)) * 10


def test_unchanged_files_are_kept_once_and_not_read_again(project: Path, store: Store) -> None:
    time.sleep(0.03)
    first = store.take(project, now=NOW)
    objects = sorted(store.folder.glob("*/objects/*/*"))
    (project / "secret").chmod(0o600)
    (project / "secret").write_text("y")
    second = store.take(project, now=NOW)
    assert len(sorted(store.folder.glob("*/objects/*/*"))) == len(objects) + 1
    assert [change.path for change in store.changes(first)] == ["secret"]
    store.forget([second])
    assert sorted(store.folder.glob("*/objects/*/*")) == objects


def test_repositories_come_back_to_their_place(project: Path, store: Store) -> None:
    (project / "vendor/lib/.git").mkdir(parents=True)
    (project / "vendor/lib/.git/config").write_text("inner")
    (project / "vendor/lib/code.c").write_text("int x;")
    taken = store.take(project, now=NOW)
    (project / "vendor").rename(project / "moved")
    (project / "moved/lib/.git").rename(project / "moved/lib/.git.untrusted")
    (project / "vendor").write_text("a file now")
    store.rollback(taken)
    assert (project / "vendor/lib/.git/config").read_text() == "inner"
    assert not (project / "moved").exists()
    (project / ".git/config").write_text("a commit of yours")
    store.rollback(taken)
    assert (project / ".git/config").read_text() == "a commit of yours"


def test_links_are_not_followed(project: Path, store: Store, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("theirs")
    taken = store.take(project, now=NOW)
    remove(project / "sub")
    (project / "sub").symlink_to(outside)
    (project / "a.txt").unlink()
    (project / "a.txt").symlink_to(outside / "file")
    store.rollback(taken)
    assert (project / "sub/deep/file").read_text() == "deep"
    assert [(p.name, p.read_text()) for p in outside.iterdir()] == [("file", "theirs")]


def test_a_very_deep_folder_is_removed(project: Path, store: Store) -> None:
    taken = store.take(project, now=NOW)
    here = Path.cwd()
    os.chdir(project)
    try:
        for _ in range(700):
            Path("deeper").mkdir()
            os.chdir("deeper")
    finally:
        os.chdir(here)
    with pytest.raises(InputMissing, match="too long"):
        store.take(project, now=NOW)
    store.rollback(taken)
    assert not (project / "deeper").exists()


def test_the_diff_is_one_that_git_applies(project: Path, store: Store, tmp_path: Path) -> None:
    taken = store.take(project, now=NOW)
    (project / "a.txt").unlink()
    (project / "a.txt").write_text("one\r\ntwo\x0cthree\nno end")
    (project / "made.py").write_text("print()\n")
    (project / "run.sh").chmod(0o644)
    (project / "sub/deep/file").unlink()
    (project / "binary").write_bytes(b"\0\1")
    (project / "sub/link").unlink()
    (project / "sub/link").symlink_to("/etc/passwd")
    records = list(told.records(store, taken, store.changes(taken)))
    by_path = {record["path"]: record for record in records}
    assert by_path["binary"]["no_diff"] == "binary"
    assert by_path["made.py"]["change"] == "added"
    assert by_path["sub/link"]["after"]["outside"] is True
    patch = "".join(record.get("diff", "") for record in records)
    other = Store(tmp_path / "other")
    after = state(project)
    second = other.take(project, now=NOW)
    store.rollback(taken)
    done = subprocess.run(["git", "apply", "-"], input=patch, text=True, cwd=project, capture_output=True, check=False,
                          env={**os.environ, "GIT_DIR": str(tmp_path / "none")})  # fmt: skip
    assert done.returncode == 0, done.stderr
    for name in ("a.txt", "made.py"):
        assert (project / name).read_bytes() == after[str(project / name)][2]
    assert not (project / "sub/deep/file").exists()
    other.rollback(second)
    assert state(project) == after


def test_bounds_are_kept_and_damage_is_found(project: Path, store: Store) -> None:
    with pytest.raises(DataError, match="more than a snapshot may hold"):
        store.take(project, now=NOW, files_limit=3)
    with pytest.raises(DataError, match="more than a snapshot may hold"):
        store.take(project, now=NOW, bytes_limit=1000)
    assert list(store.all()) == []
    taken = store.take(project, now=NOW)
    digest = taken.entries["binary"].sha256
    (object_,) = store.folder.glob(f"*/objects/{digest[:2]}/{digest[2:]}")
    object_.write_bytes(b"rotten")
    (project / "binary").unlink()
    (project / "a.txt").write_text("mine")
    with pytest.raises(DataError, match="missing or damaged"):
        store.rollback(taken)
    assert (project / "a.txt").read_text() == "mine", "nothing is changed if not everything can be brought back"
    with pytest.raises(InputMissing, match="no snapshot"):
        store.find("latest", project / "sub")


def test_old_ones_are_pruned(project: Path, store: Store) -> None:
    for number in range(4):
        (project / "a.txt").write_text(str(number))
        store.take(project, now=datetime(2026, 11, 27, 0, number, tzinfo=UTC))
    store.prune(project, 2)
    assert [store.content(found, "a.txt") for found in store.all(project)] == [b"2", b"3"]
    store.prune(project, 0)
    assert not list(store.folder.glob("*/objects/*/*"))


def test_names_are_shown_without_controls() -> None:
    assert told.shown(os.fsdecode(b"a\xff\n\x1b[31m")) == "a\\xff\\n\\x1b[31m"
    assert sorted(scan(Path(__file__).parent))[0] == ""
