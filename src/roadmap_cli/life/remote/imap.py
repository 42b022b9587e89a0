"""Mailboxes on a server (IMAP): what came since the last time, folder by folder, and word of news as it comes.

`imaps://user@host/INBOX` is one folder; without a path all folders are read but junk, trash and drafts. The user may
name how to log in (RFC 5092): `imaps://user;AUTH=XOAUTH2@host/`, with a token in place of the password.

Where reading ended is kept by folder: UIDVALIDITY, the next UID, and HIGHESTMODSEQ where the server has it, so that a
folder in which nothing happened costs one command. A mail that is deleted there is kept here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from roadmap_cli.core.errors import ConfigError, DataError, TryLater, Unavailable
from roadmap_cli.life.formats import mails
from roadmap_cli.life.kinds.items import Item, Position
from roadmap_cli.life.remote import Access, bare, source_of, user_of
from roadmap_cli.mail import foldernames, imap
from roadmap_cli.net import backoff

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

NAME, WHAT, PURPOSE = "imap", "a mailbox on a server (IMAP)", imap.PURPOSE
#: Mails asked for at once: so many, or so many bytes of them.
CHUNK_MAILS, CHUNK_BYTES = 100, 16 * 1024 * 1024
#: A server may end a wait after 30 minutes (RFC 2177).
RENEW_S = 29 * 60.0
#: How often a server is asked that cannot tell of news.
POLL_S = 120.0
ATTEMPTS = 5

_PASSED_OVER = frozenset({"\\junk", "\\trash", "\\drafts"})
_PASSED_OVER_NAMES = frozenset(
    {"junk", "spam", "trash", "drafts", "deleted items", "deleted messages", "entwürfe", "papierkorb"}
)


@dataclass(frozen=True, slots=True)
class _Where:
    """What a URL says."""

    url: str
    user: str
    mechanism: str
    folder: str
    encrypted: bool


def items(url: str, access: Access, settings: Settings, sleep: Callable[[float], None] = time.sleep) -> Iterator[Item]:
    """The mails that came since `access.position`, and how far each folder was read after at most 100 of them.

    A connection that is cut off is made again, after pauses, and reading goes on where it was.
    """
    where = _where(url)
    reached: dict[str, dict[str, int]] = {}
    known = access.position.get("folders")
    if isinstance(known, Mapping):
        reached = {str(name): dict(each) for name, each in known.items() if isinstance(each, Mapping)}
    attempt = 1
    while True:
        try:
            for item in _session(where, access, settings, reached):
                if isinstance(item, Position):
                    attempt = 1  # it does go on
                yield item
        except (Unavailable, TryLater) as error:
            if error.code not in ("cut_off", "timed_out", "busy") or attempt >= ATTEMPTS:
                raise
            sleep(backoff.pause(attempt, None, access.now()))
            attempt += 1
        else:
            return


def listen(url: str, access: Access, settings: Settings) -> Listener:
    """Word of news in a folder (INBOX if the URL names none)."""
    return Listener(_where(url), access)


def _where(url: str) -> _Where:
    parts = urlsplit(url)
    name = user_of(url) or ""
    user, _, rest = name.partition(";")
    mechanism = rest.partition("=")[2].upper() if rest.upper().startswith("AUTH=") else ""
    if not user:
        raise ConfigError(
            "the URL names no user", hint=f"write it as {parts.scheme}://user@{parts.hostname}/INBOX", code="no_user"
        )
    if mechanism not in ("", "*", "PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"):
        raise ConfigError(
            f"unknown way to log in: {mechanism!r}",
            hint="known are PLAIN, LOGIN, XOAUTH2, OAUTHBEARER",
            code="no_login",
        )
    folder = unquote(parts.path.strip("/").partition(";")[0])
    return _Where(url, user, mechanism.replace("*", ""), folder, parts.scheme.lower() == "imaps")


def _connected(where: _Where, access: Access) -> imap.Client:
    """A session that is logged in. Raises ConfigError without a password, and as `imap.logged_in`."""
    if not access.password:
        raise ConfigError("the mailbox wants a password", hint="give --password-file FILE", code="no_password")
    return imap.logged_in(
        access.transport, where.url, where.user, access.password, mechanism=where.mechanism, encrypted=where.encrypted
    )


def _session(where: _Where, access: Access, settings: Settings, reached: dict[str, dict[str, int]]) -> Iterator[Item]:
    client = _connected(where, access)
    with client.stream:
        for folder in _chosen(client, where):
            yield from _folder(client, folder, where, settings, reached)
        client.log_out()


def _chosen(client: imap.Client, where: _Where) -> list[imap.Folder]:
    """The folders to read. Where one holds all mail (Gmail), it and what was sent: the others hold the same mails."""
    listed = client.folders()
    if where.folder:
        for each in listed:
            if each.name == where.folder or (each.name.upper() == "INBOX" == where.folder.upper()):
                return [each]
            if each.name.replace(".", "/") == where.folder:  # the separator of the server is a dot
                return [each]
        return [imap.Folder(foldernames.written(where.folder), where.folder, frozenset())]
    kept = [
        each
        for each in listed
        if not each.uses & _PASSED_OVER
        and each.name.rpartition("/")[2].rpartition(".")[2].lower() not in _PASSED_OVER_NAMES
    ]
    whole = [each for each in kept if "\\all" in each.uses]
    return [*(each for each in kept if "\\sent" in each.uses), *whole] if whole else kept


def _folder(
    client: imap.Client, folder: imap.Folder, where: _Where, settings: Settings, reached: dict[str, dict[str, int]]
) -> Iterator[Item]:
    source = source_of(where.url, NAME)
    try:
        opened = client.open(folder.raw)
    except DataError as error:
        yield DataError(error.message, where=source.name, hint=error.hint, code=error.code)
        return
    left = reached.get(folder.raw, {})
    same = left.get("uid_validity") == opened.uid_validity
    first = left.get("uid_next", 1) if same else 1
    if same and opened.uid_next and opened.uid_next <= first:
        return
    for uids in imap.chunks(client.sizes(first) if opened.exists else [], CHUNK_MAILS, CHUNK_BYTES):
        for fetched in imap.each_fetched(client, uids):
            if isinstance(fetched, int):
                message = f"the server refuses mail {fetched}"
                yield DataError(message, where=f"{source.name}:{folder.name}", code="refused")
                continue
            place = mails.Place(
                source, fetched.uid, folder.name, fetched.came_at, "received", is_sent="\\sent" in folder.uses
            )
            yield from mails.items(fetched.data, place, settings)
        yield _position(where, reached, folder, opened, uids[-1] + 1)
    now = reached.get(folder.raw, {})
    if now.get("uid_validity") != opened.uid_validity or now.get("uid_next", 1) < opened.uid_next:
        yield _position(where, reached, folder, opened, max(opened.uid_next, first))


def _position(
    where: _Where, reached: dict[str, dict[str, int]], folder: imap.Folder, opened: imap.Opened, uid_next: int
) -> Position:
    reached[folder.raw] = {"uid_validity": opened.uid_validity, "uid_next": uid_next}
    if opened.highest_modseq:
        reached[folder.raw]["highest_modseq"] = opened.highest_modseq
    return Position(bare(where.url), {"folders": {name: dict(each) for name, each in reached.items()}})


@dataclass
class Listener:
    """A session that waits for news: IDLE, renewed every 29 minutes; where there is none, NOOP every two minutes.

    A connection that is lost is made again after growing pauses; then there may be news.
    """

    where: _Where
    access: Access
    _client: imap.Client | None = None
    _next: float = field(default_factory=time.monotonic)
    _attempt: int = 0
    _may_be_news: bool = False

    def __post_init__(self) -> None:
        self._connect()

    def fileno(self) -> int:
        """What is readable when the server has said something; -1 without a connection or without IDLE."""
        return self._client.stream.fileno() if self._client and self._client.idling else -1

    def pause_s(self) -> float:
        """The seconds until the wait is to be renewed, the server asked, or the connection made again."""
        if self._may_be_news or (self._client and self._client.idling and self._client.stream.waiting()):
            return 0.0
        return max(self._next - time.monotonic(), 0.0)

    def heard(self) -> bool:
        """Take in what was said; whether mails may have come."""
        news, self._may_be_news = self._may_be_news, False
        try:
            if self._client is None:
                if time.monotonic() >= self._next:
                    self._connect()
                    return news or self._client is not None
                return news
            if self._client.idling:
                news = self._client.listen() or news
                if time.monotonic() >= self._next:
                    self._client.stop_idling()
                    news = self._client.nothing() or news
                    self._wait()
            elif time.monotonic() >= self._next:
                news = self._client.nothing() or news
                self._next = time.monotonic() + POLL_S
        except (Unavailable, TryLater):
            self._lose()
        return news

    def close(self) -> None:
        """End the session."""
        client, self._client = self._client, None
        if client is not None:
            client.leave()

    def _connect(self) -> None:
        client = None
        try:
            client = _connected(self.where, self.access)
            folder = _chosen(client, self.where) if self.where.folder else [imap.Folder("INBOX", "INBOX", frozenset())]
            opened = client.open(folder[0].raw)
            self._client = client
            self._attempt = 0
            self._may_be_news = self._missed(folder[0].raw, opened)
            self._wait()
        except (Unavailable, TryLater) as error:
            if error.code in ("offline", "dry_run"):
                raise
            if client is not None:
                client.stream.close()
            self._lose()

    def _missed(self, raw: str, opened: imap.Opened) -> bool:
        """Whether mails came between the last reading and now."""
        folders: Any = self.access.position.get("folders")
        left = folders.get(raw, {}) if isinstance(folders, Mapping) else {}
        return bool(opened.uid_next) and left.get("uid_next") != opened.uid_next

    def _wait(self) -> None:
        client = self._client
        if client is None:
            return
        if client.can_idle:
            client.idle()
            self._next = time.monotonic() + RENEW_S
        else:
            self._next = time.monotonic() + POLL_S

    def _lose(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.stream.close()
        self._attempt += 1
        self._next = time.monotonic() + backoff.pause(min(self._attempt + 2, 8), None, self.access.now())
