"""A unified diff on a terminal: what goes and what comes in colour, control characters visible."""

from __future__ import annotations

from typing import Any

from roadmap_cli.cli.terminal import visible

_STYLES = {"+": "green", "-": "red", "@": "cyan"}
_HEADERS = ("diff ", "--- ", "+++ ", "new file", "deleted file", "old mode", "new mode", "index ", "GIT binary")


def draw(diff: str, console: Any, limit: int = 400) -> None:
    """Print a diff, at most `limit` lines of it."""
    lines = diff.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    for line in lines[:limit]:
        style = "bold" if line.startswith(_HEADERS) else _STYLES.get(line[:1])
        console.print(visible(line.removesuffix("\r")), style=style, markup=False, highlight=False, soft_wrap=True)
    if len(lines) > limit:
        console.print(f"… {len(lines) - limit} more lines", style="dim")
