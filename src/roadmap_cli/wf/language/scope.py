"""Whether a resource lies within the scope of a plan: patterns such as ``host:jira.example`` or ``channel:#ops*``.

The rule kept here: what no pattern covers is outside, and a plan without a scope covers nothing. This is the one place
where a plan's scope is read; the patterns of grants (`wf.rights.scope.within`) are Cedar's, whose ``*`` is any signs.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from roadmap_cli.core.errors import DataError

#: The sorts of resources.
SORTS = ("host", "database", "channel", "person", "project", "mailbox", "file", "run", "agent", "state")
#: Sorts whose names are the same in any case; files and programs are not.
CASELESS = frozenset({"host", "channel", "mailbox", "project", "database", "person"})


def covers(pattern: str, resource: str) -> bool:
    """Whether a pattern covers a resource: ``*`` stands for any characters within a file's folder or another name.

    ``**`` in ``file:`` goes down into folders. ``host:NAME`` covers every port of it, ``host:NAME:PORT`` one; no
    pattern of one sort covers a resource of another. Names of `CASELESS` sorts are the same in any case, those of files
    and programs only in their own. A path with ``..`` in it is covered by nothing.
    """
    sort, _, name = pattern.partition(":")
    found, _, place = resource.partition(":")
    if not name or not place or sort != found:
        return False
    if sort in CASELESS:
        name, place = name.casefold(), place.casefold()
    elif "/" in place and ".." in place.split("/"):
        return False
    if sort == "host" and matches(name, re.sub(r":[0-9]+\Z", "", place), stops=":"):
        return True
    return matches(name, place, stops="/" if sort == "file" else "@" if sort == "mailbox" else "")


def confines(scope: Sequence[str] | None) -> bool:
    """Whether a plan's scope says which files or programs may be used: then its programs see nothing else."""
    return scope is not None and any(each.startswith(("file:", "run:")) for each in scope)


def program(step: Mapping[str, Any], directory: str) -> str | None:
    """The program a planned command or shell step runs, as a resource; None for any other step."""
    if step["action"] == "shell":
        return "run:sh"
    if step["action"] != "command":
        return None
    name = str(step["command"][0]) if step.get("command") else ""
    return "run:" + (posixpath.normpath(str(Path(directory, name))) if "/" in name else name)


def matches(pattern: str, text: str, *, stops: str = "") -> bool:
    """Whether all of a text fits: ``*`` stands for signs that are not in `stops`, ``**`` for any.

    In time of at most the product of the two lengths, however many stars there are: a regular expression with many
    would try their combinations, and who writes a template could hold up the one who judges it.
    """
    begin, star, _ = pattern.partition("*")
    if not star:
        return text == pattern
    if not text.startswith(begin):
        return False
    signs = re.findall(r"\*\*?|[^*]", pattern, re.DOTALL)

    def onward(places: set[int]) -> set[int]:
        for place in sorted(places):
            while place < len(signs) and signs[place][0] == "*" and place + 1 not in places:
                place += 1
                places.add(place)
        return places

    here = onward({0})
    for sign in text:
        reached = set()
        for place in here:
            wanted = signs[place] if place < len(signs) else ""
            if wanted == "**" or (wanted == "*" and sign not in stops):
                reached.add(place)
            elif wanted == sign and wanted != "*":
                reached.add(place + 1)
        here = onward(reached)
        if not here:
            return False
    return len(signs) in here


def outside(resources: Iterable[str], scope: Sequence[str]) -> list[str]:
    """The resources that no pattern of the scope covers."""
    return [each for each in resources if not any(covers(pattern, each) for pattern in scope)]


def refuse_outside(resources: Iterable[str], scope: Sequence[str]) -> None:
    """Raise DataError that names the first resource outside the scope."""
    for each in outside(resources, scope):
        what = f"{each[:200]!r} is outside the scope of the plan"
        raise DataError(what, hint="name it under 'scope' in the template", code="outside_scope")
