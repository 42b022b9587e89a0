"""Releases beside each other in a folder, the one in use named by the link `current`: look, switch, verify.

The layout is that of Capistrano: FOLDER/releases/NAME, FOLDER/current -> releases/NAME. Names sort by age. A release
is whole if it has a file RELEASE.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import folder
from folder import Record


def main() -> None:
    """`inspect FOLDER RELEASE`, `switch FOLDER RELEASE`, `verify FOLDER RELEASE`: the answer is JSON."""
    act, name, release = sys.argv[1:4]
    root = folder.place(name)
    {"inspect": inspect, "switch": switch, "verify": verify}[act](root, release)


def inspect(root: Path, failed: str) -> None:
    """What is there, and whether going back is right: the failed release is in use, and a whole one came before it."""
    releases = sorted(each.name for each in (root / "releases").iterdir() if each.is_dir())
    current = (root / "current").resolve().name if (root / "current").is_symlink() else ""
    before = [each for each in releases if each < current and is_whole(root, each)]
    found: Record = {"current": current, "releases": releases, "previous": before[-1] if before else ""}
    if current != failed:
        found |= {"verdict": "leave", "why": f"release {failed} is not in use; {current or 'none'} is"}
    elif not before:
        found |= {"verdict": "ask", "why": "no whole release came before the one that failed"}
    else:
        found |= {"verdict": "roll back", "why": f"release {failed} is in use and failed; {before[-1]} came before it"}
    folder.tell(found)


def is_whole(root: Path, release: str) -> bool:
    """Whether a release was put there to the end."""
    return (root / "releases" / release / "RELEASE").is_file()


def switch(root: Path, release: str) -> None:
    """Use another release from one moment to the next; doing it again changes nothing."""
    target = root / "releases" / release
    if folder.place(str(target)).parent != (root / "releases").resolve() or not is_whole(root, release):
        sys.exit(f"there is no whole release {release!r}")
    link = root / "current"
    before = link.resolve().name if link.is_symlink() else ""
    part = root / f".current.{folder.key() or 'part'}"
    part.unlink(missing_ok=True)
    part.symlink_to(Path("releases") / release)
    os.replace(part, link)  # noqa: PTH105 - one system call: the link is never missing
    folder.tell({"before": before, "now": release})


def verify(root: Path, release: str) -> None:
    """Whether a release is in use and whole."""
    current = (root / "current").resolve().name
    if current != release or not is_whole(root, release):
        sys.exit(f"{current!r} is in use, not a whole {release!r}")
    folder.tell({"current": current, "is_whole": True})


if __name__ == "__main__":
    main()
