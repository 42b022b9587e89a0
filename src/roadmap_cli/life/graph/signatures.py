"""What the end of a mail tells of its writer: name, numbers, other addresses. Quoted mails are somebody else's."""

from __future__ import annotations

import re
from dataclasses import dataclass

from roadmap_cli.life.graph import identities, names

_QUOTED = re.compile(
    r"^\s*>|^-{2,}\s*(original message|ursprüngliche nachricht|forwarded message|weitergeleitete)|^(on|am|le|il)\b.*"
    r"\b(wrote|schrieb|a écrit|ha scritto)\b.*:\s*$|^(from|von|de): ",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"^(best|kind regards|best regards|regards|cheers|thanks|thank you|many thanks|sincerely|yours|love|warmly|"
    r"viele grüße|liebe grüße|beste grüße|mit freundlichen grüßen|freundliche grüße|gruß|grüße|vg|lg|mfg|"
    r"cordialement|saludos|bises)[\s,.!]*$",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?:\+|00|0|\()[\d\s()./‑–-]{5,22}\d")
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+")
_MOST_LINES = 10
_LONGEST = 20_000


@dataclass(frozen=True, slots=True)
class Signature:
    """What was found; empty if there is no signature."""

    name: str = ""
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()


def own_text(text: str) -> str:
    """A mail without the mails it quotes below."""
    lines: list[str] = []
    for line in text.splitlines():
        if _QUOTED.match(line):
            break
        lines.append(line.rstrip("\r"))
    return "\n".join(lines)


def found(text: str) -> Signature:
    """The signature at the end of a mail's own text: after "-- ", or after words of greeting."""
    lines = own_text(text[-_LONGEST:]).split("\n")
    start = None
    for place in range(len(lines) - 1, max(len(lines) - 2 * _MOST_LINES, -1), -1):
        if lines[place] in ("--", "-- ") or _CLOSING.match(lines[place].strip()):
            start = place + 1
            break
    if start is None:
        return Signature()
    told = [line.strip() for line in lines[start : start + _MOST_LINES] if line.strip()]
    if not told:
        return Signature()
    name = names.parse(told[0].strip("*_, "))
    shown = told[0].strip("*_, ") if name and all(word[:1].isupper() for word in told[0].split()) else ""
    below = "\n".join(told[1:])
    phones = [number for each in _NUMBER.findall(below) if (number := identities.phone(each))]
    emails = [address for each in _ADDRESS.findall(below) if (address := identities.email(each))]
    return Signature(shown, tuple(dict.fromkeys(phones)), tuple(dict.fromkeys(emails)))
