"""Action ``mail``: send one message over SMTP.

The rule kept here: who gets a message is the template's word, within the scope; no value can add a header or a
recipient, and the same step sends the same message under the same Message-ID.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from roadmap_cli.core.records import Record
from roadmap_cli.wf.actions import reading

if TYPE_CHECKING:
    from roadmap_cli.wf.actions import Context
    from roadmap_cli.wf.loading import _Reader as Reader
    from roadmap_cli.wf.yamlfile import Way

NAME = "mail"
MOST_RECIPIENTS = 50
_FIELDS = ("account", "to", "cc", "subject", "text", "in_reply_to")


def read(reader: Reader, value: Any, way: Way) -> Record:
    """The message: ``account``, ``to``, ``cc``, ``subject``, ``text``, ``in_reply_to`` (a Message-ID)."""
    table = reader.table(value, way, _FIELDS, ("to", "subject", "text"))
    found: Record = {"account": reading.name(reader, table, way, "account", "default")}
    for key in ("to", "cc"):
        found[key] = reading.one_or_more(reader, table, way, key)
        for each in found[key]:
            reading.from_author(reader, each, (*way, key), f"a recipient in {key!r}")
    if not 1 <= len(found["to"]) + len(found["cc"]) <= MOST_RECIPIENTS or not found["to"]:
        reader.fault((*way, "to"), "bad_recipients", f"there must be 1 to {MOST_RECIPIENTS} recipients")
    found["subject"] = reading.text(reader, table, way, "subject", most=500)
    found["text"] = reading.text(reader, table, way, "text")
    if "in_reply_to" in table:
        found["in_reply_to"] = reading.text(reader, table, way, "in_reply_to", most=998)
    return found


def needed(spec: Record) -> list[str]:
    """The account it is sent from."""
    return [f"mail:{spec['account']}"]


def resources(spec: Record) -> list[str]:
    """The mailboxes it goes to."""
    return [f"mailbox:{each}" for each in (*spec["to"], *spec["cc"])]


def effects(spec: Record) -> list[tuple[str, ...]]:
    """Network and a message."""
    return [("network",), ("message",)]


def perform(spec: Record, step: Record, context: Context) -> Record:
    """Send it. Output: ``message_id`` and ``recipients_count``."""
    from roadmap_cli.wf.actions import smtp

    return smtp.perform(spec, step, context)
