"""Which of many texts an answer rests on: a first choice by words and meaning, then all signals for what was chosen.

The signals are those of `retrieval.ranking`, and late interaction (`retrieval.late`); the score is their weighted sum,
e to its power proportional to the chance that an answer rests on the text (McFadden's conditional logit). The weights
were fitted by tools/fit_recall.py on three conversations of LoCoMo (arXiv 2402.17753); tools/bench/recall.py tells what
they are worth on a conversation that was left out.

Tried with each conversation left out in turn, and no better, or not at each depth (recall at 10 and 20 without: 0.858
and 0.900; what is shipped, with the likeness of the question that a text answers: 0.861 and 0.906):
- scores of whole sittings (0.859, 0.894), of the texts before and after as a second step (0.855, 0.898);
- reciprocal-rank features, pairs of words, wider windows of words, products of signals;
- whether a text is a question, has a picture, speaks in the first person, names somebody, or begins a sitting;
- feedback from the first 3, 5, 10 hits: their direction (0.868, 0.896), their words (RM3: 0.858, 0.901), their rare
  words as a second question (0.858, 0.903), and scores spread over likenesses between texts (0.854, 0.899);
- vectors of windows of two, three and five texts instead of sums of vectors (0.860, 0.902), states of words in the
  context of the text before (0.852, 0.897), a second model (0.860, 0.904);
- days that texts speak of ("yesterday") against those of the question (0.861, 0.899); numbers for "how many", kin for
  "who", places for "where", names for "which" (each within 0.002);
- ridges from 0.3 to 100.
Compressing the states of words (96 or 128 principal components) costs 0.01.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from roadmap_cli.retrieval import dates, late
from roadmap_cli.retrieval.ranking import bm25, rarity
from roadmap_cli.retrieval.spans import Span

if TYPE_CHECKING:
    import numpy

    from roadmap_cli.models.embed import Embedder
    from roadmap_cli.retrieval.terms import Terms

    Array = numpy.ndarray[Any, Any]

#: What each signal is worth: with states of words, with vectors only, with neither.
SIGNALS: dict[str, tuple[float, float, float]] = {
    "words": (0.15, 0.92, 1.26),
    "words_around": (0.48, 6.13, 9.17),
    "meaning": (1.46, 4.89, 0.0),
    "meaning_around": (5.27, 7.34, 0.0),
    "late": (2.84, 0.0, 0.0),
    "late_around": (10.97, 0.0, 0.0),
    "speaker": (2.46, 2.3, 2.9),
    "length": (0.57, 1.21, 0.8),
    "answer": (-0.62, -0.71, 0.69),
    "answer_to_like": (3.23, 3.37, 0.0),
    "tells_time": (2.17, 2.36, 2.49),
    "date": (5.87, 5.84, 5.54),
}
#: Of so many texts all signals are computed, the rest is behind them; of more, only so many meet the question word by
#: word: reading the states of all words of a thousand texts takes longer than all else.
CHOSEN, MET = 800, 300
_MARKS = str.maketrans(dict.fromkeys(".,;:!?()[]{}\"'\u2018\u2019\u201c\u201d/", " "))


@dataclass(frozen=True, slots=True)
class Corpus:
    """Texts in order, those of one sitting together and by time; arrays are [texts] or [texts, …].

    `postings(stem)` gives the places of the texts that hold a stem, and how often. `beside` tells of each text but the
    last whether the next is of its sitting. `lengths` counts stems, `words` words; `day` is an ordinal, 0 if unknown.
    `vectors` are float32 of length one, or None; `pieces` those of parts of long texts, and the places of the texts:
    the nearest part counts. `last_day` (ordinals) is of texts that are what happened the last day of it, and 0 of those
    that tell of something: what happened a day later is not of the day asked for, what was said then may tell of it;
    None: all tell. `states(places)` gives the states of the words of texts, one below the other, and how many
    each text has. `known` (bool) tells which texts have vectors, None: all; the others are judged by their words.
    """

    postings: Callable[[str], tuple[Sequence[int], Sequence[int]]]
    beside: Array
    lengths: Array
    words: Array
    asks: Array
    tells_time: Array
    day: Array
    speakers: Sequence[str]
    speaker: Array
    vectors: Array | None = None
    pieces: tuple[Array, Array] | None = None
    states: Callable[[Array], tuple[Array, Array]] | None = None
    known: Array | None = None
    last_day: Array | None = None

    def __len__(self) -> int:
        return len(self.lengths)


@dataclass(frozen=True, slots=True)
class Question:
    """A question as it is searched for. `stems` say what it is about; `vector` and `states` are the model's.

    `state_stems` are the stems of the words that the states are of.
    """

    text: str
    stems: Sequence[str]
    today: date | None = None
    vector: Array | None = None
    state_stems: Sequence[str] = ()
    states: Array | None = None

    @classmethod
    def of(cls, text: str, terms: Terms, embedder: Embedder | None, today: date | None = None) -> Question:
        """A question as it is asked; without a model by its words alone. Raises DataError for what is no text."""
        stems = terms.telling(text)
        if embedder is None:
            return cls(text, stems, today)
        if not embedder.has_states:
            return cls(text, stems, today, embedder.embed([text], purpose="recall")[0])
        vectors, (tokens,) = embedder.tokens([text], purpose="recall")
        words, states = late.kept(tokens.words, tokens.states)
        split = terms.split(late.whole(words))
        return cls(text, stems, today, vectors[0], [each[0] if each else "" for each in split], states)


@dataclass(frozen=True, slots=True)
class Found:
    """Texts that may hold the answer: their places, scores and signals, in the order of `places`."""

    places: Array
    scores: Array
    signals: dict[str, Array]
    spans: list[Span]

    def best(self, limit: int) -> list[int]:
        """Positions in `places` of the best, in order."""
        import numpy

        return [int(each) for each in numpy.argsort(-self.scores, kind="stable")[:limit]]


def weigh(signals: Mapping[str, Array], known: Array | None = None) -> Array:
    """The score of each text from its signals, by what is known of them.

    Texts that are not `known` (bool [texts]) have no vectors: their words alone count, by the weights for that, on a
    scale on which the others would have the same mean by their words as they have by all. Both are logarithms of odds.
    """
    import numpy

    def total(column: int) -> Array:
        found: Array = numpy.sum([SIGNALS[name][column] * value for name, value in signals.items()], axis=0)
        return found

    whole = total(0 if "late" in signals else 1 if "meaning" in signals else 2)
    if known is None or known.all() or "meaning" not in signals:
        return whole
    words = total(2)
    if not known.any():
        return words
    return numpy.where(known, whole, words + (whole[known].mean() - words[known].mean()))


def find(
    corpus: Corpus, question: Question, *, allowed: Array | None = None, prior: Array | None = None, least: int = 0
) -> Found:
    """The texts that bear on a question, with all their signals.

    `allowed` (bool [texts]) leaves texts out; `prior` (float32 [texts]) is added to the scores: what is known before
    anything is asked, such as activation. At least `least` texts are found if there are as many.
    """
    import numpy

    total, alone, around = 0.0, *(numpy.zeros(len(corpus), numpy.float32) for _ in range(2))
    lengths_around = summed(corpus.lengths, corpus.beside)
    for stem in question.stems:
        places, counts = corpus.postings(stem)
        total += rarity(len(corpus), len(places))
        if not len(places):
            continue
        held = numpy.zeros(len(corpus), numpy.float32)
        held[numpy.asarray(places)] = counts
        alone += bm25(held, corpus.lengths)
        around += bm25(summed(held, corpus.beside), lengths_around)
    scale = total or 1.0
    signals: dict[str, Array] = {"words": alone / scale, "words_around": around / scale}
    if question.vector is not None and corpus.vectors is not None:
        signals["meaning"] = late.product(corpus.vectors, question.vector)
        if corpus.pieces is not None:
            numpy.maximum.at(signals["meaning"], corpus.pieces[1], late.product(corpus.pieces[0], question.vector))
        if corpus.known is not None and corpus.known.any():  # what is not known is as near as most
            usual = signals["meaning"].mean(where=corpus.known)
            signals["meaning"] = numpy.where(corpus.known, signals["meaning"], usual)
        signals["answer_to_like"] = numpy.r_[
            numpy.float32(0), corpus.asks[:-1] * corpus.beside * signals["meaning"][:-1]
        ]
    signals["speaker"] = _of_speaker(corpus, question.text)
    signals["length"] = numpy.log(numpy.clip(corpus.words, 1, 100)).astype(numpy.float32)
    signals["answer"] = numpy.r_[numpy.float32(0), corpus.asks[:-1] * corpus.beside][: len(corpus)]
    asked_time = dates.asks_for_time(question.text)
    signals["tells_time"] = corpus.tells_time * numpy.float32(asked_time)
    signals["date"], spans = _of_date(corpus, question)
    chosen = _chosen(signals, allowed, max(CHOSEN, least))
    signals = {name: value[chosen] for name, value in signals.items()}
    if "meaning" in signals and corpus.vectors is not None and question.vector is not None:
        signals["meaning_around"] = late.product(wide(corpus.vectors, corpus.beside, chosen), question.vector)
        if corpus.states is not None and question.states is not None:
            if len(corpus) > CHOSEN and len(chosen) > max(MET, least):
                rough = weigh(signals, _at(corpus.known, chosen))
                best = numpy.sort(numpy.argpartition(-rough, max(MET, least))[: max(MET, least)])
                chosen, signals = chosen[best], {name: value[best] for name, value in signals.items()}
            signals |= _of_states(corpus, question, chosen)
    scores = weigh(signals, _at(corpus.known, chosen))
    return Found(chosen, scores if prior is None else scores + prior[chosen], signals, spans)


def _at(known: Array | None, places: Array) -> Array | None:
    return None if known is None else known[places]


def summed(values: Array, beside: Array) -> Array:
    """Each value with those of the texts before and after it in its sitting added."""
    total = values.copy()
    total[1:] += values[:-1] * beside
    total[:-1] += values[1:] * beside
    return total


def wide(vectors: Array, beside: Array, places: Array) -> Array:
    """The direction of the vectors at places, each together with two before and two after it in its sitting."""
    import numpy

    total = vectors[places].copy()
    last = len(vectors) - 1
    joined = numpy.r_[beside, False]
    for step in (1, 2):
        before, after = numpy.maximum(places - step, 0), numpy.minimum(places + step, last)
        linked = joined[before] & (joined[numpy.maximum(places - 1, 0)]) & (places >= step)
        total += vectors[before] * linked[:, None]
        linked = joined[places] & joined[numpy.minimum(places + step - 1, last)] & (places + step <= last)
        total += vectors[after] * linked[:, None]
    total /= numpy.maximum(numpy.linalg.norm(total, axis=1, keepdims=True), 1e-9)
    return total


def _chosen(signals: Mapping[str, Array], allowed: Array | None, most: int) -> Array:
    import numpy

    count = len(signals["words"])
    places = numpy.arange(count) if allowed is None else numpy.nonzero(allowed)[0]
    if len(places) <= most:
        return places
    rough = signals["words"] + 2 * signals["words_around"] + signals["date"] / 2 + signals["speaker"] / 4
    if "meaning" in signals:
        rough = rough + 2 * signals["meaning"]
    best = numpy.argpartition(-rough[places], most)[:most]
    found: Array = numpy.sort(places[best])
    return found


def _of_speaker(corpus: Corpus, question: str) -> Array:
    """Half above or below nothing, if the question names one of those who speak."""
    import numpy

    said = set(question.lower().replace("'s", " ").replace("\u2019s", " ").translate(_MARKS).split())
    asked = [place for place, name in enumerate(corpus.speakers) if name and set(name.lower().split()) & said]
    if len(asked) != 1:
        return numpy.zeros(len(corpus), numpy.float32)
    found: Array = (corpus.speaker == asked[0]) - numpy.float32(0.5)
    return found


def times_named(corpus: Corpus, question: Question) -> list[Span]:
    """The times a question names; a month without a year is that of each year there are texts of."""
    last = int(corpus.day.max(initial=0))
    if not last:
        return []
    first = int(corpus.day.min(where=corpus.day > 0, initial=last))
    years = (date.fromordinal(first).year, date.fromordinal(last).year)
    return dates.spans(question.text, question.today, years)


def within(corpus: Corpus, span: Span) -> Array:
    """Which texts are of a time (bool [texts]): of a day in it, or what lasts into it."""
    import numpy

    last = corpus.day if corpus.last_day is None else numpy.maximum(corpus.day, corpus.last_day)
    found: Array = (corpus.day > 0) & (corpus.day <= span.last.toordinal()) & (last >= span.first.toordinal())
    return found


def _of_date(corpus: Corpus, question: Question) -> tuple[Array, list[Span]]:
    import numpy

    spans = times_named(corpus, question)
    if not spans:
        return numpy.zeros(len(corpus), numpy.float32), []
    known = numpy.unique(corpus.day[corpus.day > 0])
    worth = numpy.array([max(_closeness(span, date.fromordinal(int(day))) for span in spans) for day in known])
    places = numpy.minimum(numpy.searchsorted(known, corpus.day), len(known) - 1)
    found: Array = numpy.where(corpus.day > 0, worth[places], 0.0).astype(numpy.float32)
    if corpus.last_day is None:
        return found, spans
    inside = numpy.any([within(corpus, span) for span in spans], axis=0)
    return numpy.where(corpus.last_day > 0, inside, found).astype(numpy.float32), spans


def _closeness(span: Span, day: date) -> float:
    """A little less just outside a span than in it: days that only talk of it come behind those that are it."""
    return 1.0 if span.first <= day <= span.last else 0.9 * span.closeness(day)


def _of_states(corpus: Corpus, question: Question, places: Array) -> dict[str, Array]:
    """Late interaction with each text, and with it and the ones beside it."""
    import numpy

    assert corpus.states is not None
    assert question.states is not None
    counts = late.weights([len(corpus.postings(stem)[0]) for stem in question.state_stems], len(corpus))
    needed = numpy.unique(numpy.clip(numpy.r_[places - 1, places, places + 1], 0, len(corpus) - 1))
    met = late.met(question.states, *corpus.states(needed))
    at = numpy.searchsorted(needed, places)
    joined = numpy.r_[corpus.beside, False]
    before, after = joined[numpy.maximum(places - 1, 0)] & (places > 0), joined[places]
    around = met[:, at].copy()
    around = numpy.where(before, numpy.maximum(around, met[:, numpy.maximum(at - 1, 0)]), around)
    around = numpy.where(after, numpy.maximum(around, met[:, numpy.minimum(at + 1, len(needed) - 1)]), around)
    return {"late": counts @ met[:, at], "late_around": counts @ around}
