"""How fresh what is known of a life is: when each server was read last, how far each kind of data goes, and what waits.

`findings` is for roadmap-doctor; each has the command that mends it. Nothing is read but the state.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from roadmap_cli.core.clock import stamp

if TYPE_CHECKING:
    from roadmap_cli.state.connection import Connection

#: A server that is read by cron and has not answered for so long is worth a word.
SERVER_DAYS = 2
#: What grows: table and which of its rows count, its column of time, what it is called, after how many days life-watch
#: is silent, what to read.
_GROWING = (
    ("life_event WHERE is_current = 1", "start_at", "events", 45, "life-ingest CALENDAR.ics"),
    ("life_transaction WHERE same_as IS NULL", "date", "transactions", 45, "life-ingest STATEMENT"),
    ("life_measurement", "start_at", "measurements", 3, "life-ingest export.zip"),
    ("life_message", "at", "messages", 45, "life-ingest imaps://USER@HOST"),
)


@dataclass(frozen=True, slots=True)
class Freshness:
    """One thing: `name` is stable, `detail` words, `fix` what to type if it is not well."""

    name: str
    ok: bool
    detail: str
    fix: str


def findings(tx: Connection, now: datetime) -> Iterator[Freshness]:
    """Servers by when they were read whole, kinds by their newest day that is over, then what is not taken in yet."""
    yield from _servers(tx, now)
    known = False
    for found in _kinds(tx, now):
        known = True
        yield found
    if not known:
        yield Freshness("life.data", False, "nothing is known yet", "life-ingest FILE...")
        return
    yield from _made(tx)


def _servers(tx: Connection, now: datetime) -> Iterator[Freshness]:
    asked = dict(
        tx.execute("SELECT host, max(at) FROM net_request WHERE command = 'life-ingest' GROUP BY host").fetchall()
    )
    rows = tx.execute("SELECT source, at FROM life_cursor WHERE source LIKE '%://%' ORDER BY source").fetchall()
    for source, at in rows:
        old = at < stamp(now - timedelta(days=SERVER_DAYS))
        words = f"read last at {_minute(at)}"
        since = asked.pop(urlsplit(source).hostname or "", "")
        if old and since > at:
            words += f", asked in vain at {_minute(since)}"
        yield Freshness(f"life.read.{source}", not old, words, f"life-ingest -v '{source}'")
    for host, at in sorted(asked.items()):
        words = f"asked at {_minute(at)}, and never read"
        yield Freshness(f"life.read.{host}", False, words, f"roadmap-permit log --host {host}")


def _minute(at: str) -> str:
    return at[:16].replace("T", " ")


def _kinds(tx: Connection, now: datetime) -> Iterator[Freshness]:
    for rows, column, name, days, fix in _GROWING:
        count, newest = tx.execute(
            f"SELECT count(*), max(CASE WHEN {column} <= ? THEN {column} END) FROM {rows}", (stamp(now),)
        ).fetchone()
        if not count:
            continue
        ends = str(newest or "")[:10]
        fresh = ends >= stamp(now - timedelta(days=days))[:10]
        late = "" if fresh else f": too old for life-watch, which looks back {days} days"
        yield Freshness(
            f"life.data.{name}", fresh, f"{count:,} {name}, the newest of {ends or 'the future'}{late}", fix
        )


def _made(tx: Connection) -> Iterator[Freshness]:
    """What other commands make of the records: how much of it is not made yet."""
    (people,) = tx.execute("SELECT count(*) FROM life_entity").fetchone()
    detail = f"{people:,} people, places and things" if people else "not built yet: nobody is known"
    yield Freshness("life.graph", bool(people), detail, "life-graph build")
    all_items, bare = tx.execute("SELECT count(*), count(*) - count(model) FROM life_item").fetchone()
    words = f"{all_items:,} things can be found" + (f", {bare:,} of them by their words only" if bare else "")
    yield Freshness("life.recall", bool(all_items) and not bare, words, "life-consolidate")
    (rules,) = tx.execute("SELECT count(*) FROM life_value WHERE until_version IS NULL").fetchone()
    yield Freshness(
        "life.values",
        bool(rules),
        f"{rules} rules" if rules else "nothing is said to matter",
        "life-values add RULE...",
    )
