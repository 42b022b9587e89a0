"""Text of the project, its tests and their output on its way into a prompt: material to look at, never instructions.

What a terminal or a reader would not see is made visible; what a model's template uses as control tokens is taken
apart; and each piece stands between marks that hold a hash of all pieces, so that no piece can hold its own end.
A model that is misled all the same can only propose text: what it says changes files in a sandbox and nothing else.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable

_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|[\]PX^_][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)?|[ -/]{0,4}[0-~])"
)
#: What templates of models use as control tokens; a word joiner (U+2060) behind the first character takes it apart.
_CONTROL = re.compile(
    r"<\||<｜|\[/?INST\]|<</?SYS>>|</?s>|<(?:start|end)_of_turn>|<(?:fim|file|repo)_[a-z_]{1,16}>|</?think>|</?data\b"
)
_JOINER = "\u2060"
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def visible(text: str) -> str:
    """A text without terminal escapes, every other invisible character spelled out, control tokens taken apart."""
    text = _ESCAPES.sub("", text.replace("\r\n", "\n"))
    if not (text.isascii() and text.isprintable()):
        text = "".join(_spelled(character) if _is_hidden(character) else character for character in text)
    return _CONTROL.sub(lambda found: found[0][0] + _JOINER + found[0][1:], text)


def restored(reply: str) -> str:
    """A reply with the control tokens that were taken apart put together again: they are the project's own text."""
    return reply.replace(_JOINER, "") if _JOINER in reply else reply


def mark(pieces: Iterable[str]) -> str:
    """What the marks around these pieces are called: 16 hexadecimal digits that stand in none of them."""
    whole = "\0".join(pieces)
    name = hashlib.sha256(whole.encode(errors="replace")).hexdigest()[:16]
    while name in whole:
        name = hashlib.sha256(name.encode()).hexdigest()[:16]
    return name


def marked(title: str, text: str, name: str) -> str:
    """A piece between its marks."""
    return f"<data {name} {' '.join(title.split())}>\n{text}\n</data {name}>"


def fenced(text: str, language: str) -> str:
    """Code in a fence that is longer than any in it."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def shortened(text: str, lines: int, width: int = 400) -> str:
    """The first and the last of a text's lines, each at most `width` characters."""
    every = [line if len(line) <= width else line[: width - 1] + "…" for line in text.split("\n")]
    if len(every) <= lines:
        return "\n".join(every)
    head, tail = (lines + 1) // 2, lines // 2
    gone = len(every) - head - tail
    return "\n".join([*every[:head], f"… {gone} lines left out …", *(every[-tail:] if tail else [])])


def _is_hidden(character: str) -> bool:
    return character not in "\n\t" and unicodedata.category(character) in _HIDDEN_CATEGORIES


def _spelled(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}" if number < 65536 else f"\\U{number:08x}"
