"""Asking Cedar (https://www.cedarpolicy.com): policies and entities in, a verdict and the policies' names out.

The one module that knows the engine. Policy sets are parsed once for each text. Reference: Cedar language, 4.x.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from roadmap_cli.core import packages
from roadmap_cli.core.errors import DataError, Unavailable
from roadmap_cli.core.records import Record

MOST_BYTES = 256 * 1024
_ID = re.compile(r"[a-z][a-z0-9-]{0,62}\Z")
_FAILURE = re.compile(r"error while evaluating policy `(\w+)`: (.*)")


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether Cedar allows a request, and the ids of the policies that decided; none for a denial by default.

    `failures` are what was not to be evaluated, in words, by the ids of the policies ("" for the question itself).
    """

    is_allowed: bool
    policy_ids: tuple[str, ...]
    failures: tuple[tuple[str, str], ...] = ()


def ask(requests: Sequence[Record], policies: str, entities: Sequence[Record]) -> list[Answer]:
    """One answer for each request (principal, action, resource as ``type`` and ``id``, context), in their order.

    A policy that fails while it is asked counts as a denial. `policies` come on top of those that come along.
    """
    import orjson

    return list(_answers(orjson.dumps(requests), policies, orjson.dumps(entities).decode()))


@lru_cache(maxsize=1024)
def _answers(requests: bytes, policies: str, entities: str) -> tuple[Answer, ...]:
    """The same for the same questions: Cedar looks at nothing else, no clock and no network."""
    found = _engine().is_authorized_batch(json.loads(requests), _compiled(policies), entities, _schema())
    answers = []
    for each in found:
        names = each.diagnostics.id_annotations_by_reason
        ids = tuple(sorted({names.get(reason, reason) for reason in each.diagnostics.reasons}))
        if errors := each.diagnostics.errors:
            answers.append(Answer(False, () if each.allowed else ids, _failures(errors, policies)))
        else:
            answers.append(Answer(each.allowed, ids))
    return tuple(answers)


def _failures(errors: Sequence[str], policies: str) -> tuple[tuple[str, str], ...]:
    ids = _ids(policies)
    found = set[tuple[str, str]]()
    for each in errors:
        said = " ".join(each.split())[:300]
        if (shape := _FAILURE.match(said)) and (name := ids.get(shape[1])):
            found.add((name, f"policy {name!r} cannot be evaluated: {shape[2]}"))
        else:
            found.add(("", f"the question cannot be put: {said}"))
    return tuple(sorted(found))


def checked(text: str) -> dict[str, str]:
    """The ids and reasons (``@id``, ``@why``) of policies that fit the schema. Raises DataError for any that do not.

    Each needs an id of its own: lower-case letters, digits and dashes; not one of a policy that comes along.
    """
    if len(text.encode()) > MOST_BYTES:
        raise DataError(f"more than {MOST_BYTES} bytes of policies", code="too_large")
    result = _engine().validate_policies(text, schema_text())
    if not result.validation_passed:
        names = result.id_annotations_by_policy_id
        first = min(result.errors, key=str, default=None)  # Cedar tells them in any order
        where = names.get(first.policy_id, first.policy_id) if first else ""
        what = " ".join(str(first.error).split())[:300] if first else "not valid"
        raise DataError(f"policy {where + ': ' if where else ''}{what}", code="bad_policy")
    found: dict[str, str] = {}
    for name, reason in _annotations(text):
        if not _ID.match(name):
            raise DataError(f"a policy needs an @id of lower-case letters, digits and dashes, not {name!r}",
                            code="bad_policy")  # fmt: skip
        if name in found or name in shipped():
            raise DataError(f"there is a policy {name!r} already", code="duplicate_policy")
        found[name] = reason
    return found


def shipped() -> dict[str, str]:
    """The ids of the policies that come along, each with its reason."""
    return dict(_annotations(shipped_text()))


def reasons(text: str) -> dict[str, str]:
    """The ids of all policies, those that come along and those of a text, each with its reason."""
    return dict(_annotations(shipped_text())) | dict(_annotations(text))


@cache
def shipped_text() -> str:
    """The policies that come along, in Cedar's language."""
    return Path(__file__).with_name("policies.cedar").read_text("utf-8")


@cache
def schema_text() -> str:
    """The schema, in Cedar's language."""
    return Path(__file__).with_name("schema.cedar").read_text("utf-8")


def entity(kind: str, id: str, parents: Sequence[tuple[str, str]] = (), /, **attributes: Any) -> Record:
    """An entity as Cedar's JSON wants it."""
    above = [{"type": sort, "id": name} for sort, name in parents]
    return {"uid": {"type": kind, "id": id}, "attrs": attributes, "parents": above}


def quoted(text: str) -> str:
    """A text as a literal of Cedar's. Raises DataError for characters that have no place in one here."""
    if not text.isprintable() or '"' in text or "\\" in text:
        raise DataError(f"not usable in a policy: {text[:80]!r}", code="bad_policy")
    return f'"{text}"'


@lru_cache(maxsize=256)
def _annotations(text: str) -> tuple[tuple[str, str], ...]:
    parsed = json.loads(_engine().policies_to_json_str(text)) if text.strip() else {}
    if parsed.get("templates"):
        raise DataError("policy templates are not taken; name principal and resource", code="bad_policy")
    found = []
    for policy in parsed.get("staticPolicies", {}).values():
        notes = policy.get("annotations", {})
        found.append((notes.get("id") or "", notes.get("why") or ""))
    return tuple(found)


@lru_cache(maxsize=32)
def _ids(policies: str) -> dict[str, str]:
    """The ids of all policies by the names that Cedar gives them in their order (``policy0``)."""
    parsed = json.loads(_engine().policies_to_json_str(_whole(policies)))
    return {name: each.get("annotations", {}).get("id") for name, each in parsed["staticPolicies"].items()}


@lru_cache(maxsize=512)
def _compiled(policies: str) -> Any:
    return _engine().PolicySet.from_str(_whole(policies))


def _whole(policies: str) -> str:
    return f"{shipped_text()}\n{policies}"


@cache
def _schema() -> Any:
    return _engine().Schema.from_str(schema_text())


def _engine() -> Any:
    try:
        import cedarpy
    except ImportError:
        raise Unavailable("the policy engine is not installed", hint=packages.mend("cedarpy")) from None
    return cedarpy
