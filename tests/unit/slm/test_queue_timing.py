"""When requests are worked off: slots, deadlines, batteries, heat; and hours of them with a clock turned by hand."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queueing import START, Hands, Place, Repeating, drain, power, simulate
from roadmap_cli.core.errors import Negative, Unavailable
from roadmap_cli.slm.queue import burst, requests, timing
from roadmap_cli.slm.queue.requests import Request

MINUTE = timedelta(minutes=1)
RULES = timing.Rules()


def request(priority: str = "background", *, at=START, within=None, **more) -> Request:
    made = requests.new({"prompt": "word"}, at=at, priority=priority, options={}, due_at=within and at + within)
    return Request(**{**{name: getattr(made, name) for name in Request.__slots__}, **more})


@pytest.mark.parametrize(
    ("known", "allows", "width"),
    [
        ({}, "background", 8),
        ({"on_battery": None, "is_hot": None, "power_saver": None}, "background", 8),
        ({"on_battery": True, "percent": 90.0}, "normal", 4),
        ({"on_battery": True, "percent": None}, "normal", 4),
        ({"on_battery": True, "percent": 90.0, "charging": True}, "background", 8),
        ({"on_battery": True, "percent": 29.0}, "normal", 2),
        ({"on_battery": True, "percent": 9.0}, "now", 1),
        ({"on_battery": False, "percent": 9.0, "charging": True}, "background", 8),
        ({"power_saver": True}, "normal", 2),
        ({"is_hot": True, "temperature_c": 97.0}, "now", 1),
    ],
)
def test_what_energy_and_heat_allow(known, allows, width):
    found = timing.conditions(power(**known), RULES)
    assert (requests.PRIORITIES[found.allows], found.width) == (allows, width)
    assert found.why


def test_heat_pauses_between_replies():
    assert timing.conditions(power(is_hot=True), RULES).work_share == 0.5


def test_background_waits_for_its_slot_and_takes_the_rest_along():
    first, second = request(at=START + MINUTE), request(at=START + 14 * MINUTE)
    early = timing.turn([first, second], power(), RULES, START + 14 * MINUTE)
    assert not early.due
    assert early.next_at == START + 15 * MINUTE
    late = request(at=START + 15 * MINUTE)
    came = timing.turn([first, second, late], power(), RULES, START + 15 * MINUTE)
    assert {each.id for each in came.due} == {first.id, second.id, late.id}
    assert "comes along" in came.why


def test_what_somebody_waits_for_is_done_even_on_an_empty_battery_and_alone():
    urgent, other = request("now"), request("normal")
    came = timing.turn([urgent, other], power(on_battery=True, percent=5.0), RULES, START + 60 * MINUTE)
    assert [each.id for each in came.due] == [urgent.id]
    assert came.conditions.width == 1


def test_a_deadline_presses_when_the_next_look_would_be_too_late():
    waits = request(within=60 * MINUTE)
    battery = power(on_battery=True, percent=60.0)
    assert not timing.turn([waits], battery, RULES, START + 45 * MINUTE).due
    assert timing.turn([waits], battery, RULES, START + 54 * MINUTE).due
    seldom = timing.Rules(every=30 * MINUTE)
    assert timing.turn([waits], battery, seldom, START + 30 * MINUTE).due
    assert not timing.turn([waits], power(on_battery=True, percent=5.0), RULES, START + 59 * MINUTE).due


def test_deadlines_within_a_slot_share_a_burst_on_battery():
    near, nearby, far = (request(within=length * MINUTE) for length in (30, 40, 90))
    came = timing.turn([near, nearby, far], power(on_battery=True, percent=60.0), RULES, START + 25 * MINUTE)
    assert {each.id for each in came.due} == {near.id, nearby.id}


def test_a_pause_after_a_failure_is_kept_unless_the_clock_was_put_back():
    paused = request("now", not_before_at=START + 10 * MINUTE)
    assert not timing.turn([paused], power(), RULES, START).due
    assert timing.turn([paused], power(), RULES, START + 10 * MINUTE).due
    assert timing.turn([paused], power(), RULES, START - timedelta(hours=5)).due
    assert timing.turn([request(at=START)], power(), RULES, START - timedelta(hours=5)).due


def test_a_metered_network_holds_back_background_requests_to_endpoints_until_their_deadline_presses():
    far, here = request(model="far"), request(model="here")
    asked = request("normal", model="far")
    pressing = request(within=20 * MINUTE, model="far")

    def due(*found, **known):
        turn = timing.turn(found, power(**known), RULES, START + 15 * MINUTE, lambda model: model == "far")
        return turn.due, turn.why

    assert due(far, here)[0] == (far, here)
    assert due(far, here, is_metered=True)[0] == (here,)
    assert due(far, is_metered=True) == ((), "the network costs by volume: background requests to endpoints wait")
    assert due(far, asked, is_metered=True)[0] == (asked,)
    assert due(far, pressing, is_metered=True)[0] == (pressing,)


@given(
    st.lists(st.tuples(st.sampled_from(requests.PRIORITIES), st.none() | st.integers(1, 300)), max_size=12),
    st.integers(0, 400),
    st.booleans(),
    st.none() | st.floats(0, 100),
)
def test_each_request_is_either_due_or_left_and_what_is_allowed_has_a_next_time(asked, minutes, on_battery, percent):
    found = [request(name, within=within and within * MINUTE) for name, within in asked]
    now = START + minutes * MINUTE
    came = timing.turn(found, power(on_battery=on_battery, percent=percent), RULES, now)
    assert sorted(each.id for each in (*came.due, *came.left)) == sorted(each.id for each in found)
    assert all(each.priority > 0 for each in came.left)
    if any(each.priority <= came.conditions.allows for each in came.left):
        assert came.next_at is not None
        assert now <= came.next_at <= now + RULES.slot


@pytest.mark.parametrize("battery", [False, True])
@pytest.mark.parametrize("minutes", [5, 15])
def test_sixty_requests_an_hour_wake_the_device_four_times_at_most_and_none_is_late(tmp_path, battery, minutes):
    chance = Random(3)
    arrivals = [timedelta(seconds=chance.uniform(0, 3600)) for _ in range(60)]
    device = power(on_battery=battery, percent=60.0)
    came = simulate(
        tmp_path, arrivals, priority="background", within=60 * MINUTE, every=minutes * MINUTE,
        lasting=timedelta(hours=2), device=lambda at: device,
    )  # fmt: skip
    assert came.most_in_an_hour <= 4
    assert (came.late, came.unanswered, len(came.delays_s)) == (0, 0, 60)
    assert came.delay_s(0.95) <= 3600


# -- one pass ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def place(tmp_path, hands) -> Place:
    return Place(tmp_path, hands)


def states(place: Place) -> dict[str, str]:
    with place.open() as state, state.read() as tx:
        return {each.id: each.state for each in requests.every(tx)}


def test_poison_is_given_up_at_once_and_blocks_nobody(place, hands):
    poison, good = place.add("poison", priority="now"), place.add("good", priority="now")
    with place.open() as state:
        told = list(drain(state, now=hands, model=Repeating()).run())
    assert states(place) == {poison: "failed", good: "answered"}
    failed = next(record for record in told if record["kind"] == "slm.request")
    assert (failed["id"], failed["error_code"]) == (poison, "too_long")


def test_what_may_pass_is_tried_again_later_and_given_up_in_the_end(place, hands):
    flaky = place.add("flaky", priority="now")
    pauses = []
    for _ in range(burst.MOST_ATTEMPTS):
        with place.open() as state:
            list(drain(state, now=hands, model=Repeating(is_mended=False)).run())
        with place.open() as state, state.read() as tx:
            (found,) = requests.find(tx, [flaky])
        if found.not_before_at:
            pauses.append((found.not_before_at - hands()).total_seconds())
        hands.pass_by(timedelta(hours=2))
    assert (found.state, found.error_code, found.attempts) == ("failed", "busy", burst.MOST_ATTEMPTS)
    assert pauses == sorted(pauses)
    with place.open() as state, state.write() as tx:
        requests.retry(tx, [flaky], None)
    with place.open() as state:
        list(drain(state, now=hands, model=Repeating()).run())
    assert states(place) == {flaky: "answered"}


def test_a_missing_model_blocks_only_its_own_requests(place, hands):
    good = place.add("good", priority="now")
    with place.open() as state, state.write() as tx:
        other = requests.new({"prompt": "x"}, at=hands(), priority="now", options={}, model="away")
        requests.add(tx, [other])

    def opened(name):
        if name == "away":
            raise Unavailable("weights not pulled")
        return Repeating()

    with place.open() as state:
        work = drain(state, now=hands, model=Repeating())
        work.open_model = opened
        with pytest.raises(Unavailable, match="not pulled"):
            list(work.run())
    assert states(place) == {good: "answered", other.id: "waiting"}


def test_an_interrupted_burst_leaves_its_requests_waiting_and_blameless(place, hands):
    name = place.add("word", priority="now")

    def interrupt(what):
        if what == "wait":
            raise KeyboardInterrupt

    with place.open() as state, pytest.raises(KeyboardInterrupt):
        list(drain(state, now=hands, model=Repeating(on_event=interrupt)).run())
    with place.open() as state, state.read() as tx:
        (found,) = requests.find(tx, [name])
    assert (found.state, found.attempts) == ("waiting", 0)


def test_what_was_taken_before_without_a_result_goes_alone_and_what_kills_twice_goes_last():
    fresh, once = request("now"), request("now", attempts=1)
    assert burst.company([fresh, fresh, once], 8, 0) == [fresh, fresh]
    assert burst.company([once, fresh], 8, 1) == []
    assert burst.company([once, fresh], 8, 0) == [once]
    assert burst.company([fresh, fresh], 1, 0) == [fresh]
    assert burst.company([fresh], 1, 1) == []


def test_an_expired_request_says_so_unless_late_is_fine(place, hands):
    strict = place.add("word", priority="background", within=10 * MINUTE)
    lenient = place.add("word", priority="background", within=10 * MINUTE, late=True)
    hands.pass_by(60 * MINUTE)
    with place.open() as state:
        told = list(drain(state, now=hands, model=Repeating()).run())
    assert states(place) == {strict: "expired", lenient: "answered"}
    assert [record["state"] for record in told if record["kind"] == "slm.request"] == ["expired"]


def test_deferral_is_a_decision_with_evidence_written_once(place, hands):
    from roadmap_cli.why import decisions

    waits = place.add("word", priority="background")
    hands.pass_by(30 * MINUTE)
    for _ in range(3):
        with place.open() as state:
            work = drain(state, now=hands, model=Repeating(), device=power(on_battery=True, percent=20.0))
            assert not list(work.run())
            assert work.deferred == 1
    with place.open() as state, state.read() as tx:
        (decision,) = decisions.find(tx, kind="slm.requests_deferred")
        chain = list(decisions.chain(tx, decision["id"]))
    assert [record["kind"] for record in chain] == ["why.decision", "slm.power", "slm.request"]
    assert chain[1]["percent"] == 20.0
    assert chain[2]["id"] == waits


def test_only_who_has_taken_a_request_settles_it(place, hands):
    name = place.add("word")
    reply = {"kind": "slm.reply", "id": "slm_reply", "at": "2026-11-23T09:00:00.000Z", "text": "a"}
    with place.open() as state:
        with state.write() as tx:
            assert requests.take(tx, [name], by="a", now=hands(), is_held=lambda by: True)
            assert not requests.take(tx, [name], by="b", now=hands(), is_held=lambda by: True)
        hands.pass_by(requests.LEASE)
        with state.write() as tx:
            assert requests.take(tx, [name], by="b", now=hands(), is_held=lambda by: True)
            assert not requests.answer(tx, name, reply, by="a", now=hands())
            assert not requests.fail(tx, name, "x", "x", by="a", now=hands())
            assert requests.answer(tx, name, reply, by="b", now=hands())
            assert not requests.answer(tx, name, {**reply, "id": "slm_other"}, by="b", now=hands())
        with state.read() as tx, pytest.raises(Negative, match="no request 'slm_none'"):
            requests.find(tx, ["slm_none"])


def test_a_slow_device_begins_earlier_as_its_ledger_shows(place, hands):
    from roadmap_cli.models.ledger import Call, record_call

    waits = request(within=60 * MINUTE)
    battery = power(on_battery=True, percent=60.0)
    with place.open() as state, state.write() as tx:
        assert requests.reply_s(tx) is None
        for latency_ms in range(1000, 11_000, 1000):
            call = Call("m", "local", "queue", {}, {}, latency_ms * 240)
            record_call(tx, call, command="slm-queue drain", at=hands())
        record_call(tx, Call("m", "local", "chat", {}, {}, 1), command="slm-chat", at=hands())
        found = requests.reply_s(tx)
    assert found == 2400.0
    moment = START + 48 * MINUTE
    assert not timing.turn([waits], battery, RULES.at_pace(None), moment).due
    assert timing.turn([waits], battery, RULES.at_pace(found), moment).due


def test_a_heartbeat_keeps_the_lease_while_a_reply_takes_long(place, hands):
    from roadmap_cli.slm.queue.held import Heartbeat

    name = place.add("word")
    with place.open() as state:
        with state.write() as tx:
            requests.take(tx, [name], by="a", now=hands(), is_held=lambda by: True)
        hands.pass_by(10 * MINUTE)
        beats = Heartbeat(state, "a", hands, every_s=0.02)
        beats.start()
        for _ in range(200):
            with state.read() as tx:
                (found,) = requests.find(tx, [name])
            if found.taken_until_at == hands() + requests.LEASE:
                break
            import time

            time.sleep(0.02)
        beats.stop()
    assert found.taken_until_at == hands() + requests.LEASE
