"""Random histories of three devices: nothing lost, all the same in the end, nothing legible on the place."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import peers
import pytest
import simulation
from simulation import CALM, Crash, World

#: Seeds of the fast tests; the slow ones begin behind them.
FAST = 130


def test_random_histories_with_crashes_torn_uploads_lost_answers_and_late_listings():
    total = {"writes": 0, "steps": 0}
    for seed in range(FAST):
        try:
            done = simulation.history(seed)
        except BaseException as error:
            raise AssertionError(f"simulation.history({seed}): {error}") from error
        total = {name: total[name] + done[name] for name in total}
    assert total["writes"] > 3 * FAST
    assert total["steps"] > 100 * FAST


def test_the_same_seed_gives_the_same_history():
    assert simulation.history(7) == simulation.history(7)


def _two_that_disagree(seed: int) -> World:
    world = World(seed, weather=CALM)
    one, other = world.device(), world.device()
    for number in range(3):
        one.user_writes(f"slm_{number}", world.body(f"slm_{number}"))
    one.sync()
    other.sync()
    one.user_writes("slm_0", world.body("slm_0"))
    one.user_writes("slm_1", None)
    one.sync()
    other.user_writes("slm_0", world.body("slm_0"))
    other.user_writes("slm_1", world.body("slm_1"))
    return world


def test_a_crash_at_every_single_step_of_a_sync():
    """Killed at step 0, 1, 2 … of the sync that merges a conflict; run again; the same end, nothing sent twice."""
    world = _two_that_disagree(3)
    world.devices[1].sync()
    reached = world.steps.count
    world.settle()
    expected = world.devices[0].view()
    world.close()
    crashes = 0
    for at in range(reached):
        world = _two_that_disagree(3)
        before = world.steps.count
        if before + at >= reached:
            world.close()
            break
        world.steps.left = at
        with pytest.raises(Crash):
            world.devices[1].sync()
        crashes += 1
        world.settle()
        assert world.devices[0].view() == expected
        world.close()
    assert crashes >= 10


def test_a_sync_that_was_killed_sends_at_most_one_segment_again(monkeypatch):
    monkeypatch.setattr(simulation.publish, "MOST_RECORDS", 5)
    crashed = 0
    for at in range(3, 60, 4):
        world = World(at, weather=CALM)
        device = world.device()
        for number in range(50):
            device.user_writes(f"slm_{number}", world.body(f"slm_{number}"))
        world.steps.left = at
        try:
            device.sync()
        except Crash:
            crashed += 1
        else:  # it has fewer steps than that
            world.close()
            break
        sent_before = list(world.memory.data)
        puts = len(world.memory.everything)
        device.sync()
        again = [name for name in world.memory.everything[puts:] if name in {each.encode() for each in sent_before}]
        assert len(again) <= 1
        assert len(world.memory.data) == 10
        world.close()
    assert crashed >= 5


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_ten_thousand_histories():
    for seed in range(FAST, FAST + int(os.environ.get("ROADMAP_TEST_HISTORIES", "10000"))):
        try:
            simulation.history(seed)
        except BaseException as error:
            raise AssertionError(f"simulation.history({seed}): {error}") from error


def _through(name: str, seeds: range) -> None:
    reason = peers.why_not(name)
    if reason:
        pytest.skip(reason)
    with tempfile.TemporaryDirectory() as folder, peers.running(name, Path(folder) / "root") as peer:
        for seed in seeds:
            try:
                simulation.server_history(seed, peer)
            except BaseException as error:
                raise AssertionError(f"simulation.server_history({seed}, {name}): {error}") from error


@pytest.mark.parametrize("name", ["wsgidav", "rclone-webdav", "rclone-s3"])
def test_a_history_through_a_real_server(name):
    _through(name, range(1))


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", peers.NAMES)
def test_two_hundred_histories_through_a_real_server(name):
    _through(name, range(200))
