"""How many requests a machine decodes together best: tried while there is work, and remembered.

One more sequence costs little where weights come from memory faster than they are used, and a whole token's work
where the processor is the limit; which of the two it is depends on model, processor, and what else it does. So the
width is found by climbing: each candidate is timed over some steps of nothing but writing, and a wider one is kept
while it brings enough.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
from pathlib import Path
from typing import Any

from roadmap_cli.models import processors

#: Tried from the second on; the first is for machines on which even that does not pay.
CANDIDATES = (4, 8, 16)
START = 8
#: Steps of pure writing that are timed before a width is judged; the median counts.
STEPS = 24
#: A wider batch must bring this much more, since each answer comes later; a narrower one may lose that much.
WORTH = 0.05
#: Fewer differently set up models than this are remembered.
MOST_REMEMBERED = 100


class Width:
    """The number of requests to have in flight. `learn` is told of every step; `now` changes as it learns."""

    def __init__(
        self, path: Path, *, fixed: int | None = None, threads: int | None = None, memory: Path | None = None
    ) -> None:
        """`path` is the model's file, `memory` where to remember. `fixed` is taken as it is."""
        self._memory = memory
        size = path.stat().st_size if path.exists() else 0
        self._key = f"{path.name} {size} {processors.name()} {threads or processors.available()}"
        known = None if fixed else _read(memory).get(self._key)
        self._settled = bool(fixed or known)
        self._known = known
        self.now: int = fixed or known or START
        #: As many sequences as may be wanted.
        self.most: int = self.now if self._settled else CANDIDATES[-1]
        self._paces: dict[int, float] = {}  # seconds a token
        self._times: list[float] = []

    def learn(self, written: int, read: int, seconds: float) -> None:
        """A step wrote a token for each of `written` sequences and read `read` tokens of prompts."""
        if self._settled or read or written != self.now:
            return
        self._times.append(seconds / written)
        if len(self._times) == STEPS:
            self._paces[self.now] = statistics.median(self._times)
            self._times = []
            self._climb()

    def _climb(self) -> None:
        paces = self._paces
        for wider, narrower in ((16, 8), (8, 4)):
            if narrower not in paces:
                continue
            if wider not in paces:
                self.now = wider
                return
            if paces[wider] < paces[narrower] * (1 - WORTH):
                self._settle(wider)
                return
        if 4 not in paces:
            self.now = 4
            return
        self._settle(4)

    def _settle(self, width: int) -> None:
        self.now, self._settled = width, True

    def remember(self) -> None:
        """Write down what was found out, for the next run. What cannot be written is found out again."""
        if not self._settled or self._known or self._memory is None or not self._paces:
            return
        found = {**_read(self._memory), self._key: self.now}
        kept = dict(list(found.items())[-MOST_REMEMBERED:])
        part = self._memory.with_name(f".{self._memory.name}.{os.getpid()}.part")
        with contextlib.suppress(OSError):
            self._memory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            part.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
            part.replace(self._memory)


def _read(memory: Path | None) -> dict[str, int]:
    if memory is None:
        return {}
    try:
        found: Any = json.loads(memory.read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if value in CANDIDATES and not isinstance(value, bool)}
