"""Write the page of an alert about runs: since when, its figures, and what the audit log says of its runs."""

from __future__ import annotations

import sys

import folder
import page
from folder import Record

MOST_ROWS = 100


def main() -> None:
    """Read what to write from standard input, write the file that the first argument names, say where it is."""
    asked = folder.asked()
    name = folder.place(sys.argv[1]).name
    parts = [
        {"heading": "Since", "text": asked["since"]},
        {"heading": "Figures", "items": {key: each for key, each in asked["facts"].items() if key != "run_ids"}},
        {"heading": "Runs", "items": asked["facts"].get("run_ids")},
        {"heading": "What the audit log says of its runs", "rows": rows(asked["entries"])},
    ]
    written = list(page.lines({"title": asked["title"], "parts": parts}))
    folder.write(name, "\n".join(written) + "\n")
    folder.tell({"path": name, "lines_count": len(written)})


def rows(entries: object) -> list[Record]:
    """What the audit log says of all the runs, the newest of each last, the telling fields of each entry."""
    found = [
        {"at": each.get("at"), **{name: each.get(name) or "" for name in ("action", "outcome", "resource", "why")}}
        for run in (entries if isinstance(entries, list) else [entries])
        for each in (run if isinstance(run, list) else [run])
        if isinstance(each, dict)
    ]
    return sorted(found, key=lambda each: str(each["at"]))[-MOST_ROWS:]


if __name__ == "__main__":
    main()
