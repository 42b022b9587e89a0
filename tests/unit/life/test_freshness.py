"""What roadmap-doctor says of the freshness of what is known."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from roadmap_cli.core.clock import stamp
from roadmap_cli.life import freshness
from roadmap_cli.life.opening import cursors

from .conftest import NOW, Ingest


def found(tx: Any, now: Any = NOW) -> dict[str, freshness.Freshness]:
    return {each.name: each for each in freshness.findings(tx, now)}


def asked(tx: Any, host: str, at: Any, number: int) -> None:
    tx.execute(
        "INSERT INTO net_request (id, at, command, host, method, url_without_query, purpose, kinds, outcome)"
        " VALUES (?, ?, 'life-ingest', ?, 'PROPFIND', '', 'calendar', '[]', 'failed')",
        (f"net_{number}", stamp(at), host),
    )


def test_an_empty_state_says_what_to_type(tx: Any) -> None:
    (only,) = freshness.findings(tx, NOW)
    assert (only.name, only.ok) == ("life.data", False)
    assert only.fix.startswith("life-ingest")


def test_a_server_that_failed_for_days_is_named(tx: Any) -> None:
    cursors.put(tx, "caldav://me@old.example.org", {}, NOW - timedelta(days=5))
    cursors.put(tx, "imaps://me@new.example.org:993/INBOX", {}, NOW - timedelta(hours=3))
    cursors.put(tx, "/home/me/mail.mbox", {}, NOW - timedelta(days=500))
    asked(tx, "old.example.org", NOW - timedelta(hours=1), 1)
    asked(tx, "new.example.org", NOW - timedelta(hours=3), 2)
    asked(tx, "never.example.org", NOW - timedelta(hours=2), 3)
    servers = {name: each for name, each in found(tx).items() if name.startswith("life.read.")}
    assert {name.removeprefix("life.read."): each.ok for name, each in servers.items()} == {
        "caldav://me@old.example.org": False,
        "imaps://me@new.example.org:993/INBOX": True,
        "never.example.org": False,
    }
    old = servers["life.read.caldav://me@old.example.org"]
    assert old.detail == "read last at 2026-11-18 09:00, asked in vain at 2026-11-23 08:00"
    assert old.fix == "life-ingest -v 'caldav://me@old.example.org'"


def test_data_that_ends_too_early_is_told(tx: Any, ingest: Ingest, example: dict[str, bytes]) -> None:
    ingest(example["bank.ofx"])
    ingest(example["bank.csv"])
    now = found(tx)["life.data.transactions"]
    assert now.ok
    assert now.detail == "456 transactions, the newest of 2026-11-22"  # the CSV tells the same ones
    later = found(tx, NOW + timedelta(days=60))["life.data.transactions"]
    assert not later.ok
    assert "too old" in later.detail
    assert not found(tx)["life.graph"].ok
