"""Collect the lines of a log that belong to an alert: {"log", "started"} in, counted messages out.

Lines look like ``2026-11-23T08:55:01Z ERROR component: message``. Numbers in messages are put aside, so that lines
which differ by them count as one message. Reads nothing outside the working directory.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

Record = dict[str, Any]

WINDOW = timedelta(minutes=15)
LINE = re.compile(r"(\S+) (ERROR|WARN|FATAL|INFO|DEBUG) (.*)")
MOST_BYTES = 64 * 1024 * 1024


def moment(text: str) -> datetime:
    """An RFC 3339 time; digits beyond microseconds are cut off, for Python before 3.11."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text).replace("Z", "+00:00"))


def main() -> None:
    """Read the question from standard input, write the answer to standard output."""
    asked = json.load(sys.stdin)
    started = moment(asked["started"])
    facts: Record = {"log": asked["log"], "lines_count": 0, "messages": []}
    if asked["log"]:
        path = Path(asked["log"]).resolve()
        if not path.is_relative_to(Path.cwd().resolve()):
            sys.exit(f"{asked['log']!r} is outside the folder of the run")
        if path.is_file() and path.stat().st_size <= MOST_BYTES:
            facts |= count(path.read_text(errors="replace").splitlines(), started)
    json.dump(facts, sys.stdout)


def count(lines: Iterable[str], started: datetime) -> Record:
    """The messages of the lines near `started`, each with how often, since when, and how often in the last third."""
    found: dict[str, Record] = {}
    total = 0
    for number, line in enumerate(lines, 1):
        matched = LINE.match(line)
        if not matched or matched[2] in ("INFO", "DEBUG"):
            continue
        try:
            at = moment(matched[1])
        except ValueError:
            continue
        if not started - WINDOW <= at <= started + WINDOW:
            continue
        total += 1
        text = re.sub(r"\b\w*\d[\w.]*", "#", matched[3])
        each = found.setdefault(
            text, {"message": text, "level": matched[2], "first_at": matched[1], "lines": [], "count": 0, "late": 0}
        )
        each["count"] += 1
        each["late"] += at >= started - WINDOW / 3
        if len(each["lines"]) < 3:
            each["lines"].append({"number": number, "text": line})
    return {"lines_count": total, "messages": sorted(found.values(), key=lambda each: each["first_at"])}


if __name__ == "__main__":
    main()
