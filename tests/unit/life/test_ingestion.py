"""From sources to the state in batches: how long others wait, and what is not read through."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from roadmap_cli.life.ingest import ingestion
from roadmap_cli.life.ingest.ingestion import Import, Tally
from roadmap_cli.life.ingest.sources import Reader
from roadmap_cli.life.opening.settings import Settings, Window
from roadmap_cli.state.store import KeySource, State

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
SOURCE = {"kind": "life.source", "id": "life_s", "at": "2026-11-23T09:00:00.000Z", "format": "jsonl"}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    keys = KeySource({"HOME": str(tmp_path)})
    with State.open(tmp_path / "state.db", mode="write", keys=keys, now=lambda: NOW) as opened:
        yield opened


def _failed(error: Exception) -> None:
    raise error


def visits(count: int) -> list[Any]:
    return [
        {"kind": "life.page_visit", "id": f"life_{number}", "at": "2026-01-05T09:00:00.000Z", "host": "example.org"}
        for number in range(count)
    ]


@pytest.mark.parametrize(("held_s", "least", "most"), [(0.0, 5, 7), (60.0, 2, 4)])
def test_a_transaction_that_took_long_makes_the_next_smaller(
    state: State, monkeypatch: pytest.MonkeyPatch, held_s: float, least: int, most: int
) -> None:
    """2,600 records: in six of 500 and less, where each takes too long; else in 500, 1,000 and the rest."""
    monkeypatch.setattr(ingestion, "HELD_S", held_s)
    ends = []
    write = state.write
    monkeypatch.setattr(state, "write", lambda: ends.append(1) or write())
    arrived = Import(state, Tally(), _failed, lambda: NOW)
    stored = [*arrived.add(visits(2_600), SOURCE), *arrived.rest()]
    assert len(stored) == 2_601
    assert least <= len(ends) <= most


def test_a_mailbox_that_grew_is_not_read_through(state: State, tmp_path: Path) -> None:
    """Neither to tell what it is, nor whether it has changed: what was read before may be anything by now."""
    mail = "From a@x Mon Jan  5 09:00:00 2026\nFrom: a@x\nMessage-ID: <{0}@x>\nDate: Mon, 5 Jan 2026 09:00:00 +0000\n\n{1}\n\n"
    box = tmp_path / "in.mbox"
    box.write_text(mail.format(0, "one\n" * 50_000) + mail.format(1, "two\n" * 50_000))
    os.utime(box, (1, 1))
    settings = Settings("UTC", Window(NOW - timedelta(days=730), NOW + timedelta(days=366)))

    def read() -> list[str]:
        tally = Tally()
        reader = Reader(
            state, settings, lambda: NOW, tally, _failed, left_out=lambda *_: None, transport=lambda: _failed(OSError())
        )  # type: ignore[arg-type]
        records = [*reader.files(str(box)), *reader.rest()]
        return [record["message_id"] for record in records if record["kind"] == "life.message"]

    assert read() == ["0@x", "1@x"]
    with box.open("r+b") as stream:
        stream.seek(100_000)  # the middle of the first mail
        stream.write(b"changed")
        stream.seek(0, os.SEEK_END)
        stream.write(mail.format(2, "three").encode())
    os.utime(box, (2, 2))
    reads = Path("/proc/self/io").read_text() if Path("/proc/self/io").exists() else ""
    assert read() == ["2@x"]
    if reads:
        before, after = (int(text.split()[1]) for text in (reads, Path("/proc/self/io").read_text()))
        assert after - before < 300_000
