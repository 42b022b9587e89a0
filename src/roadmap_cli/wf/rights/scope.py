"""What a step touches, and whether that lies within a scope.

A resource is text: its sort, a colon, its name (``database:orders``, ``host:jira.example``, ``file:/var/log/app/x``,
``run:python3``). A pattern is the same with ``*`` for any run of characters. The rule kept here: what cannot be named
is refused, and a resource is brought into its one spelling before it is held against anything.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.wf.language import scope as reach
from roadmap_cli.wf.language import services
from roadmap_cli.wf.language.templates import SERVICES, WAITS

MOST_CHARACTERS = 1024
_SHAPE = re.compile(r"([a-z][a-z0-9_-]{0,31}):(.+)\Z", re.DOTALL)


def spelled(text: str) -> str:
    """A resource or pattern in its one spelling. Raises DataError for what is none.

    Paths are without ``..``, those that are not absolute lie in the folder of the run;
    hosts are in lower case, in ASCII (IDNA), without a dot at the end.
    """
    found = _SHAPE.match(text) if len(text) <= MOST_CHARACTERS and text.isprintable() else None
    if text == "*":
        return text
    if found is None or any(each in text for each in '"\\'):
        raise DataError(f"not a resource: {text[:80]!r}; write SORT:NAME", code="bad_resource")
    sort, name = found[1], found[2]
    if name != name.strip():
        raise DataError(f"not a resource: {text[:80]!r} has blanks around its name", code="bad_resource")
    if sort == "file" or (sort == "run" and "/" in name):
        name = _path(name, text)
    elif sort == "host":
        name = _host(name, text)
    elif sort in reach.CASELESS:
        name = name.casefold()
    return f"{sort}:{name}"


def widened(pattern: str) -> tuple[str, ...]:
    """The patterns one stands for: a host without a port is meant with each of its ports."""
    is_bare = pattern.startswith("host:") and not re.search(r":[0-9*]+\Z", pattern[5:]) and not pattern.endswith("*")
    return (pattern, f"{pattern}:*") if is_bare else (pattern,)


def within(resource: str, patterns: Iterable[str]) -> bool:
    """Whether a spelled resource lies within one of some spelled patterns."""
    return any(reach.matches(each, resource) for pattern in patterns for each in widened(pattern))


def includes(outer: Sequence[str], inner: Sequence[str]) -> bool:
    """Whether all that `inner` patterns can match, `outer` ones match as well: a star is only met by a star."""
    return bool(inner) and all(within(each, outer) for each in inner)


def of_step(step: Record, directory: str = "/") -> tuple[str, ...]:
    """What a planned step touches, spelled. Raises DataError for an action nobody knows the resources of."""
    action = step["action"]
    if (program := reach.program(step, directory)) is not None:
        return (_known(program),)
    if action in WAITS:  # the runner's own: they touch nothing outside it
        return ()
    if action in SERVICES:
        try:
            found = services.module(action).resources(step[action])
        except (KeyError, TypeError, ValueError) as error:
            what = f"step {step.get('name')!r} does not say what it touches: {type(error).__name__}"
            raise DataError(what, code="bad_resource") from None
        return tuple(dict.fromkeys(_known(each) for each in found))
    raise DataError(f"nobody knows what a step of sort {action!r} touches", code="unknown_action")


def _known(text: str) -> str:
    """A resource spelled; one whose name is known only in the run counts as all of its sort."""
    sort = text.partition(":")[0]
    return f"{sort}:*" if "${" in text and _SHAPE.match(text) else spelled(text)


def of_plan(plan: Record) -> tuple[str, ...]:
    """What all steps of a plan touch, those of its sub-workflows and its compensations included."""
    found: dict[str, None] = {}
    for step in steps(plan):
        found.update(dict.fromkeys(of_step(step, plan["directory"])))
    return tuple(found)


def steps(plan: Record) -> list[Record]:
    """All steps of a plan as they may be done: its own, those within them, and what undoes them."""
    waiting, found = list(plan["steps"]), []
    while waiting:
        step = waiting.pop(0)
        found.append(step)
        if isinstance(inner := step.get("workflow"), dict):
            waiting += inner.get("steps", [])
        if isinstance(undo := step.get("compensate"), dict) and "action" in undo:
            waiting.append({"role": step["role"], "name": f"{step['name']} undone", "effects": [], **undo})
    return found


def is_allowed_by(scope: Sequence[str] | None, resource: str) -> bool:
    """Whether a plan's scope (None: it has none) covers a resource, as `wf.language.scope.covers` says.

    The programs of a plan are fixed by its hash; they need a pattern only if the scope names programs at all.
    """
    if scope is None:
        return True
    if resource.startswith(("run:", "agent:")) and not any(each.startswith(("run:", "agent:")) for each in scope):
        return True
    return any(reach.covers(pattern, resource) for pattern in scope)


def _path(name: str, text: str) -> str:
    if "*" in name and any(part == ".." for part in name.split("/")):
        raise DataError(f"'..' in a pattern: {text[:80]!r}", code="bad_resource")
    path = posixpath.normpath(name)
    if path.startswith(".."):
        raise DataError(f"a path outside the folder of the run: {text[:80]!r}", code="bad_resource")
    return "/" + path.lstrip("/") if name.startswith("/") else path


def _host(name: str, text: str) -> str:
    lowered = name.rstrip(".").casefold()
    if lowered.isascii():
        if not re.fullmatch(r"[a-z0-9._:*\[\]-]+", lowered):
            raise DataError(f"not a host: {text[:80]!r}", code="bad_resource")
        return lowered
    try:
        return lowered.encode("idna").decode("ascii")
    except UnicodeError:
        raise DataError(f"not a host: {text[:80]!r}", code="bad_resource") from None
