"""Links that let one person decide one thing once, and codes that a reply must name.

A link is a random name, what it is for, for whom and until when, with an HMAC-SHA-256 (RFC 2104) under a secret that
stays in the state. The rule kept here: a link that was changed, used, over, or made for another hash opens nothing.
"""

from __future__ import annotations

import hmac
import json
import os
from base64 import b32encode, urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError, Negative
from roadmap_cli.core.records import Record
from roadmap_cli.wf import people

if TYPE_CHECKING:
    from roadmap_cli.state.store import Connection

PREFIX = "roadmap-wf:approve?token="
_SECRET = "tickets"
_FIELDS = ("ticket", "subject", "hash", "name", "expires")
MOST_CHARACTERS = 4096


def make(
    tx: Connection, subject: str, subject_hash: str, name: str, *, expires_at: datetime, is_sealed: bool, at: datetime
) -> str:
    """A new link for a person to decide on a plan or task; its text."""
    ticket = urlsafe_b64encode(os.urandom(18)).decode()
    row = (ticket, subject, subject_hash, people.spelled(name), clock.stamp(expires_at))
    tx.execute(
        "INSERT INTO wf_ticket(ticket, subject, subject_hash, user_name, is_sealed, made_at, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (ticket, subject, subject_hash, row[3], int(is_sealed), clock.stamp(at), row[4]),
    )
    body = urlsafe_b64encode(json.dumps(dict(zip(_FIELDS, row, strict=True))).encode()).decode()
    return f"{PREFIX}{body}.{_mac(tx, body)}"


def redeem(tx: Connection, text: str, at: datetime) -> Record:
    """What a link is for: ``subject``, ``hash``, ``name``, ``is_sealed``; it is used up with the transaction.

    Raises DataError for a text that is no link of this state, Negative for one that is over or was used.
    """
    found = [word for word in text[: 16 * MOST_CHARACTERS].split() if word.startswith(PREFIX)]
    if len(found) != 1 or len(found[0]) > MOST_CHARACTERS:
        raise DataError("there is no link in it, or more than one", code="bad_link")
    body, _, mac = found[0].removeprefix(PREFIX).partition(".")
    if not hmac.compare_digest(mac.encode(), _mac(tx, body).encode()):
        raise DataError("the link is not one of this state, or it was changed", code="forged_link")
    said = json.loads(urlsafe_b64decode(body))
    row = tx.execute(
        "SELECT subject, subject_hash, user_name, expires_at, used_at, is_sealed FROM wf_ticket WHERE ticket = ?",
        (said["ticket"],),
    ).fetchone()
    if row is None or [said[each] for each in ("subject", "hash", "name", "expires")] != list(row[:4]):
        raise DataError("the link is not one of this state", code="forged_link")
    if row[4] is not None:
        raise Negative(f"the link was used at {row[4]}", code="used_link")
    if clock.parse(row[3]) <= at:
        raise Negative(f"the link was good until {row[3]}", code="expired_link")
    tx.execute("UPDATE wf_ticket SET used_at = ? WHERE ticket = ?", (clock.stamp(at), said["ticket"]))
    return {"subject": row[0], "hash": row[1], "name": row[2], "is_sealed": bool(row[5])}


def code(tx: Connection, subject: str, subject_hash: str) -> str:
    """The code that a reply about a plan or task with a hash must name: 50 bits in base32."""
    digest = hmac.digest(_secret(tx), f"code\n{subject}\n{subject_hash}".encode(), sha256)
    return b32encode(digest)[:10].decode().lower()


def _mac(tx: Connection, body: str) -> str:
    return urlsafe_b64encode(hmac.digest(_secret(tx), b"link\n" + body.encode(), sha256)).decode().rstrip("=")


def _secret(tx: Connection) -> bytes:
    row = tx.execute("SELECT value FROM wf_secret WHERE name = ?", (_SECRET,)).fetchone()
    if row is None:
        # Only a writer makes one; whoever reads before there is one has nothing to check against it, either.
        value = os.urandom(32)
        tx.execute("INSERT INTO wf_secret(name, value) VALUES (?, ?)", (_SECRET, value))
        return value
    return bytes(row[0])
