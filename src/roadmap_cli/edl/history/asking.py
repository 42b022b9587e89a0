"""What a person asks of an edit: a place in the programme, a thing's id, and what it is they want to know."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from roadmap_cli.core.errors import UsageError
from roadmap_cli.core.records import Record
from roadmap_cli.edl import timecode, when

_CLOCK = r"(?:(\d{1,3}):)?(\d{1,4}):(\d{1,2}(?:[.,]\d{1,6})?)"
_PLACES = (
    re.compile(r"\b(\d{1,3}):(\d{2}):(\d{2})[:;](\d{2,3})\b"),
    re.compile(rf"(?<![\d:]){_CLOCK}(?![\d:])"),
    re.compile(r"\bframe\s+(\d{1,9})\b", re.IGNORECASE),
    re.compile(r"(?:\bat\s+|@\s*)?(?<![\d:.])(\d{1,6}(?:[.,]\d{1,6})?)\s*(?:s|sec|secs|seconds?)\b", re.IGNORECASE),
    re.compile(r"\bat\s+(\d{1,6}(?:[.,]\d{1,6})?)(?![\d:])", re.IGNORECASE),
)
#: What a question is about, by its words; the first that fits counts.
_ABOUT = (
    ("dropped", r"drop|left? out|leave out|leav|missing|not in|remov|skip|unused|without|gone|throw|discard"),
    ("transition", r"dissolve|transition|wipe|fade|crossfade|cross-fade"),
    ("sound", r"music|sound|loud|quiet|silen|volume|duck|cue|voice|audio|hear"),
    ("title", r"title|caption|text|words on"),
    ("speed", r"slow|fast|speed|tempo|pace"),
    (
        "look",
        r"dark|bright|colou?r|look|grade|grey|gray|satur|contrast|warm|cold|blur|grain|vignette|light|gamma|shadow|sharpen",
    ),
    ("framing", r"crop|zoom|fram(?:ing|ed)|punch|pan\b|bars"),
    ("joint", r"\bcuts?\b|\bcutting\b|joint|switch|change here"),
    ("order", r"order|befor|after|first|last|moved|here instead|position"),
)
_ABOUT_PATTERNS = tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in _ABOUT)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `seconds`, `frame` or `place` is the place, `name` an id; `about` what of it, or "all"."""

    words: str
    about: str = "all"
    seconds: Fraction | None = None
    frame: int | None = None
    name: str | None = None
    place: when.Place = when.EVERYWHERE

    def frame_at(self, fps: Fraction, cuts: Sequence[Record] = ()) -> int | None:
        """The frame shown at the place asked about, at a rate; of a shot or part of `cuts` its first.

        None if no place is said, or one that these cuts do not have.
        """
        if self.frame is not None:
            return self.frame
        if self.seconds is not None:
            return int(self.seconds * fps)
        if self.place == when.EVERYWHERE or not when.positions(self.place, cuts, fps):
            return None
        return when.frames(self.place, cuts, fps)[0]


def read(words: str, at: str | None = None, fps: Fraction | None = None) -> Question:
    """A question from a time, a frame, an id, or a sentence; `at` is the place said beside it.

    `fps` gives sense to a time code with frames, HH:MM:SS:FF. Raises UsageError for an `at` that is no place.
    """
    text = words.strip()
    place = _place(at.strip(), fps, bare_is_frame=False) if at is not None else None
    if at is not None and place is None:
        raise UsageError(f"not a time or frame: {at!r}", hint="such as 00:01:12.5, 72.5 or, for a frame, 1725f")
    if at is None and text and " " not in text:
        place = _place(text, fps)
        if place is None and re.fullmatch(r"\w{2,80}", text):
            return Question(text, name=text)
    if place is None:
        place = _inside(text, fps)
    part, rest = when.read(" ".join(text.lower().split())) if place is None else (when.EVERYWHERE, text)
    about = next((name for name, pattern in _ABOUT_PATTERNS if pattern.search(rest)), "all")
    seconds, frame = place or (None, None)
    return Question(text, about, seconds, frame, place=part)


def bears_on(about: str, words: str) -> bool:
    """Whether words are about what is asked: "look", "sound" and so on."""
    return any(name == about and pattern.search(words) for name, pattern in _ABOUT_PATTERNS)


def _place(text: str, fps: Fraction | None, *, bare_is_frame: bool = True) -> tuple[Fraction | None, int | None] | None:
    """Seconds or a frame: 00:01:12.5, 1:12, 00:01:12:05, 72.5, 72.5s; 1725f and 'frame 1725' are frames.

    A bare 1725 is a frame, or seconds.
    """
    if re.fullmatch(r"\d{1,9}", text):
        return (None, int(text)) if bare_is_frame else (Fraction(text), None)
    if found := re.fullmatch(r"(\d{1,9})\s*f(?:rames?)?", text):
        return None, int(found[1])
    if found := re.fullmatch(r"(\d{1,6}[.,]\d{1,6}|\d{1,6}(?=\s*s))\s*(?:s|sec|seconds?)?", text):
        return _decimal(found[1]), None
    return _inside(text, fps) if re.fullmatch(r"[\d:;.,]+|frame\s+\d+", text) else None


def _inside(text: str, fps: Fraction | None) -> tuple[Fraction | None, int | None] | None:
    for place, pattern in enumerate(_PLACES):
        found = pattern.search(text)
        if not found:
            continue
        if place == 0 and fps is not None:
            whole = timecode.round_half_up(fps)
            hours, minutes, seconds, frames = map(int, found.groups())
            return None, ((hours * 60 + minutes) * 60 + seconds) * whole + frames
        if place == 1:
            return Fraction(int(found[1] or 0) * 3600 + int(found[2]) * 60) + _decimal(found[3]), None
        if place == 2:
            return None, int(found[1])
        if place in (3, 4):
            return _decimal(found[1]), None
    return None


def _decimal(text: str) -> Fraction:
    return Fraction(text.replace(",", "."))
