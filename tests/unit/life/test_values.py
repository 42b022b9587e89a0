"""Values: the grammar, the order, versions, and what a plan means for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from roadmap_cli.core.errors import DataError, Negative
from roadmap_cli.life.kinds.items import Group
from roadmap_cli.life.storing import store
from roadmap_cli.life.values import areas, checking, consistency, grammar, keeping
from roadmap_cli.life.values.checking import Change
from roadmap_cli.life.values.order import Order

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
SPELLED = {
    "family > work": "family > work",
    "work < family": "family > work",
    "Family  >  Work > Hobbies": "family > work > hobbies",
    "no meetings after 18": "no meetings after 18:00",
    "no meetings before 9:30 on mondays and tue": "no meetings before 09:30 on Mondays and Tuesdays",
    "never work on 2026-12-24": "never work on 2026-12-24",
    "no work on Sundays": "never work on Sundays",
    "never work on weekends": "never work on weekends",
    "keep fridays free": "keep Fridays free",
    "keep Fridays free of meetings": "keep Fridays free of meetings",
    "keep 12-13:00 free on weekdays": "keep 12:00-13:00 free on weekdays",
    "at most 4 meetings per day": "at most 4 meetings a day",
    "at least 5 hours of sport each week": "at least 5 h of sport a week",
    "sleep at least 7.5 hours a night": "sleep at least 7.5 h",
    "save at least 300 eur a month": "save at least 300 EUR a month",
    "spend at most 400 € a month on eating out": "spend at most 400 EUR a month on eating out",
    "keep at least 2000 EUR": "keep at least 2000 EUR",
    'area work: people @company.com, calendar "The Office", hours 9-17': (
        'area work: calendar "The Office", hours 09:00-17:00, people @company.com'
    ),
}


@pytest.mark.parametrize("said", SPELLED)
def test_a_rule_has_one_spelling_that_reads_as_itself(said):
    rule = grammar.parse(said)
    assert rule.words == SPELLED[said]
    assert grammar.parse(rule.words) == rule


@pytest.mark.parametrize(
    "said",
    ["", "meetings are bad", "no meetings after lunch", "never work", "never work on 2026-02-30", "a > a", "> work",
     "a > b < c", "at most many meetings a day", "at least 3 meetings a day", "sleep at least 40 h", "keep free",
     "at most 30 h of work a day", "save at most 3 EUR a month", "save at least 3 EUR a week", "area work",
     "area work: colour blue", "keep 13:00-12:00 free", "no meetings after 24:30", "x" * 600],
)  # fmt: skip
def test_what_is_no_rule_says_so_with_its_place(said):
    with pytest.raises(DataError) as caught:
        grammar.parse(said, "rules.txt:3")
    assert caught.value.where == "rules.txt:3"


@given(some.text(max_size=80))
def test_nothing_but_data_errors_leaves_the_grammar(text):
    try:
        rule = grammar.parse(text)
    except DataError:
        return
    assert grammar.parse(rule.words) == rule


@given(
    some.sampled_from([" > ", "no ", "never ", "keep ", "at most ", "sleep at least ", "area "]),
    some.text('abc 0123456789:.-,>"@hEUR', max_size=40),
)
def test_nothing_but_data_errors_leaves_the_grammar_after_a_good_beginning(begin, text):
    try:
        rule = grammar.parse(begin + text)
    except DataError:
        return
    assert grammar.parse(rule.words) == rule


@given(some.lists(some.tuples(some.sampled_from("abcdef"), some.sampled_from("abcdef")), max_size=12))
def test_the_order_is_the_transitive_closure(edges):
    order = Order.of([(f"v{n}", pair) for n, pair in enumerate(edges) if pair[0] != pair[1]])
    above = {(a, b) for a, b in edges if a != b}
    while True:
        more = {(a, d) for a, b in above for c, d in above if b == c} - above
        if not more:
            break
        above |= more
    for one in "abcdef":
        for other in "abcdef":
            if one != other:
                assert order.outranks(one, other) == ((one, other) in above)
    circle = order.cycle()
    assert (circle is not None) == any(a == b for a, b in above)
    if circle:
        assert circle[0] == circle[-1]
        assert all(b in order.above[a] for a, b in pairwise(circle))


def keep(tx, *rules, at=NOW):
    return keeping.add(tx, [grammar.parse(rule) for rule in rules], at, command="life-values add")


def test_each_act_is_a_version_and_the_past_stays(tx):
    keep(tx, "family > work", "sleep at least 7 h")
    later = NOW + timedelta(days=2)
    (record,) = keep(tx, "sleep at least 8 h", "family > work", at=later)
    assert record["version"] == 3
    keeping.remove(tx, "family > work", later + timedelta(days=1), command="life-values remove")
    assert [each.rule.words for each in keeping.held(tx)] == ["sleep at least 8 h"]
    assert [each.rule.words for each in keeping.held(tx, "2")] == ["family > work", "sleep at least 7 h"]
    assert [each.rule.words for each in keeping.held(tx, "2026-11-24")] == ["family > work", "sleep at least 7 h"]
    assert [each["version"] for each in keeping.history(tx)] == [1, 2, 3, 4]
    with pytest.raises(Negative):
        keeping.remove(tx, "family > work", later, command="life-values remove")


def test_a_circle_is_refused_and_shown_and_nothing_is_set(tx):
    keep(tx, "family > work")
    with pytest.raises(DataError, match="family > work > money > family"):
        keep(tx, "work > money > family")
    assert [each.rule.words for each in keeping.held(tx)] == ["family > work"]


def test_contradictions_are_found(tx):
    keep(tx, "a > b", "b > c", "a > c", "at least 60 h of work a week", "at most 5 h of work a day", "sleep at least 16 h",
         "no sport before 10:00", "no sport after 12:00", "at least 3 h of sport a day", "no gardening after 18:00")  # fmt: skip
    found = {(each.what, each.text) for each in consistency.findings(keeping.held(tx))}
    assert ("redundant", "a > c follows from the other priorities") in found
    assert any(
        "at least 60 h of work a week and at most 5 h of work a day cannot both hold" in text for _, text in found
    )
    assert any("together they need 193 h a week" in text for _, text in found)
    assert any("leave 2 h a day" in text for _, text in found)
    assert any(what == "unknown_area" and "gardening" in text for what, text in found)


def event(name, begin, minutes=60, people=("a@x", "b@x"), **more):
    begins = datetime.fromisoformat(begin).replace(tzinfo=UTC)
    ends = begins + timedelta(minutes=minutes)
    record = {"kind": "life.event", "id": name, "at": f"{begins:%Y-%m-%dT%H:%M:%S.000Z}", "ends_at": f"{ends:%Y-%m-%dT%H:%M:%S.000Z}",
              "title": name, "people": list(people), "zone": "UTC"}  # fmt: skip
    return record | more


def put(tx, *events):
    store.add(
        tx, [Group(each["id"], False, "", each["at"], each["at"], (each,)) for each in events], format_name="jsonl"
    )


def test_a_plan_is_held_against_the_day_as_it_would_be(tx):
    put(tx, *(event(f"m{hour}", f"2026-11-24T{hour:02d}:00") for hour in (9, 10, 11)))
    keep(
        tx,
        "at most 3 meetings a day",
        "no meetings after 18:00",
        "keep Fridays free of meetings",
        "never work on 2026-12-24",
    )
    plan = event("plan", "2026-11-24T17:30")
    found = checking.check(tx, plan, now=NOW)
    assert {each["rule"] for each in found.conflicts} == {"at most 3 meetings a day", "no meetings after 18:00"}
    assert "4 meetings on 2026-11-24" in found.conflicts[1]["text"] + found.conflicts[0]["text"]
    counted = next(each for each in found.conflicts if "at most" in each["rule"])
    assert {"m9", "m10", "m11"} <= set(counted["evidence_ids"])
    assert found.evidence[0].startswith("life_")
    assert not checking.check(tx, event("plan", "2026-11-25T16:00"), now=NOW).conflicts
    assert (
        checking.check(tx, event("plan", "2026-11-27T09:00"), now=NOW).conflicts[0]["rule"]
        == "keep Fridays free of meetings"
    )
    holy = event("x", "2026-12-24T10:00", people=(), title="Work on the launch")
    assert checking.check(tx, holy, now=NOW).conflicts[0]["rule"] == "never work on 2026-12-24"


def test_what_is_dropped_is_a_support_and_what_was_so_before_is_no_conflict(tx):
    put(tx, *(event(f"m{hour}", f"2026-11-24T{hour:02d}:00") for hour in (9, 10, 11, 19)))
    keep(tx, "at most 3 meetings a day", "no meetings after 18:00")
    found = checking.check(tx, Change(removes=frozenset(["m19"])), now=NOW)
    assert {each["rule"] for each in found.supports} == {"at most 3 meetings a day", "no meetings after 18:00"}
    assert not found.conflicts
    other = checking.check(tx, event("walk", "2026-11-24T20:00", people=(), title="a walk"), now=NOW)
    assert not other.conflicts  # the evening meeting was there already, and a walk is none


def test_areas_gain_and_lose_by_the_order(tx):
    keep(tx, "family > work", "health > income")
    found = checking.check(tx, Change(areas={"work": 3.0, "family": -2.0}), now=NOW)
    assert "work gains 3 h a week and family loses 2 h a week; family > work" in found.conflicts[0]["text"]
    found = checking.check(tx, Change(areas={"work": -3.0, "family": 2.0}), now=NOW)
    assert found.supports
    assert not found.conflicts
    found = checking.check(tx, Change(areas={"health": -1.0}, money_month={"EUR": Decimal(500)}), now=NOW)
    assert "health > income" in found.conflicts[0]["text"]
    assert not checking.check(tx, Change(areas={"hobbies": -1.0, "work": 1.0}), now=NOW).conflicts  # it does not follow


def test_a_change_in_a_record_comes_back_the_same():
    change = Change(adds=[event("a", "2026-11-24T09:00")], removes=frozenset(["b"]), areas={"work": 1.0},
                    money_month={"EUR": Decimal("-3.50")}, sleep_h=-0.5)  # fmt: skip
    assert Change.of({"kind": "life.advice", "change": change.record()}) == change
    with pytest.raises(DataError):
        Change.of({"kind": "life.advice", "change": {"areas": ["work"]}})


def test_the_persons_own_mapping_comes_before_words():
    zone = checking.ZoneInfo("UTC")
    own = {"study": [["calendar", "Uni"], ["people", "@uni.example"]]}
    assert areas.of({"kind": "life.event", "calendar": "Uni", "title": "Team"}, own, zone) == {"study"}
    assert areas.of({"kind": "life.event", "people": ["x@uni.example"], "title": "Team"}, own, zone) == {"study"}
    assert areas.of({"kind": "life.event", "title": "Team lunch"}, own, zone) == {"work"}
    assert areas.of({"kind": "life.activity"}, own, zone) == {"health"}
    assert areas.of({"kind": "life.event", "title": "Something"}, own, zone) == set()


def test_savings_are_measured_from_whole_months(tx, ingest, example):
    ingest(example["bank.ofx"])
    keep(tx, "save at least 1400 EUR a month", "spend at most 2000 EUR a month", "keep at least 500 EUR")
    change = Change(money_month={"EUR": Decimal(-200)}, lowest={"EUR": Decimal(100)})
    found = {each["rule"]: each["text"] for each in checking.check(tx, change, now=NOW).conflicts}
    assert found["save at least 1400 EUR a month"] == "1269.28 EUR a month would be left (now 1469.28)"
    assert found["spend at most 2000 EUR a month"].startswith("2151.22 EUR a month would be spent")
    assert found["keep at least 500 EUR"] == "the balance would fall to 100.00 EUR"


def test_how_things_are_is_held_against_sleep_money_and_hours(tx, ingest, example):
    from roadmap_cli.life.formats.jsonl import item
    from roadmap_cli.life.values import present

    ingest(example["bank.ofx"])
    for day in range(1, 21):
        night = {"kind": "life.measurement", "at": f"2026-11-{day:02d}T00:00:00Z", "ends_at": f"2026-11-{day:02d}T06:30:00Z",
                 "metric": "sleep", "value": 390, "unit": "min", "stage": "asleep", "date": f"2026-11-{day:02d}"}  # fmt: skip
        run = {
            "kind": "life.activity",
            "at": f"2026-11-{day:02d}T18:00:00Z",
            "ends_at": f"2026-11-{day:02d}T18:30:00Z",
            "sport": "running",
        }
        store.add(tx, [item(night), *([item(run)] if day % 5 == 0 else [])], format_name="jsonl")
    keep(tx, "sleep at least 7 h", "save at least 2000 EUR a month", "spend at most 20 EUR a month on health",
         "at least 3 h of sport a week")  # fmt: skip
    found = {each["rule"]: each["text"] for each in present.alignment(tx, NOW).conflicts}
    assert found["sleep at least 7 h"] == "6.5 h a night, the median of 20 nights"
    assert found["save at least 2000 EUR a month"] == "1469.28 EUR a month left, the mean of 11 whole months"
    assert found["at least 3 h of sport a week"] == "0.5 h a week in the 4 weeks before 2026-11-23"
    keep(tx, "at least 0.4 h of sport a week")
    assert not any("sport" in each["rule"] for each in present.alignment(tx, NOW).conflicts)
