"""How often edl-feedback reads the right axis and sign from a phrase, by axis.

usage: tools/bench/feedback.py [FILE.tsv] [--wrong] [--learnt]
FILE has a phrase and the wishes in it (exposure+ music-, or none) on each line; a phrase counts only if all its wishes
are right and no other is read. --wrong shows what is not. --learnt reads the phrases it was taught from, too; how
voices are read that it never heard, `tools/learn_feedback.py --held-out` tells.

- `feedback_phrases_blind.tsv` (400, 2026-11-28): by an author who had seen no rule and next to no phrase of ours, in
  twenty voices. Read for counting only, and by nobody: 68.0 % by the rules as they were, 82.8 % with twenty voices
  learnt, 87.5 % with three more of other authors. None of its phrases stands among those that were learnt.
- `feedback_phrases.tsv` (180), `feedback_phrases_voices.tsv` (300): 95.6 and 92.3 % when they were fresh, then rules
  were mended until they read them.
- `feedback_phrases_figurative.tsv` (75, figures of speech): 77.3 % by rules. It has changed no rule.

The last three are by the hand that wrote the rules; 25 of their 555 stand among the 11,317 that were learnt, by chance.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

from roadmap_cli.edl.feedback import wishes

REPORT = Path(__file__).with_name("feedback_phrases.tsv")
VOICES, FIGURATIVE, BLIND = (REPORT.with_stem(f"feedback_phrases_{name}") for name in ("voices", "figurative", "blind"))
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
    named += [("report", REPORT), ("voices", VOICES), ("figurative", FIGURATIVE), ("blind", BLIND)]
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
