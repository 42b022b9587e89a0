"""A folder as a remote: on a USB stick, a mounted share, or kept in step by Syncthing or another program."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from roadmap_cli.core.errors import CannotCreate, InputMissing
from roadmap_cli.net import audit
from roadmap_cli.slm.sync import segment
from roadmap_cli.slm.sync.remotes.place import PURPOSE, Missing

if TYPE_CHECKING:
    from roadmap_cli.state.store import State


class Folder:
    """Files in a folder: each appears complete or not at all."""

    is_remote = False

    def __init__(self, path: str, *, state: State, now: Callable[[], datetime], command: str):
        self.path = Path(path)
        self.state = state
        self.now = now
        self.command = command

    def files(self) -> dict[str, int]:
        """The segments that are there."""
        if not self.path.is_dir():
            raise InputMissing("the folder is not there", where=str(self.path), hint="plug it in, mount it, or make it")
        found = {}
        try:
            for path in (self.path / "v1").glob("*/*.age"):
                name = f"v1/{path.parent.name}/{path.name}"
                if segment.NAME.match(name):
                    with contextlib.suppress(FileNotFoundError):
                        found[name] = path.stat().st_size
        except OSError as error:
            raise InputMissing(f"cannot be read: {_words(error)}", where=str(self.path)) from None
        return found

    def get(self, name: str) -> bytes:
        """The bytes of a segment."""
        path = self.path / name
        try:
            with path.open("rb") as stream:
                return stream.read(segment.MOST_BYTES + 1)
        except FileNotFoundError:
            raise Missing("it is missing", where=str(path)) from None
        except OSError as error:
            raise InputMissing(f"cannot be read: {_words(error)}", where=str(path)) from None

    def put(self, name: str, data: bytes, kinds: Sequence[str]) -> None:
        """Write a segment: a temporary file, brought to the disk, then renamed."""
        path = self.path / name
        row = audit.begin(
            self.state,
            at=self.now(),
            command=self.command,
            host="folder",
            method="PUT",
            url=f"file://{path}",
            purpose=PURPOSE,
            kinds=kinds,
            bytes_out=len(data),
            outcome="sending",
            permission_id=None,
        )
        outcome = "failed"
        part = path.with_name(f".syncthing.{path.name}.tmp")  # a name that Syncthing leaves alone
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(path)
            _sync(path.parent)
            outcome = "done"
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            raise CannotCreate(
                f"cannot write: {_words(error)}",
                where=str(path.parent),
                hint="free some space, or check its permissions",
            ) from None
        finally:
            audit.finish(self.state, row, outcome=outcome, status=None, bytes_in=0)

    def delete(self, name: str) -> None:
        """Remove a segment."""
        try:
            (self.path / name).unlink(missing_ok=True)
        except OSError as error:
            raise CannotCreate(f"cannot remove: {_words(error)}", where=str(self.path / name)) from None


def _words(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
