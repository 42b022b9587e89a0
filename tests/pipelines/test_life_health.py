"""Exports of health as people have them: large, exported again with a little more, killed in the middle, broken."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools" / "bench"))
Shell = Callable[..., subprocess.CompletedProcess[bytes]]


def export(path: Path, count: int) -> Path:
    import life_files

    life_files.export_xml(path, count)
    return path


def stored(shell: Shell) -> list[Any]:
    """Ids of all records with their row in the table, without what tells when they came."""
    done = shell(
        [
            "roadmap-state", "query",
            "SELECT r.id AS name, m.metric, m.date, m.value FROM record AS r LEFT JOIN life_measurement AS m ON m.id = r.id"
            " ORDER BY r.id",
        ]
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [{**json.loads(line), "at": "", "id": ""} for line in done.stdout.splitlines()]


def test_a_newer_export_adds_only_what_is_new(shell: Shell, tmp_path: Path) -> None:
    old, new = export(tmp_path / "old.xml", 600), export(tmp_path / "new.xml", 660)
    first = shell(["life-ingest", str(old)])
    assert first.returncode == 0, first.stderr
    second = shell(["life-ingest", "-v", str(new)])
    found = [json.loads(line) for line in second.stdout.splitlines()]
    known = {json.loads(line)["id"] for line in first.stdout.splitlines()}
    assert not known & {each["id"] for each in found}
    assert len(found) - 1 == new.read_text().count("<Record ") - old.read_text().count("<Record ")
    assert f"{old.read_text().count('<Record ')} already known".encode() in second.stderr
    assert shell(["life-ingest", str(new)]).stdout == b""


def test_what_is_broken_is_told_one_by_one_and_the_rest_is_kept(shell: Shell, tmp_path: Path) -> None:
    path = export(tmp_path / "export.xml", 600)
    lines = path.read_text().split("\n")
    place = next(number for number, line in enumerate(lines) if "StepCount" in line)
    lines[place] = lines[place].replace('value="', 'value="many')
    lines[place + 1] = lines[place + 1].replace("startDate", "<startDate")
    path.write_text("\n".join(lines))
    stopped = shell(["life-ingest", str(path)])
    assert stopped.returncode == 65
    assert f"{path}:{place + 1}: value is not a number".encode() in stopped.stderr
    done = shell(["life-ingest", "--on-error", "skip", str(path)])
    assert done.returncode == 3
    assert [line.split(b": ", 2)[2] for line in done.stderr.splitlines()] == [
        f"{path}:{place + 1}: value is not a number".encode(),
        f"{path}:{place + 2}: not well-formed XML".encode(),
    ]
    assert len(stored(shell)) == 1 + path.read_text().count("<Record ") - 2


@pytest.mark.slow
def test_killed_anywhere_and_run_again_is_as_if_never_killed(
    shell: Shell, world: Mapping[str, str], tmp_path: Path
) -> None:
    path = export(tmp_path / "export.xml", 60_000)
    for delay in (0.3, 0.6, 0.9, 1.3, 1.8):
        child = subprocess.Popen(
            ["life-ingest", str(path)], env=dict(world), stdout=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(delay)
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    assert shell(["life-ingest", str(path)]).returncode == 0
    after = stored(shell)
    other = {**world, "ROADMAP_STATE": str(tmp_path / "undisturbed.db")}
    subprocess.run(["life-ingest", str(path)], env=other, stdout=subprocess.DEVNULL, check=True)
    assert after == stored(lambda arguments: subprocess.run(arguments, env=other, capture_output=True, check=False))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_gigabyte_is_read_in_flat_memory(tmp_path: Path) -> None:
    """Read from inside the archive; what is stored is bounded by batches (tools/bench/ingest.py tells)."""
    import life_files

    path = tmp_path / "export.zip"
    written = 0
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("apple_health_export/export.xml", "w", force_zip64=True) as out,
    ):
        lines = list(life_files.health_lines(20_000))
        body = "".join(lines[3:-1]).encode()
        out.write("".join(lines[:3]).encode())
        while written < 1024**3:
            written += out.write(body)
        out.write(lines[-1].encode())
    script = """
import resource, sys
from datetime import UTC, datetime
from roadmap_cli.life import reading
from roadmap_cli.life.formats.ical_series import Window
from roadmap_cli.life.opening.settings import Settings
now = datetime.now(UTC)
with reading.opened(sys.argv[1], 0) as opened:
    source = reading.source_of(opened)
    count = sum(isinstance(each, dict) for each in reading.items(opened, source, Settings("UTC", Window(now, now))))
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        check=True,
    )
    count, peak_mb = map(int, done.stdout.split())
    assert count > 2_000_000
    assert peak_mb < 100, peak_mb
