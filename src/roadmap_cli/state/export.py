"""A stream into one file of mode 0600: encrypted with age to those who can open the state, or plain if so wished."""

from __future__ import annotations

import os

from roadmap_cli.core import writing
from roadmap_cli.core.errors import CannotCreate
from roadmap_cli.state import keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike
    from typing import IO, Any

    from roadmap_cli.state.identity import KeySource


def write(target: str | PathLike[str], reader: Any, to: tuple[str | PathLike[str], KeySource] | None) -> None:
    """Write what `reader` gives to `target`, which appears complete or not at all. `to`: state and keys, None: plain.

    Plain text is never on the disk on the way to an encrypted file. Raises CannotCreate, ConfigError.
    """
    goal = os.path.realpath(target)
    try:
        with writing.complete(goal, mode=0o600) as stream:
            if os.path.isfile(goal):
                os.fchmod(stream.fileno(), 0o600)  # not the mode of what it takes the place of
            _copy(stream, reader, to)
    except OSError as error:
        raise CannotCreate(f"cannot be written: {(error.strerror or str(error)).lower()}", where=goal) from None


def _copy(stream: IO[bytes], reader: Any, to: tuple[str | PathLike[str], KeySource] | None) -> None:
    if to is None:
        while data := reader.read(1 << 20):
            stream.write(data)
        return
    import pyrage

    known = keys.read(os.path.realpath(to[0]), to[1]).recipients
    pyrage.encrypt_io(reader, stream, [keys.parse_recipient(each["recipient"])[1] for each in known])
