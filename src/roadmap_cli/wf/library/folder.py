"""Files of the folder a run works in, for the programs of templates: nothing outside it, nothing by halves."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Record = dict[str, Any]
MOST_BYTES = 64 * 1024 * 1024


def asked() -> Record:
    """The question on standard input."""
    found = json.load(sys.stdin)
    if not isinstance(found, dict):
        sys.exit("the question is no JSON object")
    return found


def tell(value: object) -> None:
    """Write the answer to standard output."""
    json.dump(value, sys.stdout, ensure_ascii=False)


def place(name: str) -> Path:
    """A path inside the folder of the run; ends the program for any other."""
    path = Path(name).resolve()
    if not path.is_relative_to(Path.cwd().resolve()) or "\0" in name:
        sys.exit(f"{name!r} is outside the folder of the run")
    return path


def text(name: str) -> str:
    """The text of a file, empty if it is not there."""
    path = place(name)
    if not path.is_file():
        return ""
    if path.stat().st_size > MOST_BYTES:
        sys.exit(f"{name!r} is larger than {MOST_BYTES} bytes")
    return path.read_text(errors="replace")


def rows(name: str) -> list[Record]:
    """The rows of a CSV file with a header, none if it is not there."""
    return [dict(each) for each in csv.DictReader(text(name).splitlines())]


@contextmanager
def alone(name: str) -> Iterator[Path]:
    """The path of a file that nobody else of us changes meanwhile."""
    path = place(name)
    with Path(f"{path}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield path


def write(name: str, content: str) -> None:
    """Write a file whole or not at all; the same step writes by way of the same name."""
    path = place(name)
    part = path.with_name(f".{path.name}.{os.environ.get('ROADMAP_IDEMPOTENCY_KEY', 'part')}")
    part.write_text(content)
    part.replace(path)


def write_rows(name: str, columns: Sequence[str], found: Sequence[Record]) -> None:
    """Write a CSV file whole or not at all."""
    lines = [",".join(columns), *(",".join(_cell(row.get(column, "")) for column in columns) for row in found)]
    write(name, "\n".join(lines) + "\n")


def _cell(value: object) -> str:
    """A cell of CSV (RFC 4180); what a spreadsheet would take for a formula gets an apostrophe before it."""
    shown = str(value)
    if shown[:1] in ("=", "+", "-", "@", "\t") and not shown.lstrip("+-").replace(".", "", 1).isdigit():
        shown = f"'{shown}"
    return '"' + shown.replace('"', '""') + '"' if any(sign in shown for sign in ',"\r\n') else shown


def key() -> str:
    """The name under which a step has its effect once: the same in every attempt."""
    return os.environ.get("ROADMAP_IDEMPOTENCY_KEY", "")
