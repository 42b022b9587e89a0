"""What planning and checking ask of the actions that reach out of the machine, and what a deed leans on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.wf import actions
from roadmap_cli.wf.agents import roles
from roadmap_cli.wf.language.templates import SERVICES, Deed

if TYPE_CHECKING:
    from roadmap_cli.wf.language.reading import Reader
    from roadmap_cli.wf.language.yamlfile import Way

#: Programs that only run what is named next: the name that counts is that of the file they are given.
_INTERPRETERS = frozenset({"python3", "python", "sh", "bash", "perl", "node", "ruby"})


def read(reader: Reader, action: str, value: Any, way: Way) -> Record:
    """The fields of an action, checked by its module; nothing after a fault, so that no later rule stumbles on it."""
    before = len(reader.findings)
    found: Record = actions.module(action).read(reader, value, way)
    return found if len(reader.findings) == before else {}


def needed(action: str, spec: Mapping[str, Any]) -> list[str]:
    """The permissions of an action beyond those of its effects."""
    return [str(each) for each in actions.module(action).needed(spec)]


def resources(action: str, spec: Mapping[str, Any]) -> list[str]:
    """What an action touches: ``host:…``, ``database:…``, ``channel:…``, ``project:…``, ``mailbox:…``, ``file:…``."""
    return sorted({str(each) for each in actions.module(action).resources(spec)})


def effects(action: str, spec: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The effects an action surely has: of each tuple at least one."""
    return [tuple(each) for each in actions.module(action).effects(spec)]


def tool_problem(role: str, action: str, spec: Mapping[str, Any]) -> str | None:
    """Why a role cannot do an action, or None if it has the tool."""
    try:
        roles.refuse_tool(role, action, dict(spec))
    except DataError as error:
        return error.message
    return None


def dependency(deed: Deed, spec: Mapping[str, Any]) -> str | None:
    """What a deed leans on, for limits and for what is left alone while it is down. None for what only waits."""
    if deed.dependency:
        return deed.dependency
    match deed.action:
        case "command":
            return program(deed.command)
        case "shell":
            return "sh"
        case "http" | "sql":
            return resources(deed.action, spec)[0].partition(":")[2]
        case "agent":
            return "model" if spec.get("model") else None
    return deed.action if deed.action in SERVICES else None


def program(command: tuple[str, ...]) -> str:
    """The name of the program a command runs; for an interpreter that of the file it is given."""
    names = [each.rpartition("/")[2] for each in command]
    if len(names) > 1 and names[0] in _INTERPRETERS and not command[1].startswith("-"):
        return names[1]
    return names[0] if names else ""
