"""What was decided, why in words, on which records it rests, who allowed it, and how it turned out.

No decision without evidence that resolves: each id it cites is a stored record or an earlier decision. Store the raw
records first (`state.records.put_many`), in the same transaction.
"""

from __future__ import annotations

from roadmap_cli.core import records as core
from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError
from roadmap_cli.state import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from roadmap_cli.core.records import Record
    from roadmap_cli.state.connection import Connection

KIND = "why.decision"
COLUMNS = "id, at, decision, what, why, command, authorised_by, run_id, facts"
#: The fields in which a record names the decision, or the decisions, that it came of.
GIVEN_BY = ("why_id", "decision_id", "decision_ids")


def decide(
    tx: Connection,
    *,
    kind: str,
    what: str,
    why: str,
    evidence: Sequence[str],
    command: str,
    at: datetime,
    authorised_by: str = "user",
    run_id: str | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Record:
    """Store a decision and give its record, of kind ``why.decision``.

    `kind` is the family's noun of the decision, e.g. ``edl.cut_chosen``; `what` and `why` are words for a person;
    `evidence` the ids it rests on, in order of weight, repeated ones counted once; `command` the command that decided;
    `facts` numbers and names that the reason mentions. An empty `evidence` is for decisions that rest on the user's
    word alone.
    Raises DataError if an id resolves to nothing, a text is empty, `kind` is not a kind, or `facts` is not JSON.
    """
    cited = list(dict.fromkeys(evidence))
    told = {"kind": kind, "what": what, "why": why, "command": command, "at": at, "authorised_by": authorised_by}
    (row,) = decide_all(tx, [{**told, "run_id": run_id, "facts": facts, "evidence": cited}])
    return _record(row, cited, [])


def decide_all(tx: Connection, decisions: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    """Store many decisions at once, each given by the words of `decide`, and give their rows, the ids first.

    Raises DataError as `decide` does; then none is stored.
    """
    import orjson

    rows: list[tuple[Any, ...]] = []
    cited: list[list[str]] = []
    for each in decisions:
        if not core.KIND.match(each["kind"]):
            raise DataError(f"not a kind of decision: {each['kind']!r}", code="bad_decision")
        for name in ("what", "why", "command", "authorised_by"):
            if not each[name].strip():
                raise DataError(f"a decision without {name!r}", code="bad_decision")
        try:
            told = orjson.dumps(dict(each["facts"])).decode() if each.get("facts") else None
        except TypeError as error:
            raise DataError(f"facts cannot be stored: {str(error).lower()}", code="not_json") from None
        cited.append(list(dict.fromkeys(each["evidence"])))
        rows.append((core.run_id(KIND, each["at"]), stamp(each["at"]), each["kind"], each["what"], each["why"],
                     each["command"], each["authorised_by"], each.get("run_id"), told))  # fmt: skip
    names = list(dict.fromkeys(name for each in cited for name in each))
    missing = _missing(tx, names)
    if missing:
        raise DataError(f"evidence is not stored: {', '.join(map(repr, missing[:3]))}", code="no_evidence")
    tx.executemany(f"INSERT INTO decision ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    tx.executemany(
        "INSERT INTO evidence (decision_id, position, evidence_id) VALUES (?, ?, ?)",
        [(row[0], place, name) for row, each in zip(rows, cited, strict=True) for place, name in enumerate(each)],
    )
    return rows


def _missing(tx: Connection, names: Sequence[str]) -> list[str]:
    """Those of the ids that neither a record nor a decision has."""
    if len(names) < 8:
        return [name for name in names if not resolves(tx, name)]
    import orjson

    rows = tx.execute(
        "SELECT value FROM json_each(?) WHERE NOT EXISTS (SELECT 1 FROM record WHERE id = value)"
        " AND NOT EXISTS (SELECT 1 FROM decision WHERE id = value)",
        (orjson.dumps(names).decode(),),
    )
    return [name for (name,) in rows]


def settle(tx: Connection, decision_id: str, outcome: str, at: datetime) -> None:
    """Note how a decision turned out. The last outcome counts, earlier ones stay; the same again changes nothing.

    Raises DataError if there is no such decision or no outcome.
    """
    if not outcome.strip():
        raise DataError("an empty outcome", code="bad_decision")
    if not tx.execute("SELECT 1 FROM decision WHERE id = ?", (decision_id,)).fetchone():
        raise DataError(f"no such decision: {decision_id!r}", code="no_decision")
    known = _outcomes(tx, decision_id)
    if not known or known[-1][0] != outcome:
        tx.execute(
            "INSERT INTO outcome (decision_id, position, outcome, at) VALUES (?, ?, ?, ?)",
            (decision_id, len(known), outcome, stamp(at)),
        )


def get(tx: Connection, id: str) -> Record | None:
    """The record of a decision, with ``outcome`` and ``settled_at`` once it is settled; None if there is none."""
    row = tx.execute(f"SELECT {COLUMNS} FROM decision WHERE id = ?", (id,)).fetchone()
    if row is None:
        return None
    cited = [
        each
        for (each,) in tx.execute("SELECT evidence_id FROM evidence WHERE decision_id = ? ORDER BY position", (id,))
    ]
    return _record(row, cited, _outcomes(tx, id))


def find(
    tx: Connection, *, kind: str | None = None, run_id: str | None = None, limit: int | None = None
) -> Iterator[Record]:
    """Decisions of a kind or of a run, or all, newest first."""
    conditions = [(name, value) for name, value in (("decision", kind), ("run_id", run_id)) if value is not None]
    where = " WHERE " + " AND ".join(f"{name} = ?" for name, _ in conditions) if conditions else ""
    values: list[str | int] = [value for _, value in conditions]
    values.append(-1 if limit is None else max(limit, 0))
    names = tx.execute(f"SELECT id FROM decision{where} ORDER BY at DESC, id DESC LIMIT ?", values).fetchall()
    for (name,) in names:
        found = get(tx, name)
        if found is not None:
            yield found


def citing(tx: Connection, id: str) -> Iterator[str]:
    """The ids of the decisions that rest directly on a record or a decision, oldest first."""
    for (name,) in tx.execute(
        "SELECT decision_id FROM evidence WHERE evidence_id = ? ORDER BY decision_id", (id,)
    ).fetchall():
        yield name


def resolves(tx: Connection, id: str) -> bool:
    """Whether an id is that of a stored record or decision."""
    found = tx.execute(
        "SELECT 1 FROM record WHERE id = ?1 UNION ALL SELECT 1 FROM decision WHERE id = ?1 LIMIT 1", (id,)
    ).fetchone()
    return found is not None


def chain(tx: Connection, id: str) -> Iterator[Record]:
    """A decision, then what it rests on, depth first, down to the raw records.

    Each comes with ``depth`` (0 for the decision asked for) and, below that, ``from_id``, the decision that cites it;
    a ``from_id`` of the record's own is then ``own_from_id``. What is cited in several places comes in each, and is
    followed only in the first: the others have ``"repeated": true``, cycles included. An id that no longer resolves
    comes as ``{"kind":"why.missing","id":…}``. Nothing comes if `id` is neither a decision nor a record.
    """
    if not resolves(tx, id):
        return
    seen: set[str] = set()
    waiting: list[tuple[str, int, str | None]] = [(id, 0, None)]
    while waiting:
        name, depth, parent = waiting.pop()
        decision = get(tx, name)
        found = decision or records.get(tx, name) or {"kind": "why.missing", "id": name}
        shown = {**found}
        if "from_id" in found:
            shown["own_from_id"] = shown.pop("from_id")
        shown["depth"] = depth
        if parent is not None:
            shown["from_id"] = parent
        if decision and name in seen:
            shown["repeated"] = True
        elif decision:
            waiting.extend((each, depth + 1, name) for each in reversed(decision["evidence_ids"]))
        seen.add(name)
        yield shown


def about(tx: Connection, id: str) -> Iterator[Record]:
    """All that is known of an id, as `chain` gives it: of a decision its chain.

    Of a record first the record, and one step below it the chains of the decisions it came of and of those that rest
    on it; they come at depth 0 if what they rest on is not stored any more. Of a run its decisions, oldest first.
    Nothing for an id nobody knows.
    """
    yield from chain(tx, id)
    if get(tx, id) is not None:
        return
    record = records.get(tx, id) or {}
    below, parent = (1, {"from_id": id}) if record else (0, {})
    named = [record.get(field) for field in GIVEN_BY]
    gave = [name for each in named for name in (each if isinstance(each, list) else [each]) if isinstance(name, str)]
    for name in dict.fromkeys((*gave, *citing(tx, id))):
        for each in chain(tx, name):
            yield parent | each | {"depth": each["depth"] + below}
    if not record:
        for decision in reversed(list(find(tx, run_id=id))):
            yield from chain(tx, decision["id"])


def _outcomes(tx: Connection, id: str) -> list[tuple[str, str]]:
    return tx.execute("SELECT outcome, at FROM outcome WHERE decision_id = ? ORDER BY position", (id,)).fetchall()


def _record(row: Sequence[Any], cited: list[str], outcomes: list[tuple[str, str]]) -> Record:
    import orjson

    name, at, decision, what, why, command, authorised_by, run_id, facts = row
    record: Record = {"kind": KIND, "id": name, "at": at, "decision": decision, "what": what, "why": why}
    record |= {"evidence_ids": cited, "authorised_by": authorised_by, "command": command}
    if run_id is not None:
        record["run_id"] = run_id
    if facts is not None:
        record["facts"] = orjson.loads(facts)
    if outcomes:
        record["outcome"], record["settled_at"] = outcomes[-1]
    if len(outcomes) > 1:
        record["outcomes"] = [{"outcome": outcome, "at": when} for outcome, when in outcomes]
    return record
