"""Decisions rest on evidence that is there, and the way down to it is always found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roadmap_cli.core.errors import DataError
from roadmap_cli.state import connection, migrate, records
from roadmap_cli.state.store import MIGRATIONS
from roadmap_cli.why import decisions

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.fixture
def tx():
    """A state in memory with three records, within a transaction."""
    made = connection.connect(":memory:", None, wait_s=1)
    migrate.apply(made, migrate.known(MIGRATIONS)[:1], now=lambda: AT)
    made.execute("BEGIN")
    for number in range(3):
        records.put(made, {"kind": "life.event", "id": f"life_{number}", "at": "2026-11-23T09:00:00.000Z"})
    yield made
    made.close()


def decide(tx, *evidence, **more):
    settings = {"kind": "life.warned", "what": "warn", "why": "three late nights", "command": "life-watch", "at": AT}
    return decisions.decide(tx, **{**settings, "evidence": evidence, **more})


def test_a_decision_is_stored_as_it_is_returned(tx):
    made = decide(tx, "life_1", "life_0", "life_1", run_id="life_run", facts={"nights": 3, "ä": [1.5]})
    assert made == {
        "kind": "why.decision",
        "id": made["id"],
        "at": "2026-11-23T09:00:00.000Z",
        "decision": "life.warned",
        "what": "warn",
        "why": "three late nights",
        "evidence_ids": ["life_1", "life_0"],
        "authorised_by": "user",
        "command": "life-watch",
        "run_id": "life_run",
        "facts": {"nights": 3, "ä": [1.5]},
    }
    assert decisions.get(tx, made["id"]) == made
    assert made["id"].startswith("why_")
    assert decisions.get(tx, "why_nothing") is None


def test_evidence_that_is_not_stored_is_refused_and_nothing_is_kept(tx):
    with pytest.raises(DataError) as failure:
        decide(tx, "life_0", "life_9")
    assert failure.value.code == "no_evidence"
    assert "life_9" in failure.value.message
    assert tx.execute("SELECT count(*) FROM decision").fetchone() == (0,)


def test_a_decision_may_rest_on_another(tx):
    first = decide(tx, "life_0")
    second = decide(tx, first["id"])
    assert second["evidence_ids"] == [first["id"]]
    assert list(decisions.citing(tx, first["id"])) == [second["id"]]


@pytest.mark.parametrize(
    "change",
    [
        {"what": ""},
        {"why": " "},
        {"kind": "Bad Kind"},
        {"command": ""},
        {"facts": {"a": object()}},
        {"authorised_by": ""},
    ],
)
def test_what_is_no_decision(tx, change):
    with pytest.raises(DataError):
        decide(tx, "life_0", **change)


def test_outcomes_are_added_and_the_last_counts(tx):
    name = decide(tx, "life_0")["id"]
    decisions.settle(tx, name, "verified", AT)
    decisions.settle(tx, name, "verified", AT + timedelta(hours=1))
    assert decisions.get(tx, name)["settled_at"] == "2026-11-23T09:00:00.000Z"
    assert "outcomes" not in decisions.get(tx, name)
    decisions.settle(tx, name, "reverted", AT + timedelta(hours=2))
    found = decisions.get(tx, name)
    assert (found["outcome"], found["settled_at"]) == ("reverted", "2026-11-23T11:00:00.000Z")
    assert [each["outcome"] for each in found["outcomes"]] == ["verified", "reverted"]
    for bad in (("why_nothing", "x"), (name, " ")):
        with pytest.raises(DataError):
            decisions.settle(tx, *bad, AT)


def shape(tx, name):
    return [
        (each["id"], each["depth"], each.get("from_id"), each.get("repeated", False))
        for each in decisions.chain(tx, name)
    ]


def test_the_chain_goes_down_depth_first_and_follows_shared_evidence_once(tx):
    low = decide(tx, "life_0", "life_1")["id"]
    left, right = decide(tx, low, "life_2")["id"], decide(tx, low)["id"]
    top = decide(tx, left, right, "life_0")["id"]
    assert shape(tx, top) == [
        (top, 0, None, False),
        (left, 1, top, False),
        (low, 2, left, False),
        ("life_0", 3, low, False),
        ("life_1", 3, low, False),
        ("life_2", 2, left, False),
        (right, 1, top, False),
        (low, 2, right, True),
        ("life_0", 1, top, False),
    ]


def test_a_cycle_made_behind_our_back_ends(tx):
    one = decide(tx, "life_0")["id"]
    two = decide(tx, one)["id"]
    tx.execute("INSERT INTO evidence VALUES (?, 9, ?)", (one, two))
    assert shape(tx, two) == [
        (two, 0, None, False),
        (one, 1, two, False),
        ("life_0", 2, one, False),
        (two, 2, one, True),
    ]


def test_evidence_that_was_taken_away_shows_as_missing(tx):
    name = decide(tx, "life_0")["id"]
    tx.execute("DELETE FROM record WHERE id = 'life_0'")
    assert list(decisions.chain(tx, name))[1] == {"kind": "why.missing", "id": "life_0", "depth": 1, "from_id": name}
    assert list(decisions.chain(tx, "life_0")) == []


def test_a_record_is_its_own_chain_and_keeps_its_own_from_id(tx):
    records.put(tx, {"kind": "a", "id": "a_1", "at": "2026-11-23T09:00:00.000Z", "from_id": "life_0"})
    assert next(decisions.chain(tx, "a_1"))["own_from_id"] == "life_0"
    name = decide(tx, "a_1")["id"]
    found = list(decisions.chain(tx, name))[1]
    assert (found["from_id"], found["own_from_id"]) == (name, "life_0")


def about(tx, name):
    return [(each["id"], each["depth"], each.get("from_id")) for each in decisions.about(tx, name)]


@pytest.mark.parametrize("field", ["why_id", "decision_id", "decision_ids"])
def test_a_record_is_told_with_the_decision_that_gave_it_and_those_that_rest_on_it(tx, field):
    gave = decide(tx, "life_0")["id"]
    at = "2026-11-23T09:00:00.000Z"
    records.put(tx, {"kind": "a", "id": "a_1", "at": at, field: [gave] if field.endswith("ids") else gave})
    rests = decide(tx, "a_1")["id"]
    assert about(tx, "a_1") == [
        ("a_1", 0, None),
        (gave, 1, "a_1"),
        ("life_0", 2, gave),
        (rests, 1, "a_1"),
        ("a_1", 2, rests),
    ]
    assert about(tx, gave) == [(gave, 0, None), ("life_0", 1, gave)]
    records.put(tx, {"kind": "a", "id": "a_2", "at": at, field: "why_gone"})
    assert about(tx, "a_2") == [("a_2", 0, None)]


def test_a_run_is_told_by_its_decisions_and_nothing_by_nothing(tx):
    later = AT + timedelta(seconds=1)
    first, second = (decide(tx, "life_0", run_id="run_1", at=at)["id"] for at in (AT, later))
    assert about(tx, "run_1") == [
        (first, 0, None),
        ("life_0", 1, first),
        (second, 0, None),
        ("life_0", 1, second),
    ]
    assert about(tx, "run_2") == []


def test_a_very_long_chain(tx):
    name = "life_0"
    for _ in range(3000):
        name = decide(tx, name)["id"]
    assert sum(1 for _ in decisions.chain(tx, name)) == 3001


@given(st.lists(st.lists(st.integers(0, 30), max_size=4), min_size=1, max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_chain_reaches_everything_the_decision_rests_on_and_nothing_else(tx, graph):
    made, rests = [], {}
    for wanted in graph:
        pool = ["life_0", "life_1", "life_2", *made]
        cited = list(dict.fromkeys(pool[each % len(pool)] for each in wanted))
        name = decide(tx, *cited)["id"]
        rests[name] = set(cited).union(*(rests.get(each, set()) for each in cited))
        made.append(name)
    found = list(decisions.chain(tx, made[-1]))
    assert {each["id"] for each in found} == rests[made[-1]] | {made[-1]}
    followed = [each["id"] for each in found if not each.get("repeated") and each["kind"] == "why.decision"]
    assert len(followed) == len(set(followed))


def test_find_gives_the_newest_first(tx):
    names = [decide(tx, "life_0", at=AT + timedelta(hours=hours), run_id="r")["id"] for hours in range(3)]
    other = decide(tx, "life_0", kind="edl.cut_chosen")["id"]
    assert [each["id"] for each in decisions.find(tx, kind="life.warned")] == names[::-1]
    assert [each["id"] for each in decisions.find(tx, run_id="r", limit=1)] == [names[-1]]
    assert other in [each["id"] for each in decisions.find(tx)]
