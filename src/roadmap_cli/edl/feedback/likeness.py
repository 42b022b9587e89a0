"""What a phrase about an edit most likely means, by its likeness to phrases whose meaning is known.

Kernel ridge regression (Saunders et al., ICML 1998) from phrases to wishes. Two phrases are alike by the meaning of
their words (`word_vectors`) and by stems and pairs of stems they share. It knows which words go with which wish; the
rules know how things are denied and compared. How much a reading of the rules counts against likeness depends on how
often they were right about that wish in phrases they had not been written for. `tools/learn_feedback.py` learns all of
it from the phrases in tools/data/feedback.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise

import numpy
from numpy.typing import NDArray

from roadmap_cli.edl.feedback.word_vectors import vectors

#: What a phrase means: axes and signs.
Meaning = tuple[tuple[str, int], ...]

#: The file in this package with what was learnt.
LEARNT = "likeness.npz"
NOTHING = "none"
#: The share of meaning in likeness (the rest is of words that are shared), and how fast it falls with distance.
MEANING, WIDTH = 0.65, 0.8
#: Fixed on phrases written for it, none of which is in a bench: the most that a reading of the rules adds to a score
#: (scores of what was learnt are near 1), from which rate of being right on it adds anything; how far behind the
#: opposite wish a reading may be and still tell the sign; the least score of a wish,
#: of a second one, of several that the rules read together, and of each of them.
_MOST_TRUST, _TRUSTED = 0.3, 0.5
_SIGN = 0.1
_FIRST, _SECOND, _SEVERAL, _EACH = 0.15, 0.6, 0.6, 0.1
#: "The lips come after the sound": only the rules see which comes first.
_BY_ORDER = "shift"
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+")
_SUFFIXES = (
    "iness",
    "ingly",
    "ness",
    "ings",
    "ing",
    "edly",
    "ies",
    "ed",
    "er",
    "est",
    "es",
    "ly",
    "ish",
    "y",
    "s",
    "e",
)
_SKIPPED = 0.7


@dataclass(frozen=True, slots=True)
class _Learnt:
    """What the file holds: N known phrases, W wishes, F features.

    `meanings` float32 [N, dimensions]; `rows` and `shares`: for the feature numbered f, the phrases that have it and
    how much of each it is, from `starts[f]` to `starts[f + 1]`; `rarity` float32 [F]; `answers` float32 [N, W].
    """

    codes: tuple[str, ...]
    meanings: NDArray[numpy.float32]
    features: dict[str, int]
    rarity: NDArray[numpy.float32]
    starts: NDArray[numpy.int64]
    rows: NDArray[numpy.int64]
    shares: NDArray[numpy.float32]
    answers: NDArray[numpy.float32]
    trust: dict[str, float]


@cache
def _learnt() -> _Learnt:
    with (resources.files("roadmap_cli.edl.feedback") / LEARNT).open("rb") as file:
        stored = dict(numpy.load(file).items())
    text = {name: bytes(stored[name]).decode().split("\n") for name in ("codes", "features")}
    return _Learnt(
        tuple(text["codes"]),
        stored["meanings"].astype(numpy.float32) / 127,
        {feature: at for at, feature in enumerate(text["features"])},
        stored["rarity"],
        stored["starts"].astype(numpy.int64),
        stored["rows"].astype(numpy.int64),
        stored["shares"].astype(numpy.float32),
        stored["answers"].astype(numpy.float32),
        dict(zip(text["codes"], stored["trust"].tolist(), strict=True)),
    )


def digest() -> str:
    """A hash of the phrases that were learnt."""
    with (resources.files("roadmap_cli.edl.feedback") / LEARNT).open("rb") as file:
        return bytes(numpy.load(file)["digest"]).decode()


def tidy(text: str) -> str:
    """Lower case, plain apostrophes, single blanks, no letter three times in a row."""
    return re.sub(r"(\w)\1{2,}", r"\1\1", " ".join(text.lower().replace("’", "'").split()))


def features(phrase: str) -> dict[str, float]:
    """Words, stems and pairs of stems of a tidy phrase, with what each counts."""
    words = ["#" if word[0].isdigit() else word for word in _WORD.findall(phrase)]
    stems = [_stem(word) for word in words]
    found = {f"{a}  {b}": _SKIPPED for a, b in zip(stems, stems[2:], strict=False)}
    return found | dict.fromkeys([*words, *(f"{stem}·" for stem in stems), *map(" ".join, pairwise(stems))], 1.0)


def _stem(word: str) -> str:
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            return word[: -len(suffix)]
    return word


def scores(text: str) -> dict[str, float]:
    """How likely each wish (`exposure+`), and none of them, is meant by a text; about 1 if it surely is, 0 if not."""
    known, phrase = _learnt(), tidy(text)
    alike = MEANING * (known.meanings @ vectors().of(phrase))
    own = [(known.features[name], count) for name, count in features(phrase).items() if name in known.features]
    if own:
        values = numpy.array([count for _, count in own], numpy.float32) * known.rarity[[at for at, _ in own]]
        values *= (1 - MEANING) / numpy.linalg.norm(values)
        for (at, _), value in zip(own, values, strict=True):
            span = slice(known.starts[at], known.starts[at + 1])
            alike[known.rows[span]] += value * known.shares[span]
    found = nearness(alike) @ known.answers
    return dict(zip(known.codes, found.tolist(), strict=True))


def nearness(alike: NDArray[numpy.float32]) -> NDArray[numpy.float32]:
    """The kernel of likenesses up to 1: Gaussian in the distance of what has length one."""
    near: NDArray[numpy.float32] = numpy.exp((alike - 1) * (2 / WIDTH))
    return near


def meant(text: str, read: Meaning, content: bool) -> Meaning:
    """What a text means, where rules read `read` from it, `content` if they see praise, a question or no wish asked."""
    return weighed(scores(text), read, content, _learnt().trust)


def weighed(likely: dict[str, float], read: Meaning, content: bool, trust: dict[str, float]) -> Meaning:
    """The reading of the rules and the scores of likeness as one; `trust`: how often the rules are right, by wish."""
    if content and not read:
        return ()
    told = {_code(axis, sign): (axis, sign) for axis, sign in read if _code(axis, sign) in likely}
    if len(told) < len(read) or any(axis == _BY_ORDER for axis, _ in read):
        return read
    if len(read) > 1 and sum(likely[code] for code in told) > _SEVERAL:
        return tuple(wish for code, wish in told.items() if likely[code] >= _EACH)
    total = dict(likely)
    for code, (axis, sign) in told.items():
        surely = max(0.0, trust.get(code, 0.0) - _TRUSTED) / (1 - _TRUSTED)
        total[code] += _MOST_TRUST * surely
        other = _code(axis, -sign)
        if other in total and total[other] - _SIGN < total[code] < total[other]:
            total[code], total[other] = total[other], total[code]
    first, second = sorted(total, key=lambda code: -total[code])[:2]
    if first == NOTHING or total[first] < _FIRST:
        return ()
    best = [first]
    if second != NOTHING and total[second] > _SECOND:
        best.append(second)
    kept = [wish for code, wish in told.items() if code in best]
    return (*kept, *((code[:-1], 1 if code[-1] == "+" else -1) for code in best if code not in told))


def _code(axis: str, sign: int) -> str:
    return f"{axis}{'+' if sign > 0 else '-'}"
