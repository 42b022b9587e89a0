"""Records stored whole and once, and found again in order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roadmap_cli.core.clock import stamp
from roadmap_cli.core.errors import DataError
from roadmap_cli.state import connection, migrate, records
from roadmap_cli.state.store import MIGRATIONS

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
TEXT = st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"]))


@pytest.fixture(scope="module")
def tx():
    """A state in memory, within a transaction."""
    made = connection.connect(":memory:", None, wait_s=1)
    migrate.apply(made, migrate.known(MIGRATIONS)[:1], now=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    made.execute("BEGIN")
    yield made
    made.close()


@pytest.fixture(autouse=True)
def empty(tx):
    tx.execute("DELETE FROM record")


@given(fields=st.dictionaries(TEXT, VALUES, max_size=5), name=TEXT)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_record_comes_back_as_it_was_with_its_fields_in_order(tx, fields, name):
    record = {"kind": "life.event", "id": name, "at": "2026-11-23T09:00:00.000Z", **fields}
    record |= {"kind": "life.event", "id": name, "at": "2026-11-23T09:00:00.000Z"}
    tx.execute("DELETE FROM record")
    assert records.put(tx, record) is True
    assert records.put(tx, record) is False
    found = records.get(tx, name)
    assert found == record
    assert list(found) == list(record)


@given(
    st.lists(st.tuples(st.integers(0, 20), st.sampled_from(["a.x", "b.y"]), st.integers(0, 5)), max_size=30), st.data()
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_find_gives_what_a_filter_over_all_would(tx, rows, data):
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    made = {
        f"{kind}{number}": {"kind": kind, "id": f"{kind}{number}", "at": stamp(begin + timedelta(hours=hours))}
        for number, kind, hours in rows
    }
    tx.execute("DELETE FROM record")
    assert records.put_many(tx, made.values()) == len(made)
    assert records.put_many(tx, made.values()) == 0
    kind = data.draw(st.sampled_from([None, "a.x", "b.y"]))
    since, until = (
        data.draw(st.none() | st.integers(0, 5).map(lambda hours: begin + timedelta(hours=hours))) for _ in range(2)
    )
    limit = data.draw(st.none() | st.integers(0, 4))
    expected = sorted(
        (
            each
            for each in made.values()
            if kind in (None, each["kind"])
            and (since is None or each["at"] >= stamp(since))
            and (until is None or each["at"] < stamp(until))
        ),
        key=lambda each: (each["at"], each["id"]),
    )[:limit]
    assert list(records.find(tx, kind=kind, since=since, until=until, limit=limit)) == expected


def test_the_first_record_of_an_id_stays(tx, event):
    assert records.put(tx, event(1, text="first"))
    assert not records.put(tx, event(1, text="second"))
    assert records.get(tx, "life_0001")["text"] == "first"


def test_another_spelling_of_a_time_sorts_right_and_stays_in_the_record(tx):
    records.put(tx, {"kind": "a", "id": "late", "at": "2026-01-01T12:00:00Z"})
    records.put(tx, {"kind": "a", "id": "early", "at": "2026-01-01T12:30:00+02:00"})
    assert [each["id"] for each in records.find(tx)] == ["early", "late"]
    assert records.get(tx, "early")["at"] == "2026-01-01T12:30:00+02:00"
    assert [each["id"] for each in records.find(tx, since="2026-01-01T13:00:00+02:00")] == ["late"]


@pytest.mark.parametrize(
    "change",
    [
        {"id": None},
        {"id": ""},
        {"id": 5},
        {"kind": None},
        {"at": "yesterday"},
        {"at": "2026-01-01T00:00:00"},
        {"number": 2**70},
        {"text": "\ud800"},
        {"thing": object()},
    ],
)
def test_what_cannot_be_stored_is_said_and_not_stored(tx, event, change):
    with pytest.raises(DataError) as failure:
        records.put(tx, {**event(1), **change})
    assert "\n" not in failure.value.message
    assert list(records.find(tx)) == []


def test_finding_reads_rows_as_they_are_asked_for(tx, event):
    records.put_many(tx, (event(number) for number in range(1000)))
    found = records.find(tx)
    assert next(found)["id"] == "life_0000"
    assert sum(1 for _ in found) == 999
