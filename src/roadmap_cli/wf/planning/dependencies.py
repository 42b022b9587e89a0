"""What a deed leans on: the name under which it is limited, and left alone while what it needs is down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roadmap_cli.wf.language import services
from roadmap_cli.wf.language.templates import SERVICES, Deed

#: Programs that only run what is named next: the name that counts is that of the file they are given.
_INTERPRETERS = frozenset({"python3", "python", "sh", "bash", "perl", "node", "ruby"})


def of_deed(deed: Deed, spec: Mapping[str, Any]) -> str | None:
    """What a deed leans on, by its own word or by what it does. None for what only waits."""
    if deed.dependency:
        return deed.dependency
    match deed.action:
        case "command":
            return program(deed.command)
        case "shell":
            return "sh"
        case "http" | "sql":
            return services.resources(deed.action, spec)[0].partition(":")[2]
        case "agent":
            return "model" if spec.get("model") else None
    return deed.action if deed.action in SERVICES else None


def program(command: tuple[str, ...]) -> str:
    """The name of the program a command runs; for an interpreter that of the file it is given."""
    names = [each.rpartition("/")[2] for each in command]
    if len(names) > 1 and names[0] in _INTERPRETERS and not command[1].startswith("-"):
        return names[1]
    return names[0] if names else ""
