"""Lessons on their way to another machine and back: portable, checked, never trusted before they have helped here."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_cli.agent.code.project import is_test
from roadmap_cli.agent.memory import lessons, library, repairs
from roadmap_cli.agent.memory.lessons import IMPORTED, KIND, SORTS, TEXT_LIMIT, Lesson
from roadmap_cli.agent.testing import signature as signatures
from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record, content_id, require

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

#: Of the form of exported lessons. A newer one is refused, for it may mean what we do not know.
FORMAT = 1
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_NAME = re.compile(r"[0-9a-f]{32}\Z")
#: Signatures as (name, level, version).
Names = list[tuple[str, str, int]]
_BLOCKS, _LINES, _LINE, _SOURCE = 100, 2000, 2000, 20_000


def details(tx: Connection, lesson: Lesson) -> dict[str, Any]:
    """What a lesson holds beside its text: signatures, blocks or source."""
    return {"signatures": lessons.signatures_of(tx, lesson.number), "body": dict(lesson.body)}


def exported(tx: Connection, lesson: Lesson, at: datetime) -> Record:
    """A lesson as a record that `imported` takes: without what is of this machine alone."""
    record = {**lessons.described(lesson, at), "format": FORMAT, **details(tx, lesson)}
    record["body"].pop("found_with", None)
    for name in ("run_id", "superseded_by_id", "level", "score", "why"):
        record.pop(name, None)
    return record


def checked(record: Record, *, at: str) -> tuple[Lesson, Names]:
    """A lesson from elsewhere as it may be stored here, and its signatures. Raises DataError.

    Its id must be the one of what it says. Its counts and age go into its provenance only.
    """
    form = require(record, "format", int)
    if form != FORMAT:
        raise DataError(
            f"a lesson of format {form}, which this version does not know", code="newer_format",
            hint="upgrade roadmap" if form > FORMAT else None,
        )  # fmt: skip
    sort = require(record, "sort", str)
    if sort not in SORTS:
        raise DataError(f"no sort of lesson: {sort[:40]!r}", code="bad_lesson")
    body = require(record, "body", dict)
    name = require(record, "id", str)
    if name != _id(sort, record, body):
        raise DataError(f"lesson {name[:60]!r} is not what its id says: it was changed on its way", code="bad_lesson")
    learned_at = clock.stamp(clock.parse(require(record, "at", str)[:60]))
    provenance: dict[str, Any] = {
        "origin": _text(record.get("origin", "")),
        "learned_at": learned_at,
        "imported_at": at,
    }
    for count in ("confirmed_count", "refuted_count"):
        if isinstance(record.get(count), int):
            provenance[count] = record[count]
    lesson = Lesson(
        id=name, sort=sort, title=_text(require(record, "title", str))[:200],
        text=_text(require(record, "text", str))[:TEXT_LIMIT], error=_text(record.get("error", ""))[:200],
        construct=_text(record.get("construct", ""))[:200], template=_text(record.get("template", ""))[:200],
        origin=IMPORTED, confirmed=0, refuted=0, superseded_by=None, learned_at=min(learned_at, at),
        used_at=min(learned_at, at), body={**_checked(sort, body), "provenance": provenance},
    )  # fmt: skip
    return lesson, _names(record.get("signatures", []))


def take(tx: Connection, lesson: Lesson, names: Names) -> tuple[Lesson, bool]:
    """Store a checked lesson unless it is here already; gives it as it is here, and whether it is new."""
    _, is_new = lessons.put(tx, lesson, names, again=False) if not lessons.get(tx, lesson.id) else (0, False)
    stored = lessons.get(tx, lesson.id)
    assert stored is not None
    return stored, is_new


def _text(value: object) -> str:
    """A text without characters that steer a terminal or the direction of writing."""
    if not isinstance(value, str):
        raise DataError(f"not a text: {str(value)[:60]}", code="bad_lesson")
    return _CONTROL.sub("�", value)


def _id(sort: str, record: Record, body: dict[str, Any]) -> str:
    """The id that a lesson of this content has."""
    match sort:
        case "fix":
            _blocks(body)
            return repairs.lesson_id(repairs.blocks_of(body["blocks"]))
        case "failure":
            return content_id(KIND, sort="failure", run_signature=require(body, "run_signature", str))
        case "pattern":
            error, construct, template = (str(record.get(each, "")) for each in ("error", "construct", "template"))
            return content_id(KIND, sort="pattern", error=error, construct=construct, template=template)
        case _:
            source = require(body, "source", str)
            if len(source) > _SOURCE:
                raise DataError(f"a skill of {len(source)} characters", code="bad_lesson")
            try:
                return library.skill_id(source)
            except (SyntaxError, ValueError, RecursionError):
                raise DataError("a skill whose source is not Python", code="bad_lesson") from None


def _blocks(body: dict[str, Any]) -> None:
    """Raise DataError unless a fix's blocks are what replay needs, and change no test."""
    blocks = require(body, "blocks", list)
    if not 0 < len(blocks) <= _BLOCKS:
        raise DataError("a fix without blocks, or with too many", code="bad_lesson")
    for block in blocks:
        if not isinstance(block, dict):
            raise DataError("a block of a fix that is no object", code="bad_lesson")
        file = require(block, "file", str)
        if file.startswith("/") or ".." in file.split("/") or is_test(file):
            raise DataError(f"a fix of {file[:80]!r}, which no fix may change", code="bad_lesson")
        for part in ("above", "before", "after", "below"):
            lines = require(block, part, list)
            if len(lines) > _LINES or not all(isinstance(line, str) and len(line) <= _LINE for line in lines):
                raise DataError(f"field {part!r} of a block is not a list of lines", code="bad_lesson")


def _checked(sort: str, body: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a body."""
    match sort:
        case "fix":
            blocks = [
                {part: block[part] for part in ("file", "above", "before", "after", "below")}
                for block in body["blocks"]
            ]
            return {"fix": repairs.pattern_id(repairs.blocks_of(blocks)), "blocks": blocks}
        case "failure":
            tried = body.get("tried", {})
            counts = {str(k): v for k, v in tried.items() if isinstance(v, int)} if isinstance(tried, dict) else {}
            return {"run_signature": body["run_signature"], "tried": counts}
        case "skill":
            texts = {part: _text(body.get(part, "")) for part in ("name", "file", "fix")}
            lists = {part: [_text(each) for each in require(body, part, list)] for part in ("arguments", "imports")}
            return {**texts, **lists, "source": body["source"]}
    return {}


def _names(items: object) -> Names:
    if not isinstance(items, list):
        raise DataError("field 'signatures' is not a list", code="bad_lesson")
    found = []
    for item in items[:1000]:
        version = item.get("version") if isinstance(item, dict) else None
        if (
            version is None
            or item.get("level") not in ("exact", "loose")
            or not _NAME.match(str(item.get("signature")))
        ):
            raise DataError("a signature that is none", code="bad_lesson")
        if isinstance(version, int) and version <= signatures.VERSION:
            found.append((item["signature"], item["level"], version))
    return found
