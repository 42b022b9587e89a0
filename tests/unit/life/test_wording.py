"""Records in words."""

from __future__ import annotations

import pytest

from roadmap_cli.life.wording import line

CASES = [
    ({"kind": "life.event", "at": "2026-03-05T08:00:00.000Z", "date": "2026-03-05", "title": "Dentist", "location": "Mill Lane 3", "people": ["a@x.org"]},
     "2026-03-05 Dentist (Mill Lane 3) with a@x.org"),
    ({"kind": "life.event", "date": "2026-03-05", "title": "Dentist", "status": "cancelled"}, "2026-03-05 Dentist (cancelled)"),
    ({"kind": "life.transaction", "date": "2026-03-05", "payee": "Shop", "amount": "-12.50", "currency": "EUR"}, "2026-03-05 Shop -12.50 EUR"),
    ({"kind": "life.measurement", "date": "2026-03-05", "metric": "resting_heart_rate", "value": 58.0, "unit": "bpm"},
     "2026-03-05 resting heart rate 58 bpm"),
    ({"kind": "life.measurement", "date": "2026-03-05", "metric": "sleep", "stage": "in_bed", "value": 420, "unit": "min"},
     "2026-03-05 sleep in bed 420 min"),
    ({"kind": "life.message", "at": "2026-03-05T08:00:00.000Z", "sender": "a@x.org", "subject": "Re: plan", "text": "Yes,\n we do"},
     "2026-03-05 a@x.org: Re: plan – Yes, we do"),
    ({"kind": "life.activity", "date": "2026-03-05", "sport": "running", "distance_m": 5200, "duration_s": 1800}, "2026-03-05 running 5.2 km 30 min"),
    ({"kind": "life.task", "at": "2026-03-05T08:00:00.000Z", "title": "Tax", "status": "needs_action", "due_date": "2026-05-31"},
     "2026-03-05 to do: Tax (due 2026-05-31)"),
    ({"kind": "life.task", "at": "2026-03-05T08:00:00.000Z", "title": "Tax", "status": "completed", "due_date": "2026-05-31"}, "2026-03-05 to do: Tax (done)"),
    ({"kind": "life.forecast", "at": "2026-03-05T08:00:00.000Z", "measure": "meeting_hours", "period_name": "2026-W12", "value": 9.5, "low": 7.0,
      "high": 12.0, "unit": "h/week"}, "2026-03-05 meeting hours 2026-W12 9.5 (7 to 12) h/week"),
    ({"kind": "life.other", "at": "2026-03-05T08:00:00.000Z", "name": "x"}, "2026-03-05 x"),
]  # fmt: skip


@pytest.mark.parametrize(("record", "words"), CASES)
def test_line(record: dict[str, object], words: str) -> None:
    assert line(record) == words
