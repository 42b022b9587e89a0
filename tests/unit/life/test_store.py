"""What is stored: once, the latest version counted, nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from roadmap_cli.life.storing.store import Stored
from roadmap_cli.state import records

Ingest = Callable[..., Stored]


def calendar(*events: str) -> bytes:
    body = "".join(f"BEGIN:VEVENT\nUID:one\nSUMMARY:Meeting\n{event}\nEND:VEVENT\n" for event in events)
    return f"BEGIN:VCALENDAR\n{body}END:VCALENDAR\n".encode()


def current(tx: Any) -> list[str]:
    return [row[0][:16] for row in tx.execute("SELECT start_at FROM life_event WHERE is_current = 1 ORDER BY start_at")]


SERIES = "DTSTAMP:20260101T000000Z\nDTSTART:20260105T090000Z\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;COUNT=3"


def test_reading_twice_changes_nothing(tx: Any, ingest: Ingest, example: dict[str, bytes]) -> None:
    for name in ("calendar.ics", "bank.ofx"):
        first, second = ingest(example[name]), ingest(example[name])
        assert len(first.new) == len({record["id"] for record in first.new}) > 400
        assert (second.new, second.known, second.withdrawn) == ([], len(first.new), 0)


def test_a_new_version_replaces_and_keeps_the_old_record(tx: Any, ingest: Ingest) -> None:
    (old,) = ingest(calendar("DTSTAMP:20260101T000000Z\nDTSTART:20260105T090000Z")).new
    later = ingest(calendar("DTSTAMP:20260102T000000Z\nDTSTART:20260106T090000Z"))
    assert (len(later.new), later.withdrawn) == (1, 1)
    assert current(tx) == ["2026-01-06T09:00"]
    assert records.get(tx, old["id"]) == old


def test_an_older_export_does_not_undo_a_newer_one(tx: Any, ingest: Ingest) -> None:
    ingest(calendar("DTSTAMP:20260102T000000Z\nDTSTART:20260106T090000Z"))
    ingest(calendar("DTSTAMP:20260101T000000Z\nDTSTART:20260105T090000Z"))
    assert current(tx) == ["2026-01-06T09:00"]


def test_an_exception_added_later_withdraws_the_instance(tx: Any, ingest: Ingest) -> None:
    ingest(calendar(SERIES))
    stored = ingest(calendar(SERIES.replace("20260101T", "20260201T") + "\nEXDATE:20260112T090000Z"))
    assert (len(stored.new), stored.withdrawn) == (0, 1)
    assert current(tx) == ["2026-01-05T09:00", "2026-01-19T09:00"]


def test_a_single_changed_instance_leaves_the_others(tx: Any, ingest: Ingest) -> None:
    ingest(calendar(SERIES))
    ingest(calendar("DTSTAMP:20260201T000000Z\nRECURRENCE-ID:20260112T090000Z\nDTSTART:20260113T150000Z"))
    assert current(tx) == ["2026-01-05T09:00", "2026-01-13T15:00", "2026-01-19T09:00"]


def test_going_back_to_an_earlier_version(tx: Any, ingest: Ingest) -> None:
    for day, hour in ((1, 9), (2, 10), (3, 9)):
        ingest(calendar(f"DTSTAMP:2026010{day}T000000Z\nDTSTART:20260105T{hour:02}0000Z"))
    assert current(tx) == ["2026-01-05T09:00"]


@pytest.mark.parametrize("order", [("bank.ofx", "bank.csv"), ("bank.csv", "bank.ofx")])
def test_a_statement_in_two_formats_is_counted_once(
    tx: Any, ingest: Ingest, example: dict[str, bytes], order: tuple[str, str]
) -> None:
    first, second = (ingest(example[name]) for name in order)
    counted = tx.execute("SELECT count(*) FROM life_transaction WHERE same_as IS NULL").fetchone()[0]
    told = [[record for record in stored.new if record["kind"] == "life.transaction"] for stored in (first, second)]
    assert counted == len(told[0]) == len(told[1])
    assert {record["same_as_id"] for record in told[1]} == {record["id"] for record in told[0]}
    assert ingest(example[order[1]]).new == []
