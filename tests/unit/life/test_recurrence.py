"""Recurrence rules: against dateutil as a peer, the examples of RFC 5545, and rules made to hurt."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from itertools import islice

import pytest
from dateutil import rrule
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.core.errors import DataError
from roadmap_cli.life.local_time import recurrence

WIDE = (datetime(1, 1, 1), datetime(9000, 1, 1))


def ours(text: str, start: datetime, since: datetime, until: datetime) -> list[datetime]:
    return list(recurrence.times(recurrence.parse(text), start, since, until))


BY_PARTS = {
    "BYMONTH": st.lists(st.integers(1, 12), min_size=1, max_size=3),
    "BYMONTHDAY": st.lists(st.integers(-31, 31).filter(bool), min_size=1, max_size=3),
    "BYYEARDAY": st.lists(st.integers(-366, 366).filter(bool), min_size=1, max_size=3),
    "BYDAY": st.lists(st.sampled_from(recurrence.DAYS), min_size=1, max_size=3, unique=True),
    "BYHOUR": st.lists(st.integers(0, 23), min_size=1, max_size=2),
    "BYMINUTE": st.lists(st.integers(0, 59), min_size=1, max_size=2),
    "BYSETPOS": st.lists(st.integers(-5, 5).filter(bool), min_size=1, max_size=2),
}


@st.composite
def rules(draw: st.DrawFn) -> str:
    """Rules whose meaning the standard leaves no doubt about."""
    frequency = draw(st.sampled_from(["YEARLY", "MONTHLY", "WEEKLY", "DAILY"]))
    allowed = dict(BY_PARTS)
    if frequency != "YEARLY":  # elsewhere the standard forbids it
        allowed.pop("BYYEARDAY")
    if frequency == "WEEKLY":
        allowed.pop("BYMONTHDAY")
    chosen = draw(st.lists(st.sampled_from(sorted(allowed)), max_size=3, unique=True))
    if "BYSETPOS" in chosen and len(chosen) == 1:
        chosen.remove("BYSETPOS")
    parts = [f"FREQ={frequency}", f"INTERVAL={draw(st.integers(1, 4))}", f"WKST={draw(st.sampled_from(['MO', 'SU']))}"]
    if frequency in ("MONTHLY", "YEARLY") and "BYDAY" in chosen and draw(st.booleans()):
        chosen.remove("BYDAY")
        which = draw(st.sampled_from([-2, -1, 1, 2, 4, 5]))
        parts.append(f"BYDAY={which}{draw(st.sampled_from(recurrence.DAYS))}")
    parts += [f"{name}={','.join(str(value) for value in draw(allowed[name]))}" for name in chosen]
    return ";".join(parts)


def asked_of_dateutil(text: str, start: datetime, until: datetime) -> list[datetime]:
    """Its answer. It counts the set positions of the first week from the start, the standard from the week's first day: ask from there."""
    parts = dict(part.split("=") for part in text.split(";"))
    first = start
    if parts["FREQ"] == "WEEKLY" and "BYSETPOS" in parts:
        first -= timedelta(days=(start.weekday() - recurrence.DAYS.index(parts["WKST"])) % 7)
        if "BYDAY" not in parts:
            text = f"{text};BYDAY={recurrence.DAYS[start.weekday()]}"
    return [
        moment for moment in rrule.rrulestr(f"{text};UNTIL={until:%Y%m%dT%H%M%S}", dtstart=first) if moment >= start
    ]


@settings(max_examples=150, deadline=None)
@given(rules(), st.datetimes(datetime(9980, 1, 1), datetime(9990, 1, 1)), st.integers(0, 1000), st.booleans())
def test_agrees_with_dateutil(text: str, start: datetime, offset: int, counted: bool) -> None:
    """Near the end of the calendar, because there dateutil ends soon for rules that never match."""
    start = start.replace(second=0, microsecond=0)
    since = start + timedelta(days=offset)
    until = since + timedelta(days=600)
    expected = asked_of_dateutil(text, start, until)
    if start not in expected:  # dateutil leaves out a start that does not fit its rule; the standard counts it first
        expected = [start, *expected]
    if counted:
        text, expected = f"{text};COUNT=20", expected[:20]
    assert ours(text, start, since, until) == [moment for moment in expected if since <= moment <= until]


@pytest.mark.parametrize(
    ("text", "start", "expected"),
    [  # RFC 5545, 3.8.5.3
        ("FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8", datetime(1996, 11, 5, 9), ["1996-11-05", "2000-11-07", "2004-11-02"]),
        ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", datetime(1997, 5, 12, 9), ["1997-05-12", "1998-05-11", "1999-05-17"]),
        ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", datetime(1998, 2, 13, 9), ["1998-02-13", "1998-03-13", "1998-11-13"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2", datetime(1997, 9, 29, 9), ["1997-09-29", "1997-10-30", "1997-11-27"]),
        ("FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO", datetime(1997, 8, 5, 9), ["1997-08-05", "1997-08-10", "1997-08-19", "1997-08-24"]),
        ("FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU", datetime(1997, 8, 5, 9), ["1997-08-05", "1997-08-17", "1997-08-19", "1997-08-31"]),
        ("FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5", datetime(2007, 1, 15, 9), ["2007-01-15", "2007-01-30", "2007-02-15", "2007-03-15", "2007-03-30"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", datetime(1896, 2, 29, 9), ["1896-02-29", "1904-02-29", "1908-02-29"]),
        ("FREQ=YEARLY;BYWEEKNO=1;BYDAY=MO", datetime(2018, 1, 1, 9), ["2018-01-01", "2018-12-31", "2019-12-30"]),
    ],
)  # fmt: skip
def test_examples_of_the_standard(text: str, start: datetime, expected: list[str]) -> None:
    found = islice(recurrence.times(recurrence.parse(text), start, *WIDE), len(expected))
    assert [str(moment.date()) for moment in found] == expected


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31",
        "FREQ=DAILY;BYSETPOS=2;BYHOUR=9",
        "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30;COUNT=999999999",
        "FREQ=MONTHLY;INTERVAL=999999999",
        "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=366",
        "FREQ=YEARLY;BYDAY=99SU",
    ],
)
def test_rules_that_never_match_end_soon(text: str) -> None:
    began = time.process_time()
    assert ours(text, datetime(1900, 1, 1), datetime(1901, 1, 1), datetime(9000, 1, 1)) == []
    assert time.process_time() - began < 2


def test_an_endless_rule_starts_at_the_window() -> None:
    began = time.process_time()
    found = ours("FREQ=DAILY", datetime(1601, 1, 1, 9), datetime(2026, 1, 1), datetime(2026, 1, 3))
    assert found == [datetime(2026, 1, 1, 9), datetime(2026, 1, 2, 9)]
    assert time.process_time() - began < 0.1


@pytest.mark.parametrize(
    "text",
    ["", "FREQ", "FREQ=", "FREQ=FORTNIGHTLY", "FREQ=SECONDLY", "FREQ=DAILY;COUNT=x", "FREQ=DAILY;UNTIL=",
     "FREQ=WEEKLY;BYDAY=XX", "FREQ=YEARLY;BYMONTH=13", "FREQ=DAILY;BYHOUR=24", "FREQ=MONTHLY;BYMONTHDAY=0", "FREQ=DAILY;INTERVAL=²",
     "FREQ=YEARLY;BYHOUR=" + ",".join(map(str, range(24))) + ";BYMINUTE=" + ",".join(map(str, range(60)))],
)  # fmt: skip
def test_wrong_rules_are_refused(text: str) -> None:
    with pytest.raises(DataError):
        recurrence.parse(text)
