"""Which code a model is asked about: functions that suspicion, the frames of errors and the words of the goal name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roadmap_cli.agent.code import project
from roadmap_cli.agent.drivers.llm import functions, naming

if TYPE_CHECKING:
    from roadmap_cli.agent.repair.driver import Problem

#: Files of a project that may be sources a model can change.
_LONGEST = 400_000
_MOST_FRAMES = 40
_NO_CODE = (
    ".md",
    ".txt",
    ".rst",
    ".json",
    ".lock",
    ".toml",
    ".cfg",
    ".ini",
    ".yml",
    ".yaml",
    ".sum",
    ".mod",
    "LICENSE",
)
_TEST = re.compile(r"(?:^|[._-])(?:test|spec)s?(?=[._-])|(?:Test|Tests|Spec)\.[a-z]+$", re.ASCII)
_TEST_FOLDERS = frozenset({"__tests__", "__mocks__", "spec", "specs", "e2e"})
_MENTIONED = re.compile(r"([\w@+-][\w@+./-]{0,200}\.[A-Za-z][A-Za-z0-9]{0,9})(?::(\d{1,6}))?")


@dataclass(frozen=True, slots=True)
class Suspect:
    """A function (or a part of a file, then `function` is empty) by its lines from 1, and how suspect it is.

    `lines` are its most suspect lines with their suspicion from 0 to 1.
    """

    file: str
    function: str
    first: int
    last: int
    suspicion: float
    lines: tuple[tuple[int, float], ...]


def is_test(name: str) -> bool:
    """Whether a file is one of the tests, in the ways of any language: a model is never shown it as its to change."""
    *folders, file = name.split("/")
    return project.is_test(name) or _TEST.search(file) is not None or any(f in _TEST_FOLDERS for f in folders)


def suspects(problem: Problem, limit: int = 4) -> list[Suspect]:
    """The most suspect parts of the project, the first first; tests are never among them."""
    found: dict[tuple[str, str], Suspect] = {}
    told = _lines(problem)
    named = _words(problem)
    for file, lines in told.items():
        text = text_of(problem, file)
        if text is None:
            continue
        places = _functions(file, text)
        count = text.count("\n") + 1
        by_place: dict[int, dict[int, float]] = {}
        for line, value in lines.items():
            by_place.setdefault(_innermost(places, line), {})[line] = value
        for number, inside in by_place.items():
            name, first, last = places[number] if number >= 0 else ("", 1, count)
            top = sorted(inside.items(), key=lambda each: (-each[1], each[0]))
            value = top[0][1] + (0.2 if name and name.rpartition(".")[2] in named else 0.0)
            kept = tuple(sorted((line, min(1.0, weight)) for line, weight in top[:5] if weight >= top[0][1] * 0.7))
            found[file, name] = Suspect(file, name, first, last, value, kept)
    ranked = sorted(found.values(), key=lambda each: (not each.function, -each.suspicion, each.file, each.first))
    if ranked and not any(each.function for each in ranked):
        ranked.sort(key=lambda each: (-each.suspicion, each.file))
    best = [each for each in ranked if each.function] or ranked
    rest = [each for each in ranked if not each.function and each not in best]
    return [*best, *rest][:limit]


def text_of(problem: Problem, file: str) -> str | None:
    """The text of a source that may be changed, None if it is none."""
    data = problem.project.files.get(file)
    if data is None or is_test(file) or len(data) > _LONGEST or b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def test_source(problem: Problem, test: str) -> tuple[str, str] | None:
    """(file, text) of the function of a failing test named as pytest does, None if it is not found."""
    file, _, inside = test.partition("::")
    data = problem.project.files.get(file.removeprefix("collect:"))
    if data is None or len(data) > _LONGEST:
        return None
    text = data.decode(errors="replace")
    wanted = re.sub(r"\[.*", "", inside, flags=re.DOTALL).replace("::", ".")
    tree = naming.tree_of(text)
    try:
        spans = list(functions.spans(tree)) if tree is not None else []
    except RecursionError:
        spans = []
    for span in spans:
        if span.name == wanted:
            return file, "\n".join(text.split("\n")[span.first - 1 : span.last])
    return None


def frames(problem: Problem) -> Iterator[Mapping[str, Any]]:
    """The frames of all failing tests' errors, the innermost first."""
    for error in problem.case.errors.values():
        listed = error.get("frames") if isinstance(error, dict) else None
        for frame in list(reversed(listed or ()))[:_MOST_FRAMES]:
            if isinstance(frame, dict):
                yield frame


def _lines(problem: Problem) -> dict[str, dict[int, float]]:
    """Suspect lines by file: of the spectrum, of the frames, and of places named in messages."""
    found: dict[str, dict[int, float]] = {}
    for file, lines in problem.case.suspicion.items():
        if not is_test(file) and file in problem.project.files:
            found[file] = dict(lines)
    for depth, frame in enumerate(frames(problem)):
        name, line = frame.get("file"), frame.get("line")
        if isinstance(name, str) and isinstance(line, int) and name in problem.project.files and not is_test(name):
            lines = found.setdefault(name, {})
            lines[line] = lines.get(line, 0.0) + (0.5 if depth == 0 else 0.3)
    for error in problem.case.errors.values():
        message = str(error.get("message", "")) if isinstance(error, dict) else ""
        for match in list(_MENTIONED.finditer(message[:20_000]))[:50]:
            file = next((name for name in _ends(problem, match[1])), "")
            if file:
                lines = found.setdefault(file, {})
                number = int(match[2] or 1)
                lines[number] = lines.get(number, 0.0) + 0.4
    if not found:  # nothing is known: every source is as good as any other
        names = [name for name in sorted(problem.project.files) if not name.endswith(_NO_CODE)]
        found = {name: {1: 0.1} for name in names if text_of(problem, name) is not None}
    return found


def _ends(problem: Problem, path: str) -> Iterator[str]:
    path = path.removeprefix("./")
    if path in problem.project.files and not is_test(path):
        yield path
        return
    ends = [name for name in problem.project.files if path.endswith("/" + name) and not is_test(name)]
    if ends:
        yield max(ends, key=len)


def _functions(file: str, text: str) -> list[tuple[str, int, int]]:
    tree = naming.tree_of(text) if file.endswith(".py") else None
    try:
        spans = list(functions.spans(tree)) if tree is not None else []
    except RecursionError:
        return []
    return [(span.name, span.first, span.last) for span in spans if not hasattr(span.node, "bases")]


def _innermost(places: list[tuple[str, int, int]], line: int) -> int:
    """The function around a line by its number in the list; one inside another belongs to the outer one."""
    for number, (_, first, last) in enumerate(places):
        if first <= line <= last:
            return number
    return -1


def _words(problem: Problem) -> set[str]:
    text = problem.goal[:4000] + " " + " ".join(problem.case.failing[:5])
    return set(re.findall(r"[A-Za-z_]\w*", text))
