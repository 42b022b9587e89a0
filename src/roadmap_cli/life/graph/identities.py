"""Mail addresses and telephone numbers in one spelling, and what an address tells of whoever uses it."""

from __future__ import annotations

import re
from functools import lru_cache

_MAIL = re.compile(r"[^@\s<>\"(),;:]{1,64}@[a-z0-9][a-z0-9.-]{1,252}\Z")
_FREE_DOMAINS_TEXT = """
    gmail.com googlemail.com outlook.com hotmail.com hotmail.de hotmail.co.uk live.com live.de msn.com yahoo.com
    yahoo.de yahoo.co.uk ymail.com icloud.com me.com mac.com aol.com gmx.de gmx.net gmx.at gmx.ch gmx.com web.de
    t-online.de freenet.de arcor.de posteo.de posteo.net mailbox.org proton.me protonmail.com pm.me tutanota.com
    tuta.io fastmail.com fastmail.fm zoho.com mail.com mail.ru yandex.ru yandex.com orange.fr wanadoo.fr free.fr
    laposte.net libero.it virgilio.it bluewin.ch hey.com qq.com 163.com 126.com naver.com rediffmail.com
    btinternet.com comcast.net verizon.net sbcglobal.net att.net cox.net wp.pl o2.pl onet.pl seznam.cz example.org
    example.com example.net
"""
#: Domains at which anybody may have an address: they tell no employer.
FREE_DOMAINS = frozenset(_FREE_DOMAINS_TEXT.split())
_ROLES_TEXT = """
    info office contact kontakt support help hilfe service sales admin administrator webmaster postmaster noreply
    no-reply donotreply do-not-reply newsletter news mail post team hello hallo hi jobs karriere careers hr
    billing invoice rechnung rechnungen invoices orders bestellung bookings booking reservations marketing press
    presse security abuse notifications notification notify alerts alert updates mailer-daemon bounce bounces
    calendar calendar-notification events feedback community members accounts accounting buchhaltung family
    familie all everyone list reception empfang kundenservice customerservice
"""
_ROLES = frozenset(_ROLES_TEXT.split())
_SECOND_LEVEL_TEXT = """
    co com org net ac gov edu
"""
_SECOND_LEVEL = frozenset(_SECOND_LEVEL_TEXT.split())
_LOCAL_LENGTHS = range(6, 16)


@lru_cache(maxsize=65536)
def email(text: str) -> str | None:
    """A mail address in one spelling: lower case, without +tag, Google's dots and other domain; None for none."""
    told = text.strip().lower().removeprefix("mailto:")
    if not _MAIL.match(told):
        return None
    local, _, domain = told.rpartition("@")
    domain = domain.rstrip(".")
    local = local.split("+", 1)[0] or local
    if domain in ("gmail.com", "googlemail.com"):
        local, domain = local.replace(".", "") or local, "gmail.com"
    return f"{local}@{domain}"


def phone(text: str) -> str | None:
    """A number in one spelling: digits, + if its country is told; None for what is none.

    No plan of numbers is known here: a national number and its international form are told to be one by their last
    nine digits (`phone_tail`).
    """
    told = re.sub(r"\(0\)", "", text.strip().lower().removeprefix("tel:").split(";")[0])
    if not re.fullmatch(r"\+?[\d\s()./\-‑–]+", told):
        return None
    digits = re.sub(r"\D", "", told)
    international = told.startswith("+") or digits.startswith("00")
    digits = digits.removeprefix("00") if not told.startswith("+") else digits
    if len(digits) not in _LOCAL_LENGTHS:
        return None
    return f"+{digits}" if international else digits


def phone_tail(number: str) -> str:
    """What a number is known by, with or without its country: its last nine digits; a short one as it is."""
    digits = number.lstrip("+")
    return digits[-9:] if len(digits) >= 9 else digits


@lru_cache(maxsize=65536)
def is_role(address: str) -> bool:
    """Whether an address is that of an office or a machine, not of a person."""
    local = address.partition("@")[0]
    return local in _ROLES or re.split(r"[._-]", local)[0] in _ROLES or "noreply" in local or "no-reply" in local


@lru_cache(maxsize=65536)
def organisation_domain(address: str) -> str | None:
    """The part of the domain an organisation registers; None for a provider's, which tells none."""
    domain = address.rpartition("@")[2]
    if domain in FREE_DOMAINS:
        return None
    parts = domain.split(".")
    if len(parts) < 2:
        return None
    depth = 3 if len(parts) > 2 and parts[-2] in _SECOND_LEVEL and len(parts[-1]) == 2 else 2
    found = ".".join(parts[-depth:])
    return None if found in FREE_DOMAINS else found


def hint(address: str) -> str | None:
    """The name an address spells out ("priya.raman@…"); None if it spells none."""
    if is_role(address):
        return None
    words = [re.sub(r"\d+$", "", word) for word in re.split(r"[._-]", address.partition("@")[0])]
    words = [word for word in words if word]
    if len(words) in (2, 3) and all(word.isalpha() for word in words) and len(words[-1]) > 1:
        return " ".join(words)
    return None


def handle(address: str) -> str | None:
    """The single word before the @, such as "praman"; None if there are several, or it is an office."""
    local = re.sub(r"\d+$", "", address.partition("@")[0])
    return local if local.isalpha() and len(local) > 2 and not is_role(address) else None
