"""Folders of mails: Maildir (and Maildir++), MH, those of Apple Mail; one source, read on from its last change.

Which mails are new is told from when the file system says each file came or was renamed (ctime): no program that
delivers mail can put that back, as it can the time of change.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from roadmap_cli.core.errors import DataError
from roadmap_cli.life.formats import eml, mails
from roadmap_cli.life.kinds.items import Item, Position, Source
from roadmap_cli.life.opening.opened import Opened
from roadmap_cli.mail.foldernames import readable as folder_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings

NAME, WHAT = "mail_folder", "a folder of mails"
#: File systems stamp in steps, and a file may come within the step that was read last.
_MARGIN_NS = 2_000_000_000
_STRIDE = 500


@dataclass(frozen=True, slots=True)
class _File:
    """One mail: where it lies, its folder's name, when it came there, when it was changed."""

    path: str
    folder: str
    ctime_ns: int
    mtime_ns: int


def is_one(path: Path) -> bool:
    """Whether a folder is a Maildir, an MH folder or one of Apple Mail: told from what lies in it."""
    if (path / "cur").is_dir() and (path / "new").is_dir():
        return True
    if (path / ".mh_sequences").is_file():
        return True
    return path.suffix == ".mbox" and any((path / name).is_dir() for name in ("Messages", "Attachments"))


def matches(opened: Opened) -> bool:
    """It is such a folder."""
    return opened.is_folder and is_one(Path(opened.path))


def source_of(opened: Opened) -> Source:
    """The folder is one source, whatever lies in it today."""
    return Source(opened.name, hashlib.sha256(b"mail_folder\0" + opened.place.encode()).hexdigest(), 0, NAME)


def items(opened: Opened, source: Source, settings: Settings) -> Iterator[Item]:
    """The mails that came since it was read last, oldest first, and how far that is after every 500."""
    since = opened.position.get("ctime_ns", 0)
    since = since if isinstance(since, int) else 0
    number = opened.position.get("number", 0)
    number = number if isinstance(number, int) else 0
    found = sorted(
        (each for each in _files(Path(opened.path)) if each.ctime_ns > since - _MARGIN_NS),
        key=lambda each: (each.ctime_ns, each.path),
    )
    for count, file in enumerate(found, 1):
        number += file.ctime_ns > since
        try:
            data = _read(file.path)
        except FileNotFoundError:
            continue  # it was moved on by a mail program: it comes again with its new name
        except OSError as error:
            yield source.placed(DataError(f"cannot read a mail: {error.strerror}", code="cannot_read"), max(number, 1))
            continue
        if data.strip():
            came = eml.moment_of(file.mtime_ns)
            place = mails.Place(source, max(number, 1), file.folder, came, "file")
            yield from mails.items(eml.message_of(data), place, settings)
        if count % _STRIDE == 0:
            yield Position(opened.place, {"ctime_ns": file.ctime_ns, "number": number})
    if found:
        yield Position(opened.place, {"ctime_ns": found[-1].ctime_ns, "number": number})


def _read(path: str) -> bytes:
    """A mail, at most 64 MiB of it; one that was renamed meanwhile is found by the first part of its name."""
    try:
        with open(path, "rb") as stream:  # noqa: PTH123
            return stream.read(eml.MOST_MAIL_BYTES)
    except FileNotFoundError:
        stem = Path(path).name.partition(":")[0]
        for other in Path(path).parent.parent.glob(f"cur/{glob_safe(stem)}*"):
            with other.open("rb") as stream:
                return stream.read(eml.MOST_MAIL_BYTES)
        raise


def glob_safe(name: str) -> str:
    """A name as a pattern that matches it only."""
    return re.sub(r"([*?\[])", r"[\1]", name)


def _files(root: Path) -> Iterator[_File]:
    """The files that hold mails, in and below the folder; not what is being delivered (tmp), not what is no file."""
    for place, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in ("tmp", "Attachments", "courierimapkeywords"))
        here = Path(place)
        within_maildir = here.name in ("cur", "new")
        for name in names:
            path = os.path.join(place, name)  # noqa: PTH118
            if not (within_maildir or name.endswith(".emlx") or name.isdigit()) or name.startswith("."):
                continue
            try:
                status = os.stat(path)  # noqa: PTH116
            except OSError:
                continue
            yield _File(path, _folder(root, here), status.st_ctime_ns, status.st_mtime_ns)


def _folder(root: Path, here: Path) -> str:
    """The name of the folder, as mail programs show it: Maildir++ puts a dot before each level."""
    parts = [part for part in here.relative_to(root).parts if part not in ("cur", "new", "Messages", "Data")]
    if root.suffix == ".mbox":
        parts = [root.stem, *(part for part in parts if not re.fullmatch(r"\d|[0-9A-F-]{36}", part))]
    names = [part[1:].replace(".", "/") if part.startswith(".") else part for part in parts]
    return folder_name("/".join(names)) or "INBOX"
