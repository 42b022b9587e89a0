"""Every parser for a moment: that the fuzzer's targets work, and that nothing is wrong within reach."""

from __future__ import annotations

import os
import random
import re
import signal
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tools")]

import fuzz  # noqa: E402
from fuzzing import engine  # noqa: E402

#: One that starts a process for each input, and ones whose seeds alone take long.
SLOW = {"otio", "life-ical", "phrases", "edits"}
NAMES = list(fuzz.targets(Path("/nonexistent")))


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in NAMES])
def test_a_moment(name: str, tmp_path: Path) -> None:
    target = fuzz.targets(tmp_path)[name]()
    outcome = engine.fuzz(name, target, 10 if name in SLOW else 0.02, random.Random(2026))
    assert not outcome.problem
    assert outcome.lines


def test_a_defect_is_found_and_kept(tmp_path: Path) -> None:
    def read(data: bytes) -> None:
        if b"<" in data:
            raise KeyError("no name")

    outcome = engine.apart("example", lambda: engine.Target(read, [b"abc"], [b"<"]), 20, random.Random(1))
    found = re.fullmatch(r"KeyError: 'no name'; input in (.+)", outcome.problem)
    assert found
    path = Path(found[1])
    assert b"<" in path.read_bytes()
    path.unlink()
    ended = engine.Target(lambda data: os.kill(os.getpid(), signal.SIGKILL), [b"a"])  # as a library in C may end it
    gone = engine.apart("example", lambda: ended, 5, random.Random(1))
    assert "SIGKILL" in gone.problem
    Path(gone.problem.rpartition(" ")[2]).unlink()


def test_every_format_has_a_target() -> None:
    from roadmap_cli.life.formats import ORDER

    missing = {f"life-{name}".replace("bank_csv", "csv") for name in ORDER} - set(NAMES) - {"life-mail_folder"}
    assert not missing
