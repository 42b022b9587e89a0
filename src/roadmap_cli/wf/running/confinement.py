"""The programs of a plan that says what they may read: shown that, and nothing else.

A plan whose scope names files or programs (``file:…``, ``run:…``) has its command and shell steps confined: they see
their folder, their own program and its pinned files, what ``file:`` patterns cover, and the network only with the
effects ``network`` or ``message``. They write in their folder only with an effect that changes something. The state is
shown only under the pattern ``state:*``: whoever sees it sees everything.
"""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from pathlib import Path

from roadmap_cli.confine import program
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.wf.language import scope as scopes

MOST_PATHS = 1000
_WRITING = frozenset({"write", "change", "delete", "access", "money"})
_NETWORK = frozenset({"network", "message"})


def confined(
    argv: Sequence[str], step: Record, scope: Sequence[str] | None, directory: Path, environ: Mapping[str, str]
) -> program.Confined:
    """The command to start for a step's program. Without a scope that names files or programs it is the program itself.

    Raises DataError for a scope that would show too much, Unavailable if nothing can be confined here.
    """
    if not scopes.confines(scope):
        return program.Confined(list(argv), ())
    assert scope is not None
    effects = set(step["effects"])
    writes = bool(effects & _WRITING)
    files = [path for pattern in scope if pattern.startswith("file:") for path in _paths(pattern[5:], directory)]
    if len(files) > MOST_PATHS:
        raise DataError(f"the scope covers more than {MOST_PATHS} files", hint="name their folder with /*",
                        code="scope_too_wide")  # fmt: skip
    readable = [*program.support(argv[0]), *(Path(each["path"]) for each in step.get("files", ()))]
    if any(each.startswith("state:") for each in scope) and environ.get("ROADMAP_STATE"):
        state = Path(environ["ROADMAP_STATE"])
        files += [state.parent]
        readable += [Path(environ[name]) for name in ("ROADMAP_IDENTITY",) if environ.get(name)]
    return program.command(
        argv, directory=directory, readable=[*readable, *([] if writes else files)], writable=files if writes else (),
        network=bool(effects & _NETWORK), writes=writes,
    )  # fmt: skip


def _paths(pattern: str, directory: Path) -> list[Path]:
    """What a pattern shows: a folder for ``FOLDER/*`` or ``FOLDER/**``, else the files there are that it covers."""
    text = pattern if pattern.startswith("/") else str(directory / pattern)
    if "*" not in text and "?" not in text and "[" not in text:
        return [Path(text)]
    folder = text.removesuffix("/**").removesuffix("/*") or "/"
    if not any(sign in folder for sign in "*?["):
        return [Path(folder)]
    return [Path(each) for each in sorted(glob.glob(text, recursive=True))[: MOST_PATHS + 1]]  # noqa: PTH207
