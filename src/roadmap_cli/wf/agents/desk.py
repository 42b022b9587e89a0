"""What an agent has in front of it while it does its task, and what comes of it.

The rule kept here: a task gets the values of its step and the files of its scope, and nothing else.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.wf.actions import Context
from roadmap_cli.wf.language import scope

#: Most bytes of one file that are read; of a longer one the end.
MOST_FILE = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Work:
    """What came of a task: the output, the evidence it cites, and in words what was found and why."""

    output: Record
    what: str
    why: str
    evidence: Sequence[Record] = ()
    certainty_ratio: float | None = None


class Model(Protocol):
    """A model as a task asks it: text in, a value that fits a schema out, or None if there is no budget for it."""

    def ask(self, system: str, text: str, schema: Mapping[str, Any], *, most_tokens: int) -> Any:
        """The value, or None."""


@dataclass(slots=True)
class Desk:
    """What a task works with."""

    spec: Record
    step: Record
    context: Context
    model: Model | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        """The time."""
        return self.context.now()

    def files(self) -> dict[str, str]:
        """The files of the task, by path. Raises DataError for one that is missing or, links followed, outside."""
        return {path: self._read(path) for path in self.spec.get("files", [])}

    def _read(self, path: str) -> str:
        place = Path(os.path.realpath(self.context.directory), path)
        real = os.path.realpath(place)
        named = os.path.normpath(place)
        if real != named:  # a link must not lead out of what was allowed
            scope.refuse_outside([f"file:{real}"], [*self.context.scope, f"file:{named}"])
        try:
            descriptor = os.open(real, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
            with os.fdopen(descriptor, "rb") as file:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise DataError(f"{path!r} is not a file", code="no_file")
                if status.st_size > MOST_FILE:
                    file.seek(status.st_size - MOST_FILE)
                    file.readline()
                    self.notes.append(f"{path}: only the last {MOST_FILE} bytes were read")
                return file.read(MOST_FILE).decode(errors="replace")
        except OSError as error:
            raise DataError(f"{path!r} cannot be read: {(error.strerror or '').lower()}", code="no_file") from None
