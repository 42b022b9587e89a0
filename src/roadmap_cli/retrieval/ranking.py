"""How much each piece of a conversation bears on a question: shared words, likeness of meaning, time, speaker.

A piece's score is a weighted sum of what `SIGNALS` names; e to its power is proportional to the chance that the
question's answer rests on it (McFadden's conditional logit). The weights were fitted on three conversations of LoCoMo
(arXiv 2402.17753) by tools/fit_window.py, which also tells what they are worth on one they have not seen.

Tried, and no better on conversations held out: scores of whole sittings, embedding a turn with the one before it or
with its surroundings, whether a turn is a question, reciprocal-rank fusion (much worse), relevance feedback on words
or on vectors, and maximal marginal relevance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from roadmap_cli.retrieval import dates
from roadmap_cli.retrieval.terms import Terms

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

#: BM25's constants (Robertson and Zaragoza 2009).
K1, B = 1.2, 0.75
#: What a piece shows, and what that is worth: with vectors, and without them.
SIGNALS: dict[str, tuple[float, float]] = {
    "words": (0.57, 1.24),
    "words_around": (6.43, 9.22),
    "meaning": (4.75, 0.0),
    "meaning_around": (8.33, 0.0),
    "speaker": (2.21, 2.90),
    "length": (1.15, 0.77),
    "answer": (0.46, 0.68),
    "tells_time": (2.36, 2.49),
    "date": (3.97, 4.15),
}
_LONGEST = 100  # words beyond which a piece does not gain by its length


@dataclass(frozen=True, slots=True)
class Entry:
    """A piece as it is searched. `text` is what is said, with the speaker's name before it."""

    text: str
    words: int
    sitting: int
    speaker: str | None = None
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """The score of each entry, what each signal adds to it, and the stems of the question."""

    values: Array
    parts: dict[str, Array]
    stems: list[str]
    signals: dict[str, Array]


@dataclass(slots=True)
class Index:
    """All pieces of one conversation, in order. Pieces are added at the end; sittings never fall."""

    terms: Terms = field(default_factory=Terms)
    entries: list[Entry] = field(default_factory=list)
    _postings: dict[str, tuple[list[int], list[int]]] = field(default_factory=dict)
    _columns: _Columns | None = None
    _lengths: list[int] = field(default_factory=list)  # of each entry, in stems
    _tells_time: list[bool] = field(default_factory=list)
    _vectors: _Rows | None = None
    _wide: _Rows | None = None

    def add(self, entries: Sequence[Entry], vectors: Array | None) -> None:
        """Put pieces at the end; `vectors` is float32 [len(entries), dimensions], of length one, or None: unknown.

        Either all pieces have vectors or none has.
        """
        first = len(self.entries)
        for place, stems in enumerate(self.terms.split([entry.text for entry in entries]), first):
            self._lengths.append(len(stems))
            for stem, count in Counter(stems).items():
                places, counts = self._postings.setdefault(stem, ([], []))
                places.append(place)
                counts.append(count)
        self.entries += entries
        self._tells_time += [bool(dates.TIME_WORDS.search(entry.text)) for entry in entries]
        self._columns = None
        if vectors is not None:
            if self._vectors is None or self._wide is None:
                self._vectors, self._wide = _Rows(vectors.shape[1]), _Rows(vectors.shape[1])
            self._vectors.put(first, vectors)
            start = max(0, first - 4)  # the last two before the new ones have new neighbours, and these have two more
            sittings = [entry.sitting for entry in self.entries[start:]]
            self._wide.put(max(0, first - 2), wide(self._vectors.rows[start:], sittings)[max(0, first - 2) - start :])

    def holding(self, stem: str) -> set[int]:
        """The places of the entries that hold a stem."""
        return set(self._postings.get(stem, ((), ()))[0])

    def rank(self, question: str, vector: Array | None, today: date | None) -> Scores:
        """The score of each entry for a question. `vector` is the question's; None leaves meaning out."""
        import numpy

        columns = self._columns = self._columns or _Columns.of(self.entries, self._lengths, self._tells_time)
        stems = self.terms.telling(question)
        signals = self._of_words(columns, stems)
        has_meaning = False
        if vector is not None and self._vectors is not None and self._wide is not None:
            has_meaning = True
            signals |= {"meaning": self._vectors.rows @ vector, "meaning_around": self._wide.rows @ vector}
        signals |= self._of_speaker(columns, question)
        signals |= {"length": columns.length, "answer": columns.answers}
        signals |= self._of_time(columns, question, today)
        parts = {name: SIGNALS[name][0 if has_meaning else 1] * value for name, value in signals.items()}
        return Scores(numpy.sum(list(parts.values()), axis=0), parts, stems, signals)

    def _of_words(self, columns: _Columns, stems: Sequence[str]) -> dict[str, Array]:
        """BM25 over pieces, and over each with the ones beside it; 1 is about the most a piece can have."""
        import numpy

        total, alone, around = 0.0, *(numpy.zeros(len(self.entries), numpy.float32) for _ in range(2))
        for stem in stems:
            places, counts = self._postings.get(stem, ((), ()))
            total += rarity(len(self.entries), len(places))
            if not places:
                continue
            held = numpy.zeros(len(self.entries), numpy.float32)
            held[numpy.array(places)] = counts
            alone += bm25(held, columns.lengths)
            around += bm25(columns.around(held), columns.lengths_around)
        scale = total or 1.0
        return {"words": alone / scale, "words_around": around / scale}

    def _of_speaker(self, columns: _Columns, question: str) -> dict[str, Array]:
        """Half above or below nothing, if the question names one speaker."""
        import numpy

        said = set(question.lower().replace("'s", " ").replace("\u2019s", " ").translate(_MARKS).split())
        asked = [name for name in columns.speakers if name and set(name.split()) & said]
        if len(asked) != 1:
            return {"speaker": numpy.zeros(len(self.entries), numpy.float32)}
        return {"speaker": (columns.speaker == columns.speakers.index(asked[0])) - numpy.float32(0.5)}

    def _of_time(self, columns: _Columns, question: str, today: date | None) -> dict[str, Array]:
        import numpy

        none = numpy.zeros(len(self.entries), numpy.float32)
        days = [day for day in columns.days if day is not None]
        years = (min(days).year, max(days).year) if days else None
        close = none
        if spans := dates.spans(question, today, years):
            worth = {day: max(span.closeness(day) for span in spans) for day in set(days)}
            close = numpy.array([worth.get(day, 0.0) if day else 0.0 for day in columns.days], numpy.float32)
        return {"tells_time": columns.tells_time if dates.asks_for_time(question) else none, "date": close}


_MARKS = str.maketrans(dict.fromkeys(".,;:!?()[]{}\"'\u2018\u2019\u201c\u201d/", " "))


class _Rows:
    """Rows of numbers that grow at the end, in room that doubles."""

    def __init__(self, width: int) -> None:
        import numpy

        self._room: Array = numpy.empty((64, width), numpy.float32)
        self._count = 0

    @property
    def rows(self) -> Array:
        """All rows."""
        found: Array = self._room[: self._count]
        return found

    def put(self, first: int, rows: Array) -> None:
        """Put rows at a place, over those that are there and beyond them."""
        import numpy

        end = first + len(rows)
        if end > len(self._room):
            grown = numpy.empty((max(end, 2 * len(self._room)), self._room.shape[1]), numpy.float32)
            grown[: self._count] = self.rows
            self._room = grown
        self._room[first:end] = rows
        self._count = max(self._count, end)


@dataclass(slots=True)
class _Columns:
    """What of the entries no question changes, as arrays."""

    beside: Array  # whether an entry and the one after it are of one sitting
    lengths: Array
    lengths_around: Array
    length: Array
    answers: Array
    tells_time: Array
    speakers: list[str | None]
    speaker: Array
    days: list[date | None]

    @classmethod
    def of(cls, entries: Sequence[Entry], stems: Sequence[int], tells_time: Sequence[bool]) -> _Columns:
        import numpy

        sittings = numpy.array([entry.sitting for entry in entries])
        beside = sittings[1:] == sittings[:-1]
        lengths = numpy.array(stems, numpy.float32)
        asks = numpy.array([entry.text.rstrip().endswith("?") for entry in entries], numpy.float32)
        answers = numpy.zeros_like(asks)
        answers[1:] = asks[:-1] * beside
        names = [entry.speaker.lower() if entry.speaker else None for entry in entries]
        speakers = list(dict.fromkeys(names))
        order = {name: place for place, name in enumerate(speakers)}
        made = cls(
            beside=beside,
            lengths=lengths,
            lengths_around=lengths,
            length=numpy.log([max(1, min(entry.words, _LONGEST)) for entry in entries]).astype(numpy.float32),
            answers=answers,
            tells_time=numpy.array(tells_time, numpy.float32),
            speakers=speakers,
            speaker=numpy.array([order[name] for name in names]),
            days=[entry.day for entry in entries],
        )
        made.lengths_around = made.around(lengths)
        return made

    def around(self, values: Array) -> Array:
        """Each value with those of the entries before and after it in the same sitting added."""
        total = values.copy()
        total[1:] += values[:-1] * self.beside
        total[:-1] += values[1:] * self.beside
        return total


def wide(vectors: Array, sittings: Sequence[int]) -> Array:
    """The direction of each vector taken together with the two before and the two after it in its sitting."""
    import numpy

    total, numbers = vectors.copy(), numpy.array(sittings)
    for step in (1, 2):
        same = (numbers[step:] == numbers[:-step])[:, None]
        total[step:] += vectors[:-step] * same
        total[:-step] += vectors[step:] * same
    total /= numpy.maximum(numpy.linalg.norm(total, axis=1, keepdims=True), 1e-9)
    return total


def rarity(total: int, holding: int) -> float:
    """How much a stem tells that so many of all texts hold (BM25's inverse document frequency)."""
    import math

    return math.log(1 + (total - holding + 0.5) / (holding + 0.5))


def cosine(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """The cosine of two bags of weighted words, 0 to 1 for weights that are not negative; 0 for an empty one."""
    import math

    length = math.sqrt(sum(each * each for each in one.values()) * sum(each * each for each in other.values()))
    return sum(weight * other[word] for word, weight in one.items() if word in other) / length if length else 0.0


def bm25(held: Array, lengths: Array) -> Array:
    """What one stem adds for each text, from how often it holds it."""
    import numpy

    holding = int(numpy.count_nonzero(held))
    relative = lengths / max(float(lengths.mean()), 1e-9)
    found: Array = rarity(len(held), holding) * held * (K1 + 1) / (held + K1 * (1 - B + B * relative))
    return found
