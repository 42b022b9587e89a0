"""What an aggregate of OFX becomes: a transaction of a bank or a broker, a balance, a position."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.life.formats.entries import Entries, in_utc
from roadmap_cli.life.kinds.money import account_fields, amount, counterparty_fields, currency, plain

_DATE = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)(?:[T ]?(\d\d):?(\d\d):?(\d\d)?(?:[.,:]\d{0,9})?)?"
    r"\s*(?:\[\s*([+-]?\d{1,2})?(?:[.:](\d\d?))?\s*(?::?[^\]]*)?\]?|Z|([+-]\d\d):?(\d\d))?\s*\Z",
    re.ASCII,
)
#: Identifiers that identify nothing.
_NO_REFERENCE = re.compile(r"0*\Z|none\Z|nonref\Z|n/?a\Z", re.IGNORECASE)
#: Money sent out, and money that comes in, by the broker's words; of others the amount has its sign, or there is none.
_OUT = ("BUYSTOCK", "BUYMF", "BUYDEBT", "BUYOPT", "BUYOTHER", "INVEXPENSE", "MARGININTEREST")
_IN = ("SELLSTOCK", "SELLMF", "SELLDEBT", "SELLOPT", "SELLOTHER", "RETOFCAP")
_SIGNED = ("INCOME", "JRNLFUND")
_NO_MONEY = ("REINVEST", "TRANSFER", "JRNLSEC", "SPLIT", "CLOSUREOPT")
_OWN_WORDS = {"INCOME": "dividend", "INVEXPENSE": "fee", "MARGININTEREST": "interest", "JRNLFUND": "xfer"}
_BALANCES = {"LEDGERBAL": "booked", "AVAILBAL": "available"}
_POSITIONS = ("POSSTOCK", "POSMF", "POSDEBT", "POSOPT", "POSOTHER")


@dataclass(slots=True)
class Statement:
    """What holds for all entries that follow: the currency, the account, when the statement was drawn."""

    currency: str = ""
    account: dict[str, str] = field(default_factory=dict)
    drawn: str = ""


@dataclass(slots=True)
class Entry:
    """One aggregate while it is read: its name, the line it begins on, its elements by name."""

    name: str
    line: int
    values: dict[str, str] = field(default_factory=dict)


def record(
    entry: Entry, statement: Statement, securities: dict[str, str], entries: Entries, unit: str
) -> Record | None:
    """The record of an aggregate; None for one that is empty, as banks leave balances. Raises DataError."""
    return READERS[entry.name](entry, statement, securities, entries, unit)


def _transaction(
    entry: Entry, statement: Statement, securities: dict[str, str], entries: Entries, unit: str
) -> Record | None:
    values = entry.values
    pending = entry.name == "STMTTRNP"
    posted = values.get("DTPOSTED") or (values.get("DTTRAN", "") if pending else "")
    if not posted:
        raise DataError("transaction has no DTPOSTED", code="missing_field")
    if not values.get("TRNAMT"):
        raise DataError("transaction has no TRNAMT", code="missing_field")
    at, day = moment(posted, "DTPOSTED")
    # CURRENCY: the amount is in CURSYM; ORIGCURRENCY: it was, and has been converted to the statement's (OFX 5.2)
    payee = " ".join(part for part in (values.get("NAME"), values.get("EXTDNAME")) if part)
    reference = values.get("FITID", "")
    known = {
        "date": day,
        "amount": _amount(values["TRNAMT"], "TRNAMT"),
        "currency": _currency(values, statement, unit),
        **_account(statement),
        "payee": payee,
        "memo": values.get("MEMO", ""),
        "type": values.get("TRNTYPE", "").lower(),
        "bank_reference": reference,
        "check_number": values.get("CHECKNUM", ""),
    }
    more: dict[str, Any] = {"status": "pending"} if pending else {}
    if "ORIGCURRENCY" in values and re.fullmatch("[A-Z]{3}", values.get("CURSYM", "")):
        more["original_currency"] = values["CURSYM"]
    if "BANKACCTTO" in values or "CCACCTTO" in values:
        more |= counterparty_fields(values.get("ACCTID", ""), values.get("BANKID", ""))
    if values.get("DTAVAIL"):
        more["value_date"] = _optional_day(values["DTAVAIL"])
    return entries.transaction(entry.line, known, more, at=at, once=not _NO_REFERENCE.match(reference))


def _investment(
    entry: Entry, statement: Statement, securities: dict[str, str], entries: Entries, unit: str
) -> Record | None:
    values, kind = entry.values, entry.name
    traded = values.get("DTTRADE") or values.get("DTPOSTED", "")
    if not traded:
        raise DataError("transaction has no DTTRADE", code="missing_field")
    at, day = moment(traded, "DTTRADE")
    money = "0"
    if kind not in _NO_MONEY:
        if not values.get("TOTAL"):
            raise DataError("transaction has no TOTAL", code="missing_field")
        money = _amount(values["TOTAL"], "TOTAL")
        if kind in _OUT:
            money = plain(-abs(Decimal(money)))
        elif kind in _IN:
            money = money.lstrip("-")
    name = values.get("UNIQUEID", "")
    known = {
        "date": day,
        "amount": money,
        "currency": _currency(values, statement, unit),
        **_account(statement),
        "payee": securities.get(name, ""),
        "memo": values.get("MEMO", ""),
        "type": _OWN_WORDS.get(kind, "invest"),
        "bank_reference": values.get("FITID", ""),
        "security": securities.get(name) or name,
    }
    for what, tag in (("quantity", "UNITS"), ("price", "UNITPRICE")):
        if values.get(tag):
            known[what] = _amount(values[tag], tag)
    if kind.startswith("SELL") and "quantity" in known:
        known["quantity"] = plain(-abs(Decimal(known["quantity"])))
    charges = [Decimal(_amount(values[tag], tag)) for tag in ("COMMISSION", "FEES", "TAXES", "LOAD") if values.get(tag)]
    more = {
        "charges": plain(sum(charges, Decimal())) if any(charges) else "",
        "value_date": _optional_day(values.get("DTSETTLE", "")),
        "action": kind.lower(),
    }
    return entries.transaction(
        entry.line, known, more, at=at, once=not _NO_REFERENCE.match(known["bank_reference"])
    )  # fmt: skip


def _balance(
    entry: Entry, statement: Statement, securities: dict[str, str], entries: Entries, unit: str
) -> Record | None:
    text, drawn = entry.values.get("BALAMT", ""), entry.values.get("DTASOF") or statement.drawn
    if not text or not drawn or _NO_REFERENCE.match(drawn):
        return None
    at, day = moment(drawn, "DTASOF")
    fields = {
        "date": day,
        "type": _BALANCES[entry.name],
        "amount": _amount(text, "BALAMT"),
        "currency": _currency(entry.values, statement, unit),
        **_account(statement),
    }
    return entries.balance(entry.line, fields, at=at)


def _listed(
    entry: Entry, statement: Statement, securities: dict[str, str], entries: Entries, unit: str
) -> Record | None:
    """A BAL of a BALLIST: the bank names it; only those in money are balances."""
    values = entry.values
    drawn = values.get("DTASOF") or statement.drawn
    if not values.get("VALUE") or not drawn or values.get("BALTYPE", "DOLLAR").upper() != "DOLLAR":
        return None
    at, day = moment(drawn, "DTASOF")
    word = values.get("NAME", "")
    fields = {
        "date": day,
        "type": "credit" if re.search("limit", word, re.IGNORECASE) else "available",
        "amount": _amount(values["VALUE"], "VALUE"),
        "currency": _currency(values, statement, unit),
        **_account(statement),
        "name": word,
    }
    return entries.balance(entry.line, fields, at=at)


def _cash(entry: Entry, statement: Statement, securities: dict[str, str], entries: Entries, unit: str) -> Record | None:
    """INVBAL: the cash in a depot."""
    text = entry.values.get("AVAILCASH", "")
    if not text or not statement.drawn:
        return None
    at, day = moment(statement.drawn, "DTASOF")
    fields = {
        "date": day,
        "type": "booked",
        "amount": _amount(text, "AVAILCASH"),
        "currency": _currency(entry.values, statement, unit),
        **_account(statement),
    }
    return entries.balance(entry.line, fields, at=at)


def _position(
    entry: Entry, statement: Statement, securities: dict[str, str], entries: Entries, unit: str
) -> Record | None:
    values = entry.values
    name, drawn = values.get("UNIQUEID", ""), values.get("DTPRICEASOF") or statement.drawn
    if not values.get("MKTVAL") or not name or not drawn:
        raise DataError("position has no MKTVAL, UNIQUEID or date", code="missing_field")
    at, day = moment(drawn, "DTPRICEASOF")
    fields = {
        "date": day,
        "type": "position",
        "amount": _amount(values["MKTVAL"], "MKTVAL"),
        "currency": _currency(values, statement, unit),
        **_account(statement),
        "security": securities.get(name) or name,
    }
    for what, tag in (("quantity", "UNITS"), ("price", "UNITPRICE")):
        if values.get(tag):
            fields[what] = _amount(values[tag], tag)
    return entries.balance(entry.line, fields, at=at)


#: The aggregates that are read.
READERS: dict[str, Callable[..., Record | None]] = {
    "STMTTRN": _transaction,
    "STMTTRNP": _transaction,
    **dict.fromkeys((*_OUT, *_IN, *_SIGNED, *_NO_MONEY), _investment),
    **dict.fromkeys(_BALANCES, _balance),
    "BAL": _listed,
    "INVBAL": _cash,
    **dict.fromkeys(_POSITIONS, _position),
}

_SIGN_OF_CURRENCY = re.compile(r"[A-Z]{0,3}\$|[€£]|\b(?:EUR|USD|BRL|CAD|GBP)\b")


def _amount(text: str, tag: str) -> str:
    return amount(_SIGN_OF_CURRENCY.sub("", text), tag)


def _currency(values: dict[str, str], statement: Statement, unit: str) -> str:
    own = values.get("CURSYM", "") if "CURRENCY" in values else ""
    named = own or statement.currency or unit
    if not named:
        raise DataError(
            "the statement names no currency", hint="say which: --map currency=EUR", code="no_currency"
        )  # fmt: skip
    return currency("BRL" if named.upper() == "R$" else named, "CURDEF")


def _account(statement: Statement) -> dict[str, str]:
    account = statement.account
    return account_fields(account.get("ACCTID", ""), account.get("BANKID") or account.get("BROKERID", ""))


def _optional_day(text: str) -> str:
    try:
        return moment(text, "DTAVAIL")[1] if text else ""
    except DataError:
        return ""


def moment(text: str, tag: str) -> tuple[str, str]:
    """A time of OFX as a stamp in UTC and the date it names in its own zone (GMT if it names none: OFX 3.2.8.2).

    Raises DataError (bad_time) that names the tag.
    """
    found = _DATE.match(text.strip()) if len(text) < 80 else None
    if not found:
        raise DataError(f"{tag} is not a date", code="bad_time")
    year, month, day, hour, minute, second, offset, part, east, east_minutes = found.groups()
    try:
        zone = timezone(_offset(offset, part) if offset else _offset(east, east_minutes))
        local = datetime(
            int(year), int(month), int(day), int(hour or 0) % 24, int(minute or 0), min(int(second or 0), 59),
            tzinfo=zone,
        )  # fmt: skip
    except (ValueError, OverflowError):
        raise DataError(f"{tag} is not a date", code="bad_time") from None
    return in_utc(local, tag), local.date().isoformat()


def _offset(hours: str | None, part: str | None) -> timedelta:
    """The distance from GMT. The standard's ".5" is half an hour; banks in India write ".30" for it, too."""
    if not hours:
        return timedelta()
    minutes = int(part) if part in ("15", "30", "45", "00") else float(f"0.{part or 0}") * 60
    size = timedelta(hours=abs(int(hours)), minutes=minutes)
    return -size if hours.startswith("-") else size
