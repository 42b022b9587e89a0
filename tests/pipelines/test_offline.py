"""Every command that claims to work offline does: its transcript passes where there is no network at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

import transcripts

#: Enter a network namespace with nothing but a loopback device, which is brought up where `ip` is there.
ALONE = [
    "unshare",
    *(["--map-root-user"] if os.geteuid() else []),
    *["--net", "--", "sh", "-c", 'ip link set lo up 2>/dev/null; exec "$@"', "sh"],
]
#: Commands whose transcript needs the network by nature.
ONLINE: set[str] = set()


def _possible() -> str:
    if not shutil.which("unshare"):
        return "unshare is not installed"
    done = subprocess.run([*ALONE, "true"], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"no network namespaces here: {done.stderr.strip()}"


REASON = _possible()


@pytest.mark.skipif(bool(REASON), reason=REASON)
def test_there_is_no_network_in_the_namespace():
    probe = "import socket; s = socket.socket(); s.settimeout(2); s.connect(('192.0.2.1', 9))"
    done = subprocess.run([*ALONE, "/usr/bin/env", "python3", "-c", probe], capture_output=True, text=True, check=False)
    assert "unreachable" in done.stderr


@pytest.mark.skipif(bool(REASON), reason=REASON)
@pytest.mark.parametrize(
    "name", sorted(path.stem for path in transcripts.FOLDER.glob("*.md") if path.stem not in ONLINE)
)
def test_a_transcript_passes_without_any_network(name):
    with tempfile.TemporaryDirectory() as home:
        for step in transcripts.read(transcripts.FOLDER / f"{name}.md"):
            got, code = transcripts.run(step.shell, Path(home), ALONE)
            assert transcripts.matches(step.output, got), f"$ {step.shell}\nexpected:\n{step.output}\ngot:\n{got}"
            assert code == step.code, f"$ {step.shell}\n{got}"
