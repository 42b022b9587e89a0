"""Money as banks write it, to exact decimals: never a float, never without a currency."""

from __future__ import annotations

import re
from functools import lru_cache

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import content_id

#: Signs that name one currency. "$" and "¥" stand for several and decide nothing.
SIGNS = {"€": "EUR", "£": "GBP", "₹": "INR", "₽": "RUB", "₺": "TRY", "₪": "ILS", "₩": "KRW", "zł": "PLN", "Kč": "CZK"}

_CODE = re.compile(r"[A-Z]{3}\Z")
_DIGITS = re.compile(r"\d{1,18}(\.\d{1,6})?\Z", re.ASCII)
_SPACES = re.compile(r"[\s\u00a0\u202f'’]")


def amount(text: str, field: str, decimal_mark: str = "") -> str:
    """An amount as a plain decimal: sign if negative, digits, a point. `"1.234,50-"` is `"-1234.50"`.

    `decimal_mark` is "," or "."; if empty, the last of the two in the text is it, unless it groups thousands for sure
    (it comes more than once). Raises DataError (bad_amount) that names the field, not its value.
    """
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


def currency(text: str, field: str) -> str:
    """An ISO 4217 code in capitals. Raises DataError (no_currency) that names the field."""
    code = text.strip().upper()
    if not _CODE.match(code):
        raise DataError(f"{field} names no currency", code="no_currency")
    return code


def account_fields(number: str, bank: str = "") -> dict[str, str]:
    """What a record keeps of an account number: an id that tells accounts apart, and the last four characters."""
    plain = re.sub(r"\s", "", number)
    if not plain:
        return {}
    return {"account_id": _account_id(plain, re.sub(r"\s", "", bank)), "account": f"…{plain[-4:]}"}


@lru_cache(maxsize=64)  # a statement has one account and many lines
def _account_id(number: str, bank: str) -> str:
    return content_id("life.account", number=number, bank=bank)
