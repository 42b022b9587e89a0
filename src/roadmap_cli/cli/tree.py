"""Decisions and what they rest on, drawn as a tree on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from roadmap_cli.cli.terminal import visible
from roadmap_cli.core.records import Record

_BOOKKEEPING = frozenset(("kind", "id", "depth"))
Gist = Callable[[Record], str]


def draw(records: Sequence[Record], console: Any, *, gist: Gist | None = None, most: int | None = None) -> None:
    """Records with their `depth` as a tree: decisions in bold with their reason, others with what names them.

    `gist` says a raw record in a line; at most `most` raw records are shown below one decision, and how many more.
    """
    from rich.text import Text
    from rich.tree import Tree

    branches: dict[int, Tree] = {}
    shown: dict[int, int] = {}
    left: dict[int, int] = {}

    def close(depth: int) -> None:
        for level in sorted((each for each in left if each > depth), reverse=True):
            if left[level] and level - 1 in branches:
                branches[level - 1].add(Text(f"… and {left[level]} more; --json shows all", style="dim"))
            del left[level], shown[level]

    for record in records:
        depth = int(record.get("depth", 0))
        close(depth)
        is_decision = "decision" in record
        if not is_decision and most is not None:
            shown[depth] = shown.get(depth, 0) + 1
            left.setdefault(depth, 0)
            if shown[depth] > most:
                left[depth] += 1
                continue
        label = Text()
        if is_decision:
            outcome = f"; {record['outcome']}" if "outcome" in record else ""
            label.append(visible(record["what"]), style="bold")
            label.append(f"\n{visible(record['why'])}\n")
            by = f"{record['at']} by {record['authorised_by']}, {record['command']}{outcome}"
            label.append(visible(by), style="dim")
        else:
            label.append(visible(record["kind"]), style="bold")
            label.append(f" {visible((gist or _gist)(record))}")
        label.append(f"\n{visible(str(record['id']))}", style="dim")
        parent = branches.get(depth - 1)
        branches[depth] = parent.add(label) if parent else Tree(label, guide_style="dim")
        if not parent:
            branches = {depth: branches[depth]}
    close(-1)
    if branches:
        console.print(branches[min(branches)])


def _gist(record: Record) -> str:
    """What a raw record says, without ids and bookkeeping, in two lines at most."""
    shown = [
        f"{name} {value}"
        for name, value in record.items()
        if isinstance(value, str | int | float) and name not in _BOOKKEEPING and not name.endswith("_id")
    ]
    text = ", ".join(shown)
    return text if len(text) <= 140 else text[:139] + "…"
