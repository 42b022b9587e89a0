"""Error signatures: the same failure gets the same name again, wherever its lines have moved meanwhile.

Two levels: *exact* (type, normalised message, chain of causes, and files, functions and source lines of the project on
the traceback, the failed assertion among them) and *loose* (type, message template, innermost function of the
project). Line numbers, addresses, temporary paths and counts never enter. The version is part of the hash, so a
changed algorithm never matches by accident what an older one stored; what the older one would have said is in
`Signature.earlier`, so that what it stored is still found.

Order of weight as in Sentry's grouping: frames of the project first, then type and value of the exception, then words.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roadmap_cli.agent.code.project import is_test

VERSION = 2
_FRAMES = 5
_CAUSES = 5
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"), "<uuid>"),
    (re.compile(r"\b0x[0-9a-fA-F]+\b"), "<address>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"), "<time>"),
    (
        re.compile(r"\b(?:sk-|gh[pousr]_|xox[a-z]-|AKIA)[\w-]{12,}|\beyJ[\w-]{8,}\.[\w.-]+|\bBearer\s+\S{8,}"),
        "<secret>",
    ),
    (re.compile(r"(?:/[\w.@+-]+)*/(?:tmp|temp|pytest-[\w-]+)(?:/[\w.@+-]+)*"), "<path>"),
    (re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"), "<n>"),
)
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_COMMENT = re.compile(r"\s#[^'\"]*$")

#: Gives the text of a line (from 1) of a file of the project, empty if there is none.
SourceLine = Callable[[str, int], str]


@dataclass(frozen=True, slots=True)
class Signature:
    """A failure's two names (hex) and the words they were made from; `earlier`: its names in the version before."""

    exact: str
    loose: str
    type: str
    message: str
    earlier: tuple[str, str] | None = None

    def names(self, level: str) -> tuple[str, ...]:
        """Every name of a level, ``exact`` or ``loose``, the present version's first."""
        now = self.exact if level == "exact" else self.loose
        return (now, self.earlier[level == "loose"]) if self.earlier else (now,)


def normalise(message: str) -> str:
    """A message without what differs from run to run: its first line, with numbers, times, paths, ids replaced."""
    lines = message.strip().splitlines()
    line = lines[0] if lines else ""
    for pattern, name in _RULES:
        line = pattern.sub(name, line)
    return " ".join(line.split())[:300]


def source_lines(files: Mapping[str, bytes]) -> SourceLine:
    """The lines of a project's files, each file split when first asked for."""
    split: dict[str, list[str]] = {}

    def line(name: str, number: int) -> str:
        if name not in split:
            split[name] = files.get(name, b"").decode("utf-8", "replace").splitlines()
        return split[name][number - 1] if 0 < number <= len(split[name]) else ""

    return line


def of(test: str, error: Mapping[str, Any] | None, line: SourceLine | None = None) -> Signature:
    """The signature of one failing test.

    `error` is the bench's: type, message, frames, and the chain of causes if there is one; None if there was no error.
    `line` gives source lines: without it frames count by file and function alone.
    """
    error = error or {"type": "NoResult", "message": "", "frames": []}
    message = normalise(str(error["message"]))
    ours = _steady(error["type"], [frame for frame in error["frames"] if frame.get("file")])
    frames = [
        [frame["file"], frame["function"], _plain(line(frame["file"], frame.get("line", 0))) if line else ""]
        for frame in ours[-_FRAMES:]
    ]
    causes = [[cause["type"], normalise(str(cause["message"]))] for cause in error.get("chain", ())[:_CAUSES]]
    name = re.sub(r"\[.*", "", test)
    inner = ours[-1]["function"] if ours else name
    return Signature(
        _hash("exact", error["type"], message, causes, frames, name),
        _hash("loose", error["type"], _QUOTED.sub("<s>", message), inner),
        error["type"],
        message,
        _first_version(name, error, message),
    )


def of_all(signatures: Sequence[Signature]) -> str:
    """The name of a whole failing run: its tests' exact signatures, in no order."""
    return _hash("run", sorted({signature.exact for signature in signatures}))


def _steady(kind: str, frames: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The frames that are the same each time: where a loop is stopped or a stack ends is chance.

    Of what runs out of time the test and the function it calls count, of an endless recursion the functions in it.
    """
    if kind.endswith("TimeLimit"):
        first = next((at for at, frame in enumerate(frames) if not is_test(frame["file"])), len(frames) - 1)
        return [{"file": frame["file"], "function": frame["function"]} for frame in frames[: first + 1]]
    if kind == "RecursionError":
        names = dict.fromkeys((frame["file"], frame["function"]) for frame in frames)
        return [{"file": file, "function": function} for file, function in sorted(names)]
    return frames


def _plain(line: str) -> str:
    """A source line without indentation, trailing comment and doubled blanks."""
    return " ".join(_COMMENT.sub("", line).split())[:200]


def _first_version(name: str, error: Mapping[str, Any], message: str) -> tuple[str, str]:
    frames = [[frame["file"], frame["function"]] for frame in error["frames"] if frame.get("file")][-_FRAMES:]
    inner = error["frames"][-1]["function"] if error["frames"] else name
    return (
        _hash("exact", error["type"], message, frames, name, version=1),
        _hash("loose", error["type"], _QUOTED.sub("<s>", message), inner, version=1),
    )


def _hash(*parts: Any, version: int = VERSION) -> str:
    return hashlib.sha256(json.dumps([version, *parts]).encode()).hexdigest()[:32]
