"""One entry of a CAMT statement, as transactions: single, or the parts of a batch if they add up to it.

The paths are those of camt.053.001.02 to .13: versions differ in that a party's name moved below Pty, a status below
Cd, and details got an amount of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from roadmap_cli.core.errors import DataError
from roadmap_cli.life.formats.entries import day_of, in_utc, midnight
from roadmap_cli.life.kinds.money import amount, counterparty_fields, currency, plain

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

#: An element as what is in it: its text, or its children by local name, each a list.
Tree = dict[str, list[Any]]
Known = dict[str, Any]

_BALANCES = {"CLBD": "booked", "OPBD": "opening", "PRCD": "opening", "CLAV": "available", "ITAV": "available",
             "ITBD": "booked", "FWAV": "pending", "XPCD": "pending", "INFO": ""}  # fmt: skip
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
#: References that say there is none (SEPA rulebooks).
_NOTHING = ("NOTPROVIDED", "NONREF", "NOT PROVIDED", "NOTAVAILABLE")


def tree(element: Element) -> Tree:
    """An element as a tree of lists by local name. Text stands under "", the attribute Ccy under "@"."""
    made: Tree = {}
    if element.text and not element.text.isspace():
        made[""] = [element.text.strip()]
    if unit := element.get("Ccy"):
        made["@"] = [unit]
    for child in element:
        made.setdefault(child.tag.rpartition("}")[2], []).append(tree(child))
    return made


def every(node: Tree, *path: str) -> list[Tree]:
    """All elements at the end of a path."""
    nodes = [node]
    for name in path:
        nodes = [child for each in nodes for child in each.get(name, ())]
    return nodes


def text(node: Tree, *path: str) -> str:
    """The first text at the end of a path, in one line; "" without."""
    for found in every(node, *path):
        if found.get(""):
            return " ".join(str(found[""][0]).split())
    return ""


def bank(node: Tree, *path: str) -> str:
    """The code of the bank that an element names."""
    for agent in every(node, *path, "FinInstnId"):
        for way in (("BICFI",), ("BIC",), ("ClrSysMmbId", "MmbId"), ("Othr", "Id")):
            if found := text(agent, *way):
                return found
    return ""


def money(node: Tree, *, signed_by: Tree | None = None) -> tuple[str, str]:
    """The amount and currency of an element that has Amt. Raises DataError."""
    found = node.get("Amt") or []
    if not found or not found[0].get(""):
        raise DataError("entry has no Amt", code="missing_field")
    value = amount(str(found[0][""][0]), "Amt", ".")
    unit = currency(str((found[0].get("@") or [""])[0]), "Amt")
    mark = text(signed_by or node, "CdtDbtInd")
    if mark not in ("CRDT", "DBIT"):
        raise DataError("entry has no CdtDbtInd", code="missing_field")
    return (plain(-Decimal(value)) if mark == "DBIT" else value), unit


def moment(node: Tree, field: str) -> tuple[str, str]:
    """The stamp and the local day of a choice of Dt and DtTm. Raises DataError; two empty texts without either."""
    written = text(node, "DtTm") or text(node, "Dt") or text(node)
    if not written:
        return "", ""
    found = _DATE.match(written)
    if not found:
        raise DataError(f"{field} is not a date", code="bad_time")
    day = day_of(int(found[1]), int(found[2]), int(found[3]), field)
    try:
        at = datetime.fromisoformat(written) if "T" in written else None
    except ValueError:
        at = None
    return (in_utc(at, field) if at and at.tzinfo else midnight(day)), day


def balance(node: Tree) -> tuple[Known, str]:
    """The fields of a Bal and its stamp; no fields for one that is only information. Raises DataError."""
    code = text(node, "Tp", "CdOrPrtry", "Cd") or text(node, "Tp", "CdOrPrtry", "Prtry") or text(node, "Tp", "Cd")
    kind = _BALANCES.get(code, "available" if "AV" in code else "booked")
    value, unit = money(node)
    for dated in every(node, "Dt"):
        at, day = moment(dated, "Dt")
        if day and kind:
            return {"date": day, "type": kind, "amount": value, "currency": unit}, at
    if not kind:
        return {}, ""
    raise DataError("balance has no Dt", code="missing_field")


def transactions(entry: Tree) -> Iterator[tuple[Known, Known, str]]:
    """What tells each transaction of an entry apart, what more is known of it, and its stamp. Raises DataError."""
    status = text(entry, "Sts", "Cd") or text(entry, "Sts", "Prtry") or text(entry, "Sts")
    if status == "INFO":
        return
    value, unit = money(entry)
    at, day = next((found for node in every(entry, "BookgDt") if (found := moment(node, "BookgDt"))[1]), ("", ""))
    valued = next((found for node in every(entry, "ValDt") if (found := moment(node, "ValDt"))[1]), ("", ""))
    if not day:
        at, day = valued
    if not day:
        raise DataError("entry has no BookgDt", code="missing_field")
    more: Known = {"value_date": valued[1] if valued[1] != day else ""}
    if status in ("PDNG", "FUTR"):
        more["status"] = "pending"
    if text(entry, "RvslInd") in ("true", "1"):
        more["is_reversal"] = True
    base = {"date": day, "amount": value, "currency": unit}
    details = every(entry, "NtryDtls", "TxDtls")
    parts = _parts(entry, details, value, unit) if len(details) > 1 else None
    if parts is None:
        entries = max([len(details), *(int(count) for count in _counts(entry))], default=1)
        if entries > 1:
            more["entries"] = entries
        detail = details[0] if len(details) == 1 else {}
        yield (*_told(entry, detail, base, more, whole=True), at)
        return
    for detail, part in zip(details, parts, strict=True):
        yield (*_told(entry, detail, base | {"amount": part}, more, whole=False), at)


def _counts(entry: Tree) -> list[str]:
    return [found for node in every(entry, "NtryDtls", "Btch", "NbOfTxs") if (found := text(node)).isdecimal()
            and len(found) < 7]  # fmt: skip


def _parts(entry: Tree, details: list[Tree], value: str, unit: str) -> list[str] | None:
    """The signed amounts of a batch's details, if each has one in the entry's currency and their sum is the entry's."""
    found: list[str] = []
    for detail in details:
        holder = detail if detail.get("Amt") else next(iter(every(detail, "AmtDtls", "TxAmt")), None)
        if holder is None:
            return None
        try:
            part, own = money(holder, signed_by=detail if detail.get("CdtDbtInd") else entry)
        except DataError:
            return None
        if own != unit:
            return None
        found.append(part)
    return found if sum(map(Decimal, found)) == Decimal(value) else None


def _told(entry: Tree, detail: Tree, base: Known, more: Known, *, whole: bool) -> tuple[Known, Known]:
    side = _other_side(detail, base["amount"].startswith("-"), reversed_=bool(more.get("is_reversal")))
    reference = text(detail, "Refs", "AcctSvcrRef") or (text(entry, "AcctSvcrRef") if whole else "")
    end_to_end = _real(text(detail, "Refs", "EndToEndId"))
    if not whole and not reference:
        reference = _real(text(detail, "Refs", "TxId"))
    known = base | {
        "payee": side["payee"],
        "memo": _memo(entry, detail),
        "type": (text(entry, "BkTxCd", "Domn", "Fmly", "Cd") or text(entry, "BkTxCd", "Prtry", "Cd")).lower()[:40],
        "bank_reference": _real(reference),
        "end_to_end_id": end_to_end,
    }
    extra = more | side["account"] | {
        "mandate": text(detail, "Refs", "MndtId"),
        "creditor": text(detail, "RltdPties", "Cdtr", "Id", "PrvtId", "Othr", "Id")
        or text(detail, "RltdPties", "Cdtr", "Pty", "Id", "PrvtId", "Othr", "Id"),
        **_original(detail, base),
        "charges": _charges(entry, detail, base["currency"]),
    }  # fmt: skip
    return known, extra


def _real(reference: str) -> str:
    return "" if reference.upper() in _NOTHING else reference


def _other_side(detail: Tree, goes_out: bool, *, reversed_: bool) -> dict[str, Any]:
    """Whom the money goes to, or comes from. Of a reversal it is the party of the transaction it takes back."""
    party = "Cdtr" if goes_out != reversed_ else "Dbtr"
    related = next(iter(every(detail, "RltdPties")), {})
    name = ""
    for way in ((party, "Nm"), (party, "Pty", "Nm"), (f"Ultmt{party}", "Nm"), (f"Ultmt{party}", "Pty", "Nm")):
        name = name or text(related, *way)
    number = text(related, f"{party}Acct", "Id", "IBAN")
    if number:
        account = counterparty_fields(number)
    else:
        agent = bank(detail, "RltdAgts", f"{party}Agt")
        account = counterparty_fields(text(related, f"{party}Acct", "Id", "Othr", "Id"), agent)
    return {"payee": name, "account": account}


def _memo(entry: Tree, detail: Tree) -> str:
    pieces = [text(each) for each in every(detail, "RmtInf", "Ustrd")]
    for strict in every(detail, "RmtInf", "Strd"):
        pieces.append(text(strict, "CdtrRefInf", "Ref"))
        pieces += [text(each) for each in every(strict, "AddtlRmtInf")]
        pieces += [text(each) for each in every(strict, "RfrdDocInf", "Nb")]
    pieces = pieces if any(pieces) else [text(detail, "AddtlTxInf"), text(entry, "AddtlNtryInf")]
    return " ".join(dict.fromkeys(piece for piece in pieces if piece))


def _original(detail: Tree, base: Known) -> Known:
    """The amount in the currency it was ordered in, if that is another."""
    for node in (*every(detail, "AmtDtls", "InstdAmt"), *every(detail, "AmtDtls", "TxAmt")):
        found = (node.get("Amt") or [{}])[0]
        unit = str((found.get("@") or [""])[0]).upper()
        if not unit or unit == base["currency"] or not found.get(""):
            continue
        try:
            value = amount(str(found[""][0]), "InstdAmt", ".")
            sign = "-" if base["amount"].startswith("-") and value.strip("0.") else ""
            return {"original_amount": sign + value, "original_currency": currency(unit, "InstdAmt")}
        except DataError:
            return {}
    return {}


def _charges(entry: Tree, detail: Tree, unit: str) -> str:
    """What the bank took for it, in the entry's currency; "" if nothing is told."""
    total = Decimal()
    for node in (*every(detail, "Chrgs"), *([] if every(detail, "Chrgs") else every(entry, "Chrgs"))):
        # versions up to 02 have the amount here, later ones in records below
        for each in every(node, "Rcrd") or [node]:
            found = (each.get("Amt") or [{}])[0]
            if str((found.get("@") or [unit])[0]) != unit or not found.get(""):
                continue
            try:
                value = Decimal(amount(str(found[""][0]), "Chrgs", "."))
            except DataError:
                continue
            total += -value if text(each, "CdtDbtInd") == "CRDT" else value
    return plain(total) if total else ""
