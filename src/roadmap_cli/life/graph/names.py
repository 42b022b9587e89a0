"""Names of people as they are written, and how far two of them agree.

Folding takes away what is written one way here and another there: case, accents, umlauts and their spellings with e,
Cyrillic and Greek letters. Similarity of words is Jaro-Winkler (Winkler 1990).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from roadmap_cli.life.graph import nicknames

_LETTERS = str.maketrans(
    {
        "ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h",
        "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "e", "ж": "zh", "з": "z", "и": "i", "й": "i",
        "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f",
        "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "iu",
        "я": "ia", "і": "i", "ї": "i", "є": "e", "ґ": "g",
        "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i", "κ": "k", "λ": "l",
        "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s", "ς": "s", "τ": "t", "υ": "y", "φ": "f",
        "χ": "ch", "ψ": "ps", "ω": "o",
    }
)  # fmt: skip
_TITLES_TEXT = """
    mr mrs ms miss mx dr prof sir dame herr frau hr fr ing dipl mag med phil rer nat jr sr ii iii phd md msc bsc
    mba esq rev mme mlle
"""
_TITLES = frozenset(_TITLES_TEXT.split())
_PARTICLES_TEXT = """
    von van der den de del della di da dos du la le zu zur vom ten ter al el bin ibn
"""
_PARTICLES = frozenset(_PARTICLES_TEXT.split())
_ORGANISED = re.compile(
    r"\b(gmbh|ag|kg|ohg|ug|se|inc|llc|ltd|plc|corp|co|company|bank|e\.?v|group|team|support|service|services|newsletter"
    r"|noreply|no-reply|info|office|store|shop|university|universität|hotel|restaurant|verein|via|notifications?)\b",
    re.IGNORECASE,
)


@lru_cache(maxsize=65536)
def fold(text: str) -> str:
    """Lower case without accents, words between single spaces; letters and digits only."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter)).translate(_LETTERS)
    return " ".join(re.findall(r"[^\W_]+", plain))


@lru_cache(maxsize=65536)
def spelt(word: str) -> str:
    """A folded word as it is compared: umlauts without their e, and letters that transliterations exchange as one."""
    if len(word) > 3:
        word = re.sub(r"([aou])e", r"\1", word)
    for other, same in (("ph", "f"), ("kh", "h"), ("y", "i"), ("j", "i"), ("ii", "i")):
        word = word.replace(other, same)
    return word


_GROUPS = {spelt(form): lines for form, lines in nicknames.groups().items()}


@dataclass(frozen=True, slots=True)
class Name:
    """A person's name: words of the given part, and the family name ('' if there is but one word)."""

    given: tuple[str, ...]
    family: str

    @property
    def is_full(self) -> bool:
        """Whether it has a family name and a given one that is more than a letter."""
        return bool(self.family) and len(self.family) > 1 and len(self.given[0]) > 1

    @property
    def words(self) -> tuple[str, ...]:
        """All words."""
        return (*self.given, self.family) if self.family else self.given

    @property
    def key(self) -> str:
        """All words, sorted: the same for either order."""
        return " ".join(sorted(self.words))


@lru_cache(maxsize=65536)
def parse(text: str) -> Name | None:
    """A name from its written form, either order ("Raman, Priya"); None for what is none, such as a firm's."""
    if not text or len(text) > 80 or "@" in text or any(letter.isdigit() for letter in text):
        return None
    if _ORGANISED.search(text):
        return None
    text = re.sub(r"\([^)]*\)|\[[^]]*\]|[\"“„'‘’][^\"“”'‘’]{2,}[\"”'’](?=\s|$)|\s[|/–-]\s.*$", " ", text)
    front, comma, back = text.partition(",")
    if comma and fold(back) and not all(word in _TITLES for word in fold(back).split()):
        family, given = _words(front), _words(back)
        if not given or not family:
            return None
        return Name(tuple(given), _family(family))
    words = _words(front)
    if not words or len(words) > 6:
        return None
    if len(words) == 1:
        return Name((words[0],), "")
    cut = next((n for n in range(1, len(words) - 1) if words[n] in _PARTICLES), len(words) - 1)
    return Name(tuple(words[:cut]), _family(words[cut:]))


def _words(text: str) -> list[str]:
    words = [word for word in fold(text.replace("-", " ").replace(".", " ")).split() if word not in _TITLES]
    return [word if word in _PARTICLES else spelt(word) for word in words]


def _family(words: list[str]) -> str:
    """The family name without particles before it, which are often left out."""
    told = [word for word in words if word not in _PARTICLES]
    return " ".join(told) if told else " ".join(words)


class Level(IntEnum):
    """How far two names agree; from contradiction to identity."""

    CONFLICT = 0
    """Other people, as far as names tell."""
    UNTOLD = 1
    """Nothing to compare."""
    GIVEN = 2
    """One has a given name only, and it fits."""
    FAMILY_CHANGED = 3
    """The same uncommon given name, another family name: marriages, and other people."""
    INITIAL = 4
    """The family name, and an initial that fits."""
    TYPO = 5
    """All but a letter or two."""
    NICKNAME = 6
    """The family name, and forms of one given name."""
    PART = 7
    """One has a middle name more."""
    EXACT = 8
    """Every word, in any order."""


@lru_cache(maxsize=262144)
def agree(a: Name, b: Name) -> Level:
    """How far two names agree. Symmetric."""
    if a.key == b.key:
        return Level.EXACT if a.family else Level.GIVEN
    if not a.family or not b.family:
        return _single(a, b)
    return max(_full(a, b), _full(b, a), _full(_turned(a), b), _full(a, _turned(b)))


def _turned(name: Name) -> Name:
    """Family name first, as it is written in many places."""
    return Name((*name.given[1:], name.family), name.given[0])


def _single(a: Name, b: Name) -> Level:
    short, long = (a, b) if not a.family else (b, a)
    if not long.family:
        return Level.GIVEN if same_given(short.given[0], long.given[0]) else Level.CONFLICT
    if any(same_given(short.given[0], word) for word in long.given) or short.given[0] == long.family:
        return Level.GIVEN
    return Level.CONFLICT


def _full(a: Name, b: Name) -> Level:
    if a.family == b.family or set(a.family.split()) & set(b.family.split()):
        given = _given(a.given, b.given)
        if given is Level.EXACT and a.family != b.family:
            return Level.PART
        return given
    if (
        _near(a.family, b.family)
        and similarity(a.family, b.family) >= 0.9
        and _given(a.given, b.given) >= Level.NICKNAME
    ):
        return Level.TYPO
    if a.given[0] == b.given[0] and len(a.given[0]) > 2:
        return Level.FAMILY_CHANGED
    return Level.CONFLICT


def _given(a: tuple[str, ...], b: tuple[str, ...]) -> Level:
    if a == b:
        return Level.EXACT
    if set(a) <= set(b) or set(b) <= set(a):
        return Level.PART if a[0] == b[0] or len(a[0]) > 1 else Level.INITIAL
    if same_given(a[0], b[0]):
        return Level.NICKNAME
    if "".join(a) == "".join(b):
        return Level.PART
    one, other = a[0], b[0]
    if (len(one) == 1 or len(other) == 1) and one[0] == other[0]:
        return Level.INITIAL
    if len(one) > 3 and len(other) > 3 and _near(one, other) and similarity(one, other) >= 0.88:
        return Level.TYPO
    return Level.CONFLICT


def same_given(a: str, b: str) -> bool:
    """Whether two words are forms of one given name."""
    if a == b:
        return True
    first, second = _GROUPS.get(a), _GROUPS.get(b)
    return bool(first and second and first & second)


def given_groups(word: str) -> tuple[str, ...]:
    """What a given name is looked up by: its groups, or itself."""
    return tuple(f"#{number}" for number in sorted(_GROUPS.get(word, ()))) or (word,)


def _near(a: str, b: str) -> bool:
    """At most one letter put in, left out, changed or two swapped (of long words two)."""
    most = 1 if max(len(a), len(b)) < 9 else 2
    if abs(len(a) - len(b)) > most:
        return False
    before, row = [0] * (len(b) + 1), list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        last, before, row = before, row, [i]
        for j, other in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1] <= most


def similarity(a: str, b: str) -> float:
    """Jaro-Winkler similarity of two words: 0 to 1."""
    if a == b:
        return 1.0
    if not a or not b:
        return 0.0
    reach = max(max(len(a), len(b)) // 2 - 1, 0)
    taken = [False] * len(b)
    matched: list[str] = []
    for i, letter in enumerate(a):
        for j in range(max(0, i - reach), min(len(b), i + reach + 1)):
            if not taken[j] and b[j] == letter:
                taken[j] = True
                matched.append(letter)
                break
    if not matched:
        return 0.0
    others = [letter for j, letter in enumerate(b) if taken[j]]
    swapped = sum(x != y for x, y in zip(matched, others, strict=True)) / 2
    m = len(matched)
    jaro = (m / len(a) + m / len(b) + (m - swapped) / m) / 3
    prefix = 0
    for x, y in zip(a[:4], b[:4], strict=False):
        if x != y:
            break
        prefix += 1
    return jaro + prefix * 0.1 * (1 - jaro)
