"""Figures of the project: run the benches, keep what they say, show it against peers and bars.

    tools/figures.py run [--all] [--again] [NAME, FAMILY or FAMILY.NAME …]
    tools/figures.py list

tools/bench/figures.toml declares each bench (its command, in the quick set and in the full one) and the figures taken
from the bench.figure records it prints. `run` appends one uniform record for each figure to tools/bench/history.jsonl:
``{name, what, value, unit, better, bar, met, peer, peer_value, ratio, spread, set, command, seconds, code, load,
machine}``. A bench that fails, or prints no such record, gives a record with ``problem``; the others go on. What was
measured already with the same code, command and machine is not run again: a run that was stopped goes on when it is
started again. What a bench said the last time is kept below .cache/bench. BENCHMARKS.md and the figures of README.md are made of the history by tools/gen_readme.py.

Where data are needed that are no part of the project, ROADMAP_BENCH_DATA names their folder, else it is
.cache/bench-data; without them a bench is left out, and that is said.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DECLARED = ROOT / "tools" / "bench" / "figures.toml"
HISTORY = ROOT / "tools" / "bench" / "history.jsonl"
#: What each bench said the last time, for whoever asks why a bar was missed.
SAID = ROOT / ".cache" / "bench"
TABLE = ROOT / "BENCHMARKS.md"
FAMILIES = {
    "roadmap": "The ground",
    "slm": "slm: language models",
    "agent": "agent: mending code",
    "edl": "edl: editing video",
    "life": "life: your own days",
    "wf": "wf: workflows",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of a bench's records, and what it is held against.

    ``record`` is a regular expression for the whole name of a record, ``where`` fields it must have, ``take`` the field
    that is the number. If several records match, the worst counts; of
    tests (tools/bench/proofs.py) all together. ``bar`` is a number or the field that holds it.
    """

    what: str
    record: str
    take: str = "value"
    unit: str = ""
    better: str = "lower"
    bar: float | str | None = None
    where: Mapping[str, Any] = field(default_factory=dict)
    readme: bool = False

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Whether a record holds this figure."""
        return (
            re.fullmatch(self.record, str(record.get("name", ""))) is not None
            and all(record.get(key) == value for key, value in self.where.items())
            and isinstance(record.get(self.take), (int, float))
        )


@dataclass(frozen=True, slots=True)
class Bench:
    """A command and its figures. ``{data}`` in a command is the folder of data that are no part of the project."""

    name: str
    family: str
    figure: tuple[Figure, ...]
    quick: str = ""
    full: str = ""
    minutes: float = 60.0

    @property
    def title(self) -> str:
        """FAMILY.NAME, which only one bench has."""
        return f"{self.family}.{self.name}"

    def command(self, everything: bool) -> str:
        """What is run in a set; empty if the bench is not in it."""
        return (self.full or self.quick) if everything else self.quick


def declared() -> tuple[Bench, ...]:
    """The benches of figures.toml, in their order. Raises TypeError: a word that is not known there."""
    told = tomllib.loads(DECLARED.read_text())["bench"]
    return tuple(Bench(**{**each, "figure": tuple(Figure(**one) for one in each["figure"])}) for each in told)


def history() -> list[dict[str, Any]]:
    """All that was measured, the oldest first."""
    return [json.loads(line) for line in HISTORY.read_text().splitlines()] if HISTORY.is_file() else []


# -- measuring ---------------------------------------------------------------------------------------------------------


def code() -> str:
    """A name for what is measured: the content of the programs and of the benches."""
    seen = hashlib.sha256()
    for folder in ("src", "tools/bench"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and path != HISTORY and path.suffix != ".pyc":
                seen.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return seen.hexdigest()[:12]


def machine() -> dict[str, Any]:
    """What it is measured on."""
    told = Path("/proc/cpuinfo")
    cpu = re.search(r"^model name\s*:\s*(.+)$", told.read_text(), re.M) if told.exists() else None
    return {
        "cpu": cpu[1].strip() if cpu else platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def output_of(command: str, minutes: float, said: Path) -> tuple[list[dict[str, Any]], str]:
    """The records that a bench prints, and what went wrong, if anything did. All that it says is kept in `said`."""
    data = os.environ.get("ROADMAP_BENCH_DATA") or str(ROOT / ".cache" / "bench-data")
    needed = re.findall(r"\{data\}(\S*)", command)
    if missing := [name for name in needed if not Path(data + name).exists()]:
        return [], f"left out: ROADMAP_BENCH_DATA has no {missing[0].lstrip('/')}"
    words = [word.replace("{data}", data) for word in command.split()]
    environ = {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tools'}",
        "PATH": f"{ROOT / 'bin'}:{os.environ['PATH']}",
    }
    environ.setdefault("ROADMAP_MODELS", str(ROOT / ".cache" / "models"))
    # An installation's modules are compiled; without that a command's start takes twice as long.
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    process = subprocess.Popen(
        [sys.executable, *words], cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    problem = ""
    try:
        out, err = process.communicate(timeout=minutes * 60)
    except subprocess.TimeoutExpired:
        problem = f"not done after {minutes:g} minutes"
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    said.parent.mkdir(parents=True, exist_ok=True)
    said.write_text(f"{command}\n{out}{err}", "utf-8")
    if not problem and process.returncode:
        last = err.strip().splitlines()[-1:] or ["no word of why"]
        problem = f"exit code {process.returncode}: {last[0][:200]}"
    records = []
    for line in out.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and record.get("kind") == "bench.figure":
            records.append(record)
    if not problem and not records and err.strip():
        problem = f"left out: {err.strip().splitlines()[-1][:200]}"
    return records, problem


def judged(figure: Figure, records: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The uniform fields of a figure, from the worst of the records that hold it; only ``problem`` if none does."""
    found = [record for record in records if figure.matches(record)]
    if not found:
        return {"problem": f"no record {figure.record!r} came"}
    record = (max if figure.better == "lower" else min)(found, key=lambda each: each[figure.take])
    if all("tests" in each for each in found):  # of tests all count together
        cases = sum(each["tests"] for each in found)
        record = {**record, "value": sum(each["value"] for each in found), "unit": f"of {cases} cases"}
    value = record[figure.take]
    told: dict[str, Any] = {
        "what": figure.what, "value": value, "unit": figure.unit or record.get("unit", ""), "take": figure.take,
        "better": figure.better,
    }  # fmt: skip
    bar = record.get(figure.bar) if isinstance(figure.bar, str) else figure.bar
    if bar is not None:
        told |= {"bar": bar, "met": value <= bar if figure.better == "lower" else value >= bar}
    told |= {key: record[key] for key in ("peer", "peer_value", "ratio") if key in record}
    if figure.take == "value" and "lowest" in record:
        told["spread"] = [record["lowest"], record.get("highest", value)]
    elif isinstance(record.get("spread"), list):
        told["spread"] = record["spread"]
    return told


def measure(bench: Bench, everything: bool, now: str) -> Iterator[dict[str, Any]]:
    """Run a bench: a record for each of its figures."""
    command = bench.command(everything)
    load = os.getloadavg()[0]
    began = time.monotonic()
    records, problem = output_of(command, bench.minutes, SAID / f"{bench.title}.log".replace(" ", "-"))
    common = {
        "set": "full" if everything else "quick", "command": command, "seconds": round(time.monotonic() - began, 1),
        "code": code(), "load": [round(load, 1), round(os.getloadavg()[0], 1)], "machine": machine(),
    }  # fmt: skip
    for figure in bench.figure:
        name = f"{bench.title}: {figure.what}"
        told = judged(figure, records)
        if problem and "problem" in told:
            told = {"problem": problem}
        yield {"kind": "bench.figure", "at": now, "name": name, **told, **common}


def known(bench: Bench, everything: bool, past: Iterable[Mapping[str, Any]]) -> bool:
    """Whether all figures of a bench were measured already: by the same command, of the same code, on this machine."""
    now = {"command": bench.command(everything), "code": code(), "machine": machine()}
    same = {
        record["name"]
        for record in past
        if "problem" not in record and all(record[key] == value for key, value in now.items())
    }
    return all(f"{bench.title}: {figure.what}" in same for figure in bench.figure)


def run(everything: bool, again: bool, chosen: list[str]) -> int:
    """Measure a set, or what is chosen of it; 1 if something failed."""
    benches = [
        bench for bench in declared()
        if bench.command(everything) and (not chosen or {bench.name, bench.family, bench.title} & set(chosen))
    ]  # fmt: skip
    failed = 0
    for number, bench in enumerate(benches, 1):
        head = f"[{number}/{len(benches)}] {bench.family} {bench.name}"
        if not again and known(bench, everything, history()):
            print(f"{head}: measured already", file=sys.stderr)
            continue
        print(f"{head}: {bench.command(everything)}", file=sys.stderr)
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        for record in measure(bench, everything, now):
            with HISTORY.open("a") as kept:
                kept.write(json.dumps(record, ensure_ascii=False) + "\n")
            problem = record.get("problem", "")
            failed += bool(problem) and not problem.startswith("left out")
            value = problem or f"{record['value']} {record['unit']}" + (
                "" if "met" not in record else f", bar {record['bar']}: {'met' if record['met'] else 'MISSED'}"
            )
            print(f"    {record['name'].partition(': ')[2]}: {value}", file=sys.stderr)
    return int(failed > 0)


# -- showing -----------------------------------------------------------------------------------------------------------


def latest() -> dict[str, dict[str, Any]]:
    """The record that counts for each declared figure: of the full set if there is one, else of the quick one; newest."""
    names = {f"{bench.title}: {figure.what}" for bench in declared() for figure in bench.figure}
    kept: dict[str, dict[str, Any]] = {}
    for record in history():
        before = kept.get(record["name"])
        if record["name"] not in names:
            continue
        weight = ("problem" not in record, record["set"] == "full")
        if before is None or weight >= ("problem" not in before, before["set"] == "full"):
            kept[record["name"]] = record
    return kept


def _number(value: float) -> str:
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _value(record: Mapping[str, Any]) -> str:
    if "problem" in record:
        word = "" if record["problem"].startswith("left out") else "**failed**: "
        return word + record["problem"].replace("|", "\\|")
    text = f"{_number(record['value'])} {record['unit']}".strip()
    if "spread" in record:
        text += f" ({' to '.join(_number(each) for each in record['spread'])})"
    return text if record.get("met", True) else f"**{text}**"


def _bar(figure: Figure, record: Mapping[str, Any] | None) -> str:
    bar = record.get("bar") if record else figure.bar
    if not isinstance(bar, (int, float)):
        return ""
    return f"{'at most ' if figure.better == 'lower' else 'at least '}{_number(bar)}" if bar else "0"


def _peer(record: Mapping[str, Any]) -> str:
    peer = str(record.get("peer", "")).replace("|", "\\|")
    known = isinstance(record.get("peer_value"), (int, float)) and record["take"] == "value"
    return f"{_number(record['peer_value'])} ({peer})" if known else peer


def _busy(record: Mapping[str, Any]) -> str:
    """The load, where others used the machine at the same time: then times are too long, and ratios scatter."""
    load = max(record["load"])
    return f", load {load:.0f}" if load > 2 * record["machine"]["cores"] else ""


def table() -> str:
    """BENCHMARKS.md: every declared figure, by family, the missed bars named first."""
    kept = latest()
    machines = list(dict.fromkeys(json.dumps(record["machine"], sort_keys=True) for record in kept.values()))
    missed = [record for record in kept.values() if record.get("met") is False]
    bars = [record for record in kept.values() if "met" in record]
    lines = [
        "# Benchmarks", "",
        "<!-- Made by tools/gen_readme.py from tools/bench/history.jsonl and tools/bench/figures.toml; do not edit. -->", "",
        "Each figure comes from the command beside it, its peer from the same run. `make bench` measures the quick set",
        "(about 20 minutes), `make bench-all` everything; both go on where they were stopped, and append to",
        "[the history](tools/bench/history.jsonl). Compare ratios rather than times: times are those of the machine below.",
        "Where it was busy with other work the load stands beside the date: measure those again on a quiet one.", "",
        *(f"- Machine {number + 1}: {told['cpu']}, {told['cores']} cores, {told['kernel']}, Python {told['python']}"
          for number, told in enumerate(map(json.loads, machines))), "",
        f"{len(bars) - len(missed)} of {len(bars)} bars are met.", "",
    ]  # fmt: skip
    if missed:
        lines += ["Missed:", ""]
        lines += [f"- {record['name']}: {_value(record)}, the bar is {_number(record['bar'])}" for record in missed]
        lines.append("")
    for family, title in FAMILIES.items():
        lines += [f"## {title}", "", "| What | Measured | Peer | Bar | Command | Date |", "|---|---|---|---|---|---|"]
        for bench in declared():
            for figure in bench.figure if bench.family == family else ():
                record = kept.get(f"{family}.{bench.name}: {figure.what}")
                command = (record["command"] if record else bench.quick or bench.full).replace("|", "\\|")
                when = ""
                if record:
                    place = machines.index(json.dumps(record["machine"], sort_keys=True)) + 1
                    when = record["at"][:10] + (f" ({place})" if len(machines) > 1 else "") + _busy(record)
                shown = (_value(record), _peer(record)) if record else ("not measured yet", "")
                lines.append(
                    f"| {figure.what} | {shown[0]} | {shown[1]} | {_bar(figure, record)} | `{command}` | {when} |"
                )
        lines.append("")
    return "\n".join(lines)


def summary() -> str:
    """The figures of README.md: those that are declared for it and have been measured, and how many bars are missed."""
    kept = latest()
    lines = ["| What | Measured | Peer in the same run | Bar | Command |", "|---|---|---|---|---|"]
    shown = []
    for bench in declared():
        for figure in bench.figure:
            record = kept.get(f"{bench.title}: {figure.what}")
            if not figure.readme or record is None or "problem" in record:
                continue
            shown.append(record)
            lines.append(
                f"| {figure.what} | {_value(record)} | {_peer(record)} | {_bar(figure, record)} | `{record['command']}` |"
            )
    bars = [record for record in kept.values() if "met" in record]
    missed = [record["name"].partition(": ")[2] for record in bars if not record["met"]]
    places = dict.fromkeys(
        f"{r['machine']['cpu']}, {r['machine']['cores']} cores, Python {r['machine']['python']}" for r in shown
    )
    busy = [_busy(record) for record in shown if _busy(record)]
    lines += [
        "",
        f"Measured on {'; '.join(places) or 'nothing yet'}{' while it did other work, too' if busy else ''}. {len(bars) - len(missed)} of {len(bars)} bars are met"
        + (f"; missed: {', '.join(missed)}." if missed else "."),
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "list"))
    parser.add_argument("chosen", nargs="*", metavar="NAME, FAMILY or FAMILY.NAME")
    parser.add_argument("--all", action="store_true", help="the full set, at full sizes")
    parser.add_argument("--again", action="store_true", help="measure again what was measured already")
    given = parser.parse_intermixed_args()
    if given.what == "run":
        return run(given.all, given.again, given.chosen)
    for bench in declared():
        kept = {name: bench.command(name == "full") for name in ("quick", "full") if bench.command(name == "full")}
        print(
            json.dumps({"name": bench.name, "family": bench.family, **kept, "figures": [f.what for f in bench.figure]})
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
