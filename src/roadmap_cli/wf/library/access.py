"""Who has access to what, in two tables of the run's folder: who may have what (systems.csv), who has (access.csv).

systems.csv: system, owner, levels (words), conflicts (words ``system:level`` that nobody may have beside it).
access.csv: person, system, level, key. A person's row is there once, whatever is tried twice.
"""

from __future__ import annotations

import sys

import folder
from folder import Record

COLUMNS = ("person", "system", "level", "key")


def main() -> None:
    """`check`, `grant` or `revoke`, each with SYSTEMS ACCESS PERSON SYSTEM LEVEL: the answer is JSON."""
    act, systems, access, person, system, level = sys.argv[1:7]
    match act:
        case "check":
            folder.tell(check(folder.rows(systems), folder.rows(access), person, system, level))
        case "grant":
            folder.tell(grant(access, person, system, level))
        case "revoke":
            folder.tell(revoke(access, person, system, level))
        case _:
            sys.exit(f"unknown act {act!r}")


def check(systems: list[Record], access: list[Record], person: str, system: str, level: str) -> Record:
    """Whether the rules allow it: the system is known, it has that level, nothing the person has conflicts with it."""
    rule = next((each for each in systems if each["system"] == system), None)
    if rule is None:
        return {"verdict": "refuse", "why": f"system {system} is not among those that can be asked for", "owner": ""}
    found: Record = {"owner": rule["owner"], "levels": rule["levels"].split()}
    if level not in found["levels"]:
        return {"verdict": "refuse", "why": f"{system} has no level {level}", **found}
    has = {f"{each['system']}:{each['level']}" for each in access if each["person"] == person}
    if f"{system}:{level}" in has:
        return {"verdict": "has it", "why": f"{person} has it already", **found}
    conflicts = sorted(has & set(rule["conflicts"].split()))
    if conflicts:
        why = f"{person} has {', '.join(conflicts)}: nobody may have both"
        return {"verdict": "refuse", "why": why, **found}
    return {"verdict": "ask", "why": f"{rule['owner']} decides", **found}


def grant(access: str, person: str, system: str, level: str) -> Record:
    """Add a row, once."""
    with folder.alone(access):
        rows = folder.rows(access)
        is_new = not any((each["person"], each["system"], each["level"]) == (person, system, level) for each in rows)
        if is_new:
            row = {"person": person, "system": system, "level": level, "key": folder.key()}
            folder.write_rows(access, COLUMNS, [*rows, row])
    return {"person": person, "system": system, "level": level, "is_new": is_new}


def revoke(access: str, person: str, system: str, level: str) -> Record:
    """Take the row away, if it is there."""
    with folder.alone(access):
        rows = folder.rows(access)
        left = [each for each in rows if (each["person"], each["system"], each["level"]) != (person, system, level)]
        if len(left) != len(rows):
            folder.write_rows(access, COLUMNS, left)
    return {"removed_count": len(rows) - len(left)}


if __name__ == "__main__":
    main()
