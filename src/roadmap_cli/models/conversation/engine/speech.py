"""The text of a reply as it is written: bytes of tokens put together, stop texts found."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class Speech:
    """Puts the bytes of tokens together to characters, and holds back what may be the beginning of a stop text."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stops = stops
        self._longest = max(map(len, stops), default=1) - 1
        self._waiting = ""

    def take(self, data: bytes) -> tuple[str, bool]:
        """What can be said now, and whether a stop text ended it."""
        return self._said(self._decoder.decode(data))

    def rest(self) -> tuple[str, bool]:
        """What was held back."""
        text, stopped = self._said(self._decoder.decode(b"", final=True))
        if not stopped:
            text, self._waiting = text + self._waiting, ""
        return text, stopped

    def _said(self, piece: str) -> tuple[str, bool]:
        if not self._stops:
            return piece, False
        self._waiting += piece
        places = [place for place in (self._waiting.find(stop) for stop in self._stops) if place >= 0]
        if places:
            return self._waiting[: min(places)], True
        cut = max(0, len(self._waiting) - self._longest)
        text, self._waiting = self._waiting[:cut], self._waiting[cut:]
        return text, False
