"""Changes to files as a unified diff that ``git apply`` takes, whatever the files are.

Made from bytes, not from text: a missing final newline, CRLF, other encodings, names with spaces or quotes, new and
deleted files and mode bits survive. What is not UTF-8 text becomes a binary patch (git's format: zlib and base 85).
"""

from __future__ import annotations

import base64
import difflib
import hashlib
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_CONTEXT = 3
_ZERO = "0" * 40


@dataclass(frozen=True, slots=True)
class File:
    """A file's content and whether it may be executed."""

    content: bytes
    executable: bool = False

    @property
    def mode(self) -> str:
        """git's mode."""
        return "100755" if self.executable else "100644"

    @property
    def blob(self) -> str:
        """git's name for the content (SHA-1 of a blob)."""
        head = b"blob %d\0" % len(self.content)
        return hashlib.sha1(head + self.content, usedforsecurity=False).hexdigest()


def diff(before: Mapping[str, File | None], after: Mapping[str, File | None]) -> str:
    """One diff over all files of `after` that differ from `before`; None (or no entry) is a file that is not there."""
    return "".join("".join(_of_file(name, before.get(name), after[name])) for name in sorted(after))


def _of_file(name: str, old: File | None, new: File | None) -> Iterator[str]:
    if old == new:
        return
    ours, theirs = quoted(f"a/{name}"), quoted(f"b/{name}")
    yield f"diff --git {ours} {theirs}\n"
    if old is None and new is not None:
        yield f"new file mode {new.mode}\n"
    elif new is None and old is not None:
        yield f"deleted file mode {old.mode}\n"
    elif old is not None and new is not None and old.mode != new.mode:
        yield f"old mode {old.mode}\nnew mode {new.mode}\n"
    a, b = (old.content if old else b""), (new.content if new else b"")
    if a == b:
        if (old is None or new is None) and not a:  # an empty file that comes or goes
            yield f"index {old.blob if old else _ZERO}..{new.blob if new else _ZERO}\n"
        return
    if _is_text(a) and _is_text(b):
        yield f"--- {_header(ours) if old else '/dev/null'}\n+++ {_header(theirs) if new else '/dev/null'}\n"
        yield from _hunks(_lines(a.decode()), _lines(b.decode()))
        return
    same = f" {old.mode}" if old and new and old.mode == new.mode else ""
    yield f"index {old.blob if old else _ZERO}..{new.blob if new else _ZERO}{same}\nGIT binary patch\n"
    yield from _literal(b)
    yield from _literal(a)


def _is_text(content: bytes) -> bool:
    if b"\0" in content[:8000]:
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _lines(text: str) -> list[str]:
    """Lines by line feed only: a carriage return, a form feed or U+2028 inside a line stays in it."""
    lines = text.split("\n")
    ended = [line + "\n" for line in lines[:-1]]
    return [*ended, lines[-1]] if lines[-1] else ended


def _hunks(old: list[str], new: list[str]) -> Iterator[str]:
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=len(old) + len(new) > 20_000)
    for group in matcher.get_grouped_opcodes(_CONTEXT):
        first, last = group[0], group[-1]
        yield f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@\n"
        for tag, a, b, c, d in group:
            if tag == "equal":
                yield from (_line(" ", line) for line in old[a:b])
                continue
            yield from (_line("-", line) for line in old[a:b])
            yield from (_line("+", line) for line in new[c:d])


def _line(sign: str, line: str) -> str:
    return sign + line if line.endswith("\n") else f"{sign}{line}\n\\ No newline at end of file\n"


def _range(start: int, stop: int) -> str:
    count = stop - start
    return f"{start + (count > 0)}" if count == 1 else f"{start + (count > 0)},{count}"


def quoted(name: str) -> str:
    """A path as git writes it in a diff: in double quotes with C escapes if it has quotes or control characters."""
    if not any(letter in '"\\' or ord(letter) < 32 or ord(letter) == 127 for letter in name):
        return name
    return '"' + "".join(_escaped(letter) for letter in name) + '"'


_SHORT = dict(zip('\n\t\r"\\\a\b\f\v', 'ntr"\\abfv', strict=True))


def _escaped(letter: str) -> str:
    if letter in _SHORT:
        return f"\\{_SHORT[letter]}"
    return f"\\{ord(letter):03o}" if ord(letter) < 32 or ord(letter) == 127 else letter


def _header(name: str) -> str:
    """Behind --- or +++ a name with a space ends in a tab, or the rest would be taken for a time."""
    return name + "\t" if " " in name and not name.startswith('"') else name


def _literal(content: bytes) -> Iterator[str]:
    yield f"literal {len(content)}\n"
    packed = zlib.compress(content, 9)
    for at in range(0, len(packed), 52):
        part = packed[at : at + 52]
        size = chr(ord("A") + len(part) - 1) if len(part) <= 26 else chr(ord("a") + len(part) - 27)
        padded = part + b"\0" * (-len(part) % 4)
        yield size + base64.b85encode(padded).decode() + "\n"
    yield "\n"
