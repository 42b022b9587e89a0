"""Standard input, output or error closed by the caller: no other file takes its place, and the exit code still tells."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from roadmap_cli.cli import surface

ROOT = Path(__file__).parents[2]
UNKNOWN = b'{"kind":"test.unknown","id":"test_1","at":"2026-11-23T09:00:00.000Z"}\n'


@pytest.fixture
def sh(world, tmp_path):
    """Run a line of shell with bin/ on the PATH."""

    def run(line: str, stdin: bytes = b"", stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess[bytes]:
        environment = {**world, "PATH": f"{ROOT / 'bin'}:{world['PATH']}"}
        return subprocess.run(
            ["sh", "-c", line], input=stdin, env=environment, cwd=tmp_path, stdout=stdout, stderr=subprocess.PIPE,
            check=False,
        )  # fmt: skip

    return run


def test_without_standard_error_records_still_pass(sh):
    done = sh("edl-check 2>&-", UNKNOWN)
    assert (done.returncode, done.stdout, done.stderr) == (0, UNKNOWN, b"")


def test_without_standard_error_the_exit_code_still_tells(sh):
    assert sh("edl-check 2>&-", b"bad\n").returncode == 65
    assert sh("edl-check --no-such-option 2>&-").returncode == 2
    assert sh("edl-check 2>/dev/full", b"bad\n").returncode == 65


@pytest.mark.parametrize("name", surface.names())
def test_help_into_a_closed_standard_output_is_a_failure(name, sh):
    done = sh(f"{name} --help >&-")
    assert (done.returncode, done.stdout) == (73, b"")
    assert done.stderr == f"{name}: error: cannot write: bad file descriptor\n".encode()


def test_without_standard_output_or_input_it_is_said(sh):
    done = sh("edl-check >&-", UNKNOWN)
    assert (done.returncode, done.stderr) == (73, b"edl-check: error: cannot write: bad file descriptor\n")
    done = sh("edl-check <&-")
    assert (done.returncode, done.stderr) == (66, b"edl-check: error: <stdin>: cannot read: bad file descriptor\n")


def test_an_output_file_holds_records_and_no_words(sh, tmp_path):
    """With descriptors 1 and 2 free the file named with -o would have got one of them, and the words with it."""
    (tmp_path / "in.jsonl").write_bytes(b"bad\n" + UNKNOWN)
    done = sh("edl-check -v -o out.jsonl --on-error skip <in.jsonl >&- 2>&-")
    assert done.returncode == 3
    assert (tmp_path / "out.jsonl").read_bytes() == UNKNOWN


def test_the_state_is_made_and_kept_whole_with_all_three_closed(sh):
    assert sh(f"life-ingest -v {ROOT / 'examples/life/calendar.ics'} -o out.jsonl <&- >&- 2>&-").returncode == 0
    assert sh("roadmap-state check").returncode == 0


@pytest.mark.parametrize("line", ["slm-models list", "slm-device", "roadmap-doctor", "edl-taste", "life-watch"])
def test_a_reader_of_a_picture_may_go_away(line, sh):
    """A table, pictures, and what has nothing to show: 141 if it wrote, without a word either way."""
    shown = sh(f"{line} --pretty")
    source, sink = os.pipe()
    os.close(source)
    done = sh(f"{line} --pretty", stdout=sink)
    os.close(sink)
    assert (done.returncode, done.stderr) == (141 if shown.stdout else shown.returncode, b"")
