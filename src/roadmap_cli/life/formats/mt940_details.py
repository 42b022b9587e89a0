"""Field 86 of a SWIFT statement: what a transaction was for, in the structures of German, Dutch and other banks.

German banks: a three-figure code, a mark, and fields ?00 to ?63 (DFÜ-Abkommen, Anlage 3, 8.2.4). Dutch banks: words
between slashes (/TRTP/…/NAME/…/REMI/…), as the SWIFT guide for SEPA in field 86 has them. Others: plain text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from roadmap_cli.life.kinds.money import counterparty_fields

_GERMAN = re.compile(r"\s{0,4}(\d{3})([^\w\s])(?=\d\d)")
_SEPA = re.compile(r"(EREF|KREF|MREF|CRED|DEBT|SVWZ|ABWA|ABWE|COAM|OAMT|IBAN|BIC|PURP|RTYP)\+")
_WORDS = ("TRTP", "TRCD", "IBAN", "BIC", "NAME", "REMI", "EREF", "CSID", "MARF", "CNTP", "BENM", "ORDP", "PREF", "PURP",
          "RTRN", "ULTB", "ULTD", "ULTC", "ID", "ADDR", "BBK", "SVCL", "OCMT", "EXCH", "CHGS", "ISDT", "UDTR", "UCRD",
          "ACCW", "NRTX", "RTYP", "CREF", "INIT")  # fmt: skip
_SLASHED = re.compile(r"/(" + "|".join(_WORDS) + r")/")
_IBAN = re.compile(r"[A-Z]{2}\d\d[A-Z0-9]{11,30}\Z")
_NOTHING = ("NOTPROVIDED", "NONREF", "NOT PROVIDED")


def read(lines: Sequence[str], *, numbered: bool = False) -> dict[str, Any]:
    """What the lines of a field 86 say: payee, memo, end_to_end_id, mandate, creditor, the other side's account.

    `numbered`: they are those of a field NS, as banks in Hungary write it.
    """
    if numbered:
        parts = [(line[:2], line[2:].strip()) for line in lines]
        name = " ".join(text for code, text in parts if code in ("15", "16"))
        purpose = " ".join(text for code, text in parts if "01" <= code <= "14")
        return _tidy({"payee": name, "memo": purpose})
    german = _GERMAN.match(lines[0])
    if german:
        return _tidy(_german("".join(lines)[german.end() :], german[2]))
    joined = "".join(lines)
    if len(_SLASHED.findall(joined)) >= 2 or _SLASHED.match(joined):
        return _tidy(_slashed(joined))
    if _SEPA.search(joined):
        return _tidy(_sepa(joined, joined))
    return _tidy({"memo": " ".join(line.strip() for line in lines)})


def _tidy(found: dict[str, Any]) -> dict[str, Any]:
    made = {name: " ".join(str(value).split()) for name, value in found.items()}
    if made.get("end_to_end_id", "").upper() in _NOTHING:
        del made["end_to_end_id"]
    return {name: value for name, value in made.items() if value}


def _german(text: str, mark: str) -> dict[str, Any]:
    fields: dict[str, str] = {}
    for piece in text.split(mark):
        if len(piece) >= 2 and piece[:2].isascii() and piece[:2].isdigit():
            fields[piece[:2]] = fields.get(piece[:2], "") + piece[2:]
    purpose = [fields.get(f"{place:02}", "") for place in (*range(20, 30), *range(60, 64))]
    whole = "".join(purpose)
    found = _sepa(whole, " ".join(purpose))
    found["payee"] = (fields.get("32", "") + fields.get("33", "")) or found.get("payee", "")
    found["bank_text"] = fields.get("00", "")
    if fields.get("31"):
        number = fields["31"].strip()
        found |= counterparty_fields(number, "" if _IBAN.match(number) else fields.get("30", ""))
    if not found.get("memo"):
        found["memo"] = fields.get("00", "")
    return found


def _sepa(whole: str, spaced: str) -> dict[str, Any]:
    """The SEPA keywords within a purpose; without any, all of it is the memo. Fields break words, so none is added."""
    marks = list(_SEPA.finditer(whole))
    if not marks:
        return {"memo": spaced}
    values: dict[str, str] = {}
    ends = [mark.start() for mark in marks[1:]] + [len(whole)]
    for mark, end in zip(marks, ends, strict=True):
        values.setdefault(mark[1], whole[mark.end() : end].strip())
    found: dict[str, Any] = {
        "memo": " ".join(part for part in (whole[: marks[0].start()].strip(), values.get("SVWZ", "")) if part),
        "end_to_end_id": values.get("EREF", "").replace(" ", ""),
        "mandate": values.get("MREF", ""),
        "creditor": values.get("CRED", ""),
        "payee": values.get("ABWE") or values.get("ABWA", ""),
    }
    if values.get("IBAN"):
        found |= counterparty_fields(values["IBAN"].split(" ")[0])
    return found


def _slashed(text: str) -> dict[str, Any]:
    marks = list(_SLASHED.finditer(text))
    values: dict[str, str] = {}
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    for mark, end in zip(marks, ends, strict=True):
        value = text[mark.end() : end].strip()
        if value.strip("/"):
            values.setdefault(mark[1], value)
    found: dict[str, Any] = {
        "payee": values.get("NAME", "").strip("/"),
        "memo": re.sub(r"\A/?(?:USTD|STRD)/+(?:CUR/|ISO/)?", "", values.get("REMI", "")).strip("/ "),
        "end_to_end_id": values.get("EREF", "").strip("/"),
        "mandate": values.get("MARF", "").strip("/"),
        "creditor": values.get("CSID", "").strip("/"),
        "bank_text": values.get("TRTP", "").strip("/"),
    }
    number = values.get("IBAN", "").strip("/")
    if values.get("CNTP"):  # ING: account, BIC, name, town
        number, _, rest = values["CNTP"].partition("/")
        found["payee"] = [*rest.split("/"), "", ""][1] or found["payee"]
    if number:
        found |= counterparty_fields(number)
    if not found["memo"]:
        found["memo"] = text[: marks[0].start()].strip() or found["bank_text"]
    return found
