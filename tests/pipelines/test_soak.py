"""A short soak: all five systems on one state while processes die, the disk is full, the clock jumps and memory is short."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODEL = Path(os.environ.get("ROADMAP_MODELS", ROOT / ".cache" / "models"), "smollm2-135m-instruct")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(
    not shutil.which("ffmpeg") or not shutil.which("bwrap"), reason="ffmpeg or bubblewrap is not installed"
)
@pytest.mark.skipif(not MODEL.exists(), reason="no model: slm-models pull")
def test_nothing_is_lost_while_everything_goes_wrong(tmp_path: Path) -> None:
    words = [sys.executable, ROOT / "tools/soak.py", "10", "--seed", "7", "--folder", tmp_path / "soak"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    told = json.loads(done.stdout.splitlines()[0])
    assert (told["faults"], done.returncode) == ([], 0)
    assert told["told_count"] > 50
    assert sum(told["mishaps"].values()) > 3
