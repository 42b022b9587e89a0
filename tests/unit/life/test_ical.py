"""Calendars: the cases that break readers, and another reader as a peer on its own test files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from roadmap_cli.core import schemas
from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError
from roadmap_cli.life.formats import ical
from roadmap_cli.life.kinds.items import Group, Remark, Source
from roadmap_cli.life.opening.settings import Window

WINDOW = Window(datetime(2025, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


ONE = "UID:one\n"


def calendar(*events: str, head: str = "") -> bytes:
    body = "".join(
        f"BEGIN:VEVENT\n{'' if 'UID:' in event else ONE}SUMMARY:Meeting\n{event.strip()}\nEND:VEVENT\n"
        for event in events
    )
    return f"BEGIN:VCALENDAR\nVERSION:2.0\n{head}{body}END:VCALENDAR\n".replace("\n", "\r\n").encode()


def items(data: bytes, zone: str = "Europe/Berlin", window: Window = WINDOW) -> list[Group | DataError | Remark]:
    return list(ical.read(data, Source.of("c.ics", data, "ical"), zone=zone, window=window))


def events(data: bytes, **more: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for item in items(data, **more):
        if isinstance(item, DataError):
            raise item
        found += item.events if isinstance(item, Group) else ()
    for record in found:
        assert not list(schemas.problems(record)), record
    return sorted(found, key=lambda record: (record["at"], record["id"]))


def starts(data: bytes, **more: Any) -> list[str]:
    return [record["at"][:16] for record in events(data, **more)]


def test_local_time_is_kept_when_the_clocks_change() -> None:
    found = starts(calendar("DTSTART;TZID=Europe/Berlin:20260322T090000\nRRULE:FREQ=WEEKLY;COUNT=3"))
    assert found == ["2026-03-22T08:00", "2026-03-29T07:00", "2026-04-05T07:00"]


def test_times_in_the_gap_and_in_the_doubled_hour() -> None:
    """A time that does not occur has the offset before the gap; one that occurs twice is the first (RFC 5545, 3.3.5)."""
    assert starts(calendar("DTSTART;TZID=Europe/Berlin:20260329T023000")) == ["2026-03-29T01:30"]
    assert starts(calendar("DTSTART;TZID=Europe/Berlin:20261025T023000")) == ["2026-10-25T00:30"]


def test_length_is_exact_over_a_change_of_clocks_and_nominal_in_days() -> None:
    (exact,) = events(calendar("DTSTART;TZID=Europe/Berlin:20260328T200000\nDURATION:PT24H"))
    (nominal,) = events(calendar("DTSTART;TZID=Europe/Berlin:20260328T200000\nDURATION:P1D"))
    assert (exact["ends_at"][:16], nominal["ends_at"][:16]) == ("2026-03-29T19:00", "2026-03-29T18:00")


@pytest.mark.parametrize(
    "exception",
    [
        "EXDATE;TZID=Europe/Berlin:20260112T090000",
        "EXDATE:20260112T080000Z",
        "EXDATE:20260112T090000",
        "EXDATE;TZID=America/New_York:20260112T030000",
        "EXDATE;VALUE=DATE:20260112",
        "EXDATE;TZID=Europe/Berlin:20260101T090000,20260112T090000",
        "EXRULE:FREQ=WEEKLY;INTERVAL=9;BYDAY=MO;UNTIL=20250101T000000Z\nEXDATE:20260112T080000Z",
    ],
)
def test_exceptions_in_any_zone_and_form(exception: str) -> None:
    found = starts(calendar(f"DTSTART;TZID=Europe/Berlin:20260105T090000\nRRULE:FREQ=WEEKLY;COUNT=3\n{exception}"))
    assert found == ["2026-01-05T08:00", "2026-01-19T08:00"]


@pytest.mark.parametrize(
    ("until", "count"),
    [
        ("20260113T200000Z", 2),  # 14 January 09:00 in Auckland: the second instance itself
        ("20260113T195959Z", 1),
        ("20260114", 2),  # Google: a date, counted in the event's own zone, 13 hours before UTC
        ("20260114T090000", 2),  # without a zone: forbidden, and the event's own
    ],
)
def test_until_in_every_form(until: str, count: int) -> None:
    text = f"DTSTART;TZID=Pacific/Auckland:20260107T090000\nRRULE:FREQ=WEEKLY;UNTIL={until}"
    assert len(starts(calendar(text))) == count


MASTER = (
    "DTSTART;TZID=Europe/Berlin:20260105T090000\nDTEND;TZID=Europe/Berlin:20260105T100000\nRRULE:FREQ=WEEKLY;COUNT=4"
)


@pytest.mark.parametrize(
    "which",
    [
        ";TZID=Europe/Berlin:20260112T090000",
        ":20260112T080000Z",
        ";TZID=America/New_York:20260112T030000",
        ";VALUE=DATE:20260112",
    ],
)
def test_one_instance_moved(which: str) -> None:
    """RECURRENCE-ID in the event's zone, in UTC, in another zone, as a date; and before its master in the file."""
    moved = f"RECURRENCE-ID{which}\nDTSTART;TZID=Europe/Berlin:20260113T150000\nDURATION:PT30M"
    for order in ([MASTER, moved], [moved, MASTER]):
        found = events(calendar(*order))
        assert [record["at"][:16] for record in found] == [
            "2026-01-05T08:00",
            "2026-01-13T14:00",
            "2026-01-19T08:00",
            "2026-01-26T08:00",
        ]
        assert found[1]["instance"] == "2026-01-12T08:00:00.000Z"
        assert found[1]["ends_at"] == "2026-01-13T14:30:00.000Z"


def test_one_instance_cancelled_stays_a_record() -> None:
    found = events(
        calendar(MASTER, "RECURRENCE-ID:20260112T080000Z\nDTSTART;TZID=Europe/Berlin:20260112T090000\nSTATUS:CANCELLED")
    )
    assert [(record["status"], record["busy"]) for record in found] == [("confirmed", True), ("cancelled", False), ("confirmed", True), ("confirmed", True)]  # fmt: skip


def test_all_later_instances_moved() -> None:
    later = (
        "RECURRENCE-ID;RANGE=THISANDFUTURE:20260119T080000Z\nDTSTART;TZID=Europe/Berlin:20260120T110000\nDURATION:PT2H"
    )
    found = events(calendar(MASTER, later))
    assert [record["at"][:16] for record in found] == [
        "2026-01-05T08:00",
        "2026-01-12T08:00",
        "2026-01-20T10:00",
        "2026-01-27T10:00",
    ]
    assert found[3]["ends_at"][:16] == "2026-01-27T12:00"


def test_extra_dates_and_periods() -> None:
    found = events(
        calendar(
            "DTSTART:20260105T090000Z\nDURATION:PT1H\nRDATE:20260110T090000Z\nRDATE;VALUE=PERIOD:20260111T090000Z/PT3H"
        )
    )
    assert [(record["at"][:13], record["ends_at"][:13]) for record in found] == [
        ("2026-01-05T09", "2026-01-05T10"), ("2026-01-10T09", "2026-01-10T10"), ("2026-01-11T09", "2026-01-11T12"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("tzid", "hour"),
    [
        ("W. Europe Standard Time", "08"),
        ('"W. Europe Standard Time"', "08"),
        ("/freeassociation.sourceforge.net/Europe/Berlin", "08"),
        ("/mozilla.org/20070129_1/America/Argentina/Buenos_Aires", "12"),
        ("Asia/Kolkata", "03"),
        ("UTC", "09"),
    ],
)
def test_zone_names_of_other_programs(tzid: str, hour: str) -> None:
    assert starts(calendar(f"DTSTART;TZID={tzid}:20260105T090000"))[0][11:13] == hour


def test_a_zone_that_only_the_file_defines() -> None:
    zone = (
        "BEGIN:VTIMEZONE\nTZID:Büro\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0530\nTZOFFSETTO:+0530\n"
        "END:STANDARD\nEND:VTIMEZONE\n"
    )
    assert starts(calendar("DTSTART;TZID=Büro:20260105T090000", head=zone)) == ["2026-01-05T03:30"]


def test_an_unknown_zone_is_read_as_none_and_said() -> None:
    found = items(calendar("DTSTART;TZID=Atlantis/Centre:20260105T090000"))
    assert [type(item).__name__ for item in found] == ["Remark", "Group"]
    assert (found[0].where, found[0].message) == (
        "c.ics:6",
        "DTSTART has an unknown time zone: read as of Europe/Berlin",
    )  # type: ignore[union-attr]
    assert found[1].events[0]["at"] == "2026-01-05T08:00:00.000Z"  # type: ignore[union-attr]


def test_times_without_a_zone() -> None:
    floating = "DTSTART:20260105T090000"
    assert starts(calendar(floating), zone="Asia/Tokyo") == ["2026-01-05T00:00"]
    assert starts(calendar(floating, head="X-WR-TIMEZONE:America/New_York\n"), zone="Asia/Tokyo") == [
        "2026-01-05T14:00"
    ]


def test_whole_days() -> None:
    (one, two) = events(calendar("DTSTART;VALUE=DATE:20260329\nRRULE:FREQ=YEARLY;COUNT=1", "UID:two\nDTSTART;VALUE=DATE:20261025\nDTEND;VALUE=DATE:20261027"))  # fmt: skip
    assert (one["all_day"], one["at"], one["ends_at"]) == (True, "2026-03-28T23:00:00.000Z", "2026-03-29T22:00:00.000Z")
    assert (two["date"], two["at"], two["ends_at"]) == (
        "2026-10-25",
        "2026-10-24T22:00:00.000Z",
        "2026-10-26T23:00:00.000Z",
    )


def test_broken_neighbours_do_not_matter() -> None:
    data = calendar("DTSTART:nonsense", "DTSTART:20260105T090000Z\nnot a line\nATTENDEE;CN=\"A:B;C\":mailto:A@Example.org", "UID:two\nDTSTART:20260106T090000Z\nDTEND:20260105T090000Z", "")  # fmt: skip
    found = items(data.replace(b"END:VCALENDAR\r\n", b""))
    errors = [str(item) for item in found if isinstance(item, DataError)]
    assert errors == [
        "c.ics:6: DTSTART is not a date or time",
        "c.ics:21: event has no DTSTART",
    ]
    assert [str(item.where) for item in found if isinstance(item, Remark)] == ["c.ics:15"]  # it ends before it begins
    first, second = (item.events[0] for item in found if isinstance(item, Group))
    assert (first["people"], second["ends_at"]) == (["a@example.org"], second["at"])


def test_characters() -> None:
    """Folding inside a character, a byte order mark, Windows-1252 lines, UTF-16, any line ending."""
    line = "SUMMARY:Café – Grüße\\, Löwe\\nzwei".encode()
    folded = b"".join(line[place : place + 9] + b"\r\n " for place in range(0, len(line), 9))
    plain = calendar("DTSTART:20260105T090000Z").replace(b"SUMMARY:Meeting", folded.removesuffix(b"\r\n "))
    latin = calendar("DTSTART:20260105T090000Z").replace(b"Meeting", "Café – Grüße\\, Löwe\\nzwei".encode("cp1252"))
    titles = {
        events(data)[0]["title"]
        for data in (plain, b"\xef\xbb\xbf" + plain, latin, plain.replace(b"\r\n", b"\n"), calendar("DTSTART:20260105T090000Z")
                     .decode().replace("Meeting", "Café – Grüße\\, Löwe\\nzwei").encode("utf-16"))
    }  # fmt: skip
    assert titles == {"Café – Grüße, Löwe\nzwei"}


def test_a_series_is_cut_at_the_limit() -> None:
    window = Window(WINDOW.since, WINDOW.until, most=10)
    (group,) = items(calendar("DTSTART:20250101T000000Z\nRRULE:FREQ=HOURLY"), window=window)
    assert isinstance(group, Group)
    assert (len(group.events), group.cut) == (10, True)


def test_the_id_is_of_the_content_not_of_the_export() -> None:
    first, second = (
        events(calendar(f"DTSTAMP:{stamped}T000000Z\nDTSTART:20260105T090000Z", head=padding))[0]
        for stamped, padding in (("20260101", ""), ("20260202", "X-SOMETHING:new\n"))
    )
    assert first["id"] == second["id"]
    assert first["source_line"] != second["source_line"]


def peer_files() -> Iterator[Path]:
    try:
        import recurring_ical_events
    except ImportError:
        return
    yield from sorted((Path(recurring_ical_events.__file__).parent / "test" / "calendars").glob("*.ics"))


@pytest.mark.parametrize("path", list(peer_files()), ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore")
def test_agrees_with_another_reader(path: Path) -> None:
    """recurring-ical-events (LGPL, a peer in tests only) on the calendars of its own tests, four years of each."""
    import icalendar
    import recurring_ical_events

    if path.stem in ("end_before_start_event", "bad_rrule_missing_until_event"):
        pytest.skip("the peer turns it round or drops it without a word: see the tests of broken events")
    since, until = datetime(2018, 1, 1, tzinfo=UTC), datetime(2021, 12, 31, tzinfo=UTC)
    data = path.read_bytes()
    expected = set()
    for parsed in icalendar.Calendar.from_ical(data, multiple=True):
        for event in recurring_ical_events.of(parsed, skip_bad_series=True).between(since, until):
            start = event["DTSTART"].dt
            if isinstance(start, datetime):
                start = stamp(start.replace(tzinfo=start.tzinfo or UTC))
            expected.add((str(event.get("SUMMARY", "")).strip(), str(start)))
    found = set()
    for item in items(data, zone="UTC", window=Window(since, until)):
        for record in item.events if isinstance(item, Group) and item.kind == "life.event" else ():
            if record["at"] < stamp(until):
                found.add((record["title"], record["date"] if record["all_day"] else record["at"]))
    first = stamp(since)
    assert {pair for pair in found if pair[1] >= first[: len(pair[1])]} == {pair for pair in expected if pair[1] >= first[: len(pair[1])]}  # fmt: skip


PEOPLE = """DTSTART:20260302T090000Z
ORGANIZER;CN=Jo Ferreira:mailto:Jo@ferreira.pt
ATTENDEE;ROLE=REQ-PARTICIPANT;CN="Nunes, Bea";PARTSTAT=ACCEPTED:mailto:bea@example.org
ATTENDEE;CN=sam@example.org:mailto:sam@example.org
ATTENDEE;CUTYPE=ROOM;CN=Room 3:mailto:room3@example.org
"""


def test_the_names_of_people_are_kept_with_their_addresses_and_are_no_part_of_the_id() -> None:
    (named,) = events(calendar(PEOPLE))
    assert named["people"] == ["bea@example.org", "sam@example.org"]
    assert named["people_names"] == {"bea@example.org": "Nunes, Bea", "jo@ferreira.pt": "Jo Ferreira"}
    bare = PEOPLE.replace(";CN=Jo Ferreira", "").replace(';CN="Nunes, Bea"', "")
    (old,) = events(calendar(bare))
    assert "people_names" not in old
    assert old["id"] == named["id"]


def test_the_names_of_people_of_series_and_of_to_dos() -> None:
    weekly = events(calendar(f"{PEOPLE}RRULE:FREQ=WEEKLY;COUNT=3\n"))
    assert [record["people_names"]["jo@ferreira.pt"] for record in weekly] == ["Jo Ferreira"] * 3
    data = (
        calendar("X:1")
        .replace(b"VEVENT", b"VTODO")
        .replace(b"X:1", b"DUE:20260302T090000Z\r\n" + b"ATTENDEE;CN=Bea:mailto:bea@example.org")
    )
    (task,) = events(data)
    assert (task["kind"], task["people_names"]) == ("life.task", {"bea@example.org": "Bea"})
