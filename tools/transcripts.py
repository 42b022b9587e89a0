"""Shell sessions in Markdown: read them, run them in a clean world, compare or rewrite.

A fenced ``console`` block holds ``$ command`` lines (``> `` goes on), the exact output of standard output and error,
and ``[65]`` if the exit code is not 0. In expected lines the character ``…`` stands for any run of characters.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "tests" / "transcripts"


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a session, what it should print, its exit code, and the lines of the file it stands on."""

    shell: str
    output: str
    code: int
    first: int
    last: int


def read(path: Path) -> Iterator[Step]:
    """The steps of a transcript, in order."""
    inside = False
    lines = path.read_text().split("\n")
    number = 0
    while number < len(lines):
        line = lines[number]
        if line.startswith("```"):
            inside = line == "```console"
            number += 1
            continue
        if not (inside and line.startswith("$ ")):
            number += 1
            continue
        first = number
        shell = [line[2:]]
        number += 1
        while lines[number].startswith("> "):
            shell.append(lines[number][2:])
            number += 1
        output: list[str] = []
        while not lines[number].startswith(("$ ", "```")):
            output.append(lines[number])
            number += 1
        code = 0
        if output and (found := re.fullmatch(r"\[(\d+)\]", output[-1])):
            code = int(found[1])
            output.pop()
        yield Step("\n".join(shell), "".join(f"{text}\n" for text in output), code, first, number)


def world(home: Path) -> dict[str, str]:
    """The environment a session runs in: nothing of the person's, a temporary home, a clock that stands still."""
    kept = {name: os.environ[name] for name in ("COVERAGE_PROCESS_START",) if name in os.environ}
    models = os.environ.get("ROADMAP_MODELS", str(ROOT / ".cache" / "models"))
    return {
        **kept,
        "PATH": f"{ROOT / 'bin'}:/usr/bin:/bin",
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "ROADMAP_NOW": "2026-11-23T09:00:00Z",
        "ROADMAP_MODELS": models,
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "NO_COLOR": "1",
        "COLUMNS": "80",
    }


#: Enter a network namespace with nothing but a loopback device, which is brought up where `ip` is there.
ALONE = (
    "unshare",
    *(("--map-root-user",) if os.geteuid() else ()),
    *("--net", "--", "sh", "-c", 'ip link set lo up 2>/dev/null; exec "$@"', "sh"),
)


@functools.cache
def why_not_alone() -> str:
    """Why nothing can be run without a network here; empty if it can."""
    if not shutil.which("unshare"):
        return "unshare is not installed"
    done = subprocess.run([*ALONE, "true"], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"no network namespaces here: {done.stderr.strip()}"


def run(shell: str, home: Path, inside: Sequence[str] = ()) -> tuple[str, int]:
    """Run one step, in another program's care if one is given; both streams together, and the exit code."""
    (home / "tmp").mkdir(exist_ok=True)
    done = subprocess.run(
        [*inside, "/bin/sh", "-c", shell],
        cwd=ROOT,
        env=world(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=240,
        check=False,
    )
    text = done.stdout.decode(errors="replace").replace(str(home), "~")
    return (text if not text or text.endswith("\n") else text + "\n"), done.returncode


def matches(expected: str, got: str) -> bool:
    """Whether the output is what is expected, ``…`` standing for anything within a line."""
    pattern = ".*".join(re.escape(part) for part in expected.split("…"))
    return re.fullmatch(pattern, got) is not None


def rewrite(path: Path) -> None:
    """Put what the commands print today into the file; lines with … that still match stay."""
    lines = path.read_text().split("\n")
    out: list[str] = []
    at = 0
    with tempfile.TemporaryDirectory() as home:
        for step in read(path):
            got, code = run(step.shell, Path(home))
            out += lines[at : step.first + 1 + step.shell.count("\n")]
            kept = step.output if matches(step.output, got) else got
            out += kept.split("\n")[:-1] + ([f"[{code}]"] if code else [])
            at = step.last
    path.write_text("\n".join(out + lines[at:]))


if __name__ == "__main__":
    for name in sys.argv[1:] or sorted(file.stem for file in FOLDER.glob("*.md")):
        rewrite(FOLDER / f"{name}.md")
