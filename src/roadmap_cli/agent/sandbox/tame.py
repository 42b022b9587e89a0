"""Output of an untrusted program on its way to a terminal: colours pass, every other control becomes visible.

A terminal obeys what it is sent: it answers questions as if they were typed, sets the clipboard (OSC 52), renames
windows, hides what follows. Bytes that are not for a terminal are never changed.
"""

from __future__ import annotations

import re

_LONGEST = 64
#: Complete: a colour (SGR). C1 controls are bytes C2 80 to C2 9F in UTF-8; what may be their beginning waits.
_COLOUR = re.compile(rb"\x1b\[[0-9;:]*m")
_BEGUN = re.compile(rb"(?:\x1b(?:\[[0-9;:]{0,%d})?|\xc2)\Z" % _LONGEST)
_CONTROL = re.compile(rb"\x1b\[[0-9;:]*m|[\x00-\x07\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]")


class Tamed:
    """Call it with one piece of output after the other: what may be shown comes back."""

    def __init__(self) -> None:
        self._kept = b""

    def __call__(self, data: bytes) -> bytes:
        """The next piece, made harmless; an empty one ends the output and gives what was kept."""
        text = self._kept + data
        begun = _BEGUN.search(text) if data else None
        self._kept = text[begun.start() :] if begun else b""
        return _CONTROL.sub(_visible, text[: begun.start()] if begun else text)


def _visible(found: re.Match[bytes]) -> bytes:
    word = found[0]
    if _COLOUR.fullmatch(word):
        return word
    if len(word) == 2:
        return b"\\x%02x" % word[1]
    return b"^?" if word == b"\x7f" else b"^" + bytes([word[0] ^ 0x40])
