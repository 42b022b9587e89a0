"""A client of a mailbox on a server (IMAP4rev1, RFC 3501): it only reads, and changes nothing.

Messages are fetched with BODY.PEEK from a folder opened with EXAMINE, so that what is unread stays so.
What the server has to offer is used: CONDSTORE and QRESYNC (RFC 7162), IDLE (RFC 2177), SPECIAL-USE (RFC 6154),
SASL-IR (RFC 4959), ENABLE (RFC 5161).
Nothing that stands in a mail goes into an error.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roadmap_cli.core.errors import ConfigError, DataError, TryLater, Unavailable
from roadmap_cli.mail import imap_words as words
from roadmap_cli.mail.foldernames import readable
from roadmap_cli.mail.imap_words import Fetched, Response
from roadmap_cli.net import addresses
from roadmap_cli.net.stream import Stream, connect

if TYPE_CHECKING:
    from roadmap_cli.net.transport import Transport

PORT, PORT_TLS = 143, 993
#: What connections to mailboxes are permitted and listed as.
PURPOSE = "mail"
TIMEOUT_S = 60.0
#: How long the answer to a good-bye is waited for.
FAREWELL_S = 5.0
#: A literal larger than this is refused: no mail is asked for whole that is larger.
MOST_LITERAL_BYTES = 80 * 1024 * 1024
#: The least part of a mail too large to be fetched whole that is fetched.
MOST_MAIL_BYTES = 64 * 1024 * 1024
MOST_RESPONSES = 5_000_000

_LITERAL = re.compile(rb"\{(\d{1,12})\+?\}\r?\n\Z")
_CODE = re.compile(rb"\[([A-Za-z0-9-]+)(?: ([^\]]*))?\]")


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of the server: its name as the server writes it, the same for people, what it is for."""

    raw: str
    name: str
    uses: frozenset[str]
    """Flags in lower case: \\sent, \\junk, \\trash, \\drafts, \\all, \\noselect …"""


@dataclass(slots=True)
class Opened:
    """What a folder says when it is opened."""

    uid_validity: int = 0
    uid_next: int = 0
    exists: int = 0
    highest_modseq: int = 0


@dataclass(slots=True)
class Client:
    """A session on a connection. Raises ConfigError (refused), Unavailable (cut off, no mailbox), TryLater (busy)."""

    stream: Stream
    capabilities: frozenset[str] = frozenset()
    idling: bool = False
    news: bool = False
    """Mails came that were not asked for."""
    _count: int = 0
    _idle_tag: bytes = b""

    # -- session -----------------------------------------------------------------------------------------------------

    def greet(self) -> None:
        """Take in the greeting."""
        line = self._response().line
        if line.upper().startswith(b"* BYE"):
            raise TryLater(f"{self.stream.host!r} takes no connection now", code="busy")
        if not line.upper().startswith((b"* OK", b"* PREAUTH")):
            raise Unavailable(f"{self.stream.host!r} is no mail server (IMAP)", code="no_imap")
        self._learn(line)
        if not self.capabilities:
            self._ask_capabilities()

    def secure(self) -> None:
        """Encrypt a connection that is not yet (STARTTLS). Raises ConfigError if the server cannot."""
        if "STARTTLS" not in self.capabilities:
            raise ConfigError(
                f"{self.stream.host!r} offers no encryption here, so no password is sent",
                hint="use imaps:// if it has that",
                code="no_encryption",
            )
        self.command("STARTTLS")
        self.stream.start_tls()
        self.capabilities = frozenset()
        self._ask_capabilities()

    def log_in(self, user: str, secret: str, mechanism: str = "") -> None:
        """Log in with a password, or with a token if the mechanism is XOAUTH2 or OAUTHBEARER.

        Raises ConfigError (wrong_password).
        """
        try:
            if mechanism in ("XOAUTH2", "OAUTHBEARER"):
                self._authenticate(mechanism, words.token(mechanism, user, secret, self.stream.host))
            elif "AUTH=PLAIN" in self.capabilities or mechanism == "PLAIN":
                self._authenticate("PLAIN", f"\0{user}\0{secret}".encode())
            elif "LOGINDISABLED" in self.capabilities:
                raise ConfigError(f"{self.stream.host!r} takes no password on this connection", code="no_login")
            else:
                self.command("LOGIN", words.string(user), words.string(secret))
        except _RefusedError as error:
            if error.code in ("UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG"):
                raise TryLater(f"{self.stream.host!r} cannot log in now", code="busy") from None
            raise ConfigError(
                f"{self.stream.host!r} refuses the user or the {'token' if mechanism in _TOKENS else 'password'}",
                hint="give the right one with --password-file; many providers want one made for this program",
                code="wrong_password",
            ) from None
        self._ask_capabilities()
        if "ENABLE" in self.capabilities and "QRESYNC" in self.capabilities:
            self.command("ENABLE", b"QRESYNC")
        elif "ENABLE" in self.capabilities and "CONDSTORE" in self.capabilities:
            self.command("ENABLE", b"CONDSTORE")

    def log_out(self) -> None:
        """Say good-bye; what goes wrong then does not matter."""
        try:
            if self.idling:
                self.stop_idling()
            self.command("LOGOUT")
        except (Unavailable, TryLater, ConfigError, DataError):
            return

    def leave(self) -> None:
        """End the session; a server that says nothing is not waited for long."""
        self.stream.timeout_s = FAREWELL_S
        self.log_out()
        self.stream.close()

    # -- folders -----------------------------------------------------------------------------------------------------

    def folders(self) -> list[Folder]:
        """All folders that can be opened."""
        found = []
        for response in self.command("LIST", b'""', b'"*"'):
            told = re.match(
                rb'\* LIST \(([^)]*)\) (?:"(?:\\.|[^"\\])*"|NIL) (.*)\Z', response.line.strip(), re.I | re.S
            )
            if told:
                name = words.name(told[2], response.literals)
                uses = frozenset(told[1].decode("latin-1").lower().split())
                if not uses & {"\\noselect", "\\nonexistent"}:
                    found.append(Folder(name, readable(name), uses))
        return found

    def open(self, raw_name: str) -> Opened:
        """Open a folder for reading only. Raises DataError (no_folder)."""
        how = (b"(CONDSTORE)",) if "CONDSTORE" in self.capabilities and "QRESYNC" not in self.capabilities else ()
        try:
            responses = self.command("EXAMINE", words.string(raw_name), *how)
        except _RefusedError as error:
            raise DataError(
                f"the server has no folder {readable(raw_name)!r} that can be read",
                hint="leave the folder out of the URL to read all there are",
                code="no_folder",
            ) from error
        opened = Opened()
        for response in responses:
            line = response.line.upper()
            if exists := re.match(rb"\* (\d+) EXISTS", line):
                opened.exists = int(exists[1])
            elif code := _CODE.search(line):
                number = int(code[2]) if code[2] and code[2].isdigit() else 0
                if code[1] == b"UIDVALIDITY":
                    opened.uid_validity = number
                elif code[1] == b"UIDNEXT":
                    opened.uid_next = number
                elif code[1] == b"HIGHESTMODSEQ":
                    opened.highest_modseq = number
        self.news = False
        return opened

    # -- mails -------------------------------------------------------------------------------------------------------

    def sizes(self, first_uid: int, changed_since: int = 0) -> list[tuple[int, int]]:
        """UID and size of every mail from a UID on, in their order."""
        how = (
            (f"(CHANGEDSINCE {changed_since})".encode(),) if changed_since and "CONDSTORE" in self.capabilities else ()
        )
        found: dict[int, int] = {}
        tag = self._send("UID FETCH", (f"{first_uid}:*".encode(), b"(UID RFC822.SIZE)", *how))
        while not (response := self._response()).line.startswith(tag + b" "):
            uid = re.search(rb"\bUID (\d{1,10})\b", response.line)
            size = re.search(rb"\bRFC822\.SIZE (\d{1,12})\b", response.line)
            if uid and size and int(uid[1]) >= first_uid:  # "n:*" always gives the last one, too
                found[int(uid[1])] = int(size[1])
            elif not uid:
                self._notice(response)
        self._judge(response.line, "UID FETCH")
        return sorted(found.items())

    def fetch(self, uids: Sequence[int]) -> Iterator[Fetched]:
        """These mails, each as soon as it has come; those that are gone meanwhile are left out."""
        if not uids:
            return
        body = f"BODY.PEEK[]<0.{MOST_MAIL_BYTES}>".encode()
        tag = self._send("UID FETCH", (words.uid_set(uids), b"(UID FLAGS INTERNALDATE " + body + b")"))
        while True:
            response = self._response()
            if response.line.startswith(tag + b" "):
                self._judge(response.line, "UID FETCH")
                return
            fetched = words.fetched(response)
            if fetched is not None:
                yield fetched
            else:
                self._notice(response)

    # -- news --------------------------------------------------------------------------------------------------------

    @property
    def can_idle(self) -> bool:
        """Whether the server tells of news by itself."""
        return "IDLE" in self.capabilities

    def idle(self) -> None:
        """Ask the server to tell of news from now on."""
        tag = self._send("IDLE", ())
        while True:
            response = self._response()
            if response.line.startswith(b"+"):
                self.idling = True
                self._idle_tag = tag
                return
            if response.line.startswith(tag + b" "):
                self._judge(response.line, "IDLE")
                raise Unavailable(f"{self.stream.host!r} ended the wait for news", code="cut_off")
            self._notice(response)

    def listen(self) -> bool:
        """Take in what the server has said while idling; whether mails came since the last call."""
        while self.stream.waiting() or _readable(self.stream):
            response = self._response()
            if response.line.startswith(self._idle_tag + b" "):
                self.idling = False
                raise Unavailable(f"{self.stream.host!r} ended the wait for news", code="cut_off")
            self._notice(response)
        found, self.news = self.news, False
        return found

    def stop_idling(self) -> None:
        """End the wait for news."""
        self.stream.send(b"DONE\r\n")
        self.idling = False
        while True:
            response = self._response()
            if response.line.startswith(self._idle_tag + b" "):
                return
            self._notice(response)

    def nothing(self) -> bool:
        """Ask whether there is news (NOOP), which also keeps the session alive."""
        for response in self.command("NOOP"):
            self._notice(response)
        found, self.news = self.news, False
        return found

    # -- the protocol ------------------------------------------------------------------------------------------------

    def command(self, name: str, *arguments: bytes) -> list[Response]:
        """Send a command; the untagged answers to it. Raises _RefusedError for NO and BAD."""
        tag = self._send(name, arguments)
        found: list[Response] = []
        while True:
            response = self._response()
            if response.line.startswith(tag + b" "):
                self._judge(response.line, name)
                self._learn(response.line)
                return found
            if response.line.startswith(b"+"):
                continue
            self._learn(response.line)
            self._notice(response)
            if len(found) < MOST_RESPONSES:
                found.append(response)

    def _send(self, name: str, arguments: Sequence[bytes]) -> bytes:
        self._count += 1
        tag = f"r{self._count}".encode()
        head = b" ".join((tag, name.encode()))
        for argument in arguments:
            if argument.startswith(b"{"):  # a literal: wait until the server takes it
                mark, _, content = argument.partition(b"\r\n")
                self.stream.send(head + b" " + mark + b"\r\n")
                self._wait_for_plus(tag, name)
                head = content
            else:
                head += b" " + argument
        self.stream.send(head + b"\r\n")
        return tag

    def _wait_for_plus(self, tag: bytes, name: str) -> None:
        while True:
            response = self._response()
            if response.line.startswith(b"+"):
                return
            if response.line.startswith(tag + b" "):
                self._judge(response.line, name)
                raise Unavailable(f"{self.stream.host!r} does not follow the protocol", code="bad_answer")
            self._notice(response)

    def _authenticate(self, mechanism: str, initial: bytes) -> None:
        encoded = base64.b64encode(initial) or b"="
        direct = "SASL-IR" in self.capabilities
        tag = self._send("AUTHENTICATE", (mechanism.encode(), *((encoded,) if direct else ())))
        given = direct
        while True:
            response = self._response()
            if response.line.startswith(b"+"):
                self.stream.send((b"" if given else encoded) + b"\r\n")  # after a refusal: an empty answer (XOAUTH2)
                given = True
            elif response.line.startswith(tag + b" "):
                self._judge(response.line, "AUTHENTICATE")
                self._learn(response.line)
                return
            else:
                self._learn(response.line)

    def _response(self) -> Response:
        """The next line with its literals."""
        text = bytearray()
        literals: list[bytes] = []
        while True:
            line = self.stream.line()
            found = _LITERAL.search(line)
            if not found:
                text += line
                return Response(bytes(text), tuple(literals))
            size = int(found[1])
            if size > MOST_LITERAL_BYTES or len(literals) > 1000:
                raise Unavailable(f"{self.stream.host!r} sends more than it was asked for", code="bad_answer")
            text += line[: found.start()] + b"{" + found[1] + b"}"
            literals.append(self.stream.block(size))

    def _judge(self, line: bytes, name: str) -> None:
        """Raise for a command that did not succeed. What the server says is not repeated: it may quote the command."""
        word = line.split(b" ", 2)[1].upper().strip() if line.count(b" ") else b""
        if word == b"OK":
            return
        code = _CODE.search(line)
        raise _RefusedError(self.stream.host, name, code[1].decode("latin-1").upper() if code else "")

    def _notice(self, response: Response) -> None:
        line = response.line.upper()
        if re.match(rb"\* \d+ (EXISTS|RECENT)", line):
            self.news = True
        elif line.startswith(b"* BYE") and not line.startswith(b"* BYE LOGGING OUT"):
            self.idling = False

    def _learn(self, line: bytes) -> None:
        upper = line.upper()
        found = re.search(rb"(?:\A\* CAPABILITY |\[CAPABILITY )([^\]\r\n]*)", upper)
        if found:
            self.capabilities = frozenset(found[1].decode("latin-1").split())

    def _ask_capabilities(self) -> None:
        self.command("CAPABILITY")


class _RefusedError(Unavailable):
    """The server answered NO or BAD."""

    def __init__(self, host: str, name: str, code: str):
        super().__init__(f"{host!r} refuses {name.split(' ')[-1].lower()}", code="refused")
        self.code = code or "refused"


_TOKENS = ("XOAUTH2", "OAUTHBEARER")


def _readable(stream: Stream) -> bool:
    import select

    return bool(select.select([stream.fileno()], [], [], 0)[0])


def logged_in(
    transport: Transport, url: str, user: str, secret: str, *, mechanism: str = "", encrypted: bool
) -> Client:
    """A session at the mailbox of a URL. A secret goes over an encrypted connection, or stays on this machine.

    `encrypted` is from the first byte on; else STARTTLS is asked for where the server has it or the way leaves this
    machine. Raises ConfigError (not permitted, no encryption, refused), Unavailable and TryLater.
    """
    port = PORT_TLS if encrypted else PORT
    connection = connect(transport, url, port=port, encrypted=encrypted, purpose=PURPOSE, kinds=(), timeout_s=TIMEOUT_S)
    client = Client(connection)
    try:
        client.greet()
        if not encrypted and ("STARTTLS" in client.capabilities or not addresses.is_loopback(connection.host)):
            client.secure()
        client.log_in(user, secret, mechanism)
    except BaseException:
        connection.close()
        raise
    return client


def chunks(sizes: Iterable[tuple[int, int]], most_mails: int, most_bytes: int) -> Iterator[list[int]]:
    """Mails, given as UID and size, in lots of so many at most, and so large at most where one alone is not larger."""
    chunk: list[int] = []
    held = 0
    for uid, size in sizes:
        if chunk and (len(chunk) >= most_mails or held + size > most_bytes):
            yield chunk
            chunk, held = [], 0
        chunk.append(uid)
        held += size
    if chunk:
        yield chunk


def each_fetched(client: Client, uids: Sequence[int]) -> Iterator[Fetched | int]:
    """Mails; where the server refuses a lot, one by one, so that a damaged mail costs only itself: its UID comes.

    Raises what `Client.fetch` does of a connection that broke.
    """
    came: set[int] = set()
    try:
        for fetched in client.fetch(uids):
            came.add(fetched.uid)
            yield fetched
    except Unavailable as error:
        if error.code in ("cut_off", "bad_answer"):
            raise
        if len(uids) == 1:
            yield uids[0]
            return
        for uid in uids:
            if uid not in came:
                yield from each_fetched(client, [uid])
