"""cli.ranges: what options take as a number."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from roadmap_cli.cli.ranges import FiniteRange

SRC = Path(__file__).parents[3] / "src" / "roadmap_cli"


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e999"])
def test_a_number_that_is_not_finite_is_refused(number):
    with pytest.raises(click.BadParameter, match="is not"):
        FiniteRange(0).convert(number, None, None)
    assert FiniteRange(0).convert("1.5", None, None) == 1.5


def test_no_option_takes_a_number_that_may_not_be_finite():
    sources = [path for room in ("cli", "commands") for path in (SRC / room).rglob("*.py") if path.name != "ranges.py"]
    assert not [path for path in sources if re.search(r"\bFloatRange\b|click\.FLOAT|type=float", path.read_text())]
