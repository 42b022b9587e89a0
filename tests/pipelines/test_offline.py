"""Every command that claims to work offline does: transcripts run where there is no network at all (conftest.py)."""

from __future__ import annotations

import subprocess

import pytest

import transcripts

pytestmark = pytest.mark.skipif(bool(transcripts.why_not_alone()), reason=transcripts.why_not_alone())


def test_there_is_no_network_in_the_namespace():
    probe = "import socket; s = socket.socket(); s.settimeout(2); s.connect(('192.0.2.1', 9))"
    inside = [*transcripts.ALONE, "/usr/bin/env", "python3", "-c", probe]
    done = subprocess.run(inside, capture_output=True, text=True, check=False)
    assert "unreachable" in done.stderr


def test_transcripts_run_in_it(tmp_path):
    shown, code = transcripts.run("cat /proc/net/dev", tmp_path, transcripts.ALONE)
    assert code == 0
    assert [line.split(":")[0].strip() for line in shown.splitlines() if ":" in line] == ["lo"]
