"""life-ingest --watch and folders as people use them: soon, silent, asleep in between, not thrown by anything."""

from __future__ import annotations

import gzip
import json
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LIFE = ROOT / "examples" / "life"
Shell = Callable[..., subprocess.CompletedProcess[bytes]]


def event(uid: str, title: str = "", day: int = 1) -> str:
    return (
        "BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\n"
        f"UID:{uid}\nDTSTART:202612{day:02}T090000Z\nSUMMARY:{title or uid}\nEND:VEVENT\nEND:VCALENDAR\n"
    )


class Watching:
    """A running life-ingest --watch, its records and words as they come."""

    def __init__(self, world: Mapping[str, str], *words: str) -> None:
        self.process = subprocess.Popen(
            [str(ROOT / "bin" / "life-ingest"), "--watch", *words], env=dict(world),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
        )  # fmt: skip
        self.words: list[str] = []
        assert self.process.stderr
        self._listener = threading.Thread(
            target=lambda: self.words.extend(iter_lines(self.process.stderr)), daemon=True
        )
        self._listener.start()
        self._left = b""

    def record(self, within_s: float = 20.0) -> dict[str, Any]:
        """The next record that is no source."""
        assert self.process.stdout
        until = time.monotonic() + within_s
        while True:
            line, found, rest = self._left.partition(b"\n")
            if found:
                self._left = rest
                record: dict[str, Any] = json.loads(line)
                if record["kind"] != "life.source":
                    return record
                continue
            ready, _, _ = select.select([self.process.stdout], [], [], max(until - time.monotonic(), 0))
            assert ready, f"nothing came; {self.words}"
            data = os.read(self.process.stdout.fileno(), 65536)
            assert data, f"it ended; {self.words}"
            self._left += data

    def said(self, words: str, within_s: float = 20.0) -> bool:
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            if any(words in line for line in self.words):
                return True
            time.sleep(0.02)
        return False

    def switches(self) -> int:
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return sum(int(line.split()[1]) for line in text.splitlines() if "ctxt_switches" in line)

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(10)


def iter_lines(stream: Any) -> Iterator[str]:
    for line in stream:
        yield line.decode()


@pytest.fixture
def watch(world: Mapping[str, str]) -> Iterator[Callable[..., Watching]]:
    started: list[Watching] = []

    def begin(*words: str) -> Watching:
        started.append(Watching(world, *words))
        return started[-1]

    yield begin
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait(10)
        for stream in (each.process.stdout, each.process.stderr):
            if stream:
                stream.close()


def test_what_is_written_while_it_watches_is_read_at_once(watch: Callable[..., Watching], tmp_path: Path) -> None:
    folder = tmp_path / "calendars"
    folder.mkdir()
    (folder / "one.ics").write_text(event("one"))
    running = watch(str(folder))
    assert running.record()["title"] == "one"

    began = time.monotonic()
    (folder / "two.ics").write_text(event("two"))
    assert running.record()["title"] == "two"
    assert time.monotonic() - began < 1

    # What came last may still be put away on a busy machine; after that nothing happens until there is news.
    for _ in range(8):
        before = running.switches()
        time.sleep(1.0)
        woken = running.switches() - before
        if woken <= 1:
            break
    assert woken <= 1, "it wakes up without news"

    (folder / "work").mkdir()  # a new folder below, and a file that is put in its place as a whole
    (folder / ".three.part").write_text(event("three"))
    (folder / ".three.part").rename(folder / "work" / "three.ics")
    assert running.record()["title"] == "three"
    with (folder / "work" / "four.ics").open("w") as stream:  # half of it, then the other half much later
        stream.write(event("four")[:60])
        stream.flush()
        time.sleep(0.8)
        stream.write(event("four")[60:])
    assert running.record()["title"] == "four"
    (folder / "one.ics").write_text(event("one", "moved", 5))
    assert running.record()["title"] == "moved"
    assert running.end(signal.SIGTERM) == 143
    assert [line for line in running.words if "error" in line] == []


def test_what_is_broken_is_said_and_does_not_end_it(watch: Callable[..., Watching], tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    running = watch(str(folder))
    (folder / "bad.ics").write_text("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:soon\nEND:VEVENT\nEND:VCALENDAR\n")
    (folder / "good.ics").write_text(event("good"))
    assert running.record()["title"] == "good"
    assert running.said("bad.ics:3: DTSTART is not a date or time"), running.words
    moved = tmp_path / "away"
    folder.rename(moved)
    assert running.said("has vanished"), running.words
    folder.mkdir()
    (folder / "back.ics").write_text(event("back"))
    assert running.record()["title"] == "back"
    assert running.said("is back")
    assert running.end(signal.SIGINT) == 130


def test_one_file_and_two_copies_at_once(watch: Callable[..., Watching], tmp_path: Path) -> None:
    path = tmp_path / "mine.ics"
    path.write_text(event("a"))
    one = watch(str(path))
    assert one.record()["title"] == "a"
    two = watch(str(path), "--again")
    time.sleep(0.5)
    path.with_suffix(".new").write_text(event("b"))
    path.with_suffix(".new").rename(path)
    ready, _, _ = select.select([one.process.stdout, two.process.stdout], [], [], 20)
    assert ready
    first = one if one.process.stdout in ready else two
    assert first.record()["title"] == "b"  # one of them stores and says it, the other knows it then
    assert one.process.poll() is two.process.poll() is None
    assert (one.end(signal.SIGTERM), two.end(signal.SIGTERM)) == (143, 143)


def test_what_is_removed_while_it_watches_is_withdrawn_if_wished(
    watch: Callable[..., Watching], shell: Shell, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.ics").write_text(event(name))
    time.sleep(0.1)
    running = watch(str(tmp_path), "--mirror")
    assert {running.record()["title"], running.record()["title"]} == {"a", "b"}
    (tmp_path / "a.ics").unlink()
    for _ in range(100):
        done = shell(["roadmap-state", "query", "SELECT uid FROM life_event WHERE is_current = 1"])
        if done.stdout.count(b'"uid"') == 1:
            break
        time.sleep(0.1)
    assert b'"uid":"b"' in done.stdout
    assert running.end(signal.SIGTERM) == 143


def test_it_ends_when_nobody_reads_any_more(watch: Callable[..., Watching], tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.ics").write_text(event("a"))
    running = watch(str(folder))
    running.record()
    assert running.process.stdout
    running.process.stdout.close()
    assert running.process.wait(10) == 141


def test_unchanged_files_are_not_read_again(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "vdir"
    (folder / "work").mkdir(parents=True)
    for number in range(40):
        (folder / "work" / f"{number}.ics").write_text(event(f"e{number}"))
    (folder / "old.ics.gz").write_bytes(gzip.compress(event("old").encode()))
    (folder / "notes.txt").write_text("call the plumber\n")
    os.utime(folder / "notes.txt", (1, 1))
    time.sleep(0.1)
    done = shell(["life-ingest", "-v", str(folder)])
    assert b"added 41 events, 0 already known" in done.stderr
    done = shell(["life-ingest", "-v", str(folder)])
    assert (done.stdout, b"41 files unchanged" in done.stderr) == (b"", True), done.stderr
    (folder / "work" / "3.ics").write_text(event("e3", "changed"))
    (folder / "work" / "4.ics").touch()
    (folder / "work" / "5.ics").unlink()
    done = shell(["life-ingest", "-v", str(folder)])
    assert [json.loads(line).get("title") for line in done.stdout.splitlines()] == [None, "changed"]
    assert b"added 1 event, 1 replaced or withdrawn, 39 files unchanged" in done.stderr
    done = shell(["life-ingest", "-v", "--mirror", str(folder)])
    assert b"40 already known" in done.stderr
    (folder / "work" / "6.ics").unlink()
    done = shell(["life-ingest", "-v", "--mirror", str(folder)])
    assert b"added nothing, 1 replaced or withdrawn, 39 files unchanged" in done.stderr
    folder.rename(tmp_path / "elsewhere")
    folder.mkdir()
    done = shell(["life-ingest", "-v", "--mirror", str(folder)])
    assert b"holds nothing any more: nothing is withdrawn" in done.stderr
    assert b"added nothing, 0 already known\n" in done.stderr


def test_wrong_inputs_have_their_words(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "cut.gz").write_bytes(gzip.compress(event("x").encode() * 50)[:-20])
    done = shell(["life-ingest", str(tmp_path / "cut.gz")])
    assert (done.returncode, b"compressed, but broken or cut off" in done.stderr) == (65, True)
    (tmp_path / "future.jsonl").write_text(
        '{"kind":"life.transaction","at":"2031-01-01T00:00:00Z","amount":"1.00","currency":"EUR"}\n' * 1
        + '{"kind":"life.transaction","at":"2032-01-01T00:00:00Z","amount":"1.00","currency":"EUR"}\n'
    )
    done = shell(["life-ingest", str(tmp_path / "future.jsonl")])
    assert done.returncode == 0
    assert done.stderr.count(b"is dated in the future: was a clock wrong? (2 times)") == 1
    (tmp_path / "one.ics").write_text(event("one"))
    done = shell(["life-ingest", str(tmp_path / "one.ics"), str(tmp_path / "nowhere.ics")])
    assert (done.returncode, b'"title":"one"' in done.stdout) == (66, True)  # what came before is stored
    done = shell(["life-ingest", "--watch"])
    assert (done.returncode, b"--watch waits for files" in done.stderr) == (2, True)
    done = shell(["life-ingest", "--watch", str(tmp_path / "nowhere")])
    assert done.returncode == 66


@pytest.mark.slow
def test_a_large_calendar_in_little_memory(world: Mapping[str, str], tmp_path: Path) -> None:
    """A quarter of a gigabyte in less memory than that takes: the same for twenty."""
    body = "".join(event(f"u{number}").split("VERSION:2.0\n")[1].split("END:VCALENDAR")[0] for number in range(1000))
    with (tmp_path / "big.ics").open("w") as stream:
        stream.write("BEGIN:VCALENDAR\nVERSION:2.0\n")
        for number in range(300):
            stream.write(
                body.replace("UID:u", f"UID:{number}-").replace("SUMMARY:", f"DESCRIPTION:{'x' * 700}\nSUMMARY:")
            )
        stream.write("END:VCALENDAR\n")
    done = subprocess.run(
        ["/usr/bin/env", "python3", "-c", "import resource,subprocess,sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL);"
         "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)", str(ROOT / "bin" / "life-ingest"), str(tmp_path / "big.ics")],
        env=dict(world), cwd=ROOT, capture_output=True, check=True,
    )  # fmt: skip
    assert int(done.stdout) < 200_000


def test_a_locked_key_in_cron_is_one_line(shell: Shell, tmp_path: Path) -> None:
    assert shell(["life-ingest", str(LIFE / "tasks.ics")]).returncode == 0
    done = shell(["life-ingest", str(LIFE)], env={"ROADMAP_IDENTITY": str(tmp_path / "none")})
    assert done.returncode == 78
    assert len([line for line in done.stderr.splitlines() if b"error" in line]) == 1
