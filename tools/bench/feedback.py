"""How often edl-feedback reads the right axis and sign from a phrase, by axis.

usage: tools/bench/feedback.py [FILE.tsv] [--wrong]
FILE has a phrase and the wishes in it (exposure+ music-, or none) on each line; a phrase counts only if all its wishes
are right and no other is read. --wrong shows what is not. The phrases of the package itself are for developing: rules
were written until they were read, and the rest is learnt from them. The others were written by the same hand:

- `feedback_phrases.tsv` (180): 95.6 % when it was fresh, seen since.
- `feedback_phrases_voices.tsv` (300, ten voices, 2026-11-28, written before the rules were extended): 77.0 % with the
  rules as they were, 92.3 % once with the extended ones, seen and mended since.
- `feedback_phrases_figurative.tsv` (75, 2026-11-28, more figures of speech): 61.3 % with the rules as they were, 77.3 %
  with the extended ones. It has changed no rule.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

from roadmap_cli.edl.feedback import wishes

REPORT = Path(__file__).with_name("feedback_phrases.tsv")
VOICES, FIGURATIVE = (REPORT.with_stem(f"feedback_phrases_{name}") for name in ("voices", "figurative"))
DEVELOP = Path(likeness.__file__).with_name("phrases.tsv")


def phrases(path: Path) -> list[tuple[str, frozenset[str]]]:
    """Each phrase and the wishes in it."""
    lines = [line.partition("\t") for line in path.read_text().splitlines() if line.strip()]
    return [(phrase, frozenset(told.split()) - {"none"}) for phrase, _, told in lines]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--wrong", action="store_true")
    given = parser.parse_args()
    named = [("develop", DEVELOP), ("report", REPORT), ("voices", VOICES), ("figurative", FIGURATIVE)]
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
