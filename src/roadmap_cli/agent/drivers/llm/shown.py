"""What a model was shown and may change, and which of it the words in its reply mean."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from roadmap_cli.agent.drivers.llm.placing import NoPlaceError

FENCE = re.compile(r"(`{3,}|~{3,})([^`]*)\Z")
TAIL = re.compile(r">{5,9} ?(?:REPLACE|UPDATED)\Z")
_PATH = re.compile(r"[\w@+.-]+(?:/[\w@+.-]+)*\Z")


@dataclass(frozen=True, slots=True)
class Shown:
    """What the model was shown and may change: files by name, and the functions it was asked about, the first first."""

    files: Mapping[str, str]
    targets: Sequence[tuple[str, str]] = ()

    def only_file(self) -> str:
        """The file that is meant where none is named. Raises NoPlaceError if there are several."""
        if len(self.files) == 1:
            return next(iter(self.files))
        raise NoPlaceError("it does not say which file it changes")

    def named_above(self, lines: Sequence[str], at: int) -> str | None:
        """The file named in the lines above a block, None if none is. Raises NoPlaceError for one not shown."""
        looked = 0
        for number in range(at - 1, max(-1, at - 6), -1):
            line = lines[number].strip()
            fence = FENCE.match(line)
            words = fence[2].strip() if fence else line
            if not words:
                continue
            if found := self.named(words):
                return found
            name = words.strip("#*`: ").strip()
            if not fence and _PATH.match(name) and "." in name.strip(".") and not name.endswith("."):
                raise NoPlaceError(f"file {name[:80]!r} is not one of those shown")
            if TAIL.match(line):
                break
            looked += not fence
            if looked >= 2:
                break
        return None

    def named_just_above(self, lines: Sequence[str], at: int) -> str | None:
        """The file named in the next line with words above a block, None if none is."""
        for number in range(at - 1, max(-1, at - 3), -1):
            if lines[number].strip():
                return self.named(lines[number])
        return None

    def named(self, words: str) -> str | None:
        """The one shown file that words name: by its path, by the end of it, among other words such as ``python:``."""
        for word in [words, *words.split()[:8]]:
            name = word[:300].strip().strip("#*`'\"():,").strip()
            for part in (name, name.rpartition(":")[2], name.rpartition("=")[2].strip("'\"")):
                path = part.removeprefix("./")
                if path in self.files:
                    return path
                if path and _PATH.match(path):
                    ends = [each for each in self.files if each.endswith("/" + path) or path.endswith("/" + each)]
                    if len(ends) == 1:
                        return ends[0]
        return None
