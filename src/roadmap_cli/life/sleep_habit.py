"""How long and when the person sleeps, from measurements: minutes asleep by the day of waking."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from roadmap_cli.core.clock import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: Nights looked back at, and the least that say what is usual.
NIGHTS, LEAST_NIGHTS = 28, 7
#: Stages in which nobody sleeps.
NOT_ASLEEP = ("in_bed", "awake")


@dataclass(frozen=True, slots=True)
class Night:
    """The usual night: median hours asleep, median minutes from noon to falling asleep and to waking."""

    hours: float
    falls: int
    wakes: int
    nights: int
    ids: list[str]


def usual(tx: Connection, now: datetime, zone: ZoneInfo | None = None) -> Night | None:
    """The median of the last 28 nights known; None if there are fewer than seven."""
    since = (now - timedelta(days=NIGHTS)).date().isoformat()
    rows = tx.execute(
        """SELECT id, start_at, end_at, date, value FROM life_measurement
           WHERE metric = 'sleep' AND stage NOT IN (?, ?) AND date >= ? AND date <= ? ORDER BY date, start_at, id""",
        (*NOT_ASLEEP, since, now.date().isoformat()),
    ).fetchall()
    place = zone or ZoneInfo("UTC")
    minutes: dict[str, float] = defaultdict(float)
    falls: dict[str, int] = {}
    wakes: dict[str, int] = {}
    for _, start, end, day, value in rows:
        minutes[day] += value
        falls[day] = min(falls.get(day, 2880), _from_noon(parse(start), day, place))
        wakes[day] = max(wakes.get(day, 0), _from_noon(parse(end), day, place))
    if len(minutes) < LEAST_NIGHTS:
        return None
    return Night(
        round(median(minutes.values()) / 60, 2),
        int(median(falls.values())),
        int(median(wakes.values())),
        len(minutes),
        [name for name, *_ in rows],
    )


def _from_noon(moment: datetime, day: str, zone: ZoneInfo) -> int:
    """Minutes from noon of the day before waking."""
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=zone) - timedelta(days=1)
    return int((moment - noon).total_seconds()) // 60
