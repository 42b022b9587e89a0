"""How often edl-feedback reads the right axis and sign from a phrase, by axis.

usage: tools/bench/feedback.py [FILE.tsv] [--half develop|report] [--wrong]
FILE has a phrase and the wishes in it (exposure+ music-, or none) on each line. The odd lines of each axis are for
developing, the even ones for reporting: --wrong shows only phrases of the half that is for developing.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from roadmap_cli.edl.feedback import wishes

PHRASES = Path(__file__).with_name("feedback_phrases.tsv")


def phrases(path: Path) -> list[tuple[str, frozenset[str], str]]:
    """Phrase, the wishes in it, and its half."""
    seen: Counter[str] = Counter()
    found = []
    for line in path.read_text().splitlines():
        phrase, _, told = line.partition("\t")
        wanted = frozenset(told.split()) - {"none"}
        axis = told.split()[0].rstrip("+-") if len(told.split()) == 1 else "several"
        seen[axis] += 1
        found.append((phrase, wanted, "develop" if seen[axis] % 2 else "report"))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=PHRASES)
    parser.add_argument("--half", choices=("develop", "report"))
    parser.add_argument("--wrong", action="store_true")
    given = parser.parse_args()
    right: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for phrase, wanted, half in phrases(given.file):
        if given.half not in {None, half}:
            continue
        got = frozenset(f"{wish.axis}{'+' if wish.sign > 0 else '-'}" for wish in wishes.read(phrase))
        total[half] += 1
        right[half] += got == wanted
        if given.wrong and half == "develop" and got != wanted:
            print(f"{phrase}\n    wanted {' '.join(sorted(wanted)) or 'none'}, read {' '.join(sorted(got)) or 'none'}")
    for half, count in total.items():
        print(f"{half:8} {right[half]} of {count} right: {right[half] / count:.1%}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
