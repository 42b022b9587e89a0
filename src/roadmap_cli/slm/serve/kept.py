"""What a model had worked out, kept on disk over an unload: the state of its sequences, only ever encrypted.

One file for each sequence, encrypted by age to an identity that is in the encrypted state and nowhere else. The
plain bytes go from the model's memory through the encryption: no file, no temporary file ever holds them. Names are
keyed hashes. All of it can be made again, so what cannot be read is simply removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from roadmap_cli.state import files

#: Together, for one model; the oldest go first.
MOST_BYTES = 512 << 20
MOST_FILES = 32
END = ".kv"
_PART = ".part"
_MAGIC = b"roadmap-kv 1\n"
_HEAD = struct.Struct("<II")  # tokens, of which a prompt


@dataclass(frozen=True, slots=True)
class Kept:
    """The state of one sequence: its tokens, how many of them from the start were a prompt, llama.cpp's bytes."""

    tokens: tuple[int, ...]
    prompt: int
    state: bytes


class Store:
    """The kept sequences of one model in one set-up."""

    def __init__(self, folder: Path, secret: str) -> None:
        from pyrage import x25519

        self._identity = x25519.Identity.from_str(secret)
        self._recipient = self._identity.to_public()
        self._key = hashlib.blake2b(secret.encode(), digest_size=32).digest()
        self._folder = folder
        self._known: dict[Path, tuple[int, ...]] = {}

    def write(self, kept: Kept) -> int:
        """Keep a sequence, unless it is kept already; bytes written. Raises OSError (disk full) with nothing left."""
        import pyrage

        tokens = array("i", kept.tokens).tobytes()
        files.make_directory(os.fspath(self._folder))
        place = self._folder / (hashlib.blake2b(tokens, key=self._key, digest_size=16).hexdigest() + END)
        self._replace(place, kept.tokens)
        if place.exists():
            with contextlib.suppress(OSError):
                os.utime(place)
            return 0
        part = place.with_name(f".{place.name}.{os.getpid()}{_PART}")
        head = _MAGIC + _HEAD.pack(len(kept.tokens), kept.prompt) + tokens
        try:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as sink:
                pyrage.encrypt_io(_Chain(head, kept.state), sink, [self._recipient])
                written = sink.tell()
            part.replace(place)  # a cache: a torn file after a power cut does not decrypt and is removed
        except pyrage.EncryptError as error:
            raise OSError(f"{error}".partition("\n")[0]) from None
        finally:
            with contextlib.suppress(OSError):
                part.unlink()
        return written

    def _replace(self, place: Path, tokens: tuple[int, ...]) -> None:
        """Remove what is a beginning of the tokens: the chat has gone on."""
        for path, others in list(self._known.items()):
            if path != place and tokens[: len(others)] == others:
                del self._known[path]
                with contextlib.suppress(OSError):
                    path.unlink()
        self._known[place] = tokens

    def read(self, most: int = MOST_FILES) -> Iterator[Kept]:
        """The kept sequences, newest first, `most` at the most. What cannot be read is removed."""
        import pyrage

        for path in sorted(self._files(), key=_age, reverse=True)[:most]:
            out = io.BytesIO()
            try:
                with path.open("rb") as source:
                    pyrage.decrypt_io(source, out, [self._identity])
                found = parse(out.getvalue())
            except (OSError, ValueError, pyrage.DecryptError):
                with contextlib.suppress(OSError):
                    path.unlink()
                continue
            self._known[path] = found.tokens
            yield found

    def trim(self, most_bytes: int = MOST_BYTES) -> int:
        """Remove the oldest beyond `most_bytes`, and what a killed process left; bytes kept."""
        kept = 0
        for number, path in enumerate(sorted(self._files(), key=_age, reverse=True)):
            with contextlib.suppress(OSError):
                kept += path.stat().st_size
                if kept > most_bytes or number >= MOST_FILES:
                    kept -= path.stat().st_size
                    path.unlink()
        if self._folder.is_dir():
            for path in self._folder.glob(f".*{_PART}"):
                if not _lives(path):
                    with contextlib.suppress(OSError):
                        path.unlink()
        return kept

    def _files(self) -> list[Path]:
        return list(self._folder.glob(f"*{END}")) if self._folder.is_dir() else []


class _Chain(io.RawIOBase):
    """Two byte strings as one stream, not copied together."""

    def __init__(self, head: bytes, body: bytes) -> None:
        self._parts = [memoryview(head), memoryview(body)]

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while self._parts:
            piece = self._parts[0][: size if size >= 0 else None]
            self._parts[0] = self._parts[0][len(piece) :]
            if not self._parts[0]:
                self._parts.pop(0)
            if piece:
                return bytes(piece)
        return b""


def parse(content: bytes) -> Kept:
    """A kept sequence from its plain bytes. Raises ValueError if they are none."""
    start = len(_MAGIC) + _HEAD.size
    if not content.startswith(_MAGIC) or len(content) < start:
        raise ValueError("not a kept sequence")
    count, prompt = _HEAD.unpack_from(content, len(_MAGIC))
    tokens = array("i")
    end = start + count * tokens.itemsize
    if len(content) < end or not 0 <= prompt <= count:
        raise ValueError("a kept sequence that is cut off")
    tokens.frombytes(content[start:end])
    return Kept(tuple(tokens), prompt, content[end:])


def set_up(path: Path, context_size: int, kv_type: str, library: str) -> str:
    """A name for one model in one set-up: what was kept under another is of no use."""
    found = path.stat()
    about = f"{os.path.realpath(path)}\0{found.st_size}\0{found.st_mtime_ns}\0{context_size}\0{kv_type}\0{library}"
    return hashlib.blake2b(about.encode(), digest_size=16).hexdigest()


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _lives(part: Path) -> bool:
    """Whether the process that writes a file is still there."""
    try:
        os.kill(int(part.name.rsplit(".", 2)[1]), 0)
    except (ValueError, IndexError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
