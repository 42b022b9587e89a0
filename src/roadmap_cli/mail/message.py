"""A message as what it says: who to whom, when, its new text, what it quotes, what came with it.

`parse` takes bytes and never raises: the worst mail is one with no fields, whose text is all that there is.
Standards: RFC 5322, 2045-2047, 2231, 3464 (reports of delivery), 2919 (List-Id), 8601 (Authentication-Results).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from roadmap_cli.mail import dates, headers, replies, webtext
from roadmap_cli.mail.charsets import decode
from roadmap_cli.mail.structure import Part
from roadmap_cli.mail.structure import parse as parts_of

#: Text beyond this is cut off: one record must stay one that can be read and indexed.
MOST_TEXT = 500_000
#: A plain text of so many words is the mail, not a note that there is HTML: then that is not read.
_ENOUGH_WORDS = 60
_MOST_CALENDAR_BYTES = 4 * 1024 * 1024

_SIGNATURES = frozenset(
    {
        "application/pgp-signature",
        "application/pkcs7-signature",
        "application/x-pkcs7-signature",
        "application/pgp-keys",
    }
)
_SILENT = frozenset({"message/delivery-status", "message/disposition-notification", "message/feedback-report",
                     "text/rfc822-headers", "message/global-delivery-status"})  # fmt: skip
_CALENDARS = frozenset({"text/calendar", "application/ics", "text/x-vcalendar"})
_META = re.compile(rb"<meta[^>]{0,300}charset\s*=\s*[\"']?\s*([\w:.-]{2,40})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came along: its name, media type and size; never its content."""

    name: str
    type: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Failure:
    """For whom a report says what became of a mail (RFC 3464): failed, delayed, delivered, relayed, expanded."""

    recipient: str
    action: str
    status: str


@dataclass(slots=True)
class Mail:
    """What a message says. Addresses are in lower case; text is empty rather than absent."""

    message_id: str = ""
    at: datetime | None = None
    dated_by: str = ""
    """Which field `at` was told from: date, received, resent; "" if none."""
    sender: tuple[str, str] = ("", "")
    """Name and address."""
    recipients: list[tuple[str, str]] = field(default_factory=list)
    subject: str = ""
    in_reply_to: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    text: str = ""
    quoted: str = ""
    signature: str = ""
    attachments: list[Attachment] = field(default_factory=list)
    calendars: list[bytes] = field(default_factory=list)
    """Invitations as iCalendar in UTF-8."""
    list_id: str = ""
    is_automatic: bool = False
    """Sent by a program or to a list: no person wrote to a person."""
    is_encrypted: bool = False
    failures: list[Failure] = field(default_factory=list)
    checks: dict[str, str] = field(default_factory=dict)
    """What the receiving server noted of dkim, spf, dmarc and arc: pass, fail, none …"""
    head: headers.Head = field(default_factory=lambda: headers.Head(()))
    is_broken: bool = False
    """Its head has lines that are no fields; the rest was read."""


def parse(data: bytes) -> Mail:
    """Read a message. Never raises; time linear in its length but for a bounded depth."""
    root = parts_of(data)
    head = root.head
    guess = next((part.parameters["charset"] for part in root.leaves() if part.parameters.get("charset")), None)
    mail = Mail(head=head, is_broken=head.is_broken)
    _envelope(mail, guess)
    gathered = _Gathered(data, mail, guess)
    gathered.take(root)
    text = "\n\n".join(piece.strip("\n") for piece in gathered.texts if piece.strip())
    divided = replies.divide(text)
    forwarded = "\n\n".join(gathered.forwarded)
    mail.text = divided.new[:MOST_TEXT]
    mail.quoted = "\n\n".join(piece for piece in (divided.quoted, forwarded) if piece)[:MOST_TEXT]
    mail.signature = divided.signature[:MOST_TEXT]
    return mail


# -- the head --------------------------------------------------------------------------------------------------------


def _envelope(mail: Mail, guess: str | None) -> None:
    head = mail.head
    ids = headers.identifiers(head.raw("message-id") or head.raw("message-id:") or b"", 1)
    mail.message_id = ids[0][:998] if ids else _bare_id(head)
    mail.at, mail.dated_by = _moment(head)
    for name in ("from", "sender", "reply-to", "return-path", "x-sender", "resent-from"):
        found = headers.addresses(head.every(name), guess)
        if found:
            mail.sender = found[0]
            break
    if not mail.sender[1]:
        mail.sender = (head.text("from", guess)[:200], "")
    seen: dict[str, str] = {}
    for name in ("to", "cc", "bcc", "apparently-to", "resent-to", "resent-cc"):
        for shown, address in headers.addresses(head.every(name), guess):
            seen[address] = seen.get(address) or shown
    mail.recipients = [(shown, address) for address, shown in seen.items()]
    mail.subject = head.text("subject", guess)[:2000]
    mail.references = [each for value in head.every("references") for each in headers.identifiers(value)]
    mail.in_reply_to = [each for value in head.every("in-reply-to") for each in headers.identifiers(value, 20)]
    mail.list_id = _list_id(head)
    mail.is_automatic = bool(mail.list_id) or _automatic(head)
    mail.checks = _checks(head)


def _bare_id(head: headers.Head) -> str:
    """An identifier without brackets or @, as broken software writes it."""
    text = re.sub(r"\s+", "", head.plain("message-id")).strip("<>")
    return text[:998]


def _moment(head: headers.Head) -> tuple[datetime | None, str]:
    """When it was sent; else, when the first server had it; else what other fields say."""
    for value in head.every("date"):
        found = dates.moment(headers.words(value))
        if found:
            return found, "date"
    for value in reversed(head.every("received")):
        found = dates.moment(headers.words(value).rpartition(";")[2].strip())
        if found:
            return found, "received"
    for name in ("resent-date", "delivery-date", "x-original-date", "x-received", "posted-date", "x-apple-mail-date"):
        for value in head.every(name):
            found = dates.moment(headers.words(value).rpartition(";")[2].strip())
            if found:
                return found, "received" if name == "x-received" else "resent"
    return None, ""


def _list_id(head: headers.Head) -> str:
    value = head.text("list-id")
    found = re.search(r"<([^<>\s]{1,255})>", value)
    return (found[1] if found else value if value and " " not in value else "").lower()[:255]


def _automatic(head: headers.Head) -> bool:
    submitted = head.plain("auto-submitted").lower()
    return (
        (bool(submitted) and not submitted.startswith("no"))
        or head.plain("precedence").lower() in ("bulk", "list", "junk", "auto_reply")
        or any(
            head.raw(name) is not None for name in ("list-unsubscribe", "x-autoreply", "x-autorespond", "feedback-id")
        )
        or headers.words(head.raw("return-path") or b"") == "<>"
    )


_RESULT = re.compile(r"(?:\A|[;\s])(dkim|spf|dmarc|arc)\s*=\s*([a-z]{1,20})", re.IGNORECASE)


def _checks(head: headers.Head) -> dict[str, str]:
    """The results of the topmost Authentication-Results: the ones below it may be forged by the sender."""
    value = head.raw("authentication-results") or head.raw("arc-authentication-results")
    found: dict[str, str] = {}
    if value is not None:
        for name, result in _RESULT.findall(re.sub(r"\([^()]*\)", " ", headers.words(value)[:5000])):
            method, told = name.lower(), result.lower()
            if found.get(method) != "pass":  # of several signatures one that holds is enough
                found[method] = told
    if "dkim" not in found and head.raw("dkim-signature") is not None:
        found["dkim"] = "unchecked"
    return found


# -- the body --------------------------------------------------------------------------------------------------------


class _Gathered:
    """What is found while the parts are walked: texts to be read, texts of mails inside, files, invitations."""

    def __init__(self, data: bytes, mail: Mail, guess: str | None):
        self.data = data
        self.mail = mail
        self.guess = guess
        self.texts: list[str] = []
        self.forwarded: list[str] = []
        self._pages = True
        self._left = MOST_TEXT * 4

    def take(self, part: Part) -> None:
        """Walk one part in the place where it is read by a person."""
        if part.type == "multipart/alternative" and part.parts:
            self._alternative(part)
        elif part.type.startswith("message/") and part.parts and part.main == "message":
            self._inner(part)
        elif part.parts:
            if part.type == "multipart/encrypted":
                self.mail.is_encrypted = True
            for each in part.parts:
                self.take(each)
        else:
            self._leaf(part)

    def _leaf(self, part: Part) -> None:
        kind = part.type
        if kind in ("message/delivery-status", "message/global-delivery-status"):
            self._report(part)
        elif kind in _CALENDARS:
            self._calendar(part)
        elif kind in _SIGNATURES or kind in _SILENT:
            return
        elif (
            part.main == "text" and kind != "text/rtf" and part.disposition != "attachment" and not self._is_file(part)
        ):
            text = self.text_of(part) if self._pages or kind != "text/html" else ""
            if text.strip() and self._left > 0:
                self.texts.append(text)
                self._left -= len(text)
        else:
            if kind in ("application/pkcs7-mime", "application/x-pkcs7-mime"):
                self.mail.is_encrypted = part.parameters.get("smime-type", "enveloped-data") != "signed-data"
            if kind == "multipart/mixed" or (part.main == "multipart" and part.start >= part.end):
                return
            if part.start < part.end or part.name:
                self._attach(part)

    @staticmethod
    def _is_file(part: Part) -> bool:
        """Whether a text is a file beside the mail: it has a name, and is no page or plain text shown in it."""
        return bool(part.name) and (part.disposition != "inline" or part.type not in ("text/plain", "text/html"))

    def _attach(self, part: Part) -> None:
        kind = part.type
        if kind in ("application/ms-tnef", "application/vnd.ms-tnef") or part.name.lower() == "winmail.dat":
            kind = "application/ms-tnef"
        name = part.name or part.head.text("content-description")[:255]
        self.mail.attachments.append(Attachment(name, kind, part.size_bytes(self.data)))

    def _alternative(self, part: Part) -> None:
        """Of several forms of one text, the plain one; HTML where the plain one says nothing or much less."""
        found: list[tuple[str, list[str]]] = []
        for each in part.parts:
            inner = _Gathered(self.data, self.mail, self.guess)
            inner._pages = not any(len(" ".join(texts).split()) >= _ENOUGH_WORDS for _, texts in found)
            inner.take(each)
            self.forwarded += inner.forwarded
            kind = next((leaf.type for leaf in each.leaves() if leaf.main == "text"), each.type)
            if any(text.strip() for text in inner.texts):
                found.append((kind, inner.texts))
        plain = next((texts for kind, texts in found if kind not in ("text/html", "text/x-amp-html")), None)
        page = next((texts for kind, texts in reversed(found) if kind == "text/html"), None)
        chosen = plain or page or []
        if plain and page and len(" ".join(plain).split()) * 5 < len(" ".join(page).split()):
            chosen = page
        self.texts += chosen

    def _inner(self, part: Part) -> None:
        """A mail inside the mail: listed as a file, its text with what is quoted."""
        inner = part.parts[0]
        subject = inner.head.text("subject", self.guess)
        self.mail.attachments.append(Attachment((part.name or subject)[:255], part.type, part.end - part.start))
        within = _Gathered(self.data, Mail(), self.guess)
        within.take(inner)
        said = "\n\n".join(text.strip("\n") for text in within.texts)
        if (subject or said) and self._left > 0:
            piece = "\n".join(line for line in (subject, said) if line)
            self._left -= len(piece)
            self.forwarded.append(piece)
        self.forwarded += within.forwarded
        self.mail.failures += [each for each in within.mail.failures if each not in self.mail.failures]

    def text_of(self, part: Part) -> str:
        """The text of a part as plain text."""
        data = part.decoded(self.data)
        charset = part.parameters.get("charset")
        if part.type in ("text/html", "text/x-amp-html", "application/xhtml+xml"):
            found = _META.search(data[:4096]) if not charset else None
            return webtext.plain(decode(data, charset or (found[1].decode("ascii") if found else None), self.guess))
        text = decode(data, charset, self.guess)
        if part.type in ("text/enriched", "text/richtext"):
            return re.sub(r"<[^<>]{0,100}>", "", text.replace("<<", "<"))
        if part.type == "text/plain" and _looks_like_page(text):
            return webtext.plain(text)
        if part.parameters.get("format", "").lower() == "flowed":
            return replies.reflowed(text, delete_space=part.parameters.get("delsp", "").lower() == "yes")
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def _calendar(self, part: Part) -> None:
        data = part.decoded(self.data, _MOST_CALENDAR_BYTES)
        charset = part.parameters.get("charset")
        text = decode(data, charset).encode() if charset else data
        if part.name:
            self._attach(part)
        if text.strip() and text not in self.mail.calendars:
            self.mail.calendars.append(text)

    def _report(self, part: Part) -> None:
        """RFC 3464: one block of fields for the message, then one for each recipient."""
        blocks = re.split(rb"\r?\n\s*\r?\n", part.decoded(self.data, 1024 * 1024))[:1000]
        for block in blocks:
            told, _ = headers.split(block.strip() + b"\n\n")
            recipient = told.plain("final-recipient") or told.plain("original-recipient")
            address = recipient.rpartition(";")[2].strip(" <>").lower()[:320]
            if address:
                failure = Failure(address, told.plain("action").lower()[:20], told.plain("status").split(" ")[0][:20])
                if failure not in self.mail.failures:
                    self.mail.failures.append(failure)


def _looks_like_page(text: str) -> bool:
    return text[:200].lstrip()[:15].lower().startswith(("<!doctype html", "<html"))
