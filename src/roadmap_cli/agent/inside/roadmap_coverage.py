"""Which lines each test runs, for programs of other languages; runs in the sandbox.

Node is asked by NODE_V8_COVERAGE, one process for each test (``--test-name-pattern``), or one for all if the command
is a plain script. Go builds each test binary once with ``-cover`` and runs it once for each test. The tests that fail
come first, then passing ones until the time is up. Writes JSON to the path given first: test → file → lines.
"""

# Any Python from 3.8 on runs this, and files are handled at the level of the system.
# ruff: noqa: D103, PTH108, PTH110, PTH112, PTH118, PTH123, PTH202, PTH208

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any
from urllib.parse import unquote, urlparse

BUILD_S, RUN_S, PROFILE_LIMIT, HANGING = 60.0, 10.0, 64 << 20, 2
TEST = re.compile(r"(.+?)\.((?:Test|Example|Fuzz).*)\Z", re.DOTALL)


def run(argv: Any, seconds: Any, **more: Any) -> Any:
    """Run a program to its end or for so long: its exit status, None if it was stopped."""
    try:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   start_new_session=True, **more)  # fmt: skip
    except OSError:
        return None
    try:
        return process.wait(max(0.1, seconds))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return None


# -- node --------------------------------------------------------------------------------------------------------------


def painted(text: Any, functions: Any) -> Any:
    """The lines of a source that ran, by V8's ranges: nested ones, of which the innermost says how often."""
    units = len(text.encode("utf-16-le")) // 2
    ran = bytearray(units)
    ranges = [r for function in functions for r in function.get("ranges", ())]
    ranges.sort(key=lambda r: (r["startOffset"], -r["endOffset"]))
    for each in ranges:
        start, end = max(0, each["startOffset"]), min(units, each["endOffset"])
        ran[start:end] = (b"\1" if each["count"] else b"\0") * max(0, end - start)
    lines, at = [], 0
    for number, line in enumerate(text.split("\n"), 1):
        wanted = False
        for char in line:
            wanted = wanted or bool(at < units and ran[at] and not char.isspace() and char not in "{})];")
            at += 2 if ord(char) > 0xFFFF else 1
        at += 1
        if wanted:
            lines.append(number)
    return lines


def of_v8(folder: Any, root: Any, files: Any) -> Any:
    """File → lines from the coverage that processes have left in a folder."""
    found: Any = {}
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        try:
            if os.path.getsize(path) > PROFILE_LIMIT:
                continue
            with open(path, encoding="utf-8") as file:
                scripts = json.load(file)["result"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        for script in scripts:
            place = unquote(urlparse(script.get("url", "")).path)
            relative = os.path.relpath(place, root) if place.startswith("/") else ""
            if relative not in files:
                continue
            with open(place, encoding="utf-8", newline="") as file:
                lines = painted(file.read(), script.get("functions", ()))
            found[relative] = sorted({*found.get(relative, ()), *lines})
    return found


def node(spec: Any, until: Any) -> Any:
    """By test, if `runs` says how each is run by itself; else what the whole command ran counts for all."""
    found: Any = {}
    whole = [os.devnull if word == "{report}" else word.replace("{report}", os.devnull) for word in spec["argv"]]
    runs = spec.get("runs") or {}
    hanging = 0
    for test in spec["tests"]:
        if (time.monotonic() > until and found) or hanging >= HANGING:
            break
        if not runs.get(test) and None in found:
            continue
        folder = tempfile.mkdtemp()
        for words in runs.get(test) or [whole]:
            code = run(words, min(RUN_S, spec["test_seconds"]), env={**os.environ, "NODE_V8_COVERAGE": folder})
            hanging += code is None  # what is stopped writes no coverage
        found[test if runs.get(test) else None] = of_v8(folder, spec["root"], spec["files"])
        shutil.rmtree(folder, ignore_errors=True)
    rest = found.pop(None, None)
    if rest is not None:
        found.update({test: rest for test in spec["tests"] if not runs.get(test)})
    return found


# -- go ----------------------------------------------------------------------------------------------------------------


def of_profile(path: Any, modules: Any, files: Any) -> Any:
    """File → lines from a profile that go has written."""
    found: Any = {}
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read(PROFILE_LIMIT).splitlines()[1:]
    except (OSError, UnicodeDecodeError):
        return found
    for line in lines:
        entry = re.match(r"(.+):(\d+)\.\d+,(\d+)\.\d+ \d+ (\d+)$", line)
        if not entry or entry[4] == "0":
            continue
        for module, folder in modules:
            name = os.path.join(folder, entry[1][len(module) + 1 :]) if entry[1].startswith(module + "/") else ""
            if name in files:
                found.setdefault(name, set()).update(range(int(entry[2]), int(entry[3]) + 1))
    return {name: sorted(numbers) for name, numbers in found.items()}


def go_modules(root: Any) -> Any:
    """The modules of a project: path and folder relative to the project."""
    found = []
    for place, folders, names in os.walk(root):
        if "go.mod" in names:
            with open(os.path.join(place, "go.mod"), encoding="utf-8") as file:
                named = re.search(r"^module\s+\"?([^\s\"]+)", file.read(), re.MULTILINE)
            if named:
                relative = os.path.relpath(place, root)
                found.append((named[1], "" if relative == "." else relative))
        folders[:] = [name for name in folders if not name.startswith(".")]
    return sorted(found, key=lambda entry: -len(entry[0]))


def go_folder(package: Any, modules: Any, root: Any) -> Any:
    """The folder of a package of the project; None for any other."""
    for module, folder in modules:
        if package == module or package.startswith(module + "/"):
            place = os.path.join(root, folder, package[len(module) + 1 :])
            return place if os.path.isdir(place) else None
    return None


def go_pattern(test: Any) -> Any:
    """The -test.run pattern of one test."""
    return "/".join(f"^{re.escape(part)}$" for part in test.split("/"))


def go(spec: Any, until: Any) -> Any:
    found: Any = {}
    modules = go_modules(spec["root"])
    place = tempfile.mkdtemp()
    built: Any = {}
    for test in spec["tests"]:
        parts = TEST.match(test)
        folder = go_folder(parts[1], modules, spec["root"]) if parts else None
        if not parts or folder is None or (time.monotonic() > until and found):
            continue
        binary = built.get(parts[1])
        if binary is None:
            began = time.monotonic()
            binary = os.path.join(place, f"test{len(built)}")
            code = run([spec["argv"][0], "test", "-c", "-vet=off", "-cover", "-coverpkg=./...", "-o", binary, "."],
                       BUILD_S, cwd=folder)  # fmt: skip
            if code != 0:  # an internal package elsewhere may not build; its own is enough
                code = run(
                    [spec["argv"][0], "test", "-c", "-vet=off", "-cover", "-o", binary, "."], BUILD_S, cwd=folder
                )
            built[parts[1]] = binary = binary if code == 0 else ""
            until += time.monotonic() - began  # the time is for tests
        if not binary:
            continue
        profile = os.path.join(place, "profile")
        run([binary, "-test.run", go_pattern(parts[2]), "-test.coverprofile", profile,
             f"-test.timeout={spec['test_seconds'] + 1:.3f}s"], min(RUN_S, spec["test_seconds"] + 2),
            cwd=folder)  # fmt: skip
        lines = of_profile(profile, modules, spec["files"])
        if os.path.exists(profile):
            os.unlink(profile)
        if lines:
            found[test] = lines
    shutil.rmtree(place, ignore_errors=True)
    return found


def main() -> None:
    report, name = sys.argv[1:3]
    with open(name, encoding="utf-8") as file:
        spec = json.load(file)
    until = time.monotonic() + spec["seconds"]
    spec["files"] = set(spec["files"])
    lines = (go if spec["language"] == "go" else node)(spec, until)
    with open(report, "w", encoding="utf-8") as file:
        json.dump({"lines": lines}, file)


if __name__ == "__main__":
    main()
