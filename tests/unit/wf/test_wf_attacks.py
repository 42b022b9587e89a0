"""Generated attacks on rights and approvals: all are tried, none succeeds; the same acts done rightly do."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from attack_ground import CLASSES, Company, attacks, company, tried

from roadmap_cli.state.store import State

ROOT = Path(__file__).parents[3]


@pytest.fixture
def place(state: State, tmp_path: Path) -> Company:
    """The company, founded."""
    (tmp_path / "own.cedar").write_bytes((ROOT / "examples" / "wf" / "rights.cedar").read_bytes())
    return company(state, tmp_path)


def test_what_is_done_rightly_succeeds_in_every_class(place: Company) -> None:
    for name, (_, control) in CLASSES.items():
        for seed in range(3):
            assert tried(place, control, random.Random(seed)), name


def test_of_a_hundred_attacks_none_succeeds(place: Company) -> None:
    assert [name for name, attack, rng in attacks(100) if tried(place, attack, rng)] == []


@pytest.mark.slow
def test_of_many_attacks_none_succeeds(place: Company) -> None:
    done = Counter(name for name, attack, rng in attacks(100 * len(CLASSES), seed=1) if not tried(place, attack, rng))
    assert done == dict.fromkeys(CLASSES, 100)
