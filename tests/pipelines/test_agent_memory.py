"""What one process of agent-loop has tried or learned, the next one knows, wherever the code has moved meanwhile."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEST = f"{sys.executable} -m pytest -q -p no:hypothesispytest"
CODE = "def overlap(a, b, c, d):\n    return a < d or c < b\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project whose test nothing can mend."""
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    place = tmp_path / "p"
    place.mkdir()
    (place / "span.py").write_text(CODE)
    (place / "test_span.py").write_text(
        "from span import overlap\ndef test_a():\n    assert overlap(1, 2, 3, 4) == 'never'\n"
    )
    return place


def _run(world: dict[str, str], *words: str) -> list[dict[str, object]]:
    done = subprocess.run([str(ROOT / "bin" / words[0]), *words[1:]], env=world, capture_output=True, check=False)
    assert done.returncode in (0, 1, 75), done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_patch_tried_in_vain_is_not_tried_again_by_another_process_after_lines_have_moved(
    world: dict[str, str], folder: Path
) -> None:
    words = ("agent-loop", "--test", TEST, "--candidates", "--max-iterations", "8", str(folder))
    tried: list[set[object]] = []
    runs: set[object] = set()
    for above in ("", "import math\n\n\ndef other():\n    return 1\n\n\n"):
        (folder / "span.py").write_text(above + CODE)
        records = _run(world, *words)
        runs.add(records[0]["run_id"])
        tried.append({r["patch"] for r in records if r["kind"] == "agent.candidate" and r["function"] == "overlap"})
    assert len(runs) == 2, "the files differ, so none of these runs is another's continuation"
    assert all(tried)
    assert sum(map(len, tried)) == len(set.union(*tried)), "no patch twice"
    [lesson] = _run(world, "agent-memory", "list")
    assert lesson["sort"] == "failure"
    assert lesson["title"].endswith(": not mended after 16 edits")
