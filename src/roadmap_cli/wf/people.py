"""Who somebody is: a name given, or the one the system knows the user by, and whether two names are one person's.

The rule kept here: a name has one spelling. What is compared is never the text somebody typed but its skeleton: two
names that a reader would take for the same are the same person, whatever their characters are.
"""

from __future__ import annotations

import os
import unicodedata

from roadmap_cli.core.errors import UsageError

MOST_CHARACTERS = 128
_SIGNS = frozenset(" ._-@+'")
#: Characters that are drawn like Latin letters, each before the letter it passes for: those of Unicode's
#: confusables.txt (UTS 39) in the alphabets people type, small capitals, and digits and strokes within Latin.
_PASSES_FOR = (
    "аaвbеeёeзeіlїlкkмmнhоoрpсcтtуyхxѕsјjԁdԛqԝwһhӏlпnгrьbѵvԍgҽeүyқkңhҳxәe"
    "αaβbγyεeηnιlκkνvοoρpτtυuχxωwϲcϳjσo"
    "սuոnօoհhցgզqյjаaրnքfѕs"
    "ılɩlɪlɡgɑaɒaʏyʀrℓlꞵbøođdłlħhᴀaʙbᴄcᴅdᴇeɢgʜhᴊjᴋkʟlᴍmɴnᴏoᴘpᴛtᴜuᴠvᴡwᴢz"
    "0o1lil|l5s3e"
)
_ALIKE = str.maketrans(dict(zip(_PASSES_FOR[::2], _PASSES_FOR[1::2], strict=True)))
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("ß", "ss"))


def user(name: str | None) -> str:
    """``NAME``, or the login name of the user whose process this is. Raises UsageError for a name that is none.

    A name is text in one script, without invisible characters, without colons: nobody passes for a group or a policy.
    """
    if name is None:
        import pwd

        try:
            return pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            return f"uid-{os.getuid()}"
    cleaned = unicodedata.normalize("NFKC", name).strip()
    if cleaned[:5].casefold() == "user:":
        cleaned = cleaned[5:].strip()
    if not cleaned or len(cleaned) > MOST_CHARACTERS or not all(each.isalnum() or each in _SIGNS for each in cleaned):
        raise UsageError(f"not a name: {name!r}", hint="letters, digits, spaces and . _ - @ + '")
    if not skeleton(cleaned):
        raise UsageError(f"not a name: {name!r}", hint="it has no letter")
    if odd := next((each for each in cleaned if each.isalpha() and _is_rare(each)), None):
        raise UsageError(f"not a name: {name!r}", hint=f"{odd!r} is a letter that no name is written with")
    if len(scripts := _scripts(cleaned)) > 1:
        raise UsageError(f"not a name: {name!r}", hint=f"it mixes {' and '.join(sorted(scripts))} letters")
    return cleaned


def spelled(name: str) -> str:
    """A name in the one spelling under which rights are kept: without prefix, composed, case folded, blanks as one."""
    return " ".join(unicodedata.normalize("NFKC", name).removeprefix("user:").casefold().split())


def skeleton(name: str) -> str:
    """What a reader sees of a name: letters and digits that look alike made the same, everything else left out."""
    text = unicodedata.normalize("NFKD", spelled(name)).translate(_ALIKE)
    text = "".join(each for each in text if each.isalnum()).translate(_ALIKE)
    for pair, one in _PAIRS:
        text = text.replace(pair, one)
    return text


def are_same(one: str | None, other: str | None) -> bool:
    """Whether two names may be one person's: their skeletons, and those of the parts before an ``@``, are compared."""
    if one is None or other is None:
        return False
    whole = skeleton(one), skeleton(other)
    if whole[0] == whole[1]:
        return True
    local = skeleton(one.partition("@")[0]), skeleton(other.partition("@")[0])
    return ("@" in one) != ("@" in other) and bool(local[0]) and local[0] == local[1]


def _is_rare(letter: str) -> bool:
    """Letters of Latin that languages are not written with today (phonetic, historic, small capitals), and of Cyrillic
    and Greek likewise: most of what passes for another letter is among them (UTS 39, Identifier_Status)."""
    at = ord(letter)
    script = unicodedata.name(letter, "").partition(" ")[0]
    if script == "LATIN":
        return not (at < 0x180 or 0x1E00 <= at < 0x1F00 or at in (0x1A0, 0x1A1, 0x1AF, 0x1B0, *range(0x218, 0x21C)))
    if script == "CYRILLIC":
        return not (0x400 <= at < 0x460 or 0x48A <= at < 0x4C0 or 0x4D0 <= at < 0x500)
    return script == "GREEK" and not (0x386 <= at < 0x3D0 or 0x1F00 <= at < 0x2000)


def _scripts(name: str) -> set[str]:
    found = {unicodedata.name(each, "UNKNOWN").partition(" ")[0] for each in name if each.isalpha()}
    east_asian = {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "BOPOMOFO"}
    return found - east_asian | ({"East Asian"} if found & east_asian else set())
