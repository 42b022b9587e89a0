"""Action ``jira``: create an issue, comment, move it on, read it, search.

The rule kept here: the query is the template's, values are quoted into it; a search finds only what lies in the
projects the template names.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.wf.language.services import fields

if TYPE_CHECKING:
    from roadmap_cli.wf.language.reading import Reader
    from roadmap_cli.wf.language.yamlfile import Way

ACTS = ("create", "comment", "transition", "get", "search")
PROJECT = re.compile(r"[A-Z][A-Z0-9_]{0,30}\Z")
ISSUE = re.compile(r"([A-Z][A-Z0-9_]{0,30})-[1-9][0-9]{0,17}\Z")
_FIELDS = (
    "do", "site", "project", "issue", "type", "summary", "description", "labels", "fields", "text", "to", "query",
    "values", "most",
)  # fmt: skip
_NEEDS = {
    "create": ("project", "summary"), "comment": ("issue", "text"), "transition": ("issue", "to"), "get": ("issue",),
    "search": ("project", "query"),
}  # fmt: skip


def read(reader: Reader, value: Any, way: Way) -> Record:
    """What to do: ``do``, ``site``, and ``project``, ``issue``, ``summary`` … as it takes."""
    from roadmap_cli.wf.language.services import jql

    table = reader.table(value, way, _FIELDS, ("do",))
    do = fields.choice(reader, table, way, "do", ACTS, "get")
    needs = _NEEDS.get(do, ())
    reader.table({key: each for key, each in table.items() if key in needs}, way, needs, needs)
    found: Record = {"do": do, "site": fields.name(reader, table, way, "site", "default")}
    for key in ("issue", "type", "summary", "description", "text", "to"):
        if key in table:
            found[key] = fields.text(reader, table, way, key)
    if "project" in table:
        found["projects"] = fields.one_or_more(reader, table, way, "project")
        for each in found["projects"]:
            fields.from_author(reader, each, (*way, "project"), "'project'")
        if not found["projects"] or (do == "create" and len(found["projects"]) != 1):
            reader.fault((*way, "project"), "bad_project", "there must be a project")
    if do == "create":
        found["type"] = found.get("type", "Task")
        found["labels"] = list(reader.texts(table, way, "labels"))
        found["fields"] = reader.take(table, way, "fields", dict, {})
    if do == "search":
        found["query"] = fields.literal(reader, table, way, "query", "values are quoted into it by 'values'")
        values: dict[str, Any] = reader.take(table, way, "values", dict, {})
        found["values"] = {str(key): each for key, each in values.items()}
        found["most"] = int(reader.number(table, way, "most", 1, 1000, 50))
        try:
            jql.check(found["query"], found["values"])
        except DataError as error:
            reader.fault((*way, "query"), error.code, error.message)
    return found


def settled(spec: Record) -> Record:
    """What to do with its values. Raises DataError for a key or a project that is none."""
    for key in ("issue", "type", "summary", "description", "text", "to"):
        if key in spec:
            spec[key] = fields.plain(spec[key], f"{key!r}")
    if "issue" in spec and not ISSUE.match(spec["issue"]):
        raise DataError(f"{spec['issue'][:60]!r} is no key of an issue", code="bad_issue")
    if "projects" in spec:
        spec["projects"] = fields.flat(spec["projects"], "'project'")
        for each in spec["projects"]:
            if not PROJECT.match(each):
                raise DataError(f"{each[:60]!r} is no key of a project", code="bad_project")
    if "summary" in spec:
        spec["summary"] = " ".join(spec["summary"].split())[:254]
    if "labels" in spec:
        spec["labels"] = ["-".join(each.split())[:255] for each in fields.flat(spec["labels"], "'labels'")]
    return spec


def needed(spec: Record) -> list[str]:
    """The site and what is done there."""
    return [f"jira:{spec['site']}:{spec['do']}"]


def resources(spec: Record) -> list[str]:
    """The projects; that of an issue by its key."""
    if "issue" in spec:
        matched = ISSUE.match(spec["issue"])
        return [f"project:{matched[1] if matched else spec['issue']}"]
    return [f"project:{each}" for each in spec.get("projects", ())] or ["project:"]


def effects(spec: Record) -> list[tuple[str, ...]]:
    """Network; a comment is a message or a change, an issue made or moved on is a change or tells people something."""
    return [("network",), *([] if spec["do"] in ("get", "search") else [("change", "message")])]
