"""Action ``slack``: post a message, answer in a thread, look somebody up.

The rule kept here: what is put into a message is shown as text. It makes no link, calls nobody and no channel; who is
to be called stands in the template.
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

MOST_TEXT = 40_000
_FIELDS = ("do", "workspace", "channel", "text", "thread", "broadcast", "mention", "email", "most")
_CHANNEL = re.compile(r"(#[^\s#,<>@]{1,80}|[CGD][A-Z0-9]{5,20})\Z")
_MENTION = re.compile(r"(@(here|channel|everyone)|[UW][A-Z0-9]{5,20}|S[A-Z0-9]{5,20})\Z")


def read(reader: Reader, value: Any, way: Way) -> Record:
    """The message: ``do`` (post, replies, user), ``workspace``, ``channel``, ``text``, ``thread``, ``mention`` …"""
    table = reader.table(value, way, _FIELDS)
    do = fields.choice(reader, table, way, "do", ("post", "replies", "user"), "post")
    needs = {"post": ("channel", "text"), "replies": ("channel", "thread"), "user": ("email",)}.get(do, ())
    reader.table({key: each for key, each in table.items() if key in needs}, way, needs, needs)
    found: Record = {"do": do, "workspace": fields.name(reader, table, way, "workspace", "default")}
    for key in ("channel", "text", "thread", "email"):
        if key in table:
            found[key] = fields.text(reader, table, way, key, most=MOST_TEXT)
    for key in ("channel", "email"):
        fields.from_author(reader, found.get(key, ""), (*way, key), f"{key!r}")
    mention = fields.one_or_more(reader, table, way, "mention")
    for each in mention:
        if not _MENTION.match(each):
            message = f"{each[:60]!r} is nobody to mention: a user's or a group's id, @here, @channel or @everyone"
            reader.fault((*way, "mention"), "bad_mention", message)
    if mention:
        found["mention"] = mention
    if do == "post":
        found["broadcast"] = reader.take(table, way, "broadcast", bool, False)
    if do == "replies":
        found["most"] = int(reader.number(table, way, "most", 1, 1000, 100))
    return found


def settled(spec: Record) -> Record:
    """The message with its values. Raises DataError for a channel, thread or address that is none."""
    for key in ("channel", "text", "thread", "email"):
        if key in spec:
            spec[key] = fields.plain(spec[key], f"{key!r}")
    if not _CHANNEL.match(spec.get("channel", "#ok")):
        raise DataError(f"{spec['channel'][:60]!r} is no channel: its id, or # and its name", code="bad_channel")
    if not re.fullmatch(r"[0-9]{1,12}\.[0-9]{1,9}", spec.get("thread", "1.0")):
        raise DataError(f"{spec['thread'][:60]!r} is not the time stamp of a message", code="bad_thread")
    if not re.fullmatch(r"[^@\s]{1,64}@[^@\s]{1,255}", spec.get("email", "a@b")):
        raise DataError(f"{spec['email'][:60]!r} is no address", code="bad_address")
    if len(spec.get("text", "")) > MOST_TEXT:
        raise DataError(f"the text is longer than {MOST_TEXT} characters", code="too_long")
    return spec


def needed(spec: Record) -> list[str]:
    """The workspace."""
    return [f"slack:{spec['workspace']}:{spec['do']}"]


def resources(spec: Record) -> list[str]:
    """The channel, or the person who is looked up."""
    if spec["do"] == "user":
        return [f"person:{spec['email']}"]
    return [f"channel:{spec['channel']}"]


def effects(spec: Record) -> list[tuple[str, ...]]:
    """Network; and a message, unless it only looks."""
    return [("network",), *([("message",)] if spec["do"] == "post" else [])]
