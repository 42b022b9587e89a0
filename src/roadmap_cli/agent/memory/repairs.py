"""Repairs by error signature: stored when they were confirmed, found again for replay, and what they teach.

What is stored is the change itself, lines before and after with their surroundings, so that it is made again wherever
it has moved. `learn` is the whole of it: the fix, the lesson, the pattern of its kind, and the functions in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from roadmap_cli.agent.code.source import Block
from roadmap_cli.agent.memory import lessons, library
from roadmap_cli.agent.memory.lessons import HERE, Lesson
from roadmap_cli.agent.testing.signature import Signature
from roadmap_cli.core.records import content_id

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

_SHOWN_LINES = 24
_TESTS = 5000


@dataclass(frozen=True, slots=True)
class Fix:
    """A remembered fix: the changed blocks, and how it was found. `is_trusted`: found or confirmed on this machine."""

    id: str
    template: str
    blocks: tuple[Block, ...]
    level: str
    is_trusted: bool = True


def learn(
    tx: Connection, *, fix_id: str, run_id: str, driver: str, template: str, blocks: Sequence[Block],
    was: Mapping[str, str], changed: Mapping[str, str], signatures: Sequence[Signature], at: str, construct: str = "",
    cause: str = "", found_with: Iterable[str] = (), standing: str = "",
) -> None:  # fmt: skip
    """Remember a fix with which all tests pass, and all it teaches.

    `was` and `changed` are the texts of the changed files, `construct` what kind of code was edited (the construct of
    `context.Contexts`), `cause` the statement of the hypothesis that it confirms. `found_with` are the tests
    (fingerprints) that have spoken for it, `standing` says what is against calling it more than plausible.
    """
    tests = set(found_with) | (tests_of(tx, fix_id) or set())
    store_fix(tx, fix_id, run_id, driver, template, blocks, signatures, at, construct=construct, cause=cause,
              found_with=tests)  # fmt: skip
    library.store(tx, was, changed, run_id=run_id, fix_id=fix_id, at=at, standing=standing)


def tests_of(tx: Connection, fix_id: str) -> set[str] | None:
    """The tests (fingerprints) that have spoken for a fix so far; None if that is not known."""
    row = tx.execute(
        "SELECT body ->> 'found_with' FROM agent_lesson WHERE sort = 'fix' AND body ->> 'fix' = ?"
        " AND body ->> 'found_with' IS NOT NULL LIMIT 1",
        (fix_id,),
    ).fetchone()
    return set(json.loads(row[0])) if row else None


def store_fix(
    tx: Connection, fix_id: str, run_id: str, driver: str, template: str, blocks: Iterable[Block],
    signatures: Iterable[Signature], at: str, *, construct: str = "", cause: str = "", found_with: Iterable[str] = (),
) -> None:  # fmt: skip
    """Remember a fix under the signatures of all the tests it mended; a known fix is confirmed once more."""
    parts, found = list(blocks), list(signatures)
    tx.execute(
        "INSERT INTO agent_fix (id, run_id, driver, template, blocks, confirmed, refuted, at)"
        " VALUES (?, ?, ?, ?, ?, 1, 0, ?)"
        " ON CONFLICT (id) DO UPDATE SET confirmed = confirmed + 1, at = excluded.at",
        (fix_id, run_id, driver, template, json.dumps([asdict(block) for block in parts]), at),
    )
    for signature in found:
        for level, name in (("exact", signature.exact), ("loose", signature.loose)):
            tx.execute("INSERT OR IGNORE INTO agent_fix_signature VALUES (?, ?, ?)", (name, level, fix_id))
    lesson = _lesson(fix_id, run_id, template, parts, found, at, construct, cause, sorted(found_with))
    number, _ = lessons.put(tx, lesson, lessons.names_of(found))
    lessons.supersede(tx, number)
    _note_pattern(tx, fix_id, run_id, template, construct, parts, found, at)


def pattern_id(blocks: Iterable[Block]) -> str:
    """The name of a change by its text: the same change of the same lines has the same one on every machine."""
    return content_id("agent.fix", blocks=[repr(block) for block in blocks])


def lesson_id(blocks: Iterable[Block]) -> str:
    """The id of the lesson of a fix."""
    return content_id(lessons.KIND, sort="fix", fix=pattern_id(blocks))


def _lesson(
    fix_id: str, run_id: str, template: str, blocks: Sequence[Block], found: Sequence[Signature], at: str,
    construct: str, cause: str, found_with: Sequence[str],
) -> Lesson:  # fmt: skip
    error, message = (found[0].type, found[0].message) if found else ("", "")
    files = ", ".join(dict.fromkeys(block.file for block in blocks))
    title = f"{error}: {message}" if message else error or "a failure"
    lines = [f"{title} was mended in {files} by {template}."]
    if cause:
        lines.append(f"Cause: {cause}")
    lines.extend(diff_lines(blocks))
    body: dict[str, Any] = {"fix": fix_id, "blocks": [asdict(block) for block in blocks]}
    if cause:
        body["cause"] = cause
    if found_with:  # of more it is not known, rather than known in part: one left out would count as a new one
        body["found_with"] = found_with if len(found_with) <= _TESTS else None
    return Lesson(
        id=lesson_id(blocks), sort="fix", title=f"{title} [{files}]"[:200], text="\n".join(lines), error=error,
        construct=construct, template=template, origin=HERE, confirmed=1, refuted=0, superseded_by=None,
        learned_at=at, used_at=at, fix_id=fix_id, run_id=run_id, body=body,
    )  # fmt: skip


def diff_lines(blocks: Iterable[Block]) -> list[str]:
    """The changed lines with one line around them, in the manner of a diff."""
    lines: list[str] = []
    for block in blocks:
        lines += [f"  {line.rstrip()}" for line in block.above[-1:]]
        lines += [f"- {line.rstrip()}" for line in block.before]
        lines += [f"+ {line.rstrip()}" for line in block.after]
        lines += [f"  {line.rstrip()}" for line in block.below[:1]]
    return lines if len(lines) <= _SHOWN_LINES else [*lines[: _SHOWN_LINES - 1], "…"]


def _note_pattern(
    tx: Connection, fix_id: str, run_id: str, template: str, construct: str, blocks: Sequence[Block],
    found: Sequence[Signature], at: str,
) -> None:  # fmt: skip
    """Long-term memory: what kind of edit in what kind of code mends what class of error, with the latest example."""
    for error in sorted({signature.type for signature in found}):
        place = f" in {construct}" if construct else ""
        name = content_id(lessons.KIND, sort="pattern", error=error, construct=construct, template=template)
        known = lessons.get(tx, name)
        times = known.body.get("fixes", {}).get(fix_id, 0) if known else 0
        lesson = Lesson(
            id=name, sort="pattern", title=f"{error}{place}: {template} has helped",
            text="\n".join([f"{error}{place} was mended by {template} before, for instance:", *diff_lines(blocks)]),
            error=error, construct=construct, template=template, origin=HERE, confirmed=1, refuted=0,
            superseded_by=None, learned_at=at, used_at=at, run_id=run_id,
            body={"fix": fix_id, "fixes": {fix_id: times + 1}},
        )  # fmt: skip
        lessons.put(tx, lesson)


def note_replay(tx: Connection, fix_id: str, worked: bool, at: str) -> None:
    """Count a replay of a remembered fix."""
    column = "confirmed" if worked else "refuted"
    tx.execute(f"UPDATE agent_fix SET {column} = {column} + 1, at = ? WHERE id = ?", (at, fix_id))
    rows = tx.execute("SELECT id FROM agent_lesson WHERE body ->> 'fix' = ? AND sort = 'fix'", (fix_id,)).fetchall()
    for (name,) in rows:
        lessons.note_use(tx, name, worked, at)


def fixes(tx: Connection, signatures: Sequence[Signature], limit: int = 20) -> list[Fix]:
    """Remembered fixes for failing tests: exact before loose, then by matching tests, then by how they have fared.

    Imported ones that were not confirmed here come last; names of the version before are found, too.
    """
    found: dict[str, Fix] = {}
    imported: dict[str, Fix] = {}
    for level in ("exact", "loose"):
        names = sorted({name for signature in signatures for name in signature.names(level)})[:500]
        marks = ", ".join("?" * len(names))
        rows = tx.execute(
            "SELECT f.id, f.template, f.blocks FROM agent_fix_signature s JOIN agent_fix f ON f.id = s.fix_id"
            f" WHERE s.level = ? AND s.signature IN ({marks}) AND f.refuted <= f.confirmed + 3"
            " GROUP BY f.id ORDER BY count(*) DESC, f.confirmed - f.refuted DESC, f.at DESC LIMIT ?",
            (level, *names, limit),
        )
        for fix_id, template, text in rows:
            found.setdefault(fix_id, Fix(fix_id, template, blocks_of(json.loads(text)), level))
        rows = tx.execute(
            "SELECT l.body, l.template, l.confirmed FROM agent_lesson_signature s CROSS JOIN agent_lesson l"
            f" ON l.number = s.lesson WHERE s.level = ? AND s.signature IN ({marks}) AND l.sort = 'fix'"
            " AND l.fix_id IS NULL AND l.superseded_by IS NULL AND l.refuted <= l.confirmed + 3"
            " GROUP BY l.number ORDER BY count(*) DESC, l.confirmed - l.refuted DESC, l.used_at DESC LIMIT ?",
            (level, *names, limit),
        )
        for text, template, confirmed in rows:
            body = json.loads(text)
            fix = Fix(body["fix"], template, blocks_of(body["blocks"]), level, confirmed > 0)
            imported.setdefault(fix.id, fix)
    return [*found.values(), *(fix for name, fix in imported.items() if name not in found)][:limit]


def blocks_of(items: Iterable[Mapping[str, Any]]) -> tuple[Block, ...]:
    """Blocks read back from JSON."""
    return tuple(
        Block(item["file"], *(tuple(item[part]) for part in ("above", "before", "after", "below"))) for item in items
    )
