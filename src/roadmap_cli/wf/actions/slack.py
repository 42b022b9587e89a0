"""Slack's Web API (https://api.slack.com/web), as far as steps use it.

A message carries the key of its step as metadata, so that an earlier attempt can be found in the channel.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError, RoadmapError, TryLater
from roadmap_cli.core.records import Record
from roadmap_cli.net.transport import Transport
from roadmap_cli.wf.actions import Context, calling, once, succeeded
from roadmap_cli.wf.actions import connections as known
from roadmap_cli.wf.actions.watching import over_network
from roadmap_cli.wf.language.services import slack as asked

DEFAULT_URL = "https://slack.com/api"
#: The type of the metadata that holds a step's key.
EVENT = "roadmap_step"
#: Errors of the API that may pass by themselves.
_TRANSIENT = frozenset(
    {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout",
     "team_added_to_org", "rollup_error"}
)  # fmt: skip
#: Those of them after which it is not known whether it was done.
_UNSURE = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})


def perform(spec: Record, step: Record, context: Context) -> Record:
    """Post, read a thread, or look somebody up."""
    api = _Api(spec, step, context)
    match spec["do"]:
        case "user":
            return succeeded(api.over(lambda transport: api.user(transport)))
        case "replies":
            return succeeded(api.over(lambda transport: api.replies(transport)))
    return once.send(
        spec, step, context,
        work=lambda: api.over(api.post), look=api.look, resources=asked.resources(spec),
    )  # fmt: skip


def escaped(text: str) -> str:
    """Text in which nothing is a link, a mention or a command (https://api.slack.com/reference/surfaces/formatting)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def mention(name: str) -> str:
    """How a user, a group or everybody is called."""
    if name.startswith("@"):
        return f"<!{name[1:]}>"
    return f"<!subteam^{name}>" if name.startswith("S") else f"<@{name}>"


class _Api:
    """One workspace on behalf of one step."""

    def __init__(self, spec: Record, step: Record, context: Context):
        self._spec, self._step, self._context = spec, step, context
        connections = known.load(context.environ)
        name = spec["workspace"]
        self._url = connections.text("slack", name, "url", DEFAULT_URL).rstrip("/")
        self._token = connections.secret(connections.text("slack", name, "token"), calling.host_of(self._url))
        channels = connections.get("slack", name).get("channels", {})
        self._channels = channels if isinstance(channels, dict) else {}
        self._has_history = connections.get("slack", name).get("history", True) is True

    def over(self, work: Any) -> Any:
        return over_network(self._context, work, timeout_s=self._step["timeout_s"])

    def post(self, transport: Transport) -> Record:
        """chat.postMessage, once."""
        spec = self._spec
        called = " ".join(map(mention, spec.get("mention", ())))
        fields = {
            "channel": self._channel(),
            "text": f"{called} {escaped(spec['text'])}".strip(),
            "mrkdwn": "true",
            "parse": "none",
            "link_names": "false",
            "unfurl_links": "false",
            "unfurl_media": "false",
            "metadata": json.dumps({"event_type": EVENT, "event_payload": {"key": self._context.key}}),
        }
        if "thread" in spec:
            fields["thread_ts"] = spec["thread"]
            fields["reply_broadcast"] = "true" if spec.get("broadcast") else "false"
        answer = self._call(transport, "chat.postMessage", fields, is_change=True)
        return {"channel": str(answer.get("channel", fields["channel"])), "ts": str(answer.get("ts", ""))}

    def look(self) -> Any:
        """The message an earlier attempt posted, or None."""
        with self._context.state.read() as tx:
            (began,) = tx.execute("SELECT began_at FROM wf_sent WHERE key = ?", (self._context.key,)).fetchone()
        return self.over(lambda transport: self._posted(transport, clock.parse(began)))

    def _posted(self, transport: Transport, began: datetime) -> Record | None:
        """It is found by the key in its metadata."""
        channel = self._channel()
        if channel.startswith("#") or not self._has_history:
            raise DataError(f"the history of {channel!r} cannot be read; give its id in [slack.…] channels")
        method = "conversations.replies" if "thread" in self._spec else "conversations.history"
        fields = {
            "channel": channel, "limit": "200", "include_all_metadata": "true",
            "oldest": f"{began.timestamp() - 120:.6f}", "inclusive": "true",
        }  # fmt: skip
        if "thread" in self._spec:
            fields["ts"] = self._spec["thread"]
        for _ in range(10):
            answer = self._call(transport, method, fields)
            for message in calling.tables(answer.get("messages")):
                metadata = message.get("metadata")
                payload = metadata.get("event_payload") if isinstance(metadata, dict) else None
                if isinstance(payload, dict) and payload.get("key") == self._context.key:
                    return {"channel": channel, "ts": str(message.get("ts", ""))}
            cursor = _cursor(answer)
            if not cursor:
                return None
            fields["cursor"] = cursor
        raise DataError("too much was written in the channel since to find an earlier attempt")

    def replies(self, transport: Transport) -> Record:
        """The messages of a thread."""
        spec = self._spec
        fields = {"channel": self._channel(), "ts": spec["thread"], "limit": str(min(spec["most"], 200))}
        found: list[Record] = []
        while len(found) < spec["most"]:
            answer = self._call(transport, "conversations.replies", fields)
            for message in calling.tables(answer.get("messages")):
                found.append({key: str(message[key]) for key in ("ts", "user", "text", "bot_id") if key in message})
            cursor = _cursor(answer)
            if not cursor:
                break
            fields["cursor"] = cursor
        return {"messages": found[: spec["most"]]}

    def user(self, transport: Transport) -> Record:
        """The id and name of the user with an address."""
        answer = self._call(transport, "users.lookupByEmail", {"email": self._spec["email"]})
        user = answer.get("user")
        if not isinstance(user, dict):
            raise DataError("Slack's answer names no user", code="bad_answer")
        return {key: user[key] for key in ("id", "name", "real_name", "tz", "deleted", "is_bot") if key in user}

    def _channel(self) -> str:
        return str(self._channels.get(self._spec["channel"], self._spec["channel"]))

    def _call(self, transport: Transport, method: str, fields: Record, *, is_change: bool = False) -> Record:
        """One method; what Slack says went wrong is raised."""
        sort = {"Content-Type": calling.FORM} if is_change else {}
        found = calling.call(
            transport, "POST" if is_change else "GET",
            f"{self._url}/{method}" + ("" if is_change else "?" + urlencode(fields)),
            headers={"Authorization": f"Bearer {self._token.value}"} | sort,
            content=urlencode(fields).encode() if is_change else b"",
            timeout_s=self._step["timeout_s"], secrets=[self._token],
        )  # fmt: skip
        answer = found.body
        if isinstance(answer, dict) and answer.get("ok") is True:
            return answer
        error = str(answer.get("error", "")) if isinstance(answer, dict) else ""
        raise self._error(method, error[:100] or f"answers {found.status}", found.status)

    def _error(self, method: str, error: str, status: int) -> RoadmapError:
        host = urlsplit(self._url).hostname
        words = f"{host!r} refuses {method}: {error}"
        if error in _TRANSIENT or status >= 500:
            return TryLater(words, code="slack_busy" if error in _UNSURE or status >= 500 else "http_429")
        hints = {
            "not_in_channel": "invite the app into the channel",
            "channel_not_found": "name the channel by its id, and invite the app",
            "missing_scope": "give the app the scope it lacks",
            "invalid_auth": f"look at the token of [slack.{self._spec['workspace']}]",
            "not_authed": f"look at the token of [slack.{self._spec['workspace']}]",
        }
        return once.Refusal(words, hint=hints.get(error), code="slack_refused")


def _cursor(answer: Record) -> str:
    metadata = answer.get("response_metadata")
    cursor = metadata.get("next_cursor") if isinstance(metadata, dict) else ""
    return cursor if isinstance(cursor, str) else ""
