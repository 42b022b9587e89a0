"""git, used so that a project's own settings run nothing: no hooks, no file-system monitor, no filters, no prompts.

Only plumbing is called. The user's index and work tree are never touched: a commit is made through an index of its
own, from blobs written by content.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from roadmap_cli.agent.code.patch import File
from roadmap_cli.core.errors import CannotCreate, DataError, Unavailable, UsageError

_SAFE = (
    "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false",
    "-c", "core.pager=cat", "-c", "core.quotePath=false", "-c", "protocol.allow=never", "-c", "gc.auto=0",
)  # fmt: skip
_SECONDS = 60
#: Who commits if the user has not told git who they are.
_NOBODY = ("agent-loop", "agent-loop@localhost")


@dataclass(frozen=True, slots=True)
class Listing:
    """What git says of a folder: files that are tracked or neither tracked nor ignored, and submodules."""

    files: tuple[str, ...]
    submodules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch that was made: its name and its commit. `made` is False if it was there already with that commit."""

    name: str
    commit: str
    made: bool


def listing(folder: Path) -> Listing | None:
    """The folder's files as git lists them, relative to it; None if it is in no work tree, or git is missing.

    A repository that git does not trust (another owner's) is none for us either.
    """
    if shutil.which("git") is None or not _has_git(folder):
        return None
    staged = _run(folder, "ls-files", "-z", "--cached", "--stage", "--", ".")
    others = _run(folder, "ls-files", "-z", "--others", "--exclude-standard", "--", ".")
    if staged.returncode or others.returncode:
        return None
    files: dict[str, None] = {}
    submodules: dict[str, None] = {}
    for entry in staged.stdout.split(b"\0"):
        about, _, name = entry.partition(b"\t")
        if name:
            (submodules if about.startswith(b"160000") else files).setdefault(os.fsdecode(name))
    for name in others.stdout.split(b"\0"):
        if name and not name.endswith(b"/"):
            files.setdefault(os.fsdecode(name))
    return Listing(tuple(files), tuple(submodules))


def _has_git(folder: Path) -> bool:
    return any((place / ".git").exists() for place in (folder, *folder.parents))


def branch_name(name: str) -> str:
    """The name, if git takes it for a branch. Raises UsageError."""
    done = subprocess.run(
        ["git", "check-ref-format", "--branch", name], capture_output=True, check=False, env=_environ(),
        timeout=_SECONDS,
    )  # fmt: skip
    if done.returncode or name.startswith("-") or done.stdout.decode().strip() != name:
        raise UsageError(f"--branch {name!r}: not a name for a branch")
    return name


def check_start(folder: Path) -> None:
    """Raise Unavailable if there is no commit that a branch could start from."""
    if shutil.which("git") is None:
        raise Unavailable("git is not installed", hint="apt-get install git")
    if not _text(folder, "rev-parse", "--verify", "-q", "HEAD^{commit}"):
        raise Unavailable(f"{folder}: no commit to start a branch from",
                          hint="--branch needs a git repository with a commit; --apply does not")  # fmt: skip


def commit(
    folder: Path, branch: str, before: Mapping[str, File | None], after: Mapping[str, File | None], message: str,
    at: str, diff_of: Callable[[str], str] | None = None,
) -> Branch:  # fmt: skip
    """Commit a change on a new branch that starts at HEAD. Same change, message and time make the same commit.

    `before` and `after` are the changed files as they stand in the folder and as they shall be; `diff_of` gives one
    file's diff, for a file with uncommitted work.
    Raises DataError if the branch is there with another commit or the change does not fit HEAD, Unavailable if there
    is no git repository, CannotCreate.
    """
    check_start(folder)
    top = _text(folder, "rev-parse", "--show-toplevel")
    head = _text(folder, "rev-parse", "--verify", "-q", "HEAD^{commit}")
    prefix = _text(folder, "rev-parse", "--show-prefix")
    with tempfile.TemporaryDirectory(prefix="agent-loop-") as place:
        index = {"GIT_INDEX_FILE": str(Path(place, "index"))}
        _must(folder, "read-tree", head, environ=index)
        for name in sorted(after):
            part = diff_of(name) if diff_of else None
            _stage(Path(top), prefix, name, (before.get(name), after[name]), part, index)
        tree = _must(folder, "write-tree", environ=index)
    author = {"GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at}
    for who in ("AUTHOR", "COMMITTER"):
        if not _text(folder, "config", "user.email"):
            author |= {f"GIT_{who}_NAME": _NOBODY[0], f"GIT_{who}_EMAIL": _NOBODY[1]}
    made = _must(folder, "commit-tree", tree, "-p", head, "-F", "-", stdin=message.encode(), environ=author)
    ref = f"refs/heads/{branch}"
    standing = _text(folder, "rev-parse", "--verify", "-q", ref)
    if standing == made:
        return Branch(branch, made, False)
    if standing and _text(folder, "log", "-1", "--format=%T %P%n%B", ref) == f"{tree} {head}\n{message}".strip():
        return Branch(branch, standing, False)  # the same at another time
    if standing:
        raise DataError(f"branch {branch!r} is there already, with another commit", code="branch_exists",
                        hint="name another with --branch")  # fmt: skip
    done = _run(folder, "update-ref", ref, made, "0" * 40)
    if done.returncode:
        raise CannotCreate(f"branch {branch!r} cannot be made: {_last(done)}")
    return Branch(branch, made, True)


def _stage(
    top: Path, prefix: str, name: str, change: tuple[File | None, File | None], diff: str | None,
    index: Mapping[str, str],
) -> None:  # fmt: skip
    """Put one changed file into the index: as HEAD has it, plus the change alone."""
    path = prefix + name
    old, new = change
    if new is None:
        gone = f"0 {'0' * 40}\t{path}\0".encode(errors="surrogateescape")
        _must(top, "update-index", "-z", "--index-info", stdin=gone, environ=index)
        return
    committed = _run(top, "cat-file", "blob", f":{path}", environ=index)
    was = committed.stdout if committed.returncode == 0 else None
    content, standing = new.content, old.content if old else None
    if was is not None and was != standing:
        if standing is not None and was == standing.replace(b"\r\n", b"\n"):
            content = content.replace(b"\r\n", b"\n")  # git keeps it with line feeds only
        else:
            words = ["apply", "--cached", *([f"--directory={prefix}"] if prefix else []), "-"]
            if diff is None or _run(top, *words, stdin=diff.encode(), environ=index).returncode:
                raise DataError(f"{name}: has uncommitted work around the repair", code="uncommitted",
                                hint="commit that first, or use --apply")  # fmt: skip
            return
    blob = _must(top, "hash-object", "-w", "--no-filters", "--stdin", stdin=content)
    _must(top, "update-index", "--add", "--cacheinfo", f"{new.mode},{blob},{path}", environ=index)


def _environ() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "XDG_CONFIG_HOME", "TMPDIR") if name in os.environ}
    return {**kept, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C.UTF-8", "GIT_EDITOR": "false"}


def _run(
    folder: Path, *words: str, stdin: bytes = b"", environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    command: Sequence[str] = ("git", *_SAFE, "-C", str(folder), *words)
    try:
        return subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=_SECONDS,
                              env={**_environ(), **(environ or {})})  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 127, b"", str(error).encode())


def _text(folder: Path, *words: str) -> str:
    done = _run(folder, *words)
    return os.fsdecode(done.stdout).strip("\n") if done.returncode == 0 else ""


def _must(folder: Path, *words: str, stdin: bytes = b"", environ: Mapping[str, str] | None = None) -> str:
    done = _run(folder, *words, stdin=stdin, environ=environ)
    if done.returncode:
        raise CannotCreate(f"git {words[0]} failed: {_last(done)}")
    return os.fsdecode(done.stdout).strip()


def _last(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"exit {done.returncode}"
