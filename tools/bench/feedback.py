"""How often edl-feedback reads the right axis and sign from a phrase, by axis.

usage: tools/bench/feedback.py [FILE.tsv] [--wrong] [--learnt]
FILE has a phrase and the wishes in it (exposure+ music-, or none) on each line; a phrase counts only if all its wishes
are right and no other is read. --wrong shows what is not. --learnt reads the phrases it was taught from, too; how
voices are read that it never heard, `tools/learn_feedback.py --held-out` tells. Those here were taught to nothing, but
are by the same hand as the rules, and 25 of the 555 stand among the 8,317 that were learnt, by chance:

- `feedback_phrases.tsv` (180): 95.6 % when it was fresh, then rules were mended until they read it (99.4 % by rules
  alone); 95.0 % with what was learnt.
- `feedback_phrases_voices.tsv` (300, ten voices, 2026-11-28, written before the rules were extended): 77.0 % with the
  rules as they were, 92.3 % once with the extended ones, seen and mended since; 94.7 % with what was learnt.
- `feedback_phrases_figurative.tsv` (75, 2026-11-28, more figures of speech): 61.3 % with the rules as they were, 77.3 %
  with the extended ones, 93.3 % with what was learnt. It has changed no rule, and no phrase was learnt for it.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

from roadmap_cli.edl.feedback import wishes

REPORT = Path(__file__).with_name("feedback_phrases.tsv")
VOICES, FIGURATIVE = (REPORT.with_stem(f"feedback_phrases_{name}") for name in ("voices", "figurative"))
LEARNT = REPORT.parents[1] / "data" / "feedback"


def phrases(path: Path) -> list[tuple[str, frozenset[str]]]:
    """Each phrase and the wishes in it."""
    lines = [line.partition("\t") for line in path.read_text().splitlines() if line.strip()]
    return [(phrase, frozenset(told.split()) - {"none"}) for phrase, _, told in lines]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--wrong", action="store_true")
    parser.add_argument("--learnt", action="store_true")
    given = parser.parse_args()
    named = [(path.stem, path) for path in sorted(LEARNT.glob("*.tsv"))] if given.learnt else []
    named += [("report", REPORT), ("voices", VOICES), ("figurative", FIGURATIVE)]
    if given.file:
        named = [("given", given.file)]
    for name, path in named:
        right: Counter[str] = Counter()
        total: Counter[str] = Counter()
        for phrase, wanted in phrases(path):
            got = frozenset(f"{wish.axis}{'+' if wish.sign > 0 else '-'}" for wish in wishes.read(phrase))
            axis = next(iter(wanted)).rstrip("+-") if len(wanted) == 1 else "several" if wanted else "none"
            total[axis] += 1
            right[axis] += got == wanted
            if given.wrong and got != wanted:
                print(
                    f"{phrase}\n    wanted {' '.join(sorted(wanted)) or 'none'}, read {' '.join(sorted(got)) or 'none'}"
                )
        count = sum(total.values())
        if not count:
            print(f"{name:10} no phrases")
            continue
        missed = ", ".join(f"{axis} {total[axis] - right[axis]}" for axis in total if total[axis] != right[axis])
        print(
            f"{name:10} {sum(right.values())} of {count} right: {sum(right.values()) / count:.1%}; missed: {missed or 'none'}"
        )
        share = round(sum(right.values()) / count, 4)
        print(
            json.dumps(
                {"kind": "bench.figure", "name": f"feedback.{name}", "value": share, "unit": "ratio", "count": count}
            )
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
