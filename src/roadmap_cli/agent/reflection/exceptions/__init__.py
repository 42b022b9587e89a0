"""Rules by the kind of exception: what its message, its line and the variables there say of the cause."""

from __future__ import annotations

from collections.abc import Iterator

from roadmap_cli.agent.reflection.exceptions import endless, kinds, lookups
from roadmap_cli.agent.reflection.exceptions.saying import Rule
from roadmap_cli.agent.reflection.ground import Failure, Ground, Hypothesis

_RULES: dict[str, Rule] = {
    "IndexError": lookups.index,
    "KeyError": lookups.key,
    "AttributeError": lookups.attribute,
    "NameError": lookups.name_error,
    "UnboundLocalError": lookups.name_error,
    "TypeError": kinds.type_error,
    "ValueError": kinds.value_error,
    "ZeroDivisionError": kinds.zero,
    "RecursionError": endless.recursion,
    "TimeLimit": endless.endless,
}


def by_exception(failure: Failure, ground: Ground) -> Iterator[Hypothesis]:
    """What the exception of a failing test suggests."""
    name = failure.type.rpartition(".")[2]
    frame = failure.inner
    if frame is None:
        return
    rule = _RULES.get("TimeLimit" if name.endswith("TimeLimit") else name)
    if rule:
        yield from rule(failure, frame, ground)
