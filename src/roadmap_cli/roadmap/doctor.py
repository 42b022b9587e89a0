"""What an installation needs, whether it is there, and the exact command that mends it.

Nothing is imported, started or changed that could do harm: packages are looked for, not loaded, and programs are
only asked for their version.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from roadmap_cli.core import packages
from roadmap_cli.core.errors import RoadmapError
from roadmap_cli.state.keys import KeySource

#: Least free space beside the state that is not worth a word.
FREE_BYTES = 512 * 1024**2
#: Import name of each package → its name in the index, by the family that needs it.
PACKAGES: Mapping[str, Mapping[str, str]] = {
    "": {
        "click": "click",
        "rich": "rich",
        "orjson": "orjson",
        "rfc8785": "rfc8785",
        "sqlcipher3": "sqlcipher3",
        "sqlite_vec": "sqlite-vec",
        "sqlite_utils": "sqlite-utils",
        "pyrage": "pyrage",
        "httpx": "httpx",
        "jsonschema": "jsonschema",
    },
    "slm": {"llama_cpp": "llama-cpp-python", "onnxruntime": "onnxruntime", "tokenizers": "tokenizers", "gguf": "gguf"},
    "agent": {"pyseccomp": "pyseccomp"},
    "edl": {
        "ffmpeg": "ffmpeg-python",
        "scenedetect": "scenedetect-headless",
        "cv2": "opencv-python-headless",
        "ai_edge_litert": "ai-edge-litert",
    },
    "life": {"icalendar": "icalendar", "numpy": "numpy", "onnxruntime": "onnxruntime", "tokenizers": "tokenizers"},
    "wf": {"yaml": "PyYAML", "psycopg": "psycopg", "cryptography": "cryptography"},
}
#: Program → Debian package, by the family that needs it.
PROGRAMS: Mapping[str, Mapping[str, str]] = {
    "": {},
    "slm": {},
    "agent": {"bwrap": "bubblewrap", "git": "git"},
    "edl": {"ffmpeg": "ffmpeg", "ffprobe": "ffmpeg"},
    "life": {},
    "wf": {},
}

#: What is lost without a model, by what models are for.
WITHOUT: Mapping[str, str] = {
    "chat": "nothing answers here, only an endpoint or another model",
    "embed": "texts are found by their words alone",
    "speech-activity": "edl-scan tells speech by its rhythm, and misses it over music",
    "sound-classes": "edl-scan gives ambient sounds no name",
    "speech-to-text": "edl-scan reads words from subtitles only",
    "faces": "edl-scan finds what catches the eye, no faces",
    "mask": "edl-scan finds no person by the outline",
    "pictures": "edl-scan compares shots by colour, and names nothing in them",
    "transitions": "edl-scan decides transitions in doubt by the signal",
}

#: What to do where there can be no sandbox.
_NO_SANDBOX = "run agent-* and wf steps with a scope on a Linux machine; here they refuse, and the rest works"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `needed` is False for what is only good to have; `fix` is a command to type."""

    name: str
    ok: bool
    detail: str
    fix: str = ""
    needed: bool = True


def examine(
    families: Iterable[str], environ: Mapping[str, str], state: Path, keys: KeySource, wait_s: float
) -> Iterator[Finding]:
    """Look at what all families share, then at what each of these needs. Never raises a RoadmapError."""
    named = list(families)
    yield _python()
    modules = {module: package for family in ("", *named) for module, package in PACKAGES[family].items()}
    for module, package in modules.items():
        yield _package(module, package)
    for family in ("", *named):
        for program, package in PROGRAMS[family].items():
            yield _program(program, package, environ)
    yield from _key_and_state(state, keys, wait_s)
    yield _writable(state)
    yield _space(state)
    if "slm" in named:
        yield from _models(environ)
    if "life" in named:
        yield _zones(environ)
        if "slm" not in named:
            yield from _models(environ, of="embed")
    if "agent" in named:
        yield from _sandbox(environ)


def missing(families: Iterable[str], environ: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The packages and the programs that these families need and that are not here. Needs no package itself."""
    named = dict.fromkeys(("", *(family for family in families if family in PACKAGES)))
    wanted = {package: module for family in named for module, package in PACKAGES[family].items()}
    programs = [program for family in named for program in PROGRAMS[family]]
    return (
        [package for package, module in wanted.items() if importlib.util.find_spec(module) is None],
        [program for program in programs if not shutil.which(program, path=environ.get("PATH"))],
    )


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", sys.version_info >= (3, 11), version, "install Python 3.11 or newer")


def _package(module: str, package: str) -> Finding:
    if importlib.util.find_spec(module) is None:
        return Finding(f"package.{package}", False, "not installed", packages.mend(package))
    try:
        version = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        version = "present, version unknown"
    return Finding(f"package.{package}", True, version)


def _program(program: str, package: str, environ: Mapping[str, str]) -> Finding:
    found = shutil.which(program, path=environ.get("PATH"))
    if program == "bwrap" and not found and _is_phone(environ):
        return Finding("program.bwrap", False, "not found, and Android has no user namespaces for it", _NO_SANDBOX)
    return Finding(f"program.{program}", bool(found), found or "not found", _install(package, environ))


def _is_phone(environ: Mapping[str, str]) -> bool:
    """Whether this is Termux on Android: its packages have a command of their own, and there is no sudo."""
    return "TERMUX_VERSION" in environ or environ.get("PREFIX", "").startswith("/data/data/com.termux/")


def _install(package: str, environ: Mapping[str, str]) -> str:
    return f"pkg install {package}" if _is_phone(environ) else f"sudo apt-get install {package}"


def _key_and_state(state: Path, keys: KeySource, wait_s: float) -> Iterator[Finding]:
    identity = keys.file()
    if identity is not None and Path(identity).exists():
        mode = stat.S_IMODE(Path(identity).stat().st_mode)
        private = not mode & 0o077
        yield Finding("key.identity", private, f"{identity} (mode {mode:04o})", f"chmod 600 {identity}")
    elif identity is not None:
        made = "it is made with the first state" if not state.exists() else "it is missing, and the state needs it"
        fix = f"put your identity back at {identity}"
        yield Finding("key.identity", not state.exists(), f"{identity}: {made}", fix)
    else:
        yield Finding("key.identity", True, keys.where())
    if not state.exists():
        yield Finding("state.open", True, f"{state}: none yet, made when first needed")
        return
    from roadmap_cli.core import clock
    from roadmap_cli.state.store import State

    try:
        with State.open(state, mode="read", keys=keys, wait_s=wait_s, now=clock.system):
            yield Finding("state.open", True, f"{state} ({state.stat().st_size:,} bytes)")
    except RoadmapError as error:
        yield Finding("state.open", False, str(error), error.hint or "roadmap-state check")


def _writable(state: Path) -> Finding:
    folder = next(parent for parent in state.absolute().parents if parent.is_dir())
    places = [folder, *([state] if state.exists() else [])]
    locked = next((place for place in places if not os.access(place, os.W_OK)), None)
    detail = f"{locked} cannot be written" if locked else f"{folder} can be written"
    return Finding(
        "state.writable", locked is None, detail, f"make {locked} writable, or name another with --state FILE"
    )


def _space(state: Path) -> Finding:
    folder = next(parent for parent in (state, *state.absolute().parents) if parent.is_dir())
    free = shutil.disk_usage(folder).free
    return Finding(
        "disk.space", free >= FREE_BYTES, f"{free:,} bytes free in {folder}", f"make room in {folder}", False
    )


def _zones(environ: Mapping[str, str]) -> Finding:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo("Europe/Berlin")
    except (ZoneInfoNotFoundError, OSError):
        return Finding("data.zones", False, "no time zone data", _install("tzdata", environ))
    return Finding("data.zones", True, "time zone data is here")


def _models(environ: Mapping[str, str], of: str | None = None) -> Iterator[Finding]:
    """The models of the manifest; with `of`, only those of this task."""
    from roadmap_cli.models import registry

    try:
        known = registry.load(environ)
    except RoadmapError as error:
        yield Finding("models", False, str(error), error.hint or "")
        return
    for model in known.models.values():
        if of not in (None, model.task):
            continue
        facts = known.installed(model)
        lost = f": without it {WITHOUT[model.task]}" if model.task in WITHOUT else ""
        detail = f"installed, {model.licence}" if facts else f"not installed{lost}"
        yield Finding(f"model.{model.name}", bool(facts), detail, f"slm-models pull {model.name}", needed=False)


def _sandbox(environ: Mapping[str, str]) -> Iterator[Finding]:
    bwrap = shutil.which("bwrap", path=environ.get("PATH"))
    if bwrap:
        try:
            done = subprocess.run(
                [bwrap, "--unshare-all", "--ro-bind", "/", "/", "--", "/bin/true"],
                capture_output=True, text=True, timeout=10, check=False,
            )  # fmt: skip
            works, words = done.returncode == 0, done.stderr.strip().partition("\n")[0]
        except (OSError, subprocess.TimeoutExpired) as error:
            works, words = False, str(error)
        fix = "sudo sysctl kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0"
        yield Finding("sandbox.namespaces", works, words or "user namespaces work", fix)
    library = any(
        Path(folder, "libseccomp.so.2").exists()
        for folder in ("/lib64", "/usr/lib64", "/usr/lib", *map(str, Path("/usr/lib").glob("*-linux-*")))
    )
    detail = "libseccomp.so.2" if library else "libseccomp.so.2 not found"
    fix = _NO_SANDBOX if _is_phone(environ) else "sudo apt-get install libseccomp2"
    yield Finding("sandbox.seccomp", library, detail, fix)
    groups = os.access("/sys/fs/cgroup/cgroup.procs", os.W_OK)
    detail = "control groups can be used" if groups else "control groups cannot be used; limits are per process only"
    yield Finding("sandbox.control_groups", groups, detail, "run it under systemd-run --user --scope", needed=False)
