"""The figures of a week beside those before: CSV files with a column `day`, one row a day, numbers beside it.

Each other column is a figure: its sum of the week, that of the week before, the change, and whether that is unusual
beside the eight weeks before (further from their mean than two standard deviations).
"""

from __future__ import annotations

import statistics
import sys
from datetime import date, timedelta

import folder
from folder import Record

WEEKS = 8
MOST_FILES = 50


def main() -> None:
    """`FOLDER DAY`: the answer is JSON, about the seven days before DAY."""
    name, day = sys.argv[1], date.fromisoformat(sys.argv[2][:10])
    figures: list[Record] = []
    root = folder.place(name)
    files = sorted(each for each in root.iterdir() if each.suffix == ".csv")[:MOST_FILES] if root.is_dir() else []
    for file in files:
        figures += measured(file.stem, folder.rows(f"{name}/{file.name}"), day)
    folder.tell({
        "from": (day - timedelta(days=7)).isoformat(), "to": (day - timedelta(days=1)).isoformat(), "figures": figures,
        "unusual": [each for each in figures if each["unusual"]], "figures_count": len(figures),
    })  # fmt: skip


def measured(source: str, rows: list[Record], day: date) -> list[Record]:
    """One record for each column of numbers."""
    days: dict[date, Record] = {}
    for row in rows:
        try:
            days[date.fromisoformat(row["day"][:10])] = row
        except (KeyError, ValueError):
            continue
    columns = [column for column in (rows[0] if rows else {}) if column not in ("day", None)]
    found: list[Record] = []
    for column in columns:
        weeks = [total(days, column, day - timedelta(days=7 * number)) for number in range(1, WEEKS + 2)]
        this, before, *older = weeks
        if this is None:
            continue
        record: Record = {"figure": f"{source}.{column}", "week": round(this, 2)}
        if before is not None:
            record["before"] = round(before, 2)
            record["change"] = f"{(this - before) / before:+.0%}" if before else "new"
        past = [each for each in (before, *older) if each is not None]
        record["unusual"] = len(past) >= 4 and abs(this - statistics.fmean(past)) > 2 * statistics.pstdev(past) + 1e-9
        found.append(record)
    return found


def total(days: dict[date, Record], column: str, first: date) -> float | None:
    """The sum of a column over seven days, None if none of them has a number."""
    numbers = []
    for offset in range(7):
        try:
            numbers.append(float(days[first + timedelta(days=offset)][column]))
        except (KeyError, TypeError, ValueError):
            continue
    return sum(numbers) if numbers else None


if __name__ == "__main__":
    main()
