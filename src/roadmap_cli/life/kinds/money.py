"""Money as banks write it, to exact decimals: never a float, never without a currency."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import content_id

#: Signs that name one currency. "$" and "¥" stand for several and decide nothing.
SIGNS = {"€": "EUR", "£": "GBP", "₹": "INR", "₽": "RUB", "₺": "TRY", "₪": "ILS", "₩": "KRW", "zł": "PLN", "Kč": "CZK"}

#: The codes of ISO 4217 that people have money in, and those it had lately: what else has three letters is a security.
ISO_4217 = frozenset(
    re.findall(
        "[A-Z]{3}",
        """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BYR BZD CAD CDF
    CHF CLF CLP CNY CNH COP CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD
    HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LTL
    LVL LYD MAD MDL MGA MKD MMK MNT MOP MRO MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR
    PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STD STN SVC SYP SZL THB TJS TMT TND TOP
    TRY TTD TWD TZS UAH UGX USD UYU UZS VED VEF VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG ZWL DEM FRF ITL ESP ATS
    BEF NLG FIM IEP PTE GRD EEK SKK SIT MTL CYP""",
    )
)

_CODE = re.compile(r"[A-Z]{3}\Z")
_DIGITS = re.compile(r"\d{1,18}(\.\d{1,18})?\Z", re.ASCII)
#: An amount as it is written here, which is not zero.
_PLAIN = re.compile(r"-?(?:[1-9]\d{0,11}\.\d\d|0\.(?:[1-9]\d|0[1-9]))\Z", re.ASCII)
_IBAN = re.compile(r"[A-Z]{2}\d\d[A-Z0-9]{11,30}\Z", re.ASCII)
#: Where the bank's code ends in an IBAN whose rest is the account number alone (SWIFT IBAN registry).
_BANK_ENDS = {"DE": 12, "AT": 9, "CH": 9, "LI": 9, "NL": 8}
_SPACES = re.compile(r"[\s\u00a0\u202f'’]")


def amount(text: str, field: str, decimal_mark: str = "") -> str:
    """An amount as a plain decimal: sign if negative, digits, a point. `"1.234,50-"` is `"-1234.50"`.

    `decimal_mark` is "," or "."; if empty, the last of the two in the text is it, unless it groups thousands for sure
    (it comes more than once). Raises DataError (bad_amount) that names the field, not its value.
    """
    if decimal_mark == "." and _PLAIN.match(text):
        return text
    value = _SPACES.sub("", text)
    negative = value.startswith("(") and value.endswith(")")
    value = value.strip("()")
    for sign in ("-", "−", "–"):
        if value.startswith(sign) or value.endswith(sign):
            negative, value = not negative, value.removeprefix(sign) if value[0] == sign else value.removesuffix(sign)
            break
    value = value.removeprefix("+")
    mark = decimal_mark or _mark(value)
    other = "," if mark == "." else "."
    whole, point, fraction = value.partition(mark) if mark else (value, "", "")
    if other in fraction or (other in whole and not _grouped(whole, other)):
        raise DataError(f"{field} is not an amount", code="bad_amount")
    plain = whole.replace(other, "") + ("." + fraction if point and fraction else "")
    plain = "0" + plain if plain.startswith(".") else plain
    if len(plain) > 18:  # brokers fill amounts up with zeros
        plain = plain.lstrip("0") if "." not in plain else plain.lstrip("0").rstrip("0").removesuffix(".") or "0"
        plain = "0" + plain if plain.startswith(".") else plain
    if not _DIGITS.match(plain):
        raise DataError(f"{field} is not an amount", code="bad_amount")
    digits = plain.lstrip("0") or "0"
    digits = "0" + digits if digits.startswith(".") else digits
    return "-" + digits if negative and digits.strip("0.") else digits


def _mark(value: str) -> str:
    last = max(value.rfind(","), value.rfind("."))
    if last < 0:
        return ""
    mark = value[last]
    return ("." if mark == "," else ",") if value.count(mark) > 1 else mark


def _grouped(whole: str, mark: str) -> bool:
    """Whether the mark groups digits as people do: by threes, or after the first three by twos (lakh)."""
    first, *rest = whole.split(mark)
    return bool(first) and len(first) <= 3 and len(rest[-1]) == 3 and all(len(piece) in (2, 3) for piece in rest)


def decimal_mark(values: Iterable[str], *, fallback: str = "") -> str:
    """What marks decimals, if the values show it: a mark after another, or with other than three digits after it.

    Raises DataError (ambiguous_amounts) if they leave it open and there is no `fallback`.
    """
    marks: set[str] = set()
    unsure = False
    for value in values:
        plain = re.sub(r"[^\d.,]", "", value)
        both = "," in plain and "." in plain
        last = max(plain.rfind(","), plain.rfind("."))
        if last < 0:
            continue
        mark, after = plain[last], len(plain) - last - 1
        if both or (plain.count(mark) == 1 and (after != 3 or last > 3 or plain.startswith("0"))):
            marks.add(mark)
        elif plain.count(mark) > 1:
            marks.add("." if mark == "," else ",")
        else:
            unsure = True
    if len(marks) == 1:
        return marks.pop()
    if not marks and not unsure:
        return fallback or "."
    if fallback:
        return fallback
    raise DataError(
        "amounts may have a decimal comma or a decimal point",
        hint="say which: --map decimal=comma or --map decimal=dot",
        code="ambiguous_amounts",
    )


@lru_cache(maxsize=256)
def currency(text: str, field: str) -> str:
    """An ISO 4217 code in capitals. Raises DataError (no_currency) that names the field."""
    code = text.strip().upper()
    if not _CODE.match(code):
        raise DataError(f"{field} names no currency", code="no_currency")
    return code


def account_fields(number: str, bank: str = "") -> dict[str, str]:
    """What a record keeps of an account number: an id that tells accounts apart, and the last four characters.

    An IBAN and the national number it is made of give the same id; leading zeros do not count.
    """
    if not number:
        return {}
    return dict(_account_fields(number, bank))


@lru_cache(maxsize=256)  # a statement has one account and many lines
def _account_fields(number: str, bank: str) -> tuple[tuple[str, str], ...]:
    plain, code = (re.sub(r"\s", "", text).upper() for text in (number, bank))
    if not plain:
        return ()
    if _IBAN.match(plain) and plain[:2] in _BANK_ENDS:
        ends = _BANK_ENDS[plain[:2]]
        code, plain = plain[4:ends], plain[ends:]
    plain = plain.lstrip("0") or "0"
    made = content_id("life.account", number=plain, bank=code.lstrip("0"))
    return (("account_id", made), ("account", f"…{plain[-4:]}"))


def is_iban(text: str) -> bool:
    """Whether a text is an IBAN, its check digits right (ISO 13616)."""
    plain = re.sub(r"\s", "", text).upper()
    if not _IBAN.match(plain):
        return False
    return int("".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])) % 97 == 1


def counterparty_fields(number: str, bank: str = "") -> dict[str, str]:
    """The same of the other side's account, under other names."""
    found = account_fields(number, bank)
    return {"counterparty_id": found["account_id"], "counterparty": found["account"]} if found else {}


def named_account(name: str) -> dict[str, str]:
    """What a record keeps of an account that has a name and no number: of a person's own books."""
    return {"account_id": _named_account_id(name), "account_name": name} if name else {}


@lru_cache(maxsize=256)
def _named_account_id(name: str) -> str:
    return content_id("life.account", name=name)


def plain(value: Decimal) -> str:
    """An exact decimal as amounts are written here: no exponent, no minus before zero."""
    text = f"{value:f}"
    return text.removeprefix("-") if not value else text
