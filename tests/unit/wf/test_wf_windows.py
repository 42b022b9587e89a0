"""Triggers over several events: by when they happened, whatever the order they come in, killed and repeated."""

from __future__ import annotations

import contextlib
import itertools
import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from roadmap_cli.core import clock
from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.state import records
from roadmap_cli.state.store import State
from roadmap_cli.wf import events
from roadmap_cli.wf.approving import tasks
from roadmap_cli.wf.language import loading
from roadmap_cli.wf.language.templates import Template
from roadmap_cli.wf.matching import deciding, windows
from roadmap_cli.wf.matching.matcher import Matcher

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
NUMBERS = itertools.count()
BURST = "{type: login.failed, window: 10m, count: 3, group: [data.user]}"
CHAIN = """
  window: 10m
  group: ["data.service | data.labels.service"]
  sequence:
    - {type: deploy.finished}
    - {source: alertmanager, where: [{field: data.labels.severity, equals: critical}]}
"""


@pytest.fixture
def template(write: Callable[[str, str], Path]) -> Callable[..., Template]:
    def made(trigger: str, name: str = "t") -> Template:
        steps = "steps:\n  - {name: only, role: operations, effects: [], command: [echo]}\n"
        return loading.load(write(f"{name}.yaml", f"workflow: {name}\nversion: 1\ntrigger: {trigger}\n{steps}"))

    return made


def event(minute: float, name: str = "", kind: str = "login.failed", **data: object) -> Record:
    at = clock.stamp(NOW + timedelta(minutes=minute))
    body = {
        "specversion": "1.0",
        "id": name or f"{kind}{minute}",
        "source": "s",
        "type": kind,
        "time": at,
        "data": data,
    }
    return events.named([events.draft(body, NOW + timedelta(hours=1))])[0]


def take(state: State, matcher: Matcher, found: Iterable[Record], at: datetime = NOW) -> list[Record]:
    judged = matcher.judge(list(found))
    with state.write() as tx:
        return deciding.take(tx, matcher, judged, command="test", at=at).matches


def kinds(state: State) -> list[str]:
    with state.read() as tx:
        return [each for (each,) in tx.execute("SELECT decision FROM decision ORDER BY rowid")]


def test_three_within_ten_minutes_of_one_user_make_one_match(state: State, template: Callable[..., Template]) -> None:
    matcher = Matcher([template(BURST)])
    assert take(state, matcher, [event(0, user="a"), event(1, user="b"), event(4, user="a")]) == []
    assert take(state, matcher, [event(15, user="a")]) == []  # too far from the first two for three
    [found] = take(state, matcher, [event(9, user="a")])  # late: 4, 9 … and 15 do not fit, 0, 4, 9 do
    assert found["events_count"] == 3
    assert found["group"] == {"data.user": "a"}
    assert (found["first_at"], found["last_at"]) == ("2026-11-23T09:00:00.000Z", "2026-11-23T09:09:00.000Z")
    assert found["certainty"] == "certain"
    assert take(state, matcher, [event(2, user="a")]) == []  # joins it
    assert kinds(state) == ["wf.waiting", "wf.waiting", "wf.matched", "wf.joined"]
    with state.read() as tx:
        cited = [each for (each,) in tx.execute("SELECT evidence_id FROM evidence")]
        assert all(records.get(tx, each) for each in cited)
        assert len([each for each in found["event_ids"] if each in cited]) == 3


def test_sent_again_the_same_events_lead_to_the_same_match(state: State, template: Callable[..., Template]) -> None:
    matcher = Matcher([template(BURST)])
    these = [event(minute, user="a") for minute in (0, 1, 2)]
    first = take(state, matcher, these)
    assert take(state, matcher, these) == first
    assert take(state, matcher, reversed(these)) == first
    with state.read() as tx:
        assert tx.execute("SELECT count(*) FROM wf_match").fetchone() == (1,)
        assert tx.execute("SELECT count(*) FROM wf_window").fetchone() == (0,)


def test_a_sequence_correlates_sources_by_a_key_with_two_names(state: State, template: Callable[..., Template]) -> None:
    matcher = Matcher([template(CHAIN)])

    def alert(minute: float, service: str, severity: str = "critical") -> Record:
        found = event(minute, kind="alertmanager.alert.firing", labels={"service": service, "severity": severity})
        return {**found, "source": "alertmanager"}

    deploy = event(0, kind="deploy.finished", service="shop")
    assert take(state, matcher, [alert(3, "shop"), alert(4, "other"), alert(5, "shop", "info")]) == []
    [found] = take(state, matcher, [deploy])  # it came late, but happened before the alert
    assert found["event_ids"] == [deploy["id"], alert(3, "shop")["id"]]
    assert take(state, matcher, [event(-30, kind="deploy.finished", service="other")]) == []


BOTH = """{window: 10m, group: [data.host],
  all: [{type: disk.slow}, {type: app.slow}, {where: [{field: data.level, equals: high}]}]}"""


def test_one_of_each_in_any_order_and_no_event_is_two_of_them(state: State, template: Callable[..., Template]) -> None:
    matcher = Matcher([template(BOTH)])
    disk, app = event(0, kind="disk.slow", host="a", level="high"), event(-4, kind="app.slow", host="a")
    assert take(state, matcher, [disk, app]) == []  # the first is one of two parts, not both
    assert take(state, matcher, [event(3, kind="x", host="b", level="high")]) == []
    [found] = take(state, matcher, [event(5, kind="x", host="a", level="high")])
    assert found["event_ids"] == [app["id"], disk["id"], event(5, kind="x", host="a", level="high")["id"]]
    assert take(state, matcher, [event(6, kind="app.slow", host="a")]) == []  # joins it


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=some.lists(some.tuples(some.integers(0, 30), some.integers(1, 7)), min_size=1, max_size=8),
    window=some.integers(0, 20),
)
def test_any_order_is_found_just_when_trying_all_finds_it(rows: list[tuple[int, int]], window: int) -> None:
    """Against every choice of three events: whether one of each is within the window once the last event has come."""
    from itertools import permutations

    shape = windows.Shape("t", window, 1, 3, 0, is_ordered=False)
    waiting = sorted((at, f"{n}", parts) for n, (at, parts) in enumerate(rows))
    newest = (rows[-1][0], f"{len(rows) - 1}", rows[-1][1])
    group = windows._Group("g", waiting, [], per_part=[sum(row[2] >> part & 1 for row in waiting) for part in range(3)])
    found = windows._in_any_order(group, shape, newest[0])
    possible = any(
        all(row[2] >> part & 1 for part, row in enumerate(chosen))
        and max(row[0] for row in chosen) - min(row[0] for row in chosen) <= window
        and min(row[0] for row in chosen) <= newest[0] <= min(row[0] for row in chosen) + window
        for chosen in permutations(waiting, 3)
    )
    assert bool(found) == possible
    if found:
        assert found[-1][0] - found[0][0] <= window
        assert any(all(row[2] >> part & 1 for part, row in enumerate(each)) for each in permutations(found))


def test_a_cooldown_leaves_the_same_group_alone_for_a_while(state: State, template: Callable[..., Template]) -> None:
    matcher = Matcher([template("{type: disk.full, group: [data.host], cooldown: 30m}")])
    these = [event(minute, kind="disk.full", host=host) for minute, host in ((0, "a"), (5, "a"), (6, "b"), (31, "a"))]
    assert len(take(state, matcher, these)) == 3
    assert take(state, matcher, [event(-5, kind="disk.full", host="a")]) == []
    assert kinds(state).count("wf.cooling") == 2


def test_a_clock_that_runs_ahead_forgets_nothing(state: State, template: Callable[..., Template]) -> None:
    matcher = Matcher([template(BURST)])
    take(state, matcher, [event(0, user="a"), event(1, user="a")])
    take(state, matcher, [event(60 * 24 * 3650, user="a")])  # ten years from now: it happened when it came
    assert len(take(state, matcher, [event(2, user="a")])) == 1


def test_what_waits_is_bounded(
    state: State, template: Callable[..., Template], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "MOST_WAITING", 50)
    matcher = Matcher([template(BURST)])
    take(state, matcher, [event(n / 100, user=f"u{n}") for n in range(80)])
    with state.read() as tx:
        assert tx.execute("SELECT count(*), min(at_ms) FROM wf_window").fetchone()[0] == 50
        assert '"dropped_count":30' in tx.execute("SELECT facts FROM decision").fetchone()[0]


def test_old_windows_are_let_go(state: State, template: Callable[..., Template]) -> None:
    matcher = Matcher([template(BURST)])
    take(state, matcher, [event(-600, user="a"), event(-599, user="a")])
    take(state, matcher, [event(0, user="b")])
    with state.read() as tx:
        assert tx.execute("SELECT count(*) FROM wf_window").fetchone() == (1,)
    assert take(state, matcher, [event(-598, user="a")]) == []
    assert kinds(state)[-1] == "wf.late"


def model(minutes: Iterable[int], window: int, count: int) -> int:
    """How many matches a list of times in order gives, told by the rule: the first `count` that fit, then all near."""
    found, waiting, spans = 0, [], []
    for minute in minutes:
        place = next((n for n, (a, b) in enumerate(spans) if max(b, minute) - min(a, minute) <= window), None)
        if place is not None:
            spans[place] = (min(spans[place][0], minute), max(spans[place][1], minute))
            continue
        waiting = sorted([*waiting, minute])
        chosen = next((waiting[n : n + count] for n in range(len(waiting) - count + 1)
                       if waiting[n + count - 1] - waiting[n] <= window and minute in waiting[n : n + count]), None)  # fmt: skip
        if chosen:
            found += 1
            spans.append((chosen[0], chosen[-1]))
            waiting = [each for each in waiting if max(each, chosen[-1]) - min(each, chosen[0]) > window]
    return found


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(minutes=some.lists(some.integers(0, 60), unique=True, max_size=30), seed=some.integers(0, 10**6))
def test_the_rule_holds_however_the_events_are_cut_into_lots(
    state: State, template: Callable[..., Template], minutes: list[int], seed: int
) -> None:
    name = f"t{next(NUMBERS)}"  # the state is the same for all examples
    matcher = Matcher([template(BURST.replace("login.failed", f"k{name}").replace("count: 3", "count: 4"), name)])
    these = [event(minute, f"{name}-{minute}", kind=f"k{name}", user="a") for minute in minutes]
    chance, count, place = random.Random(seed), 0, 0
    while place < len(these):
        size = chance.randint(1, 7)
        if chance.random() < 0.3:  # killed before it was stored: all of the lot comes again
            with contextlib.suppress(KeyboardInterrupt), state.write() as tx:
                deciding.take(tx, matcher, matcher.judge(these[place : place + size]), command="test", at=NOW)
                raise KeyboardInterrupt
        count += len(take(state, matcher, these[place : place + size]))
        place += size
    assert count == model(minutes, 10, 4)


def test_any_of_several_and_counts_are_more_specific(state: State, template: Callable[..., Template]) -> None:
    either = template("{any: [{type: a.x}, {type: b.y, where: [{field: data.n, more: 5}]}]}", "either")
    often = template("{any: [{type: a.x}], window: 5m, count: 2}", "often")
    matcher = Matcher([either, often])
    found = take(state, matcher, [event(0, kind="a.x"), event(1, kind="b.y", n=6), event(2, kind="b.y", n=5),
                                  event(3, kind="a.x")])  # fmt: skip
    assert [(each["workflow"], each.get("others")) for each in found] == [
        ("either", None), ("either", None), ("often", ["either"]),
    ]  # fmt: skip


def test_a_question_is_answered_later_from_either_side(state: State, template: Callable[..., Template]) -> None:
    matcher = Matcher([template("{type: a.x}", "one"), template("{type: a.x}", "two")])
    first, second, third = take(state, matcher, [event(n, kind="a.x") for n in range(3)])
    assert first["ambiguous"]
    assert [each["certainty_ratio"] for each in first["candidates"]] == [0.5, 0.5]
    with state.write() as tx:
        waiting = list(tasks.waiting(tx))
        assert [each["choices"] for each in waiting] == [["one", "two", "none"]] * 3
        assert [each["id"] for each in deciding.questions(tx)] == [first["id"], second["id"], third["id"]]
        found = deciding.choose(tx, first["id"], "two", by="bob", command="test", at=NOW)
        assert found
        assert (found["workflow"], found["chosen_by"], found["certainty_ratio"]) == ("two", "user:bob", 1.0)
        with pytest.raises(DataError):
            deciding.choose(tx, second["id"], "three", by="bob", command="test", at=NOW)
        tasks.answer(tx, waiting[1]["id"], "one", by="carol", at=NOW)
        tasks.answer(tx, waiting[2]["id"], "none", by="carol", at=NOW)
    with state.write() as tx:
        [later] = deciding.answered(tx, command="test", at=NOW)
        assert (later["event_id"], later["workflow"], later["chosen_by"]) == (second["event_id"], "one", "user:carol")
        assert deciding.answered(tx, command="test", at=NOW) == []
        assert deciding.questions(tx) == []
    assert take(state, matcher, [event(0, kind="a.x")]) == [found]


def test_records_of_other_families_are_events(state: State, template: Callable[..., Template]) -> None:
    matcher = Matcher([template("{source: records, type: life.warning, where: [{field: data.level, equals: high}]}")])
    warning = {"kind": "life.warning", "id": "life_1", "at": "2026-11-23T08:00:00Z", "level": "high"}
    [found] = take(state, matcher, events.named([events.draft(warning, NOW)]))
    assert found["workflow"] == "t"
    with state.read() as tx:
        stored = records.get(tx, found["event_id"])
    assert stored
    assert stored["data"] == warning


def test_what_the_state_says_counts_not_what_the_pipe_says(state: State, template: Callable[..., Template]) -> None:
    matcher = Matcher([template("{type: a.x, where: [{field: data.n, equals: 1}]}")])
    true = event(0, kind="a.x", n=2)
    with state.write() as tx:
        events.keep(tx, [true])
    assert take(state, matcher, [{**true, "data": {"n": 1}}]) == []


def test_free_text_is_likely_or_asked_or_left_alone(state: State, template: Callable[..., Template]) -> None:
    from roadmap_cli.wf.matching import likeness

    texts = ("disk full no space left", "certificate expires soon")
    known = [template(f"{{type: mail.received, text: {text}}}", f"t{n}") for n, text in enumerate(texts)]
    matcher = Matcher(known, likeness.of(texts, None))
    said = ("db-1: no space left, disk is full", "the certificate is old", "lunch at noon")
    found = take(state, matcher, [event(n, kind="mail.received", subject=text) for n, text in enumerate(said)])
    assert [(each["ambiguous"], each.get("workflow")) for each in found] == [(False, "t0"), (True, None)]
    assert found[0]["likeness_ratio"] >= 0.7
    assert found[1]["candidates"][0]["certainty"] in ("more likely than not", "unsure", "likely")


VALUES = some.recursive(
    some.none()
    | some.booleans()
    | some.integers(-(2**63), 2**63)
    | some.floats(allow_nan=False)
    | some.text(max_size=9),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.sampled_from(["a", "b", "a.b", "x"]), inner),
    max_leaves=8,
)
TRIGGERS = (
    "{type: t, where: [{field: data.a, matches: '[a-z]*'}, {field: data.a.b, exists: false}]}",
    "{type: t, where: [{field: data.a, more: 3}], window: 5m, count: 2, group: [data.b, 'data.x | data.a.b']}",
    "{any: [{where: [{field: data.b, one_of: [1, x, true]}]}, {where: [{field: data.x, less: 0}]}], cooldown: 1h}",
    "{window: 1h, sequence: [{type: t}, {where: [{field: data.a, equals: 1}]}, {source: s}]}",
    "{window: 1h, all: [{type: t}, {where: [{field: data.a, equals: 1}]}, {source: s}]}",
    "{text: some words of it, group: [data]}",
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=VALUES, minutes=some.lists(some.integers(-(10**9), 10**9), min_size=1, max_size=4))
def test_no_event_is_poison(state: State, template: Callable[..., Template], data: object, minutes: list[int]) -> None:
    from roadmap_cli.wf.matching import likeness

    known = [template(text, f"t{n}") for n, text in enumerate(TRIGGERS)]
    matcher = Matcher(known, likeness.of(["some words of it"], None))
    found = []
    for minute in minutes:
        at = clock.stamp(NOW + timedelta(minutes=minute % 10**8))
        body = {"specversion": "1.0", "id": f"{minute}", "source": "s", "type": "t", "time": at, "data": data}
        found += events.named([events.draft(body, NOW)])
    for match in take(state, matcher, found):
        assert match["ambiguous"] or match["certainty_ratio"] > 0


def test_the_meaning_of_a_mail_sets_off_a_workflow(
    state: State, template: Callable[..., Template], monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    from roadmap_cli.wf.matching import likeness

    texts = ("disk is full or runs out of space", "new employee starts and needs accounts and equipment")
    model = likeness.embedder(os.environ, None, None)  # type: ignore[arg-type]
    if model is None:
        pytest.skip("needs an embedding model: slm-models pull")
    with model:
        known = [template(f"{{type: mail.received, text: {text}}}", f"t{n}") for n, text in enumerate(texts)]
        matcher = Matcher(known, likeness.of(texts, model))
        said = ("No space left on device while writing a file", "lunch is in the kitchen at noon")
        found = take(state, matcher, [event(n, kind="mail.received", text=text) for n, text in enumerate(said)])
    assert [(each["workflow"], each["certainty"]) for each in found] == [("t0", found[0]["certainty"])]
    assert found[0]["likeness_ratio"] > 0.7
