"""Words of a question that tell a time which `dates` does not read: whoever adds up must not add up another time.

English and German words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from roadmap_cli.retrieval import dates
from roadmap_cli.retrieval.bounds import Named

#: What stands in the place of each time that was read.
_READ = "\N{OBJECT REPLACEMENT CHARACTER}"
_NTH = rf"(?:{'|'.join(re.escape(word) for words in dates.ORDINALS for word in words)}|last|letzt)(?:e[mnrs]?)?"
_AND = r"(?: ?(?:,|-|–|/|&) ?| (?:and|or|to|through|und|oder|bis) )(?:the )?"
_UNREAD = re.compile(
    rf"\b(?:quarters?|quartal\w*|half|halves|(?:jahres)?hälften?|halbjahr\w*|semesters?|fortnights?|[qh]\d|kw|"
    rf"calendar weeks?|kalenderwochen?|(?:week|woche)n?s? \d+|(?:{'|'.join(dates.WEEKDAYS)})s)\b"
    rf"|\b(?:{'|'.join(name for name in dates.MONTHS if name not in ('may', 'march'))})\b"
    r"|\b(?:19|20)\d\d\b|\b\d{1,2}/\d{1,2}\b|\b\d{1,2}\.\d{1,2}\."
    rf"|\b(?:{_NTH}|\d+(?:st|nd|rd|th|\.)) (?:day|week|weekend|month|tag|woche|wochenende|monat)s?\b"
    rf"|\b(?:\d{{1,2}}\.?|{_NTH}){_AND}{_READ}|{_READ}{_AND}\d{{1,2}}\b"
    r"|\b(?:early|mid|late|beginning|start|middle|end|weeks?|weekends?|days?|rest|anfang|mitte|ende)"
    rf"(?:[ -](?:of|in|the|des|vom|von|im))*[ -]{_READ}|{_READ} (?:of|in|im|des|vom|von) (?:the )?{_READ}",
    re.IGNORECASE,
)


def beside(question: str, times: Sequence[Named]) -> str:
    """What a question says beside the times that were read, each of which is one sign."""
    for each in sorted(times, key=lambda each: -each.start):
        question = f"{question[: each.start]}{_READ}{question[each.end :]}"
    return question


def tells_time(rest: str) -> bool:
    """Whether what stands beside the times tells another one, or which part of them is meant."""
    return bool(_UNREAD.search(rest))
