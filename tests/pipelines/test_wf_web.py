"""wf-web in a real browser: the pages are drawn, the key is taken, nothing is refused by the page's own policy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PIPELINE = (
    "wf-listen --quiet --from alertmanager -i examples/wf/alertmanager.json | wf-match --quiet"
    " | wf-plan --quiet --directory $HOME | wf-approve --quiet | wf-run --quiet > $HOME/records"
)
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars", "--enable-logging=stderr",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_the_pages_are_drawn_by_chromium(tmp_path: Path):
    assert CHROMIUM is not None
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("ROADMAP_", "XDG_"))}
    environ |= {"HOME": str(tmp_path), "PATH": f"{ROOT / 'bin'}:{os.environ['PATH']}"}
    subprocess.run(["sh", "-c", PIPELINE], env=environ, cwd=ROOT, check=True, timeout=120)
    with subprocess.Popen(["wf-web"], env=environ, cwd=ROOT, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        try:
            address = json.loads(server.stdout.readline())["address"]
            done = dumped(address, tmp_path)
            assert "1 runs" in done.stdout
            run = done.stdout.partition('href="/run/')[2].partition('"')[0]
            key = address.partition("?key=")[2]
            base = address.partition("/?")[0]
            page = dumped(f"{base}/run/{run}?key={key}", tmp_path, f"--screenshot={tmp_path / 'run.png'}")
            assert page.stdout == "" or "incident-triage" in page.stdout
            page = dumped(f"{base}/run/{run}?key={key}", tmp_path)
            assert "Where the time went" in page.stdout
            assert "<svg" in page.stdout
            assert "Content Security Policy" not in page.stderr + done.stderr
        finally:
            server.terminate()
            server.wait(10)
    picture = (tmp_path / "run.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 10_000


def dumped(address: str, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """What Chromium makes of an address."""
    assert CHROMIUM is not None
    how = more or ("--dump-dom",)
    command = [CHROMIUM, *QUIET, f"--user-data-dir={folder / 'profile'}", "--window-size=1100,1400", *how, address]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
