"""What tools/bench/ingest.py measures beside speed: growth, the write lock, runs that find little new, indices.

Each part takes `Bench`, which runs life-ingest in an empty home and prints bench.figure records.
"""

from __future__ import annotations

import mailbox
import os
import random
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import life_files

ROOT = Path(__file__).resolve().parents[2]
ZONE = ("--timezone", "Europe/Berlin", "--past-days", "36500")

#: Another command that writes: it begins a transaction every 20 ms and says how long it waited, until it is ended.
_WRITER = """
import json, sys, time
from datetime import UTC, datetime
from roadmap_cli.core import paths
from roadmap_cli.state.store import KeySource, State
home = {"HOME": sys.argv[1]}
with State.open(paths.state_file(home), mode="write", keys=KeySource(home), now=lambda: datetime.now(UTC)) as state:
    while True:
        begin = time.monotonic()
        with state.write():
            waited = time.monotonic() - begin
        print(json.dumps(waited), flush=True)
        time.sleep(0.02)
"""

#: Indices that only reading needs; by the others, what is known already is found while it is stored.
FOR_READING = ("record_by_kind", "record_by_time", "life_event_by_start")

#: The rows of a JSON Lines file into a new state, without the named indices.
_INDICES = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
import orjson
from roadmap_cli.life import store
from roadmap_cli.life.formats import jsonl
from roadmap_cli.state.store import KeySource, State
file, folder, dropped = sys.argv[1:]
home = {"HOME": folder}
now = lambda: datetime.now(UTC)
with State.open(Path(folder) / "state.db", mode="write", keys=KeySource(home), now=now) as state:
    with state.write() as tx:
        for name in dropped.split():
            tx.execute(f'DROP INDEX "{name}"')
    spent = 0.0
    with open(file, "rb") as lines:
        told = (line for line in lines if not line.startswith(b'{"kind":"life.source"'))
        while batch := [jsonl.item(orjson.loads(line)) for _, line in zip(range(20_000), told)]:
            begin = time.process_time()
            with state.write() as tx:
                store.widen(tx)
                store.add(tx, batch, format_name="jsonl", now=now())
            spent += time.process_time() - begin
print(spent)
"""


@dataclass
class Bench:
    """Where files lie, how a program is measured, how a figure is told."""

    folder: Path
    events: int
    measured: Callable[..., dict[str, float]]
    figure: Callable[..., None]

    def home(self, name: str = "home") -> Path:
        """An empty home."""
        home = self.folder / name
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        return home

    def ingest(self, home: Path, paths: Sequence[Path], output: str = os.devnull) -> dict[str, float]:
        """Run life-ingest over files; CPU and wall seconds, peak memory (MB)."""
        environ = {**os.environ, "HOME": str(home), "PATH": f"{ROOT / 'bin'}:{os.environ['PATH']}"}
        environ.pop("PYTHONPATH", None)
        return self.measured(["life-ingest", *ZONE, *map(str, paths)], environ, output)

    def files(self, events: int) -> list[Path]:
        """Health (80 %), calendar (10 %) and bank (10 %), made once."""
        parts = (
            ("export.xml", life_files.export_xml, 8),
            ("calendar.ics", life_files.calendar, 1),
            ("bank.csv", life_files.bank_csv, 1),
        )
        found = []
        for name, make, tenths in parts:
            path = self.folder / f"{events}-{name}"
            if not path.exists():
                make(path, events * tenths // 10)
            found.append(path)
        return found


def scale(bench: Bench) -> None:
    """A tenth of the events and all of them, each into an empty state, while another command wants to write."""
    small, large = (_with_writer(bench, bench.files(events)) for events in (bench.events // 10, bench.events))
    (few, _), (many, waits) = small, large
    bench.figure("ingest.scale.peak_mb", [many["peak_mb"]], [few["peak_mb"]], "a tenth of the events", "MB")
    per_event = [run["cpu_s"] / events * 1e6 for run, events in ((many, bench.events), (few, bench.events // 10))]
    bench.figure("ingest.scale.cpu_us_per_event", per_event[:1], per_event[1:], "a tenth of the events", "CPU µs")
    bench.figure("ingest.lock.longest_wait_s", [max(waits)], None, "", "s")
    bench.figure("ingest.lock.median_wait_s", [sorted(waits)[len(waits) // 2]], None, "", "s")
    bench.figure("ingest.lock.writes_meanwhile", [float(len(waits))], None, "", "transactions")


def _with_writer(bench: Bench, paths: Sequence[Path]) -> tuple[dict[str, float], list[float]]:
    home = bench.home()
    tiny = bench.folder / "tiny.csv"
    tiny.write_text("Date,Payee,Amount,Currency\n2026-01-05,Shop,-1.50,EUR\n2026-01-06,Shop,-2.50,EUR\n")
    bench.ingest(home, [tiny])  # the state is there before the writer asks for it
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    writer = subprocess.Popen(
        [str(ROOT / ".venv/bin/python"), "-c", _WRITER, str(home)], env=environ, stdout=subprocess.PIPE, text=True
    )
    waits: list[float] = []
    assert writer.stdout
    reader = threading.Thread(target=lambda: waits.extend(float(line) for line in writer.stdout or ()))
    reader.start()
    try:
        time.sleep(0.5)
        return bench.ingest(home, paths), waits
    finally:
        writer.terminate()
        writer.wait()
        reader.join()


def incremental(bench: Bench) -> None:
    """Runs that find little or nothing new, beside the first one."""
    count = min(bench.events, 100_000)
    export, newer = (bench.folder / f"{count}-{name}.xml" for name in ("alone", "alone-newer"))
    for path, records in ((export, count), (newer, count * 102 // 100)):
        if not path.exists():
            life_files.export_xml(path, records)
    home = bench.home()
    first, second, third = (bench.ingest(home, [path])["cpu_s"] for path in (export, newer, newer))
    bench.figure("ingest.newer.cpu_s", [second], [first], "the first run, 2 % less", "CPU s")
    bench.figure("ingest.unchanged.cpu_s", [third], [first], "the first run, 2 % less", "CPU s")
    folder = bench.folder / "small"
    if not folder.exists():
        folder.mkdir()
        for number in range(10_000):
            (folder / f"{number:05d}.ics").write_text(
                f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:{number}@example.org\r\n"
                f"DTSTART:2026{number % 12 + 1:02d}05T090000Z\r\nSUMMARY:Small {number}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
            )
    home = bench.home()
    first, second = (bench.ingest(home, [folder])["cpu_s"] for _ in range(2))
    bench.figure("ingest.small_files_unchanged.cpu_s", [second], [first], "the first run over 10,000 files", "CPU s")
    box = bench.folder / "large.mbox"
    box.unlink(missing_ok=True)
    chance = random.Random(5)
    with box.open("wb") as out:
        for number in range(2_000):
            out.write(_mail(number, chance))
    home = bench.home()
    first = bench.ingest(home, [box])["cpu_s"]
    with box.open("ab") as out:
        out.write(_mail(2_000, chance))
    bench.figure(
        "ingest.mailbox_grown.cpu_s", [bench.ingest(home, [box])["cpu_s"]], [first],
        f"the first run over {box.stat().st_size >> 20} MiB", "CPU s",
    )  # fmt: skip


def _mail(number: int, chance: random.Random) -> bytes:
    """A mail with an attachment of 100 kB, as it stands in a mailbox."""
    attached = "\n".join(chance.randbytes(36).hex() for _ in range(1_400))
    return (
        mailbox.mboxMessage(
            f"From: a{number % 50}@example.org\nTo: anna@example.org\nSubject: Number {number}\nMessage-ID: <{number}@x>\n"
            f"Date: Mon, 5 Jan 2026 09:{number % 60:02d}:00 +0000\n\n{attached}\n"
        ).as_bytes(unixfrom=True)
        + b"\n"
    )


def indices(bench: Bench) -> None:
    """What the indices cost that only reading needs: the same rows stored with and without them."""
    count = min(bench.events, 100_000)
    for name, make in (
        ("health", life_files.export_xml),
        ("calendar", life_files.calendar),
        ("bank", life_files.bank_csv),
    ):
        path = bench.folder / f"{count}-rows-{name}"
        rows = path.with_suffix(".jsonl")
        if not rows.exists():
            make(path, count)
            bench.ingest(bench.home(), [path], str(rows))
        environ = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        spent = {
            dropped: float(
                subprocess.run(
                    [str(ROOT / ".venv/bin/python"), "-c", _INDICES, str(rows), str(bench.home()), dropped],
                    env=environ, check=True, capture_output=True, text=True,
                ).stdout
            )
            for dropped in ("", " ".join(FOR_READING))
        }  # fmt: skip
        bench.figure(
            f"ingest.indices.{name}.cpu_s",
            list(spent.values())[:1],
            list(spent.values())[1:],
            "without those for reading",
            "CPU s",
        )


PARTS = {"scale": scale, "incremental": incremental, "indices": indices}
