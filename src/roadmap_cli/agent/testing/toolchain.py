"""What a test command needs to run elsewhere: its framework, its interpreter and the folders they are installed in.

Nothing of the project is executed to find out: scripts and ``pyvenv.cfg`` are read.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from roadmap_cli.core.errors import Unavailable, UsageError

_NEVER_SHOWN = (Path("/"), Path("/root"), Path("/home"), Path("/etc"), Path("/var"), Path("/opt"))
Framework = Literal["pytest", "unittest", "command"]
#: How a command's tests are told apart: by a TAP, JUnit or go report, by what the report looks like, or not at all.
Style = Literal["tap", "junit", "go", "auto", "exit"]


@dataclass(frozen=True, slots=True)
class TestCommand:
    """A test command understood: how to run it whole (`argv`) and, for known frameworks, test by test.

    In `argv` the word ``{report}`` stands for a path, new in each run, where the command writes its report.
    """

    text: str
    framework: Framework
    interpreter: str
    arguments: tuple[str, ...]
    argv: tuple[str, ...]
    readable: tuple[Path, ...]
    environ: Mapping[str, str]
    style: Style = "auto"


def understand(text: str, project: Path, environ: Mapping[str, str], own_interpreter: str) -> TestCommand:
    """Find out how a test command runs. `own_interpreter` serves where the command names none.

    pytest is looked for on PATH, then in the project's own virtual environment, then beside `own_interpreter`.
    Raises UsageError for an empty or broken command and for one that only a shell could run, Unavailable if its
    program cannot be found.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"--test {text!r}: {error}".lower()) from None
    if not words:
        raise UsageError("--test needs a command", hint="--test 'pytest -q'")
    _ask_for_a_shell(text, words)
    search = _search(project, environ, own_interpreter)
    framework: Framework = "command"
    style: Style = "auto"
    extra: dict[str, str] = {}
    name = Path(words[0]).name
    arguments: list[str] = []
    if name in ("pytest", "py.test"):
        script = _find(words[0], project, search, "pip install pytest", environ)
        framework, interpreter, arguments = "pytest", _interpreter_of(script) or own_interpreter, words[1:]
        words = [interpreter, "-m", "pytest", *arguments]
    elif name.startswith("python") and len(words) > 2 and words[1] == "-m" and words[2] in ("pytest", "unittest"):
        interpreter = str(_find(words[0], project, search, None, environ))
        framework = "pytest" if words[2] == "pytest" else "unittest"
        arguments = words[3:]
        words = [interpreter, *words[1:]]
    else:
        program = _find(words[0], project, search, None, environ)
        interpreter = own_interpreter if not name.startswith("python") else str(program)
        words, style, extra = _with_report([str(program), *words[1:]], name)
    readable = tuple(dict.fromkeys([*_installation(interpreter), *_installation(own_interpreter)]))
    program_path = os.pathsep.join([str(Path(interpreter).parent), "/usr/local/bin", "/usr/bin", "/bin"])
    inside = {"PATH": program_path, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0", **extra}
    user_site = Path(environ.get("HOME", "/nonexistent"), ".local")
    if any((user_site / "lib").glob("python3*/site-packages")):
        inside["PYTHONUSERBASE"] = str(user_site)
        readable += tuple((user_site / "lib").glob("python3*/site-packages"))
    if framework == "command":
        readable += _tool_folders(Path(words[0]))
        inside["PATH"] = os.pathsep.join(dict.fromkeys([str(Path(words[0]).parent), *program_path.split(os.pathsep)]))
    return TestCommand(
        text, framework, interpreter, tuple(arguments), tuple(words), _outside_system(readable), inside, style
    )


#: Words of a command line that only a shell understands: joined commands, redirections.
_OF_SHELL = re.compile(r"&&|\|\||[;|&]|\d?[<>].*|&>.*|.*[^\\];")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_BUILTIN = frozenset(
    {"cd", "export", "source", ".", "set", "unset", "eval", "exec", "alias", "ulimit", "umask", "trap", "shift"}
    | {"if", "for", "while", "until", "case", "{", "(", "!"}
)


def _ask_for_a_shell(text: str, words: list[str]) -> None:
    """Raises UsageError for a command that only a shell could run, with the words that hand it to one."""
    said = next((word for word in shlex.split(text, posix=False) if _OF_SHELL.fullmatch(word)), None)
    sets = _ASSIGNMENT.match(words[0])
    if said is None and (sets or words[0] in _BUILTIN or words[0].startswith("(")):
        said = words[0]
    if said is None:
        return
    whole = f"env {text}" if sets and said == words[0] else shlex.join(["sh", "-c", text])
    quoted = shlex.quote(whole) if set('"$`\\!').intersection(whole) else f'"{whole}"'
    raise UsageError(f"--test {text!r}: it is not run by a shell, which {said!r} would need", hint=f"--test {quoted}")


def _with_report(words: list[str], name: str) -> tuple[list[str], Style, dict[str, str]]:
    """The words of a test command, made to tell its tests apart where we know how; and what its environment needs."""
    if any("{report}" in word for word in words):
        return words, "auto", {}
    if name == "node" and "--test" in words and not any(word.startswith("--test-reporter") for word in words):
        at = words.index("--test") + 1
        report = ["--test-reporter=tap", "--test-reporter-destination={report}"]
        shown = ["--test-reporter=spec", "--test-reporter-destination=stdout"]
        return [*words[:at], *report, *shown, *words[at:]], "tap", {}
    if name == "go" and words[1:2] == ["test"]:
        json = [] if "-json" in words else ["-json"]
        offline = {"GOPROXY": "off", "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOCACHE": "/tmp/go-cache"}
        return [*words[:2], *json, *words[2:]], "go", {**offline, "GOPATH": "/tmp/go", "GOTELEMETRY": "off"}
    return words, "auto", {}


def _tool_folders(program: Path) -> tuple[Path, ...]:
    """What a program outside /usr needs to be seen: its installation, if that is a folder of its own."""
    real = Path(os.path.realpath(program))
    base = real.parent.parent if real.parent.name == "bin" else real.parent
    if real.is_relative_to("/usr") or base in _NEVER_SHOWN or base.parent == Path("/home"):
        return ()
    return (base,)


def _search(project: Path, environ: Mapping[str, str], own_interpreter: str) -> str:
    own = [str(project / name / "bin") for name in (".venv", "venv") if (project / name / "bin").is_dir()]
    return os.pathsep.join([environ.get("PATH", os.defpath), *own, str(Path(own_interpreter).parent)])


def _find(program: str, project: Path, search: str, hint: str | None, environ: Mapping[str, str]) -> Path:
    if "/" in program:
        path = project / program
        if path.is_file() and os.access(path, os.X_OK):
            return path
    else:
        for folder in search.split(os.pathsep):
            found = shutil.which(program, path=folder) if folder.startswith("/") else None
            real = _behind_shim(Path(found), project, environ) if found else None
            if real is not None:
                return real
    raise Unavailable(f"the test command's program {program!r} is not found", hint=hint)


def _behind_shim(path: Path, project: Path, environ: Mapping[str, str]) -> Path | None:
    """The program a pyenv shim stands for: shims are shell scripts that choose a version when they run."""
    root = path.parent.parent
    if path.parent.name != "shims" or not (root / "versions").is_dir():
        return path
    files = [*(folder / ".python-version" for folder in (project, *project.parents)), root / "version"]
    version = environ.get("PYENV_VERSION") or next((f.read_text() for f in files if f.is_file()), "system")
    target = root / "versions" / (version.split() or ["system"])[0] / "bin" / path.name
    return target if target.is_file() else None


def _interpreter_of(script: Path) -> str | None:
    """The interpreter in a script's first line, pip's ``/bin/sh`` form for long paths included."""
    with script.open("rb") as file:
        first, second = file.readline(4096), file.readline(4096)
    line = first[2:].decode(errors="replace").strip() if first.startswith(b"#!") else ""
    if line == "/bin/sh" and second.startswith(b"'''exec'"):
        line = shlex.split(second.decode(errors="replace"))[1]
    words = line.split()
    if words and Path(words[0]).name == "env":
        words = [shutil.which(words[-1]) or ""]
    return words[0] if words and Path(words[0]).name.startswith(("python", "pypy")) else None


def _installation(interpreter: str) -> list[Path]:
    """The folders an interpreter lives in: its virtual environment and the installation under that.

    Raises Unavailable for an interpreter whose folder cannot be shown without showing a home directory.
    """
    path = Path(interpreter)
    folders: list[Path] = []
    environment = path.parent.parent
    if (environment / "pyvenv.cfg").is_file():
        folders.append(environment)
    real = Path(os.path.realpath(path))
    base = real.parent.parent
    if (
        not any((base / name).glob("python3*") for name in ("lib", "lib64"))
        or base in _NEVER_SHOWN
        or base.parent == Path("/home")
    ):
        raise Unavailable(f"{interpreter}: its installation cannot be shown to the sandbox",
                          hint="use a Python in a folder of its own")  # fmt: skip
    folders.append(base)
    # a chain of links (pyenv, uv) must resolve inside as well
    link = path
    while link.is_symlink():
        target = link.readlink()
        link = target if target.is_absolute() else link.parent / target
        place = Path(os.path.realpath(link.parent)).parent
        if place not in _NEVER_SHOWN and any(place.glob("lib/python3*")) and place not in folders:
            folders.append(place)
    return folders


def _outside_system(folders: tuple[Path, ...]) -> tuple[Path, ...]:
    kept = [folder for folder in folders if not folder.is_relative_to("/usr")]
    return tuple(f for f in kept if not any(f != other and f.is_relative_to(other) for other in kept))
