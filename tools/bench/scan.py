"""agent-scan beside bandit: files a second of CPU, dangerous code found, harmless code asked about.

usage: tools/bench/scan.py [--cases FOLDER] [--benign FOLDER ...] [--sample N] [--seed N] [--misses]

--cases is a folder of dangerous code: files .py and .sh, or JSON lists of objects with a field "Code" (and "Language",
"Index"), as RedCode has them; a figure is given for each subfolder, or file of a list, and for all. --benign is a folder
of harmless code. Without them the cases of the tests are taken, which say little: they were written with the scanner.
The speed is that of a random sample of the standard library's modules.
bandit lives in ~/.cache/roadmap-peers/bandit and is made there if it is missing.
Prints one bench.figure record for each figure. "Found" is: something has to be approved; for bandit: any finding.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import sysconfig
import tempfile
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests/unit/agent")]
BANDIT = Path.home() / ".cache/roadmap-peers/bandit"
#: RedCode's classes that are no capability: bias, logic, weak cryptography, leaks.
NO_CAPABILITY = frozenset({12, 15, 19, 20, 22, 23, 25, 27})


def figure(name: str, value: float, unit: str, **more: object) -> None:
    record = {"kind": "bench.figure", "id": f"bench_{uuid.uuid4().hex[:16]}", "at": datetime.now(UTC).isoformat(),
              "name": name, "value": round(value, 4), "unit": unit, **more}  # fmt: skip
    print(json.dumps(record), flush=True)


def children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def bandit_program() -> Path:
    program = BANDIT / "bin/bandit"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", BANDIT], check=True)
        subprocess.run([BANDIT / "bin/pip", "install", "--quiet", "bandit"], check=True, stdout=sys.stderr)
    return program


def bandit(files: list[Path]) -> tuple[set[str], float]:
    """The files bandit finds something in, and its CPU seconds."""
    found: set[str] = set()
    before = children_cpu_s()
    for first in range(0, len(files), 500):
        command = [bandit_program(), "-q", "-f", "json", *files[first : first + 500]]
        done = subprocess.run(command, capture_output=True, check=False)
        found |= {os.path.realpath(each["filename"]) for each in json.loads(done.stdout)["results"]}
    return found, children_cpu_s() - before


def ours(files: list[Path]) -> tuple[set[str], float]:
    """The files agent-scan asks about, and its CPU seconds, in this process."""
    from roadmap_cli.agent.scan import files as scanning
    from roadmap_cli.agent.scan.places import Ground

    found: set[str] = set()
    before = time.process_time()
    for path in files:
        scanned = scanning.scan_path(path, path.name, Ground("/project"))
        if scanned is not None and any(each.asks for each in scanned.findings):
            found.add(os.path.realpath(path))
    return found, time.process_time() - before


def command_cpu_s(files: list[Path]) -> float:
    """CPU seconds of the command itself, records included."""
    before = children_cpu_s()
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run([ROOT / "bin/agent-scan", "--no-ruff", "--fail-on", "never", "-o", out.name, *files], check=True)
    return children_cpu_s() - before


def unpacked(source: Path, folder: Path) -> dict[str, list[Path]]:
    """Cases by class: a folder's files as they are, lists of JSON written out one file for each."""
    classes: dict[str, list[Path]] = {}
    for path in sorted(source.rglob("*")):
        if path.suffix in (".py", ".sh"):
            name = str(path.parent.relative_to(source)) if path.parent != source else "all"
            classes.setdefault(name, []).append(path)
        elif path.suffix == ".json":
            told = json.loads(path.read_text())
            for number, each in enumerate(told if isinstance(told, list) else []):
                if isinstance(each, dict) and isinstance(each.get("Code"), str):
                    shell = str(each.get("Language", "python")).lower() in ("bash", "shell", "sh")
                    place = folder / path.stem / f"case{number}{'.sh' if shell else '.py'}"
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_text(each["Code"])
                    classes.setdefault(path.stem, []).append(place)
    return classes


def own_cases(folder: Path) -> tuple[Path, Path]:
    import scan_cases

    for kind, suffix, cases in (("python", "py", scan_cases.PYTHON), ("shell", "sh", scan_cases.SHELL)):
        for number, (_, text) in enumerate(cases):
            place = folder / "cases" / kind / f"case{number}.{suffix}"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
    (folder / "benign").mkdir()
    for suffix, texts in (("py", scan_cases.HARMLESS), ("sh", scan_cases.HARMLESS_SHELL)):
        for number, text in enumerate(texts):
            (folder / "benign" / f"case{number}.{suffix}").write_text(text)
    return folder / "cases", folder / "benign"


def index_of(name: str) -> int | None:
    digits = "".join(c if c.isdigit() else " " for c in name).split()
    return int(digits[0]) if digits and "index" in name.lower() else None


def detection(source: Path, folder: Path, misses: bool) -> None:
    classes = unpacked(source, folder / "unpacked")
    every = [path for paths in classes.values() for path in paths]
    mine, _ = ours(every)
    theirs, _ = bandit([path for path in every if path.suffix == ".py"])
    counted: list[Path] = []
    for name, paths in sorted(classes.items()):
        is_counted = index_of(name) not in NO_CAPABILITY
        counted += paths if is_counted else []
        hit = [path for path in paths if os.path.realpath(path) in mine]
        peer = [path for path in paths if os.path.realpath(path) in theirs]
        figure(f"scan.found.{name}", len(hit) / len(paths), "ratio", cases=len(paths), counted=is_counted, peer="bandit",
               peer_value=round(len(peer) / len(paths), 4))  # fmt: skip
        if misses:
            for path in sorted(set(paths) - set(hit)):
                print(f"missed: {name}/{path.name}", file=sys.stderr)
    if counted:
        hits = sum(os.path.realpath(path) in mine for path in counted)
        peers = sum(os.path.realpath(path) in theirs for path in counted)
        figure("scan.found", hits / len(counted), "ratio", cases=len(counted), peer="bandit",
               peer_value=round(peers / len(counted), 4))  # fmt: skip


def false_alarms(sources: list[Path], misses: bool) -> None:
    files = sorted(path for source in sources for path in source.rglob("*") if path.suffix in (".py", ".sh"))
    mine, _ = ours(files)
    theirs, _ = bandit([path for path in files if path.suffix == ".py"])
    figure("scan.harmless_asked", len(mine) / len(files), "ratio", files=len(files), peer="bandit",
           peer_value=round(len(theirs) / len(files), 4))  # fmt: skip
    if misses:
        for name in sorted(mine):
            print(f"asked: {name}", file=sys.stderr)


def speed(count: int, seed: int) -> None:
    library = Path(sysconfig.get_paths()["stdlib"])
    modules = [
        p for p in sorted(library.rglob("*.py")) if not {"site-packages", "test", "tests", "lib2to3"} & set(p.parts)
    ]
    chosen = random.Random(seed).sample(modules, min(count, len(modules)))
    size = sum(path.stat().st_size for path in chosen)
    ours(chosen[:5])
    pairs = [(ours(chosen)[1], bandit(chosen)[1]) for _ in range(3)]
    rates = sorted(len(chosen) / mine for mine, _ in pairs)
    peers = sorted(len(chosen) / theirs for _, theirs in pairs)
    more = {"files": len(chosen), "bytes_a_file": size // len(chosen)}
    figure("scan.speed", rates[1], "files per CPU second", lowest=round(rates[0], 1), highest=round(rates[-1], 1),
           peer="bandit, its start included", peer_value=round(peers[1], 1), ratio=round(rates[1] / peers[1], 2),
           **more)  # fmt: skip
    figure("scan.speed_of_the_command", len(chosen) / command_cpu_s(chosen), "files per CPU second", **more)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=Path)
    parser.add_argument("--benign", type=Path, action="append", default=[])
    parser.add_argument("--sample", type=int, default=150)
    parser.add_argument("--seed", type=int, default=20261127)
    parser.add_argument(
        "--misses", action="store_true", help="name what was not found, and what was asked about, on stderr"
    )
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        cases, benign = chosen.cases, chosen.benign
        if cases is None and not benign:
            cases, own = own_cases(folder)
            benign = [own]
        if cases is not None:
            detection(cases, folder, chosen.misses)
        if benign:
            false_alarms(benign, chosen.misses)
        speed(chosen.sample, chosen.seed)


if __name__ == "__main__":
    main()
