"""Filling gaps: a suspect statement taken out, and the model asked what should stand there."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from roadmap_cli.agent.drivers.llm import naming
from roadmap_cli.agent.drivers.llm.places import Suspect
from roadmap_cli.agent.drivers.llm.shown import Shown
from roadmap_cli.models.conversation.chat import Infill

MOST_TOKENS = 96
_LINES_AROUND = (120, 60, 30, 12)


@dataclass(frozen=True, slots=True)
class Gap:
    """Lines `start` up to, not including, `end` (from 0) of a file, taken out; `indent` stands in front of them."""

    file: str
    start: int
    end: int
    indent: str
    asked: Infill

    def line(self, middle: str) -> str:
        """The new lines for what a model wrote into the gap."""
        return self.indent + middle.strip("\n").lstrip(" \t").rstrip()


def gaps(suspects: Sequence[Suspect], shown: Shown, count: Callable[[str], int], room: int, most: int) -> list[Gap]:
    """The most suspect statements as gaps, with as much text around each as there is room for, the first first."""
    found, seen = list[Gap](), set[tuple[str, int]]()
    wanted = [(value, each.file, line) for each in suspects for line, value in each.lines if each.file in shown.files]
    for _, file, line in sorted(wanted, key=lambda each: -each[0]):
        lines = shown.files[file].replace("\r\n", "\n").split("\n")
        if not 1 <= line <= len(lines) or not lines[line - 1].strip():
            continue
        start, end = _statement(file, lines, line)
        if (file, start) in seen or len(found) >= most:
            continue
        seen.add((file, start))
        first = lines[start]
        indent = first[: len(first) - len(first.lstrip())]
        for around in _LINES_AROUND:
            before = "\n".join([*lines[max(0, start - around) : start], indent])
            after = "\n" + "\n".join(lines[end : end + around // 2])
            if count(before) + count(after) + MOST_TOKENS + 8 <= room:
                found.append(Gap(file, start, end, indent, Infill(before, after)))
                break
    return found


def _statement(file: str, lines: Sequence[str], line: int) -> tuple[int, int]:
    """The lines (from 0) of the simple statement on a line, or of the header of a compound one."""
    tree = naming.tree_of("\n".join(lines)) if file.endswith(".py") else None
    best = (line - 1, line)
    for node in ast.walk(tree) if tree else ():
        if not isinstance(node, ast.stmt) or not node.lineno <= line <= (node.end_lineno or node.lineno):
            continue
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
            last = max(node.lineno, body[0].lineno - 1)
            if node.lineno <= line <= last:
                best = (node.lineno - 1, last)
        else:
            best = (node.lineno - 1, node.end_lineno or node.lineno)
    return best
