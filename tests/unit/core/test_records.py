"""core.records: ids, canonical JSON, required fields."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_cli.core import clock, records
from roadmap_cli.core.errors import DataError

FIELDS = st.dictionaries(st.text(min_size=1, max_size=8), st.text() | st.integers(-(2**53), 2**53) | st.booleans())


@given(FIELDS)
def test_a_content_id_depends_on_the_fields_alone_not_on_their_order(fields):
    turned = dict(reversed(fields.items()))
    assert records.content_id("life.event", **fields) == records.content_id("life.event", **turned)


@given(FIELDS, st.text(min_size=1, max_size=8).filter(lambda name: name != "kind"))
def test_a_content_id_changes_with_kind_and_fields(fields, name):
    base = records.content_id("life.event", **fields)
    assert base != records.content_id("life.warning", **fields)
    assert base != records.content_id("life.event", **{**fields, name: "another value \0"})


def test_content_ids_are_the_same_in_every_version():
    """Written down once: a change would make every fact a new one."""
    made = records.content_id("life.event", uid="x", start="2026-11-23T09:00:00.000Z")
    assert made == "life_gyokmdva3vqj5utqn6tkrvnnbu"


@given(st.lists(st.integers(0, 10**12), min_size=2, max_size=20, unique=True))
def test_run_ids_sort_by_time(milliseconds):
    start = datetime(2026, 1, 1, tzinfo=UTC)
    moments = [start + timedelta(milliseconds=value) for value in sorted(milliseconds)]
    ids = [records.run_id("wf.run", moment) for moment in moments]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)


def test_canonical_json_is_that_of_rfc_8785():
    value = {"€": "Euro", "\r": "CR", "1": 333333333.33333329, "z": [1e30, 4.50, 2e-3, 1e-27, True, None]}
    expected = '{"\\r":"CR","1":333333333.3333333,"z":[1e+30,4.5,0.002,1e-27,true,null],"€":"Euro"}'
    assert records.canonical(value).decode() == expected
    with pytest.raises(DataError, match="no canonical form"):
        records.canonical({"n": float("nan")})


def test_a_required_field_is_named_when_it_is_missing_or_wrong():
    assert records.require({"n": 3}, "n", int) == 3
    for record, words in (
        ({}, "'n' is missing"),
        ({"n": "3"}, "'n' has the wrong type: '3'"),
        ({"n": True}, "wrong type"),
    ):
        with pytest.raises(DataError, match=words):
            records.require(record, "n", int)


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.timezones()))
def test_a_time_survives_being_written_and_read_to_the_millisecond(moment):
    read = clock.parse(clock.stamp(moment))
    assert abs(read - moment) < timedelta(milliseconds=1)
    assert clock.stamp(read) == clock.stamp(moment)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-11-23", "2026-11-23T09:00:00", "2026-13-01T00:00:00Z", None, 7]
)
def test_what_is_not_a_time_with_an_offset_is_refused(text):
    with pytest.raises(DataError, match="time"):
        clock.parse(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text(st.characters()),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(), max_size=4), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_the_quick_way_of_canonical_json_gives_the_same_bytes_or_the_same_refusal(value):
    import rfc8785

    try:
        expected = rfc8785.dumps(value)
    except rfc8785.CanonicalizationError:
        with pytest.raises(DataError, match="no canonical form"):
            records.canonical(value)
    else:
        assert records.canonical(value) == expected
