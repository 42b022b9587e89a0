"""One test's outcome as the bench keeps it, and bounds for what untrusted reports may put into it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


class Outcomes(dict[str, dict[str, Any]]):
    """Outcome by test id. `repeats` counts how often a name came up."""

    def __init__(self) -> None:
        super().__init__()
        self.repeats: dict[str, int] = {}


#: A report is read up to this many characters and tests.
TEXT_LIMIT, TESTS_LIMIT = 16 << 20, 50_000
_NAME, _MESSAGE = 300, 4000
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_WORD = re.compile(r"[A-Za-z_][\w.]*\Z")


def clean(text: object, limit: int = _MESSAGE) -> str:
    """Text of a report without control characters, cut to a length."""
    return _CONTROL.sub(" ", str(text))[:limit]


def add(
    found: Outcomes, name: str, status: str, seconds: float | None = None, error: Mapping[str, Any] | None = None
) -> None:
    """Put a test in, under a name of its own: the second of a name is ``name #2``."""
    if len(found) >= TESTS_LIMIT:
        return
    short = clean(name, _NAME).strip() or "unnamed"
    number = found.repeats[short] = found.repeats.get(short, 0) + 1
    unique = short if number == 1 else f"{short} #{number}"
    entry: dict[str, Any] = {"status": status}
    if seconds is not None and 0 <= seconds < 1e6:
        entry["seconds"] = round(seconds, 6)
    if error is not None and status in ("failed", "error"):
        entry["error"] = dict(error)
    found[unique] = entry


def error(kind: object, message: object, trace: str = "") -> dict[str, Any]:
    """An error as the bench keeps it: type, message, frames."""
    name = clean(kind or "", 100).strip()
    return {
        "type": name if _WORD.match(name) else "Failure", "message": clean(message), "frames": frames(trace),
    }  # fmt: skip


def failure(words: Mapping[str, Any]) -> dict[str, Any]:
    """The outcome of a command that failed as a whole."""
    return {"status": "failed", "error": dict(words)}


_PYTHON = re.compile(r'^\s*File "([^"\n]{1,400})", line (\d{1,7})(?:, in ([^\n]{1,200}))?', re.MULTILINE)
_PLACES = re.compile(
    r"(?:^|[\s(])(?:(?P<function>[\w.$<>\[\]]{1,120}) \()?"
    r"(?P<file>(?:/|\.{0,2}/)?[\w@.+-][\w@.+/ -]{0,300}\.\w{1,5}):(?P<line>\d{1,7})(?::\d+)?\b",
    re.MULTILINE,
)


def frames(trace: str) -> list[dict[str, Any]]:
    """Places in a stack trace, as file, function and line, outermost first; files as they are named there."""
    text = trace[:20_000]
    python = [
        {"file": found[1], "function": (found[3] or "").strip(), "line": int(found[2])}
        for found in _PYTHON.finditer(text)
    ]
    if python:
        return python[-30:]
    places = [
        {"file": found["file"], "function": found["function"] or "", "line": int(found["line"])}
        for found in _PLACES.finditer(text)
    ][:30]
    return places[::-1]
