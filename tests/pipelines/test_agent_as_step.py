"""The coding agent as a step of a durable workflow: it repairs, and a run that is killed goes on where it was."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_WORKS = subprocess.run(["bwrap", "--unshare-pid", "--ro-bind", "/", "/", "true"], check=False, capture_output=True)
pytestmark = pytest.mark.skipif(_WORKS.returncode != 0, reason=f"bubblewrap cannot work here: {_WORKS.stderr.decode()}")
EVENT = {"specversion": "1.0", "id": "b1", "source": "ci", "type": "ci.tests_failed", "data": {"project": "broken"}}
Shell = Callable[..., "subprocess.CompletedProcess[bytes]"]


def test_a_failed_build_leads_to_a_repair_through_a_kill(
    shell: Shell, world: Mapping[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "work"
    shutil.copytree(ROOT / "examples" / "fix-the-parser", folder / "broken")
    template = ["--templates", "examples/wf/repair.yaml"]
    event = shell(["wf-listen"], json.dumps(EVENT).encode()).stdout
    match = shell(["wf-match", *template], event).stdout
    plan = shell(["wf-plan", *template, "--directory", str(folder)], match).stdout
    approval = shell(["wf-approve"], plan).stdout
    first = subprocess.Popen(
        [ROOT / "bin" / "wf-run"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(world), cwd=ROOT
    )
    assert first.stdin
    assert first.stdout
    first.stdin.write(approval)
    first.stdin.close()
    while b"wf.step_started" not in first.stdout.readline():
        assert first.poll() is None
    time.sleep(0.5)  # the agent is at work
    first.send_signal(signal.SIGKILL)
    first.wait()
    first.stdout.close()
    done = shell(["wf-run"], approval)
    assert done.returncode == 0, done.stderr
    (finished,) = [
        record for record in map(json.loads, done.stdout.splitlines()) if record["kind"] == "wf.step_finished"
    ]
    told = [json.loads(line) for line in finished["output"].splitlines()]
    assert [each["status"] for each in told if each["kind"] == "agent.run_finished"] == ["fixed"]
    (fix,) = [each for each in told if each["kind"] == "agent.fix"]
    assert fix["diff"].startswith("diff --git a/formula.py")


def test_tests_run_where_no_control_group_can_be_made(world: Mapping[str, str], tmp_path: Path) -> None:
    """As for most who are not root: limits are for each process, and memory that nobody counts is refused."""
    hidden = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-c"]
    if subprocess.run([*hidden, "mount -t tmpfs none /sys/fs/cgroup"], capture_output=True, check=False).returncode:
        pytest.skip("control groups cannot be hidden here")
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "test_sum.py").write_text("def test_sum():\n    assert sum([1, 2]) == 3\n")
    line = f"mount -t tmpfs none /sys/fs/cgroup; agent-loop --test 'pytest -q' {tmp_path}/p"
    done = subprocess.run([*hidden, line], env=dict(world), cwd=ROOT, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["status"] == "already_green"
