"""Whether melt plays a project whole. melt ends with 0 for nearly everything, so that nothing is taken on its word.

Looked for by ourselves: references to what is not defined before, files that are missing, services this melt does not
have; and the frames it really gives are counted.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from roadmap_cli.core.errors import DataError, TryLater, Unavailable
from roadmap_cli.edl.exchange.mlt import Element
from roadmap_cli.edl.exchange.reading_mlt import parse

#: Properties that name a file.
_FILES = ("resource", "warp_resource", "av.file", "filter.resource", "filename")
_KINDS = {"filter": "filter", "transition": "transition", "link": "link", "producer": "producer", "chain": "producer"}
#: Consumer settings that make melt give each frame once and then end; RGB spares its rough YUV conversion.
CONSUMER = ("real_time=-1", "terminate_on_pause=1", "mlt_image_format=rgb")


@dataclass(frozen=True, slots=True)
class Proof:
    """What melt made of a project."""

    frames: int
    melt: str


def find(path: str | None) -> str:
    """The melt program. Raises Unavailable with the command that installs it."""
    found = shutil.which("melt", path=path)
    if found is None:
        raise Unavailable("melt is not installed", hint="apt-get install melt", code="no_melt")
    return found


def faults(data: bytes, base: Path) -> list[str]:
    """What is wrong with a project by itself: broken references and missing files. `base` is where it lies."""
    root = parse(data)
    return [*_references(root), *_missing(root, base)]


def _references(root: Element) -> Iterator[str]:
    defined: set[str] = set()
    for node in root:
        for used in node.iter():
            name = used.get("producer")
            if used.tag in {"entry", "track"} and name is not None and name not in defined:
                yield f"{node.tag} {node.get('id')} plays {name!r}, which is not defined before it"
        if node.get("id"):
            defined.add(str(node.get("id")))


def _missing(root: Element, base: Path) -> Iterator[str]:
    seen: set[str] = set()
    for node in root.iter():
        service = _said(node, "mlt_service")
        if node.tag not in _KINDS or service in {"color", "colour"}:
            continue
        for name in _FILES:
            text = _said(node, name)
            if service == "timewarp" and name == "resource":
                continue
            if text and text not in seen and not text.startswith(("#", "color:", "%")):
                seen.add(text)
                if not (base / text).is_file():
                    yield f"{text} is missing"


def prove(melt: str, project: Path, length: int) -> Proof:
    """Let melt give every frame of a project that is in place, and count them.

    Raises DataError for a service melt does not have, or another number of frames than `length`; TryLater if melt
    crashes twice.
    """
    root = parse(project.read_bytes())
    services = _services(root)
    known = {kind: _known(melt, kind) for kind in {kind for kind, _ in services}}
    lacking = sorted(f"{kind} {name}" for kind, name in services if name not in known[kind])
    if lacking:
        raise DataError(f"this melt does not have {', '.join(lacking)}", where=str(project), code="no_service")
    with tempfile.TemporaryDirectory() as folder:
        counted = Path(folder) / "frames"
        command = [melt, "-silent", str(project), "-consumer", f"avformat:{counted}", "f=framecrc", "vcodec=rawvideo",
                   "pix_fmt=gray", "s=64x64", "an=1", "real_time=-1", "terminate_on_pause=1"]  # fmt: skip
        done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode < 0:  # melt crashes now and then as its Qt module is unloaded: no word about the project
            done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode < 0:
            ended = signal.Signals(-done.returncode).name
            raise TryLater(f"melt was ended by {ended}", where=str(project), code="ended")
        lines = counted.read_bytes().splitlines() if counted.exists() else []
    frames = sum(1 for line in lines if line and not line.startswith(b"#"))
    if done.returncode or frames != length:
        raise DataError(f"melt gives {frames} frames of it, not {length}", where=str(project), code="bad_project")
    version = subprocess.run([melt, "--version"], capture_output=True, check=False).stdout.decode(errors="replace")
    return Proof(frames, version.partition("\n")[0].strip())


def _services(root: Element) -> set[tuple[str, str]]:
    return {
        (_KINDS[node.tag], service)
        for node in root.iter()
        if node.tag in _KINDS and (service := _said(node, "mlt_service"))
    }


def _known(melt: str, kind: str) -> frozenset[str]:
    """The services of a kind this melt has."""
    told = subprocess.run([melt, "-query", f"{kind}s"], capture_output=True, check=False, stdin=subprocess.DEVNULL)
    lines = told.stdout.decode(errors="replace").splitlines()
    return frozenset(line.strip().removeprefix("- ") for line in lines if line.strip().startswith("- "))


def _said(node: Element, name: str) -> str:
    return next((child.text or "" for child in node if child.tag == "property" and child.get("name") == name), "")
