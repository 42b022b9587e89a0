"""Replies of a model as a person reads them: what was asked, the whole text, and what it took in a quiet line."""

from __future__ import annotations

from typing import Any

from roadmap_cli.cli.render import one_line
from roadmap_cli.cli.terminal import counted, visible
from roadmap_cli.core.records import Record


class Replies:
    """Writes each reply to a rich console as it comes; any other record is one line."""

    def __init__(self, console: Any) -> None:
        self._console = console
        self._begun = False

    def add(self, record: Record) -> None:
        """Show one more."""
        from rich.text import Text

        if self._begun:
            self._console.print()
        self._begun = True
        if "text" not in record:
            self._cut(", ".join(f"{name} {one_line(value)}" for name, value in record.items()), "")
            return
        if prompt := record.get("prompt"):
            self._cut(one_line(prompt), "bold")
        lines = str(record["text"]).strip("\n").split("\n")
        self._console.print(Text("\n".join(visible(line) for line in lines)))
        self._cut(_cost(record), "dim")

    def rest(self) -> None:
        """Nothing is held."""

    def _cut(self, text: str, style: str) -> None:
        wide = self._console.width
        self._console.print(text if len(text) <= wide else text[: wide - 1] + "…", style=style, markup=False)


def _cost(record: Record) -> str:
    """Tokens, seconds and the model; and that the reply is not whole, where it is not."""
    told = []
    if isinstance(count := record.get("completion_tokens"), int):
        told.append(counted(count, "token"))
    if isinstance(spent := record.get("latency_ms"), int | float):
        told.append(f"{spent / 1000:.1f} s")
    if record.get("model"):
        told.append(one_line(record["model"]))
    if record.get("finish") == "length":
        told.append("cut off: --max-tokens")
    return ", ".join(told)
