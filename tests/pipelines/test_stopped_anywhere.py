"""Commands that are stopped at any call of theirs end as one that is stopped, without a crash or a word of a bug."""

from __future__ import annotations

import os
import random
import secrets
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: What is imported before anything else by Python, and starts to count.
COUNTING = """
import atexit, ctypes, os
if "STOP_AT" in os.environ:
    library = ctypes.CDLL(os.environ["STOP_LIBRARY"])
    ctypes.c_long.in_dll(library, "stop_at").value = int(os.environ.pop("STOP_AT"))
    ctypes.c_int.in_dll(library, "stop_with").value = int(os.environ.pop("STOP_WITH"))
    profile = ctypes.pythonapi.PyEval_SetProfile
    profile.argtypes = [ctypes.c_void_p, ctypes.py_object]
    def told(place=os.environ.pop("STOP_COUNT")):
        profile(None, None)
        with open(place, "w") as stream:
            stream.write(str(ctypes.c_long.in_dll(library, "calls").value))
    atexit.register(told)
    profile(ctypes.cast(library.count, ctypes.c_void_p), None)
"""
LINES = {
    "life-ingest": "life-ingest examples/life/bank.ofx",
    "life-watch": "life-watch --open",
    "life-recall": "life-recall --since 2020-01-01 meeting",
    "edl-scan": "edl-scan examples/bikes.mp4",
    "edl-plan": "edl-plan --intent 'make it warm, 4 seconds' -i scan.jsonl",
    "edl-check": "edl-check -i plan.jsonl",
    "wf-run": "wf-run -i approved.jsonl",
    "agent-loop": "agent-loop --test 'pytest -q' examples/fix-the-parser/",
    "slm-run": "slm-run --max-tokens 2 -i prompts.jsonl",
    "roadmap-state": "roadmap-state check",
}
PREPARED = (
    "life-ingest examples/life/calendar.ics examples/life/bank.ofx",
    "edl-scan examples/bikes.mp4 > scan.jsonl",
    "edl-plan --intent 'make it warm, 4 seconds' < scan.jsonl > plan.jsonl",
    "cp examples/wf/checkout.log . && wf-listen --from alertmanager -i examples/wf/alertmanager.json | wf-match"
    " | wf-plan | wf-approve > approved.jsonl",
    """echo '{"kind":"slm.prompt","id":"one","at":"2026-11-23T09:00:00Z","prompt":"Hello"}' > prompts.jsonl""",
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A home in which every line works, and what counts the calls."""
    if not shutil.which("gcc"):
        pytest.skip("no gcc")
    home = tmp_path_factory.mktemp("stopped")
    shutil.copytree(ROOT / "examples", home / "examples")
    library, site = home / "stopping.so", home / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(COUNTING)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, Path(__file__).with_name("stopping.c")], check=True)
    environ = {
        "PATH": f"{ROOT / 'bin'}:/usr/bin:/bin", "HOME": str(home), "ROADMAP_NOW": "2026-11-23T09:00:00Z",
        "ROADMAP_MODELS": os.environ.get("ROADMAP_MODELS", str(ROOT / ".cache" / "models")),
        "STOP_LIBRARY": str(library), "STOP_COUNT": str(home / "count"), "PYTHONPATH": str(site),
    }  # fmt: skip
    for line in PREPARED:
        done = run(environ, line)
        assert done.returncode == 0, (line, done.stderr)
    return environ


def run(world: dict[str, str], line: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-o", "pipefail", "-c", line], env={**world, **more}, cwd=world["HOME"],
                          capture_output=True, text=True, timeout=120, check=False)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", LINES)
def test_a_signal_at_any_call_ends_it_as_a_signal_does(world: dict[str, str], name: str) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    counted = Path(world["STOP_COUNT"])
    run(world, LINES[name])
    whole = run(world, LINES[name], STOP_AT="0", STOP_WITH="0")
    calls = int(counted.read_text())
    stopped, codes = 0, []
    for _ in range(15):
        number = chance.choice((signal.SIGTERM, signal.SIGINT))
        at = chance.randrange(1, calls)
        done = run(world, LINES[name], STOP_AT=str(at), STOP_WITH=str(int(number)))
        codes.append((at, number, done.returncode))
        # One that comes before it is listened for ends the process at once; one at the very end has nothing to stop.
        assert done.returncode in (128 + number, -number, whole.returncode), (at, done.stderr)
        assert not [word for word in ("Traceback", "internal error", "ignored in") if word in done.stderr], (
            at,
            done.stderr,
        )
        stopped += done.returncode != whole.returncode
    assert stopped >= 10, codes
    assert run(world, "roadmap-state check").returncode == 0
