"""Regular expressions that a template may carry: only such whose matching cannot run away.

The rule kept here: the number of ways a pattern can match a value of `MOST_TEXT` characters is bounded before it is
ever used. No quantifier around a quantifier or an alternation, no look-around, no back reference.
"""

from __future__ import annotations

import re
import warnings

from roadmap_cli.core.errors import DataError

MOST_PATTERN = 200
MOST_TEXT = 512
_MOST_WAYS = MOST_TEXT**3

_BOUNDS = re.compile(r"\{([0-9]{0,4})(,?)([0-9]{0,4})\}")


def compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern, to be used with `whole`. Raises DataError that says what is wrong with it."""
    if len(pattern) > MOST_PATTERN:
        raise DataError(f"pattern longer than {MOST_PATTERN} characters", code="bad_pattern")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)  # a pattern whose meaning will change says nothing certain
            found = re.compile(pattern)
    except (re.error, RecursionError, OverflowError, FutureWarning) as error:
        raise DataError(f"not a regular expression: {pattern!r}: {error}", code="bad_pattern") from None
    _refuse_runaway(pattern)
    return found


def whole(pattern: re.Pattern[str], text: str) -> bool:
    """Whether all of a text matches. A text longer than `MOST_TEXT` characters never does."""
    return len(text) <= MOST_TEXT and pattern.fullmatch(text) is not None


def _refuse_runaway(pattern: str) -> None:
    """Walk the pattern once; `open_groups` holds for each open group whether it contains a choice."""
    ways = 1
    open_groups: list[bool] = [False]
    closed = False  # the item just read is a group that contains a choice
    at = 0
    while at < len(pattern):
        character = pattern[at]
        if character == "\\":
            if pattern[at + 1].isdigit() and pattern[at + 1] != "0":
                raise _refused(pattern, "a back reference")
            at, closed = at + 2, False
        elif character == "[":
            at, closed = _after_class(pattern, at), False
        elif character == "(":
            if pattern.startswith("(?", at) and not pattern.startswith("(?:", at):
                raise _refused(pattern, "a group that begins with '(?' other than '(?:'")
            open_groups.append(False)
            at, closed = at + (3 if pattern.startswith("(?:", at) else 1), False
        elif character == ")":
            closed = open_groups.pop()
            open_groups[-1] |= closed
            at += 1
        elif character == "|":
            ways *= 2
            open_groups[-1], closed = True, False
            at += 1
        else:
            length, choices = _quantifier(pattern, at)
            if length and closed:
                raise _refused(pattern, "a repeated group with a choice inside")
            if length:
                ways *= choices
                open_groups[-1] |= choices > 1
            else:
                closed = False
            at += length or 1
        if ways > _MOST_WAYS:
            raise _refused(pattern, "too many choices")


def _quantifier(pattern: str, at: int) -> tuple[int, int]:
    """Length of the quantifier at a place (0 if none) and how many ways it adds."""
    length, choices = 0, 1
    if pattern[at] in "*+":
        length, choices = 1, MOST_TEXT
    elif pattern[at] == "?":
        length, choices = 1, 2
    elif pattern[at] == "{" and (bounds := _BOUNDS.match(pattern, at)) and bounds[0] not in ("{}",):
        low = int(bounds[1] or 0)
        high = low if not bounds[2] else int(bounds[3] or MOST_TEXT)
        length, choices = len(bounds[0]), min(max(high - low + 1, 1), MOST_TEXT)
    if length and pattern[at + length : at + length + 1] in ("?", "+"):
        length += 1
    return length, choices


def _after_class(pattern: str, at: int) -> int:
    """The place behind a character class; a ``]`` that comes first in it is a member."""
    at += 1
    if pattern[at] == "^":
        at += 1
    if pattern[at] == "]":
        at += 1
    while pattern[at] != "]":
        at += 2 if pattern[at] == "\\" else 1
    return at + 1


def _refused(pattern: str, what: str) -> DataError:
    return DataError(f"pattern {pattern!r} may run away: {what}", code="bad_pattern")
