"""The breaker and the budget: what opens them, and that nothing else does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from roadmap_cli.agent.repair.breaker import (
    IDENTICAL,
    NOTHING_NEW,
    PING_PONG,
    SAME_ERROR,
    Breaker,
    Budget,
    Move,
    Spent,
    exceeded,
    left,
)

MOVES = st.builds(Move, st.sampled_from("abcd"), st.booleans(), st.sampled_from(["", "e1", "e2"]))


def run(*moves: Move) -> str | None:
    breaker = Breaker()
    for move in moves:
        breaker.note(move)
    return breaker.open


def test_the_same_action_three_times():
    assert run(*[Move("a", new=False)] * (IDENTICAL - 1)) is None
    assert run(*[Move("a", new=False)] * IDENTICAL) == "identical_action"


def test_two_actions_in_turn():
    assert run(*[Move(name, new=False) for name in "aba"]) is None
    assert run(*[Move(name, new=False) for name in "abab"]) == "ping_pong"
    assert run(*[Move(name, new=False) for name in "abca"]) is None


def test_the_same_error_three_times_although_the_patches_are_new():
    assert run(*[Move(name, new=True, error="e") for name in "abc"]) == "same_error"
    assert run(*[Move(name, new=True, error=error) for name, error in zip("abc", "efe", strict=True)]) is None
    assert run(*[Move(name, new=True) for name in "abc"]) is None, "no error is no reason"


def test_nothing_new():
    assert run(*[Move(name, new=False) for name in "abcda"][:NOTHING_NEW]) == "no_new_patch"
    assert run(*[Move(name, new=False) for name in "abcd"], Move("e", new=True, error="x")) is None


@given(st.lists(MOVES, max_size=40))
def test_it_opens_exactly_when_one_of_its_patterns_is_there(moves):
    breaker, opened = Breaker(), None
    for at, move in enumerate(moves, 1):
        was = breaker.note(move)
        assert opened is None or was == opened, "once open it stays, with its reason"
        opened = was
        if opened:
            break
        names = [m.action for m in moves[:at]]
        tried = [m.error for m in moves[:at] if m.new][-SAME_ERROR:]
        assert not (at >= IDENTICAL and len(set(names[-IDENTICAL:])) == 1)
        last = names[-PING_PONG:]
        assert not (at >= PING_PONG and last[0] == last[2] != last[1] == last[3])
        assert not (len(tried) == SAME_ERROR and all(tried) and len(set(tried)) == 1)
        assert not (at >= NOTHING_NEW and not any(m.new for m in moves[at - NOTHING_NEW : at]))


@given(st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(["e", "f"])), min_size=1, max_size=30, unique=True))
def test_new_patches_with_changing_errors_never_open_it(pairs):
    errors = ["e", "f"] * len(pairs)
    assert (
        run(*[Move(str(number), new=True, error=errors[at]) for at, (number, _) in enumerate(dict(pairs).items())])
        is None
    )


@given(st.integers(1, 100), st.floats(0.1, 100), st.integers(1, 1000), st.floats(0.01, 10))
def test_a_budget_is_used_up_at_its_limit_and_not_before(candidates, seconds, tokens, cost):
    budget = Budget(candidates, seconds, tokens, cost)
    assert exceeded(budget, Spent(candidates - 1, seconds / 2, tokens - 1, cost / 2)) is None
    assert exceeded(budget, Spent(candidates=candidates)) == "iterations"
    assert exceeded(budget, Spent(seconds=seconds)) == "seconds"
    assert exceeded(budget, Spent(tokens=tokens)) == "tokens"
    assert exceeded(budget, Spent(cost=cost)) == "cost"
    assert left(budget, lambda: Spent(tokens=tokens + 5, cost=cost)) == (0, 0.0)
    assert exceeded(Budget(None, None), Spent(10**9, 1e9, 10**9, 1e9)) is None
