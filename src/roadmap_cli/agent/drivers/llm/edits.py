"""Edits in a model's reply: SEARCH/REPLACE blocks, unified diffs, whole functions and files, in any mix of prose.

Nothing here raises, and what is read is only ever a change of the files that the model was shown. Where a reply says
the same in two formats the stricter one counts: SEARCH/REPLACE before diff before code. What cannot be applied, or
could be in several ways, comes back as a problem in words that can be told to the model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from roadmap_cli.agent.code.source import compiles
from roadmap_cli.agent.drivers.llm import diffs, functions, naming
from roadmap_cli.agent.drivers.llm.placing import NoPlaceError, place, place_hunk
from roadmap_cli.agent.drivers.llm.shown import FENCE, TAIL, Shown

LONGEST_REPLY, LONGEST_FILE = 400_000, 1_000_000
MOST_BLOCKS = 64
_MOST_ALTERNATIVES = 4
_FEWEST_KEPT_RATIO = 0.5

_HEAD = re.compile(r"<{5,9} ?(?:SEARCH|ORIGINAL)>?\Z")
_DIVIDER = re.compile(r"={5,9}\Z")
_LEFT_OUT = re.compile(
    r"(?:#|//|--|/\*|\.\.\.|…).*\b(?:rest of|existing|remaining|unchanged|same as|as before)\b", re.I
)
_LONGEST_LEFT_OUT = 120
_NUMBERED = re.compile(r"\s*\d{1,6} ?[|:] ?")


@dataclass(frozen=True, slots=True)
class Proposal:
    """Files with their new text, each different from what it was, and the format in which the change was written."""

    changed: Mapping[str, str]
    format: str


@dataclass(slots=True)
class Reading:
    """What a reply came to: proposals, each by itself, and what was wrong with the rest of it."""

    proposals: list[Proposal] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def echoed(self) -> bool:
        """Whether the reply only said again what is there."""
        return not self.proposals and UNCHANGED in self.problems


UNCHANGED = "the code is the same as before"
CUT_OFF = "the reply was cut off"


@dataclass(slots=True)
class _Block:
    """A fenced block of code: the words after the fence, the line of the reply it begins on, its lines."""

    info: str
    first: int
    lines: list[str]
    closed: bool


def read(reply: str, shown: Shown, *, cut_off: bool = False) -> Reading:
    """The edits in a reply. `cut_off` says that it ended because it was long enough."""
    found = Reading()
    text = _said(reply[:LONGEST_REPLY]).replace("\r\n", "\n")
    lines = text.split("\n")
    for way in (_search_replace, _diffs, _code):
        way(lines, shown, found, cut_off or len(reply) > LONGEST_REPLY)
        if found.proposals:
            return found
    if not found.problems:
        found.problems.append(CUT_OFF if cut_off else "there is no code in the reply")
    return found


def read_calls(calls: Iterable[tuple[str, str]], shown: Shown) -> Reading:
    """The edits in calls of tools, (name, JSON of the arguments) each: all calls together are one proposal."""
    found = Reading()
    changed: dict[str, str] = {}
    for name, text in list(calls)[:MOST_BLOCKS]:
        arguments = _arguments(text)
        if arguments is None:
            found.problems.append("the arguments of the call are not whole JSON")
            return found
        words = str(arguments.get("file") or "")[:300]
        file = shown.named(words)
        try:
            if words and file is None:
                raise NoPlaceError(f"file {words[:80]!r} is not one of those shown")
            if name == "propose_edit":
                _replace(file, _text(arguments, "search"), _text(arguments, "replace"), shown, changed)
            elif name == "propose_function":
                for each, new in _function(_text(arguments, "code"), file, shown, changed).items():
                    changed[each] = new
            else:
                raise NoPlaceError(f"there is no tool {name[:40]!r}")
        except NoPlaceError as error:
            found.problems.append(str(error))
            return found
    _take(changed, "tool", shown, found)
    return found


def filled(file: str, start: int, end: int, middle: str, shown: Shown) -> Reading:
    """The proposal to put a text in place of lines `start` up to, not including, `end` (from 0) of a file."""
    found = Reading()
    lines = shown.files[file].split("\n")
    new = middle.replace("\r\n", "\n").removesuffix("\n").split("\n")
    _take({file: "\n".join([*lines[:start], *new, *lines[end:]])}, "infill", shown, found)
    return found


def _said(reply: str) -> str:
    """A reply without what a reasoning model thought before it."""
    if reply.lstrip().startswith("<think>"):
        return reply.partition("</think>")[2]
    _, closed, after = reply.rpartition("\n</think>\n")  # some servers leave out where it begins
    return after if closed and "<think>" not in reply else reply


def _take(changed: Mapping[str, str], way: str, shown: Shown, found: Reading) -> None:
    """Keep a change if it is one that may be tried."""
    kept: dict[str, str] = {}
    for name, text in changed.items():
        before = shown.files[name]
        if len(text) > max(LONGEST_FILE, 2 * len(before)):
            found.problems.append("the new file is far too long")
            return
        if secret := naming.hidden(before, text):
            found.problems.append(f"the change brings in a character that nobody sees, {secret}")
            return
        if naming.is_same(name, before, text):
            continue
        if name.endswith(".py") and not compiles(text):
            found.problems.append("the changed file is not valid Python")
            return
        kept[name] = text
    if not kept:
        found.problems.append(UNCHANGED)
    elif all(proposal.changed != kept for proposal in found.proposals):
        found.proposals.append(Proposal(kept, way))


# -- SEARCH/REPLACE ----------------------------------------------------------------------------------------------------


def _search_replace(lines: Sequence[str], shown: Shown, found: Reading, cut_off: bool) -> None:
    marks = [number for number, line in enumerate(lines) if line.lstrip()[:5] == "<<<<<" and _HEAD.match(line.strip())]
    if not marks:
        return
    if len(marks) > MOST_BLOCKS:
        found.problems.append(f"there are {len(marks)} blocks, more than {MOST_BLOCKS}")
        return
    changed: dict[str, str] = {}
    for place_of, head in enumerate(marks):
        limit = marks[place_of + 1] if place_of + 1 < len(marks) else len(lines)
        body = lines[head + 1 : limit]
        tail = next((number for number, line in enumerate(body) if TAIL.match(line.strip())), None)
        dividers = [number for number, line in enumerate(body[:tail]) if _DIVIDER.match(line.strip())]
        if tail is None or not dividers:
            found.problems.append(CUT_OFF if cut_off else "a SEARCH block has no '=======' or no '>>>>>>> REPLACE'")
            return
        try:
            file = shown.named_above(lines, head)
            _replace_divided(file, body[:tail], dividers, shown, changed)
        except NoPlaceError as error:
            found.problems.append(str(error))
            return
    _take(changed, "search", shown, found)


def _replace_divided(
    file: str | None, body: Sequence[str], dividers: Sequence[int], shown: Shown, changed: dict[str, str]
) -> None:
    """Make the edit of a block. Code may hold lines that look like the divider, as many before as after: then it is the
    one in the middle, or else the only one that fits."""
    fitting: list[dict[str, str]] = []
    problem = NoPlaceError("a block has too many lines of '======='")
    middle = len(dividers) // 2
    order = [dividers[middle], *dividers[:middle], *dividers[middle + 1 :]]
    for divider in order if len(dividers) <= 2 * _MOST_ALTERNATIVES else ():
        attempt = dict(changed)
        try:
            _replace(file, "\n".join(body[:divider]), "\n".join(body[divider + 1 :]), shown, attempt, divider == 0)
        except NoPlaceError as error:
            problem = error
            continue
        fitting.append(attempt)
        if dividers.index(divider) * 2 + 1 == len(dividers):
            changed.update(attempt)
            return
    if len(fitting) > 1:
        raise NoPlaceError("the block can be divided in several ways")
    if not fitting:
        raise problem
    changed.update(fitting[0])


def _replace(
    file: str | None, search: str, replace: str, shown: Shown, changed: dict[str, str], empty: bool = False
) -> None:
    """Put `replace` in the one place where `search` stands, in one file or, if none is named, in any."""
    wanted = [] if empty else search.split("\n")
    new = replace.split("\n") if replace else []
    if not any(line.strip() for line in wanted):
        raise NoPlaceError("there are no lines to search for")
    names = [file] if file is not None else list(shown.files)
    problem, places = NoPlaceError("the lines to search for are in none of the files"), []
    for name in names:
        for old_lines, new_lines in _trimmed(wanted, new):
            text, ends = _plain(changed.get(name, shown.files[name]))
            have = text.split("\n")
            try:
                places.append((name, have, place(have, old_lines), new_lines, ends))
                break
            except NoPlaceError as error:
                problem = error if "places" in str(error) or len(names) == 1 else problem
                if "places" in str(error):
                    raise
    if len(places) > 1:
        raise NoPlaceError(f"the lines to search for stand in {len(places)} files")
    if not places:
        raise problem
    name, have, where, new_lines, ends = places[0]
    changed[name] = ends("\n".join([*have[: where.start], *where.shifted(new_lines), *have[where.end :]]))


def _trimmed(wanted: list[str], new: list[str]) -> Iterable[tuple[list[str], list[str]]]:
    """Old and new lines as they were written, then without empty lines and numbers at their edges."""
    yield wanted, new
    bare = _unnumbered(wanted), _unnumbered(new)
    if bare[0] != wanted:
        yield bare
    edges = _without_edges(bare[0]), _without_edges(bare[1])
    if edges[0] and edges[0] != bare[0]:
        yield edges


def _without_edges(lines: list[str]) -> list[str]:
    start, end = 0, len(lines)
    while start < end and not lines[start].strip():
        start += 1
    while end > start and not lines[end - 1].strip():
        end -= 1
    return lines[start:end]


def _unnumbered(lines: list[str]) -> list[str]:
    """Lines without numbers in front, if all of them have one."""
    full = [line for line in lines if line.strip()]
    if full and all(_NUMBERED.match(line) for line in full):
        return [_NUMBERED.sub("", line, count=1) for line in lines]
    return lines


# -- unified diffs -----------------------------------------------------------------------------------------------------


def _diffs(lines: Sequence[str], shown: Shown, found: Reading, cut_off: bool) -> None:
    try:
        hunks = diffs.hunks(lines, shown, MOST_BLOCKS)
    except NoPlaceError as error:
        found.problems.append(str(error))
        return
    if not hunks:
        return
    if cut_off and lines and lines[-1][:1] in ("+", "-", " "):
        found.problems.append(CUT_OFF)
        return
    changed: dict[str, str] = {}
    moved: dict[str, int] = {}
    for hunk in hunks:
        try:
            name = hunk.file if hunk.file is not None else shown.only_file()
            text, ends = _plain(changed.get(name, shown.files[name]))
            have = text.split("\n")
            near = None if hunk.near is None else hunk.near + moved.get(name, 0)
            where, above, below = place_hunk(have, hunk.side("+"), hunk.context, near)
        except NoPlaceError as error:
            found.problems.append(str(error))
            return
        new = hunk.side("-")
        new = where.shifted(new[above : len(new) - below])
        changed[name] = ends("\n".join([*have[: where.start], *new, *have[where.end :]]))
        moved[name] = moved.get(name, 0) + len(new) - (where.end - where.start)
    _take(changed, "diff", shown, found)


# -- code --------------------------------------------------------------------------------------------------------------


def _code(lines: Sequence[str], shown: Shown, found: Reading, cut_off: bool) -> None:
    blocks = _blocks(lines)
    if not blocks:
        loose = functions.loose(lines)
        blocks = [_Block("", 0, loose, not cut_off)] if loose else []
    texts: list[tuple[str | None, str]] = []
    for block in blocks[:MOST_BLOCKS]:
        if not block.closed and cut_off:
            found.problems.append(CUT_OFF)
            continue
        if any(map(_leaves_out, block.lines)):
            found.problems.append("the code leaves a part out; write it whole")
            continue
        body = _unnumbered(block.lines)
        texts.append((shown.named(block.info) or shown.named_just_above(lines, block.first), "\n".join(body)))
    if not texts:
        return
    names = [name for _, text in texts for name in functions.defined(text)]
    together = len(texts) > 1 and len(set(names)) == len(names)
    for group in [texts] if together else [[text] for text in texts[-_MOST_ALTERNATIVES:]]:
        changed: dict[str, str] = {}
        problem: str | None = None
        for file, text in group:
            try:
                changed.update(_function(text, file, shown, changed))
            except NoPlaceError as error:
                problem = str(error)
        if changed:
            _take(changed, "function", shown, found)
        elif problem:
            found.problems.append(problem)


def _leaves_out(line: str) -> bool:
    """Whether a line stands for code that was not written out."""
    line = line.strip()
    short = len(line) <= _LONGEST_LEFT_OUT and ("..." in line or "…" in line)
    return short and _LEFT_OUT.match(line) is not None


def _function(text: str, file: str | None, shown: Shown, changed: Mapping[str, str]) -> dict[str, str]:
    """The files with a block of code put in its place. Raises NoPlaceError if it has none."""
    python = [name for name in shown.files if name.endswith(".py") and file in (None, name)]
    valid = naming.tree_of(functions.dedented(text)) is not None
    if python and (valid or file in python or len(python) == len(shown.files)):
        versions = {name: changed.get(name, shown.files[name]) for name in python}
        targets = [(name, function) for name, function in shown.targets if name in versions]
        return functions.put(text, versions, targets)
    name = file if file is not None else shown.only_file()
    return {name: _whole_file(text, changed.get(name, shown.files[name]))}


def _whole_file(text: str, before: str) -> str:
    """A new version of a whole file in any language; it must keep a good part of the old one."""
    old = {line.strip() for line in before.splitlines() if line.strip()}
    new = {line.strip() for line in text.splitlines()}
    if not old or len(old & new) < _FEWEST_KEPT_RATIO * len(old):
        raise NoPlaceError("the code is neither the whole file nor a function that is in it")
    body = text.strip("\n") + "\n" if before.endswith("\n") else text.strip("\n")
    return body.replace("\n", "\r\n") if "\r\n" in before else body


def _blocks(lines: Sequence[str]) -> list[_Block]:
    """The fenced blocks (https://spec.commonmark.org/0.31.2/#fenced-code-blocks, indented as far as one likes).

    A fence inside a docstring closes nothing: of the next few closing fences the first counts that leaves valid
    Python, if there is one.
    """
    fences = [(number, match) for number, line in enumerate(lines) if (match := FENCE.match(line.strip()))]
    found: list[_Block] = []
    at = 0
    while at < len(fences) and len(found) <= MOST_BLOCKS:
        first, opening = fences[at]
        closing = [
            place_of
            for place_of in range(at + 1, min(at + 9, len(fences)))
            if fences[place_of][1][1].startswith(opening[1]) and not fences[place_of][1][2].strip()
        ]
        end = closing[0] if closing else None
        body = list(lines[first + 1 : fences[end][0] if end is not None else len(lines)])
        if len(closing) > 1 and ("'''" in "\n".join(body) or '"""' in "\n".join(body)) and not _is_python(body):
            for later in closing[1:3]:
                longer = list(lines[first + 1 : fences[later][0]])
                if _is_python(longer):
                    end, body = later, longer
                    break
        found.append(_Block(opening[2].strip(), first, body, end is not None))
        if end is None:
            break
        at = end + 1
    return found


def _is_python(lines: Sequence[str]) -> bool:
    return naming.tree_of(functions.dedented("\n".join(lines))) is not None


def _plain(text: str) -> tuple[str, Any]:
    """A text with line ends of one character, and what gives it back its own."""
    if "\r\n" in text and text.count("\r\n") == text.count("\n"):
        return text.replace("\r\n", "\n"), lambda new: new.replace("\n", "\r\n")
    return text, lambda new: new


def _arguments(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text[:LONGEST_REPLY])
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _text(arguments: Mapping[str, Any], name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str):
        raise NoPlaceError(f"the call has no {name!r}")
    return value.replace("\r\n", "\n").removesuffix("\n")
