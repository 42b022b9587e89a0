"""Lessons: what was learned, one sentence or a few each, with how it has fared.

A lesson's weight fades with a half-life of half a year from its last confirmation, and with each refutation. A lesson
about the same failure that fares better supersedes it: it stays, marked, and comes last. Only `forget` deletes, and
then all of it: text, words, vector, signatures, the fix and the records that hold its diff.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.agent.testing import signature as signatures
from roadmap_cli.agent.testing.signature import Signature
from roadmap_cli.core import clock
from roadmap_cli.core.records import content_id

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

KIND = "agent.lesson"
SORTS = ("fix", "failure", "pattern", "skill")
HERE, IMPORTED = "here", "import"
HALF_LIFE_DAYS = 180.0
#: What an imported lesson weighs before it has helped here, and a superseded one.
UNTRUSTED, SUPERSEDED = 0.5, 0.2
TEXT_LIMIT = 4000
_TOLD_TESTS = 5
_LEAST_START = len("agent_") + 4


@dataclass(frozen=True, slots=True)
class Lesson:
    """One lesson. `text` is what goes into prompts; `score`, `level` and `why` are set by `recalling.recall`.

    `confirmed` and `refuted` count what happened on this machine. `is_trusted` is false for an imported lesson that
    has not been confirmed here.
    """

    id: str
    sort: str
    title: str
    text: str
    error: str
    construct: str
    template: str
    origin: str
    confirmed: int
    refuted: int
    superseded_by: str | None
    learned_at: str
    used_at: str
    number: int = 0
    fix_id: str | None = None
    run_id: str | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    score: float = 0.0
    level: str = ""
    why: str = ""

    @property
    def is_trusted(self) -> bool:
        """Whether it was learned or confirmed on this machine."""
        return self.origin == HERE or self.confirmed > 0

    def weight(self, at: datetime) -> float:
        """What it is worth at a time, from 0 to 1: age, outcomes, trust and supersession."""
        age = max(0.0, (at - clock.parse(self.used_at)).total_seconds() / 86400)
        fared = (self.confirmed + 1) / (self.confirmed + 2 * self.refuted + 1)
        worth = float(0.5 ** (age / HALF_LIFE_DAYS)) * fared
        return worth * (1 if self.is_trusted else UNTRUSTED) * (SUPERSEDED if self.superseded_by else 1)


_COLUMNS = (
    "id, sort, title, text, error, construct, template, origin, confirmed, refuted, superseded_by, learned_at, used_at,"
    " number, fix_id, run_id, body"
)


def _lesson(row: Sequence[Any]) -> Lesson:
    return Lesson(*[*row[:-1], json.loads(row[-1])])


def every(
    tx: Connection, *, sort: str | None = None, error: str | None = None, superseded: bool = False,
    limit: int | None = None,
) -> list[Lesson]:  # fmt: skip
    """Lessons of a sort and an error class, the last used first; superseded ones only if asked for."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM agent_lesson WHERE (?1 IS NULL OR sort = ?1) AND (?2 IS NULL OR error = ?2)"
        " AND (?3 OR superseded_by IS NULL) ORDER BY used_at DESC, number DESC LIMIT ?4",
        (sort, error, superseded, -1 if limit is None else limit),
    )
    return [_lesson(row) for row in rows]


def get(tx: Connection, lesson_id: str) -> Lesson | None:
    """A lesson by its id."""
    row = tx.execute(f"SELECT {_COLUMNS} FROM agent_lesson WHERE id = ?", (lesson_id,)).fetchone()
    return _lesson(row) if row else None


def beginning(tx: Connection, start: str) -> list[Lesson]:
    """The lesson of an id, or else those whose ids begin so, two at most; none for less than an id's own part."""
    exact = get(tx, start)
    if exact or len(start) < _LEAST_START:
        return [exact] if exact else []
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM agent_lesson WHERE substr(id, 1, length(?1)) = ?1 ORDER BY id LIMIT 2", (start,)
    )
    return [_lesson(row) for row in rows]


def by_number(tx: Connection, numbers: Iterable[int]) -> dict[int, Lesson]:
    """Lessons by their row numbers."""
    wanted = list(numbers)
    found: dict[int, Lesson] = {}
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        marks = ", ".join("?" * len(part))
        rows = tx.execute(f"SELECT {_COLUMNS} FROM agent_lesson WHERE number IN ({marks})", part)
        found.update((row[13], _lesson(row)) for row in rows)
    return found


def signatures_of(tx: Connection, number: int) -> list[dict[str, Any]]:
    """The signatures a lesson is about: level, version, name."""
    rows = tx.execute(
        "SELECT level, version, signature FROM agent_lesson_signature WHERE lesson = ? ORDER BY level, signature",
        (number,),
    )
    return [{"level": level, "version": version, "signature": name} for level, version, name in rows]


def put(
    tx: Connection, lesson: Lesson, names: Iterable[tuple[str, str, int]] = (), *, again: bool = True
) -> tuple[int, bool]:
    """Store a lesson, with signatures as (name, level, version); gives its row number and whether it is new.

    One that is there keeps when it was learned; with `again` it is confirmed once more, its words renewed and a
    supersession lifted.
    """
    row = tx.execute("SELECT number FROM agent_lesson WHERE id = ?", (lesson.id,)).fetchone()
    if row is None:
        cursor = tx.execute(
            "INSERT INTO agent_lesson (id, sort, title, text, error, construct, template, body, fix_id, run_id, origin,"
            " confirmed, refuted, superseded_by, learned_at, used_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                lesson.id, lesson.sort, lesson.title, lesson.text[:TEXT_LIMIT], lesson.error, lesson.construct,
                lesson.template, json.dumps(lesson.body), lesson.fix_id, lesson.run_id, lesson.origin,
                lesson.confirmed, lesson.refuted, lesson.superseded_by, lesson.learned_at, lesson.used_at,
            ),
        )  # fmt: skip
        assert cursor.lastrowid is not None
        number = cursor.lastrowid
    else:
        number = row[0]
        if again:
            tx.execute(
                "UPDATE agent_lesson SET confirmed = confirmed + ?, used_at = max(used_at, ?), superseded_by = NULL,"
                " fix_id = coalesce(fix_id, ?), title = ?, text = ?, body = json_patch(body, ?) WHERE number = ?",
                (
                    lesson.confirmed, lesson.used_at, lesson.fix_id, lesson.title, lesson.text[:TEXT_LIMIT],
                    json.dumps(lesson.body), number,
                ),
            )  # fmt: skip
            tx.execute("DELETE FROM agent_lesson_vector WHERE lesson = ?", (number,))
    tx.executemany(
        "INSERT OR IGNORE INTO agent_lesson_signature (signature, level, lesson, version) VALUES (?, ?, ?, ?)",
        [(name, level, number, version) for name, level, version in names],
    )
    return number, row is None


def names_of(found: Iterable[Signature]) -> list[tuple[str, str, int]]:
    """The present names of signatures, as `put` takes them."""
    names = [(s.exact, "exact", signatures.VERSION) for s in found]
    return [*names, *((s.loose, "loose", signatures.VERSION) for s in found)]


def note_use(tx: Connection, lesson_id: str, helped: bool, at: str) -> None:
    """Count that a lesson was followed, and whether it helped."""
    if helped:
        tx.execute(
            "UPDATE agent_lesson SET confirmed = confirmed + 1, used_at = max(used_at, ?), superseded_by = NULL"
            " WHERE id = ?",
            (at, lesson_id),
        )
    else:
        tx.execute("UPDATE agent_lesson SET refuted = refuted + 1 WHERE id = ?", (lesson_id,))


def supersede(tx: Connection, number: int) -> int:
    """Mark what a lesson takes the place of; the number of lessons marked.

    That is: each failure about one of its exact signatures if it is a fix, for it is mended now; and each fix of one
    of them that has been tried in vain since and fares worse.
    """
    return tx.execute(
        "UPDATE agent_lesson AS old SET superseded_by = new.id FROM agent_lesson AS new"
        " WHERE new.number = ?1 AND new.sort = 'fix' AND old.number != ?1 AND old.superseded_by IS NULL"
        " AND (old.sort = 'failure' OR (old.sort = 'fix' AND old.refuted > 0"
        "  AND (old.confirmed + 1.0) / (old.confirmed + 2 * old.refuted + 1)"
        "      < (new.confirmed + 1.0) / (new.confirmed + 2 * new.refuted + 1)))"
        " AND EXISTS (SELECT 1 FROM agent_lesson_signature a JOIN agent_lesson_signature b"
        "  ON a.signature = b.signature AND a.level = 'exact' AND b.level = 'exact'"
        "  WHERE a.lesson = ?1 AND b.lesson = old.number)",
        (number,),
    ).rowcount


def note_unsolved(tx: Connection, run_id: str, run_signature: str, at: str) -> None:
    """What was tried on a failure in vain becomes a lesson of the sort failure, renewed with each run."""
    failing = tx.execute(
        "SELECT exact, loose, version, test, error, message FROM agent_failure WHERE run_signature = ? ORDER BY test",
        (run_signature,),
    ).fetchall()
    tried = tx.execute(
        "SELECT template, sum(count), sum(iif(outcome IN ('partial', 'regressed'), count, 0)) FROM agent_tried"
        " WHERE run_signature = ? GROUP BY template ORDER BY 2 DESC, 1",
        (run_signature,),
    ).fetchall()
    if not failing and not tried:
        return
    error, message = failing[0][4:] if failing else ("", "")
    count = sum(row[1] for row in tried)
    edits = f"{count} edit{'s' * (count != 1)}"
    parts = ", ".join(f"{number} {template}" for template, number, _ in tried[:8])
    near = ", ".join([f"{template} ({number})" for template, _, number in tried if number][:8])
    guesses = _guesses(tx, run_signature)
    lines = []
    for *_, test, kind, said in failing[:_TOLD_TESTS]:
        lines.append(f"Not mended yet: {_what(kind, said)} in {test}.")
        if test in guesses:
            lines.append(f"Suspected: {guesses[test]}")
    if len(failing) > _TOLD_TESTS:
        lines.append(f"And {len(failing) - _TOLD_TESTS} more.")
    if not failing:
        lines.append("Not mended yet: a failure.")
    lines.append(f"Tried in vain: {edits}{f' ({parts})' if parts else ''}.")
    if near:
        lines.append(f"Came part of the way: {near}.")
    lesson = Lesson(
        id=content_id(KIND, sort="failure", run_signature=run_signature), sort="failure",
        title=f"{_what(error, message)}: not mended after {edits}"[:200], text="\n".join(lines), error=error,
        construct="", template="", origin=HERE, confirmed=0, refuted=0, superseded_by=None, learned_at=at, used_at=at,
        run_id=run_id, body={"run_signature": run_signature, "tried": {row[0]: row[1] for row in tried}},
    )  # fmt: skip
    names = [(exact, "exact", version) for exact, _, version, *_ in failing]
    names += [(loose, "loose", version) for _, loose, version, *_ in failing]
    number, _ = put(tx, lesson, names)
    better = tx.execute(
        "SELECT new.id FROM agent_lesson_signature a JOIN agent_lesson_signature b USING (signature, level)"
        " JOIN agent_lesson new ON new.number = b.lesson"
        " WHERE a.lesson = ? AND level = 'exact' AND new.sort = 'fix' AND new.refuted <= new.confirmed LIMIT 1",
        (number,),
    ).fetchone()
    if better:
        tx.execute("UPDATE agent_lesson SET superseded_by = ? WHERE number = ?", (better[0], number))


def _guesses(tx: Connection, run_signature: str) -> dict[str, str]:
    """The most confident hypothesis about each failing test, of those whose words come from that test itself.

    The first test that a hypothesis rests on is the one whose values it names.
    """
    tests = {test for (test,) in tx.execute("SELECT test FROM agent_failure WHERE run_signature = ?", (run_signature,))}
    rows = tx.execute(
        "SELECT statement, evidence FROM agent_hypothesis WHERE run_signature = ? AND status != 'refuted'"
        " ORDER BY confidence DESC, id",
        (run_signature,),
    )
    found: dict[str, str] = {}
    for statement, evidence in rows:
        own = next((name for name in json.loads(evidence) if name in tests), None)
        if own:
            found.setdefault(own, statement)
    return found


def _what(error: str, message: str) -> str:
    return f"{error}: {message}" if message else error or "a failure"


def forget(tx: Connection, lesson: Lesson) -> None:
    """Delete a lesson for good: words, vector, signatures, its run's iterations and hypotheses; with a fix also the
    functions and patterns that rest on it alone (others are lowered), the records and decisions about it, and the
    journals of its runs.

    Copies of the state made before, and other machines it was exported to, are beyond its reach.
    """
    tx.execute("PRAGMA secure_delete = ON")
    tx.execute("UPDATE agent_lesson SET superseded_by = NULL WHERE superseded_by = ?", (lesson.id,))
    tx.execute("DELETE FROM agent_lesson WHERE number = ?", (lesson.number,))
    if lesson.sort == "failure":
        name = lesson.body.get("run_signature", "")
        for table in ("agent_failure", "agent_tried", "agent_hypothesis"):
            tx.execute(f"DELETE FROM {table} WHERE run_signature = ?", (name,))
    for table in ("agent_iteration", "agent_hypothesis"):
        tx.execute(f"DELETE FROM {table} WHERE run_id = ?", (lesson.run_id,))
    if lesson.sort == "fix":
        _forget_fix(tx, str(lesson.body["fix"]))


def _forget_fix(tx: Connection, fix_id: str) -> None:
    _forget_taught(tx, fix_id)
    tx.execute("DELETE FROM agent_fix_signature WHERE fix_id = ?", (fix_id,))
    tx.execute("DELETE FROM agent_fix WHERE id = ?", (fix_id,))
    rows = tx.execute(
        "SELECT id, body ->> 'run_id' FROM record WHERE kind = 'agent.fix' AND body ->> 'pattern_id' = ?", (fix_id,)
    ).fetchall()
    for record_id, _ in rows:
        tx.execute(
            "WITH RECURSIVE resting (id) AS (SELECT decision_id FROM evidence WHERE evidence_id = ?"
            " UNION SELECT decision_id FROM evidence JOIN resting ON evidence_id = resting.id)"
            " DELETE FROM decision WHERE id IN (SELECT id FROM resting)",
            (record_id,),
        )
        tx.execute("DELETE FROM record WHERE id = ?", (record_id,))
    _forget_journal(tx, {run_id for _, run_id in rows if run_id})


def _forget_taught(tx: Connection, fix_id: str) -> None:
    """Lower the patterns and functions that a fix has confirmed by what it said for them; what rests on it alone goes.

    `fixes` of their bodies counts for each fix how often it was confirmed.
    """
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM agent_lesson WHERE sort IN ('pattern', 'skill') AND (body ->> 'fix' = ?1"
        " OR EXISTS (SELECT 1 FROM json_each(body, '$.fixes') WHERE key = ?1))",
        (fix_id,),
    ).fetchall()
    for taught in map(_lesson, rows):
        fixes = dict(taught.body.get("fixes", {}))
        left = max(0, taught.confirmed - fixes.pop(fix_id, 1))
        lasts = bool(fixes) if taught.sort == "skill" or "fixes" in taught.body else left > 0
        if not lasts and (taught.sort == "skill" or taught.origin == HERE):
            tx.execute("DELETE FROM agent_lesson WHERE number = ?", (taught.number,))
            continue
        body = {**taught.body, "fixes": fixes}
        text = taught.text
        if body.get("fix") == fix_id and taught.sort == "pattern":
            text = taught.title  # its example was this fix
            del body["fix"]
        elif body.get("fix") == fix_id:
            body["fix"] = next(iter(fixes))
        tx.execute(
            "UPDATE agent_lesson SET confirmed = ?, text = ?, body = ? WHERE number = ?",
            (left, text, json.dumps(body), taught.number),
        )


def _forget_journal(tx: Connection, runs: Iterable[str]) -> None:
    """What the journals of runs hold of a fix: the details of their steps, and the records they announced."""
    there = {name for (name,) in tx.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    for run_id in sorted(runs):
        if "agent_step" in there:
            tx.execute("UPDATE agent_step SET detail = NULL WHERE run_id = ?", (run_id,))
        if "agent_record" in there:
            tx.execute("DELETE FROM agent_record WHERE run_id = ?", (run_id,))


def described(lesson: Lesson, at: datetime) -> dict[str, Any]:
    """A lesson as an agent.lesson record."""
    record: dict[str, Any] = {
        "kind": KIND, "id": lesson.id, "at": lesson.learned_at, "sort": lesson.sort, "title": lesson.title,
        "text": lesson.text, "origin": lesson.origin, "confirmed_count": lesson.confirmed,
        "refuted_count": lesson.refuted, "weight_ratio": round(lesson.weight(at), 4), "used_at": lesson.used_at,
    }  # fmt: skip
    for name in ("error", "construct", "template", "run_id", "level", "why"):
        if value := getattr(lesson, name):
            record[name] = value
    if lesson.superseded_by:
        record["superseded_by_id"] = lesson.superseded_by
    if lesson.level:
        record["score"] = round(lesson.score, 4)
    return record


def scored(lesson: Lesson, score: float, level: str, why: str) -> Lesson:
    """The lesson with how it was found; the text of one that is not trusted says so, for it goes into prompts."""
    text = lesson.text if lesson.is_trusted else f"(From another machine, not confirmed here.) {lesson.text}"
    return replace(lesson, text=text, score=score, level=level, why=why)


def numbers(tx: Connection) -> Iterator[int]:
    """The row numbers of all lessons."""
    yield from (row[0] for row in tx.execute("SELECT number FROM agent_lesson ORDER BY number"))
