"""The fields of the actions that reach out of the machine: read, named by what they touch, and by what they need.

An action with a module in `wf.actions` is read there. One without is read here by the names of its fields alone, so
that a template can be written, checked and planned before the action can be done.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from roadmap_cli.wf import actions
from roadmap_cli.wf.templates import Deed

if TYPE_CHECKING:
    from roadmap_cli.wf.reading import Reader
    from roadmap_cli.wf.yamlfile import Way

#: For each action its fields, and those that must be there.
_FIELDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "http": (("method", "url", "headers", "body", "secret"), ("url",)),
    "sql": (("database", "query", "parameters", "most_rows"), ("database", "query")),
    "slack": (("channel", "text", "thread"), ("channel", "text")),
    "jira": (
        ("do", "project", "issue", "type", "summary", "description", "comment", "transition", "query", "fields",
         "labels", "assignee", "site"),
        ("do",),
    ),
    "mail": (("to", "subject", "text"), ("to", "subject", "text")),
    "agent": (("task", "tools", "context", "model", "schema"), ("task",)),
}  # fmt: skip
_JIRA_DOES = ("create", "comment", "transition", "search", "get")
#: Programs that only run what is named next: the name that counts is that of the text they are given.
_INTERPRETERS = frozenset({"python3", "python", "sh", "bash", "perl", "node", "ruby", "env"})


def read(reader: Reader, action: str, value: Any, way: Way) -> dict[str, Any]:
    """The fields of an action, checked."""
    if module := _module(action):
        found: dict[str, Any] = module.read(reader, value, way)
        return found
    known, needed = _FIELDS[action]
    table = reader.table(value, way, known, needed)
    if action == "jira":
        reader.chosen(table.get("do"), (*way, "do"), _JIRA_DOES, "request")
    if action == "http":
        reader.take(table, way, "url", str, "")
        reader.take(table, way, "headers", dict, {})
        methods = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
        return {"method": reader.chosen(table.get("method", "GET"), (*way, "method"), methods, "method"), **table}
    if action == "sql":
        reader.take(table, way, "query", str, "")
        rows = reader.whole(table, way, "most_rows", 1, 100_000, 1000)
        return {**table, "most_rows": rows}
    return dict(table)


def needed(action: str, spec: Mapping[str, Any]) -> list[str]:
    """The permissions of an action beyond those of its effects."""
    if module := _module(action):
        return [str(each) for each in module.needed(spec)]
    return []


def resources(action: str, spec: Mapping[str, Any]) -> list[str]:
    """What an action touches: ``host:…``, ``database:…``, ``channel:…``, ``project:…``, ``mailbox:…``, ``file:…``."""
    if module := _module(action):
        return sorted({str(each) for each in module.resources(spec)})
    match action:
        case "http":
            return [f"host:{host(str(spec.get('url', '')))}"]
        case "sql":
            return [f"database:{spec.get('database', '')}"]
        case "slack":
            return [f"channel:{spec.get('channel', '')}"]
        case "jira":
            issue = str(spec.get("issue", ""))
            project = spec.get("project") or (issue if "${" in issue else issue.partition("-")[0]) or "*"
            return [f"project:{project}"]
        case "mail":
            to = spec.get("to", "")
            return sorted({f"mailbox:{each}" for each in (to if isinstance(to, list) else [to])})
    return []


def dependency(deed: Deed, spec: Mapping[str, Any]) -> str | None:
    """What a deed leans on, for limits and for what is left alone while it is down. None for what only waits."""
    if deed.dependency:
        return deed.dependency
    match deed.action:
        case "command":
            return program(deed.command)
        case "shell":
            return "sh"
        case "http":
            return host(str(spec.get("url", "")))
        case "sql":
            return str(spec.get("database", ""))
        case "agent":
            return "model"
        case "slack" | "jira" | "mail":
            return deed.action
    return None


def program(command: tuple[str, ...]) -> str:
    """The name of the program a command runs; for an interpreter that of the file it is given."""
    names = [each.rpartition("/")[2] for each in command]
    if names and names[0] in _INTERPRETERS and len(names) > 1 and not command[1].startswith("-"):
        return names[1]
    return names[0] if names else ""


def host(url: str) -> str:
    """The host of an address, with its port if it has one; a placeholder in its place stays what it is."""
    rest = url.partition("://")[2] or url
    name = rest.partition("/")[0].partition("?")[0].partition("#")[0]
    return name.rpartition("@")[2].lower() if "${" not in name else name


def _module(action: str) -> Any:
    return import_module(actions.MODULES[action]) if action in actions.MODULES else None
