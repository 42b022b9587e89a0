"""Error signatures: the same failure gets the same name again, wherever its lines have moved meanwhile.

Two levels: *exact* (type, normalised message, functions and files of the project on the traceback) and *loose* (type,
message template, innermost function). Line numbers, addresses, temporary paths and counts never enter. The version
is part of the hash, so a changed algorithm never matches what an older one stored.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

VERSION = 1
_FRAMES = 5
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"), "<uuid>"),
    (re.compile(r"\b0x[0-9a-fA-F]+\b"), "<address>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"), "<time>"),
    (re.compile(r"(?:/[\w.@+-]+)*/(?:tmp|temp|pytest-[\w-]+)(?:/[\w.@+-]+)*"), "<path>"),
    (re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"), "<n>"),
)
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")


@dataclass(frozen=True, slots=True)
class Signature:
    """A failure's two names (hex) and the words they were made from."""

    exact: str
    loose: str
    type: str
    message: str


def normalise(message: str) -> str:
    """A message without what differs from run to run: its first line, with numbers, times, paths, ids replaced."""
    lines = message.strip().splitlines()
    line = lines[0] if lines else ""
    for pattern, name in _RULES:
        line = pattern.sub(name, line)
    return " ".join(line.split())[:300]


def of(test: str, error: Mapping[str, Any] | None) -> Signature:
    """The signature of one failing test. `error` is the bench's: type, message, frames; None if there was none."""
    error = error or {"type": "NoResult", "message": "", "frames": []}
    message = normalise(str(error["message"]))
    frames = [(frame["file"], frame["function"]) for frame in error["frames"] if frame.get("file")][-_FRAMES:]
    name = re.sub(r"\[.*", "", test)
    inner = error["frames"][-1]["function"] if error["frames"] else name
    exact = _hash("exact", error["type"], message, [list(frame) for frame in frames], name)
    return Signature(exact, _hash("loose", error["type"], _QUOTED.sub("<s>", message), inner), error["type"], message)


def of_all(signatures: Sequence[Signature]) -> str:
    """The name of a whole failing run: its tests' exact signatures, in no order."""
    return _hash("run", sorted({signature.exact for signature in signatures}))


def _hash(*parts: Any) -> str:
    return hashlib.sha256(json.dumps([VERSION, *parts]).encode()).hexdigest()[:32]
