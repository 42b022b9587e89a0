"""Learn what edl-feedback knows beyond its rules, from the phrases in tools/data/feedback.

usage: tools/learn_feedback.py [--held-out | --vectors FOLDER]

Without an option: words.txt and likeness.npz in src/roadmap_cli/edl/feedback are written anew (the same bytes for the same phrases on one
machine). Each file of phrases is one voice, in the order of ORDER; a line is a phrase and its wishes, or none.
`rules.tsv` is the list the rules were written on: nothing is measured on it, nor how far they can be trusted.

--held-out: how a voice is read that was never heard: all others are learnt, the third of its phrases that was set aside
when it was written is read. Also how that grows with the number of phrases.
--vectors FOLDER: src/roadmap_cli/edl/feedback/word_vectors.npz from the model all-minilm-l6-v2 in FOLDER (a minute).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy

from roadmap_cli.edl.feedback import likeness, wishes, word_vectors

PHRASES = Path(__file__).with_name("data") / "feedback"
PACKAGE = Path(likeness.__file__).parent
RULES = "rules"
ORDER = (
    "wedding",
    "clients",
    "second_language",
    "phone",
    "trade",
    "village",
    "figures",
    "negations",
    "stages",
    "replies",
    "workshops",
    "shorthand",
    "theatre",
    "mixed",
    "family",
    "evenings",
    "pleased",
    "errands",
    "chat",
    "more_figures",
    "households",
    "offices",
    "professionals",
)
#: What is added to the diagonal; of two wishes in a phrase each counts less.
RIDGE, ONE_OF_SEVERAL = 0.1, 0.8
#: Readings of the rules that are taken for granted: so many right of so many.
GRANTED = (4, 6)
DIMENSIONS, STEP = 256, 0.4

Codes = frozenset[str]


@dataclass(frozen=True)
class Phrase:
    """A phrase, its wishes, whose voice it is, and whether it was set aside."""

    text: str
    wishes: Codes
    voice: str
    aside: bool


def phrases(voices: Iterable[str] = (RULES, *ORDER)) -> list[Phrase]:
    """The phrases of voices, in order."""
    found = []
    for voice in voices:
        for line in (PHRASES / f"{voice}.tsv").read_text().splitlines():
            text, _, told = line.partition("\t")
            aside = voice != RULES and int(hashlib.sha256(text.encode()).hexdigest(), 16) % 3 == 0
            found.append(Phrase(text, frozenset(told.split()) - {"none"}, voice, aside))
    return found


def digest() -> str:
    """What the phrases are: a hash of their files."""
    return hashlib.sha256(b"".join((PHRASES / f"{v}.tsv").read_bytes() for v in (RULES, *ORDER))).hexdigest()


@dataclass(frozen=True)
class Known:
    """Phrases as numbers: vectors [N, dimensions], features with their rarity, shares of features [N, F] as triples."""

    meanings: Any
    features: list[str]
    rarity: Any
    rows: Any
    columns: Any
    shares: Any

    def likeness(self) -> Any:
        """How alike each two phrases are: float32 [N, N], 1 on the diagonal."""
        count = len(self.meanings)
        alike = likeness.MEANING * (self.meanings @ self.meanings.T)
        step = 2000
        for first in range(0, len(self.features), step):
            chosen = (self.columns >= first) & (self.columns < first + step)
            part = numpy.zeros((count, step), numpy.float32)
            part[self.rows[chosen], self.columns[chosen] - first] = self.shares[chosen]
            alike += (1 - likeness.MEANING) * (part @ part.T)
        return alike


def known(texts: Sequence[str]) -> Known:
    """Phrases as numbers; features that only one phrase has are left out."""
    tidy = [likeness.tidy(text) for text in texts]
    # As the file keeps them: eight bits a value.
    meanings = numpy.round(numpy.stack([word_vectors.vectors().of(text) for text in tidy]) * 127).astype(numpy.int8)
    counted = [likeness.features(text) for text in tidy]
    spread = Counter(name for each in counted for name in each)
    names = sorted(name for name, count in spread.items() if count > 1)
    number = {name: at for at, name in enumerate(names)}
    rarity = numpy.log((1 + len(texts)) / numpy.array([spread[name] for name in names])).astype(numpy.float32)
    rows, columns, shares = [], [], []
    for row, each in enumerate(counted):
        own = [(number[name], count) for name, count in each.items() if name in number]
        if own:
            values = numpy.array([count for _, count in own], numpy.float32) * rarity[[at for at, _ in own]]
            rows += [row] * len(own)
            columns += [at for at, _ in own]
            shares += (values / numpy.linalg.norm(values)).tolist()
    return Known(
        meanings.astype(numpy.float32) / 127, names, rarity,
        numpy.array(rows), numpy.array(columns), numpy.array(shares, numpy.float32),
    )  # fmt: skip


def wanted(told: Sequence[Phrase], codes: Sequence[str]) -> Any:
    """What should be answered: float32 [N, W]."""
    at = {code: number for number, code in enumerate(codes)}
    answers = numpy.zeros((len(told), len(codes)), numpy.float32)
    for row, phrase in enumerate(told):
        for code in phrase.wishes or {likeness.NOTHING}:
            answers[row, at[code]] = 1 if len(phrase.wishes) < 2 else ONE_OF_SEVERAL
    return answers


def all_codes(told: Sequence[Phrase]) -> list[str]:
    """All wishes, and none."""
    return [*sorted({code for phrase in told for code in phrase.wishes}), likeness.NOTHING]


@cache
def by_rules(text: str) -> tuple[likeness.Meaning, bool]:
    """What the rules alone read, and whether they see contentment."""
    return wishes.by_rules(text)


def trust(told: Iterable[Phrase], codes: Sequence[str]) -> dict[str, float]:
    """How often the rules were right about each wish, in phrases they were not written for."""
    right, read = Counter[str](), Counter[str]()
    for phrase in told:
        if phrase.voice != RULES:
            for code in coded(by_rules(phrase.text)[0]):
                read[code] += 1
                right[code] += code in phrase.wishes
    return {code: (right[code] + GRANTED[0]) / (read[code] + GRANTED[1]) for code in codes}


def coded(meaning: likeness.Meaning) -> Codes:
    """A meaning as the files write it."""
    return frozenset(f"{axis}{'+' if sign > 0 else '-'}" for axis, sign in meaning)


def learn() -> None:
    """Write words.txt and likeness.npz."""
    rules = " ".join(phrase.text for phrase in phrases([RULES])).lower().replace("’", "'")
    (PACKAGE / "words.txt").write_text("\n".join(sorted(set(re.findall(r"[a-z]+(?:'[a-z]+)?|&", rules)))) + "\n")
    told = phrases()
    codes, numbers = all_codes(told), known([phrase.text for phrase in told])
    kernel = likeness.nearness(numbers.likeness())
    kernel[numpy.diag_indices_from(kernel)] += RIDGE
    answers = numpy.linalg.solve(kernel, wanted(told, codes))
    order = numpy.lexsort((numbers.rows, numbers.columns))
    counts = numpy.bincount(numbers.columns, minlength=len(numbers.features))
    trusted = trust(told, codes)
    numpy.savez_compressed(
        PACKAGE / likeness.LEARNT,
        codes=_text(codes), features=_text(numbers.features), digest=_text([digest()]),
        meanings=numpy.round(numbers.meanings * 127).astype(numpy.int8), rarity=numbers.rarity,
        starts=numpy.concatenate([[0], numpy.cumsum(counts)]).astype(numpy.uint32),
        rows=numbers.rows[order].astype(numpy.uint16), shares=numbers.shares[order].astype(numpy.float16),
        answers=answers.astype(numpy.float16), trust=numpy.array([trusted[code] for code in codes], numpy.float32),
    )  # fmt: skip
    size = (PACKAGE / likeness.LEARNT).stat().st_size
    print(f"{len(told)} phrases, {len(codes) - 1} wishes, {len(numbers.features)} features: {size / 1e6:.1f} MB")


def _text(lines: Sequence[str]) -> Any:
    return numpy.frombuffer("\n".join(lines).encode(), numpy.uint8)


def sort_of(got: Codes, meant: Codes) -> str:
    """How a reading is right or wrong."""
    if got == meant:
        return "right"
    if not meant:
        return "read where none is meant"
    if not got:
        return "nothing read"
    return "some of several" if got < meant else "wrong"


def held_out() -> None:
    """Each voice read by what all others taught; then with voices added one after the other."""
    told = phrases()
    codes = all_codes(told)
    voice = numpy.array([phrase.voice for phrase in told])
    aside = numpy.array([phrase.aside for phrase in told])
    kernel = likeness.nearness(known([phrase.text for phrase in told]).likeness())
    answers = wanted(told, codes)
    # Leaving a block out of ridge regression needs no second fit: its residuals follow from the inverse (An et al.,
    # Pattern Recognition 40(8), 2007).
    inverse = numpy.linalg.inv(kernel + RIDGE * numpy.eye(len(told), dtype=numpy.float32))
    fitted = inverse @ answers
    total: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    print("voice, phrases set aside: rules alone, both")
    for name in ORDER:
        block = numpy.flatnonzero(voice == name)
        scored = answers[block] - numpy.linalg.solve(inverse[numpy.ix_(block, block)], fitted[block])
        trusted = trust((phrase for phrase in told if phrase.voice != name), codes)
        own, rules = _read([told[at] for at in block], scored, codes, trusted)
        total += own
        alone += rules
        count = sum(own.values())
        print(f"  {name:16} {count:4} {rules['right'] / count:6.1%} {own['right'] / count:6.1%}")
    for title, found in (("rules alone", alone), ("both", total)):
        count = sum(found.values())
        print(
            f"{title}: " + ", ".join(f"{what} {number} ({number / count:.1%})" for what, number in found.most_common())
        )
    count = sum(total.values())
    print(json.dumps({"kind": "bench.figure", "name": "feedback.unheard-voices", "value": round(total["right"] / count, 4),
                      "unit": "ratio", "count": count}))  # fmt: skip
    print("first reading of each voice by those before it: phrases learnt, rules alone, both")
    for number, name in enumerate(ORDER):
        before = numpy.flatnonzero(numpy.isin(voice, [RULES, *ORDER[:number]]))
        block = numpy.flatnonzero((voice == name) & aside)
        part = kernel[numpy.ix_(before, before)] + RIDGE * numpy.eye(len(before), dtype=numpy.float32)
        scored = kernel[numpy.ix_(block, before)] @ numpy.linalg.solve(part, answers[before])
        own, rules = _read([told[at] for at in block], scored, codes, trust([told[at] for at in before], codes))
        count = sum(own.values())
        print(f"  {name:16} {len(before):5} {rules['right'] / count:6.1%} {own['right'] / count:6.1%}")


def _read(
    block: Sequence[Phrase], scored: Any, codes: Sequence[str], trusted: dict[str, float]
) -> tuple[Counter[str], Counter[str]]:
    own: Counter[str] = Counter()
    rules: Counter[str] = Counter()
    for phrase, row in zip(block, scored, strict=True):
        if phrase.aside:
            read, content = by_rules(phrase.text)
            meant = likeness.weighed(dict(zip(codes, row.tolist(), strict=True)), read, content, trusted)
            own[sort_of(coded(meant), phrase.wishes)] += 1
            rules[sort_of(coded(read), phrase.wishes)] += 1
    return own, rules


def embed(folder: Path) -> None:
    """Write word_vectors.npz: the vectors of all pieces, their main directions, four bits a value."""
    import onnxruntime
    import tokenizers

    listed = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    ranks = {piece: rank for piece, rank in listed.get_vocab().items() if re.fullmatch(r"(?:##)?(?:[a-z]+|\d+)", piece)}
    pieces = sorted(ranks, key=lambda piece: ranks[piece])
    begin, end = listed.token_to_id("[CLS]"), listed.token_to_id("[SEP]")
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    names = {item.name for item in session.get_inputs()}
    found = []
    for first in range(0, len(pieces), 64):
        codes = numpy.array([[begin, ranks[piece], end] for piece in pieces[first : first + 64]])
        given = {"input_ids": codes, "attention_mask": codes * 0 + 1, "token_type_ids": codes * 0}
        found.append(session.run(None, {name: given[name] for name in names})[0])
    full = numpy.concatenate(found).astype(numpy.float64)
    full /= numpy.linalg.norm(full, axis=1, keepdims=True)
    full -= full.mean(axis=0)
    _, directions = numpy.linalg.eigh(full.T @ full)
    table = full @ directions[:, ::-1][:, :DIMENSIONS]
    table /= numpy.linalg.norm(table, axis=1, keepdims=True)
    steps = (table.std(axis=0) * STEP).astype(numpy.float32)
    values = numpy.clip(numpy.round(table / steps + 7.5), 0, 15).astype(numpy.uint8)
    numpy.savez_compressed(
        PACKAGE / word_vectors.TABLE, pieces=_text(pieces), steps=steps,
        ranks=numpy.array([ranks[piece] for piece in pieces], numpy.uint16), values=values[:, 0::2] << 4 | values[:, 1::2],
    )  # fmt: skip
    print(f"{len(pieces)} pieces, {(PACKAGE / word_vectors.TABLE).stat().st_size / 1e6:.1f} MB")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--vectors", type=Path, metavar="FOLDER")
    given = parser.parse_args()
    if given.vectors:
        embed(given.vectors)
    elif given.held_out:
        held_out()
    else:
        learn()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
