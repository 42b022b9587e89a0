"""How hypotheses turn out: stored with a run, compared with past failures, confirmed or refuted by its repair."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from roadmap_cli.agent.memory.runs import note_failure
from roadmap_cli.agent.reflection.ground import Ground, Hypothesis, changed_lines
from roadmap_cli.agent.reflection.rules import reflect
from roadmap_cli.agent.testing.signature import Signature
from roadmap_cli.core.records import content_id

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

KIND = "agent.hypothesis"
#: How many outcomes a rule's own confidence weighs as much as.
_HELD = 4.0
_NEAR_LINES = 3


def rates(tx: Connection) -> dict[str, tuple[int, int]]:
    """How often each rule was confirmed and refuted on this machine."""
    rows = tx.execute(
        "SELECT kind, sum(status = 'confirmed'), sum(status = 'refuted') FROM agent_hypothesis"
        " WHERE status != 'open' GROUP BY kind"
    )
    return {kind: (confirmed, refuted) for kind, confirmed, refuted in rows}


def past(tx: Connection, signatures: Sequence[Signature]) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """What was supposed of failures like these before: (kind, function) → the ids and how they turned out."""
    names = sorted({signature.exact for signature in signatures} | {signature.loose for signature in signatures})[:500]
    marks = ", ".join("?" * len(names))
    rows = tx.execute(
        "SELECT DISTINCT h.kind, h.function, h.id, h.status FROM agent_failure f"
        " JOIN agent_hypothesis h USING (run_signature)"
        f" WHERE (f.exact IN ({marks}) OR f.loose IN ({marks})) AND h.status != 'open' ORDER BY h.at DESC LIMIT 200",
        (*names, *names),
    )
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for kind, function, name, status in rows:
        found.setdefault((kind, function), []).append((name, status))
    return found


def weigh(tx: Connection, hypotheses: Iterable[Hypothesis], signatures: Sequence[Signature]) -> list[Hypothesis]:
    """Hypotheses with confidences that count how each rule has fared, and what came of the same one before.

    A rule's confidence moves towards its hit rate with each outcome. The same rule about the same function in a failure
    like this one counts double: confirmed then, it halves the doubt; refuted then, the confidence.
    """
    fared, before = rates(tx), past(tx, signatures)
    found = []
    for hypothesis in hypotheses:
        confirmed, refuted = fared.get(hypothesis.kind, (0, 0))
        confidence = (hypothesis.confidence * _HELD + confirmed) / (_HELD + confirmed + refuted)
        evidence = list(hypothesis.evidence)
        for name, status in before.get((hypothesis.kind, hypothesis.function), [])[:3]:
            confidence = 1 - (1 - confidence) / 2 if status == "confirmed" else confidence / 2
            evidence.append(name)
        found.append(replace(hypothesis, confidence=min(0.95, confidence), evidence=tuple(dict.fromkeys(evidence))))
    return sorted(found, key=lambda h: (-h.confidence, h.kind, h.file, h.line))


def store(
    tx: Connection, run_id: str, run_signature: str, hypotheses: Iterable[Hypothesis], at: str
) -> list[Hypothesis]:
    """Store the hypotheses of a run; gives them with their ids. Those of a resumed run stay as they were."""
    found = []
    for hypothesis in hypotheses:
        name = content_id(KIND, run_id=run_id, rule=hypothesis.kind, file=hypothesis.file, function=hypothesis.function)
        tx.execute(
            "INSERT INTO agent_hypothesis (id, run_id, run_signature, kind, statement, predicts, file, line, function,"
            " confidence, favours, evidence, status, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?)"
            " ON CONFLICT DO NOTHING",
            (
                name, run_id, run_signature, hypothesis.kind, hypothesis.statement, hypothesis.predicts,
                hypothesis.file, hypothesis.line, hypothesis.function, hypothesis.confidence,
                json.dumps(dict(hypothesis.favours)), json.dumps(list(hypothesis.evidence)), at,
            ),
        )  # fmt: skip
        found.append(replace(hypothesis, id=name))
    return found


def settle(
    tx: Connection, run_id: str, changed: Mapping[str, Collection[int]], functions: Mapping[str, Collection[str]],
    template: str, at: str, *, known: Collection[str] = (),
) -> list[tuple[str, str]]:  # fmt: skip
    """Confirm or refute the open hypotheses of a run by its repair; gives (id, confirmed or refuted).

    `changed` are the lines of the files as they were that the repair changed, `functions` the qualified names of the
    functions they stand in. A hypothesis is confirmed if the repair is at its place, in its function or within three
    lines, and by a template that it favours; a template that is not among `known` ones (a model's name) says nothing
    about that.
    """
    rows = tx.execute(
        "SELECT id, file, line, function, favours FROM agent_hypothesis WHERE run_id = ? AND status = 'open'", (run_id,)
    ).fetchall()
    settled = []
    for name, file, line, function, favours in rows:
        favoured = json.loads(favours)
        near = any(abs(number - line) <= _NEAR_LINES for number in changed.get(file, ()))
        placed = near or (function != "" and function in functions.get(file, ()))
        names = [part for part in template.split("+") if part in known] if known else template.split("+")
        fitting = not favoured or not names or any(part in favoured for part in names)
        settled.append((name, "confirmed" if placed and fitting else "refuted"))
    tx.executemany(
        "UPDATE agent_hypothesis SET status = ?, settled_at = ? WHERE id = ?",
        [(status, at, name) for name, status in settled],
    )
    return settled


def think(
    tx: Connection, run_id: str, failures: Sequence[tuple[str, Signature]], files: Mapping[str, bytes],
    errors: Mapping[str, Mapping[str, Any] | None], suspicion: Mapping[str, Mapping[int, float]], *, at: str,
    changed: Mapping[str, Collection[int]] | None = None, evidence: Sequence[str] = (),
    reached: Mapping[str, Mapping[str, Collection[int]]] | None = None,
) -> list[Hypothesis]:  # fmt: skip
    """`reflect`, `weigh` and `store` in one: the hypotheses of a run with their ids, the most confident first.

    `failures` are the failing tests with their signatures, which are stored as well (`memory.note_failure`).
    """
    found = reflect(files, errors, suspicion, changed=changed, reached=reached, evidence=evidence)
    name = note_failure(tx, failures, at)
    return store(tx, run_id, name, weigh(tx, found, [signature for _, signature in failures]), at)


def conclude(
    tx: Connection, run_id: str, was: Mapping[str, str], now: Mapping[str, str], template: str, at: str, *,
    known: Collection[str] = (),
) -> str:  # fmt: skip
    """`settle` by a repair, given the changed files before and after; gives the confirmed statement, empty if none.

    Of several confirmed ones it is the most confident one's.
    """
    ground = Ground({file: text.encode() for file, text in was.items()}, {})
    changed = {file: changed_lines(now[file], was[file]) for file in now if file in was}
    functions = {file: {ground.function(file, line) for line in lines} - {""} for file, lines in changed.items()}
    settle(tx, run_id, changed, functions, template, at, known=known)
    row = tx.execute(
        "SELECT statement FROM agent_hypothesis WHERE run_id = ? AND status = 'confirmed'"
        " ORDER BY favours = '{}', confidence DESC, id LIMIT 1",
        (run_id,),
    ).fetchone()
    return row[0] if row else ""


def of_run(tx: Connection, run_id: str) -> list[dict[str, Any]]:
    """The hypotheses of a run as agent.hypothesis records, the most confident first."""
    rows = tx.execute(
        "SELECT id, at, run_id, kind, statement, predicts, file, line, function, confidence, favours, evidence, status,"
        " settled_at FROM agent_hypothesis WHERE run_id = ? ORDER BY confidence DESC, id",
        (run_id,),
    )
    return [_record(*row) for row in rows]


def _record(
    name: str, at: str, run_id: str, rule: str, statement: str, predicts: str, file: str, line: int, function: str,
    confidence: float, favours: str, evidence: str, status: str, settled_at: str | None,
) -> dict[str, Any]:  # fmt: skip
    record = {
        "kind": KIND, "id": name, "at": at, "run_id": run_id, "rule": rule, "statement": statement, "file": file,
        "line": line, "function": function, "confidence_ratio": round(confidence, 4), "predicts": predicts,
        "favours": json.loads(favours), "evidence": json.loads(evidence), "status": status,
    }  # fmt: skip
    return record | ({"settled_at": settled_at} if settled_at else {})


def described(hypothesis: Hypothesis, run_id: str, at: str) -> dict[str, Any]:
    """A hypothesis just made as an agent.hypothesis record."""
    return _record(
        hypothesis.id, at, run_id, hypothesis.kind, hypothesis.statement, hypothesis.predicts, hypothesis.file,
        hypothesis.line, hypothesis.function, hypothesis.confidence, json.dumps(dict(hypothesis.favours)),
        json.dumps(list(hypothesis.evidence)), "open", None,
    )  # fmt: skip
