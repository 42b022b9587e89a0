"""What somebody who joins needs, from roles.csv (role, system, level, task, days): accesses, and tasks with days."""

from __future__ import annotations

import sys
from datetime import date, timedelta

import folder
from folder import Record


def main() -> None:
    """`ROLES ROLE START`: the answer is JSON. Ends with 65 for a role that nobody described."""
    name, role, start = sys.argv[1], sys.argv[2], date.fromisoformat(sys.argv[3][:10])
    found = [each for each in folder.rows(name) if each["role"] in (role, "everybody")]
    if not any(each["role"] == role for each in found):
        sys.stderr.write(f"there is no role {role!r} in {name}\n")
        sys.exit(65)
    accesses: list[Record] = []
    tasks: list[Record] = []
    for each in found:
        if each["system"]:
            accesses.append({"system": each["system"], "level": each["level"]})
        if each["task"]:
            due = start + timedelta(days=int(each["days"] or 0))
            tasks.append({"task": each["task"], "due": due.isoformat()})
    tasks.sort(key=lambda each: (each["due"], each["task"]))
    folder.tell({"accesses": accesses, "tasks": tasks, "first_day": start.isoformat()})


if __name__ == "__main__":
    main()
