"""Action ``mail``: send one message over SMTP.

The rule kept here: who gets a message is the template's word, within the scope; no value can add a header or a
recipient, and the same step sends the same message under the same Message-ID.
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

MOST_RECIPIENTS = 50
#: An address as it is sent to (RFC 5321, 4.1.2, without quoted local parts and literals).
ADDRESS = re.compile(r"(?=.{3,254}\Z)[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\Z")
MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,400}@[!-;=?-~]{1,400}>\Z")
_FIELDS = ("account", "to", "cc", "subject", "text", "in_reply_to")


def read(reader: Reader, value: Any, way: Way) -> Record:
    """The message: ``account``, ``to``, ``cc``, ``subject``, ``text``, ``in_reply_to`` (a Message-ID)."""
    table = reader.table(value, way, _FIELDS, ("to", "subject", "text"))
    found: Record = {"account": fields.name(reader, table, way, "account", "default")}
    for key in ("to", "cc"):
        found[key] = fields.one_or_more(reader, table, way, key)
        for each in found[key]:
            fields.from_author(reader, each, (*way, key), f"a recipient in {key!r}")
    if not 1 <= len(found["to"]) + len(found["cc"]) <= MOST_RECIPIENTS or not found["to"]:
        reader.fault((*way, "to"), "bad_recipients", f"there must be 1 to {MOST_RECIPIENTS} recipients")
    found["subject"] = fields.text(reader, table, way, "subject", most=500)
    found["text"] = fields.text(reader, table, way, "text")
    if "in_reply_to" in table:
        found["in_reply_to"] = fields.text(reader, table, way, "in_reply_to", most=998)
    return found


def settled(spec: Record) -> Record:
    """The message with its values. Raises DataError for an address or a Message-ID that is none."""
    for key in ("to", "cc"):
        spec[key] = fields.flat(spec[key], f"{key!r}")
        for each in spec[key]:
            if not ADDRESS.match(each):
                raise DataError(f"{each[:60]!r} is no address", code="bad_address")
    if not 1 <= len(spec["to"]) + len(spec["cc"]) <= MOST_RECIPIENTS or not spec["to"]:
        raise DataError(f"there must be 1 to {MOST_RECIPIENTS} recipients", code="bad_recipients")
    spec["subject"] = " ".join(fields.printable(fields.plain(spec["subject"], "'subject'")).split())[:500]
    spec["text"] = fields.plain(spec["text"], "'text'")
    if "in_reply_to" in spec:
        spec["in_reply_to"] = fields.plain(spec["in_reply_to"], "'in_reply_to'").strip()
        if spec["in_reply_to"] and not MESSAGE_ID.match(spec["in_reply_to"]):
            raise DataError(f"{spec['in_reply_to'][:60]!r} is no Message-ID", code="bad_message_id")
    return spec


def needed(spec: Record) -> list[str]:
    """The account it is sent from."""
    return [f"mail:{spec['account']}"]


def resources(spec: Record) -> list[str]:
    """The mailboxes it goes to."""
    return [f"mailbox:{each}" for each in (*spec["to"], *spec["cc"])]


def effects(spec: Record) -> list[tuple[str, ...]]:
    """Network and a message."""
    return [("network",), ("message",)]
