"""Calendars as many programs write them: zones, to-dos, busy times, bare parts, what only other readers mend."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from roadmap_cli.core import schemas
from roadmap_cli.core.errors import DataError
from roadmap_cli.life.formats import ical
from roadmap_cli.life.formats.contentlines import stream_components
from roadmap_cli.life.formats.ical_zone import defined
from roadmap_cli.life.kinds import parts
from roadmap_cli.life.kinds.items import Group, Part, Remark, Source
from roadmap_cli.life.opening.settings import Window
from roadmap_cli.life.storing import store

WINDOW = Window(datetime(2025, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


def items(text: str, zone: str = "Europe/Berlin", **more: Any) -> list[Any]:
    data = text.replace("\n", "\r\n").encode()
    found = list(ical.read(data, Source.of("c.ics", data, "ical"), zone=zone, window=WINDOW, **more))
    for item in found:
        for record in item.events if isinstance(item, Group) else ():
            assert not list(schemas.problems(record)), record
    return found


def wrapped(*lines: str) -> str:
    return "BEGIN:VCALENDAR\nVERSION:2.0\n" + "\n".join(lines) + "\nEND:VCALENDAR\n"


def event(*lines: str, kind: str = "VEVENT") -> str:
    own = "" if any(line.startswith("UID") for line in lines) else "UID:one\n"
    return f"BEGIN:{kind}\n{own}SUMMARY:S\n" + "\n".join(lines) + f"\nEND:{kind}"


def records(text: str, **more: Any) -> list[dict[str, Any]]:
    found = items(text, **more)
    assert not [item for item in found if isinstance(item, DataError)], found
    return [record for item in found if isinstance(item, Group) for record in item.events]


def starts(text: str, **more: Any) -> list[str]:
    return sorted(record["at"][:16] for record in records(text, **more))


# -- zones -------------------------------------------------------------------------------------------------------------

#: Berlin as Outlook writes it, under a name that means nothing.
OWN = """BEGIN:VTIMEZONE
TZID:{name}
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE"""


def test_a_zone_by_the_rules_of_the_file_is_that_zone_to_the_quarter_of_an_hour() -> None:
    (component,) = stream_components(io.BytesIO(OWN.format(name="Somewhere").encode()))
    found = defined(component)
    assert found
    name, zone = found
    berlin = ZoneInfo("Europe/Berlin")
    assert (name, str(zone)) == ("Somewhere", "Somewhere")
    moment = datetime(2026, 3, 20)
    while moment < datetime(2026, 11, 5):
        if moment.month in (3, 10):
            for fold in (0, 1):
                one, two = (moment.replace(tzinfo=each, fold=fold) for each in (zone, berlin))
                assert one.utcoffset() == two.utcoffset(), moment
            back = moment.replace(tzinfo=UTC)
            assert back.astimezone(zone).replace(tzinfo=None) == back.astimezone(berlin).replace(tzinfo=None)
            assert back.astimezone(zone).fold == back.astimezone(berlin).fold
        moment += timedelta(minutes=15) if moment.month in (3, 10) else timedelta(days=1)


@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_a_zone_defined_before_or_after_the_events(first: bool) -> None:
    zone, one = OWN.format(name="Büro 1"), event("DTSTART;TZID=Büro 1:20260701T090000")
    assert starts(wrapped(*((zone, one) if first else (one, zone)))) == ["2026-07-01T07:00"]


@pytest.mark.parametrize(
    ("tzid", "expected"),
    [
        ("(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", "07:00"),
        ("(UTC-05:00) Eastern Time (US & Canada)", None),
        ("GMT+0200", "07:00"),
        ("UTC-03:30", "12:30"),
        ("tzone://Microsoft/Utc", "09:00"),
        ("Eastern Standard Time", "13:00"),
        ("/citadel.org/20210210_1/Europe/Rome", "07:00"),
    ],
)
def test_names_of_zones(tzid: str, expected: str | None) -> None:
    found = items(wrapped(event(f"DTSTART;TZID={tzid}:20260701T090000")), zone="Asia/Tokyo")
    said = [item for item in found if isinstance(item, Remark)]
    at = next(item for item in found if isinstance(item, Group)).events[0]["at"][11:16]
    assert (at, bool(said)) == ((expected, False) if expected else ("00:00", True))


def test_a_chosen_zone_goes_before_that_of_the_file_and_days_are_the_persons() -> None:
    text = wrapped(
        "X-WR-TIMEZONE:America/New_York",
        event("DTSTART:20260105T090000"),
        event("UID:two", "DTSTART;VALUE=DATE:20260106"),
    )
    assert starts(text) == ["2026-01-05T14:00", "2026-01-05T23:00"]
    assert starts(text, chosen=True) == ["2026-01-05T08:00", "2026-01-05T23:00"]


# -- series ------------------------------------------------------------------------------------------------------------


def test_what_programs_write_for_no_limit() -> None:
    for more in ("COUNT=-1;UNTIL=20260108", "INTERVAL=0;UNTIL=20260108", "UNTIL=20260108\\;"):
        found = starts(wrapped(event("DTSTART:20260105T090000Z", f"RRULE:FREQ=DAILY;{more}")))
        assert [at[8:10] for at in found] == ["05", "06", "07", "08"], more


def test_of_a_series_with_a_broken_rule_the_first_event_stays() -> None:
    group, error = items(wrapped(event("DTSTART:20260105T090000Z", "RRULE:FREQ=SOMETIMES")))
    assert [record["at"][:10] for record in group.events] == ["2026-01-05"]
    assert str(error) == "c.ics:7: RRULE: rule has a wrong FREQ"


def test_an_override_that_was_withdrawn_with_its_instance_does_not_count() -> None:
    """Confluence keeps it in the file (python-recurring-ical-events #148, #163, #253)."""
    moved = event("SEQUENCE:1", "RECURRENCE-ID:20260106T090000Z", "DTSTART:20260106T120000Z")
    master = ("SEQUENCE:2", "DTSTART:20260105T090000Z", "RRULE:FREQ=DAILY;COUNT=3")
    assert starts(wrapped(event(*master, "EXDATE:20260106T090000Z"), moved)) == ["2026-01-05T09:00", "2026-01-07T09:00"]
    assert starts(wrapped(event(*master), moved)) == ["2026-01-05T09:00", "2026-01-06T12:00", "2026-01-07T09:00"]


def test_an_override_in_another_zone() -> None:
    text = wrapped(
        event("DTSTART;TZID=Europe/Berlin:20260105T090000", "RRULE:FREQ=DAILY;COUNT=2"),
        event("RECURRENCE-ID;TZID=America/New_York:20260106T030000", "DTSTART;TZID=Asia/Tokyo:20260106T210000"),
    )
    assert starts(text) == ["2026-01-05T08:00", "2026-01-06T12:00"]


def test_bare_parts_and_several_calendars_in_one_file() -> None:
    assert starts(event("DTSTART:20260105T090000Z") + "\n") == ["2026-01-05T09:00"]
    both = wrapped(event("DTSTART:20260105T090000Z")) + wrapped(event("UID:two", "DTSTART:20260106T090000Z"))
    assert len(starts(both)) == 2
    assert items("BEGIN:VTIMEZONE\nTZID:X\nEND:VTIMEZONE\n") == []


def test_many_single_events_are_given_before_the_file_ends() -> None:
    """And so take no memory; what repeats waits for its overrides."""
    many = [event(f"UID:{number}", "DTSTART:20260105T090000Z") for number in range(ical.MOST_SINGLE + 10)]
    series = event("DTSTART:20260105T090000Z", "RRULE:FREQ=DAILY;COUNT=2")
    moved = event("RECURRENCE-ID:20260106T090000Z", "DTSTART:20260106T120000Z")
    found = items(wrapped(series, *many, moved))
    assert [item.uid for item in found if item.uid == "one"] == ["one"]
    assert found[-1].uid != found[0].uid == "0"
    assert sorted(record["at"][:16] for item in found if item.uid == "one" for record in item.events) == [
        "2026-01-05T09:00", "2026-01-06T12:00",
    ]  # fmt: skip


# -- to-dos and busy times ---------------------------------------------------------------------------------------------


def task(*lines: str) -> dict[str, Any]:
    (found,) = records(wrapped(event(*lines, kind="VTODO")))
    assert found["kind"] == "life.task"
    return found


def test_when_a_to_do_is_due() -> None:
    whole = task("DUE;VALUE=DATE:20261231")
    assert (whole["due_at"], whole["due_date"], whole["status"]) == (
        "2026-12-31T23:00:00.000Z",
        "2026-12-31",
        "needs_action",
    )
    timed = task(
        "DTSTART;TZID=Europe/Berlin:20261124T090000", "DUE;TZID=Europe/Berlin:20261204T180000", "PERCENT-COMPLETE:40"
    )
    assert (timed["starts_at"], timed["due_at"], timed["percent"]) == (
        "2026-11-24T08:00:00.000Z", "2026-12-04T17:00:00.000Z", 40,
    )  # fmt: skip
    lasting = task("DTSTART:20261124T090000Z", "DURATION:PT2H")
    assert lasting["due_at"] == "2026-11-24T11:00:00.000Z"
    begun = task("DTSTART:20261124T090000Z")
    assert ("due_at" in begun, begun["at"]) == (False, begun["starts_at"])
    someday = task("DTSTAMP:20261101T080000Z", "PRIORITY:1", "RELATED-TO:big")
    assert (someday["at"], someday["priority"], someday["parent"]) == ("2026-11-01T08:00:00.000Z", 1, "big")
    done = task("DTSTAMP:20261101T080000Z", "COMPLETED:20261102T080000Z")
    assert (done["status"], done["completed_at"]) == ("completed", "2026-11-02T08:00:00.000Z")


def test_a_to_do_that_repeats_and_was_done_once() -> None:
    found = records(
        wrapped(
            event("DUE:20260105T090000Z", "RRULE:FREQ=WEEKLY;COUNT=3", kind="VTODO"),
            event("RECURRENCE-ID:20260112T090000Z", "DUE:20260112T090000Z", "STATUS:COMPLETED", kind="VTODO"),
        )
    )
    assert [(record["due_at"][:10], record["status"]) for record in found] == [
        ("2026-01-05", "needs_action"), ("2026-01-12", "completed"), ("2026-01-19", "needs_action"),
    ]  # fmt: skip


def test_a_to_do_that_was_done_replaces_the_open_one(tx: Any) -> None:
    for stamped, more in (("20261101", ""), ("20261102", "STATUS:COMPLETED")):
        groups = items(
            wrapped(event(f"DTSTAMP:{stamped}T080000Z", "DUE:20261231T090000Z", *more.split(), kind="VTODO"))
        )
        store.add(tx, groups, format_name="ical")
    assert tx.execute("SELECT status, is_current FROM life_task ORDER BY modified_at").fetchall() == [
        ("needs_action", 0), ("completed", 1),
    ]  # fmt: skip


def test_busy_times() -> None:
    text = wrapped(
        "BEGIN:VFREEBUSY", "ORGANIZER:mailto:Ann@example.org", "DTSTART:20260101T000000Z", "DTEND:20260201T000000Z",
        "FREEBUSY;FBTYPE=BUSY:20260105T090000Z/PT1H,20260106T090000Z/20260106T100000Z",
        "FREEBUSY;FBTYPE=BUSY-TENTATIVE:20260107T090000Z/PT1H", "FREEBUSY;FBTYPE=FREE:20260108T090000Z/PT1H", "END:VFREEBUSY",
    )  # fmt: skip
    found = records(text)
    assert [(record["at"][8:10], record["status"], record["organizer"]) for record in found] == [
        ("05", "confirmed", "ann@example.org"), ("06", "confirmed", "ann@example.org"), ("07", "tentative", "ann@example.org"),
    ]  # fmt: skip


# -- parts -------------------------------------------------------------------------------------------------------------


def test_what_a_part_no_longer_holds_is_withdrawn_unless_another_does(tx: Any) -> None:
    groups = items(wrapped(event("UID:a", "DTSTART:20260105T090000Z"), event("UID:b", "DTSTART:20260105T090000Z")))
    store.add(tx, [*groups, Part("s", "1", "m1", ("a", "b")), Part("s", "2", "m2", ("b",))], format_name="ical")
    assert parts.of(tx, "s")["1"].mark == "m1"

    def current() -> list[str]:
        return [row[0] for row in tx.execute("SELECT uid FROM life_event WHERE is_current = 1 ORDER BY uid")]

    assert store.add(tx, [Part("s", "1", None)], format_name="ical").withdrawn == 1
    assert current() == ["b"]
    store.add(tx, [Part("s", "2", "m3", (), ahead_of="2026-02-01T00:00:00.000Z")], format_name="ical")
    assert current() == ["b"]  # it is over, and stays
    assert set(parts.of(tx, "s", "2")) == {"2"}
