"""What of the machine a confined program sees: programs and libraries, nothing of anybody's."""

from __future__ import annotations

from pathlib import Path

#: What of /etc programs cannot do without; no account, no secret, no setting of a service is among it.
ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "ssl/certs", "mime.types")


def words() -> list[str]:
    """bubblewrap's options for /usr and the folders beside it that lead there, read-only."""
    found = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        top = Path("/", name)
        if top.is_symlink():
            found += ["--symlink", str(top.readlink()), str(top)]
        elif top.is_dir():
            found += ["--ro-bind", str(top), str(top)]
    return found


def etc_words() -> list[str]:
    """bubblewrap's options for `ETC`, read-only, as far as it is there."""
    return [word for name in ETC for word in ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")]
