"""What to order so that the stock lasts: the program of the workflow in restock.yaml."""

import csv
import json
import sys

WEEKS = 2


def wanted(left: int, weekly: int) -> int:
    """How many to order so that there are enough for the weeks to come; none while there are."""
    need = WEEKS * weekly
    if left >= need:
        return 0
    return need + left


def order(path: str) -> dict[str, int]:
    """What is short, by name."""
    with open(path, newline="") as file:
        short = {row["name"]: wanted(int(row["left"]), int(row["weekly"])) for row in csv.DictReader(file)}
    return {name: count for name, count in short.items() if count}


if __name__ == "__main__":
    found = order(sys.argv[1])
    print(json.dumps({"order": found, "line": ", ".join(f"{count} {name}" for name, count in found.items()) or "nothing"}))
