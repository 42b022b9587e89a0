"""What an earlier run has answered already: read from its output, so that nothing is asked twice.

A prompt is known by its ``custom_id``, else by its ``id``, else by a hash of what it says. Lines of the same name are
counted: two of them need two answers. Errors are no answers: what failed is asked again.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
from collections import Counter
from pathlib import Path
from typing import BinaryIO

from roadmap_cli.core.errors import InputMissing, TryLater
from roadmap_cli.core.records import Record

HASH_FIELD = "prompt_hash"
_HEAD = frozenset({"kind", "id", "at"})


def name_of(prompt: Record) -> str:
    """What a prompt is known by."""
    for field in ("custom_id", "id"):
        if isinstance(prompt.get(field), str | int) and not isinstance(prompt[field], bool):
            return f"{field} {prompt[field]}"
    return f"hash {hash_of(prompt)}"


def hash_of(prompt: Record) -> str:
    """128 bits over what a prompt says."""
    import orjson

    said = {field: value for field, value in prompt.items() if field not in _HEAD}
    return hashlib.blake2b(orjson.dumps(said, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


class Answered:
    """The answers of an earlier run. Holds the file's lock: two runs must not go on with the same output."""

    def __init__(self, path: Path) -> None:
        """Read `path`; a file that is not there has no answers.

        Raises InputMissing if it cannot be read, and TryLater if another run is at it.
        """
        self._path = path
        self._names: Counter[str] = Counter()
        self._whole = 0  # bytes up to the end of the last whole line
        self._tail = b""
        self._file: BinaryIO | None = None
        try:
            self._file = path.open("rb")
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unreadable(path, error) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise TryLater("another run is going on with it", where=str(path)) from None
        except OSError:
            pass  # a file system without locks
        try:
            self._read(self._file)
        except OSError as error:
            self.close()
            raise _unreadable(path, error) from None

    def __len__(self) -> int:
        return self._names.total()

    def take(self, prompt: Record) -> bool:
        """Whether a prompt is answered; each answer counts once."""
        name = name_of(prompt)
        if self._names[name] <= 0:
            return False
        self._names[name] -= 1
        return True

    def is_written_to(self, descriptor: int) -> bool:
        """Whether a descriptor writes to the same file."""
        if self._file is None:
            return False
        here, there = os.fstat(self._file.fileno()), os.fstat(descriptor)
        return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)

    def mend(self, descriptor: int) -> int:
        """Take a torn last line off the file that a descriptor appends to; the bytes taken away."""
        if not self._tail:
            return 0
        if _reply_name(self._tail):
            os.write(descriptor, b"\n")  # only the end of line is missing
            return 0
        os.ftruncate(descriptor, self._whole)
        return len(self._tail)

    def close(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None

    def _read(self, file: BinaryIO) -> None:
        for line in file:
            if line.endswith(b"\n"):
                self._whole += len(line)
            else:
                self._tail = line
            name = _reply_name(line)
            if name:
                self._names[name] += 1


def _reply_name(line: bytes) -> str | None:
    """What the prompt of a reply is known by; None if the line is no reply."""
    import orjson

    try:
        reply = orjson.loads(line)
    except ValueError:
        return None
    if not isinstance(reply, dict) or reply.get("kind") != "slm.reply" or reply.get("dry_run") is True:
        return None
    for field, name in (("custom_id", "custom_id"), ("from_id", "id"), (HASH_FIELD, "hash")):
        if isinstance(reply.get(field), str | int):
            return f"{name} {reply[field]}"
    return None


def _unreadable(path: Path, error: OSError) -> InputMissing:
    reason = error.strerror or os.strerror(error.errno or errno.EIO)
    return InputMissing(f"cannot read: {reason.lower()}", where=str(path))
