"""Thousands of made-up series against recurring-ical-events (LGPL, a peer in tests only): the same instants.

A start that its own rule does not give is left out: the standard leaves its meaning open. So are dates as UNTIL of
timed events (we read the whole day, as Google means it; the peer its midnight in UTC). Where the clocks change during
an event we keep its exact length (RFC 5545, 3.8.5.3) and the peer the time on the wall: its end may be an hour off.
"""

from __future__ import annotations

import random
import warnings
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from dateutil import rrule

from roadmap_cli.core.clock import parse, stamp
from roadmap_cli.life.formats import ical
from roadmap_cli.life.kinds.items import Group, Source
from roadmap_cli.life.opening.settings import Window

SINCE, UNTIL = datetime(2024, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
ZONES = {
    "Europe/Berlin": "W. Europe Standard Time",
    "America/New_York": "Eastern Standard Time",
    "Asia/Kolkata": "India Standard Time",
    "Australia/Sydney": "AUS Eastern Standard Time",
    "America/Sao_Paulo": "E. South America Standard Time",
}
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def rule(dice: random.Random) -> str:
    frequency = dice.choice(["DAILY", "WEEKLY", "WEEKLY", "MONTHLY", "YEARLY"])
    parts = [f"FREQ={frequency}"]
    if dice.random() < 0.5:
        parts.append(f"INTERVAL={dice.randint(1, 3)}")
    if frequency == "WEEKLY" and dice.random() < 0.7:
        parts.append("BYDAY=" + ",".join(sorted(dice.sample(DAYS, dice.randint(1, 3)))))
    elif frequency in ("MONTHLY", "YEARLY"):
        if frequency == "YEARLY":
            parts.append(f"BYMONTH={dice.randint(1, 12)}")
        match dice.randrange(4):
            case 0:
                parts.append(f"BYMONTHDAY={dice.choice([1, 15, 28, 31, -1])}")
            case 1:
                parts.append(f"BYDAY={dice.choice([1, 2, 4, -1, -2])}{dice.choice(DAYS)}")
            case 2:
                parts.append(f"BYDAY={','.join(DAYS[:5])};BYSETPOS={dice.choice([1, -1, 2])}")
    elif frequency == "DAILY" and dice.random() < 0.3:
        parts.append(f"BYMONTH={dice.randint(1, 6)},{dice.randint(7, 12)}")
    return ";".join(parts)


def series(dice: random.Random) -> str:
    """One event of any kind with exceptions, extra dates and moved instances."""
    zone = dice.choice([*ZONES, "UTC", "", "DATE"])
    text = rule(dice)
    about = datetime(2022, 1, 1) + timedelta(days=dice.randrange(900), minutes=30 * dice.randrange(48))
    if zone == "DATE":
        about = datetime(about.year, about.month, about.day)
    found = list(islice(rrule.rrulestr(text, dtstart=about).xafter(about, inc=True), 200))
    if not found:
        return ""
    start = found[0]
    name = ZONES[zone] if zone in ZONES and dice.random() < 0.3 else zone
    own = ZoneInfo(zone) if zone in ZONES else UTC

    def written(moment: datetime, prop: str) -> str:
        if zone == "DATE":
            return f"{prop};VALUE=DATE:{moment:%Y%m%d}"
        if zone in ZONES:
            return f"{prop};TZID={name}:{moment:%Y%m%dT%H%M%S}"
        return f"{prop}:{moment:%Y%m%dT%H%M%S}{'Z' if zone else ''}"

    def elsewhere(moment: datetime, prop: str) -> str:
        """The same moment in UTC or another zone."""
        if zone in ("DATE", "") or dice.random() < 0.5:
            return written(moment, prop)
        other = dice.choice(list(ZONES))
        there = moment.replace(tzinfo=own).astimezone(ZoneInfo(other))
        return f"{prop};TZID={other}:{there:%Y%m%dT%H%M%S}"

    lines = ["UID:one", "SUMMARY:series", "DTSTAMP:20240101T000000Z", "SEQUENCE:1", written(start, "DTSTART")]
    lines.append(
        "DURATION:P2D"
        if zone == "DATE"
        else dice.choice(["DURATION:PT90M", written(start + timedelta(hours=3), "DTEND"), "DURATION:PT25H"])
    )
    last = found[min(dice.randrange(3, 200), len(found) - 1)]
    match dice.randrange(4):
        case 0:
            text += f";COUNT={dice.randint(2, 150)}"
        case 1 if zone == "DATE":
            text += f";UNTIL={last:%Y%m%d}"
        case 1 | 2 if zone != "DATE":
            moment = last.replace(tzinfo=own).astimezone(UTC)
            text += f";UNTIL={moment:%Y%m%dT%H%M%S}{'Z' if zone else ''}"
    lines.append(f"RRULE:{text}")
    picks = dice.sample(found[1:60], min(len(found[1:60]), dice.randrange(6)))
    for moment in picks[:2]:
        lines.append(elsewhere(moment, "EXDATE"))
    if dice.random() < 0.3 and zone != "DATE":
        extra = start + timedelta(days=dice.randrange(10, 700), minutes=70)  # the peer confuses zones
        lines.append(
            written(extra, "RDATE") if dice.random() < 0.5 or not zone
            else f"RDATE;VALUE=PERIOD:{extra.replace(tzinfo=own).astimezone(UTC):%Y%m%dT%H%M%SZ}/PT45M"
        )  # fmt: skip
    made = ["BEGIN:VEVENT", *lines, "END:VEVENT"]
    for moment in picks[2:4]:
        moved = moment + timedelta(days=dice.randrange(-3, 4), hours=0 if zone == "DATE" else dice.randrange(-3, 4))
        made += ["BEGIN:VEVENT", "UID:one", "SUMMARY:moved", "DTSTAMP:20240102T000000Z", "SEQUENCE:1",
                 elsewhere(moment, "RECURRENCE-ID"), written(moved, "DTSTART"),
                 "DURATION:P1D" if zone == "DATE" else "DURATION:PT20M", "END:VEVENT"]  # fmt: skip
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//made up//EN", *made, "END:VCALENDAR", ""])


Ends = dict[tuple[str, str], str]


def ours(text: str) -> Ends:
    data = text.encode()
    found = ical.read(data, Source.of("c.ics", data, "ical"), zone="UTC", window=Window(SINCE, UNTIL))
    groups = [item for item in found if isinstance(item, Group)]
    assert len(groups) == 1, found
    return {(event["at"], event["title"]): event["ends_at"] for event in groups[0].events if inside(event["at"])}


def theirs(text: str) -> Ends:
    import icalendar
    import recurring_ical_events

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        calendar = icalendar.Calendar.from_ical(text)
        found = recurring_ical_events.of(calendar).between(SINCE, UNTIL)
    return {(utc(event.start), str(event["SUMMARY"])): utc(event.end) for event in found if inside(utc(event.start))}


def utc(moment: date) -> str:
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    return stamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def inside(at: str) -> bool:
    return stamp(SINCE) <= at < stamp(UNTIL)


def compare(seeds: range) -> int:
    compared = 0
    for seed in seeds:
        text = series(random.Random(seed))
        if text:
            compared += 1
            mine, other = ours(text), theirs(text)
            assert mine.keys() == other.keys(), f"seed {seed}\n{text}"
            apart = [abs(parse(mine[each]) - parse(other[each])) for each in mine if mine[each] != other[each]]
            assert set(apart) <= {timedelta(hours=1)}, f"seed {seed}\n{text}"
            assert len(apart) <= max(len(mine) // 20, 4)
    return compared


def test_series_have_the_same_instants() -> None:
    assert compare(range(60)) > 50


@pytest.mark.slow
def test_thousands_of_series_have_the_same_instants() -> None:
    assert compare(range(60, 5_000)) > 4_500
