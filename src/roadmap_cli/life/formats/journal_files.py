"""The lines of a journal and of what it includes: files of its own folder or below, each once, and no others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from roadmap_cli.core.errors import DataError
from roadmap_cli.life.opening.charsets import decode
from roadmap_cli.life.opening.opened import LARGEST_BYTES, Opened

#: More included files than this are not followed.
MOST_FILES = 2_000


class Files:
    """What was opened so far, starting with the journal that was named."""

    def __init__(self, opened: Opened, charset: str | None):
        self._charset = charset
        self._root = Path(opened.path).resolve().parent if opened.path else None
        self._seen = {Path(opened.path).resolve()} if opened.path else set()

    def included(self, pattern: str, within: str) -> Iterator[tuple[str, str]]:
        """Name and text of each file that an include of the file `within` means.

        Raises DataError if it is not in the folder of the journal, or not there, or too large.
        """
        root = self._root
        if root is None:
            raise DataError("include of what came through a pipe", hint="name the journal's file", code="bad_include")
        plain = pattern.strip().removeprefix("timedot:").strip("\"'")
        folder = Path(within).resolve().parent
        try:
            wanted = Path(plain)
            if wanted.is_absolute():
                found = [wanted]
            elif any(sign in plain for sign in "*?["):
                found = sorted(folder.glob(plain))[: MOST_FILES + 1]
            else:
                found = [folder / plain]
            found = [each.resolve() for each in found]
        except (ValueError, OSError, NotImplementedError, RuntimeError, IndexError):
            found = []
        if not found:
            raise DataError("include of a file that is not there", code="bad_include")
        for path in found:
            if root not in path.parents:
                raise DataError(
                    "include of a file outside the journal's folder", hint="name that file itself", code="bad_include"
                )
            if path in self._seen:
                continue
            if len(self._seen) >= MOST_FILES:
                raise DataError(f"more than {MOST_FILES} included files", code="bad_include")
            self._seen.add(path)
            try:
                if path.stat().st_size > LARGEST_BYTES or not path.is_file():
                    raise DataError("include of what is too large or no file", code="bad_include")
                yield str(path), decode(path.read_bytes(), self._charset)
            except (OSError, ValueError):
                raise DataError("include of a file that cannot be read", code="bad_include") from None
