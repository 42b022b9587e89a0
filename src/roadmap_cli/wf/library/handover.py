"""What the next on-call engineer must know: who hands over to whom, what happened, what is still open.

Reads rota.csv (from, to, person; days), incidents.csv (at, service, severity, summary, status) and tasks.csv (task,
owner, due, status) of a folder.
"""

from __future__ import annotations

import sys
from datetime import date, timedelta

import folder
from folder import Record

DAYS = 7


def main() -> None:
    """`FOLDER DAY`: the answer is JSON."""
    name, day = sys.argv[1], date.fromisoformat(sys.argv[2][:10])
    folder.tell(gathered(name, day))


def gathered(name: str, day: date) -> Record:
    """The shift that ends on a day and the one that begins, with what is between them."""
    rota = folder.rows(f"{name}/rota.csv")
    leaving = [each["person"] for each in rota if each["from"] < day.isoformat() <= each["to"]]
    coming = [each["person"] for each in rota if each["from"] <= day.isoformat() < each["to"]]
    since = (day - timedelta(days=DAYS)).isoformat()
    until = (day + timedelta(days=1)).isoformat()
    incidents = [each for each in folder.rows(f"{name}/incidents.csv") if since <= each["at"] < until]
    tasks = [each for each in folder.rows(f"{name}/tasks.csv") if each["status"] != "done"]
    by_service: dict[str, int] = {}
    for each in incidents:
        by_service[each["service"]] = by_service.get(each["service"], 0) + 1
    return {
        "day": day.isoformat(),
        "leaving": leaving[0] if leaving else "",
        "coming": coming[-1] if coming else "",
        "incidents": incidents,
        "still_open": [each for each in incidents if each["status"] != "resolved"],
        "overdue": [each for each in tasks if each["due"] and each["due"] < day.isoformat()],
        "tasks": tasks,
        "noisiest": sorted(by_service, key=lambda each: (-by_service[each], each))[:3],
        "gap": "" if coming else f"nobody is on call from {day.isoformat()}",
    }


if __name__ == "__main__":
    main()
