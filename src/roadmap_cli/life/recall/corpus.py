"""The items as `retrieval.evidence` searches them: read once from the state, the states of words when they are needed.

Everything here is used within one open transaction on the state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.life.recall import activation
from roadmap_cli.life.recall.indexing import CANCELLED, MEMORIES
from roadmap_cli.retrieval.evidence import Corpus

if TYPE_CHECKING:
    import numpy

    from roadmap_cli.state.connection import Connection

    Array = numpy.ndarray[Any, Any]

#: Hours without a message after which a chat begins anew.
PAUSE = 8
#: Kinds that are what happened, on their day and no other; the others tell of something.
HAPPENED = frozenset((
    "life.event", "life.transaction", "life.activity", "life.page_visit", "life.place_visit", "life.measurement",
))  # fmt: skip


@dataclass(slots=True)
class Items:
    """All items in order. Arrays are [items]; `at` is text, `kind` the place in `kinds` of the kind of each."""

    tx: Connection
    numbers: Array
    at: Array
    kinds: list[str]
    kind: Array
    corpus: Corpus
    hidden: Array
    prior: Array
    now: datetime
    _states: dict[bytes, tuple[Array, Array]] = field(default_factory=dict)

    @classmethod
    def load(cls, tx: Connection, model: tuple[str, int] | None, now: datetime) -> Items | None:
        """All items there are, with their vectors by `model` (its name and dimensions); None if there are none."""
        import numpy

        rows = tx.execute(
            """SELECT number, grouped, at, day, speaker, stems, words, asks, tells_time, importance, kind
               FROM life_item ORDER BY grouped, at, number"""
        ).fetchall()
        if not rows:
            return None
        numbers, groups, at, days, speaker, stems, words, asks, tells, importance, kinds = zip(*rows, strict=True)
        speakers = list(dict.fromkeys(speaker))
        order = {name: place for place, name in enumerate(speakers)}
        vectors, more = _vectors(tx, *model, numbers) if model else (None, None)
        different, hours = list(dict.fromkeys(kinds)), _hours(at)
        places = {name: place for place, name in enumerate(different)}
        kind, day = numpy.array([places[name] for name in kinds]), _ordinals(days)
        happened = numpy.array([name in HAPPENED for name in different])[kind]
        made = cls(
            tx, numpy.array(numbers), numpy.array(at), different, kind,
            _EMPTY, numpy.zeros(0), numpy.zeros(0), now,
        )  # fmt: skip
        made.corpus = Corpus(
            postings=_Postings(tx, made.numbers),
            beside=_beside(groups, hours),
            lengths=numpy.maximum(numpy.array(stems, numpy.float32), 1),
            words=numpy.array(words),
            asks=numpy.array(asks, numpy.float32),
            tells_time=numpy.array(tells, numpy.float32),
            day=day,
            speakers=speakers,
            speaker=numpy.array([order[name] for name in speaker]),
            vectors=vectors,
            pieces=more,
            known=None if vectors is None else numpy.any(vectors != 0, axis=1),
            last_day=_last_days(tx, made.numbers, numpy.where(happened, day, 0)),
            states=made.states if vectors is not None and model and _has_states(tx, model[0]) else None,
        )
        made.hidden = numpy.isin(made.numbers, [number for (number,) in tx.execute(_WITHDRAWN)])
        made.prior = _prior(tx, made.numbers, hours, numpy.array(importance, numpy.float32), now)
        return made

    def searched(self) -> dict[str, int]:
        """How many items there are, and how many of them have a vector."""
        known = self.corpus.known
        return {"items": len(self.numbers), "vectors": 0 if known is None else int(known.sum())}

    def allowed(self, *, kinds: Sequence[str], since: str | None, until: str | None, memory: bool | None) -> Array:
        """Which items may be found: of these kinds (any if none), within times, memories or records or both."""
        import numpy

        wanted = [
            name for name in self.kinds
            if (not kinds or name in kinds) and (memory is None or (name in MEMORIES) == memory)
        ]  # fmt: skip
        found: Array = ~self.hidden & numpy.isin(self.kind, [self.kinds.index(name) for name in wanted])
        if since is not None:
            found &= self.at >= since
        if until is not None:
            found &= self.at < until
        return found

    def cancelled(self) -> Array:
        """Which items are events that do not take place."""
        import numpy

        rows = self.tx.execute(f"SELECT number FROM life_item WHERE record_id IN ({CANCELLED})")
        found: Array = numpy.isin(self.numbers, [number for (number,) in rows])
        return found

    def states(self, places: Array) -> tuple[Array, Array]:
        """The states of the words of items, one below the other, and how many each has."""
        import numpy

        from roadmap_cli.retrieval import late

        key = places.tobytes()
        if key not in self._states:
            assert self.corpus.vectors is not None
            wanted = [int(number) for number in self.numbers[places]]
            found: dict[int, bytes] = {}
            for first in range(0, len(wanted), 500):
                some = wanted[first : first + 500]
                marks = ", ".join("?" * len(some))
                query = f"SELECT number, states FROM life_item WHERE states IS NOT NULL AND number IN ({marks})"
                found.update(self.tx.execute(query, some))
            packed = [found.get(number, b"") for number in wanted]
            width = self.corpus.vectors.shape[1]
            self._states = {
                key: (late.unpacked(b"".join(packed), width), numpy.array([len(one) // width for one in packed]))
            }
        return self._states[key]


#: Events that were moved or cancelled, older versions of contacts, transactions told twice, memories made anew.
_WITHDRAWN = """
SELECT number FROM life_item JOIN life_event ON life_event.id = record_id WHERE is_current = 0
UNION ALL SELECT number FROM life_item JOIN life_contact ON life_contact.id = record_id WHERE is_current = 0
UNION ALL SELECT number FROM life_item JOIN life_transaction ON life_transaction.id = record_id
    WHERE same_as IS NOT NULL
UNION ALL SELECT number FROM life_item JOIN life_memory ON life_memory.id = record_id WHERE replaced_by IS NOT NULL
"""
_EMPTY: Any = None


class _Postings:
    """Where a stem stands, from the index of words; each stem is looked up once."""

    def __init__(self, tx: Connection, numbers: Array) -> None:
        import numpy

        self._tx = tx
        self._order = numpy.argsort(numbers)
        self._sorted = numbers[self._order]
        self._known: dict[str, tuple[Array, Array]] = {}

    def __call__(self, stem: str) -> tuple[Any, Any]:
        import numpy

        if stem not in self._known:
            rows = self._tx.execute("SELECT doc, count(*) FROM life_item_stem WHERE term = ? GROUP BY doc", (stem,))
            found = numpy.array(rows.fetchall(), numpy.int64).reshape(-1, 2)
            places = self._order[numpy.minimum(numpy.searchsorted(self._sorted, found[:, 0]), len(self._sorted) - 1)]
            self._known[stem] = (places, found[:, 1])
        return self._known[stem]


def _vectors(
    tx: Connection, model: str, width: int, numbers: Sequence[int]
) -> tuple[Array | None, tuple[Array, Array] | None]:
    """The vectors by a model, [items, dimensions], zeros for items that have none, None if none has; and those of the
    pieces of long texts, with the places of the items they are of.
    """
    import numpy

    size = 2 * width
    rows = tx.execute(
        "SELECT number, vector FROM life_item WHERE model = ? AND length(vector) >= ?", (model, size)
    ).fetchall()
    if not rows:
        return None, None
    order = {number: place for place, number in enumerate(numbers)}
    made = numpy.zeros((len(numbers), width), numpy.float32)
    whole = b"".join([vector if len(vector) == size else vector[:size] for _, vector in rows])
    made[[order[number] for number, _ in rows]] = numpy.frombuffer(whole, numpy.float16).reshape(-1, width)
    long = [(order[number], vector[size:]) for number, vector in rows if len(vector) > size]
    if not long:
        return made, None
    pieces = numpy.frombuffer(b"".join(vector for _, vector in long), numpy.float16).reshape(-1, width)
    places = numpy.repeat([place for place, _ in long], [len(vector) // size for _, vector in long])
    return made, (pieces.astype(numpy.float32), places)


def _has_states(tx: Connection, model: str) -> bool:
    query = "SELECT 1 FROM life_item WHERE model = ? AND states IS NOT NULL LIMIT 1"
    return tx.execute(query, (model,)).fetchone() is not None


def _beside(groups: Sequence[str], hours: Array) -> Array:
    """Whether each item and the one after it are of one sitting."""
    import numpy

    number = {name: place for place, name in enumerate(dict.fromkeys(groups))}
    codes = numpy.array([number[group] for group in groups])
    mail = numpy.array([name.startswith("mail ") for name in number])[codes]
    found: Array = (codes[1:] == codes[:-1]) & (mail[1:] | (numpy.diff(hours) <= PAUSE))
    return found


def _hours(at: Sequence[str]) -> Array:
    """Times as hours since 1970."""
    import numpy

    try:
        known = numpy.array([each.removesuffix("Z") for each in at], "datetime64[ms]").astype(numpy.int64)
        found: Array = known / 3_600_000
    except ValueError:  # times with another zone than UTC
        found = numpy.array([_moment(each).timestamp() / 3600 for each in at])
    return found


def _moment(at: str) -> datetime:
    return datetime.fromisoformat(at.replace("Z", "+00:00"))


def _ordinals(days: Sequence[str]) -> Array:
    """Days as ordinals; 0 for what is none."""
    import numpy

    known: dict[str, int] = {}
    for day in set(days):
        try:
            known[day] = date.fromisoformat(day).toordinal()
        except ValueError:
            known[day] = 0
    return numpy.array([known[day] for day in days])


#: How many days after their first the events go on that last longer than one.
_LASTING = """
SELECT number, CAST(CASE WHEN all_day THEN round(length) - 1 ELSE length + 0.000001 END AS INTEGER) FROM (
    SELECT number, all_day, julianday(end_at) - julianday(start_at) AS length
    FROM life_event JOIN life_item ON life_item.record_id = life_event.id
) WHERE length > 1
"""


def _last_days(tx: Connection, numbers: Array, first_days: Array) -> Array:
    """The last day of what happened, as an ordinal, from its first; 0 for what only tells of something, as there."""
    import numpy

    found = first_days.copy()
    lasting = dict(tx.execute(_LASTING).fetchall())
    if lasting:
        order = numpy.argsort(numbers)
        places = order[numpy.searchsorted(numbers[order], list(lasting))]
        found[places] += numpy.array(list(lasting.values()), int)
    return found


def _prior(tx: Connection, numbers: Array, hours: Array, importance: Array, now: datetime) -> Array:
    """What presence and importance add to the score of each item."""
    import numpy

    today = now.timestamp() / 3600
    strength = _strength(today - hours)
    used = tx.execute("SELECT item, at FROM life_access WHERE at < ?", (stamp(now),)).fetchall()
    if used:
        order = numpy.argsort(numbers)
        places = order[numpy.searchsorted(numbers[order], [item for item, _ in used])]
        numpy.add.at(strength, places, _strength(today - _hours([at for _, at in used])))
    found: Array = activation.PRESENCE * numpy.log(strength) + activation.IMPORTANCE * importance
    return found.astype(numpy.float32)


def _strength(hours: Array) -> Array:
    import numpy

    found: Array = numpy.maximum(hours / 24, activation.LEAST) ** -activation.DECAY
    return found
