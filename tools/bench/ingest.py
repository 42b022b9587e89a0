"""How fast life-ingest stores a million events of health, calendar and bank, encrypted, beside tools that do not encrypt.

Files are generated (`life_files.py`), 80 % of the events health, 10 % calendar, 10 % bank. Peers run in the same rounds,
in turn with ours, in a virtual environment of their own: healthkit-to-sqlite on the same export.xml, and sqlite-utils
inserting the same rows (what life-ingest wrote, JSON Lines in, keyed by id) for each of the three. Ours reads the files,
makes content ids, stores each record with its columns and indices, and writes JSON Lines to the same place (/dev/null).
Prints one bench.figure record for each comparison: CPU and wall seconds, peak memory, lowest and highest of the rounds.

Parts beside `speed` (`ingest_scale.py`): `scale` (memory and time of a tenth and of all, and how long another command
waits to write meanwhile), `incremental` (2 % new, unchanged, 10,000 small files, a mailbox that grew), `indices`.

Usage: python tools/bench/ingest.py [--events N] [--rounds N] [--folder DIR] [--only PART]...
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ingest_scale
import life_files

ROOT = Path(__file__).resolve().parents[2]
PEERS = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ingest-peers" / "venv"
PACKAGES = ("healthkit-to-sqlite==1.0.1", "sqlite-utils>=3.37")


def peers() -> Path:
    """The folder of the peers' programs; made on first use, outside the project's environment."""
    if not (PEERS / "bin" / "healthkit-to-sqlite").exists():
        subprocess.run([sys.executable, "-m", "venv", str(PEERS)], check=True)
        subprocess.run([str(PEERS / "bin" / "python"), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    return PEERS / "bin"


def measured(arguments: list[str], environ: dict[str, str], output: str = os.devnull) -> dict[str, float]:
    """CPU and wall seconds and peak memory (MB) of a program that must end well."""
    begin = time.perf_counter()
    with Path(output).open("wb") as stdout:
        child = subprocess.Popen(arguments, env=environ, stdout=stdout, stderr=subprocess.PIPE)
        errors = child.stderr.read()
        _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{arguments[0]}: {errors.decode(errors='replace')[-2000:]}")
    return {
        "cpu_s": used.ru_utime + used.ru_stime,
        "wall_s": time.perf_counter() - begin,
        "peak_mb": used.ru_maxrss / 1024,
    }


def without_source(path: Path) -> None:
    """Leave out the life.source record: line by line, as this process must stay small for `peak_mb` to be the child's."""
    shorter = path.with_suffix(".new")
    with path.open("rb") as lines, shorter.open("wb") as out:
        out.writelines(line for line in lines if not line.startswith(b'{"kind":"life.source"'))
    shorter.replace(path)


def figure(name: str, ours: list[float], theirs: list[float] | None, peer: str, unit: str) -> None:
    record = {
        "kind": "bench.figure", "name": name, "unit": unit, "value": round(statistics.median(ours), 3),
        "lowest": round(min(ours), 3), "highest": round(max(ours), 3),
    }  # fmt: skip
    if theirs:
        ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
        record |= {
            "peer": peer, "peer_value": round(statistics.median(theirs), 3),
            "ratio": round(statistics.median(ratios), 2), "lowest_ratio": round(min(ratios), 2),
            "highest_ratio": round(max(ratios), 2),
        }  # fmt: skip
    print(json.dumps(record), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where files are made and kept; a temporary folder without it")
    parser.add_argument("--only", action="append", choices=("speed", *ingest_scale.PARTS), help="these parts alone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        if not options.only or "speed" in options.only:
            run(folder, options.events, options.rounds)
        for name, part in ingest_scale.PARTS.items():
            if not options.only or name in options.only:
                part(ingest_scale.Bench(folder, options.events, measured, figure))


def run(folder: Path, events: int, rounds: int) -> None:
    health, calendar, bank = (folder / f"{events}-{name}" for name in ("export.xml", "calendar.ics", "bank.csv"))
    newer = folder / f"{events}-newer.xml"
    counts = {health: events * 8 // 10, calendar: events // 10, bank: events // 10}
    for path, make in ((health, life_files.export_xml), (calendar, life_files.calendar), (bank, life_files.bank_csv)):
        if not path.exists():
            make(path, counts[path])
    if not newer.exists():  # the same history and 2 % more
        life_files.export_xml(newer, counts[health] * 102 // 100)
    bin_folder = peers()
    home = folder / "home"
    environ = {**os.environ, "HOME": str(home), "PATH": f"{ROOT / 'bin'}:{os.environ['PATH']}"}
    environ.pop("PYTHONPATH", None)
    results: dict[str, list[dict[str, float]]] = {}

    def ours(path: Path, name: str, output: str = os.devnull) -> None:
        arguments = ["life-ingest", "--timezone", "Europe/Berlin", "--past-days", "36500", str(path)]
        results.setdefault(name, []).append(measured(arguments, environ, output))

    for path in (health, calendar, bank):  # the rows, once, for sqlite-utils
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        rows = path.with_suffix(".jsonl")
        if not rows.exists():
            measured(["life-ingest", "--timezone", "Europe/Berlin", str(path)], environ, str(rows))
            without_source(rows)
    for _ in range(rounds):
        for path, name in ((health, "health"), (calendar, "calendar"), (bank, "bank")):
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            ours(path, name)
            if path is health:
                ours(path, "again")
                ours(newer, "newer")
            database = folder / "peer.db"
            database.unlink(missing_ok=True)
            insert = [
                str(bin_folder / "sqlite-utils"),
                "insert",
                str(database),
                "rows",
                str(path.with_suffix(".jsonl")),
            ]
            results.setdefault(f"{name} sqlite-utils", []).append(
                measured([*insert, "--nl", "--pk", "id", "--alter", "--silent"], environ)
            )
            database.unlink(missing_ok=True)
            if path is health:
                convert = [str(bin_folder / "healthkit-to-sqlite"), "--xml", str(path), str(database), "--silent"]
                results.setdefault("health healthkit-to-sqlite", []).append(measured(convert, environ))
                database.unlink(missing_ok=True)
    tell(results, counts[health])


def tell(results: dict[str, list[dict[str, float]]], health_events: int) -> None:
    def values(name: str, field: str) -> list[float]:
        return [each[field] for each in results[name]]

    names = ("health", "calendar", "bank")
    for field, unit in (("cpu_s", "CPU s"), ("wall_s", "s"), ("peak_mb", "MB")):
        figure(
            f"ingest.health.{field}",
            values("health", field),
            values("health healthkit-to-sqlite", field),
            "healthkit-to-sqlite",
            unit,
        )
        for name in names:
            figure(
                f"ingest.{name}.{field}",
                values(name, field),
                values(f"{name} sqlite-utils", field),
                "sqlite-utils insert",
                unit,
            )
        if field != "peak_mb":
            total = [sum(each) for each in zip(*(values(name, field) for name in names), strict=True)]
            theirs = [
                sum(each) for each in zip(*(values(f"{name} sqlite-utils", field) for name in names), strict=True)
            ]
            figure(f"ingest.all.{field}", total, theirs, "sqlite-utils insert", unit)
        figure(f"ingest.health_again.{field}", values("again", field), values("health", field), "the first time", unit)
        figure(
            f"ingest.health_newer.{field}",
            values("newer", field),
            values("health", field),
            "the first time, 2 % less",
            unit,
        )
    print(json.dumps({"kind": "bench.note", "health_events": health_events}), file=sys.stderr)


if __name__ == "__main__":
    main()
