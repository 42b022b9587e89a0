"""The words of a command as values: options and operands told apart, what a person is shown, what a path or URL is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from roadmap_cli.agent.scan.folding import joined
from roadmap_cli.agent.scan.shell import programs
from roadmap_cli.agent.scan.values import Text, Unknown, Value

_LONG_VALUED = frozenset(
    {"data", "data-binary", "data-raw", "data-urlencode", "form", "upload-file", "output", "output-document",
     "header", "user", "request", "proxy", "post-file", "post-data", "body-file", "directory-prefix", "url",
     "cookie", "cookie-jar", "user-agent", "referer", "max-time", "retry", "connect-timeout", "write-out",
     "target-directory", "lines", "bytes", "expression", "file", "regexp", "size", "mode", "owner", "group"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Operands:
    """Options as they stand, the values of those that take one by letter or name, and the words that are left."""

    options: list[str]
    values: dict[str, list[Value]]
    words: list[Value]


def operands_of(name: str, words: Sequence[Value]) -> Operands:
    """Options, the values of those that take one, and what is left. ``--`` ends options."""
    options: list[str] = []
    values: dict[str, list[Value]] = {}
    rest: list[Value] = []
    valued = programs.VALUED.get(name, "")
    at = 0
    while at < len(words):
        value = words[at]
        text = text_of(value)
        at += 1
        if text == "--":
            rest += words[at:]
            break
        if text.startswith("--"):
            key, equals, given = text[2:].partition("=")
            options.append(text)
            if equals and isinstance(value, Text):
                values.setdefault(key, []).append(replace(value, text=given))
            elif key in _LONG_VALUED and at < len(words):
                values.setdefault(key, []).append(words[at])
                at += 1
        elif text.startswith("-") and len(text) > 1:
            options.append(text)
            letter = next((number for number, c in enumerate(text[1:], 1) if c in valued), 0)
            if letter and letter + 1 < len(text) and isinstance(value, Text):
                values.setdefault(text[letter], []).append(replace(value, text=text[letter + 1 :]))
            elif letter and at < len(words):
                values.setdefault(text[letter], []).append(words[at])
                at += 1
        else:
            rest.append(value)
    return Operands(options, values, rest)


def after_options(words: Sequence[Value], valued: str, *, assigned: bool = False) -> list[Value]:
    """The words behind options, of which `valued` take the next word, and with `assigned` behind ``NAME=value``."""
    rest = list(words)
    while rest and (text_of(rest[0]).startswith("-") or (assigned and "=" in text_of(rest[0]))):
        flag = text_of(rest.pop(0))
        if len(flag) == 2 and flag[1] in valued and rest:
            rest.pop(0)
    return rest


def one_of(values: Sequence[Value]) -> Value:
    """The first of several values a word may have."""
    return values[0] if values else Unknown()


def text_of(value: Value) -> str:
    """What is known of a text, empty for anything else."""
    return value.text if isinstance(value, Text) else ""


def shown(words: Sequence[Value]) -> str:
    """The command as far as it is known, for a person."""
    parts = [v.text + ("" if v.whole else "…") if isinstance(v, Text) else "…" for v in words[:12]]
    line = " ".join(part if part and not re.search(r"\s", part) else repr(part) for part in parts)
    return line if len(line) <= 100 else line[:99] + "…"


def sequence(words: Iterable[Value]) -> Value:
    """Words put together with blanks between them."""
    total: Value = Text("")
    for number, value in enumerate(words):
        total = joined(joined(total, Text(" ")), value) if number else joined(total, value)
    return total


def below(value: Value) -> Value:
    """A file somewhere below a folder."""
    if not isinstance(value, Text):
        return value
    return replace(value, text=value.text.rstrip("/") + "/", whole=False, origin="unknown")


def globbed(value: Value) -> Value:
    """A path with a pattern in it: its folder, and what is in there."""
    if isinstance(value, Text) and value.whole and re.search(r"[*?\[]", value.text):
        head = re.split(r"[*?\[]", value.text, maxsplit=1)[0]
        return replace(value, text=head if head else "./", whole=False, origin="unknown")
    return value


def braced(text: str) -> list[str]:
    """``a{b,c}d`` as the words it becomes."""
    found = [text]
    for _ in range(3):
        parts = [re.match(r"([^{}]*)\{([^{}]*,[^{}]*)\}(.*)", each, re.DOTALL) for each in found]
        if not any(parts):
            break
        found = [
            word
            for each, part in zip(found, parts, strict=True)
            for word in ([f"{part[1]}{middle}{part[3]}" for middle in part[2].split(",")] if part else [each])
        ][:64]
    return found


def url_of(value: Value) -> Value:
    """What a transfer program takes as a URL: a bare name is a host."""
    if isinstance(value, Text) and "://" not in value.text and value.text:
        if re.match(r"[\w.-]+@[\w.-]+:", value.text):
            return replace(value, text=f"ssh://{value.text.partition(':')[0]}/")
        return replace(value, text=f"http://{value.text}/" if value.whole else f"http://{value.text}")
    return value
