"""The battery: everything that `escapes.py` lists is tried inside, as root and as an ordinary user, and is stopped."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import escapes
from escapes import GREED, TABLE, Attempt, Greed

ROOT = Path(__file__).parents[3]
_WORKS = subprocess.run(["bwrap", "--unshare-pid", "--ro-bind", "/", "/", "true"], check=False, capture_output=True)
pytestmark = pytest.mark.skipif(_WORKS.returncode != 0, reason=f"bubblewrap cannot work here: {_WORKS.stderr.decode()}")
NOBODY = "65534"
WHO = ("as_started", "as_nobody")


def _as_nobody(folder: Path, *names: str) -> Any:
    """Run `escapes.py` as an ordinary user. Skips if this one may not become another, or that one may not sandbox."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    for place in (folder, *folder.parents):
        if place.stat().st_mode & 0o001 == 0 and place != Path("/tmp"):
            place.chmod(place.stat().st_mode | 0o011)
    os.chown(folder, int(NOBODY), int(NOBODY))
    import pyseccomp

    words = [
        "setpriv",
        "--reuid",
        NOBODY,
        "--regid",
        NOBODY,
        "--clear-groups",
        "--inh-caps=-all",
        "--bounding-set=-all",
    ]
    tries = subprocess.run([*words, "bwrap", "--unshare-user", "--ro-bind", "/", "/", "true"], check=False,
                           capture_output=True, text=True)  # fmt: skip
    if tries.returncode != 0:
        pytest.skip(f"an ordinary user cannot make a sandbox here: {tries.stderr}")
    environ = {"PATH": os.defpath, "PYTHONPATH": f"{ROOT / 'src'}:{Path(pyseccomp.__file__).parent}",
               "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip
    program = [*words, "/usr/bin/python3", escapes.__file__, str(folder), *names]
    done = subprocess.run(program, env=environ, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def battery(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What came of all attempts, by who made them: each is run once."""

    @cache
    def run(who: str) -> Any:
        folder = tmp_path_factory.mktemp(who)
        return escapes.run(folder) if who == "as_started" else _as_nobody(folder)

    return run


@pytest.mark.parametrize("attempt", TABLE, ids=lambda attempt: attempt.name)
@pytest.mark.parametrize("who", WHO)
def test_attempt_is_stopped(who: str, attempt: Attempt, battery: Any) -> None:
    result = battery(who)
    said = result["said"].get(attempt.name)
    assert said is not None, result["errors"]
    assert "ESCAPED" not in said, said
    assert re.search(attempt.answer, said), said


@pytest.mark.parametrize("who", WHO)
def test_nothing_is_changed_that_was_protected(who: str, battery: Any) -> None:
    result = battery(who)
    assert result["changed"] == []
    assert result["outside"] == ["outside/.ssh", "outside/.ssh/id", "outside/state.db"]
    assert result["set_id"] == []
    assert result["ended"]["exit_code"] == 0, result["errors"]
    assert result["uid"] == (os.geteuid() if who == "as_started" else int(NOBODY))
    counted = any("memory" in name and name.startswith("cgroup") for name in result["protections"])
    assert counted or "no_uncounted_memory" in result["protections"]


def test_the_table_is_large_and_its_names_are_unique() -> None:
    names = [attempt.name for attempt in TABLE] + [greed.name for greed in GREED]
    assert len(names) == len(set(names)) >= 60


def _check(said: str, greed: Greed) -> None:
    assert "ESCAPED" not in said
    assert re.search(greed.ends, said), said


@pytest.mark.parametrize("greed", [pytest.param(greed, marks=pytest.mark.slow if greed.slow else ()) for greed in GREED],
                         ids=lambda greed: greed.name)  # fmt: skip
def test_greed_is_stopped(greed: Greed, tmp_path: Path) -> None:
    result = escapes.greedy(tmp_path, greed)
    _check(result["said"], greed)
    assert result["ended"]["seconds"] < 20
    root = tmp_path / greed.name
    for name in ("big", "hole"):
        assert not (root / name).exists() or (root / name).stat().st_size <= 1 << 20
    assert not list(root.glob("core*"))
    if greed.name == "orphan":
        last = (root / "alive").read_text() if (root / "alive").exists() else ""
        import time

        time.sleep(0.3)
        assert last == ((root / "alive").read_text() if (root / "alive").exists() else "")


@pytest.mark.slow
@pytest.mark.parametrize("greed", GREED, ids=lambda greed: greed.name)
def test_greed_is_stopped_as_an_ordinary_user(greed: Greed, tmp_path: Path) -> None:
    (result,) = _as_nobody(tmp_path, greed.name)
    _check(result["said"], greed)


def test_the_page_lists_the_table() -> None:
    """``man 7 roadmap-sandbox`` is made from the table: ``python tests/unit/agent/escapes.py --page``."""
    assert (ROOT / "man/man7/roadmap-sandbox.7").read_text() == escapes.page()
