"""A table that was loaded, held against rules: `check FILE RULES`, `quarantine FILE`, `restore FILE`.

rules.csv: column, rule, value. Rules: required; unique; number; least N; most N; one_of WORDS; matches_day (a date);
rows_least N and rows_most N (column empty). A file in quarantine lies in the folder `quarantine` beside it.
"""

from __future__ import annotations

import os
import sys
from datetime import date

import folder
from folder import Record

MOST_SHOWN = 20


def main() -> None:
    """The answer is JSON."""
    match sys.argv[1:]:
        case ["check", name, rules]:
            folder.tell(checked(name, rules))
        case ["quarantine", name]:
            folder.tell(moved(name, is_away=True))
        case ["restore", name]:
            folder.tell(moved(name, is_away=False))
        case _:
            sys.exit("usage: quality.py check|quarantine|restore …")


def checked(name: str, rules: str) -> Record:
    """Each rule with how many rows break it and the first of them; a rule that nobody can follow ends the program."""
    if not folder.place(name).is_file():
        sys.exit(f"there is no file {name!r}")
    rows = folder.rows(name)
    results: list[Record] = []
    for rule in folder.rows(rules):
        column, sort, value = rule["column"], rule["rule"], rule["value"]
        if sort.startswith("rows_"):
            is_broken = len(rows) < int(value) if sort == "rows_least" else len(rows) > int(value)
            results.append({"rule": f"{sort} {value}", "broken_count": int(is_broken), "lines": [], "found": len(rows)})
            continue
        if rows and column not in rows[0]:
            results.append(
                {"rule": f"{column} {sort}", "broken_count": len(rows), "lines": [], "found": "no such column"}
            )
            continue
        lines = broken_lines([row.get(column) or "" for row in rows], sort, value)
        results.append(
            {"rule": f"{column} {sort} {value}".strip(), "broken_count": len(lines), "lines": lines[:MOST_SHOWN]}
        )
    broken = [each for each in results if each["broken_count"]]
    return {
        "rows_count": len(rows), "rules_count": len(results), "broken": broken, "is_good": not broken,
        "share_good": round(1 - len(broken) / len(results), 4) if results else 1,
    }  # fmt: skip


def broken_lines(values: list[str], sort: str, value: str) -> list[int]:
    """The lines of a file (the header is line 1) whose value breaks a rule; an empty one breaks only `required`."""
    seen: set[str] = set()
    found: list[int] = []
    for line, each in enumerate(values, 2):
        if sort == "required":
            is_broken = not each.strip()
        elif not each:
            continue
        elif sort == "unique":
            is_broken = each in seen
            seen.add(each)
        elif sort in ("number", "least", "most"):
            number = as_number(each)
            limit = as_number(value) or 0.0
            is_broken = number is None or (sort == "least" and number < limit) or (sort == "most" and number > limit)
        elif sort == "one_of":
            is_broken = each not in value.split()
        elif sort == "matches_day":
            is_broken = not is_day(each)
        else:
            sys.exit(f"unknown rule {sort!r}")
        if is_broken:
            found.append(line)
    return found


def as_number(text: str) -> float | None:
    """A number, or None."""
    try:
        found = float(text)
    except ValueError:
        return None
    return found if abs(found) != float("inf") and found == found else None


def is_day(text: str) -> bool:
    """Whether text is a date of ISO 8601."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def moved(name: str, *, is_away: bool) -> Record:
    """Move a file into quarantine or back; what is done already is not done again."""
    path = folder.place(name)
    away = path.parent / "quarantine" / path.name
    source, target = (path, away) if is_away else (away, path)
    if source.is_file():
        if target.exists():
            sys.exit(f"{target.name!r} is there already")
        target.parent.mkdir(exist_ok=True)
        os.replace(source, target)  # noqa: PTH105 - one system call
    elif not target.is_file():
        sys.exit(f"there is no file {name!r}")
    return {"path": str(target.relative_to(folder.place(".")))}


if __name__ == "__main__":
    main()
