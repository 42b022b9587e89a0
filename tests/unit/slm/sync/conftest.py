"""The simulation beside the tests, and devices made with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

import simulation


@pytest.fixture
def world() -> Iterator[simulation.World]:
    """A world in which nothing goes wrong by chance."""
    made = simulation.World(1, weather=simulation.CALM)
    yield made
    made.close()
