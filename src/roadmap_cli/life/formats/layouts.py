"""What was once answered about a layout, for the next file that has it: kept as a position of that layout.

A layout is told by what is the same every month: the headings of a CSV, the account names of a QIF. It travels from a
reader to the state as a `Position`, in the transaction of the records that were read by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from roadmap_cli.life.kinds.items import Position
from roadmap_cli.life.opening import cursors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.opening.settings import Settings
    from roadmap_cli.state.connection import Connection

_PREFIX = "layout:"


def name_of(format_name: str, marks: Sequence[str]) -> str:
    """The name under which a layout is kept: a fingerprint of what tells it."""
    from hashlib import sha256

    text = "\x1f".join(" ".join(mark.lower().split()) for mark in marks)
    return f"{_PREFIX}{format_name}:{sha256(text.encode()).hexdigest()[:32]}"


def learned(format_name: str, marks: Sequence[str], answers: Mapping[str, str]) -> Position:
    """The item that keeps the answers."""
    return Position(name_of(format_name, marks), {name: value for name, value in answers.items() if value})


def known(format_name: str, marks: Sequence[str], settings: Settings) -> Mapping[str, str]:
    """What was answered before; nothing for a layout that is new."""
    return settings.learned.get(name_of(format_name, marks), {})


def all_known(tx: Connection) -> dict[str, dict[str, str]]:
    """The answers of every layout by its name, for `Settings.learned`."""
    rows = tx.execute(
        "SELECT source FROM life_cursor WHERE source >= ? AND source < ?", (_PREFIX, _PREFIX + "\x7f")
    ).fetchall()
    return {
        name: {key: value for key, value in cursors.get(tx, name).items() if isinstance(value, str)} for (name,) in rows
    }
