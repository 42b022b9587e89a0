"""The next or the last time of something: of what happens or happened, that of which most of the question is said.

"When is choir next?" is answered by the nearest that is still to come, whatever it is called beside that, and "when was
I last at the dentist?" by the latest: of a series all bear on the question alike, and only their time decides. What was
cancelled is neither.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.life.recall.corpus import HAPPENED
from roadmap_cli.retrieval import dates
from roadmap_cli.retrieval.evidence import times_named, within
from roadmap_cli.retrieval.ranking import rarity

if TYPE_CHECKING:
    import numpy

    from roadmap_cli.life.recall.corpus import Items
    from roadmap_cli.retrieval.evidence import Question
    from roadmap_cli.retrieval.terms import Terms

    Array = numpy.ndarray[Any, Any]

#: Of what a question says, weighed by how rare each word is, what is told by time alone must hold more than this.
_LEAST = 0.5
#: Words for the turn itself, and for whatever stands in a calendar.
_EMPTY = re.compile(
    r"\b(?:next|last|latest|upcoming|recent|recently|time|times|turn|appointments?|events?|calendar|nächst\w*|"
    r"letzt\w*|zuletzt|mal|termine?|kalender|\d+)\b",
    re.IGNORECASE,
)


def turned(items: Items, question: Question, postings: Callable[[str], Any], terms: Terms) -> tuple[int, Array | None]:
    """Whether the next (1) or the last (-1) of something is asked for, and which items (bool [items]) are one of these.

    0 and None where neither is, or nothing holds enough of what is said.
    """
    import numpy

    way = dates.turn(question.text)
    if not way:
        return 0, None
    rest = dates.TIME_WORDS.sub(" ", _EMPTY.sub(" ", question.text))
    said = set(terms.split([rest])[0])
    stems = [stem for stem in question.stems if stem in said]
    if not stems and way < 0:
        return 0, None
    kinds = ("life.event",) if way > 0 else tuple(HAPPENED - {"life.measurement"})
    found = items.allowed(kinds=kinds, since=None, until=None, memory=False)
    found &= items.at > stamp(items.now) if way > 0 else items.at <= stamp(items.now)
    found &= ~items.cancelled()
    spans = times_named(items.corpus, question)
    if spans:
        found &= numpy.any([within(items.corpus, span) for span in spans], axis=0)
    worth, total = numpy.zeros(len(items.corpus)), 0.0
    for stem in stems:
        places = numpy.asarray(postings(stem)[0], int)
        if len(places):
            worth[places] += rarity(len(items.corpus), len(places))
            total += rarity(len(items.corpus), len(places))
    most = worth.max(where=found, initial=0.0)
    if not found.any() or (stems and most <= _LEAST * total):
        return 0, None
    return way, found & (worth >= most - 1e-9)
