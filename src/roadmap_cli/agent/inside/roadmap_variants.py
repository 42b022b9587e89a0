"""Runs the failing tests on many variants of a project, without a build or a session for each; runs in the sandbox.

Node: a variant's files are written, and each test file is run by itself, without the test runner's own process. Go:
all variants are in one program (`agent.variants` has put them there as branches on a number), built once; those that
the compiler refuses are taken out and it is built again. Writes JSON to the path given first: what each run printed.
"""

# Any Python from 3.8 on runs this, and files are handled at the level of the system.
# ruff: noqa: D103, PTH100, PTH108, PTH110, PTH118, PTH120, PTH123, SIM105

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from roadmap_coverage import BUILD_S, go_folder, go_modules  # type: ignore[import-not-found]

OUTPUT_LIMIT, ROUNDS = 100_000, 6
DATA_LIMIT, WORKERS_DATA = 384 << 20, 768 << 20


def bounded(limit: Any = DATA_LIMIT) -> None:
    """Let no variant use up the memory of all: an endless loop that appends is a usual one."""
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_DATA, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def ran(argv: Any, seconds: Any, cwd: Any = None, env: Any = None) -> Any:
    """A run's exit status (None if it was stopped) and what it printed, cut."""
    with tempfile.TemporaryFile() as out:
        try:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, cwd=cwd,
                                       env=env, start_new_session=True)  # fmt: skip
        except OSError as error:
            return 127, str(error)
        code = None
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        process.wait()
        out.seek(0)
        return code, out.read(OUTPUT_LIMIT).decode("utf-8", "replace")


def by_workers(spec: Any, until: Any) -> Any:
    """All variants in one process of node, each in a worker thread.

    A variant that takes the process down with it (a list of all memory does) is done with, and the next ones go on in
    another one.
    """
    place = tempfile.mkdtemp()
    given, results = os.path.join(place, "given.json"), os.path.join(place, "results.json")
    here = os.path.dirname(os.path.abspath(__file__))
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    bounded(WORKERS_DATA)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))  # each thread reserves addresses that it does not use
    found: Any = []
    first = True
    while len(found) < len(spec["variants"]) and time.monotonic() < until:
        left = until - time.monotonic()
        with open(given, "w", encoding="utf-8") as file:
            rest = {**spec, "variants": spec["variants"][len(found) :], "seconds": left, "output_limit": OUTPUT_LIMIT}
            json.dump(rest, file)
        before = contents(spec, spec["variants"][len(found) :])
        code, words = ran([*spec["node"], os.path.join(here, "roadmap_workers.js"), given, results], left + 5,
                          spec["root"])  # fmt: skip
        put_back(before)
        try:
            with open(results, encoding="utf-8") as file:
                done = json.load(file)
            os.unlink(results)
        except (OSError, ValueError):
            done = []
        if first and not done:
            return []  # workers cannot be had here
        first = False
        found += done
        if code != 0 and len(found) < len(spec["variants"]):
            found.append([{"exit": None, "output": words[-1000:]}])
        elif not done:
            break
    return found


def contents(spec: Any, variants: Any) -> Any:
    """What stands in the files that variants change."""
    found = {}
    for name in {name for variant in variants for name in variant}:
        path = os.path.join(spec["root"], name)
        with open(path, "rb") as file:
            found[path] = file.read()
    return found


def put_back(files: Any) -> None:
    for path, content in files.items():
        with open(path, "wb") as file:
            file.write(content)


def node(spec: Any, until: Any) -> Any:
    if spec["test_files"]:
        return by_workers(spec, until)
    found: Any = []
    bounded()
    with ThreadPoolExecutor(max(1, min(2, len(spec["commands"])))) as pool:
        for variant in spec["variants"]:
            if time.monotonic() > until:
                break
            before = {}
            for name, text in variant.items():
                path = os.path.join(spec["root"], name)
                with open(path, encoding="utf-8", newline="") as file:
                    before[path] = file.read()
                with open(path, "w", encoding="utf-8", newline="") as file:
                    file.write(text)
            runs = list(pool.map(lambda words: ran(words, spec["limit"], spec["root"]), spec["commands"]))
            for path, text in before.items():
                with open(path, "w", encoding="utf-8", newline="") as file:
                    file.write(text)
            found.append([{"exit": code, "output": text} for code, text in runs])
    return found


def assembled(pieces: Any, without: Any) -> Any:
    """A file's text without some variants, and for each line of it the variant it belongs to."""
    text, owners = [], []
    for owner, piece in pieces:
        if owner is not None and owner in without:
            continue
        text.append(piece)
        owners += [owner] * piece.count("\n")
    return "".join(text), owners


def built(spec: Any, folders: Any, place: Any) -> Any:
    """Build each package's tests with as many variants as compile: the binaries and the variants left out."""
    without: Any = set()
    for _ in range(ROUNDS):
        owners = {}
        for name, pieces in spec["files"].items():
            text, owners[name] = assembled(pieces, without)
            with open(os.path.join(spec["root"], name), "w", encoding="utf-8", newline="") as file:
                file.write(text)
        refused: Any = set()
        binaries: Any = {}
        for package, folder in folders.items():
            binary = os.path.join(place, f"test{len(binaries)}")
            argv = [spec["go"], "test", "-c", "-vet=off", "-gcflags=-e", "-o", binary, "."]
            code, words = ran(argv, BUILD_S, folder)
            if code == 0 and os.path.exists(binary):
                binaries[package] = binary
                continue
            for entry in re.finditer(r"^(?:\S*# .*|(\S+\.go):(\d+)(?::\d+)?: .*)$", words, re.MULTILINE):
                if entry[1]:
                    relative = os.path.relpath(os.path.join(folder, entry[1]), spec["root"])
                    lines = owners.get(relative, [])
                    owner = lines[int(entry[2]) - 1] if int(entry[2]) <= len(lines) else None
                    if owner is not None:
                        refused.add(owner)
            break
        if len(binaries) == len(folders):
            return binaries, without
        if not refused:
            return {}, without
        without |= refused
    return {}, without


def go(spec: Any, until: Any) -> Any:
    modules = go_modules(spec["root"])
    folders = {package: go_folder(package, modules, spec["root"]) for package in spec["packages"]}
    place = tempfile.mkdtemp()
    if None in folders.values():
        return None
    binaries, without = built(spec, folders, place)
    if not binaries:
        return None
    bounded()
    limit = spec["limit"]

    def one(number: Any) -> Any:
        if number in without:
            return "refused"
        if time.monotonic() > until:
            return None
        runs = []
        for package, pattern in spec["packages"].items():
            env = {**os.environ, "ROADMAP_VARIANT": str(number), "GOMAXPROCS": "1"}
            words = [binaries[package], "-test.v", "-test.run", pattern, f"-test.timeout={limit:.3f}s"]
            code, text = ran(words, limit + 0.3, folders[package], env)
            runs.append({"exit": code, "output": text, "package": package})
        return runs

    began = time.monotonic()
    if all(run["exit"] is not None and "panic: test timed out" not in run["output"] for run in one(0) or ()):
        limit = min(limit, spec["least"] + 0.2 + 8 * (time.monotonic() - began))  # what the project as it stands takes
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(one, range(1, spec["variant_count"] + 1)))


def main() -> None:
    report, name = sys.argv[1:3]
    with open(name, encoding="utf-8") as file:
        spec = json.load(file)
    until = time.monotonic() + spec["seconds"]
    runs = (go if spec["language"] == "go" else node)(spec, until)
    with open(report, "w", encoding="utf-8") as file:
        json.dump({"runs": runs}, file)


if __name__ == "__main__":
    main()
