"""An identity-mapped view of a folder that belongs to root, so that a sandbox without root's powers may write in it.

Files that root owns appear, inside one private mount namespace, as owned by the sandbox's user, and what that user
writes lands on disk as root's (mount_setattr(2), Linux 5.12; the file system must support it).
"""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Sequence
from pathlib import Path

_AT_FDCWD, _AT_EMPTY_PATH, _AT_RECURSIVE = -100, 0x1000, 0x8000
_OPEN_TREE_CLONE, _OPEN_TREE_CLOEXEC = 1, os.O_CLOEXEC
_MOVE_MOUNT_F_EMPTY_PATH = 4
_MOUNT_ATTR_IDMAP = 0x00100000
_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442


class _MountAttributes(ctypes.Structure):
    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


@functools.lru_cache(maxsize=16)
def mapping(owner: tuple[int, int], uid: int) -> int:
    """A user namespace that maps the owner (user id, group id) to `uid`, as a descriptor. Raises OSError.

    The descriptor stays open for the next sandbox; only as many are kept as the cache holds names for.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    ready_read, ready_write = os.pipe()
    hold_read, hold_write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(hold_write)
        done = libc.unshare(_CLONE_NEWUSER) == 0
        os.write(ready_write, b"y" if done else b"n")
        os.read(hold_read, 1)
        os._exit(0)
    try:
        os.close(ready_write)
        if os.read(ready_read, 1) != b"y":
            raise PermissionError("user namespaces are not allowed")
        for file, inside in zip(("uid_map", "gid_map"), owner, strict=True):
            Path(f"/proc/{child}/{file}").write_text(f"{inside} {uid} 1\n")
        return os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(ready_read)
        os.close(hold_write)
        os.close(hold_read)
        os.waitpid(child, 0)


def cover(mapped: Sequence[tuple[bytes, int]]) -> None:
    """In a new private mount namespace of the calling process, lay the mapped view of each folder over it.

    `mapped` is pairs of a folder and its `mapping`. For use between fork and exec. Raises OSError if the kernel or the
    file system cannot.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    _checked(libc.unshare(_CLONE_NEWNS))
    _checked(libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None))
    for folder, namespace in mapped:
        tree = _checked(libc.syscall(_OPEN_TREE, _AT_FDCWD, folder, _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC))
        attributes = _MountAttributes(attr_set=_MOUNT_ATTR_IDMAP, attr_clr=0, propagation=0, userns_fd=namespace)
        size = ctypes.c_size_t(ctypes.sizeof(attributes))
        _checked(libc.syscall(_MOUNT_SETATTR, tree, b"", _AT_EMPTY_PATH, ctypes.byref(attributes), size))
        _checked(libc.syscall(_MOVE_MOUNT, tree, b"", _AT_FDCWD, folder, _MOVE_MOUNT_F_EMPTY_PATH))
