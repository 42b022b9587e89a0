"""Exact media time: whole frames with a rational rate, whole samples, and the rounding between them.

The rule: no float of seconds is ever a position. A position in samples is always rounded from the start of the
programme, never added up from rounded lengths, so that 500 joints lie as exactly as the first.
"""

from __future__ import annotations

import re
from fractions import Fraction

from roadmap_cli.core.errors import DataError

_RATIONAL = re.compile(r"([0-9]{1,12})(?:/([0-9]{1,12}))?\Z")

#: Frame rates cameras and broadcasters use; an uneven source is counted in the nearest of them.
STANDARD_RATES = tuple(
    Fraction(text)
    for text in ("12", "15", "24000/1001", "24", "25", "30000/1001", "30", "48", "50", "60000/1001", "60", "100", "120")
)


def rational(text: object, *, field: str = "value") -> Fraction:
    """The positive rational written as ``"30000/1001"`` or ``"25"``. Raises DataError for anything else."""
    match = _RATIONAL.match(text) if isinstance(text, str) else None
    if match:
        numerator, denominator = int(match[1]), int(match[2] or 1)
        if numerator and denominator:
            return Fraction(numerator, denominator)
    raise DataError(f"field {field!r} is not a positive rational such as '30000/1001': {text!r}", code="bad_rational")


def spell(value: Fraction) -> str:
    """A rational as it stands in records: always ``numerator/denominator``."""
    return f"{value.numerator}/{value.denominator}"


def round_half_up(value: Fraction) -> int:
    """The nearest whole number; a half goes up, at every size and sign (Python's own `round` goes to even)."""
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def sample_at(frame: int, fps: Fraction, rate: int) -> int:
    """The audio sample at which a frame begins, in samples of `rate` per second from frame 0."""
    return round_half_up(frame * rate / fps)


def frames_shown(frames: int, source_fps: Fraction, speed: Fraction, fps: Fraction) -> int:
    """How many programme frames a run of source frames fills at a speed: at least one."""
    return max(1, round_half_up(frames / source_fps / speed * fps))


def frames_needed(shown: int, source_fps: Fraction, speed: Fraction, fps: Fraction) -> int:
    """How many source frames fill a number of programme frames at a speed, rounded down, at least one."""
    return max(1, int(shown / fps * speed * source_fps))


def nearest_standard(rate: Fraction) -> Fraction:
    """The standard frame rate nearest to a measured average, by ratio."""
    return min(STANDARD_RATES, key=lambda standard: max(standard / rate, rate / standard))


def clock(frame: int, fps: Fraction) -> str:
    """A frame's time for people: ``H:MM:SS.mmm``, rounded down. Not for reckoning with."""
    milliseconds = int(frame * 1000 / fps)
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}.{milliseconds:03d}"
