"""Diffs that git applies, whatever the files are; and files written as a diff says, once."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roadmap_cli.agent.code import git
from roadmap_cli.agent.code import project as projects
from roadmap_cli.agent.code.patch import File, diff
from roadmap_cli.core.errors import CannotCreate, DataError, Unavailable, UsageError

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

CASES = {
    "plain": ({"a.py": File(b"one\ntwo\nthree\n")}, {"a.py": File(b"one\n2\nthree\n")}),
    "no_final_newline": ({"a": File(b"one\ntwo")}, {"a": File(b"one\nthree")}),
    "newline_added_at_the_end": ({"a": File(b"one")}, {"a": File(b"one\n")}),
    "newline_taken_at_the_end": ({"a": File(b"one\n")}, {"a": File(b"one")}),
    "crlf": ({"a": File(b"one\r\ntwo\r\nthree\r\n")}, {"a": File(b"one\r\n2\r\nthree\r\n")}),
    "mixed_line_ends": ({"a": File(b"one\r\ntwo\nthree\r")}, {"a": File(b"one\ntwo\nthree\r")}),
    "form_feed_and_separators_in_a_line": (
        {"a": File("a\x0cb\u2028c\u0085d\n1\n".encode())},
        {"a": File("a\x0cb\u2028c\u0085d\n2\n".encode())},
    ),
    "mode": ({"a": File(b"x\n")}, {"a": File(b"x\n", True)}),
    "mode_and_content": ({"a": File(b"x\n", True)}, {"a": File(b"y\n")}),
    "new": ({"a": None}, {"a": File(b"x\ny")}),
    "new_executable_in_a_new_folder": ({"d/e/a": None}, {"d/e/a": File(b"#!/bin/sh\n", True)}),
    "new_empty": ({"a": None}, {"a": File(b"")}),
    "deleted": ({"a": File(b"x\ny\n")}, {"a": None}),
    "deleted_empty": ({"a": File(b"")}, {"a": None}),
    "emptied": ({"a": File(b"x\n")}, {"a": File(b"")}),
    "filled": ({"a": File(b"")}, {"a": File(b"x")}),
    "space_in_a_name": ({"a b/c d.py": File(b"x\n")}, {"a b/c d.py": File(b"y\n")}),
    "new_with_a_space_in_its_name": ({"a b": None}, {"a b": File(b"y\n")}),
    "quotes_and_backslash": ({'a"b\\c.py': File(b"x\n")}, {'a"b\\c.py': File(b"y\n")}),
    "tab_and_newline_in_a_name": ({"a\tb\nc": File(b"x\n")}, {"a\tb\nc": File(b"y\n")}),
    "not_ascii": ({"é/ü.py": File("ä\n".encode())}, {"é/ü.py": File("ö\n".encode())}),
    "binary": ({"a": File(bytes(range(256)) * 3)}, {"a": File(bytes(range(255, -1, -1)) * 2)}),
    "new_binary": ({"a": None}, {"a": File(b"\0\1\2")}),
    "deleted_binary": ({"a": File(b"\0\1\2")}, {"a": None}),
    "latin_1": ({"a": File(b"caf\xe9\n")}, {"a": File(b"caf\xe9!\n")}),
    "text_becomes_binary": ({"a": File(b"text\n")}, {"a": File(b"\0")}),
    "several": ({"a": File(b"x\n"), "b": File(b"y\n"), "c": None}, {"a": None, "b": File(b"z\n"), "c": File(b"n")}),
}


def lay(folder: Path, files: dict[str, File | None]) -> Path:
    for name, file in files.items():
        if file is not None:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(file.content)
            (folder / name).chmod(0o755 if file.executable else 0o644)
    return folder


def repository(folder: Path, files: dict[str, File | None]) -> Path:
    folder.mkdir(exist_ok=True)
    for words in (("init", "-q", "-b", "main"), ("config", "user.email", "a@example.com"), ("config", "user.name", "A"),
                  ("config", "core.autocrlf", "false")):  # fmt: skip
        subprocess.run(["git", "-C", folder, *words], check=True)
    lay(folder, files)
    subprocess.run(["git", "-C", folder, "add", "-A"], check=True)
    subprocess.run(["git", "-C", folder, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    return folder


def state_of(folder: Path, names: dict[str, File | None]) -> dict[str, File | None]:
    return {name: projects.standing(folder, name) for name in names}


@pytest.mark.parametrize("name", CASES)
def test_git_applies_it(name: str, tmp_path: Path) -> None:
    before, after = CASES[name]
    folder = repository(tmp_path / "r", before)
    text = diff(before, after)
    for words in (["apply", "--check", "-"], ["apply", "-"]):
        done = subprocess.run(["git", "-C", folder, *words], input=text.encode(), capture_output=True, check=False)
        assert done.returncode == 0, (done.stderr.decode(), text)
    assert state_of(folder, after) == after
    back = subprocess.run(
        ["git", "-C", folder, "apply", "-R", "-"], input=text.encode(), capture_output=True, check=False
    )
    assert back.returncode == 0, back.stderr.decode()
    assert state_of(folder, after) == {name: before.get(name) for name in after}


TEXTS = st.lists(st.sampled_from([b"a", b"b", b"a\n", b"b\n", b"\n", b"c\r\n", b"-\n", b"+\n", b"@@ -1 +1 @@\n", b"\\ x\n"]),
                 max_size=12).map(b"".join)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS, TEXTS)
def test_git_applies_any_text(tmp_path: Path, a: bytes, b: bytes) -> None:
    folder = tmp_path / "any"
    folder.mkdir(exist_ok=True)
    (folder / "f").write_bytes(a)
    text = diff({"f": File(a)}, {"f": File(b)})
    if a == b:
        assert not text
        return
    done = subprocess.run(["git", "apply", "-"], cwd=folder, input=text.encode(), capture_output=True, check=False)
    assert done.returncode == 0, (done.stderr, text)
    assert (folder / "f").read_bytes() == b


# -- writing -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_files_are_written_as_the_diff_says_and_again_changes_nothing(name: str, tmp_path: Path) -> None:
    before, after = CASES[name]
    lay(tmp_path, before)
    assert projects.replace(tmp_path, before, after)
    assert state_of(tmp_path, after) == after
    assert not projects.replace(tmp_path, before, after)
    assert not list(tmp_path.rglob(f"*{projects.PART}"))


def test_half_written_is_finished_and_parts_are_removed(tmp_path: Path) -> None:
    before = {"a": File(b"1\n"), "b": File(b"1\n")}
    after: dict[str, File | None] = {"a": File(b"2\n"), "b": File(b"2\n")}
    lay(tmp_path, {"a": after["a"], "b": before["b"]})
    (tmp_path / f".b{projects.PART}").write_bytes(b"2")
    assert projects.replace(tmp_path, before, after)
    assert state_of(tmp_path, after) == after
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_what_somebody_else_changed_is_left_alone(tmp_path: Path) -> None:
    before = {"a": File(b"1\n"), "b": File(b"1\n")}
    lay(tmp_path, {"a": File(b"1\n"), "b": File(b"mine\n")})
    with pytest.raises(DataError, match="b: changed while"):
        projects.replace(tmp_path, before, {"a": File(b"2\n"), "b": File(b"2\n")})
    assert (tmp_path / "a").read_bytes() == b"1\n"


@pytest.mark.parametrize("name", ["../a", "/etc/a", "link/a", "d/../../a"])
def test_nothing_is_written_outside(name: str, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "out").mkdir()
    (inside / "link").symlink_to("../out")
    with pytest.raises(DataError):
        projects.replace(inside, {}, {name: File(b"x")})
    assert not list((tmp_path / "out").iterdir())


def test_an_unwritable_folder_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        pytest.skip("bubblewrap is not installed")
    lay(tmp_path, {"p/a": File(b"1\n"), "p/sub/b": File(b"1\n")})
    script = (
        "import sys\nfrom pathlib import Path\nfrom roadmap_cli.agent.code import project\nfrom roadmap_cli.agent.code.patch import File\n"
        "from roadmap_cli.core.errors import CannotCreate\n"
        "try:\n    project.replace(Path(sys.argv[1]), {'a': File(b'1\\n'), 'sub/b': File(b'1\\n')},"
        " {'a': File(b'2\\n'), 'sub/b': File(b'2\\n')})\n"
        "except CannotCreate as error:\n    print(error)\n"
    )
    import sys

    done = subprocess.run(
        [bwrap, "--bind", "/", "/", "--ro-bind", tmp_path / "p/sub", tmp_path / "p/sub", sys.executable, "-c", script,
         tmp_path / "p"],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(Path(projects.__file__).parents[2])},
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"bubblewrap cannot work here: {done.stderr}")
    assert "cannot write" in done.stdout
    assert {path.name: path.read_bytes() for path in (tmp_path / "p").rglob("*") if path.is_file()} == {
        "a": b"1\n", "b": b"1\n",
    }  # fmt: skip


# -- branches ----------------------------------------------------------------------------------------------------------

OLD, NEW = {"s p/a.py": File(b"x = 1\n")}, {"s p/a.py": File(b"x = 2\n"), "new": File(b"n\n", True)}
AT = "2026-11-23T09:00:00.000Z"


def run_git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", folder, *words], check=True, capture_output=True, text=True).stdout


def test_a_branch_holds_the_change_alone_and_nothing_else_is_touched(tmp_path: Path) -> None:
    folder = repository(tmp_path / "r", {**OLD, "other": File(b"o\n")})
    hook = folder / ".git/hooks/reference-transaction"
    hook.write_text("#!/bin/sh\ntouch ran\n")
    hook.chmod(0o755)
    (folder / "other").write_text("uncommitted\n")
    (folder / "staged").write_text("s\n")
    run_git(folder, "add", "staged")
    (folder / "ran").unlink(missing_ok=True)
    status, index = run_git(folder, "status", "--porcelain"), (folder / ".git/index").read_bytes()
    made = git.commit(folder, "agent/fix", OLD, NEW, "Repair\n", AT)
    again = git.commit(folder, "agent/fix", OLD, NEW, "Repair\n", AT)
    assert (made.made, again.made, made.commit) == (True, False, again.commit)
    assert git.commit(folder, "agent/fix", OLD, NEW, "Repair\n", "2027-01-01T00:00:00Z") == again
    assert run_git(folder, "show", "--name-status", "--format=%s", "agent/fix").split() == [
        "Repair", "A", "new", "M", "s", "p/a.py",
    ]  # fmt: skip
    assert run_git(folder, "show", "agent/fix:s p/a.py") == "x = 2\n"
    assert run_git(folder, "rev-parse", "agent/fix^") == run_git(folder, "rev-parse", "main")
    assert run_git(folder, "status", "--porcelain") == status
    assert (folder / ".git/index").read_bytes() == index
    assert not (folder / "ran").exists()
    with pytest.raises(DataError, match="with another commit"):
        git.commit(folder, "agent/fix", OLD, NEW, "Other\n", AT)


def test_uncommitted_work_in_the_same_file_stays_out_of_the_branch(tmp_path: Path) -> None:
    lines = [b"%d\n" % number for number in range(30)]
    folder = repository(tmp_path / "r", {"a": File(b"".join(lines))})
    mine = [b"mine\n", *lines[1:]]
    theirs = [*mine[:20], b"fixed\n", *mine[21:]]
    (folder / "a").write_bytes(b"".join(mine))
    before, after = {"a": File(b"".join(mine))}, {"a": File(b"".join(theirs))}
    git.commit(folder, "b", before, after, "m", AT, lambda name: diff(before, after))
    assert run_git(folder, "show", "b:a").encode() == b"".join([*lines[:20], b"fixed\n", *lines[21:]])
    near = {"a": File(b"".join([b"fixed\n", *mine[1:]]))}
    with pytest.raises(DataError, match="uncommitted work"):
        git.commit(folder, "c", before, near, "m", AT, lambda name: diff(before, near))


def test_a_deleted_file_and_a_subfolder(tmp_path: Path) -> None:
    folder = repository(tmp_path / "r", {"sub/a": File(b"1\n"), "sub/b": File(b"1\n")})
    git.commit(folder / "sub", "b", {"a": File(b"1\n"), "b": File(b"1\n")}, {"a": None, "b": File(b"2\n")}, "m", AT)
    assert run_git(folder, "ls-tree", "-r", "--name-only", "b") == "sub/b\n"
    assert run_git(folder, "show", "b:sub/b") == "2\n"


def test_line_ends_that_git_keeps_otherwise(tmp_path: Path) -> None:
    folder = repository(tmp_path / "r", {"a": File(b"1\n2\n")})
    (folder / "a").write_bytes(b"1\r\n2\r\n")
    git.commit(folder, "b", {"a": File(b"1\r\n2\r\n")}, {"a": File(b"1\r\n3\r\n")}, "m", AT)
    assert run_git(folder, "show", "b:a") == "1\n3\n"


def test_names_and_places_that_have_no_branch(tmp_path: Path) -> None:
    for name in ("-x", "a..b", "a b", "", "@{-1}"):
        with pytest.raises(UsageError):
            git.branch_name(name)
    assert git.branch_name("agent/fix-1") == "agent/fix-1"
    with pytest.raises(Unavailable):
        git.commit(tmp_path, "b", {}, {}, "m", AT)
    assert CannotCreate.exit == 73
