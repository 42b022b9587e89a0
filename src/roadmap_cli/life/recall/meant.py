"""What a question means beyond its words: everyday words for one thing, the payments it is about, that it looks back.

A question about what somebody did is not answered by what is only planned; one that says "vacation" is answered by what
is called a holiday. Conversations are searched as they are: retrieval.evidence knows nothing of this.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.life.recall import paid, turns
from roadmap_cli.retrieval import dates

if TYPE_CHECKING:
    import numpy

    from roadmap_cli.life.recall.corpus import Items
    from roadmap_cli.life.recall.paid import Paid
    from roadmap_cli.retrieval.evidence import Corpus, Question
    from roadmap_cli.retrieval.terms import Terms

    Array = numpy.ndarray[Any, Any]

#: Everyday words for one thing, in English and German.
_ALIKE_TEXT = """
    vacation holiday holidays getaway urlaub ferien
    movie film cinema kino
    flat apartment wohnung
    doctor physician gp arzt ärztin hausarzt
    dentist zahnarzt zahnärztin
    gym fitness workout fitnessstudio
    flight flug
    train zug bahn
    rent miete
    salary wage pay gehalt lohn
    mum mom mother mama mutter
    dad father papa vater
    party feier fest
    birthday geburtstag
    meeting besprechung termin appointment
    bike bicycle fahrrad rad
    hairdresser haircut barber friseur
    lesson class course kurs unterricht
"""
_ALIKE = tuple(line.split() for line in _ALIKE_TEXT.strip().splitlines())


#: What another word for one of the question is worth in a score, and what was done or lived through where a question
#: asks for that: payments are many, and each is of every time.
_OTHER_WORD, _LIVED = 4.0, 2.0
_ASKS_DOINGS = re.compile(
    r"\bwhat (?:did|have|had) (?:i|we) (?!(?:pay|paid|spend|spent|buy|bought)\b)"
    r"|\bwhere (?:was|were|did|have) (?:i|we)\b|\bhow was (?:my|our)\b|\bwas (?:habe ich|haben wir) .*gemacht\b"
    r"|\bwo (?:war|waren) (?:ich|wir)\b",
    re.IGNORECASE,
)
_LIVED_KINDS = ("life.event", "life.activity", "life.place_visit", "life.message", "life.note")


@dataclass(slots=True)
class Meant:
    """A question with what it means here. `corpus` is the one of the items, other words for a thing put in their place.

    `alike` are stems by stem of the question; `paid` the payments it is about, at the places `counted`. It asks for the
    next (`way` 1) or the last (-1) of those at the places `turned`.
    """

    question: Question
    corpus: Corpus
    alike: dict[str, list[str]] = field(default_factory=dict)
    paid: Paid | None = None
    counted: Array | None = None
    looks_back: bool = False
    way: int = 0
    turned: Array | None = None
    prior: Any = None

    @classmethod
    def of(cls, items: Items, question: Question, terms: Terms) -> Meant:
        """What a question means among some items, at the time they were read."""
        import numpy

        alike = _alike(question.stems, terms)
        made = cls(question, items.corpus, alike)
        if alike:
            made.corpus = replace(items.corpus, postings=_merged(items.corpus.postings, alike))
        made.looks_back = dates.looks_back(question.text)
        made.paid = paid.asked(items.tx, question.text, question.today or items.now.date())
        if made.paid is not None and made.paid.payments:
            numbers = _numbers(items, [each.id for each in made.paid.payments])
            made.counted = numpy.isin(items.numbers, numbers)
        made.way, made.turned = turns.turned(items, question, made.corpus.postings, terms)
        made.prior = made._prior(items)
        return made

    def _prior(self, items: Items) -> Array:
        """What is known of each item before its signals: how present it is, other words it has, that it was lived."""
        import numpy

        found: Array = items.prior.copy()
        for stem in self.alike:
            others = numpy.setdiff1d(_places(self.corpus, stem), numpy.asarray(items.corpus.postings(stem)[0], int))
            found[others.astype(int)] += _OTHER_WORD / len(self.question.stems)
        if self.paid is None and _ASKS_DOINGS.search(self.question.text):
            lived = [items.kinds.index(name) for name in _LIVED_KINDS if name in items.kinds]
            found[numpy.isin(items.kind, lived)] += _LIVED
        return found

    def allowed(self, items: Items, allowed: Array) -> Array:
        """Of what may be found, what may answer: nothing that is still to come where the question looks back, and of a
        question about payments these alone.
        """
        if self.looks_back:
            allowed = allowed & (items.at <= stamp(items.now))
        if self.counted is not None and (allowed & self.counted).any():
            allowed = allowed & self.counted
        return allowed

    def others(self, place: int, held: Sequence[str]) -> list[str]:
        """The stems of the question that an item says in other words: not those that it has (`held`)."""
        return [stem for stem in self.alike if stem not in held and place in _places(self.corpus, stem)]


def typed(text: str, stems: Sequence[str], terms: Terms) -> list[str]:
    """Stems of a question as they are written in it, in the order of the question."""
    words = list(dict.fromkeys(re.findall(r"\w+", text)))
    return [word for word, own in zip(words, terms.split(words), strict=True) if set(own) & set(stems)]


def _alike(stems: Sequence[str], terms: Terms) -> dict[str, list[str]]:
    """Of the stems that have other words, those of the others."""
    groups = [[each[0] for each in terms.split(group) if each] for group in _ALIKE]
    return {stem: [each for each in group if each != stem] for stem in stems for group in groups if stem in group}


def _merged(postings: Callable[[str], Any], alike: dict[str, list[str]]) -> Callable[[str], tuple[Any, Any]]:
    import numpy

    def found(stem: str) -> tuple[Any, Any]:
        if stem not in alike:
            known: tuple[Any, Any] = postings(stem)
            return known
        parts = [postings(each) for each in (stem, *alike[stem])]
        places, at = numpy.unique(numpy.concatenate([part[0] for part in parts]).astype(int), return_inverse=True)
        counts = numpy.zeros(len(places), numpy.float32)
        numpy.add.at(counts, at, numpy.concatenate([part[1] for part in parts]))
        return places, counts

    return found


def _places(corpus: Corpus, stem: str) -> Any:
    return corpus.postings(stem)[0]


def _numbers(items: Items, ids: Sequence[str]) -> list[int]:
    import orjson

    rows = items.tx.execute(
        "SELECT number FROM life_item WHERE record_id IN (SELECT value FROM json_each(?))",
        (orjson.dumps(list(ids)).decode(),),
    )
    return [number for (number,) in rows]
