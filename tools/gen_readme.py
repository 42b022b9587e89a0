"""What README.md shows of the commands, of their sessions and of their figures."""

from __future__ import annotations

import sys
from itertools import groupby

import figures
import transcripts
from generated import ROOT, replace_block, settle
from helping import tell_help
from roadmap_cli.cli import surface

TITLES = {
    "slm": "small language models, offline",
    "agent": "a coding agent that tests what it does",
    "edl": "editing video",
    "life": "your calendar, money and health",
    "wf": "workflows that survive",
    "roadmap": "the ground they share",
}


#: So many kinds stand in a cell of the table at most; the page of the command has them all.
SHOWN = 4


def _cell(kinds: tuple[str, ...]) -> str:
    kept = kinds if len(kinds) <= SHOWN else kinds[: SHOWN - 1]
    shown = [f"`{kind}`" if kind != "*" else "any" for kind in kept]
    return ", ".join([*shown, f"{len(kinds) - len(kept)} more"] if len(kept) < len(kinds) else shown)


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


def tour() -> str:
    """The sessions of the tour in roadmap(7), one block for each system."""
    blocks = []
    for _, steps in groupby(transcripts.read(transcripts.named("roadmap")), key=lambda step: step.lender):
        lines = []
        for step in steps:
            lines += ["$ " + step.shell.replace("\n", "\n> "), *step.output.splitlines()]
        blocks.append("\n".join(["```console", *lines, "```", ""]))
    return "\n".join(blocks)


def main() -> int:
    readme = ROOT / "README.md"
    text = readme.read_text()
    for name, body in {"tour": tour(), "commands": table(), "figures": figures.summary()}.items():
        text = replace_block(text, f"tools/gen_readme.py: {name}", body, "<!--")
    return settle({readme: text, figures.TABLE: figures.table()})


if __name__ == "__main__":
    tell_help(__doc__)
    sys.exit(main())
