"""What the commands of life tell a person beside their records: that nothing is new, what to type, the worst first."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
EVENT = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTAMP:20261101T000000Z\r\n"
    "DTSTART:20261201T190000Z\r\nSUMMARY:Choir\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


def test_a_file_without_anything_new_is_said_once_and_not_on_standard_output(shell, tmp_path):
    for name in ("my.ics", "other.ics"):
        (tmp_path / name).write_text(EVENT)

    def said(*words: str, **how) -> tuple[bytes, bytes]:
        done = shell(["life-ingest", *words], cwd=tmp_path, **how)
        return done.stdout, done.stderr

    out, err = said("my.ics")
    assert (len(out.splitlines()), err) == (2, b"")
    assert said("my.ics") == (b"", b"life-ingest: my.ics: nothing new\n")
    assert said("--quiet", "my.ics") == (b"", b"")
    assert said("-", stdin=EVENT.encode()) == (b"", b"life-ingest: <stdin>: nothing new\n")
    assert said(".")[1] == b"", "a folder is looked at time and again, mostly by cron"
    assert said("my.ics", "other.ics") == (b"", b"life-ingest: 2 files: nothing new\n")
    (tmp_path / "my.ics").write_text(EVENT.replace("Choir", "Choir rehearsal"))
    assert said("my.ics", "other.ics")[1] == b""


def test_a_file_that_is_not_there_says_what_may_be_named(shell, tmp_path):
    for more in ([], ["--watch"]):
        done = shell(["life-ingest", *more, "nope.ics"], cwd=tmp_path)
        assert done.returncode == 66
        assert b"hint: ls shows what is in the folder" in done.stderr


def test_a_person_who_asks_nothing_is_told_how_to_ask(world, tmp_path):
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [ROOT / "bin" / "life-recall", "-v"], env=world, cwd=tmp_path, stdin=follower,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(follower)
    os.write(leader, b"\x04")
    out, err = process.communicate(timeout=60)
    os.close(leader)
    assert out == b""
    assert err.startswith(b"life-recall: say what to look for: life-recall 'where is the spare key?'\n")


def test_what_is_worst_is_warned_of_first(shell, tmp_path):
    files = [str(ROOT / "examples" / "life" / name) for name in ("calendar.ics", "bank.ofx")]
    shell(["life-ingest", "--quiet", *files])
    later = {"ROADMAP_NOW": "2026-11-28T18:00:00Z"}
    found = [json.loads(line) for line in shell(["life-watch", "--open"], env=later).stdout.splitlines()]
    assert [each["severity"] for each in found] == ["high", "medium"]
