"""Write the report of an incident as Markdown: complete or not at all, and the same file for the same key."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def main() -> None:
    """Read the question from standard input, write the answer to standard output."""
    asked = json.load(sys.stdin)
    name = Path(sys.argv[1]).name
    part = Path(f".{name}.{os.environ.get('ROADMAP_IDEMPOTENCY_KEY', 'part')}")
    written = list(lines(asked))
    part.write_text("\n".join(written) + "\n")
    part.replace(name)
    json.dump({"path": name, "lines_count": len(written)}, sys.stdout)


def lines(asked: dict[str, Any]) -> Iterator[str]:
    """The report, part by part."""
    analysis, facts = asked["analysis"], asked["facts"]
    yield f"# {plain(asked['alert'])}\n"
    yield f"Started {asked['started']}; event {asked['event']}; run {asked['run']}.\n"
    yield "| label | value |\n|---|---|"
    for key, value in sorted(asked["labels"].items()):
        yield f"| {plain(key)} | {plain(value)} |"
    for key in ("summary", "description"):
        if key in asked["annotations"]:
            yield f"\n{plain(asked['annotations'][key])}"
    yield "\n## Likely cause\n"
    cause = plain(analysis["cause"] or "unknown")
    yield f"{cause} (certainty {analysis['certainty_ratio']}): {plain(analysis['why'])}.\n"
    for each in analysis.get("evidence", ()):
        yield f"- `{plain(facts['log'])}:{each['number']}` {plain(each['text'])}"
    yield f"\n## What the log says\n\n{facts['lines_count']} lines with warnings or errors around the start.\n"
    for each in facts["messages"]:
        yield f"- {each['count']} x {each['level']} {plain(each['message'])} (first {each['first_at']})"


def plain(text: object) -> str:
    """Text from outside as text: no line breaks, no markup of its own."""
    return "".join("\\" + sign if sign in "\\`*_[]<>|#" else sign for sign in " ".join(str(text).split()))


if __name__ == "__main__":
    main()
