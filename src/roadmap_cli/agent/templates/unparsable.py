"""Repair templates for a file that is no Python at all: the line that the parser stumbles over, left out or ended."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from roadmap_cli.agent.code.source import Edit, compiles

_BLOCK = re.compile(rb"\s*(async |def |class |if |elif |else\b|for |while |with |try\b|except\b|finally\b)")


def edits(content: bytes, lines: Mapping[int, float]) -> Iterator[Edit]:
    """Edits at suspect lines (from 1) after which the file can be parsed; none if it can be already."""
    try:
        if compiles(content.decode()):
            return
    except UnicodeDecodeError:
        return
    texts = content.splitlines(keepends=True)
    for line in sorted(lines, key=lambda line: (-lines[line], line)):
        if not 1 <= line <= len(texts):
            continue
        start = sum(map(len, texts[: line - 1]))
        end = start + len(texts[line - 1])
        made = [Edit(start, end, "", "drop_line", 1.0, line)]
        if _BLOCK.match(texts[line - 1]):
            place = start + len(texts[line - 1].rstrip())
            made.insert(0, Edit(place, place, ":", "add_colon", 2.0, line))
        for edit in made:
            text = content[: edit.start] + edit.text.encode() + content[edit.end :]
            if compiles(text.decode()):
                yield edit
