"""Fuzz the parsers for a given time. What is wrong is written down and ends it with 1.

usage: tools/fuzz.py SECONDS [TARGET ...]      all of them, or those named; --list names them
Only the errors a parser promises may leave it, and no input may take over a second of CPU.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from helping import tell_help

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "src"))

from fuzzing import code, films, flows, ground, lives, models  # noqa: E402
from fuzzing.engine import Target, apart  # noqa: E402


def targets(folder: Path) -> dict[str, Callable[[], Target]]:
    """Every target by name; `folder` is for files that parsers want."""
    made: dict[str, Callable[[], Target]] = {}
    for module in (ground, models, code, films, lives, flows):
        found = module.targets(folder)
        assert not made.keys() & found.keys()
        made |= found
    return made


def main(words: list[str]) -> int:
    """Fuzz for a while, in turn."""
    with tempfile.TemporaryDirectory() as folder:
        made = targets(Path(folder))
        if words == ["--list"]:
            print("\n".join(made))
            return 0
        seconds = float(words[0]) if words else 3600
        names = words[1:] or list(made)
        if unknown := [name for name in names if name not in made]:
            print(f"fuzz: no target {unknown[0]!r}; there are: {' '.join(made)}", file=sys.stderr)
            return 2
        seed = int(time.time())
        print(f"fuzz: seed {seed}", file=sys.stderr)
        chance = random.Random(seed)
        sound = True
        for name in names:
            outcome = apart(name, made[name], seconds / len(names), chance)
            told = outcome.problem or f"{outcome.runs} inputs, {outcome.lines} lines reached, nothing wrong"
            print(f"fuzz: {name}: {told}", file=sys.stderr, flush=True)
            sound = sound and not outcome.problem
    return 0 if sound else 1


if __name__ == "__main__":
    tell_help(__doc__)
    sys.exit(main(sys.argv[1:]))
