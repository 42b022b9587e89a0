"""A mailbox on a server (IMAP): each new mail is an event with its headers and its text.

The server is asked to tell of news (IDLE, RFC 2177), else asked every two minutes. Reading changes nothing there.
The position is UIDVALIDITY and the next UID of each folder. A mail is the same if its bytes are: moved to another
folder, or numbered anew by the server, it makes no second event.
"""

from __future__ import annotations

import hashlib
import re
import select
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from roadmap_cli.core.errors import ConfigError, DataError, TryLater, Unavailable
from roadmap_cli.core.records import Record
from roadmap_cli.mail import foldernames, imap, message
from roadmap_cli.mail.headers import words
from roadmap_cli.wf import events
from roadmap_cli.wf.sources import Access, Dead, Found, pause
from roadmap_cli.wf.sources.settings import Setting

PROOF = "imap"
POLL_S = 120.0
#: A server may end a wait after 30 minutes.
RENEW_S = 29 * 60.0
CHUNK_MAILS, CHUNK_BYTES = 50, 16 * 1024 * 1024
MOST_HEADERS, MOST_HEADER = 100, 2000


def follow(setting: Setting, access: Access) -> Follower:
    """A folder at a URL such as imaps://user@host/INBOX."""
    parts = urlsplit(setting.place)
    name = unquote(parts.username or "")
    user, _, rest = name.partition(";")
    mechanism = rest.partition("=")[2].upper() if rest.upper().startswith("AUTH=") else ""
    if parts.scheme not in ("imap", "imaps") or not parts.hostname:
        raise ConfigError(f"not the URL of a mailbox: {setting.shown!r}", hint="write imaps://user@host/INBOX")
    if not (user or setting.user):
        raise ConfigError("the URL of the mailbox names no user", hint="write imaps://user@host/INBOX", code="no_user")
    if not access.secret:
        raise ConfigError("the mailbox wants a password", hint="give --secret-file FILE", code="no_password")
    folder = unquote(parts.path.strip("/").partition(";")[0]) or "INBOX"
    return Follower(
        setting.place, user or setting.user, mechanism.replace("*", ""), folder, parts.scheme == "imaps", access,
        setting.from_start, setting.every_s or POLL_S, setting.authserv,
    )  # fmt: skip


@dataclass(slots=True)
class Follower:
    """A session that is kept open while it waits."""

    address: str
    user: str
    mechanism: str
    folder: str
    encrypted: bool
    access: Access
    from_start: bool
    every_s: float
    authserv: str = ""
    _client: imap.Client | None = field(default=None, repr=False)

    def poll(self, position: Mapping[str, Any]) -> Iterator[Found]:
        """The mails that came since a position; the first time none that is there already, unless asked for."""
        try:
            yield from self._poll(position)
        except (Unavailable, TryLater):
            self._drop()
            raise

    def _poll(self, position: Mapping[str, Any]) -> Iterator[Found]:
        client = self._session()
        raw = foldernames.written(self.folder)
        opened = client.open(raw)
        first = position.get("uid_next")
        if not isinstance(first, int) or isinstance(first, bool):
            first = 1 if self.from_start else opened.uid_next or 1
            yield Found([], {"uid_validity": opened.uid_validity, "uid_next": first})
        elif position.get("uid_validity") != opened.uid_validity:
            first = 1  # numbered anew: those that are known make no second event
        if opened.uid_next and opened.uid_next <= first:
            return
        for uids in imap.chunks(client.sizes(first) if opened.exists else [], CHUNK_MAILS, CHUNK_BYTES):
            proven: list[Record] = []
            found, dead = self._events(client, uids, proven)
            if proven:  # first, and without the position: what is not stored yet is asked for again
                yield Found(events.named(proven), proof=PROOF)
            yield Found(found, {"uid_validity": opened.uid_validity, "uid_next": uids[-1] + 1}, dead)

    def _events(self, client: imap.Client, uids: list[int], proven: list[Record]) -> tuple[list[Record], list[Dead]]:
        found: list[Record] = []
        dead: list[Dead] = []
        for fetched in imap.each_fetched(client, uids):
            if isinstance(fetched, int):
                dead.append(Dead("mail", f"UID {fetched}".encode(), "refused", "the server refuses a mail"))
                continue
            event = from_mail(fetched.data, self.folder, fetched.came_at, self.access.now())
            (proven if is_proven(fetched.data, self.authserv) else found).append(event)
        return events.named(found), dead

    def wait(self, stop: threading.Event) -> None:
        """Wait for word of news; what goes wrong meanwhile shows at the next poll."""
        client = self._client
        if client is None:
            pause(stop, 1.0)
            return
        try:
            if not client.can_idle:
                pause(stop, self.every_s)
                return
            client.idle()
            ends = time.monotonic() + RENEW_S
            while not stop.is_set() and time.monotonic() < ends:
                said = client.stream.waiting() or select.select([client.stream.fileno()], [], [], 0.5)[0]
                if said and client.listen():
                    break
                if not client.idling:  # it said good-bye
                    self._drop()
                    return
            client.stop_idling()
        except (Unavailable, TryLater, OSError):
            self._drop()

    def _drop(self) -> None:
        """Let go of a connection that is broken."""
        client, self._client = self._client, None
        if client is not None:
            client.stream.close()

    def close(self) -> None:
        """End the session."""
        client, self._client = self._client, None
        if client is not None:
            client.leave()

    def _session(self) -> imap.Client:
        if self._client is not None:
            return self._client
        self._client = imap.logged_in(
            self.access.transport, self.address, self.user, self.access.secret,
            mechanism=self.mechanism, encrypted=self.encrypted,
        )  # fmt: skip
        return self._client


def from_mail(data: bytes, folder: str, came_at: datetime | None, at: datetime) -> Record:
    """The event of a mail, still without its id. Never raises."""
    mail = message.parse(data)
    headers: Record = {}
    for name, value in _headers(mail):
        if len(headers) < MOST_HEADERS:
            headers.setdefault(name, value[:MOST_HEADER])
    told: Record = {
        "folder": folder,
        "message_id": mail.message_id,
        "from": mail.sender[1],
        "from_name": mail.sender[0],
        "to": [address for _, address in mail.recipients[:100]],
        "subject": mail.subject,
        "text": mail.text,
        "headers": headers,
        "attachments": [{"name": each.name, "type": each.type, "size_bytes": each.size_bytes}
                        for each in mail.attachments[:100]],
        "in_reply_to": mail.in_reply_to[:10],
        "is_automatic": mail.is_automatic,
        "checks": mail.checks,
    }  # fmt: skip
    happened = came_at or mail.at or at
    return events.event(
        happened, at, source="mail", type="mail.received", subject=mail.subject,
        key=f"mail:{hashlib.sha256(data).hexdigest()}", data=told,
    )  # fmt: skip


def is_proven(data: bytes, authserv: str) -> bool:
    """Whether the mailbox's own server, known by its authserv-id, found the one sender of a mail genuine (DMARC).

    Only the topmost Authentication-Results counts, and only if it is that server's: without one of its own the topmost
    is the sender's. Words within quotes and comments are the sender's, too. Source: RFC 8601, 2.2, 5 and 7.1.
    """
    if not authserv:  # the usual case: the mail need not be read once more
        return False
    mail = message.parse(data)
    told = mail.head.raw("authentication-results")
    if told is None or len(list(mail.head.every("from"))) != 1 or len(told) > MOST_HEADER:
        return False
    text = told.decode("ascii", "replace")
    if text.count('"') % 2 or "\\" in text:
        return False
    bare = re.sub(r'"[^"]*"', "-", text)
    while (without := re.sub(r"\([^()]*\)", " ", bare)) != bare:
        bare = without
    if "(" in bare or ")" in bare:  # a comment that never ends or never began: what is whose cannot be told
        return False
    name, *results = (" ".join(each.split()) for each in bare.split(";"))
    verdicts = [each.casefold() for each in results if each.casefold().startswith("dmarc")]
    if name.partition(" ")[0].casefold() != authserv.casefold() or len(verdicts) != 1:
        return False
    found = re.match(r"dmarc(?:/1)? ?= ?pass(?: |\Z)", verdicts[0])
    signed = re.findall(r"header\.from ?= ?(\S+)", verdicts[0])
    domain = mail.sender[1].casefold().rpartition("@")[2]
    return bool(found and domain) and (not signed or signed == [domain])


def _headers(mail: message.Mail) -> Iterator[tuple[str, str]]:
    for name, value in mail.head.fields:
        yield name[:100], " ".join(words(value[: 2 * MOST_HEADER]).split())


def read(body: bytes, headers: Mapping[str, str], at: datetime) -> list[Record]:
    """A mail that the server refused is not kept, only its number: it cannot be read again from here."""
    raise DataError("only the server has this mail", code="refused")
