"""Sending one message by SMTP (RFC 5321) over a guarded connection."""

from __future__ import annotations

import base64
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

from roadmap_cli.core.errors import ConfigError, DataError, TryLater, Unavailable
from roadmap_cli.core.records import Record
from roadmap_cli.net import addresses, stream
from roadmap_cli.net.stream import Stream
from roadmap_cli.net.transport import Transport
from roadmap_cli.wf.actions import Context, once
from roadmap_cli.wf.actions import connections as known
from roadmap_cli.wf.actions.connections import Connections
from roadmap_cli.wf.actions.watching import over_network
from roadmap_cli.wf.language.services import fields
from roadmap_cli.wf.language.services import mail as asked

PURPOSE = "workflow"
_PORTS = {"smtp": 587, "smtps": 465}
_MOST_LINES = 100


def perform(spec: Record, step: Record, context: Context) -> Record:
    """Send the message at most once for the key of the step."""
    connections = known.load(context.environ)
    message, sender = built(spec, context, connections)

    def work(transport: Transport) -> Any:
        _deliver(transport, spec, sender, message, connections, step["timeout_s"])
        return {"message_id": str(message["Message-ID"]), "recipients_count": len(spec["to"]) + len(spec["cc"])}

    def over() -> Any:
        return over_network(context, work, timeout_s=step["timeout_s"])

    return once.send(spec, step, context, work=over, resources=asked.resources(spec))


def built(spec: Record, context: Context, connections: Connections) -> tuple[EmailMessage, str]:
    """The message and the address of its sender. Raises ConfigError for an account without one."""
    name, sender = parseaddr(connections.text("mail", spec["account"], "from"))
    if not asked.ADDRESS.match(sender):
        raise ConfigError(f"[mail.{spec['account']}] needs 'from', an address", where=connections.place)
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = Address(display_name=fields.printable(name), addr_spec=sender)
    message["To"] = ", ".join(spec["to"])
    if spec["cc"]:
        message["Cc"] = ", ".join(spec["cc"])
    message["Subject"] = spec["subject"]
    message["Date"] = context.now()
    message["Message-ID"] = f"<{context.key}.roadmap@{sender.rpartition('@')[2]}>"
    if spec.get("in_reply_to"):
        message["In-Reply-To"] = spec["in_reply_to"]
        message["References"] = spec["in_reply_to"]
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday notice shall answer it
    message.set_content(spec["text"])
    return message, sender


def _deliver(
    transport: Transport, spec: Record, sender: str, message: EmailMessage, connections: Connections, timeout_s: float
) -> None:
    account = spec["account"]
    url = connections.text("mail", account, "url")
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ConfigError(f"[mail.{account}]: 'url' must begin with smtp:// or smtps://", where=connections.place)
    place = parts.hostname if parts.port is None else f"{parts.hostname}:{parts.port}"
    user = connections.text("mail", account, "user", "")
    password = connections.secret(connections.text("mail", account, "password"), place) if user else None
    session = None
    try:
        with stream.connect(
            transport, url, port=_PORTS[parts.scheme], encrypted=parts.scheme == "smtps", purpose=PURPOSE, kinds=(),
            timeout_s=min(timeout_s * 0.9, 120.0),
        ) as wire:  # fmt: skip
            session = _Session(wire)
            session.greet(parts.hostname)
            if password:
                session.log_in(user, password.value)
            session.send(sender, [*spec["to"], *spec["cc"]], message.as_bytes())
    except (TryLater, Unavailable) as error:
        if session is None or not session.is_content_sent:
            raise TryLater(error.message, code="refused") from None
        raise


class _Session:
    """A conversation with a server. Until the content is sent, each failure means that nothing was done."""

    def __init__(self, wire: Stream):
        self._wire = wire
        self.is_content_sent = False
        self._offers: set[str] = set()
        self._logins: set[str] = set()

    def greet(self, host: str) -> None:
        """Say hello and make the connection encrypted; a server on this machine may go without."""
        self._expect("greets", 220)
        self._hello()
        if not self._wire.is_encrypted:
            if "STARTTLS" in self._offers:
                self._command("STARTTLS", 220)
                self._wire.start_tls()
                self._hello()
            elif not addresses.is_loopback(host):
                raise ConfigError(f"{host!r} offers no encryption, and nothing is sent without", code="refused")

    def _hello(self) -> None:
        lines = self._command("EHLO localhost", 250)[1:]
        self._offers = {line.split(" ")[0].upper() for line in lines if line}
        self._logins = {word.upper() for line in lines if line.upper().startswith("AUTH") for word in line.split()[1:]}

    def log_in(self, user: str, password: str) -> None:
        """AUTH PLAIN (RFC 4616), or LOGIN where that is all there is."""
        if "LOGIN" in self._logins and "PLAIN" not in self._logins:
            self._command("AUTH LOGIN", 334, told="AUTH")
            self._command(base64.b64encode(user.encode()).decode(), 334, told="AUTH")
            self._command(base64.b64encode(password.encode()).decode(), 235, told="AUTH")
        else:
            text = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
            self._command(f"AUTH PLAIN {text}", 235, told="AUTH")

    def send(self, sender: str, recipients: list[str], content: bytes) -> None:
        """To all recipients or to none."""
        if "SIZE" in self._offers:
            self._command(f"MAIL FROM:<{sender}> SIZE={len(content)}", 250)
        else:
            self._command(f"MAIL FROM:<{sender}>", 250)
        for each in recipients:
            self._command(f"RCPT TO:<{each}>", 250, 251)
        self._command("DATA", 354)
        lines = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").removesuffix(b"\n").split(b"\n")
        stuffed = b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines)
        self.is_content_sent = True
        self._wire.send(stuffed + b"\r\n.\r\n")
        self._expect("takes the message", 250)
        try:
            self._wire.send(b"QUIT\r\n")
        except (TryLater, Unavailable):
            return  # it has the message

    def _command(self, text: str, *wanted: int, told: str = "") -> list[str]:
        if "\r" in text or "\n" in text or not text.isascii():
            raise DataError("a line of SMTP would hold a sign that none holds", code="refused")
        self._wire.send(text.encode() + b"\r\n")
        return self._expect(told or text.split(" ")[0], *wanted)

    def _expect(self, what: str, *wanted: int) -> list[str]:
        """The lines of a reply. Raises TryLater for 4xx, Refusal for 5xx (RFC 5321, 4.2.1)."""
        lines: list[str] = []
        while True:
            line = self._wire.line(4096).decode("utf-8", "replace").rstrip("\r\n")
            if not line[:3].isdigit() or len(lines) >= _MOST_LINES:
                raise DataError(f"{self._wire.host!r} does not speak SMTP: {line[:60]!r}", code="refused")
            lines.append(line[4:])
            if line[3:4] != "-":
                break
        code = int(line[:3])
        if code in wanted:
            return lines
        words = f"{self._wire.host!r} refuses {what} ({code}): {' '.join(' '.join(lines).split())[:200]}"
        if code == 535:
            raise once.Refusal(words, hint="look at user and password of the account", code="bad_login")
        if 400 <= code < 500:
            raise TryLater(words, code="refused")
        raise once.Refusal(words, code=f"smtp_{code}")
