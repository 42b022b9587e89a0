"""The skill library: whole functions that a fix has added or rewritten, with where they came from.

A function is a skill only after the whole suite was green with it. It is stored once, named by what it does (its code
without comments and layout), whatever file it is met in.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roadmap_cli.agent.code.source import plain
from roadmap_cli.agent.memory import lessons, words
from roadmap_cli.agent.memory.lessons import HERE, Lesson
from roadmap_cli.core.records import content_id

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

_SOURCE_LIMIT = 6000
_PER_FIX = 10


@dataclass(frozen=True, slots=True)
class Skill:
    """A function that passes its tests: qualified name, arguments, source, the imports it needs, where it came from."""

    id: str
    name: str
    arguments: tuple[str, ...]
    source: str
    imports: tuple[str, ...]
    file: str
    fix_id: str
    is_trusted: bool


def store(
    tx: Connection, was: Mapping[str, str], changed: Mapping[str, str], *, run_id: str, fix_id: str, at: str,
    standing: str = "",
) -> int:  # fmt: skip
    """Store the functions that differ between two versions of files; how many there were.

    `standing` is what speaks against calling them verified: their text says so.
    """
    count = 0
    said_of = f"Passes its tests, but only plausible ({standing})" if standing else "Verified by tests"
    for file in sorted(changed):
        for name, node, source, imports in _changed(was.get(file, ""), changed[file])[:_PER_FIX]:
            given = arguments(node)
            said = (ast.get_docstring(node) or "").strip().partition("\n")[0]
            known = lessons.get(tx, skill_id(source))
            times = known.body.get("fixes", {}).get(fix_id, 0) if known else 0
            body: dict[str, Any] = {
                "name": name, "arguments": given, "source": source, "imports": imports, "file": file, "fix": fix_id,
                "fixes": {fix_id: times + 1},
            }  # fmt: skip
            heading = f"{name}({', '.join(given)})"
            lesson = Lesson(
                id=skill_id(source), sort="skill", title=f"{heading}{f': {said}' if said else ''}"[:200],
                text=f"{said_of}, from {file}:\n{source}", error="", construct="function", template="",
                origin=HERE, confirmed=1, refuted=0, superseded_by=None, learned_at=at, used_at=at, run_id=run_id,
                body=body,
            )  # fmt: skip
            lessons.put(tx, lesson)
            count += 1
    return count


def skill_id(source: str) -> str:
    """The id of a function: of its code without comments and layout. Raises SyntaxError if it is no Python."""
    shape = hashlib.sha256(ast.dump(ast.parse(source)).encode()).hexdigest()
    return content_id(lessons.KIND, sort="skill", shape=shape)


def skills(tx: Connection, text: str, limit: int = 5) -> list[Skill]:
    """Verified functions whose names, descriptions or code have words in common with a text, the nearest first."""
    query = words.query(text)
    if not query:
        return []
    rows = tx.execute(
        "SELECT l.id, l.body, l.origin = 'here' OR l.confirmed > 0 FROM agent_lesson_words"
        " JOIN agent_lesson l ON l.number = agent_lesson_words.rowid"
        " WHERE agent_lesson_words MATCH ? AND l.sort = 'skill' AND l.superseded_by IS NULL"
        " ORDER BY bm25(agent_lesson_words, 4.0, 1.0) LIMIT ?",
        (query, limit),
    )
    import json

    found = []
    for lesson_id, text_, trusted in rows:
        body = json.loads(text_)
        found.append(
            Skill(lesson_id, body["name"], tuple(body["arguments"]), body["source"], tuple(body["imports"]),
                  body["file"], body["fix"], bool(trusted))
        )  # fmt: skip
    return found


def arguments(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """The names of a function's arguments, stars included."""
    given = node.args
    names = [argument.arg for argument in (*given.posonlyargs, *given.args)]
    names += [f"*{given.vararg.arg}"] if given.vararg else []
    names += [argument.arg for argument in given.kwonlyargs]
    return [*names, *([f"**{given.kwarg.arg}"] if given.kwarg else [])]


_Function = tuple[str, ast.FunctionDef | ast.AsyncFunctionDef, str, list[str]]


def _changed(was: str, now: str) -> list[_Function]:
    try:
        before = {name: ast.dump(node) for name, node in _functions(ast.parse(plain(was)), "")}
        tree = ast.parse(plain(now))
    except (SyntaxError, ValueError, RecursionError):
        return []
    imported = {
        (alias.asname or alias.name).partition(".")[0]: ast.unparse(node)
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    found: list[_Function] = []
    for name, node in _functions(tree, ""):
        if before.get(name) == ast.dump(node):
            continue
        source = ast.unparse(node)
        if len(source) <= _SOURCE_LIMIT:
            used = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
            found.append((name, node, source, sorted({imported[each] for each in used & imported.keys()})))
    return found


def _functions(node: ast.AST, prefix: str) -> list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Functions and methods by qualified name, without those inside functions."""
    found: list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]] = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append((prefix + child.name, child))
        elif isinstance(child, ast.ClassDef):
            found += _functions(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.stmt):
            found += _functions(child, prefix)
    return found
