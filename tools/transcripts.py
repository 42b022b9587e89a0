"""Shell sessions in Markdown and in manual pages: read them, run them in a clean world, compare or rewrite.

A fenced ``console`` block holds ``$ command`` lines (``> `` goes on), the exact output of standard output and error,
and ``[65]`` if the exit code is not 0. In expected lines the character ``…`` stands for any run of characters.

In a page of section 5 or 7 a literal display that begins with ``$ `` is such a block. A page's commands are run in a
folder that holds a copy of examples/. A line ``.\\" Session of NAME`` above a display says that its commands stand in
that transcript, too: their output comes from there, and they are run there only.
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

import mdoc
from helping import tell_help

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "tests" / "transcripts"
_BORROWED = '.\\" Session of '


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a session, what it should print, its exit code, and the lines of the file it stands on.

    ``lender`` names the transcript that the step is taken from, if it is.
    """

    shell: str
    output: str
    code: int
    first: int
    last: int
    lender: str = ""


def pages() -> list[Path]:
    """The manual pages that are written by hand and may hold sessions."""
    return sorted((*ROOT.glob("man/man5/*.5"), *ROOT.glob("man/man7/*.7")))


def is_page(path: Path) -> bool:
    """Whether it is a manual page."""
    return path.suffix in (".5", ".7")


def named(name: str) -> Path:
    """The file of a transcript or page."""
    return next((path for path in pages() if path.stem == name), FOLDER / f"{name}.md")


def read(path: Path) -> Iterator[Step]:
    """The steps of a transcript or page, in order."""
    begin, end = (".Bd -literal", ".Ed") if is_page(path) else ("```console", "```")
    inside = False
    lender = ""
    lines = path.read_text().split("\n")
    if is_page(path):
        lines = [mdoc.plain(line) if line[:1] != "." else line for line in lines]
    number = 0
    while number < len(lines):
        line = lines[number]
        if line.startswith((begin, end)):
            inside = line.startswith(begin)
            lender = lines[number - 1].removeprefix(_BORROWED) if lines[number - 1].startswith(_BORROWED) else ""
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
        while not lines[number].startswith(("$ ", end)):
            output.append(lines[number])
            number += 1
        code = 0
        if output and (found := re.fullmatch(r"\[(\d+)\]", output[-1])):
            code = int(found[1])
            output.pop()
        yield Step("\n".join(shell), "".join(f"{text}\n" for text in output), code, first, number, lender)


def lent(step: Step) -> Step:
    """The step of the transcript that a page's step is taken from. Raises SystemExit: it is not there."""
    for other in read(named(step.lender)):
        if " ".join(other.shell.split()) == " ".join(step.shell.split()):
            return other
    raise SystemExit(f"no session of {step.lender} has the command {step.shell!r}")


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


def folder(path: Path, home: Path) -> Path:
    """Where the commands of a transcript or page are run: the checkout, or a folder with a copy of its examples."""
    if not is_page(path):
        return ROOT
    tour = home / "tour"
    if not tour.exists():
        shutil.copytree(ROOT / "examples", tour / "examples")
    return tour


def run(shell: str, home: Path, inside: Sequence[str] = (), cwd: Path = ROOT) -> tuple[str, int]:
    """Run one step, in another program's care if one is given; both streams together, and the exit code."""
    (home / "tmp").mkdir(exist_ok=True)
    done = subprocess.run(
        [*inside, "/bin/sh", "-c", shell],
        cwd=cwd,
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


class TranscriptError(AssertionError):
    """A step that printed something else, or ended otherwise."""

    def __init__(self, path: Path, step: Step, got: str, code: int) -> None:
        """Expected and got in full between rulers."""
        rule = "-" * 72
        super().__init__(
            f"{path}:{step.first + 1}: $ {step.shell}\n{rule} expected [{step.code}]\n{step.output}"
            f"{rule} got [{code}]\n{got}{rule}"
        )


def hold(path: Path) -> None:
    """Run each step, without any network where the machine can do that, and hold it against what is written."""
    alone = () if why_not_alone() else ALONE
    with tempfile.TemporaryDirectory() as home:
        for step in read(path):
            if step.lender:
                got, code = lent(step).output, lent(step).code
            else:
                got, code = run(step.shell, Path(home), alone, folder(path, Path(home)))
            if not matches(step.output, got) or code != step.code:
                raise TranscriptError(path, step, got, code)


def rewrite(path: Path) -> None:
    """Put what the commands print today into the file; lines with … that still match stay."""
    lines = path.read_text().split("\n")
    dressed = mdoc.literal if is_page(path) else str
    out: list[str] = []
    at = 0
    with tempfile.TemporaryDirectory() as home:
        for step in read(path):
            if step.lender:
                got, code = lent(step).output, lent(step).code
            else:
                got, code = run(step.shell, Path(home), (), folder(path, Path(home)))
            out += lines[at : step.first + 1 + step.shell.count("\n")]
            kept = step.output if matches(step.output, got) else got
            out += [dressed(line) for line in kept.split("\n")[:-1]] + ([f"[{code}]"] if code else [])
            at = step.last
    path.write_text("\n".join(out + lines[at:]))


if __name__ == "__main__":
    tell_help(__doc__)
    for file in (*sorted(FOLDER.glob("*.md")), *pages()):  # a command and a page may have the same name
        if not sys.argv[1:] or file.stem in sys.argv[1:]:
            rewrite(file)
