"""The roles: which effects each may have, which actions it has as tools, and which tasks it can be given.

The rule kept here: what a role has no tool for it does not do, whoever asks. Communication alone speaks to people;
data only reads; the orchestrator touches nothing outside and says only who is next.
"""

from __future__ import annotations

from collections.abc import Mapping

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record

#: The effects each role may have. The orchestrator only waits, asks and hands on.
EFFECTS: Mapping[str, frozenset[str]] = {
    "orchestrator": frozenset(),
    "communication": frozenset({"read", "network", "message"}),
    "data": frozenset({"read", "network"}),
    "analysis": frozenset({"read"}),
    "documentation": frozenset({"read", "write"}),
    "operations": frozenset({"read", "write", "network", "change", "delete", "access", "money"}),
}
#: The actions of each role; an action with ``:WORD`` only where its spec says so (see `word`).
TOOLS: Mapping[str, frozenset[str]] = {
    "orchestrator": frozenset({"agent:plan_next", "agent:classify"}),
    "communication": frozenset(
        {"slack:post", "slack:replies", "slack:user", "mail", "http:read", "http:change", "jira:comment", "jira:get",
         "jira:search", "jira:create", "jira:transition", "agent:compose_message", "agent:classify"}
    ),
    "data": frozenset(
        {"http:read", "sql:read", "slack:replies", "slack:user", "jira:get", "jira:search", "agent:summarise_logs",
         "agent:query_data", "agent:classify"}
    ),
    "analysis": frozenset({"agent:root_cause", "agent:summarise_logs", "agent:classify", "sql:read"}),
    "documentation": frozenset({"agent:write_report"}),
    "operations": frozenset(
        {"http:read", "http:change", "sql:read", "sql:change", "jira:create", "jira:comment", "jira:transition",
         "jira:get", "jira:search", "agent:classify"}
    ),
}  # fmt: skip


def word(action: str, spec: Record) -> str:
    """An action with what of it the spec asks for: ``sql:change``, ``slack:post``, ``agent:root_cause`` …"""
    match action:
        case "http":
            return "http:read" if spec["method"] in ("GET", "HEAD") else "http:change"
        case "sql":
            return "sql:change" if spec["change"] else "sql:read"
        case "slack" | "jira":
            return f"{action}:{spec['do']}"
        case "agent":
            return f"agent:{spec['task']}"
    return action


def lacking(role: str, action: str, spec: Record) -> str | None:
    """Why a role cannot do what a step asks of it, or None if it has the tool."""
    asked = word(action, spec)
    if asked in TOOLS.get(role, frozenset()):
        return None
    who = ", ".join(sorted(each for each, tools in TOOLS.items() if asked in tools)) or "nobody"
    return f"role {role!r} has no tool {asked!r}; who has: {who}"


def refuse_tool(role: str, action: str, spec: Record) -> None:
    """Raise DataError if a role has no tool for what a step asks of it."""
    if problem := lacking(role, action, spec):
        raise DataError(problem, code="no_tool")
