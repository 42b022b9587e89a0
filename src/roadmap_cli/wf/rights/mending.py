"""The command that would give somebody the right they lack: the narrowest grant, ready to be typed by an owner."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

#: Effects that a reader may have; everything else is an operator's.
_READING = frozenset({"compute", "read"})


def acting(name: str, actions: Iterable[str], targets: Iterable[str]) -> str:
    """What lets a person have these effects on these resources."""
    return _grant(name, "reader" if _READING.issuperset(actions) else "operator", targets)


def judging(name: str, targets: Iterable[str]) -> str:
    """What lets a person approve a plan that touches these resources."""
    return _grant(name, "approver", targets)


def giving(name: str) -> str:
    """What lets a person give and take rights."""
    return _grant(name, "owner", ())


def _grant(name: str, role: str, targets: Iterable[str]) -> str:
    # What touches nothing outside the run (plan:…) is within every grant.
    patterns = dict.fromkeys(each for each in targets if not each.startswith("plan:"))
    scope = "".join(f" --scope {_quoted(each)}" for each in patterns)
    return f"wf-grant {shlex.quote(name)} --role {role}{scope} --because TEXT"


def _quoted(text: str) -> str:
    """A pattern in quotes, whether a shell needs them now or only once somebody has put a star into it."""
    return shlex.quote(text) if "'" in text else f"'{text}'"
