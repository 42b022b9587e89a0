"""Install below a prefix, and take it away again: a private environment, links to its commands, pages, completions.

usage: tools/install.py install|uninstall --prefix /usr/local [--destdir DIR] [--python PROGRAM] [--llama WHEEL]
       tools/install.py wheel                            the wheel alone, into dist/
       tools/install.py checkout                         what to do next in a checkout that is set up

Below the prefix there are then lib/roadmap-cli (a virtual environment with what requirements-run.lock pins by hash),
links in bin, and share. What was put outside of lib/roadmap-cli stands in its file MANIFEST, and nothing else is ever
removed: not the state, the settings, the models or the caches of any user.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
NAME = "roadmap-cli"


def main() -> int:
    """Do what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("action", choices=("install", "uninstall", "wheel", "checkout"))
    parser.add_argument("--prefix", type=Path, default=Path("/usr/local"))
    parser.add_argument("--destdir", default="", help="stands before the prefix while files are written")
    parser.add_argument("--python", default=sys.executable, help="the interpreter the environment is made of")
    parser.add_argument(
        "--llama", type=Path, default=llama(), help="a wheel of llama-cpp-python, else what setup.sh built"
    )
    parser.add_argument("--lock", type=Path, default=ROOT / "requirements-run.lock", help="what is installed with it")
    asked = parser.parse_args()
    if asked.action == "wheel":
        print(wheel(ROOT / "dist"))
        return 0
    if asked.action == "checkout":
        print(set_up(os.environ.get("PATH", "")))
        return 0
    prefix = Path.cwd() / asked.prefix.expanduser()
    there = Path(f"{Path.cwd() / asked.destdir if asked.destdir else ''}{prefix}")
    if asked.action == "uninstall":
        return uninstall(there)
    base = subprocess.run(
        [asked.python, "-c", "import sys; print(sys._base_executable)"], capture_output=True, text=True, check=True
    ).stdout.strip()
    return install(there, prefix, base, asked.llama, asked.lock)


def install(there: Path, prefix: Path, python: str, llama: Path | None, lock: Path) -> int:
    """Make everything below `there`, which will be known as `prefix`. What was there of an older one goes first."""
    home, new = there / "lib" / NAME, there / "lib" / f"{NAME}.new"
    if home.exists() and not (home / "MANIFEST").is_file():
        return _say(f"{home} is there and was not made by this program: move it away")
    shutil.rmtree(new, ignore_errors=True)
    environment(new, prefix / "lib" / NAME, python, llama, lock)
    uninstall(there, quiet=True)
    new.rename(home)
    made = []
    for folder in sorted((home / "share").iterdir()) if (home / "share").is_dir() else []:
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            target = there / "share" / path.relative_to(home / "share")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, target)
            made.append(target)
    shutil.rmtree(home / "share", ignore_errors=True)
    (there / "bin").mkdir(parents=True, exist_ok=True)
    for name in commands():
        link = there / "bin" / name
        link.unlink(missing_ok=True)
        link.symlink_to(f"../lib/{NAME}/bin/{name}")
        made.append(link)
    (home / "MANIFEST").write_text("".join(f"{path.relative_to(there)}\n" for path in sorted(made)))
    print(installed(prefix, os.environ.get("PATH", "")))
    return 0


def installed(prefix: Path, path: str) -> str:
    """What to do next, for a person who has just installed it."""
    examples = prefix / "share" / "doc" / NAME / "examples"
    return _next(f"installed below {prefix}.", prefix / "bin", path, "man roadmap", examples)


def set_up(path: str) -> str:
    """What to do next, for a person whose checkout has just been made ready."""
    return _next(f"set up in {ROOT}.", ROOT / "bin", path, "man -M man roadmap", ROOT / "examples")


def _next(done: str, programs: Path, path: str, manual: str, examples: Path) -> str:
    ready = str(programs) in path.split(os.pathsep)
    return "\n".join([
        done,
        *([] if ready else [f"  PATH={programs}:$PATH   finds the commands: put it into your shell's profile"]),
        "  roadmap-doctor           tells what is missing, and the command that brings it",
        "  slm-models pull          fetches the models, once",
        f"  {manual:<24} is the way in; examples are in {examples}",
    ])  # fmt: skip


def environment(place: Path, known: Path, python: str, llama: Path | None, lock: Path) -> None:
    """A virtual environment at `place` that will run as `known`, with the locked packages and this one.

    The same input gives the same bytes, wherever and whenever it is made: no byte code, no record of where it came from.
    """
    subprocess.run([python, "-m", "venv", "--without-pip", "--symlinks", place], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(place / "bin/python"), "--disable-pip-version-check", "install",
           "--quiet", "--no-compile", "--no-deps", "--no-warn-script-location"]  # fmt: skip
    subprocess.run([*pip, "--require-hashes", "-r", lock], check=True)
    with tempfile.TemporaryDirectory() as folder:
        wheels = [wheel(Path(folder)), *([llama] if llama else [])]
        subprocess.run([*pip, *wheels], check=True)
    for path in (place / "bin").glob("[Aa]ctivate*"):
        path.unlink()
    for path in (place / "bin").iterdir():
        if not path.is_symlink():
            path.write_bytes(path.read_bytes().replace(os.fsencode(place), os.fsencode(known), 1))
    cut = (place / "pyvenv.cfg").read_text().split("\n")
    (place / "pyvenv.cfg").write_text("\n".join(line for line in cut if not line.startswith("command")))
    for record in sorted(place.glob("lib/python*/site-packages/*.dist-info/RECORD")):
        (record.parent / "direct_url.json").unlink(missing_ok=True)
        lines = (line for line in record.read_text().splitlines() if "direct_url.json" not in line)
        record.write_text("".join(f"{_recorded(line, record.parent.parent)}\n" for line in sorted(lines)))


def uninstall(there: Path, *, quiet: bool = False) -> int:
    """Remove what the manifest names, the environment, and folders that are then empty."""
    home = there / "lib" / NAME
    if not (home / "MANIFEST").is_file():
        return 0 if quiet else _say(f"nothing of {NAME} is installed in {there}")
    folders = {home.parent}
    for line in (home / "MANIFEST").read_text().splitlines():
        path = there / line
        if ".." in Path(line).parts:
            return _say(f"{home / 'MANIFEST'} names {line!r}: it was changed; nothing is removed")
        path.unlink(missing_ok=True)
        folders |= {folder for folder in path.parents if there in folder.parents}
    shutil.rmtree(home)
    for folder in sorted(folders, key=lambda each: len(each.parts), reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    if not quiet:
        print(
            "uninstalled. What you keep is where it was: the state (~/.local/state/roadmap), settings and keys "
            "(~/.config/roadmap), models (~/.local/share/roadmap), caches (~/.cache/roadmap)."
        )
    return 0


def wheel(folder: Path) -> Path:
    """This checkout as a wheel, the same bytes for the same commit. Needs hatchling in the running environment."""
    environ = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch())}
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, env=environ, check=True,
        capture_output=True,
    )  # fmt: skip
    return max(folder.glob("*.whl"), key=lambda path: path.stat().st_mtime)


def llama() -> Path | None:
    """The wheel of llama.cpp that tools/setup.sh built for this environment; without one slm-* can only ask servers."""
    stamp = ROOT / ".venv/.ready-llama"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "roadmap/wheels"
    wheels = cache.glob(f"llama-cpp-python-{stamp.read_text().strip()}/*.whl") if stamp.is_file() else iter(())
    return next(wheels, None)


def epoch() -> int:
    """When this was made: SOURCE_DATE_EPOCH, else the last commit, else the first day ZIP files know."""
    if "SOURCE_DATE_EPOCH" in os.environ:
        return int(os.environ["SOURCE_DATE_EPOCH"])
    told = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False)
    return int(told.stdout) if told.returncode == 0 and told.stdout.strip() else 315532800


def commands() -> Iterator[str]:
    """The names of all commands."""
    yield from sorted(path.name for path in (ROOT / "bin").iterdir() if path.is_symlink())


def _recorded(line: str, site: Path) -> str:
    """A line of RECORD with the hash and size of what is there now."""
    name = line.rsplit(",", 2)[0].strip('"')
    if not name.startswith("../"):
        return line
    content = (site / name).read_bytes() if (site / name).is_file() else b""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
    return f"{name},sha256={digest},{len(content)}"


def _say(words: str) -> int:
    print(f"install: {words}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
