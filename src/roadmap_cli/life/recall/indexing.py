"""What can be found: one item for each record, and one for each metric and day; kept beside the records.

New records are taken in when somebody asks, or by life-consolidate: first their words, then, in lots that are each
committed, what they mean. What is deleted from the records is gone from here by the same act (foreign keys, triggers).
Answers of life-recall are no records and so never come back as such.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.records import Record
from roadmap_cli.life import wording
from roadmap_cli.life.history import health_days
from roadmap_cli.life.kinds.metrics import METRICS
from roadmap_cli.life.recall import remembering
from roadmap_cli.retrieval import dates, late, terms
from roadmap_cli.state import records

if TYPE_CHECKING:
    from roadmap_cli.life.history.devices import DayValue
    from roadmap_cli.models.embed import Embedder
    from roadmap_cli.state.connection import Connection
    from roadmap_cli.state.store import State

#: What is found one by one, and how much a thing of its kind weighs before anything is known of it, from 0 to 1.
KINDS = {
    "life.message": 0.5,
    "life.event": 0.6,
    "life.transaction": 0.3,
    "life.activity": 0.4,
    "life.contact": 0.5,
    "life.note": 0.6,
    "life.page_visit": 0.2,
    "life.place_visit": 0.4,
    "life.memory": 0.5,
    "life.fact": 0.6,
}
MEASUREMENT = "life.measurement"
#: Kinds that life-consolidate makes: asked for by --from memory.
MEMORIES = frozenset(("life.memory", "life.fact"))
#: A query for the ids of events that do not take place; only those that take nobody's time are read for it.
CANCELLED = (
    "SELECT id FROM life_event JOIN record USING (id) WHERE busy = 0 AND json_extract(body, '$.status') = 'cancelled'"
)
_PARTS = re.compile(r"[^\W_]+")
#: Records in one transaction, and texts that are embedded together.
LOT, TEXTS = 500, 64
#: A text of more characters is embedded in pieces of at most so many (a model takes 256 tokens: German needs one for
#: three characters), and at most so many pieces; how many states of words such a text keeps, from all its pieces.
LONG, PIECE, PIECES, STATES = 900, 700, 40, 2 * late.MOST


@dataclass(frozen=True, slots=True)
class Missing:
    """What is not taken in yet: records, and items without a vector."""

    records: int
    vectors: int


def take_in(state: State, *, stop: Callable[[], bool]) -> int:
    """Take new records in, lot by lot, until there are none or `stop()`; the number of new items."""
    count = 0
    while not stop():
        with state.write() as tx:
            new = take_in_lot(tx)
        count += new
        if new < LOT or state.dry_run:
            break
    return count


def take_in_lot(tx: Connection) -> int:
    """Take a lot of new records in; the number of new items, 0 if there are no more."""
    return _records(tx) + _days(tx)


def take_in_holding(state: State, words: Sequence[str]) -> int:
    """Take in, of the records that are not taken in yet, up to a lot of those that hold most of some beginnings of
    words; the number of new items. So what is asked for is found while the rest waits.
    """
    if not words or state.dry_run:
        return 0
    likes = [_like(word) for word in words]
    held = " + ".join(["(body LIKE ? ESCAPE '\\')"] * len(likes))
    with state.read() as tx:
        waiting = [kind for kind in KINDS if _count(tx, "record", kind) != _count(tx, "life_item", kind)]
        marks = ", ".join("?" * len(waiting))
        rows = tx.execute(
            f"""SELECT id, {held} AS held FROM record WHERE kind IN ({marks}) AND held > 0
                AND NOT EXISTS (SELECT 1 FROM life_item WHERE record_id = record.id)
                ORDER BY held DESC, at DESC LIMIT ?""",
            (*likes, *waiting, LOT),
        ).fetchall()
    if not rows:
        return 0
    with state.write() as tx:
        return _records_of(tx, [name for name, _ in rows])


def _like(word: str) -> str:
    """A pattern for text that holds a beginning of a word; letters that have no plain form may be any."""
    kept = (f"\\{each}" if each in "%_\\" else each if each.isascii() else "_" for each in word)
    return f"%{''.join(kept)}%"


def embed(state: State, embedder: Embedder, *, stop: Callable[[], bool], advance: Callable[[int], None]) -> int:
    """Give items their vectors, lot by lot, newest first, until all have one or `stop()`; the number of them.

    Items of another model get new ones. Raises DataError if a text cannot be encoded.
    """
    count = 0
    while not stop():
        with state.read() as tx:
            lot = [(number, words_of(tx, number), _cited(tx, number)) for number in _unembedded(tx, embedder.name)]
        if not lot:
            break
        plain = _embedded(embedder, [text for _, text, cited in lot if not cited])
        lines = remembering.meanings(embedder, [(text, cited) for _, text, cited in lot if cited])
        made = [_stored(*next(lines)) if cited else next(plain) for _, _, cited in lot]
        with state.write() as tx:
            tx.executemany(
                "UPDATE life_item SET model = ?, vector = ?, states = ? WHERE number = ?",
                [(embedder.name, *one, number) for (number, _, _), one in zip(lot, made, strict=True)],
            )
        count += len(lot)
        advance(len(lot))
        if state.dry_run:
            break
    return count


def missing(tx: Connection, model: str | None) -> Missing:
    """How much is left to do; with `model` None, items of any model count as done."""
    records = sum(max(0, _count(tx, "record", kind) - _count(tx, "life_item", kind)) for kind in KINDS)
    (vectors,) = tx.execute(
        "SELECT count(*) FROM life_item WHERE model IS NULL OR (?1 IS NOT NULL AND model <> ?1)", (model,)
    ).fetchone()
    return Missing(records, vectors)


def words_of(tx: Connection, number: int) -> str:
    """What an item says."""
    record = record_of(tx, number)
    return wording.said(record) if record else ""


def record_of(tx: Connection, number: int) -> Record | None:
    """The record that an item is, or a life.day_value made up for a metric's day; None if it is gone."""
    import orjson

    row = tx.execute(
        "SELECT metric, day, body FROM life_item LEFT JOIN record ON record.id = record_id WHERE number = ?",
        (number,),
    ).fetchone()
    if row is None:
        return None
    metric, day, body = row
    if body is not None:
        record: Record = orjson.loads(body)
        return record
    if not metric:
        return None
    of_day = date.fromisoformat(day)
    values = health_days.daily(tx, metric, since=of_day, until=of_day)
    return _day_record(tx, metric, values[0]) if values else None


def deadline(seconds: float, clock: Callable[[], float] = time.monotonic) -> Callable[[], bool]:
    """Tells when so many seconds have passed; never for 0."""
    end = clock() + seconds
    return (lambda: clock() >= end) if seconds else (lambda: False)


# -- records -----------------------------------------------------------------------------------------------------------


def _count(tx: Connection, table: str, kind: str) -> int:
    (count,) = tx.execute(f"SELECT count(*) FROM {table} WHERE kind = ?", (kind,)).fetchone()
    return int(count)


def _records(tx: Connection) -> int:
    import orjson

    new = 0
    for kind, weight in KINDS.items():
        if new >= LOT or _count(tx, "record", kind) == _count(tx, "life_item", kind):
            continue
        rows = tx.execute(
            "SELECT body FROM record WHERE kind = ?"
            " AND NOT EXISTS (SELECT 1 FROM life_item WHERE record_id = record.id) ORDER BY at, rowid LIMIT ?",
            (kind, LOT - new),
        ).fetchall()
        for (body,) in rows:
            record: Record = orjson.loads(body)
            _put(tx, record, record["id"], None, 1, _weight(record, weight))
        new += len(rows)
    return new


def _records_of(tx: Connection, ids: Sequence[str]) -> int:
    """Take in records by their ids, unless another run has done so meanwhile."""
    import orjson

    new = 0
    for name in ids:
        row = tx.execute(
            "SELECT body FROM record WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM life_item WHERE record_id = ?1)",
            (name,),
        ).fetchone()
        if row is not None:
            record: Record = orjson.loads(row[0])
            _put(tx, record, name, None, 1, _weight(record, KINDS[record["kind"]]))
            new += 1
    return new


def _put(tx: Connection, record: Record, record_id: str | None, metric: str | None, covers: int, weight: float) -> None:
    text = wording.said(record)
    day = _day(record)
    number = tx.execute(
        """INSERT INTO life_item (record_id, metric, covers, kind, grouped, at, day, speaker, stems, words, asks,
               tells_time, importance) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            record_id, metric, covers, record["kind"], _group(record, day), record["at"], day, _speaker(record),
            stem_count(text), len(text.split()), int(text.rstrip().endswith("?")),
            int(bool(dates.TIME_WORDS.search(text))), weight,
        ),
    ).lastrowid  # fmt: skip
    tx.execute("INSERT INTO life_item_words (rowid, text) VALUES (?, ?)", (number, terms.spaced(text)))


def stem_count(text: str) -> int:
    """About how many stems a text has: a word with an apostrophe or a hyphen is two."""
    return len(_PARTS.findall(terms.spaced(text)))


def _day(record: Record) -> str:
    return str(record.get("date") or record["at"])[:10]


def _group(record: Record, day: str) -> str:
    if record["kind"] != "life.message":
        return f"{record['kind']} {day}"
    thread = record.get("thread")
    if not thread:
        people = record.get("recipients")
        others = [str(each) for each in people] if isinstance(people, list) else []
        thread = " ".join(sorted({str(record.get("sender", "")), *others}))
    return f"{record.get('channel', '')} {thread}"


def _speaker(record: Record) -> str:
    if record["kind"] == "life.message":
        return str(record.get("sender_name") or record.get("sender") or "")
    return str(record.get("subject") or "") if record["kind"] == "life.fact" else ""


def _weight(record: Record, weight: float) -> float:
    """A little more for what the user wrote, what has people or a place, and what the sender marked by length."""
    more = (
        0.1 * bool(record.get("sent_by_user")) + 0.1 * bool(record.get("people")) + 0.1 * bool(record.get("location"))
    )
    given = record.get("importance")
    return min(1.0, float(given) if isinstance(given, (int, float)) else weight + more)


# -- days of metrics ---------------------------------------------------------------------------------------------------


def _days(tx: Connection) -> int:
    """Make the items of days that have other measurements than when they were made, at most a lot of them."""
    (known,) = tx.execute("SELECT coalesce(sum(covers), 0) FROM life_item WHERE kind = ?", (MEASUREMENT,)).fetchone()
    (there,) = tx.execute("SELECT count(*) FROM life_measurement").fetchone()
    if known == there:
        return 0
    rows = tx.execute(
        """SELECT made.metric, made.date, made.count FROM (
               SELECT metric, date, count(*) AS count FROM life_measurement GROUP BY metric, date) AS made
           LEFT JOIN life_item ON life_item.metric = made.metric AND life_item.day = made.date
           WHERE life_item.covers IS NULL OR life_item.covers <> made.count LIMIT ?""",
        (LOT,),
    ).fetchall()  # fmt: skip
    values: dict[tuple[str, str], DayValue] = {}
    for metric, first, last in _runs_of_days((metric, day) for metric, day, _ in rows):
        found = health_days.daily(tx, metric, since=first, until=last)
        values.update(((metric, each.day.isoformat()), each) for each in found)
    for metric, day, count in rows:
        tx.execute("DELETE FROM life_item WHERE metric = ? AND day = ?", (metric, day))
        record = _day_record(tx, metric, values[metric, day]) if (metric, day) in values else None
        if record:
            _put(tx, record, None, metric, count, 0.3)
    return len(rows)


def _runs_of_days(days: Iterable[tuple[str, str]]) -> list[tuple[str, date, date]]:
    """Days of metrics as spans without a gap, each as its metric, first and last day."""
    runs: list[tuple[str, date, date]] = []
    for metric, text in sorted(days):
        day = date.fromisoformat(text)
        if runs and runs[-1][0] == metric and runs[-1][2] + timedelta(days=1) == day:
            runs[-1] = metric, runs[-1][1], day
        else:
            runs.append((metric, day, day))
    return runs


def _day_record(tx: Connection, metric: str, of_day: DayValue) -> Record | None:
    """What a metric comes to on a day, as a record that is not stored: `evidence_ids` are (at most 12 of) its."""
    value, ids = of_day.value, of_day.ids
    last = records.get(tx, ids[-1])
    if last is None:
        return None
    way = METRICS[metric].daily if metric in METRICS else "mean"
    stage = way if way == "last" else f"{'mean' if way == 'mean' else 'sum'} of {len(ids)}"
    return {
        "kind": MEASUREMENT, "id": ids[-1], "at": last["at"], "date": of_day.day.isoformat(), "metric": metric,
        "value": value, "unit": last.get("unit", ""), "stage": stage, "evidence_ids": list(ids[:12]),
    }  # fmt: skip


# -- vectors -----------------------------------------------------------------------------------------------------------


def _unembedded(tx: Connection, model: str) -> list[int]:
    rows = tx.execute("SELECT number FROM life_item WHERE model IS NULL ORDER BY number DESC LIMIT ?", (TEXTS,))
    found = [number for (number,) in rows]
    if not found:
        rows = tx.execute("SELECT number FROM life_item WHERE model <> ? LIMIT ?", (model, TEXTS))
        found = [number for (number,) in rows]
    return found


def _cited(tx: Connection, number: int) -> list[list[str]]:
    """Of a line of memory what its records say, each in pieces; of anything else nothing."""
    import orjson

    rows = tx.execute(
        """SELECT cited.body FROM life_item
           JOIN record ON record.id = record_id AND record.kind = 'life.memory', json_each(record.body, '$.sources')
           JOIN record AS cited ON cited.id = json_each.value WHERE number = ? ORDER BY json_each.key""",
        (number,),
    ).fetchall()
    return [pieces(wording.said(orjson.loads(body))) for (body,) in rows]


def _stored(vectors: Any, states: Any) -> tuple[bytes, bytes | None]:
    import numpy

    return vectors.astype(numpy.float16).tobytes(), None if states is None else late.packed(states)


def _embedded(embedder: Embedder, texts: list[str]) -> Iterator[tuple[bytes, bytes | None]]:
    import numpy

    split = [pieces(text) for text in texts]
    flat = [piece for some in split for piece in some]
    tokens: list[Any]
    if embedder.has_states:
        vectors, tokens = embedder.tokens(flat, purpose="recall")
    else:
        vectors, tokens = embedder.embed(flat, purpose="recall"), [None] * len(flat)
    first = 0
    for some in split:
        own = vectors[first : first + len(some)]
        if len(own) > 1:
            whole = own.sum(axis=0)
            own = numpy.vstack([whole / max(float(numpy.linalg.norm(whole)), 1e-9), own])
        kept = [late.kept(one.words, one.states)[1] for one in tokens[first : first + len(some)] if one is not None]
        if len(kept) > 1:
            kept = [states[: max(1, STATES // len(kept))] for states in kept]
        yield _stored(own, numpy.vstack(kept) if kept else None)
        first += len(some)


def pieces(text: str) -> list[str]:
    """A text in pieces that a model can take whole, cut at the ends of sentences or words; most texts are one.

    A text of more than `PIECES` of them, some ten pages, is left to its words from there on.
    """
    if len(text) <= LONG:
        return [text]
    found: list[str] = []
    start = 0
    while start < len(text) and len(found) < PIECES:
        end = start + PIECE
        if end < len(text):
            near = text[start + PIECE // 2 : end]
            cut = max(near.rfind(mark) + len(mark) - 1 for mark in (". ", "! ", "? "))
            cut = cut if cut > 1 else near.rfind(" ")
            end = start + PIECE // 2 + cut if cut > 0 else end
        found.append(text[start:end].strip())
        start = end
    return [piece for piece in found if piece]
