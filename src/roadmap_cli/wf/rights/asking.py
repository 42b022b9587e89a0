"""Putting a question to Cedar: who (`user`, `agent`), to do what, to which resource, under which circumstances.

The rule kept here: every question is put whole, and what is not allowed says which policy forbids it or fails, or that
none permits it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from roadmap_cli.core.records import Record
from roadmap_cli.wf import people
from roadmap_cli.wf.rights import cedar, grants, identities

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

#: What a question is about, in words.
_SAID = {"Plan": "plan", "Task": "question", "Right": "the right"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether something is allowed, why in words, and the ids of the policies that decided.

    `lacks_right` if it is not, because the person asked about was given no right to it: a grant would mend that.
    """

    is_allowed: bool
    why: str
    policy_ids: tuple[str, ...] = ()
    lacks_right: bool = False


@dataclass(frozen=True, slots=True)
class Side:
    """One principal of a question: how it is called, and what Cedar needs to know of it."""

    sort: str
    name: str
    words: str
    policies: str
    entities: list[Record]


def ask(
    policies: str,
    questions: Sequence[tuple[Side, str, str, Record]],
    sides: Sequence[Side],
    subjects: Sequence[Record],
    sort: str,
) -> Verdict:
    """All questions must be allowed, by stored policies and those of the sides; the first that is not says why."""
    policies = "\n".join(dict.fromkeys(filter(None, (policies, *(side.policies for side in sides)))))
    entities = {(each["uid"]["type"], each["uid"]["id"]): each for side in sides for each in side.entities}
    entities |= {(each["uid"]["type"], each["uid"]["id"]): each for each in subjects}
    requests = [
        {"principal": {"type": side.sort, "id": side.name}, "action": {"type": "Action", "id": action},
         "resource": {"type": sort, "id": name}, "context": about}
        for side, action, name, about in questions
    ]  # fmt: skip
    answers = cedar.ask(requests, policies, list(entities.values()))
    decided: dict[str, None] = {}
    for (side, action, name, about), answer in zip(questions, answers, strict=True):
        if not answer.is_allowed:
            target = about["target"] if sort == "Resource" else f"{_SAID[sort]} {name!r}"
            ids = (*answer.policy_ids, *(each for each, _ in answer.failures if each))
            lacks_right = side.sort == "User" and not answer.policy_ids and not answer.failures
            if lacks_right and sort == "Plan":
                target += f", which touches {about['target']}"
            return Verdict(False, _refusal(side, action, target, answer, policies), ids, lacks_right)
        decided.update(dict.fromkeys(answer.policy_ids))
    words = " and ".join(dict.fromkeys(side.words for side, *_ in questions))
    acts = ", ".join(dict.fromkeys(action for _, action, *_ in questions))
    return Verdict(True, f"{words} may {acts} by {', '.join(decided)}", tuple(decided))


def _refusal(side: Side, action: str, target: str, answer: cedar.Answer, policies: str) -> str:
    if not answer.policy_ids and not answer.failures:
        return f"no permit matched: {side.words} has no right to {action} {target}"
    reasons = cedar.reasons(policies)
    why = [f"{reasons.get(each) or 'forbidden'} (policy {each})" for each in answer.policy_ids]
    why += [words for _, words in answer.failures]
    return f"{side.words} may not {action} {target}: {'; '.join(why)}"


def user(tx: Connection, name: str, at: datetime, held: Sequence[grants.Grant] | None = None) -> Side:
    """A person as a principal, with their groups and the grants they hold (or only those of `held`)."""
    spelled = people.spelled(name)
    found = grants.held(tx, name, at) if held is None else held
    above = [("Group", each) for each in grants.groups(tx, name, at)]
    entity = cedar.entity("User", spelled, above, bound=identities.is_bound(tx, name))
    return Side("User", spelled, f"user {name!r}", grants.policies(found),
                 [entity, *(cedar.entity(*each) for each in above)])  # fmt: skip


def agent(role: str) -> Side:
    """An acting role as a principal."""
    return Side("Agent", role, f"role {role!r}", "", [cedar.entity("Agent", role)])


def resource(text: str) -> Record:
    """A spelled resource as what a question is about."""
    sort, _, name = text.partition(":")
    return cedar.entity("Resource", text, sort=sort, name=name)
