"""Plain events are read in one go, and come out as those that are read line by line."""

from __future__ import annotations

import io
from datetime import UTC, datetime

from hypothesis import example, given, settings
from hypothesis import strategies as st

from roadmap_cli.life.formats import content_pieces, ical, ical_plain
from roadmap_cli.life.formats.components import Component
from roadmap_cli.life.formats.content_pieces import Block
from roadmap_cli.life.kinds.items import Group, Source
from roadmap_cli.life.local_time.zones import Zones
from roadmap_cli.life.opening.settings import Window

WINDOW = Window(datetime(2025, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
LINES = (
    "DTSTART:20260105T090000Z", "DTSTART;TZID=Europe/Berlin:20260105T090000", "DTSTART:20260105T093000",
    "DTSTART;VALUE=DATE:20260105", "DTSTART;TZID=Europe/Berlin:20260329T023000", "DTSTART;TZID=Own:20260105T090000",
    "DTSTART;TZID=Nowhere:20260105T090000", "DTSTART:20260105T240000", "DTSTART;TZID=Asia/Kolkata:20260105T003000",
    "dtstart;TZID=Pacific/Kiritimati:20260101T003000", "DTSTART:20260105", "DTSTART;VALUE=DATE:20260105T010000",
    "DTSTART;TZID=Australia/Lord_Howe:20260405T013000", "DTSTART;TZID=\"Europe/Berlin\":20260105T090000",
    "DTSTART;TZID=America/New_York:20251231T235960", "DTSTART", "DTSTART:", "DTSTART:00010101T000000Z",
    "DTSTART;TZID=(UTC+01:00) Berlin:20260105T090000", "DTEND:20260105T100000Z", "DTEND:20260104T100000Z",
    "DTEND;TZID=Europe/Berlin:20260106T100000", "DTEND;VALUE=DATE:20260107", "DTEND;VALUE=DATE:20260105", "DTEND:",
    "DTEND;TZID=America/New_York:20260105T120000", "DURATION:PT1H", "UID:a@b", "UID:c@d", "UID: e \\, f ", "UID:",
    "SUMMARY:Dinner \\; at\\nhome", "SUMMARY;LANGUAGE=de:Grüße", "SUMMARY:folded\n  on and\n\t on", "SUMMARY",
    "ATTENDEE;CN=\"Ann: B\";PARTSTAT=ACCEPTED:mailto:Ann@Example.org", "ATTENDEE;CUTYPE=ROOM:mailto:room@example.org",
    "ATTENDEE;CN=Bob:invalid:nomail", "ATTENDEE;CN=Zoe:", "ORGANIZER:mailto:ann@example.org",
    "ORGANIZER;CN=Ann Bell:mailto:ann@example.org", "ATTENDEE;CN=Ann Bellini:MAILTO:ann@example.org",
    "ATTENDEE;CN=ann@example.org:mailto:ann@example.org", "ATTENDEE;CN=\"Bell, Ann\";RSVP=TRUE:mailto:ann@example.org",
    "ORGANIZER:", "ORGANIZER",
    "CATEGORIES:work,home\\, sweet", "CATEGORIES:play", "DESCRIPTION:a  b\\nc", "LOCATION: Room ", "URL:http://x/y",
    "STATUS:CANCELLED", "STATUS:TENTATIVE", "TRANSP:TRANSPARENT", "X-MICROSOFT-CDO-BUSYSTATUS:FREE", "CLASS:PRIVATE",
    "X-MICROSOFT-CDO-ALLDAYEVENT:TRUE", "X-MICROSOFT-CDO-ALLDAYEVENT:FALSE",
    "DTSTART;TZID=Europe/Berlin:20260105T000000", "DTEND;TZID=Europe/Berlin:20260107T000000",
    "LAST-MODIFIED:20260101T120000Z", "LAST-MODIFIED;VALUE=DATE:20260101", "DTSTAMP:20251120T101500Z", "DTSTAMP:new",
    "RRULE:FREQ=DAILY;COUNT=3", "RRULE:", "RRULE:FREQ=NEVER", "RDATE:20260110T090000Z", "EXDATE:20260105T090000Z",
    "RECURRENCE-ID:20260106T090000Z", "SEQUENCE:2", "BEGIN:VALARM\nSUMMARY:Ring\nTRIGGER:-PT5M\nEND:VALARM",
    "BEGIN:VALARM\nSUMMARY:Ring", "BEGIN:VALARM\nBEGIN:VALARM\nUID:no\nEND:VALARM\nEND:VALARM", "", " ", "no line",
    "SUMMARY;ENCODING=QUOTED-PRINTABLE:=41=\nb", "COMMENT;ENCODING=QUOTED-PRINTABLE:x=", "item1.SUMMARY:grouped",
    "END:VEVENT", "END:VCALENDAR", "BEGIN:VCALENDAR", "begin:vtodo\nDUE:20260105\nUID:t\nend:vtodo", ":", ";:",
)  # fmt: skip
ZONE = (
    "BEGIN:VTIMEZONE\nTZID:Own\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0230\nTZOFFSETTO:+0230\n"
    "END:STANDARD\nEND:VTIMEZONE"
)


def read(data: bytes) -> list[object]:
    """What is found: groups as they are, errors and remarks in words."""
    source = Source("a.ics", "0" * 64, 1, "ical")
    found = ical.read(data, source, zone="Europe/Berlin", window=WINDOW)
    return [item if isinstance(item, Group) else str(item) for item in found]


usual_lines = ["DTSTART;TZID=Europe/Berlin:20260105T090000", "UID:a@b"]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(LINES), max_size=6), min_size=1, max_size=4),
    st.sampled_from(["", ZONE]),
    st.booleans(),
    st.sampled_from([b"\n", b"\r\n"]),
    st.integers(1, 400),
    st.sampled_from(["utf-8", "cp1252"]),
)
@example([[]], "", True, b"\n", 7, "utf-8")
@example([["DTSTART;TZID=Own:20260105T090000"], ["DTSTART:20260105T090000Z"]], ZONE, True, b"\r\n", 300, "utf-8")
def test_in_one_go_is_as_line_by_line(
    events: list[list[str]], zone: str, late: bool, ending: bytes, size: int, charset: str
) -> None:
    """A line `begin:vevent` means the same as BEGIN:VEVENT, and has the event read line by line."""
    each = [
        "\n".join(["{begin}", *usual_lines[place % 2 :], *lines, "END:VEVENT"]) for place, lines in enumerate(events)
    ]
    parts = [*each, zone] if late else [zone, *each]
    text = "\n".join(["BEGIN:VCALENDAR", "X-WR-CALNAME:Mine", *filter(None, parts), "END:VCALENDAR", ""])
    plain, slow = (
        text.replace("{begin}", begin).encode(charset).replace(b"\n", ending)
        for begin in ("BEGIN:VEVENT", "begin:vevent")
    )
    usual = content_pieces.CHUNK_BYTES
    content_pieces.CHUNK_BYTES = size
    try:
        assert read(plain) == read(slow)
    finally:
        content_pieces.CHUNK_BYTES = usual


def test_what_calendars_write_is_plain() -> None:
    """So that this does not become the way that is never taken."""
    source = Source("a.ics", "0" * 64, 1, "ical")
    lines = (
        "DTSTART:20260105T090000Z\r\nDTEND:20260105T100000Z\r\nDTSTAMP:20251120T101500Z\r\nUID:x@google.com\r\n"
        "CREATED:20251120T101500Z\r\nDESCRIPTION:folded\r\n  on\r\nLAST-MODIFIED:20251120T101500Z\r\nSEQUENCE:0\r\n"
        "STATUS:CONFIRMED\r\nSUMMARY:Café\r\nTRANSP:OPAQUE\r\nBEGIN:VALARM\r\nACTION:DISPLAY\r\nEND:VALARM\r\n"
    )
    whole = f"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n{lines}END:VEVENT\r\nEND:VCALENDAR\r\n".encode()
    block = next(piece for piece in content_pieces.pieces(b"", io.BytesIO(whole), "VEVENT") if isinstance(piece, Block))
    block.parent = Component("VCALENDAR", 1)
    plain = ical_plain.Reader(Zones("UTC"), "", source).read(block)
    assert plain
    assert (plain.uid, plain.record["title"], plain.record["description"]) == ("x@google.com", "Café", "folded on")


def test_what_outlook_calls_a_whole_day_is_one() -> None:
    def spans(*more: str) -> list[tuple[str, str, bool]]:
        lines = "\n".join(more)
        [group] = read(f"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a\n{lines}\nEND:VEVENT\nEND:VCALENDAR\n".encode())
        assert isinstance(group, Group)
        return [(each["at"][:16], each["ends_at"][:16], each["all_day"]) for each in group.events]

    zone = "TZID=W. Europe Standard Time"
    days = (f"DTSTART;{zone}:20261207T000000", f"DTEND;{zone}:20261212T000000")
    assert spans(*days) == [("2026-12-06T23:00", "2026-12-11T23:00", False)]
    assert spans(*days, "X-MICROSOFT-CDO-ALLDAYEVENT:TRUE") == [("2026-12-06T23:00", "2026-12-11T23:00", True)]
    assert spans(*days, "X-MICROSOFT-CDO-ALLDAYEVENT:FALSE") == spans(*days)
    noon = (days[0], f"DTEND;{zone}:20261207T120000")
    assert spans(*noon, "X-MICROSOFT-CDO-ALLDAYEVENT:TRUE") == spans(*noon)


def test_line_numbers_are_those_of_the_file() -> None:
    event = "BEGIN:VEVENT\nDTSTART:20260105T090000Z\nUID:{}\nEND:VEVENT\n"
    text = (
        "BEGIN:VCALENDAR\n\n"
        + event.format("a")
        + event.format("b")
        + "\nX-A:b\n"
        + event.format("c")
        + "END:VCALENDAR"
    )
    found = [item.events[0]["source_line"] for item in read(text.encode()) if isinstance(item, Group)]
    assert found == [3, 7, 13]
