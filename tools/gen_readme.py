"""The table of commands in README.md."""

from __future__ import annotations

import sys

from generated import ROOT, replace_block, settle
from roadmap_cli.cli import surface

TITLES = {
    "slm": "small language models, offline",
    "agent": "a coding agent that tests what it does",
    "edl": "editing video",
    "life": "your calendar, money and health",
    "wf": "workflows that survive",
    "roadmap": "the ground they share",
}


def _cell(kinds: tuple[str, ...]) -> str:
    return ", ".join(f"`{kind}`" if kind != "*" else "any" for kind in kinds)


def table() -> str:
    rows = ["| Command | What it does | Reads | Writes |", "|---|---|---|---|"]
    family = ""
    for entry in surface.entries():
        now = entry.name.partition("-")[0]
        if now != family:
            family = now
            rows.append(f"| **{family}** | *{TITLES[family]}* | | |")
        reads = tuple(dict.fromkeys(kind for part in entry.parts for kind in part.spec.reads))
        writes = tuple(dict.fromkeys(kind for part in entry.parts for kind in part.spec.writes))
        actions = f" ({', '.join(part.action for part in entry.actions)})" if entry.actions else ""
        phrase = entry.spec.phrase.rstrip(".") + actions
        rows.append(f"| [`{entry.name}`](man/man1/{entry.name}.1) | {phrase} | {_cell(reads)} | {_cell(writes)} |")
    return "\n".join(rows) + "\n"


def main() -> int:
    readme = ROOT / "README.md"
    return settle({readme: replace_block(readme.read_text(), "tools/gen_readme.py", table(), "<!--")})


if __name__ == "__main__":
    sys.exit(main())
