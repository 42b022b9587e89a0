"""How long and when the person usually sleeps: the median over the nights that `nights` makes of all devices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roadmap_cli.life.history.nights import Night as OneNight
    from roadmap_cli.state.connection import Connection

#: Nights looked back at, and the least that say what is usual.
NIGHTS, LEAST_NIGHTS = 28, 7


@dataclass(frozen=True, slots=True)
class Night:
    """The usual night: median hours asleep, median minutes from noon to falling asleep and to waking; naps left out."""

    hours: float
    falls: int
    wakes: int
    nights: int
    ids: list[str]


def usual(tx: Connection, now: datetime, zone: ZoneInfo | None = None) -> Night | None:
    """The median of the nights of the last 28 days; None if there are fewer than seven."""
    from roadmap_cli.life.history import nights

    today = now.date()
    found = nights.nights(tx, since=today - timedelta(days=NIGHTS), until=today)
    if len(found) < LEAST_NIGHTS:
        return None
    place = zone or ZoneInfo("UTC")
    return Night(
        round(median(each.main.minutes["asleep"] for each in found) / 60, 2),
        int(median(_from_noon(each.main.start, each, place) for each in found)),
        int(median(_from_noon(each.main.end, each, place) for each in found)),
        len(found),
        [name for each in found for name in each.main.ids],
    )


def _from_noon(moment: datetime, night: OneNight, zone: ZoneInfo) -> int:
    """Minutes from noon of the day before waking."""
    noon = datetime(night.day.year, night.day.month, night.day.day, 12, tzinfo=zone) - timedelta(days=1)
    return int(moment.timestamp() - noon.timestamp()) // 60
