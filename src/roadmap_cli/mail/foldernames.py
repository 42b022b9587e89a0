"""Names of folders of mail: modified UTF-7 (RFC 3501, 5.1.3), which servers and Maildirs write them in, and back."""

from __future__ import annotations

import base64
import re


def readable(name: str) -> str:
    """The name of a folder for people: modified UTF-7 (RFC 3501, 5.1.3) decoded."""

    def letters(found: re.Match[str]) -> str:
        if not found[1]:
            return "&"
        text = found[1].replace(",", "/")
        try:
            return base64.b64decode(text + "=" * (-len(text) % 4)).decode("utf-16-be")
        except (ValueError, UnicodeError):
            return found[0]

    return re.sub(r"&([A-Za-z0-9+,]*)-", letters, name)


def written(name: str) -> str:
    """A folder's name as servers want it: modified UTF-7."""

    def coded(found: re.Match[str]) -> str:
        text = base64.b64encode(found[0].encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
        return f"&{text}-"

    return re.sub(r"[^\x20-\x7e]+", coded, name.replace("&", "&-"))
