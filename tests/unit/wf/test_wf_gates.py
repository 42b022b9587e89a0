"""Breakers, buckets, lengths of time, dependencies, conditions: what a plan may say and what a clock may do."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.wf.plans import NOW, step

from roadmap_cli.core.errors import DataError
from roadmap_cli.wf.running import gates, graph, plans, values
from roadmap_cli.wf.running.gates import Breaker, Bucket

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def later(s: float) -> datetime:
    return NOW + timedelta(seconds=s)


def test_a_breaker_opens_lets_one_try_and_closes() -> None:
    found = Breaker()
    for _ in range(gates.FAILURES_TO_OPEN):
        assert gates.try_breaker(found, "a", NOW, 60)[1] is None
        found = gates.after(found, "a", "transient", NOW)
    assert gates.try_breaker(found, "a", later(10), 60)[1] == 20
    found, wait = gates.try_breaker(found, "a", later(31), 60)
    assert wait is None
    assert gates.try_breaker(found, "b", later(32), 60)[1] == 1.0
    assert gates.try_breaker(found, "a", later(32), 60)[1] is None  # the probe itself, taken up again
    assert gates.try_breaker(found, "b", later(92), 60)[1] is None  # the probe never came back
    failed = gates.after(found, "a", "transient", later(33))
    assert gates.try_breaker(failed, "b", later(34), 60)[1] == 59
    assert gates.after(found, "a", None, later(33)) == Breaker()
    assert gates.after(found, "a", "permanent", later(33)).probe is None


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.sampled_from(["transient", "permanent", "unknown", None])), max_size=20)
)
def test_no_clock_shuts_a_breaker_for_longer_than_its_time(steps: list[tuple[float, str | None]]) -> None:
    found, at = Breaker(), NOW
    for jump, failure in steps:
        at += timedelta(seconds=jump)
        found, wait = gates.try_breaker(found, "a", at, 60)
        assert wait is None or 0 <= wait <= gates.MOST_OPEN_S
        if wait is None:
            found = gates.after(found, "a", failure, at)
    assert found.open_s <= gates.MOST_OPEN_S


@settings(max_examples=200, deadline=None)
@given(st.floats(0.01, 1000), st.floats(0.001, 86400), st.lists(st.floats(-1e5, 1e5), max_size=20))
def test_a_bucket_never_gives_more_than_it_has(rate: float, per_s: float, jumps: list[float]) -> None:
    found: Bucket | None = None
    at = newest = NOW
    given_out, passed = 0, 0.0
    for jump in jumps:
        at += timedelta(seconds=jump)
        passed += max((at - (found.at if found else newest)).total_seconds(), 0.0)
        found, wait = gates.take(found, rate, per_s, at)
        given_out += wait is None
        assert wait is None or 0 <= wait <= per_s / rate + per_s
    assert given_out <= max(rate, 1) + passed * rate / per_s + 1


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ({"t": "4h"}, 14400),
        ({"t": "30s"}, 30),
        ({"t_s": 5, "t": "1h"}, 5),
        ({"t": 2.5}, 2.5),
        ({"t": "100ms"}, 0.1),
        ({}, None),
    ],
)
def test_lengths_of_time(spec: dict[str, Any], found: float | None) -> None:
    assert plans.seconds(spec, "t") == found


@given(JSON)
def test_what_is_no_length_of_time_is_refused(value: Any) -> None:
    try:
        found = plans.seconds({"t": value}, "t")
    except DataError:
        return
    assert found is None or 0 <= found <= 1e10


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["/usr/bin/curl", "-s", "x"], "program:curl"), (["python3", "-u", "/x/send.py", "a"], "program:send.py"),
        (["env", "python3.11"], "program:env"), (["true"], "program:true"),
    ],
)  # fmt: skip
def test_what_a_program_depends_on(words: list[str], name: str) -> None:
    assert plans.dependency(step("a", *words)) == name
    assert plans.dependency({**step("a", *words), "dependency": "crm"}) == "crm"
    assert plans.dependency({"action": "http", "http": {"url": "https://api.example:8443/x"}}) == "host:api.example"
    assert plans.dependency({"action": "shell", "shell": "true"}) is None


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(["field", "equals", "matches", "one_of", "more", "exists"]), JSON), max_size=3
    ),
    JSON,
)
def test_conditions_of_any_shape_hold_or_not_or_are_refused(clauses: list[dict[str, Any]], record: Any) -> None:
    with contextlib.suppress(DataError):
        assert values.hold(clauses, values.in_record({"a": record})) in (True, False)


@given(st.text(max_size=30))
def test_a_unit_that_is_not_in_the_plan_is_refused(name: str) -> None:
    run = graph.Active("wf_r", {"id": "wf_p", "steps": [step("a", each=["x"]), step("b")]}, 5)
    try:
        place = graph.locate(run, name)
    except DataError:
        return
    assert place.unit == name
