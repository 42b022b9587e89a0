"""Jira's REST interface, version 3 (https://developer.atlassian.com/cloud/jira/platform/rest/v3), as steps use it.

What a step makes carries its key: an issue as a label, a comment as a property, so that an earlier attempt is found.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

from roadmap_cli.core.errors import DataError, RoadmapError, TryLater
from roadmap_cli.core.records import Record
from roadmap_cli.net.transport import Transport
from roadmap_cli.wf.actions import Context, calling, once, succeeded
from roadmap_cli.wf.actions import connections as known
from roadmap_cli.wf.actions.watching import over_network
from roadmap_cli.wf.language.services import jira as asked
from roadmap_cli.wf.language.services import jql

PROPERTY = "roadmap.key"
#: What is told of an issue.
FIELDS = (
    "summary", "status", "issuetype", "priority", "assignee", "reporter", "labels", "created", "updated", "description",
)  # fmt: skip
#: How long the search may lag behind what was made, seconds, and how often it is asked.
_LAG_S, _LOOKS = 2.0, 3


def perform(spec: Record, step: Record, context: Context) -> Record:
    """Do what a step asks of Jira."""
    site = _Site(spec, step, context)
    resources = asked.resources(spec)
    match spec["do"]:
        case "get":
            return succeeded(site.over(site.get))
        case "search":
            return succeeded(site.over(site.search))
        case "create":
            return once.send(
                spec, step, context, work=lambda: site.over(site.create), look=lambda: site.over(site.created),
                resources=resources,
            )  # fmt: skip
        case "comment":
            return once.send(
                spec, step, context, work=lambda: site.over(site.comment), look=lambda: site.over(site.commented),
                resources=resources,
            )  # fmt: skip
    return once.send(
        spec, step, context, work=lambda: site.over(site.transition), look=lambda: site.over(site.transitioned),
        resources=resources,
    )  # fmt: skip


def document(text: str) -> Record:
    """Text as an Atlassian document: paragraphs and line breaks, nothing in it is markup, link or mention."""
    content: list[Record] = []
    for part in text.replace("\r\n", "\n").split("\n\n"):
        nodes: list[Record] = []
        for number, line in enumerate(part.split("\n")):
            if number:
                nodes.append({"type": "hardBreak"})
            if line:
                nodes.append({"type": "text", "text": line})
        content.append({"type": "paragraph", "content": nodes})
    return {"type": "doc", "version": 1, "content": content}


def plain(value: Any, depth: int = 0) -> str:
    """The text of an Atlassian document, or of what older servers send in its place."""
    if isinstance(value, str):
        return value
    if not isinstance(value, dict) or depth > 32:
        return ""
    if value.get("type") == "text":
        return str(value.get("text", ""))
    if value.get("type") == "hardBreak":
        return "\n"
    inner = value.get("content")
    parts = [plain(each, depth + 1) for each in inner] if isinstance(inner, list) else []
    is_block = value.get("type") in ("doc", "bulletList", "orderedList", "blockquote", "table")
    return ("\n\n" if is_block else "").join(parts)


class _Site:
    """One site on behalf of one step."""

    def __init__(self, spec: Record, step: Record, context: Context):
        self._spec, self._step, self._context = spec, step, context
        connections = known.load(context.environ)
        name = spec["site"]
        self._url = connections.text("jira", name, "url").rstrip("/")
        self._token = connections.secret(connections.text("jira", name, "token"), calling.host_of(self._url))
        user = connections.text("jira", name, "user", "")
        pair = base64.b64encode(f"{user}:{self._token.value}".encode()).decode()
        self._authorization = f"Basic {pair}" if user else f"Bearer {self._token.value}"
        self._hidden = [self._token, known.Secret(self._token.name, self._token.hosts, pair)]

    def over(self, work: Any) -> Any:
        return over_network(self._context, work, timeout_s=self._step["timeout_s"])

    @property
    def label(self) -> str:
        """What an issue is found by that a step made."""
        return f"roadmap-{self._context.key}"

    def get(self, transport: Transport) -> Record:
        """An issue."""
        answer = self._call(transport, "GET", self._issue(), query={"fields": ",".join(FIELDS)})
        return _told(_table(answer))

    def search(self, transport: Transport) -> Record:
        """The issues that a query finds within the projects."""
        spec = self._spec
        query = jql.confined(spec["query"], spec["values"], spec["projects"])
        found: list[Record] = []
        for each in self._found(transport, query, spec["most"]):
            found += [_told(issue) for issue in jql.issues([each], spec["projects"])]
        return {"issues": found[: spec["most"]], "issues_count": len(found[: spec["most"]])}

    def create(self, transport: Transport) -> Record:
        """Make an issue."""
        spec = self._spec
        fields: Record = {
            **spec["fields"],
            "project": {"key": spec["projects"][0]},
            "summary": spec["summary"],
            "issuetype": {"name": spec["type"]},
            "labels": [*spec["labels"], self.label],
        }
        if "description" in spec:
            fields["description"] = document(spec["description"])
        answer = _table(self._call(transport, "POST", "issue", body={"fields": fields}))
        return {"issue": str(answer.get("key", "")), "issue_id": str(answer.get("id", ""))}

    def created(self, transport: Transport) -> Record | None:
        """The issue an earlier attempt made. The search lags a little behind, so it is asked more than once."""
        query = jql.confined(f"labels = {jql.quoted(self.label)}", {}, self._spec["projects"])
        for look in range(_LOOKS):
            if look and self._context.stop.wait(_LAG_S):
                break
            for each in self._found(transport, query, 1):
                return {"issue": str(each.get("key", "")), "issue_id": str(each.get("id", ""))}
        return None

    def comment(self, transport: Transport) -> Record:
        """Add a comment."""
        body = {
            "body": document(self._spec["text"]),
            "properties": [{"key": PROPERTY, "value": {"key": self._context.key}}],
        }
        answer = _table(self._call(transport, "POST", f"{self._issue()}/comment", body=body))
        return {"issue": self._spec["issue"], "comment_id": str(answer.get("id", ""))}

    def commented(self, transport: Transport) -> Record | None:
        """The comment an earlier attempt added."""
        query = {"expand": "properties", "orderBy": "-created", "maxResults": "100"}
        answer = _table(self._call(transport, "GET", f"{self._issue()}/comment", query=query))
        for each in calling.tables(answer.get("comments")):
            for entry in calling.tables(each.get("properties")):
                if entry.get("key") == PROPERTY and _key(entry.get("value")) == self._context.key:
                    return {"issue": self._spec["issue"], "comment_id": str(each.get("id", ""))}
        return None

    def transition(self, transport: Transport) -> Record:
        """Move an issue on to a status, by the name of the status or of the transition, or its id."""
        if done := self.transitioned(transport):
            return done
        wanted = self._spec["to"].casefold()
        answer = _table(self._call(transport, "GET", f"{self._issue()}/transitions"))
        offered: list[str] = []
        for each in calling.tables(answer.get("transitions")):
            to = _name(each.get("to"))
            offered.append(to or str(each.get("name", "")))
            if wanted in (str(each.get("id", "")), str(each.get("name", "")).casefold(), to.casefold()):
                self._call(
                    transport, "POST", f"{self._issue()}/transitions", body={"transition": {"id": str(each["id"])}}
                )
                return {"issue": self._spec["issue"], "status": to}
        can = ", ".join(offered) or "nothing"
        what = f"{self._spec['issue']!r} cannot go to {self._spec['to'][:60]!r}; it can go to {can}"
        raise once.Refusal(what, code="jira_refused")

    def transitioned(self, transport: Transport) -> Record | None:
        """The issue if it has the status already."""
        answer = _table(self._call(transport, "GET", self._issue(), query={"fields": "status"}))
        fields = answer.get("fields")
        status = _name(fields.get("status")) if isinstance(fields, dict) else ""
        return (
            {"issue": self._spec["issue"], "status": status}
            if status.casefold() == self._spec["to"].casefold()
            else None
        )

    def _issue(self) -> str:
        return f"issue/{quote(self._spec['issue'], safe='')}"

    def _found(self, transport: Transport, query: str, most: int) -> Iterator[Record]:
        """What a search finds. Servers that do not know the present interface are asked by the one before."""
        body: Record = {"jql": query, "fields": list(FIELDS), "maxResults": min(most, 100)}
        is_old, count = False, 0
        while count < most:
            try:
                answer = _table(self._call(transport, "POST", "search" if is_old else "search/jql", body=body))
            except RoadmapError as error:
                if is_old or error.code not in ("http_404", "http_405", "http_410"):
                    raise
                is_old = True
                continue
            issues = calling.tables(answer.get("issues"))
            yield from issues[: most - count]
            count += len(issues)
            token = answer.get("nextPageToken")
            if not issues or (is_old and count >= _whole(answer.get("total"))) or (not is_old and not token):
                return
            body |= {"startAt": count} if is_old else {"nextPageToken": token}

    def _call(
        self, transport: Transport, method: str, place: str, *, query: Record | None = None, body: Any = None
    ) -> Any:
        import orjson

        url = f"{self._url}/rest/api/3/{place}" + (f"?{urlencode(query)}" if query else "")
        try:
            content = orjson.dumps(body) if body is not None else b""
        except TypeError as error:
            raise once.Refusal(f"the fields are not JSON: {str(error).lower()}", code="bad_body") from None
        found = calling.call(
            transport, method, url, content=content, timeout_s=self._step["timeout_s"], secrets=self._hidden,
            headers={"Authorization": self._authorization} | ({"Content-Type": "application/json"} if content else {}),
        )  # fmt: skip
        if 200 <= found.status < 300:
            return found.body
        words = f"{calling.host_of(self._url)!r} refuses to {self._spec['do']} ({found.status}){_said(found.body)}"
        if found.status in (408, 423, 425) or found.status >= 500:
            raise TryLater(words, code=f"http_{found.status}")
        hint = f"look at user and token of [jira.{self._spec['site']}]" if found.status in (401, 403) else None
        raise once.Refusal(words, hint=hint, code=f"http_{found.status}")


def _told(issue: Record) -> Record:
    """An issue in a flat shape."""
    fields = issue.get("fields") if isinstance(issue.get("fields"), dict) else {}
    found: Record = {"issue": str(issue.get("key", ""))}
    for key in FIELDS:
        value = fields.get(key) if isinstance(fields, dict) else None
        if value is None:
            continue
        if key == "description":
            found[key] = plain(value)
        elif isinstance(value, dict):
            found[key] = str(value.get("displayName") or value.get("name") or "")
        else:
            found[key] = value
    return found


def _said(body: Any) -> str:
    if not isinstance(body, dict):
        return ""
    messages = body.get("errorMessages")
    errors = body.get("errors")
    parts = [str(each) for each in messages] if isinstance(messages, list) else []
    parts += [f"{key}: {each}" for key, each in errors.items()] if isinstance(errors, dict) else []
    text = " ".join("; ".join(parts).split())[:300]
    return f": {text}" if text else ""


def _table(value: Any) -> Record:
    if not isinstance(value, dict):
        raise DataError("Jira's answer is no table of fields", code="bad_answer")
    return value


def _name(value: Any) -> str:
    return str(value.get("name", "")) if isinstance(value, dict) else ""


def _key(value: Any) -> str:
    return str(value.get("key", "")) if isinstance(value, dict) else ""


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0
