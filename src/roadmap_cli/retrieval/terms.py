"""Texts as the stems of their words, by the tokenizer of SQLite's FTS5 (``porter unicode61``): the archive's own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

TOKENIZER = "porter unicode61 remove_diacritics 2"
#: Scripts without spaces between words: each character is one.
_UNSPACED = re.compile("([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\u0e00-\u0e7f])")
_WORD = re.compile("[a-z0-9]+")
#: English words that say nothing of what a question is about.
_STOPS = """
a an the and or but if of in on at to for with from by about as is are was were be been being am do does did done has
have had having i you he she it we they me him her us them my your his its our their this that these those what which
who whom whose when where why how will would can could should shall may might must not no so than then there here just
also very too any some all s t d ll re ve m
"""
STOP_WORDS = frozenset(_STOPS.split())


class Terms:
    """A tokenizer in memory. Nothing it is given reaches a disk."""

    def __init__(self) -> None:
        from roadmap_cli.state import connection

        self._connection: Any = connection.connect(":memory:", None, wait_s=0)
        self._connection.execute(f"CREATE VIRTUAL TABLE said USING fts5(text, tokenize='{TOKENIZER}')")
        self._connection.execute("CREATE VIRTUAL TABLE term USING fts5vocab(said, instance)")
        self._stems: dict[str, str] = {}  # of words of ASCII that were met before
        self._stops = {stem for stems in self.split(sorted(STOP_WORDS)) for stem in stems}

    def split(self, texts: Sequence[str]) -> list[list[str]]:
        """The stems of each text, in order."""
        plain = [_WORD.findall(text.lower()) if text.isascii() else None for text in texts]
        new = {word for words in plain if words for word in words if word not in self._stems}
        if new:
            ordered = sorted(new)
            for word, stems in zip(ordered, self._tokenized(ordered), strict=True):
                self._stems[word] = stems[0]
        rest = iter(self._tokenized([text for text, words in zip(texts, plain, strict=True) if words is None]))
        return [next(rest) if words is None else [self._stems[word] for word in words] for words in plain]

    def _tokenized(self, texts: Sequence[str]) -> list[list[str]]:
        if not texts:
            return []
        found: list[list[str]] = [[] for _ in texts]
        self._connection.executemany(
            "INSERT INTO said (rowid, text) VALUES (?, ?)", ((place, spaced(text)) for place, text in enumerate(texts))
        )
        for place, stem in self._connection.execute("SELECT doc, term FROM term ORDER BY doc, offset"):
            found[place].append(stem)
        self._connection.execute("DELETE FROM said")
        return found

    def telling(self, text: str) -> list[str]:
        """The different stems of a question that say what it is about; all of them if none does."""
        stems = list(dict.fromkeys(self.split([text])[0]))
        return [stem for stem in stems if stem not in self._stops] or stems

    def close(self) -> None:
        """Let go of the memory."""
        self._connection.close()


def words(question: str) -> list[str]:
    """The different words of a question that say what it is about, as they stand there; all if none does."""
    found = list(dict.fromkeys(re.findall(r"\w+", spaced(question.lower()))))
    return [word for word in found if word not in STOP_WORDS] or found


def spaced(text: str) -> str:
    """The text with spaces around each character of a script that writes none, so that they can be found."""
    return _UNSPACED.sub(r" \1 ", text)
