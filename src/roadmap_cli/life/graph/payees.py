"""Payees as banks print them ("AMZN Mktp DE*2X3 LUXEMBOURG"), and the one name behind their spellings."""

from __future__ import annotations

import re
from functools import lru_cache

from roadmap_cli.life.graph.names import fold

#: Beginnings and the firm they stand for.
_KNOWN = (
    (r"(amzn|amazon)( |$)", "Amazon"), (r"paypal( |$)", "PayPal"), (r"rewe( |$)", "REWE"), (r"edeka( |$)", "EDEKA"),
    (r"(aldi)( |$)", "ALDI"), (r"lidl( |$)", "Lidl"), (r"dm (drogerie|dm)|dm$", "dm"), (r"rossmann( |$)", "Rossmann"),
    (r"(db vertrieb|deutsche bahn|bahn( |$))", "Deutsche Bahn"), (r"spotify( |$)", "Spotify"),
    (r"netflix( |$)", "Netflix"), (r"apple( |$)", "Apple"), (r"google( |$)", "Google"), (r"uber( |$)", "Uber"),
    (r"microsoft( |$)", "Microsoft"), (r"starbucks( |$)", "Starbucks"), (r"(mcdonald ?s|mc donald ?s)", "McDonald's"),
    (r"walmart|wal mart|wm supercenter", "Walmart"), (r"tesco( |$)", "Tesco"), (r"sainsbury", "Sainsbury's"),
    (r"target( |$)", "Target"), (r"ikea( |$)", "IKEA"), (r"shell( |$)", "Shell"), (r"airbnb( |$)", "Airbnb"),
    (r"booking ?com", "Booking.com"), (r"vodafone( |$)", "Vodafone"), (r"(telekom|deutsche telekom)( |$)", "Telekom"),
    (r"zalando( |$)", "Zalando"), (r"ebay( |$)", "eBay"), (r"lieferando|takeaway com", "Lieferando"),
)  # fmt: skip
_PREFIX = re.compile(
    r"^\s*(?:(?:sumup|sq|zettle|iz|izettle|pp|paypal|tst|sp|stripe|klarna|adyen|py|ec|pos|card|kartenzahlung|visa|"
    r"mastercard|debit|purchase|girocard|lastschrift|dauerauftrag|überweisung|ueberweisung|gutschrift|"
    r"contactless|payment to|payment from|direct debit|standing order)\s*[*:.]+\s*|"
    r"(?:pos purchase|card purchase|card payment|debit card purchase|kartenzahlung|lastschrift|dauerauftrag|"
    r"überweisung an|ueberweisung an|payment to|direct debit to)\s+)",
    re.IGNORECASE,
)
_LEGAL_FORMS_TEXT = """
    gmbh ag kg ohg ug se ev inc llc ltd plc corp co sarl sa bv nv spa srl limited incorporated mbh
"""
#: Legal forms, left out at the end of a name.
LEGAL_FORMS = frozenset(_LEGAL_FORMS_TEXT.split())
_ENDS_TEXT = """
    gmbh ag kg ohg ug se ev inc llc ltd plc corp co sarl sa bv nv spa srl limited filiale fil store shop markt
    branch sagt danke deu de gb gbr usa us fr nl lu at ch it es uk ie london berlin munchen muenchen hamburg koln
    koeln frankfurt stuttgart dusseldorf duesseldorf leipzig dresden wien zurich luxembourg luxemburg dublin paris
    amsterdam madrid milano barcelona york seattle ny ca wa tx il fl san francisco chicago boston austin
"""
#: Words at the end that tell where a till stands or who owns it, not whose it is.
_ENDS = frozenset(_ENDS_TEXT.split())


@lru_cache(maxsize=65536)
def normal(text: str) -> tuple[str, str]:
    """The key and the readable name of a payee; ('', '') if nothing is left of it.

    Terminals, references, dates, cities and legal forms at the end go; a well-known firm is known by how it begins.
    """
    told = " ".join(text.split())
    stripped = told
    for _ in range(3):
        shorter = _PREFIX.sub("", stripped)
        if shorter == stripped or not fold(shorter):
            break
        stripped = shorter
    for candidate in (stripped, told):
        folded = fold(candidate)
        for pattern, name in _KNOWN:
            if re.match(pattern, folded):
                if name == "PayPal" and len(folded.split()) > 1 and candidate is told and stripped != told:
                    continue
                return fold(name), name
    head = re.split(r"[*#]|//|/|\s{2,}", stripped)[0] or stripped
    words = head.split()
    kept: list[str] = []
    for word in words:
        if kept and re.search(r"\d{2,}", word):
            break  # a number of a branch or till: what follows is where it stands
        kept.append(word)
    while len(kept) > 1 and (fold(kept[-1]) in _ENDS or not fold(kept[-1]) or re.fullmatch(r"[\d.,:-]+", kept[-1])):
        kept.pop()
    shown = " ".join(kept).strip(" .,:-*")
    key = fold(shown)
    if not key:
        return fold(told), told
    if shown.isupper() and len(shown) > 4:
        shown = shown.title()
    return key, shown
