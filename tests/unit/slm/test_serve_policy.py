"""Which models stay: pure decisions over numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from roadmap_cli.models.memory import Budget
from roadmap_cli.slm.serve import policy
from roadmap_cli.slm.serve.policy import Loaded

GB = 10**9


def model(name="a", size=GB, age_s=10.0, reload_ms=1000.0, busy=False, pinned=False):
    return Loaded(name, size, age_s, reload_ms, busy, pinned)


def test_the_large_long_unused_quickly_loaded_model_goes_first():
    models = [
        model("small", size=GB // 10), model("fresh", age_s=1), model("slow", reload_ms=60_000), model("old", age_s=600),
    ]  # fmt: skip
    order = [each.name for each in policy.victims(models)]
    assert (order[0], order[-1]) == ("old", "slow")


def test_a_busy_model_is_never_let_go_and_a_pinned_one_only_at_the_last():
    models = [model("busy", busy=True), model("pinned", pinned=True)]
    low = Budget(16 * GB, GB // 10)
    assert policy.relieve(2, False, low, models[:1]).unload == ()
    assert policy.relieve(3, False, low, models).unload == ("pinned",)
    assert policy.relieve(1, False, Budget(16 * GB, 2 * GB), models).shrink == ()


def test_stages_follow_the_level():
    models = [model("a"), model("b", age_s=100)]
    assert policy.relieve(0, False, Budget(16 * GB, 8 * GB), models).level == 0
    first = policy.relieve(0, False, Budget(16 * GB, int(2.2 * GB)), models)
    assert (first.level, set(first.shrink), first.unload) == (1, {"a", "b"}, ())
    second = policy.relieve(0, False, Budget(16 * GB, int(2.4 * GB)), models)
    assert second.level == 0 or second.level == 1
    short = policy.relieve(2, False, Budget(16 * GB, int(2.9 * GB)), models)
    assert (short.unload, short.shrink) == (("b",), ("a",)), "only as many as it takes"
    assert set(policy.relieve(3, False, Budget(16 * GB, GB), models).unload) == {"a", "b"}


def test_pressure_elsewhere_on_the_machine_is_not_ours_to_relieve():
    models = [model("a", size=2 * GB)]
    assert policy.relieve(2, True, Budget(16 * GB, 12 * GB), models).level == 0
    assert policy.relieve(2, True, Budget(16 * GB, 6 * GB), models).level == 2, "cached weights count as available"
    assert policy.relieve(2, False, Budget(16 * GB, 12 * GB), models).level == 2, "in our own group it is"


def test_how_fast_memory_goes_counts():
    assert policy.level_of_fall(Budget(10 * GB, 3 * GB), 2 * GB, 1.0) == 2
    assert policy.level_of_fall(Budget(10 * GB, GB), 2 * GB, 1.0) == 3
    assert policy.level_of_fall(Budget(10 * GB, 3 * GB), GB // 10, 1.0) == 0
    assert policy.level_of_fall(Budget(10 * GB, 6 * GB), 4 * GB, 1.0) == 0, "there is plenty"
    assert policy.level_of_fall(Budget(None, None), 4 * GB, 1.0) == 0


def test_what_can_never_fit_is_refused_before_anything_goes():
    verdict = policy.admit(20 * GB, Budget(16 * GB, 15 * GB), [model()], calm=True)
    assert (verdict.verdict, verdict.unload) == ("never", ())


def test_room_is_made_by_as_few_as_it_takes():
    models = [model("a", size=3 * GB, age_s=100), model("b", size=3 * GB, age_s=1)]
    verdict = policy.admit(4 * GB, Budget(16 * GB, 3 * GB), models, calm=True)
    assert (verdict.verdict, verdict.unload) == ("go", ("a",))
    assert policy.admit(1 * GB, Budget(16 * GB, 3 * GB), models, calm=True).unload == ()


def test_it_waits_for_a_busy_model_and_gives_up_on_what_others_hold():
    busy = [model("a", size=6 * GB, busy=True)]
    assert policy.admit(4 * GB, Budget(16 * GB, 2 * GB), busy, calm=True).verdict == "wait"
    assert policy.admit(12 * GB, Budget(16 * GB, 2 * GB), busy, calm=True).verdict == "later"
    assert policy.admit(4 * GB, Budget(16 * GB, 2 * GB), [], calm=True).verdict == "later"


def test_soon_after_pressure_loading_needs_more_room():
    budget = Budget(10 * GB, 4 * GB)
    assert policy.admit(3 * GB, budget, [], calm=True).verdict == "go"
    assert policy.admit(3 * GB, budget, [], calm=False).verdict == "later"


models = st.lists(
    st.builds(
        Loaded,
        st.uuids().map(str),
        st.integers(1, 8 * GB),
        st.floats(0, 1e5),
        st.floats(0, 1e5),
        st.booleans(),
        st.booleans(),
    ),
    max_size=6,
)
budgets = st.builds(Budget, st.integers(GB, 64 * GB), st.integers(0, 64 * GB))


@given(st.integers(0, 3), st.booleans(), budgets, models, st.integers(0, 3))
def test_relief_never_touches_the_busy_and_names_each_once(level, whole, budget, loaded, fall):
    relief = policy.relieve(level, whole, budget, loaded, fall=fall)
    named = [*relief.unload, *relief.shrink]
    assert len(named) == len(set(named))
    assert not set(named) & {each.name for each in loaded if each.busy}
    assert relief.why


@given(st.integers(1, 64 * GB), budgets, models, st.booleans())
def test_admission_is_kept_by_what_it_lets_go(need, budget, loaded, calm):
    verdict = policy.admit(need, budget, loaded, calm=calm)
    sizes = {each.name: each.size for each in loaded}
    assert not set(verdict.unload) & {each.name for each in loaded if each.busy or each.pinned}
    if verdict.verdict == "go":
        assert need <= budget.available + sum(sizes[name] for name in verdict.unload)
    else:
        assert verdict.unload == ()


def test_no_circle_of_throwing_out_and_loading():
    """A model that memory pressure took is not loaded again until there is more room than pressure leaves."""
    ceiling, size = 10 * GB, 3 * GB
    for hog in range(0, 10):
        free_without = ceiling - hog * GB
        if policy.admit(size, Budget(ceiling, free_without), [], calm=False).verdict != "go":
            continue
        after = Budget(ceiling, free_without - size)
        assert policy.level_of(after) == 0, "loading it would be the next pressure"
