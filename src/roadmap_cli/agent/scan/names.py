"""Names of the outside: the one spelling of each, Python's own, and the modules whose names are grave."""

from __future__ import annotations

import builtins

BUILTINS = frozenset(dir(builtins)) | {"execfile", "unicode", "raw_input", "__builtins__"}
OWN_MODULES = frozenset({"os", "sys", "subprocess", "builtins", "socket", "shutil", "importlib", "ctypes", "pickle"})
#: Modules of which nothing may be taken by a name that is made when the code runs.
GRAVE_MODULES = frozenset({"os", "subprocess", "builtins", "posix", "pty", "ctypes", "importlib", "shutil"})
#: Parts of packages that are called like a module of their own.
REAL_PARTS = frozenset({"asyncio.subprocess", "sh.subprocess", "socket.socket", "xonsh.builtins"})
_SPELLINGS = {
    "pathlib.PosixPath": "pathlib.Path", "pathlib.PurePosixPath": "pathlib.Path", "pathlib.PurePath": "pathlib.Path",
    "pathlib.WindowsPath": "pathlib.Path", "six.moves.urllib": "urllib", "six.moves.cPickle": "pickle",
    "requests.sessions.Session": "requests.Session", "concurrent.futures.process": "concurrent.futures",
    "posix.environ": "os.environ", "requests.Session.Session": "requests.Session",
    "psutil._pslinux": "psutil",
}  # fmt: skip


def canonical_name(name: str) -> str:
    """The one spelling of a name that has several."""
    top, dot, rest = name.partition(".")
    if top in ("posixpath", "ntpath", "genericpath"):
        return f"os.path{dot}{rest}"
    if top in ("__builtin__", "__builtins__"):
        return f"builtins{dot}{rest}"
    for was, now in _SPELLINGS.items():
        if name.startswith(was):
            return now + name[len(was) :]
    return name
