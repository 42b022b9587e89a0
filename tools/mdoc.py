"""Text as roff wants it, and back."""

from __future__ import annotations

import re

#: Characters that a formatter would make typographic, and how to keep them as they are typed.
_TYPED = {"`": "\\(ga", "~": "\\(ti", "^": "\\(ha", "-": "\\-"}
_PLAIN = {escaped: sign for sign, escaped in _TYPED.items()} | {"\\e": "\\", "\\(aq": "'", "\\(dq": '"', "\\&": ""}


def escape(text: str) -> str:
    """Text that roff leaves alone."""
    text = text.replace("\\", "\\e")
    return "\n".join(f"\\&{line}" if line[:1] in (".", "'") else line for line in text.split("\n"))


def literal(text: str) -> str:
    """Text to be typed: its hyphens stay hyphens."""
    return re.sub(r"[-`~^]", lambda found: _TYPED[found[0]], escape(text))


def plain(line: str) -> str:
    """What a line of a literal display shows."""
    return re.sub(r"\\(?:\(..|.)", lambda found: _PLAIN.get(found[0], found[0]), line)
