"""Linux's inotify(7) by its three calls: which file of which folder has changed, told by the kernel.

Why not a library: watchfiles looks twenty times a second, watchdog keeps threads; here one descriptor is waited for
together with all else, and nothing wakes until something has changed.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

MODIFY, CLOSE_WRITE, MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x2, 0x8, 0x40, 0x80, 0x100, 0x200
DELETE_SELF, MOVE_SELF, UNMOUNT, OVERFLOW, IGNORED = 0x400, 0x800, 0x2000, 0x4000, 0x8000
ONLY_FOLDERS, IS_FOLDER = 0x01000000, 0x40000000
MASK = MODIFY | CLOSE_WRITE | MOVED_FROM | MOVED_TO | CREATE | DELETE | DELETE_SELF | MOVE_SELF
_NONBLOCK, _CLOEXEC = 0o4000, 0o2000000
_HEAD = struct.Struct("iIII")


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to `name` in the watched folder of number `watch`; to the folder itself where it is empty."""

    watch: int
    mask: int
    name: str


class Inotify:
    """One inotify instance. Raises OSError where the system has none, or no room for more watches."""

    def __init__(self) -> None:
        self._calls = ctypes.CDLL(None, use_errno=True)
        if not hasattr(self._calls, "inotify_init1"):
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        self.descriptor = self._checked(self._calls.inotify_init1(_NONBLOCK | _CLOEXEC))

    def watch(self, folder: str) -> int:
        """Watch a folder, not what is below it; its number. The same folder has the same number again."""
        return self._checked(
            self._calls.inotify_add_watch(self.descriptor, os.fsencode(folder), ctypes.c_uint32(MASK | ONLY_FOLDERS))
        )

    def events(self) -> Iterator[Event]:
        """What has happened so far, without waiting."""
        while True:
            try:
                data = os.read(self.descriptor, 64 * 1024)
            except BlockingIOError:
                return
            place = 0
            while place < len(data):
                watch, mask, _, length = _HEAD.unpack_from(data, place)
                place += _HEAD.size
                name = data[place : place + length].rstrip(b"\0")
                place += length
                yield Event(watch, mask, os.fsdecode(name))

    def close(self) -> None:
        """Let it go."""
        os.close(self.descriptor)

    @staticmethod
    def _checked(result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return int(result)
