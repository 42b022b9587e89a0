"""From the bytes of mail to text, whatever character set it claims: never failing, losing as little as can be.

Names are widened as browsers widen them (WHATWG Encoding): what calls itself ISO 8859-1 is Windows-1252, GB2312 is
GB18030, KS C 5601 is CP949, Shift JIS is CP932.
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

#: Encodings of Python that mail never means, or whose time is not bounded by the length of the text.
_REFUSED = frozenset({"unicode-escape", "raw-unicode-escape", "punycode", "idna", "mbcs", "oem", "undefined"})
_WIDER = {
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "hz": "hz",
    "big5": "cp950",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "ks_c-5601-1987": "cp949",
    "iso2022_jp": "iso2022_jp_ext",
}
_ALIASES = {
    "ansi": "cp1252",
    "x-unknown": "utf-8",
    "unknown": "utf-8",
    "unknown-8bit": "utf-8",
    "8bit": "utf-8",
    "default": "utf-8",
    "utf": "utf-8",
    "utf8mb4": "utf-8",
    "unicode": "utf-8",
    "unicode-1-1-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8",
    "iso-8859-8-i": "iso8859-8",
    "iso-8859-8-e": "iso8859-8",
    "iso-8859-6-i": "iso8859-6",
    "x-sjis": "cp932",
    "x-euc-jp": "euc_jp",
    "x-gbk": "gb18030",
    "x-mac-roman": "mac_roman",
    "macintosh": "mac_roman",
    "x-mac-cyrillic": "mac_cyrillic",
    "cp-850": "cp850",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "ksc5601": "cp949",
    "big5-hkscs": "big5hkscs",
    "gb18030-2000": "gb18030",
    "windows-874": "cp874",
    "x-windows-949": "cp949",
    "windows-31j": "cp932",
    "viscii": "cp1258",
}
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NUMBERED = re.compile(r"(?:windows|win|cp|x-cp|microsoft-cp|dos|ibm)[-_]?(\d{3,5})\Z")
#: A character of no text; the surrogates that utf-7 lets through among them.
_LONE = re.compile("[\ud800-\udfff\x00]")


@lru_cache(maxsize=512)
def codec(name: str) -> str | None:
    """The codec of Python for a character set as mail writes it, widened; None for one there is not."""
    plain = name.strip().strip("\"'").lower().removeprefix("charset=")
    plain = _ALIASES.get(plain, plain)
    if found := _NUMBERED.match(plain):
        plain = f"cp{found[1]}"
    if not plain or not plain.isascii() or len(plain) > 60:
        return None
    try:
        info = codecs.lookup(plain)
        "".encode(plain)  # refuses what is no text encoding
    except (LookupError, ValueError):
        return None
    if info.name.replace("_", "-") in _REFUSED:
        return None
    return _WIDER.get(info.name, info.name)


def decode(data: bytes, declared: str | None = None, other: str | None = None) -> str:
    """The text of some bytes: `declared`, `other` (a guess), UTF-8, Windows-1252, whichever fits first.

    A byte order mark wins. Where nothing fits, what is declared is used, with U+FFFD for the bytes that do not.
    Lone surrogates and NUL become U+FFFD, so that the text can be stored anywhere.
    """
    text = _decode(data, declared, other)
    return _LONE.sub("\ufffd", text)


def _decode(data: bytes, declared: str | None, other: str | None) -> str:
    if data.isascii() and declared is None:
        return data.decode("ascii")
    for mark, name in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(name, errors="replace")
    named = codec(declared) if declared else None
    if named == "ascii":  # it says what every mail says that says nothing
        named = None
    guess = codec(other) if other else None
    for candidate in (named, guess, "utf-8"):
        if candidate is not None:
            try:
                return data.decode(candidate)
            except (UnicodeError, ValueError):
                continue
    if named is not None and named not in ("utf-8", "cp1252"):
        try:
            text = data.decode(named, errors="replace")
        except (UnicodeError, ValueError):  # pragma: no cover - codecs that know no replacement
            text = ""
        if text and _is_nearly_right(text):
            return text
    if named == "utf-8":  # declared, nearly right: a character cut in two
        text = data.decode("utf-8", errors="replace")
        if _is_nearly_right(text):
            return text
    return data.decode("cp1252", errors="replace") if _fits_1252(data) else data.decode("latin-1")


def _is_nearly_right(text: str) -> bool:
    """Whether less than 5 % did not fit, or a single character where others that are not ASCII did."""
    wrong = text.count("\ufffd")
    return wrong * 20 < len(text) or (wrong == 1 and not text.replace("\ufffd", "").isascii())


def _fits_1252(data: bytes) -> bool:
    return not any(byte in data for byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D))
