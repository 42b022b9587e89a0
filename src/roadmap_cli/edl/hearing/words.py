"""What is said, word by word: heard by a speech model, or read from subtitles beside the file.

Only phrases are given to the model, up to 28 seconds of them at once; its word times are then kept inside the phrase
they were heard in, and phrases are kept from ending inside a word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadmap_cli.core import absent
from roadmap_cli.core.errors import DataError, InputMissing
from roadmap_cli.edl.hearing import stream
from roadmap_cli.edl.hearing.heard import Heard, Word
from roadmap_cli.models import speech_text
from roadmap_cli.models.speech_text import Weights

if TYPE_CHECKING:
    import numpy

    from roadmap_cli.edl.probe import Media
    from roadmap_cli.edl.programs import Programs

    Samples = numpy.ndarray[Any, Any]

_CHUNK_MS = 28_000
_MOST_BYTES = 64 << 20
#: How far an edge of a phrase may be moved to the end of a word it lies in.
_SNAP_MS = 400
_TIME = re.compile(r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})")
_ARROW = re.compile(rf"^\s*{_TIME.pattern}\s*-->\s*{_TIME.pattern}")
_INNER = re.compile(r"<((?:\d{1,4}:)?\d{1,2}:\d{1,2}\.\d{1,3})>")
_MARKUP = re.compile(r"<[^>]*>|\{\\[^}]*\}")


def find(environ: Mapping[str, str]) -> Weights | None:
    """The speech model, if it is pulled and its runtime is installed."""
    return speech_text.installed(environ)


def transcribe(
    found: Programs,
    media: Media,
    weights: Weights | None,
    heard: Heard,
    tell: Callable[[float], None] = lambda seconds: None,
) -> list[Word]:
    """The words of all phrases, in ms of the stream. Without a model or a phrase none, and nothing is decoded."""
    phrases = [(span.start_ms, span.end_ms) for span in heard.spans if span.sort == "speech"]
    if weights is None or not phrases:
        return []
    model = speech_text.Transcriber(weights)
    chunks = list(_chunks(phrases))
    words: list[Word] = []
    for (start, end), sound in _pieces(found, media, chunks):
        inside = [(a, b) for a, b in phrases if start <= a < end]
        for spoken in model.hear(sound):
            word = Word(
                spoken.text,
                start + round(spoken.start_s * 1000),
                start + round(spoken.end_s * 1000),
                spoken.confidence,
            )
            words.append(_within(word, inside))
        tell((end - start) / 1000)
    return [word for word in words if word.end_ms > word.start_ms and _sensible(word)]


def _sensible(word: Word) -> bool:
    """Whether it is a word and not what a speech model makes of a noise: one letter over and over, seconds long."""
    letters = [letter for letter in word.text.lower() if letter.isalnum()]
    return word.end_ms - word.start_ms <= 2_500 and not (len(letters) > 12 and len(set(letters)) <= 3)


def _chunks(phrases: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Stretches of up to 28 s that begin and end with phrases; a longer phrase is parted."""
    start = end = -1
    for first, last in phrases:
        if start >= 0 and last - start > _CHUNK_MS:
            yield start, end
            start = -1
        if start < 0:
            start = first
        while last - start > _CHUNK_MS:
            yield start, start + _CHUNK_MS
            start += _CHUNK_MS
        end = last
    if start >= 0:
        yield start, end


def _pieces(
    found: Programs, media: Media, chunks: Sequence[tuple[int, int]]
) -> Iterator[tuple[tuple[int, int], Samples]]:
    """The mono sound of each chunk, from one decode; never more than a chunk and a step is held."""
    import numpy

    held = numpy.zeros(0, numpy.float32)
    at = 0
    waiting = list(chunks)
    for step in stream.steps(found, media):
        held = numpy.concatenate([held, step.mono()])
        while waiting and at + len(held) >= waiting[0][1] * 16:
            start, end = waiting.pop(0)
            yield (start, end), held[max(0, start * 16 - at) : end * 16 - at]
        if not waiting:
            return
        gone = min(len(held), max(0, waiting[0][0] * 16 - at))
        held, at = held[gone:], at + gone
    for start, end in waiting:
        piece = held[max(0, start * 16 - at) : max(0, end * 16 - at)]
        if len(piece):
            yield (start, end), piece


def _within(word: Word, phrases: Sequence[tuple[int, int]]) -> Word:
    """A word cut back to the phrase it lies in most, if it strays into a pause."""
    best = max(phrases, key=lambda p: min(p[1], word.end_ms) - max(p[0], word.start_ms), default=None)
    if best is None or min(best[1], word.end_ms) <= max(best[0], word.start_ms):
        return word
    return replace(word, start_ms=max(word.start_ms, best[0]), end_ms=min(word.end_ms, best[1]))


def moved_edges(phrases: Sequence[tuple[int, int]], words: Sequence[Word]) -> list[tuple[int, int]]:
    """Phrases whose edges have been moved out of words they lay in, and joined where they then touch."""
    exact = [word for word in words if word.exact]
    found: list[tuple[int, int]] = []
    for start, end in phrases:
        for word in exact:
            if word.start_ms < start < word.end_ms and start - word.start_ms <= _SNAP_MS:
                start = word.start_ms
            if word.start_ms < end < word.end_ms and word.end_ms - end <= _SNAP_MS:
                end = word.end_ms
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def read(path: Path) -> list[Word]:
    """The words of an SRT or WebVTT file, in ms from the first picture.

    WebVTT's inner times are kept; elsewhere a line's time is shared out by the length of its words, and they are not
    `exact`. Raises InputMissing if it cannot be read, DataError if it holds no line with a time.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError("too large for subtitles", where=str(path), code="bad_subtitles")
        data = path.read_bytes()
    except OSError as error:
        raise InputMissing(f"cannot read: {error.strerror}", where=str(path), hint=absent.hint(path)) from None
    words = parse(_decoded(data))
    if not words:
        raise DataError("holds no line with a time, as SRT and WebVTT have", where=str(path), code="bad_subtitles")
    return words


def parse(text: str) -> list[Word]:
    """The words of SRT or WebVTT text, in order of time. What is no line with a time is passed over."""
    found: list[Word] = []
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    place = 0
    while place < len(lines):
        match = _ARROW.match(lines[place])
        place += 1
        if not match:
            continue
        start, end = _ms(match.groups()[:4]), _ms(match.groups()[4:])
        said = []
        while place < len(lines) and lines[place].strip() and not _ARROW.match(lines[place]):
            said.append(lines[place])
            place += 1
        if end > start:
            found += _line(" ".join(said), start, end)
    return sorted(found, key=lambda word: (word.start_ms, word.end_ms))


def _line(text: str, start: int, end: int) -> list[Word]:
    parts = _INNER.split(text)
    if len(parts) > 1:
        times = [start, *(_ms(m.groups()) for m in (_TIME.match(part) for part in parts[1::2]) if m), end]
        found = []
        for number, part in enumerate(parts[::2]):
            first, last = times[min(number, len(times) - 1)], times[min(number + 1, len(times) - 1)]
            if start <= first < last <= end:
                found += _spread(part, first, last, exact=len(_MARKUP.sub("", part).split()) == 1)
        return found
    return _spread(text, start, end, exact=False)


def _spread(text: str, start: int, end: int, *, exact: bool) -> list[Word]:
    words = _MARKUP.sub(" ", text).split()
    total = sum(len(word) + 1 for word in words)
    found, place = [], 0
    for word in words:
        first = start + (end - start) * place // total
        place += len(word) + 1
        last = start + (end - start) * place // total
        if last > first:
            found.append(Word(word, first, last, 1.0 if exact else 0.5, exact))
    return found


def _ms(groups: Sequence[str | None]) -> int:
    hours, minutes, seconds, part = groups
    return ((int(hours or 0) * 60 + int(minutes or 0)) * 60 + int(seconds or 0)) * 1000 + int(
        (part or "0").ljust(3, "0")
    )


def _decoded(data: bytes) -> str:
    for mark, coding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")):
        if data.startswith(mark):
            return data.decode(coding, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")
