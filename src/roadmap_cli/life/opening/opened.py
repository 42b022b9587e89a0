"""One source while it is read: a name, a stream of bytes that can be sought in, and what its beginning shows.

Large exports are never held whole: a format that can, reads from `stream`; one that cannot, asks for `data()`.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from roadmap_cli.core.errors import DataError
from roadmap_cli.life.opening.charsets import as_utf8

#: So much of a file is looked at to tell what it is.
HEAD_BYTES = 64 * 1024
#: What is read whole may not be larger.
LARGEST_BYTES = 256 * 1024**2
_CHUNK_BYTES = 1024**2
#: What is packed may come to so much in any case, and beyond that to so many times its size: exports of text come to
#: some 40 times, what was made to fill a machine to a thousand and more.
SMALLEST_BOMB_BYTES = 4 * 1024**3
MOST_TIMES = 200


def refuse_bomb(size_bytes: int, packed_bytes: int, where: str) -> None:
    """Raise DataError (too_large) if what is packed comes to far more than any export does."""
    if size_bytes > max(SMALLEST_BOMB_BYTES, MOST_TIMES * packed_bytes):
        raise DataError(
            f"is packed to a {MOST_TIMES}th of its size or less, as no export is", where=where, code="too_large",
            hint="unpack it and look, if it is meant",
        )  # fmt: skip


@dataclass
class Opened:
    """A source: `name` as it was given, `stream` at its beginning, `size_bytes`."""

    name: str
    stream: BinaryIO
    size_bytes: int
    path: str = ""
    """Where it lies on this machine; "" for what came through a pipe or from a server."""
    position: Mapping[str, Any] = field(default_factory=dict)
    """How far it was read the last time, as its format left it under `place` (`opening.cursors`); empty if never."""
    head: bytes = field(init=False)
    """Its first bytes, as they are."""
    unpacked_bytes: int = field(default=0, init=False)
    """What the files inside come to by the archive's own word, once `members` were looked at."""

    def __post_init__(self) -> None:
        self.stream.seek(0)
        self.head = self.stream.read(HEAD_BYTES)
        self.stream.seek(0)

    @cached_property
    def place(self) -> str:
        """Its absolute path, by which what was left of it is found again; "" for what is no file of its own."""
        return str(Path(self.path).resolve()) if self.path else ""

    @cached_property
    def is_folder(self) -> bool:
        """It is a folder that one format reads whole (a Maildir): its stream is empty."""
        return bool(self.path) and not self.head and Path(self.path).is_dir()

    @classmethod
    def of(cls, name: str, data: bytes) -> Opened:
        """Bytes that are in memory already."""
        return cls(name, io.BytesIO(data), len(data))

    @cached_property
    def text_head(self) -> bytes:
        """The beginning as UTF-8 without byte order mark and leading white space."""
        return as_utf8(self.head).lstrip()

    @cached_property
    def members(self) -> tuple[str, ...]:
        """Names of the files inside, if it is a ZIP archive that can be read; else none."""
        import zipfile

        if not self.head.startswith(b"PK\x03\x04"):
            return ()
        try:
            with zipfile.ZipFile(self.stream) as archive:
                self.unpacked_bytes = sum(each.file_size for each in archive.infolist())
                return tuple(archive.namelist())
        except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError, EOFError):
            return ()
        finally:
            self.stream.seek(0)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of all its bytes, hexadecimal, read in one streaming pass."""
        digest = hashlib.sha256()
        self.stream.seek(0)
        while chunk := self.stream.read(_CHUNK_BYTES):
            digest.update(chunk)
        self.stream.seek(0)
        return digest.hexdigest()

    def data(self) -> bytes:
        """All of it. Raises DataError (too_large)."""
        self.stream.seek(0)
        data = self.stream.read(LARGEST_BYTES + 1)
        self.stream.seek(0)
        if len(data) > LARGEST_BYTES:
            raise DataError(
                f"larger than {LARGEST_BYTES // 1024**2} MiB, and a file of this format is read whole",
                where=self.name,
                hint="export it in parts, such as one for each year",
                code="too_large",
            )
        return data
