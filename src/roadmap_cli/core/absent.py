"""What to try where a file that was named is not there."""

from __future__ import annotations

from pathlib import Path

#: How alike two names are, of 1, for one to be a slip of the other (`difflib.SequenceMatcher.ratio`), and how many are
#: told.
_ALIKE, _FEW = 0.8, 2


def hint(path: Path) -> str | None:
    """A folder that is missing, files of nearly this name, or how to see what there is; None if the file is there."""
    import difflib
    import shlex

    if path.exists():
        return None
    folder = path.parent
    if not folder.is_dir():
        return f"there is no folder {str(folder)!r}"
    try:
        names = sorted(each.name for each in folder.iterdir() if not each.name.startswith("."))
    except OSError:
        return None
    alike = difflib.get_close_matches(path.name, names, _FEW, _ALIKE)
    if alike:
        return f"near it there is {' and '.join(repr(str(folder / name)) for name in alike)}"
    where = "" if str(folder) == "." else f" {shlex.quote(str(folder))}"
    return f"'ls{where}' shows what is there"
